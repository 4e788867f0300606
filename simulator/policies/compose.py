"""Policies that hold policies: route, generate, verify, then accept, refine, escalate or abstain, in one scenario."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, auto
from typing import ClassVar
from weakref import WeakKeyDictionary

from simulator.policies.core import Answer, Ask, Call, Decision, Drop, Finish, FleetView, Policy, Query, Wait, why
from simulator.policies.setting import Needs, PolicyPart, Setting, prepared
from simulator.policies.signals import Signal, SignalName, measured, signal
from simulator.policies.stages import ABSTAIN, Bands, Verdict
from simulator.policies.turns import Turn, Turns, teaching, turn_of
from simulator.spec.base import Count, NonNegative
from simulator.spec.refs import PoolName, VerifierName

CLOSE_S = 1e-9  # what the rounding of clocks leaves of a pause


@dataclass(frozen=True)
class Fallback:
    """Do as `first` says; where it ends with no answer because calls failed or timed out, as the next of `then` says.

    Abstaining is no failure. A call's patience is its class's (`call_timeout_s`). Source: fallbacks of LiteLLM and
    OpenRouter (`models: [a, b]`).
    """

    first: PolicyPart
    """The policy that is followed."""
    then: tuple[PolicyPart, ...]
    """Those that are followed after it has failed."""

    def __post_init__(self) -> None:
        if not self.then:
            raise ValueError("'then' needs at least one policy")

    def prepare(self, setting: Setting) -> Policy:
        """All of them, for one replication."""
        parts = tuple(prepared(part, setting) for part in (self.first, *self.then))
        return teaching(InTurn(parts), parts)


@dataclass(frozen=True)
class Retry:
    """Do as `first` says, and again `pause_s` after it ended with no answer because calls failed, `tries` times in all.

    Source: `num_retries` of LiteLLM (2 more tries).
    """

    first: PolicyPart
    """The policy that is followed."""
    tries: Count = 3
    """How often, the first time included."""
    pause_s: NonNegative = 0.0
    """Between a failure and the next try."""

    def prepare(self, setting: Setting) -> Policy:
        """The same policy, several times."""
        first = prepared(self.first, setting)
        return teaching(InTurn((first,) * self.tries, self.pause_s), (first,))


@dataclass(eq=False)
class InTurn:
    """Policies, each asked `pause_s` after the one before has failed."""

    remembers: ClassVar = True

    parts: tuple[Policy, ...]
    pause_s: float = 0.0
    turns: Turns = field(default_factory=WeakKeyDictionary, repr=False)

    def decide(self, query: Query, view: FleetView) -> Decision:
        """As the one says whose turn it is."""
        turn = turn_of(self.turns, query)
        while True:
            if turn.whose and len(query.asked) == turn.asked:
                left_s = turn.begun_s + self.pause_s - view.now_s
                if left_s > CLOSE_S:
                    return Wait(left_s)
            decision = self.parts[turn.whose].decide(turn.part(query), view)
            if not isinstance(decision, Drop) or decision.reason == ABSTAIN or turn.whose == len(self.parts) - 1:
                return decision
            turn.passes(query, turn.whose + 1, view.now_s)

    def why(self, query: Query, view: FleetView, decision: Decision) -> str:
        """Whose turn it is, and what that one says."""
        turn = turn_of(self.turns, query)
        part = turn.part(query)
        if isinstance(decision, Wait) and turn.whose and not part.asked:
            return f"what was tried has failed; {self.pause_s:g} s until the next try"
        said = why(self.parts[turn.whose], part, view, decision)
        if not turn.whose:
            return said
        return f"try {turn.whose + 1}, since what was tried before has failed" + (f": {said}" if said else "")


@dataclass(frozen=True)
class Escalate:
    """The pipeline: `first` finds an answer, a check reads it, and it is accepted, refined, passed on, or not given.

    The check is `verifier`, asked `votes` times (the mean vote), or else the answer's `signal`. At `accept` or more it
    is accepted, below `abstain_below` not given. Between them and at `refine_from` or more, the pool `refine` works it
    over (prompt and draft); what it makes is checked once more, but not refined again. What is left goes to `then`,
    whose answer is taken; without a `then`, or where it fails, the newest answer there is is given. Source: the
    pipeline of arXiv 2603.04445, section 10. A verifier looks at the newest answer: let `first` end with that one.
    """

    first: PolicyPart
    """The policy that finds an answer."""
    accept: float
    """The least signal, or mean vote, that is taken."""
    then: PolicyPart | None = None
    """The policy that an answer is passed on to."""
    verifier: VerifierName | None = None
    """What looks at the answer; its own signal counts where it is not given."""
    votes: Count = 1
    """How often it looks."""
    signal: SignalName = "score"
    """What is made of an answer's confidence: as it is, exp of it, times its tokens, or fitted to P(right)."""
    refine: PoolName | None = None
    """The pool that works over an answer that is not quite good enough."""
    refine_from: float | None = None
    """The least signal at which it does; whatever it is, where it is not given."""
    abstain_below: float | None = None
    """Below this no answer is given; never where it is not given."""

    def __post_init__(self) -> None:
        if self.then is None and self.refine is None and self.abstain_below is None:
            raise ValueError("say what becomes of an answer that is not accepted: 'then', 'refine' or 'abstain_below'")
        if self.refine is None and self.refine_from is not None:
            raise ValueError("'refine_from' needs a pool that refines ('refine')")
        self._rule()

    def _rule(self) -> Bands:
        return Bands(self.accept, abstain_below=float("-inf") if self.abstain_below is None else self.abstain_below)

    def _calibrated(self, setting: Setting) -> tuple[str, ...]:
        if not self.needs.train:
            return ()
        assert setting.train is not None
        return measured(setting.train, setting.pools)

    @property
    def needs(self) -> Needs:
        """A verifier that can tell, of whatever pools; or a train split to calibrate by."""
        if self.verifier is not None:
            return Needs(verified={self.verifier: ()})
        return Needs(train=self.signal == "calibrated")

    def prepare(self, setting: Setting) -> Policy:
        """The parts, for one replication."""
        first = prepared(self.first, setting)
        then = None if self.then is None else prepared(self.then, setting)
        check = None if self.verifier is None else Ask((Call(self.verifier, kind="verify", samples=self.votes),))
        reads = signal("score" if check else self.signal, setting, self._calibrated(setting))
        refine = None if self.refine is None else Ask((Call(self.refine, kind="refine"),))
        refine_from = float("-inf") if self.refine_from is None else self.refine_from
        pipeline = Pipeline(first, then, check, reads, self._rule(), refine, refine_from)
        return teaching(pipeline, [first] if then is None else [first, then])


class Step(IntEnum):
    """Where a query is in a pipeline."""

    FIRST = 0
    CHECK = auto()
    REFINE = auto()
    CHECK_REFINED = auto()
    THEN = auto()
    DONE = auto()


@dataclass(eq=False)
class Pipeline:
    """`Escalate` with its parts."""

    remembers: ClassVar = True

    first: Policy
    then: Policy | None
    check: Ask | None
    reads: Signal
    rule: Bands
    refine: Ask | None
    refine_from: float
    turns: Turns = field(default_factory=WeakKeyDictionary, repr=False)

    def decide(self, query: Query, view: FleetView) -> Decision:
        """As the step says that the query is at; steps that end at once lead to the next."""
        turn = turn_of(self.turns, query)
        steps = (self._first, self._check, self._refine, self._check, self._then, _give)
        while True:
            decision = steps[turn.whose](turn, query, view)
            if not isinstance(decision, Step):
                return decision
            turn.passes(query, decision, view.now_s)

    def _first(self, turn: Turn, query: Query, view: FleetView) -> Decision | Step:
        part = turn.part(query)
        turn.answer = turn.taken(part) if turn.final else None
        if turn.answer is not None:
            return Step.CHECK
        decision = turn.judged(part, self.first.decide(part, view))
        if isinstance(decision, Finish):
            turn.answer = decision.answer
            return Step.CHECK
        fails = isinstance(decision, Drop) and decision.reason != ABSTAIN
        return Step.THEN if fails and self.then is not None else decision

    def _check(self, turn: Turn, query: Query, view: FleetView) -> Decision | Step:
        assert turn.answer is not None
        if self.check is None:
            value = self.reads(query, (turn.answer,)).value
        else:
            part = turn.part(query)
            if not part.asked:
                turn.value = None
                return self.check
            if len(part.outcomes) < len(part.asked):
                return Wait()
            votes = [outcome.score for outcome in part.outcomes if isinstance(outcome, Answer)]
            value = sum(votes) / len(votes) if votes else float("nan")
        turn.value = value
        verdict = self.rule(value)
        if verdict is Verdict.ACCEPT:
            return Finish(turn.answer)
        if verdict is Verdict.ABSTAIN:
            return Drop(ABSTAIN)
        refines = self.refine is not None and turn.whose == Step.CHECK and not value < self.refine_from
        return Step.REFINE if refines else Step.THEN

    def _refine(self, turn: Turn, query: Query, view: FleetView) -> Decision | Step:
        assert self.refine is not None
        part = turn.part(query)
        if not part.asked:
            return self.refine
        if not part.outcomes:
            return Wait()
        if not isinstance(part.outcomes[-1], Answer):
            return Step.THEN
        turn.answer = part.outcomes[-1]
        return Step.CHECK_REFINED

    def _then(self, turn: Turn, query: Query, view: FleetView) -> Decision | Step:
        if self.then is None:
            return Step.DONE
        decision = self.then.decide(turn.part(query), view)
        fails = isinstance(decision, Drop) and decision.reason != ABSTAIN
        return Step.DONE if fails and turn.answer is not None else decision

    def why(self, query: Query, view: FleetView, decision: Decision) -> str:
        """What the check said, if there was one, and what the policy says whose turn it is."""
        turn = turn_of(self.turns, query)
        judged = "" if turn.value is None else f"the check says {turn.value:.4g}, {self.rule.said(turn.value)}"
        who = self.first if turn.whose == Step.FIRST else self.then if turn.whose == Step.THEN else None
        said = "" if who is None else why(who, turn.part(query), view, decision)
        return "; ".join(part for part in (judged, said) if part)


def _give(turn: Turn, query: Query, view: FleetView) -> Decision:
    return Finish(turn.answer) if turn.answer is not None else Drop(query.failure)
