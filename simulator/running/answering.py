"""A fleet that answers at once: what is in the air of a query, when it lands, and what it takes."""

from __future__ import annotations

from heapq import heappush
from itertools import count
from math import inf
from typing import NamedTuple

from simulator.engine import asks
from simulator.engine.asks import PolicyError
from simulator.engine.build import System
from simulator.engine.clock import ATTEMPTS
from simulator.engine.job import Job
from simulator.engine.life import Life
from simulator.engine.plan import JudgePlan, StationPlan
from simulator.engine.pool import PoolPlan, Uniform
from simulator.policies.core import Call
from simulator.running.idle import NOWHERE, Cost, Idle, idle_ways
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
        self.uniform = uniform
        self.idle = Idle(system, world, uniform)
        self.watts = {
            station.name: spec.active_w for station, spec in zip(self.plan.stations, system.stations, strict=True)
        }
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
        flight.cost = flight.cost.plus(Cost(0.0, router.time_s * self.watts[router.name]))

    def carry(self, flight: Flight, start: str, end: str, size_bytes: float) -> None:
        """Bytes go from one place to another, alone."""
        way = self.way(start, end)
        flight.now += way.delay_s + way.s_per_byte * size_bytes
        flight.cost = flight.cost.plus(Cost(0.0, way.j_per_byte * size_bytes))

    def send(self, flight: Flight, call: Call) -> None:
        """Put a call into the air, with all its samples. PolicyError where it cannot be made."""
        life, now = flight.life, flight.now
        number = self.numbers.get(call.pool)
        if number is None:
            raise PolicyError(f"asks {call.pool!r}; there are {', '.join(self.numbers)}")
        is_pool, draft = number < len(self.plan.pools), asks.newest(life)
        if call.samples < 1:
            raise PolicyError(f"asks {call.pool!r} for {call.samples} samples")
        wrong = is_pool == (call.kind == "verify") or (call.final and not is_pool)
        if wrong or (draft is None and call.kind != "answer"):
            what = f"makes a {call.kind!r} call to {call.pool!r}"
            raise PolicyError(f"{what}: verifiers verify, and drafts are refined, after an answer")
        if call.kind == "answer" and any(answer.kind == "answer" for answer, _ in life.answers):
            flight.escalated = True
        verifier = None if is_pool else self.plan.verifiers[number - len(self.plan.pools)]
        if isinstance(verifier, StationPlan):
            jobs = [self._made(life, call, number, -1, (0, 0), now) for _ in range(call.samples)]
            air = [self._visit(job, verifier, visit, now) for visit, job in enumerate(jobs)]
        else:
            pool = number if verifier is None else verifier.pool
            jobs = [self._made(life, call, pool, *asked, now) for asked in self._asked(life, call, pool, verifier)]
            if verifier is not None:
                for job in jobs:
                    job.vote = asks.vote(verifier, life, job.order % ATTEMPTS, self.uniform)
            air = self._served(jobs, now)
        patience_s = life.cls.call_timeout_s
        for each in air:
            late = patience_s is not None and each.at_s > now + patience_s
            heappush(flight.air, each._replace(at_s=now + (patience_s or 0.0), failure="timeout") if late else each)

    def _made(self, life: Life, call: Call, pool: int, sample: int, tok: tuple[int, int], now: float) -> Job:
        job = Job(next(self.order), life, call, pool, now, *tok)
        job.sample = sample
        life.calls += 1
        life.flying.append(job)
        life.query.asked += (call.pool,)
        return job

    def _asked(self, life: Life, call: Call, pool: int, judge: JudgePlan | None) -> list[tuple[int, tuple[int, int]]]:
        """Which sample each answer is, and the tokens of its prompt and of itself."""
        prompt, output = self.idle.lengths(pool, life.row)
        if life.cls.prompt_tok[pool] is None or life.item < 0:
            prompt = life.query.prompt_tok
        if call.kind != "answer":
            prompt += asks.read_tok(life, call, judge)
            return [(-1, (prompt, output if judge is None else judge.output_tok))] * call.samples
        first = asks.answers_asked(life, call.pool) if call.pool in life.query.asked else 0
        samples = range(first, first + call.samples)
        if not life.cls.samples:
            return [(k, (prompt, output)) for k in samples]
        return [(k, (prompt, asks.sampled_tok(life, pool, k, output))) for k in samples]

    def _visit(self, job: Job, station: StationPlan, visit: int, now: float) -> Air:
        """A verifier looks at the newest answer, after so many visits of the same call."""
        done_s = now + station.time_s * (visit // station.servers + 1)
        return Air(done_s, job.order, job, cost=Cost(0.0, self.watts[station.name] * station.time_s))

    def _served(self, jobs: list[Job], now: float) -> list[Air]:
        """A pool answers, in samples of one prompt; each comes back as it streams, and the rest of it after."""
        first, life = jobs[0], jobs[0].life
        plan, call = self.plan.pools[first.pool], first.call
        place, request_s = plan.facts.place, 0.0
        up = down = NOWHERE
        if place != life.place:
            up, down = self.way(life.place, place), self.way(place, life.place)
        asked_bytes = life.prompt_bytes(first.prompt_tok)
        at_s = now + up.delay_s + up.s_per_byte * asked_bytes
        if isinstance(plan, PoolPlan):
            request_s = plan.request_s
            blocks = inf if plan.limits.kv_tok is None else plan.limits.kv_tok // plan.limits.block_tok
            if first.prompt_tok + first.output_tok - 1 > blocks * plan.limits.block_tok:
                return [Air(at_s + request_s + down.delay_s, job.order, job, "too-long") for job in jobs]
        is_shown, per_tok = (call.final or life.cls.at_once) and call.kind != "verify", life.cls.bytes_per_tok
        air = []
        for job, taken in zip(jobs, self.idle.samples(jobs), strict=True):
            streams = is_shown and job.output_tok > 1
            rest = (job.output_tok - streams) * per_tok
            if streams and place != life.place:
                rest -= max(min(rest - per_tok, (taken.last_s - taken.first_s) * down.bytes_per_s), 0.0)
            there_s = at_s + request_s + taken.last_s + down.delay_s + down.s_per_byte * rest
            carried_j = up.j_per_byte * asked_bytes * (job is first) + down.j_per_byte * job.output_tok * per_tok
            air.append(Air(there_s, job.order, job, cost=taken.cost.plus(Cost(0.0, carried_j))))
        return air
