"""Links: what is sent shares the bandwidth of a direction (processor sharing), then travels half a round trip.

Virtual time: while n transfers share a pipe, each gets 1/n of it, so "bytes that each has got" is one number for all,
and a transfer ends when that number reaches what it was at its start plus its size. One alarm a pipe, about one event a
transfer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from heapq import heappop, heappush
from typing import Protocol

from simulator.engine.clock import Alarm, Clock, once, tolerance_s
from simulator.engine.job import Job

Arrived = Callable[[Job, float], None]
Row = tuple[float, ...]


class Way(Protocol):
    """How to get from one place to another: one pipe, or several."""

    delay_s: float
    """Of a message without a body; the median, where it varies."""

    def rate(self, job: Job) -> float:
        """Bytes a second that the thinnest pipe lets through now, of `job`."""
        ...

    def delay(self, job: Job, now: float) -> float:
        """Seconds until the first of `job`'s bytes is there, if it is sent now."""
        ...

    def send(self, size_bytes: float, job: Job, now: float, arrived: Arrived) -> None:
        """Carry `size_bytes` of `job`; `arrived(job, now)` is called when the last byte is there."""
        ...

    def stream(self, size_bytes: float, job: Job) -> None:
        """Note bytes of `job` that went along as they were generated: too thin a stream to slow anything."""
        ...


class SharedPipe:
    """One direction of a link for all: transfers under way share it equally."""

    def __init__(self, clock: Clock, bytes_per_s: float, delay_s: float, log: Callable[[Row], None]) -> None:
        self.bytes_per_s = bytes_per_s
        self.delay_s = delay_s
        self.log = log
        self.alarm = Alarm(clock, self._ring)
        self.got = 0.0  # bytes that each transfer since the pipe was last empty has got
        self.as_of_s = 0.0  # when that was so
        self.sending: list[tuple[float, int, int, Job, Arrived]] = []  # heap by `got` at the end
        self.under_way: deque[tuple[float, Job, Arrived]] = deque()  # sent, not there yet; by time of arrival
        self.count = 0

    def send(self, size_bytes: float, job: Job, now: float, arrived: Arrived) -> None:
        """Carry `size_bytes` of `job`; `arrived(job, now)` is called when the last byte is there."""
        sending = self.sending
        if sending:
            self._advance(now)
        if not sending:
            self.got, self.as_of_s = 0.0, now
        self.count = count = self.count + 1
        self.log((now, size_bytes / self.bytes_per_s, size_bytes))
        heappush(sending, (self.got + size_bytes, job.order, count, job, arrived))
        if self.alarm.due_s is None or (sending[0][2] == count and not self.under_way):
            self._arm(now)

    def rate(self, job: Job) -> float:
        """Bytes a second, the same for all."""
        return self.bytes_per_s

    def delay(self, job: Job, now: float) -> float:
        """Seconds until a byte is there, the same for all."""
        return self.delay_s

    def left(self, now: float) -> float:
        """Bytes a second that one more transfer would get now."""
        got, as_of_s, count = self.got, self.as_of_s, len(self.sending)
        for until, *_ in sorted(self.sending):
            as_of_s += (until - got) * count / self.bytes_per_s
            if as_of_s > now:
                break
            got, count = until, count - 1
        return self.bytes_per_s / (count + 1)

    def stream(self, size_bytes: float, job: Job) -> None:
        """Note bytes of `job` that went along as they were generated: too thin a stream to slow anything."""
        self.log((job.first_s, size_bytes / self.bytes_per_s, size_bytes))

    def change(self, bytes_per_s: float, now: float) -> None:
        """Go on with another bandwidth."""
        self._advance(now)
        self.bytes_per_s = bytes_per_s
        self._arm(now)

    def _advance(self, now: float) -> None:
        """Bring `got` up to `now`, moving what has been sent on its way."""
        sending = self.sending
        soon = now + 1e-3 * tolerance_s(now)
        while sending:
            left_s = (sending[0][0] - self.got) * len(sending) / self.bytes_per_s
            if self.as_of_s + left_s > soon:
                self.got += (now - self.as_of_s) * self.bytes_per_s / len(sending)
                break
            self.as_of_s += left_s
            self.got, _, _, job, arrived = heappop(sending)
            self.under_way.append((self.as_of_s + self.delay_s, job, arrived))
        self.as_of_s = now

    def _arm(self, now: float) -> None:
        """Ring when the next transfer is there, if nobody else comes; rung too early, it is set anew."""
        if self.under_way:
            self.alarm.set(self.under_way[0][0], self.under_way[0][1].order, now)
        elif self.sending:
            left_s = (self.sending[0][0] - self.got) * len(self.sending) / self.bytes_per_s
            self.alarm.set(self.as_of_s + left_s + self.delay_s, self.sending[0][1], now)

    def _ring(self, now: float) -> None:
        self._advance(now)
        under_way = self.under_way
        soon = now + 1e-3 * tolerance_s(now)
        while under_way and under_way[0][0] <= soon:
            _, job, arrived = under_way.popleft()
            arrived(job, now)
        if self.alarm.due_s is None:
            self._arm(now)


class OwnPipe:
    """A pipe of its own for each user: transfers of different users do not meet, and those of one user hardly ever do.

    Leaves out that one user's transfers share the pipe: errs to the fast side where a session sends several at once.
    """

    def __init__(self, clock: Clock, bytes_per_s: float, delay_s: float, log: Callable[[Row], None]) -> None:
        self.clock = clock
        self.bytes_per_s = bytes_per_s
        self.delay_s = delay_s
        self.log = log

    def send(self, size_bytes: float, job: Job, now: float, arrived: Arrived) -> None:
        """Carry `size_bytes` of `job`; `arrived(job, now)` is called when the last byte is there."""
        time_s = size_bytes / self.bytes_per_s
        self.log((now, time_s, size_bytes))
        once(self.clock, now + time_s + self.delay_s, job.order, partial(arrived, job))

    def rate(self, job: Job) -> float:
        """Bytes a second, the same for all."""
        return self.bytes_per_s

    def delay(self, job: Job, now: float) -> float:
        """Seconds until a byte is there, the same for all."""
        return self.delay_s

    def left(self, now: float) -> float:
        """Bytes a second that one more transfer would get now: all, since it is another user's."""
        return self.bytes_per_s

    def stream(self, size_bytes: float, job: Job) -> None:
        """Note bytes of `job` that went along as they were generated: too thin a stream to slow anything."""
        self.log((job.first_s, size_bytes / self.bytes_per_s, size_bytes))

    def change(self, bytes_per_s: float, now: float) -> None:
        """Transfers from now on have another bandwidth."""
        self.bytes_per_s = bytes_per_s


class Route:
    """Several pipes one after the other: stored and forwarded."""

    def __init__(self, pipes: Sequence[Way]) -> None:
        self.pipes = pipes
        self.delay_s = sum(pipe.delay_s for pipe in pipes)

    def rate(self, job: Job) -> float:
        """Bytes a second that the thinnest pipe lets through now, of `job`."""
        return min(pipe.rate(job) for pipe in self.pipes)

    def delay(self, job: Job, now: float) -> float:
        """Seconds until the first of `job`'s bytes is there, if it is sent now."""
        return sum(pipe.delay(job, now) for pipe in self.pipes)

    def send(self, size_bytes: float, job: Job, now: float, arrived: Arrived) -> None:
        """Carry `size_bytes` of `job` over all pipes."""
        self._hop(0, size_bytes, arrived, job, now)

    def stream(self, size_bytes: float, job: Job) -> None:
        """Note bytes of `job` that went along as they were generated: too thin a stream to slow anything."""
        for pipe in self.pipes:
            pipe.stream(size_bytes, job)

    def _hop(self, i: int, size_bytes: float, arrived: Arrived, job: Job, now: float) -> None:
        if i == len(self.pipes) - 1:
            self.pipes[i].send(size_bytes, job, now, arrived)
        else:
            self.pipes[i].send(size_bytes, job, now, partial(self._hop, i + 1, size_bytes, arrived))


def ways(pipes: Mapping[tuple[str, str], Way]) -> dict[tuple[str, str], Way]:
    """The way with the fewest links between every two places that are joined, by (from, to)."""
    return {
        ends: pipes[legs[0]] if len(legs) == 1 else Route([pipes[leg] for leg in legs])
        for ends, legs in paths(pipes).items()
    }


def paths(legs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """The fewest of these legs, (from, to), that lead from one place to another, for every two that are joined."""
    known = list(legs)
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for start in sorted({place for leg in known for place in leg}):
        reached: dict[str, list[tuple[str, str]]] = {start: []}
        frontier = deque([start])
        while frontier:
            here = frontier.popleft()
            for leg in known:
                if leg[0] == here and leg[1] not in reached:
                    reached[leg[1]] = [*reached[here], leg]
                    frontier.append(leg[1])
        found |= {(start, end): path for end, path in reached.items() if path}
    return found
