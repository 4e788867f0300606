"""Parallel coordinates: a line a point, through what was varied and what came of it; ranges to brush on each axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from analysis.report.figure import SCALE, Choice, Figure, absent, rounded, shown
from analysis.report.sweep.swept import Swept
from simulator.records.metrics import NAMED

NAME, TITLE = "parallel", "What goes with what"
LABELS = 24  # ticks of an axis of names
LONG = 20  # characters of a tick
READING = (
    "Each line is a point of the sweep: first the varied keys, then what came of them. The colour is the chosen "
    "metric; blue is better. Drag along an axis to keep the lines that cross there (the table of points shows the same "
    "ones), and drag a name to move its axis."
)


def parallel(swept: Swept) -> Figure:
    """Every finished point as a line over the varied keys and the headline metrics that all points have."""
    metrics = [key for key in swept.headlines if swept.rows[key].notna().all()]
    if not metrics:
        return absent(NAME, TITLE, "No metric has a value at every point with a result.")
    heads = {key: swept.head(key) for key in metrics}
    choice = Choice("colour", "colour", heads, next(filter(swept.differs, metrics), metrics[0]))
    dimensions = [*(_varied(swept, key) for key in swept.varied), *(_metric(swept, key) for key in metrics)]
    inside = {"points": list(swept.results), "dimensions": dimensions, "colours": SCALE}
    data = swept.table[["point", *swept.varied, *metrics]]
    return Figure(NAME, TITLE, READING, data, choices=(choice,), script="parallel.js", inside=inside, webgl=True)


def _metric(swept: Swept, key: str) -> dict[str, Any]:
    values = swept.rows[key].to_numpy(np.float64) * swept.scale(key).factor
    reverse = NAMED[key.partition(".")[0]].better == "higher"
    return {"key": key, "label": shown(swept.head(key)), "values": rounded(values), "reversed": reverse}


def _varied(swept: Swept, key: str) -> dict[str, Any]:
    """A varied key: numbers as they are; all else as the names of places on the axis, in the order of the points."""
    label = shown(_last(swept, key))
    given: list[Any] = [swept.index.points[number].values.get(key) for number in swept.results]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in given):
        found = sorted(set(given))
        ticks = {"places": found, "texts": [f"{value:g}" for value in found]} if len(found) <= LABELS // 2 else None
        return {"key": key, "label": label, "values": rounded(given), "ticks": ticks}
    told = [swept.words[key][number] for number in swept.results]
    names = list(dict.fromkeys(told))
    at = {name: place for place, name in enumerate(names)}
    places = range(0, len(names), -(-len(names) // LABELS))
    # Plotly shows these as they are: a name in them does nothing, and what is escaped would be read as it is.
    texts = _short([names[place] for place in places])
    ticks = {"places": list(places), "texts": texts}
    return {"key": key, "label": label, "values": [at[name] for name in told], "ticks": ticks}


def _short(names: list[str]) -> list[str]:
    """The names without their middles, where these do not tell them apart: Plotly finds a tick by its text."""
    half = (LONG - 1) // 2
    told = [name if len(name) <= LONG else f"{name[:half]}…{name[-half:]}" for name in names]
    return told if len(set(told)) == len(names) else names


def _last(swept: Swept, key: str) -> str:
    """The last two parts of a varied key, where no other key ends so."""
    ends = [".".join(each.split(".")[-2:]) for each in swept.varied]
    end = ".".join(key.split(".")[-2:])
    return end if ends.count(end) == 1 else key
