"""What calls take when they are alone on an idle fleet: dollars, joules, seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulator.engine.build.built import Built, Host
from simulator.engine.build.classes import BuiltClass
from simulator.learning.core import Floats
from simulator.physics.alone import alone
from simulator.physics.price import call_usd
from simulator.workload.traffic import World


@dataclass(frozen=True)
class Prices:
    """Calls of a mean length, or of given lengths, alone on an idle fleet: list prices, or the hardware's time."""

    pools: tuple[Built, ...]
    machines: dict[str, Host]

    def of(self, pool: int, prompt_tok: Floats, output_tok: Floats, cached: Floats | float) -> tuple[Floats, ...]:
        """Dollars, joules and seconds of calls (n,) at a pool; idle watts count while a call runs."""
        built = self.pools[pool]
        if built.hosted is not None:
            hosted = built.hosted
            joules = np.full(len(prompt_tok), np.nan)
            if hosted.energy_j_per_tok is not None:
                joules = hosted.energy_j_per_tok * output_tok
            time_s = hosted.ttft_median_s + (output_tok - 1) / hosted.rate_median_tok_per_s
            return call_usd(hosted, prompt_tok, output_tok, cached), joules, time_s
        assert built.steps is not None
        machine = self.machines[built.homes[0]]
        prompts = np.maximum(np.rint(prompt_tok), 1).astype(np.int64)
        outputs = np.maximum(np.rint(output_tok), 1).astype(np.int64)
        one = alone(built.steps, prompts, outputs, built.spec.max_batched_tok)
        return machine.usd_per_s * one.last_s, one.energy_j + machine.idle_w * one.last_s, one.last_s


class Taken(NamedTuple):
    """What a call of every query at one pool takes, alone on an idle fleet, (queries,) each."""

    prompt_tok: Floats
    output_tok: Floats
    usd: Floats
    energy_j: Floats
    time_s: Floats


def calls_alone(prices: Prices, classes: Sequence[BuiltClass], cached_fracs: Floats, world: World, pool: int) -> Taken:
    """As long as the answers will be, and as dear and late as recorded where the pool bills or answers so."""
    prompt_tok, output_tok = world.prompt_tok.astype(np.float64), world.output_tok.astype(np.float64)
    tables = [(np.flatnonzero(world.cls == number), cls) for number, cls in enumerate(classes) if cls.table is not None]
    for rows, cls in tables:
        for lengths, found in ((cls.plan.prompt_tok, prompt_tok), (cls.plan.output_tok, output_tok)):
            if (column := lengths[pool]) is not None:
                found[rows] = np.array(column)[world.item[rows]]
    usd, energy_j, time_s = prices.of(pool, prompt_tok, output_tok, cached_fracs[world.cls])
    built = prices.pools[pool]
    for rows, cls in tables if built.hosted is not None else ():
        assert cls.table is not None
        where = world.item[rows], cls.columns[pool]
        if built.spec.price == "recorded":
            usd[rows] = cls.table.cost_usd[where]
        if built.spec.latency == "recorded":
            time_s[rows] = cls.table.latency_s[where]
        if built.spec.energy == "recorded":
            assert cls.table.energy_j_per_tok is not None
            energy_j[rows] = cls.table.energy_j_per_tok[where] * output_tok[rows]
    return Taken(prompt_tok, output_tok, usd, energy_j, time_s)
