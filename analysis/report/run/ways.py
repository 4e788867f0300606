"""Who is asked after whom: how many queries go each way over the fleet, and what the calls at its end draw."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.report.figure import Pools
from analysis.report.run.measured import GONE, Measured


def ways(run: Measured, pools: Pools) -> pd.DataFrame:
    """Each way that measured queries go: `from_class` (else from a pool), `from`, `to`, `queries`, `energy_j`.

    A query goes from its class to the pools that are asked first, then from the pool that was asked last to the next.
    A verification is asked on behalf of that pool. A call at the pool that was asked last is on the way that led there.
    `energy_j` is what all calls on the way draw; NaN where that is unknown. A query counts once on a way.
    """
    calls = run.calls
    to = pd.Categorical(calls["pool"], pools.names).codes
    there = (calls["row"].to_numpy() != GONE) & (to >= 0)
    calls, to = calls[there], to[there].astype(np.int64)
    came = _came_from(calls, to)
    classes = pd.Categorical(run.queries["cls"])
    first = classes.codes[calls["row"].to_numpy()]
    start = np.where(came < 0, first, len(classes.categories) + to[came])
    way = start * len(pools.names) + to
    size = (len(classes.categories) + len(pools.names)) * len(pools.names)
    each = np.sort(calls["group"].to_numpy(np.int64) * size + way)
    each = each[np.diff(each, prepend=-1) != 0] % max(size, 1)  # each query once
    queries = np.bincount(each, minlength=size)
    energy_j = np.bincount(way, calls["energy_j"].to_numpy(np.float64), size)
    found = np.flatnonzero(queries)
    starts = [*classes.categories, *pools.names]
    return pd.DataFrame(
        {
            "from_class": found // len(pools.names) < len(classes.categories),
            "from": [str(starts[number // len(pools.names)]) for number in found],
            "to": [pools.names[number % len(pools.names)] for number in found],
            "queries": queries[found],
            "energy_j": energy_j[found],
        }
    )


def _came_from(calls: pd.DataFrame, to: np.ndarray) -> np.ndarray:
    """For each call the one that led to its pool, by position; -1 where it is the query's class."""
    group, asked_s = calls["group"].to_numpy(), calls["asked_s"].to_numpy()
    number = np.arange(len(calls))
    begins = np.diff(group, prepend=-1) != 0
    steps = begins | (np.diff(asked_s, prepend=np.nan) != 0)  # calls side by side are one step
    given = np.maximum.accumulate(np.where((calls["kind"] != "verify").to_numpy(bool), number, -1))
    came = np.append(-1, given)[np.maximum.accumulate(np.where(steps, number, 0))]
    came = np.where(came < np.maximum.accumulate(np.where(begins, number, 0)), -1, came)
    while len(again := np.flatnonzero((came >= 0) & (to[came] == to))):
        came[again] = came[came[again]]
    return came
