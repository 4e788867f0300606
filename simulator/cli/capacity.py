"""`multillm capacity`: the highest rate that holds the limits."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from typing import Annotated

import typer

from simulator.cli.options import AsJson, Jobs, Profiles, ScenarioName, SearchFolder, Sets


def capacity(
    scenario: ScenarioName,
    over: Annotated[
        str | None, typer.Option("--over", metavar="KEY", help="The rate: workload.chat.arrivals.rate_per_s, say.")
    ] = None,
    low: Annotated[float | None, typer.Option("--from", help="The lowest rate; the file's, halved, if not.")] = None,
    high: Annotated[float | None, typer.Option("--to", help="The highest; the file's, doubled, if not.")] = None,
    tolerance: Annotated[float, typer.Option("--tolerance", help="How near to the edge, as a fraction.")] = 0.02,
    sets: Sets = None,
    profiles: Profiles = None,
    jobs: Jobs = None,
    out: SearchFolder = None,
    as_json: AsJson = False,
) -> None:
    """Find the highest rate of arrivals at which all limits hold and the system keeps up: its goodput.

    By bisection of the rate's logarithm; all rates meet the same queries, closer together. Points are kept: the same
    search, begun again, goes on where it stopped.
    """
    from simulator.cli.searched import point, print_tried, say, say_notes, telling
    from simulator.searching.capacity import capacity as search
    from simulator.searching.judge import doubts, judge
    from simulator.searching.points import Points
    from simulator.spec.reader import display

    with redirect_stdout(sys.stderr):
        points = Points(scenario, sets or (), profiles or (), out, jobs, f"capacity {over}", telling())
        found = search(points, over, low, high, tolerance)
    if as_json:
        document = {
            "key": found.key,
            "rate": found.rate,
            "per_device": found.per_device,
            "tolerance": tolerance,
            "best": point(found.best, judge(found.best)),
            "above": point(found.above, found.bound),
            "notes": [*found.notes, *doubts(found.best)],
            "folder": str(points.folder),
        }
        print(json.dumps(document, indent=2, allow_nan=False))
        return
    print_tried(found.tried, found.best)
    each = "" if found.per_device is None else f", {found.per_device:.4g} a device"
    say(f"goodput: {found.key}={found.rate:.4g}{each}  (to {100 * tolerance:.2g} %)")
    say(f"above it: {found.above.name}: {found.bound.text}")
    if found.above.summary is not None:
        say(f"limit there: {found.above.summary.limit}")
    say_notes(found.best, found.notes)
    say(f"points: {display(points.folder)}")
