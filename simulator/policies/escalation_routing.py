"""Cascade routing: after each answer, whichever model is worth running next, or none."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property, partial
from itertools import combinations
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from simulator.learning.core import EstimatorPart
from simulator.learning.neighbours import Knn
from simulator.policies.choice import Currency, expected_cost, relative
from simulator.policies.core import Ask, Call, Decision, Drop, Finish, FleetView, Policy, Query, Wait
from simulator.policies.setting import Floats, Needs, RouterCost, Setting, Train
from simulator.policies.signals import Logistic, Spread, logistic
from simulator.spec.base import NonNegative
from simulator.spec.refs import PoolName

MOST_POOLS = 8
STEPS = 128  # of the integral of a maximum
GRID = np.linspace(0.0, 1.0, STEPS + 1)
LEAST_SIGMA = 0.02  # so much at least may an answer tell of its quality: some steps of the grid
EDGE, LEAST_LOG = 1e-3, -80.0  # no quality is certain, no logarithm infinite, no product of 8 pools a denormal
ROWS = 500  # weighed at once
EQUAL = 1e-9  # worth no less


@dataclass(frozen=True)
class CascadeRouting:
    """Next = argmax over supermodels M that extend what has run of q^(M) - `price` c^(M); stop where M is what has run.

    A supermodel is a set of pools; it answers with its best answer, so q^(M) = E[max of its pools' qualities]. What is
    known of a pool's quality is, before it has run, the estimator's word, with the spread of what its answers then show
    on the train split (a beta distribution, since qualities end at 0 and 1; the paper's is normal); after it has run,
    P(right | confidence, estimate), fitted on the train split. c^(M) is what its pools cost, relative to a mean
    call at the dearest. Of the pools in M that have not run, the cheapest runs next. A pool that gains less than it
    costs by itself does so beside others too; of the rest, all sets are weighed, of 8 pools (`among`) at most.
    Source: arXiv 2410.10347, which searches a price for each step; here it is one for all.
    """

    ROUTER: ClassVar = RouterCost(0.005, source="assumed: a neighbour search or a small encoder")

    price: NonNegative = 0.1
    """What a call at the dearest pool is worth, in right answers."""
    among: tuple[PoolName, ...] = ()
    """Pools to choose from; all where it is empty."""
    quality: EstimatorPart = Knn()
    """Expects the score of each pool's answer; learned from the table's train split."""
    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""

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
        return Afterwards(None, None, LEAST_SIGMA)
    spread = Spread.of(confidence)
    features = np.stack([spread.over(confidence), estimate], axis=1)
    curve = logistic(features, train.score[:, pool])
    known = ~np.isnan(features).any(axis=1)
    sigma = float(np.sqrt(np.mean((curve.over(features[known]) - estimate[known]) ** 2)))
    return Afterwards(spread, curve, max(sigma, LEAST_SIGMA))


def log_below(mean: Floats, sigma: float) -> Floats:
    """log P(quality <= t) on the grid of t, (n, points), of beta distributions with these means and a common spread."""
    from scipy.special import betainc

    mean = np.clip(mean, EDGE, 1 - EDGE)
    most = mean * (1 - mean)
    size = (most / np.minimum(sigma**2, (1 - EDGE) * most) - 1)[:, None]
    with np.errstate(divide="ignore"):
        told: Floats = np.log(betainc(mean[:, None] * size, (1 - mean[:, None]) * size, GRID))
    return np.maximum(told, LEAST_LOG)


def expected_best(logs: Floats, sets: Floats, known: float = 0.0) -> Floats:
    """E[max] over sets of independent qualities in [0, 1] and one that is known, (rows, sets).

    `logs` (rows, n, points) are their log distributions, `sets` (sets, n) 1 where a quality is in a set. E[max] = 1 -
    integral from the known one to 1 of their product.
    """
    first = min(int(known * STEPS), STEPS - 1)
    below = np.exp(sets @ logs[..., first:])
    steps = (below[..., 1:] + below[..., :-1]) / 2
    told: Floats = 1 - (steps.sum(axis=-1) - (known * STEPS - first) * steps[..., 0]) / STEPS
    return told


@cache
def sets_of(n: int) -> Floats:
    """All sets of `n` pools, (sets, n), 1 where a pool is in; small ones first: the empty one, those of one, ..."""
    chosen = [members for size in range(n + 1) for members in combinations(range(n), size)]
    return np.array([[float(i in members) for i in range(n)] for members in chosen])


@dataclass(frozen=True)
class Weighs:
    """`CascadeRouting` with its estimates: `quality` and `priced` cost are (queries, pools)."""

    pools: tuple[str, ...]
    quality: Floats
    priced: Floats
    after: tuple[Afterwards, ...]

    @cached_property
    def asks(self) -> list[Ask]:
        """To run each pool."""
        return [Ask((Call(pool),)) for pool in self.pools]

    @cached_property
    def expected(self) -> tuple[Floats, list[list[int]]]:
        """Log distributions that a pool's quality may have before it runs, and which ones each query's are."""
        logs: list[Floats] = []
        which: list[NDArray[np.intp]] = []
        for pool, after in enumerate(self.after):
            means, numbers = np.unique(self.quality[:, pool], return_inverse=True)
            which.append(numbers + sum(len(each) for each in logs))
            logs.append(log_below(means, after.sigma))
        return np.concatenate(logs), np.stack(which, axis=1).tolist()

    @cached_property
    def gains(self) -> Floats:
        """Of each of these distributions, E[max(quality - t, 0)] on the grid of t."""
        below = np.exp(self.expected[0])
        steps = 1 - (below[:, 1:] + below[:, :-1]) / 2
        tails: Floats = np.cumsum(steps[:, ::-1], axis=1)[:, ::-1] / STEPS
        return np.hstack([tails, np.zeros((len(tails), 1))])

    @cached_property
    def first(self) -> list[int]:
        """The pool that each query begins with: the cheapest of its best set."""
        sets = sets_of(len(self.pools))[1:]  # some pool has to run
        (logs, which), begins = self.expected, []
        told = np.hstack([np.array(which), self.priced])
        _, firsts, number = np.unique(told, axis=0, return_index=True, return_inverse=True)  # of an item, all are alike
        for at in range(0, len(firsts), ROWS):
            rows = firsts[at : at + ROWS]
            worth = expected_best(logs[np.array(which)[rows]], sets) - self.priced[rows] @ sets.T
            begins.append(np.where(sets[_best(worth)] > 0.0, self.priced[rows], np.inf).argmin(axis=1))
        return np.concatenate(begins)[number].tolist()  # type: ignore[no-any-return]

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Run the next, or give the answer that is most likely right."""
        if not query.asked:
            return self.asks[self.first[query.id]]
        if len(query.outcomes) < len(query.asked):
            return Wait()
        best, known = None, 0.0
        for answer in query.answers_from(self.pools):
            pool = self.pools.index(answer.pool)
            right = self.after[pool].at(float(self.quality[query.id, pool]), answer.score)
            if best is None or right > known:
                best, known = answer, right
        more = self._next(query, known, best is not None)
        if more is not None:
            return self.asks[more]
        return Drop(query.failure) if best is None else Finish(best)

    def _next(self, query: Query, known: float, answered: bool) -> int | None:
        """The pool to run next; None where what has run is best left alone, or all has been tried."""
        priced, (logs, which) = self.priced[query.id], self.expected
        rows = which[query.id]
        left = [pool for pool, name in enumerate(self.pools) if name not in query.asked]
        if answered:
            left = [pool for pool in left if self._gain(rows[pool], known) - priced[pool] >= EQUAL]
        if len(left) <= 1:
            return left[0] if left else None
        sets = sets_of(len(left))[1:]
        best = _best(expected_best(logs[[rows[pool] for pool in left]], sets, known) - sets @ priced[left])
        return min((left[i] for i in np.flatnonzero(sets[best])), key=priced.__getitem__)

    def _gain(self, row: int, known: float) -> float:
        """By how much an answer is expected to be better than `known`, by the grid."""
        step = min(int(known * STEPS), STEPS - 1)
        here, further = self.gains[row, step : step + 2].tolist()
        return here + (known * STEPS - step) * (further - here)  # type: ignore[no-any-return]


def _best(worth: Floats) -> NDArray[np.intp]:
    """The set that is worth most, of each row; of equals the smallest."""
    best: NDArray[np.intp] = (worth > worth.max(axis=-1, keepdims=True) - EQUAL).argmax(axis=-1)
    return best
