"""The Pareto front: any two metrics against each other, a third as colour, better towards the top right."""

from __future__ import annotations

import numpy as np

from analysis.report.figure import SCALE, Choice, Figure, absent, rounded, shown
from analysis.report.sweep.swept import Swept
from simulator.records.metrics import NAMED, title_of

NAME, TITLE = "pareto", "Pareto front"
AXES = {  # what is chosen first, where it is known
    "x": ("energy_j_per_query", "cost_usd_per_query", "queries_per_s"),
    "y": ("accuracy", "goodput_per_s", "e2e_s.p95"),
    "colour": ("e2e_s.p95", "ttft_s.p95", "e2e_s.mean"),
}
READING = (
    "Each mark is a point of the sweep with its 95 % intervals; better lies towards the top right, so an axis on which "
    "less is better runs backwards, and blue is better. The line joins the points that no other beats on both axes: to "
    "the left of it and below there is always a better one. The star is the first point of the sweep, and hollow marks "
    "are not stable or miss a limit."
)


def pareto(swept: Swept) -> Figure:
    """Every finished point, on axes to choose from all metrics that some point has a value of."""
    if not swept.metrics:
        return absent(NAME, TITLE, "No point has a result.")
    options = {key: swept.head(key) for key in swept.metrics}
    choices = [
        Choice(name, "across (x)" if name == "x" else "up (y)" if name == "y" else name, options, _first(swept, wanted))
        for name, wanted in AXES.items()
    ]
    if 0 < len(swept.within) < len(swept.results):
        fronts = {"within": "the points that are stable and hold all limits", "all": "all points"}
        choices.append(Choice("front", "front of", fronts, "within"))
    return Figure(NAME, TITLE, READING, swept.table, choices=tuple(choices), script="pareto.js", inside=_inside(swept))


def _first(swept: Swept, wanted: tuple[str, ...]) -> str:
    """The first of the wanted metrics that differs between points, else that there is, else the first of all."""
    there = [key for key in wanted if key in swept.metrics]
    return next(filter(swept.differs, there), (*there, swept.metrics[0])[0])


def _inside(swept: Swept) -> dict[str, object]:
    """What the script draws from: points with their labels and verdicts, and each metric in the unit of its head."""
    within = set(swept.within)
    return {
        "points": list(swept.results),
        "labels": [_label(swept, number) for number in swept.results],
        "verdicts": [result.summary.verdict for result in swept.results.values()],
        "within": [number in within for number in swept.results],
        "colours": SCALE,
        "metrics": {key: _metric(swept, key) for key in swept.metrics},
    }


def _label(swept: Swept, number: int) -> str:
    told = zip(swept.varied, swept.values(number), strict=True)
    return "<br>".join(f"{shown(key)} = {shown(value)}" for key, value in told)


def _metric(swept: Swept, key: str) -> dict[str, object]:
    scale = swept.scale(key)
    ends = {"mean": key, "low": f"{key}.ci_low", "high": f"{key}.ci_high"}
    columns = {name: rounded(swept.rows[column].to_numpy(np.float64) * scale.factor) for name, column in ends.items()}
    better = NAMED[key.partition(".")[0]].better
    return {"title": title_of(key), "unit": scale.unit, "better": better, **columns}
