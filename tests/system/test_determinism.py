"""The same scenario and seed give the same files, byte for byte, in any process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from system_world import Scenario, Simulate, chat, items, linear, own, scenario, write_yaml

ROOT = Path(__file__).parents[2]
SAVE = """
import sys
from pathlib import Path
from simulator import build, load, run
run(build(load(sys.argv[1]))).save(Path(sys.argv[2]))
"""
MAY_DIFFER = {"manifest.json"}  # host facts and times


def everything() -> Scenario:
    """Chance of every kind (dispatch, hosted latencies, items, sessions, a policy's coin), and all that takes time."""
    sessions = {"use": "sessions", "rate_per_s": 1.0, "turns_mean": 3, "wait": {"median_s": 1.0, "sigma": 0.5}}
    return scenario(
        {"use": "random", "share": {"a": 0.3, "b": 0.3, "c": 0.4}},
        {
            "a": own(dispatch="random", replicas=2, max_queue=2),
            "b": own("large", place="dc", dispatch="power-of-two", replicas=3, steps=linear(2)),
            "c": {"hosted": "api", "place": "dc"},
        },
        run={"queries": 80, "replications": 2},
        workload={
            "chat": chat(call_timeout_s=1.5),
            "code": chat(arrivals=sessions, items=items("table"), timeout_s=9.0),
        },
        links={"wan": {"between": ["here", "dc"], "profile": "wire"}},
        router={"time_s": 0.01, "active_w": 5.0},
        grid={"here": {"region": "XX", "pue": 1.2}},
    )


def saved(path: Path, folder: Path, hash_seed: str) -> dict[str, bytes]:
    """The files of a run in a process of its own."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed}
    subprocess.run([sys.executable, "-c", SAVE, str(path), str(folder)], check=True, env=env, cwd=path.parent)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture(scope="module")
def files(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    """What two processes, whose sets and dicts of text are in different orders, have saved."""
    write_yaml(folder / "everything.yaml", everything())
    out = tmp_path_factory.mktemp("runs")
    return [saved(folder / "everything.yaml", out / f"run{seed}", seed) for seed in ("1", "20")]


def test_two_processes_write_the_same_bytes(files: list[dict[str, bytes]]):
    one, other = files
    assert one.keys() == other.keys() > MAY_DIFFER
    assert {name for name in one if one[name] != other[name]} <= MAY_DIFFER


def test_this_process_writes_them_too(files: list[dict[str, bytes]], simulate: Simulate, tmp_path: Path):
    simulate(everything()).save(tmp_path / "run")
    assert {name for name in files[0] if files[0][name] != (tmp_path / "run" / name).read_bytes()} <= MAY_DIFFER


def test_another_seed_is_another_run(files: list[dict[str, bytes]], simulate: Simulate, tmp_path: Path):
    simulate({**everything(), "seed": 4}).save(tmp_path / "run")
    assert files[0]["queries.parquet"] != (tmp_path / "run" / "queries.parquet").read_bytes()
