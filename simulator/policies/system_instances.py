"""The choice of an instance, not only of a pool: model and engine at once, or one engine among equals."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np

from simulator.learning.core import EstimatorPart
from simulator.learning.means import TaskMean
from simulator.policies.choice import Currency, expected_cost, relative
from simulator.policies.core import (
    Ask,
    Call,
    Decision,
    Drop,
    FleetView,
    Floats,
    Needs,
    Policy,
    Query,
    RouterCost,
    Setting,
)
from simulator.policies.least_loaded import among_or_all
from simulator.policies.system_headroom import Objectives
from simulator.spec.refs import PoolName


class Instance(NamedTuple):
    """One engine of a pool, and the tokens outstanding there; `replica` is -1 where the pool has one only."""

    pool: int
    replica: int
    outstanding_tok: float


def instances(pools: Sequence[str], query: Query, view: FleetView) -> list[Instance]:
    """Every engine of the pools that have not been asked."""
    found = []
    for number, name in enumerate(pools):
        if name not in query.asked:
            loads = view.pools[name].outstanding_tok_by_replica
            found += [Instance(number, i if len(loads) > 1 else -1, load) for i, load in enumerate(loads)]
    return found


@dataclass(frozen=True)
class RouteBalance:
    """argmax over instances of quality_weight q^ - latency_weight l^ - cost_weight c^, of those that pass the filters.

    q^ and c^ are learned from the train split; l^ is the predicted time to the first token, its wait in proportion to
    the instance's share of the tokens outstanding, plus the predicted time of the answer's tokens. l^ and c^ are
    shares of the slowest and of the dearest pool's mean call. Filters: `ttft_s`, `tpot_s`, and `budget` a call in the
    currency; where no pool passes, all do. Left out of the paper's: batches of queries in the order of their lengths,
    and filters by distributions instead of means. The weights are assumed. Source: RouteBalance, arXiv 2606.17949.
    """

    ROUTER: ClassVar = RouterCost(0.005, source="assumed: a small encoder; RouteBalance scores in batches")

    quality_weight: float = 1.0
    latency_weight: float = 0.3
    cost_weight: float = 0.3
    ttft_s: float | None = None
    tpot_s: float | None = None
    budget: float | None = None
    currency: Currency = "usd"
    quality: EstimatorPart = TaskMean()

    @property
    def needs(self) -> Needs:
        """What was learned."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """All of the score that does not depend on the load."""
        asked = setting.asked
        output_tok = asked.output_tok(self.quality)
        cost = expected_cost(setting, self.quality, self.currency)
        alone_s = asked.time_s(output_tok)
        return Balances(
            setting.pools,
            self.quality_weight * np.nan_to_num(asked.quality(self.quality)) - self.cost_weight * relative(cost),
            asked.time_s(np.ones_like(output_tok)),
            output_tok,
            self.latency_weight / float(alone_s.mean(axis=0).max()),
            Objectives(self.ttft_s, self.tpot_s),
            cost <= (np.inf if self.budget is None else self.budget),
        )


@dataclass(frozen=True)
class Balances:
    """`RouteBalance` with what was predicted before the run: `worth` is all but latency, `per_s` that of a second."""

    pools: tuple[str, ...]
    worth: Floats
    first_s: Floats
    output_tok: Floats
    per_s: float
    objectives: Objectives
    affordable: np.ndarray[tuple[int, int], np.dtype[np.bool_]]

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the best instance of the pools not asked yet."""
        row = query.id
        found = instances(self.pools, query, view)
        if not found:
            return Drop(query.failure)
        passing = {each.pool for each in found if self._passes(each.pool, query, view)}
        among = [each for each in found if each.pool in passing or not passing]
        best, choice = float("-inf"), among[0]
        for each in among:
            score = float(self.worth[row, each.pool]) - self.per_s * self._latency_s(each, query, view)
            if score > best:
                best, choice = score, each
        return Ask((Call(self.pools[choice.pool], replica=choice.replica, final=True),))

    def _passes(self, pool: int, query: Query, view: FleetView) -> bool:
        seen = view.pools[self.pools[pool]]
        return bool(self.affordable[query.id, pool]) and self.objectives.kept_by(seen, query.prompt_tok)

    def _latency_s(self, instance: Instance, query: Query, view: FleetView) -> float:
        pool = view.pools[self.pools[instance.pool]]
        first_s = float(self.first_s[query.id, instance.pool])
        mean_tok = pool.outstanding_tok / pool.replicas
        share = instance.outstanding_tok / mean_tok if instance.replica >= 0 and mean_tok > 0.0 else 1.0
        wait_s = max(pool.predicted_ttft_s(query.prompt_tok) - first_s, 0.0) * share
        return first_s + wait_s + pool.predicted_tpot_s * float(self.output_tok[query.id, instance.pool])


@dataclass(frozen=True)
class Gateway:
    """Filter, then a weighted sum of scorers in [0, 1], then the highest; equals at random: an inference gateway.

    Filters: pools that report more than `most_waiting` calls a replica or more than `most_kv_used` of their cache are
    left out, unless all are. Scorers: `queue`, 1 for the instance with the fewest tokens outstanding, 0 for that with
    the most; `kv`, what its pool reports as free; `prefix`, 1 where the query's prefix has been sent before (of the
    last `remembered` prefixes of each). The reports are as old as the scenario's telemetry. Source: the Gateway API
    inference extension and llm-d, whose defaults for weights (3 prefix, 2 queue, 2 cache) and saturation (5 calls,
    0.8) these are.
    """

    ROUTER: ClassVar = RouterCost(0.001, source="assumed: a look-up")

    among: tuple[PoolName, ...] = ()
    weights: dict[str, float] = field(default_factory=lambda: {"queue": 2.0, "kv": 2.0, "prefix": 3.0})
    most_waiting: float = 5.0
    most_kv_used: float = 0.8
    remembered: int = 1000

    def __post_init__(self) -> None:
        strange = [name for name in self.weights if name not in ("queue", "kv", "prefix")]
        if strange:
            raise ValueError(f"no scorer {strange[0]!r}; there are queue, kv and prefix")

    def prepare(self, setting: Setting) -> Policy:
        """The gateway of one replication, with no prefix seen."""
        return Gates(self, setting, among_or_all(setting, self.among))


class Gates:
    """`Gateway` with the prefixes that it has sent."""

    def __init__(self, rule: Gateway, setting: Setting, pools: tuple[str, ...]) -> None:
        self.rule = rule
        self.uniform = setting.uniform
        self.pools = pools
        self.sent: dict[tuple[int, int], OrderedDict[str, None]] = {}
        self.decided: dict[tuple[int, int], Decision] = {}

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the instance of the highest score; remember what it was sent, once."""
        stage = (query.id, len(query.asked))
        if stage not in self.decided:
            self.decided[stage] = self._decide(query, view)
        return self.decided[stage]

    def _decide(self, query: Query, view: FleetView) -> Decision:
        found = instances(self.pools, query, view)
        if not found:
            return Drop(query.failure)
        free = [each for each in found if not self._is_saturated(each, view)]
        among = free or found
        scores = self._scores(among, query.cls.prefix, view)
        best = max(scores)
        equals = [each for each, score in zip(among, scores, strict=True) if score >= best - 1e-12]
        choice = equals[int(self.uniform("policy", query.id, len(query.asked)) * len(equals))]
        if query.cls.prefix is not None:
            self._remember((choice.pool, choice.replica), query.cls.prefix)
        return Ask((Call(self.pools[choice.pool], replica=choice.replica, final=True),))

    def _is_saturated(self, instance: Instance, view: FleetView) -> bool:
        pool = view.pools[self.pools[instance.pool]]
        waiting = pool.reported.waiting_calls / pool.replicas
        return waiting > self.rule.most_waiting or pool.reported.kv_used_frac > self.rule.most_kv_used

    def _scores(self, among: list[Instance], prefix: str | None, view: FleetView) -> list[float]:
        weights = self.rule.weights
        loads = [each.outstanding_tok for each in among]
        least, span = min(loads), max(loads) - min(loads)
        found = []
        for each in among:
            queue = 1.0 - (each.outstanding_tok - least) / span if span > 0.0 else 1.0
            kv = 1.0 - view.pools[self.pools[each.pool]].reported.kv_used_frac
            hit = float(prefix is not None and prefix in self.sent.get((each.pool, each.replica), ()))
            scored = {"queue": queue, "kv": kv, "prefix": hit}
            found.append(sum(weight * scored[name] for name, weight in weights.items()))
        return found

    def _remember(self, instance: tuple[int, int], prefix: str) -> None:
        sent = self.sent.setdefault(instance, OrderedDict())
        sent[prefix] = None
        sent.move_to_end(prefix)
        if len(sent) > self.rule.remembered:
            sent.popitem(last=False)
