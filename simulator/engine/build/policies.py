"""The policy of a scenario, prepared for each replication with what it may know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.engine.build.built import Built, Host
from simulator.engine.build.classes import BuiltClass
from simulator.engine.pool import Uniform
from simulator.physics.price import call_usd
from simulator.physics.step import Spans
from simulator.policies.core import Policy, Prepared, Setting
from simulator.spec.load import Scenario
from simulator.workload.traffic import World


def policy(
    scenario: Scenario, hosts: Sequence[Host], pools: Sequence[Built], classes: Sequence[BuiltClass]
) -> Callable[[World, Uniform], Policy]:
    """What makes the policy of a replication. SpecError where it needs scores or truth that no table has."""
    part = scenario.spec.policy
    try:
        made = part.make()
    except ValueError as error:
        raise scenario.error("policy", str(error)) from None
    numbers = {pool.plan.facts.name: pool.plan.facts.index for pool in pools}
    _check_scores(scenario, getattr(made, "needs_score_of", ()), numbers, classes)
    if not isinstance(made, Prepared):
        return lambda world, uniform: part.make()
    if made.needs_truth:
        for cls in classes:
            if cls.table is None:
                where = ("workload", cls.plan.facts.name)
                raise scenario.error(where, f"policy {part.use!r} needs 'items': without a table there is no truth")
    columns = tuple(cls.columns for cls in classes)
    tables = tuple(cls.table for cls in classes)
    cached_frac = np.array([cls.cached_prompt_frac for cls in scenario.spec.workload.values()])

    def prepare(world: World, uniform: Uniform) -> Policy:
        def truth(query: int, pool: str) -> float:
            cls = world.cls[query]
            table = tables[cls]
            assert table is not None
            return float(table.score[world.item[query], columns[cls][numbers[pool]]])

        setting = Setting(
            pools=tuple(numbers),
            models={pool.plan.facts.name: pool.model for pool in pools},
            uniform=uniform,
            **_prices(world, hosts, pools, cached_frac),
            truth=truth if made.needs_truth else None,
        )
        return part.make().prepare(setting)  # type: ignore[no-any-return]

    return prepare


def _check_scores(
    scenario: Scenario, needs: Sequence[str], numbers: Mapping[str, int], classes: Sequence[BuiltClass]
) -> None:
    for cls in classes:
        for name in needs:
            if name in numbers and (cls.table is None or cls.plan.confidence[numbers[name]] is None):
                lacks = "it has no 'items'" if cls.table is None else f"its table has no confidence of {name!r}'s model"
                raise scenario.error(
                    ("workload", cls.plan.facts.name),
                    f"policy {scenario.spec.policy.use!r} looks at the score of {name!r}'s answers, and {lacks}",
                )


def _prices(
    world: World, hosts: Sequence[Host], pools: Sequence[Built], cached_fracs: NDArray[np.float64]
) -> dict[str, dict[str, float]]:
    """Dollars and joules of a call of mean length at each pool: list prices, or the hardware's for its time alone.

    `cached_fracs` are those of the classes: shares of prompts that hosted APIs bill as cached.
    """
    prompt = output = 1.0
    cached_frac = 0.0
    if len(world):  # else nobody will ask
        prompt, output = float(np.mean(world.prompt_tok)), float(np.mean(world.output_tok))
        cached_frac = float(np.mean(world.prompt_tok * cached_fracs[world.cls])) / prompt
    machines = {host.name: host for host in hosts}
    usd: dict[str, float] = {}
    energy: dict[str, float] = {}
    for pool in pools:
        name = pool.plan.facts.name
        if pool.hosted is not None:
            hosted = pool.hosted
            usd[name] = float(call_usd(hosted, np.array(prompt), np.array(output), cached_frac))
            energy[name] = (hosted.energy_j_per_tok or 0.0) * output
            continue
        assert pool.steps is not None
        chunk, passes = max(1, min(int(prompt), pool.spec.max_batched_tok)), max(1, int(output) - 1)
        prefill_s = pool.steps.pace(0, 0, chunk, 0, chunk * chunk / 2)[0] * prompt / chunk
        first_s, growth_s, _ = pool.steps.pace(1, int(prompt) + 1, 0, 0, 0.0)
        decode_s = passes * (first_s + growth_s * (passes - 1) / 2)
        spans = Spans(*np.array([[prefill_s, 1, 0, 0, chunk, 0, 0], [decode_s, passes, 1, prompt, 0, 0, 0]]).T)
        machine = machines[pool.homes[0]]
        usd[name] = machine.usd_per_s * (prefill_s + decode_s)
        energy[name] = float(pool.steps.meter(spans).energy_j.sum()) + machine.idle_w * (prefill_s + decode_s)
    return {"usd_per_call": usd, "energy_j_per_call": energy}
