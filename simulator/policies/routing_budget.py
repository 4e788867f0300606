"""Routers that spend a budget, or reach a quality, over many queries: programmes solved before, per batch, per window.

`budget` and `accuracy` are means a query, as expected: what comes out differs as far as the estimates do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from simulator.learning.core import Estimator, EstimatorPart
from simulator.learning.neighbours import Knn
from simulator.learning.regression import Linear
from simulator.policies.choice import (
    Choice,
    Currency,
    best,
    cheapest_good,
    expected_cost,
    expected_quality,
    expecting,
    routed,
    train_cost,
)
from simulator.policies.core import FleetView, Policy
from simulator.policies.knapsack import best_within
from simulator.policies.setting import Floats, Needs, RouterCost, Setting
from simulator.policies.upgrades import Upgrades, at_price, upgrades
from simulator.policies.windows import windowed
from simulator.spec.base import Count, NonNegative, Positive, Share
from simulator.spec.refs import PoolName


@dataclass(frozen=True)
class Forc:
    """A meta-model predicts each model's success p^(q, M): ask the best, the cheapest good one, or what a budget buys.

    Without more, argmax p^. With `threshold`, the cheapest M with p^ >= threshold, else the best. With `budget`, the
    integer programme max sum p^ x s.t. sum c^ x <= budget, over `batch` queries at a time in their order (a list that
    is known beforehand), or over those that arrive within `window_s` of each other. Source: FORC, arXiv 2308.06077.
    """

    ROUTER: ClassVar = RouterCost(0.01, source="assumed: a distilled encoder, as FORC's meta-model")

    threshold: Share | None = None
    """The least expected success at which the cheapest pool is asked."""
    budget: NonNegative | None = None
    """Dollars a query; joules or seconds with that `currency`."""
    batch: Count = 1000
    """Queries that share a budget, in their order."""
    window_s: Positive | None = None
    """Or: queries that arrive so close to each other share it."""
    success: EstimatorPart = Linear()
    """Expects the score of each pool's answer; learned from the table's train split."""
    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""

    def __post_init__(self) -> None:
        if self.threshold is not None and self.budget is not None:
            raise ValueError("give one of 'threshold' and 'budget', or neither")
        if self.window_s is not None and self.budget is None:
            raise ValueError("'window_s' needs a 'budget': other rules choose for each query by itself")

    @property
    def needs(self) -> Needs:
        """What was learned."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """The choice for every query of the replication, or what makes it at the end of a window."""
        quality, cost = _expected(setting, self.success, self.currency)
        told = expecting(setting, **{"quality": quality, self.currency: cost})
        if self.budget is None:
            good = best(quality, cost) if self.threshold is None else cheapest_good(quality, cost, self.threshold)
            return routed(setting, good, told)
        budget = self.budget

        def assign(queries: Sequence[int], view: FleetView | None = None) -> Sequence[int]:
            rows = list(queries)
            return best_within(quality[rows], cost[rows], budget * len(rows)).tolist()  # type: ignore[no-any-return]

        if self.window_s is not None:
            return windowed(setting, self.window_s, assign)
        batches = [range(first, min(first + self.batch, len(cost))) for first in range(0, len(cost), self.batch)]
        choice: Choice = np.array([pool for batch in batches for pool in assign(batch)], dtype=np.intp)
        return routed(setting, choice, told)


@dataclass(frozen=True)
class Routoo:
    """argmax q^ - lambda c^, with the lambda that spends `budget` a query on the train split: a knapsack's dual price.

    The price is fitted to what the estimator says of train items that it has not seen, so that each query can be
    decided by itself. Source: Routoo, arXiv 2401.13979.
    """

    ROUTER: ClassVar = RouterCost(0.05, source="assumed: a small language model reads the prompt")

    budget: NonNegative
    """Dollars a query; joules or seconds with that `currency`."""
    quality: EstimatorPart = Linear()
    """Expects the score of each pool's answer; learned from the table's train split."""
    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""

    @property
    def needs(self) -> Needs:
        """What was learned."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """The choice for every query of the replication."""
        path, items = _learned_path(setting, self.quality, self.currency)
        quality, cost = _expected(setting, self.quality, self.currency)
        price = path.price_within(self.budget * items)
        told = expecting(setting, **{"quality": quality, self.currency: cost})
        return routed(setting, at_price(quality, cost, price), told)


@dataclass(frozen=True)
class OptLlm:
    """Assigns the queries of a window together: of all Pareto-best assignments, one within a budget or of an accuracy.

    The set holds what no other assignment beats at any price of quality (its supported part; OptLLM searches it by
    destroying and rebuilding solutions). `budget` a query takes the most accurate one that it pays for, `accuracy` the
    cheapest one that is expected to reach it. Each window is by itself: what one has left over is lost. Source: OptLLM,
    arXiv 2405.15130.
    """

    ROUTER: ClassVar = RouterCost(
        0.005, source="assumed: a forest's prediction; OptLLM solves in seconds for thousands"
    )

    budget: NonNegative | None = None
    """Dollars a query; joules or seconds with that `currency`."""
    accuracy: Share | None = None
    """Instead of `budget`: the mean score that is to be expected."""
    window_s: Positive = 1.0
    """How long queries are gathered before they are assigned."""
    quality: EstimatorPart = Knn()
    """Expects the score of each pool's answer; learned from the table's train split."""
    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""

    def __post_init__(self) -> None:
        if (self.budget is None) == (self.accuracy is None):
            raise ValueError("give one of 'budget' and 'accuracy'")

    @property
    def needs(self) -> Needs:
        """What was learned."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """What assigns the queries of a window."""
        quality, cost = _expected(setting, self.quality, self.currency)

        def assign(queries: Sequence[int], view: FleetView) -> Sequence[int]:
            rows = list(queries)
            path = upgrades(quality[rows], cost[rows])
            if self.budget is not None:
                return path.after(path.within(self.budget * len(rows))).tolist()  # type: ignore[no-any-return]
            assert self.accuracy is not None
            return path.after(path.reaching(self.accuracy * len(rows))).tolist()  # type: ignore[no-any-return]

        return windowed(setting, self.window_s, assign)


@dataclass(frozen=True)
class OmniRouter:
    """min sum c^ x  s.t.  mean q^ >= accuracy, and at most L_j calls at once at pool j: argmin c^_ij - l1 q^_ij + l2_j.

    l1 is the dual price of the accuracy on the train split, exact (OmniRouter climbs to it by subgradient). The limits
    `at_most` are looked at when a window ends: what the router has outstanding at a pool counts, the queries of the
    window share the seats left at the least sum of c^ - l1 q^ (an assignment problem, of which l2 are the duals), first
    come first, and who gets none waits for the next window. Source: OmniRouter, arXiv 2502.20576.
    """

    ROUTER: ClassVar = RouterCost(0.01, source="assumed: an encoder and a retrieval, as OmniRouter's predictors")

    accuracy: Share
    """The mean score that is to be expected."""
    at_most: dict[PoolName, Count] = field(default_factory=dict)
    """Calls that a pool may have at once; no limit for pools not named."""
    window_s: Positive = 0.5
    """How long queries are gathered before they are assigned."""
    quality: EstimatorPart = Knn()
    """Expects the score of each pool's answer; learned from the table's train split."""
    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""

    @property
    def needs(self) -> Needs:
        """What was learned."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """What assigns the queries of a window."""
        path, items = _learned_path(setting, self.quality, self.currency)
        quality, cost = _expected(setting, self.quality, self.currency)
        price = path.price_reaching(self.accuracy * items)
        gain = quality - price * cost if price < np.inf else -cost
        seats = Seats(setting.pools, self.at_most, gain, at_price(quality, cost, price))
        return windowed(setting, self.window_s, seats)


@dataclass(frozen=True, eq=False)
class Seats:
    """Gives queries the seats that are left at each pool, at the highest sum of `gain`, (queries, pools).

    `wanted` (queries,) is what each would take were all seats free.
    """

    pools: tuple[str, ...]
    at_most: dict[str, int]
    gain: Floats
    wanted: Choice

    def __call__(self, queries: Sequence[int], view: FleetView) -> Sequence[int]:
        """The pool of each query; -1 where all seats are taken."""
        wanted = self.wanted[list(queries)]
        if not self.at_most:
            return wanted.tolist()  # type: ignore[no-any-return]
        free = [
            max(self.at_most[pool] - view.pools[pool].outstanding_calls, 0) if pool in self.at_most else len(queries)
            for pool in self.pools
        ]
        if (np.bincount(wanted, minlength=len(free)) <= free).all():
            return wanted.tolist()  # type: ignore[no-any-return]
        seats = np.repeat(np.arange(len(free)), np.minimum(free, len(queries)))
        seated = list(queries)[: len(seats)]
        from scipy.optimize import linear_sum_assignment  # not where a scenario is only checked

        rows, columns = linear_sum_assignment(self.gain[seated][:, seats], maximize=True)
        chosen = np.full(len(queries), -1)
        chosen[rows] = seats[columns]
        return chosen.tolist()


def _expected(setting: Setting, estimator: Estimator, currency: Currency) -> tuple[Floats, Floats]:
    return expected_quality(setting, estimator), expected_cost(setting, estimator, currency)


def _learned_path(setting: Setting, estimator: Estimator, currency: Currency) -> tuple[Upgrades, int]:
    """The best assignments of the train items, as the estimator tells of them unseen, and how many items they are."""
    train = setting.train
    assert train is not None

    def fit() -> Upgrades:
        return upgrades(train.quality(estimator), train_cost(train, estimator, currency, setting.pools))

    return setting.fitted(("upgrades", repr(estimator), currency), fit), len(train)
