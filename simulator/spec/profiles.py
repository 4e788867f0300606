"""The shape of profiles: one YAML file a thing, each number with its source. Code reads them as `physics.values`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import InitErrorDetails

from simulator.spec.architecture import impossible, miscounted
from simulator.spec.base import Count, NonNegative, Positive, Share, Spec
from simulator.spec.errors import fault
from simulator.spec.plausible import doubt

Evidence = Literal["measured", "fitted", "datasheet", "assumed"]
EVIDENCE: tuple[Evidence, ...] = ("measured", "fitted", "datasheet", "assumed")  # strongest first


class Source(Spec):
    """Where numbers are from."""

    kind: Evidence
    """How the numbers are known."""
    ref: str
    """Data sheet, paper, repository and commit."""
    of: tuple[str, ...] = ()
    """The keys it covers; empty: all that no other source names."""
    note: str = ""
    """What else is to be said."""


class Profile(Spec):
    """What all profiles have."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=60)]
    """As the file is named, without `.yaml`."""
    title: str = ""
    """What people call it."""
    sources: Annotated[tuple[Source, ...], Field(min_length=1)]
    """Where the numbers are from: the first without `of` covers all keys that no other names."""

    def source(self, key: str) -> Source | None:
        """The source of `key`: the one that names it, else the first that names nothing; a default has none."""
        if key not in self.model_fields_set:
            return None
        naming = (source for source in self.sources if key in source.of)
        return next(naming, next((source for source in self.sources if not source.of), None))

    def evidence(self, key: str) -> Evidence:
        """Evidence of `key`, as of its source; a value without one is assumed."""
        source = self.source(key)
        return "assumed" if source is None else source.kind

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

    bandwidth_frac: Annotated[float, Field(gt=0, le=0.9)] | None = None
    """Achievable fraction of the bandwidth in decode (eta): no measured one is above 0.9."""
    kv_bandwidth_frac: Annotated[float, Field(gt=0, le=1)] | None = None
    """The same while decodes read the KV cache."""
    prefill_frac: Annotated[float, Field(gt=0, le=1.2)] | None = None
    """Achievable fraction of the fp16 peak in passes of many tokens."""
    prefill_fp8_frac: Annotated[float, Field(gt=0, le=1.2)] | None = None
    """The same of the fp8 peak, where weights multiply in fp8."""
    prefill_fp4_frac: Annotated[float, Field(gt=0, le=1.2)] | None = None
    """The same of the fp4 peak, where weights multiply in fp4."""
    prefill_int8_frac: Annotated[float, Field(gt=0, le=1.2)] | None = None
    """The same of the int8 peak, where the kernels of a quantisation multiply in int8 (GGUF)."""
    split_frac: Annotated[float, Field(gt=0, le=1)] | None = None
    """What products keep of that for each doubling of the devices that they are split over: they get small."""
    expert_frac: Annotated[float, Field(gt=0, le=1)] | None = None
    """What products with experts reach of what other products do: they are many and small."""
    prefill_half_tok: NonNegative | None = None
    """Tokens up to which a pass reaches half of `prefill_frac`; t tokens beyond reach t / (t + this) of it."""
    attention_frac: Annotated[float, Field(gt=0, le=1)] | None = None
    """Achievable fraction of the fp16 peak in the attention of prompts."""
    request_overhead_us: NonNegative | None = None
    """Time of a request outside passes: HTTP, tokenising, scheduling. It holds up nobody else.

    A pool with `steps` of its own has it in them, or in the round trip of a link.
    """
    pass_overhead_ms: NonNegative | None = None
    """Fixed time of a pass, whatever the model: scheduler, sampling."""
    layer_overhead_us: NonNegative | None = None
    """Fixed time of a layer in a pass: launches, small kernels."""
    chunk_layer_overhead_us: NonNegative | None = None
    """What a layer takes more in a pass with prompt tokens: engines launch those one by one (no CUDA graph)."""
    moe_layer_overhead_us: NonNegative | None = None
    """What a layer with experts takes more: routing, sorting, gathering."""
    seq_overhead_us: NonNegative | None = None
    """Time of a pass for each sequence that decodes: sampling, detokenising, scheduling."""
    allreduce_us: NonNegative | None = None
    """Latency of one small all-reduce between two devices of a host; among n it is log2(n) of it."""
    interconnect_frac: Annotated[float, Field(gt=0, le=1)] | None = None
    """Achievable fraction of the bandwidth between devices in large all-reduces."""
    chunk_quantum_tok: Count | None = None
    """Prompt tokens that a pass is made for: fewer take as long (NPUs with fixed shapes); 1 elsewhere."""
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
    """Its name, as pools and devices give it."""
    family: str | None = None
    """Holds for devices of this family."""
    device: str | None = None
    """Holds for this device."""


class DeviceProfile(Achieved):
    """A GPU, an edge box or one unit of a phone SoC: facts. Peaks are dense.

    What an engine achieves on it is in `profiles/engines`; a key given here wins over those.
    """

    aliases: tuple[str, ...] = ()
    """Other names of it, as tables of measurements have them; no two devices of a library share one."""
    kind: Literal["datacenter", "workstation", "edge", "phone", "laptop", "cpu"]
    """What it is built into; `cpu` is a machine that computes on its processor."""
    family: str
    """Devices on which engines achieve about the same fractions: hopper, ada, apple, jetson, snapdragon-npu, ..."""
    engine: str
    """The engine that runs on it where the pool names none."""
    year: Annotated[int, Field(ge=1990, le=2100)] | None = None
    """When it came out."""
    memory_gb: Positive
    """Memory that it computes from: GB, not GiB."""
    bandwidth_gb_per_s: Positive
    """Bandwidth of that memory by the data sheet."""
    peak_fp16_tflop_per_s: Positive
    """Dense peak of fp16 or bf16 with fp32 accumulation: half of what data sheets give with sparsity."""
    peak_fp8_tflop_per_s: Positive | None = None
    """Dense peak of fp8, the same as of fp16 or twice that; without it fp8 weights multiply in fp16."""
    peak_int8_top_per_s: Positive | None = None
    """Dense peak of int8 of the same unit."""
    peak_fp4_tflop_per_s: Positive | None = None
    """Dense peak of fp4; without it fp4 weights multiply in a wider format."""
    tdp_w: Positive
    """Most power that it draws for long: thermal design power, or the power mode."""
    idle_w: NonNegative
    """Watts with the model loaded and nothing to do."""
    bare_idle_w: NonNegative | None = None
    """Watts with no model loaded; `idle_w` where it is not given."""
    host_idle_w: NonNegative = 0.0
    """Watts of the machine around one device (CPU, memory, fans), always drawn."""
    host_active_w: NonNegative = 0.0
    """Watts of the machine around one device while that device works, above `host_idle_w`."""
    load_gb_per_s: Positive | None = None
    """Speed at which weights come into its memory when a model is loaded."""
    interconnect_gb_per_s: Positive | None = None
    """Bandwidth to the other devices of a host, each way; without it there is no tensor parallelism."""
    price_usd_per_h: NonNegative = 0.0
    """Hire of one device with its share of the host; 0 where it is bought."""
    embodied_kg: NonNegative | None = None
    """Kilograms of CO2e of making it, its share of the host included."""
    life_years: Positive = 4.0
    """Years of use that the making is spread over."""
    battery_wh: Positive | None = None
    """Energy that its battery holds."""
    throttle_after_s: Positive | None = None
    """Seconds of work at full power, from cold, until it is too hot."""
    throttle_factor: Annotated[float, Field(ge=1)] = 1.0
    """By how much passes take longer while it is hot."""
    cool_s: Positive = 60.0
    """Time constant with which it cools down and warms up."""

    @field_validator("*")
    @classmethod
    def _is_possible(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, float) and (wrong := doubt(str(info.field_name), value, info.data)):
            raise fault(wrong)
        return value


class ModelProfile(Profile):
    """An open model: its architecture in full, so that parameters are counted, and published totals checked by it."""

    aliases: tuple[str, ...] = ()
    """Names that published tables use for it."""
    params_billion: Positive
    """All parameters as published; a pass works with those of the architecture, which may differ by 10 % at most."""
    active_params_billion: Positive | None = None
    """Parameters multiplied for one token as published, with or without the input embedding."""
    params_extra_billion: NonNegative = 0.0
    """Of `params_billion`, what lies in memory and no pass over text multiplies: vision tower, token-ahead heads."""
    layers: Count
    """Layers that mix tokens: attention, sliding or not, and linear ones."""
    hidden: Count
    """Width of the residual stream."""
    heads: Count
    """Attention heads of a layer."""
    kv_heads: Count
    """As many as `heads` with a latent KV, which is one for all heads."""
    head_dim: Count
    """Width of a head."""
    attention_gate: bool = False
    """Queries are projected twice, the second time to gate what attention gives."""
    ffn: Count
    """Width of the feed-forward layer that is no mixture of experts."""
    ffn_matrices: Annotated[int, Field(ge=2, le=3)] = 3
    """3: gated; 2: plain."""
    ffn_layers: Count | None = None
    """Layers with a feed-forward part; all where it is not given."""
    vocab: Count
    """Entries of the vocabulary."""
    tied: bool = False
    """One matrix is both input embedding and output head."""
    experts: Count | None = None
    """Experts of a layer, of which each token passes some; none in a dense model."""
    experts_per_tok: Count | None = None
    """Experts that a token passes, without the shared ones."""
    expert_ffn: Count | None = None
    """Width of one expert; `ffn` where it is not given."""
    shared_ffn: Annotated[int, Field(ge=0)] = 0
    """Width of the experts that every token passes, all together."""
    dense_layers: Annotated[int, Field(ge=0)] = 0
    """The first layers, which have no experts."""
    moe_every: Count = 1
    """Of the layers after them, each n-th has experts."""
    q_rank: Count | None = None
    """Latent attention (MLA): width of the compressed queries; without it they are projected at once."""
    kv_rank: Count | None = None
    """Width of the compressed keys and values, which is what the KV cache holds, with one rotated key."""
    rope_dim: Count | None = None
    """Width of the rotated part of a key."""
    nope_dim: Count | None = None
    """Width of a head's plain part of queries and keys."""
    v_dim: Count | None = None
    """Width of a head's values."""
    window_tok: Count | None = None
    """Tokens that layers with a sliding window or in chunks attend to at most."""
    window_layers: Annotated[int, Field(ge=0)] = 0
    """How many layers have such a window."""
    linear_layers: Annotated[int, Field(ge=0)] = 0
    """Layers with linear attention, Mamba or convolution: a fixed state in place of a KV cache that grows."""
    linear_layer_params: Count | None = None
    """Parameters of one of them, without its feed-forward part; as many as of one with attention where not given."""
    linear_state_mb: NonNegative = 0.0
    """State of one sequence in all of them together."""
    max_context_tok: Count
    """Longest context that it was made for."""
    weights: str = "bf16"
    """Quantisation as published."""
    kv_value_bytes: Positive = 2.0
    """Bytes of one number in the KV cache."""

    @model_validator(mode="after")
    def _the_architecture_is_possible(self) -> ModelProfile:
        found = list(impossible(self)) or list(miscounted(self))
        if found:
            details = [InitErrorDetails(type=fault(text), loc=(key,), input=getattr(self, key)) for key, text in found]
            raise ValidationError.from_exception_data("model", details)  # one error a key, at its place in the file
        return self


class LinkProfile(Profile):
    """A link between two places; `up` is from the first (the user's) to the second. Rates and RTT are medians."""

    rtt_ms: NonNegative
    """Median round trip."""
    rtt_sigma: NonNegative = 0.0
    """Of the natural logarithm: the round trip of a call is lognormal."""
    up_mbit_per_s: Positive
    """Median rate from the first place to the second."""
    up_sigma: NonNegative = 0.0
    """Of the natural logarithm: the rate that a transfer finds is lognormal."""
    down_mbit_per_s: Positive
    """Median rate from the second place to the first."""
    down_sigma: NonNegative = 0.0
    """As `up_sigma`, of the way down."""
    outage_frac: Share = 0.0
    """Share of transfers that meet an outage: the tail of the round trip that no lognormal has."""
    outage_mean_s: NonNegative = 0.0
    """Mean of the exponential time that an outage lasts for them."""
    promotion_s: NonNegative = 0.0
    """What it takes to wake the radio after silence."""
    radio_idle_s: NonNegative = 0.0
    """Silence after which the radio sleeps and must be woken."""
    tail_s: NonNegative = 0.0
    """How long the radio stays awake after a transfer."""
    tail_w: NonNegative = 0.0
    """Watts of the radio while it is awake, above its sleep; what bytes add comes on top."""
    energy_up_nj_per_bit: NonNegative = 0.0
    """Joules that a byte adds in the user's radio or adapter while it is awake."""
    energy_down_nj_per_bit: NonNegative = 0.0
    """The same of bytes that come."""
    network_kwh_per_gb: NonNegative = 0.0
    """Energy of the network between, an average and not a marginal figure."""

    @model_validator(mode="after")
    def _pairs(self) -> LinkProfile:
        for pair in (("outage_frac", "outage_mean_s"), ("promotion_s", "radio_idle_s"), ("tail_s", "tail_w")):
            if len(given := self.model_fields_set & {*pair}) == 1:
                (lacking,) = {*pair} - given
                raise ValueError(f"{given.pop()!r} needs {lacking!r}")
        return self


class HostedProfile(Profile):
    """A hosted API: price and latency as the customer sees them."""

    model: str
    """What quality tables call it."""
    price_in_usd_per_mtok: NonNegative
    """Of prompt tokens."""
    price_cached_in_usd_per_mtok: NonNegative | None = None
    """Of prompt tokens that the provider has cached; the price of the others where it is not given."""
    price_out_usd_per_mtok: NonNegative
    """Of output tokens."""
    price_usd_per_call: NonNegative = 0.0
    """Of each call, on top."""
    ttft_median_s: Positive
    """Time to the first token; half are shorter."""
    ttft_sigma: NonNegative = 0.0
    """Of the natural logarithm: TTFT is lognormal."""
    rate_median_tok_per_s: Positive
    """Rate of output tokens; half are slower."""
    rate_sigma: NonNegative = 0.0
    """Of the natural logarithm: the rate is lognormal."""
    energy_j_per_tok: NonNegative | None = None
    """Joules per output token at the provider; unknown where it is not given."""
    requests_per_min: Positive | None = None
    """Rate limit of the account; none where it is not given."""
    tokens_per_min: Positive | None = None
    """The same of prompt and output tokens together."""


class RegionProfile(Profile):
    """A grid region."""

    carbon_g_per_kwh: NonNegative
    """Mean of `year`."""
    year: Annotated[int, Field(ge=1990, le=2100)] | None = None
    """Of the mean."""
    pue: Annotated[float, Field(ge=1)] | None = None
    """Of the data centres there: all energy of the building over that of its machines."""


class StepsProfile(Profile):
    """A fitted or measured step model, whole: what passes of one model on one device take, in one engine."""

    model: str | None = None
    """The model profile that it was measured with; a pool with another is refused."""
    device: str | None = None
    """The device profile that it was measured on; a pool with another is refused."""
    use: Literal["linear", "table"]
    """Which step model."""
    args: Annotated[dict[str, Any], Field(min_length=1)]
    """Arguments of the step model; its `evidence` is the source's kind where it is not given."""
