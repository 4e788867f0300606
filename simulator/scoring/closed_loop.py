"""So many clients at one replica, each asking again as soon as it is answered: how serving is benchmarked."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.engine.clock import Clock
from simulator.engine.job import Job
from simulator.engine.life import Life
from simulator.engine.plan import ClassPlan
from simulator.engine.replica import Limits, Replica, ReplicaHooks
from simulator.engine.span import SPAN_COLUMNS
from simulator.physics import memory
from simulator.physics.roofline import Roofline
from simulator.physics.step import Spans, StepModel
from simulator.physics.values import Device
from simulator.policies.core import Call, ClassFacts, Query
from simulator.records.log import Log
from simulator.scoring.points import Point
from simulator.workload.streams import stream

_SPREAD = 0.1  # of lengths around their mean: benchmarks draw them, so that clients do not march in step
_ROUNDS, _MOST_CALLS = 3, 6000
_ROUNDS_OF_BENCHMARKS = 10
"""Requests a client of InferenceMAX and vLLM's benchmark; those of the first round come all at once and count, too."""
_CLASS = ClassPlan(ClassFacts("clients", "here", 0, None))


class Served(NamedTuple):
    """What clients saw, means; and what the devices did once the first round was over."""

    ttft_s: float
    tpot_s: float
    pass_s: float
    """Median over passes."""
    power_w: float
    """Of all devices of the replica, without the host."""
    energy_j_per_tok: float
    prompts_frac: float
    """Of the time: passes with prompts. Where that is much, prompts wait for prompts, and the loop is saturated."""


def serve(point: Point, device: Device) -> Served | None:
    """Simulate a point's closed loop in the engine; None where the replica does not fit in its devices' memory."""
    model = point.model
    steps = Roofline(
        device=device, model=model, weights=point.weights, tensor_parallel=point.split.tensor,
        pipeline_parallel=point.split.pipeline, expert_parallel=point.split.expert,
        max_batched_tok=point.chunk_tok, max_seqs=max(point.seqs, 1),
    )  # fmt: skip
    need = memory.replica_need(model, point.weights, point.chunk_tok, point.seqs, point.split.tensor)
    free = memory.usable_bytes(device, point.split.devices) - need.total
    kv_tok = memory.kv_capacity_tok(model, free, point.seqs, point.split.tensor) if free > 0 else 0
    seats = min(point.seqs, int(kv_tok / ((1 + _SPREAD) * (point.prompt_tok + point.output_tok))))
    if seats < 1:
        return None
    count = min(max(_ROUNDS * point.seqs, 24), max(_MOST_CALLS, point.seqs + 1))
    jobs, spans = _run(point, steps, Limits(seats, point.chunk_tok, kv_tok), count)
    return _told(point, device, steps, jobs, spans)


def _run(point: Point, steps: StepModel, limits: Limits, count: int) -> tuple[list[Job], Log]:
    """All calls, ended, and the spans of the replica."""
    clock, log = Clock(), Log(dict.fromkeys(SPAN_COLUMNS, "float64"))
    chance = stream(0, 0, "closed-loop")
    factors = 1 + _SPREAD * (2 * chance.random((count, 2)) - 1)
    sizes = np.maximum(np.round(factors * [point.prompt_tok, point.output_tok]), [1, 2]).astype(int)
    jobs = [_job(i, int(prompt), int(output)) for i, (prompt, output) in enumerate(sizes)]
    waiting = deque(jobs)

    def submit(now: float) -> None:
        if waiting:
            job = waiting.popleft()
            job.asked_s = job.submitted_s = now
            replica.submit(job, now)

    hooks = ReplicaHooks(first=lambda job, now: None, done=lambda job, now: submit(now), gone=lambda job, now: None)
    replica = Replica(clock, steps, limits, log.append, hooks)
    for _ in range(point.seqs):
        submit(0.0)
    clock.run()
    return jobs, log


def _job(row: int, prompt_tok: int, output_tok: int) -> Job:
    query = Query(row, _CLASS.facts, None, prompt_tok, 0.0)
    life = Life(row, query, _CLASS, -1, row)
    return Job(row, life, Call("pool"), 0, 0.0, prompt_tok, output_tok)


def _told(point: Point, device: Device, steps: Roofline, jobs: list[Job], log: Log) -> Served:
    """Figures of the calls between the first round and the drain, and of the spans of that time."""
    asked, first, done = (np.array([getattr(job, name) for job in jobs]) for name in ("asked_s", "first_s", "done_s"))
    ttft, tpot = first - asked, (done - first) / (np.array([job.output_tok for job in jobs]) - 1)
    later = slice(point.seqs, None)
    columns = {name: np.asarray(values, np.float64) for name, values in log.columns().items()}
    start_s = columns.pop("start_s")
    spans = Spans(**columns)
    inside = (start_s >= asked[later].min()) & (start_s + spans.time_s <= asked.max())
    if not inside.any():
        inside[:] = True
    kept = Spans(*(column[inside] for column in spans))
    idle_w = point.split.devices * device.idle_w
    joules = float(steps.meter(kept).energy_j.sum()) + idle_w * float(kept.time_s.sum())
    tokens = float((kept.decode_seqs * kept.passes).sum())
    return Served(
        ttft_s=device.request_overhead_s + _over_rounds(ttft, point.seqs),
        tpot_s=_over_rounds(tpot, point.seqs),
        pass_s=_median(kept.time_s / kept.passes, kept.passes),
        power_w=joules / float(kept.time_s.sum()),
        energy_j_per_tok=joules / max(tokens, 1.0),
        prompts_frac=float(kept.time_s[kept.chunk_tok > 0].sum() / kept.time_s.sum()),
    )


def _over_rounds(each: NDArray[np.float64], clients: int) -> float:
    """The mean over all rounds of a benchmark, from those simulated: the first, and what goes on."""
    first, later = float(np.mean(each[:clients])), float(np.mean(each[clients:]))
    return (first + (_ROUNDS_OF_BENCHMARKS - 1) * later) / _ROUNDS_OF_BENCHMARKS


def _median(each: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
    """The median of values that occur so often."""
    order = np.argsort(each)
    middle = np.searchsorted(np.cumsum(counts[order]), counts.sum() / 2)
    return float(each[order][min(int(middle), len(each) - 1)])
