"""`multillm curve`: operating points of a policy over one of its numbers, and what is read off them."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from simulator.cli.options import Profiles, ScenarioName, Sets

if TYPE_CHECKING:
    import pandas as pd

    from simulator.metrics.value import Value
    from simulator.replaying.curve import Curve

MOST_SHOWN = 11  # points of a whole curve in the table
WIDTH = 120  # of tables that go into a file or a pipe
CURRENCIES = {"usd": "cost_usd", "energy": "energy_j", "time": "e2e_s"}
COLUMNS = {  # of points: title, factor and digits
    "strong_share": ("strong [%]", 100, 1),
    "accuracy": ("right [%]", 100, 1),
    "cost_usd": ("$ / 1k", 1000, 4),
    "energy_j": ("J", 1, 1),
    "e2e_s": ("time [s]", 1, 3),
    "calls": ("calls", 1, 2),
    "energy_j_per_correct": ("J / right", 1, 1),
    "ies": ("IES", 1, 3),
}

Weak = Annotated[str | None, typer.Option("--weak", metavar="POOL", help="The weak end; the cheapest pool else.")]
Strong = Annotated[
    str | None, typer.Option("--strong", metavar="POOL", help="The strong end; the most accurate pool else.")
]


def curve(
    scenario: ScenarioName,
    over: Annotated[
        str, typer.Option("--over", metavar="KEY[=VALUES]", help="What is varied: KEY, KEY=a:b:n or KEY=a,b,c.")
    ],
    sets: Sets = None,
    weak: Weak = None,
    strong: Strong = None,
    cost: Annotated[
        str | None, typer.Option("--cost", help="usd, energy or time; usd where it is not given and anything costs.")
    ] = None,
    ies: Annotated[
        str | None,
        typer.Option("--ies", metavar="MAP", help="As YAML: alpha, responsive, of_s, weights of the efficiency score."),
    ] = None,
    under_load: Annotated[
        bool, typer.Option("--under-load", help="Run the scenario at each value, instead of replaying it without load.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="A folder for points.csv and metrics.json.")
    ] = None,
    profiles: Profiles = None,
) -> None:
    """Print a policy's curve over one of its numbers.

    Each value is an operating point: every query of the first replication replayed on an idle fleet, or, under load, a
    run. Of thresholds between two pools all points are made at once.
    """
    from simulator.replaying.ends import read_ies
    from simulator.replaying.loaded import loaded_curve
    from simulator.replaying.sweep import Named
    from simulator.replaying.sweep import curve as idle_curve
    from simulator.replaying.vary import Over, Question
    from simulator.spec.errors import SpecError, near

    if cost is not None and cost not in CURRENCIES:
        raise SpecError(f"--cost: {near(cost, CURRENCIES)}")
    currency = cast("Literal['cost_usd', 'energy_j', 'e2e_s'] | None", CURRENCIES.get(cost or ""))
    question = Question(scenario, tuple(sets or ()), tuple(profiles or ()))
    with redirect_stdout(sys.stderr):
        make = loaded_curve if under_load else idle_curve
        made = make(question, Over.of(over), Named(weak, strong, currency, None if ies is None else read_ies(ies)))
    _tell(made, under_load)
    if out is not None:
        _write(out, made, under_load)


def _tell(made: Curve, under_load: bool) -> None:
    """The tables, on standard output."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    ends = made.ends
    how = "runs under load" if under_load else "replays without load"
    whole = f"all {len(made.points)} points" if made.is_whole else f"{len(made.points)} points"
    cost = next(name for name, column in CURRENCIES.items() if column == ends.currency)
    told = f"{made.key}: {whole}, {how}; weak {ends.weak}, strong {ends.strong}, cost in {cost}"
    console.print(told, markup=False, highlight=False)
    console.print(f"IES = {ends.efficiency}", markup=False, highlight=False)
    if ends.efficiency.warning:
        console.print(f"warning: {ends.efficiency.warning}", markup=False, highlight=False)
    console.print(_points("value", _some(made.points)))
    console.print(_points("everything to", made.singles.rename(columns={"pool": "value"})))
    console.print(_metrics(made))


def _some(points: pd.DataFrame) -> pd.DataFrame:
    """Not more points than one reads, evenly spread over the share of strong calls."""
    if len(points) <= MOST_SHOWN:
        return points
    share = points["strong_share"].to_numpy()
    marks = [share.min() + (share.max() - share.min()) * i / (MOST_SHOWN - 1) for i in range(MOST_SHOWN)]
    chosen = sorted({int(abs(share - mark).argmin()) for mark in marks})
    return points.iloc[chosen]


def _points(first: str, points: pd.DataFrame) -> Any:
    from simulator.terminal import add_row, empty_table

    titles = [(title, "right") for title, _, _ in COLUMNS.values()]
    has_verdict = "verdict" in points
    table = empty_table(first, *titles, *([("verdict", "left")] if has_verdict else []))
    for _, row in points.iterrows():
        cells = [f"{row['value']:.6g}" if isinstance(row["value"], float) else str(row["value"])]
        for name, (_, factor, digits) in COLUMNS.items():
            half = (row["accuracy_ci_high"] - row["accuracy_ci_low"]) / 2
            plus = f" ± {half * factor:.{digits}f}" if name == "accuracy" else ""
            cells.append("-" if row[name] != row[name] else f"{row[name] * factor:,.{digits}f}{plus}")
        add_row(table, *cells, *([str(row["verdict"])] if has_verdict else []))
    return table


def _metrics(made: Curve) -> Any:
    from simulator.replaying.readings import TITLES
    from simulator.terminal import add_row, empty_table

    table = empty_table("", ("value", "right"), ("95 % interval over items", "left"))
    for name, value in made.metrics.items():
        add_row(table, TITLES[name], *told(value))
    return table


def told(value: Value, factor: float = 1.0) -> tuple[str, str]:
    """A value and its interval; a dash and the reason where it is undefined."""
    if value.value is None:
        return "-", f"undefined: {value.reason}"
    if value.ci_low is None or value.ci_high is None:
        return f"{value.value * factor:.4g}", value.reason
    return f"{value.value * factor:.4g}", f"{value.ci_low * factor:.4g} to {value.ci_high * factor:.4g}"


def _write(out: Path, made: Curve, under_load: bool) -> None:
    """points.csv and metrics.json. SpecError where they cannot be written."""
    from simulator.replaying.readings import TITLES
    from simulator.spec.errors import SpecError

    singles = json.loads(made.singles.to_json(orient="records"))
    document = {
        "key": made.key,
        "weak": made.ends.weak,
        "strong": made.ends.strong,
        "cost": made.ends.currency,
        "load": under_load,
        "whole": made.is_whole,
        "ies": str(made.ends.efficiency),
        "metrics": {name: {"title": TITLES[name], **vars(value)} for name, value in made.metrics.items()},
        "singles": singles,
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        made.points.to_csv(out / "points.csv", index=False)
        (out / "metrics.json").write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise SpecError(f"--out {out}: {error.strerror}") from None
    print(f"written: {out / 'points.csv'}, {out / 'metrics.json'}")
