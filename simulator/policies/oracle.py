"""What could be had if correctness were known before asking: a bound, not a policy to deploy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.policies.choice import Currency, relative
from simulator.policies.core import Ask, Decision, FleetView, Query, ask_final, failed_or
from simulator.policies.setting import Needs, Setting
from simulator.spec.base import NonNegative


@dataclass(frozen=True, slots=True)
class Oracle:
    """argmax score - price c: the pool whose answer scores best, the cheapest of equals; `currency` says what is paid.

    At price 0, of right-or-wrong tables, that is the cheapest right model, and the cheapest of all where none is right.
    c is what that very call takes, relative to the mean of the dearest pool. Source: the oracle router of RouterBench,
    arXiv 2403.12031.
    """

    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""
    price: NonNegative = 0.0
    """What a call at the dearest pool is worth, in right answers."""

    @property
    def needs(self) -> Needs:
        """The truth."""
        return Needs(truth=True)

    def prepare(self, setting: Setting) -> Knows:
        """The oracle of one replication, with the truth."""
        assert setting.paid is not None
        cost = relative(np.nan_to_num(setting.paid(self.currency)))
        return Knows(setting, tuple(ask_final(pool) for pool in setting.pools), cost.tolist(), self.price)


@dataclass(frozen=True, slots=True)
class Knows:
    """`Oracle` with its truth, and the costs of each query at each pool."""

    setting: Setting
    asks: tuple[Ask, ...]
    cost: list[list[float]]
    price: float

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the pool of the highest utility; of equals the cheapest, then the first of the fleet."""
        truth, cost = self.setting.truth, self.cost[query.id]
        assert truth is not None
        utility = [
            (truth(query.id, pool) - self.price * paid, -paid)
            for pool, paid in zip(self.setting.pools, cost, strict=True)
        ]
        return failed_or(query, self.asks[max(range(len(utility)), key=utility.__getitem__)])

    def why(self, query: Query, view: FleetView, decision: Decision) -> str:
        """What only an oracle knows."""
        truth = self.setting.truth
        if query.asked or truth is None:
            return "no other pool is asked"
        told = ", ".join(f"{pool} {truth(query.id, pool):.3g}" for pool in self.setting.pools)
        return f"an oracle, it knows the scores: {told}"
