"""Values of a grid as a command line has them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from simulator.spec.errors import Problem, SpecError
from simulator.spec.reader import parse_value

_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")
MOST = 100_000


def grid_of(texts: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    """`KEY=1,2,4`, `KEY=1..16` (whole numbers) or `KEY=[a, b]`, as keys and values. SpecError for anything else."""
    found: dict[str, tuple[Any, ...]] = {}
    for text in texts:
        origin = f"--grid {text}"
        key, equals, said = text.partition("=")
        if not equals or not key.strip():
            raise SpecError([Problem(origin, "", "write it as dotted.key=1,2,4 or dotted.key=1..16")])
        if key.strip() in found:
            raise SpecError([Problem(origin, "", f"{key.strip()!r} is given twice")])
        found[key.strip()] = _values(said.strip(), origin)
    return found


def _values(said: str, origin: str) -> tuple[Any, ...]:
    if span := _RANGE.fullmatch(said):
        low, high = map(int, span.groups())
        if low > high or high - low >= MOST:
            raise SpecError([Problem(origin, "", f"from {low} to {high} is no range of up to {MOST:,} numbers")])
        return tuple(range(low, high + 1))
    values = parse_value(said if said.startswith("[") else f"[{said}]", origin)
    if not isinstance(values, list) or not values:
        raise SpecError([Problem(origin, "", "has no values: write 1,2,4 or 1..16")])
    return tuple(values)
