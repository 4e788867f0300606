"""Thresholds that move with the queue, the link, the battery, the price, the carbon or the budget."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

from simulator.policies.core import Ask, Decision, FleetView, Learner, Policy, Query
from simulator.policies.setting import PolicyPart, RouterCost, Setting, prepared
from simulator.policies.system_signals import Move


@dataclass(frozen=True)
class MovingThreshold:
    """`base` with its field `field` moved by the state of the fleet: theta + sum_i clamp(w_i (signal_i - neutral_i)).

    The threshold is kept to between `least` and `most`, and moves in steps of `step`, since `base` is prepared once
    for each value that is met. `field` may hold a map of thresholds: all move alike. Load-aware: accept more when the
    large model has a queue; battery-aware: keep more off the phone, or on it; carbon- and price-aware: ask the dear
    one less while it is dear; `overspent` with `budget_usd_per_query` paces a budget. No paper of the survey closes
    the loop from escalations to load and back to the threshold (arXiv 2506.06579, open questions).
    """

    ROUTER: ClassVar = RouterCost(0.0, source="assumed: that of what it holds")

    base: PolicyPart
    """The policy whose threshold moves."""
    moves: tuple[Move, ...]
    """What moves it; all add up."""
    field: str = "accept"
    """Key of `base` that is the threshold."""
    least: float = 0.0
    """The least that it may be."""
    most: float = 1.0
    """The most that it may be."""
    step: float = 0.01
    """It is rounded to multiples of this."""
    budget_usd_per_query: float | None = None
    """Dollars a query that `overspent` compares with."""

    def __post_init__(self) -> None:
        if not self.step > 0.0 or not self.least < self.most:
            raise ValueError("'step' must be above 0, and 'least' below 'most'")
        if (self.budget_usd_per_query is None) != all(move.signal != "overspent" for move in self.moves):
            raise ValueError("'budget_usd_per_query' and a move by 'overspent' go together")
        if self.field not in {each.name for each in fields(self.base) if each.init}:  # type: ignore[arg-type]
            raise ValueError(f"the base policy has no {self.field!r} to move")
        if not all(isinstance(each, int | float) for each in _numbers(getattr(self.base, self.field))):
            raise ValueError(f"{self.field!r} of the base policy is no number")

    def prepare(self, setting: Setting) -> Policy:
        """The base policy at the threshold as it is and at both ends; the others when they are met."""
        moving = Moves(self, setting)
        for moved in (-math.inf, 0.0, math.inf):
            moving.at(moved)
        return moving


class Moves:
    """`MovingThreshold` of one replication, with the base policy at each threshold met so far."""

    def __init__(self, rule: MovingThreshold, setting: Setting) -> None:
        self.rule = rule
        self.setting = setting
        self.by_step: dict[int, Policy] = {}
        numbers = list(_numbers(getattr(rule.base, rule.field)))
        self.room = (rule.least - max(numbers), rule.most - min(numbers))
        self.budget_usd = rule.budget_usd_per_query
        self.spent_usd = 0.0
        self.queries: set[int] = set()
        self.overspent: dict[tuple[int, int], float] = {}  # as it was when a query was first asked about at a stage
        self.counted: set[tuple[int, int]] = set()  # stages whose calls are in what is spent

    def decide(self, query: Query, view: FleetView) -> Decision:
        """As the base policy at the threshold of now."""
        if self.budget_usd is None:
            return self.at(self._moved(query, view, 0.0)).decide(query, view)
        stage = (query.id, len(query.asked))
        if stage not in self.overspent:
            self.overspent[stage] = self._overspent(query, self.budget_usd)
        decision = self.at(self._moved(query, view, self.overspent[stage])).decide(query, view)
        if isinstance(decision, Ask) and stage not in self.counted:
            self.counted.add(stage)
            price = self.setting.usd_per_call
            self.spent_usd += sum(call.samples * price.get(call.pool, 0.0) for call in decision.calls)
        return decision

    def _moved(self, query: Query, view: FleetView, overspent: float) -> float:
        moved = 0.0
        for move in self.rule.moves:
            moved += move.at(query, view, overspent)
        return moved

    def _overspent(self, query: Query, budget_usd: float) -> float:
        """Dollars spent over those of the budget for the queries before this one, less 1; expected prices."""
        before = len(self.queries) - (query.id in self.queries)
        self.queries.add(query.id)
        return self.spent_usd / (budget_usd * before) - 1.0 if before else 0.0

    def at(self, moved: float) -> Policy:
        """The base policy with its threshold moved so far."""
        least, most = self.room
        steps = round(min(max(moved, min(least, 0.0)), max(most, 0.0)) / self.rule.step)
        policy = self.by_step.get(steps)
        if policy is None:
            policy = self.by_step[steps] = self._with(steps * self.rule.step)
        return policy

    def _with(self, moved: float) -> Policy:
        value = getattr(self.rule.base, self.rule.field)
        many = isinstance(value, dict)
        there = {name: self._kept(each + moved) for name, each in value.items()} if many else self._kept(value + moved)
        base: Any = self.rule.base
        policy = prepared(replace(base, **{self.rule.field: there}), self.setting)
        if isinstance(policy, Learner):
            raise ValueError("the base policy learns, and would at each threshold by itself")
        if getattr(policy, "remembers", False):
            raise ValueError("the base policy remembers queries, and cannot change in between: move one that it holds")
        return policy

    def _kept(self, value: float) -> float:
        return min(max(value, self.rule.least), self.rule.most)


def _numbers(value: Any) -> Iterator[Any]:
    """One threshold, or those of a map."""
    yield from value.values() if isinstance(value, dict) else (value,)
