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
PER_QUERY = ("ttft_s", "tpot_s", "e2e_s", "queue_s")
"""Metrics that each finished query has: a summary has their mean and percentiles, each under a key of its own."""
ACRONYMS = "TTFT: time to first token; TPOT: time per output token after the first."


class Scale(NamedTuple):
    """How a quantity is written: its unit, and what the base unit is multiplied with."""

    unit: str
    factor: float

    def said(self, value: float, like: float | None = None) -> str:
        """A value in base units with its unit, "12.7 ms" or "$ 0.919 / 1k"; as many decimals as `like` would have."""
        return self.with_unit(self.number(value, like))

    def interval(self, low: float, high: float, like: float | None = None) -> str:
        """Both ends and their unit once: "12.1 to 13.2 ms"."""
        return self.with_unit(f"{self.number(low, like)} to {self.number(high, like)}")

    def around(self, mean: float, low: float | None, high: float | None) -> str:
        """A mean with half its interval, "12.7 ± 0.7", for where the unit stands in the head."""
        half = "" if low is None or high is None else f" ± {self.number((high - low) / 2, mean)}"
        return self.number(mean) + half

    def number(self, value: float, like: float | None = None) -> str:
        """A value without its unit."""
        return figure(value * self.factor, None if like is None else like * self.factor)

    def with_unit(self, numbers: str) -> str:
        """Numbers in this unit, and the unit."""
        before, after = ("$ ", self.unit[1:]) if self.unit.startswith("$") else ("", f" {self.unit}".rstrip())
        return before + numbers + after


def title_of(key: str) -> str:
    """What people call a key of a summary: "TTFT p95"; the key itself where it is of no metric of this version."""
    name, _, statistic = key.partition(".")
    return f"{NAMED[name].title} {statistic}".rstrip() if name in NAMED else key


def head(key: str, unit: str) -> str:
    """What the column or the axis of a key is called: "TTFT p95 [s]"."""
    return title_of(key) + (f" [{unit}]" if unit else "")


def key_of(name: str, percentile: float | None) -> str:
    """The key in a summary of a metric's percentile; with None of its mean, or its one value."""
    if name not in PER_QUERY:
        return name
    return f"{name}.mean" if percentile is None else f"{name}.p{percentile:g}"


def scale(key: str, value: float | None) -> Scale:
    """The unit in which people say a value of the metric of a key: ms, mJ, % or $ per 1,000 queries, say.

    A metric that this version does not know has no unit.
    """
    name, size = key.partition(".")[0], abs(value or 0.0)
    if name not in NAMED:
        return Scale("", 1.0)
    unit = NAMED[name].unit
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
