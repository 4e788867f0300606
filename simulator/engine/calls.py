"""Calls under way: to pools and verifiers, over links, and back; refused, timed out, cancelled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from math import isnan, nan
from typing import NamedTuple

from simulator.engine import asks
from simulator.engine.asks import PolicyError
from simulator.engine.clock import ATTEMPTS, Clock, once
from simulator.engine.hosted import HostedPlan, HostedPool
from simulator.engine.job import NOT_YET, Job
from simulator.engine.life import Life
from simulator.engine.link import Way
from simulator.engine.logs import ANSWERED, CANCELLED, FAILED, KINDS, OPEN, Logs
from simulator.engine.network import Network
from simulator.engine.plan import JudgePlan, Plan
from simulator.engine.pool import Hooks, Pool, Uniform
from simulator.engine.station import Station
from simulator.policies.core import Answer, Call, Failed


class Told(NamedTuple):
    """Whom calls tell: of an outcome that the policy is to judge, and of an answer that is taken whatever it is."""

    outcome: Callable[[Life, float], None]
    final: Callable[[Life, Job, float], None]


class Calls:
    """Pools, verifiers and the links to them. `output_tok` has the workload's answer lengths, by row."""

    __slots__ = (
        "clock",
        "count",
        "index",
        "last_s",
        "log",
        "network",
        "output_tok",
        "pools",
        "told",
        "uniform",
        "unwanted",
        "verifiers",
        "words",
    )

    def __init__(
        self, clock: Clock, plan: Plan, uniform: Uniform, logs: Logs, output_tok: Sequence[int], told: Told
    ) -> None:
        self.clock = clock
        self.output_tok = output_tok
        self.told = told
        self.uniform = uniform
        self.log, self.words = logs.calls.append, logs.words
        hooks = Hooks(self._first, self._done, self._refused, self._gone)
        self.pools: list[Pool | HostedPool] = [
            HostedPool(clock, pool, uniform, hooks)
            if isinstance(pool, HostedPlan)
            else Pool(clock, pool, uniform, hooks, [log.append for log in spans], [log.append for log in states])
            for pool, spans, states in zip(plan.pools, logs.spans, logs.states, strict=True)
        ]
        self.network = Network(clock, plan.links, logs, uniform)
        visits = iter(logs.visits[1:] if plan.router else logs.visits)
        self.verifiers = {
            verifier.name: (
                len(plan.pools) + i,
                verifier
                if isinstance(verifier, JudgePlan)
                else Station(clock, verifier.time_s, verifier.servers, next(visits).append),
            )
            for i, verifier in enumerate(plan.verifiers)
        }
        self.index = {pool.facts.name: i for i, pool in enumerate(plan.pools)}
        self.unwanted: dict[int, Job] = {}  # cancelled calls that have not left yet
        self.count = 0
        self.last_s = 0.0  # when the last call ended that nobody waited for

    def send(self, life: Life, call: Call, now: float) -> None:
        """Send a call on its way. Raises PolicyError where it cannot be made, or there is no end of calls."""
        name, kind, samples, final, replica = call
        number = self.index.get(name)
        if life.calls + samples > ATTEMPTS:
            raise PolicyError(f"does not end query {life.row} within {ATTEMPTS} calls")
        judge = None
        if number is None or kind == "verify":
            judge = self._judge(life, call, now)
            if judge is None:
                return
            number = judge.pool
        item, cls, query = life.item, life.cls, life.query
        prompt, output = query.prompt_tok, self.output_tok[life.row]
        if item >= 0:
            outputs, prompts = cls.output_tok[number], cls.prompt_tok[number]
            if outputs is not None:
                output = outputs[item]
            if prompts is not None:
                prompt = prompts[item]
        sample = 0
        if kind != "answer":
            sample = -1
            prompt += asks.read_tok(life, call, judge)
            output = output if judge is None else judge.output_tok
        elif name in query.asked:
            sample = asks.answers_asked(life, name)
        if cls.samples and sample >= 0:
            output = asks.sampled_tok(life, number, sample, output)
        job = Job(self.count, life, call, number, now, prompt, output)
        if sample:
            job.sample = sample
        self.count += 1
        life.calls += 1
        life.flying.append(job)
        query.asked += (name,)
        pool = self.pools[number]
        job.load_tok = load = prompt + pool.mean_output_tok
        pool.outstanding_calls += 1
        pool.outstanding_tok += load
        if samples != 1:
            self._fork(job, pool, now)
        if judge is not None:
            for each in (job, *(job.forks or ())):
                each.vote = asks.vote(judge, life, each.order % ATTEMPTS, self.uniform)
        if replica >= 0:
            asks.check_replica(call, pool)
        if pool.place == life.place:
            if pool.request_s:
                once(self.clock, now + pool.request_s, job.order, partial(self._taken, job))
            else:
                pool.submit(job, now)
        else:
            job.is_remote = True
            job.streams = output > 1 and (final or cls.at_once) and judge is None  # a lone token is the whole answer
            self.network.way(life.place, pool.place).send(life.prompt_bytes(prompt), job, now, self._at_pool)

    def _fork(self, job: Job, pool: Pool | HostedPool, now: float) -> None:
        """Make the further samples of a call, which wait for its prompt and are sent with it."""
        life, call = job.life, job.call
        if call.samples < 1:
            raise PolicyError(f"asks {call.pool!r} for {call.samples} samples")
        job.forks, job.is_fork = [], False
        for k in range(1, call.samples):
            sample, output = job.sample, job.output_tok
            if sample >= 0:
                sample += k
                if life.cls.samples:
                    output = asks.sampled_tok(life, job.pool, sample, output)
            fork = self._made(life, call, job.pool, job.prompt_tok, output, now)
            fork.sample = sample
            fork.forks, fork.is_fork = job.forks, True
            fork.is_remote = pool.place != life.place
            fork.streams = fork.is_remote and output > 1 and _is_shown(fork)
            fork.load_tok = load = 1 + pool.mean_output_tok
            pool.outstanding_calls += 1
            pool.outstanding_tok += load
            job.forks.append(fork)

    def _made(self, life: Life, call: Call, number: int, prompt_tok: int, output_tok: int, now: float) -> Job:
        job = Job(self.count, life, call, number, now, prompt_tok, output_tok)
        job.sample = -1
        self.count += 1
        life.calls += 1
        life.flying.append(job)
        life.query.asked += (call.pool,)
        return job

    def _judge(self, life: Life, call: Call, now: float) -> JudgePlan | None:
        """Who is to look at the newest answer at a pool; None where a station does, and has been asked to."""
        name = call.pool
        if name not in self.index and name not in self.verifiers:
            raise PolicyError(f"asks {name!r}; there are {', '.join((*self.index, *self.verifiers))}")
        if name in self.index or call.kind != "verify" or call.final or asks.newest(life) is None:
            raise PolicyError(f"makes a {call.kind!r} call to {name!r}: verifiers verify, after an answer")
        number, verifier = self.verifiers[name]
        if isinstance(verifier, JudgePlan):
            return verifier
        for _ in range(call.samples):
            job = self._made(life, call, number, 0, 0, now)
            job.submitted_s = job.started_s = job.first_s = now
            verifier.visit(job.order, partial(self._verified, job), now)
        return None

    def _verified(self, job: Job, now: float) -> None:
        job.done_s = job.delivered_s = now
        if not job.wanted:
            self._over(job)
            return
        self._outcome(job, Answer(job.call.pool, "verify", asks.score_of(job.life), 0, now), now)

    # Answers come back

    def _at_pool(self, job: Job, now: float) -> None:
        if request_s := self.pools[job.pool].request_s:
            once(self.clock, now + request_s, job.order, partial(self._taken, job))
        else:
            self._taken(job, now)

    def _taken(self, job: Job, now: float) -> None:
        """A request has been read: it queues."""
        if job.wanted:
            self.pools[job.pool].submit(job, now)
        else:
            for each in (job, *(job.forks or ())):
                self._gone(each, now)

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
                sent = max(min(rest - per_tok, (job.done_s - job.first_s) * way.rate(job)), 0.0)
                way.stream(sent, job)
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
            self._write(job, ANSWERED)
            self.told.final(life, job, now)
            return
        cls, item = life.cls, life.item
        score, group = nan, -1
        if job.call.kind == "verify":
            score = job.vote
        elif item >= 0:
            scores = cls.confidence[job.pool]
            if scores is not None:
                score = scores[item]
            if cls.group or cls.samples:
                group = asks.group_of(job)
            if cls.samples:
                score = asks.confidence_of(job)
        self._outcome(job, Answer(job.call.pool, job.call.kind, score, job.output_tok, now, group), now)

    def _heard_of(self, job: Job) -> None:
        pool = self.pools[job.pool]
        pool.outstanding_calls -= 1
        pool.outstanding_tok -= job.load_tok

    def _outcome(self, job: Job, answer: Answer, now: float) -> None:
        life = job.life
        life.flying.remove(job)
        job.wanted = False
        self._write(job, ANSWERED)
        life.answers += ((answer, job),)
        life.query.outcomes += (answer,)
        self.told.outcome(life, now)

    def _refused(self, job: Job, reason: str) -> None:
        """A pool does not take a call, nor the further samples of its prompt: the router hears of it one way later."""
        job.done_s = self.clock.now
        way_s = self._way_back(job).delay_s if job.is_remote else 0.0
        once(self.clock, self.clock.now + way_s, job.order, partial(self._failed, job, reason))
        if job.forks and not job.is_fork:
            forks = tuple(job.forks)
            job.forks.clear()
            for fork in forks:
                self._refused(fork, reason)

    def _failed(self, job: Job, reason: str, now: float) -> None:
        self._heard_of(job)
        if not job.wanted:
            self._over(job)
            return
        job.failure = reason
        self._write(job, FAILED)
        self._fail(job, now)

    def time_out(self, job: Job, now: float) -> None:
        """A call's patience is over; its log row is written when it has left its pool."""
        job.failure = "timeout"
        self.cancel(job, now)
        self._fail(job, now)

    def _fail(self, job: Job, now: float) -> None:
        life = job.life
        life.flying.remove(job)
        job.wanted = False
        life.query.outcomes += (Failed(job.call.pool, job.call.kind, job.failure, now),)
        self.told.outcome(life, now)

    # Calls that nobody waits for

    def cancel(self, job: Job, now: float) -> None:
        """Tell a pool to stop a call that nobody waits for any more: the message travels one way."""
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
        self.last_s = self.clock.now
        self._write(job, FAILED if job.failure else CANCELLED)

    def stop(self, lives: Sequence[Life], now: float) -> None:
        """Time is up: what is under way is logged as far as it got."""
        self.network.stop(now)
        for pool in self.pools:
            if isinstance(pool, Pool):
                for replica in pool.replicas:
                    replica.stop(now)
        unwanted = list(self.unwanted.values())
        flying = list(chain.from_iterable(life.flying for life in lives))
        for job in (*unwanted, *flying):
            if job.first_s > now:  # a hosted call's, known ahead
                job.first_s = NOT_YET
        for job in unwanted:
            self._over(job)
        for job in flying:
            self._write(job, OPEN)

    def _write(self, job: Job, fate: int) -> None:
        """One row a call; a time that did not happen is NaN."""
        self.log(
            (
                job.id,
                job.life.row,
                job.pool,
                job.replica,
                KINDS[job.call.kind],
                fate,
                self.words.number(job.failure) if job.failure else 0,
                job.asked_s,
                job.submitted_s,
                job.started_s,
                job.first_s,
                job.done_s,
                job.delivered_s,
                job.prompt_tok if job.forks is None or not job.is_fork else self._own_prompt_tok(job),
                job.output_tok if fate == ANSWERED else job.generated_tok,
                job.preemptions,
                job.retries,
                job.sample,
            )
        )

    def _own_prompt_tok(self, job: Job) -> int:
        """What was prefilled for a further sample of a prompt; a hosted API bills the prompt once."""
        return 1 if isinstance(self.pools[job.pool], Pool) else 0


def _is_shown(job: Job) -> bool:
    """Whether the user may see its tokens as they come."""
    return (job.call.final or job.life.cls.at_once) and job.call.kind != "verify"


def _first_seen(job: Job, now: float) -> None:
    job.first_seen_s = now
