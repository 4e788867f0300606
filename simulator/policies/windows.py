"""Queries that wait for each other: all that arrive within a window are given pools together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from simulator.policies.core import Ask, Decision, Drop, FleetView, Query, Wait, ask_final
from simulator.policies.setting import Setting

Assign = Callable[[Sequence[int], FleetView], Sequence[int]]
"""Which pool each of these queries is asked of, by index; -1: it waits for the next window."""

TOGETHER = 1e-9  # of the time: a timer rings that much too early, by rounding


@dataclass(eq=False)
class Windowed:
    """Holds what arrives within `window_s` of the first that waits; then `assign` says which pools are asked.

    The window is opened by a query, not by the clock, so that a query waits `window_s` at most, and none waits where
    nothing arrives. State of one replication.
    """

    asks: tuple[Ask, ...]
    window_s: float
    assign: Assign
    waiting: dict[int, None] = field(default_factory=dict)  # in order of arrival
    chosen: dict[int, int] = field(default_factory=dict)
    closes_s: float = 0.0

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Wait for the window's end, then ask the pool that was chosen; drop what it refuses."""
        if query.asked:
            self.chosen.pop(query.id, None)
            return Drop(query.failure)
        now = view.now_s
        if self.waiting and now >= self.closes_s - TOGETHER * max(1.0, now):
            self._close(view)
        if query.id in self.chosen:
            return self.asks[self.chosen[query.id]]
        if not self.waiting:
            self.closes_s = now + self.window_s
        self.waiting[query.id] = None
        return Wait(max(self.closes_s - now, 0.0))

    def _close(self, view: FleetView) -> None:
        """Choose for all that wait; who gets no pool opens the next window."""
        queries = list(self.waiting)
        chosen = dict(zip(queries, self.assign(queries, view), strict=True))
        self.chosen |= {query: pool for query, pool in chosen.items() if pool >= 0}
        self.waiting = {query: None for query, pool in chosen.items() if pool < 0}
        self.closes_s = view.now_s + self.window_s


def windowed(setting: Setting, window_s: float, assign: Assign) -> Windowed:
    """The policy that asks what `assign` says, window by window."""
    return Windowed(tuple(ask_final(pool) for pool in setting.pools), window_s, assign)
