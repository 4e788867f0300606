"""Runs drawn beside each other, in one colour each: headline metrics, times, energy by phase, trade-offs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd

from analysis.report.figure import DASHES, Choice, Figure, Pools, absent, groups, rounded, shown
from analysis.report.run.latency import PROBABILITIES, READING, TIMES, curve, quantiles, uprights
from analysis.report.run.measured import Measured
from simulator.records.metrics import head, scale, title_of
from simulator.records.result import Result
from simulator.records.summary import Estimate

Runs = Mapping[str, Result]
PAIRS = {
    "right answers by time": ("e2e_s.p95", "accuracy"),
    "right answers by energy": ("energy_j_per_query", "accuracy"),
    "energy by time": ("e2e_s.p95", "energy_j_per_query"),
}


def headlines(runs: Runs, keys: Sequence[str], colours: Pools) -> Figure:
    """A bar a run with its interval, of the metric that a list names."""
    name, title_ = "headlines", "Metrics side by side"
    data = _estimates(runs, keys)
    if data.empty:
        return absent(name, title_, "No metric has a value.")
    versions = {key: _bars(part, key, list(runs), colours) for key, part in groups(data, "metric")}
    choice = Choice("metric", "metric", {key: title_of(key) for key in versions}, next(iter(versions)))
    reading = "Each bar is a run, its line the 95 % interval of that run alone; whether two runs differ is said above."
    return Figure(name, title_, reading, data, choices=(choice,), versions=versions)


def _bars(
    data: pd.DataFrame, key: str, labels: Sequence[str], colours: Pools
) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    of = scale(key, data["mean"].abs().max())
    traces = tuple(
        {
            **{"type": "bar", "orientation": "h", "marker": {"color": colours.colour(run), "opacity": 0.6}},
            "x": rounded(of.factor * part["mean"]),
            "y": [labels.index(run)],
            "error_x": _error(part, of.factor, colours.colour(run)),
            "hovertemplate": f"{shown(run)}: %{{x:.4g}} {of.unit}, {part['evidence'].iloc[0]}<extra></extra>",
        }
        for run, part in groups(data, "run")
    )
    names = ["<br>".join(shown(part) for part in wrap(label, 20)) for label in labels]
    layout = {
        "barmode": "overlay",
        "xaxis": {"title": {"text": head(key, of.unit)}, "rangemode": "tozero"},
        "yaxis": {"tickvals": list(range(len(names))), "ticktext": names, "range": [len(names) - 0.5, -0.5]},
        "height": 110 + 50 * len(names),
    }
    return traces, layout


def cdf(runs: Runs, measured: Mapping[str, Measured], colours: Pools, column: str) -> Figure:
    """The distribution of `column` of the finished queries of each run."""
    name, title_ = f"cdf-{column.removesuffix('_s')}", f"{TIMES[column]}: distribution by run"
    tables, traces = [], []
    for number, (label, run) in enumerate(measured.items()):
        values_s = run.finished[column].dropna().to_numpy(np.float64)
        if not len(values_s):
            continue
        at_s = quantiles(values_s)
        tables.append(pd.DataFrame({"run": label, "share": PROBABILITIES, column: at_s, "n": len(values_s)}))
        # Runs that differ little lie on each other: of dashes, those below are seen.
        line = {**colours.line(label), "dash": DASHES[number % len(DASHES)]}
        traces.append(curve(label, at_s, line))
    if not tables:
        return absent(name, title_, "No measured query of any run finished with this time.")
    slos = [held for run in runs.values() for held in run.summary.slos if held.metric == column and held.max]
    limits = [held.max for held in slos if held.max]
    layout = {
        "xaxis": {"type": "log", "title": {"text": f"{TIMES[column].lower()} [s]"}},
        "yaxis": {"title": {"text": "share of queries [%]"}, "range": [0, 101]},
        "shapes": uprights(limits),
    }
    reading = READING + (" Dotted lines are limits." if limits else "")
    return Figure(name, title_, reading, pd.concat(tables), tuple(traces), layout)


def energy(runs: Runs, colours: Pools) -> Figure:
    """Joules per query by phase, a bar a run."""
    name, title_ = "energy", "Energy by phase"
    parts = [
        {"run": label, "phase": part.phase, "energy_j_per_query": part.energy_j_per_query}
        for label, run in runs.items()
        for part in run.summary.energy
        if part.energy_j_per_query > 0
    ]
    if not parts:
        return absent(name, title_, "No joules are known per query.")
    data = pd.DataFrame(parts).groupby(["run", "phase"], sort=False)["energy_j_per_query"].sum().reset_index()
    phases = data.groupby("phase")["energy_j_per_query"].max().sort_values(ascending=False).index.tolist()
    traces = tuple(
        {
            **{"type": "bar", "name": shown(label), "marker": {"color": colours.colour(label)}},
            "x": part["phase"].tolist(),
            "y": rounded(part["energy_j_per_query"]),
            "hovertemplate": "%{x}: %{y:.4g} J per query<extra>%{fullData.name}</extra>",
        }
        for label, part in groups(data, "run")
    )
    metrics = {label: run.summary.metrics.get("energy_j_per_query") for label, run in runs.items()}
    unknown = [f"{label} ({one.reason})" for label, one in metrics.items() if one is not None and one.mean is None]
    layout = {
        "barmode": "group",
        "xaxis": {"type": "category", "categoryorder": "array", "categoryarray": phases},
        "yaxis": {"title": {"text": "energy [J per query]"}},
    }
    reading = (
        "Each bar is what a run spends in a phase, on all devices together; idle is spent whether or not there is work."
    )
    reading += f" Only what is known is drawn of {', '.join(unknown)}." if unknown else ""
    return Figure(name, title_, reading, data, traces, layout)


def tradeoff(runs: Runs, colours: Pools) -> Figure:
    """A point a run: two of accuracy, time and energy against each other."""
    name, title_ = "tradeoff", "Accuracy, time and energy"
    data = _estimates(runs, dict.fromkeys(key for pair in PAIRS.values() for key in pair))
    versions = {}
    for called, (x, y) in PAIRS.items():
        both = [data[(data["metric"] == key).to_numpy(bool)].set_index("run") for key in (x, y)]
        there = [label for label in runs if all(label in part.index for part in both)]
        if len(there) > 1:
            versions[called] = _points(there, (x, y), both, colours)
    if not versions:
        return absent(name, title_, "Fewer than two runs have two of these.")
    reading = "Each point is a run with its 95 % intervals; less time, less energy and more right answers are better."
    choice = Choice("axes", "axes", {called: called for called in versions}, next(iter(versions)))
    return Figure(name, title_, reading, data, choices=(choice,), versions=versions)


def _points(
    there: Sequence[str], keys: tuple[str, str], both: Sequence[pd.DataFrame], colours: Pools
) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    units = [scale(key, part["mean"].abs().max()) for key, part in zip(keys, both, strict=True)]
    traces = []
    for label in there:
        rows = [part.loc[[label]] for part in both]
        x, y = (rounded(unit.factor * row["mean"]) for unit, row in zip(units, rows, strict=True))
        traces.append(
            {
                **{"type": "scatter", "mode": "markers", "name": shown(label), "x": x, "y": y},
                "marker": {"color": colours.colour(label), "size": 11},
                "error_x": _error(rows[0], units[0].factor, colours.colour(label)),
                "error_y": _error(rows[1], units[1].factor, colours.colour(label)),
                "hovertemplate": f"%{{y:.4g}} {units[1].unit}, %{{x:.4g}} {units[0].unit}"
                "<extra>%{fullData.name}</extra>",
            }
        )
    titles = [head(key, unit.unit) for key, unit in zip(keys, units, strict=True)]
    layout = {"xaxis": {"title": {"text": titles[0]}}, "yaxis": {"title": {"text": titles[1]}}}
    return tuple(traces), layout


def _error(data: pd.DataFrame, factor: float, colour: str) -> dict[str, Any]:
    """Error bars of means; none where there is no interval."""
    return {
        **{"type": "data", "symmetric": False, "thickness": 2, "width": 5, "color": colour},
        "array": rounded((factor * (data["ci_high"] - data["mean"])).fillna(0.0)),
        "arrayminus": rounded((factor * (data["mean"] - data["ci_low"])).fillna(0.0)),
    }


def _estimates(runs: Runs, keys: Sequence[str] | Mapping[str, None]) -> pd.DataFrame:
    """One row a metric and run that has it: mean and interval in base units, unit and evidence."""
    found = [(key, label, one) for key in keys for label, run in runs.items() if (one := _known(run, key)) is not None]
    return pd.DataFrame(
        {
            "metric": [key for key, _, _ in found],
            "run": [label for _, label, _ in found],
            "mean": np.array([one.mean for *_, one in found], dtype=np.float64),
            "ci_low": np.array([one.ci_low for *_, one in found], dtype=np.float64),
            "ci_high": np.array([one.ci_high for *_, one in found], dtype=np.float64),
            "unit": [one.unit for *_, one in found],
            "evidence": [one.evidence for *_, one in found],
        }
    )


def _known(run: Result, key: str) -> Estimate | None:
    one = run.summary.metrics.get(key)
    return None if one is None or one.mean is None else one
