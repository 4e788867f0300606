"""Small step models and calls, and a replica that is driven by nothing but SimPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isnan, nan
from typing import Any

from stepping import Fate, Wish

from simulator.engine.clock import ARRIVAL, TIMER, Clock, once
from simulator.engine.heat import Slowdown
from simulator.engine.job import Job
from simulator.engine.life import Life
from simulator.engine.plan import ClassPlan
from simulator.engine.pool import Hooks, Pool, PoolFacts, PoolPlan
from simulator.engine.replica import Limits, Replica, ReplicaHooks
from simulator.physics import values
from simulator.physics.step import FOREVER, Meter, Spans, StepModel
from simulator.physics.values import Device, Model
from simulator.policies.core import Call, ClassFacts, Query
from simulator.spec.profiles import DeviceProfile, ModelProfile

CLASSES = {p: ClassPlan(ClassFacts("chat", "home", priority=p)) for p in range(-3, 4)}
SOURCES = [{"kind": "assumed", "ref": "a test"}]


@dataclass(frozen=True)
class Affine:
    """Seconds of a pass, linear in everything there is."""

    pass_s: float = 0.0
    decode_s: float = 0.0
    context_s: float = 0.0
    chunk_s: float = 0.0
    past_s: float = 0.0
    pair_s: float = 0.0
    time_evidence: str = "assumed"
    energy_evidence: str = "assumed"

    def pace(self, seqs: int, context: int, chunk: int, past: int, pairs: float) -> tuple[float, float, int]:
        first_s = self.pass_s + self.decode_s * seqs + self.context_s * context
        first_s += self.chunk_s * chunk + self.past_s * past + self.pair_s * pairs
        return first_s, self.context_s * seqs + self.past_s * chunk + self.pair_s * chunk**2, FOREVER

    def meter(self, spans: Spans) -> Meter:
        raise NotImplementedError


def tiny_device(**changes: Any) -> Device:
    """100 FLOP/s and 10 bytes/s achieved, no overheads."""
    keys: dict[str, Any] = {
        "name": "tiny",
        "kind": "edge",
        "family": "none",
        "engine": "any",
        "memory_gb": 1e-6,
        "bandwidth_gb_per_s": 2e-8,
        "peak_fp16_tflop_per_s": 2e-10,
        "tdp_w": 100.0,
        "idle_w": 10.0,
        "active_power_frac": 0.5,
        "memory_power_frac": 0.2,
        "compute_power_frac": 0.2,
        "bandwidth_frac": 0.5,
        "prefill_frac": 0.5,
        "prefill_half_tok": 0.0,
        "request_overhead_us": 0.0,
        "pass_overhead_ms": 0.0,
        "layer_overhead_us": 0.0,
        "chunk_layer_overhead_us": 0.0,
        "moe_layer_overhead_us": 0.0,
        "kv_bandwidth_frac": 0.5,
        "expert_frac": 1.0,
        "split_frac": 1.0,
        "interconnect_frac": 1.0,
        "chunk_quantum_tok": 1,
        "seq_overhead_us": 0.0,
        "allreduce_us": 10.0,
        "attention_frac": 0.5,
        "runtime_gb": 0.0,
        "memory_frac": 1.0,
        "sources": SOURCES,
    }
    return values.device(DeviceProfile.model_validate(keys | changes))


def tiny_model(**changes: Any) -> Model:
    """30 parameters of which 25 work, 16 bits; 1 layer, 2 heads of 3, 1 of them for KV."""
    keys: dict[str, Any] = {
        "name": "tiny",
        "params_billion": 30e-9,
        "layers": 1,
        "hidden": 1,
        "heads": 2,
        "kv_heads": 1,
        "head_dim": 3,
        "ffn": 1,
        "ffn_matrices": 2,
        "vocab": 5,
        "max_context_tok": 1000,
        "sources": SOURCES,
    }
    return values.model(ModelProfile.model_validate(keys | changes))


def jobs_of(wishes: Sequence[Wish], users: Sequence[int] | None = None) -> list[Job]:
    """The calls of these wishes, further samples of a prompt with its first."""
    jobs = [job(i, wish, None if users is None else users[i]) for i, wish in enumerate(wishes)]
    for fork, wish in zip(jobs, wishes, strict=True):
        if wish.lead is not None:
            lead = jobs[wish.lead]
            if lead.forks is None:
                lead.forks, lead.is_fork = [], False
            fork.forks, fork.is_fork = lead.forks, True
            lead.forks.append(fork)
    return jobs


def job(row: int, wish: Wish, user: int | None = None) -> Job:
    """The one call of query `row`."""
    cls = CLASSES[wish.priority]
    query = Query(row, cls.facts, None, wish.prompt_tok, wish.arrive_s)
    life = Life(row, query, cls, -1, row if user is None else user)
    made = Job(row, life, Call("pool"), 0, wish.arrive_s, wish.prompt_tok, wish.output_tok)
    life.calls += 1
    return made


@dataclass
class Told:
    """What a replica told of calls: their fates, and its log."""

    fates: list[Fate]
    rows: list[tuple[float, ...]] = field(default_factory=list)
    left: list[tuple[int, str]] = field(default_factory=list)  # who was done or gone, in order
    firsts: list[int] = field(default_factory=list)

    @property
    def spans(self) -> list[tuple[float, Spans]]:
        return [(row[0], Spans(*row[1:])) for row in self.rows]


def fate(job: Job, gone_s: float) -> Fate:
    return Fate(job.started_s, job.first_s, job.done_s, gone_s, job.preemptions, job.generated_tok)


def driven(
    wishes: Sequence[Wish],
    steps: StepModel,
    limits: Limits,
    slowdown: Slowdown | None = None,
    until_s: float | None = None,
) -> Told:
    """What one `Replica` makes of these calls, arriving and cancelled by alarms of their own."""
    env = Clock()
    told = Told([])
    jobs = jobs_of(wishes)
    gone_s = [nan] * len(jobs)

    def done(job: Job, now: float) -> None:
        told.left.append((job.id, "done"))

    def gone(job: Job, now: float) -> None:
        gone_s[job.id] = now
        told.left.append((job.id, "gone"))

    hooks = ReplicaHooks(first=lambda job, now: told.firsts.append(job.id), done=done, gone=gone)
    replica = Replica(env, steps, limits, told.rows.append, hooks, slowdown)

    def cancel(job: Job, now: float) -> None:
        if job.forks and job in job.forks:  # as its pool does
            job.forks.remove(job)
            gone(job, now)
        elif isnan(job.done_s):
            replica.cancel(job, now)

    for i, (wish, job_) in enumerate(zip(wishes, jobs, strict=True)):
        if wish.lead is None:
            once(env, wish.arrive_s, ARRIVAL + i, partial(replica.submit, job_))
        if wish.cancel_s is not None:
            once(env, wish.cancel_s, TIMER + i, partial(cancel, job_))
    env.run(until=until_s)
    if until_s is not None:
        replica.stop(until_s)
    told.fates = [fate(job, s) for job, s in zip(jobs, gone_s, strict=True)]
    return told


def stepwise(times_s: Sequence[float], factors: Sequence[float]) -> tuple[Slowdown, Callable[[float], float]]:
    """Factors from these times on (1 before), as the engine takes them and as a plain function of time."""

    def value(time_s: float) -> float:
        return ([1.0] + [f for t, f in zip(times_s, factors, strict=True) if t <= time_s])[-1]

    def slowdown(time_s: float) -> tuple[float, float]:
        return value(time_s), min((t for t in times_s if t > time_s), default=float("inf"))

    return slowdown, value


@dataclass
class PoolTold:
    """What a pool told: its jobs, why it refused which, the span rows of each replica, and itself."""

    jobs: list[Job]
    refused: dict[int, str]
    gone_s: dict[int, float]
    rows: list[list[tuple[float, ...]]]
    pool: Pool


def no_chance(stream: str, query: int, attempt: int) -> float:
    raise AssertionError((stream, query, attempt))


def pooled(
    wishes: Sequence[Wish],
    steps: StepModel,
    limits: Limits,
    dispatch: str = "least-tokens",
    replicas: int = 1,
    users: Sequence[int] | None = None,
    max_queue: int | None = None,
    uniform: Callable[[str, int, int], float] = no_chance,
) -> PoolTold:
    """What a pool of so many replicas makes of these calls."""
    clock = Clock()
    jobs = jobs_of(wishes, users)
    refused: dict[int, str] = {}
    gone_s: dict[int, float] = {}
    hooks = Hooks(
        first=lambda job, now: None,
        done=lambda job, now: None,
        refused=lambda job, reason: refused.update({job.id: reason}),
        gone=lambda job, now: gone_s.update({job.id: now}),
    )
    rows: list[list[tuple[float, ...]]] = [[] for _ in range(replicas)]
    facts = PoolFacts("pool", 0, "model", "home", None, replicas)
    plan = PoolPlan(facts, steps, limits, dispatch, max_queue)
    pool = Pool(clock, plan, uniform, hooks, [each.append for each in rows])

    def come(job: Job, now: float) -> None:
        job.load_tok = job.prompt_tok + pool.mean_output_tok
        pool.submit(job, now)

    def cancel(job: Job, now: float) -> None:
        if isnan(job.done_s):
            pool.cancel(job, now)

    for i, (wish, job_) in enumerate(zip(wishes, jobs, strict=True)):
        if wish.lead is None:
            once(clock, wish.arrive_s, ARRIVAL + i, partial(come, job_))
        if wish.cancel_s is not None:
            once(clock, wish.cancel_s, TIMER + i, partial(cancel, job_))
    clock.run()
    return PoolTold(jobs, refused, gone_s, rows, pool)
