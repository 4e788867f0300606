"""Cost against quality: hulls, areas under them, what equal quality costs, and the volume that points dominate.

Points are (k,) columns of mean cost and mean quality, in any order. Metrics raise `Undefined` where they have no value.
"""

from __future__ import annotations

import numpy as np
from scipy.integrate import trapezoid

from simulator.metrics.value import Floats, Undefined


def hull(cost: Floats, quality: Floats) -> tuple[Floats, Floats]:
    """The non-decreasing convex hull of points, by rising cost: what a coin between them can reach (the zero router).

    It starts at the cheapest point and ends at the best; a point under a chord of others is not on it. Source:
    RouterBench, arXiv 2403.12031.
    """
    cost, quality = _known(cost, quality)
    order = np.lexsort((-quality, cost))
    best = np.maximum.accumulate(quality[order])
    order = order[np.diff(best, prepend=-np.inf) > 0]  # better than all that is cheaper
    kept: list[tuple[float, float]] = []
    for x, y in zip(cost[order].tolist(), quality[order].tolist(), strict=True):
        while len(kept) > 1 and _is_under(kept[-1], kept[-2], (x, y)):
            kept.pop()
        kept.append((x, y))
    xs, ys = zip(*kept, strict=True)
    return np.array(xs), np.array(ys)


def aiq(cost: Floats, quality: Floats, max_cost: float | None = None) -> float:
    """Average improvement in quality: the area under the hull, carried on flat to `max_cost`, divided by `max_cost`.

    `max_cost` is common to all that is compared (here the dearest point, where it is not given); the area starts at the
    cheapest point, not at 0. Source: the code of RouterBench, arXiv 2403.12031.
    """
    x, y = hull(cost, quality)
    end = float(np.max(cost)) if max_cost is None else max_cost
    return _area_until(x, y, end) / end


def area(cost: Floats, quality: Floats, dearest: float) -> float:
    """Area under quality over cost, normalised by the cost of the dearest model, from the cheapest point to 1.

    Points as they are, joined by straight lines and carried on flat; what costs more than the dearest is not counted.
    Source: UniRoute, arXiv 2502.08773.
    """
    x, y = _by_cost(cost, quality)
    return _area_until(x, y, dearest) / dearest


def cascade_routing_auc(cost: Floats, quality: Floats, cheapest: float, dearest: float) -> float:
    """Mean quality over costs from the cheapest to the dearest single model. Source: arXiv 2410.10347."""
    if not dearest > cheapest:
        raise Undefined("all models cost the same")
    x, y = _by_cost(cost, quality)
    grid = np.unique(np.clip(np.concatenate([x, [cheapest, dearest]]), cheapest, dearest))
    return float(trapezoid(np.interp(grid, x, y), grid) / (dearest - cheapest))


def cost_reaching(target: float, cost: Floats, quality: Floats) -> float:
    """The least cost of a point with at least `target` quality."""
    cost, quality = _known(cost, quality)
    reached = quality >= target - 1e-12
    if not reached.any():
        raise Undefined("no point reaches that quality")
    return float(cost[reached].min())


def qnc(cost: Floats, quality: Floats, best_quality: float, best_cost: float) -> float:
    """Quality-neutral cost: the least cost at the quality of the most accurate model, relative to that model's.

    Undefined where no point reaches it (infinite, in the papers). Source: UniRoute, arXiv 2502.08773.
    """
    if not best_cost > 0:
        raise Undefined("the most accurate model costs nothing")
    return cost_reaching(best_quality, cost, quality) / best_cost


def saved_frac(cost: Floats, quality: Floats, best_quality: float, best_cost: float) -> float:
    """Share of the strong model's cost that is saved at its quality: negative where the same quality costs more."""
    return 1.0 - qnc(cost, quality, best_quality, best_cost)


def hypervolume(points: Floats, reference: Floats) -> float:
    """Volume that (k, d) points dominate, d <= 4, up to the (d,) reference point: larger is better.

    Every column is a cost (negate what is better when it is higher). The reference point is part of the result and has
    to be told with it; points that are not below it in every column add nothing.
    """
    points, reference = np.atleast_2d(np.asarray(points, np.float64)), np.asarray(reference, np.float64)
    if points.shape[1] != len(reference) or not 1 <= len(reference) <= 4:
        raise ValueError(f"points of {points.shape[1]} columns, a reference of {len(reference)}; 1 to 4 are possible")
    if np.isnan(points).any():
        raise Undefined("a point has a coordinate that is unknown")
    return _volume(points[(points < reference).all(axis=1)], reference)


def _volume(points: Floats, reference: Floats) -> float:
    """Slices along the last column: between two neighbouring values, the volume of all points up to the first."""
    if not len(points):
        return 0.0
    if len(reference) == 1:
        return float(reference[0] - points.min())
    points = points[np.argsort(points[:, -1], kind="stable")]
    if len(reference) == 2:
        widths = reference[0] - np.minimum.accumulate(points[:, 0])
        return float(widths @ np.diff(np.append(points[:, 1], reference[1])))
    tops = np.append(points[1:, -1], reference[-1])
    volume, front = 0.0, points[:0, :-1]
    for point, top in zip(points, tops, strict=True):
        if not (front <= point[:-1]).all(axis=1).any():
            front = np.vstack([front[~(front >= point[:-1]).all(axis=1)], point[:-1]])
        if top > point[-1]:
            volume += (top - point[-1]) * _volume(front, reference[:-1])
    return float(volume)


def _known(cost: Floats, quality: Floats) -> tuple[Floats, Floats]:
    cost, quality = np.asarray(cost, np.float64), np.asarray(quality, np.float64)
    if not len(cost):
        raise Undefined("there are no points")
    if np.isnan(cost).any() or np.isnan(quality).any():
        raise Undefined("a point has no cost or no quality")
    return cost, quality


def _by_cost(cost: Floats, quality: Floats) -> tuple[Floats, Floats]:
    """By rising cost; of several at one cost the best."""
    cost, quality = _known(cost, quality)
    order = np.lexsort((-quality, cost))
    first = np.diff(cost[order], prepend=-np.inf) > 0
    return cost[order][first], quality[order][first]


def _area_until(x: Floats, y: Floats, end: float) -> float:
    """The integral from the first point to `end`, flat beyond the last."""
    if not end > 0:
        raise Undefined("nothing costs anything")
    inside = x < end
    if not inside.any():
        raise Undefined("no point costs less than the dearest")
    xs, ys = np.append(x[inside], end), np.append(y[inside], np.interp(end, x, y))
    return float(trapezoid(ys, xs))


def _is_under(middle: tuple[float, float], left: tuple[float, float], right: tuple[float, float]) -> bool:
    """Whether the middle point lies on or below the chord."""
    (x0, y0), (x1, y1), (x2, y2) = left, middle, right
    return (y1 - y0) * (x2 - x0) <= (y2 - y0) * (x1 - x0)
