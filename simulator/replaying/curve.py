"""A policy's curve over one of its numbers: operating points, single pools beside them, and what is read off them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.metrics.value import RESAMPLES, Floats, Value, over_items
from simulator.replaying.ends import Ends
from simulator.replaying.points import Grid, Points, means
from simulator.replaying.readings import READINGS, Drawn


@dataclass(frozen=True)
class Curve:
    """Points of a policy at values of `key`, its ends, and metrics.

    `points` has a row a value, `singles` a row a pool (everything to it), with the columns `MEANS`, the interval of the
    accuracy, and joules for a right answer. Cost, in metrics, is the column `ends.currency`.
    """

    key: str
    ends: Ends
    points: pd.DataFrame
    singles: pd.DataFrame
    metrics: Mapping[str, Value]
    is_whole: bool
    """Every value that makes a difference is among the points."""


def read_off(
    key: str, ends: Ends, points: Points, singles: Grid, is_whole: bool, seed: int = 0, resamples: int = RESAMPLES
) -> Curve:
    """The curve of these points, with intervals over `resamples` of the items."""
    right, with_item = singles.of_items[:, 0], singles.of_items[:, 1]
    on_item = np.divide(right, with_item, out=np.zeros_like(right), where=with_item > 0)

    seen: list[tuple[Floats, Floats]] = []  # accuracy of points and of single pools

    def of(counts: Floats) -> Drawn:
        drawn = Drawn(ends, means(points.sums(counts)), means(singles.sums(counts)), on_item, counts * with_item[0])
        seen.append((drawn.points["accuracy"], drawn.singles["accuracy"]))
        return drawn

    metrics = over_items(READINGS, of, np.arange(singles.items), seed, resamples)
    at_values = _table("value", points, [accuracy for accuracy, _ in seen])
    of_pools = _table("pool", singles, [accuracy for _, accuracy in seen])
    return Curve(key, ends, at_values, of_pools, metrics, is_whole)


def _table(first: str, points: Points, drawn: Sequence[Floats]) -> pd.DataFrame:
    """One row a point; `drawn` are accuracies over all items and then over resamples."""
    whole = means(points.sums(np.ones(points.items)))
    low, high = np.percentile(drawn[1:] or drawn, [2.5, 97.5], axis=0)
    with np.errstate(divide="ignore"):
        per_correct = whole["energy_j"] / whole["accuracy"]
    columns: dict[str, NDArray[np.generic]] = {"accuracy": whole["accuracy"]}
    columns |= {"accuracy_ci_low": low, "accuracy_ci_high": high, **whole}
    columns["energy_j_per_correct"] = np.where(np.isfinite(per_correct), per_correct, np.nan)
    return pd.DataFrame({first: list(points.values), **columns})
