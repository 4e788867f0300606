"""Predicted latency within its objective first, then price or quality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from simulator.learning.core import EstimatorPart
from simulator.policies.choice import among_or_all, asks, expected_quality
from simulator.policies.core import Ask, Decision, Drop, FleetView, Policy, PoolView, Query
from simulator.policies.setting import RouterCost, Setting
from simulator.spec.refs import PoolName


@dataclass(frozen=True, slots=True)
class Objectives:
    """Seconds to the first token, and of a token, that a pool must be predicted to keep; None asks nothing."""

    ttft_s: float | None
    tpot_s: float | None

    def are_kept(self, ttft_s: float, tpot_s: float) -> bool:
        """Whether predictions are within them."""
        return (self.ttft_s is None or ttft_s <= self.ttft_s) and (self.tpot_s is None or tpot_s <= self.tpot_s)

    def kept_by(self, pool: PoolView, prompt_tok: int) -> bool:
        """Whether the pool is predicted to keep them, with the calls outstanding now."""
        return self.are_kept(pool.predicted_ttft_s(prompt_tok), pool.predicted_tpot_s)


@dataclass(frozen=True)
class Headroom:
    """Of pools predicted to keep `ttft_s` and `tpot_s`, the `cheapest` or the `best` for the query; else the quickest.

    The quickest is that of the least predicted time to the first token; a refused query tries the next. With `best`,
    `quality` is learned from the train split; prices are of a mean call. Source of the form: the latency-aware and
    multi-factor selection of semantic-router, and headroom scheduling of llm-d.
    """

    ROUTER: ClassVar = RouterCost(0.001, source="assumed: a look-up")

    ttft_s: float | None = None
    """The most that the predicted time to the first token may be."""
    tpot_s: float | None = None
    """The most that the predicted time of a token may be."""
    prefer: Literal["cheapest", "best"] = "cheapest"
    """Which of those that keep them: the cheapest, or the one of the best expected score."""
    among: tuple[PoolName, ...] = ()
    """Pools to choose from; all where it is empty."""
    currency: Literal["usd", "energy"] = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""
    quality: EstimatorPart | None = None
    """Expects the score of each pool's answer; learned from the table's train split."""

    def __post_init__(self) -> None:
        if self.ttft_s is None and self.tpot_s is None:
            raise ValueError("give 'ttft_s' or 'tpot_s'")
        if (self.prefer == "best") != (self.quality is not None):
            raise ValueError("'quality' and 'prefer: best' go together")

    def prepare(self, setting: Setting) -> Policy:
        """The rule with each query's pools in the order of preference."""
        pools = among_or_all(setting, self.among)
        columns = [setting.pools.index(pool) for pool in pools]
        prices = setting.usd_per_call if self.currency == "usd" else setting.energy_j_per_call
        price = np.array([prices[pool] for pool in pools])
        dislike = np.broadcast_to(price, (1, len(pools)))
        if self.quality is not None:
            dislike = -expected_quality(setting, self.quality)[:, columns]
        order = np.lexsort((np.broadcast_to(price, dislike.shape), dislike), axis=1)
        return HasHeadroom(pools, asks(pools), Objectives(self.ttft_s, self.tpot_s), order.tolist())


@dataclass(frozen=True, slots=True)
class HasHeadroom:
    """`Headroom` with each query's pools by preference; one list for all where it does not depend on the query."""

    pools: tuple[str, ...]
    asks: dict[str, Ask]
    objectives: Objectives
    order: list[list[int]]

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the most preferred with headroom."""
        order = self.order[query.id if len(self.order) > 1 else 0]
        left = [self.pools[i] for i in order if self.pools[i] not in query.asked]
        if not left:
            return Drop(query.failure)
        for pool in left:
            if self.objectives.kept_by(view.pools[pool], query.prompt_tok):
                return self.asks[pool]
        return self.asks[min(left, key=lambda pool: view.pools[pool].predicted_ttft_s(query.prompt_tok))]
