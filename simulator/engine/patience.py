"""How long a class of users waits: for a call, for a first token, for the whole."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from simulator.engine.clock import Clock
from simulator.engine.deadlines import Deadlines
from simulator.engine.job import Job
from simulator.engine.life import Life
from simulator.engine.plan import ClassPlan

Dropped = Callable[..., None]  # (life, reason, now)


class Patience:
    """Deadlines of one class: `drop(life, reason, now)` and `timed_out(job, now)` are told what has run out."""

    def __init__(self, clock: Clock, cls: ClassPlan, drop: Dropped, timed_out: Callable[[Job, float], None]) -> None:
        self.clock = clock
        self.whole, self.unseen, self.call = cls.timeout_s, cls.abandon_s, cls.call_timeout_s
        if cls.timeout_s is not None:
            self._whole = Deadlines[Life](clock, cls.timeout_s, _is_over, partial(_tell, drop, "timeout"))
        if cls.abandon_s is not None:
            self._unseen = Deadlines[Life](clock, cls.abandon_s, self._has_seen, partial(_tell, drop, "abandoned"))
        if cls.call_timeout_s is not None:
            self._call = Deadlines[Job](clock, cls.call_timeout_s, _is_unwanted, timed_out)

    def watch(self, life: Life, now: float) -> None:
        """A query has come."""
        if self.whole is not None:
            self._whole.watch(life, life.row, now)
        if self.unseen is not None:
            self._unseen.watch(life, life.row, now)

    def watch_call(self, job: Job, now: float) -> None:
        """A call has been made."""
        if self.call is not None:
            self._call.watch(job, job.life.row, now)

    def _has_seen(self, life: Life) -> bool:
        """Whether the user has seen a token, or the query is over."""
        return life.ended or any(
            (job.call.final or life.cls.at_once) and job.call.kind != "verify" and job.first_s <= self.clock.now
            for job in life.flying
        )


def _tell(drop: Dropped, reason: str, life: Life, now: float) -> None:
    drop(life, reason, now)


def _is_over(life: Life) -> bool:
    return life.ended


def _is_unwanted(job: Job) -> bool:
    return not job.wanted or job.life.ended
