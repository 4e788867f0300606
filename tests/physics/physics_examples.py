"""Small devices and models whose prices can be done by hand, and all shipped profiles as values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from simulator.physics import values
from simulator.physics.step import Spans, StepModel
from simulator.physics.values import Device, Model
from simulator.spec.library import library
from simulator.spec.profiles import DeviceProfile, HostedProfile, LinkProfile, ModelProfile, Profile, RegionProfile

PROFILES = Path(__file__).parents[2] / "profiles"
KINDS: dict[str, tuple[type[Profile], Any]] = {
    "devices": (DeviceProfile, values.device),
    "models": (ModelProfile, values.model),
    "links": (LinkProfile, values.link),
    "hosted": (HostedProfile, values.hosted),
    "regions": (RegionProfile, values.region),
}
SOURCES = [{"kind": "assumed", "ref": "a test"}]


def files(kind: str) -> list[Path]:
    return sorted((PROFILES / kind).glob("*.yaml"))


def profile(kind: str, name: str) -> Any:
    return KINDS[kind][0].model_validate(yaml.safe_load((PROFILES / kind / f"{name}.yaml").read_text()))


def shipped(kind: str, name: str) -> Any:
    """A shipped profile as a value; a device is one under its own engine."""
    made = profile(kind, name)
    return values.device(made, library([]).layers(made)) if kind == "devices" else KINDS[kind][1](made)


def tiny_device(**changes: Any) -> Device:
    """100 FLOP/s and 10 bytes/s achieved, no overheads, 10 W idle, 100 W TDP."""
    keys: dict[str, Any] = {
        "name": "tiny",
        "kind": "edge",
        "family": "none",
        "engine": "any",
        "memory_gb": 1e-6,
        "bandwidth_gb_per_s": 2e-8,
        "peak_fp16_tflop_per_s": 2e-10,
        "tdp_w": 100.0,
        "idle_w": 10.0,
        "active_power_frac": 0.5,
        "memory_power_frac": 0.2,
        "compute_power_frac": 0.2,
        "bandwidth_frac": 0.5,
        "prefill_frac": 0.5,
        "prefill_half_tok": 0.0,
        "request_overhead_us": 0.0,
        "pass_overhead_ms": 0.0,
        "layer_overhead_us": 0.0,
        "chunk_layer_overhead_us": 0.0,
        "moe_layer_overhead_us": 0.0,
        "kv_bandwidth_frac": 0.5,
        "expert_frac": 1.0,
        "split_frac": 1.0,
        "interconnect_frac": 1.0,
        "chunk_quantum_tok": 1,
        "seq_overhead_us": 0.0,
        "allreduce_us": 10.0,
        "attention_frac": 0.5,
        "runtime_gb": 0.0,
        "memory_frac": 1.0,
        "sources": SOURCES,
    }
    return values.device(DeviceProfile.model_validate(keys | changes))


def tiny_model(**changes: Any) -> Model:
    """30 parameters, 5 of them in the embedding and 5 in the head, 18 in attention; 1 layer, 2 heads of 3, 1 for KV."""
    keys: dict[str, Any] = {
        "name": "tiny",
        "params_billion": 30e-9,
        "layers": 1,
        "hidden": 1,
        "heads": 2,
        "kv_heads": 1,
        "head_dim": 3,
        "ffn": 1,
        "ffn_matrices": 2,
        "vocab": 5,
        "max_context_tok": 1000,
        "sources": SOURCES,
    }
    return values.model(ModelProfile.model_validate(keys | changes))


def summed_s(steps: StepModel, n: int, seqs: int, context: int, chunk: int, past: int, pairs: float) -> float:
    """Seconds of `n` passes by the affine pieces that the step model offers."""
    total_s, left = 0.0, n
    while left:
        first_s, growth_s, holds = steps.pace(seqs, context, chunk, past, pairs)
        k = min(left, holds)
        total_s += k * first_s + growth_s * k * (k - 1) / 2
        context += k * seqs
        pairs += k * chunk**2
        past += k * chunk
        left -= k
    return total_s


def stepped_s(steps: StepModel, n: int, seqs: int, context: int, chunk: int, past: int, pairs: float) -> float:
    """Seconds of `n` passes, asked one by one."""
    return sum(steps.pace(seqs, context + j * seqs, chunk, past + j * chunk, pairs + j * chunk**2)[0] for j in range(n))


def spans(**columns: float | list[float]) -> Spans:
    """Spans of these columns; those not named are 0, `passes` is 1."""
    n = max((len(c) for c in columns.values() if isinstance(c, list)), default=1)
    given = {"passes": 1.0} | columns
    return Spans(**{name: np.broadcast_to(np.array(given.get(name, 0.0), float), n) for name in Spans._fields})
