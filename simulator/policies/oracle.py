"""What could be had if correctness were known before asking: a bound, not a policy to deploy."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.policies.choice import Currency, call_price
from simulator.policies.core import Ask, Decision, FleetView, Needs, Query, Setting, ask_final, failed_or


@dataclass(frozen=True, slots=True)
class Oracle:
    """Ask the cheapest pool among those whose answer scores best; `currency` says what cheap means.

    For right-or-wrong tables that is the cheapest right model, and the cheapest of all where none is right. Prices are
    those of a mean call at each pool. Source: the oracle router of RouterBench, arXiv 2403.12031.
    """

    currency: Currency = "usd"

    @property
    def needs(self) -> Needs:
        """The truth."""
        return Needs(truth=True)

    def prepare(self, setting: Setting) -> Knows:
        """The oracle of one replication, with the truth."""
        price = call_price(setting, self.currency)
        cheap_first = sorted(setting.pools, key=lambda pool: (price[pool], setting.pools.index(pool)))
        return Knows(setting, tuple((pool, ask_final(pool)) for pool in cheap_first))


@dataclass(frozen=True, slots=True)
class Knows:
    """`Oracle` with its truth; `cheap_first` holds the pools by price."""

    setting: Setting
    cheap_first: tuple[tuple[str, Ask], ...]

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the cheapest of the best."""
        truth = self.setting.truth
        assert truth is not None
        best, choice = float("-inf"), self.cheap_first[0][1]
        for pool, ask in self.cheap_first:
            score = truth(query.id, pool)
            if score > best:
                best, choice = score, ask
        return failed_or(query, choice)
