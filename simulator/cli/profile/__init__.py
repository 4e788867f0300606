"""`multillm profile`: profiles of one's own, one command a file."""

from __future__ import annotations

import typer

from simulator.cli.profile.fit import fit
from simulator.cli.profile.measure import measure

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Measure and fit profiles of your own.")
app.command()(fit)
app.command()(measure)
