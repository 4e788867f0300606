"""A run's summary for people (`render`) and for programs (`to_json`)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.metrics.registry import METRICS
from simulator.records.metrics import Scale, figure, head, scale, title_of
from simulator.records.summary import BatteryLine, EnergyPart, Estimate, Held, PoolLine, Summary

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SHOWN = (
    "accuracy",
    "ttft_s.mean",
    "ttft_s.p95",
    "tpot_s.p95",
    "e2e_s.mean",
    "e2e_s.p95",
    "queue_s.mean",
    "queries_per_s",
    "output_tok_per_s",
    "goodput_per_s",
    "slo_met_frac",
    "escalated_frac",
    "calls_per_query",
    "coverage",
    "dropped_frac",
    "unfinished_frac",
    "energy_j_per_query",
    "energy_j_per_output_tok",
    "energy_j_per_correct",
    "cost_usd_per_query",
    "co2_g_per_query",
    "co2_embodied_g_per_query",
)
HEADLINES = (
    "accuracy",
    "energy_j_per_query",
    "cost_usd_per_query",
    "co2_g_per_query",
)  # missed where they are not there
USUAL = {  # values not worth a line
    "escalated_frac": 0.0,
    "calls_per_query": 1.0,
    "coverage": 1.0,
    "dropped_frac": 0.0,
    "unfinished_frac": 0.0,
    "cost_usd_per_query": 0.0,
    "co2_g_per_query": 0.0,
}
COLOURS = {"STABLE": "bold green", "BACKLOGGED": "bold yellow", "OVERLOADED": "bold red"}


def render(summary: Summary, console: Console) -> None:
    """Print what a run says: verdict, metrics with intervals, limits and evidence, energy, pools, what limits it."""
    each = summary.queries / summary.replications
    runs = "1 replication" if summary.replications == 1 else f"{summary.replications} replications"
    console.print(f"{summary.name}  {runs} x {each:,.0f} queries  {_measured(summary)}", markup=False, highlight=False)
    console.print(summary.verdict, style=COLOURS[summary.verdict], end=": ", highlight=False)
    console.print(summary.why, markup=False, highlight=False)
    console.print(_metrics(summary))
    for text in _from_one_replication(summary):
        console.print(text, markup=False, highlight=False)
    for held in summary.slos:
        if held.cls is not None or held.key not in summary.metrics:
            console.print(_limit_line(held), markup=False, highlight=False)
    for text in _undefined(summary):
        console.print(text, markup=False, highlight=False)
    if summary.energy:
        whole = summary.metrics["energy_j_per_query"].mean is not None
        known = "energy: " if whole else "energy that is known: "
        console.print(known + _energy(summary.energy), markup=False, highlight=False)
    console.print(_pools(summary.pools))
    for line in summary.pools:
        if line.kv_tok is not None:
            text = f"KV cache of a replica of {line.pool}: {line.kv_tok:,} tok ({line.kv_origin})"
            console.print(text, markup=False, highlight=False)
    for battery in summary.batteries:
        console.print(_battery(battery), markup=False, highlight=False)
    console.print(f"limit: {summary.limit}", markup=False, highlight=False)
    for text in summary.extrapolated:
        console.print(f"extrapolated: {text}", markup=False, highlight=False)
    if summary.left_out:
        console.print("left out: " + "; ".join(summary.left_out), markup=False, highlight=False)


def to_json(summary: Summary, run_dir: Path | None, wall_s: float) -> dict[str, Any]:
    """The document that `--json` prints; `wall_s` and what follows from it are the host's: equal runs differ here."""
    return {
        "name": summary.name,
        "seed": summary.seed,
        "verdict": summary.verdict,
        "why": summary.why,
        "limit": summary.limit,
        "run_dir": None if run_dir is None else str(run_dir),
        "wall_s": wall_s,
        "queries_per_wall_s": summary.queries / wall_s if wall_s > 0 else None,
        "metrics": {key: _five(estimate) for key, estimate in summary.metrics.items()},
        "slos": summary.to_dict()["slos"],
    }


def _five(estimate: Estimate) -> dict[str, float | str | None]:
    """What programs read of an estimate; `reason` where something is undefined or unknown."""
    kept: dict[str, float | str | None] = {
        "mean": estimate.mean,
        "ci_low": estimate.ci_low,
        "ci_high": estimate.ci_high,
        "unit": estimate.unit,
        "evidence": estimate.evidence,
    }
    return kept | ({"reason": estimate.reason} if estimate.reason else {})


def _measured(summary: Summary) -> str:
    """Which part of the run is measured."""
    cuts = summary.warmup_s
    found = [cut for cut in cuts if cut is not None]
    if not found:
        return "measured from the start: no steady state was found"
    text = f"measured after {max(found):,.4g} s" if max(found) > 0 else "measured from the start"
    missing = len(cuts) - len(found)
    return text + (f" (no steady state in {missing} of {len(cuts)})" if missing else "")


def _metrics(summary: Summary) -> Table:
    """The main table. A metric with a limit that is undefined says why."""
    table = empty_table("", ("mean", "right"), ("95 % CI", "left"), ("limit", "left"), ("evidence", "left"))
    held = {one.key: one for one in summary.slos if one.cls is None}
    for key in dict.fromkeys((*SHOWN, *held)):
        if key not in summary.metrics:
            continue
        estimate = summary.metrics[key]
        if key not in held and estimate.mean in (None, USUAL.get(key)):
            continue
        if estimate.mean is None:
            add_row(table, title_of(key), "-", "", _limit(held[key]), estimate.reason)
            continue
        of = scale(key, estimate.mean)
        add_row(
            table,
            head(key, of.unit),
            of.number(estimate.mean),
            _half(estimate, of),
            _limit(held[key]) if key in held else "",
            estimate.evidence,
        )
    return table


def _from_one_replication(summary: Summary) -> Iterable[str]:
    """How the intervals of a single replication were made."""
    shown = [summary.metrics[key] for key in SHOWN if key in summary.metrics]
    return dict.fromkeys(one.reason for one in shown if one.ci_low is not None and one.reason)


def _undefined(summary: Summary) -> Iterable[str]:
    """One line for each reason why a headline has no value."""
    reasons: dict[str, list[str]] = {}
    for key in HEADLINES:
        estimate = summary.metrics[key]
        if estimate.mean is None:
            reasons.setdefault(estimate.reason, []).append(METRICS[key].title)
    return (f"undefined: {', '.join(titles)}: {reason}" for reason, titles in reasons.items())


def _half(estimate: Estimate, of: Scale) -> str:
    """Half the width of the interval."""
    if estimate.mean is None or estimate.ci_low is None or estimate.ci_high is None:
        return ""
    return "± " + of.number((estimate.ci_high - estimate.ci_low) / 2, like=estimate.mean)


def _limit(held: Held) -> str:
    """The limit, and whether it was held."""
    unit, factor = scale(held.metric, held.max if held.max is not None else held.min)
    parts = [
        f"{sign} {bound * factor:.4g}" for sign, bound in (("<=", held.max), (">=", held.min)) if bound is not None
    ]
    return f"{' '.join(parts)} {unit} {'ok' if held.met else 'MISSED'}"


def _limit_line(held: Held) -> str:
    """A limit that has no line of the table: of one class, or on another percentile."""
    unit, factor = scale(held.metric, held.value)
    value = "undefined" if held.value is None else f"{figure(held.value * factor)} {unit}"
    of = f"{held.cls}: " if held.cls else ""
    return f"{of}{title_of(held.key)} {value}, limit {_limit(held)}"


def _energy(parts: Iterable[EnergyPart]) -> str:
    """Shares of the joules, largest first."""
    return ", ".join(f"{part.where} {part.phase} {100 * part.frac:.1f} %" for part in parts if part.frac >= 0.0005)


def _battery(line: BatteryLine) -> str:
    """What a phone's user wants to know."""
    text = f"battery of {line.name}: {figure(100 * line.frac_per_h)} % an hour"
    if line.frac_per_query is not None:
        text += f", {figure(100 * line.frac_per_query)} % a query"
    if line.empty_after_s is not None:
        text += f"; a full one is empty after {line.empty_after_s / 3600:.1f} h"
    return text


def _pools(lines: Iterable[PoolLine]) -> Table:
    """One row a pool."""
    numbers = ("replicas", "answers [%]", "calls/query", "busy [%]", "decoding at once")
    table = empty_table(
        "pool", *((name, "right") for name in numbers), ("model on device", "left"), ("evidence", "left")
    )
    for line in lines:
        add_row(
            table,
            line.pool,
            "hosted" if line.replicas is None else str(line.replicas),
            _or_dash(line.answered_frac, 100),
            _or_dash(line.calls_per_query),
            _or_dash(line.busy_frac, 100),
            _or_dash(line.decode_seqs),
            f"{line.model} on {line.device}" if line.device else line.model,
            line.evidence,
        )
    return table


def _or_dash(value: float | None, factor: float = 1.0) -> str:
    return "-" if value is None else figure(value * factor)


def add_row(table: Table, *cells: str) -> None:
    """Add a row as it stands: brackets are units, not Rich's markup."""
    from rich.text import Text

    table.add_row(*map(Text, cells))


def empty_table(first: str, *others: tuple[str, Any]) -> Table:
    """An empty table without lines; Rich is imported here because `validate` and `--help` do without it."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", highlight=False)
    table.add_column(Text(first), no_wrap=True)
    for title, side in others:
        table.add_column(Text(title), justify=side, no_wrap=side == "right", overflow="fold")
    return table
