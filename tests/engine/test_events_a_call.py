"""How many events a call costs: a count, so no slow machine changes it, and the speed of the engine rests on it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engine_examples import Affine, pooled
from stepping import Wish

from simulator import build, load
from simulator.engine.replica import Limits
from simulator.engine.replication import Replication
from simulator.workload.streams import uniform

SINGLE_POOL = Path(__file__).parents[1] / "bench" / "single-pool.yaml"  # an 8B model on an A100
CALLS = 10_000


def events_a_call(rate_per_s: float) -> float:
    """Of the trace that the peers are timed on, at this rate: alarms set, arrivals included, by call."""
    chance = np.random.default_rng(0)
    system = build(load(SINGLE_POOL, [f"run.queries={CALLS}"]))
    world = replace(
        system.world(0),
        arrive_s=np.cumsum(chance.exponential(1 / rate_per_s, CALLS)),
        prompt_tok=np.clip(chance.geometric(1 / 512, CALLS), 16, 2048),
        output_tok=np.clip(chance.geometric(1 / 128, CALLS), 2, 1024),
    )
    one = Replication(system.plan, world, uniform(0, 0))
    assert len(one.run().calls) == CALLS
    return next(one.clock._eid) / CALLS


@pytest.mark.parametrize(("rate_per_s", "most"), [(12.0, 3.2), (3.0, 5.0)])
def test_a_call_costs_a_few_events(rate_per_s, most):
    assert events_a_call(rate_per_s) < most


@pytest.mark.parametrize("output_tok", [2, 10, 1000])
def test_a_call_alone_costs_three_events_however_long_its_answer(output_tok):
    steps = Affine(pass_s=0.1, context_s=1e-4)
    told = pooled([Wish(1.0, 4 * 512, output_tok)], steps, Limits(max_seqs=8, batched_tok=512, kv_tok=4000))
    assert next(told.pool.clock._eid) == 3  # it arrives, its chunks are over, its last token is out
