"""The simulator's side of `real`: the same arrivals and lengths, and pools with the steps of the servers measured.

Two servers on one machine slow each other: cores share caches, memory and, often, execution units. The simulator's
machines do not. So each server of a cascade is measured alone and beside the other at work, and its coefficients are
the mean of both, weighted by the share of time in which the simulator finds the other busy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.engine.build import build
from simulator.running import run
from simulator.scoring.linear_fit import LinearFit
from simulator.scoring.llamacpp import CONTEXT_TOK, Shape
from simulator.scoring.server import Server
from simulator.scoring.steps_file import steps_profile
from simulator.spec.load import load
from simulator.spec.writer import to_yaml

Floats = NDArray[np.float64]

SLOTS, BATCHED_TOK = 4, 256
SHARE = 0.25  # of the cascade's questions that escalate
_ROUNDS = 4  # of the shares of time in which two servers are busy; they settle to a percent in three


@dataclass(frozen=True)
class Asked:
    """Arrivals and lengths of a workload, each (n,)."""

    arrive_s: Floats
    prompt_tok: NDArray[np.int64]
    output_tok: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.arrive_s)


@dataclass(frozen=True)
class Pool:
    """A real server with its model and the fit of its passes."""

    name: str
    shape: Shape
    server: Server
    fit: LinearFit
    beside: LinearFit | None = None
    """The fit while its neighbour on the machine works."""

    def mixed(self, busy_frac: float) -> Pool:
        """The pool as it is where its neighbour is busy for this share of the time."""
        if self.beside is None:
            return self
        alone, beside = self.fit, self.beside
        weighted = {
            key: (1 - busy_frac) * value + busy_frac * beside.coefficients[key]
            for key, value in alone.coefficients.items()
        }
        request_s = (1 - busy_frac) * alone.request_s + busy_frac * beside.request_s
        return replace(self, fit=replace(alone, coefficients=weighted, request_s=request_s), beside=None)

    def work_s(self, asked: Asked) -> float:
        """Mean seconds of the server that a request takes when all slots are busy: their inverse is its capacity."""
        c = self.fit.coefficients
        prompt, output = asked.prompt_tok.astype(float), asked.output_tok.astype(float)
        shared_s = (c["pass_s"] + c["batch_s"]) / SLOTS + c["decode_seq_s"]
        decode_s = (output - 1) * (shared_s + c["context_tok_s"] * (prompt + output / 2))
        return float(np.mean(c["chunk_tok_s"] * prompt + c["pair_s"] * prompt**2 / 2 + decode_s))


def drawn(n: int, seed: int) -> Asked:
    """Lognormal lengths, all at time 0."""
    rng = np.random.default_rng(seed)
    prompt = np.clip(np.exp(rng.normal(np.log(60), 0.6, n)), 16, 300).astype(np.int64)
    output = np.clip(np.exp(rng.normal(np.log(24), 0.5, n)), 4, 96).astype(np.int64)
    return Asked(np.zeros(n), prompt, output)


def poisson(n: int, rate_per_s: float, seed: int) -> Asked:
    """The same lengths, arriving at random."""
    gaps_s = np.random.default_rng([seed, 1]).exponential(1 / rate_per_s, n)
    return replace(drawn(n, seed), arrive_s=np.cumsum(gaps_s) - gaps_s[0])


def simulated(folder: Path, pools: Sequence[Pool], asked: Asked) -> tuple[pd.DataFrame, dict[str, float]]:
    """The queries of the same workload in the simulator, by arrival, and the share of time in which pools are busy."""
    busy = dict.fromkeys((pool.name for pool in pools), 0.5)
    for _ in range(_ROUNDS if len(pools) > 1 else 1):  # each slows the other, which lengthens its own work
        slowed = [pool.mixed(sum(busy[other.name] for other in pools if other is not pool)) for pool in pools]
        _write_world(folder, slowed, asked)
        tables = run(build(load(folder / "real.yaml"))).tables
        replicas = tables.ledger[tables.ledger.kind == "replica"]
        in_state = replicas.groupby(["pool", "state"], observed=True).time_s.sum()
        busy = {pool.name: float(in_state[pool.name]["busy"] / in_state[pool.name].sum()) for pool in pools}
    queries = tables.queries.sort_values("query").reset_index(drop=True)
    assert (queries.fate == "finished").all(), queries.fate.value_counts()
    return queries, busy


def _write_world(folder: Path, pools: Sequence[Pool], asked: Asked) -> None:
    """The scenario of these pools and this workload, with the profiles that it names."""
    files: dict[str, str] = {}
    assumed = [{"kind": "assumed", "ref": "not what is compared: only times are"}]
    device = {
        "kind": "cpu",
        "family": "one-core",
        "engine": "any",
        "memory_gb": 8,
        "bandwidth_gb_per_s": 20,
        "peak_fp16_tflop_per_s": 0.1,
        "tdp_w": 10,
    }
    device |= {"idle_w": 1, "bandwidth_frac": 0.8}
    files["profiles/devices/one-core.yaml"] = to_yaml(
        {"name": "one-core", **device, "prefill_frac": 0.5, "sources": assumed}
    )
    for pool in pools:
        files[f"profiles/models/{pool.name}.yaml"] = to_yaml(_model(pool))
        files[f"profiles/steps/{pool.name}-steps.yaml"] = steps_profile(f"{pool.name}-steps", pool.fit, "llama.cpp")
    trace = pd.DataFrame({"s": asked.arrive_s, "prompt_tok": asked.prompt_tok, "output_tok": asked.output_tok})
    files["trace.csv"] = trace.to_csv(index=False)
    sure = np.random.default_rng(5).random(len(asked)) >= SHARE
    files["profiles/quality/items.csv"] = pd.DataFrame(
        {"item": np.arange(len(asked)), "split": "test", "sure": sure.astype(int), "right": 1}
    ).to_csv(index=False)
    names = [pool.name for pool in pools]
    columns = {"item": "item", "split": "split", "score": dict.fromkeys(names, "right")}
    columns["confidence"] = dict.fromkeys(names, "sure")
    items = {"name": "items", "kind": "items", "file": "items.csv", "format": "wide", "columns": columns}
    files["profiles/quality/items.yaml"] = to_yaml(items | {"models": names, "sources": assumed})
    files["real.yaml"] = to_yaml(_scenario(pools, len(asked)))
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def _scenario(pools: Sequence[Pool], queries: int) -> dict[str, Any]:
    names = [pool.name for pool in pools]
    link = {"up_mbit_per_s": 10_000, "down_mbit_per_s": 10_000, "sharing": "per_user"}
    return {
        "name": "real",
        "run": {"queries": queries, "warmup_s": 0, "replications": 1},
        "workload": {
            "real": {
                "arrivals": {
                    "use": "trace",
                    "file": "trace.csv",
                    "format": "csv",
                    "columns": {"arrive_s": "s", "prompt_tok": "prompt_tok", "output_tok": "output_tok"},
                },
                "items": {"table": "items", "output_tok": "workload"},
                "show": "at-once",
            }
        },
        "fleet": {
            pool.name: {
                "model": pool.name,
                "device": "one-core",
                "place": pool.name,
                "weights": "q8_0",
                "steps": f"{pool.name}-steps",
                "max_seqs": SLOTS,
                "max_batched_tok": BATCHED_TOK,
                "kv_tok": SLOTS * CONTEXT_TOK,
            }
            for pool in pools
        },
        "links": {
            f"http-{pool.name}": {"between": ["here", pool.name], "rtt_ms": pool.fit.request_s * 1e3, **link}
            for pool in pools
        },
        "policy": {"use": "cascade", "order": names, "accept": 0.5},
    }


def _model(pool: Pool) -> dict[str, Any]:
    shape = pool.shape
    billion = shape.params / 1e9
    return asdict(shape) | {
        "name": pool.name,
        "params_billion": billion,
        "active_params_billion": billion - shape.vocab * shape.hidden / 1e9,
        "head_dim": shape.hidden // shape.heads,
        "max_context_tok": CONTEXT_TOK,
        "sources": [{"kind": "measured", "ref": "as written"}],
    }
