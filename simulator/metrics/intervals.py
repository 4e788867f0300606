"""95 % intervals: Student t over replications, bootstrap over items, or both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from simulator.metrics.registry import Metric
from simulator.metrics.sample import NO_TABLE, Sample
from simulator.workload.streams import stream

Floats = NDArray[np.float64]

LEVEL = 0.95
RESAMPLES = 1000
UNKNOWN = float("nan")


def student_half(values: Sequence[float]) -> float:
    """Half-width of the 95 % interval of the mean of independent values; NaN with fewer than two."""
    n = len(values)
    if n < 2:
        return UNKNOWN
    return float(stdtrit(n - 1, (1 + LEVEL) / 2)) * float(np.std(values, ddof=1)) / sqrt(n)


@dataclass(frozen=True)
class Resampled:
    """Totals of a run's quantities: as they were, and in each of `RESAMPLES` resamples of its items, (resamples,)."""

    whole: dict[str, float]
    drawn: dict[str, Floats]

    def halves(self, metric: Metric) -> tuple[float, float]:
        """How far below and above the run's ratio its 95 % interval reaches; NaN where some resample has no ratio."""
        assert metric.bottom is not None
        top, bottom = self.drawn.get(metric.top), self.drawn.get(metric.bottom)
        if top is None or bottom is None or not np.all(bottom > 0):
            return UNKNOWN, UNKNOWN
        ratio = self.whole[metric.top] / self.whole[metric.bottom]
        low, high = np.percentile(top / bottom, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
        return max(0.0, ratio - float(low)), max(0.0, float(high) - ratio)


def resample(samples: Sequence[Sample], seed: int) -> Resampled | None:
    """Draw the items of a run anew; None where its queries have no items, or a single one.

    An item is drawn with all its queries, of all replications, since they share its outcomes. Each quality table is
    resampled for itself; queries without items, and what is of no query, are the same in every resample.
    """
    names = list(samples[0].columns)
    tables = np.unique(np.concatenate([s.table for s in samples]))
    tables = tables[tables != NO_TABLE]
    sums = [_item_sums(samples, int(table), names) for table in tables]
    if not sums or max(map(len, sums)) < 2:
        return None
    rng = stream(seed, 0, "bootstrap")
    drawn = np.zeros((RESAMPLES, len(names)))
    for items in sums:
        drawn += np.stack(list(_draws(items, rng)))
    whole = {name: sum(s.total(name) for s in samples) for name in {*names, *samples[0].totals}}
    in_items = np.sum([items.sum(axis=0) for items in sums], axis=0)
    columns = {name: drawn[:, i] + (whole[name] - in_items[i]) for i, name in enumerate(names)}
    constants = {name: np.full(RESAMPLES, total) for name, total in whole.items() if name not in columns}
    return Resampled(whole, columns | constants)


def _item_sums(samples: Sequence[Sample], table: int, names: Sequence[str]) -> Floats:
    """Sums of each column over the queries of each item of `table`: (items, columns)."""
    chosen = [s.table == table for s in samples]
    item = np.concatenate([s.item[mine] for s, mine in zip(samples, chosen, strict=True)])
    columns = ([s.columns[name][mine] for s, mine in zip(samples, chosen, strict=True)] for name in names)
    sums = [np.bincount(item, weights=np.nan_to_num(np.concatenate(parts))) for parts in columns]
    table_sums: Floats = np.stack(sums, axis=1).astype(np.float64)
    return table_sums[np.bincount(item) > 0]


def _draws(items: Floats, rng: np.random.Generator) -> Iterator[Floats]:
    """Totals of as many rows of `items`, drawn with replacement: one resample after the other."""
    n = len(items)
    for _ in range(RESAMPLES):
        times: Floats = np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)
        yield times @ items


def interval(
    metric: Metric, values: Sequence[float], resampled: Resampled | None
) -> tuple[float | None, float | None, str]:
    """The 95 % interval of `metric` around the mean of its `values`, one a replication, or why there is none."""
    mean = float(np.mean(values))
    over_runs = student_half(values)
    if metric.bottom is None or metric.spread == "runs" or resampled is None:
        below = above = over_runs
    else:
        below, above = resampled.halves(metric)
        if np.isnan(below):
            return None, None, f"too little to resample {metric.bottom} over items"
        if metric.spread == "both":
            below, above = hypot(below, over_runs), hypot(above, over_runs)
    if np.isnan(below):
        return None, None, "no interval from one replication"
    return mean - below, mean + above, ""
