"""FLOPs and bytes of spans of passes: facts of the model, whatever their time is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.physics.memory import format_of, kv_bytes_per_tok, weight_read_bytes
from simulator.physics.power import energy_above_idle_j
from simulator.physics.step import Meter, Spans
from simulator.physics.values import Device, Model

Floats = NDArray[np.float64]


def flop_per_tok(model: Model) -> float:
    """FLOPs of the matrix products of one token; the output head is counted for every token, prompt ones included."""
    return 2 * model.active_params


def flop_per_pair(model: Model) -> float:
    """FLOPs of attention for one query-key pair: scores and weighted sum, in all layers and heads."""
    return 4 * model.layers * model.heads * model.head_dim


def flop(model: Model, spans: Spans) -> Floats:
    """FLOPs of spans, (n,)."""
    tokens = spans.passes * (spans.decode_seqs + spans.chunk_tok)
    pairs = _sum(spans, spans.context_tok, spans.decode_seqs) + _sum(spans, spans.chunk_pairs, spans.chunk_tok**2)
    return flop_per_tok(model) * tokens + flop_per_pair(model) * pairs


def moved_bytes(model: Model, weights: str, spans: Spans) -> Floats:
    """Bytes of device memory that spans read and write, (n,): weights once a pass, KV of contexts, KV of new tokens."""
    tokens = spans.decode_seqs + spans.chunk_tok
    read_tok = _sum(spans, spans.context_tok, spans.decode_seqs) + _sum(spans, spans.chunk_past_tok, spans.chunk_tok)
    kv = kv_bytes_per_tok(model) * (read_tok + spans.passes * tokens)
    return spans.passes * weight_read_bytes(model, weights, tokens) + kv


def peak_flop_per_s(device: Device, weights: str) -> float:
    """Peak of one device in the numbers that these weights multiply in; fp16 where it has no faster one."""
    fp8 = device.peak_fp8_flop_per_s if format_of(weights).fp8_math else None
    return fp8 or device.peak_fp16_flop_per_s


def meter(device: Device, model: Model, devices: int, weights: str, spans: Spans) -> Meter:
    """What spans of this model drew on so many of these devices: the same for every step model, given its times."""
    done, moved = flop(model, spans), moved_bytes(model, weights, spans)
    peak = peak_flop_per_s(device, weights)
    return Meter(energy_above_idle_j(device, devices, peak, spans.time_s, done, moved), done, moved)


def _sum(spans: Spans, first: Floats, growth: Floats) -> Floats:
    """Sum over the passes of a quantity that is `first` in the first pass and grows by `growth` in each."""
    return spans.passes * first + growth * spans.passes * (spans.passes - 1) / 2
