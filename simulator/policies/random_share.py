"""A coin for each query: the baseline that every router has to beat."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.policies.core import Ask, Decision, FleetView, Query, ask_final, failed_or
from simulator.policies.setting import Setting
from simulator.spec.refs import PoolName


@dataclass(frozen=True, slots=True)
class RandomShare:
    """Ask one pool, drawn with probability proportional to `share`; the same query draws the same number in every run.

    Its deferral curve is the chord between the pools: APGR 0.5 and CPT(x) = x in expectation (RouteLLM, arXiv
    2406.18665).
    """

    share: dict[PoolName, float]
    """Weight of each pool."""

    def __post_init__(self) -> None:
        if not self.share or min(self.share.values()) < 0 or not sum(self.share.values()) > 0:
            raise ValueError("'share' needs at least one pool with a share above 0, and none below 0")

    def prepare(self, setting: Setting) -> Drawn:
        """The coin of one replication."""
        total = sum(self.share.values())
        edges, below = [], 0.0
        for pool in setting.pools:  # in the fleet's order: the file's order of shares changes nothing
            if self.share.get(pool, 0.0) > 0.0:
                below += self.share[pool] / total
                edges.append((below, ask_final(pool)))
        return Drawn(setting, tuple(edges))


@dataclass(frozen=True, slots=True)
class Drawn:
    """`RandomShare` with its numbers."""

    setting: Setting
    edges: tuple[tuple[float, Ask], ...]

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the pool whose part of [0, 1) the query's number falls into."""
        u = self.setting.uniform("policy", query.id, 0)
        ask = next((ask for edge, ask in self.edges if u < edge), self.edges[-1][1])
        return failed_or(query, ask)

    def why(self, query: Query, view: FleetView, decision: Decision) -> str:
        """The number that was drawn, and whose parts of [0, 1) end where."""
        if query.asked:
            return "no other pool is asked"
        parts = ", ".join(f"{ask.calls[0].pool} below {edge:.3g}" for edge, ask in self.edges)
        return f"drew {self.setting.uniform('policy', query.id, 0):.3g}: {parts}"
