"""What comes back of answers to policies that learn: some of them, late, and maybe wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from simulator.engine.asks import truth_of
from simulator.engine.clock import TIMER, Clock, once
from simulator.engine.job import Job
from simulator.engine.life import Life
from simulator.engine.pool import Uniform
from simulator.policies.core import Feedback
from simulator.workload.traffic import World

Price = Callable[[Job], tuple[float, float]]
"""Dollars and joules of a call, had it been alone."""


@dataclass(frozen=True)
class FeedbackPlan:
    """How much comes back, how late, and how often it says the opposite; `prices` tells the prices of a replication."""

    frac: float
    delay_s: float
    noise: float
    prices: Callable[[World], Price]


class FeedbackLine:
    """Brings a learner the scores of the answers that users got. Keyed by query, so that all policies meet the same.

    Dropped queries and abstentions bring nothing; those without a table a NaN for a score, and what the call took.
    """

    def __init__(
        self, clock: Clock, plan: FeedbackPlan, world: World, uniform: Uniform, learn: Callable[[Feedback], None]
    ) -> None:
        self.clock = clock
        self.plan = plan
        self.price = plan.prices(world)
        self.uniform = uniform
        self.learn = learn

    def finished(self, life: Life, job: Job, now: float) -> None:
        """A user has got the answer of `job`."""
        plan, row = self.plan, life.row
        if self.uniform("feedback", row, 0) >= plan.frac:
            return
        score = truth_of(job)
        if self.uniform("feedback-noise", row, 0) < plan.noise:
            score = 1.0 - score
        usd, energy_j = self.price(job)
        e2e_s, at_s = now - life.query.arrived_s, now + plan.delay_s
        told = Feedback(row, job.call.pool, score, job.output_tok, usd, energy_j, e2e_s, at_s)
        if plan.delay_s == 0.0:
            self.learn(told)
        else:
            once(self.clock, at_s, TIMER + row, partial(self._tell, told))

    def _tell(self, told: Feedback, now: float) -> None:
        self.learn(told)
