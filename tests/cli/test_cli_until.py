from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_world import TINY, Shell

from simulator import read_result

RANDOM = TINY.replace("use: constant", "use: poisson").replace(
    "{use: fixed, prompt_tok: 50, output_tok: 5}", "azure-conv-like"
)


@pytest.fixture
def world(shell: Shell) -> Shell:
    Path("random.yaml").write_text(RANDOM)
    return shell


def files(folder: str | Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in Path(folder).iterdir() if file.name != "manifest.json"}


def width(folder: str | Path, metric: str) -> float:
    told = read_result(Path(folder)).summary.metrics[metric]
    assert told.mean is not None
    assert told.ci_low is not None
    assert told.ci_high is not None
    return (told.ci_high - told.ci_low) / 2 / told.mean


def test_replications_are_added_until_the_interval_is_narrow_and_no_further(world: Shell) -> None:
    said = world(
        "run", "random.yaml", "--until-ci", "0.1", "--metric", "e2e_s.mean", "--out", "kept", "--quiet", "--no-report"
    )
    assert said.code == 0
    count = read_result(Path("kept")).summary.replications
    assert count > 2
    assert width("kept", "e2e_s.mean") <= 0.1
    assert (
        said.err == f"e2e_s.mean is known to ± {100 * width('kept', 'e2e_s.mean'):.2g} % after {count} replications\n"
    )
    world("run", "random.yaml", "--reps", str(count - 1), "--out", "fewer", "--quiet", "--no-report")
    assert width("fewer", "e2e_s.mean") > 0.1


def test_the_result_is_that_of_as_many_replications(world: Shell) -> None:
    world("run", "random.yaml", "--until-ci", "0.1", "--metric", "e2e_s.mean", "--out", "kept", "--quiet")
    count = read_result(Path("kept")).summary.replications
    world("run", "random.yaml", "--reps", str(count), "--out", "plain", "--quiet")
    assert files("kept") == files("plain")


def test_the_metric_is_that_of_the_first_limit(world: Shell) -> None:
    said = world("run", "random.yaml", "--until-ci", "0.5", "--quiet", "--no-report")
    assert said.err.startswith("e2e_s.p95 is known to ")


def test_too_many_replications_are_told(world: Shell) -> None:
    said = world(
        "run", "random.yaml", "--until-ci", "0.0001", "--max-reps", "3", "--out", "kept", "--quiet", "--no-report"
    )
    assert said.code == 0
    assert "after 3 replications, not ± 0.01 %: --max-reps 3 is reached" in said.err
    assert read_result(Path("kept")).summary.replications == 3


def test_fewer_than_the_file_says_may_be_enough(world: Shell) -> None:
    world(
        "run",
        "random.yaml",
        "--reps",
        "6",
        "--until-ci",
        "0.9",
        "--max-reps",
        "3",
        "--out",
        "kept",
        "--quiet",
        "--no-report",
    )
    assert read_result(Path("kept")).summary.replications == 3


def test_points_of_a_sweep_have_as_many_as_each_needs_under_a_key_of_their_own(world: Shell) -> None:
    grid = ("sweep", "random.yaml", "--grid", "seed=1,2", "--jobs", "1", "--out", "points")
    plain = world(*grid)
    until = (*grid, "--until-ci", "0.12", "--metric", "e2e_s.mean")
    assert (plain.code, world(*until).code) == (0, 0)
    folders = list(Path("points/points").iterdir())
    assert len(folders) == 4
    asked = [json.loads((folder / "manifest.json").read_text()).get("until") for folder in folders]
    assert sorted(one is None for one in asked) == [False, False, True, True]
    assert all(one["reached"] <= 0.12 for one in asked if one is not None)
    said = world(*grid, "--until-ci", "0.0001", "--max-reps", "2")
    assert said.err == "2 of 2 points do not know e2e_s.p95 to ± 0.01 % after 2 replications\n"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--until-ci", "2"), "--until-ci 2: write a fraction between 0 and 1, 0.02 for 2 %"),
        (("--until-ci", "0.1", "--metric", "ttft"), "metric: no 'ttft'"),
        (("--until-ci", "0.1", "--metric", "accuracy"), "accuracy is undefined in this scenario"),
    ],
)
def test_mistakes_are_one_line(world: Shell, options: tuple[str, ...], told: str) -> None:
    said = world("run", "random.yaml", *options)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert told in said.err


@pytest.mark.parametrize("option", [("--metric", "e2e_s.mean"), ("--max-reps", "9")])
def test_options_of_until_ci_need_it(world: Shell, option: tuple[str, str]) -> None:
    said = world("run", "random.yaml", *option)
    assert said.code == 2
    assert "goes with --until-ci" in said.err
