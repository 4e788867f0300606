"""`multillm profile`: devices, engines, models, links and what else scenarios name, as files."""

from __future__ import annotations

import typer

from simulator.cli.profile.check import check
from simulator.cli.profile.engines import engines
from simulator.cli.profile.fit import fit
from simulator.cli.profile.measure import measure
from simulator.cli.profile.names import names
from simulator.cli.profile.new import new
from simulator.cli.profile.score import score
from simulator.cli.profile.show import show

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, show, check and begin profiles; fit and measure them; score them against measurements.",
)
app.command(name="list")(names)
app.command()(show)
app.command()(check)
app.command()(new)
app.command()(fit)
app.command()(measure)
app.command()(score)
app.command()(engines)
