"""FLOPs and bytes of spans of passes: facts of the model, whatever their time is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.physics.formats import format_of
from simulator.physics.memory import kv_copies, kv_local_and_global_bytes, weight_read_bytes
from simulator.physics.power import energy_above_idle_j
from simulator.physics.split import Split
from simulator.physics.step import Meter, Spans
from simulator.physics.values import Device, Model
from simulator.spec.architecture import latent_dims, parts

Floats = NDArray[np.float64]


def flop_per_tok(model: Model) -> float:
    """FLOPs of the matrix products of one token in the layers: the output head is apart, as not every token has one."""
    counted = parts(model)
    return 2.0 * (counted.multiplied - counted.head)


def head_flop_per_tok(model: Model) -> float:
    """FLOPs of the output head for one token: those that decode, and the last of each prompt."""
    return 2.0 * parts(model).head


def flop_per_pair(model: Model, *, decode: bool = False) -> float:
    """FLOPs of scores and weighted sum for one query-key pair in one layer with attention, all heads.

    With a latent KV (MLA) prompts unfold keys and values, 2 h (nope + rope + v), and decodes work on the latent
    vectors, 2 h (2 rank + rope), which move fewer bytes. Unfolding a prompt's past again in each chunk is left out.
    """
    if model.kv_rank is None:
        return 4.0 * model.heads * model.head_dim
    rope, nope, v = latent_dims(model)
    return 2.0 * model.heads * (2 * model.kv_rank + rope if decode else nope + rope + v)


def global_layers(model: Model) -> int:
    """Layers whose attention sees all tokens."""
    return model.layers - model.linear_layers - model.window_layers


def flop(model: Model, spans: Spans) -> Floats:
    """FLOPs of spans, (n,). Left out: the head for the last token of prompts, and recurrences of linear layers."""
    decoded = spans.passes * spans.decode_seqs
    products = flop_per_tok(model) * (decoded + spans.passes * spans.chunk_tok) + head_flop_per_tok(model) * decoded
    decodes = _seen(model, spans, spans.context_tok, spans.decode_seqs, spans.decode_seqs)
    prompts = _seen(model, spans, spans.chunk_pairs, spans.chunk_tok**2, spans.chunk_tok)
    return products + flop_per_pair(model, decode=True) * decodes + flop_per_pair(model) * prompts


def moved_bytes(model: Model, weights: str, spans: Spans, devices: int = 1) -> Floats:
    """Bytes of device memory that spans read and write, (n,): weights once a pass, KV of contexts, KV of new tokens.

    Of all devices together, with the copies that a split over them makes.
    """
    tokens = spans.decode_seqs + spans.chunk_tok
    local, everywhere = kv_local_and_global_bytes(model)
    decodes = _summed(spans, spans.context_tok, spans.decode_seqs)
    past = _summed(spans, spans.chunk_past_tok, spans.chunk_tok)
    kv = everywhere * (decodes + past) + (local + everywhere) * spans.passes * tokens
    if model.window_tok is not None:
        kv = kv + local * (
            _capped(spans, spans.context_tok, spans.decode_seqs, spans.decode_seqs * model.window_tok)
            + _capped(spans, spans.chunk_past_tok, spans.chunk_tok, spans.chunk_tok * model.window_tok)
        )
    state = 2 * model.linear_state_bytes * spans.passes * spans.decode_seqs
    read = spans.passes * weight_read_bytes(model, weights, tokens, devices)
    return read + kv * kv_copies(model, devices) + state


def achieved(device: Device, weights: str) -> tuple[float, float]:
    """Peak of one device, in FLOP/s, in the numbers that these weights multiply in, and the fraction of it achieved.

    It is fp16 where the device has no faster one, or where the engine is not known to use it.
    """
    faster = {
        "fp16": (None, None),
        "int8": (device.peak_int8_op_per_s, device.prefill_int8_frac),
        "fp8": (device.peak_fp8_flop_per_s, device.prefill_fp8_frac),
        "fp4": (device.peak_fp4_flop_per_s, device.prefill_fp4_frac),
    }
    peak, frac = faster[format_of(weights).compute]
    return (peak, frac) if peak and frac else (device.peak_fp16_flop_per_s, device.prefill_frac)


def meter(device: Device, model: Model, split: Split, weights: str, spans: Spans) -> Meter:
    """What spans of a replica split so drew: the same for every step model, given its times."""
    done, moved = flop(model, spans), moved_bytes(model, weights, spans, split.tensor)
    peak, _ = achieved(device, weights)
    return Meter(energy_above_idle_j(device, split.devices, peak, spans.time_s, done, moved), done, moved)


def _seen(model: Model, spans: Spans, first: Floats, growth: Floats, queries: Floats) -> Floats:
    """Query-key pairs of `queries` tokens in all layers, summed over the passes; a window caps them in its layers.

    Spans tell contexts as sums, so the cap is on the mean context: min is concave, so this errs high where contexts
    differ (Jensen).
    """
    pairs = global_layers(model) * _summed(spans, first, growth)
    if model.window_tok is None:
        return pairs
    return pairs + model.window_layers * _capped(spans, first, growth, queries * model.window_tok)


def _summed(spans: Spans, first: Floats, growth: Floats) -> Floats:
    """Sum over the passes of a quantity that is `first` in the first pass and grows by `growth` in each."""
    return spans.passes * first + growth * spans.passes * (spans.passes - 1) / 2


def _capped(spans: Spans, first: Floats, growth: Floats, cap: Floats) -> Floats:
    """The same of a quantity that is never above `cap`."""
    n = spans.passes
    steps = np.divide(cap - first, growth, out=np.where(first < cap, n, 0.0), where=growth > 0)
    below = np.clip(np.ceil(steps), 0.0, n)
    return np.asarray(below * first + growth * below * (below - 1) / 2 + (n - below) * cap)
