"""Profiles as code reads them: base units only, made once, each with the evidence of its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from simulator.spec.profiles import (
    EVIDENCE,
    DeviceProfile,
    EngineProfile,
    Evidence,
    HostedProfile,
    LinkProfile,
    ModelProfile,
    Profile,
    RegionProfile,
)
from simulator.spec.units import to_base

EvidenceOf = Mapping[str, Evidence]
V = TypeVar("V", "Device", "Model", "Link", "Hosted", "Region")


@dataclass(frozen=True, slots=True)
class Device:
    """One accelerator, its share of the host, and what an engine achieves on it."""

    name: str
    memory_bytes: float
    bandwidth_bytes_per_s: float
    peak_fp16_flop_per_s: float
    peak_fp8_flop_per_s: float | None
    peak_int8_op_per_s: float | None
    peak_fp4_flop_per_s: float | None
    tdp_w: float
    idle_w: float
    host_idle_w: float
    host_active_w: float
    price_usd_per_s: float
    load_bytes_per_s: float | None
    bare_idle_w: float | None
    embodied_g: float | None
    life_s: float
    battery_j: float | None
    throttle_after_s: float | None
    throttle_factor: float
    cool_s: float
    interconnect_bytes_per_s: float | None
    bandwidth_frac: float
    kv_bandwidth_frac: float
    prefill_frac: float
    prefill_fp8_frac: float | None
    prefill_fp4_frac: float | None
    prefill_int8_frac: float | None
    split_frac: float
    expert_frac: float
    prefill_half_tok: float
    attention_frac: float
    request_overhead_s: float
    pass_overhead_s: float
    layer_overhead_s: float
    chunk_layer_overhead_s: float
    moe_layer_overhead_s: float
    seq_overhead_s: float
    allreduce_s: float
    interconnect_frac: float
    chunk_quantum_tok: int
    runtime_bytes: float
    memory_frac: float
    active_power_frac: float
    memory_power_frac: float
    compute_power_frac: float
    evidence: EvidenceOf = field(repr=False)
    extrapolated_from: str = ""
    """The engine profile that stands in where nobody measured this device under its engine; empty where one did."""


@dataclass(frozen=True, slots=True)
class Model:
    """Architecture facts of an open model; `spec.architecture.parts` counts its parameters."""

    name: str
    params_extra: float
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    attention_gate: bool
    ffn: int
    ffn_matrices: int
    ffn_layers: int | None
    vocab: int
    tied: bool
    experts: int | None
    experts_per_tok: int | None
    expert_ffn: int | None
    shared_ffn: int
    dense_layers: int
    moe_every: int
    q_rank: int | None
    kv_rank: int | None
    rope_dim: int | None
    nope_dim: int | None
    v_dim: int | None
    window_tok: int | None
    window_layers: int
    linear_layers: int
    linear_layer_params: int | None
    linear_state_bytes: float
    max_context_tok: int
    weights: str
    kv_value_bytes: float
    evidence: EvidenceOf = field(repr=False)


@dataclass(frozen=True, slots=True)
class Link:
    """A link between two places, `up` from the first to the second. Rates and round trip are medians of lognormals."""

    name: str
    rtt_s: float
    rtt_sigma: float
    up_bytes_per_s: float
    up_sigma: float
    down_bytes_per_s: float
    down_sigma: float
    outage_frac: float
    outage_mean_s: float
    promotion_s: float
    radio_idle_s: float
    tail_s: float
    tail_w: float
    energy_up_j_per_byte: float
    energy_down_j_per_byte: float
    network_j_per_byte: float
    evidence: EvidenceOf = field(repr=False)


@dataclass(frozen=True, slots=True)
class Hosted:
    """A hosted API as its customer sees it; `energy_j_per_tok` is None where nobody knows."""

    name: str
    model: str
    price_in_usd_per_tok: float
    price_cached_in_usd_per_tok: float | None
    price_out_usd_per_tok: float
    price_usd_per_call: float
    ttft_median_s: float
    ttft_sigma: float
    rate_median_tok_per_s: float
    rate_sigma: float
    energy_j_per_tok: float | None
    requests_per_s: float | None
    tokens_per_s: float | None
    evidence: EvidenceOf = field(repr=False)


@dataclass(frozen=True, slots=True)
class Region:
    """A grid region."""

    name: str
    carbon_g_per_j: float
    pue: float | None
    evidence: EvidenceOf = field(repr=False)


def weakest(kinds: Iterable[Evidence]) -> Evidence:
    """The weakest of these kinds of evidence: a result is known no better than that. Raises ValueError on none."""
    return max(kinds, key=EVIDENCE.index)


def device(profile: DeviceProfile, layers: Sequence[EngineProfile] = ()) -> Device:
    """A device under an engine, in base units: what the device's profile does not give is the first layer's that does.

    `layers` are as from `Library.layers`.
    """
    value = _value(Device, profile, *layers)
    of_its_own = profile.bandwidth_frac is not None or not layers or layers[0].device == profile.name
    if of_its_own or value.evidence["bandwidth_frac"] == "measured":
        return value
    return replace(value, extrapolated_from=layers[0].name)


def model(profile: ModelProfile) -> Model:
    """The model of this profile in base units."""
    return _value(Model, profile)


def link(profile: LinkProfile) -> Link:
    """The link of this profile in base units."""
    return _value(Link, profile)


def hosted(profile: HostedProfile) -> Hosted:
    """The hosted API of this profile in base units."""
    return _value(Hosted, profile)


def region(profile: RegionProfile) -> Region:
    """The grid region of this profile in base units."""
    return _value(Region, profile)


def overridden(link: Link, numbers: Mapping[str, float]) -> Link:
    """The link with other numbers (`rtt_s`, `up_bytes_per_s`, ...): those that a scenario gives are assumed."""
    given: dict[str, Any] = {**numbers, "evidence": {**link.evidence, **dict.fromkeys(numbers, "assumed")}}
    return replace(link, **given)


def _value(cls: type[V], *profiles: Profile) -> V:
    """A value whose fields are from the first of the profiles that gives them, each with its evidence."""
    values: dict[str, Any] = {}
    evidence: dict[str, Evidence] = {}
    for profile in reversed(profiles):
        for key, value in profile:
            name, factor = to_base(key, 1.0)
            if value is None and name in values:
                continue
            is_quantity = isinstance(value, float) and factor != 1.0
            values[name] = value * factor if is_quantity else value
            evidence[name] = profile.evidence(key)
    wanted = {f.name for f in fields(cls)} - {"evidence", "extrapolated_from"}
    return cls(**{name: values[name] for name in wanted}, evidence={name: evidence[name] for name in wanted})
