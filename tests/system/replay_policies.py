"""Policies that ask for several samples, or have a draft refined: `replay_policies:Several`."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.policies.core import Ask, Call, Decision, Drop, Finish, FleetView, Query, Wait


@dataclass(frozen=True)
class Several:
    """Ask `pool` for `samples` answers at once, `times` times, and take the longest of all."""

    pool: str
    samples: int
    times: int = 1

    def decide(self, query: Query, view: FleetView) -> Decision:
        if len(query.outcomes) < len(query.asked):
            return Wait()
        if len(query.asked) < self.samples * self.times:
            return Ask((Call(self.pool, samples=self.samples),))
        answers = query.answers_from((self.pool,))
        return Finish(max(answers, key=lambda answer: answer.output_tok)) if answers else Drop(query.failure)


@dataclass(frozen=True)
class Refines:
    """Have `by` refine the draft of `pool`."""

    pool: str
    by: str

    def decide(self, query: Query, view: FleetView) -> Decision:
        if not query.asked:
            return Ask((Call(self.pool),))
        if len(query.asked) == 1:
            return Ask((Call(self.by, kind="refine"),)) if query.answers_from((self.pool,)) else Drop(query.failure)
        last = query.outcomes[-1]
        return Finish(last) if last.kind == "refine" and hasattr(last, "score") else Drop(query.failure)
