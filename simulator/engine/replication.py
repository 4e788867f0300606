"""A fleet at work: queries arrive, the policy is asked and obeyed, each query ends once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from math import nan

import numpy as np

from simulator.engine.asks import PolicyError
from simulator.engine.calls import Calls, Told
from simulator.engine.clock import ARRIVAL, TIMER, Alarm, Clock, once
from simulator.engine.feedback import FeedbackLine
from simulator.engine.job import Job
from simulator.engine.life import ABSTAINED, DROPPED, FINISHED, UNFINISHED, Life
from simulator.engine.logs import Logs, Note
from simulator.engine.patience import Patience
from simulator.engine.plan import Plan
from simulator.engine.pool import Uniform
from simulator.engine.station import Station
from simulator.engine.view import Known, SeenFleet, SeenLink, SeenPool, Telemetry
from simulator.policies.core import Ask, Call, Drop, Finish, Learner, Query, Wait, why
from simulator.workload.traffic import World

SETTLE_EVERY, PROGRESS_EVERY = 64, 1024  # arrivals
MOST_DECISIONS = 100_000  # about one query: a policy that waits more often waits for ever
ABSTENTIONS = ("abstain", "no answer")
NO_CALL = Call("")  # of a prompt on its way to the router


class Replication:
    """One run of a plan through a world. `run` makes time pass; `logs` is what happened, `end_s` when it was over.

    Of the queries `followed` (by number), every decision is noted.
    """

    def __init__(self, plan: Plan, world: World, uniform: Uniform, followed: Collection[int] = ()) -> None:
        self.clock = clock = Clock()
        self.plan = plan
        self.world = world
        self.logs = logs = Logs.empty(plan)
        self._read(world)
        told = Told(self._ask_policy, self._finish_final)
        self.calls = Calls(clock, plan, uniform, logs, self.output_tok, told)
        router = plan.router
        self.router = Station(clock, router.time_s, router.servers, logs.visits[0].append) if router else None
        pools = {pool.facts.name: pool for pool in self.calls.pools}
        self.telemetry = Telemetry(clock, pools, plan.refresh_s, plan.delay_s)
        known = Known(clock, plan, self.calls.pools)
        self.view = SeenFleet(
            clock,
            {name: SeenPool(pool, self.telemetry.of(name), known) for name, pool in pools.items()},
            {name: SeenLink(clock, up, down) for name, (up, down) in self.calls.network.pipes.items()},
        )
        self.policy = plan.policy(world, uniform)
        self.followed = frozenset(followed)
        self.feedback = None
        if plan.feedback is not None and isinstance(self.policy, Learner):
            self.feedback = FeedbackLine(clock, plan.feedback, world, uniform, self.policy.learn)
        self.patience = {
            cls: Patience(clock, cls, self._drop, self.calls.time_out) for cls in plan.classes if not cls.is_patient
        }
        self.active: dict[int, Life] = {}
        self.coming = 0  # rows that follow an answer given already
        self.end_s = 0.0
        self.arrival = Alarm(clock, self._arrive)
        self.next_arrival = 0

    def _read(self, world: World) -> None:
        """Lists for the hot path: indexing a list is several times faster than an array."""
        opens = np.flatnonzero(~np.isnan(world.arrive_s))
        opens = opens[np.argsort(world.arrive_s[opens], kind="stable")]
        self.rows: list[int] = opens.tolist()
        self.arrive_s: list[float] = world.arrive_s[opens].tolist()
        self.cls: list[int] = world.cls.tolist()
        self.item: list[int] = world.item.tolist()
        self.prompt_tok: list[int] = world.prompt_tok.tolist()
        self.output_tok: list[int] = world.output_tok.tolist()
        self.session: list[int] = world.session.tolist()
        self.follows = bool((world.next_row >= 0).any())

    # Time passes

    def run(self, progress: Callable[[int], None] | None = None) -> Logs:
        """Let all queries come and end (or time run out); gives the logs. `progress` is told how many queries came.

        Raises PolicyError where the policy breaks its promises.
        """
        self.progress = progress
        if self.rows:
            self.arrival.set(self.arrive_s[0], ARRIVAL + self.rows[0], 0.0)
        else:
            self.telemetry.stop()
        horizon_s = self.plan.horizon_s
        self.clock.run(until=horizon_s)
        if horizon_s is None:
            self.end_s = max(self.end_s, self.calls.last_s)
            return self.logs
        lives = list(self.active.values())
        self.calls.stop(lives, horizon_s)
        for life in lives:
            self._end(life, horizon_s, UNFINISHED, "")
        self.end_s = horizon_s
        return self.logs

    def _arrive(self, now: float) -> None:
        i = self.next_arrival
        row = self.rows[i]
        self.next_arrival = i = i + 1
        if i < len(self.rows):
            self.arrival.set(self.arrive_s[i], ARRIVAL + self.rows[i], now)
        if not i % SETTLE_EVERY:
            self.logs.settle()
            if self.progress is not None and not i % PROGRESS_EVERY:
                self.progress(i)
        self._begin(row, self.prompt_tok[row], now)

    def _begin(self, row: int, prompt_tok: int, now: float) -> None:
        """A query begins its life: at the router if there is one, else with the policy's first decision."""
        cls = self.plan.classes[self.cls[row]]
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
        way = self.calls.network.way(life.place, place)
        life.place = place
        way.send(life.prompt_bytes(life.query.prompt_tok), carrier, now, lambda _, now: visit(now))

    # The policy is asked, and obeyed

    def _ask_policy(self, life: Life, now: float) -> None:
        """Ask what to do next with a query, and do it."""
        if life.ended:
            return
        life.wake += 1  # a timer set before is void
        decision = self.policy.decide(life.query, self.view)
        if life.row in self.followed:
            said = why(self.policy, life.query, self.view, decision)
            self.logs.notes.append(Note(life.row, now, life.query.outcomes, decision, said))
        if isinstance(decision, Ask):
            for call in decision.calls:
                self._call(life, call, now)
            if not life.flying and not life.ended:
                raise PolicyError(f"{self.policy!r} asks nothing for query {life.row}, and no call is in flight")
            if decision.for_s is not None:
                self._wake(life, decision.for_s, now)
        elif isinstance(decision, Finish):
            for answer, job in life.answers:
                if answer is decision.answer and job.call.kind != "verify":
                    self._finish(life, job, now, now)
                    return
            raise PolicyError(f"{self.policy!r} finishes query {life.row} with what is not one of its answers")
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
        if number > MOST_DECISIONS:
            raise PolicyError(f"{self.policy!r} has been asked {number} times about query {life.row}, and waits again")

        def ring(now: float) -> None:
            if life.wake == number:
                self._ask_policy(life, now)

        once(self.clock, now + for_s, TIMER + life.row, ring)

    def _call(self, life: Life, call: Call, now: float) -> None:
        try:
            self.calls.send(life, call, now)
        except PolicyError as error:
            raise PolicyError(f"{self.policy!r} {error}") from None
        if self.patience and life.cls in self.patience:
            for job in life.flying[-call.samples :]:
                self.patience[life.cls].watch_call(job, now)

    def _give_up(self, life: Life, now: float) -> None:
        """Nobody waits for what is in flight."""
        for job in life.flying:
            self.calls.cancel(job, now)
        life.flying.clear()

    # Queries end

    def _drop(self, life: Life, reason: str, now: float) -> None:
        self._give_up(life, now)
        self._end(life, now, DROPPED, reason)

    def _finish_final(self, life: Life, job: Job, now: float) -> None:
        """An answer that is taken whatever it is: its tokens were shown as they came."""
        self._finish(life, job, job.first_seen_s, now)

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
        way = self.calls.network.way(life.place, origin)
        size = job.output_tok * life.cls.bytes_per_tok
        shown_s += way.delay(job, now)
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
        self.logs.queries.append(
            (row, arrived_s, shown_s - arrived_s, e2e_s, fate, word, call, life.calls, query.prompt_tok)
        )
        if self.feedback is not None and job is not None:
            self.feedback.finished(life, job, now)
        if self.follows and fate != UNFINISHED:
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
