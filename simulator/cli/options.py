"""Arguments that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from simulator.metrics.until import Until

ScenarioName = Annotated[
    str, typer.Argument(metavar="FILE|NAME", help="A scenario file, or the name of a shipped one.")
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Lay a value over the file: fleet.edge.replicas=4. Repeatable."),
]
Profiles = Annotated[
    list[Path] | None,
    typer.Option("--profiles", metavar="DIR", help="A folder of profiles to look in before the shipped. Repeatable."),
]
UntilCi = Annotated[
    float | None,
    typer.Option("--until-ci", metavar="FRAC", help="Add replications until the 95 % interval is ± this fraction."),
]
UntilMetric = Annotated[
    str | None, typer.Option("--metric", metavar="KEY", help="Of --until-ci: ttft_s.p95, say; that of the first limit.")
]
MaxReps = Annotated[
    int | None, typer.Option("--max-reps", min=2, help="Of --until-ci: replications at most; 50 if not given.")
]


def until_of(
    scenario: str, sets: Sets, profiles: Profiles, frac: UntilCi, key: UntilMetric, most: MaxReps
) -> Until | None:
    """What the three options mean together; None where `--until-ci` is not given."""
    from simulator.metrics.keys import SHORT
    from simulator.metrics.until import MOST, Until

    if frac is None:
        for option, given in (("--metric", key), ("--max-reps", most)):
            if given is not None:
                raise typer.BadParameter("goes with --until-ci", param_hint=option)
        return None
    if key is None:
        from simulator.metrics.keys import watched
        from simulator.spec.load import load

        key = watched(load(scenario, sets or (), profiles or ()).spec)
    return Until(SHORT.get(key, key), frac, MOST if most is None else most)


Vary = Annotated[
    list[str] | None,
    typer.Option("--vary", metavar="KEY=VALUES", help="1..16 or a,b,c, of a dotted key. Repeatable."),
]
Jobs = Annotated[int | None, typer.Option("--jobs", min=1, help="Processes; all cores if not given.")]
SearchFolder = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="The folder of the points, instead of sweeps/NAME-HASH.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of the table.")]
