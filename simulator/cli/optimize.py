"""`multillm optimize`: the best trade-offs between metrics, within the scenario's limits."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli.options import AsJson, Jobs, Profiles, ScenarioName, SearchFolder, Sets, Vary

if TYPE_CHECKING:
    from simulator.searching.optimize import Optimised
    from simulator.searching.pareto import Objective, Placed
    from simulator.searching.points import Tried


class Sampler(StrEnum):
    """Who chooses the next points."""

    tpe = "tpe"
    nsga2 = "nsga2"
    random = "random"


def optimize(
    scenario: ScenarioName,
    vary: Vary = None,
    smallest: Annotated[
        list[str] | None,
        typer.Option("--min", metavar="METRIC", help="To make small: energy_j, ttft_s.p95. Repeatable."),
    ] = None,
    largest: Annotated[
        list[str] | None, typer.Option("--max", metavar="METRIC", help="To make large: accuracy. Repeatable.")
    ] = None,
    trials: Annotated[int, typer.Option("--trials", min=1, help="Points to try.")] = 100,
    sampler: Annotated[Sampler, typer.Option("--sampler", help="Optuna's TPE or NSGA-II, or chance.")] = Sampler.tpe,
    seed: Annotated[int, typer.Option("--search-seed", min=0, help="Of the search; not the scenario's.")] = 0,
    sets: Sets = None,
    profiles: Profiles = None,
    jobs: Jobs = None,
    out: SearchFolder = None,
    as_json: AsJson = False,
) -> None:
    """Search thresholds, fleets, batching and policies for the best trade-offs that hold the scenario's limits.

    KEY=1..16 is of whole numbers, KEY=0.1..0.9 of any, KEY=a,b,c of these. Points are kept: the same search, begun
    again or with more trials, goes on where it stopped. Needs the extra 'opt'.
    """
    from simulator.cli.searched import telling
    from simulator.metrics.keys import key_of
    from simulator.searching.optimize import optimize as search
    from simulator.searching.pareto import Objective
    from simulator.searching.points import Points
    from simulator.searching.space import space

    objectives = [Objective(key_of(key)) for key in smallest or ()]
    objectives += [Objective(key_of(key), largest=True) for key in largest or ()]
    if not objectives:
        raise typer.BadParameter("name a metric to make small, or large with --max", param_hint="--min")
    varied = space(vary or ())
    with redirect_stdout(sys.stderr):
        question = f"optimize {vary} {objectives} {sampler} {seed}"
        points = Points(scenario, sets or (), profiles or (), out, jobs, question, telling())
        found = search(points, varied, objectives, trials, sampler.value, seed)
    if as_json:
        print(json.dumps(_document(found, objectives, str(points.folder)), indent=2, allow_nan=False))
        return
    _render(found, objectives)
    from simulator.cli.searched import say
    from simulator.spec.reader import display

    say(f"points: {display(points.folder)}")


def _document(found: Optimised, objectives: Sequence[Objective], folder: str) -> dict[str, Any]:
    return {
        "objectives": [{"metric": one.key, "larger_is_better": one.largest} for one in objectives],
        "trials": found.trials,
        "points": found.points,
        "holding": found.holding,
        "failures": list(found.failures),
        "best": [_point(placed, objectives) for placed in found.best],
        "folder": folder,
    }


def _point(placed: Placed, objectives: Sequence[Objective]) -> dict[str, Any]:
    assert placed.tried.summary is not None
    told = placed.tried.summary.metrics
    return {
        "values": dict(placed.tried.values),
        "key": placed.tried.key,
        "on_front": placed.is_front,
        "tied_with": list(placed.tied),
        "metrics": {
            one.key: {"mean": told[one.key].mean, "ci_low": told[one.key].ci_low, "ci_high": told[one.key].ci_high}
            for one in objectives
        },
    }


def _render(found: Optimised, objectives: Sequence[Objective]) -> None:
    """The set as a table, and in words how it came about."""
    from simulator.cli.searched import console, say
    from simulator.records.metrics import title_of
    from simulator.searching.judge import judge
    from simulator.terminal import add_row, empty_table

    say(f"{found.trials} trials: {found.points} different points, {found.holding} of them hold all limits")
    for text in dict.fromkeys(found.failures):
        say(f"failed: {text}")
    if found.nearest is not None:
        say(f"nothing holds; nearest: {found.nearest.name}: {judge(found.nearest).text}")
        return
    numbers = ((f"{'largest' if one.largest else 'least'} {title_of(one.key)}", "left") for one in objectives)
    table = empty_table("", *numbers, ("tied with", "left"), ("", "left"))
    for number, placed in enumerate(found.best, 1):
        values = [_figure(placed.tried, one) for one in objectives]
        tied = ", ".join(str(other + 1) for other in placed.tied)
        note = placed.tried.name + ("" if placed.is_front else "  (may be as good)")
        add_row(table, str(number), *values, tied, note)
    console().print(table)


def _figure(tried: Tried, objective: Objective) -> str:
    """A value with its interval, in the unit people say it in."""
    from simulator.records.metrics import scale

    assert tried.summary is not None
    told = tried.summary.metrics[objective.key]
    assert told.mean is not None
    of = scale(objective.key, told.mean)
    return f"{of.around(told.mean, told.ci_low, told.ci_high)} {of.unit}".rstrip()
