"""Whether queries went on from the answers that were wrong, and stayed with those that were right, pool by pool."""

from __future__ import annotations

import pandas as pd

from analysis.report.figure import Figure, Pools, absent, rounded, shown
from analysis.report.run.measured import Measured

KINDS = {  # asked further, right -> what that was, and its colour (light ones of Tol)
    (False, True): ("kept, right", "#44BB99"),
    (False, False): ("kept, wrong", "#EE8866"),
    (True, False): ("asked further, needed", "#77AADD"),
    (True, True): ("asked further, needless", "#EEDD88"),
}


def confusion(run: Measured, pools: Pools) -> Figure:
    """Shares of each pool's answers by whether they were right and whether a further answer was asked for after."""
    name, title = "confusion", "Was escalation needed?"
    calls = run.answers
    last_s = calls.groupby(["replication", "query"])["asked_s"].transform("max")
    told = pd.DataFrame(
        {
            "pool": calls["pool"].astype(str),
            "further": last_s >= calls["delivered_s"],
            "right": calls["score"] >= 0.5,
        }
    )[((calls["fate"] == "answered") & calls["score"].notna()).to_numpy(bool)]
    if told.empty:
        return absent(name, title, "No measured answer has a score.")
    counts = told.value_counts().rename("n").reset_index()
    counts["share"] = counts["n"] / counts.groupby("pool")["n"].transform("sum")
    kinds = [KINDS[key][0] for key in zip(counts["further"], counts["right"], strict=True)]
    data = counts.assign(kind=kinds)[["pool", "kind", "n", "share"]]
    there = [pool for pool in pools.names if (data["pool"] == pool).any()]
    traces = []
    for kind, colour in KINDS.values():
        part = data[data["kind"] == kind].set_index("pool").reindex(there).fillna({"n": 0, "share": 0.0})
        traces.append(
            {
                **{"type": "bar", "name": kind, "marker": {"color": colour}},
                "x": [shown(pool) for pool in there],
                "y": rounded(100 * part["share"]),
                "customdata": part["n"].astype(int).tolist(),
                "hovertemplate": f"%{{x}}: %{{y:.1f}} %, %{{customdata:,}} answers {kind}<extra></extra>",
            }
        )
    layout = {
        "barmode": "stack",
        "xaxis": {"type": "category"},
        "yaxis": {"title": {"text": "of the pool's answers [%]"}, "range": [0, 100]},
    }
    reading = (
        "Each bar is all answers of a pool: needed means that the answer after which more was asked was wrong, "
        "needless that it was right (a score of 0.5 or more); whether the next answer was better is not said."
    )
    return Figure(name, title, reading, data, tuple(traces), layout)
