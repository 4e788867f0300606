"""How many queries are within all limits as the load grows, and where that ends: SLO attainment, goodput, the knee."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.report.figure import Figure, Pools, absent, rounded, shown
from analysis.report.sweep.lines import MOST, NOTHING, bars, interval, legend_px, listed, named, split
from analysis.report.sweep.swept import Swept
from simulator.records.metrics import title_of
from simulator.records.result import Result
from simulator.records.summary import Held

NAME, TITLE = "load", "SLO attainment and goodput against load"
STEADY = ("poisson", "gamma", "constant")  # arrivals whose rate_per_s is that of queries
VARIES = 0.01  # rates that differ by less are one rate
FOLLOWS = 0.5  # goodput follows the load while it grows by this part of it, at least
READING = (
    "Above, the share of queries within all limits on their times; below, how many those are a second (dotted: all). A "
    "filled dot holds every limit, an open one misses some; bars are 95 % intervals. "
)
KNEES = (
    " The knee, twice: an upright at the highest rate up to which every limit is held; a diamond where goodput stops "
    "following, that is, grows by less than half of what the load grows by until the next point. Where a queue grows "
    "without end, all this depends on how long a run is; short runs also bend early, since time until the last answer "
    "counts."
)
MIXED = "points that differ in more than the load"


class Knee(NamedTuple):
    """The highest rate up to which every limit is held, and the rate from which on goodput does not follow; or None."""

    holds_per_s: float | None
    follows_per_s: float | None


def load(swept: Swept) -> Figure:
    """Attainment and goodput over the offered rate, a line for each combination of the other keys."""
    if swept.rows.empty:
        return absent(NAME, TITLE, NOTHING)
    if not {"slo_met_frac", "goodput_per_s"} <= set(swept.metrics):
        return absent(NAME, TITLE, "the scenario has no limit ('slo') on times of queries, so none is held or missed.")
    rows = swept.rows.assign(offered_per_s=[offered_per_s(result) for result in swept.results.values()])
    rows = rows[rows["slo_met_frac"].notna() & rows["goodput_per_s"].notna() & rows["offered_per_s"].notna()]
    parts = _lines(swept, rows)
    if not parts:
        return absent(NAME, TITLE, "the offered rate does not vary.")
    drawn, is_mixed = dict(list(parts.items())[:MOST]), MIXED in parts
    colours = Pools(list(drawn))
    traces, knees, shapes = [], [], []
    for name, part in drawn.items():
        found = knee(part["offered_per_s"].tolist(), _holds(swept, part), part["goodput_per_s"].tolist())
        told = "" if is_mixed else _told(found)
        traces += [_trace(swept, part, name, told, colours, panel) for panel in (0, 1)]
        if told:
            knees.append(f"{name}: {told}" if name else f"Here {told}")
            traces += _mark(part, found, colours.colour(name), name)
            shapes += _upright(found, colours.colour(name))
    most = max(float(part["offered_per_s"].max()) for part in drawn.values())
    ideal = {"x": [0, most], "y": [0, most], "line": {"color": "faint", "dash": "dot", "width": 1.5}, "yaxis": "y2"}
    traces.append({"type": "scatter", "mode": "lines", "name": "all in time", "hoverinfo": "skip", **ideal})
    goals = _goals(swept)
    shapes += [_level(goal) for goal in goals]
    reading = (
        READING
        + _limits(swept, goals)
        + (f" Dots are {MIXED}: not joined, and without a knee." if is_mixed else KNEES + listed(knees))
    )
    reading += f" {len(parts) - MOST} more combinations are not drawn." if len(parts) > MOST else ""
    return Figure(NAME, TITLE, reading, _data(swept, drawn), tuple(traces), _layout(shapes, most, len(drawn)))


def offered_per_s(result: Result) -> float:
    """Queries that come a second: what the scenario says, or else as many as came over the time in which they came.

    NaN where all come at once, or where one comes.
    """
    classes = result.scenario.get("workload", {}).values()
    arrivals = [each.get("arrivals", {}) for each in classes]
    if arrivals and all(each.get("use") in STEADY for each in arrivals):
        return float(sum(each["rate_per_s"] for each in arrivals))
    came = result.tables.queries.groupby("replication")["arrived_s"].agg(["size", "min", "max"])
    over_s = came["max"] - came["min"]
    return float(((came["size"] - 1) / over_s.where(over_s > 0)).mean())


def knee(offered_per_s: list[float], holds: list[bool], goodput_per_s: list[float]) -> Knee:
    """The knee of one line, from its points by rising rate.

    None for `holds_per_s`: not even the lowest rate holds; None for `follows_per_s`: goodput follows up to the end.
    """
    up_to = next((n for n, held in enumerate(holds) if not held), len(holds))
    more_per_s = np.diff(offered_per_s)
    bends = (more_per_s > 0) & (np.diff(goodput_per_s) < FOLLOWS * more_per_s)
    bend = int(np.argmax(bends)) if bends.any() else None
    return Knee(offered_per_s[up_to - 1] if up_to else None, None if bend is None else offered_per_s[bend])


def _lines(swept: Swept, rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Points by rising rate, for each combination of the keys that are not the load's; empty where the rate is one.

    All points in one, by the name `MIXED`, where no two differ in the load alone.
    """
    if rows.empty or not _varies(rows):
        return {}
    by_load = [key for key in swept.varied if key.split(".")[0] == "workload" and _is_load(swept, rows, key)]
    keys = [key for key in swept.varied if key not in by_load]
    parts = {name: part for name, part in split(swept, keys, rows).items() if len(part) > 1 and _varies(part)}
    return {name: part.sort_values("offered_per_s", kind="stable") for name, part in (parts or {MIXED: rows}).items()}


def _varies(rows: pd.DataFrame) -> bool:
    return bool(rows["offered_per_s"].max() > (1 + VARIES) * rows["offered_per_s"].min())


def _is_load(swept: Swept, rows: pd.DataFrame, key: str) -> bool:
    """Whether the offered rate differs between points that differ in this key alone."""
    others = [other for other in swept.varied if other != key]
    return any(_varies(part) for part in split(swept, others, rows).values())


def _holds(swept: Swept, rows: pd.DataFrame) -> list[bool]:
    return [all(held.met for held in swept.results[number].summary.slos) for number in rows["point"]]


def _trace(swept: Swept, part: pd.DataFrame, name: str, told: str, colours: Pools, panel: int) -> dict[str, Any]:
    """One line in one panel: attainment (0) above, goodput (1) below; dots where nothing is `told` of a knee."""
    key, unit, scale = (("slo_met_frac", "%", 100.0), ("goodput_per_s", "/s", 1.0))[panel]
    holds = _holds(swept, part)
    label = ": ".join(filter(None, (name, told)))
    return {
        **{
            "type": "scatter",
            "mode": "lines+markers" if told else "markers",
            "name": shown(name or "points"),
            "legendgroup": shown(name),
        },
        "showlegend": panel == 0 and bool(name),
        "x": rounded(part["offered_per_s"]),
        "y": rounded(scale * part[key]),
        **{"error_y": bars(part, key, scale), "line": colours.line(name), "yaxis": ("y", "y2")[panel]},
        "marker": {
            "size": 9,
            "line": {"width": 2, "color": colours.colour(name)},
            "symbol": ["circle" if held else "circle-open" for held in holds],
        },
        "text": [_hover(swept, number, key, scale) for number in part["point"]],
        "hovertemplate": f"%{{x:.4g}} /s offered: %{{y:.4g}} {unit}<br>%{{text}}<extra>{shown(label)}</extra>",
    }


def _hover(swept: Swept, number: int, key: str, scale: float) -> str:
    """Interval, values of the point, verdict and the limits that it misses."""
    summary = swept.results[number].summary
    one = summary.metrics[key]
    missed = [f"misses {_limit(held)}: {held.said}" for held in summary.slos if not held.met]
    low, high = (float("nan") if end is None else end for end in (one.ci_low, one.ci_high))
    told = [named(swept.index.points[number].values, swept.varied) + interval(low, high, scale), summary.verdict]
    return "<br>".join(shown(line) for line in [*told, *missed])


def _limit(held: Held) -> str:
    return f"{title_of(held.key)}{f' of {held.cls}' if held.cls else ''} {held.bounds}"


def _goals(swept: Swept) -> list[float]:
    """The share that the limits ask for, where they are one limit on a percentile."""
    limits = {(held.metric, held.percentile, held.cls) for each in swept.results.values() for held in each.summary.slos}
    asked = [percentile for _, percentile, _ in limits]
    return [asked[0]] if len(asked) == 1 and asked[0] is not None else []


def _level(goal: float) -> dict[str, Any]:
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": goal, "y1": goal, "line": "ink"}


def _mark(part: pd.DataFrame, found: Knee, colour: str, name: str) -> list[dict[str, Any]]:
    """Where a line bends: a ring in the lower panel."""
    bend = part[part["offered_per_s"] == found.follows_per_s]
    if bend.empty:
        return []
    return [
        {
            **{"type": "scatter", "mode": "markers", "yaxis": "y2", "legendgroup": shown(name), "showlegend": False},
            **{"x": rounded(bend["offered_per_s"]), "y": rounded(bend["goodput_per_s"]), "hoverinfo": "skip"},
            "marker": {"symbol": "diamond-open", "size": 18, "color": colour, "line": {"width": 2.5}},
        }
    ]


def _upright(found: Knee, colour: str) -> list[dict[str, Any]]:
    """A line through both panels at the highest rate that holds."""
    if found.holds_per_s is None:
        return []
    ends = {"x0": found.holds_per_s, "x1": found.holds_per_s, "y0": 0, "y1": 1}
    look = {"color": colour, "width": 1.5, "dash": "dash"}
    return [{"type": "line", "xref": "x", "yref": "paper", "layer": "below", "line": look, **ends}]


def _limits(swept: Swept, goals: list[float]) -> str:
    said = dict.fromkeys(_limit(held) for each in swept.results.values() for held in each.summary.slos)
    goal = f" (the line at {goals[0]:g} %)" if goals else ""
    return f"The limits: {'; '.join(said)}{goal}."


def _told(found: Knee) -> str:
    holds = (
        "not even the lowest rate holds the limits"
        if found.holds_per_s is None
        else f"the limits hold up to {found.holds_per_s:.4g} /s"
    )
    follows = "to the end" if found.follows_per_s is None else f"up to {found.follows_per_s:.4g} /s"
    return f"{holds}, and goodput follows {follows}"


def _layout(shapes: list[dict[str, Any]], most: float, lines: int) -> dict[str, Any]:
    return {
        **{"height": 620 + legend_px(lines), "hovermode": "closest", "shapes": shapes},
        "xaxis": {"title": {"text": "queries offered [1/s]", "standoff": 4}, "anchor": "y2"},
        "yaxis": {"title": {"text": "within all limits [%]"}, "domain": [0.54, 1], "range": [-3, 104]},
        "yaxis2": {"title": {"text": "goodput [1/s]"}, "domain": [0, 0.46], "range": [-0.03 * most, 1.08 * most]},
    }


def _data(swept: Swept, drawn: dict[str, pd.DataFrame]) -> pd.DataFrame:
    columns = [name for key in ("slo_met_frac", "goodput_per_s") for name in (key, f"{key}.ci_low", f"{key}.ci_high")]
    parts = [
        part[["point", "offered_per_s", *columns, "verdict"]].assign(line=name, holds_limits=_holds(swept, part))
        for name, part in drawn.items()
    ]
    return pd.concat(parts, ignore_index=True)[["line", "point", "offered_per_s", *columns, "holds_limits", "verdict"]]
