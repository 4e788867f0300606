"""What a search varies, as a command line has it: `KEY=1..16`, `KEY=0.1..0.9`, `KEY=a,b,c`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simulator.spec.errors import Problem, SpecError
from simulator.spec.reader import parse_value

_WHOLE = re.compile(r"[+-]?\d+")
_RANGE = re.compile(r"(.+?)\.\.(.+)")
MOST = 100_000


@dataclass(frozen=True)
class Span:
    """All numbers from `low` to `high`: whole ones, or any."""

    key: str
    low: float
    high: float
    whole: bool

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values at which to check that the key can be varied."""
        return (self.low, self.high)


@dataclass(frozen=True)
class Choice:
    """One of several values."""

    key: str
    values: tuple[Any, ...]

    @property
    def ends(self) -> tuple[Any, ...]:
        """As of a span: any may be wrong by itself."""
        return self.values


Dimension = Span | Choice


@dataclass(frozen=True)
class Axis:
    """Values to search in turn; `rises`: whoever holds the limits at one value is thought to hold them at all later."""

    key: str
    values: tuple[Any, ...]
    rises: bool


def space(texts: Sequence[str]) -> list[Dimension]:
    """What is varied. SpecError where it is not written so, or a key comes twice."""
    found: dict[str, Dimension] = {}
    for text in texts:
        key, equals, said = (part.strip() for part in text.partition("="))
        if not equals or not key or not said:
            raise _wrong(text, "write it as dotted.key=1..16 or dotted.key=a,b,c")
        if key in found:
            raise _wrong(text, f"{key!r} is given twice")
        found[key] = _dimension(key, said, text)
    if not found:
        raise SpecError("--vary: say what may be varied: --vary fleet.edge.replicas=1..16")
    return list(found.values())


def _dimension(key: str, said: str, text: str) -> Dimension:
    origin = f"--vary {text}"
    if span := _RANGE.fullmatch(said):
        low, high = (parse_value(end.strip(), origin) for end in span.groups())
        for end in (low, high):
            if isinstance(end, bool) or not isinstance(end, int | float):
                raise _wrong(text, f"a range is between two numbers, not {end!r}")
        if not low < high:
            raise _wrong(text, f"from {low:g} to {high:g} is no range")
        return Span(key, low, high, all(_WHOLE.fullmatch(end.strip()) for end in span.groups()))
    values = parse_value(said if said.startswith("[") else f"[{said}]", origin)
    if not isinstance(values, list) or not values:
        raise _wrong(text, "has no values: write 1..16 or a,b,c")
    return Choice(key, tuple(values))


def axes(dimensions: Sequence[Dimension]) -> list[Axis]:
    """The same as values in turn, for a search that tries points of a grid: those that rise come last.

    Ranges and rising lists of whole numbers rise; all else is tried value by value.
    """
    found = []
    for one in dimensions:
        if isinstance(one, Choice):
            whole = all(isinstance(value, int) and not isinstance(value, bool) for value in one.values)
            rises = whole and len(one.values) > 1 and list(one.values) == sorted(set(one.values))
            found.append(Axis(one.key, one.values, rises))
        elif not one.whole:
            raise _wrong(f"{one.key}={one.low:g}..{one.high:g}", "between these are countless values: list some")
        elif one.high - one.low >= MOST:
            raise _wrong(f"{one.key}={one.low:g}..{one.high:g}", f"is more than {MOST:,} values")
        else:
            found.append(Axis(one.key, tuple(range(int(one.low), int(one.high) + 1)), True))
    return sorted(found, key=lambda axis: axis.rises)


def _wrong(text: str, why: str) -> SpecError:
    return SpecError([Problem(f"--vary {text}", "", why)])
