"""Sweeps in this process: what is kept, what is run again, what fails, and the table that comes back."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from sweep_world import TINY, files, world

from simulator import build, load, read_result, run, sweep
from simulator.records.files import remove
from simulator.records.sweep import estimates, read_indexes, tidy
from simulator.spec.sweep import SweepSpec
from simulator.sweeping import cluster
from simulator.sweeping.plan import plan
from simulator.sweeping.sweep import SweepFailed, run_plan
from simulator.sweeping.work import Done

Shell = Callable[..., tuple[int, str, str]]


def written(folder: Path) -> dict[str, int]:
    """When each point's result was written, by key."""
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("points/*/manifest.json")}


def test_a_point_is_the_run_with_its_values(here: Path) -> None:
    table = sweep("tiny.yaml", grid={"fleet.one.replicas": [1, 3]}, sets=["run.queries=20"], folder="out", jobs=1)
    for replicas in (1, 3):
        alone = run(build(load("tiny.yaml", ["run.queries=20", f"fleet.one.replicas={replicas}"])))
        alone.save(here / "alone")
        rows = table[table["fleet.one.replicas"] == replicas]
        assert rows["replication"].tolist() == [0, 1]
        assert tuple(rows["e2e_s.p95"]) == alone.summary.metrics["e2e_s.p95"].each
        assert files(here / "out" / "points" / rows["key"].iloc[0]) == files(here / "alone")


def test_the_table_has_a_row_a_point_and_replication_in_the_order_of_points(here: Path) -> None:
    table = sweep(
        "tiny.yaml", grid={"seed": [5, 4], "policy": [{"use": "always", "pool": "one"}]}, folder="out", jobs=1
    )
    head = ["point", "seed", "policy", "key", "replication", "verdict"]
    assert list(table.columns[: len(head)]) == head
    assert table[["point", "seed", "replication"]].to_numpy().tolist() == [[0, 5, 0], [0, 5, 1], [1, 4, 0], [1, 4, 1]]
    assert set(table["policy"]) == {'{"pool": "one", "use": "always"}'}
    (index,) = read_indexes(here / "out")
    means = estimates(here / "out", index, ["e2e_s.mean"])
    assert means["e2e_s.mean"].tolist() == pytest.approx(table.groupby("point")["e2e_s.mean"].mean().tolist())
    assert (means["e2e_s.mean.ci_low"] <= means["e2e_s.mean"]).all()


def test_what_the_file_varies_is_run_where_nothing_is_given(here: Path) -> None:
    (here / "tiny.yaml").write_text(TINY + "sweep: {zip: {seed: [1, 2], run.queries: [10, 20]}}\n")
    table = sweep("tiny.yaml", folder="out", jobs=1)
    assert table.drop_duplicates("point")[["seed", "run.queries"]].to_numpy().tolist() == [[1, 10], [2, 20]]


def test_finished_points_are_not_run_again_and_a_wider_sweep_takes_them_over(here: Path) -> None:
    sweep("tiny.yaml", grid={"seed": [1, 2]}, folder="out", jobs=1)
    before = written(here / "out")
    wider = sweep("tiny.yaml", grid={"seed": [3, 2, 1]}, folder="out", jobs=1)
    after = written(here / "out")
    assert {key: after[key] for key in before} == before
    assert len(after) == 3
    anew = sweep("tiny.yaml", grid={"seed": [3, 2, 1]}, folder="anew", jobs=1)
    pd.testing.assert_frame_equal(wider, anew)
    assert {index.hash for index in read_indexes(here / "out")} >= {index.hash for index in read_indexes(here / "anew")}


def test_fresh_runs_again_what_this_sweep_asks_and_nothing_else(here: Path, multillm: Shell) -> None:
    sweep("tiny.yaml", grid={"seed": [1, 2]}, folder="out", jobs=1)
    before = written(here / "out")
    assert multillm("sweep", "tiny.yaml", "--grid", "seed=2", "--out", "out", "--jobs", "1", "--fresh")[0] == 0
    again = [key for key, when in written(here / "out").items() if before[key] != when]
    assert again == [plan("tiny.yaml", SweepSpec(grid={"seed": (2,)})).jobs[0]["key"]]


def test_a_folder_with_something_else_in_it_is_refused_and_an_empty_one_is_taken(here: Path, multillm: Shell) -> None:
    args = ("sweep", "tiny.yaml", "--grid", "seed=1", "--jobs", "1", "--out")
    code, _, err = multillm(*args, here)
    assert (code, err) == (2, f"{here}: is not the folder of a sweep (no index); name a new folder\n")
    assert multillm(*args, here / "tiny.yaml")[0] == 2
    (here / "empty").mkdir()
    assert multillm(*args, here / "empty")[0] == 0


def test_a_cluster_that_does_not_answer_costs_no_result_even_where_all_is_to_be_run_again(
    here: Path, multillm: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "ANSWERS_WITHIN_S", 0.5)
    sweep("tiny.yaml", grid={"seed": [1]}, folder="out", jobs=1)
    before = written(here / "out")
    args = ("--out", "out", "--fresh", "--backend", "dask", "--cluster", "tcp://127.0.0.1:9")
    assert multillm("sweep", "tiny.yaml", "--grid", "seed=1", *args)[0] == 2
    assert written(here / "out") == before


def test_a_failed_point_is_recorded_and_the_others_go_on(here: Path, multillm: Shell) -> None:
    file = world(here, "", "fail", "")
    code, out, err = multillm("sweep", file, "--jobs", "1", "--out", "out")
    assert code == 4
    assert "2 of 3 points have a result, 1 failed" in out
    assert "a bug of the user's" in err
    (record,) = (here / "out" / "failed").glob("*.json")
    assert '"seed": 1' in record.read_text()
    with pytest.raises(SweepFailed, match="1 of the points failed") as caught:
        sweep(file, folder="out", jobs=1)
    assert list(caught.value.failures) == [record.stem]


def test_a_failed_point_is_tried_again_and_no_longer_told_of_when_it_works(here: Path, multillm: Shell) -> None:
    args = ("sweep", world(here, "fail"), "--jobs", "1", "--out", "out")
    assert multillm(*args)[0] == 4
    (here / "mended").touch()
    code, out, err = multillm(*args)
    assert (code, out.splitlines()[-3], err) == (0, "1 of 1 points have a result", "")
    assert list((here / "out" / "failed").iterdir()) == []


def test_more_failures_than_allowed_end_a_sweep(here: Path, multillm: Shell) -> None:
    file = world(here, "fail", "fail", "", "")
    code, out, _ = multillm("sweep", file, "--jobs", "1", "--out", "out", "--max-fail", "1")
    assert (code, "0 of 4 points have a result, 2 failed" in out) == (4, True)


def test_a_dry_run_shows_the_points_and_keeps_nothing(here: Path, multillm: Shell) -> None:
    args = ("sweep", "tiny.yaml", "--grid", "fleet.one.replicas=1..15", "--out", "out")
    code, out, _ = multillm(*args, "--dry-run")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "15 points in out"
    assert lines[1].split() == ["point", "fleet.one.replicas", "key", "result"]
    assert [line.split()[:2] for line in lines[2:14]] == [[str(i), str(i + 1)] for i in range(12)]
    assert lines[14:16] == ["... and 3 more", "runs: 15, 0 of them with a result"]
    assert lines[16].startswith("one takes 0.")
    assert not (here / "out").exists()


def test_a_dry_run_says_what_is_there_even_where_all_is_to_be_run_again(here: Path, multillm: Shell) -> None:
    sweep("tiny.yaml", grid={"seed": [1]}, folder="out", jobs=1)
    before = written(here / "out")
    args = ("sweep", "tiny.yaml", "--grid", "seed=1,2", "--out", "out", "--dry-run")
    _, out, _ = multillm(*args)
    assert [line.split()[-1] == "there" for line in out.splitlines()[2:4]] == [True, False]
    _, out, _ = multillm(*args, "--fresh")
    assert "runs: 2, 0 of them with a result" in out
    assert written(here / "out") == before


def test_the_end_of_a_sweep_is_a_table_of_limits_and_headlines(here: Path, multillm: Shell) -> None:
    (here / "tiny.yaml").write_text(TINY + "slo: [{metric: ttft_s, percentile: 95, max: 0.01}]\n")
    _, out, _ = multillm("sweep", "tiny.yaml", "--grid", "run.queries=30,60", "--out", "out", "--jobs", "1")
    head, first, second, _, _, _ = out.splitlines()
    assert re.split(r"\s{2,}", head.strip()) == [
        "run.queries", "TTFT p95 [ms]", "end-to-end time p95 [ms]", "energy per query [J]", "cost per query [$ / 1k]",
        "limits", "verdict",
    ]  # fmt: skip
    rows = [re.split(r"\s{2,}", line.strip()) for line in (first, second)]
    (index,) = read_indexes(here / "out")
    means = estimates(here / "out", index, ["ttft_s.p95"])
    for row, (_, told) in zip(rows, means.iterrows(), strict=True):
        mean, half = (float(word) for word in row[1].split(" ± "))
        assert mean == pytest.approx(1e3 * told["ttft_s.p95"], abs=0.05)
        assert half == pytest.approx(1e3 * (told["ttft_s.p95.ci_high"] - told["ttft_s.p95"]), abs=0.05)
        assert row[-2:] == ["missed", told["verdict"]]


def test_show_and_validate_know_the_sweep(here: Path, multillm: Shell) -> None:
    (here / "tiny.yaml").write_text(TINY + "sweep: {grid: {seed: [1, 2], run.queries: [10, 20, 30]}}\n")
    assert multillm("validate", "tiny.yaml")[1] == "tiny.yaml: ok, and so are the 6 points of its sweep\n"
    _, shown, _ = multillm("show", "tiny.yaml")
    (here / "shown.yaml").write_text(shown)
    assert load("shown.yaml").spec == load("tiny.yaml").spec
    _, origins, _ = multillm("show", "tiny.yaml", "--origin")
    assert origins.splitlines()[-1].split() == ["sweep.grid.run.queries", "[10,", "20,", "30]", "tiny.yaml:10:43"]


def test_what_a_killed_sweep_left_half_written_is_removed_once_it_is_old(here: Path) -> None:
    sweep("tiny.yaml", grid={"seed": [1]}, folder="out", jobs=1)
    made = [
        here / "out" / name for name in ("points/.0123456789ab-x1y2z3_4", "failed/.k.json-abcdefgh", "points/.mine")
    ]
    young = here / "out" / "points" / ".0123456789ab-aaaaaaaa"
    for path in (*made, young):
        (path / "new").mkdir(parents=True)
    for path in made:
        os.utime(path, (time.time() - 7200,) * 2)
    sweep("tiny.yaml", grid={"seed": [1]}, folder="out", jobs=1)
    assert [path.exists() for path in (*made, young)] == [False, False, True, True]


def test_a_result_is_removed_whole_or_not_at_all(here: Path) -> None:
    sweep("tiny.yaml", grid={"seed": [1]}, folder="out", jobs=1)
    (result,) = (here / "out" / "points").iterdir()
    remove(result)
    remove(result)
    assert list((here / "out" / "points").iterdir()) == []


def test_a_point_that_another_sweep_finished_meanwhile_is_no_failure(here: Path) -> None:
    made = plan("tiny.yaml", SweepSpec(grid={"seed": (1, 2)}), folder=here / "out")
    told: list[Done] = []

    def other(done: Done, over: int, total: int) -> None:
        told.append(done)
        if over == 1:
            run_plan(plan("tiny.yaml", SweepSpec(grid={"seed": (2,)}), folder=here / "out"), 1)

    run_plan(made, 1, told=other)
    assert [(done["error"], done["wall_s"] > 0) for done in told] == [("", True), ("", False)]
    (index, _) = sorted(read_indexes(here / "out"), key=lambda index: -len(index.points))
    assert len(tidy(here / "out", index)) == 4
    assert all(read_result(path).name == "tiny" for path in (here / "out" / "points").iterdir())
