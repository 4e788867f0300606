"""What each pool would have made of a query, asked alone and once, in an empty fleet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from heapq import heappop
from math import nan

import numpy as np

from simulator.engine import asks
from simulator.engine.build import System
from simulator.engine.life import Life
from simulator.policies.core import Call, Query
from simulator.records.stories import Alternative
from simulator.running.answering import Answering, Flight
from simulator.workload.streams import uniform
from simulator.workload.traffic import World


def alternatives(
    system: System, world: World, rows: Sequence[int], prompt_tok: Sequence[int], arrived_s: Sequence[float]
) -> list[tuple[Alternative, ...]]:
    """Of each of the queries `rows` of the first replication, one at each pool, in the order of the file.

    `prompt_tok` and `arrived_s` are those that the queries really had. A hosted API's luck is the one that the query's
    first call meets in the run. Patience does not end.
    """
    at = np.asarray(rows, np.int64)
    columns = {name: getattr(world, name)[at] for name in ("cls", "arrive_s", "output_tok", "item", "session", "turn")}
    alone = replace(  # of these queries only: a large world would be priced whole
        world,
        **columns,
        prompt_tok=np.asarray(prompt_tok, np.int64),
        next_row=np.full(len(at), -1),
        wait_s=world.wait_s[at],
        grows=world.grows[at],
    )
    chance = uniform(system.scenario.spec.seed, 0)
    fleet = Answering(system, alone, lambda stream, row, attempt: chance(stream, rows[row], attempt))
    return [
        tuple(_asked(fleet, alone, row, arrived, pool) for pool in range(len(system.pools)))
        for row, arrived in enumerate(arrived_s)
    ]


def _asked(fleet: Answering, world: World, row: int, arrived_s: float, pool: int) -> Alternative:
    """One query at one pool."""
    cls, item = fleet.plan.classes[int(world.cls[row])], int(world.item[row])
    query = Query(row, cls.facts, cls.tasks[item] if item >= 0 else None, int(world.prompt_tok[row]), arrived_s)
    flight = Flight(Life(row, query, cls, item, row), arrived_s)
    fleet.route(flight)
    name = fleet.plan.pools[pool].facts.name
    fleet.send(flight, Call(name, final=True))
    landed = heappop(flight.air)
    job, answered = landed.job, not landed.failure
    flight.now, flight.cost = landed.at_s, flight.cost.plus(landed.cost)
    if answered and flight.life.place != cls.facts.origin:
        fleet.carry(flight, flight.life.place, cls.facts.origin, job.output_tok * cls.bytes_per_tok)
    return Alternative(
        pool=name,
        model=fleet.system.pools[pool].model,
        prompt_tok=job.prompt_tok,
        output_tok=job.output_tok,
        score=asks.truth_of(job) if answered else nan,
        confidence=asks.confidence_of(job) if answered and item >= 0 else nan,
        e2e_s=flight.now - arrived_s if answered else nan,
        cost_usd=flight.cost.usd,
        energy_j=flight.cost.energy_j,
        failure=landed.failure,
    )
