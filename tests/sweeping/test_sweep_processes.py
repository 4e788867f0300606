"""Whoever stops or kills a sweep, or a worker of it, loses nothing that was finished."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from sweep_world import TINY, begin, end, files, is_alive, until, world

from simulator.records.result import read_result
from simulator.records.sweep import read_failures, read_indexes, tidy
from simulator.sweeping.plan import plan
from simulator.sweeping.sweep import spec_of

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
SWEEP = ("sweep", "odd.yaml", "--jobs", "2", "--out", "out")


def finished(folder: Path) -> dict[str, bytes]:
    """Files of the results that are there, manifests and all."""
    return files(folder / "out" / "points", but="")


def results(folder: Path) -> int:
    return len(list((folder / "out" / "points").glob("[!.]*/manifest.json")))


def at_work(folder: Path) -> int:
    """The process that works at the point that waits, once the others are over."""
    until(lambda: (folder / "begun").exists() and results(folder) == 2)
    return int((folder / "begun").read_text())


def ended(child: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, the line that counts the points, and errors."""
    code, out, err = end(child)
    *_, points, folder, page = out.splitlines()
    assert (folder, page) == ("sweep: out", "report: out/report.html")
    return code, points, err


def resumed(folder: Path, before: dict[str, bytes]) -> None:
    """The same sweep again: it ends, all is there, and what was there is as it was, byte for byte."""
    child = begin(*SWEEP, folder=folder)
    assert ended(child) == (0, "3 of 3 points have a result", "")
    after = finished(folder)
    assert {name: after[name] for name in before} == before
    (index,) = read_indexes(folder / "out")
    assert len(tidy(folder / "out", index)) == 6


def test_ctrl_c_ends_a_sweep_and_its_workers_and_what_was_finished_stays(here: Path) -> None:
    world(here, "", "", "wait")
    child = begin(*SWEEP, folder=here)
    process = at_work(here)
    before = finished(here)
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does
    code, _, err = end(child)
    assert (code, err) == (130, "interrupted\n")
    until(lambda: not is_alive(process))
    assert finished(here) == before
    resumed(here, before)


def test_a_terminal_shows_how_many_points_are_over_and_when_the_others_will_be(here: Path) -> None:
    (here / "tiny.yaml").write_text(TINY)
    ours, theirs = os.openpty()
    child = begin("sweep", "tiny.yaml", "--grid", "seed=1..3", "--jobs", "1", "--out", "out", folder=here, err=theirs)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # what Linux says where the other end is closed
        while more := os.read(ours, 4096):
            shown += more
    os.close(ours)
    assert end(child)[0] == 0
    assert b"3/3" in shown
    assert re.search(rb"left: \S*0:00:0\d", re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b"", shown))


@pytest.mark.slow
def test_a_sweep_that_is_killed_leaves_what_was_finished_and_no_process(here: Path) -> None:
    world(here, "", "", "wait")
    child = begin(*SWEEP, folder=here)
    process = at_work(here)
    before = finished(here)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert finished(here) == before
    (here / "go").touch()  # the worker ends its point, and then itself
    until(lambda: not is_alive(process))
    resumed(here, before)


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_nothing_but_the_time(here: Path) -> None:
    world(here, "", "", "wait", "")
    child = begin(*SWEEP, folder=here)
    until(lambda: (here / "begun").exists())
    os.kill(int((here / "begun").read_text()), signal.SIGKILL)
    assert ended(child)[:2] == (0, "4 of 4 points have a result")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_a_point_whose_worker_always_dies_has_failed_and_the_others_are_done(here: Path, backend: str) -> None:
    if backend == "dask":
        pytest.importorskip("distributed")
    world(here, "", "", "", "die", "", "", "", "", "")
    code, told, err = ended(begin(*SWEEP, "--backend", backend, folder=here))
    assert (code, told) == (4, "8 of 9 points have a result, 1 failed")
    assert "its worker died" in err
    made = plan("odd.yaml", spec_of("odd.yaml", {}))
    assert list(read_failures(here / "out")) == [made.index.points[3].key]


@pytest.mark.slow
def test_two_sweeps_into_one_folder_at_once_do_each_other_no_harm(here: Path) -> None:
    (here / "tiny.yaml").write_text(TINY)
    args = ("sweep", "tiny.yaml", "--jobs", "2", "--out", "out", "--grid")
    children = [begin(*args, seeds, folder=here) for seeds in ("seed=1..12", "seed=12,11,10,9,8,7,6,5,4,3,2,1,0")]
    assert [ended(child) for child in children] == [
        (0, f"{points} of {points} points have a result", "") for points in (12, 13)
    ]
    assert {read_result(path).summary.replications for path in (here / "out" / "points").iterdir()} == {2}
    assert len(list((here / "out" / "points").iterdir())) == 13
    assert not list((here / "out").rglob(".*"))


@pytest.mark.slow
def test_a_search_that_is_killed_goes_on_where_it_was_and_finds_what_an_undisturbed_one_finds(here: Path) -> None:
    world(here, "wait")
    scenario = (here / "odd.yaml").read_text().replace("use: odd:Odd", "use: odd:Odd\n  does: wait")
    (here / "odd.yaml").write_text(scenario)
    search = ("optimize", "odd.yaml", "--vary", "seed=0..99", "--min", "e2e_s", "--trials", "12", "--jobs", "2")
    (here / "begun").touch()  # nobody waits yet
    child = begin(*search, "--out", "out", folder=here)
    until(lambda: results(here) >= 2)
    (here / "begun").unlink()
    until((here / "begun").exists)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    before = finished(here)
    assert 2 <= results(here) < 12
    (here / "go").touch()
    code, out, _ = end(begin(*search, "--out", "out", folder=here))
    assert code == 0
    after = finished(here)
    assert {name: after[name] for name in before} == before
    undisturbed = end(begin(*search, "--out", "other", folder=here))[1]
    assert out.replace("out", "other") == undisturbed.replace("out", "other")
    assert files(here / "out" / "points") == files(here / "other" / "points")
