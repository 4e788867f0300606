"""The points of a sweep, each loaded and checked before any runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from simulator.spec.errors import Problem, SpecError
from simulator.spec.load import Scenario, read
from simulator.spec.merge import Override
from simulator.spec.reader import Document
from simulator.spec.sweep import SweepSpec
from simulator.sweeping.points import Values, count, overrides, points

MOST_POINTS = 100_000
MOST_PROBLEMS = 20  # of one sweep: where there are more, they are likely the same


class Point(NamedTuple):
    """A point: the values of the varied keys, all that is laid over the file, and the scenario that this makes."""

    values: Values
    laid: tuple[Override, ...]
    scenario: Scenario


def loaded(
    source: str | Path,
    spec: SweepSpec,
    sets: Sequence[str | Override] = (),
    profiles: Iterable[str | Path] = (),
    origin: str | None = "sweep",
) -> Iterator[Point]:
    """Every point that is right, in order; at the end SpecError with the mistakes of the others, each told once.

    Mistakes name `origin`; where it is None, the place in the scenario's file where the key is varied.
    """
    total = count(spec)
    if total > MOST_POINTS:
        raise SpecError(
            [Problem(origin or str(source), "", f"{total:,} points: at most {MOST_POINTS:,} are run in one sweep")]
        )
    given = tuple(each if isinstance(each, Override) else Override.of(each) for each in sets)
    file = read(source, profiles)
    places = _places(file.document) if origin is None else {}
    problems: dict[str, Problem] = {}
    for values in points(spec):
        laid = (*given, *overrides(values, places, origin or "sweep"))
        try:
            scenario = file.scenario(laid)
        except SpecError as error:
            problems |= {str(problem): problem for problem in error.problems}
            if len(problems) > MOST_PROBLEMS:
                break
        else:
            yield Point(values, laid, scenario)
    if problems:
        raise SpecError(list(problems.values()))


def _places(document: Document) -> dict[str, str]:
    """Where in the file each key is varied."""
    found: dict[str, str] = {}
    for keys, spot in document.spots.items():
        match keys:
            case (
                ("sweep", "grid" | "zip", str(key))
                | ("sweep", "list", _, str(key))
                | ("sweep", "sample", "over", str(key))
            ):
                found.setdefault(key, spot.key)
    return found
