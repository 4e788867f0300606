"""Bytes of weights, of the KV cache and of activations, and of the memory that they may take.

What is split over the devices of a replica is given as bytes of all of them together, with the copies that a split
makes: divided by the devices it is what each holds or reads.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.physics.formats import format_of
from simulator.physics.values import Device, Model
from simulator.spec.architecture import Parts, parts

Floats = NDArray[np.float64]

_ROUTER_BITS = 16.0
_EXTRA_BITS = 16.0
_ACTIVATION_BYTES = 2.0
_LOGIT_BYTES = 2.0 + 4.0 + 4.0  # as the head gives them, in fp32, and sorted or normalised


class Need(NamedTuple):
    """Bytes that a replica needs before it has any KV cache, of all its devices together."""

    weights: float
    activations: float
    state: float
    """Of linear layers, for as many sequences as may run."""

    @property
    def total(self) -> float:
        """All of it."""
        return self.weights + self.activations + self.state


def replica_need(model: Model, weights: str, max_batched_tok: int, max_seqs: int, tensor_parallel: int = 1) -> Need:
    """What a replica needs beside its KV cache. Raises ValueError on unknown `weights`."""
    return Need(
        weight_bytes(model, weights, tensor_parallel),
        activation_bytes(model, max_batched_tok, max_seqs, tensor_parallel),
        max_seqs * model.linear_state_bytes,
    )


def weight_bytes(model: Model, weights: str, tensor_parallel: int = 1) -> float:
    """Bytes of all weights in memory, parts that no pass over text multiplies included at 16 bits."""
    fmt, part = format_of(weights), parts(model)
    embedding = part.head if model.tied and fmt.unties else part.embedding
    experts = part.expert * part.moe_layers * part.experts * fmt.ffn_bits
    return (experts + embedding * fmt.embedding_bits + model.params_extra * _EXTRA_BITS) / 8 + _always_bytes(
        model, part, weights, tensor_parallel
    )


def weight_read_bytes(model: Model, weights: str, tokens: Floats, tensor_parallel: int = 1) -> Floats:
    """Bytes of weights that a pass of so many tokens reads, (n,): all but the input embedding and experts not touched.

    The head is read in every pass. 0 for no tokens.
    """
    part = parts(model)
    always = _always_bytes(model, part, weights, tensor_parallel)
    if not part.experts:
        return np.where(tokens > 0, always, 0.0)
    expert = part.expert * part.moe_layers * format_of(weights).ffn_bits / 8
    return np.where(tokens > 0, always + experts_touched(model, tokens) * expert, 0.0)


def experts_touched(model: Model, tokens: Floats) -> Floats:
    """Distinct experts of a layer that so many tokens go to, (n,): E (1 - (1 - k/E)^tokens), 0 in a dense model.

    As if tokens chose independently and uniformly; real routers are more skewed and touch fewer, so this errs high.
    """
    if model.experts is None or model.experts_per_tok is None:
        return np.zeros_like(tokens, dtype=np.float64)
    n, k = model.experts, model.experts_per_tok
    return np.asarray(n * (1 - (1 - k / n) ** tokens))


def kv_bytes_per_tok(model: Model) -> float:
    """Bytes of keys and values of one token in all layers that have a KV cache, once."""
    local, everywhere = kv_local_and_global_bytes(model)
    return local + everywhere


def kv_local_and_global_bytes(model: Model) -> tuple[float, float]:
    """Bytes of keys and values of one token in layers with a window, and in those that keep all tokens.

    A latent KV (MLA) is one compressed vector and one rotated key for all heads. Linear layers have none.
    """
    if model.kv_rank is None:
        values = 2 * model.kv_heads * model.head_dim
    else:
        values = model.kv_rank + (model.rope_dim or 0)
    layer_bytes = values * model.kv_value_bytes
    everywhere = model.layers - model.linear_layers - model.window_layers
    return model.window_layers * layer_bytes, everywhere * layer_bytes


def kv_shards(model: Model, tensor_parallel: int) -> int:
    """Devices that the KV cache really splits over: no more than KV heads; a latent KV is copied to each device."""
    return 1 if model.kv_rank is not None else min(tensor_parallel, model.kv_heads)


def kv_copies(model: Model, tensor_parallel: int) -> float:
    """How many times the devices of a replica hold each key and value."""
    return tensor_parallel / kv_shards(model, tensor_parallel)


def kv_cache_bytes(model: Model, kv_tok: int, max_seqs: int, tensor_parallel: int = 1) -> float:
    """Bytes of a cache that surely holds so many tokens of at most `max_seqs` sequences.

    The smaller of two that do: every layer keeps all tokens, or those with a window keep a whole window a sequence.
    """
    local, everywhere = kv_local_and_global_bytes(model)
    windows = min(kv_tok, max_seqs * (model.window_tok or 0)) * local
    return (windows + kv_tok * everywhere) * kv_copies(model, tensor_parallel)


def kv_capacity_tok(model: Model, free_bytes: float, max_seqs: int, tensor_parallel: int = 1) -> int:
    """Tokens that a KV cache of so many bytes surely holds: `kv_cache_bytes` the other way round.

    Where no layer keeps all tokens, those of `max_seqs` sequences of the longest context, all that can be asked of it.
    """
    free = free_bytes / kv_copies(model, tensor_parallel)
    local, everywhere = kv_local_and_global_bytes(model)
    most = max_seqs * model.max_context_tok
    reserved = max_seqs * (model.window_tok or 0) * local
    bounds = [_tokens(free, local + everywhere, most)]
    if local and free >= reserved:
        bounds.append(_tokens(free - reserved, everywhere, most))
    return max(bounds)


def activation_bytes(model: Model, max_batched_tok: int, max_seqs: int, tensor_parallel: int = 1) -> float:
    """Bytes of activations at the peak of the largest pass: the engine sets them aside.

    For each token four vectors of the residual stream (on each device) and three as wide as the widest of feed-forward
    part, chosen experts and attention (split), at 16 bits; the logits of each sequence at 2 + 4 + 4 bytes. Within 10 %
    of the 1.2 GiB that vLLM logs of Llama 3.1 8B with 8192 tokens and 256 sequences (recalled); assumed elsewhere.
    """
    experts = (model.experts_per_tok or 0) * (model.expert_ffn or model.ffn) + model.shared_ffn
    widest = max(model.ffn, experts, model.heads * model.head_dim)
    per_tok = _ACTIVATION_BYTES * (4 * model.hidden * tensor_parallel + 3 * widest)
    return max_batched_tok * per_tok + max_seqs * model.vocab * _LOGIT_BYTES


def usable_bytes(device: Device, devices: int) -> float:
    """Memory of so many devices that a replica may take: what the engine may use, less what it takes itself."""
    return devices * (device.memory_bytes * device.memory_frac - device.runtime_bytes)


def _tokens(free_bytes: float, bytes_per_tok: float, most: int) -> int:
    return max(0, int(free_bytes / bytes_per_tok)) if bytes_per_tok else most


def _always_bytes(model: Model, part: Parts, weights: str, tensor_parallel: int) -> float:
    """Bytes of the weights that every token meets, with the copies that a split over devices makes."""
    fmt = format_of(weights)
    attention = part.attention + _copied_attention_params(model, tensor_parallel)
    ffn = part.dense_ffn + part.shared
    router = part.router * tensor_parallel * _ROUTER_BITS
    return (attention * fmt.attention_bits + ffn * fmt.ffn_bits + part.head * fmt.head_bits + router) / 8


def _copied_attention_params(model: Model, tensor_parallel: int) -> float:
    """Parameters of attention that devices hold beyond one copy: projections to KV heads or to latent vectors."""
    layers = model.layers - model.linear_layers
    if model.kv_rank is not None:
        latent = (model.q_rank or 0) + model.kv_rank + (model.rope_dim or 0)
        return layers * model.hidden * latent * (tensor_parallel - 1)
    projections = layers * model.hidden * 2 * model.kv_heads * model.head_dim
    return projections * (kv_copies(model, tensor_parallel) - 1)
