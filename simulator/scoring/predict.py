"""What the simulator says of a measured point: step models asked alone, closed loops simulated in the engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from simulator.physics import memory
from simulator.physics.roofline import Roofline
from simulator.physics.values import Device
from simulator.scoring.closed_loop import serve
from simulator.scoring.points import ALONE, BATCHED, Point, Quantity


def predict(point: Point, device: Device, quantities: Sequence[Quantity]) -> dict[Quantity, float]:
    """Predictions of the quantities measured of a batch; empty where it does not fit in the device's memory.

    A closed loop that is saturated says nothing of the time to the first token: that is left out then.
    """
    point = with_kv(point)
    try:
        if point.quantity not in (*ALONE, *BATCHED):
            return _served(point, device, quantities)
        need = memory.replica_need(point.model, point.weights, 1, 1, point.split.tensor)
        if need.total > point.split.devices * device.memory_bytes:
            return {}
        return {quantity: _alone(replace(point, quantity=quantity), device) for quantity in quantities}
    except ValueError:  # a split over devices that nothing joins
        return {}


def with_kv(point: Point) -> Point:
    """The point with the KV cache's own number format in its model."""
    if point.kv_value_bytes is None:
        return point
    return replace(point, model=replace(point.model, kv_value_bytes=point.kv_value_bytes), kv_value_bytes=None)


UNSATURATED = 0.3
"""Fraction of the time that passes with prompts may take."""


def _served(point: Point, device: Device, quantities: Sequence[Quantity]) -> dict[Quantity, float]:
    served = serve(point, device)
    if served is None:
        return {}
    told: dict[Quantity, float] = {
        "tpot_s": served.pass_s if point.is_median else served.tpot_s,
        "power_w": served.power_w,
        "energy_j_per_tok": served.energy_j_per_tok,
    }
    if served.prompts_frac < UNSATURATED:
        told["ttft_s"] = served.ttft_s
    return {quantity: told[quantity] for quantity in quantities if quantity in told}


def _alone(point: Point, device: Device) -> float:
    """Seconds of one token of each sequence, or of their prompts."""
    prompts = point.quantity in ("prefill_s", "prompt_s")
    total = int(point.prompt_tok * (point.seqs if prompts else 0))
    chunk = min(point.chunk_tok, max(total, 1))
    steps = Roofline(
        device=device, model=point.model, weights=point.weights, tensor_parallel=point.split.tensor,
        pipeline_parallel=point.split.pipeline, expert_parallel=point.split.expert,
        max_batched_tok=chunk, max_seqs=point.seqs,
    )  # fmt: skip
    if not prompts:
        context = point.prompt_tok + point.output_tok / 2
        return steps.pace(point.seqs, int(point.seqs * context), 0, 0, 0.0)[0]
    if point.quantity == "prompt_s":  # all prompts in one pass
        return steps.pace(0, 0, total, 0, total * point.prompt_tok / 2)[0]
    return sum(steps.pace(0, 0, take, past, take * (past + take / 2))[0] for past, take in _chunks(total, chunk))


def _chunks(total: int, chunk: int) -> Iterator[tuple[int, int]]:
    """Tokens done before, and taken, of each chunk of a prompt."""
    for past in range(0, total, chunk):
        yield past, min(chunk, total - past)
