"""The deferral curve: what points of a policy come to over the share of queries that the strong pool answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.report.figure import Choice, Figure, Pools, absent, rounded, shown
from analysis.report.run.tables import title
from analysis.report.sweep import area
from analysis.report.sweep.lines import axis, bars, interval, named, of_policy, scaled
from analysis.report.sweep.swept import Swept
from analysis.report.sweep.truth import Floats
from analysis.report.sweep.world import SAME, End, World, worlds

NAME, TITLE = "deferral", "Deferral curve"
METRICS = (
    *("accuracy", "energy_j_per_query", "energy_j_per_correct", "cost_usd_per_query", "co2_g_per_query"),
    *("ttft_s.mean", "ttft_s.p95", "e2e_s.mean", "e2e_s.p95"),
)
READING = (
    "Each dot is a point of the sweep: the share of its finished queries that {strong} answers (in a cascade of two, "
    "the share escalated), and what that comes to; bars are 95 % intervals. "
)
HULL = (
    "The hull is the best that coins between points reach. These lines are of accuracy only: joules and seconds depend "
    "on the load, so a coin does not mix them. AUDC is the mean accuracy along a curve, APGR the mean share of the gap "
    "between both pools that it closes (a coin: 0.5)"
)


def deferral(swept: Swept) -> Figure:
    """Accuracy, and what it takes, over the share that the strong pool answers; with chord, hull, oracle and area."""
    if "accuracy" not in swept.metrics:
        return absent(NAME, TITLE, "no point has an accuracy, since no query has an item.")
    there, more = worlds(swept)
    if not there:
        return absent(NAME, TITLE, SAME)
    colours = Pools([name for world in there for name, _ in world.lines()])
    metrics = [key for key in METRICS if key in swept.metrics]
    versions = {}
    for key in metrics:
        traces = [_dots(swept, part, key, name, colours) for world in there for name, part in world.lines()]
        traces += _held_against(there) if key == "accuracy" else []
        versions[key] = tuple(traces), {"yaxis": {"title": {"text": axis(swept, key)}}}
    choice = Choice("metric", "over the share", {key: title(key) for key in metrics}, "accuracy")
    strong = there[0].strong
    reading = READING.format(strong=strong) + _said(there)
    reading += f" {more} more combinations of the other keys are not drawn." if more else ""
    share = {"title": {"text": f"answered by {shown(strong)} [%]"}, "range": [-3, 103]}
    layout = {"xaxis": share, "hovermode": "closest"}
    return Figure(NAME, TITLE, reading, _data(there, metrics), (), layout, choices=(choice,), versions=versions)


def _dots(swept: Swept, part: pd.DataFrame, key: str, name: str, colours: Pools) -> dict[str, Any]:
    """Points of one policy in one world; joined where a single number of the policy varies."""
    part = part[part[key].notna()]
    unit, scale = scaled(swept, key)
    is_line = sum(part[each].astype(str).nunique() > 1 for each in of_policy(swept)) <= 1
    ends = zip(part["point"], part[f"{key}.ci_low"], part[f"{key}.ci_high"], strict=True)
    return {
        **{"type": "scatter", "mode": "lines+markers" if is_line else "markers", "name": shown(name)},
        **{"line": colours.line(name), "marker": {"size": 8, "color": colours.colour(name)}},
        "x": rounded(100 * part["strong_share"]),
        "y": rounded(scale * part[key]),
        "error_y": bars(part, key, scale),
        "text": [
            shown(named(swept.index.points[number].values, swept.varied)) + interval(low, high, scale)
            for number, low, high in ends
        ],
        "hovertemplate": f"%{{x:.1f}} %: %{{y:.4g}} {unit}<br>%{{text}}<extra>%{{fullData.name}}</extra>",
    }


def _straight(world: World) -> Iterator[tuple[str, dict[str, Any], Floats, Floats]]:
    """Name, look, shares and accuracies of the lines that a world's points are held against."""
    weak, strong = world.ends
    chord = np.array([weak.share, strong.share]), np.array([weak.accuracy, strong.accuracy])
    yield "random chord", {"color": "faint", "dash": "dot", "width": 2}, *chord
    yield "hull", {"color": "faint", "dash": "dash", "width": 1.5}, *area.hull(*world.curve(world.rows))
    if world.oracle is not None:
        yield "oracle", {"color": "ink", "width": 1.5}, *world.oracle


def _held_against(there: Sequence[World]) -> list[dict[str, Any]]:
    """Chord, hull and oracle of each world; those of the second world and on once asked for in the legend."""
    traces: dict[tuple[Any, ...], dict[str, Any]] = {}
    for number, world in enumerate(there):
        for name, look, share, quality in _straight(world):
            x, y = rounded(100 * share), rounded(100 * quality)
            trace = {
                **{"type": "scatter", "mode": "lines", "x": x, "y": y, "line": look},
                "name": shown(world.called(name) if number else name),
                "visible": "legendonly" if number else True,
                "hovertemplate": f"{name}: %{{x:.1f}} %, %{{y:.1f}} % right<extra></extra>",
            }
            traces.setdefault((name, *x, *y), trace)
    return list(traces.values())


def _said(there: Sequence[World]) -> str:
    """What the lines rest on, and the areas."""
    rests = dict.fromkeys(_rests_on(world) for world in there)
    areas = [f"{name}: {_areas(world, points)}" for world in there for name, points in world.lines()]
    return f"{' '.join(rests)} {HULL}. {'; '.join(areas)}."


def _rests_on(world: World) -> str:
    """What a world's chord and oracle rest on."""
    weak, strong = world.ends
    both = 0.0 if world.known is None else world.known.known(world.weak, world.strong)
    if world.oracle is not None and world.known is not None:
        n = "all" if both == 1 else _percent(both)
        return (
            f"The random chord is a coin between everything to {world.weak} ({_percent(weak.accuracy)} right) and to "
            f"{world.strong} ({_percent(strong.accuracy)}); the oracle sends to {world.strong} first what "
            f"{world.strong} alone gets right. Both rest on the answers themselves: over the points with the smallest "
            f"and the largest share, both pools answered {n} of the queries measured ({world.known.items:,} items)."
        )
    why = (
        "the points differ in more than the policy"
        if world.known is None
        else f"not every item was asked at both pools, only those of {_percent(both)} of the queries"
    )
    pools = zip(world.ends, (world.weak, world.strong), strict=True)
    ends = " and ".join(_end(end, pool) for end, pool in pools)
    return f"The random chord is a coin between {ends}. No oracle: {why}."


def _end(end: End, pool: str) -> str:
    what = f"everything to {pool}" if end.is_pool else f"the point with a share of {_percent(end.share)}"
    return f"{what} ({_percent(end.accuracy)} right)"


def _areas(world: World, points: pd.DataFrame) -> str:
    """AUDC and APGR of one policy in one world; why where undefined."""
    mean = area.audc(*world.curve(points))
    told = "AUDC undefined (one share only)" if np.isnan(mean) else f"AUDC {mean:.3f}"
    weak, strong = world.ends
    if not world.has_pools:
        unknown = world.strong if weak.is_pool else world.weak
        return f"{told}, APGR undefined (how often {unknown} alone is right is not known)"
    if not strong.accuracy > weak.accuracy:
        return f"{told}, APGR undefined ({world.strong} is no better than {world.weak})"
    gap, half = world.gap_recovered(points)
    told += f", APGR {gap:.2f}" if np.isnan(half) else f", APGR {gap:.2f} ± {half:.2f} (95 %, over replications)"
    if world.oracle is None:
        return told
    return f"{told}, the oracle's {area.apgr(*world.oracle, weak.accuracy, strong.accuracy):.2f}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"


def _data(there: Sequence[World], metrics: Sequence[str]) -> pd.DataFrame:
    """Points with their metrics, and the lines that accuracy is held against."""
    columns = [name for key in metrics for name in (key, f"{key}.ci_low", f"{key}.ci_high")]
    parts = []
    for world in there:
        parts += [part[["point", "strong_share", *columns]].assign(line=name) for name, part in world.lines()]
        for name, _, share, quality in _straight(world):
            parts.append(pd.DataFrame({"line": world.called(name), "strong_share": share, "accuracy": quality}))
    return pd.concat(parts, ignore_index=True)[["line", "point", "strong_share", *columns]]
