"""Two runs in the same world: what differs, and whether that is more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot, isnan, sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from simulator.metrics.intervals import LEVEL, RESAMPLES, student_half
from simulator.metrics.registry import METRICS, Metric
from simulator.records.compared import Difference
from simulator.records.result import Result
from simulator.workload.streams import stream

Floats = NDArray[np.float64]

BY_QUERY = {"accuracy": "score", "escalated_frac": "escalated", "calls_per_query": "calls"}
"""Metrics that are means over queries of a column: items that both runs asked are compared one by one."""


def same_world(a: Result, b: Result) -> bool:
    """Whether the same queries came at the same times in all replications: then runs may be compared pair by pair."""
    one, two = a.tables.queries, b.tables.queries
    if a.summary.replications != b.summary.replications or len(one) != len(two):
        return False
    return all(bool((one[name].to_numpy() == two[name].to_numpy()).all()) for name in ("query", "arrived_s", "item"))


def differences(a: Result, b: Result, keys: Sequence[str]) -> list[Difference]:
    """The difference of each metric `keys` (as in summary.json).

    In the same world, values are paired: Student t over the differences of replications, and for what is a mean over
    queries a bootstrap over items of the differences of each item. In different worlds, Welch's t.
    """
    paired = same_world(a, b)
    return [_difference(a, b, key, paired) for key in keys]


def _difference(a: Result, b: Result, key: str, paired: bool) -> Difference:
    metric = METRICS[key.partition(".")[0]]
    one, two = a.summary.metrics.get(key), b.summary.metrics.get(key)
    mean_a, mean_b = (None if told is None else told.mean for told in (one, two))
    if one is None or two is None or mean_a is None or mean_b is None:
        reason = next((told.reason for told in (one, two) if told is not None and told.mean is None), "not in both")
        return Difference(key, metric.unit, metric.better, mean_a, mean_b, None, None, None, False, reason)
    values = [np.array([value for value in told.each if value is not None], dtype=np.float64) for told in (one, two)]
    diff = mean_b - mean_a
    below, above = _halves(metric, a, b, values, paired)
    if isnan(below):
        told_why = "no interval from one replication"
        return Difference(key, metric.unit, metric.better, mean_a, mean_b, diff, None, None, False, told_why)
    clear = diff - below > 0 or diff + above < 0
    low, high = diff - below, diff + above
    return Difference(key, metric.unit, metric.better, mean_a, mean_b, diff, low, high, clear)


def _halves(metric: Metric, a: Result, b: Result, values: Sequence[Floats], paired: bool) -> tuple[float, float]:
    """How far below and above the difference its interval reaches; NaN where there is none."""
    if not paired:
        half = _welch(*values)
        return half, half
    over_runs = student_half((values[1] - values[0]).tolist())
    column = BY_QUERY.get(metric.name)
    if column is None or metric.spread == "runs":
        return over_runs, over_runs
    below, above = _over_items(a.tables.queries, b.tables.queries, column)
    if metric.spread == "items":
        return below, above
    return hypot(below, over_runs), hypot(above, over_runs)


def _welch(a: Floats, b: Floats) -> float:
    """Half-width of the interval of a difference of independent means, with unequal spreads."""
    if len(a) < 2 or len(b) < 2:
        return float("nan")
    errors = [float(np.var(values, ddof=1)) / len(values) for values in (a, b)]
    total = sum(errors)
    if total == 0.0:
        return 0.0
    freedom = total**2 / sum(e**2 / (len(v) - 1) for e, v in zip(errors, (a, b), strict=True))
    return float(stdtrit(freedom, (1 + LEVEL) / 2)) * sqrt(total)


def _over_items(a: pd.DataFrame, b: pd.DataFrame, column: str) -> tuple[float, float]:
    """Bootstrap of the mean difference over items; an item is drawn with all its queries."""
    change = b[column].to_numpy(np.float64) - a[column].to_numpy(np.float64)
    if column == "score":
        change = np.nan_to_num(b[column].to_numpy(np.float64)) - np.nan_to_num(a[column].to_numpy(np.float64))
    asked = (a["item"] >= 0).to_numpy(bool)
    if not asked.any():
        return float("nan"), float("nan")
    names = a["cls"].astype(str) + "/" + a["item"].astype(str)
    _, item = np.unique(names[asked].to_numpy(str), return_inverse=True)
    sums = np.stack([np.bincount(item, change[asked]), np.bincount(item).astype(np.float64)], axis=1)
    rng = stream(0, 0, "paired")
    n = len(sums)
    drawn = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        total, count = np.bincount(rng.integers(0, n, n), minlength=n) @ sums
        drawn[i] = total / count
    mean = float(sums[:, 0].sum() / sums[:, 1].sum())
    low, high = np.percentile(drawn, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return max(0.0, mean - float(low)), max(0.0, float(high) - mean)
