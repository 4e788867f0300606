"""Who is asked after whom: how many queries go each way over the fleet, and what the calls at its end draw."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.report.figure import Pools
from analysis.report.run.measured import GONE, Measured

Ints = NDArray[np.int64]


class Way(NamedTuple):
    """From a class (or else a pool) to a pool: queries that go it, and joules of their calls there (NaN: unknown)."""

    of_class: bool
    start: str
    end: str
    queries: int
    energy_j: float


def ways(run: Measured, pools: Pools) -> list[Way]:
    """All ways that measured queries go.

    A query goes from its class to the pools that are asked first, then from the pool that was asked last to the next.
    A verification is asked on behalf of that pool. A call at the pool that was asked last is on the way that led there.
    A query counts once on a way.
    """
    calls = run.calls
    pool = pd.Categorical(calls["pool"])
    end = np.append(pd.Index(pools.names).get_indexer(pool.categories), -1)[pool.codes]  # stations are no pools
    there = (calls["row"].to_numpy() != GONE) & (end >= 0)
    calls, end = calls[there], end[there].astype(np.int64)
    came = _came_from(calls, end)
    classes = pd.Categorical(run.queries["cls"])
    starts = [*classes.categories, *pools.names]
    of_class = classes.codes[calls["row"].to_numpy()]
    way = np.where(came < 0, of_class, len(classes.categories) + end[came]) * len(pools.names) + end
    size = len(starts) * len(pools.names)
    each = np.sort(calls["group"].to_numpy(np.int64) * size + way)
    each = each[np.diff(each, prepend=-1) != 0] % max(size, 1)  # each query once
    queries = np.bincount(each, minlength=size)
    energy_j = np.bincount(way, calls["energy_j"].to_numpy(np.float64), size)
    found = []
    for number in np.flatnonzero(queries).tolist():
        start, at = divmod(number, len(pools.names))
        is_class = start < len(classes.categories)
        found.append(Way(is_class, str(starts[start]), pools.names[at], int(queries[number]), float(energy_j[number])))
    return found


def _came_from(calls: pd.DataFrame, end: Ints) -> Ints:
    """For each call the one that led to its pool, by position; -1 where it is the query's class."""
    group, asked_s = calls["group"].to_numpy(), calls["asked_s"].to_numpy()
    number = np.arange(len(calls))
    begins = np.diff(group, prepend=-1) != 0
    steps = begins | (np.diff(asked_s, prepend=np.nan) != 0)  # calls side by side are one step
    given = np.maximum.accumulate(np.where((calls["kind"] != "verify").to_numpy(bool), number, -1))
    came: Ints = np.append(-1, given)[np.maximum.accumulate(np.where(steps, number, 0))]
    came = np.where(came < np.maximum.accumulate(np.where(begins, number, 0)), -1, came)
    while len(again := np.flatnonzero((came >= 0) & (end[came] == end))):
        came[again] = came[came[again]]
    return came
