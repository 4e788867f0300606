"""Arithmetic of spans: runs of passes of which the j-th takes `first_s + j * growth_s`."""

from __future__ import annotations

from math import ceil, sqrt

from simulator.physics.step import FOREVER

SPAN_COLUMNS = (
    "start_s",
    "time_s",
    "passes",
    "decode_seqs",
    "context_tok",
    "chunk_tok",
    "chunk_past_tok",
    "chunk_pairs",
)


def passes_after(elapsed_s: float, first_s: float, growth_s: float) -> int:
    """The smallest k >= 1 whose passes take at least `elapsed_s`."""
    linear_s = first_s - growth_s / 2
    root_s = sqrt(max(linear_s * linear_s + 2 * growth_s * elapsed_s, 0.0))
    # Two ways to write the root of a quadratic: of each sign the one that loses no digits.
    k = max(ceil(2 * elapsed_s / (linear_s + root_s) if linear_s > 0.0 else (root_s - linear_s) / growth_s), 1)
    while k > 1 and (k - 1) * (first_s + growth_s * (k - 2) / 2) >= elapsed_s:
        k -= 1
    while k < FOREVER and k * (first_s + growth_s * (k - 1) / 2) < elapsed_s:
        k += 1
    return k
