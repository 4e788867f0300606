"""One pool for everything: the baselines always-small and always-large."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.policies.core import Ask, Decision, FleetView, Query, ask_final, failed_or
from simulator.spec.refs import PoolName


@dataclass(frozen=True, slots=True)
class Always:
    """Ask `pool`, and take its answer; drop what it refuses."""

    pool: PoolName
    """Who is asked."""
    _ask: Ask = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_ask", ask_final(self.pool))

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the pool, once."""
        return failed_or(query, self._ask)

    def why(self, query: Query, view: FleetView, decision: Decision) -> str:
        """It asks no other."""
        return f"every query is asked of {self.pool}" if not query.asked else "no other pool is asked"
