"""The commands that answer: recommend, capacity, optimize, and what SQL says of their folders."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli_world import TINY, Shell

from simulator.records.result import read_result

RANDOM = (
    TINY.replace("use: constant", "use: poisson")
    .replace("{use: fixed, prompt_tok: 50, output_tok: 5}", "azure-conv-like")
    .replace("device: l40s", "device: l4")
    .replace("queries: 40", "queries: 200")
)
TIGHT = RANDOM.replace("rate_per_s: 2", "rate_per_s: 4").replace("max: 10,", "max: 6,")


@pytest.fixture
def world(shell: Shell) -> Shell:
    """The command line beside a scenario that one replica is not enough for."""
    Path("tight.yaml").write_text(TIGHT)
    Path("free.yaml").write_text(TIGHT.split("slo:")[0])
    return shell


def limits_held(folder: str, key: str) -> bool:
    summary = read_result(Path(folder) / "points" / key).summary
    return all(held.met for held in summary.slos) and summary.verdict == "STABLE"


def test_the_smallest_fleet_holds_and_the_next_smaller_does_not(world: Shell) -> None:
    said = world("recommend", "tight.yaml", "--vary", "fleet.one.replicas=1..4", "--slo", "--jobs", "1", "--json")
    assert said.code == 0, said.err
    document = json.loads(said.out)
    least = document["best"]["values"]["fleet.one.replicas"]
    assert least > 1
    assert limits_held(document["folder"], document["best"]["key"])
    (below,) = document["bound"]
    assert below["values"] == {"fleet.one.replicas": least - 1}
    assert not limits_held(document["folder"], below["key"])
    assert document["devices"] == least


def test_a_recommendation_is_told_with_what_binds_below_it(world: Shell) -> None:
    vary = ("--vary", "fleet.one.replicas=1..4", "--jobs", "1", "--out", "kept")
    said = world("recommend", "tight.yaml", *vary, "--min", "energy_j")
    assert said.code == 0
    lines = said.out.splitlines()
    (least,) = [line for line in lines if line.startswith("least energy per query that holds: fleet.one.replicas=")]
    assert "devices)" in least
    (below,) = [line for line in lines if line.startswith("below it: fleet.one.replicas=")]
    assert "e2e_s p95 is " in below
    before = {file: file.stat().st_mtime_ns for file in Path("kept/points").iterdir()}
    assert world("recommend", "tight.yaml", *vary, "--min", "energy_j").out == said.out
    assert {file: file.stat().st_mtime_ns for file in Path("kept/points").iterdir()} == before


def test_the_capacity_is_a_rate_that_holds_with_one_near_above_it_that_does_not(world: Shell) -> None:
    options = ("--tolerance", "0.2", "--jobs", "1", "--out", "kept")
    said = world("capacity", "tight.yaml", *options, "--json")
    assert said.code == 0, said.err
    document = json.loads(said.out)
    key = "workload.chat.arrivals.rate_per_s"
    assert document["key"] == key
    assert document["best"]["values"][key] == document["rate"]
    assert document["rate"] < document["above"]["values"][key] <= 1.2 * document["rate"]
    assert limits_held("kept", document["best"]["key"])
    assert not limits_held("kept", document["above"]["key"])
    said = world("capacity", "tight.yaml", *options)
    assert f"goodput: {key}={document['rate']:.4g}, {document['rate']:.4g} a device  (to 20 %)" in said.out
    assert "above it: " in said.out


def test_the_best_trade_offs_are_a_table_and_a_document(world: Shell) -> None:
    pytest.importorskip("optuna")
    vary = ("--vary", "fleet.one.replicas=2..4", "--vary", "fleet.one.max_seqs=4,64")
    options = (*vary, "--min", "energy_j", "--min", "ttft_s.p95", "--trials", "6", "--jobs", "1", "--out", "kept")
    said = world("optimize", "tight.yaml", *options, "--json")
    assert said.code == 0, said.err
    document = json.loads(said.out)
    assert [one["metric"] for one in document["objectives"]] == ["energy_j_per_query", "ttft_s.p95"]
    assert all(limits_held("kept", one["key"]) for one in document["best"])
    assert document["best"]
    said = world("optimize", "tight.yaml", *options)
    assert "6 trials: " in said.out
    assert "fleet.one.max_seqs=" in said.out


def test_the_folder_of_a_search_is_asked_in_sql(world: Shell) -> None:
    world("recommend", "tight.yaml", "--vary", "fleet.one.replicas=1..2", "--jobs", "1", "--out", "kept")
    query = 'select "fleet.one.replicas", verdict, "e2e_s.p95" from points order by 1'
    said = world("sql", "kept", query)
    assert said.code == 0
    assert said.out.splitlines()[0].split() == ["fleet.one.replicas", "verdict", "e2e_s.p95"]
    assert [line.split()[0] for line in said.out.splitlines()[1:]] == ["1", "2"]
    said = world("sql", "kept", "select * from queries", "--csv")
    assert len(said.out.splitlines()) == 1 + 2 * 2 * 200
    assert "... and 700 more rows: --csv has them" in world("sql", "kept", "select query from queries").out


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("recommend", "free.yaml", "--vary", "fleet.one.replicas=1..2"), "has no 'slo'"),
        (("capacity", "free.yaml"), "has no 'slo'"),
        (("recommend", "tight.yaml"), "--vary: say what may be varied"),
        (("recommend", "tight.yaml", "--vary", "fleet.one.replica=1..2"), "did you mean 'replicas'?"),
        (("recommend", "tight.yaml", "--vary", "fleet.one.replicas=1..2", "--min", "cost"), "metric: no 'cost'"),
        (
            ("recommend", "tight.yaml", "--vary", "fleet.one.replicas=1..2", "--set", "slo.0.max=0.01", "--jobs", "1"),
            "the most that --vary allows does not hold the limits: fleet.one.replicas=2: e2e_s p95 is ",
        ),
        (("capacity", "tight.yaml", "--over", "fleet.two.replicas"), "is no number above 0 of the scenario"),
        (("optimize", "tight.yaml", "--vary", "a=1", "--min", "joules"), "metric: no 'joules'"),
        (("optimize", "tight.yaml", "--min", "energy_j"), "--vary: say what may be varied"),
        (("sql", ".", "select 1"), "not the folder of a sweep"),
    ],
)
def test_mistakes_are_one_line(world: Shell, args: tuple[str, ...], told: str) -> None:
    said = world(*args)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1), said
    assert told in said.err


def test_an_objective_is_asked_for(world: Shell) -> None:
    said = world("optimize", "tight.yaml", "--vary", "fleet.one.replicas=1..2")
    assert said.code == 2
    assert "name a metric to make small" in said.err


def test_without_optuna_it_is_said_what_to_install(world: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    said = world("optimize", "tight.yaml", "--vary", "fleet.one.replicas=1..2", "--min", "energy_j")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "pip install 'multillm-sim[opt]'" in said.err


def test_the_help_of_all_imports_nothing_heavy() -> None:
    program = (
        "import sys; from simulator.cli.app import command; command(sys.argv[1:]); "
        "print([name for name in ('pandas', 'scipy', 'duckdb', 'optuna', 'simpy', 'joblib') if name in sys.modules])"
    )
    for name in ("compare", "recommend", "capacity", "optimize", "sql"):
        run = subprocess.run(
            [sys.executable, "-c", program, name, "--help"], capture_output=True, text=True, check=True
        )
        assert run.stdout.splitlines()[-1] == "[]"
