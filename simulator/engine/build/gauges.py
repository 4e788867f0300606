"""Fuel gauges of machines with batteries: what is in them, and what a token takes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simulator.engine.build.built import Built, Host
from simulator.engine.build.classes import BuiltClass
from simulator.engine.plan import GaugePlan
from simulator.physics.alone import alone


def gauges(
    seed: int, hosts: Sequence[Host], pools: Sequence[Built], classes: Sequence[BuiltClass]
) -> Mapping[str, GaugePlan]:
    """The gauge of each pool whose machines have batteries; pools that share machines share what is in them."""
    found: dict[str, GaugePlan] = {}
    machines = {host.name: host for host in hosts}
    for pool in pools:
        mine = [machines[home] for home in dict.fromkeys(pool.homes)]
        if not mine or mine[0].device.battery_j is None:
            continue
        names = {host.name for host in mine}
        found[pool.plan.facts.name] = GaugePlan(
            sum(host.devices * (host.device.battery_j or 0.0) for host in mine),
            sum(host.idle_w for host in mine),
            {
                other.plan.facts.index: _j_per_tok(other, names, *_mean_tok(seed, other, classes))
                for other in pools
                if names & set(other.homes)
            },
        )
    return found


def _j_per_tok(pool: Built, names: set[str], prompt_tok: int, output_tok: int) -> tuple[float, float]:
    """Joules above idle of a token of a prompt and of an answer, in calls of such lengths alone, or a meter's.

    Of a pool that lives on other machines too, the share that is these machines'.
    """
    here = sum(home in names for home in pool.homes) / len(pool.homes)
    if (measured := pool.spec.measured_energy) is not None:
        return here * measured.prefill_j_per_tok, here * measured.decode_j_per_tok
    assert pool.steps is not None
    both = alone(pool.steps, np.array([prompt_tok] * 2), np.array([1, output_tok]), pool.spec.max_batched_tok)
    first_j, last_j = both.energy_j.tolist()
    return here * first_j / prompt_tok, here * (last_j - first_j) / (output_tok - 1)


def _mean_tok(seed: int, pool: Built, classes: Sequence[BuiltClass]) -> tuple[int, int]:
    """Tokens of a typical prompt and answer, over all classes alike; an answer has two at least."""
    means = []
    for cls in classes:
        outputs, prompts = (lengths[pool.plan.facts.index] for lengths in (cls.plan.output_tok, cls.plan.prompt_tok))
        own = cls.mean_lengths_tok(seed)
        means.append([float(np.mean(prompts)) if prompts else own[0], float(np.mean(outputs)) if outputs else own[1]])
    prompt_tok, output_tok = np.mean(means, axis=0).tolist()
    return max(1, round(prompt_tok)), max(2, round(output_tok))
