"""Many calls about one query: of several models, or of one model several times, or a second one in case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simulator.policies.core import Answer, Ask, Call, Decision, Drop, Finish, FleetView, Policy, Query, Wait, ask_final
from simulator.policies.setting import Needs, Setting
from simulator.policies.signals import Signal, majority, signal, surest
from simulator.policies.stages import Stage, Staged, check_order
from simulator.spec.base import Count, NonNegative
from simulator.spec.refs import PoolName


@dataclass(frozen=True)
class Vote:
    """Ask all of `among` at once, and give the answer that most of them gave; ties go to the surer, then the first.

    Source: majority voting over models, as in arXiv 2402.05120; over samples it is `best-of-n` by votes.
    """

    among: tuple[PoolName, ...]
    """Who is asked, all at once."""

    def __post_init__(self) -> None:
        check_order(self.among)

    @property
    def needs(self) -> Needs:
        """Which answers are equal."""
        return Needs(groups_of=self.among)

    def prepare(self, setting: Setting) -> Policy:
        """One stage."""
        return Staged((Stage(tuple(Call(pool) for pool in self.among), majority),))


@dataclass(frozen=True)
class BestOfN:
    """`n` answers of one pool from one prefill: one that most are equal to (`by: votes`), or the surest (`by: score`).

    Tables keep one confidence for all samples of a model: by score, the first of them is taken. Sources: best-of-n as
    an action, BEST-Route, arXiv 2506.22716; self-consistency, arXiv 2203.11171.
    """

    pool: PoolName
    """Who is asked."""
    n: Count = 5
    """Answers."""
    by: Literal["votes", "score"] = "votes"
    """Which is given: the commonest, or the surest."""

    @property
    def needs(self) -> Needs:
        """Samples, and what they are compared by."""
        samples = {self.pool: self.n} if self.n > 1 else {}
        if self.by == "votes":
            return Needs(groups_of=(self.pool,), samples_of=samples)
        return Needs(scores_of=(self.pool,), samples_of=samples)

    def prepare(self, setting: Setting) -> Policy:
        """One stage."""
        return Staged((Stage((Call(self.pool, samples=self.n),), surest if self.by == "score" else majority),))


@dataclass(frozen=True)
class Blender:
    """Ask all of `among` at once and give the answer that ranks first, or have `fuse` make one of it (a refine call).

    Answers rank by P(right) calibrated on the train split, or by their scores as they are, in place of the paper's
    PairRanker. A fused answer is made of the prompt and the newest draft, not of the best three: shorter prompts than
    GenFuser's, and its quality is that of the pool `fuse` on its own (so to the technique's disadvantage). Source:
    LLM-Blender, arXiv 2306.02561.
    """

    among: tuple[PoolName, ...]
    """Who is asked, all at once."""
    fuse: PoolName | None = None
    """The pool that makes one answer of them; the best of them is given where it is not given."""
    rank: Literal["calibrated", "score"] = "calibrated"
    """What answers rank by: P(right) fitted on the train split, or confidence."""

    def __post_init__(self) -> None:
        check_order(self.among)

    @property
    def needs(self) -> Needs:
        """Scores, and what they are calibrated by."""
        return Needs(train=self.rank == "calibrated", scores_of=self.among)

    def prepare(self, setting: Setting) -> Policy:
        """The curves."""
        ask = Ask(tuple(Call(pool) for pool in self.among))
        fused = None if self.fuse is None else Ask((Call(self.fuse, kind="refine", final=True),))
        return Ranks(ask, fused, signal(self.rank, setting, self.among))


@dataclass(frozen=True, slots=True)
class Ranks:
    """`Blender` with the signal that answers rank by."""

    ask: Ask
    fused: Ask | None
    reads: Signal

    def decide(self, query: Query, view: FleetView) -> Decision:
        """Wait for all, then rank."""
        if not query.asked:
            return self.ask
        if len(query.outcomes) < len(query.asked):
            return Wait()
        answers = [outcome for outcome in query.outcomes if isinstance(outcome, Answer) and outcome.kind == "answer"]
        if not answers:
            return Drop(query.failure)
        if self.fused is not None and len(query.asked) == len(self.ask.calls):
            return self.fused
        known = [each for each in (self.reads(query, [answer]) for answer in answers) if each.value == each.value]
        return Finish(max(known, key=lambda reading: reading.value).answer if known else answers[0])

    def why(self, query: Query, view: FleetView, decision: Decision) -> str:
        """What the answers rank by."""
        if not isinstance(decision, Finish):
            return ""
        answers = [outcome for outcome in query.outcomes if isinstance(outcome, Answer) and outcome.kind == "answer"]
        return "the best of " + ", ".join(f"{one.pool} {self.reads(query, [one]).value:.4g}" for one in answers)


@dataclass(frozen=True, slots=True)
class Hedge:
    """Ask `first`, and `second` too if it has not answered within `after_s` or has failed; the first answer is taken.

    The loser is cancelled. `second` may be the same pool: its dispatch then chooses another replica if it can. Source:
    hedged requests, Dean and Barroso 2013, doi:10.1145/2408776.2408794 (after the 95th percentile of the expected
    latency).
    """

    first: PoolName
    """The pool that is asked first."""
    second: PoolName
    """The pool that is asked too; it may be the same."""
    after_s: NonNegative
    """How long the first may take before."""

    def decide(self, query: Query, view: FleetView) -> Decision:
        """The first answer that there is, or one call more."""
        answers = query.answers_from((self.first, self.second))
        if answers:
            return Finish(answers[0])
        if not query.asked:
            return Ask((Call(self.first, final=True),), for_s=self.after_s)
        if len(query.asked) == 1:
            return ask_final(self.second)
        return Wait() if len(query.outcomes) < len(query.asked) else Drop(query.failure)

    def why(self, query: Query, view: FleetView, decision: Decision) -> str:
        """Whether it answered in time."""
        if isinstance(decision, Finish):
            return "the first answer that came"
        if len(query.asked) != 1:
            return "" if query.asked else f"{self.second} is asked too, {self.after_s:g} s later"
        return (
            f"{self.first} has failed" if query.outcomes else f"{self.first} has not answered within {self.after_s:g} s"
        )
