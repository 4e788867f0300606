"""What passes ask of the devices that they are split over: FLOPs, bytes and messages, before anything is achieved."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.physics import memory, work
from simulator.physics.split import Split
from simulator.physics.values import Model
from simulator.spec.architecture import parts

Floats = NDArray[np.float64]

_ACTIVATION_BYTES = 2.0


class Demand(NamedTuple):
    """What passes of so many tokens ask of each device of the tensor split, (n,) each, over all layers."""

    flop: Floats
    """Products with weights that every token meets; the head for as many tokens as there may be sequences."""
    expert_flop: Floats
    bytes: Floats
    """Weights read, and KV of the new tokens written."""
    messages: float
    """All-reduces and all-to-alls of one pass."""
    message_bytes: Floats
    """What they send from each device, together."""


def demand(model: Model, weights: str, split: Split, tokens: Floats, max_seqs: int) -> Demand:
    """What passes of so many tokens ask of each device. Layers are split evenly: imbalance is left out (errs low)."""
    counted, tp = parts(model), split.tensor
    expert = 2.0 * counted.expert * counted.moe_layers * counted.experts_per_tok
    head = work.head_flop_per_tok(model) * np.minimum(tokens, max_seqs)
    kv = memory.kv_bytes_per_tok(model) / memory.kv_shards(model, tp)
    messages, message_bytes = _messages(model, split, counted.moe_layers, tokens)
    return Demand(
        flop=((work.flop_per_tok(model) - expert) * tokens + head) / tp,
        expert_flop=expert * tokens / tp,
        bytes=memory.weight_read_bytes(model, weights, tokens, tp) / tp + kv * tokens,
        messages=messages,
        message_bytes=message_bytes,
    )


def _messages(model: Model, split: Split, moe_layers: int, tokens: Floats) -> tuple[float, Floats]:
    """Ring all-reduces after attention and after the feed-forward part; with whole experts two all-to-alls instead.

    A ring sends 2 (n - 1) / n of the activations, an all-to-all (n - 1) / n of those of each token's experts.
    """
    tp = split.tensor
    if tp == 1:
        return 0.0, np.zeros_like(tokens)
    activations = _ACTIVATION_BYTES * model.hidden * tokens * (tp - 1) / tp
    if split.expert == 1:
        return 2.0 * model.layers, 4.0 * model.layers * activations
    reduces = 2 * model.layers - moe_layers
    spread = min(model.experts_per_tok or 1, split.expert) / split.expert
    return reduces + 2.0 * moe_layers, (2.0 * reduces + 2.0 * moe_layers * spread) * activations
