"""The metrics that users see, as data: each is a value per query, or the ratio of two totals of a `Sample`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from simulator.records.metrics import NAMED, PER_QUERY

Domain = Literal["time", "quality", "energy", "money", "carbon"]
Spread = Literal["runs", "items", "both"]

STATISTICS: dict[str, float | None] = {"mean": None, "p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0}


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that users see.

    A value per query (`bottom` None) is the column `top` of finished queries, told as mean and linear percentiles: keys
    `ttft_s.mean`, `ttft_s.p95`. A ratio is total `top` over total `bottom`: one key, the name. `spread` says what its
    interval is over: replications (Student t), items (bootstrap), or both (half-widths added in squares). `domains` are
    what its evidence is of.
    """

    name: str
    domains: tuple[Domain, ...]
    top: str
    bottom: str | None = None
    spread: Spread = "runs"

    @property
    def title(self) -> str:
        """What people call it."""
        return NAMED[self.name].title

    @property
    def unit(self) -> str:
        """Its base unit."""
        return NAMED[self.name].unit

    @property
    def better(self) -> Literal["lower", "higher"]:
        """Which way is better."""
        return NAMED[self.name].better

    @property
    def kind(self) -> Literal["per_query", "ratio"]:
        """Whether percentiles make sense."""
        return "per_query" if self.bottom is None else "ratio"

    @property
    def keys(self) -> tuple[str, ...]:
        """Its names in summary.json."""
        return (self.name,) if self.bottom else tuple(f"{self.name}.{statistic}" for statistic in STATISTICS)


_TIME: tuple[Domain, ...] = ("time",)
_QUALITY: tuple[Domain, ...] = ("quality",)

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("accuracy", _QUALITY, "correct", "with_item", "items"),
        Metric("accuracy_of_answered", _QUALITY, "correct", "answered", "items"),
        Metric("ttft_s", _TIME, "ttft_s"),
        Metric("tpot_s", _TIME, "tpot_s"),
        Metric("e2e_s", _TIME, "e2e_s"),
        Metric("queue_s", _TIME, "queue_s"),
        Metric("queries_per_s", _TIME, "finished", "span_s"),
        Metric("output_tok_per_s", _TIME, "output_tok", "span_s"),
        Metric("goodput_per_s", _TIME, "good", "span_s"),
        Metric("slo_met_frac", _TIME, "good", "offered"),
        Metric("escalated_frac", _QUALITY, "escalated", "offered", "both"),
        Metric("calls_per_query", _QUALITY, "calls", "offered", "both"),
        Metric("coverage", _TIME, "finished", "offered"),
        Metric("dropped_frac", _TIME, "dropped", "offered"),
        Metric("unfinished_frac", _TIME, "unfinished", "offered"),
        Metric("energy_j_per_query", ("energy",), "energy_j", "offered"),
        Metric("energy_j_per_output_tok", ("energy",), "energy_j", "output_tok"),
        Metric("energy_j_per_correct", ("energy", "quality"), "energy_j", "correct", "both"),
        Metric("cost_usd_per_query", ("money",), "cost_usd", "offered", "both"),
        Metric("co2_g_per_query", ("carbon",), "co2_g", "offered"),
        Metric("co2_embodied_g_per_query", ("carbon",), "co2_embodied_g", "offered"),
    )
}

QUANTITIES = {
    "ttft_s": "seconds from arrival to the first token shown",
    "tpot_s": "mean seconds between tokens of the accepted answer, of answers of two tokens or more",
    "e2e_s": "seconds from arrival to the last token",
    "queue_s": "seconds of waiting on the way to the accepted answer",
    "correct": "scores of the answers that users got: 1 or 0 of right and wrong ones",
    "with_item": "queries that ask an item of a quality table",
    "answered": "those of them that were finished",
    "offered": "queries that arrived in the window",
    "finished": "queries that got an answer",
    "dropped": "queries that ended without one: refused, failed, out of time, or left by the user",
    "unfinished": "queries under way when the run ended",
    "good": "queries finished within all limits on times of theirs",
    "escalated": "queries with a second answer call because of an answer",
    "calls": "calls made, verifications and refinements included",
    "output_tok": "tokens of the answers that users got",
    "span_s": "seconds of the window",
    "energy_j": "joules of machines, idle ones too, links and hosted calls in the window, with the buildings' share",
    "co2_g": "grams of CO2-equivalent of these joules, and of the hardware's making",
    "co2_embodied_g": "those of the hardware's making, for the window's share of its life",
    "cost_usd": "dollars of hosted calls, and of machines for the time of the window",
}
"""What the quantities are that metrics are made of, over queries that arrived in the window: after the warm-up."""

ABSENT = {
    "correct": "no query has an item",
    "good": f"no limit on {', '.join(PER_QUERY)}",
    "energy_j": "energy is of the whole run",
    "co2_g": "carbon is of the whole run",
    "co2_embodied_g": "carbon is of the whole run",
    "cost_usd": "cost is of the whole run",
}
UNKNOWN = {
    "energy_j": "a hosted pool's profile gives no energy_j_per_tok",
    "co2_g": "a place has no region in 'grid', or joules are unknown",
    "co2_embodied_g": "no device's profile gives embodied_kg",
}
ZERO = {
    "with_item": "no query has an item",
    "answered": "no query with an item was answered",
    "correct": "no answer was right",
    "output_tok": "no token was given",
    "offered": "no query arrived in the window",
    "span_s": "the window is empty",
}
EMPTY = {"tpot_s": "no answer of more than one token"}


def why_undefined(metric: Metric, absent: Collection[str], unknown: str | None = None) -> str:
    """Why `metric` has no value: a quantity is `unknown`, or some are `absent`, or what it is divided by is zero."""
    if metric.bottom is None:
        return EMPTY.get(metric.name, "no query was answered")
    if unknown is not None:
        return UNKNOWN.get(unknown, "not measured")
    if absent:
        return next(
            (ABSENT[part] for part in (metric.top, metric.bottom) if part in absent and part in ABSENT), "not measured"
        )
    return ZERO[metric.bottom]
