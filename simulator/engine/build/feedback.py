"""What a learner's feedback says of money and joules: prices of calls alone, looked up where they are as planned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from simulator.engine.build.classes import BuiltClass
from simulator.engine.build.prices import Prices, calls_alone
from simulator.engine.feedback import FeedbackPlan
from simulator.engine.job import Job
from simulator.policies.setting import Floats
from simulator.spec.load import Scenario
from simulator.workload.traffic import World


def feedback(scenario: Scenario, prices: Prices, classes: Sequence[BuiltClass]) -> FeedbackPlan:
    """The plan of the scenario's feedback."""
    spec = scenario.spec.feedback
    cached_fracs = np.array([cls.cached_prompt_frac for cls in scenario.spec.workload.values()])
    return FeedbackPlan(spec.frac, spec.delay_s, spec.noise, partial(CallPrices, prices, tuple(classes), cached_fracs))


@dataclass(frozen=True)
class CallPrices:
    """Dollars and joules of calls alone. Those of the lengths that the world has for them are priced all at once."""

    prices: Prices
    classes: tuple[BuiltClass, ...]
    cached_fracs: Floats
    world: World
    _usual: dict[int, tuple[list[int], list[int], list[float], list[float]]] = field(default_factory=dict, repr=False)

    def __call__(self, job: Job) -> tuple[float, float]:
        """Of one call, as long as it came out."""
        pool, row = job.pool, job.life.row
        if pool not in self._usual:
            self._usual[pool] = self._priced(pool)
        prompts, outputs, usd, energy_j = self._usual[pool]
        if job.prompt_tok == prompts[row] and job.output_tok == outputs[row]:
            return usd[row], energy_j[row]
        cached = float(self.cached_fracs[self.world.cls[row]])
        dollars, joules, _ = self.prices.of(
            pool, np.array([float(job.prompt_tok)]), np.array([float(job.output_tok)]), cached
        )
        return float(dollars[0]), float(joules[0])

    def _priced(self, pool: int) -> tuple[list[int], list[int], list[float], list[float]]:
        """Lengths and prices of a call of every query at a pool."""
        taken = calls_alone(self.prices, self.classes, self.cached_fracs, self.world, pool)
        lengths_tok = (taken.prompt_tok.astype(np.int64).tolist(), taken.output_tok.astype(np.int64).tolist())
        return *lengths_tok, taken.usd.tolist(), taken.energy_j.tolist()
