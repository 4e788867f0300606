"""Names of the metrics that a limit may be set on; how they are calculated stands in `simulator.metrics`."""

from __future__ import annotations

METRIC_NAMES = (
    "accuracy",
    "ttft_s",
    "tpot_s",
    "e2e_s",
    "queue_s",
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

WITH_PERCENTILES = ("ttft_s", "tpot_s", "e2e_s", "queue_s")  # those with one value a query
