"""Parallel coordinates: a line a point, through what was varied and what came of it; ranges to brush on each axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis.report.figure import Choice, Figure, absent, rounded, shown
from analysis.report.sweep.swept import Swept, text

NAME, TITLE = "parallel", "What goes with what"
LABELS = 24  # ticks of an axis of names
LONG = 28  # characters of a tick
READING = (
    "Each line is a point of the sweep, coloured by the chosen metric: first the varied keys, then what came of them. "
    "Drag along an axis to keep the lines that cross there (the table of points shows the same ones), click beside the "
    "bar to let go, and drag a name to move its axis."
)


def parallel(swept: Swept) -> Figure:
    """Every finished point as a line over the varied keys and the headline metrics that all points have."""
    metrics = [key for key in swept.headlines if swept.rows[key].notna().all()]
    if not metrics:
        return absent(NAME, TITLE, "No metric has a value at every point with a result.")
    heads = {key: swept.head(key) for key in metrics}
    spread = [key for key in metrics if swept.rows[key].nunique() > 1]
    choice = Choice("colour", "colour", heads, (spread or metrics)[0])
    dimensions = [*(_varied(swept, key) for key in swept.varied), *(_metric(swept, key) for key in metrics)]
    inside = {"points": list(swept.results), "dimensions": dimensions}
    data = swept.rows[["point", *swept.varied, *metrics]]
    return Figure(NAME, TITLE, READING, data, choices=(choice,), script="parallel.js", inside=inside)


def _metric(swept: Swept, key: str) -> dict[str, Any]:
    values = swept.rows[key].to_numpy(np.float64) * swept.scale(key).factor
    return {"key": key, "label": shown(swept.head(key)), "values": rounded(values)}


def _varied(swept: Swept, key: str) -> dict[str, Any]:
    """Numbers as they are; all else as the names of places on the axis, in the order of the points."""
    given: list[Any] = [swept.index.points[number].values.get(key) for number in swept.results]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in given):
        return {
            "key": key,
            "label": shown(key),
            "values": rounded(given),
            "whole": all(isinstance(value, int) for value in given),
        }
    told = [text(value) if value is not None else "as in the file" for value in given]
    names = list(dict.fromkeys(told))
    at = {name: place for place, name in enumerate(names)}
    every = -(-len(names) // LABELS)
    ticks = [shown(_short(name)) if place % every == 0 else "" for place, name in enumerate(names)]
    return {"key": key, "label": shown(key), "values": [at[name] for name in told], "ticks": ticks}


def _short(name: str) -> str:
    return name if len(name) <= LONG else f"{name[: LONG - 1]}…"
