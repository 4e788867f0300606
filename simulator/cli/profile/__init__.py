"""`multillm profile`: devices, engines, models, links and what else scenarios name, as files."""

from __future__ import annotations

import typer

from simulator.cli.profile.check import check
from simulator.cli.profile.names import names
from simulator.cli.profile.new import new
from simulator.cli.profile.show import show

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List, show, check and begin profiles: devices, engines, models, links, prices.",
)
app.command(name="list")(names)
app.command()(show)
app.command()(check)
app.command()(new)
