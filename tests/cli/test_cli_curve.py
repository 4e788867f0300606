"""`multillm curve` and `multillm calibrate`: what they print, write and refuse."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from cli_world import Shell

QUICK = ("quickstart", "--set", "run.queries=150")
KEY = "policy.accept.edge"


def test_a_curve_is_printed_and_written(shell: Shell):
    said = shell("curve", *QUICK, "--over", KEY, "--out", "made/here")
    assert said.code == 0, said.err
    for text in ("weak edge, strong cloud", "APGR", "coin", "oracle", "± ", "written: made/here/points.csv"):
        assert text in said.out, text
    with Path("made/here/points.csv").open() as file:
        points = list(csv.DictReader(file))
    accuracy = [float(point["accuracy"]) for point in points]
    metrics = json.loads(Path("made/here/metrics.json").read_text())
    assert metrics["whole"] is True
    assert min(accuracy) <= metrics["metrics"]["audc"]["value"] <= max(accuracy)
    assert {single["pool"] for single in metrics["singles"]} == {"edge", "cloud"}


def test_a_threshold_is_printed_as_the_option_that_sets_it(shell: Shell):
    said = shell("calibrate", "quickstart", "--strong-share", 0.5)
    assert said.code == 0, said.err
    line = said.out.splitlines()[-1]
    assert line.startswith(f"--set {KEY}=-0.")
    assert shell("validate", "quickstart").code == 0
    assert shell("show", "quickstart", *line.split()).code == 0


@pytest.mark.parametrize(
    ("args", "error"),
    [
        (("curve", "tiny.yaml", "--over", "policy.pool=one"), "no class of the workload has 'items'"),
        (("curve", "quickstart", "--over", "policy.accept"), "did you mean policy.accept.edge?"),
        (("curve", "quickstart", "--over", f"{KEY}=1:2"), "is not a:b:n"),
        (("curve", "quickstart", "--over", KEY, "--weak", "egde"), "did you mean 'edge'"),
        (("curve", "quickstart", "--over", KEY, "--cost", "euro"), "no 'euro'"),
        (("curve", "quickstart", "--over", KEY, "--ies", "half"), "write it as a map"),
        (("curve", "quickstart", "--over", KEY, "--ies", "{alpha: 2}"), "alpha: "),
        (("curve", *QUICK, "--over", KEY, "--ies", "{weights: {flop: 0.5}}"), "add up to 1"),
        (("calibrate", "quickstart"), "give one of"),
        (("calibrate", "quickstart", "--strong-share", "0.5", "--accuracy", "0.5"), "give one of"),
        (("calibrate", "quickstart", "--strong-share", "50"), "must lie between 0 and 1"),
        (("calibrate", "tiny.yaml", "--strong-share", "0.5"), "no class of the workload has 'items'"),
        (("calibrate", "quickstart", "--accuracy", "1"), "the best on train is"),
        (("calibrate", "nowhere.yaml", "--accuracy", "1"), "nowhere.yaml"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(args: tuple[str, ...], error: str, shell: Shell):
    said = shell(*args)
    assert (said.code, said.out) == (2, "")
    assert len(said.err.splitlines()) == 1
    assert error in said.err


def test_a_folder_that_cannot_be_made_is_told(shell: Shell):
    Path("taken").write_text("a file")
    said = shell("curve", *QUICK, "--over", f"{KEY}=-1,-0.5", "--out", "taken")
    assert said.code == 2
    assert said.err.startswith("--out taken: ")
