"""Links whose transfers differ: each its own rate and travel time, and a radio that sleeps and must be woken.

A transfer at half the median rate uses the pipe as one of twice the bytes would: users far from the mast take more of
its air for the same text. So what is shared is time on the air, sharing stays exact, and `bytes_per_s` stays the
median. A call meets one luck on a link: one round trip, half of it each way, and one rate and one outage in each
direction, so that what it sends ahead is not overtaken. Chance is keyed by query and attempt, and by the link's number.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import isnan

from simulator.engine.clock import ATTEMPTS, Clock, once
from simulator.engine.job import Job
from simulator.engine.link import Arrived, OwnPipe, Row, SharedPipe
from simulator.engine.pool import Uniform
from simulator.physics.chance import lognormal
from simulator.physics.link import travel_s
from simulator.physics.values import Link


class Luck:
    """What transfers in one direction of a link meet."""

    def __init__(self, link: Link, sigma: float, number: int, direction: str, uniform: Uniform) -> None:
        self.link = link
        self.sigma = sigma
        self.uniform = uniform
        self.rtt = f"link-{number}-rtt"
        self.of_rate, self.of_outage = (f"link-{number}-{direction}-{what}" for what in ("rate", "outage"))

    def rate_factor(self, job: Job) -> float:
        """The rate that `job` finds, over the median."""
        return lognormal(1.0, self.sigma, self.uniform(self.of_rate, job.life.row, job.order % ATTEMPTS))

    def travel_s(self, job: Job) -> float:
        """How long a byte of `job` travels."""
        query, attempt = job.life.row, job.order % ATTEMPTS
        return travel_s(self.link, self.uniform(self.rtt, query, attempt), self.uniform(self.of_outage, query, attempt))


class _Use:
    """One user's radio: transfers under way and since when, answers that stream, its last use, when it is awake."""

    __slots__ = ("last_s", "ready_s", "since_s", "streams", "under_way")

    def __init__(self) -> None:
        self.under_way = 0
        self.streams: list[Job] = []
        self.since_s = self.last_s = self.ready_s = 0.0

    def is_on(self) -> bool:
        """Whether anything goes over it now."""
        if self.streams:
            self.streams = [job for job in self.streams if job.wanted and isnan(job.done_s)]
        return self.under_way > 0 or bool(self.streams)


class Radio:
    """The radios of a link's users, or its one radio: asleep at first, and after `radio_idle_s` of silence."""

    def __init__(self, link: Link, per_user: bool, log: Callable[[Row], None]) -> None:
        self.promotion_s, self.idle_s = link.promotion_s, link.radio_idle_s
        self.per_user = per_user
        self.log = log
        self.uses: dict[int, _Use] = {}
        self.most = 1024  # radios that are kept before those asleep are forgotten

    def lag_s(self, job: Job, now: float) -> float:
        """Seconds until the radio of `job`'s user is awake, if it is wanted now."""
        use = self.uses.get(job.life.user if self.per_user else 0)
        if use is None or not (use.is_on() or now - use.last_s <= self.idle_s):
            return self.promotion_s
        return max(use.ready_s - now, 0.0)

    def begin(self, job: Job, now: float) -> float:
        """A transfer begins: gives the seconds that it waits for the radio."""
        lag_s = self.lag_s(job, now)
        use = self._use(job.life.user if self.per_user else 0, now)
        if not use.under_way:
            use.since_s = now
        use.under_way += 1
        use.ready_s = max(use.ready_s, now + lag_s)
        if job.streams and isnan(job.done_s) and not isnan(job.first_s):  # its first token: more come by and by
            use.streams.append(job)
        return lag_s

    def end(self, job: Job, start_s: float, end_s: float) -> None:
        """A transfer is out."""
        self.uses[job.life.user if self.per_user else 0].under_way -= 1
        self.used(job, start_s, end_s)

    def used(self, job: Job, start_s: float, end_s: float) -> None:
        """The radio sent or received between these times."""
        user = job.life.user if self.per_user else 0
        use = self._use(user, end_s)
        use.last_s = max(use.last_s, end_s)
        self.log((user, start_s, end_s))

    def stop(self, now: float) -> None:
        """Time is up: what is under way is logged as far as it got."""
        for user, use in self.uses.items():
            if use.is_on():
                starts_s = [job.first_s for job in use.streams] + [use.since_s] * (use.under_way > 0)
                self.log((user, min(starts_s), now))

    def _use(self, user: int, now: float) -> _Use:
        """That of a user. Sleeping radios are like new ones and are forgotten: in open loops there is one a query."""
        if user not in self.uses:
            if len(self.uses) >= self.most:
                kept = {user: use for user, use in self.uses.items() if use.is_on() or now - use.last_s <= self.idle_s}
                self.uses, self.most = kept, 2 * len(kept) + 1024
            self.uses[user] = _Use()
        return self.uses[user]


class VaryingPipe:
    """One direction of a link whose transfers differ, over a pipe without delay that carries their time on the air."""

    def __init__(
        self,
        clock: Clock,
        pipe: SharedPipe | OwnPipe,
        delay_s: float,
        luck: Luck,
        radio: Radio | None,
        log: Callable[[Row], None],
    ) -> None:
        self.clock = clock
        self.pipe = pipe
        self.delay_s = delay_s
        self.luck = luck
        self.radio = radio
        self.log = log

    def rate(self, job: Job) -> float:
        """Bytes a second that `job` finds."""
        return self.pipe.bytes_per_s * self.luck.rate_factor(job)

    def delay(self, job: Job, now: float) -> float:
        """Seconds until the first of `job`'s bytes is there, if it is sent now."""
        return self.luck.travel_s(job) + (self.radio.lag_s(job, now) if self.radio else 0.0)

    def send(self, size_bytes: float, job: Job, now: float, arrived: Arrived) -> None:
        """Carry `size_bytes` of `job`; `arrived(job, now)` is called when the last byte is there."""
        lag_s = self.radio.begin(job, now) if self.radio else 0.0
        at_median = size_bytes / self.luck.rate_factor(job)
        self.log((now, at_median / self.pipe.bytes_per_s, size_bytes))
        self.pipe.send(at_median, job, now, partial(self._sent, now, lag_s, arrived))

    def left(self, now: float) -> float:
        """Bytes a second that one more transfer of median luck would get now."""
        return self.pipe.left(now)

    def stream(self, size_bytes: float, job: Job) -> None:
        """Note bytes of `job` that went along as they were generated: too thin a stream to slow anything."""
        self.log((job.first_s, size_bytes / self.rate(job), size_bytes))
        if self.radio:
            self.radio.used(job, job.first_s, job.done_s)

    def change(self, bytes_per_s: float, now: float) -> None:
        """Go on with another bandwidth."""
        self.pipe.change(bytes_per_s, now)

    def _sent(self, start_s: float, lag_s: float, arrived: Arrived, job: Job, now: float) -> None:
        """The last byte has had its time on the air; waking the radio came first."""
        if self.radio:
            self.radio.end(job, start_s, now + lag_s)
        once(self.clock, now + lag_s + self.luck.travel_s(job), job.order, partial(arrived, job))
