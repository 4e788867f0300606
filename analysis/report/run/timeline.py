"""What happens over time: queues, batches, work, power and escalation of each pool, above one axis of time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.report.figure import Choice, Figure, Pools, absent, rounded, shown
from analysis.report.run.measured import Measured

ROWS = (
    ("waiting", "calls waiting", "calls"),
    ("decode_seqs", "decoding at once", "sequences"),
    ("busy_percent", "at work [%]", "%"),
    ("power_w", "power [W]", "W"),
    ("escalated_per_s", "escalated [1/s]", "calls/s"),
)
OF_REPLICAS = ("waiting", "decode_seqs", "busy_percent", "power_w")  # a hosted API does not show these
GAP = 0.035
HIGH, LOWEST = 130, 80  # pixels of a row, and of what is below all
MOST_BINS = 400  # of a pool; more are put together
MOST_ROWS = 8_000  # of all pools and replications together: they are kept in the page
MOST_RUNS = 5


def timeline(run: Measured, pools: Pools) -> Figure:
    """Bins of time of the first replications; a list chooses which."""
    name, title = "timeline", "Over time"
    bins = run.tables.timeline
    runs = sorted(bins["replication"].unique().tolist())[:MOST_RUNS]
    most = min(MOST_BINS, MOST_ROWS // max(1, len(pools.names) * len(runs)))
    data = pd.concat([_coarser(bins[(bins["replication"] == one).to_numpy(bool)], most) for one in runs] or [bins])
    if data.empty:
        return absent(name, title, "The run has no bins of time.")
    width_s = data["width_s"]
    data = data.assign(
        busy_percent=100 * data["busy_frac"],
        power_w=data["energy_j"] / width_s,
        escalated_per_s=data["escalated"] / width_s,
    )[["replication", "start_s", "width_s", "pool", *(row[0] for row in ROWS)]]
    hosted = [line.pool for line in run.summary.pools if line.replicas is None]
    data.loc[data["pool"].isin(hosted).to_numpy(bool), list(OF_REPLICAS)] = np.nan
    rows = [row for row in ROWS if data[row[0]].notna().any()]
    versions = {str(one): _version(run, data[(data["replication"] == one).to_numpy(bool)], rows, pools) for one in runs}
    first = str(runs[0])
    traces, more = versions[first]
    choice = Choice("replication", "Replication", {str(one): f"{one}" for one in runs}, first)
    reading = (
        "Measures of one replication above one axis of time: a zoom in one is a zoom in all; what is greyed is the "
        "warm-up, which is not measured."
    )
    reading += " Hosted APIs do not show their queues, batches and power." if hosted else ""
    choices = (choice,) if len(runs) > 1 else ()
    layout = _axes(rows) | more
    return Figure(name, title, reading, data, traces, layout, choices=choices, versions=versions if choices else {})


def _axes(rows: list[tuple[str, str, str]]) -> dict[str, Any]:
    """An axis for each row of measures, from the top, and one of time below all."""
    layout: dict[str, Any] = {"height": HIGH * len(rows) + LOWEST}
    high = (1 - GAP * (len(rows) - 1)) / len(rows)
    for place, (_, said, _) in enumerate(rows):
        top = 1 - place * (high + GAP)
        layout[f"yaxis{place + 1 if place else ''}"] = {
            **{"domain": [max(0.0, top - high), top], "title": {"text": said}, "rangemode": "tozero", "anchor": "x"},
            "nticks": 4,
        }
    layout["xaxis"] = {"title": {"text": "time [s]"}, "anchor": f"y{len(rows) if len(rows) > 1 else ''}"}
    return layout


def _version(
    run: Measured, data: pd.DataFrame, rows: list[tuple[str, str, str]], pools: Pools
) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    """The lines of one replication, and its warm-up."""
    traces: list[dict[str, Any]] = []
    for place, (column, _, unit) in enumerate(rows):
        for pool in pools.names:
            mine = data[(data["pool"] == pool).to_numpy(bool)]
            if not mine[column].notna().any():
                continue
            traces.append(
                {
                    **{"type": "scatter", "mode": "lines", "name": shown(pool), "legendgroup": shown(pool)},
                    "showlegend": not any(trace["name"] == shown(pool) for trace in traces),
                    **{"yaxis": f"y{place + 1 if place else ''}", "xaxis": "x"},
                    "line": {**pools.line(pool), "shape": "hv", "width": 1.5},
                    "x": rounded(mine["start_s"]),
                    "y": rounded(mine[column]),
                    "hovertemplate": f"from %{{x:.5g}} s: %{{y:.4g}} {unit}<extra>%{{fullData.name}}</extra>",
                }
            )
    cuts_s, one = run.summary.warmup_s, int(data["replication"].iloc[0])
    cut_s = cuts_s[one] if one < len(cuts_s) else None
    return tuple(traces), {"shapes": [_grey(cut_s)] if cut_s else []}


def _grey(until_s: float) -> dict[str, object]:
    ends = {"x0": 0, "x1": until_s, "y0": 0, "y1": 1}
    return {"type": "rect", "xref": "x", "yref": "paper", **ends, "layer": "below", "line": {"width": 0}, "fill": True}


def _coarser(bins: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most `most` bins a pool of one replication: means of levels weighted by width, sums of counts."""
    starts = np.sort(bins["start_s"].unique())
    if len(starts) <= most:
        return bins
    together = np.searchsorted(starts, bins["start_s"].to_numpy(np.float64)) // -(-len(starts) // most)
    levels = ["busy_frac", "decode_seqs", "waiting"]
    weighted = bins.assign(**{level: bins[level] * bins["width_s"] for level in levels})
    counts = ["width_s", "energy_j", "arrivals", "finished", "escalated", *levels]
    kept = weighted.groupby([together, bins["pool"].astype(str)]).agg(
        {"replication": "first", "start_s": "min", **dict.fromkeys(counts, "sum")}
    )
    kept[levels] = kept[levels].div(kept["width_s"], axis=0)
    return kept.rename_axis(["bin", "pool"]).reset_index()
