"""Routers that begin with what the train split says and are corrected by what comes back: MixLLM, PILOT."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from simulator.learning.core import EncoderPart, EstimatorPart
from simulator.learning.features import Usual
from simulator.learning.neighbours import Knn
from simulator.policies.choice import Currency, expected_cost, expected_quality, measured_cost, relative
from simulator.policies.core import Decision, Drop, Feedback, FleetView, Policy, Query, ask_final
from simulator.policies.online_arms import LinearArms, features
from simulator.policies.setting import Floats, Needs, RouterCost, Setting

STEEPEST = 30.0  # e to more than this is as bad as anything


class Corrected:
    """Expected quality: an estimate made before the run, plus a linear model of its error, learned as answers come."""

    def __init__(self, setting: Setting, prior: Floats, x: Floats, ridge: float) -> None:
        self.prior: list[list[float]] = prior.tolist()
        self.x = x
        self.arms = LinearArms(prior.shape[1], x.shape[1], ridge)
        self.number = {pool: arm for arm, pool in enumerate(setting.pools)}

    def quality(self, query: int) -> list[float]:
        """Of each pool's answer."""
        errors = self.arms.means(self.x[query]).tolist()
        return [prior + error for prior, error in zip(self.prior[query], errors, strict=True)]

    def doubt(self, query: int) -> list[float]:
        """sqrt(x' A^-1 x) of each pool."""
        return self.arms.widths(self.x[query]).tolist()  # type: ignore[no-any-return]

    def learn(self, feedback: Feedback) -> None:
        """By how much the estimate was wrong."""
        arm = self.number.get(feedback.pool)
        if arm is not None and not math.isnan(feedback.score):
            query = feedback.query
            self.arms.take(arm, self.x[query], feedback.score - self.prior[query][arm])


def corrected(setting: Setting, quality: EstimatorPart, context: EncoderPart, ridge: float) -> Corrected:
    """The estimate of every query, not yet corrected; 0 where a class has no table."""
    return Corrected(setting, expected_quality(setting, quality), features(setting, context), ridge)


@dataclass(frozen=True)
class MixLLM:
    """argmax_M w/(w+1) quality - 1/(w+1) cost + alpha sqrt(x' A_M^-1 x) - beta e^(gamma (wait_M - patience_s)).

    Quality and cost are predicted per query from the train split, quality corrected by what comes back; the wait is
    that for the pool's first token with the calls outstanding now, so that a flooded pool is left alone until it is
    not. `quality_weight` w is how much a unit of quality is worth in calls at the dearest pool. The form is the
    paper's, the constants are assumed. Source: MixLLM, arXiv 2502.18482.
    """

    ROUTER: ClassVar = RouterCost(0.01, source="assumed: an encoder and a small model a pool")

    quality_weight: float = 2.0
    """What a right answer is worth, in calls at the dearest pool."""
    alpha: float = 0.01
    """Weight of exploring: how much what is unknown of a pool speaks for it."""
    beta: float = 0.1
    """Weight of a wait beyond `patience_s`."""
    gamma: float = 0.5
    """How fast that grows with each second of wait."""
    patience_s: float = 10.0
    """Wait at which it is `beta`."""
    ridge: float = 1.0
    """Penalty on squares of the linear model; larger learns more slowly."""
    quality: EstimatorPart = Knn()
    """Expects the score of each pool's answer; learned from the table's train split."""
    context: EncoderPart = Usual()
    """What is looked at of a query."""
    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""

    @property
    def needs(self) -> Needs:
        """A train split, and what comes back."""
        return Needs(train=True, feedback=True)

    def prepare(self, setting: Setting) -> Policy:
        """The learner of one replication, with its predictions."""
        known = corrected(setting, self.quality, self.context, self.ridge)
        return Mixes(self, setting.pools, known, relative(expected_cost(setting, self.quality, self.currency)))


class Mixes:
    """`MixLLM` with what it has learned so far."""

    def __init__(self, rule: MixLLM, pools: tuple[str, ...], known: Corrected, cost: Floats) -> None:
        self.rule = rule
        self.pools = pools
        self.known = known
        self.cost: list[list[float]] = (cost / (rule.quality_weight + 1.0)).tolist()
        self.share = rule.quality_weight / (rule.quality_weight + 1.0)
        self.asks = [ask_final(pool) for pool in pools]
        self.chosen: dict[int, int] = {}

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the pool of the highest score."""
        if query.asked:
            return Drop(query.failure)
        arm = self.chosen.get(query.id)
        if arm is None:
            scores = self._scores(query, view)
            arm = self.chosen[query.id] = scores.index(max(scores))
        return self.asks[arm]

    def _scores(self, query: Query, view: FleetView) -> list[float]:
        rule, row, scores = self.rule, query.id, []
        known = zip(self.pools, self.known.quality(row), self.cost[row], self.known.doubt(row), strict=True)
        for pool, quality, cost, doubt in known:
            late_s = view.pools[pool].predicted_ttft_s(query.prompt_tok) - rule.patience_s
            crowded = math.exp(min(rule.gamma * late_s, STEEPEST))
            scores.append(self.share * quality - cost + rule.alpha * doubt - rule.beta * crowded)
        return scores

    def learn(self, feedback: Feedback) -> None:
        """Correct the prediction of quality."""
        self.known.learn(feedback)


@dataclass(frozen=True)
class Pilot:
    """The best pool by upper confidence among those whose quality is worth their cost at the budget left.

    A pool may be asked if c_M <= q_M / ((U e / L)^z L / e), z the share of the budget that is spent, U and L the most
    and the least quality per cost of any pool on the train split: all may at first, only the best value at last (the
    threshold of online knapsacks); the cheapest where none may, within the budget or not. Budgets are per `window`
    queries, and what one leaves passes to the next. Spending is expected prices, put right by what comes back.
    Qualities are predicted from the train split and corrected by what comes back (the paper's prior is of preferences).
    Source: PILOT, arXiv 2508.21141; the constants of the bandit are assumed.
    """

    ROUTER: ClassVar = RouterCost(0.065, source="PILOT, arXiv 2508.21141: 65 ms and more a query")

    budget_per_query: float
    """What a query may cost on the mean, in the currency."""
    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""
    window: int = 50
    """Queries that share a budget."""
    alpha: float = 0.1
    """Weight of exploring: how much what is unknown of a pool speaks for it."""
    ridge: float = 1.0
    """Penalty on squares of the linear model; larger learns more slowly."""
    quality: EstimatorPart = Knn()
    """Expects the score of each pool's answer; learned from the table's train split."""
    context: EncoderPart = Usual()
    """What is looked at of a query."""

    def __post_init__(self) -> None:
        if not self.budget_per_query > 0.0 or self.window < 1:
            raise ValueError("'budget_per_query' must be above 0, 'window' at least 1")

    @property
    def needs(self) -> Needs:
        """A train split, and what comes back."""
        return Needs(train=True, feedback=True)

    def prepare(self, setting: Setting) -> Policy:
        """The learner of one replication, with nothing spent."""
        train = setting.train
        assert train is not None
        cost = measured_cost(train, self.currency, setting.pools).mean(axis=0)
        value = train.score.mean(axis=0)[cost > 0.0] / cost[cost > 0.0]
        value = value[value > 0.0]
        bounds = (float(value.min()), float(value.max())) if len(value) else (1.0, 1.0)
        known = corrected(setting, self.quality, self.context, self.ridge)
        return Paces(self, setting, known, expected_cost(setting, self.quality, self.currency), bounds)


class Paces:
    """`Pilot` with what it has learned and spent so far."""

    def __init__(
        self, rule: Pilot, setting: Setting, known: Corrected, cost: Floats, bounds: tuple[float, float]
    ) -> None:
        self.rule = rule
        self.known = known
        self.cost: list[list[float]] = cost.tolist()
        self.least, self.most = bounds
        self.asks = [ask_final(pool) for pool in setting.pools]
        self.chosen: dict[int, int] = {}
        self.budget = self.spent = 0.0

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask the best of those that are worth it."""
        if query.asked:
            return Drop(query.failure)
        arm = self.chosen.get(query.id)
        if arm is None:
            if len(self.chosen) % self.rule.window == 0:
                self.budget += self.rule.window * self.rule.budget_per_query - self.spent
                self.spent = 0.0
            arm = self.chosen[query.id] = self._pick(query.id)
            self.spent += self.cost[query.id][arm]
        return self.asks[arm]

    def _pick(self, row: int) -> int:
        cost = self.cost[row]
        known = zip(self.known.quality(row), self.known.doubt(row), strict=True)
        quality = [expected + self.rule.alpha * doubt for expected, doubt in known]
        spent = min(max(self.spent / self.budget, 0.0), 1.0) if self.budget > 0.0 else 1.0
        asked = (self.most * math.e / self.least) ** spent * self.least / math.e  # quality for a unit of cost
        allowed = [arm for arm in range(len(cost)) if cost[arm] * asked <= quality[arm]]
        return max(allowed, key=quality.__getitem__) if allowed else cost.index(min(cost))

    def learn(self, feedback: Feedback) -> None:
        """Correct the prediction of quality, and what was spent."""
        self.known.learn(feedback)
        arm = self.known.number.get(feedback.pool)
        heard = {"usd": feedback.usd, "energy": feedback.energy_j, "time": math.nan}[self.rule.currency]
        if arm is not None and not math.isnan(heard):
            self.spent += heard - self.cost[feedback.query][arm]
