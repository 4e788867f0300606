"""The deferral curve: what points of a policy come to over the share of queries that the strong pool answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from analysis.report.figure import Choice, Figure, Pools, absent, rounded, shown
from analysis.report.sweep import area
from analysis.report.sweep.lines import NOTHING, bars, interval, legend_px, listed, named, of_policy
from analysis.report.sweep.swept import Swept
from analysis.report.sweep.truth import Floats
from analysis.report.sweep.world import SAME, End, World, worlds
from simulator.records.metrics import title_of

NAME, TITLE = "deferral", "Deferral curve"
METRICS = (
    *("accuracy", "energy_j_per_query", "energy_j_per_correct", "cost_usd_per_query", "co2_g_per_query"),
    *("ttft_s.mean", "ttft_s.p95", "e2e_s.mean", "e2e_s.p95"),
)
READING = (
    "Each dot is a point of the sweep: the share of finished queries that {strong} answers (in a cascade of two, the "
    "share escalated), and what that comes to, with 95 % intervals. "
)
T = TypeVar("T", int, float)
AREAS = "AUDC is the mean accuracy along a curve, APGR the mean share of the gap that it closes (a coin: 0.5)"


def deferral(swept: Swept) -> Figure:
    """Accuracy, and what it takes, over the share that the strong pool answers; with chord, hull, oracle and area."""
    if swept.rows.empty:
        return absent(NAME, TITLE, NOTHING)
    if "accuracy" not in swept.metrics:
        return absent(NAME, TITLE, "no point has an accuracy, since no query has an item.")
    there, more = worlds(swept)
    if not there:
        return absent(NAME, TITLE, SAME)
    colours = Pools([name for world in there for name, _ in world.lines()])
    metrics = [key for key in METRICS if key in swept.metrics]
    versions = {}
    for key in metrics:
        traces = _held_against(there[0]) if key == "accuracy" else []
        traces += [_dots(swept, world, part, key, name, colours) for world in there for name, part in world.lines()]
        versions[key] = tuple(traces), {"yaxis": {"title": {"text": swept.head(key)}}}
    choice = Choice("metric", "over the share", {key: title_of(key) for key in metrics}, "accuracy")
    strong = there[0].strong
    reading = READING.format(strong=strong) + _said(there)
    reading += f" Chord, hull and oracle are those of {there[0].name}." if len(there) > 1 else ""
    reading += f" {more} more combinations of the other keys are not drawn." if more else ""
    share = {"title": {"text": f"answered by {shown(strong)} [%]"}, "range": [-3, 103]}
    layout = {"xaxis": share, "hovermode": "closest", "height": 420 + legend_px(len(colours.names))}
    return Figure(NAME, TITLE, reading, _data(there, metrics), (), layout, choices=(choice,), versions=versions)


def _dots(swept: Swept, world: World, part: pd.DataFrame, key: str, name: str, colours: Pools) -> dict[str, Any]:
    """Points of one policy in one world; joined where a single key of the policy varies, and nothing else."""
    label = name if world.known is None else f"{name}: {_areas(world, part)}"
    part = part[part[key].notna()]
    unit, scale = swept.scale(key)
    varying = sum(part[each].astype(str).nunique() > 1 for each in of_policy(swept))
    is_line = world.known is not None and varying <= 1
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
        "hovertemplate": f"%{{x:.1f}} %: %{{y:.4g}} {unit}<br>%{{text}}<extra>{shown(label)}</extra>",
    }


def _straight(world: World) -> Iterator[tuple[str, dict[str, Any], Floats, Floats]]:
    """Name, look, shares and accuracies of the lines that a world's points are held against."""
    weak, strong = world.ends
    chord = np.array([weak.share, strong.share]), np.array([weak.accuracy, strong.accuracy])
    yield "random chord", {"color": "faint", "dash": "dot", "width": 2}, *chord
    yield "hull", {"color": "faint", "dash": "dash", "width": 1.5}, *area.hull(*world.curve(world.rows))
    if world.oracle is not None:
        yield "oracle", {"color": "ink", "width": 1.5}, *world.oracle


def _held_against(world: World) -> list[dict[str, Any]]:
    """Chord, hull and oracle as they are drawn."""
    return [
        {
            **{"type": "scatter", "mode": "lines", "name": name, "line": look},
            **{"x": rounded(100 * share), "y": rounded(100 * quality)},
            "hovertemplate": f"{name}: %{{x:.1f}} %, %{{y:.1f}} % right<extra></extra>",
        }
        for name, look, share, quality in _straight(world)
    ]


def _said(there: Sequence[World]) -> str:
    """What the lines are held against, what that rests on, and the areas."""
    first = there[0]
    ends = " and ".join(
        _end([world.ends[side] for world in there], (first.weak, first.strong)[side]) for side in (0, 1)
    )
    lines = f"The random chord is a coin between {ends}, the hull what coins between points reach"
    areas = listed([f"{name}: {_areas(world, points)}" for world in there for name, points in world.lines()])
    if any(world.known is None for world in there):
        return f"{lines}: of accuracy only. No oracle and no area: the points differ in more than the policy."
    both = min(world.known.known(world.weak, world.strong) for world in there if world.known is not None)
    n = "all" if both == 1 else _percent(both)
    if any(world.oracle is None for world in there):
        why = f"not every item was asked at both pools, only those of {n} of the queries"
        return f"{lines}: both of accuracy only. No oracle: {why}. {AREAS}.{areas}"
    items = " to ".join(f"{n:,}" for n in _ends([world.known.items for world in there if world.known is not None]))
    return (
        f"{lines}, the oracle asks {first.strong} first what only {first.strong} gets right: all three of accuracy "
        f"only. Chord and oracle rest on the answers of both pools to {n} of the queries measured ({items} items). "
        f"{AREAS}.{areas}"
    )


def _end(ends: Sequence[End], pool: str) -> str:
    """One end of the chords of all worlds."""
    right = " to ".join(f"{100 * accuracy:.3g}" for accuracy in _ends([end.accuracy for end in ends]))
    share = " to ".join(f"{100 * share:.3g}" for share in _ends([end.share for end in ends]))
    what = f"everything to {pool}" if all(end.is_pool for end in ends) else f"the points with a share of {share} %"
    return f"{what} ({right} % right)"


def _ends(values: Sequence[T]) -> list[T]:
    """The least and the greatest, once where they are the same."""
    return sorted({min(values), max(values)})


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
