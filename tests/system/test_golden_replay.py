"""Cascades on five public sets of questions, through the engine at zero load, as another program computes them."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from system_world import API, SOURCES, Scenario, simulated, write_yaml

DATA = os.environ.get("MULTILLM_DATA")
pytestmark = pytest.mark.skipif(DATA is None, reason="MULTILLM_DATA is not set: no public tables here")

CHAINS = {  # a chain of each set, and half the thresholds: never, always, and two between
    "mmlu": "llama3.1-8b>llama3.1-405b",
    "gsm8k": "llama3.2-1b>llama3.2-3b>llama3.1-8b>llama3.1-70b>llama3.1-405b",
    "medmcqa": "llama3.1-8b>llama3.1-70b",
    "triviaqa": "llama3.2-3b>llama3.1-70b",
    "truthfulqa": "llama3.1-70b>llama3.1-405b",
}
THRESHOLDS = (-1e9, -0.5, -0.05, 1e9)


def golden() -> list[dict[str, str]]:
    if DATA is None:
        return []
    with (Path(DATA) / "quality" / "golden_replay_llama5.csv").open() as file:
        return list(csv.DictReader(file))


def name_of(row: dict[str, str]) -> str:
    return f"{row['dataset']}-{row['chain']}-{row['tau']}"


def is_quick(row: dict[str, str]) -> bool:
    return CHAINS[row["dataset"]] == row["chain"] and float(row["tau"]) in THRESHOLDS


def cascade(row: dict[str, str]) -> Scenario:
    """Every item once, far apart, at hosted models that take and cost what was recorded."""
    chain = [model.replace("llama", "llama-") for model in row["chain"].split(">")]
    pools = {model.replace(".", "_"): model for model in chain}
    recorded = {"latency": "recorded", "price": "recorded"}
    return {
        "name": "golden",
        "run": {"queries": int(row["n"]), "replications": 1, "warmup_s": 0.0},
        "workload": {
            "questions": {
                "arrivals": {"use": "constant", "rate_per_s": 0.01},
                "items": {"table": f"llama5-{row['dataset']}", "split": row["split"]},
            }
        },
        "fleet": {pool: {"hosted": f"{model}-as-recorded", **recorded} for pool, model in pools.items()},
        "policy": {"use": "cascade", "order": list(pools), "accept": float(row["tau"])},
    }


@pytest.fixture(scope="module")
def recorded_apis(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hosted models whose latency and price are the table's; those of their profiles are wrong on purpose."""
    folder = tmp_path_factory.mktemp("golden")
    for model in ("llama-3.2-1b", "llama-3.2-3b", "llama-3.1-8b", "llama-3.1-70b", "llama-3.1-405b"):
        name = f"{model}-as-recorded"
        write_yaml(
            folder / "profiles" / "hosted" / f"{name}.yaml", {**API, "name": name, "model": model, "sources": SOURCES}
        )
    return folder


def check(row: dict[str, str], folder: Path) -> None:
    tables = simulated(cascade(row), folder).tables
    queries, latency_ms = tables.queries, 1e3 * tables.queries["e2e_s"].to_numpy()
    assert (queries["fate"] == "finished").all()
    assert queries["item"].nunique() == len(queries) == int(row["n"])
    found = {
        "accuracy": queries["score"].mean(),
        "cost_usd_mean": queries["cost_usd"].mean(),
        "latency_ms_mean": latency_ms.mean(),
        **{f"latency_ms_p{p}": np.percentile(latency_ms, p) for p in (50, 95, 99)},
        "calls_per_query": len(tables.calls) / len(queries),
    }
    expected = {name: float(row[name]) for name in found}
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)
    pools = cascade(row)["policy"]["order"]
    answered = [float((queries["pool"] == pool).mean()) for pool in pools]
    assert answered == pytest.approx([float(share) for share in row["answered_share"].split("|")], abs=1e-6)
    assert queries["escalated"].mean() == pytest.approx(1 - answered[0], abs=1e-12)


@pytest.mark.parametrize("row", [row for row in golden() if is_quick(row)], ids=name_of)
def test_a_cascade_at_zero_load_is_the_published_replay(row: dict[str, str], recorded_apis: Path):
    check(row, recorded_apis)


@pytest.mark.slow
@pytest.mark.parametrize("row", [row for row in golden() if not is_quick(row)], ids=name_of)
def test_every_other_cascade_at_zero_load_is_the_published_replay(row: dict[str, str], recorded_apis: Path):
    check(row, recorded_apis)
