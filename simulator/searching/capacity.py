"""The highest rate of arrivals at which a system holds its limits."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from simulator.searching.judge import Judged, judge, limits
from simulator.searching.points import Points, Tried
from simulator.searching.recommend import devices_of
from simulator.spec.errors import SpecError
from simulator.spec.load import Scenario

TOLERANCE = 0.02
FURTHEST = 10  # doublings away from the scenario's rate


@dataclass(frozen=True)
class Capacity:
    """The highest rate that was seen to hold, and the lowest that was seen not to, at most `tolerance` above it.

    `rate` is in the unit of `key`, `per_device` is that of one device of the own pools (None without any).
    """

    key: str
    rate: float
    per_device: float | None
    best: Tried
    above: Tried
    bound: Judged
    tried: tuple[tuple[Tried, Judged], ...]
    notes: tuple[str, ...] = ()


def capacity(
    points: Points,
    key: str | None = None,
    low: float | None = None,
    high: float | None = None,
    tolerance: float = TOLERANCE,
) -> Capacity:
    """The goodput: the highest rate at which all limits hold and the system is STABLE, by bisection of its logarithm.

    Every rate meets the same queries, closer together. Without `low` and `high` the search begins at the scenario's
    rate and doubles or halves it until it has both. Source: DistServe, arXiv 2401.09670, section 2 (the maximum rate
    served within the SLO attainment goal, per device). Raises SpecError where there is no limit or no rate, or where
    all rates hold, or none.
    """
    limits(points.scenario)
    over, given = _rate(points.scenario, key)
    if not tolerance > 0:
        raise SpecError(f"--tolerance {tolerance:g}: must be above 0")
    if low is not None and high is not None and not 0 < low < high:
        raise SpecError(f"--from {low:g} --to {high:g}: is no range of rates")
    try:
        below, above = _ends(points, over, given, low, high)
        while above / below > 1 + tolerance:
            middle = sqrt(below * above)
            below, above = (middle, above) if _holds(points, over, middle) else (below, middle)
        notes = _notes(points, over, below, tolerance, low)
    finally:
        points.keep()
    best, beyond = points.at([{over: below}])[0], points.at([{over: above}])[0]
    devices = devices_of(best)
    tried = sorted(points.tried, key=lambda one: float(one.values[over]))
    judged = tuple((one, judge(one)) for one in tried)
    return Capacity(over, below, below / devices if devices else None, best, beyond, judge(beyond), judged, notes)


def _rate(scenario: Scenario, key: str | None) -> tuple[str, float]:
    """The key of the rate to vary, and its value in the scenario."""
    rates = {
        f"workload.{name}.arrivals.rate_per_s": float(cls.arrivals.args["rate_per_s"])
        for name, cls in scenario.spec.workload.items()
        if isinstance(cls.arrivals.args.get("rate_per_s"), int | float)
    }
    if key is None:
        if len(rates) != 1:
            found = ", ".join(rates) if rates else "none of its arrivals has a rate_per_s"
            raise SpecError(f"--over: name the one key to vary ({found})")
        return next(iter(rates.items()))
    if key in rates:
        return key, rates[key]
    value: object = scenario.resolved()
    for step in key.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise SpecError(
            f"--over {key}: is no number above 0 of the scenario" + (f" ({', '.join(rates)})" if rates else "")
        )
    return key, float(value)


def _holds(points: Points, key: str, rate: float) -> bool:
    return judge(points.at([{key: rate}])[0]).holds


def _ends(points: Points, key: str, given: float, low: float | None, high: float | None) -> tuple[float, float]:
    """A rate that holds and a higher one that does not."""
    points.check([{key: rate} for rate in (low, high, given) if rate is not None])
    start = low if low is not None else min(given, high) if high is not None else given
    if not _holds(points, key, start):
        above = start
        for _ in range(0 if low is not None else FURTHEST):
            if _holds(points, key, above / 2):
                return above / 2, above
            above /= 2
        why = judge(points.at([{key: above}])[0]).text
        raise SpecError(f"no rate holds the limits: at {key}={above:g}, {why}")
    below = start
    if high is not None:
        if _holds(points, key, high):
            raise SpecError(f"every rate up to {key}={high:g} holds the limits: raise --to")
        return below, high
    for _ in range(FURTHEST):
        if not _holds(points, key, below * 2):
            return below, below * 2
        below *= 2
    raise SpecError(f"every rate up to {key}={below:g} holds the limits: they do not depend on it")


def _notes(points: Points, key: str, rate: float, tolerance: float, low: float | None) -> tuple[str, ...]:
    """Whether a little less holds as well: if not, the answer is one of several."""
    less = rate / (1 + 2 * tolerance)
    if (low is not None and less < low) or _holds(points, key, less):
        return ()
    return (f"a lower rate does not hold: at {key}={less:.5g}, {judge(points.at([{key: less}])[0]).text}",)
