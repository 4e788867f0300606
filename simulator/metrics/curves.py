"""Deferral curves: quality over the share of queries that the strong model is asked, and what is read off them.

A curve is two columns of operating points, `share` and `quality`, (k,) each, in any order. Points are joined by
straight lines: by tossing a coin between two thresholds any point between them can be had. Metrics raise `Undefined`
where they have no value.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from simulator.metrics.value import Floats, Undefined


class Deferred(NamedTuple):
    """Every operating point of a threshold, in order of its share: (k,) columns over k - 1 distinct scores.

    `share` of the weight is deferred, `value` is the mean of what each query then gives (one row a column given).
    """

    share: Floats
    value: Floats  # (columns, k)


class Ranked:
    """Queries in the order in which a falling bar defers them: lowest score first, equal scores together."""

    def __init__(self, score: Floats) -> None:
        """`score` (n,): the lower, the sooner deferred; no NaN."""
        if np.isnan(score).any():
            raise Undefined("some queries have no score")
        self.order: NDArray[np.intp] = np.argsort(score, kind="stable")
        ordered = score[self.order]
        last = np.ones(len(ordered), bool)
        last[:-1] = ordered[1:] > ordered[:-1]
        self.ends: NDArray[np.intp] = np.flatnonzero(last)
        self.scores: Floats = ordered[self.ends]
        """Distinct scores, rising: point j of a curve defers the queries with a score among the first j."""

    def curve(self, kept: Floats, deferred: Floats, weights: Floats | None = None) -> Deferred:
        """Queries give `kept` or, deferred, `deferred`: (columns, n) each. There are distinct scores + 1 points."""
        return Sides(self, kept, deferred).curve(np.ones(len(self.order)) if weights is None else weights)


class Sides:
    """What each query gives on either side of the bar, in order, for as many curves as there are weights."""

    def __init__(self, ranked: Ranked, kept: Floats, deferred: Floats) -> None:
        """`kept` and `deferred` are (columns, n)."""
        self.ranked = ranked
        self.kept = kept[:, ranked.order]
        self.change = deferred[:, ranked.order] - self.kept

    def curve(self, weights: Floats) -> Deferred:
        """The curve of queries that count so often, (n,)."""
        weight, ends = weights[self.ranked.order], self.ranked.ends
        total = weight.sum()
        if not total > 0:
            raise Undefined("there are no items")
        start = (self.kept @ weight)[:, None]
        value = np.concatenate([start, start + np.cumsum(self.change * weight, axis=1)[:, ends]], axis=1) / total
        return Deferred(np.append(0.0, np.cumsum(weight)[ends]) / total, value)


def bins(scores: Floats, weak: Floats, strong: Floats, count: int = 10) -> tuple[Floats, Floats]:
    """Shares and qualities at `count` + 1 thresholds, the quantiles of the scores, as RouteLLM draws its curves.

    Strong where the score (n,) is the threshold or more; at the last threshold, where it is more: nowhere. Source:
    arXiv 2406.18665 and the evaluation in its repository.
    """
    cuts = np.quantile(scores, np.linspace(0, 1, count + 1))
    asked = scores >= cuts[:, None]
    asked[-1] = False
    return asked.mean(axis=1), np.where(asked, strong, weak).mean(axis=1)


def by_share(share: Floats, quality: Floats) -> tuple[Floats, Floats]:
    """The points in order of their share; of several at one share the best, since one may choose."""
    share, quality = np.asarray(share, np.float64), np.asarray(quality, np.float64)
    if np.isnan(share).any() or np.isnan(quality).any():
        raise Undefined("a point has no share or no quality")
    steps = np.diff(share, prepend=-np.inf)
    if not (steps >= 0).all():
        order = np.argsort(share, kind="stable")
        share, quality = share[order], quality[order]
        steps = np.diff(share, prepend=-np.inf)
    first = np.flatnonzero(steps > 0)
    return share[first], np.maximum.reduceat(quality, first)


def audc(share: Floats, quality: Floats) -> float:
    """Area under the deferral curve over its range of shares, divided by that range: the mean quality along it.

    Over shares from 0 to 1 it is the area itself. It lies between the least and the greatest quality.
    """
    x, y = by_share(share, quality)
    if len(x) < 2:
        raise Undefined("a curve needs two shares")
    return float(trapezoid(y, x) / (x[-1] - x[0]))


def random_chord(weak: float, strong: float) -> float:
    """Area under the curve of a coin between the two models."""
    return (weak + strong) / 2


def pgr(quality: float, weak: float, strong: float) -> float:
    """Performance gap recovered: (q - q_weak) / (q_strong - q_weak). Source: RouteLLM, arXiv 2406.18665."""
    return (quality - weak) / _gap(weak, strong)


def apgr(share: Floats, quality: Floats, weak: float, strong: float) -> float:
    """Mean performance gap recovered over shares: 0.5 is a coin; above 1 if the weak model is sometimes the only right.

    Trapezoid on the points given (`bins` has RouteLLM's eleven). Source: RouteLLM, arXiv 2406.18665.
    """
    gap = _gap(weak, strong)
    return (audc(share, quality) - weak) / gap


def cpt(level: float, share: Floats, quality: Floats, weak: float, strong: float) -> float:
    """Call-performance threshold: the least share of strong calls that recovers `level` of the gap, interpolated.

    A coin has CPT(x) = x. Source: RouteLLM, arXiv 2406.18665.
    """
    return share_reaching(weak + level * _gap(weak, strong), share, quality)


def share_reaching(target: float, share: Floats, quality: Floats) -> float:
    """The least share at which the curve has `target` quality, interpolated between points."""
    x, y = by_share(share, quality)
    reached = np.flatnonzero(y >= target - 1e-12)
    if not len(reached):
        raise Undefined("the curve never reaches that quality")
    j = int(reached[0])
    if j == 0:
        return float(x[0])
    return float(x[j - 1] + (x[j] - x[j - 1]) * min(1.0, (target - y[j - 1]) / (y[j] - y[j - 1])))


def oracle(weak: Floats, strong: Floats, weights: Floats | None = None) -> tuple[Floats, Floats]:
    """The best curve there can be, from (n,) qualities of both models: first where the strong one gains most."""
    curve = Ranked(weak - strong).curve(weak[None], strong[None], weights)
    return curve.share, curve.value[0]


def _gap(weak: float, strong: float) -> float:
    if not strong > weak:
        raise Undefined("the strong model is no better than the weak one")
    return strong - weak
