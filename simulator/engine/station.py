"""Stations: a router or a verifier with a few servers, a fixed service time, and one queue in order of arrival."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heapreplace

from simulator.engine.clock import Clock, once


class Station:
    """Servers that each take `time_s` for a visit. Every visit's end is known when it comes: one event a visit."""

    def __init__(self, clock: Clock, time_s: float, servers: int, log: Callable[[tuple[float, ...]], None]) -> None:
        self.clock = clock
        self.time_s = time_s
        self.free_s = [0.0] * servers
        heapify(self.free_s)
        self.log = log

    def visit(self, order: int, served: Callable[[float], None], now: float) -> None:
        """Wait for a server and be served; then `served` is called."""
        start_s = max(now, self.free_s[0])
        heapreplace(self.free_s, start_s + self.time_s)
        self.log((start_s, self.time_s))
        once(self.clock, start_s + self.time_s, order, served)
