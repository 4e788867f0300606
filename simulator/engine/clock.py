"""Time: alarms on SimPy's heap, and the rule for what comes first when two things happen at once.

At one time: completions (of spans, transfers, services), then arrivals, timers, telemetry; among equals the lower order
number, which grows with the query's id. Insertion order never decides, so an unused pool or another name changes
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from math import inf
from typing import Any

from simpy import Environment

ARRIVAL = 1 << 50
TIMER = 2 << 50
TELEMETRY = 3 << 50

ATTEMPTS = 1 << 12  # calls of one query that have an order number of their own


def tolerance_s(now_s: float) -> float:
    """Times closer than this are one time."""
    return 1e-9 * now_s if now_s > 1.0 else 1e-9


class Clock(Environment):
    """SimPy's environment with alarms: events that ring one function, and can be set again.

    Alarms share SimPy's heap with its own events and processes, which work here as ever. They need none of the
    machinery of general events (lists of callbacks, values, failures), which would cost most of a run's time.
    """

    def run(self, until: float | None = None) -> None:  # type: ignore[override]  # an alarm is nothing to wait for
        """Let time pass until nothing is left, or until just before `until`, which is then the time."""
        queue: list[Any] = self._queue
        end_s = inf if until is None else until
        while queue:
            entry = heappop(queue)
            now, _, _, alarm = entry
            if now >= end_s or type(alarm) is not Alarm:
                heappush(queue, entry)
                if now >= end_s:
                    break
                self.step()
            elif alarm.due_s == now:  # else it has been set anew
                self._now = now
                alarm.due_s = None
                alarm.ring(now)
        if until is not None:
            self._now = until

    def jump(self, to_s: float) -> None:
        """Set the time of a clock on which nothing is to happen."""
        self._now = to_s


class Alarm:
    """Calls `ring(time)` when it is due. Set again, only the last setting counts: the others pass in silence."""

    __slots__ = ("_ids", "_queue", "due_s", "ring")

    def __init__(self, clock: Clock, ring: Callable[[float], None]) -> None:
        self.ring = ring
        self.due_s: float | None = None
        self._queue: list[Any] = clock._queue
        self._ids = clock._eid

    def set(self, at_s: float, order: int, now_s: float) -> None:
        """Ring at `at_s` (now, if that has passed), and not at any time set before."""
        if at_s < now_s:
            at_s = now_s
        self.due_s = at_s
        heappush(self._queue, (at_s, order, next(self._ids), self))

    def unset(self) -> None:
        """Do not ring."""
        self.due_s = None


def once(clock: Clock, at_s: float, order: int, ring: Callable[[float], None]) -> None:
    """An alarm of its own, for what happens off the hot path."""
    Alarm(clock, ring).set(at_s, order, clock.now)
