"""Where joules go: by phase and whose they are, per query, per output token or per right answer."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

import pandas as pd

from analysis.grids import amount
from analysis.report.figure import Choice, Figure, Pools, absent, groups, rounded, shown
from analysis.report.run.measured import Measured
from simulator.records.summary import Summary

PER = {  # keys of metrics, what they are called
    "energy_j_per_query": "per query",
    "energy_j_per_output_tok": "per output token",
    "energy_j_per_correct": "per right answer",
}
FIRST = "energy_j_per_query"


def energy(run: Measured, pools: Pools) -> Figure:
    """Joules by phase, stacked by pool (or kind of thing, where it is no one pool's); a list chooses per what."""
    name, title = "energy", "Energy by device and phase"
    summary = run.summary
    parts = [part for part in summary.energy if part.energy_j_per_query > 0]
    if not parts:
        return absent(name, title, "No joules are known per query.")
    parts = sorted(parts, key=lambda part: [*pools.names, part.where].index(part.where))
    data = pd.DataFrame([{"where": p.where, "phase": p.phase, "frac": p.frac} for p in parts])
    known = sum(part.energy_j_per_query for part in parts)
    means = {key: summary.metrics[key].mean if key in summary.metrics else None for key in PER}
    for key, mean in ({FIRST: known} | {key: mean for key, mean in means.items() if mean is not None}).items():
        data[key] = mean * data["frac"]  # so that the parts add up to the summary's metric
    devices = {line.pool: f"{line.pool}: {line.device}" for line in summary.pools}
    versions = {key: _version(key, data, devices, pools, summary) for key in PER}
    traces, more = versions[FIRST]
    phases = data.groupby("phase")["frac"].sum().sort_values(ascending=False).index.tolist()
    layout = {"barmode": "stack", "xaxis": {"type": "category", "categoryorder": "array", "categoryarray": phases}}
    told = {key: "undefined" if mean is None else amount(mean, "J") for key, mean in means.items()}
    choice = Choice("per", "Joules", {key: f"{said}: {told[key]}" for key, said in PER.items()}, FIRST)
    reading = "Height is joules in a phase; colours say whose; rest is drawn whether or not there is work."
    reading += f" In all: {', '.join(f'{told[key]} {said}' for key, said in PER.items())}."
    if means[FIRST] is None:
        reading += f" Only what is known is drawn: {_why(FIRST, summary)}."
    return Figure(name, title, reading, data, traces, layout | more, choices=(choice,), versions=versions)


def _version(
    key: str, data: pd.DataFrame, devices: dict[str, str], pools: Pools, summary: Summary
) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    """The bars per query, token or right answer; where that is undefined, why."""
    if key not in data:
        lines = [shown(line) for line in wrap(f"Undefined: {_why(key, summary)}", 40)]  # a phone is no wider
        why = {"text": "<br>".join(lines), "showarrow": False, "xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5}
        return (), {"annotations": [why], "yaxis": {"visible": False}, "xaxis": {"visible": False}}
    traces = tuple(
        {
            **{"type": "bar", "name": shown(devices.get(where, where)), "marker": pools.bar(where)},
            "x": part["phase"].tolist(),
            "y": rounded(part[key]),
            "customdata": rounded(100 * part["frac"]),
            "hovertemplate": f"%{{x}}: %{{y:.4g}} J {PER[key]}, %{{customdata:.1f}} % of all"
            "<extra>%{fullData.name}</extra>",
        }
        for where, part in groups(data, "where")
    )
    return traces, {"yaxis": {"title": {"text": f"energy [J {PER[key]}]"}}}


def _why(key: str, summary: Summary) -> str:
    """Why a metric is undefined."""
    return (summary.metrics[key].reason if key in summary.metrics else "") or "not all joules are known"
