from __future__ import annotations

from pathlib import Path

import pytest
from scoring_world import BATCHED_TOK, LINEAR, Shell, burst
from test_linear_fit import SIZES

from simulator.scoring.measurements import Measurement, measurements_text, read_measurements
from simulator.spec.library import library


@pytest.fixture
def table(tmp_path: Path) -> Path:
    (tmp_path / "box.csv").write_text(measurements_text(burst(tmp_path, *size, LINEAR) for size in SIZES))
    return tmp_path / "box.csv"


def test_a_table_becomes_a_profile_that_a_scenario_takes(shell: Shell, table: Path, tmp_path: Path) -> None:
    said = shell("profile", "fit", table, "--batched-tok", str(BATCHED_TOK), "--model", "llama-3.2-1b")
    assert (said.code, said.err) == (0, "")
    assert "ttft_s" in said.out
    assert "row left out" in said.out
    profile = library([tmp_path]).read("steps", "box")
    assert profile.args["pass_s"] == pytest.approx(LINEAR["pass_s"], rel=2e-2)
    assert profile.evidence("args") == "fitted"
    sets = ["--set", "fleet.one.steps=box"]
    assert shell("run", "burst.yaml", *sets, "--quiet", "--no-report").code == 0
    assert "is of model 'llama-3.2-1b'" in shell("run", "burst.yaml", *sets, "--set", "fleet.one.model=phi-4").err


def test_a_profile_that_is_there_is_left_alone(shell: Shell, table: Path) -> None:
    args = ["profile", "fit", table, "-o", "mine.yaml"]
    assert shell(*args).code == 0
    before = Path("mine.yaml").read_text()
    said = shell(*args)
    assert said.code == 2
    assert said.err == "mine.yaml: exists, and is left as it is (--force overwrites it)\n"
    assert Path("mine.yaml").read_text() == before
    assert shell(*args, "--force").code == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "prompt_tok,output_tok,ttfts\n1,1,1\n",
            "bad.csv:1: no 'ttfts' among the columns known; did you mean 'ttft_s'?",
        ),
        ("prompt_tok,ttft_s\n1,1\n", "bad.csv:1: no column 'output_tok'"),
        ("prompt_tok,output_tok\n1,1\n", "bad.csv:1: nothing measured: no column of ttft_s, "),
        ("prompt_tok,output_tok,ttft_s\n1,1,0.1\n9,1,-2\n", "bad.csv:3: ttft_s: must be a number > 0, not '-2'"),
        ("prompt_tok,output_tok,ttft_s\n1,1,nan\n", "bad.csv:2: ttft_s: must be a number > 0, not 'nan'"),
        ("prompt_tok,output_tok,ttft_s\n1,1,fast\n", "bad.csv:2: ttft_s: 'fast' is not a number"),
        ("prompt_tok,output_tok,ttft_s\n0,1,1\n", "bad.csv:2: prompt_tok: must be a whole number from 1 to 10000000"),
        ("prompt_tok,output_tok,tpot_s\n9,1,1\n", "bad.csv:2: tpot_s: needs an output_tok of 2 or more"),
        ("prompt_tok,output_tok,tpot_s\n9,1,\n", "bad.csv:2: nothing measured: all quantities are empty"),
        ("prompt_tok,output_tok,joining_tok,tpot_s\n9,9,9,1\n", "bad.csv:2: a row with joining_tok has a ttft_s and"),
        ("prompt_tok,output_tok,ttft_s\n9,1,1\n", "bad.csv: the table says nothing of decode_seq_s: give tpot_s or"),
        ("", "bad.csv:1: no header"),
    ],
)
def test_a_bad_table_is_told_with_its_line_and_nothing_is_written(shell: Shell, text: str, message: str) -> None:
    Path("bad.csv").write_text(text)
    said = shell("profile", "fit", "bad.csv")
    assert said.code == 2
    assert said.err.startswith(message)
    assert len(said.err.splitlines()) == 1
    assert [path.name for path in Path().iterdir()] == ["bad.csv"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["-o", "x.csv"], "-o x.csv: a profile is a file NAME.yaml"),
        (["-o", "x.yaml", "--name", "y"], "-o x.yaml: a profile is named as its file is: not 'y'"),
        (["--name", "../x"], "--name: no name for a profile: '../x'"),
    ],
)
def test_a_profile_has_the_name_of_its_file(shell: Shell, table: Path, args: list[str], message: str) -> None:
    said = shell("profile", "fit", table, *args)
    assert said.code == 2
    assert said.err.startswith(message)


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    rows = [
        Measurement(16, 1, measured={"ttft_s": 0.25}),
        Measurement(16, 8, 4, 0, {"tpot_s": 0.5, "energy_j": 3.0}),
        Measurement(16, 8, 2, 64, {"ttft_s": 0.125}),
    ]
    (tmp_path / "t.csv").write_text(measurements_text(rows))
    assert read_measurements(tmp_path / "t.csv") == rows
