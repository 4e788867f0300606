"""Routing before the answer: one pool a query, chosen for all queries at once before the run begins.

What a router knows of a query does not depend on time, so its choices are an array, and the policy that decides while
time passes only looks them up. A technique is a score for each query and pool, and a rule that makes a choice of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.learning.core import Estimator
from simulator.policies.core import Ask, Call, Decision, FleetView, Floats, Query, Setting, failed_or

Choice = NDArray[np.intp]  # (queries,) index of a pool
Currency = Literal["usd", "energy", "time"]


@dataclass(frozen=True, slots=True)
class Routed:
    """Asks the pool that was chosen for the query, and takes its answer."""

    asks: tuple[Ask, ...]
    choice: list[int]

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask it, once."""
        return failed_or(query, self.asks[self.choice[query.id]])


def routed(setting: Setting, choice: Choice) -> Routed:
    """The policy that follows `choice`."""
    return Routed(tuple(Ask((Call(pool, final=True),)) for pool in setting.pools), choice.tolist())


def expected_cost(setting: Setting, estimator: Estimator, currency: Currency) -> Floats:
    """What a call of each query at each pool is expected to cost, (queries, pools), in dollars, joules or seconds.

    ValueError where nobody knows the joules of a hosted pool.
    """
    output_tok = setting.asked.output_tok(estimator)
    price = {"usd": setting.asked.usd, "energy": setting.asked.energy_j, "time": setting.asked.time_s}[currency]
    cost = price(output_tok)
    for pool, column in zip(setting.pools, cost.T, strict=True):
        if np.isnan(column).any():
            raise ValueError(f"nobody has said what {currency} a call at {pool!r} takes")
    return cost


def relative(cost: Floats) -> Floats:
    """Costs as a share of the dearest pool's mean: what trade-offs with a quality in [0, 1] are made in."""
    dearest = float(cost.mean(axis=0).max())
    return cost / dearest if dearest > 0 else cost


def best(utility: Floats, cost: Floats) -> Choice:
    """The pool of the highest utility for each query; among equals the cheapest, then the first of the fleet."""
    ties = np.isclose(utility, utility.max(axis=1, keepdims=True), rtol=0.0, atol=1e-12)
    choice: Choice = np.where(ties, cost, np.inf).argmin(axis=1)
    return choice


def cheapest_good(quality: Floats, cost: Floats, enough: float) -> Choice:
    """The cheapest pool whose expected quality is `enough`; the best one where none is."""
    good = quality >= enough
    choice: Choice = np.where(good, cost, np.inf).argmin(axis=1)
    return np.where(good.any(axis=1), choice, best(quality, cost))
