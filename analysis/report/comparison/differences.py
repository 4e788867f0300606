"""The dot plot of a comparison: each difference to the reference, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

import pandas as pd

from analysis.report.comparison.tables import both, interval, points, signed, unit
from analysis.report.figure import Choice, Figure, Pools, absent, rounded, shown
from simulator.records.compared import Compared, Difference
from simulator.records.metrics import head, title_of

RELATIVE = "relative"
BEYOND = 300.0  # per cent, beyond which a difference is drawn at the edge: it would press all others together
SPREAD = 0.6  # of the height of a row, over which its dots are
MEAN = {"lower": "▼", "higher": "▲"}


def dots(reference: str, compared: Sequence[Compared], colours: Pools) -> Figure:
    """Differences of all metrics in per cent of the reference; a list has those of each metric in its own unit."""
    name, title_ = "differences", "Differences to the reference"
    known = [(one, each) for one in compared for each in one.differences if each.diff is not None]
    if not known:
        return absent(name, title_, "No metric has a value in the reference and in another run.")
    data = pd.DataFrame(
        [
            {
                **{"run": one.name, "metric": each.metric, "unit": each.unit, "better": each.better},
                **{"reference": each.a, "value": each.b, "diff": each.diff, "ci_low": each.ci_low},
                **{"ci_high": each.ci_high, "paired": one.paired, "verdict": each.verdict},
            }
            for one, each in known
        ]
    )
    keys = list(dict.fromkeys(each.metric for _, each in known))
    percentages = [key for key in keys if any(each.a for _, each in known if each.metric == key)]
    options = {key: title_of(key) for key in keys}
    versions = {key: _absolute(key, compared, colours) for key in keys}
    if percentages:
        options = {RELATIVE: "all metrics, in % of the reference", **options}
        versions = {RELATIVE: _relative(reference, percentages, compared, colours), **versions}
    reading = (
        f"A dot is how much more or less a run has than {reference}, its line the 95 % interval: a filled dot is a "
        "clear difference, a hollow one may be chance. Of metrics with ▼ less is better, of those with ▲ more."
    )
    if any(100 * abs(each.diff or 0.0) > BEYOND * each.a for _, each in known if each.a):
        reading += f" An arrow stands at the edge for more than {BEYOND:g} %."
    choice = Choice("of", "difference in", options, next(iter(options)))
    return Figure(name, title_, reading, data, choices=(choice,), versions=versions)


def _relative(
    reference: str, keys: Sequence[str], compared: Sequence[Compared], colours: Pools
) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    """Traces and layout: metrics from top to bottom, the runs of each beside each other."""
    better = {each.metric: each.better for one in compared for each in one.differences}
    step = SPREAD / len(compared)
    traces = []
    for number, one in enumerate(compared):
        there = [each for each in one.differences if each.metric in keys and each.diff is not None and each.a]
        offset = (number - (len(compared) - 1) / 2) * step
        y = [keys.index(each.metric) + offset for each in there]
        traces.append(_trace(one.name, there, [100 / (each.a or 1.0) for each in there], y, colours, BEYOND))
    labels = ["<br>".join([*wrap(title_of(key), 20)]) + f" {MEAN[better[key]]}" for key in keys]
    layout = {
        "xaxis": {"title": {"text": f"difference [% of {shown(reference)}]"}, "rangemode": "tozero"},
        "yaxis": {"tickvals": list(range(len(keys))), "ticktext": labels, "range": [len(keys) - 0.5, -0.5]},
        "shapes": [_zero()],
        "height": 110 + len(keys) * (26 + 9 * len(compared)),
    }
    return tuple(traces), layout


def _absolute(
    key: str, compared: Sequence[Compared], colours: Pools
) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    """Traces and layout of one metric: the runs from top to bottom."""
    known = [[each for each in one.differences if each.metric == key and each.diff is not None] for one in compared]
    first = next(each for there in known for each in there)
    of, traces = points(unit(first)), []
    for number, (one, there) in enumerate(zip(compared, known, strict=True)):
        drawn = _trace(one.name, there, [of.factor] * len(there), [number] * len(there), colours)
        traces.append({**drawn, "showlegend": False})  # the names stand at the axis
    names = ["<br>".join(shown(part) for part in wrap(one.name, 20)) for one in compared]
    layout = {
        "xaxis": {
            "title": {"text": f"{MEAN[first.better]} difference in {head(key, of.unit)}"},
            "rangemode": "tozero",
        },
        "yaxis": {"tickvals": list(range(len(names))), "ticktext": names, "range": [len(names) - 0.5, -0.5]},
        "shapes": [_zero()],
        "height": 110 + 50 * len(names),
    }
    return tuple(traces), layout


def _trace(
    name: str,
    there: Sequence[Difference],
    factors: Sequence[float],
    y: Sequence[float],
    colours: Pools,
    beyond: float = float("inf"),
) -> dict[str, Any]:
    """The dots of a run: differences times `factors`, at the heights `y`."""
    x = [factor * (each.diff or 0.0) for each, factor in zip(there, factors, strict=True)]
    inside = [abs(value) <= beyond for value in x]
    ends = [
        [factor * ((end or 0.0) - (each.diff or 0.0)) if end is not None and is_in else 0.0 for end in both]
        for each, factor, is_in in zip(there, factors, inside, strict=True)
        for both in [(each.ci_low, each.ci_high)]
    ]
    symbols = [
        ("triangle-right" if value > 0 else "triangle-left") if not is_in else "circle" if each.clear else "circle-open"
        for each, value, is_in in zip(there, x, inside, strict=True)
    ]
    mark = {"width": 2, "color": colours.colour(name)}
    return {
        **{"type": "scatter", "mode": "markers", "name": shown(name)},
        "x": rounded(max(-beyond, min(beyond, value)) for value in x),
        "y": rounded(y),
        "error_x": {
            **{"type": "data", "symmetric": False, "thickness": 2, "width": 4, "color": colours.colour(name)},
            "array": rounded(high for _, high in ends),
            "arrayminus": rounded(-low for low, _ in ends),
        },
        "marker": {"color": colours.colour(name), "size": 10, "symbol": symbols, "line": mark},
        "customdata": [_hover(each) for each in there],
        "hovertemplate": "%{customdata[0]}: %{customdata[1]} (%{customdata[2]})<br>%{customdata[3]}, %{customdata[4]}"
        "<extra>%{fullData.name}</extra>",
    }


def _hover(each: Difference) -> list[str]:
    return [title_of(each.metric), signed(each), interval(each), " → ".join(both(each)), shown(each.verdict)]


def _zero() -> dict[str, Any]:
    """The line on which nothing differs."""
    return {"type": "line", "xref": "x", "yref": "paper", "x0": 0, "x1": 0, "y0": 0, "y1": 1, "line": "ink"}
