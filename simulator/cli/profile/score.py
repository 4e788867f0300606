"""`multillm profile score`: every measured table at hand against the models, and a page about it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.options import Profiles

Tables = Annotated[
    Path | None,
    typer.Argument(metavar="[FOLDER]", help="Where tables of measurements lie; MULTILLM_DATA where it is not given."),
]


def score(
    tables: Tables = None,
    profiles: Profiles = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Where scores.csv, validation.md and .html go.")
    ] = Path("validation"),
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes.")] = os.cpu_count() or 1,
    real: Annotated[
        Path | None,
        typer.Option("--real", metavar="FILE", help="Results of `make validate-real`, shown as well."),
    ] = None,
) -> None:
    """Score all measured points: with the shipped profiles, and with fits that left a model, device or row out."""
    from analysis.validation import markdown, page, summary
    from simulator.records.files import write_text
    from simulator.records.scores import write_scores
    from simulator.scoring.score import BARS, real_tables
    from simulator.scoring.score import score as scored
    from simulator.spec.library import library

    shelf = library([Path()], profiles or ())
    made = scored(data_folder(tables), shelf, jobs, _tick if sys.stderr.isatty() else None)
    in_markdown, in_html = real_tables(real) if real else ("", "")
    out.mkdir(parents=True, exist_ok=True)
    write_scores(made.scores, out / "scores.csv")
    write_text(out / "validation.md", markdown(made.scores, BARS, in_markdown))
    write_text(out / "validation.html", page(made.scores, BARS, in_html))
    for line in summary(made.scores, BARS).to_dict("records"):
        what = f"{line['group']}: {line['quantity']} {line['kind']}".rstrip()
        bar = f"  {line['verdict']} (at most {line['limit_frac']:.0%})" if line["verdict"] else ""
        print(f"{what:40} {line['setting']:16} {line['n']:6,} rows  median {line['median_frac']:6.1%}{bar}")
    print(f"{sum(made.skipped.values())} rows were not used:")
    for why, count in made.skipped.items():
        print(f"  {count:5} {why}")
    print(f"written: {out / 'validation.md'}, {out / 'validation.html'}, {out / 'scores.csv'}")


def data_folder(tables: Path | None) -> Path:
    """The folder of tables: as given, or as MULTILLM_DATA says. SpecError where there is none."""
    from simulator.spec.errors import SpecError
    from simulator.spec.refs import DATA_VARIABLE

    named = tables or (Path(os.environ[DATA_VARIABLE]) if os.environ.get(DATA_VARIABLE) else None)
    if named is None:
        raise SpecError(f"name a folder with tables of measurements, or set {DATA_VARIABLE}")
    if not named.is_dir():
        raise SpecError(f"{named}: no such folder")
    return named


def _tick(done: int, count: int) -> None:
    if done % 20 == 0 or done == count:
        print(f"\r{done:,} of {count:,} points", end="\n" if done == count else "", file=sys.stderr)
