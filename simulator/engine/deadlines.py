"""Deadlines: what is watched with one and the same patience runs out in order, so one alarm serves all."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from simulator.engine.clock import TIMER, Alarm, Clock

T = TypeVar("T")


class Deadlines(Generic[T]):
    """Calls `ran_out(thing)` `after_s` seconds after each `watch(thing)`, unless `over(thing)` by then."""

    def __init__(
        self, clock: Clock, after_s: float, over: Callable[[T], bool], ran_out: Callable[[T, float], None]
    ) -> None:
        self.clock = clock
        self.after_s = after_s
        self.over = over
        self.ran_out = ran_out
        self.watched: deque[tuple[float, int, T]] = deque()
        self.alarm = Alarm(clock, self._ring)

    def watch(self, thing: T, order: int, now: float) -> None:
        """Give `thing` its time from now."""
        self.watched.append((now + self.after_s, order, thing))
        if self.alarm.due_s is None:
            self._arm(now)

    def _arm(self, now: float) -> None:
        watched = self.watched
        while watched and self.over(watched[0][2]):
            watched.popleft()
        if watched:
            self.alarm.set(watched[0][0], TIMER + watched[0][1], now)

    def _ring(self, now: float) -> None:
        while self.watched and (self.watched[0][0] <= now or self.over(self.watched[0][2])):
            thing = self.watched.popleft()[2]
            if not self.over(thing):
                self.ran_out(thing, now)
        self._arm(now)
