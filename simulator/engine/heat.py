"""Devices that get too hot: a phone at work warms up, slows down, and recovers while it rests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf, log

Slowdown = Callable[[float], tuple[float, float]]  # time -> (factor on pass times, until when)

RECOVERED = 0.9  # of the heat at which it turned hot: below that it is as fast as before


@dataclass(frozen=True, slots=True)
class Thermal:
    """How a device heats. Heat x is in [0, 1] and follows x' = (u - x) / cool_s: u is 1 at work and 0 at rest.

    From cold, work turns it hot after `after_s`; passes that begin while it is hot take `factor` times as long.
    """

    after_s: float
    factor: float
    cool_s: float

    @property
    def hot(self) -> float:
        """The heat at which it turns hot."""
        return 1.0 - exp(-self.after_s / self.cool_s)


class Heat:
    """The heat of one replica, exact between the moments when it begins and ends to work.

    It is asked at the start of each span, which says that work goes on, and told of rests.
    """

    __slots__ = ("cold", "hot_until_s", "since_s", "thermal", "turns_hot_s", "works")

    def __init__(self, thermal: Thermal) -> None:
        self.thermal = thermal
        self.cold = 1.0  # 1 - x at `since_s`: near the top x itself would lose its digits
        self.since_s = 0.0
        self.works = False
        self.turns_hot_s = inf  # of the work under way; -inf: it began hot
        self.hot_until_s = -inf  # of the rest under way

    def slowdown(self, time_s: float) -> tuple[float, float]:
        """Factor on passes at a time of work, and until when it holds if work goes on."""
        if not self.works:
            self._begin(time_s)
        return (self.thermal.factor, inf) if time_s >= self.turns_hot_s else (1.0, self.turns_hot_s)

    def rested(self, time_s: float) -> None:
        """Work is over at this time."""
        if not self.works:
            return
        cool_s = self.thermal.cool_s
        self.cold *= exp(-max(time_s - self.since_s, 0.0) / cool_s)
        is_hot = time_s >= self.turns_hot_s
        self.hot_until_s = time_s + cool_s * log((1.0 - self.cold) / (RECOVERED * self.thermal.hot)) if is_hot else -inf
        self.works, self.since_s = False, time_s

    def _begin(self, time_s: float) -> None:
        cool_s = self.thermal.cool_s
        self.cold = 1.0 - (1.0 - self.cold) * exp(-(time_s - self.since_s) / cool_s)
        if time_s < self.hot_until_s:
            self.turns_hot_s = -inf
        else:
            left_s = self.thermal.after_s + cool_s * log(self.cold) if self.cold > 0.0 else 0.0
            self.turns_hot_s = time_s + max(left_s, 0.0)
        self.works, self.since_s = True, time_s


def both(one: Slowdown, other: Slowdown) -> Slowdown:
    """Two slowdowns at once."""

    def slowdown(time_s: float) -> tuple[float, float]:
        (a, until_a), (b, until_b) = one(time_s), other(time_s)
        return a * b, min(until_a, until_b)

    return slowdown
