"""The pool with the least of something: of work in flight, of calls, of tokens in the last minute, of price."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.policies.choice import among_or_all, asks
from simulator.policies.core import Ask, Decision, Drop, FleetView, PoolView, Query
from simulator.policies.setting import Setting
from simulator.spec.refs import PoolName


def tokens_in_flight(pool: PoolView) -> float:
    """Tokens outstanding for each replica, as the router counts them."""
    return pool.outstanding_tok / pool.replicas


def calls_in_flight(pool: PoolView) -> float:
    """Calls outstanding, as the router counts them."""
    return pool.outstanding_calls


@dataclass(frozen=True, slots=True)
class LeastLoaded:
    """Ask the pool with the fewest tokens outstanding for each replica; a refused query tries the next one.

    `among` names the pools to choose from (all, where it is not given); equals go to the first of the fleet. Counts are
    the router's own, hence live; tokens, not calls, since counting calls is wrong with mixed lengths.
    """

    among: tuple[PoolName, ...] = ()
    """Pools to choose from; all where it is empty."""

    def prepare(self, setting: Setting) -> LeastOf:
        """The rule over this fleet."""
        pools = among_or_all(setting, self.among)
        return LeastOf(pools, asks(pools), tokens_in_flight)


@dataclass(frozen=True, slots=True)
class LeastOf:
    """Asks the pool of the least `load` among those not asked yet."""

    pools: Sequence[str]
    asks: Mapping[str, Ask]
    load: Callable[[PoolView], Any]  # what can be compared

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the least loaded."""
        left = [view.pools[name] for name in self.pools if name not in query.asked]
        return self.asks[min(left, key=self.load).name] if left else Drop(query.failure)

    def why(self, query: Query, view: FleetView, decision: Decision) -> str:
        """The loads that were compared."""
        left = [name for name in self.pools if name not in query.asked]
        if not left:
            return "every pool has been asked"
        return "the least of " + ", ".join(f"{name} {_said(self.load(view.pools[name]))}" for name in left)


def _said(load: Any) -> str:
    """A load in a line: a number, or several of which the first counts most."""
    if isinstance(load, tuple):
        return " / ".join(_said(each) for each in load)
    return f"{load:.4g}" if isinstance(load, float | int) else str(load)
