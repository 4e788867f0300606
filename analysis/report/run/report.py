"""The report of a run."""

from __future__ import annotations

import yaml

from analysis.frame import Section, folded
from analysis.grids import html_table, html_text
from analysis.report.figure import Figure, Pools
from analysis.report.page import Report
from analysis.report.run import tables
from analysis.report.run.calibration import reliability, roc
from analysis.report.run.confusion import confusion
from analysis.report.run.cost import carbon, cost
from analysis.report.run.energy import energy
from analysis.report.run.fleet import fleet
from analysis.report.run.flow import flow
from analysis.report.run.latency import TIMES, cdf, stages
from analysis.report.run.measured import Measured
from analysis.report.run.stories import stories
from analysis.report.run.timeline import timeline
from analysis.report.words import EVIDENCE, chip
from simulator.records.result import Result
from simulator.records.summary import Summary


def run_report(result: Result) -> Report:
    """What `result` says: the answer in tables, all figures (those without anything to show say why), the origin."""
    summary = result.summary
    return Report(
        f"{result.name}: report of a run",
        _head(summary),
        [Section("answer", "The answer", _answer(summary))],
        _figures(result),
        [Section("origin", "Where this is from", origin(result))],
    )


def _figures(result: Result) -> tuple[Figure, ...]:
    run, pools = Measured(result), Pools([line.pool for line in result.summary.pools])
    return (
        fleet(run, pools),
        *(cdf(run, pools, column) for column in TIMES),
        stages(run),
        energy(run, pools),
        flow(run, pools),
        timeline(run, pools),
        confusion(run, pools),
        reliability(run, pools),
        roc(run, pools),
        cost(run, pools),
        carbon(run, pools),
        stories(result, pools),
    )


def _head(summary: Summary) -> str:
    limit = f"<p><strong>What limits it:</strong> {html_text(summary.limit)}.</p>\n"
    return f"<p>{chip(summary.verdict)} {html_text(summary.why)}.</p>\n{limit}"


def _answer(summary: Summary) -> str:
    parts = [f'<p class="note">{EVIDENCE} {html_text(_measured(summary))}</p>\n', html_table(tables.headlines(summary))]
    if summary.slos:
        parts += ["<h3>Limits</h3>\n", html_table(tables.limits(summary))]
    parts += ["<h3>Pools</h3>\n", html_table(tables.pools(summary))]
    notes = list(summary.left_out)
    notes += [f"extrapolated: {text}" for text in summary.extrapolated]
    notes += [f"battery {one.name}: {100 * one.frac_per_h:.3g} % an hour" for one in summary.batteries]
    if notes:
        parts += [
            "<h3>What is left out, and what else to know</h3>\n<ul>",
            *(f"<li>{html_text(note)}</li>" for note in notes),
            "</ul>\n",
        ]
    everything = tables.everything(summary)
    parts += [folded("All metrics", f"{len(everything.rows):,} lines, in base units", html_table(everything))]
    return "".join(parts)


def _measured(summary: Summary) -> str:
    """Which part of the run the numbers are of."""
    cuts = [cut for cut in summary.warmup_s if cut is not None]
    each = f"{summary.queries:,} queries in {summary.replications} replication{'s'[: summary.replications != 1]}"
    if not cuts:
        return f"{each}; no steady state was found, so all is measured."
    return f"{each}; measured after a warm-up of at most {max(cuts):,.4g} s."


def origin(result: Result) -> str:
    """Where a run is from, as HTML: seed and version, its scenario, and what it was made of."""
    scenario = yaml.safe_dump(dict(result.scenario), sort_keys=False, allow_unicode=True)
    inputs = yaml.safe_dump(dict(result.manifest.get("inputs", {})), allow_unicode=True)
    return (
        html_table(tables.origin(result))
        + folded("The scenario", "every value, defaults included", _text(scenario))
        + folded("Profiles and data", "names and hashes", _text(inputs))
    )


def _text(text: str) -> str:
    return f'<pre tabindex="0">{html_text(text)}</pre>\n'
