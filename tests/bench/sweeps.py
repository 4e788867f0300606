"""What a sweep costs beside its runs: against two processes that do half of the points each, in a plain loop.

    python tests/bench/sweeps.py [--points 200] [--point-s 1.0] [--rounds 1]

Prints seconds of both, their ratio, and the overhead of a point: processor time that the sweep takes more, start and
all, over the points. The two take turns, since machines are noisy; medians are quoted. `bench.py` runs it, too.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from simulator import build, load, run

SCENARIO = Path(__file__).parent / "single-pool.yaml"
CORES = 2
FEW_QUERIES = 10  # of a point that takes no time to speak of


class Spent(NamedTuple):
    """Seconds by the clock on the wall, and of the processors: the first tells all, the second not of other users."""

    wall_s: float
    cpu_s: float


def spent() -> Spent:
    """By the processes that this one began and that are over."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Spent(time.perf_counter(), used.ru_utime + used.ru_stime)


def since(before: Spent) -> Spent:
    """What was spent since."""
    now = spent()
    return Spent(now.wall_s - before.wall_s, now.cpu_s - before.cpu_s)


def one_point(queries: int, seed: int, folder: Path) -> None:
    """A run, and its result kept, without any sweep."""
    run(build(load(SCENARIO, [f"seed={seed}", f"run.queries={queries}"]))).save(folder / str(seed))


def queries_of(point_s: float) -> int:
    """Queries of a run that takes so long here."""
    with tempfile.TemporaryDirectory() as folder:
        queries = 2_000
        for seed in range(3):  # the first loads the libraries
            started = time.perf_counter()
            one_point(queries, seed, Path(folder))
            queries = max(FEW_QUERIES, round(queries * point_s / (time.perf_counter() - started)))
    return queries


def halves(queries: int, points: int, folder: Path) -> Spent:
    """What two processes take that do half of the points each."""
    before = spent()
    args = [[str(queries), str(first), str(points), str(folder)] for first in range(CORES)]
    both = [subprocess.Popen([sys.executable, __file__, "--half", *each]) for each in args]
    assert [process.wait() for process in both] == [0] * CORES
    return since(before)


def swept(queries: int, points: int, folder: Path, backend: str) -> Spent:
    """What the command takes that sweeps over the same points on as many cores."""
    command = [sys.executable, "-m", "simulator", "sweep", str(SCENARIO), "--jobs", str(CORES), "--backend", backend]
    command += [
        "--grid",
        f"seed=0..{points - 1}",
        "--set",
        f"run.queries={queries}",
        "--no-report",
        "--out",
        str(folder),
    ]
    before = spent()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return since(before)


def compare(queries: int, points: int, rounds: int, backend: str = "loky") -> dict[str, float]:
    """Medians of the seconds of both, their ratio, and what a point costs more in a sweep."""
    alone, sweep = [], []
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as beside:
            folder = Path(beside)
            for what in ("alone", "sweep") if number % 2 else ("sweep", "alone"):
                if what == "alone":
                    alone.append(halves(queries, points, folder / what))
                else:
                    sweep.append(swept(queries, points, folder / what, backend))
    pairs = list(zip(sweep, alone, strict=True))
    return {
        "points": points,
        "queries_a_point": queries,
        "sweep_s": statistics.median(mine.wall_s for mine in sweep),
        "two_processes_s": statistics.median(theirs.wall_s for theirs in alone),
        "ratio": statistics.median(mine.wall_s / theirs.wall_s for mine, theirs in pairs),
        "cpu_ratio": statistics.median(mine.cpu_s / theirs.cpu_s for mine, theirs in pairs),
        "overhead_cpu_s_per_point": statistics.median((mine.cpu_s - theirs.cpu_s) / points for mine, theirs in pairs),
    }


def sweeps(points: int, point_s: float, rounds: int) -> dict[str, dict[str, float]]:
    """Points that take long, and points that take none, those on both engines."""
    queries = queries_of(point_s)
    return {
        f"points of {point_s:g} s": compare(queries, points, rounds),
        "points of no time": compare(FEW_QUERIES, points, rounds),
        "points of no time, on Dask": compare(FEW_QUERIES, points, rounds, "dask"),
    }


def show(found: dict[str, dict[str, float]]) -> None:
    """A line for each measurement."""
    for name, told in found.items():
        print(
            f"{told['points']:.0f} {name}: {told['sweep_s']:.1f} s, in two processes {told['two_processes_s']:.1f} s, "
            f"ratio {told['ratio']:.3f} (of processor time {told['cpu_ratio']:.3f}), "
            f"{1e3 * told['overhead_cpu_s_per_point']:.0f} ms of a processor a point more"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--point-s", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    if given.half:
        queries, first, points = map(int, given.half[:3])
        for seed in range(first, points, CORES):
            one_point(queries, seed, Path(given.half[3]))
        return
    show(sweeps(given.points, given.point_s, given.rounds))


if __name__ == "__main__":
    main()
