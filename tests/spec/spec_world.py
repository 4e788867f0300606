"""A small world: the text of a scenario, and the profiles that it names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

SOURCES = "sources: [{kind: assumed, ref: made for tests}]\n"
DEVICE = """\
kind: phone
family: none
engine: any
memory_gb: 8
bandwidth_gb_per_s: 50
peak_fp16_tflop_per_s: 2
tdp_w: 5
idle_w: 0.5
active_power_frac: 0.4
memory_power_frac: 0.4
bandwidth_frac: 0.7
prefill_frac: 0.5
"""
MODEL = """\
params_billion: 1.24
layers: 16
hidden: 2048
heads: 32
kv_heads: 8
head_dim: 64
ffn: 8192
vocab: 128256
tied: true
max_context_tok: 8192
"""
LINK = "rtt_ms: 20\nup_mbit_per_s: 50\ndown_mbit_per_s: 100\n"
PROFILES = {
    "devices": {"small-soc": DEVICE, "big-gpu": DEVICE},
    "models": {"model-s": MODEL, "model-l": MODEL},
    "links": {"thin": LINK},
    "regions": {"XX": "carbon_g_per_kwh: 350\n"},
}
SCENARIO = """\
name: two
seed: 7
run: {queries: 1e3}
workload:
  chat:
    origin: home
    arrivals: {use: poisson, rate_per_s: 4}
    lengths: {use: fixed, prompt_tok: 100, output_tok: 20}
fleet:
  edge:  {model: model-s, device: small-soc, place: home, replicas: 4}
  cloud: {model: model-l, device: big-gpu, place: dc, replicas: 1}
links:
  wan: {between: [home, dc], profile: thin}
policy: {use: cascade, order: [edge, cloud], accept: {edge: 0.62}}
grid: {home: {region: XX}}
slo:
  - {metric: ttft_s, percentile: 95, max: 1.5, gate: true}
"""

Write = Callable[..., str]


def write_profiles(folder: Path) -> None:
    for kind, profiles in PROFILES.items():
        (folder / kind).mkdir(parents=True)
        for name, text in profiles.items():
            (folder / kind / f"{name}.yaml").write_text(f"name: {name}\n{text}{SOURCES}")
