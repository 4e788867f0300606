"""What a measured point asks of its device, at the peaks: the terms that a step's time is the sum of."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from simulator.physics import memory, work
from simulator.physics.demand import demand
from simulator.physics.formats import Compute, format_of
from simulator.physics.values import Model
from simulator.scoring.points import Point
from simulator.spec.architecture import parts

HALF_TOK = 64.0
"""`prefill_half_tok` of every engine: the curve of small passes is taken as one."""


_WAIT = 0.5  # of a pass under way, on the mean, before a request can join


class Asked(NamedTuple):
    """Terms of a point's time. Those in seconds are at the peaks of one device, over all its passes."""

    passes: float
    requests: float
    layers: float
    chunk_layers: float
    doublings: float
    """Of the devices that products are split over."""
    moe_layers: float
    seqs: float
    messages: float
    product_s: float
    expert_s: float
    bytes_s: float
    more_product_s: float
    """Products of prompts that are prefilled while others decode: on top of passes that memory bounds."""
    more_expert_s: float
    kv_s: float
    attention_s: float
    message_s: float
    compute: Compute


def asked(point: Point) -> Asked | None:
    """The terms of a point; None where its device lacks what the point needs (a link for a split)."""
    device, split = point.device, point.split
    if split.tensor > 1 and device.interconnect_gb_per_s is None:
        return None
    model = point.model if point.kv_value_bytes is None else replace(point.model, kv_value_bytes=point.kv_value_bytes)
    peak, compute = peak_of(point)
    fp16 = device.peak_fp16_tflop_per_s * 1e12
    bytes_per_s = device.bandwidth_gb_per_s * 1e9
    link = (device.interconnect_gb_per_s or 1.0) * 1e9

    request = point.quantity == "ttft_s"
    prompt = point.quantity in ("prefill_s", "prompt_s", "ttft_s")
    prompts = 0 if not prompt else 1 if request else point.seqs
    tok = point.prompt_tok * prompts
    passes = max(1.0, np.ceil(tok / point.chunk_tok))
    stages = min(split.pipeline, point.seqs) if not prompt else 1
    tokens = np.array([tok / passes if prompt else point.seqs / stages])
    one = demand(model, point.weights, split, tokens, 1 if request else point.seqs)
    small = 1.0 + np.minimum(1.0, HALF_TOK / tokens[0])
    seen_tok = 0.0 if prompt else point.seqs / stages * _context_tok(point)
    local, everywhere = memory.kv_local_and_global_bytes(model)
    windowed = min(_context_tok(point), model.window_tok or np.inf) / max(_context_tok(point), 1.0)
    kv_bytes = (everywhere + local * windowed) * seen_tok / memory.kv_shards(model, split.tensor)
    pairs = _pairs(model, point.prompt_tok) * prompts
    more, share_of_chunks = np.zeros(2), float(prompt)
    more_message_bytes = 0.0
    if (
        point.group.startswith("serving") and not request and not point.is_median
    ):  # each token that decodes brings its share of prompts with it
        tokens_more = point.seqs * point.prompt_tok / max(point.output_tok, 1.0)
        share_of_chunks = min(1.0, point.seqs / max(point.output_tok, 1.0))  # a prompt comes so often
        extra = demand(model, point.weights, split, np.array([tokens_more]), 0)
        more = np.array([extra.flop[0], extra.expert_flop[0]]) / peak
        pairs = _pairs(model, point.prompt_tok) * point.seqs / max(point.output_tok, 1.0)
        more_message_bytes = float(extra.message_bytes[0])
    return Asked(
        passes=passes,
        requests=float(request),
        layers=(passes + (_WAIT if request else 0.0)) * model.layers,
        doublings=float(np.log2(split.tensor)),
        chunk_layers=passes * model.layers * share_of_chunks,
        moe_layers=passes * parts(model).moe_layers,
        seqs=0.0 if prompt else float(point.seqs),
        messages=passes * one.messages * np.log2(split.tensor),
        product_s=passes * float(one.flop[0]) * small / peak,
        expert_s=passes * float(one.expert_flop[0]) * small / peak,
        bytes_s=passes * float(one.bytes[0]) / bytes_per_s,
        more_product_s=float(more[0]),
        more_expert_s=float(more[1]),
        kv_s=kv_bytes / bytes_per_s,
        attention_s=pairs / (fp16 * split.tensor),
        message_s=(passes * float(one.message_bytes[0]) + more_message_bytes) / link,
        compute=compute,
    )


def peak_of(point: Point) -> tuple[float, Compute]:
    """Peak of a point's device in FLOP/s in the numbers that its weights multiply in, and which these are."""
    device = point.device
    peaks = {
        "fp16": device.peak_fp16_tflop_per_s,
        "int8": device.peak_int8_top_per_s,
        "fp8": device.peak_fp8_tflop_per_s,
        "fp4": device.peak_fp4_tflop_per_s,
    }
    compute = format_of(point.weights).compute
    if not peaks[compute]:
        compute = "fp16"
    return (peaks[compute] or 0.0) * 1e12, compute


def _context_tok(point: Point) -> float:
    """Mean context while a point's sequences decode."""
    return point.prompt_tok + point.output_tok / 2


def _pairs(model: Model, prompt_tok: float) -> float:
    """FLOPs of the attention of one prompt, those with a window capped."""
    near = prompt_tok if model.window_tok is None else min(prompt_tok, 2.0 * model.window_tok)
    per_pair = work.flop_per_pair(model)
    return per_pair * prompt_tok / 2 * (work.global_layers(model) * prompt_tok + model.window_layers * near)
