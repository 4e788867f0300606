"""Step models: what a run of forward passes costs. Pure functions of profiles; nothing here knows of time's passing."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FOREVER = 1 << 60  # passes

GIVEN = {"given": True}
"""Metadata of the fields of a step model that `build` gives; the others are arguments in the scenario's `steps`.

Every step model is a dataclass with the given fields `device: Device`, `model: Model`, `tensor_parallel`,
`pipeline_parallel` and `expert_parallel` (devices, as in `split.Split`), `weights: str | None` (None: the model's
own), `max_batched_tok: int` and `max_seqs: int`, so that `cls(device=..., model=..., ..., **args)` makes any of them.
Arguments that make no sense raise ValueError. `time_evidence` and `energy_evidence` say how well they are known.
"""


class Pace(NamedTuple):
    """Times of the passes of a span: pass j takes `first_s + j * growth_s`, for j < `passes`."""

    first_s: float
    growth_s: float
    passes: int


class Spans(NamedTuple):
    """Columns of spans that ran, one row a span: what the log keeps and `StepModel.meter` prices.

    A span is `passes` passes with `decode_seqs` sequences decoding and `chunk_tok` prompt tokens prefilled in each.
    `context_tok` (tokens attended by the decodes), `chunk_past_tok` (tokens of these prompts prefilled before) and
    `chunk_pairs` (query-key pairs of the chunks: sum of t * (past + t / 2)) are those of the first pass; in each
    further pass they grow by `decode_seqs`, `chunk_tok` and `chunk_tok ** 2`.
    """

    time_s: Floats
    passes: Floats
    decode_seqs: Floats
    context_tok: Floats
    chunk_tok: Floats
    chunk_past_tok: Floats
    chunk_pairs: Floats


class Meter(NamedTuple):
    """What spans drew: joules *above idle* (of all devices of the replica), FLOPs and bytes of device memory moved."""

    energy_j: Floats
    flop: Floats
    bytes: Floats


class StepModel(Protocol):
    """Time of forward passes while the batch stays the same, and, afterwards, what they drew."""

    def pace(
        self, decode_seqs: int, context_tok: int, chunk_tok: int, chunk_past_tok: int, chunk_pairs: float
    ) -> tuple[float, float, int]:
        """`Pace` (a plain tuple: this is the hot path) of passes that start with this batch and grow as `Spans` says.

        `passes` is how long the affine form holds; where it ends (a grid cell, a regime change) the engine asks again.
        """
        ...

    def meter(self, spans: Spans) -> Meter:
        """Energy, FLOPs and bytes of spans, vectorised; called after the run, in blocks."""
        ...
