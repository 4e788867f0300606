"""Cascade routing: after each answer, whichever model is worth running next, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from simulator.learning.core import EstimatorPart
from simulator.learning.means import TaskMean
from simulator.policies.choice import Currency, expected_cost, relative
from simulator.policies.core import (
    Answer,
    Ask,
    Call,
    Decision,
    Drop,
    Finish,
    FleetView,
    Floats,
    Needs,
    Policy,
    Query,
    RouterCost,
    Setting,
    Train,
    Wait,
)
from simulator.policies.signals import Logistic, Spread, logistic
from simulator.spec.base import NonNegative
from simulator.spec.refs import PoolName

MOST_POOLS = 8
POINTS, REACH = 129, 6.0  # of the integral of a maximum: steps, and standard deviations to each side
LEAST_SIGMA = 0.02  # what is nearer than that to its estimate is taken to be it
ROWS = 500  # weighed at once


@dataclass(frozen=True)
class CascadeRouting:
    """Next = argmax over supermodels M that extend what has run of q^(M) - `price` c^(M); stop where M is what has run.

    A supermodel is a set of pools; it answers with its best answer, so q^(M) = E[max of its pools' qualities], each
    normal about what is expected of it: before it has run, the estimator's word, with the spread that answers then show
    (sigma, on the train split); after it has run, P(right | confidence, estimate), fitted on the train split, without
    spread. c^(M) is what its pools cost, relative to a mean call at the dearest. Of the pools in M that have not run,
    the cheapest runs next. `among` of one policy is at most 8 pools, so all sets are weighed and none need be pruned.
    Source: arXiv 2410.10347, which searches a price for each step; here it is one for all.
    """

    ROUTER: ClassVar = RouterCost(0.005, source="assumed: a neighbour search or a small encoder")

    price: NonNegative = 0.1
    among: tuple[PoolName, ...] = ()
    quality: EstimatorPart = TaskMean()
    currency: Currency = "usd"

    @property
    def needs(self) -> Needs:
        """What was learned, and confidences: of a pool without them, only the estimate is known."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """Estimates of all queries, and what the train split says of confidences. ValueError for too many pools."""
        assert setting.train is not None
        train = setting.train
        columns = [i for i, pool in enumerate(setting.pools) if pool in self.among or not self.among]
        if len(columns) > MOST_POOLS:
            raise ValueError(f"it weighs all sets of pools, of {MOST_POOLS} at most; name them ('among')")
        told = train.quality(self.quality)
        quality = setting.asked.quality(self.quality)[:, columns]
        cost = relative(expected_cost(setting, self.quality, self.currency)[:, columns])
        after = tuple(
            setting.fitted(("cascade-routing", repr(self.quality), i), partial(afterwards, train, told, i))
            for i in columns
        )
        names = tuple(setting.pools[i] for i in columns)
        return Weighs(names, np.nan_to_num(quality, nan=0.5), self.price * cost, after)


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What is known of one pool's answer once it is there, and how far that is from the estimate on the mean."""

    spread: Spread | None
    curve: Logistic | None
    sigma: float

    def at(self, estimate: float, score: float) -> float:
        """P(right) of an answer with that score; the estimate where the score says nothing."""
        if score in (float("-inf"), float("inf")):
            return float(score > 0)
        if self.spread is None or self.curve is None or score != score:
            return estimate
        return self.curve.at((self.spread.at(score), estimate))


def afterwards(train: Train, told: Floats, pool: int) -> Afterwards:
    """Learned from the train split."""
    confidence, estimate = train.confidence[:, pool], told[:, pool]
    if np.isnan(confidence).all():
        return Afterwards(None, None, 0.0)
    spread = Spread.of(confidence)
    features = np.stack([spread.over(confidence), estimate], axis=1)
    curve = logistic(features, train.score[:, pool])
    known = ~np.isnan(features).any(axis=1)
    sigma = float(np.sqrt(np.mean((curve.over(features[known]) - estimate[known]) ** 2)))
    return Afterwards(spread, curve, sigma if sigma >= LEAST_SIGMA else 0.0)


def expected_best(mean: Floats, sigma: Floats, sets: NDArray[np.bool_]) -> Floats:
    """E[max] of independent normals over sets of them, (rows, sets): `mean` (rows, n), `sigma` (n,), `sets` (sets, n).

    E[max] = b - integral from v to b of prod F_i, with b above all of them and v the largest of those without spread.
    """
    from scipy.special import log_ndtr

    wide = sigma > 0
    low, high = (mean - REACH * sigma).min(axis=1), (mean + REACH * sigma).max(axis=1)
    grid = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, POINTS)
    grid = np.sort(np.concatenate([grid, mean[:, ~wide]], axis=1), axis=1)  # steps then lie on the grid
    log_below = log_ndtr((grid[:, None, :] - mean[:, wide, None]) / sigma[wide, None])
    below = np.exp(sets[:, wide].astype(float) @ log_below)
    area = (below[:, :, 1:] + below[:, :, :-1]) / 2 * np.diff(grid)[:, None, :]
    known = np.where(sets[:, ~wide], mean[:, None, ~wide], -np.inf).max(axis=2, initial=-np.inf)
    told: Floats = grid[:, -1:] - (area * (grid[:, None, :-1] >= known[:, :, None])).sum(axis=2)
    return told


@dataclass(frozen=True)
class Weighs:
    """`CascadeRouting` with its estimates: `quality` and `priced` cost are (queries, pools)."""

    pools: tuple[str, ...]
    quality: Floats
    priced: Floats
    after: tuple[Afterwards, ...]

    @cached_property
    def sets(self) -> NDArray[np.bool_]:
        """All sets of pools but the empty one, small ones first."""
        n = len(self.pools)
        chosen = [members for size in range(1, n + 1) for members in combinations(range(n), size)]
        return np.array([[i in members for i in range(n)] for members in chosen])

    @cached_property
    def sigma(self) -> Floats:
        """Of each pool before it has run."""
        return np.array([after.sigma for after in self.after])

    @cached_property
    def first(self) -> list[int]:
        """The pool that each query begins with: the cheapest of its best set."""
        begins = []
        for at in range(0, len(self.quality), ROWS):
            priced = self.priced[at : at + ROWS]
            chosen = self.sets[self._best(self.quality[at : at + ROWS], self.sigma, self.sets, priced)]
            begins += np.where(chosen, priced, np.inf).argmin(axis=1).tolist()
        return begins

    def _best(self, mean: Floats, sigma: Floats, sets: NDArray[np.bool_], priced: Floats) -> NDArray[np.intp]:
        """The set that is worth most, of each row; of equals the smallest."""
        worth = expected_best(mean, sigma, sets) - priced @ sets.T
        best: NDArray[np.intp] = (worth > worth.max(axis=1, keepdims=True) - 1e-9).argmax(axis=1)
        return best

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Run the next, or give the answer that is most likely right."""
        if not query.asked:
            return Ask((Call(self.pools[self.first[query.id]]),))
        if len(query.outcomes) < len(query.asked):
            return Wait()
        answers = {self.pools.index(answer.pool): answer for answer in query.answers_from(self.pools)}
        mean, sigma = self._known(query.id, answers)
        ran = np.array([i in answers for i in range(len(self.pools))])
        failed = np.array([pool in query.asked for pool in self.pools]) & ~ran
        more = self._next(query.id, mean, sigma, ran, failed)
        if more is not None:
            return Ask((Call(self.pools[more]),))
        if not answers:
            return Drop(query.failure)
        return Finish(answers[max(answers, key=lambda pool: (mean[pool], -pool))])

    def _known(self, row: int, answers: Mapping[int, Answer]) -> tuple[Floats, Floats]:
        """What is held of each pool's answer now, and its spread."""
        mean, sigma = self.quality[row].copy(), self.sigma.copy()
        for pool, answer in answers.items():
            mean[pool] = self.after[pool].at(float(mean[pool]), answer.score)
            sigma[pool] = 0.0
        return mean, sigma

    def _next(
        self, row: int, mean: Floats, sigma: Floats, ran: NDArray[np.bool_], failed: NDArray[np.bool_]
    ) -> int | None:
        """The pool to run next; None where what has run is best left alone, or all has been tried."""
        sets = self.sets[(self.sets >= ran).all(axis=1) & ~(self.sets & failed).any(axis=1)]
        if not len(sets):
            return None
        priced = self.priced[row]
        left = sets[self._best(mean[None], sigma, sets, priced[None])[0]] & ~ran
        return int(np.where(left, priced, np.inf).argmin()) if left.any() else None
