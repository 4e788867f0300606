"""In which unit an axis of several runs tells a metric: one for all of them, whatever their sizes."""

from __future__ import annotations

from typing import NamedTuple

from analysis.report.run.tables import COUNTS


class Axis(NamedTuple):
    """The unit of an axis, and what base units are multiplied with."""

    label: str
    factor: float


def axis(key: str, unit: str) -> Axis:
    """The axis of a metric with the base unit `unit`."""
    if unit == "1":
        return Axis("calls", 1.0) if key in COUNTS else Axis("%", 100.0)
    return Axis("$ per 1,000 queries", 1e3) if unit == "USD" else Axis(unit, 1.0)
