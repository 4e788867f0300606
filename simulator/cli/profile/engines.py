"""`multillm profile engines`: what engines achieve, fitted again and written as profiles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.options import Profiles
from simulator.cli.profile.score import Tables, data_folder


def engines(
    tables: Tables = None,
    profiles: Profiles = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where the profiles go.")] = Path(
        "profiles/engines"
    ),
) -> None:
    """Fit engine profiles to tables of measurements: by engine, by family of devices, by device."""
    from simulator.scoring.engines import write
    from simulator.scoring.points import Names
    from simulator.scoring.tables import read_points
    from simulator.spec.errors import SpecError
    from simulator.spec.library import library

    folder = data_folder(tables)
    points = read_points(folder, Names(library([Path()], profiles or ())))
    if not points:
        raise SpecError(f"{folder}: no table of measurements that a profile was found for")
    out.mkdir(parents=True, exist_ok=True)
    print(f"{len(write(points, out))} profiles in {out}")
