"""Thresholds of a whole cascade at once, fitted to what errors, costs and silence are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulator.policies.choice import Currency, relative
from simulator.policies.core import Call, Policy
from simulator.policies.escalation_frugal import CURRENCIES
from simulator.policies.setting import Floats, Needs, Setting
from simulator.policies.signals import calibrated
from simulator.policies.stages import Bands, Stage, Staged, check_order, taken
from simulator.spec.base import NonNegative
from simulator.spec.refs import PoolName


@dataclass(frozen=True)
class RationalTuning:
    """Accept pool i's answer if phi_i >= t_i, abstain if phi_i < r_i, else go on: phi_i is its calibrated confidence.

    Thresholds minimise E[error] + `price` E[cost] + `abstain_price` E[abstained] jointly, cost relative to a mean call
    at the dearest pool, an abstained query being no error; without an `abstain_price` nothing is abstained. phi is a
    logistic regression on log(1 / (1 - p)). Sources: arXiv 2501.09345 (joint continuous optimisation), 2502.09054
    (early abstention). They optimise a Markov-copula model of the phis; here the train table itself is what is
    optimised over (differential evolution on quantile levels), which needs no model and overfits more on small tables.
    """

    order: tuple[PoolName, ...]
    """Pools, the first asked first."""
    price: NonNegative = 0.1
    """What a call at the dearest pool is worth, in right answers."""
    abstain_price: NonNegative | None = None
    """What a query without an answer is worth, in wrong ones; nothing is abstained without it."""
    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""

    def __post_init__(self) -> None:
        check_order(self.order)

    @property
    def needs(self) -> Needs:
        """A confidence of every pool that is judged, and what is fitted to."""
        return Needs(train=True, scores_of=self._judged())

    def _judged(self) -> tuple[str, ...]:
        return self.order[:-1] if self.abstain_price is None else self.order

    def prepare(self, setting: Setting) -> Policy:
        """The stages with the thresholds that were found."""
        assert setting.train is not None
        train, judged = setting.train, self._judged()
        reads = calibrated(setting, judged)
        columns = [setting.pools.index(pool) for pool in self.order]

        def fit() -> Thresholds:
            phi = [
                reads.curves[pool].over(train.confidence[:, column])
                for pool, column in zip(judged, columns, strict=False)
            ]
            cost = relative(getattr(train, CURRENCIES[self.currency])[:, columns])
            return tuned(phi, train.score[:, columns], cost, self.price, self.abstain_price)

        found: Thresholds = setting.fitted(("rational-tuning", repr(self)), fit)
        stages = [
            Stage((Call(pool),), reads, Bands(max(accept, abstain), abstain_below=abstain))
            for pool, accept, abstain in zip(judged, found.accept, found.abstain_below, strict=False)
        ]
        return Staged((*stages, taken(self.order[-1])) if self.abstain_price is None else tuple(stages))


class Thresholds(NamedTuple):
    """Of each stage, and the loss that they had on the train split."""

    accept: tuple[float, ...]
    abstain_below: tuple[float, ...]
    loss: float


def loss(
    accept: Sequence[float],
    abstain_below: Sequence[float],
    phi: Sequence[Floats],
    score: Floats,
    cost: Floats,
    price: float,
    abstain_price: float,
) -> float:
    """Mean loss of a cascade on items (n, pools); a stage beyond the thresholds takes all."""
    left = np.ones(len(score), dtype=bool)
    total = 0.0
    for stage in range(score.shape[1]):
        total += price * cost[left, stage].sum()
        taken, silent = left, np.zeros_like(left)
        if stage < len(phi):
            silent = left & (phi[stage] < abstain_below[stage])
            last = stage == score.shape[1] - 1
            taken = left & ~silent & ((phi[stage] >= accept[stage]) | last)
        total += abstain_price * silent.sum() + (1 - score[taken, stage]).sum()
        left = left & ~silent & ~taken
    return float(total / len(score))


def tuned(phi: Sequence[Floats], score: Floats, cost: Floats, price: float, abstain_price: float | None) -> Thresholds:
    """Thresholds of the least loss that differential evolution finds among the values that the phis have."""
    from scipy.optimize import Bounds, differential_evolution

    values = [np.append(np.sort(each), np.inf) for each in phi]
    never = (float("-inf"),) * len(phi)

    def at(levels: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Levels of acceptance, then those of abstaining as shares of them; 1 is never reached, 0 always."""
        accept = levels[: len(phi)]
        below = levels[len(phi) :] * accept if abstain_price is not None else ()
        return _quantiles(values, accept), _quantiles(values, below) or never

    def total(levels: Floats) -> float:
        return loss(*at(levels), phi, score, cost, price, abstain_price or 0.0)

    if not phi:
        return Thresholds((), (), total(np.zeros(0)))
    size = len(phi) * (1 if abstain_price is None else 2)
    found = differential_evolution(total, Bounds(np.zeros(size), np.ones(size)), rng=0, polish=False, maxiter=200)
    return Thresholds(*at(found.x), float(found.fun))


def _quantiles(values: Sequence[Floats], levels: Sequence[float] | Floats) -> tuple[float, ...]:
    places = zip(values, levels, strict=False)
    return tuple(float(sorted_[min(int(level * len(sorted_)), len(sorted_) - 1)]) for sorted_, level in places)
