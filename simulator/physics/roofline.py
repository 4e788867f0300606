"""Step cost from a device's peaks and what engines achieve of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log2

import numpy as np
from numpy.typing import NDArray

from simulator.physics import memory, work
from simulator.physics.demand import demand
from simulator.physics.power import power_evidence
from simulator.physics.split import Split
from simulator.physics.step import FOREVER, GIVEN, Meter, Spans
from simulator.physics.values import Device, Model, weakest
from simulator.spec.architecture import parts
from simulator.spec.profiles import Evidence

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Roofline:
    """Step cost from peaks times achievable fractions (Williams et al. 2009, doi:10.1145/1498765.1498785).

    A pass takes its overheads (fixed, by layer, more of them with prompts, by decoding sequence), the larger of compute
    and memory time of the matrix products, the larger of both of the decodes' attention, the same of the prompts'
    attention, and the messages between devices. A mixture of experts reads the distinct experts that its tokens touch.
    Layers with a sliding window attend no more than it, of the mean context (errs high where contexts differ). Of t
    tokens the achievable compute fraction is half of the full one up to h = `prefill_half_tok`, then t / (t + h) of
    it: more tokens take more time. Prompt chunks are padded to whole quanta on devices with fixed shapes. With p
    pipeline stages a batch is cut in up to p parts which go through them one behind the other; filling and draining is
    left out, as are imbalance between devices and contention of hosts (errs low). Compute and attention do not overlap
    (errs high).
    """

    device: Device = field(metadata=GIVEN)
    model: Model = field(metadata=GIVEN)
    tensor_parallel: int = field(default=1, metadata=GIVEN)
    pipeline_parallel: int = field(default=1, metadata=GIVEN)
    expert_parallel: int = field(default=1, metadata=GIVEN)
    weights: str | None = field(default=None, metadata=GIVEN)
    max_batched_tok: int = field(default=2048, metadata=GIVEN)
    max_seqs: int = field(default=64, metadata=GIVEN)

    _pass_s: list[float] = field(init=False, repr=False, compare=False)
    _part: list[float] = field(init=False, repr=False, compare=False)  # of a batch that is in one stage
    _chunk_s: float = field(init=False, repr=False, compare=False)
    _seq_s: float = field(init=False, repr=False, compare=False)
    _context_s: float = field(init=False, repr=False, compare=False)
    _local_s: float = field(init=False, repr=False, compare=False)
    _pair_s: float = field(init=False, repr=False, compare=False)
    _past_s: float = field(init=False, repr=False, compare=False)
    _local: float = field(init=False, repr=False, compare=False)  # share of the prompts' attention with a window
    _window: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        device, model, tp = self.device, self.model, self.tensor_parallel
        local_bytes, global_bytes = memory.kv_local_and_global_bytes(model)
        bytes_per_s = device.kv_bandwidth_frac * device.bandwidth_bytes_per_s * memory.kv_shards(model, tp)
        flop_per_s = device.attention_frac * device.peak_fp16_flop_per_s * tp
        decode_flop, prompt_flop = work.flop_per_pair(model, decode=True), work.flop_per_pair(model)
        layers, window_layers = work.global_layers(model), model.window_layers
        sizes = np.arange(self.max_batched_tok + self.max_seqs + device.chunk_quantum_tok, dtype=np.float64)
        parts_under_way = np.clip(np.floor(sizes), 1.0, self.pipeline_parallel)
        state_s = 2 * model.linear_state_bytes / (device.bandwidth_frac * device.bandwidth_bytes_per_s * tp)
        attending = layers + window_layers
        tables = {
            "_pass_s": self._token_s(sizes / parts_under_way).tolist(),
            "_part": (1.0 / parts_under_way).tolist(),
            "_chunk_s": model.layers * device.chunk_layer_overhead_s,
            "_seq_s": device.seq_overhead_s + state_s / self.pipeline_parallel,
            "_context_s": max(global_bytes / bytes_per_s, layers * decode_flop / flop_per_s),
            "_local_s": max(local_bytes / bytes_per_s, window_layers * decode_flop / flop_per_s),
            "_pair_s": attending * prompt_flop / flop_per_s,
            "_past_s": (local_bytes + global_bytes) / bytes_per_s,
            "_local": window_layers / attending if attending else 0.0,
            "_window": model.window_tok or 0,
        }
        for name, table in tables.items():
            object.__setattr__(self, name, table)  # the one way to fill a field of a frozen dataclass

    def pace(
        self, decode_seqs: int, context_tok: int, chunk_tok: int, chunk_past_tok: int, chunk_pairs: float
    ) -> tuple[float, float, int]:
        """Pace of passes that start with this batch, until a context outgrows a window or attention changes sides."""
        tokens = decode_seqs + chunk_tok
        if chunk_tok and self.device.chunk_quantum_tok > 1:
            tokens = decode_seqs + -(-chunk_tok // self.device.chunk_quantum_tok) * self.device.chunk_quantum_tok
        part, context_s = self._part[tokens], self._context_s
        attention_s, growth_s, passes = context_s * context_tok, context_s * decode_seqs, FOREVER
        if self._window and decode_seqs:
            local, rises, passes = _capped(context_tok, decode_seqs, decode_seqs * self._window)
            attention_s, growth_s = attention_s + self._local_s * local, growth_s + self._local_s * rises
        if chunk_tok:
            first, rises, holds = self._prompts(chunk_tok, chunk_past_tok, chunk_pairs)
            attention_s, growth_s, passes = attention_s + first, growth_s + rises, min(passes, holds)
            attention_s += self._chunk_s / part
        return self._pass_s[tokens] + self._seq_s * decode_seqs + part * attention_s, part * growth_s, passes

    def _prompts(self, chunk_tok: int, past_tok: int, pairs: float) -> tuple[float, float, int]:
        """Attention of prompt chunks: compute over the pairs, or reading what was prefilled before."""
        passes, square = FOREVER, chunk_tok * chunk_tok
        seen, seen_growth, past, past_growth = pairs, float(square), float(past_tok), float(chunk_tok)
        if self._window:
            local, rises, passes = _capped(pairs, square, chunk_tok * self._window)
            near, comes, holds = _capped(past_tok, chunk_tok, chunk_tok * self._window)
            share, passes = self._local, min(passes, holds)
            seen, seen_growth = seen + share * (local - seen), seen_growth + share * (rises - seen_growth)
            past, past_growth = past + share * (near - past), past_growth + share * (comes - past_growth)
        compute_s, compute_growth_s = self._pair_s * seen, self._pair_s * seen_growth
        read_s, read_growth_s = self._past_s * past, self._past_s * past_growth
        if compute_s >= read_s:
            lead_s, catch_up_s = compute_s - read_s, read_growth_s - compute_growth_s
        else:
            lead_s, catch_up_s = read_s - compute_s, compute_growth_s - read_growth_s
            compute_s, compute_growth_s = read_s, read_growth_s
        if catch_up_s > 0.0:
            passes = min(passes, int(min(lead_s / catch_up_s, 1e15)) + 1)
        return compute_s, compute_growth_s, passes

    def meter(self, spans: Spans) -> Meter:
        """Energy above idle, FLOPs and bytes of spans."""
        split = Split(self.tensor_parallel, self.pipeline_parallel, self.expert_parallel)
        return work.meter(self.device, self.model, split, self.weights or self.model.weights, spans)

    @property
    def time_evidence(self) -> Evidence:
        """The weakest evidence of the numbers that make most of a pass's time.

        A fraction stands for its peak too, as it was found with it; corrections (attention, small passes, sequences) do
        not count.
        """
        keys = ["bandwidth_frac", "prefill_frac", "pass_overhead_s", "layer_overhead_s"]
        keys += ["allreduce_s"] if self.tensor_parallel > 1 else []
        return weakest(self.device.evidence[key] for key in keys if getattr(self.device, key))

    @property
    def energy_evidence(self) -> Evidence:
        """The weakest evidence of the numbers that make a pass's joules, its time included."""
        return weakest([self.time_evidence, power_evidence(self.device)])

    def _token_s(self, tokens: Floats) -> Floats:
        """Seconds of a pass by its tokens alone, (n,): overheads, matrix products, KV written, messages."""
        device, model, weights = self.device, self.model, self.weights or self.model.weights
        split = Split(self.tensor_parallel, self.pipeline_parallel, self.expert_parallel)
        asked = demand(model, weights, split, tokens, self.max_seqs)
        peak, frac = work.achieved(device, weights)
        frac *= device.split_frac ** log2(self.tensor_parallel)
        small = np.minimum(1.0, device.prefill_half_tok / np.maximum(tokens, 1.0))
        compute_s = (asked.flop + asked.expert_flop / device.expert_frac) * (1.0 + small) / (frac * peak)
        memory_s = asked.bytes / (device.bandwidth_frac * device.bandwidth_bytes_per_s)
        moe_layers = parts(model).moe_layers
        overhead_s = device.pass_overhead_s + model.layers * device.layer_overhead_s
        overhead_s += moe_layers * device.moe_layer_overhead_s
        pass_s = overhead_s + np.maximum(compute_s, memory_s) + self._message_s(asked.messages, asked.message_bytes)
        return np.where(tokens > 0, pass_s, 0.0)

    def _message_s(self, messages: float, message_bytes: Floats) -> Floats:
        """Seconds of the messages between the devices that layers are split over, (n,)."""
        device = self.device
        if self.tensor_parallel == 1:
            return np.zeros_like(message_bytes)
        if device.interconnect_bytes_per_s is None:
            raise ValueError(
                f"device '{device.name}' has no interconnect_gb_per_s: "
                f"tensor_parallel must be 1, not {self.tensor_parallel}"
            )
        once_s = device.allreduce_s * log2(self.tensor_parallel)
        return messages * once_s + message_bytes / (device.interconnect_frac * device.interconnect_bytes_per_s)


def _capped(first: float, growth: int, cap: int) -> tuple[float, float, int]:
    """What grows by `growth` a pass and is never above `cap`: its value, its growth, and for how many passes."""
    if first >= cap:
        return cap, 0.0, FOREVER
    return first, growth, int((cap - first) / growth) + 1
