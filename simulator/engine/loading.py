"""Models that come and go: a replica long at rest unloads its model, and loads it again for the next call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from simulator.engine.clock import TIMER, Alarm, Clock
from simulator.engine.replica import AWAY, IDLE, Replica

OFF, LOADING, LOADED = range(3)  # states of a replica's model, as its log has them: rows of time and state


@dataclass(frozen=True, slots=True)
class Loading:
    """How long it takes to load, after how much rest the model is unloaded, and whether it is away at the start."""

    load_s: float
    unload_after_s: float = inf
    cold: bool = False


class Loader:
    """Loads and unloads the model of one replica; `number` orders what happens to several at one time.

    A load once begun is finished, whether or not the call that asked for it is still there. A call that comes at the
    very moment of unloading comes before it.
    """

    __slots__ = ("loads", "log", "number", "plan", "replica", "unloads")

    def __init__(
        self, clock: Clock, plan: Loading, replica: Replica, number: int, log: Callable[[tuple[float, ...]], None]
    ) -> None:
        self.plan = plan
        self.replica = replica
        self.number = number
        self.log = log
        self.loads, self.unloads = Alarm(clock, self._loaded), Alarm(clock, self._unload)
        replica.fetch = self.fetch
        if plan.cold:
            replica.passes = AWAY
            log((0.0, OFF))
        else:
            self.rested(0.0)

    def rested(self, now: float) -> None:
        """The replica has nothing to do from now on."""
        if self.plan.unload_after_s < inf:
            self.unloads.set(now + self.plan.unload_after_s, TIMER + self.number, now)

    def fetch(self, now: float) -> None:
        """A call waits: load the model, unless that is under way."""
        if self.loads.due_s is None:
            self.log((now, LOADING))
            self.loads.set(now + self.plan.load_s, self.number, now)

    def _loaded(self, now: float) -> None:
        self.log((now, LOADED))
        self.replica.come_back(now)

    def _unload(self, now: float) -> None:
        if self.replica.passes == IDLE:
            self.replica.passes = AWAY
            self.log((now, OFF))
