from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import yaml
from cli_world import Shell

from simulator import read_result
from simulator.cli.progress import progress
from simulator.records.errors import ResultError
from simulator.records.tables import write_table
from simulator.spec.scenario import RunSpec


def never(*args: object) -> None:
    raise AssertionError("simulated, though the mistake could be seen before")


def test_a_run_prints_a_table_and_keeps_its_result(shell: Shell) -> None:
    said = shell("run", "tiny.yaml", "--reps", "1", "--no-report")
    assert said.code == 0
    assert said.err == ""
    assert "STABLE" in said.out
    folder = said.out.splitlines()[-1].removeprefix("result: ")
    assert folder.startswith("runs/tiny-")
    assert len(read_result(Path(folder)).tables.queries) == 40


def test_json_is_one_document_with_the_result_in_it(shell: Shell) -> None:
    said = shell("run", "tiny.yaml", "--json", "--no-report", "--out", "kept")
    document = json.loads(said.out)
    assert said.err == ""
    assert {"name", "seed", "verdict", "run_dir", "wall_s", "queries_per_wall_s", "metrics"} <= set(document)
    assert (document["name"], document["seed"], document["verdict"]) == ("tiny", 3, "STABLE")
    for estimate in document["metrics"].values():
        assert {"mean", "ci_low", "ci_high", "unit", "evidence"} <= set(estimate)
    kept = read_result(Path(document["run_dir"]))
    times = kept.tables.queries.groupby("replication")["e2e_s"].mean()
    assert document["metrics"]["e2e_s.mean"]["mean"] == pytest.approx(times.mean(), rel=0.2)  # but for the warm-up


def test_what_a_policy_prints_is_no_part_of_the_document(shell: Shell) -> None:
    said = shell("run", "tiny.yaml", "--json", "--no-report", "--reps", "1", "--set", "policy=cli_world:Chatty")
    assert json.loads(said.out)["name"] == "tiny"
    assert said.err.count("deciding") == 40


def test_quiet_prints_the_folder_alone(shell: Shell) -> None:
    said = shell("run", "tiny.yaml", "--quiet", "--out", "here/kept")
    assert (said.code, said.out, said.err) == (0, "here/kept\n", "")
    assert Path("here/kept/manifest.json").is_file()


def test_seed_and_replications_are_those_of_the_command_line(shell: Shell) -> None:
    shell("run", "tiny.yaml", "--seed", "11", "--reps", "3", "--set", "run.queries=20", "--out", "kept", "--no-report")
    ran = yaml.safe_load(Path("kept/scenario.resolved.yaml").read_text())
    assert (ran["seed"], ran["run"]["replications"], ran["run"]["queries"]) == (11, 3, 20)


def test_equal_commands_give_equal_results(shell: Shell) -> None:
    first = shell("run", "tiny.yaml", "--quiet").out
    before = {file.name: file.read_bytes() for file in Path(first.strip()).iterdir() if file.name != "manifest.json"}
    assert "report.html" in before
    assert shell("run", "tiny.yaml", "--quiet").out == first
    assert all((Path(first.strip()) / name).read_bytes() == data for name, data in before.items())
    assert shell("run", "tiny.yaml", "--quiet", "--no-report", "--seed", "4").out != first


def test_a_run_writes_its_report_and_says_where(shell: Shell) -> None:
    said = shell("run", "tiny.yaml", "--out", "kept")
    assert said.out.splitlines()[-2:] == ["result: kept", "report: kept/report.html"]
    written = Path("kept/report.html").read_bytes()
    document = json.loads(shell("run", "tiny.yaml", "--out", "kept", "--json").out)
    assert Path(document["report"]) == Path(document["run_dir"]) / "report.html"
    assert shell("report", "kept").code == 0
    assert Path("kept/report.html").read_bytes() == written


def test_without_a_report_there_is_none_and_an_old_one_goes(shell: Shell) -> None:
    shell("run", "tiny.yaml", "--out", "kept", "--quiet")
    said = shell("run", "tiny.yaml", "--out", "kept", "--json", "--no-report")
    assert json.loads(said.out)["report"] is None
    assert not Path("kept/report.html").exists()


def test_a_report_that_cannot_be_written_is_told_and_the_result_kept(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise ResultError(f"{path}: cannot be written: No space left on device")

    monkeypatch.setattr("simulator.records.files.write_text", full)
    gate = "slo=[{metric: ttft_s, percentile: 95, max: 1e-6, gate: true}]"
    for more, code in (((), 0), (("--set", gate), 3)):
        said = shell("run", "tiny.yaml", "--out", "kept", *more)
        assert said.code == code
        assert said.out.splitlines()[-1] == "result: kept"
        told = f"{Path('kept/report.html').absolute()}: cannot be written: No space left on device"
        assert said.err.splitlines()[0] == f"no report: {told}; `multillm report kept` writes it later"
        assert read_result(Path("kept")).name == "tiny"


def test_a_result_is_told_even_where_its_report_meets_a_bug(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(result: object) -> None:
        raise ZeroDivisionError("a figure's bug")

    monkeypatch.setattr("analysis.report.run.report.run_report", broken)
    said = shell("run", "tiny.yaml", "--out", "kept")
    assert (said.code, said.out.splitlines()[-1]) == (1, "result: kept")
    assert said.err == "ZeroDivisionError: a figure's bug (--debug shows the traceback)\n"


def test_a_missed_gate_is_three_and_the_result_is_kept(shell: Shell) -> None:
    gate = "slo=[{metric: ttft_s, percentile: 95, max: 1e-6, gate: true}]"
    said = shell("run", "tiny.yaml", "--no-report", "--out", "kept", "--set", gate)
    assert said.code == 3
    assert said.err.startswith("gate missed: ttft_s p95 is ")
    assert said.err.count("\n") == 1
    assert "MISSED" in said.out
    assert read_result(Path("kept")).name == "tiny"
    assert shell("run", "tiny.yaml", "--no-report", "--set", gate.replace(", gate: true", "")).code == 0


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["run", "tine.yaml"], "tine.yaml: no such file"),
        (["run", "tiny"], "no 'tiny' among the scenarios; did you mean the file tiny.yaml?"),
        (["run", "quikstart"], "did you mean 'quickstart'?"),
        (["run", "tiny.yaml", "--set", "fleet.one.replica=2"], "did you mean 'replicas'?"),
        (["run", "tiny.yaml", "--set", "fleet.one.replicas"], "write it as dotted.key=value"),
        (["run", "tiny.yaml", "--set", "run=1", "--reps", "2"], "--reps 2: 'run' is 1, not a map"),
        (["run", "tiny.yaml", "--set", "fleet.one.model=llama-3.1-70b"], "do not fit"),  # its memory
        (["run", "tiny.yaml", "--profiles", "nowhere"], "no folder 'nowhere'"),
        (["run", "tiny.yaml", "--reps", "0"], "--reps"),
        (["run", "tiny.yaml", "--seed", "-1"], "--seed"),
        (["run"], "FILE|NAME"),
        (["rum"], "rum"),
    ],
    ids=" ".join,
)
def test_mistakes_are_told_at_once_and_are_two(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, args: list[str], told: str
) -> None:
    monkeypatch.setattr("simulator.running.run", never)
    said = shell(*args)
    assert said.code == 2
    assert said.out == ""
    assert told in said.err
    assert "Traceback" not in said.err


def test_no_folder_that_is_not_a_result_is_replaced(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.running.run", never)
    Path("mine").mkdir()
    Path("mine/letter.txt").write_text("dear")
    for out in ("mine", "mine/letter.txt", "mine/letter.txt/below"):
        said = shell("run", "tiny.yaml", "--out", out)
        assert said.code == 2
        assert said.err.startswith(out)
        assert said.err.count("\n") == 1
    assert Path("mine/letter.txt").read_text() == "dear"


def test_the_unexpected_is_one_and_shows_its_traceback_only_if_asked(shell: Shell) -> None:
    broken = ("run", "tiny.yaml", "--out", "kept", "--set", "policy=cli_world:Broken")
    said = shell(*broken)
    assert (said.code, said.out) == (1, "")
    assert said.err == "ValueError: a bug of the user's (--debug shows the traceback)\n"
    assert not Path("kept").exists()
    said = shell(*broken, "--debug")
    assert said.code == 1
    assert "Traceback" in said.err
    assert "cli_world.py" in said.err


def test_an_interrupted_run_leaves_nothing(shell: Shell) -> None:
    with pytest.raises(KeyboardInterrupt):
        shell("run", "tiny.yaml", "--set", "policy=cli_world:Interrupted")
    assert [path.name for path in Path().iterdir()] == ["tiny.yaml"]


@pytest.mark.parametrize(
    "error",
    [duckdb.Error("Traceback (most recent call last):\n\nKeyboardInterrupt"), RuntimeError("Query interrupted")],
)
def test_ctrl_c_that_the_database_meets_is_no_error_of_the_disk(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(**config: object) -> None:
        raise error

    monkeypatch.setattr("duckdb.connect", connect)
    with pytest.raises(KeyboardInterrupt):
        write_table(pd.DataFrame({"a": [1]}), tmp_path / "a.parquet")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = RunSpec(queries=1000, replications=2)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with progress(spec) as told:
        assert told is None
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress(spec, show=False) as told:
        assert told is None


@pytest.mark.parametrize("spec", [RunSpec(queries=1024, replications=2), RunSpec(duration_s=9, replications=2)])
def test_progress_counts_replications_and_queries(spec: RunSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress(spec) as told:
        assert told is not None
        told(0, 1024)
        told(1, 512)
    assert "replication 2 of 2" in terminal.getvalue()
    assert "1,536 queries" in terminal.getvalue()
