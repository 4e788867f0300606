"""The pool with the least work in flight: load alone, no quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from simulator.policies.core import Ask, Call, Decision, Drop, FleetView, Query, Setting
from simulator.spec.refs import PoolName


@dataclass(frozen=True, slots=True)
class LeastLoaded:
    """Ask the pool with the fewest tokens outstanding for each replica; a refused query tries the next one.

    `among` names the pools to choose from (all, where it is not given); equals go to the first of the fleet. Counts are
    the router's own, hence live; tokens, not calls, since counting calls is wrong with mixed lengths.
    """

    among: tuple[PoolName, ...] = ()

    def prepare(self, setting: Setting) -> LeastOf:
        """The rule over this fleet."""
        pools = tuple(pool for pool in setting.pools if pool in self.among or not self.among)
        return LeastOf(pools, {pool: Ask((Call(pool, final=True),)) for pool in pools})


@dataclass(frozen=True, slots=True)
class LeastOf:
    """`LeastLoaded` over `pools`."""

    pools: Sequence[str]
    asks: dict[str, Ask]

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the least loaded that has not been asked."""
        left = [view.pools[name] for name in self.pools if name not in query.asked]
        if not left:
            return Drop(query.failure)
        load = attrgetter("outstanding_tok")
        return self.asks[min(left, key=lambda pool: load(pool) / pool.replicas).name]
