"""Pools: replicas of one model behind one dispatch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import nan
from typing import NamedTuple

from simulator.engine.clock import ATTEMPTS, Clock, once, tolerance_s
from simulator.engine.heat import Heat, Slowdown, Thermal, both
from simulator.engine.job import Job
from simulator.engine.loading import Loader, Loading
from simulator.engine.replica import AWAY, Limits, Replica, ReplicaHooks
from simulator.physics.step import StepModel
from simulator.policies.core import Reported

Uniform = Callable[[str, int, int], float]
Append = Callable[[tuple[float, ...]], None]


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """What is known of a pool before the run, and shown to policies."""

    name: str
    index: int
    model: str
    place: str
    tier: str | None
    replicas: int
    usd_per_tok: tuple[float, float] = (0.0, 0.0)
    ttft_s: float = nan
    """Of hosted APIs: median seconds to the first token, and of each further one."""
    tpot_s: float = nan


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """Own replicas: how they step, what bounds them, who gets a call, and what a request takes before it queues."""

    facts: PoolFacts
    steps: StepModel
    limits: Limits
    dispatch: str = "least-tokens"
    max_queue: int | None = None
    request_s: float = 0.0
    slowdown: Slowdown | None = None
    thermal: Thermal | None = None
    loading: Loading | None = None


class Hooks(NamedTuple):
    """Whom a pool tells: of first tokens, answers, refusals (with the reason), and cancelled calls that are off it."""

    first: Callable[[Job, float], None]
    done: Callable[[Job, float], None]
    refused: Callable[[Job, str], None]
    gone: Callable[[Job, float], None]


class Pool:
    """Replicas of one model. `dispatch` chooses among those that are live; equals go to the lowest index.

    A call's load is its prompt plus the mean output of the calls that the pool has finished so far: no router knows the
    length of an answer before it is given. Nor does it know whose model is loaded, but a shared queue wakes a replica
    without its model only where no other has room. `logs` has one appender of span rows for each replica, `states` one
    of its model's states.
    """

    def __init__(
        self,
        clock: Clock,
        plan: PoolPlan,
        uniform: Uniform,
        hooks: Hooks,
        logs: Sequence[Append],
        states: Sequence[Append] = (),
    ) -> None:
        self.clock = clock
        self.facts, self.place = plan.facts, plan.facts.place
        self.request_s = plan.request_s
        self.limits = plan.limits
        self.max_queue = plan.max_queue
        self.uniform = uniform
        self.hooks = hooks
        self.tell_done = hooks.done
        self.shared: deque[Job] | None = deque() if plan.dispatch == "shared" else None
        self.replicas = [
            Replica(
                clock, plan.steps, plan.limits, log, ReplicaHooks(hooks.first, self._done, self._gone), plan.slowdown
            )
            for log in logs
        ]
        if plan.thermal is not None or plan.loading is not None:
            for i, replica in enumerate(self.replicas):
                _let_rest(clock, plan, replica, i, states)
        if self.shared is not None:
            for i, replica in enumerate(self.replicas):
                replica.waiting = self.shared
                replica.pulled, replica.returned = partial(self._pulled, i), self._returned
        self.live = list(range(len(logs)))  # replicas that take calls
        self.load_tok = [0.0] * len(logs)  # of the calls at each replica
        self.calls = [0] * len(logs)
        self.choose: Callable[[Job], int] = getattr(self, "_" + plan.dispatch.replace("-", "_"))
        self.turn = -1
        self.outputs = self.outputs_tok = self.prompts_tok = 0  # calls finished, and their tokens
        self.mean_output_tok = 0.0
        self.outstanding_calls = 0
        self.outstanding_tok = 0.0

    def submit(self, job: Job, now: float) -> None:
        """Send `job` to a replica; a call larger than the KV, or beyond the queue's bound, is refused at once."""
        if job.prompt_tok + job.output_tok - 1 > self.replicas[0].kv_tok:
            self.hooks.refused(job, "too-long")
            return
        job.submitted_s = now
        if job.forks:
            self._read(job.forks, now)
        if self.shared is not None:
            self._share(job, now)
            return
        i = 0
        if len(self.replicas) > 1:
            i = job.call.replica
            if i < 0:
                i = self.choose(job)
        replica = self.replicas[i]
        if (
            self.max_queue is not None
            and len(replica.waiting) >= self.max_queue
            and not replica.can_join(job, replica.waiting)
        ):
            self.hooks.refused(job, "full")
            return
        job.replica = i
        self.load_tok[i] += job.load_tok
        self.calls[i] += 1
        if job.forks:
            for fork in job.forks:
                self._on(i, fork)
        replica.submit(job, now)

    def cancel(self, job: Job, now: float) -> None:
        """Take `job` off its replica, at the end of the pass under way."""
        if job.forks and job in job.forks:  # it waits for its prompt
            job.forks.remove(job)
            self._gone(job, now)
            return
        was_first = self.shared is not None and bool(self.shared) and self.shared[0] is job
        if job.replica >= 0:
            self.replicas[job.replica].cancel(job, now)
        elif self.shared is not None and job in self.shared:
            self.shared.remove(job)
            self._gone(job, now)
        if was_first:
            self._wake_all(now)

    def report(self, now_s: float) -> Reported:
        """What the pool says of itself at `now_s`."""
        waiting = 0 if self.shared is None else len(self.shared)
        running = used_tok = 0
        for replica in self.replicas:
            waiting += len(replica.forks)
            if self.shared is None:
                waiting += len(replica.waiting)
            running += replica.seqs
            if self.limits.kv_tok is not None:
                used_tok += replica.kv_used_tok()
        return Reported(now_s, waiting, running, used_tok / (len(self.replicas) * self.replicas[0].kv_tok))

    def _done(self, job: Job, now: float) -> None:
        self._off(job)
        self.outputs += 1
        self.prompts_tok += job.prompt_tok if job.forks is None or not job.is_fork else 1
        self.outputs_tok += job.output_tok
        self.mean_output_tok = self.outputs_tok / self.outputs
        self.tell_done(job, now)

    def _gone(self, job: Job, now: float) -> None:
        self._off(job)
        self.hooks.gone(job, now)

    def _read(self, forks: list[Job], now: float) -> None:
        """The further samples of a prompt have come with it; one that is larger than the KV is refused by itself."""
        for fork in tuple(forks):
            if fork.prompt_tok + fork.output_tok - 1 > self.replicas[0].kv_tok:
                forks.remove(fork)
                self.hooks.refused(fork, "too-long")
            else:
                fork.submitted_s = now

    def _on(self, i: int, job: Job) -> None:
        """`job` counts in the load of replica `i`."""
        job.replica = i
        self.load_tok[i] += job.load_tok
        self.calls[i] += 1

    def _off(self, job: Job) -> None:
        """`job` counts no longer in the load of its replica, if it has one."""
        i = job.replica
        if i >= 0:
            self.calls[i] -= 1
            self.load_tok[i] = self.load_tok[i] - job.load_tok if self.calls[i] else 0.0  # nothing left of rounding

    # One queue for all

    def _share(self, job: Job, now: float) -> None:
        """Queue `job` for all; the replica with room and least load is woken to pull it."""
        queue = self.shared
        assert queue is not None
        ready = next((replica for replica in self._by_load() if replica.can_join(job, replica.pledged)), None)
        if self.max_queue is not None and len(queue) >= self.max_queue:
            promised = sum(len(replica.pledged) for replica in self.replicas)
            if ready is None or len(queue) > promised:  # it would stand behind one that nobody has room for
                self.hooks.refused(job, "full")
                return
        place = next((i for i, other in enumerate(queue) if other.priority < job.priority), len(queue))
        queue.insert(place, job)
        if ready is not None:
            ready.pledged += (job,)
            ready.wake(now)
            return
        tied = [r for r in self.replicas if r.joined and now - r.start_s <= tolerance_s(now)]
        if tied and queue[0] is job:  # it may come before a call that was pulled at this very moment
            max(tied, key=lambda r: (-r.joined[-1].priority, r.joined[-1].order)).wake(now)

    def _by_load(self) -> list[Replica]:
        """Live replicas, least load first, then lowest index; last those without their model."""
        load_tok, replicas = self.load_tok, self.replicas
        return [replicas[i] for *_, i in sorted((replicas[i].passes == AWAY, load_tok[i], i) for i in self.live)]

    def _wake_all(self, now: float) -> None:
        """The head of the queue is another: see who has room for it."""
        if self.shared:
            for replica in self._by_load():
                replica.wake(now)

    def _pulled(self, i: int, job: Job) -> None:
        """Replica `i` has taken `job` out of the shared queue."""
        self._off(job)
        self._on(i, job)
        for fork in job.forks or ():
            self._off(fork)
            self._on(i, fork)

    def _returned(self, job: Job, now: float) -> None:
        """`job` was preempted, or forked: once its replica has begun its pass, another may take the queue's head."""
        once(self.clock, now, job.order, self._wake_all)

    # Dispatch: the index of a replica

    def _shared(self, job: Job) -> int:
        raise AssertionError("calls of a shared queue are pulled")

    def _least_tokens(self, job: Job) -> int:
        if len(self.live) == len(self.load_tok):
            return self.load_tok.index(min(self.load_tok))
        return min(self.live, key=self.load_tok.__getitem__)

    def _least_calls(self, job: Job) -> int:
        return min(self.live, key=self.calls.__getitem__)

    def _round_robin(self, job: Job) -> int:
        self.turn += 1
        return self.live[self.turn % len(self.live)]

    def _random(self, job: Job) -> int:
        return self.live[int(self.uniform("dispatch", job.life.row, job.order % ATTEMPTS) * len(self.live))]

    def _power_of_two(self, job: Job) -> int:
        count = len(self.live)
        a = int(self.uniform("dispatch", job.life.row, job.order % ATTEMPTS) * count)
        b = int(self.uniform("dispatch-other", job.life.row, job.order % ATTEMPTS) * (count - 1))
        b += b >= a and count > 1
        return min(self.live[a], self.live[b], key=lambda i: (self.load_tok[i], i))

    def _own(self, job: Job) -> int:
        return self.live[job.life.user % len(self.live)]


def _let_rest(clock: Clock, plan: PoolPlan, replica: Replica, number: int, states: Sequence[Append]) -> None:
    """Give a replica what follows from its rests: heat that goes, a model that is unloaded."""
    told: list[Callable[[float], None]] = []
    if plan.thermal is not None:
        heat = Heat(plan.thermal)
        replica.slowdown = heat.slowdown if plan.slowdown is None else both(heat.slowdown, plan.slowdown)
        told.append(heat.rested)
    if plan.loading is not None:
        told.append(Loader(clock, plan.loading, replica, number, states[number]).rested)

    def rested(now: float) -> None:
        for tell in told:
            tell(now)

    replica.rested = rested
