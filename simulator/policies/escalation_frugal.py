"""FrugalGPT: which models to try, in which order, and what to take of each, all fitted to a budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from simulator.policies.choice import Currency
from simulator.policies.core import Answer, Call, Policy, Query
from simulator.policies.setting import Floats, Needs, Setting, Train
from simulator.policies.signals import Logistic, Reading, Signal, Spread, calibrated, logistic, newest
from simulator.policies.stages import Bands, Stage, Staged, taken
from simulator.spec.base import Positive
from simulator.spec.refs import PoolName

CURRENCIES = {"usd": "usd", "energy": "energy_j", "time": "time_s"}


@dataclass(frozen=True)
class FrugalGPT:
    """Ask a list of at most `longest` pools, and accept the answer of the i-th if g(q, a) >= tau_i; take the last's.

    List and thresholds are those that do best on the train split at a mean cost of at most `budget` a query (dollars,
    joules or seconds of the calls alone), of all lists and `levels` quantiles of g for each tau. Without a budget they
    are the cheapest that are right as often as the best single pool. g is a `scorer`: `learned` is a logistic
    regression of being right on confidence, length and task, in place of the paper's DistilBERT over question and
    answer (texts of answers are in no table); `calibrated` looks at confidence alone, `score` takes it as it is. Its
    own time is not counted, which flatters the technique by some milliseconds an answer.
    Source: arXiv 2305.05176.
    """

    among: tuple[PoolName, ...] = ()
    """Pools to choose from; all where it is empty."""
    budget: Positive | None = None
    """Mean cost of a query at most, in the currency; without it, the best single pool's accuracy is kept."""
    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""
    scorer: Literal["learned", "calibrated", "score"] = "learned"
    """What judges an answer: a model of confidence, length and task, or of confidence, or confidence."""
    longest: Annotated[int, Field(ge=1, le=3)] = 3
    """Pools of the list at most."""
    levels: Annotated[int, Field(ge=1, le=100)] = 20
    """Quantiles that are tried for each threshold."""

    @property
    def needs(self) -> Needs:
        """What is fitted to."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """The stages of the list that was found."""
        assert setting.train is not None
        train = setting.train
        pools = [i for i, pool in enumerate(setting.pools) if pool in self.among or not self.among]
        scorer, values = self._scorer(setting, train, pools)
        plan: Plan = setting.fitted(("frugalgpt", repr(self)), lambda: self._plan(train, values, pools))
        stages = [
            Stage((Call(setting.pools[pool]),), scorer, Bands(accept))
            for pool, accept in zip(plan.order[:-1], plan.accept, strict=True)
        ]
        return Staged((*stages, taken(setting.pools[plan.order[-1]])))

    def _scorer(self, setting: Setting, train: Train, pools: Sequence[int]) -> tuple[Signal, dict[int, Floats]]:
        """g, and its values on the train split for each pool that can be judged by it."""
        judged = [i for i in pools if self.scorer == "learned" or not np.isnan(train.confidence[:, i]).all()]
        if self.scorer == "learned":
            lessons = {i: setting.fitted(("frugalgpt scorer", i), partial(lesson, train, i)) for i in judged}
            values = {i: lessons[i].over(train, i) for i in judged}
            return Scorer({setting.pools[i]: lessons[i] for i in judged}), values
        if self.scorer == "score":
            return newest, {i: train.confidence[:, i] for i in judged}
        curves = calibrated(setting, [setting.pools[i] for i in judged])
        return curves, {i: curves.curves[setting.pools[i]].over(train.confidence[:, i]) for i in judged}

    def _plan(self, train: Train, values: Mapping[int, Floats], pools: Sequence[int]) -> Plan:
        cost = getattr(train, CURRENCIES[self.currency])
        lists = [order for n in range(1, self.longest + 1) for order in permutations(pools, n)]
        lists = [order for order in lists if all(pool in values for pool in order[:-1])]
        plans = [plan for order in lists for plan in tried(order, values, train.score, cost, self.levels)]
        if self.budget is None:
            enough = max(plan.score for plan in plans if len(plan.order) == 1)
            return min(
                (plan for plan in plans if plan.score >= enough - 1e-12), key=lambda plan: (plan.cost, -plan.score)
            )
        affordable = [plan for plan in plans if plan.cost <= self.budget]
        if not affordable:
            least = min(plan.cost for plan in plans)
            raise ValueError(f"no list of pools costs {self.budget:g} or less a query; the cheapest costs {least:.3g}")
        return max(affordable, key=lambda plan: (plan.score, -plan.cost))


class Plan(NamedTuple):
    """A list of pools, the thresholds of all but the last, and what they would have scored and cost on train items."""

    order: tuple[int, ...]
    accept: tuple[float, ...]
    score: float
    cost: float


def tried(order: Sequence[int], values: Mapping[int, Floats], score: Floats, cost: Floats, levels: int) -> list[Plan]:
    """Plans for one list, of all thresholds on the grid; those that another one beats are left out."""
    last = order[-1]
    scores, costs = np.array([[score[:, last].mean()]]), np.array([[cost[:, last].mean()]])
    grids = [
        np.unique(np.quantile(values[pool], np.arange(1, levels + 1) / (levels + 1), method="higher"))
        for pool in order[:-1]
    ]
    if len(order) > 1:
        first, rest = order[0], order[1:]
        passed = (values[first][None, :] < grids[0][:, None]).astype(float)
        kept = (1 - passed) @ score[:, first]
        if len(order) == 2:
            gained, paid = (passed @ score[:, last])[:, None], (passed @ cost[:, last])[:, None]
        else:
            second = rest[0]
            on = (values[second][None, :] < grids[1][:, None]).astype(float)
            gained = passed @ np.where(on > 0, score[:, last], score[:, second]).T
            paid = (passed @ cost[:, second])[:, None] + passed @ (on * cost[:, last]).T
        scores = (kept[:, None] + gained) / len(score)
        costs = (cost[:, first].sum() + paid) / len(score)
    best = undominated(scores.ravel(), costs.ravel())
    told = []
    for at in best:
        where = np.unravel_index(at, scores.shape)
        accept = tuple(float(grid[i]) for grid, i in zip(grids, where, strict=False))
        told.append(Plan(tuple(order), accept, float(scores.flat[at]), float(costs.flat[at])))
    return told


def undominated(score: Floats, cost: Floats) -> list[int]:
    """Places of those for which no other scores as much or more for less, by rising cost."""
    order = np.lexsort((-score, cost))
    reached = np.maximum.accumulate(score[order])
    better = np.concatenate([[True], reached[1:] > reached[:-1]])
    return order[better].tolist()  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Lesson:
    """P(right) of an answer of one pool: confidence where the pool has one, log length, task."""

    spread: Spread | None
    tasks: tuple[str, ...]
    curve: Logistic

    def at(self, query: Query, answer: Answer) -> float:
        """Of one answer; scores of -inf (never accept) and +inf (always) stay what they are."""
        if math.isinf(answer.score):
            return answer.score
        features = [float(query.task == task) for task in self.tasks]
        features.append(math.log(max(answer.output_tok, 1)))
        if self.spread is not None:
            features.append(self.spread.at(answer.score))
        return self.curve.at(features) if answer.score == answer.score or self.spread is None else math.nan

    def over(self, train: Train, pool: int) -> Floats:
        """Of all train items."""
        confidence = train.confidence[:, pool]
        told = self.curve.over(_features(train, pool, self.spread))
        return np.where(np.isinf(confidence), confidence, told)


def _features(train: Train, pool: int, spread: Spread | None) -> Floats:
    tasks = train.task[:, None] == np.arange(len(train.tasks))
    columns = [*tasks.T.astype(float), np.log(np.maximum(train.output_tok[:, pool], 1))]
    if spread is not None:
        columns.append(spread.over(train.confidence[:, pool]))
    return np.stack(columns, axis=1)


def lesson(train: Train, pool: int) -> Lesson:
    """Learned from the train split."""
    unknown = bool(np.isnan(train.confidence[:, pool]).all())
    spread = None if unknown else Spread.of(train.confidence[:, pool])
    return Lesson(spread, train.tasks, logistic(_features(train, pool, spread), train.score[:, pool]))


@dataclass(frozen=True, slots=True)
class Scorer:
    """The newest answer and what its pool's lesson says of it."""

    lessons: Mapping[str, Lesson]

    def __call__(self, query: Query, answers: Sequence[Answer]) -> Reading:
        """g(q, a)."""
        return Reading(answers[-1], self.lessons[answers[-1].pool].at(query, answers[-1]))
