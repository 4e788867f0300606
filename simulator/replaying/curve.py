"""A policy's curve over one of its numbers: operating points, single pools beside them, and what is read off them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.metrics.curves import pgr
from simulator.metrics.efficiency import arena_score
from simulator.metrics.value import RESAMPLES, Floats, Value, over_items, value_of
from simulator.replaying.ends import Ends
from simulator.replaying.points import Grid, Points, means
from simulator.replaying.readings import READINGS, Drawn


@dataclass(frozen=True)
class Curve:
    """Points of a policy at values of `key`, its ends, and metrics.

    `points` has a row a value, `singles` a row a pool (everything to it), with the columns `MEANS`, the interval of the
    accuracy, joules for a right answer, RouterArena's score and the share of the gap recovered. Cost, in metrics, is
    the column `ends.currency`.
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

    seen: list[Drawn] = []
    accuracies: list[tuple[Floats, Floats]] = []  # of points and of single pools: kept of every resample

    def of(counts: Floats) -> Drawn:
        drawn = Drawn(ends, means(points.sums(counts)), means(singles.sums(counts)), on_item, counts * with_item[0])
        if not seen:
            seen.append(drawn)
        accuracies.append((drawn.points["accuracy"], drawn.singles["accuracy"]))
        return drawn

    metrics = over_items(READINGS, of, np.arange(singles.items), seed, resamples)
    whole = seen[0]
    at_values = _table("value", points.values, whole.points, [accuracy for accuracy, _ in accuracies], whole.gap)
    of_pools = _table("pool", singles.values, whole.singles, [accuracy for _, accuracy in accuracies], whole.gap)
    return Curve(key, ends, at_values, of_pools, metrics, is_whole)


def _each(metric: Callable[..., float], *columns: Floats) -> Floats:
    """A metric of every row, NaN where it is undefined."""
    values = (value_of(metric, *row).value for row in zip(*columns, strict=True))
    return np.array([np.nan if value is None else value for value in values])


def _table(
    first: str,
    values: Sequence[float | str],
    whole: Mapping[str, Floats],
    drawn: Sequence[Floats],
    gap: tuple[float, float],
) -> pd.DataFrame:
    """One row a value; `drawn` are accuracies over all items and then over resamples, `gap` those of both ends."""
    low, high = np.percentile(drawn[1:] or drawn, [2.5, 97.5], axis=0)
    with np.errstate(divide="ignore"):
        per_correct = whole["energy_j"] / whole["accuracy"]
    columns: dict[str, NDArray[np.generic]] = {"accuracy": whole["accuracy"]}
    columns |= {"accuracy_ci_low": low, "accuracy_ci_high": high, **whole}
    columns["energy_j_per_correct"] = np.where(np.isfinite(per_correct), per_correct, np.nan)
    columns["arena_score"] = _each(arena_score, whole["accuracy"], whole["cost_usd"])
    columns["pgr"] = _each(pgr, whole["accuracy"], *(np.full(len(low), end) for end in gap))
    return pd.DataFrame({first: list(values), **columns})
