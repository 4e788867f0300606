"""A weak and a strong pool, and a score that says which: thresholds, and shares of strong calls met exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.policies.choice import Choice, Routed, routed
from simulator.policies.setting import Floats, Setting


@dataclass(frozen=True)
class Cut:
    """Strong iff the score is above `score`, and for a share `tied` of those that are equal to it."""

    score: float
    tied: float


def cut_at_share(scores: Floats, share: float) -> Cut:
    """The cut above which a share of `scores` lies: their quantile 1 - share.

    Where scores tie at the quantile, the share of ties that makes it exact is drawn: a threshold alone would send all
    of them or none.
    """
    strong = share * len(scores)
    if strong <= 0.0:
        return Cut(np.inf, 0.0)
    falling = np.sort(scores)[::-1]
    score = float(falling[min(int(np.ceil(strong)), len(scores)) - 1])
    above, equal = int((scores > score).sum()), int((scores == score).sum())
    return Cut(score, (strong - above) / equal)


def are_strong(scores: Floats, cut: Cut, setting: Setting) -> NDArray[np.bool_]:
    """Which queries go to the strong pool; ties by a coin for each query."""
    strong: NDArray[np.bool_] = scores > cut.score
    for query in np.flatnonzero(scores == cut.score).tolist():
        strong[query] = setting.uniform("ties", query, 0) < cut.tied
    return strong


def pair(
    setting: Setting, weak: str, strong: str, are_strong: NDArray[np.bool_], scores: Floats, bound: float
) -> Routed:
    """The policy that asks `strong` where that is said, else `weak`: as its score lies beside `bound`."""
    choice: Choice = np.where(are_strong, setting.pools.index(strong), setting.pools.index(weak))
    return routed(setting, choice, lambda query: f"a score of {scores[query]:.3g}; {strong}'s bound is {bound:.3g}")


def check_pair(weak: str, strong: str, threshold: float | None, strong_share: float | None) -> None:
    """ValueError unless there are two pools, and a threshold or a share."""
    if weak == strong:
        raise ValueError("the two pools must differ")
    if (threshold is None) == (strong_share is None):
        raise ValueError("give one of 'threshold' and 'strong_share'")
    if strong_share is not None and not 0.0 <= strong_share <= 1.0:
        raise ValueError(f"'strong_share' must lie in [0, 1], not {strong_share}")


def bradley_terry(strong: Floats, weak: Floats) -> Floats:
    """sigma(d_s - d_w) of two models whose scores are sigma(d): P(strong wins) of two that do not tie."""
    p, q = (np.clip(scores, 1e-9, 1.0 - 1e-9) for scores in (strong, weak))
    odds: Floats = p * (1.0 - q) / (p * (1.0 - q) + q * (1.0 - p))
    return odds
