"""A number with its interval over items, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from simulator.workload.streams import stream

Floats = NDArray[np.float64]
T = TypeVar("T")
Name = TypeVar("Name", bound=Hashable)

LEVEL = 0.95
RESAMPLES = 1000


class Undefined(Exception):  # noqa: N818
    """A metric has no value here; the text says why."""


@dataclass(frozen=True)
class Value:
    """A metric with its 95 % interval. What is None is undefined, and `reason` says why."""

    value: float | None
    ci_low: float | None = None
    ci_high: float | None = None
    reason: str = ""


def value_of(metric: Callable[..., float], *args: Any, **more: Any) -> Value:
    """The metric of these arguments without an interval; undefined where it says so, unknown where NaN."""
    try:
        found = float(metric(*args, **more))
    except Undefined as why:
        return Value(None, reason=str(why))
    if np.isfinite(found):
        return Value(found)
    return Value(None, reason="unknown" if np.isnan(found) else "not a finite number")


def over_items(
    metrics: Mapping[Name, Callable[[T], float]],
    of: Callable[[Floats], T],
    item: Sequence[Any] | NDArray[Any],
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[Name, Value]:
    """Metrics of what `of` makes of weighted queries, with percentile bootstrap intervals over items.

    `item` (n,) says which item each query asks: an item is drawn with all its queries, since they share its outcomes.
    `of(weights)` is called with (n,) weights, all 1 for the value itself and how often each was drawn in a resample;
    every metric is computed on what it gives. A metric that is undefined in some resample has no interval, nor has any
    without `resamples`.
    """
    labels, row = np.unique(np.asarray(item), return_inverse=True)
    whole = of(np.ones(len(row)))
    values = {name: value_of(metric, whole) for name, metric in metrics.items()}
    drawn: dict[Name, list[float]] = {name: [] for name, one in values.items() if one.value is not None}
    if len(labels) < 2:
        return {name: replace(one, reason=one.reason or "no interval from one item") for name, one in values.items()}
    for counts in draws(len(labels), seed, resamples if drawn else 0):
        made = of(counts[row])
        for name in list(drawn):
            one = value_of(metrics[name], made)
            if one.value is not None:
                drawn[name].append(one.value)
                continue
            del drawn[name]
            values[name] = replace(values[name], reason=f"no interval: undefined in some resamples ({one.reason})")
    for name, found in drawn.items():
        if found:
            low, high = np.percentile(found, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
            values[name] = replace(values[name], ci_low=float(low), ci_high=float(high))
    return values


def draws(n: int, seed: int, resamples: int = RESAMPLES) -> Iterator[Floats]:
    """How often each of n items is drawn in each resample, (n,), as floats."""
    rng = stream(seed, 0, "bootstrap")
    for _ in range(resamples):
        yield np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float64)


def mean_over_items(values: Floats, item: Sequence[Any] | NDArray[Any] | None = None, seed: int = 0) -> Value:
    """The mean of (n,) values, each of an item of its own where `item` is None."""
    rows = np.arange(len(values)) if item is None else item
    return over_items({"mean": float}, lambda weights: weighted_mean(values, weights), rows, seed)["mean"]


def weighted_mean(values: Floats, weights: Floats) -> float:
    """The mean of values that count so often. Raises Undefined on none."""
    total = weights.sum()
    if not total > 0:
        raise Undefined("there are no items")
    return float(weights @ values / total)
