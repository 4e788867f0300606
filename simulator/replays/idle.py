"""Shipped scenarios without load, each item of their table once: what most replays are made of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import pandas as pd

from simulator.engine.build import System, build
from simulator.metrics.value import Floats
from simulator.replaying import Replayed, replay
from simulator.replaying.vary import Question, always, every_item, varied
from simulator.spec.merge import Override


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
        more = [Override(f"policy.{key}={value}", f"policy.{key}", str(value)) for key, value in (policy or {}).items()]
        return replay(varied(self.system, self.question.load(*more)), replication)

    def single(self, pool: str) -> pd.DataFrame:
        """Queries, all of which go to one pool."""
        return replay(varied(self.system, self.question.load(*always(pool)))).queries


def column(queries: pd.DataFrame, name: str) -> Floats:
    """A column as numbers, by query."""
    return queries[name].to_numpy(float)
