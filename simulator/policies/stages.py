"""Escalation: stages of calls, each judged by a signal of its answers, until one is taken.

Every technique that escalates after an answer is stages, signals and rules; the loop is here, once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from math import nan

from simulator.policies.core import Answer, Ask, Call, Decision, Drop, Finish, FleetView, Query, Wait
from simulator.policies.signals import Signal

ABSTAIN = "abstain"


class Verdict(Enum):
    """What becomes of an answer."""

    ACCEPT = "accept"
    ESCALATE = "escalate"
    ABSTAIN = "abstain"


Rule = Callable[[float], Verdict]
"""What becomes of an answer with such a signal."""


@dataclass(frozen=True, slots=True)
class Bands:
    """Accept from `accept` on; keep what is below `keep_below` (nobody would do better); abstain below `abstain_below`.

    All else is escalated, and so is an answer without a signal. Ties share a fate: at a bound is above it.
    """

    accept: float
    keep_below: float = float("-inf")
    abstain_below: float = float("-inf")

    def __post_init__(self) -> None:
        for name, below in (("keep_below", self.keep_below), ("abstain_below", self.abstain_below)):
            if below > self.accept:
                raise ValueError(f"{name!r} must not be above 'accept' ({self.accept:g}), and is {below:g}")

    def __call__(self, value: float) -> Verdict:
        """By the band that it falls into."""
        if value >= self.accept or value < self.keep_below:
            return Verdict.ACCEPT
        return Verdict.ABSTAIN if value < self.abstain_below else Verdict.ESCALATE

    def said(self, value: float) -> str:
        """Which band that is, in words."""
        if value != value:
            return "no number, so not accepted"
        if value >= self.accept:
            return f"at least accept {self.accept:.4g}"
        if value < self.keep_below:
            return f"below keep_below {self.keep_below:.4g}: nobody would do better"
        if value < self.abstain_below:
            return f"below abstain_below {self.abstain_below:.4g}"
        return f"below accept {self.accept:.4g}"


@dataclass(frozen=True, slots=True)
class Stage:
    """Calls made at once. `signal` reads their answers when all have ended; without a `rule` its answer is taken.

    Without a signal it is one call, and its score. With a `check`, a verifier looks at the newest answer, as often as
    the check has samples, and the signal is the mean of its votes.
    """

    calls: tuple[Call, ...]
    signal: Signal | None = None
    rule: Rule | None = None
    check: Call | None = None
    ask: Ask = field(init=False, repr=False)
    due: int = field(init=False, repr=False)
    verify: Ask = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ask", Ask(self.calls))
        object.__setattr__(self, "due", sum(call.samples for call in self.calls))
        assert self.due == 1 or self.signal is not None, self.calls
        object.__setattr__(self, "verify", Ask(() if self.check is None else (self.check,)))


WAIT = Wait()
ACCEPT = Verdict.ACCEPT


@dataclass(frozen=True, slots=True)
class Staged:
    """Goes from stage to stage until an answer is accepted. A stage without an answer is passed over.

    Where all later stages fail, or none accepts, the last answer there is is given. Each call asked leaves one outcome
    a sample, in the order of the stages, so where a query stands is read from its outcomes.
    """

    stages: tuple[Stage, ...]

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Judge the stage that has ended, or ask the next."""
        asked, outcomes = len(query.asked), query.outcomes
        at, kept = 0, None
        for stage in self.stages:
            if asked == at:
                return stage.ask
            begun, at = at, at + stage.due
            if len(outcomes) < at:
                return WAIT
            if stage.signal is None:
                newest = outcomes[at - 1]
                if not isinstance(newest, Answer):
                    continue
                kept, value = newest, newest.score
            else:
                answers = [outcome for outcome in outcomes[begun:at] if isinstance(outcome, Answer)]
                if not answers:
                    continue
                kept, value = stage.signal(query, answers)
            if stage.check is not None:
                if asked == at:
                    return stage.verify
                begun, at = at, at + stage.check.samples
                if len(outcomes) < at:
                    return WAIT
                votes = [outcome.score for outcome in outcomes[begun:at] if isinstance(outcome, Answer)]
                value = sum(votes) / len(votes) if votes else nan
            verdict = ACCEPT if stage.rule is None else stage.rule(value)
            if verdict is ACCEPT:
                return Finish(kept)
            if verdict is Verdict.ABSTAIN:
                return Drop(ABSTAIN)
        return Drop(query.failure) if kept is None else Finish(kept)

    def why(self, query: Query, view: FleetView, decision: Decision) -> str:
        """What the newest stage that has ended told of its answers, and the bound that it was held against."""
        at, said = 0, "" if query.asked else "the first of its stages"
        for stage in self.stages:
            begun, at = at, at + stage.due
            answers = [outcome for outcome in query.outcomes[begun:at] if isinstance(outcome, Answer)]
            if len(query.outcomes) < at:
                break
            if not answers:
                said = f"no answer came of {', '.join(call.pool for call in stage.calls)}"
                continue
            name, value = "confidence", answers[-1].score
            if stage.signal is not None:
                name, value = "signal", stage.signal(query, answers).value
            if stage.check is not None:
                begun, at = at, at + stage.check.samples
                if len(query.outcomes) < at:
                    return f"{stage.check.pool} is to judge the answer"
                votes = [outcome.score for outcome in query.outcomes[begun:at] if isinstance(outcome, Answer)]
                name, value = f"vote of {stage.check.pool}", sum(votes) / len(votes) if votes else nan
            said = f"{name} {value:.4g}"
            said = f"{said} is {stage.rule.said(value)}" if isinstance(stage.rule, Bands) else said
        return said


def taken(pool: str) -> Stage:
    """A last stage: whatever `pool` answers is the answer."""
    return Stage((Call(pool, final=True),))


def check_order(order: tuple[str, ...]) -> None:
    """ValueError unless each pool is there once, and one is."""
    if not order or len(set(order)) < len(order):
        raise ValueError("'order' needs at least one pool, each once")
