"""Open loops: when queries come, whatever becomes of those before them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from simulator.spec.base import Count, NonNegative, Positive
from simulator.workload.traffic import Demand, Floats, Ints, Streams, Traffic


@dataclass(frozen=True, slots=True)
class Poisson:
    """Independent arrivals at a constant rate: exponential gaps."""

    rate_per_s: Positive
    """Mean rate."""

    def draw(self, demand: Demand, streams: Streams) -> Traffic:
        """Rows in order of time."""
        return Traffic(
            taken(lambda n: streams("gaps").exponential(1 / self.rate_per_s, n).cumsum(), demand, self.rate_per_s)
        )


@dataclass(frozen=True, slots=True)
class Gamma:
    """Renewal arrivals with gamma gaps: `cv` above 1 is burstier than Poisson, below 1 more regular.

    vLLM's `--burstiness` is 1 / cv^2. The index of dispersion tends to cv^2 and stays there: no slow drift.
    """

    rate_per_s: Positive
    """Mean rate."""
    cv: Positive
    """Coefficient of variation of the gaps; 1 is Poisson."""

    def draw(self, demand: Demand, streams: Streams) -> Traffic:
        """Rows in order of time."""
        return Traffic(taken(lambda n: operational(n, self.cv, streams) / self.rate_per_s, demand, self.rate_per_s))


@dataclass(frozen=True, slots=True)
class Constant:
    """Arrivals at equal gaps, the first at 0."""

    rate_per_s: Positive
    """Queries a second."""

    def draw(self, demand: Demand, streams: Streams) -> Traffic:
        """Rows in order of time."""
        return Traffic(taken(lambda n: np.arange(n) / self.rate_per_s, demand, self.rate_per_s))


@dataclass(frozen=True, slots=True)
class Rates:
    """A rate that changes from window to window: days, spikes, ramps.

    A gamma renewal process (`cv` 1: a Poisson process) in operational time, in which the rate is 1: the i-th arrival is
    when the cumulative rate reaches the i-th sum of gaps.
    """

    window_s: Positive
    """Length of a window."""
    rate_per_s: Annotated[tuple[NonNegative, ...], Field(min_length=1)]
    """Of each window."""
    cv: Positive = 1.0
    """Coefficient of variation of the gaps; 1 is Poisson."""
    repeat: bool = True
    """Begin again after the last window; else the arrivals end there."""

    def __post_init__(self) -> None:
        if not any(rate > 0 for rate in self.rate_per_s):
            raise ValueError("one rate at least must be above 0")

    def draw(self, demand: Demand, streams: Streams) -> Traffic:
        """Rows in order of time; fewer than asked for where the arrivals end."""
        edges_s = self.window_s * np.arange(len(self.rate_per_s) + 1)
        counts = self.window_s * np.concatenate([[0.0], np.cumsum(self.rate_per_s)])

        def times_s(n: int) -> Floats:
            laps, rest = np.divmod(operational(n, self.cv, streams), counts[-1])
            return np.asarray(laps * edges_s[-1] + np.interp(rest, counts, edges_s))

        mean_per_s = counts[-1] / edges_s[-1]
        if self.repeat:
            return Traffic(taken(times_s, demand, mean_per_s))
        return ended(taken(times_s, Demand(until_s=edges_s[-1]), mean_per_s), demand)


@dataclass(frozen=True, slots=True)
class OnOff:
    """Bursts of calls with idle times between: a person at work with a code assistant, say.

    Idle times, calls of a burst and the mean gap within a burst are lognormal, the gaps of a burst gamma.
    """

    idle_median_s: Positive
    """Between bursts."""
    idle_sigma: NonNegative
    """Of the natural logarithm."""
    burst_median_calls: Positive
    """Calls of a burst."""
    burst_sigma: NonNegative
    """Of the natural logarithm."""
    gap_median_s: Positive
    """Of the mean gap between calls of a burst."""
    gap_sigma: NonNegative = 0.0
    """Of the natural logarithm."""
    gap_shape: Positive = 1.0
    """Of the gamma distribution: 1 / cv^2."""
    gap_max_s: Positive | None = None
    """Longer gaps are cut to this, and shorter idle times lengthened: the threshold between gap and idle time."""

    def draw(self, demand: Demand, streams: Streams) -> Traffic:
        """Rows in order of time, beginning with an idle time."""
        burst_calls = self.burst_median_calls * np.exp(self.burst_sigma**2 / 2)
        burst_s = burst_calls * self.gap_median_s * np.exp(self.gap_sigma**2 / 2)
        cycle_s = self.idle_median_s * np.exp(self.idle_sigma**2 / 2) + burst_s
        return Traffic(taken(lambda n: self._times_s(n, streams), demand, burst_calls / cycle_s))

    def _times_s(self, n: int, streams: Streams) -> Floats:
        calls = self._calls(n, streams)
        begins = np.cumsum(calls) - calls
        burst = np.repeat(np.arange(len(calls)), calls)[:n]
        mean_s = self.gap_median_s * np.exp(self.gap_sigma * streams("gap-mean").standard_normal(len(calls)))
        idle_s = self.idle_median_s * np.exp(self.idle_sigma * streams("idle").standard_normal(len(calls)))
        gaps_s = streams("gaps").gamma(self.gap_shape, 1 / self.gap_shape, n) * mean_s[burst]
        if self.gap_max_s is not None:
            gaps_s, idle_s = np.minimum(gaps_s, self.gap_max_s), np.maximum(idle_s, self.gap_max_s)
        gaps_s[begins[begins < n]] = idle_s[begins < n]
        return np.asarray(gaps_s.cumsum())

    def _calls(self, n: int, streams: Streams) -> Ints:
        """Calls of as many bursts as n calls need, or more."""
        bursts = 16
        while True:
            sizes = self.burst_median_calls * np.exp(self.burst_sigma * streams("burst").standard_normal(bursts))
            calls = np.maximum(1, np.rint(sizes)).astype(np.int64)
            if calls.sum() >= n:
                return calls
            bursts *= 2


@dataclass(frozen=True, slots=True)
class AllAtOnce:
    """All queries at time 0: offline batches."""

    queries: Count
    """How many."""

    def draw(self, demand: Demand, streams: Streams) -> Traffic:
        """Rows at 0; no more than `queries`."""
        return ended(np.zeros(self.queries), demand)


def operational(n: int, cv: float, streams: Streams) -> Floats:
    """First n times of a renewal process with gamma gaps of mean 1 and this coefficient of variation."""
    shape = 1 / cv**2
    return np.asarray(streams("gaps").gamma(shape, 1 / shape, n).cumsum())


def taken(times_s: Callable[[int], Floats], demand: Demand, rate_per_s: float) -> Floats:
    """What `demand` takes of an endless sequence that never decreases; `times_s(n)` gives its first n, for any n."""
    if demand.queries is not None:
        return times_s(demand.queries)
    assert demand.until_s is not None, demand
    n = 64 + int(1.1 * rate_per_s * demand.until_s)
    while (drawn_s := times_s(n))[-1] < demand.until_s:
        n *= 2
    return drawn_s[: np.searchsorted(drawn_s, demand.until_s)]


def ended(times_s: Floats, demand: Demand) -> Traffic:
    """What `demand` takes of arrivals that end."""
    return Traffic(times_s[: reach(times_s, demand)], finite=True)


def reach(times_s: Floats, demand: Demand) -> int:
    """How many of these times `demand` takes."""
    if demand.queries is not None:
        return min(demand.queries, len(times_s))
    assert demand.until_s is not None, demand
    return int(np.searchsorted(times_s, demand.until_s))
