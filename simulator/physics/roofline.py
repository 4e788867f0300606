"""Step cost from a device's peaks and what engines achieve of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulator.physics import work
from simulator.physics.formats import format_of
from simulator.physics.memory import kv_bytes_per_tok, weight_read_bytes
from simulator.physics.power import power_evidence
from simulator.physics.step import FOREVER, GIVEN, Meter, Spans
from simulator.physics.values import Device, Model, weakest
from simulator.spec.profiles import Evidence

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Roofline:
    """Step cost from peaks times achievable fractions (Williams et al. 2009, doi:10.1145/1498765.1498785).

    A pass takes its overheads (fixed, by layer, by decoding sequence), plus the larger of compute and memory time of
    the matrix products, plus attention of the decodes, plus the larger of compute and memory time of the prompts'
    attention, plus two all-reduces a layer where the model is split. Of t tokens the achievable compute fraction is
    half of `prefill_frac` up to h = `prefill_half_tok`, then `prefill_frac` * t / (t + h): more tokens take more
    time. Left out: imbalance between devices, contention of hosts (errs low). Layers with a sliding window count
    as full ones, and compute and attention do not overlap (errs high).
    """

    device: Device = field(metadata=GIVEN)
    model: Model = field(metadata=GIVEN)
    tensor_parallel: int = field(default=1, metadata=GIVEN)
    weights: str | None = field(default=None, metadata=GIVEN)
    max_batched_tok: int = field(default=2048, metadata=GIVEN)
    max_seqs: int = field(default=64, metadata=GIVEN)

    _pass_s: list[float] = field(init=False, repr=False, compare=False)
    _seq_s: float = field(init=False, repr=False, compare=False)
    _context_s: float = field(init=False, repr=False, compare=False)
    _pair_s: float = field(init=False, repr=False, compare=False)
    _past_s: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        device, model, tp = self.device, self.model, self.tensor_parallel
        bytes_per_s = device.bandwidth_frac * device.bandwidth_bytes_per_s * tp
        attention_flop_per_s = device.attention_frac * device.peak_fp16_flop_per_s * tp
        kv_read_s = kv_bytes_per_tok(model) / bytes_per_s
        pair_s = (model.layers - model.linear_layers) * work.flop_per_pair(model) / attention_flop_per_s
        tables = {
            "_pass_s": self._token_s(np.arange(self.max_batched_tok + self.max_seqs + 1, dtype=np.float64)).tolist(),
            "_seq_s": device.seq_overhead_s,
            "_context_s": max(kv_read_s, pair_s),
            "_pair_s": pair_s,
            "_past_s": kv_read_s,
        }
        for name, table in tables.items():
            object.__setattr__(self, name, table)  # the one way to fill a field of a frozen dataclass

    def pace(
        self, decode_seqs: int, context_tok: int, chunk_tok: int, chunk_past_tok: int, chunk_pairs: float
    ) -> tuple[float, float, int]:
        """Pace of passes that start with this batch; with chunks, while the same side of their attention leads."""
        context_s = self._context_s
        first_s = self._pass_s[decode_seqs + chunk_tok] + self._seq_s * decode_seqs + context_s * context_tok
        growth_s = context_s * decode_seqs
        if not chunk_tok:
            return first_s, growth_s, FOREVER
        pair_s, past_s = self._pair_s, self._past_s
        compute_s, compute_growth_s = pair_s * chunk_pairs, pair_s * chunk_tok * chunk_tok
        read_s, read_growth_s = past_s * chunk_past_tok, past_s * chunk_tok
        if compute_s >= read_s:
            first_s, growth_s = first_s + compute_s, growth_s + compute_growth_s
            lead_s, catch_up_s = compute_s - read_s, read_growth_s - compute_growth_s
        else:
            first_s, growth_s = first_s + read_s, growth_s + read_growth_s
            lead_s, catch_up_s = read_s - compute_s, compute_growth_s - read_growth_s
        if catch_up_s <= 0.0:
            return first_s, growth_s, FOREVER
        return first_s, growth_s, int(min(lead_s / catch_up_s, 1e15)) + 1

    def meter(self, spans: Spans) -> Meter:
        """Energy above idle, FLOPs and bytes of spans."""
        return work.meter(self.device, self.model, self.tensor_parallel, self.weights or self.model.weights, spans)

    @property
    def time_evidence(self) -> Evidence:
        """The weakest evidence of the numbers that make most of a pass's time.

        A fraction stands for its peak too, as it was found with it; corrections (attention, small passes, sequences) do
        not count.
        """
        keys = ["bandwidth_frac", "prefill_frac", "pass_overhead_s", "layer_overhead_s"]
        keys += ["allreduce_s", "interconnect_bytes_per_s"] if self.tensor_parallel > 1 else []
        return weakest(self.device.evidence[key] for key in keys if getattr(self.device, key))

    @property
    def energy_evidence(self) -> Evidence:
        """The weakest evidence of the numbers that make a pass's joules, its time included."""
        return weakest([self.time_evidence, power_evidence(self.device)])

    def _token_s(self, tokens: Floats) -> Floats:
        """Seconds of a pass by its tokens alone, (n,): overheads, matrix products, KV written, all-reduces."""
        device, model, tp = self.device, self.model, self.tensor_parallel
        weights = self.weights or model.weights
        flop_per_s = device.prefill_frac * device.peak_fp16_flop_per_s * tp
        if format_of(weights).compute in ("fp8", "fp4") and device.peak_fp8_flop_per_s:
            flop_per_s = (device.prefill_fp8_frac or device.prefill_frac) * device.peak_fp8_flop_per_s * tp
        bytes_per_s = device.bandwidth_frac * device.bandwidth_bytes_per_s * tp
        flop_per_tok = work.flop_per_tok(model) + work.head_flop_per_tok(model)
        compute_s = flop_per_tok * (tokens + np.minimum(tokens, device.prefill_half_tok)) / flop_per_s
        moved = weight_read_bytes(model, weights, tokens) + kv_bytes_per_tok(model) * tokens
        overhead_s = device.pass_overhead_s + model.layers * device.layer_overhead_s
        pass_s = overhead_s + np.maximum(compute_s, moved / bytes_per_s) + self._allreduce_s(tokens)
        return np.where(tokens > 0, pass_s, 0.0)

    def _allreduce_s(self, tokens: Floats) -> Floats:
        """Seconds of two ring all-reduces a layer of 16-bit activations, (n,)."""
        device, tp = self.device, self.tensor_parallel
        if tp == 1:
            return np.zeros_like(tokens)
        if device.interconnect_bytes_per_s is None:
            raise ValueError(
                f"device '{device.name}' has no interconnect_gb_per_s: tensor_parallel must be 1, not {tp}"
            )
        message_bytes = 2 * tokens * self.model.hidden
        once_s = device.allreduce_s + 2 * (tp - 1) / tp * message_bytes / device.interconnect_bytes_per_s
        return 2 * self.model.layers * once_s
