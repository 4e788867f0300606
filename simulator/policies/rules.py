"""Rules on what a query shows, as users of gateways write them: the first that fits says what happens."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, ConfigDict, ValidationInfo, WithJsonSchema

from simulator.policies.core import Decision, Feedback, FleetView, Learner, Policy, Query, why
from simulator.policies.setting import PolicyPart, Setting, prepared
from simulator.spec.parts import POLICIES
from simulator.spec.refs import Names

Fits = Callable[[Query], bool]


def _or_pool(value: object, info: ValidationInfo) -> object:
    """The name of a pool stands for asking it. A policy's name is a policy, unless a pool of the fleet is called so."""
    if isinstance(value, str):
        pools = info.context.pools if isinstance(info.context, Names) else ()
        if value in pools or (not pools and value not in POLICIES and ":" not in value):
            return {"use": "always", "pool": value}
    return value


NAMED = {"anyOf": [{"x-part": "policies"}, {"type": "string", "description": "a pool's name"}]}
PolicyOrPool = Annotated[PolicyPart, BeforeValidator(_or_pool), WithJsonSchema(NAMED)]


@dataclass(frozen=True)
class When:
    """What a query must show, all that is given: one of several values fits."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    task: str | tuple[str, ...] | None = None
    """Task of the query's item."""
    keyword: str | tuple[str, ...] | None = None
    """Words or phrases of which the prompt has one, whole and whatever their case; without a text none fits."""
    min_prompt_tok: int | None = None
    """At least so many tokens in the prompt."""
    max_prompt_tok: int | None = None
    """At most so many."""
    workload: str | tuple[str, ...] | None = None
    """The class of the workload, as the scenario calls it."""
    origin: str | tuple[str, ...] | None = None
    """The place where the user is."""
    sensitivity: str | tuple[str, ...] | None = None
    """The class's label."""
    modality: str | tuple[str, ...] | None = None
    """The class's label."""
    min_priority: int | None = None
    """The class's priority is at least this."""

    def fits(self, setting: Setting) -> Fits:
        """Whether a query shows that; texts are searched once, for all queries."""
        tests: list[Fits] = []
        if self.keyword is not None:
            words = "|".join(map(re.escape, _several(self.keyword)))
            found = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE).search
            has_word = [found(prompt) is not None for prompt in setting.asked.prompts()]
            tests.append(lambda query: has_word[query.id])
        least, most, priority = self.min_prompt_tok, self.max_prompt_tok, self.min_priority
        if least is not None:
            tests.append(lambda query: query.prompt_tok >= least)
        if most is not None:
            tests.append(lambda query: query.prompt_tok <= most)
        if priority is not None:
            tests.append(lambda query: query.cls.priority >= priority)
        named: dict[str, tuple[str | tuple[str, ...] | None, Callable[[Query], str | None]]] = {
            "task": (self.task, lambda query: query.task),
            "workload": (self.workload, lambda query: query.cls.name),
            "origin": (self.origin, lambda query: query.cls.origin),
            "sensitivity": (self.sensitivity, lambda query: query.cls.sensitivity),
            "modality": (self.modality, lambda query: query.cls.modality),
        }
        tests += [_is_one_of(_several(values), shown) for values, shown in named.values() if values is not None]
        return lambda query: all(test(query) for test in tests)


@dataclass(frozen=True)
class Rule:
    """`when` this, `then` that: a pool, or a policy."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    when: When
    """What the query must show."""
    then: PolicyOrPool
    """What happens if it does: a pool's name, or a policy."""


@dataclass(frozen=True)
class Rules:
    """The first rule whose `when` fits the query says what happens: `then`, a pool or a policy; else `otherwise`.

    Source: the decisions of semantic-router (signals and priorities) and the routers of LiteLLM's users.
    """

    rules: tuple[Rule, ...]
    """In order; the first that fits counts."""
    otherwise: PolicyOrPool
    """What happens where none fits: a pool's name, or a policy."""

    def prepare(self, setting: Setting) -> Policy:
        """The rules over one replication."""
        fits = tuple(rule.when.fits(setting) for rule in self.rules)
        policies = tuple(prepared(part, setting) for part in (*(rule.then for rule in self.rules), self.otherwise))
        learns = any(isinstance(policy, Learner) for policy in policies)
        ruled = Ruled(fits, policies)
        return LearningRuled(ruled) if learns else ruled


@dataclass(frozen=True)
class Ruled:
    """`Rules` over one replication: the last policy is that of queries which no rule fits."""

    fits: tuple[Fits, ...]
    policies: tuple[Policy, ...]

    def of(self, query: Query) -> Policy:
        """The policy of the first rule that fits."""
        for fits, policy in zip(self.fits, self.policies, strict=False):
            if fits(query):
                return policy
        return self.policies[-1]

    def decide(self, query: Query, view: FleetView) -> Decision:
        """What that policy decides."""
        return self.of(query).decide(query, view)

    def why(self, query: Query, view: FleetView, decision: Decision) -> str:
        """Which rule it is, and what its policy says."""
        number = next((i for i, fits in enumerate(self.fits) if fits(query)), len(self.fits))
        rule = "no rule fits" if number == len(self.fits) else f"rule {number + 1}"
        said = why(self.policies[number], query, view, decision)
        return f"{rule}: {said}" if said else rule


@dataclass(frozen=True)
class LearningRuled:
    """Rules of which some policies learn, each of the queries that were its own."""

    ruled: Ruled
    whose: dict[int, Policy] = field(default_factory=dict)

    def decide(self, query: Query, view: FleetView) -> Decision:
        """What the policy of the first rule that fits decides; it will be told how good that was."""
        policy = self.whose[query.id] = self.ruled.of(query)
        return policy.decide(query, view)

    def why(self, query: Query, view: FleetView, decision: Decision) -> str:
        """As the rules do."""
        return self.ruled.why(query, view, decision)

    def learn(self, feedback: Feedback) -> None:
        """Tell it."""
        policy = self.whose.pop(feedback.query)
        if isinstance(policy, Learner):
            policy.learn(feedback)


def _several(values: str | tuple[str, ...]) -> tuple[str, ...]:
    return (values,) if isinstance(values, str) else values


def _is_one_of(values: tuple[str, ...], shown: Callable[[Query], str | None]) -> Fits:
    return lambda query: shown(query) in values
