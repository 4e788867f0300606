"""Routers that weigh an expected quality against an expected cost, query by query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from simulator.learning.core import EstimatorPart
from simulator.learning.neighbours import Knn
from simulator.policies.choice import Currency, best, expected_cost, expecting, relative, routed
from simulator.policies.core import Policy
from simulator.policies.setting import Needs, RouterCost, Setting


@dataclass(frozen=True)
class Carrot:
    """argmin_M (1 - mu) risk(q, M) + mu cost(q, M): both expected per query; cost relative to the dearest pool.

    mu 0 is quality alone, 1 cost alone. Source: CARROT, arXiv 2502.03261.
    """

    ROUTER: ClassVar = RouterCost(0.005, source="assumed: a neighbour search or a small encoder")

    mu: float = 0.3
    """0: quality alone; 1: cost alone."""
    quality: EstimatorPart = Knn()
    """Expects the score of each pool's answer; learned from the table's train split."""
    currency: Currency = "usd"
    """What costs are in: dollars, joules, or seconds alone on an idle fleet."""

    @property
    def needs(self) -> Needs:
        """What was learned."""
        return Needs(train=True)

    def prepare(self, setting: Setting) -> Policy:
        """The choice for every query of the replication."""
        quality = setting.asked.quality(self.quality)
        cost = relative(expected_cost(setting, self.quality, self.currency))
        choice = best((1 - self.mu) * quality - self.mu * cost, cost)
        return routed(setting, choice, expecting(setting, quality=quality, relative_cost=cost))
