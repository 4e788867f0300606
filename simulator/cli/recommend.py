"""`multillm recommend`: the smallest, cheapest or greenest of a fleet that holds the limits."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.options import AsJson, Jobs, Profiles, ScenarioName, SearchFolder, Sets, Vary

if TYPE_CHECKING:
    from simulator.searching.recommend import Recommended


def recommend(
    scenario: ScenarioName,
    vary: Vary = None,
    least: Annotated[
        str | None,
        typer.Option("--min", metavar="METRIC", help="cost_usd, energy_j, co2_g, ...: instead of the fewest devices."),
    ] = None,
    slo: Annotated[bool, typer.Option("--slo", help="Hold the scenario's limits: always so, said for clarity.")] = True,
    sets: Sets = None,
    profiles: Profiles = None,
    jobs: Jobs = None,
    out: SearchFolder = None,
    as_json: AsJson = False,
) -> None:
    """Find the least that holds all limits of the scenario and keeps up (STABLE), and say what binds below it.

    Whole numbers that rise are searched by bisection, as if more held more, and the neighbours of the answer are tried
    to see whether that is so. Points are kept: the same search, begun again, goes on where it stopped.
    """
    from simulator.cli.searched import point, print_tried, say, say_notes, telling
    from simulator.metrics.keys import key_of
    from simulator.searching.judge import doubts, judge
    from simulator.searching.points import Points
    from simulator.searching.recommend import recommend as search
    from simulator.searching.space import axes, space
    from simulator.spec.reader import display

    metric = None if least is None else key_of(least)
    grid = axes(space(vary or ()))
    with redirect_stdout(sys.stderr):
        question = f"recommend {vary} {metric}"
        points = Points(scenario, sets or (), profiles or (), out, jobs, question, telling())
        found = search(points, grid, metric)
    if as_json:
        document = {
            "best": point(found.best, judge(found.best)),
            "devices": found.devices,
            "bound": [point(*one) for one in found.bound],
            "notes": [*found.notes, *doubts(found.best)],
            "tried": [point(*one) for one in found.tried],
            "folder": str(points.folder),
        }
        print(json.dumps(document, indent=2, allow_nan=False))
        return
    print_tried(found.tried, found.best)
    say(f"{_what(metric)} that holds: {found.best.name}  ({_worth(found, metric)})")
    for one, judged in found.bound:
        say(f"below it: {one.name}: {judged.text}")
    if not found.bound:
        say("nothing smaller is allowed: no limit binds")
    say_notes(found.best, found.notes)
    say(f"points: {display(points.folder)}")


def _what(metric: str | None) -> str:
    from simulator.records.metrics import title_of

    return "smallest" if metric is None else f"least {title_of(metric)}"


def _worth(found: Recommended, metric: str | None) -> str:
    """Devices, and what was asked to be least."""
    from simulator.records.metrics import scale

    devices = f"{found.devices} device" + ("" if found.devices == 1 else "s")
    assert found.best.summary is not None
    told = None if metric is None else found.best.summary.metrics[metric]
    if metric is None or told is None or told.mean is None:
        return devices
    of = scale(metric, told.mean)
    return f"{of.around(told.mean, told.ci_low, told.ci_high)} {of.unit}, {devices}"
