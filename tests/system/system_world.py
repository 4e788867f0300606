"""A small made-up world for whole runs: its profiles, and scenarios as plain data."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from simulator import build, load, run
from simulator.engine.build import System
from simulator.records.result import Result

Scenario = dict[str, Any]
Simulate = Callable[..., Result]

SOURCES = [{"kind": "assumed", "ref": "made for tests"}]
TDP_W, BUSY_FRAC, IDLE_W, HOST_IDLE_W = 100.0, 0.75, 10.0, 5.0
BARE_W, HOST_ACTIVE_W, LOAD_GB_PER_S = 4.0, 3.0, 8.0
USD_PER_H = 3.6
BUSY_W = TDP_W * BUSY_FRAC - IDLE_W + HOST_ACTIVE_W  # above idle, whatever it does, loading too
BOX = {  # the same power in prefill and decode: joules are seconds at work times watts
    "kind": "edge",
    "family": "none",
    "engine": "any",
    "memory_gb": 64,
    "bandwidth_gb_per_s": 100,
    "peak_fp16_tflop_per_s": 10,
    "tdp_w": TDP_W,
    "idle_w": IDLE_W,
    "bare_idle_w": BARE_W,
    "host_idle_w": HOST_IDLE_W,
    "host_active_w": HOST_ACTIVE_W,
    "load_gb_per_s": LOAD_GB_PER_S,
    "active_power_frac": BUSY_FRAC,
    "memory_power_frac": 0.0,
    "compute_power_frac": 0.0,
    "price_usd_per_h": USD_PER_H,
    "bandwidth_frac": 0.5,
    "prefill_frac": 0.5,
    "interconnect_gb_per_s": 50,
    "pass_overhead_ms": 0,
    "layer_overhead_us": 50,
    "chunk_layer_overhead_us": 0,
    "moe_layer_overhead_us": 0,
    "kv_bandwidth_frac": 0.5,
    "split_frac": 1,
    "interconnect_frac": 1,
    "seq_overhead_us": 0,
}
LAYERS, HIDDEN, HEADS, KV_HEADS, HEAD_DIM, VOCAB = 16, 2048, 32, 8, 64, 32000
FFN = {"small": 8192, "large": 32768}
ACTIVE = {  # parameters of the layers: attention and a gated feed-forward part
    name: LAYERS * (2 * HIDDEN * HEAD_DIM * (HEADS + KV_HEADS) + 3 * HIDDEN * ffn) for name, ffn in FFN.items()
}
HEAD = VOCAB * HIDDEN  # parameters of the output head, and of the input embedding
MODEL = {
    "layers": LAYERS,
    "hidden": HIDDEN,
    "heads": HEADS,
    "kv_heads": KV_HEADS,
    "head_dim": HEAD_DIM,
    "vocab": VOCAB,
    "max_context_tok": 8192,
}
USD_IN, USD_OUT, USD_CALL, J_PER_TOK = 2e-6, 8e-6, 1e-4, 3.0
API = {
    "model": "api",
    "price_in_usd_per_mtok": USD_IN * 1e6,
    "price_out_usd_per_mtok": USD_OUT * 1e6,
    "price_usd_per_call": USD_CALL,
    "ttft_median_s": 0.25,
    "ttft_sigma": 0.5,
    "rate_median_tok_per_s": 50.0,
    "rate_sigma": 0.25,
    "energy_j_per_tok": J_PER_TOK,
}
WIRE = {
    "rtt_ms": 30,
    "up_mbit_per_s": 2,
    "down_mbit_per_s": 4,
    "energy_up_nj_per_bit": 50,
    "energy_down_nj_per_bit": 20,
    "network_kwh_per_gb": 0.01,
}
AIR = {  # a wire whose transfers differ, with a radio
    **WIRE,
    "rtt_sigma": 0.5,
    "up_sigma": 0.7,
    "down_sigma": 0.3,
    "outage_frac": 0.1,
    "outage_mean_s": 0.5,
    "promotion_s": 0.75,
    "radio_idle_s": 1.5,
    "tail_s": 2.0,
    "tail_w": 1.5,
}
SLOWER = 4
MODELS = ("small", "large", "api")
ITEMS = 24
TASKS = ("sums", "words")


def write_profiles(folder: Path) -> None:
    """Every profile that a scenario of `tests/system` names."""
    kinds: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
        "devices": {"box": BOX, "slow-box": slowed(BOX)},
        "models": {
            name: {**MODEL, "ffn": ffn, "params_billion": (ACTIVE[name] + 2 * HEAD) / 1e9} for name, ffn in FFN.items()
        },
        "hosted": {"api": API, "slow-api": slowed(API), "dear-api": dear(API)},
        "links": {"wire": WIRE, "slow-wire": slowed(WIRE), "air": AIR, "slow-air": slowed(AIR)},
        "regions": {"XX": {"carbon_g_per_kwh": 360}},
    }
    for kind, profiles in kinds.items():
        for name, values in profiles.items():
            write_yaml(folder / kind / f"{name}.yaml", {"name": name, **values, "sources": SOURCES})
    write_table(folder, "pair", outcomes(seed=1))
    write_table(folder, "slow-pair", [slowed(row) for row in outcomes(seed=1)])


def slowed(value: Any, key: str = "") -> Any:
    """The same in a world where all takes four times as long, at the same watts: a power of two, so exactly 4 x."""
    if isinstance(value, Mapping):
        return {name: slowed(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [slowed(item) for item in value]
    if isinstance(value, str):
        return f"slow-{value}" if value in ("box", "api", "wire", "air", "pair") and key != "model" else value
    if key.endswith("per_s"):
        return value / SLOWER
    if key.endswith(("_s", "_ms", "_us")) or key.startswith("time-") or key.endswith("j_per_tok"):
        return value * SLOWER
    return value


def dear(api: Mapping[str, Any]) -> Scenario:
    """An API at twice the price."""
    return {key: 2 * value if "usd" in key else value for key, value in api.items()}


def write_yaml(path: Path, values: Mapping[str, Any]) -> None:
    """Write plain data; JSON is YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def outcomes(seed: int) -> list[dict[str, Any]]:
    """Rows of a quality table: what every model made of every item. Powers of two in times, so that sums are exact."""
    chance = random.Random(seed)
    rows = []
    for item in range(ITEMS):
        row: dict[str, Any] = {"item": f"q{item}", "task": TASKS[item % 2]}
        for i, model in enumerate(MODELS):
            row |= {
                f"score-{model}": int(chance.random() < 0.5 + 0.2 * i),
                f"sure-{model}": round(chance.uniform(0, 1), 2),
                f"out-{model}": chance.randint(1, 24),
                f"in-{model}": 8 + 3 * item,
                f"time-{model}": chance.randint(1, 64) / 32,
                f"usd-{model}": chance.randint(1, 64) / 65536,
            }
        rows.append(row)
    return rows


def write_table(folder: Path, name: str, rows: list[dict[str, Any]]) -> None:
    """A quality profile of these rows, all of the test split."""
    columns = {"item": "item", "task": "task", "score": "score-{model}", "confidence": "sure-{model}"}
    columns |= {"output_tok": "out-{model}", "prompt_tok": "in-{model}"}
    columns |= {"latency_s": "time-{model}", "cost_usd": "usd-{model}"}
    profile = {"name": name, "kind": "items", "file": f"{name}.csv", "columns": columns, "sources": SOURCES}
    profile |= {"format": "wide", "models": {model: model for model in MODELS}}
    write_yaml(folder / "quality" / f"{name}.yaml", profile)
    with (folder / "quality" / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def shuffled_scores(folder: Path, name: str) -> str:
    """The table `name` in `folder`, whose scores are those of "pair" shuffled over its items, model by model."""
    rows, chance = outcomes(seed=1), random.Random(5)
    for model in MODELS:
        scores = [row[f"score-{model}"] for row in rows]
        chance.shuffle(scores)
        for row, score in zip(rows, scores, strict=True):
            row[f"score-{model}"] = score
    write_table(folder / "profiles", name, rows)
    return name


def linear(slower: float = 1.0) -> Scenario:
    """A step model in which every time is a power of two."""
    times = {"pass_s": 2.0**-6, "decode_seq_s": 2.0**-9, "context_tok_s": 2.0**-18, "chunk_tok_s": 2.0**-11}
    return {"use": "linear", **{key: slower * value for key, value in times.items()}}


def own(model: str = "small", **more: Any) -> Scenario:
    """A pool of own boxes."""
    return {"model": model, "device": "box", "steps": linear(), "max_seqs": 4, "max_batched_tok": 64, **more}


def items(output_tok: str = "workload", **more: Any) -> Scenario:
    return {"table": "pair", "split": "all", "output_tok": output_tok, **more}


def chat(rate_per_s: float = 2.0, **more: Any) -> Scenario:
    """A class of the workload."""
    return {
        "arrivals": {"use": "poisson", "rate_per_s": rate_per_s},
        "lengths": {
            "use": "lognormal",
            "prompt": {"median_tok": 40, "sigma": 0.8},
            "output": {"median_tok": 12, "sigma": 0.8},
        },
        "items": items(),
        **more,
    }


def scenario(policy: Scenario, fleet: Scenario, **more: Any) -> Scenario:
    """A scenario of one class, which `more` may overrule."""
    return {
        "name": "made",
        "seed": 3,
        "run": {"queries": 60, "replications": 1, "warmup_s": 0.0},
        "workload": {"chat": chat()},
        "fleet": fleet,
        "policy": policy,
        **more,
    }


def built(question: Scenario, folder: Path) -> System:
    """The system of a scenario written to `folder`, which has the profiles beside it."""
    path = folder / f"{question['name']}.yaml"
    write_yaml(path, question)
    return build(load(path))


def simulated(question: Scenario, folder: Path) -> Result:
    return run(built(question, folder))
