"""A fleet at work: queries arrive, the policy is asked, calls are made, answers come back, each query ends once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import chain
from math import isnan, nan

import numpy as np

from simulator.engine.clock import ARRIVAL, ATTEMPTS, TIMER, Alarm, Clock, once
from simulator.engine.job import NOT_YET, Job
from simulator.engine.life import ABSTAINED, DROPPED, FINISHED, UNFINISHED, Life
from simulator.engine.link import Way
from simulator.engine.logs import ANSWERED, CANCELLED, FAILED, KINDS, OPEN, Logs
from simulator.engine.network import Network
from simulator.engine.patience import Patience
from simulator.engine.plan import Plan
from simulator.engine.pool import Hooks, HostedPlan, HostedPool, Pool, Uniform
from simulator.engine.station import Station
from simulator.engine.view import SeenFleet, SeenPool, Telemetry
from simulator.policies.core import Answer, Ask, Call, Drop, Failed, Finish, Query, Wait
from simulator.workload.traffic import World

PROGRESS_EVERY = 1024  # arrivals


class PolicyError(Exception):
    """A policy broke its promises: it waits for nothing, or asks a pool that is not there."""


class Replication:
    """One run of a plan through a world. `run` makes time pass; `logs` is what happened, `end_s` when it was over."""

    __slots__ = (  # more attributes than Python keeps quickly in a dictionary
        "active",
        "arrival",
        "arrive_s",
        "call_count",
        "classes",
        "clock",
        "cls",
        "coming",
        "decide",
        "end_s",
        "index",
        "item",
        "log_call",
        "log_query",
        "logs",
        "network",
        "next_arrival",
        "output_tok",
        "patience",
        "plan",
        "policy",
        "pools",
        "progress",
        "prompt_tok",
        "router",
        "rows",
        "session",
        "sessions",
        "telemetry",
        "unwanted",
        "verifiers",
        "view",
        "world",
    )

    def __init__(self, plan: Plan, world: World, uniform: Uniform) -> None:
        self.clock = clock = Clock()
        self.plan = plan
        self.world = world
        self.logs = logs = Logs.empty(plan)
        self.log_query, self.log_call = logs.queries.append, logs.calls.append
        hooks = Hooks(self._first, self._done, self._refused, self._gone)
        self.pools: list[Pool | HostedPool] = [
            HostedPool(clock, pool, uniform, hooks)
            if isinstance(pool, HostedPlan)
            else Pool(clock, pool, uniform, hooks, [log.append for log in spans])
            for pool, spans in zip(plan.pools, logs.spans, strict=True)
        ]
        self.network = Network(clock, plan.links, logs.transfers)
        stations = [
            Station(clock, station.time_s, station.servers, log.append)
            for station, log in zip(plan.stations, logs.visits, strict=True)
        ]
        self.router = stations[0] if plan.router else None
        self.verifiers = stations[1:] if plan.router else stations
        self.index = dict(plan.pool_index())
        by_name = {pool.facts.name: pool for pool in self.pools}
        self.telemetry = Telemetry(clock, by_name, plan.refresh_s, plan.delay_s)
        seen = {name: SeenPool(pool, self.telemetry.of(name)) for name, pool in by_name.items()}
        self.view = SeenFleet(clock, seen)
        self.policy = plan.policy(world, uniform)
        self.decide = self.policy.decide
        self.patience = {
            cls: Patience(clock, cls, self._drop, self._timed_out) for cls in plan.classes if not cls.is_patient
        }

        self.active: dict[int, Life] = {}
        self.unwanted: dict[int, Job] = {}  # cancelled calls that have not left yet
        self.coming = 0  # rows that follow an answer given already
        self.call_count = 0
        self.end_s = 0.0
        self._read(world)
        self.arrival = Alarm(clock, self._arrive)
        self.next_arrival = 0

    def _read(self, world: World) -> None:
        """Lists for the hot path: indexing a list is several times faster than an array."""
        opens = np.flatnonzero(~np.isnan(world.arrive_s))
        opens = opens[np.argsort(world.arrive_s[opens], kind="stable")]
        self.rows: list[int] = opens.tolist()
        self.arrive_s: list[float] = world.arrive_s[opens].tolist()
        self.classes = self.plan.classes
        self.cls: list[int] = world.cls.tolist()
        self.item: list[int] = world.item.tolist()
        self.prompt_tok: list[int] = world.prompt_tok.tolist()
        self.output_tok: list[int] = world.output_tok.tolist()
        self.session: list[int] = world.session.tolist()
        self.sessions = bool((world.next_row >= 0).any())

    # Time passes

    def run(self, progress: Callable[[int], None] | None = None) -> Logs:
        """Let all queries come and end (or time run out); gives the logs. `progress` is told how many queries came."""
        self.progress = progress
        if self.rows:
            self.arrival.set(self.arrive_s[0], ARRIVAL + self.rows[0], 0.0)
        else:
            self.telemetry.stop()
        self.clock.run(until=self.plan.horizon_s)
        if self.plan.horizon_s is not None:
            self._stop_clock(self.plan.horizon_s)
        return self.logs

    def _stop_clock(self, now: float) -> None:
        """Time is up: what is under way is logged as far as it got."""
        for pool in self.pools:
            if isinstance(pool, Pool):
                for replica in pool.replicas:
                    replica.stop(now)
        lives, unwanted = list(self.active.values()), list(self.unwanted.values())
        for job in chain(unwanted, *(life.flying for life in lives)):
            if job.first_s > now:  # a hosted call's, known ahead
                job.first_s = NOT_YET
        for job in unwanted:
            self._over(job)
        for life in lives:
            for job in life.flying:
                self._log(job, OPEN, "")
            self._end(life, now, UNFINISHED, "")
        self.end_s = now

    def _arrive(self, now: float) -> None:
        i = self.next_arrival
        row = self.rows[i]
        self.next_arrival = i = i + 1
        if i < len(self.rows):
            self.arrival.set(self.arrive_s[i], ARRIVAL + self.rows[i], now)
        if not i % PROGRESS_EVERY:
            self.logs.settle()
            if self.progress is not None:
                self.progress(i)
        self._begin(row, self.prompt_tok[row], now)

    def _begin(self, row: int, prompt_tok: int, now: float) -> None:
        """A query begins its life: at the router if there is one, else with the policy's first decision."""
        cls = self.classes[self.cls[row]]
        item = self.item[row]
        query = Query(row, cls.facts, cls.tasks[item] if item >= 0 else None, prompt_tok, now)
        session = self.session[row]
        life = Life(row, query, cls, item, row if session < 0 else session)
        self.active[row] = life
        if self.patience and cls in self.patience:
            self.patience[cls].watch(life, now)
        if self.router is None:
            self._ask_policy(life, now)
        else:
            self._visit_router(life, now)

    def _visit_router(self, life: Life, now: float) -> None:
        """The prompt goes to the router's place, waits for the router, and lies there from then on."""
        assert self.plan.router is not None
        assert self.router is not None
        carrier = Job(-1, life, NO_CALL, -1, now, 0, 0)
        visit = partial(self.router.visit, carrier.order, partial(self._ask_policy, life))
        place = self.plan.router.place
        if place is None or place == life.place:
            visit(now)
            return
        way = self.network.way(life.place, place)
        life.place = place
        way.send(life.prompt_bytes(life.query.prompt_tok), carrier, now, lambda _, now: visit(now))

    # The policy is asked, and obeyed

    def _ask_policy(self, life: Life, now: float) -> None:
        """Ask what to do next with a query, and do it."""
        if life.ended:
            return
        life.wake += 1  # a timer set before is void
        decision = self.decide(life.query, self.view)
        if isinstance(decision, Ask):
            for call in decision.calls:
                self._call(life, call, now)
            if not life.flying and not life.ended:
                raise PolicyError(f"{self.policy!r} asks nothing for query {life.row}, and no call is in flight")
            if decision.for_s is not None:
                self._wake(life, decision.for_s, now)
        elif isinstance(decision, Finish):
            job = next((job for answer, job in life.answers if answer is decision.answer), None)
            if job is None or job.call.kind == "verify":
                raise PolicyError(f"{self.policy!r} finishes query {life.row} with what is not one of its answers")
            self._finish(life, job, now, now)
        elif isinstance(decision, Drop):
            reason = decision.reason
            self._give_up(life, now)
            self._end(life, now, ABSTAINED if reason in ABSTENTIONS else DROPPED, reason)
        elif isinstance(decision, Wait):
            self._wait(life, decision, now)
        else:
            raise PolicyError(f"{self.policy!r} decides {decision!r}: not one of Ask, Wait, Finish, Drop")

    def _wait(self, life: Life, wait: Wait, now: float) -> None:
        if wait.for_s is not None:
            self._wake(life, wait.for_s, now)
        elif not life.flying:
            raise PolicyError(f"{self.policy!r} waits for an outcome of query {life.row}, and no call is in flight")

    def _wake(self, life: Life, for_s: float, now: float) -> None:
        """Ask the policy again after `for_s`, unless it has been asked by then."""
        number = life.wake

        def ring(now: float) -> None:
            if life.wake == number:
                self._ask_policy(life, now)

        once(self.clock, now + for_s, TIMER + life.row, ring)

    def _call(self, life: Life, call: Call, now: float) -> None:
        """Send a call on its way."""
        number = self.index.get(call.pool)
        if number is None:
            raise PolicyError(f"{self.policy!r} asks {call.pool!r}; there are {', '.join(self.index)}")
        if life.calls == ATTEMPTS:
            raise PolicyError(f"{self.policy!r} does not end query {life.row} within {ATTEMPTS} calls")
        row, item, cls, query = life.row, life.item, life.cls, life.query
        prompt, output = query.prompt_tok, self.output_tok[row]
        if item >= 0 and number < len(self.pools):
            outputs, prompts = cls.output_tok[number], cls.prompt_tok[number]
            if outputs is not None:
                output = outputs[item]
            if prompts is not None:
                prompt = prompts[item]
        job = Job(self.call_count, life, call, number, now, prompt, output)
        self.call_count += 1
        life.calls += 1
        life.flying.append(job)
        query.asked += (call.pool,)
        if self.patience and cls in self.patience:
            self.patience[cls].watch_call(job, now)
        if number >= len(self.pools) or call.kind == "verify":
            self._verify(job, now)
            return
        pool = self.pools[number]
        job.load_tok = load = prompt + pool.mean_output_tok
        pool.outstanding_calls += 1
        pool.outstanding_tok += load
        if pool.place == life.place:
            pool.submit(job, now)
        else:
            job.is_remote = True
            job.streams = call.final or cls.at_once
            self.network.way(life.place, pool.place).send(life.prompt_bytes(prompt), job, now, self._at_pool)
        if call.samples > 1:
            self._call(life, call._replace(samples=call.samples - 1), now)

    def _verify(self, job: Job, now: float) -> None:
        """Have a station look at the newest answer."""
        if job.pool < len(self.pools) or job.call.kind != "verify" or not job.life.answers:
            what = f"makes a {job.call.kind!r} call to {job.call.pool!r}"
            raise PolicyError(f"{self.policy!r} {what}: verifiers verify, after an answer")
        job.submitted_s = job.started_s = job.first_s = now
        job.prompt_tok = job.output_tok = 0
        self.verifiers[job.pool - len(self.pools)].visit(job.order, partial(self._verified, job), now)

    def _verified(self, job: Job, now: float) -> None:
        job.done_s = job.delivered_s = now
        if not job.wanted:
            self._over(job)
            return
        score = next(a.score for a, _ in reversed(job.life.answers) if a.kind == "answer")
        self._outcome(job, Answer(job.call.pool, "verify", score, 0, now), now)

    # Answers come back

    def _at_pool(self, job: Job, now: float) -> None:
        if job.wanted:
            self.pools[job.pool].submit(job, now)
        else:
            self._gone(job, now)

    def _first(self, job: Job, now: float) -> None:
        """A first token is sent ahead, to a user who may see it."""
        if job.wanted:
            self._way_back(job).send(job.life.cls.bytes_per_tok, job, now, _first_seen)

    def _way_back(self, job: Job) -> Way:
        return self.network.way(self.pools[job.pool].place, job.life.place)

    def _done(self, job: Job, now: float) -> None:
        """The last token is out: what has not been sent while it was generated follows."""
        if not job.wanted:
            self._gone(job, now)
        elif not job.is_remote:
            job.first_seen_s = job.first_s
            self._delivered(job, now)
        else:
            way = self._way_back(job)
            per_tok = job.life.cls.bytes_per_tok
            rest = (job.output_tok - job.streams) * per_tok
            if job.streams:  # the stream has used the link as it went, at most at its full rate
                sent = max(min(rest - per_tok, (job.done_s - job.first_s) * way.bytes_per_s), 0.0)
                way.stream(sent, job.first_s)
                rest -= sent
            way.send(rest, job, now, self._delivered)

    def _delivered(self, job: Job, now: float) -> None:
        """The router has the whole answer."""
        job.delivered_s = now
        pool = self.pools[job.pool]
        pool.outstanding_calls -= 1
        pool.outstanding_tok -= job.load_tok
        if not job.wanted:
            self._over(job)
            return
        if job.first_seen_s != job.first_seen_s:
            job.first_seen_s = now
        life = job.life
        if job.call.final:
            life.flying.remove(job)
            self._log(job, ANSWERED, "")
            self._finish(life, job, job.first_seen_s, now)
            return
        scores = life.cls.confidence[job.pool] if life.item >= 0 else None
        score = scores[life.item] if scores is not None else nan
        self._outcome(job, Answer(job.call.pool, job.call.kind, score, job.output_tok, now), now)

    def _heard_of(self, job: Job) -> None:
        pool = self.pools[job.pool]
        pool.outstanding_calls -= 1
        pool.outstanding_tok -= job.load_tok

    def _outcome(self, job: Job, answer: Answer, now: float) -> None:
        life = job.life
        life.flying.remove(job)
        job.wanted = False
        self._log(job, ANSWERED, "")
        life.answers += ((answer, job),)
        life.query.outcomes += (answer,)
        self._ask_policy(life, now)

    def _refused(self, job: Job, reason: str) -> None:
        """A pool does not take a call: the router hears of it one way later."""
        job.done_s = self.clock.now
        way_s = self._way_back(job).delay_s if job.is_remote else 0.0
        once(self.clock, self.clock.now + way_s, job.order, partial(self._failed, job, reason))

    def _failed(self, job: Job, reason: str, now: float) -> None:
        self._heard_of(job)
        if not job.wanted:
            self._over(job)
            return
        self._log(job, FAILED, reason)
        self._fail(job, reason, now)

    def _timed_out(self, job: Job, now: float) -> None:
        """A call's patience is over; its log row is written when it has left its pool."""
        job.failure = "timeout"
        self._cancel(job, now)
        self._fail(job, "timeout", now)

    def _fail(self, job: Job, reason: str, now: float) -> None:
        life = job.life
        life.flying.remove(job)
        job.wanted = False
        life.query.outcomes += (Failed(job.call.pool, job.call.kind, reason, now),)
        self._ask_policy(life, now)

    # Calls that nobody waits for

    def _cancel(self, job: Job, now: float) -> None:
        """Tell a pool to stop: the message travels one way."""
        job.wanted = False
        self.unwanted[job.id] = job
        if job.pool >= len(self.pools):
            return
        if not job.is_remote:
            self._stop(job, now)
        else:
            way_s = self._way_back(job).delay_s
            once(self.clock, now + way_s, job.order, partial(self._stop, job))

    def _stop(self, job: Job, now: float) -> None:
        if not isnan(job.submitted_s) and isnan(job.done_s):
            self.pools[job.pool].cancel(job, now)

    def _gone(self, job: Job, now: float) -> None:
        """A call that nobody waits for has left its pool: what it used is used."""
        if isnan(job.done_s):
            job.done_s = now
        self._heard_of(job)
        self._over(job)

    def _over(self, job: Job) -> None:
        """A call that nobody waits for is over, maybe after the last query."""
        del self.unwanted[job.id]
        self.end_s = self.clock.now
        self._log(job, FAILED if job.failure else CANCELLED, job.failure)

    def _give_up(self, life: Life, now: float) -> None:
        for job in life.flying:
            self._cancel(job, now)
        life.flying.clear()

    # Queries end

    def _drop(self, life: Life, reason: str, now: float) -> None:
        self._give_up(life, now)
        self._end(life, now, DROPPED, reason)

    def _finish(self, life: Life, job: Job, released_s: float, now: float) -> None:
        """The user gets this answer; over the last link too, where the router is not where the user is."""
        if life.flying:
            self._give_up(life, now)
        shown_s = job.first_seen_s if life.cls.at_once else released_s
        origin = life.cls.facts.origin
        if life.place == origin:
            self._end(life, now, FINISHED, "", job, shown_s)
            return
        life.ended = True  # nothing is decided any more
        way = self.network.way(life.place, origin)
        size = job.output_tok * life.cls.bytes_per_tok
        shown_s += way.delay_s
        way.send(size, job, now, lambda job, now: self._end(life, now, FINISHED, "", job, shown_s))

    def _end(
        self, life: Life, now: float, fate: int, reason: str, job: Job | None = None, shown_s: float = nan
    ) -> None:
        """A query leaves, once."""
        life.ended = True
        life.answers = ()  # they hold this life: let go of each other
        self.end_s = now
        row, query = life.row, life.query
        del self.active[row]
        arrived_s = query.arrived_s
        e2e_s, call = (nan, -1) if job is None else (now - arrived_s, job.id)
        word = self.logs.words.number(reason) if reason else 0
        self.log_query((row, arrived_s, shown_s - arrived_s, e2e_s, fate, word, call, life.calls, query.prompt_tok))
        if self.sessions and fate != UNFINISHED:
            self._follow(life, job, now)
        if not self.active and not self.coming and self.next_arrival == len(self.rows):
            self.telemetry.stop()

    def _follow(self, life: Life, job: Job | None, now: float) -> None:
        """The next query of the same session or user comes some time after this answer."""
        after = int(self.world.next_row[life.row])
        if after < 0 or (job is None and life.cls.ends_with_failure):
            return
        prompt = self.prompt_tok[after]
        if self.world.grows[after]:
            prompt += life.query.prompt_tok + (0 if job is None else job.output_tok)
        self.coming += 1
        come = partial(self._come_after, after, prompt)
        once(self.clock, now + float(self.world.wait_s[after]), ARRIVAL + after, come)

    def _come_after(self, row: int, prompt_tok: int, now: float) -> None:
        self.coming -= 1
        self._begin(row, prompt_tok, now)

    def _log(self, job: Job, fate: int, reason: str) -> None:
        """One row a call; a time that did not happen is NaN."""
        call = job.call
        self.log_call(
            (
                job.id,
                job.life.row,
                job.pool,
                job.replica,
                KINDS[call.kind],
                fate,
                self.logs.words.number(reason) if reason else 0,
                job.asked_s,
                job.submitted_s,
                job.started_s,
                job.first_s,
                job.done_s,
                job.delivered_s,
                job.prompt_tok,
                job.output_tok if fate == ANSWERED else job.generated_tok,
                job.preemptions,
            )
        )


def _first_seen(job: Job, now: float) -> None:
    job.first_seen_s = now


ABSTENTIONS = ("abstain", "no answer")
NO_CALL = Call("")  # of a prompt on its way to the router
