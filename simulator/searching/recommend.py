"""The least of a fleet that holds the limits: smallest, cheapest or greenest."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from simulator.metrics.keys import of_key
from simulator.searching.judge import Judged, judge, limits
from simulator.searching.points import Points, Tried
from simulator.searching.space import Axis
from simulator.spec.errors import SpecError

Place = tuple[int, ...]  # which value of each axis

MOST_SCANNED = 200  # points of a grid that is not monotone, which are then all tried


@dataclass(frozen=True)
class Recommended:
    """The point that holds all limits with the least of what was asked, and what binds one step below it.

    `bound` has, for each key that rises, the next smaller point and what that misses; `notes` say where the search had
    to leave its assumption that more holds more.
    """

    best: Tried
    bound: tuple[tuple[Tried, Judged], ...]
    devices: int
    tried: tuple[tuple[Tried, Judged], ...]
    notes: tuple[str, ...] = ()


def recommend(points: Points, grid: Sequence[Axis], least: str | None = None) -> Recommended:
    """The point of `grid` that holds all limits and has the fewest devices, or the least (best) of the metric `least`.

    Along keys that rise, the first point that holds is found by bisection, line by line, taking it that more holds
    more; neighbours of the answer are tried to see whether that is so, and where it is not, all points are. Raises
    SpecError where the scenario has no limits, where a value is wrong, or where nothing holds.
    """
    limits(points.scenario)
    points.check(_corners(grid))
    search = _Search(points, grid)
    try:
        found = search.minimal()
        best = min(found, key=lambda place: search.rank(place, least)) if found else None
        best, notes = search.settled(best, least)
    finally:
        points.keep()
    if best is None:
        last = search.tried[-1]
        raise SpecError(f"the most that --vary allows does not hold the limits: {last[0].name}: {last[1].text}")
    bound = [search.at(below) for below in search.below(best)]
    point = search.at(best)[0]
    return Recommended(point, tuple(bound), devices_of(point), tuple(search.tried), tuple(notes))


def devices_of(tried: Tried) -> int:
    """Devices of own pools."""
    assert tried.scenario is not None, tried
    own = (pool for pool in tried.scenario["fleet"].values() if pool["hosted"] is None)
    return sum(pool["replicas"] * pool["tensor_parallel"] * pool["pipeline_parallel"] for pool in own)


def _corners(grid: Sequence[Axis]) -> list[dict[str, object]]:
    """Points at which every value of every key is seen, or the ends of those that rise."""
    first = {axis.key: axis.values[0] for axis in grid}
    return [
        {**first, axis.key: value}
        for axis in grid
        for value in ((axis.values[0], axis.values[-1]) if axis.rises else axis.values)
    ]


class _Search:
    """A grid whose points are tried when they are asked for."""

    def __init__(self, points: Points, grid: Sequence[Axis]) -> None:
        self.points, self.grid = points, grid
        self.places: dict[Place, None] = {}  # that were tried

    @property
    def tried(self) -> list[tuple[Tried, Judged]]:
        return [(one, judge(one)) for one in self.points.tried]

    def at(self, *places: Place) -> tuple[Tried, Judged]:
        """What the first of `places` says; all of them are tried."""
        values = [{axis.key: axis.values[i] for axis, i in zip(self.grid, place, strict=True)} for place in places]
        one = self.points.at(values)[0]
        self.places |= dict.fromkeys(places)
        return one, judge(one)

    def holds(self, place: Place) -> bool:
        return self.at(place)[1].holds

    def minimal(self) -> list[Place]:
        """Points that hold, and no smaller one does; all that hold where no key rises."""
        *others, last = self.grid
        if not last.rises:
            every = list(itertools.product(*(range(len(axis.values)) for axis in self.grid)))
            self.at(*every)
            return [place for place in every if self.holds(place)]
        found: list[Place] = []
        for line in itertools.product(*(range(len(axis.values)) for axis in others)):
            above = [place[-1] for place in found if self._is_below(place[:-1], line)]
            first = self._first_of(line, len(last.values) - 1, min(above, default=None))
            if first is not None:
                found.append((*line, first))
        return found

    def _is_below(self, line: Place, other: Place) -> bool:
        """Whether what holds on `line` holds on `other`, too: no less of keys that rise, the same of the others."""
        pairs = zip(self.grid, line, other, strict=False)
        return all(a <= b if axis.rises else a == b for axis, a, b in pairs)

    def _first_of(self, line: Place, top: int, known: int | None) -> int | None:
        """The first point of a line that holds, below `known`, which is known to."""
        if known is None:
            self.at((*line, 0), (*line, top))
            if self.holds((*line, 0)):
                return 0
            if not self.holds((*line, top)):
                return None
            low, high = 0, top
        elif known == 0 or not self.holds((*line, known - 1)):
            return None  # no smaller one than another line's
        else:
            low, high = -1, known - 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.holds((*line, middle)) else (middle, high)
        return high

    def rank(self, place: Place, least: str | None) -> tuple[float, float, Place]:
        """What is least where it is best; of equal ones the cheapest, and the first."""
        one = self.at(place)[0]
        cost = self._value(one, "cost_usd_per_query")
        return (devices_of(one) if least is None else self._value(one, least), cost, place)

    def _value(self, one: Tried, key: str) -> float:
        assert one.summary is not None, one
        mean = one.summary.metrics[key].mean
        if mean is None:
            return float("inf")
        return mean if of_key(key)[0].better == "lower" else -mean

    def below(self, place: Place) -> list[Place]:
        """One step less of each key that rises."""
        return self._steps(place, -1)

    def _steps(self, place: Place, by: int) -> list[Place]:
        return [
            (*place[:i], place[i] + by, *place[i + 1 :])
            for i, axis in enumerate(self.grid)
            if axis.rises and 0 <= place[i] + by < len(axis.values)
        ]

    def settled(self, best: Place | None, least: str | None) -> tuple[Place | None, list[str]]:
        """The answer after a look at its neighbours, and what they said against it."""
        notes: list[str] = []
        while best is not None:
            below, above = self._steps(best, -1), self._steps(best, 1)
            if below or above:
                self.at(*below, *above)
            if odd := self._odd():
                notes.append(
                    f"more does not always hold more: {self.at(odd[0])[0].name} does, {self.at(odd[1])[0].name} not"
                )
                return self._scanned(best, least, notes)
            better = [place for place in above if self.rank(place, least) < self.rank(best, least)]
            if not better:
                return best, notes
            best = min(better, key=lambda place: self.rank(place, least))
        return best, notes

    def _odd(self) -> tuple[Place, Place] | None:
        """A point that holds and one with more that does not, if there are such among those tried."""
        held = [place for place in self.places if self.holds(place)]
        missing = [place for place in self.places if not self.holds(place)]
        pairs = itertools.product(held, missing)
        return next(((one, other) for one, other in pairs if self._is_below(one, other)), None)

    def _scanned(self, best: Place | None, least: str | None, notes: list[str]) -> tuple[Place | None, list[str]]:
        """The best of all points, or of those tried where there are too many."""
        every = list(itertools.product(*(range(len(axis.values)) for axis in self.grid)))
        if prod(len(axis.values) for axis in self.grid) <= MOST_SCANNED:
            self.at(*every)
            notes.append(f"all {len(every)} points were tried")
        else:
            every = list(self.places)
            notes.append(f"the best of the {len(every)} points tried")
        holding = [place for place in every if self.holds(place)]
        return (min(holding, key=lambda place: self.rank(place, least)) if holding else best), notes
