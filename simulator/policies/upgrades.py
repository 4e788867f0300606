"""The best that a sum of money buys: queries moved to better pools, one by one, where a dollar gains most.

With an expected quality and an expected cost for each query and pool, the assignments that no other one beats in total
(at some price of quality) form one path: from the cheapest pool for every query, by upgrades in the order of quality
gained per cost. It is the linear relaxation of the multiple-choice knapsack (Sinha & Zoltners 1979,
doi:10.1287/opre.27.3.503), and of one row the non-decreasing convex hull of RouterBench (arXiv 2403.12031). Costs may
be dollars, joules or seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.policies.choice import Choice, best
from simulator.policies.setting import Floats, Ints

NOTHING = 1e-12  # a gain that is rounding


@dataclass(frozen=True, eq=False)
class Upgrades:
    """The path of best assignments: `start`, then one query after the other moved to a dearer pool.

    `query` and `pool` say who moves where, `slope` the quality that it gains per cost, which falls along the path;
    `cost` and `quality` are totals after so many moves, from none to all.
    """

    start: Choice
    query: Ints
    pool: Ints
    slope: Floats
    cost: Floats
    quality: Floats

    def after(self, moves: int) -> Choice:
        """The assignment after so many moves."""
        choice = self.start.copy()
        choice[self.query[:moves]] = self.pool[:moves]  # of several moves of a query, the last one holds
        return choice

    def within(self, budget: float) -> int:
        """Moves after which the total cost is `budget` at most: the first that it does not pay for ends them."""
        return max(int(np.searchsorted(self.cost, budget * (1 + NOTHING), side="right")) - 1, 0)

    def reaching(self, quality: float) -> int:
        """The fewest moves after which the total quality is `quality`; all of them where it is out of reach."""
        return min(int(np.searchsorted(self.quality, quality - NOTHING * len(self.start))), len(self.query))

    def price_within(self, budget: float) -> float:
        """The price at which each query by itself (`at_price`) spends `budget` in total.

        It is the slope of the first move that is not paid for; where several have it, none of them is made.
        """
        moves = self.within(budget)
        if self.cost[0] > budget:
            return np.inf
        return float(self.slope[moves]) if moves < len(self.slope) else 0.0

    def price_reaching(self, quality: float) -> float:
        """The price at which each query by itself (`at_price`) reaches `quality` in total.

        It lies just below the slope of the last move that is needed; where several have it, all of them are made.
        """
        moves = self.reaching(quality)
        return float(self.slope[moves - 1]) * (1.0 - 1e-9) if moves else np.inf


def upgrades(quality: Floats, cost: Floats) -> Upgrades:
    """The path for matrices (queries, pools)."""
    rows = np.arange(len(cost))
    start = at = at_price(quality, cost, np.inf)
    moves = []
    for _ in range(cost.shape[1] - 1):
        dearer = cost - cost[rows, at][:, None]
        better = quality - quality[rows, at][:, None]
        slope = np.full(cost.shape, -np.inf)
        np.divide(better, dearer, out=slope, where=(dearer > 0.0) & (better > NOTHING))
        steepest = slope.max(axis=1)
        same = slope >= steepest[:, None] * (1 - 1e-9)
        to: Choice = np.where(same, cost, -np.inf).argmax(axis=1)  # one move along an edge, not two
        who = np.flatnonzero(steepest > 0.0)
        moves.append((who, to[who], steepest[who], dearer[who, to[who]], better[who, to[who]]))
        at = at.copy()
        at[who] = to[who]
    query, pool, slopes, dearer, better = (np.concatenate(each) for each in zip(*moves, strict=True)) if moves else NONE
    order = np.argsort(-slopes, kind="stable")  # within a query slopes fall, so its moves stay in order
    return Upgrades(
        start,
        query[order],
        pool[order],
        slopes[order],
        cost[rows, start].sum() + np.concatenate([[0.0], np.cumsum(dearer[order])]),
        quality[rows, start].sum() + np.concatenate([[0.0], np.cumsum(better[order])]),
    )


NONE = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0))


def at_price(quality: Floats, cost: Floats, price: float) -> Choice:
    """Each query by itself at argmax quality - price cost; among equals the cheapest. At inf, the cheapest."""
    if price < np.inf:
        return best(quality - price * cost, cost)
    cheapest = cost <= cost.min(axis=1, keepdims=True) * (1 + NOTHING)
    choice: Choice = np.where(cheapest, quality, -np.inf).argmax(axis=1)
    return choice
