"""Pools whose models decode together: the step model of both, where the policy says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from simulator.engine.build.built import Built
from simulator.engine.link import paths
from simulator.engine.pool import PoolPlan
from simulator.physics.step import StepModel
from simulator.physics.values import Link
from simulator.policies.rounds import Together
from simulator.policies.setting import held
from simulator.spec.errors import SpecError
from simulator.spec.load import Scenario


def decoding_together(scenario: Scenario, pools: Sequence[Built], links: Sequence[Link]) -> list[Built]:
    """The pools, those that the policy lets decode with another's help with the step model of both.

    SpecError where they cannot, or where two parts of the policy say different things of one pool.
    """
    built = {pool.plan.facts.name: pool for pool in pools}
    policies: dict[str, Together] = {}
    for policy in held(scenario.spec.policy.make(), Together):  # type: ignore[type-abstract]
        if policies.setdefault(policy.asked, policy) != policy:
            raise scenario.error("policy", f"{policy.asked!r} cannot decode in two ways")
    for name, policy in policies.items():
        asked, helper = (_own(scenario, built[pool]) for pool in (name, policy.helper))
        made = policy.together(
            _widened(scenario, asked, asked, policy.tok_per_pass),
            _widened(scenario, helper, asked, 1),
            _rtt_s(scenario, links, asked.plan.facts.place, helper.plan.facts.place),
        )
        if made is not None:
            built[name] = _stepping(asked, made)
    return list(built.values())


def _own(scenario: Scenario, pool: Built) -> Built:
    if pool.steps is None:
        raise scenario.error("policy", f"{pool.plan.facts.name!r} is a hosted API: nobody sees its tokens in between")
    if pool.spec.measured_energy is not None:
        where = ("fleet", pool.plan.facts.name, "measured_energy")
        raise scenario.error(where, "is of one model that decodes alone, and the policy lets two decode together")
    return pool


def _widened(scenario: Scenario, pool: Built, asked: Built, tok: int) -> StepModel:
    """The pool's step model, for passes as large as those of the pool that is asked, with `tok` tokens a sequence."""
    limits = asked.spec
    steps = pool.steps
    most = max(pool.spec.max_batched_tok, limits.max_batched_tok)
    try:
        return replace(steps, max_seqs=limits.max_seqs * tok, max_batched_tok=most)  # type: ignore[type-var, return-value]
    except ValueError as error:
        if isinstance(error, SpecError):
            raise
        raise scenario.error(("fleet", pool.plan.facts.name, "steps"), str(error)) from None


def _stepping(pool: Built, steps: StepModel) -> Built:
    assert isinstance(pool.plan, PoolPlan)
    plan = replace(pool.plan, steps=steps)
    evidence = {"time_evidence": steps.time_evidence, "energy_evidence": steps.energy_evidence}  # type: ignore[attr-defined]
    return replace(pool, plan=plan, steps=steps, **evidence)


def _rtt_s(scenario: Scenario, links: Sequence[Link], start: str, end: str) -> float:
    """Median round trip between two places, over the fewest links."""
    if start == end:
        return 0.0
    rtt_s: dict[tuple[str, str], float] = {}
    for spec, link in zip(scenario.spec.links.values(), links, strict=True):
        for ends in (spec.between, spec.between[::-1]):
            rtt_s[ends] = link.rtt_s
    found = paths(rtt_s)
    if (start, end) not in found:
        raise scenario.error("policy", f"no link leads from {start!r} to {end!r}: the two models cannot work together")
    return sum(rtt_s[leg] for leg in found[start, end])
