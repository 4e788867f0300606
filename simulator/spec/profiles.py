"""The shape of profiles: one YAML file a thing, each number with its source. Code reads them as `physics.values`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from simulator.spec.base import Count, NonNegative, Positive, Share, Spec

Evidence = Literal["measured", "fitted", "datasheet", "assumed"]
EVIDENCE: tuple[Evidence, ...] = ("measured", "fitted", "datasheet", "assumed")  # strongest first


class Source(Spec):
    """Where numbers are from."""

    kind: Evidence
    ref: str
    """Data sheet, paper, repository and commit."""
    of: tuple[str, ...] = ()
    """The keys it covers; empty: all that no other source names."""
    note: str = ""


class Profile(Spec):
    """What all profiles have."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=60)]
    title: str = ""
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]

    def evidence(self, key: str) -> Evidence:
        """Evidence of `key`: of the source that names it, else the first that names nothing; a default is assumed."""
        if key not in self.model_fields_set:
            return "assumed"
        for source in self.sources:
            if key in source.of:
                return source.kind
        return next((source.kind for source in self.sources if not source.of), "assumed")

    @model_validator(mode="after")
    def _every_number_has_a_source(self) -> Profile:
        named = {key for source in self.sources for key in source.of}
        if unknown := sorted(named - set(type(self).model_fields)):
            raise ValueError(f"'sources' name keys that do not exist: {', '.join(unknown)}")
        numbers = {key for key in self.model_fields_set if isinstance(getattr(self, key), float)}
        if all(source.of for source in self.sources) and (bare := sorted(numbers - named)):
            raise ValueError(f"no source for {', '.join(bare)}")
        return self


class Achieved(Profile):
    """What an engine achieves on a device, and what the device then draws: fractions of peaks, overheads, power.

    A key that is not given is taken from the next, less particular profile: see `Library.layers`.
    """

    bandwidth_frac: Annotated[float, Field(gt=0, le=1)] | None = None
    """Achievable fraction of the bandwidth in decode (eta)."""
    prefill_frac: Annotated[float, Field(gt=0, le=1.2)] | None = None
    """Achievable fraction of the fp16 peak in passes of many tokens."""
    prefill_fp8_frac: Annotated[float, Field(gt=0, le=1.2)] | None = None
    """The same of the fp8 peak, where weights multiply in fp8."""
    prefill_fp4_frac: Annotated[float, Field(gt=0, le=1.2)] | None = None
    """The same of the fp4 peak, where weights multiply in fp4."""
    prefill_half_tok: NonNegative | None = None
    """Tokens up to which a pass reaches half of `prefill_frac`; t tokens beyond reach t / (t + this) of it."""
    attention_frac: Annotated[float, Field(gt=0, le=1)] | None = None
    """Achievable fraction of the fp16 peak in the attention of prompts."""
    pass_overhead_ms: NonNegative | None = None
    """Fixed time of a pass, whatever the model: scheduler, sampling."""
    layer_overhead_us: NonNegative | None = None
    """Fixed time of a layer in a pass: launches, small kernels."""
    seq_overhead_us: NonNegative | None = None
    """Time of a pass for each sequence that decodes: sampling, detokenising, scheduling."""
    allreduce_us: NonNegative | None = None
    """Latency of one small all-reduce between devices of a host."""
    runtime_gb: NonNegative | None = None
    """Memory that the engine itself takes on each device."""
    memory_frac: Annotated[float, Field(gt=0, le=1)] | None = None
    """Fraction of the memory that the engine may use."""
    active_power_frac: Share | None = None
    """Power of a device that works, before what it moves and multiplies, as a fraction of the TDP."""
    memory_power_frac: Share | None = None
    """What it draws on top of that at its full bandwidth, as a fraction of the TDP."""
    compute_power_frac: Share | None = None
    """What it draws on top of that at its full fp16 peak, as a fraction of the TDP; the sum is capped at the TDP."""


class EngineProfile(Achieved):
    """An inference engine on all devices, on those of a `family`, or on one `device`, as its name says."""

    engine: str
    family: str | None = None
    device: str | None = None


class DeviceProfile(Achieved):
    """A GPU, an edge box or one unit of a phone SoC: facts. Peaks are dense.

    What an engine achieves on it is in `profiles/engines`; a key given here wins over those.
    """

    kind: Literal["datacenter", "workstation", "edge", "phone", "laptop", "cpu"]
    family: str
    """Devices on which engines achieve about the same fractions: hopper, ada, apple, jetson, snapdragon-npu, ..."""
    engine: str
    """The engine that runs on it where the pool names none."""
    year: Annotated[int, Field(ge=1990, le=2100)] | None = None
    memory_gb: Positive
    bandwidth_gb_per_s: Positive
    peak_fp16_tflop_per_s: Positive
    peak_fp8_tflop_per_s: Positive | None = None
    peak_int8_top_per_s: Positive | None = None
    peak_fp4_tflop_per_s: Positive | None = None
    tdp_w: Positive
    bare_idle_w: NonNegative | None = None
    """Watts with no model loaded; `idle_w` where it is not given."""
    idle_w: NonNegative
    """Watts with the model loaded and nothing to do."""
    host_idle_w: NonNegative = 0.0
    """Watts of the machine around one device (CPU, memory, fans), always drawn."""
    host_active_w: NonNegative = 0.0
    """Watts of the machine around one device while that device works, above `host_idle_w`."""
    load_gb_per_s: Positive | None = None
    """Speed at which weights come into its memory when a model is loaded."""
    interconnect_gb_per_s: Positive | None = None
    """Bandwidth to the other devices of a host, each way; without it there is no tensor parallelism."""
    price_usd_per_h: NonNegative = 0.0
    embodied_kg: NonNegative | None = None
    """Kilograms of CO2e of making it, its share of the host included."""
    life_years: Positive = 4.0
    """Years of use that the making is spread over."""
    battery_wh: Positive | None = None
    throttle_after_s: Positive | None = None
    """Seconds of work at full power, from cold, until it is too hot."""
    throttle_factor: Annotated[float, Field(ge=1)] = 1.0
    """By how much passes take longer while it is hot."""
    cool_s: Positive = 60.0
    """Time constant with which it cools down and warms up."""


class ModelProfile(Profile):
    """An open model: architecture facts."""

    params_billion: Positive
    active_params_billion: Positive
    """Parameters multiplied for one token (without the input embedding; MoE: with the experts chosen)."""
    layers: Count
    hidden: Count
    heads: Count
    kv_heads: Count
    head_dim: Count
    ffn: Count
    """Width of the feed-forward layer (of one expert)."""
    vocab: Count
    tied: bool = False
    """One matrix is both input embedding and output head."""
    experts: Count | None = None
    experts_per_tok: Count | None = None
    max_context_tok: Count
    window_tok: Count | None = None
    """Context of the layers with a sliding window; these layers count as full ones in time and memory as yet."""
    weights: str = "bf16"
    """Quantisation as published."""
    kv_value_bytes: Positive = 2.0
    """Bytes of one number in the KV cache."""


class LinkProfile(Profile):
    """A link between two places; `up` is from the first (the user's) to the second."""

    rtt_ms: NonNegative
    up_mbit_per_s: Positive
    down_mbit_per_s: Positive
    energy_up_nj_per_bit: NonNegative = 0.0
    """Joules of the user's radio or adapter above its idle; tails after a transfer are left out."""
    energy_down_nj_per_bit: NonNegative = 0.0
    network_kwh_per_gb: NonNegative = 0.0
    """Energy of the network between, an average and not a marginal figure."""


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
    """Mean of `year`."""
    year: Annotated[int, Field(ge=1990, le=2100)] | None = None
