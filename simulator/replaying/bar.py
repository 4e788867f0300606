"""Thresholds: the score that a policy compares for each query, and which numbers tell two scores apart."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nextafter

import numpy as np
from numpy.typing import NDArray

from simulator.engine.build import System
from simulator.engine.plan import JudgePlan
from simulator.policies.cascade import Cascade
from simulator.policies.threshold import Threshold
from simulator.workload.traffic import World

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bar:
    """The threshold `key` of a policy and the scores (n,) of all queries that it is compared with.

    `defers_below`: queries whose score is strictly below it go to the stronger pool (a cascade's); else those whose
    score is at or above it do (a router's). `two_pools`: nothing else decides, so the curve is known whole.
    """

    key: str
    scores: Floats
    defers_below: bool
    two_pools: bool

    @property
    def order(self) -> Floats:
        """Scores such that the lowest is deferred first."""
        return self.scores if self.defers_below else -self.scores

    def between(self, distinct: Floats, j: int) -> float | None:
        """A threshold that defers the first j of the `distinct` scores in `order`; None where no number does.

        The shortest decimal that tells them apart.
        """
        below = -inf if j == 0 else float(distinct[j - 1])
        above = inf if j == len(distinct) else float(distinct[j])
        if self.defers_below:
            return _shortest(below, above)  # below < threshold <= above
        return None if (found := _shortest(-above, -below)) is None else found  # -above < threshold <= -below

    def quantiles(self, count: int) -> tuple[float, ...]:
        """About so many thresholds that part the queries evenly, from none deferred to all."""
        distinct = np.unique(self.order)
        share = np.searchsorted(distinct, np.quantile(self.order, np.linspace(0, 1, count), method="lower"))
        steps = sorted({*share.tolist(), len(distinct)})
        found = [self.between(distinct, j) for j in steps]
        return tuple(sorted(value for value in found if value is not None))


def bar(system: System, world: World, key: str | None = None) -> Bar | None:
    """The bar of the scenario's policy at `key` (its first where None), by query; None where nobody knows one."""
    part = system.scenario.spec.policy
    if part.cls is Threshold:
        scores = world.prompt_tok.astype(np.float64)
        if part.args["task_scores"] is not None:
            scores = _by_task(system, world, part.args["task_scores"])
        return Bar("policy.threshold", scores, False, True) if key in (None, "policy.threshold") else None
    if part.cls is not Cascade:
        return None
    order, accept, verifier = part.args["order"], part.args["accept"], part.args["verifier"]
    if any(
        plan.name == verifier and isinstance(plan, JudgePlan) and plan.right is not None
        for plan in system.plan.verifiers
    ):
        return None  # what a judge says is a vote, not a score of the answer
    keys = {"policy.accept": order[:-1]}
    if isinstance(accept, dict):
        keys = {f"policy.accept.{pool}": (pool,) for pool in order[:-1]}
    chosen = next(iter(keys), None) if key is None else key
    if chosen not in keys:
        return None
    scores = np.concatenate([_confidences(system, world, pool) for pool in keys[chosen]])
    return Bar(chosen, scores[~np.isnan(scores)], True, len(order) == 2 and not np.isnan(scores).any())


def _confidences(system: System, world: World, pool: str) -> Floats:
    """What the pool's answers score, by query; NaN where a class has no table."""
    number = system.plan.pool_index()[pool]
    found = np.full(len(world), np.nan)
    for index, cls in enumerate(system.plan.classes):
        column = cls.confidence[number]
        rows = np.flatnonzero((world.cls == index) & (world.item >= 0))
        if column is not None:
            found[rows] = np.array(column)[world.item[rows]]
    return found


def _by_task(system: System, world: World, scores: dict[str, float]) -> Floats:
    found = np.full(len(world), -inf)
    for index, cls in enumerate(system.plan.classes):
        rows = np.flatnonzero((world.cls == index) & (world.item >= 0))
        of_item = np.array([scores.get(task or "", -inf) for task in cls.tasks])
        if len(rows):
            found[rows] = of_item[world.item[rows]]
    return found


def _shortest(low: float, high: float) -> float | None:
    """The number with the fewest digits in (low, high]; None where a file cannot say any."""
    if low == inf or high == -inf:
        return None
    if low == -inf:
        return float(np.floor(high)) if high < inf else 0.0
    if high == inf:
        return float(np.floor(low)) + 1.0
    middle = low + (high - low) / 2
    for digits in range(1, 18):
        for near in (middle, high):
            found = float(f"{near:.{digits}g}")
            if low < found <= high:
                return found
    return nextafter(low, inf)
