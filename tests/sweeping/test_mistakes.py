"""What is wrong with a sweep is one line, with its place, before anything runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sweep_world import TINY

from simulator import sweep
from simulator.records.errors import ResultError
from simulator.records.sweep import estimates, read_indexes
from simulator.spec.errors import SpecError
from simulator.sweeping import cluster

Shell = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("grid: {run.queries: []}", ":11:23: sweep.grid.run.queries: must have at least 1 item, not 0"),
        ("grid: {}", ":11:3: sweep: give one of 'grid', 'zip', 'list' and 'sample'"),
        ("gird: {seed: [1]}", ":11:3: sweep.gird: unknown key; did you mean 'grid'?"),
        (
            "zip: {seed: [1, 2], run.queries: [1]}",
            "'zip' needs as many values of each key: seed has 2, run.queries has 1",
        ),
        ("{grid: {seed: [1]}, list: [{seed: 2}]}", "'seed' is varied by 'grid' and by 'list'"),
        ("sample: {points: 4, over: {seed: {low: 3, high: 1}}}", "'low' must be below 'high', 1, not 3"),
        ("sample: {points: 4, over: {seed: {low: 0, high: 1, scale: log}}}", "a log scale needs 'low' above 0, not 0"),
        ("sample: {points: 4, over: {seed: {low: 0.5, high: 3, whole: true}}}", "not from 0.5 to 3"),
        ("sample: {points: 0, over: {seed: {low: 0, high: 3}}}", "must be greater than or equal to 1, not 0"),
        ("grid: {fleet.two.replicas: [1]}", ":11:10: no 'two' in fleet"),
        ("grid: {fleet.one.replica: [1]}", ":11:10: fleet.one.replica: unknown key; did you mean 'replicas'?"),
        ("grid: {fleet.one.replicas: [1, 0]}", ":11:10: fleet.one.replicas: must be greater than or equal to 1, not 0"),
        ("list: [{seed: 1}, {fleet.one.replicas: 0}]", ":11:22: fleet.one.replicas: must be greater than or equal"),
        ("grid: {slo: [[{metric: acuracy, min: 0.5}]]}", "did you mean 'accuracy'?"),
        ("grid: {..a: [1]}", ":11:10: write it as dotted.key=value"),
    ],
)
def test_a_mistake_in_a_file_is_a_line_with_its_place(here: Path, multillm: Shell, said: str, told: str) -> None:
    (here / "wrong.yaml").write_text(f"{TINY}sweep:\n  {said}\n")
    for arguments in (("validate", "wrong.yaml"), ("sweep", "wrong.yaml", "--jobs", "1")):
        code, _, err = multillm(*arguments)
        (line,) = err.splitlines()
        assert (code, line.startswith("wrong.yaml:")) == (2, True), line
        assert told in line
    assert not (here / "sweeps").exists()


@pytest.mark.parametrize(
    ("grid", "told"),
    [
        (["fleet.two.replicas=1,2"], "--grid: no 'two' in fleet"),
        (["fleet.one.replicas=0..2"], "--grid: fleet.one.replicas: must be greater than or equal to 1, not 0"),
        (["fleet.one.replicas="], "--grid fleet.one.replicas=: has no values: write 1,2,4 or 1..16"),
        (["fleet.one.replicas=4..1"], "from 4 to 1 is no range"),
        (["fleet.one.replicas"], "write it as dotted.key=1,2,4 or dotted.key=1..16"),
        (["seed=1", "seed=2"], "'seed' is given twice"),
        (["seed=1..1000", "run.queries=1..1000"], "--grid: 1,000,000 points: at most 100,000 are run in one sweep"),
    ],
)
def test_a_mistake_on_the_command_line_is_a_line(here: Path, multillm: Shell, grid: list[str], told: str) -> None:
    started = time.perf_counter()
    code, _, err = multillm("sweep", "tiny.yaml", *(word for one in grid for word in ("--grid", one)))
    (line,) = err.splitlines()
    assert code == 2
    assert told in line
    assert time.perf_counter() - started < 10
    assert not (here / "sweeps").exists()


def test_a_scenario_that_varies_nothing_says_what_to_do(multillm: Shell) -> None:
    code, _, err = multillm("sweep", "tiny.yaml")
    assert (code, err) == (
        2, "tiny.yaml:2:1: varies nothing: give it a 'sweep', or name keys and values with --grid\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"grid": {}}, "sweep: give one of"),
        ({"grid": {"seed": []}}, "sweep: grid.seed: must have at least 1 item"),
        ({"grid": {"seed": 3}}, "sweep: grid.seed: must be a list, not 3"),
        ({"grid": {"sead": [3]}}, "sweep: sead: unknown key; did you mean 'seed'?"),
        ({"sample": {"points": 10**6, "over": {"seed": {"low": 1, "high": 2}}}}, "sweep: 1,000,000 points: at most"),
    ],
)
def test_a_mistake_in_python_is_a_line(here: Path, given: dict[str, object], told: str) -> None:
    with pytest.raises(SpecError) as caught:
        sweep("tiny.yaml", **given)  # type: ignore[arg-type]
    assert str(caught.value).startswith(told)
    assert len(str(caught.value).splitlines()) == 1


def test_the_same_mistake_of_a_thousand_points_is_told_once(multillm: Shell) -> None:
    code, _, err = multillm("sweep", "tiny.yaml", "--grid", "seed=1..1000", "--grid", "fleet.one.max_seqs=0")
    assert code == 2
    assert err == "--grid: fleet.one.max_seqs: must be greater than or equal to 1, not 0\n"


def test_a_metric_that_does_not_exist_is_a_line(here: Path) -> None:
    sweep("tiny.yaml", grid={"seed": [1]}, folder="out", jobs=1)
    (index,) = read_indexes(here / "out")
    with pytest.raises(ResultError, match="no metric 'acuracy'"):
        estimates(here / "out", index, ["acuracy"])


def test_a_cluster_that_does_not_answer_is_a_line_and_soon(
    here: Path, multillm: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "ANSWERS_WITHIN_S", 0.5)
    args = ("sweep", "tiny.yaml", "--grid", "seed=1,2", "--backend", "dask", "--cluster", "tcp://127.0.0.1:9")
    code, _, err = multillm(*args)
    (line,) = err.splitlines()
    assert code == 2
    assert line.startswith("no Dask scheduler answers at tcp://127.0.0.1:9: ")
    assert not (here / "sweeps").exists()


def test_an_address_of_no_kind_is_a_line(multillm: Shell) -> None:
    pytest.importorskip("distributed")
    code, _, err = multillm("sweep", "tiny.yaml", "--grid", "seed=1", "--backend", "dask", "--cluster", "nowhere")
    assert (code, len(err.splitlines())) == (2, 1)


def test_a_cluster_goes_with_its_backend_only(multillm: Shell) -> None:
    code, _, err = multillm("sweep", "tiny.yaml", "--grid", "seed=1,2", "--cluster", "tcp://127.0.0.1:9")
    assert code == 2
    assert "goes with --backend dask" in err


def test_numbers_of_numpy_are_numbers(here: Path) -> None:
    table = sweep("tiny.yaml", grid={"seed": np.arange(2), "run.queries": [np.int64(5)]}, folder="out", jobs=1)
    assert table["seed"].unique().tolist() == [0, 1]
