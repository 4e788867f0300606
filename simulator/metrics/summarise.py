"""From the tables of a run to its summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan

import numpy as np
import pandas as pd

from simulator.metrics.batches import within
from simulator.metrics.breakdown import battery_lines, critical_path, energy_parts, pool_lines, what_limits
from simulator.metrics.evidence import Basis, bases, weakest
from simulator.metrics.facts import RunFacts
from simulator.metrics.intervals import interval, resample
from simulator.metrics.registry import METRICS, STATISTICS, Metric, why_undefined
from simulator.metrics.sample import Sample, measure, sample, statistic
from simulator.metrics.verdict import verdict
from simulator.records.summary import Estimate, Held, Summary
from simulator.records.tables import TablesLike
from simulator.spec.scenario import SloSpec

Bases = Mapping[str, Basis | None]


def summarise(tables: TablesLike, facts: RunFacts) -> Summary:
    """All that a run says in numbers: queries by arrival and joules by time, inside each replication's window."""
    queries = [tables.queries[_of(tables.queries, r)] for r in range(len(facts.windows))]
    ledgers = [tables.ledger[_of(tables.ledger, r)] for r in range(len(facts.windows))]
    taken = [sample(*parts, facts) for parts in zip(queries, ledgers, facts.windows, strict=True)]
    samples = [one for one, _ in taken]
    inside = pd.concat([q[q["arrived_s"] >= w.start_s] for q, w in zip(queries, facts.windows, strict=True)])
    shares, before = critical_path(inside, tables.calls)
    rests_on = bases(inside, tables.ledger, shares, facts)
    by_class = _by_class(taken, facts)
    judged, why = verdict(queries, facts.windows)
    fates = tables.queries["fate"].value_counts()
    return Summary(
        name=facts.name,
        seed=facts.seed,
        replications=len(facts.windows),
        queries=len(tables.queries),
        fates={fate: int(fates.get(fate, 0)) for fate in ("finished", "abstained", "dropped", "unfinished")},
        warmup_s=tuple(window.start_s if window.steady else None for window in facts.windows),
        span_s=tuple(window.end_s - window.start_s for window in facts.windows),
        verdict=judged,
        why=why,
        limit=what_limits(shares, before),
        limit_shares=shares,
        metrics=estimates(samples, rests_on, facts.seed),
        classes={n: estimates(s, rests_on, facts.seed) for n, s in by_class.items()} if len(by_class) > 1 else {},
        slos=_held(samples, by_class, facts),
        energy=energy_parts(tables.ledger, sum(one.total("offered") for one in samples)),
        pools=pool_lines(tables, inside, facts),
        left_out=facts.left_out,
        extrapolated=facts.extrapolated,
        batteries=battery_lines(tables.ledger, facts, sum(one.total("offered") for one in samples)),
    )


def _by_class(taken: Sequence[tuple[Sample, pd.Series]], facts: RunFacts) -> dict[str, list[Sample]]:
    """The samples of each class; of a single class they are the run's."""
    if len(facts.classes) == 1:
        return {name: [one for one, _ in taken] for name in facts.classes}
    return {name: [one.only((of == name).to_numpy(bool)) for one, of in taken] for name in facts.classes}


def estimates(samples: Sequence[Sample], rests_on: Bases, seed: int) -> dict[str, Estimate]:
    """Every metric by key, from one sample a replication."""
    measured = [measure(one) for one in samples]
    resampled = resample(samples, seed)
    found = {}
    for metric in METRICS.values():
        evidence = str(weakest(rests_on[domain] for domain in metric.domains) or "")
        for key, percentile in zip(metric.keys, STATISTICS.values(), strict=False):
            values = [one[key] for one in measured]
            if any(map(isnan, values)):
                found[key] = _undefined(metric, samples, values)
                continue
            low, high, reason = interval(metric, values, resampled)
            if len(samples) == 1 and metric.bottom is None:
                low, high, reason = within(values[0], samples[0].values(metric.top), percentile)
            found[key] = Estimate(float(np.mean(values)), low, high, metric.unit, evidence, reason, tuple(values))
    return found


def _undefined(metric: Metric, samples: Sequence[Sample], values: Sequence[float]) -> Estimate:
    """A metric that some replication has no value of: said, and never 0."""
    parts = (metric.top, metric.bottom) if metric.bottom is not None else ()
    absent = {name for one in samples for name in parts if isnan(one.total(name))}
    unknown = next((n for one in samples for n, total in one.totals.items() if n == metric.top and isnan(total)), None)
    reason = why_undefined(metric, absent, unknown)
    missing = sum(map(isnan, values))
    if missing < len(values):
        reason += f" in {missing} of {len(values)} replications"
    return Estimate(None, None, None, metric.unit, "", reason, tuple(None if isnan(v) else v for v in values))


def _held(samples: Sequence[Sample], by_class: Mapping[str, Sequence[Sample]], facts: RunFacts) -> tuple[Held, ...]:
    """Every limit, of the run's queries and of each class's, judged on the mean over replications."""
    judged = [_judge(slo, None, samples) for slo in facts.slos]
    for name, kept in facts.classes.items():
        judged += [_judge(slo, name, by_class[name]) for slo in kept.slos]
    return tuple(judged)


def _judge(slo: SloSpec, cls: str | None, samples: Sequence[Sample]) -> Held:
    values = [statistic(METRICS[slo.metric], one, slo.percentile) for one in samples]
    value = float(np.mean(values))
    met = not isnan(value) and (slo.max is None or value <= slo.max) and (slo.min is None or value >= slo.min)
    shown = None if isnan(value) else value
    return Held(slo.metric, slo.percentile, cls, slo.max, slo.min, slo.gate, shown, met)


def _of(table: pd.DataFrame, replication: int) -> np.ndarray:
    return (table["replication"] == replication).to_numpy(bool)
