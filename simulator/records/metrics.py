"""What people call the metrics of a summary, which way is better, and in which units they say them."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Named(NamedTuple):
    """A metric as people speak of it; `unit` is the base unit."""

    title: str
    unit: str
    better: Literal["lower", "higher"]


NAMED: dict[str, Named] = {
    "accuracy": Named("right, of all queries", "1", "higher"),
    "accuracy_of_answered": Named("right, of those answered", "1", "higher"),
    "ttft_s": Named("TTFT", "s", "lower"),
    "tpot_s": Named("TPOT", "s", "lower"),
    "e2e_s": Named("end-to-end time", "s", "lower"),
    "queue_s": Named("queueing time", "s", "lower"),
    "queries_per_s": Named("queries finished", "1/s", "higher"),
    "output_tok_per_s": Named("tokens given", "tok/s", "higher"),
    "goodput_per_s": Named("queries within all limits", "1/s", "higher"),
    "slo_met_frac": Named("within all limits", "1", "higher"),
    "escalated_frac": Named("escalated", "1", "lower"),
    "calls_per_query": Named("calls per query", "1", "lower"),
    "coverage": Named("answered, of all", "1", "higher"),
    "dropped_frac": Named("dropped, of all", "1", "lower"),
    "unfinished_frac": Named("unfinished at the end, of all", "1", "lower"),
    "energy_j_per_query": Named("energy per query", "J", "lower"),
    "energy_j_per_output_tok": Named("energy per output token", "J", "lower"),
    "energy_j_per_correct": Named("energy per right answer", "J", "lower"),
    "cost_usd_per_query": Named("cost per query", "USD", "lower"),
    "co2_g_per_query": Named("CO2e per query", "g", "lower"),
    "co2_embodied_g_per_query": Named("of which the hardware's making", "g", "lower"),
}
ACRONYMS = "TTFT: time to first token; TPOT: time per output token after the first."


class Scale(NamedTuple):
    """How a quantity is written: its unit, and what the base unit is multiplied with."""

    unit: str
    factor: float


def title_of(key: str) -> str:
    """What people call a key of a summary: "TTFT p95"; the key itself where it is of no metric of this version."""
    name, _, statistic = key.partition(".")
    return f"{NAMED[name].title} {statistic}".rstrip() if name in NAMED else key


def scale(name: str, value: float | None) -> Scale:
    """The unit in which people say a value of the metric `name`: ms, mJ, % or $ per 1,000 queries, say."""
    unit, size = NAMED[name].unit, abs(value or 0.0)
    if unit == "1":
        return Scale("", 1.0) if name == "calls_per_query" else Scale("%", 100.0)
    if unit == "USD":
        return Scale("$ / 1k", 1e3)
    if unit in ("s", "J", "g"):
        if 0 < size < 1:
            return Scale(f"m{unit}", 1e3)
        if size >= 1e4 and unit != "s":
            return Scale(f"k{unit}", 1e-3)
    return Scale(unit, 1.0)


def figure(value: float, like: float | None = None) -> str:
    """`value` with three digits, or with as many decimals as `like` (a mean, for the interval beside it)."""
    if value == 0:
        return "0"
    size = abs(value if like is None else like)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    if abs(value) < 0.5 * 10**-decimals:
        return f"{value:.2g}"
    return f"{value:,.{decimals}f}"
