"""What a sweep answers: how many points came to something, and which is best in what people ask for first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from analysis.grids import ABSENT, Grid, html_text
from analysis.report.sweep.swept import Swept
from analysis.report.words import CHIPS, chip
from simulator.records.metrics import NAMED, title_of
from simulator.records.summary import Estimate

SENTENCE = 4  # metrics that the first lines speak of
LONGEST = 80  # characters of the values of a point in a sentence
EQUAL = 1e-9  # a fraction by which numbers may differ and still be the same


@dataclass(frozen=True)
class Best:
    """The point that is best in a metric among those that are `compared`.

    `equal` counts the compared points with its very value, itself among them; `alike` the others whose 95 % interval
    overlaps its own (None: not all have one).
    """

    metric: str
    number: int
    value: float
    compared: int
    equal: int
    alike: int | None


def best(swept: Swept, metric: str) -> Best | None:
    """The best point in `metric` of those that are stable and hold all limits, or of all where none does.

    None where no such point has a value. Of equal points it is the first.
    """
    among = swept.within or tuple(swept.results)
    known = {number: one for number in among if (one := swept.estimate(number, metric)) is not None}
    if not known:
        return None
    sign = 1.0 if NAMED[metric.partition(".")[0]].better == "lower" else -1.0
    means = {number: one.mean for number, one in known.items() if one.mean is not None}
    number = min(means, key=lambda each: sign * means[each])
    top, one = means[number], known[number]
    equal = [each for each, mean in means.items() if abs(mean - top) <= EQUAL * abs(top)]
    overlaps = [_overlap(one, other) for each, other in known.items() if each != number]
    alike = None if None in overlaps else sum(map(bool, overlaps))
    return Best(metric, number, top, len(means), len(equal), alike)


def _overlap(one: Estimate, other: Estimate) -> bool | None:
    """Whether their intervals do; None where one has none."""
    if one.ci_low is None or one.ci_high is None or other.ci_low is None or other.ci_high is None:
        return None
    return one.ci_low <= other.ci_high and other.ci_low <= one.ci_high


def head(swept: Swept) -> str:
    """The first lines of the page, as HTML: counts, verdicts, and the answer in a few sentences."""
    points = len(swept.index.points)
    counts = f"{len(swept.results):,} of {points:,} points have a result"
    counts += f", {len(swept.failures):,} failed" if swept.failures else ""
    verdicts: Counter[str] = Counter(result.summary.verdict for result in swept.results.values())
    chips = " ".join(chip(verdict, f" {verdicts[verdict]:,}") for verdict in CHIPS if verdict in verdicts)
    return f"<p>{chips} {counts}.</p>\n<p><strong>What it answers:</strong> {html_text(answer(swept))}</p>\n"


def answer(swept: Swept) -> str:
    """Which points are best in the metrics with a limit and the first headlines, in sentences."""
    if not swept.results:
        return "nothing yet, since no point has a result."
    found = [one for key in swept.headlines if (one := best(swept, key))][:SENTENCE]
    if len(swept.results) == 1:
        return f"one point has a result, so nothing is compared. It has {_listed(swept, found)}."
    same = [one for one in found if one.equal == one.compared]
    by_point: dict[int, list[Best]] = {}
    for one in found:
        if one not in same:
            by_point.setdefault(one.number, []).append(one)
    winners = [f"{swept.label(number, LONGEST)} is best in {_listed(swept, each)}" for number, each in by_point.items()]
    told = _compared(swept)
    told += f" Of these, {'; '.join(winners)}." if winners else ""
    return told + (f" The same at all of these: {_listed(swept, same)}." if same else "")


def _compared(swept: Swept) -> str:
    """Which points the answer is about."""
    finished, within = len(swept.results), len(swept.within)
    if not within:
        return f"none of the {finished:,} points with a result is stable and holds all limits, so all are compared."
    verbs = ("is", "holds") if within == 1 else ("are", "hold")
    return f"{within:,} of the {finished:,} points with a result {verbs[0]} stable and {verbs[1]} all limits."


def bests(swept: Swept) -> Grid:
    """The best point in each headline metric, its value, and how many others may be as good."""
    rows = []
    for key in swept.headlines:
        one = best(swept, key)
        if one is None:
            continue
        better = NAMED[key.partition(".")[0]].better
        others = "not known" if one.alike is None else f"{one.alike:,} of {one.compared - 1:,}"
        others = "all are the same" if one.equal == one.compared > 1 else others
        label = ABSENT if one.equal == one.compared > 1 else swept.label(one.number)
        rows.append((swept.head(key), better, label, swept.said(one.number, key), others))
    heads = ("metric", "better is", "best point", "its value", "others whose interval overlaps")
    return Grid(heads, tuple(rows), frozenset(heads) - {"its value"})


def _listed(swept: Swept, found: list[Best]) -> str:
    """Titles and values: "energy per query (901 J) and cost per query ($ 0.922 / 1k)"."""
    told = [f"{title_of(one.metric)} ({swept.scale(one.metric).said(one.value)})" for one in found]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"
