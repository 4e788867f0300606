"""Small sweeps made by hand, for tests of what a report draws of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.report.sweep.swept import Swept
from simulator.records.result import Result
from simulator.records.summary import Estimate, Held, PoolLine, Summary
from simulator.records.sweep import SweepIndex, SweepPoint
from simulator.records.tables import Tables

UNITS = {"energy_j_per_query": "J", "goodput_per_s": "1/s", "ttft_s.p95": "s"}


def estimate(key, each):
    """The mean of `each`, between the least and the greatest."""
    each = tuple(float(value) for value in each)
    return Estimate(float(np.mean(each)), min(each), max(each), UNITS.get(key, "1"), "", each=each)


def made(metrics, scenario=None, pools=(), slos=(), queries=None, calls=None, replications=2):
    """A result with these metrics (key -> a value a replication), pools (name -> share answered), limits and tables."""
    lines = tuple(
        PoolLine(name, name, "gpu", 1, frac, 1.0, None, None, None, "", "") for name, frac in dict(pools).items()
    )
    summary = Summary(
        "made", 1, replications, 100, {}, (0.0,) * replications, (1.0,) * replications, "STABLE", "", "", (),
        {key: estimate(key, each) for key, each in metrics.items()}, {}, tuple(slos), (), lines,
    )  # fmt: skip
    empty = pd.DataFrame()
    tables = Tables(empty if queries is None else queries, empty if calls is None else calls, empty, empty)
    return Result("made", scenario or {}, tables, summary, {})


def limit(met, value=1.0):
    """A limit on p95 TTFT of 2 s."""
    return Held("ttft_s", 95.0, None, 2.0, None, False, value, met)


def swept(points):
    """A sweep of pairs of values and result (None: it failed)."""
    index = SweepIndex("made", tuple(SweepPoint(values, f"key{n}") for n, (values, _) in enumerate(points)))
    results = {n: result for n, (_, result) in enumerate(points) if result is not None}
    return Swept(index, results, {n: "broken" for n, (_, result) in enumerate(points) if result is None})


def cascade(weak, strong, confidence, bar, replications=2):
    """The result of a cascade from edge to cloud: queries of items 0 to n with (n,) scores of both and confidences.

    The items are dealt to the replications in turn.
    """
    n = len(weak)
    query, replication = np.arange(n) // replications, np.arange(n) % replications
    up = confidence < bar
    at = {"replication": replication, "query": query}
    queries = pd.DataFrame(at | {"cls": "chat", "item": np.arange(n), "arrived_s": query * 1.0})
    edge = pd.DataFrame(at | {"pool": "edge", "kind": "answer", "fate": "answered", "score": weak})
    cloud = edge.assign(pool="cloud", score=strong)[up]
    right = np.where(up, strong, weak)
    return made(
        {
            "accuracy": [right[replication == r].mean() for r in range(replications)],
            "energy_j_per_query": [100.0 + 500 * up.mean()] * replications,
        },
        scenario={"policy": {"use": "cascade"}},
        pools={"edge": 1 - up.mean(), "cloud": up.mean()},
        queries=queries,
        calls=pd.concat([edge, cloud]),
        replications=replications,
    )
