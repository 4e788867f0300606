"""Escalation where answers disagree, and where a check outside the model says that they are wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal
from weakref import WeakKeyDictionary

from simulator.policies.core import Answer, Call, Decision, Finish, FleetView, Policy, Query
from simulator.policies.setting import Needs, Setting
from simulator.policies.signals import agreement, majority
from simulator.policies.stages import Bands, Stage, Staged, check_order, taken
from simulator.spec.base import Count
from simulator.spec.refs import PoolName, VerifierName


@dataclass(frozen=True)
class Consistency:
    """Take `k` samples of each pool of `small` at once, and the majority's answer if they agree; else ask `large`.

    `agree: share`: the majority's share of all samples is `accept` or more. `agree: pools`: so is the share of pools
    whose own majorities are the same (two prompts, kept as two pools of one model: accept 1). Several pools with k = 1
    are a tier of models that agree or not (ABC, arXiv 2407.02348). Source: MoT cascades, arXiv 2310.03094 (20 samples,
    vote share 0.6).
    """

    small: tuple[PoolName, ...]
    """The pools that are asked first, all at once."""
    large: PoolName
    """The pool that an answer is escalated to."""
    k: Count = 20
    """Answers of each of them."""
    agree: Literal["share", "pools"] = "share"
    """What must agree: all answers, or the majorities of the pools."""
    accept: float = 0.6
    """The least share that must agree."""

    def __post_init__(self) -> None:
        if not self.small or self.k * len(self.small) < 2:
            raise ValueError("one answer agrees with itself: give several samples ('k') or several pools ('small')")

    @property
    def needs(self) -> Needs:
        """Samples, and which of them are equal."""
        samples = dict.fromkeys(self.small, self.k) if self.k > 1 else {}
        return Needs(groups_of=self.small, samples_of=samples)

    def prepare(self, setting: Setting) -> Policy:
        """Two stages."""
        calls = tuple(Call(pool, samples=self.k) for pool in self.small)
        signal = majority if self.agree == "share" else agreement
        return Staged((Stage(calls, signal, Bands(self.accept)), taken(self.large)))


@dataclass(frozen=True)
class EcoAssistant:
    """Cheap assistants first: an answer is given if `verifier` (code that runs, a user) says that it works.

    Each assistant in `order` may try `tries` times; the last one's last answer is given whatever the verdict. A
    question that was solved before, in the same words, goes straight to the assistant that solved it and is not checked
    again (`remember`). Source: EcoAssistant, arXiv 2310.03046. Left out, to the technique's disadvantage: solved
    questions as demonstrations in the prompts of similar ones, and the error message that a second try is given.
    """

    order: tuple[PoolName, ...]
    """Pools, the first asked first."""
    verifier: VerifierName
    """Which of the scenario's verifiers looks at answers."""
    accept: float = 0.5
    """The least vote of the verifier that is taken."""
    tries: Count = 1
    """Answers of each pool before the next is asked."""
    remember: bool = True
    """A question asked again goes to who solved it, unchecked."""

    def __post_init__(self) -> None:
        check_order(self.order)

    @property
    def needs(self) -> Needs:
        """An answer more for each try."""
        samples = dict.fromkeys(self.order, self.tries) if self.tries > 1 else {}
        return Needs(samples_of=samples, verified={self.verifier: self.order})

    def prepare(self, setting: Setting) -> Policy:
        """Nothing is solved yet."""
        check = Call(self.verifier, kind="verify")
        tries = [Stage((Call(pool),), rule=Bands(self.accept), check=check) for pool in self.order] * self.tries
        tries.sort(key=lambda stage: self.order.index(stage.calls[0].pool))
        fresh = Staged((*tries[:-1], taken(self.order[-1])))
        known = {pool: Staged((taken(pool), *fresh.stages)) for pool in self.order}
        prompts = [" ".join(prompt.lower().split()) for prompt in setting.asked.prompts()] if self.remember else []
        return Remembers(fresh, known, prompts, self.accept)


@dataclass(eq=False)
class Remembers:
    """`EcoAssistant` with what has been solved so far, by prompt; a query that has begun goes on as it began."""

    remembers: ClassVar = True

    fresh: Staged
    known: Mapping[str, Staged]
    prompts: list[str]
    accept: float
    solved: dict[str, str] = field(default_factory=dict, repr=False)
    begun: WeakKeyDictionary[Query, Staged] = field(default_factory=WeakKeyDictionary, repr=False)

    def decide(self, query: Query, view: FleetView) -> Decision:
        """As the stages say, which the first decision about a query chooses."""
        prompt = self.prompts[query.id] if self.prompts else ""
        stages = self.begun.get(query)
        if stages is None:
            solver = self.solved.get(prompt) if prompt else None
            stages = self.begun[query] = self.fresh if solver is None else self.known[solver]
        decision = stages.decide(query, view)
        if prompt and isinstance(decision, Finish) and self._works(query):
            self.solved.setdefault(prompt, decision.answer.pool)
        return decision

    def _works(self, query: Query) -> bool:
        newest = query.outcomes[-1]
        return isinstance(newest, Answer) and newest.kind == "verify" and newest.score >= self.accept
