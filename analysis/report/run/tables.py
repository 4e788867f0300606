"""The tables of a report: headline metrics, limits, pools, all metrics, and where the run is from."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.grids import ABSENT, Grid, percent
from simulator.records.metrics import Scale, scale, title_of
from simulator.records.result import Result, result_hash
from simulator.records.summary import Estimate, Summary

HEADLINES = (
    *("accuracy", "ttft_s.mean", "ttft_s.p95", "tpot_s.p95", "e2e_s.mean", "e2e_s.p95", "queue_s.mean"),
    *("queries_per_s", "output_tok_per_s", "goodput_per_s", "slo_met_frac", "escalated_frac", "calls_per_query"),
    *("coverage", "dropped_frac", "unfinished_frac", "energy_j_per_query", "energy_j_per_output_tok"),
    *("energy_j_per_correct", "cost_usd_per_query", "co2_g_per_query", "co2_embodied_g_per_query"),
)


def headlines(summary: Summary) -> Grid:
    """The metrics that people ask for first, with 95 % intervals, limits and evidence; why where there is none."""
    held = {one.key: one for one in summary.slos if one.cls is None}
    rows = []
    for key in dict.fromkeys((*HEADLINES, *held)):
        if key not in summary.metrics:
            continue
        one = summary.metrics[key]
        verdict = "" if key not in held else "met" if held[key].met else "missed"
        rows.append((title_of(key), *estimated(one, scale(key, one.mean)), verdict, one.evidence or one.reason))
    words = frozenset({"metric", "95 % interval", "limit", "evidence"})
    return Grid(("metric", "mean", "95 % interval", "limit", "evidence"), tuple(rows), words)


def estimated(one: Estimate, unit: Scale) -> tuple[str, str]:
    """Mean and 95 % interval."""
    if one.mean is None:
        return ABSENT, ABSENT
    if one.ci_low is None or one.ci_high is None:
        return unit.said(one.mean), ABSENT
    return unit.said(one.mean), unit.interval(one.ci_low, one.ci_high, one.mean)


def limits(summary: Summary) -> Grid:
    """Each limit, what came of it, and whether it was held."""
    rows = [
        (
            *(title_of(one.key), one.cls or "all", one.bounds, one.said),
            "met" if one.met else "missed",
        )
        for one in summary.slos
    ]
    heads = ("limit on", "class", "limit", "value", "verdict")
    return Grid(heads, tuple(rows), frozenset(heads) - {"value"})


def pools(summary: Summary) -> Grid:
    """Each pool: model, device, replicas, its share of answers, and how busy it is."""
    rows = [
        (
            *(line.pool, line.model, line.device),
            ABSENT if line.replicas is None else f"{line.replicas:,}",
            *(ABSENT if frac is None else percent(frac) for frac in (line.answered_frac, line.busy_frac)),
            *(ABSENT if n is None else f"{n:.3g}" for n in (line.calls_per_query, line.decode_seqs)),
            line.evidence,
        )
        for line in summary.pools
    ]
    heads = (
        "pool",
        "model",
        "device",
        "replicas",
        "answers %",
        "busy %",
        "calls/query",
        "decoding at once",
        "evidence",
    )
    return Grid(heads, tuple(rows), frozenset({"pool", "model", "device", "evidence"}))


def everything(summary: Summary) -> Grid:
    """All metrics by key in base units, to six digits, of all queries and of each class."""
    parts: list[tuple[str, Mapping[str, Estimate]]] = [("all", summary.metrics), *summary.classes.items()]
    rows = [
        (
            *(key, cls),
            *(ABSENT if value is None else f"{value:.6g}" for value in (one.mean, one.ci_low, one.ci_high)),
            *(one.unit, one.evidence or ABSENT, one.reason or ABSENT),
        )
        for cls, metrics in parts
        for key, one in metrics.items()
    ]
    heads = ("key", "class", "mean", "from", "to", "unit", "evidence", "note")
    return Grid(heads, tuple(rows), frozenset({"key", "class", "unit", "evidence", "note"}))


def origin(result: Result) -> Grid:
    """What makes the run again. When and where it ran is left out: equal runs have equal reports."""
    summary = result.summary
    told = {
        "seed": summary.seed,
        "replications": summary.replications,
        "queries": f"{summary.queries:,}",
        "what became of them": ", ".join(f"{n:,} {fate}" for fate, n in summary.fates.items()),
        "multillm-sim": result.manifest.get("version", ABSENT),
        "result": result_hash(result),
    }
    return Grid(
        ("what", "value"), tuple((key, str(value)) for key, value in told.items()), frozenset({"what", "value"})
    )
