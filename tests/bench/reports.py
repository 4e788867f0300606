"""How long the report of a sweep takes, the interpreter's start included, and how large its page is.

    python tests/bench/reports.py [--points 200]

The points are copies of one result with other numbers. `bench.py` runs it, too.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from simulator import build, load, run
from simulator.records.sweep import POINTS, SweepIndex, SweepPoint

ROUNDS = 3
LIMIT_S, LIMIT_BYTES = 5.0, 6e6  # of 200 points


def made(folder: Path, points: int) -> None:
    """A sweep over a rate, a number of replicas and a policy that nobody has run."""
    source = run(build(load("quickstart", ["run.queries=200"]))).save(folder / "source")
    told, chance, asked = (source / "summary.json").read_text(), np.random.default_rng(0), []
    for number in range(points):
        accept = {"use": "cascade", "order": ["edge", "cloud"], "accept": {"edge": number % 10 / 10}}
        values = {"workload.chat.arrivals.rate_per_s": number / 7, "fleet.edge.replicas": number % 8, "policy": accept}
        asked.append(SweepPoint(values, f"{number:012x}"))
        point = folder / POINTS / asked[-1].key
        shutil.copytree(source, point)
        summary = json.loads(told)
        for metric in summary["metrics"].values():
            factor = chance.uniform(0.5, 2.0)
            for end in ("mean", "ci_low", "ci_high"):
                metric[end] = None if metric[end] is None else metric[end] * factor
        (point / "summary.json").write_text(json.dumps(summary))
    SweepIndex("bench", tuple(asked)).write(folder)


def report(points: int) -> dict[str, float]:
    """Median seconds of `multillm report` of so many points, and the page's size."""
    with tempfile.TemporaryDirectory() as beside:
        made(Path(beside), points)
        cached = {**os.environ, "PYTHONPYCACHEPREFIX": f"{beside}/cache"}  # as where Python may write bytecode
        cached.pop("PYTHONDONTWRITEBYTECODE", None)
        times = []
        for _ in range(ROUNDS + 1):
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "simulator", "report", beside], check=True, capture_output=True, env=cached
            )
            times.append(time.perf_counter() - started)
        size = (Path(beside) / "report.html").stat().st_size
    return {"points": points, "report_s": statistics.median(times[1:]), "page_bytes": size}


def show(told: dict[str, float]) -> None:
    """A line, with the bars for 200 points."""
    print(
        f"report         of a sweep of {told['points']:.0f} points: {told['report_s']:.2f} s, "
        f"{told['page_bytes'] / 1e6:.2f} MB (of 200 at most {LIMIT_S:g} s and {LIMIT_BYTES / 1e6:g} MB)"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=200)
    show(report(parser.parse_args().points))


if __name__ == "__main__":
    main()
