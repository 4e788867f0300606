"""How many answers to take of which model: several of a small one may be worth one of a large one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from simulator.learning.core import EstimatorPart
from simulator.learning.regression import Linear
from simulator.policies.choice import Currency, expected_quality, priced
from simulator.policies.core import Answer, Ask, Call, Decision, Drop, Finish, FleetView, Policy, Query, Wait
from simulator.policies.setting import Floats, Needs, RouterCost, Setting
from simulator.spec.base import Count, NonNegative, Share
from simulator.spec.refs import PoolName


def best_of(quality: Floats, samples: int, alike: float) -> Floats:
    """The chance that one of `samples` answers is right, where each is with chance `quality`.

    1 - (1 - p)^n for independent answers (`alike` 0). Answers of one model to one query resemble each other: with an
    intra-class correlation `alike` the chance of the query is Beta distributed around p, which gives
    1 - prod_{i<n} ((1 - p) (1 - r) + i r) / (1 + (i - 1) r); with `alike` 1 more answers are of no use.
    """
    wrong: Floats = 1.0 - quality
    for i in range(1, samples):
        wrong = wrong * ((1.0 - quality) * (1.0 - alike) + i * alike) / (1.0 + (i - 1) * alike)
    return 1.0 - wrong


@dataclass(frozen=True)
class BestRoute:
    """The cheapest (M, n) of which the best of n answers is expected to be `match` times as good as one of the large M.

    The n answers come of one prefill, and the one of the highest confidence is given; the large model is the one that
    is best on the train split. `best_of` is the chance that one of n is right: a confidence that picks a wrong one gets
    less. The cost of n answers is that of one as long as all. `samples` says how many a pool may give at most (one, if
    it does not). Source: BEST-Route, arXiv 2506.22716, with n up to 5 and the choice by a reward model.
    """

    ROUTER: ClassVar = RouterCost(0.036, source="assumed: an encoder as HybridLLM's, whose authors it shares")

    match: NonNegative = 1.0
    """How good the best of n is to be, as a multiple of the large model's expected score."""
    samples: dict[PoolName, Count] | None = None
    """Answers that a pool may be asked for at most; one where it is not named."""
    alike: Share = 0.0
    """How alike the answers of a model to a query are: 0, independent; 1, all right or all wrong."""
    quality: EstimatorPart = Linear()
    """Expects the score of each pool's answer; learned from the table's train split."""
    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""

    @property
    def needs(self) -> Needs:
        """What was learned, and answers with a score of those pools that may give several."""
        several = {pool: most for pool, most in (self.samples or {}).items() if most > 1}
        return Needs(train=True, samples_of=several, scores_of=tuple(several))

    def prepare(self, setting: Setting) -> Policy:
        """The choice for every query of the replication."""
        assert setting.train is not None
        quality = expected_quality(setting, self.quality)
        large = int(setting.train.score.mean(axis=0).argmax())
        output_tok = setting.asked.output_tok(self.quality)
        options = [(large, 1)]  # the last resort, and the first among equals
        costs, good = [priced(setting, output_tok, self.currency)[:, large]], [np.ones(len(quality), dtype=np.bool_)]
        for n in range(1, max((self.samples or {}).values(), default=1) + 1):
            cost = priced(setting, n * output_tok, self.currency)
            for pool, name in enumerate(setting.pools):
                if n <= (self.samples or {}).get(name, 1) and (pool, n) != (large, 1):
                    options.append((pool, n))
                    costs.append(cost[:, pool])
                    good.append(best_of(quality[:, pool], n, self.alike) >= self.match * quality[:, large] - 1e-12)
        choice = np.where(np.stack(good, axis=1), np.stack(costs, axis=1), np.inf).argmin(axis=1)
        asks = tuple(Ask((Call(setting.pools[pool], samples=n, final=n == 1),)) for pool, n in options)
        return Sampled(asks, choice.tolist())


@dataclass(frozen=True, slots=True)
class Sampled:
    """Asks for the answers that were chosen for the query, and gives the one of the highest score."""

    asks: tuple[Ask, ...]
    choice: list[int]

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Ask once, wait for all, and finish with the best; where some failed, with the best there is."""
        ask = self.asks[self.choice[query.id]]
        if not query.asked:
            return ask
        answers = [outcome for outcome in query.outcomes if isinstance(outcome, Answer)]
        if len(query.outcomes) == len(answers) < ask.calls[0].samples:
            return Wait()
        if not answers:
            return Drop(query.failure)
        return Finish(max(answers, key=lambda answer: -np.inf if np.isnan(answer.score) else answer.score))
