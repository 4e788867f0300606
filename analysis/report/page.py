"""The report of a run: one HTML page that says the answer in tables and then draws it, and the data of its figures."""

from __future__ import annotations

from pathlib import Path

import yaml
from plotly.offline import get_plotlyjs

from analysis.frame import Section, folded, frame, packed
from analysis.grids import html_table, html_text
from analysis.report import tables
from analysis.report.calibration import reliability, roc
from analysis.report.confusion import confusion
from analysis.report.cost import carbon, cost
from analysis.report.energy import energy
from analysis.report.figure import Figure, Pools
from analysis.report.fleet import fleet
from analysis.report.flow import flow
from analysis.report.latency import TIMES, cdf, stages
from analysis.report.measured import Measured
from analysis.report.timeline import timeline
from simulator.records.result import Result
from simulator.records.summary import Summary

CHIPS = {"STABLE": "good", "BACKLOGGED": "bad", "OVERLOADED": "bad"}
EVIDENCE = (
    "Evidence is the weakest kind that a number rests on (measured, fitted, datasheet, assumed), and the share of the "
    "value that does."
)


def figures(result: Result) -> tuple[Figure, ...]:
    """All figures of a run, in the page's order; those without anything to show say why."""
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
    )


def page(result: Result, drawn: tuple[Figure, ...] | None = None) -> str:
    """The report of `result` as one HTML page that loads nothing; `drawn` are its figures, where they are at hand."""
    drawn = figures(result) if drawn is None else drawn
    summary = result.summary
    sections = [
        Section("answer", "The answer", _answer(summary)),
        *(Section(each.name, each.title, _figure(each)) for each in drawn),
        Section("origin", "Where this is from", _origin(result)),
    ]
    return frame(f"{result.name}: report of a run", _head(summary), sections, _scripts(drawn))


def _head(summary: Summary) -> str:
    chip = f'<strong class="chip {CHIPS[summary.verdict]}">{summary.verdict}</strong>'
    limit = f"<p><strong>What limits it:</strong> {html_text(summary.limit)}.</p>\n"
    return f"<p>{chip} {html_text(summary.why)}.</p>\n{limit}"


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


def _figure(figure: Figure) -> str:
    if figure.absent:
        return f"<p>Not drawn: {html_text(figure.absent)}</p>\n"
    buttons = "".join(
        f'<button type="button" data-figure="{figure.name}" data-kind="{kind}" hidden>{kind} '
        f'<span class="unseen">of {html_text(figure.title)}</span></button>'
        for kind in ("CSV", "SVG")
    )
    return (
        f"<p>{html_text(figure.reading)}</p>\n"
        f'<div class="figure" id="plot-{figure.name}" role="img" aria-label="{html_text(figure.title)}">'
        f"<noscript>The figure needs JavaScript; the tables do not.</noscript></div>\n<p>{buttons}</p>\n"
    )


def _origin(result: Result) -> str:
    scenario = yaml.safe_dump(dict(result.scenario), sort_keys=False, allow_unicode=True)
    inputs = yaml.safe_dump(dict(result.manifest.get("inputs", {})), allow_unicode=True)
    return (
        html_table(tables.origin(result.summary, result.manifest))
        + folded("The scenario", "every value, defaults included", _text(scenario))
        + folded("Profiles and data", "names and hashes", _text(inputs))
    )


def _text(text: str) -> str:
    return f'<pre tabindex="0">{html_text(text)}</pre>\n'


def _scripts(drawn: tuple[Figure, ...]) -> str:
    """Data, Plotly once, and the code that draws; nothing where there is nothing to draw."""
    there = [figure.to_dict() for figure in drawn if not figure.absent]
    if not there:
        return ""
    code = Path(__file__).with_name("report.js").read_text(encoding="utf-8")
    return (
        f'<script type="application/octet-stream" id="figures">{packed(there)}</script>\n'
        f"<script>{get_plotlyjs()}</script>\n<script>{code}</script>\n"
    )
