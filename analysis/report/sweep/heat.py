"""One metric over two of the parameters that vary, as colours."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.report.figure import Choice, Figure, absent, rounded, shown
from analysis.report.sweep.lines import NOT_SET, NOTHING, said
from analysis.report.sweep.swept import Swept
from simulator.records.metrics import title_of

NAME, TITLE = "heat", "Two parameters at once"
USUAL = ("accuracy", "ttft_s.p95", "energy_j_per_query")  # what is shown first: the first limit's metric, else these
READING = (
    "Each cell is the metric at two values; yellow is most, dark blue least, and a cross marks where a limit is missed"
)


def heat(swept: Swept) -> Figure:
    """Any metric over any two varied keys: a cell is the mean over all points that have its two values."""
    if swept.rows.empty or not swept.metrics:
        return absent(NAME, TITLE, NOTHING)
    values = {key: _values(swept, key) for key in swept.varied}
    keys = [key for key, order in values.items() if len(order) > 1]
    if len(keys) < 2:
        return absent(
            NAME, TITLE, f"{'one key varies' if keys else 'no key varies'}; a map of two parameters needs two."
        )
    metrics = {key: title_of(key) for key in swept.metrics}
    choices = [Choice("metric", "metric", metrics, _first(swept))]
    if len(keys) > 2:
        named = dict(zip(keys, keys, strict=True))
        choices += [Choice("across", "across", named, keys[0]), Choice("up", "up", named, keys[1])]
    reading = READING + (
        "; the other keys that vary are averaged over, with the smallest and the largest in the label. "
        if len(keys) > 2
        else ". "
    )
    reading += "Where the points make no grid, each is a dot."
    inside = {
        "keys": [_key(swept, key, values[key]) for key in keys],
        "metrics": {key: _metric(swept, key) for key in metrics},
        "holds": [all(held.met for held in result.summary.slos) for result in swept.results.values()],
        "limits": any(result.summary.slos for result in swept.results.values()),
    }
    columns = [name for key in metrics for name in (key, f"{key}.ci_low", f"{key}.ci_high")]
    text = {key: [_said(swept, number, key) for number in swept.rows["point"]] for key in keys}
    data = swept.rows[["point", *columns]].assign(**text)[["point", *keys, *columns]]
    return Figure(NAME, TITLE, reading, data, choices=tuple(choices), script="heat.js", inside=inside)


def _said(swept: Swept, number: int, key: str) -> str:
    values = swept.index.points[number].values
    return said(values[key]) if key in values else NOT_SET


def _values(swept: Swept, key: str) -> list[str]:
    """What the points with a result have at `key`: numbers by size, else in order of points."""
    found: dict[str, Any] = {}
    for number in swept.rows["point"]:
        found.setdefault(_said(swept, number, key), swept.index.points[number].values.get(key))
    return sorted(found, key=lambda name: found[name]) if all(map(_is_number, found.values())) else list(found)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _key(swept: Swept, key: str, order: list[str]) -> dict[str, Any]:
    """A key for the browser: its values in order, and which one each point has; as numbers, where they are."""
    there = [swept.index.points[number].values.get(key) for number in swept.rows["point"]]
    numbers = rounded(there) if all(map(_is_number, there)) else None
    at = [order.index(_said(swept, number, key)) for number in swept.rows["point"]]
    return {"name": key, "values": [shown(name) for name in order], "at": at, "numbers": numbers}


def _metric(swept: Swept, key: str) -> dict[str, Any]:
    """A metric for the browser: means and ends of intervals in the unit that is drawn."""
    unit, scale = swept.scale(key)
    mean, low, high = (rounded(scale * _column(swept, name)) for name in (key, f"{key}.ci_low", f"{key}.ci_high"))
    return {"title": shown(swept.head(key)), "unit": unit, "mean": mean, "low": low, "high": high}


def _column(swept: Swept, name: str) -> pd.Series:
    return swept.rows[name].astype(float)


def _first(swept: Swept) -> str:
    """The metric that a limit is on, if any; else a usual one."""
    limits = [held.key for result in swept.results.values() for held in result.summary.slos]
    return next(key for key in (*limits, *USUAL, *swept.metrics) if key in swept.metrics)
