"""Time: alarms on SimPy's heap, and the rule for what comes first when two things happen at once.

At one time: completions (of spans, transfers, services), then arrivals, timers, telemetry; among equals the lower order
number, which grows with the query's id. Insertion order never decides, so an unused pool or another name changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simpy import Environment
from simpy.events import Event

ARRIVAL = 1 << 50
TIMER = 2 << 50
TELEMETRY = 3 << 50

ATTEMPTS = 1 << 12  # calls of one query that have an order number of their own


def tolerance_s(now_s: float) -> float:
    """Times closer than this are one time."""
    return 1e-9 * now_s if now_s > 1.0 else 1e-9


class Alarm(Event):
    """An event that can be set again and again: only its last setting rings, with the time.

    SimPy has no way to take an event off its heap, and takes away an event's callbacks when it fires it. This one puts them
    back, and lets settings that were superseded pass in silence.
    """

    def __init__(self, env: Environment, ring: Callable[[float], None]) -> None:
        self.env = env
        self._ok = True
        self._value = None
        self._ring = ring
        self._again: Any = (self._fired,)
        self.callbacks = self._again
        self.due_s: float | None = None

    def set(self, at_s: float, order: int, now_s: float) -> None:
        """Ring at `at_s` (now, if that has passed), and not at any time set before."""
        delay = at_s - now_s
        if delay < 0.0:
            delay = 0.0
        self.due_s = now_s + delay
        self.env.schedule(self, order, delay)

    def unset(self) -> None:
        """Do not ring."""
        self.due_s = None

    def _fired(self, _: Event) -> None:
        self.callbacks = self._again
        now = self.env.now
        if now == self.due_s:
            self.due_s = None
            self._ring(now)


def once(env: Environment, at_s: float, order: int, ring: Callable[[float], None]) -> None:
    """An alarm of its own, for what happens off the hot path."""
    Alarm(env, ring).set(at_s, order, env.now)
