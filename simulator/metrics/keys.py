"""Metrics as the summary names them: `accuracy`, `ttft_s.p95`."""

from __future__ import annotations

import re

from simulator.metrics.registry import METRICS, Metric
from simulator.records import metrics
from simulator.spec.errors import SpecError, near
from simulator.spec.scenario import ScenarioSpec, SloSpec

KEYS = tuple(key for metric in METRICS.values() for key in metric.keys)
SHORT = {"cost_usd": "cost_usd_per_query", "energy_j": "energy_j_per_query", "co2_g": "co2_g_per_query"}
"""What people say for what a query costs."""
USUAL = "e2e_s.mean"


def key_of(said: str) -> str:
    """The key of the summary that a user means; of a metric by query its mean, as in a limit without a percentile.

    SpecError, with what it could be, where there is none.
    """
    key = SHORT.get(said, f"{said}.mean" if f"{said}.mean" in KEYS else said)
    if key not in KEYS:
        raise SpecError("metric: " + near(said, [*KEYS, *SHORT]))
    return key


def of_key(key: str) -> tuple[Metric, float | None]:
    """The metric of a key and its percentile (None: its mean, or its ratio); any percentile, not only those told."""
    name, _, statistic = key.partition(".")
    metric = METRICS.get(name)
    if metric is not None and metric.kind == "per_query":
        if statistic == "mean":
            return metric, None
        if (found := re.fullmatch(r"p(\d{1,2}(?:\.\d+)?)", statistic)) and 0 < float(found[1]) < 100:
            return metric, float(found[1])
    return METRICS[key_of(key).partition(".")[0]], None


def key_of_limit(slo: SloSpec) -> str:
    """The key of what a limit is on."""
    return metrics.key_of(slo.metric, slo.percentile)


def watched(spec: ScenarioSpec) -> str:
    """The metric that a scenario is about: that of its first limit, else the mean end-to-end time."""
    limits = [*spec.slo, *(slo for cls in spec.workload.values() for slo in cls.slo)]
    return key_of_limit(limits[0]) if limits else USUAL
