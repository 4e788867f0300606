"""The best trade-offs among points with several objectives, and which of them chance may have chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import hypot

import numpy as np

from simulator.metrics.intervals import student_half
from simulator.records.summary import Estimate
from simulator.searching.points import Tried


@dataclass(frozen=True)
class Objective:
    """A metric to make small (or large, with `largest`); `key` as in the summary."""

    key: str
    largest: bool = False

    @property
    def sign(self) -> float:
        """-1 where larger is better: costs are then compared."""
        return -1.0 if self.largest else 1.0


@dataclass(frozen=True)
class Placed:
    """A point of the set. `tied` are the places in the set of points that may be as good: see `front`."""

    tried: Tried
    is_front: bool
    tied: tuple[int, ...]


def costs(tried: Tried, objectives: Sequence[Objective]) -> list[float] | None:
    """The objectives as numbers to make small; None where one is undefined."""
    if tried.summary is None:
        return None
    found = []
    for one in objectives:
        mean = tried.summary.metrics[one.key].mean
        if mean is None:
            return None
        found.append(one.sign * mean)
    return found


def front(points: Sequence[Tried], objectives: Sequence[Objective]) -> list[Placed]:
    """Points that no other dominates, by the first objective, and those that none dominates clearly.

    One dominates another if its means are no worse in all objectives and better in one; clearly, if in one of these
    the 95 % interval of the difference leaves out 0. Two points of the set are tied where it does so in no objective.
    """
    known = [(one, value) for one in points if (value := costs(one, objectives)) is not None]
    if not known:
        return []
    mean = np.array([value for _, value in known])
    dominates = np.all(mean[:, None] <= mean[None], axis=2) & np.any(mean[:, None] < mean[None], axis=2)
    kept = [
        i
        for i, (one, _) in enumerate(known)
        if not any(_differ(known[j][0], one, objectives) for j in np.flatnonzero(dominates[:, i]))
    ]
    kept.sort(key=lambda i: tuple(mean[i]))
    placed = [known[i][0] for i in kept]
    return [
        Placed(one, not dominates[:, i].any(), tuple(_tied(n, placed, objectives)))
        for n, (i, one) in enumerate(zip(kept, placed, strict=True))
    ]


def _tied(number: int, points: Sequence[Tried], objectives: Sequence[Objective]) -> Iterator[int]:
    """Places of the points that do not differ from one of them."""
    for other, point in enumerate(points):
        if other != number and not _differ(points[number], point, objectives):
            yield other


def _differ(one: Tried, other: Tried, objectives: Sequence[Objective]) -> bool:
    """Whether some objective differs by more than chance; of points without intervals any difference does."""
    assert one.summary is not None, one
    assert other.summary is not None, other
    for objective in objectives:
        a, b = one.summary.metrics[objective.key], other.summary.metrics[objective.key]
        assert a.mean is not None, objective
        assert b.mean is not None, objective
        half = _half(a, b, _meet(one, other))
        if abs(a.mean - b.mean) > half:
            return True
    return False


def _half(a: Estimate, b: Estimate, paired: bool) -> float:
    """Half-width of the interval of a difference: over replications pair by pair, or of both intervals together."""
    if paired and len(a.each) > 1:
        each = np.array(a.each, np.float64) - np.array(b.each, np.float64)
        return student_half(each.tolist())
    return hypot(*(0.0 if t.ci_low is None or t.ci_high is None else (t.ci_high - t.ci_low) / 2 for t in (a, b)))


def _meet(one: Tried, other: Tried) -> bool:
    """Whether both meet the same queries: the same seed, run and workload."""
    assert one.scenario is not None, one
    assert other.scenario is not None, other
    return all(one.scenario[key] == other.scenario[key] for key in ("seed", "run", "workload"))
