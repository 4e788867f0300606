"""The shape of profiles: one YAML file a thing, each number with its source. `Device`, `Model`, ... read base units."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from simulator.spec.base import NonNegative, Positive, Share, Spec

Evidence = Literal["measured", "fitted", "datasheet", "assumed"]
EVIDENCE: tuple[Evidence, ...] = ("measured", "fitted", "datasheet", "assumed")  # strongest first


class Source(Spec):
    """Where a number is from: `of` names the keys it covers (all others where it is empty)."""

    kind: Evidence
    ref: str
    """Data sheet, paper, repository and commit."""
    of: tuple[str, ...] = ()
    note: str = ""


class Profile(Spec):
    """What all profiles have."""

    name: str
    title: str = ""
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]

    def evidence(self, key: str) -> Evidence:
        """Evidence of `key`: of the source that names it, else of the first that names nothing."""
        for source in self.sources:
            if key in source.of:
                return source.kind
        return next((s.kind for s in self.sources if not s.of), "assumed")


class PowerCurve(Spec):
    """Watts of a device at work, as fractions of its TDP: decode = at_1 + per_doubling * log2(batch), at most 1."""

    prefill_frac: Share
    decode_frac_at_1: Share
    decode_frac_per_doubling: NonNegative = 0.0


class DeviceProfile(Profile):
    """A GPU, an edge box or a phone SoC. Peaks are dense."""

    kind: Literal["datacenter", "workstation", "edge", "phone", "laptop", "cpu"]
    memory_gb: Positive
    bandwidth_gb_per_s: Positive
    peak_fp16_tflop_per_s: Positive
    peak_fp8_tflop_per_s: Positive | None = None
    peak_int8_top_per_s: Positive | None = None
    tdp_w: Positive
    idle_w: NonNegative
    """Watts with the model loaded and nothing to do."""
    host_idle_w: NonNegative = 0.0
    """Watts of the machine around one device (CPU, memory, fans), always drawn."""
    power: PowerCurve
    usd_per_h: NonNegative = 0.0
    bandwidth_frac: Share
    """Achievable fraction of the bandwidth in decode (eta)."""
    prefill_frac: Annotated[float, Field(gt=0, le=1.2)]
    """Achievable fraction of the fp16 peak in prefill of many tokens."""
    prefill_half_tok: NonNegative = 128.0
    """Tokens in a pass at which half of `prefill_frac` is reached."""
    pass_overhead_ms: NonNegative
    """Fixed time of a pass: launches, sampling, scheduler."""
    allreduce_us: NonNegative = 10.0
    """Latency of one small all-reduce between devices of a host."""
    interconnect_gb_per_s: Positive | None = None
    runtime_gb: NonNegative = 1.0
    """Memory that the engine itself takes."""
    memory_frac: Share = 0.9
    """Fraction of the memory that the engine may use."""


class ModelProfile(Profile):
    """An open model: architecture facts."""

    params_billion: Positive
    active_params_billion: Positive
    """Parameters multiplied for one token (all but the input embedding; MoE: those of the experts chosen)."""
    layers: Annotated[int, Field(ge=1)]
    hidden: Annotated[int, Field(ge=1)]
    heads: Annotated[int, Field(ge=1)]
    kv_heads: Annotated[int, Field(ge=1)]
    head_dim: Annotated[int, Field(ge=1)]
    max_context_tok: Annotated[int, Field(ge=1)]
    weights: str = "bf16"
    """Quantisation as published."""
    kv_bytes_per_value: Positive = 2.0


class LinkProfile(Profile):
    """A link between two places; `up` is from the first (the user's) to the second."""

    rtt_ms: NonNegative
    up_mbit_per_s: Positive
    down_mbit_per_s: Positive
    energy_up_nj_per_bit: NonNegative = 0.0
    energy_down_nj_per_bit: NonNegative = 0.0
    network_kwh_per_gb: NonNegative = 0.0


class HostedProfile(Profile):
    """A hosted API: price and latency as the customer sees them."""

    model: str
    price_in_usd_per_mtok: NonNegative
    price_out_usd_per_mtok: NonNegative
    price_usd_per_call: NonNegative = 0.0
    ttft_median_s: Positive
    ttft_sigma: NonNegative = 0.0
    """Of the natural logarithm: TTFT is lognormal."""
    rate_median_tok_per_s: Positive
    rate_sigma: NonNegative = 0.0
    energy_j_per_tok: NonNegative | None = None
    """Joules per output token at the provider; unknown where it is not given."""


class RegionProfile(Profile):
    """A grid region."""

    carbon_g_per_kwh: NonNegative
