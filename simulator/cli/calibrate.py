"""`multillm calibrate`: the threshold that gives a strong share, keeps a budget or has an accuracy."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.curve import COLUMNS, WIDTH, Strong, Weak
from simulator.cli.options import Profiles, ScenarioName, Sets

if TYPE_CHECKING:
    from simulator.metrics.value import Value
    from simulator.replaying.calibrate import Aim, Calibrated


def calibrate(
    scenario: ScenarioName,
    strong_share: Annotated[
        float | None, typer.Option("--strong-share", help="Share of queries that the strong pool is asked.")
    ] = None,
    budget_usd: Annotated[float | None, typer.Option("--budget-usd", help="Dollars a query, at most.")] = None,
    accuracy: Annotated[float | None, typer.Option("--accuracy", help="Share of right answers, at least.")] = None,
    over: Annotated[
        str | None,
        typer.Option("--over", metavar="KEY[=VALUES]", help="What is calibrated; the policy's threshold else."),
    ] = None,
    sets: Sets = None,
    weak: Weak = None,
    strong: Strong = None,
    profiles: Profiles = None,
) -> None:
    """Find a threshold on the table's train split, and tell what it gives on its test split.

    Give one of --strong-share, --budget-usd and --accuracy. Nothing runs under load: each item is asked once on an idle
    fleet.
    """
    from simulator.replaying.calibrate import calibrate as found
    from simulator.replaying.sweep import Named
    from simulator.replaying.vary import Over, Question

    aim, wanted = _aim(strong_share, budget_usd, accuracy)
    question = Question(scenario, tuple(sets or ()), tuple(profiles or ()))
    with redirect_stdout(sys.stderr):
        made = found(question, aim, wanted, None if over is None else Over.of(over), Named(weak, strong))
    _tell(made)


def _aim(strong_share: float | None, budget_usd: float | None, accuracy: float | None) -> tuple[Aim, float]:
    """The one that is given. SpecError where it is not exactly one, or makes no sense."""
    from simulator.spec.errors import SpecError

    given: list[tuple[str, Aim, float | None, float]] = [
        ("--strong-share", "strong_share", strong_share, 1.0),
        ("--budget-usd", "cost_usd", budget_usd, float("inf")),
        ("--accuracy", "accuracy", accuracy, 1.0),
    ]
    said = [(option, aim, value, most) for option, aim, value, most in given if value is not None]
    if len(said) != 1:
        raise SpecError("give one of --strong-share, --budget-usd and --accuracy")
    option, aim, value, most = said[0]
    if not 0 <= value <= most:
        raise SpecError(f"{option} {value:g}: must lie between 0 and {most:g}")
    return aim, value


def _tell(made: Calibrated) -> None:
    """A table of both splits, and the line to use."""
    from rich.console import Console

    from simulator.terminal import add_row, empty_table

    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    table = empty_table("", ("train", "right"), ("test", "right"), ("95 % interval on test", "left"))
    for name, (title, factor, digits) in COLUMNS.items():
        if name in made.train:
            mark = " *" if name == made.aim else ""
            cells = (_figure(side[name], factor, digits) for side in (made.train, made.test))
            add_row(table, title + mark, *cells, _interval(made.test[name], factor, digits))
    wanted = made.wanted * COLUMNS[made.aim][1]
    title = COLUMNS[made.aim][0]
    console.print(f"* asked for: {title} {wanted:g}; weak {made.ends.weak}, strong {made.ends.strong}", markup=False)
    console.print(table)
    if made.note:
        console.print(f"note: {made.note}", markup=False, highlight=False)
    value = repr(made.value) if isinstance(made.value, float) else made.value
    print(f"--set {made.key}={value}")


def _figure(value: Value, factor: float, digits: int) -> str:
    return "-" if value.value is None else f"{value.value * factor:,.{digits}f}"


def _interval(value: Value, factor: float, digits: int) -> str:
    if value.ci_low is None or value.ci_high is None:
        return value.reason
    return f"{value.ci_low * factor:,.{digits}f} to {value.ci_high * factor:,.{digits}f}"
