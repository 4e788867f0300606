"""Quantisations: bits of a weight by the part of the model it is in, and what multiplies it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from simulator.spec.errors import near

Compute = Literal["fp16", "fp8", "fp4", "int8"]


class Format(NamedTuple):
    """Bits of a weight with its scales, by part, and the numbers in which products are made.

    `compute` is what engines multiply in where the device can; where it has no such peak they multiply in fp16.
    """

    ffn_bits: float
    """Feed-forward layers and experts; routers have 16 bits everywhere."""
    attention_bits: float
    embedding_bits: float
    head_bits: float
    """Of the output head; the one matrix that is embedding, too, is stored as a head."""
    compute: Compute
    unties: bool = False
    """Embedding and head are two matrices in the file even where the model has one."""


def _body(bits: float, compute: Compute) -> Format:
    """All of the layers quantised, embedding and head at 16 bits."""
    return Format(bits, bits, 16.0, 16.0, compute)


# GGUF block layouts of ggml-org/llama.cpp (MIT): q4_0 has 18 bytes for 32 weights, q4_1 20, q8_0 34; q4_K 144 for 256,
# q5_K 176, q6_K 210. The head is q6_K below 8 bits. In half of the layers "_m" files have q6_K for the down projection,
# a third of the feed-forward part, and for values, a tenth of attention. Products are int8 where there are kernels for
# it (CUDA, NEON), fp16 on Metal.
_Q6 = 210 * 8 / 256
_K4, _K5 = 144 * 8 / 256, 176 * 8 / 256
_GROUP_OF_128 = 4 + (16 + 4) / 128  # a scale of 16 bits and a zero point of 4 for 128 weights

FORMATS: dict[str, Format] = {
    "bf16": _body(16.0, "fp16"),
    "fp16": _body(16.0, "fp16"),
    "fp8": _body(8.0, "fp8"),
    "int8": _body(8.0, "fp16"),  # weights only
    "w8a8": _body(8.0, "int8"),
    "w8a16": _body(8.0, "fp16"),
    "awq-4": _body(_GROUP_OF_128, "fp16"),
    "gptq-4": _body(_GROUP_OF_128, "fp16"),
    # 8 bits of scale for 16 weights. hf_quant_config.json of nvidia/Qwen3-32B-NVFP4 leaves out the head alone, that of
    # nvidia/DeepSeek-V3-0324-NVFP4 attention and routers, too.
    "nvfp4": _body(4.5, "fp4"),
    "nvfp4-ffn": Format(4.5, 16.0, 16.0, 16.0, "fp4"),
    "int4-ffn": Format(4.5, 16.0, 16.0, 16.0, "fp16"),  # Kimi K2.5 as published: groups of 32, attention left out
    # gpt-oss: 8 bits of scale for 32 weights, experts only. Hopper multiplies in 16 bits; Blackwell is faster.
    "mxfp4": Format(4.25, 16.0, 16.0, 16.0, "fp16"),
    "int4": Format(4.5, 4.5, 4.5, 4.5, "fp16"),  # MLC q4f16_1: 16 bits of scale for 32 weights, ends included
    # Qualcomm AI Hub: one scale a channel, head at 8 bits, embedding at 16 (layout recalled, bits of the ends assumed).
    "w4": Format(4.0, 4.0, 16.0, 8.0, "fp16"),
    "w4a16": Format(4.0, 4.0, 16.0, 8.0, "fp16"),
    # ExecuTorch 8da4w with SpinQuant or QAT+LoRA: 4 bits in groups of 32, ends at 8 bits and stored twice.
    "spinquant": Format(4.5, 4.5, 8.0, 8.0, "int8", unties=True),
    "q8_0": Format(8.5, 8.5, 8.5, 8.5, "int8"),
    "q6_k": Format(_Q6, _Q6, _Q6, _Q6, "int8"),
    "q5_k_m": Format(_K5 + (_Q6 - _K5) / 6, _K5 + (_Q6 - _K5) / 20, _K5, _Q6, "int8"),
    "q4_k_m": Format(_K4 + (_Q6 - _K4) / 6, _K4 + (_Q6 - _K4) / 20, _K4, _Q6, "int8"),
    "q4_1": Format(5.0, 5.0, 5.0, _Q6, "int8"),
    "q4_0": Format(4.5, 4.5, 4.5, _Q6, "int8"),
}


def format_of(weights: str) -> Format:
    """The quantisation of this name. Raises ValueError naming those that exist."""
    if weights not in FORMATS:
        raise ValueError(near(weights, FORMATS, " among the weights"))
    return FORMATS[weights]
