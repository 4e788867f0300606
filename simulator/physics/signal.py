"""What changes by itself with time: rates, bandwidth, carbon, prices, derating."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Signal:
    """A piecewise-constant function of time: `values[i]` from `times_s[i]` until the next; `times_s[0]` is 0.

    With `period_s` it repeats (a day, a week); without, the last value stays for ever. Time is >= 0.
    """

    times_s: tuple[float, ...]
    values: tuple[float, ...]
    period_s: float = float("inf")
    _sums: Floats = field(init=False, repr=False, compare=False)  # integral from 0 to each time and the period

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.times_s, (*self.times_s[1:], self.period_s), strict=False))
        if len(self.times_s) != len(self.values) or not self.values or self.times_s[0] != 0 or not rising:
            raise ValueError("a signal needs a value for each time; times start at 0, rise, and end before the period")
        widths = np.diff((*self.times_s, self.period_s))
        finite = np.where(np.isfinite(widths), widths, 0.0)
        object.__setattr__(self, "_sums", np.concatenate([[0.0], np.cumsum(finite * np.array(self.values))]))

    @classmethod
    def constant(cls, value: float) -> Signal:
        """The signal that never changes."""
        return cls((0.0,), (value,))

    def value(self, time_s: float) -> float:
        """The value at a time; at a change, the new one."""
        phase_s = time_s % self.period_s
        return self.values[bisect_right(self.times_s, phase_s) - 1]

    def next_change_s(self, time_s: float) -> float:
        """The first change after a time, inf where there is none; the end of a period counts as one."""
        turns_s = 0.0 if self.period_s == float("inf") else time_s // self.period_s * self.period_s
        index = bisect_right(self.times_s, time_s - turns_s)
        return turns_s + (self.times_s[index] if index < len(self.times_s) else self.period_s)

    def integral(self, start_s: ArrayLike, end_s: ArrayLike) -> Floats:
        """The integral over time from `start_s` to `end_s`, (n,) each or broadcast; negative if the end is before."""
        return self._until(np.asarray(end_s, dtype=np.float64)) - self._until(np.asarray(start_s, dtype=np.float64))

    def mean(self, start_s: ArrayLike, end_s: ArrayLike) -> Floats:
        """The mean over time, (n,); at an empty interval the value there."""
        start, end = np.broadcast_arrays(np.asarray(start_s, dtype=np.float64), np.asarray(end_s, dtype=np.float64))
        width = end - start
        here = np.asarray(self.values)[np.searchsorted(self.times_s, start % self.period_s, side="right") - 1]
        return np.where(width > 0, self.integral(start, end) / np.where(width > 0, width, 1.0), here)

    def _until(self, time_s: Floats) -> Floats:
        turns = np.floor(time_s / self.period_s)  # 0 where the period is infinite
        phase_s = time_s if self.period_s == float("inf") else time_s - turns * self.period_s
        index = np.searchsorted(self.times_s, phase_s, side="right") - 1
        inside = self._sums[index] + (phase_s - np.asarray(self.times_s)[index]) * np.asarray(self.values)[index]
        whole: Floats = np.asarray(turns * self._sums[-1] + inside, dtype=np.float64)
        return whole
