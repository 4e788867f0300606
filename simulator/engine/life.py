"""A query's life as the engine knows it, truth included: policies see its `query` only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.policies.core import Answer, Query

if TYPE_CHECKING:
    from simulator.engine.job import Job
    from simulator.engine.plan import ClassPlan

UNFINISHED, FINISHED, ABSTAINED, DROPPED = range(4)
FATES = ("unfinished", "finished", "abstained", "dropped")


class Life:
    """What happens to one query between its arrival and its one end. `place` is where its router sits."""

    __slots__ = (
        "answers",
        "calls",
        "cls",
        "ended",
        "flying",
        "item",
        "place",
        "priority",
        "query",
        "row",
        "user",
        "wake",
    )

    def __init__(self, row: int, query: Query, cls: ClassPlan, item: int, user: int) -> None:
        self.row = row
        self.query = query
        self.cls = cls
        self.item = item
        self.user = user  # whose query it is: the session, or itself
        self.place = cls.facts.origin
        self.priority = cls.facts.priority
        self.calls = self.wake = 0  # `wake` counts decisions: a timer set by an earlier one is void
        self.ended = False
        self.flying: list[Job] = []
        self.answers: tuple[tuple[Answer, Job], ...] = ()

    def prompt_bytes(self, prompt_tok: int) -> float:
        """Size of a prompt on a link."""
        return prompt_tok * self.cls.bytes_per_tok + self.cls.payload_bytes
