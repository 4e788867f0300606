"""The same sweep in one process, on the cores of this machine and on Dask: the same tables, the same bytes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sweep_world import ROOT, TINY, files, until

from simulator import sweep
from simulator.sweeping import cluster
from simulator.sweeping.cluster import ClusterError, check_shared, differences, shake_hands
from simulator.sweeping.execute import execute
from simulator.sweeping.plan import plan
from simulator.sweeping.sweep import spec_of

GRID = {"fleet.one.replicas": [1, 2], "run.queries": [10, 300], "policy.use": ["always"]}
OLDER = """
from importlib import metadata
metadata.version = lambda name, real=metadata.version: "0.9" if name == "simpy" else real(name)
"""


def dask(*args: str, folder: Path) -> subprocess.Popen[str]:
    """A scheduler or a worker, which has another working folder than the sweep."""
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *args, "--no-dashboard", "--scheduler-file", str(folder / "scheduler.json")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def worker(folder: Path, *args: str) -> subprocess.Popen[str]:
    return dask("worker", "--nthreads", "1", "--host", "127.0.0.1", "--no-nanny", *args, folder=folder)


def killed(child: subprocess.Popen[str]) -> None:
    """Dask takes its time to part."""
    child.kill()
    child.wait()


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a scheduler on loopback with two workers."""
    pytest.importorskip("distributed")
    folder = tmp_path_factory.mktemp("dask")
    begun = [dask("scheduler", "--host", "127.0.0.1", "--port", "0", folder=folder)]
    until(lambda: (folder / "scheduler.json").is_file() and bool((folder / "scheduler.json").read_text()))
    begun += [worker(folder), worker(folder)]
    with cluster.cluster(address(folder)) as client:
        client.wait_for_workers(2)
    yield folder
    for child in reversed(begun):
        killed(child)


def address(folder: Path) -> str:
    return str(json.loads((folder / "scheduler.json").read_text())["address"])


def test_one_process_two_processes_and_a_cluster_make_the_same_table_and_the_same_bytes(
    here: Path, scheduler: Path
) -> None:
    given: dict[str, Any] = {"grid": GRID, "sets": ["seed=9"]}
    serial = sweep("tiny.yaml", **given, folder="serial", jobs=1)
    loky = sweep("tiny.yaml", **given, folder="loky", jobs=2)
    with cluster.cluster(address(scheduler)) as client:
        assert len(client.nthreads()) == 2
        dasks = sweep("tiny.yaml", **given, folder="dask", backend="dask", client=client)
    assert len(serial) == 8
    for other in (loky, dasks):
        pd.testing.assert_frame_equal(other, serial, check_exact=True)
    assert files(here / "loky") == files(here / "serial")
    assert files(here / "dask") == files(here / "serial")


def test_the_command_line_reaches_the_cluster(multillm: Callable[..., tuple[int, str, str]], scheduler: Path) -> None:
    args = ("sweep", "tiny.yaml", "--grid", "seed=1,2,3", "--backend", "dask", "--cluster", address(scheduler))
    code, out, _ = multillm(*args)
    assert (code, out.splitlines()[-3]) == (0, "3 of 3 points have a result")


def test_a_worker_with_another_version_is_shown_in_a_table_and_nothing_runs(
    here: Path, multillm: Callable[..., tuple[int, str, str]], scheduler: Path
) -> None:
    (scheduler / "older.py").write_text(OLDER)
    older = worker(scheduler, "--preload", str(scheduler / "older.py"))
    try:
        with cluster.cluster(address(scheduler)) as client:
            client.wait_for_workers(3)
        args = ("sweep", "tiny.yaml", "--grid", "seed=1,2", "--backend", "dask", "--cluster", address(scheduler))
        code, _, err = multillm(*args)
    finally:
        killed(older)
    first, head, row = err.splitlines()
    assert (code, first) == (2, "workers of the cluster run other versions:")
    assert head.split() == ["package", "here", "there", "workers"]
    assert row.split()[:3] == ["simpy", cluster.versions()["simpy"], "0.9"]
    assert row.split()[3].startswith("tcp://127.0.0.1:")
    assert not (here / "sweeps").exists()


def test_workers_with_the_same_difference_share_a_line_of_the_table() -> None:
    ours = {"numpy": "2.1", "simpy": "4.1"}
    theirs = {"tcp://b": {"numpy": "2.0", "simpy": "4.1"}, "tcp://a": {"numpy": "2.0"}, "tcp://c": dict(ours)}
    assert [line.split() for line in differences(ours, theirs).splitlines()[1:]] == [
        ["numpy", "2.1", "2.0", "tcp://a,", "tcp://b"],
        ["simpy", "4.1", "missing", "tcp://a"],
    ]
    assert differences(ours, {"tcp://c": ours}) == ""


class Answering:
    """A client whose workers answer so."""

    def __init__(self, *answers: Any) -> None:
        self.answers = answers

    def run(self, _: object, *args: object) -> dict[str, Any]:
        for answer in self.answers:
            if isinstance(answer, Exception):
                raise answer
        return {f"tcp://{number}": answer for number, answer in enumerate(self.answers)}


def test_a_cluster_without_workers_without_the_simulator_or_without_our_files_is_told_in_a_line() -> None:
    with pytest.raises(ClusterError, match="the cluster has no workers"):
        shake_hands(Answering())
    with pytest.raises(
        ClusterError, match=r"cannot run multillm-sim: ModuleNotFoundError: No module named 'simulator'"
    ):
        shake_hands(Answering(ModuleNotFoundError("No module named 'simulator'")))
    shake_hands(Answering(cluster.versions()))
    with pytest.raises(ClusterError, match=r"worker tcp://1 does not see /there: workers need the folder"):
        check_shared(Answering(True, False), Path("/there"))
    check_shared(Answering(True, True), Path("/there"))


@pytest.mark.parametrize("workers", [1, 2])
def test_jobs_are_told_of_once_each_whatever_the_workers(here: Path, workers: int) -> None:
    (here / "tiny.yaml").write_text(TINY)
    made = plan("tiny.yaml", spec_of("tiny.yaml", {"grid": {"seed": range(5)}}), folder=here / "out")
    told = [done["key"] for done in execute(made.jobs, workers)]
    assert sorted(told) == sorted(job["key"] for job in made.jobs)
    assert made.left() == []
