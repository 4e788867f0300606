"""The pages that are shown to a browser, by name. A new kind of report is one line in `PAGES`, an odd one in `ODD`.

Those that are not in `FIRST` are shown by slow tests only.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis import validation
from analysis.report.comparison.report import comparison_report
from analysis.report.page import Report
from analysis.report.run.report import run_report
from analysis.report.sweep.report import sweep_report
from analysis.report.sweep.swept import Swept, read_sweep
from simulator import build, load, run, sweep
from simulator.cli.compare import beside_first, worth_telling
from simulator.records.result import Result
from simulator.records.scores import BARS, SCORES
from simulator.records.sweep import SweepPoint
from simulator.records.tables import SCHEMA, Tables

EVIL = "<script>window.evil = 1</script><img src=x onerror='window.evil = 2'>"
SHORT = ["run.queries=400", "run.replications=2", "run.warmup_s=10"]


@dataclass(frozen=True)
class Made:
    """A page, how many figures it draws, and the table that each of them is drawn from, by name."""

    html: str
    figures: int
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def _made(report: Report) -> Made:
    tables = {figure.name: figure.data for figure in report.figures if not figure.absent}
    return Made(report.html(), len(tables), tables)


@cache
def quick() -> Result:
    """A run of few queries."""
    return run(build(load("quickstart", SHORT)))


@cache
def _failed() -> Result:
    """Nobody waits long enough to get an answer."""
    return run(build(load("quickstart", ["run.queries=40", "run.replications=2", "workload.chat.timeout_s=0.0001"])))


def _evil() -> Result:
    """Every name that may come from a file is markup."""

    def renamed(table: pd.DataFrame) -> pd.DataFrame:
        text = table.select_dtypes(["category", "object", "str"]).columns
        return table.assign(**{column: table[column].astype(object).replace("edge", EVIL) for column in text})

    of = quick()
    tables = Tables(**{name: renamed(getattr(of.tables, name)) for name in SCHEMA})
    pools = tuple(replace(line, pool=line.pool.replace("edge", EVIL), device=EVIL) for line in of.summary.pools)
    summary = replace(of.summary, name=EVIL, pools=pools, limit=EVIL, left_out=(EVIL,))
    return replace(of, name=EVIL, tables=tables, summary=summary, scenario={EVIL: EVIL}, manifest={"version": EVIL})


def _validation() -> Made:
    """Groups, quantities, settings and devices that differ, and rows that are extrapolated."""
    same = dict.fromkeys(SCORES, "") | {"source": "lab", "table": "speeds", "engine": "vllm", "model": "small"}
    rows = [
        same
        | {"row": f"batch {at}", "device": device, "quantity": quantity, "group": group, "setting": setting}
        | {"measured": float(at), "predicted": at * factor, "extrapolated": "family 'gpu'" if at == 3 else ""}
        for group, quantity, setting, factor in (
            ("batch 1", "decode_s", "in-sample", 1.1),
            ("batch 1", "decode_s", "model left out", 1.2),
            ("batch 1", "ttft_s", "in-sample", 1.3),
            ("real server", "e2e_s", "in-sample", 0.9),
        )
        for device in ("h100-sxm", "jetson-agx-orin")
        for at in (1, 2, 3)
    ]
    bars = pd.DataFrame([("batch 1", "decode_s", "", "in-sample", 0.05)], columns=list(BARS))
    return Made(validation.page(pd.DataFrame(rows, columns=list(SCORES)), bars), 1)


@cache
def _swept() -> Swept:
    """A sweep over the load and the threshold, of few queries."""
    varied = {"workload.chat.arrivals.rate_per_s": [1, 3], "policy.accept.edge": [-9, -0.35, 1]}
    sets = ["run.queries=80", "run.replications=2", "run.warmup_s=0"]
    with tempfile.TemporaryDirectory() as folder:
        sweep("quickstart", grid=varied, sets=sets, folder=folder, jobs=1)
        kept = read_sweep(Path(folder))
        for result in kept.results.values():
            assert len(result.tables.queries)  # read while they are there
        return replace(kept, results={number: _held(result) for number, result in kept.results.items()})


def _held(result: Result) -> Result:
    """The same with its tables in memory."""
    return replace(result, tables=Tables(**{name: getattr(result.tables, name) for name in SCHEMA}))


def _first_point() -> Swept:
    swept = _swept()
    index = replace(swept.index, points=swept.index.points[:1])
    return Swept(index, {0: swept.results[0]}, {})


def _many_points() -> Swept:
    """200 points, some of them failed."""
    swept = _swept()
    points = tuple(SweepPoint({"seed": n, **swept.index.points[n % 6].values}, f"point{n}") for n in range(200))
    results = {n: swept.results[n % 6] for n in range(200) if n % 40}
    failures = dict.fromkeys(range(0, 200, 40), f"ValueError: {EVIL}")
    return Swept(replace(swept.index, points=points), results, failures)


def _comparison() -> Report:
    runs = [quick(), run(build(load("quickstart", [*SHORT, "policy.accept.edge=-0.1"]))), _failed()]
    names = ["cascade", "choosy", "impatient"]
    return comparison_report(dict(zip(names, runs, strict=True)), beside_first(runs, names[1:], worth_telling(runs)))


PAGES: dict[str, Callable[[], Made]] = {
    "run": lambda: _made(run_report(quick())),
    "sweep": lambda: _made(sweep_report(_swept())),
    "comparison": lambda: _made(_comparison()),
    "validation": _validation,
}
ODD: dict[str, Callable[[], Made]] = {
    "failed run": lambda: _made(run_report(_failed())),
    "evil names": lambda: _made(run_report(_evil())),
    "sweep of one point": lambda: _made(sweep_report(_first_point())),
    "sweep of 200 points": lambda: _made(sweep_report(_many_points())),
}
FIRST = ("run", "sweep", "comparison")


def kinds(*names: str, first: Sequence[str] = FIRST) -> list[Any]:
    """Parameters of tests: pages by name, slow if they are not among the `first`."""
    return [pytest.param(name, marks=() if name in first else pytest.mark.slow) for name in names]


SHOWN, ALL = kinds(*PAGES), kinds(*PAGES, *ODD)


@cache
def made_page(name: str) -> Made:
    """The page of this name."""
    return (PAGES | ODD)[name]()
