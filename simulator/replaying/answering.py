"""A fleet that answers at once: what is in the air of a query, when it lands, and what it takes."""

from __future__ import annotations

from heapq import heappush
from itertools import count
from math import inf
from typing import NamedTuple

from simulator.engine.build import System
from simulator.engine.calls import PolicyError
from simulator.engine.job import Job
from simulator.engine.life import Life
from simulator.engine.pool import PoolPlan, Uniform
from simulator.policies.core import Call
from simulator.replaying.idle import NOWHERE, Cost, Idle, idle_ways
from simulator.workload.traffic import World


class Air(NamedTuple):
    """A call in the air: when its outcome is there, why it fails (empty: it does not), and what it takes."""

    at_s: float
    order: int
    job: Job
    failure: str = ""
    cost: Cost = Cost()


class Flight:
    """A query on its way: what is in the air, what was answered, what all of it has taken so far."""

    def __init__(self, life: Life, now: float) -> None:
        self.life = life
        self.now = now
        self.wake_s = inf
        self.air: list[Air] = []
        self.cost = Cost()
        self.escalated = False  # a second answer was asked for because of an answer


class Answering:
    """Pools, verifiers, the router and the ways between, idle for every query."""

    def __init__(self, system: System, world: World, uniform: Uniform) -> None:
        self.system = system
        self.plan = system.plan
        self.idle = Idle(system, world, uniform)
        self.way = idle_ways(system)
        self.numbers = dict(system.plan.pool_index())
        self.order = count()

    def route(self, flight: Flight) -> None:
        """A prompt goes to the router, and is looked at there."""
        router = self.plan.router
        if router is None:
            return
        life = flight.life
        if router.place is not None and router.place != life.place:
            self.carry(flight, life.place, router.place, life.prompt_bytes(life.query.prompt_tok))
            life.place = router.place
        flight.now += router.time_s
        flight.cost = flight.cost.plus(Cost(0.0, router.time_s * self.system.stations[0].active_w))

    def carry(self, flight: Flight, start: str, end: str, size_bytes: float) -> None:
        """Bytes go from one place to another, alone."""
        way = self.way(start, end)
        flight.now += way.delay_s + way.s_per_byte * size_bytes
        flight.cost = flight.cost.plus(Cost(0.0, way.j_per_byte * size_bytes))

    def send(self, flight: Flight, call: Call) -> None:
        """Put a call into the air, as often as it has samples. PolicyError where there is nobody to make it."""
        life, now = flight.life, flight.now
        number = self.numbers.get(call.pool)
        if number is None:
            raise PolicyError(f"asks {call.pool!r}; there are {', '.join(self.numbers)}")
        is_pool = number < len(self.plan.pools)
        if is_pool == (call.kind == "verify") or not (is_pool or life.answers):
            what = f"makes a {call.kind!r} call to {call.pool!r}"
            raise PolicyError(f"{what}: verifiers verify, after an answer")
        if call.kind == "answer" and any(answer.kind == "answer" for answer, _ in life.answers):
            flight.escalated = True
        for _ in range(call.samples):
            prompt, output = self._lengths(life, number, call) if is_pool else (0, 0)
            job = Job(next(self.order), life, call, number, now, prompt, output)
            life.calls += 1
            life.flying.append(job)
            life.query.asked += (call.pool,)
            air = self._visit(job, now) if not is_pool else self._served(job, now)
            patience_s = life.cls.call_timeout_s
            if patience_s is not None and air.at_s > now + patience_s:
                air = air._replace(at_s=now + patience_s, failure="timeout")
            heappush(flight.air, air)

    def _lengths(self, life: Life, pool: int, call: Call) -> tuple[int, int]:
        prompt, output = self.idle.lengths(pool, life.row)
        given = life.cls.prompt_tok[pool] is not None and life.item >= 0
        return prompt if given else life.query.prompt_tok, output

    def _visit(self, job: Job, now: float) -> Air:
        """A verifier looks at the newest answer."""
        number = job.pool - len(self.plan.pools)
        station = self.plan.verifiers[number]
        watts = self.system.stations[number + (self.plan.router is not None)].active_w
        return Air(now + station.time_s, job.order, job, cost=Cost(0.0, watts * station.time_s))

    def _served(self, job: Job, now: float) -> Air:
        """A pool answers; its answer comes back as it streams, and the rest of it after."""
        life, plan = job.life, self.plan.pools[job.pool]
        place, request_s = plan.facts.place, 0.0
        up = down = NOWHERE
        if place != life.place:
            up, down = self.way(life.place, place), self.way(place, life.place)
        asked_bytes = life.prompt_bytes(job.prompt_tok)
        at_s = now + up.delay_s + up.s_per_byte * asked_bytes
        if isinstance(plan, PoolPlan):
            request_s = plan.request_s
            blocks = inf if plan.limits.kv_tok is None else plan.limits.kv_tok // plan.limits.block_tok
            if job.prompt_tok + job.output_tok - 1 > blocks * plan.limits.block_tok:
                return Air(at_s + request_s + down.delay_s, job.order, job, "too-long")
        taken = self.idle.taken(job)
        streams = job.output_tok > 1 and (job.call.final or life.cls.at_once)
        per_tok = life.cls.bytes_per_tok
        rest = (job.output_tok - streams) * per_tok
        if streams and place != life.place:
            rest -= max(min(rest - per_tok, (taken.last_s - taken.first_s) * down.bytes_per_s), 0.0)
        at_s += request_s + taken.last_s + down.delay_s + down.s_per_byte * rest
        carried_j = up.j_per_byte * asked_bytes + down.j_per_byte * job.output_tok * per_tok
        return Air(at_s, job.order, job, cost=taken.cost.plus(Cost(0.0, carried_j)))
