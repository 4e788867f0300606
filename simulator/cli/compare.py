"""`multillm compare`: what differs between two runs or more, and whether that is more than chance."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli.options import Profiles, Sets

if TYPE_CHECKING:
    from simulator.records.compared import Compared, Difference
    from simulator.records.metrics import Scale
    from simulator.records.result import Result

WIDTH = 120  # of tables that go into a file or a pipe


def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="A B [...]", help="Result folders, or scenarios to run; A is the reference.")
    ],
    metrics: Annotated[
        list[str] | None,
        typer.Option("--metrics", metavar="KEYS", help="accuracy,ttft_s.p95: instead of the usual. Repeatable."),
    ] = None,
    sets: Sets = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="The seed, instead of that of A.")] = None,
    reps: Annotated[int | None, typer.Option("--reps", min=1, help="Replications, instead of those of A.")] = None,
    profiles: Profiles = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of the tables.")] = False,
) -> None:
    """Differences to the first run, each with its 95 % interval.

    Scenarios are run now with the seed and the replications of A: all meet the same queries, so that what differs is
    the system's. Runs that did not are compared as independent ones, which is less sure.
    """
    from simulator.metrics.keys import key_of

    if len(runs) < 2:
        raise typer.BadParameter("give two runs or more", param_hint="A B [...]")
    asked = [key_of(key.strip()) for text in metrics or () for key in text.split(",")]
    with redirect_stdout(sys.stderr):
        results = _results(runs, sets, seed, reps, profiles)
    first, *others = labels(runs, results)
    compared = beside_first(results, others, asked or worth_telling(results))
    if as_json:
        print(json.dumps(_document(first, compared), indent=2, allow_nan=False))
        return
    for one in compared:
        _render(first, one)


def beside_first(results: Sequence[Result], others: Sequence[str], keys: Sequence[str]) -> list[Compared]:
    """Each result but the first beside it, in the metrics `keys`; `others` are their names."""
    from simulator.metrics.paired import differences, same_world
    from simulator.records.compared import Compared

    first, *rest = results
    return [
        Compared(name, same_world(first, other), differences(first, other, keys))
        for name, other in zip(others, rest, strict=True)
    ]


def _results(runs: list[str], sets: Sets, seed: int | None, reps: int | None, profiles: Profiles) -> list[Result]:
    """Results that are there are read, scenarios are run; all scenarios are checked before any runs."""
    from simulator.engine.build import build
    from simulator.records.result import read_result
    from simulator.running import run
    from simulator.spec.load import load
    from simulator.spec.merge import Override

    kept = {text: read_result(Path(text)) for text in runs if Path(text).is_dir()}
    if runs[0] in kept:
        told = kept[runs[0]].scenario
        usual = (told["seed"], told["run"]["replications"])
    else:
        spec = load(runs[0], sets or (), profiles or ()).spec
        usual = (spec.seed, spec.run.replications)
    laid = (("seed", usual[0] if seed is None else seed), ("run.replications", usual[1] if reps is None else reps))
    same = [Override(f"compare: {key}", key, str(value)) for key, value in laid]
    systems = {
        text: build(load(text, [*(sets or ()), *same], profiles or ()))
        for text in dict.fromkeys(runs)
        if text not in kept
    }
    return [kept[text] if text in kept else run(systems[text]) for text in runs]


def worth_telling(results: Sequence[Result]) -> list[str]:
    """Metrics of the terminal's table, and those with limits, that some run has with a value worth a line."""
    from simulator.terminal import SHOWN, USUAL

    limited = [held.key for result in results for held in result.summary.slos]
    keys = [key for key in dict.fromkeys((*SHOWN, *limited)) if key in results[0].summary.metrics]
    return [key for key in keys if any(_is_worth(r.summary.metrics.get(key), USUAL.get(key)) for r in results)]


def _is_worth(estimate: Any, usual: float | None) -> bool:
    return estimate is not None and estimate.mean not in (None, usual)


def labels(runs: Sequence[str], results: Sequence[Result]) -> list[str]:
    """Names that tell runs apart: of the scenarios, else of the folders, else what was typed, else numbered."""
    for names in ([result.name for result in results], [Path(run).resolve().name for run in runs], list(runs)):
        if len(set(names)) == len(names):
            return names
    return [f"{number}: {run}" for number, run in enumerate(runs, 1)]


def _document(first: str, compared: list[Compared]) -> dict[str, Any]:
    return {
        "reference": first,
        "compared": [
            {"name": one.name, "paired": one.paired, "metrics": [asdict(each) for each in one.differences]}
            for one in compared
        ],
    }


def _render(first: str, compared: Compared) -> None:
    """One table: the metrics of both, their difference and what that means."""
    from rich.console import Console

    from simulator.records.metrics import head, scale
    from simulator.terminal import add_row, empty_table

    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    console.print(f"{compared.name} against {first}: {compared.how}", markup=False, highlight=False)
    numbers = ((first, "right"), (compared.name, "right"), ("difference", "right"), ("95 % CI", "left"))
    table = empty_table("", *numbers, ("", "left"))
    table.columns[-1].no_wrap = True
    for one in compared.differences:
        of = scale(one.metric, one.a if one.a is not None else one.b)
        title = head(one.metric, of.unit)
        if one.a is None or one.b is None or one.diff is None:
            add_row(table, title, *(_or_dash(value, of) for value in (one.a, one.b)), "-", "", one.reason)
            continue
        shown = [of.number(value) for value in (one.a, one.b)]
        signed = f"{'+' if one.diff > 0 else ''}{of.number(one.diff, like=one.a)}"
        add_row(table, title, *shown, signed, _interval(one, of), one.verdict)
    console.print(table)


def _interval(one: Difference, of: Scale) -> str:
    if one.ci_low is None or one.ci_high is None or one.a is None:
        return ""
    return f"{of.number(one.ci_low, like=one.a)} to {of.number(one.ci_high, like=one.a)}"


def _or_dash(value: float | None, of: Scale) -> str:
    return "-" if value is None else of.number(value)
