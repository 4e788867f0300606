"""What is read off curves of quality over a share: areas, the gap recovered, the hull of points, and the best there is.

Source of APGR: RouteLLM, arXiv 2406.18665. Curves are (k,) columns, in any order, joined by straight lines.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.integrate import trapezoid

Floats = NDArray[np.float64]


def ordered(share: Floats, quality: Floats) -> tuple[Floats, Floats]:
    """By rising share; of several points at one share the best, since one may choose."""
    order = np.lexsort((-quality, share))
    share, first = np.unique(share[order], return_index=True)
    return share, quality[order][first]


def audc(share: Floats, quality: Floats) -> float:
    """Area under the curve, divided by its range of shares: the mean quality along it. NaN with fewer than two."""
    x, y = ordered(share, quality)
    return float(trapezoid(y, x) / (x[-1] - x[0])) if len(x) > 1 else float("nan")


def apgr(share: Floats, quality: Floats, weak: float, strong: float) -> float:
    """Mean share of the gap between both that is recovered: (AUDC - weak) / (strong - weak). A coin's is 0.5.

    NaN where the strong one is no better: there is no gap then.
    """
    return (audc(share, quality) - weak) / (strong - weak) if strong > weak else float("nan")


def half_width(values: Floats) -> float:
    """Of the 95 % interval of a mean of independent values, by Student; NaN with fewer than two, or with a NaN."""
    n = len(values)
    return float(stats.t.ppf(0.975, n - 1) * stats.sem(values)) if n > 1 else float("nan")


def hull(share: Floats, quality: Floats) -> tuple[Floats, Floats]:
    """The upper concave hull: the best that coins between points can reach."""
    kept: list[tuple[float, float]] = []
    for x, y in zip(*ordered(share, quality), strict=True):
        while len(kept) > 1 and _below(kept[-2], kept[-1], (x, y)):
            kept.pop()
        kept.append((float(x), float(y)))
    xs, ys = zip(*kept, strict=True)
    return np.array(xs), np.array(ys)


def oracle(weak: Floats, strong: Floats) -> tuple[Floats, Floats]:
    """The best curve there can be, from (n,) qualities of both by query: the strong one where it gains most, first."""
    gain = np.sort(strong - weak)[::-1]
    ends = np.flatnonzero(np.append(gain[1:] != gain[:-1], True))
    share, quality = (ends + 1) / len(gain), weak.mean() + np.cumsum(gain)[ends] / len(gain)
    return np.append(0.0, share), np.append(weak.mean(), quality)


def _below(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    """Whether `middle` lies on or below the chord from `first` to `last`."""
    (x0, y0), (x1, y1), (x2, y2) = first, middle, last
    return (y1 - y0) * (x2 - x0) <= (y2 - y0) * (x1 - x0)
