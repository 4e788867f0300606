"""What happens over time: queues, batches, work, power and escalation of each pool, above one axis of time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.report.figure import Figure, Pools, absent, rounded, shown
from analysis.report.run.measured import Measured

ROWS = (
    ("waiting", "calls waiting", "calls"),
    ("decode_seqs", "decoding at once", "sequences"),
    ("busy_percent", "at work [%]", "%"),
    ("power_w", "power [W]", "W"),
    ("escalated_per_s", "escalated [1/s]", "calls/s"),
)
GAP = 0.035
MOST_BINS = 400  # of one replication; more are put together


def timeline(run: Measured, pools: Pools) -> Figure:
    """The first replication in bins of time."""
    name, title = "timeline", "Over time"
    bins = run.tables.timeline
    bins = _coarser(bins[(bins["replication"] == 0).to_numpy(bool)])
    if bins.empty:
        return absent(name, title, "The run has no bins of time.")
    width_s = bins["width_s"]
    data = bins.assign(
        busy_percent=100 * bins["busy_frac"],
        power_w=bins["energy_j"] / width_s,
        escalated_per_s=bins["escalated"] / width_s,
    )[["start_s", "width_s", "pool", *(row[0] for row in ROWS)]]
    traces = []
    layout: dict[str, object] = {"height": 760}
    high = (1 - GAP * (len(ROWS) - 1)) / len(ROWS)
    for place, (column, said, unit) in enumerate(ROWS):
        axis = "y" if place == 0 else f"y{place + 1}"
        top = 1 - place * (high + GAP)
        layout["yaxis" + axis[1:]] = {
            "domain": [max(0.0, top - high), top],
            "title": {"text": said},
            "rangemode": "tozero",
            "anchor": "x",
        }
        for pool in pools.names:
            mine = data[(data["pool"] == pool).to_numpy(bool)]
            if mine.empty:
                continue
            traces.append(
                {
                    **{"type": "scatter", "mode": "lines", "name": shown(pool), "legendgroup": shown(pool)},
                    **{"showlegend": place == 0, "yaxis": axis, "xaxis": "x"},
                    "line": {**pools.line(pool), "shape": "hv", "width": 1.5},
                    "x": rounded(mine["start_s"]),
                    "y": rounded(mine[column]),
                    "hovertemplate": f"from %{{x:.5g}} s: %{{y:.4g}} {unit}<extra>%{{fullData.name}}</extra>",
                }
            )
    bottom = "y" if len(ROWS) == 1 else f"y{len(ROWS)}"
    cut_s = run.summary.warmup_s[0] if run.summary.warmup_s else None
    layout["xaxis"] = {"title": {"text": "time [s]"}, "anchor": bottom}
    layout["shapes"] = [_grey(cut_s)] if cut_s else []
    reading = "Five measures of the first replication above one axis of time: a zoom in one is a zoom in all" + (
        "; what is greyed is the warm-up, which is not measured." if cut_s else "; no warm-up was cut."
    )
    return Figure(name, title, reading, data, tuple(traces), layout)


def _grey(until_s: float) -> dict[str, object]:
    ends = {"x0": 0, "x1": until_s, "y0": 0, "y1": 1}
    return {"type": "rect", "xref": "x", "yref": "paper", **ends, "layer": "below", "line": {"width": 0}, "fill": True}


def _coarser(bins: pd.DataFrame) -> pd.DataFrame:
    """At most `MOST_BINS` bins a pool: means of levels weighted by width, sums of counts."""
    starts = np.sort(bins["start_s"].unique())
    if len(starts) <= MOST_BINS:
        return bins
    together = np.searchsorted(starts, bins["start_s"].to_numpy(np.float64)) // -(-len(starts) // MOST_BINS)
    levels = ["busy_frac", "decode_seqs", "waiting"]
    weighted = bins.assign(**{level: bins[level] * bins["width_s"] for level in levels})
    counts = ["width_s", "energy_j", "arrivals", "finished", "escalated", *levels]
    kept = weighted.groupby([together, bins["pool"].astype(str)]).agg(
        {"start_s": "min", **dict.fromkeys(counts, "sum")}
    )
    kept[levels] = kept[levels].div(kept["width_s"], axis=0)
    return kept.rename_axis(["bin", "pool"]).reset_index()
