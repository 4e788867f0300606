"""Shipped scenarios without load, each item of their table once: what most replays are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.engine.build import System, build
from simulator.engine.replication import Replication
from simulator.metrics.value import Floats
from simulator.policies.core import Ask, Query
from simulator.replaying import Replayed, replay
from simulator.replaying.vary import Question, always, every_item, varied
from simulator.spec.merge import Override
from simulator.workload.streams import uniform


class Idle:
    """A shipped scenario on an idle fleet, asked every item of its table once, under one policy or another."""

    def __init__(self, scenario: str, *sets: str) -> None:
        asked = Question(scenario, sets)
        self.question = asked.over(*every_item(build(asked.load())))

    @cached_property
    def system(self) -> System:
        """The scenario, built; its tables are read once, whatever the policy."""
        return build(self.question.load())

    @property
    def pools(self) -> tuple[str, ...]:
        """Of the fleet."""
        return tuple(pool.plan.facts.name for pool in self.system.pools)

    def under(self, policy: Mapping[str, object] | None = None, replication: int = 0) -> Replayed:
        """What the scenario comes to with its policy, or with keys of it replaced (`use` among them: by another)."""
        return replay(self.with_policy(policy or {}), replication)

    def instead(self, policy: Mapping[str, object], replication: int = 0) -> Replayed:
        """What the scenario comes to with this policy instead of its own."""
        value = json.dumps(policy)
        return replay(
            varied(self.system, self.question.load(Override(f"policy={value}", "policy", value))), replication
        )

    def with_policy(self, policy: Mapping[str, object]) -> System:
        """The scenario, built, with these keys of its policy replaced."""
        more = [Override(f"policy.{key}={value}", f"policy.{key}", str(value)) for key, value in policy.items()]
        return varied(self.system, self.question.load(*more))

    def single(self, pool: str) -> pd.DataFrame:
        """Queries, all of which go to one pool."""
        return replay(varied(self.system, self.question.load(*always(pool)))).queries


def routed(system: System, replication: int = 0) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """What a router does with each query: its item, and the number of the pool that is asked first, (queries,) each.

    Quicker than a replay where a router's first answer is taken, and what each pool answers is known.
    """
    plan, world = system.plan, system.world(replication)
    one = Replication(plan, world, uniform(system.scenario.spec.seed, replication))
    number = plan.pool_index()
    chosen = np.empty(len(world), dtype=np.intp)
    for row, item in enumerate(world.item.tolist()):
        cls = plan.classes[int(world.cls[row])]
        query = Query(row, cls.facts, cls.tasks[item], int(world.prompt_tok[row]), 0.0)
        decision = one.policy.decide(query, one.view)
        assert isinstance(decision, Ask), decision
        chosen[row] = number[decision.calls[0].pool]
    return world.item.astype(np.intp), chosen


def column(queries: pd.DataFrame, name: str) -> Floats:
    """A column as numbers, by query."""
    return queries[name].to_numpy(float)


def by_item(queries: pd.DataFrame, name: str = "score") -> Floats:
    """A column of queries that ask each item once, by item."""
    items = queries["item"].to_numpy(np.int64)
    assert len(set(items.tolist())) == len(items)
    return column(queries, name)[np.argsort(items)]
