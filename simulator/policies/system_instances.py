"""The choice of an instance, not only of a pool: model and engine at once, or one engine among equals."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import numpy as np

from simulator.learning.core import EstimatorPart
from simulator.learning.neighbours import Knn
from simulator.policies.choice import Currency, among_or_all, expected_cost, expected_quality, relative
from simulator.policies.core import Decision, Drop, FleetView, Policy, PoolView, Query, ask_final
from simulator.policies.setting import Needs, RouterCost, Setting
from simulator.policies.system_headroom import Objectives
from simulator.spec.refs import PoolName

SCORERS = ("queue", "kv", "prefix")


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
    """Weight of the expected score."""
    latency_weight: float = 0.3
    """Weight of the predicted time, relative to the slowest pool's mean call."""
    cost_weight: float = 0.3
    """Weight of the expected cost, relative to the dearest pool's mean call."""
    ttft_s: float | None = None
    """Pools with a longer predicted time to the first token are left out."""
    tpot_s: float | None = None
    """Pools with a longer predicted time of a token are left out."""
    budget: float | None = None
    """Pools at which the call costs more, in the currency, are left out."""
    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""
    quality: EstimatorPart = Knn()
    """Expects the score of each pool's answer; learned from the table's train split."""

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
        worth = self.quality_weight * expected_quality(setting, self.quality) - self.cost_weight * relative(cost)
        first_s = asked.time_s(np.ones_like(output_tok))
        affordable = cost <= (math.inf if self.budget is None else self.budget)
        per_s = self.latency_weight / float(alone_s.mean(axis=0).max())
        told = Predicted(worth.tolist(), first_s.tolist(), output_tok.tolist(), affordable.tolist())
        return Balances(setting.pools, told, per_s, Objectives(self.ttft_s, self.tpot_s))


class Predicted(NamedTuple):
    """What was predicted of each query's call at each pool before the run: `worth` is all of its score but latency."""

    worth: list[list[float]]
    first_s: list[list[float]]
    output_tok: list[list[float]]
    is_affordable: list[list[bool]]


@dataclass(frozen=True)
class Balances:
    """`RouteBalance` with what was predicted, (queries, pools); `per_s` is what a second costs."""

    pools: tuple[str, ...]
    predicted: Predicted
    per_s: float
    objectives: Objectives

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the best instance of the pools not asked yet; of all these where none passes the filters."""
        best, choice, best_passes = -math.inf, ("", -1), False
        told = zip(self.pools, *(matrix[query.id] for matrix in self.predicted), strict=True)
        for name, worth, first_s, output_tok, is_affordable in told:
            if name in query.asked:
                continue
            pool = view.pools[name]
            ttft_s, tpot_s = pool.predicted_ttft_s(query.prompt_tok), pool.predicted_tpot_s
            passes = is_affordable and self.objectives.are_kept(ttft_s, tpot_s)
            if best_passes and not passes:
                continue
            wait_s = max(ttft_s - first_s, 0.0)
            sure = worth - self.per_s * (first_s + tpot_s * output_tok)
            for replica, share in _shares(pool):
                score = sure - self.per_s * wait_s * share
                if score > best or passes > best_passes:
                    best, choice, best_passes = score, (name, replica), passes
        return ask_final(*choice) if choice[0] else Drop(query.failure)


def _shares(pool: PoolView) -> list[tuple[int, float]]:
    """Each engine of a pool, and how much is outstanding there against the mean; -1 where there is only one."""
    loads = pool.outstanding_tok_by_replica
    if len(loads) == 1:
        return [(-1, 1.0)]
    mean = sum(loads) / len(loads)
    return [(i, load / mean if mean > 0.0 else 1.0) for i, load in enumerate(loads)]


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
    """Pools to choose from; all where it is empty."""
    weights: dict[str, float] = field(default_factory=lambda: dict(zip(SCORERS, (2.0, 2.0, 3.0), strict=True)))
    """Weight of each scorer: queue, kv, prefix."""
    most_waiting: float = 5.0
    """Pools that report more calls waiting a replica are left out."""
    most_kv_used: float = 0.8
    """Pools that report a larger share of their KV cache in use are left out."""
    remembered: int = 1000
    """Prefixes that are remembered of each instance."""

    def __post_init__(self) -> None:
        strange = [name for name in self.weights if name not in SCORERS]
        if strange:
            raise ValueError(f"no scorer {strange[0]!r}; there are queue, kv and prefix")

    def prepare(self, setting: Setting) -> Policy:
        """The gateway of one replication, with no prefix seen."""
        return Gates(self, setting, among_or_all(setting, self.among))


class Instance(NamedTuple):
    """One engine, as a gateway sees it; `replica` is -1 where the pool has one only."""

    pool: str
    replica: int
    outstanding_tok: float
    kv_used_frac: float


class Gates:
    """`Gateway` with the prefixes that it has sent."""

    def __init__(self, rule: Gateway, setting: Setting, pools: tuple[str, ...]) -> None:
        self.rule = rule
        self.queue, self.kv, self.hit = (rule.weights.get(name, 0.0) for name in SCORERS)
        self.uniform = setting.uniform
        self.pools = pools
        self.sent: dict[tuple[str, int], OrderedDict[str, None]] = {}
        self.decided: dict[tuple[int, int], Decision] = {}

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the instance of the highest score; remember what it was sent, once."""
        stage = (query.id, len(query.asked))
        if stage not in self.decided:
            self.decided[stage] = self._decide(query, view)
        return self.decided[stage]

    def _decide(self, query: Query, view: FleetView) -> Decision:
        among = self._left(query, view)
        if not among:
            return Drop(query.failure)
        scores = self._scores(among, query.cls.prefix)
        best = max(scores) - 1e-12
        equals = [each for each, score in zip(among, scores, strict=True) if score >= best]
        pool, replica, *_ = equals[int(self.uniform("policy", query.id, len(query.asked)) * len(equals))]
        if query.cls.prefix is not None:
            self._remember((pool, replica), query.cls.prefix)
        return ask_final(pool, replica)

    def _left(self, query: Query, view: FleetView) -> list[Instance]:
        """Engines of the pools not asked yet: of those that are not saturated, or of all where all are."""
        found: list[Instance] = []
        free: list[Instance] = []
        for name in self.pools:
            if name in query.asked:
                continue
            pool = view.pools[name]
            said, loads = pool.reported, pool.outstanding_tok_by_replica
            used = said.kv_used_frac
            if len(loads) == 1:
                engines = [Instance(name, -1, loads[0], used)]
            else:
                engines = [Instance(name, i, load, used) for i, load in enumerate(loads)]
            found += engines
            if said.waiting_calls / pool.replicas <= self.rule.most_waiting and used <= self.rule.most_kv_used:
                free += engines
        return free or found

    def _scores(self, among: list[Instance], prefix: str | None) -> list[float]:
        loads = [each.outstanding_tok for each in among]
        most, least = max(loads), min(loads)
        scores = []
        for pool, replica, load, used in among:
            score = self.queue * ((most - load) / (most - least) if most > least else 1.0) + self.kv * (1.0 - used)
            if prefix is not None and prefix in self.sent.get((pool, replica), ()):
                score += self.hit
            scores.append(score)
        return scores

    def _remember(self, instance: tuple[str, int], prefix: str) -> None:
        sent = self.sent.setdefault(instance, OrderedDict())
        sent[prefix] = None
        sent.move_to_end(prefix)
        if len(sent) > self.rule.remembered:
            sent.popitem(last=False)
