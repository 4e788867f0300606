"""A policy led through every query of a replication on an idle fleet: no clock runs, and no query meets another.

Every call is answered as soon as it can be alone: at batch 1, links idle and at their medians. What is left out is what
load does: queues, batches, rate limits, stale telemetry, radios asleep, idle watts between calls. Users never leave.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from math import inf, isnan, nan
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from simulator.engine.build import System
from simulator.engine.calls import PolicyError
from simulator.engine.job import Job
from simulator.engine.life import ABSTAINED, DROPPED, FATES, FINISHED, Life
from simulator.engine.pool import PoolPlan
from simulator.engine.replication import ABSTENTIONS, Replication
from simulator.policies.core import Answer, Ask, Call, Drop, Failed, Feedback, Finish, Learner, Query, Wait
from simulator.replaying.idle import NOWHERE, Idle, idle_ways
from simulator.workload.streams import uniform

MOST_DECISIONS = 10_000  # about one query: a policy that is asked more often never ends it

QUERIES = ("query", "item", "cls", "task", "pool", "fate", "reason", "score", "confidence", "calls", "escalated")
TAKEN = ("cost_usd", "energy_j", "e2e_s")
CALLS = ("query", "pool", "kind", "fate", "asked_s", "delivered_s", "prompt_tok", "output_tok", "score", "confidence")


@dataclass(frozen=True)
class Replayed:
    """A replay's tables. `queries`: a row a query, by its id; `calls`: a row a call, in the order of their ends.

    Columns mean what those of a run's tables of the same names mean; dollars and joules of own machines are those of
    their calls' time alone.
    """

    queries: pd.DataFrame
    calls: pd.DataFrame


def replay(system: System, replication: int = 0) -> Replayed:
    """Lead the scenario's policy through the queries of one replication. PolicyError where it breaks a promise."""
    return _Replay(system, replication).run()


class _Air(NamedTuple):
    """A call in the air: when its outcome is there, why it fails (empty: it does not), and what it takes."""

    at_s: float
    order: int
    job: Job
    failure: str
    usd: float
    energy_j: float


class _Flight:
    """A query on its way: what is in the air, what was answered, what all of it has taken so far."""

    def __init__(self, life: Life, now: float) -> None:
        self.life = life
        self.now = now
        self.wake_s = inf
        self.air: list[_Air] = []
        self.answers: list[tuple[Answer, Job]] = []
        self.usd = self.energy_j = 0.0
        self.escalated = False  # a second answer was asked for because of an answer

    def take(self, usd: float, energy_j: float) -> None:
        """Add what something takes."""
        self.usd += usd
        self.energy_j += energy_j


class _Replay:
    def __init__(self, system: System, replication: int) -> None:
        self.system = system
        self.plan = system.plan
        self.world = system.world(replication)
        chance = uniform(system.scenario.spec.seed, replication)
        self.one = Replication(system.plan, self.world, chance)  # its fleet stays idle: what policies see
        self.policy = self.one.policy
        self.idle = Idle(system, self.world, chance)
        self.way = idle_ways(system)
        self.numbers = dict(system.plan.pool_index())
        self.names = list(self.numbers)
        self.order = count()
        self.call_rows: list[tuple[Any, ...]] = []
        self.query_rows: list[tuple[Any, ...]] = []

    def run(self) -> Replayed:
        world = self.world
        opens = np.flatnonzero(~np.isnan(world.arrive_s))
        for row in opens[np.argsort(world.arrive_s[opens], kind="stable")].tolist():
            self._session(row, float(world.arrive_s[row]))
        queries = pd.DataFrame(self.query_rows, columns=[*QUERIES, *TAKEN]).sort_values("query", ignore_index=True)
        return Replayed(queries, pd.DataFrame(self.call_rows, columns=[*CALLS, "cost_usd", "energy_j"]))

    def _session(self, row: int, now: float) -> None:
        """A query and all that follow its answer."""
        world, said = self.world, 0
        while row >= 0:
            cls = self.plan.classes[int(world.cls[row])]
            item = int(world.item[row])
            prompt = int(world.prompt_tok[row]) + (said if world.grows[row] else 0)
            query = Query(row, cls.facts, cls.tasks[item] if item >= 0 else None, prompt, now)
            session = int(world.session[row])
            flight = _Flight(Life(row, query, cls, item, row if session < 0 else session), now)
            accepted = self._lead(flight)
            if accepted is None and cls.ends_with_failure:
                return
            said = prompt + (0 if accepted is None else accepted.output_tok)
            row = int(world.next_row[row])
            now = flight.now + (float(world.wait_s[row]) if row >= 0 else 0.0)

    # One query

    def _lead(self, flight: _Flight) -> Job | None:
        """Ask the policy and obey it until the query ends; gives the accepted call."""
        life = flight.life
        query, patience_s = life.query, life.cls.timeout_s
        end_s = inf if patience_s is None else query.arrived_s + patience_s
        self._route(flight)
        for _ in range(MOST_DECISIONS):
            self.one.clock.jump(flight.now)
            decision = self.policy.decide(query, self.one.view)
            flight.wake_s = inf
            match decision:
                case Ask(calls, for_s):
                    for call in calls:
                        self._send(flight, call)
                case Wait(for_s):
                    pass
                case Finish(answer):
                    return self._finish(flight, self._accepted(flight, answer))
                case Drop(reason):
                    self._end(flight, None, ABSTAINED if reason in ABSTENTIONS else DROPPED, reason)
                    return None
                case _:
                    raise PolicyError(f"{self.policy!r} decides {decision!r}: not one of Ask, Wait, Finish, Drop")
            if for_s is not None:
                flight.wake_s = flight.now + for_s
            final = self._advance(flight, end_s)
            if flight.now >= end_s:
                self._end(flight, None, DROPPED, "timeout")
                return None
            if final is not None:
                return self._finish(flight, final)
        raise PolicyError(f"{self.policy!r} does not end query {life.row} within {MOST_DECISIONS} decisions")

    def _advance(self, flight: _Flight, end_s: float) -> Job | None:
        """Go to the next outcome, or to the timer; gives the call whose answer is taken whatever it is."""
        life = flight.life
        next_s = flight.air[0].at_s if flight.air else inf
        if min(next_s, flight.wake_s) >= end_s < inf:
            flight.now = end_s
            return None
        if flight.wake_s < next_s:
            flight.now = flight.wake_s
            return None
        if not flight.air:
            raise PolicyError(f"{self.policy!r} waits for an outcome of query {life.row}, and no call is in flight")
        landed = heappop(flight.air)
        flight.now, job = landed.at_s, landed.job
        flight.take(landed.usd, landed.energy_j)
        life.flying.remove(job)
        if landed.failure:
            life.query.outcomes += (Failed(job.call.pool, job.call.kind, landed.failure, flight.now),)
            self._write(flight, landed, "failed", nan)
            return None
        answer = self._answer(flight, job)
        self._write(flight, landed, "answered", answer.score)
        if job.call.final:
            return job
        flight.answers.append((answer, job))
        life.answers += ((answer, job),)
        life.query.outcomes += (answer,)
        return None

    def _answer(self, flight: _Flight, job: Job) -> Answer:
        """What a call gives, as the policy sees it."""
        life = flight.life
        if job.call.kind == "verify":
            score = next(answer.score for answer, _ in reversed(flight.answers) if answer.kind != "verify")
            return Answer(job.call.pool, "verify", score, 0, flight.now)
        scores = life.cls.confidence[job.pool] if life.item >= 0 else None
        score = nan if scores is None else scores[life.item]
        return Answer(job.call.pool, job.call.kind, score, job.output_tok, flight.now)

    def _accepted(self, flight: _Flight, answer: Answer) -> Job:
        for given, job in flight.answers:
            if given is answer and answer.kind != "verify":
                return job
        raise PolicyError(f"{self.policy!r} finishes query {flight.life.row} with what is not one of its answers")

    # Calls

    def _route(self, flight: _Flight) -> None:
        """The prompt goes to the router, and is looked at there."""
        router = self.plan.router
        if router is None:
            return
        life = flight.life
        if router.place is not None and router.place != life.place:
            self._carry(flight, life.place, router.place, life.prompt_bytes(life.query.prompt_tok))
            life.place = router.place
        flight.now += router.time_s
        flight.take(0.0, router.time_s * self.system.stations[0].active_w)

    def _carry(self, flight: _Flight, start: str, end: str, size_bytes: float) -> None:
        way = self.way(start, end)
        flight.now += way.delay_s + way.s_per_byte * size_bytes
        flight.take(0.0, way.j_per_byte * size_bytes)

    def _send(self, flight: _Flight, call: Call) -> None:
        """Put a call into the air, as often as it has samples."""
        life, now = flight.life, flight.now
        number = self.numbers.get(call.pool)
        if number is None:
            raise PolicyError(f"{self.policy!r} asks {call.pool!r}; there are {', '.join(self.numbers)}")
        is_pool = number < len(self.plan.pools)
        if is_pool == (call.kind == "verify") or not (is_pool or flight.answers):
            what = f"makes a {call.kind!r} call to {call.pool!r}"
            raise PolicyError(f"{self.policy!r} {what}: verifiers verify, after an answer")
        if call.kind == "answer" and any(answer.kind == "answer" for answer, _ in flight.answers):
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

    def _visit(self, job: Job, now: float) -> _Air:
        """A verifier looks at the newest answer."""
        number = job.pool - len(self.plan.pools)
        station = self.plan.verifiers[number]
        watts = self.system.stations[number + (self.plan.router is not None)].active_w
        return _Air(now + station.time_s, job.order, job, "", 0.0, watts * station.time_s)

    def _served(self, job: Job, now: float) -> _Air:
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
            if plan.limits.kv_tok is not None and job.prompt_tok + job.output_tok - 1 > plan.limits.kv_tok:
                return _Air(at_s + request_s + down.delay_s, job.order, job, "too-long", 0.0, 0.0)
        taken = self.idle.taken(job)
        streams = job.output_tok > 1 and (job.call.final or life.cls.at_once)
        per_tok = life.cls.bytes_per_tok
        rest = (job.output_tok - streams) * per_tok
        if streams and place != life.place:
            rest -= max(min(rest - per_tok, (taken.last_s - taken.first_s) * down.bytes_per_s), 0.0)
        at_s += request_s + taken.last_s + down.delay_s + down.s_per_byte * rest
        carried_j = up.j_per_byte * asked_bytes + down.j_per_byte * job.output_tok * per_tok
        return _Air(at_s, job.order, job, "", taken.usd, taken.energy_j + carried_j)

    # Queries end

    def _finish(self, flight: _Flight, job: Job) -> Job:
        """The user gets the answer, over the last link too."""
        life = flight.life
        if life.place != life.cls.facts.origin:
            self._carry(flight, life.place, life.cls.facts.origin, job.output_tok * life.cls.bytes_per_tok)
        self._end(flight, job, FINISHED, "")
        return job

    def _end(self, flight: _Flight, job: Job | None, fate: int, reason: str) -> None:
        """A query leaves; of calls that nobody waits for, own machines have worked for the time that has passed."""
        life, query = flight.life, flight.life.query
        for air in flight.air:
            used = 1.0
            if air.job.pool < len(self.plan.pools) and isinstance(self.plan.pools[air.job.pool], PoolPlan):
                used = (flight.now - air.job.asked_s) / (air.at_s - air.job.asked_s)
            flight.take(used * air.usd, used * air.energy_j)
            self._write(flight, air._replace(usd=used * air.usd, energy_j=used * air.energy_j), "cancelled", nan)
        score = sure = e2e_s = nan
        pool = None
        if job is not None:
            pool, e2e_s = job.call.pool, flight.now - query.arrived_s
            score, sure = self._score(job), self._answer(flight, job).score
        self.query_rows.append(
            (
                *(life.row, life.item, life.cls.facts.name, query.task, pool, FATES[fate], reason, score, sure),
                *(life.calls, flight.escalated, flight.usd, flight.energy_j, e2e_s),
            )
        )
        if job is not None and not isnan(score) and isinstance(self.policy, Learner):
            told = life.row, job.call.pool, score, job.output_tok, flight.usd, flight.energy_j, e2e_s, flight.now
            self.policy.learn(Feedback(*told))

    def _score(self, job: Job) -> float:
        """How good an answer is: what no policy knows."""
        cls = self.system.classes[int(self.world.cls[job.life.row])]
        return nan if cls.table is None else float(cls.table.score[job.life.item, cls.columns[job.pool]])

    def _write(self, flight: _Flight, air: _Air, fate: str, confidence: float) -> None:
        """A row of the calls."""
        job = air.job
        right = self._score(job) if fate == "answered" and job.call.kind != "verify" else nan
        self.call_rows.append(
            (
                *(job.life.row, job.call.pool, job.call.kind, fate, job.asked_s, air.at_s),
                *(job.prompt_tok, job.output_tok, right, confidence, air.usd, air.energy_j),
            )
        )
