"""Whether queries went on from the answers that were wrong, and stayed with those that were right, stage by stage."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.report.figure import Figure, Pools, absent, rounded, shown
from analysis.report.run.measured import GONE, Measured

KINDS = {  # asked further, right -> what that was, and its colour (light ones of Tol)
    (False, True): ("kept, right", "#44BB99"),
    (False, False): ("kept, wrong", "#EE8866"),
    (True, False): ("asked further, needed", "#77AADD"),
    (True, True): ("asked further, needless", "#EEDD88"),
}
MOST_STAGES = 4  # those after count with the last


def confusion(run: Measured, pools: Pools) -> Figure:
    """Shares of each stage's answers by whether they were right and whether a further answer was asked for after.

    A stage is the pools asked at one time: the first, the next and so on; each pool of it has a bar of its own.
    """
    name, title = "confusion", "Was escalation needed?"
    told = _told(run)
    if told.empty:
        return absent(name, title, "No measured answer has a score.")
    by = ["stage", "pool", "further", "right"]
    counts = told.groupby(by, observed=True).size().rename("n").reset_index()
    counts["share"] = counts["n"] / counts.groupby(["stage", "pool"], observed=True)["n"].transform("sum")
    counts["kind"] = [KINDS[key][0] for key in zip(counts["further"], counts["right"], strict=True)]
    counts["pool"] = counts["pool"].astype(str)
    data = counts[["stage", "pool", "kind", "n", "share"]]
    there = [
        (stage, pool)
        for stage in range(1, MOST_STAGES + 1)
        for pool in pools.names
        if ((data["stage"] == stage) & (data["pool"] == pool)).any()
    ]
    traces = []
    for kind, colour in KINDS.values():
        part = data[data["kind"] == kind].set_index(["stage", "pool"]).reindex(there).fillna({"n": 0, "share": 0.0})
        traces.append(
            {
                **{"type": "bar", "orientation": "h", "name": kind, "marker": {"color": colour}},
                "x": rounded(100 * part["share"]),
                "y": [_said(stage, pool) for stage, pool in there],
                "customdata": part["n"].astype(int).tolist(),
                "hovertemplate": f"%{{y}}: %{{x:.1f}} %, %{{customdata:,}} answers {kind}<extra></extra>",
            }
        )
    layout = {
        "barmode": "stack",
        "height": 200 + 44 * len(there),
        "xaxis": {"title": {"text": "of the answers [%]"}, "range": [0, 100]},
        "yaxis": {"type": "category", "autorange": "reversed"},
    }
    reading = (
        "Each bar is all answers of a pool at a stage (1: asked first, 2: next): needed means that the answer after "
        "which more was asked was wrong, needless that it was right (a score of 0.5 or more); whether the next answer "
        "was better is not said."
    )
    return Figure(name, title, reading, data, tuple(traces), layout)


def _told(run: Measured) -> pd.DataFrame:
    """Stage, pool, whether a further answer or refinement was asked for, and whether it was right, of each answer."""
    calls = run.calls
    calls = calls[(calls["kind"] != "verify").to_numpy(bool) & (calls["row"] != GONE).to_numpy(bool)]
    group, asked_s = calls["group"].to_numpy(), calls["asked_s"].to_numpy()
    begins = np.diff(group, prepend=-1) != 0
    first = np.flatnonzero(begins)
    of = np.cumsum(begins) - 1
    last_s = asked_s[np.append(first, len(calls))[1:] - 1][of] if len(calls) else asked_s
    step = np.cumsum(begins | (np.diff(asked_s, prepend=np.nan) != 0))
    stage = np.minimum(step - step[first][of] + 1, MOST_STAGES) if len(calls) else step
    told = pd.DataFrame(
        {
            "stage": stage,
            "pool": calls["pool"].array,
            "further": last_s >= calls["delivered_s"].to_numpy(),
            "right": calls["score"].to_numpy() >= 0.5,
        }
    )
    kept = (calls["kind"] == "answer") & (calls["fate"] == "answered") & calls["score"].notna()
    return told[kept.to_numpy(bool)]


def _said(stage: int, pool: str) -> str:
    return f"{stage}{' or later' if stage == MOST_STAGES else ''}: {shown(pool)}"
