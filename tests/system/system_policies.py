"""Policies of the tests' own, named in scenarios as `system_policies:Hedge`."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.policies.core import Answer, Ask, Call, Decision, Drop, Finish, FleetView, Query, Wait


@dataclass(frozen=True)
class Hedge:
    """Ask `first`, and `second` too if it has not answered after `after_s`; the first answer is taken."""

    first: str
    second: str
    after_s: float

    def decide(self, query: Query, view: FleetView) -> Decision:
        answers = query.answers_from((self.first, self.second))
        if answers:
            return Finish(answers[0])
        if not query.asked:
            return Ask((Call(self.first),), for_s=self.after_s)
        if len(query.asked) == 1:
            return Ask((Call(self.second),))
        return Wait() if len(query.outcomes) < 2 else Drop(query.failure)


@dataclass(frozen=True)
class Vote:
    """Ask all of `among` at once, and take the surest of the first `enough` answers."""

    among: tuple[str, ...]
    enough: int = 2

    def decide(self, query: Query, view: FleetView) -> Decision:
        if not query.asked:
            return Ask(tuple(map(Call, self.among)))
        answers = query.answers_from(self.among)
        if len(answers) >= self.enough or len(query.outcomes) == len(query.asked):
            return Finish(max(answers, key=lambda answer: answer.score)) if answers else Drop("no answer")
        return Wait()


@dataclass(frozen=True)
class Patient:
    """Ask `pool` again after each failure, `pause_s` later, `tries` times."""

    pool: str
    pause_s: float
    tries: int = 3

    def decide(self, query: Query, view: FleetView) -> Decision:
        answers = query.answers_from((self.pool,))
        if answers:
            return Finish(answers[0])
        if len(query.asked) > len(query.outcomes):
            return Wait()
        if len(query.asked) == self.tries:
            return Drop(query.failure)
        if query.outcomes and view.now_s < query.outcomes[-1].done_s + self.pause_s:
            return Wait(query.outcomes[-1].done_s + self.pause_s - view.now_s)
        return Ask((Call(self.pool),))


@dataclass(frozen=True)
class BestOf:
    """Ask `pool` for `samples` answers of one prompt, and take the surest when all have come."""

    pool: str
    samples: int
    final: bool = False

    def decide(self, query: Query, view: FleetView) -> Decision:
        if not query.asked:
            return Ask((Call(self.pool, samples=self.samples, final=self.final),))
        if len(query.outcomes) < self.samples:
            return Wait()
        answers = query.answers_from((self.pool,))
        return Finish(max(answers, key=lambda answer: answer.score)) if answers else Drop(query.failure)


@dataclass(frozen=True)
class Refine:
    """Have `editor` refine the answer of `pool`, in two versions, and take the first that comes."""

    pool: str
    editor: str

    def decide(self, query: Query, view: FleetView) -> Decision:
        refined = [o for o in query.outcomes if isinstance(o, Answer) and o.kind == "refine"]
        if refined:
            return Finish(refined[0])
        drafts = query.answers_from((self.pool,))
        if not query.asked:
            return Ask((Call(self.pool),))
        if drafts and len(query.asked) == 1:
            return Ask((Call(self.editor, "refine", samples=2),))
        if len(query.outcomes) < len(query.asked):
            return Wait()
        return Finish(drafts[0]) if drafts else Drop(query.failure)


@dataclass(frozen=True)
class Named:
    """Ask one replica of `pool`."""

    pool: str
    replica: int

    def decide(self, query: Query, view: FleetView) -> Decision:
        return Drop(query.failure) if query.asked else Ask((Call(self.pool, final=True, replica=self.replica),))
