"""Which part of a replication is measured: from the end of the warm-up to the last completion."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.metrics.facts import Window

Floats = NDArray[np.float64]

BATCH = 5
FEWEST_BATCHES = 10  # with fewer there is nothing to tell a warm-up from


def mser(values: Floats) -> int | None:
    """How many of the first `values` to leave out so that the mean of the rest is surest, by MSER-5; (n,) -> 0..n/2.

    None if the best cut lies at or beyond the half: the series has no steady part. Source: White, Cobb, Spratt 2000,
    "A comparison of five steady-state truncation heuristics for simulation" (marginal standard errors of means of 5).
    """
    batches = len(values) // BATCH
    if batches < FEWEST_BATCHES:
        return 0
    means = values[: batches * BATCH].reshape(batches, BATCH).mean(axis=1)
    means = means - means.mean()  # sums of squares of what is left lose fewer digits
    left = np.arange(batches, 0, -1)
    total = np.cumsum(means[::-1])[::-1]
    squares = np.cumsum(means[::-1] ** 2)[::-1]
    error = np.maximum(squares - total**2 / left, 0.0) / left**2
    half = batches // 2
    cut = int(np.argmin(error[: half + 1]))
    return None if cut == half else cut * BATCH


def warmup_s(queries: pd.DataFrame) -> float | None:
    """Seconds to leave out at the start of one replication: MSER-5 on `e2e_s` of finished queries in order of arrival.

    None where no steady part was found.
    """
    finished = queries["e2e_s"].notna().to_numpy()
    arrived = queries["arrived_s"].to_numpy(np.float64)[finished]
    order = np.argsort(arrived, kind="stable")
    cut = mser(queries["e2e_s"].to_numpy(np.float64)[finished][order])
    if cut is None:
        return None
    return float(arrived[order[cut]]) if cut else 0.0


def window(queries: pd.DataFrame, end_s: float, given_s: float | None = None) -> Window:
    """The measured window of one replication that ended at `end_s`; `given_s` is the scenario's own warm-up."""
    start_s = warmup_s(queries) if given_s is None else given_s
    return Window(0.0, end_s, steady=False) if start_s is None else Window(start_s, end_s)
