"""What a replay is: rows of a published figure, what comes of the shipped scenario, and whether the two agree."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import Literal

from simulator.metrics.value import Value

How = Literal["exact", "order", "shape"]
"""`exact`: the figure itself, from the same measurements. `order`: which of several is better. `shape`: neither, but
the size or the course of it."""


@dataclass(frozen=True)
class Row:
    """A figure as printed in `source`, and what is found here.

    `differs` is found less published, where both are numbers. `met` is None where nobody published anything.
    """

    quantity: str
    published: str
    replayed: str
    how: How
    source: str
    met: bool | None
    differs: float | None = None


@dataclass(frozen=True)
class Replay:
    """A technique or a study that is replayed; `rows` runs it.

    `tables` are the quality profiles that it reads, whose files have to be there; `scenarios` are the shipped ones that
    it runs.
    """

    title: str
    scenarios: tuple[str, ...]
    rows: Callable[[], Sequence[Row]]
    tables: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    """Further files under the folder of public data, and where they are from."""


def exact(quantity: str, published: str, replayed: float | Value, source: str, within: float | None = None) -> Row:
    """A figure that should come out as printed: to half a unit of the last digit, or `within` so much."""
    found = _number(replayed)
    allowed = 0.5 * 10.0 ** -_decimals(published) if within is None else within
    return _numbers("exact", quantity, published, found, source, allowed * (1 + 1e-9))


def shape(quantity: str, published: str, replayed: float | Value, source: str, within: float) -> Row:
    """A figure whose size should come out: to `within`, told beside it in the text."""
    return _numbers("shape", quantity, published, _number(replayed), source, within)


def relation(quantity: str, published: str, replayed: str, holds: bool, source: str, how: How = "order") -> Row:
    """Words on both sides: an order, or how a curve runs."""
    return Row(quantity, published, replayed, how, source, holds)


def answer(quantity: str, replayed: str) -> Row:
    """What nobody has published."""
    return Row(quantity, "-", replayed, "shape", "no paper has it", None)


def _numbers(how: How, quantity: str, published: str, found: float | None, source: str, allowed: float) -> Row:
    if found is None:
        return Row(quantity, published, "undefined", how, source, False)
    differs = found - float(published)
    decimals = 0 if published.isdigit() and float(found).is_integer() else max(_decimals(published) + 1, 0)
    return Row(quantity, published, f"{found:.{decimals}f}", how, source, abs(differs) <= allowed, differs)


def _number(replayed: float | Value) -> float | None:
    value = replayed.value if isinstance(replayed, Value) else replayed
    return None if value is None or not isfinite(value) else value


def _decimals(printed: str) -> int:
    """Digits after the point, less the exponent: how finely a figure is printed."""
    mantissa, _, exponent = printed.lower().partition("e")
    return len(mantissa.partition(".")[2]) - int(exponent or 0)
