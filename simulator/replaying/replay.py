"""A policy led through every query of a replication on an idle fleet: no clock runs, and no query meets another.

Every call is answered as soon as it can be alone: at batch 1, links idle and at their medians. What is left out is what
load does: queues, batches, rate limits, stale telemetry, radios asleep, idle watts between calls. Users never leave,
and learners hear of an answer as soon as it is given.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from heapq import heappop
from math import inf, nan
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from simulator.engine import asks
from simulator.engine.asks import PolicyError
from simulator.engine.build import System
from simulator.engine.feedback import FeedbackLine
from simulator.engine.job import Job
from simulator.engine.life import ABSTAINED, DROPPED, FATES, FINISHED, Life
from simulator.engine.pool import PoolPlan
from simulator.engine.replication import ABSTENTIONS, Replication
from simulator.policies.core import Answer, Ask, Call, Drop, Failed, Finish, Learner, Query, Wait
from simulator.running.answering import Air, Answering, Flight
from simulator.workload.streams import uniform

MOST_DECISIONS = 10_000  # about one query: a policy that is asked more often never ends it

QUERIES = ("query", "item", "cls", "task", "pool", "fate", "reason", "score", "confidence", "calls", "escalated")
COSTS = ("cost_usd", "energy_j", "flop", "memory_byte_s")
CALLS = ("query", "pool", "kind", "fate", "asked_s", "delivered_s", "prompt_tok", "output_tok", "score", "confidence")


@dataclass(frozen=True)
class Replayed:
    """A replay's tables. `queries`: a row a query, by its id; `calls`: a row a call, in the order of their ends.

    Columns mean what those of a run's tables of the same names mean; dollars and joules of own machines are those of
    their calls' time alone. `flop` and `memory_byte_s` are NaN where a hosted API's are unknown.
    """

    queries: pd.DataFrame
    calls: pd.DataFrame


def replay(system: System, replication: int = 0) -> Replayed:
    """Lead the scenario's policy through the queries of one replication. PolicyError where it breaks a promise."""
    with threadpool_limits(1):  # as in a run
        return _Replay(system, replication).run()


class _Replay:
    def __init__(self, system: System, replication: int) -> None:
        self.system = system
        self.plan = system.plan
        self.world = system.world(replication)
        chance = uniform(system.scenario.spec.seed, replication)
        self.one = Replication(system.plan, self.world, chance)  # its fleet stays idle: what policies see
        self.policy = self.one.policy
        self.fleet = Answering(system, self.world, chance)
        self.feedback: FeedbackLine | None = None
        if system.plan.feedback is not None and isinstance(self.policy, Learner):
            at_once = replace(system.plan.feedback, delay_s=0.0)
            self.feedback = FeedbackLine(self.one.clock, at_once, self.world, chance, self.policy.learn)
        self.call_rows: list[tuple[Any, ...]] = []
        self.query_rows: list[tuple[Any, ...]] = []

    def run(self) -> Replayed:
        world = self.world
        opens = np.flatnonzero(~np.isnan(world.arrive_s))
        for row in opens[np.argsort(world.arrive_s[opens], kind="stable")].tolist():
            self._session(row, float(world.arrive_s[row]))
        queries = pd.DataFrame(self.query_rows, columns=[*QUERIES, "e2e_s", *COSTS])
        calls = pd.DataFrame(self.call_rows, columns=[*CALLS, *COSTS])
        return Replayed(queries.sort_values("query", ignore_index=True), calls)

    def _session(self, row: int, now: float) -> None:
        """A query and all that follow its answer."""
        world, said = self.world, 0
        while row >= 0:
            cls = self.plan.classes[int(world.cls[row])]
            item = int(world.item[row])
            prompt = int(world.prompt_tok[row]) + (said if world.grows[row] else 0)
            query = Query(row, cls.facts, cls.tasks[item] if item >= 0 else None, prompt, now)
            session = int(world.session[row])
            flight = Flight(Life(row, query, cls, item, row if session < 0 else session), now)
            accepted = self._lead(flight)
            if accepted is None and cls.ends_with_failure:
                return
            said = prompt + (0 if accepted is None else accepted.output_tok)
            row = int(world.next_row[row])
            now = flight.now + (float(world.wait_s[row]) if row >= 0 else 0.0)

    # One query

    def _send(self, flight: Flight, call: Call) -> None:
        try:
            self.fleet.send(flight, call)
        except PolicyError as error:
            raise PolicyError(f"{self.policy!r} {error}") from None

    def _lead(self, flight: Flight) -> Job | None:
        """Ask the policy and obey it until the query ends; gives the accepted call."""
        life = flight.life
        query, patience_s = life.query, life.cls.timeout_s
        end_s = inf if patience_s is None else query.arrived_s + patience_s
        self.fleet.route(flight)
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

    def _advance(self, flight: Flight, end_s: float) -> Job | None:
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
        flight.cost = flight.cost.plus(landed.cost)
        life.flying.remove(job)
        if landed.failure:
            life.query.outcomes += (Failed(job.call.pool, job.call.kind, landed.failure, flight.now),)
            self._write(landed, "failed", nan)
            return None
        answer = self._answer(flight, job)
        self._write(landed, "answered", answer.score)
        if job.call.final:
            return job
        life.answers += ((answer, job),)
        life.query.outcomes += (answer,)
        return None

    def _answer(self, flight: Flight, job: Job) -> Answer:
        """What a call gives, as the policy sees it."""
        life = flight.life
        if job.call.kind == "verify":
            score = job.vote if job.pool < len(self.plan.pools) else asks.score_of(life)
            return Answer(job.call.pool, "verify", score, job.output_tok, flight.now)
        score = asks.confidence_of(job) if life.item >= 0 else nan
        group = asks.group_of(job) if life.item >= 0 else -1
        return Answer(job.call.pool, job.call.kind, score, job.output_tok, flight.now, group)

    def _accepted(self, flight: Flight, answer: Answer) -> Job:
        for given, job in flight.life.answers:
            if given is answer and answer.kind != "verify":
                return job
        raise PolicyError(f"{self.policy!r} finishes query {flight.life.row} with what is not one of its answers")

    # Queries end

    def _finish(self, flight: Flight, job: Job) -> Job:
        """The user gets the answer, over the last link too."""
        life = flight.life
        if life.place != life.cls.facts.origin:
            self.fleet.carry(flight, life.place, life.cls.facts.origin, job.output_tok * life.cls.bytes_per_tok)
        self._end(flight, job, FINISHED, "")
        return job

    def _end(self, flight: Flight, job: Job | None, fate: int, reason: str) -> None:
        """A query leaves; of calls that nobody waits for, own machines have worked for the time that has passed."""
        life, query = flight.life, flight.life.query
        for air in flight.air:
            used = 1.0
            if air.job.pool < len(self.plan.pools) and isinstance(self.plan.pools[air.job.pool], PoolPlan):
                used = (flight.now - air.job.asked_s) / (air.at_s - air.job.asked_s)
            cost = air.cost.times(used)
            flight.cost = flight.cost.plus(cost)
            self._write(air._replace(at_s=flight.now, cost=cost), "cancelled", nan)
        score = sure = e2e_s = nan
        pool = None
        if job is not None:
            pool, e2e_s = job.call.pool, flight.now - query.arrived_s
            score, sure = asks.truth_of(job), self._answer(flight, job).score
        self.query_rows.append(
            (
                *(life.row, life.item, life.cls.facts.name, query.task, pool, FATES[fate], reason, score, sure),
                *(life.calls, flight.escalated, e2e_s, *flight.cost),
            )
        )
        if job is not None and self.feedback is not None:
            self.feedback.finished(life, job, flight.now)

    def _write(self, air: Air, fate: str, confidence: float) -> None:
        """A row of the calls."""
        job = air.job
        pools = self.plan.pools
        worked = pools[job.pool].facts.name if job.pool < len(pools) else job.call.pool
        right = asks.truth_of(job) if fate == "answered" and job.call.kind != "verify" else nan
        self.call_rows.append(
            (
                *(job.life.row, worked, job.call.kind, fate, job.asked_s, air.at_s),
                *(job.prompt_tok, job.output_tok, right, confidence, *air.cost),
            )
        )
