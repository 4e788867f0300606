"""Bytes of weights and of the KV cache, and of the memory that they may take."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.physics.values import Device, Model

Floats = NDArray[np.float64]


class Format(NamedTuple):
    """A quantisation: bits of a weight with its scales, bits of embedding and head, whether it multiplies in fp8."""

    bits: float
    end_bits: float = 16.0
    fp8_math: bool = False


# Bits with scales: ggml-org/llama.cpp (MIT) block layouts; AWQ and NVFP4 with one scale for 64 and 16 weights. GGUF
# formats quantise embedding and head too, the others leave them at 16 bits.
FORMATS: dict[str, Format] = {
    "bf16": Format(16.0),
    "fp16": Format(16.0),
    "fp8": Format(8.0, fp8_math=True),
    "int8": Format(8.5),
    "awq-4": Format(4.4),
    "nvfp4": Format(4.5, fp8_math=True),
    "mxfp4": Format(4.25),
    "q8_0": Format(8.5, end_bits=8.5),
    "q4_k_m": Format(4.9, end_bits=4.9),
    "q4_0": Format(4.55, end_bits=4.55),
}


def format_of(weights: str) -> Format:
    """The quantisation of this name. Raises ValueError naming those that exist."""
    if weights not in FORMATS:
        raise ValueError(f"no weights '{weights}' (one of {', '.join(FORMATS)})")
    return FORMATS[weights]


def weight_bytes(model: Model, weights: str) -> float:
    """Bytes of all weights in memory."""
    fmt = format_of(weights)
    ends = _end_params(model)
    return ((model.params - ends) * fmt.bits + ends * fmt.end_bits) / 8


def weight_read_bytes(model: Model, weights: str, tokens: Floats) -> Floats:
    """Bytes of weights that a pass of so many tokens reads, (n,): all but the input embedding.

    Of a mixture of experts, those of the distinct experts touched, E (1 - (1 - k/E)^tokens) of each layer when tokens
    choose independently and uniformly; real routers are more skewed and touch fewer, so this errs to more bytes.
    """
    fmt = format_of(weights)
    head = model.vocab * model.hidden
    body = np.full(tokens.shape, model.active_params - head)
    if model.experts is not None and model.experts_per_tok is not None:
        n, k = model.experts, model.experts_per_tok
        expert = (model.params - _end_params(model) - (model.active_params - head)) / (n - k)
        touched = n * (1 - (1 - k / n) ** tokens)
        body = body + (touched - k) * expert
    return np.where(tokens > 0, (body * fmt.bits + head * fmt.end_bits) / 8, 0.0)


def kv_bytes_per_tok(model: Model) -> float:
    """Bytes of keys and values of one token in all layers."""
    return 2 * model.layers * model.kv_heads * model.head_dim * model.kv_value_bytes


def usable_bytes(device: Device, devices: int) -> float:
    """Memory of so many devices that weights and KV cache may take: what the engine may use, less what it takes."""
    return devices * (device.memory_bytes * device.memory_frac - device.runtime_bytes)


def _end_params(model: Model) -> float:
    """Parameters of the input embedding and the output head."""
    return model.vocab * model.hidden * (1 if model.tied else 2)
