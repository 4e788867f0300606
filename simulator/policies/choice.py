"""Routing before the answer: one pool a query, chosen for all queries at once before the run begins.

What a router knows of a query does not depend on time, so its choices are an array, and the policy that decides while
time passes only looks them up. A technique is a score for each query and pool, and a rule that makes a choice of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.learning.core import Estimator
from simulator.policies.core import Ask, Decision, FleetView, Query, ask_final, failed_or
from simulator.policies.setting import Floats, Setting, Train

Choice = NDArray[np.intp]  # (queries,) index of a pool
Told = Callable[[int], str]  # of a query's number: why it was given that pool
Currency = Literal["usd", "energy", "time"]
CURRENCIES: tuple[Currency, ...] = ("usd", "energy", "time")


@dataclass(frozen=True, slots=True)
class Routed:
    """Asks the pool that was chosen for the query, and takes its answer."""

    asks: tuple[Ask, ...]
    choice: list[int]
    told: Told | None = field(default=None, repr=False, compare=False)

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask it, once."""
        return failed_or(query, self.asks[self.choice[query.id]])

    def why(self, query: Query, view: FleetView, decision: Decision) -> str:
        """What the choice was made by."""
        if query.asked:
            return "no other pool is asked"
        return "chosen before the run" if self.told is None else self.told(query.id)


def routed(setting: Setting, choice: Choice, told: Told | None = None) -> Routed:
    """The policy that follows `choice`; `told` says what it was made by."""
    return Routed(tuple(ask_final(pool) for pool in setting.pools), choice.tolist(), told)


def expecting(setting: Setting, **of_pools: Floats) -> Told:
    """What was expected of a query at each pool, in a line: arrays (queries, pools) by what they are."""

    def told(query: int) -> str:
        parts = (
            f"{name.replace('_', ' ')} "
            + ", ".join(
                f"{pool} {value:.3g}" for pool, value in zip(setting.pools, values[query].tolist(), strict=True)
            )
            for name, values in of_pools.items()
        )
        return "expected " + "; ".join(parts)

    return told


def call_price(setting: Setting, currency: Currency) -> Mapping[str, float]:
    """What a mean call costs at each pool."""
    prices = (setting.usd_per_call, setting.energy_j_per_call, setting.time_s_per_call)
    return dict(zip(CURRENCIES, prices, strict=True))[currency]


def expected_cost(setting: Setting, estimator: Estimator, currency: Currency) -> Floats:
    """What a call of each query at each pool is expected to cost, (queries, pools), in dollars, joules or seconds.

    ValueError where nobody knows the joules of a hosted pool.
    """
    return priced(setting, setting.asked.output_tok(estimator), currency)


def priced(setting: Setting, output_tok: Floats, currency: Currency) -> Floats:
    """What calls with answers that long cost, (queries, pools). ValueError where nobody knows."""
    prices = (setting.asked.usd, setting.asked.energy_j, setting.asked.time_s)
    return _known(dict(zip(CURRENCIES, prices, strict=True))[currency](output_tok), currency, setting.pools)


def expected_quality(setting: Setting, estimator: Estimator) -> Floats:
    """The score that each query's answer is expected to have at each pool, (queries, pools).

    Of a query that no table tells of, it is 0 everywhere: pools differ in cost only.
    """
    return np.nan_to_num(setting.asked.quality(estimator))


def measured_cost(train: Train, currency: Currency, pools: Sequence[str]) -> Floats:
    """What the calls of the train split cost, (items, pools). ValueError where nobody knows."""
    cost = dict(zip(CURRENCIES, (train.usd, train.energy_j, train.time_s), strict=True))[currency]
    return _known(cost, currency, pools)


def train_cost(train: Train, estimator: Estimator, currency: Currency, pools: Sequence[str]) -> Floats:
    """What a call of each train item is expected to cost, not seen before, (items, pools). ValueError likewise."""
    return _known(dict(zip(CURRENCIES, train.expected_cost(estimator), strict=True))[currency], currency, pools)


def _known(cost: Floats, currency: Currency, pools: Sequence[str]) -> Floats:
    for pool, column in zip(pools, cost.T, strict=True):
        if np.isnan(column).any():
            raise ValueError(f"nobody has said what {currency} a call at {pool!r} takes")
    return cost


def relative(cost: Floats) -> Floats:
    """Costs as a share of the dearest pool's mean: what trade-offs with a quality in [0, 1] are made in."""
    dearest = float(cost.mean(axis=0).max()) if len(cost) else 0.0
    return cost / dearest if dearest > 0 else cost


def best(utility: Floats, cost: Floats) -> Choice:
    """The pool of the highest utility for each query; among equals the cheapest, then the first of the fleet."""
    ties = utility >= utility.max(axis=1, keepdims=True) - 1e-12
    choice: Choice = np.where(ties, cost, np.inf).argmin(axis=1)
    return choice


def cheapest_good(quality: Floats, cost: Floats, enough: float) -> Choice:
    """The cheapest pool whose expected quality is `enough`; the best one where none's is."""
    good = quality >= enough
    choice: Choice = np.where(good, cost, np.inf).argmin(axis=1)
    return np.where(good.any(axis=1), choice, best(quality, cost))


def by_utility(setting: Setting, estimator: Estimator, price: float, currency: Currency) -> Routed:
    """Each query at argmax q^ - price c^: quality expected in [0, 1], cost relative to the dearest pool's mean."""
    quality = expected_quality(setting, estimator)
    cost = relative(expected_cost(setting, estimator, currency))
    return routed(setting, best(quality - price * cost, cost), expecting(setting, quality=quality, relative_cost=cost))


def among_or_all(setting: Setting, among: Sequence[str]) -> tuple[str, ...]:
    """The pools named, in the fleet's order; all of them where none is."""
    return tuple(pool for pool in setting.pools if pool in among or not among)


def asks(pools: Sequence[str]) -> dict[str, Ask]:
    """To ask each pool, and take its answer."""
    return {pool: ask_final(pool) for pool in pools}
