import base64
import gzip
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from scipy import stats

from analysis.report.comparison.report import comparison_report
from analysis.report.figure import COLOURS
from simulator import build, load, run
from simulator.metrics.paired import differences, same_world
from simulator.records.compared import Compared

EVIL = "<script>alert(1)</script>"
KEYS = ("accuracy", "ttft_s.p95", "e2e_s.mean", "energy_j_per_query", "escalated_frac", "coverage")
SETS = ("run.queries=150", "run.replications=3", "run.warmup_s=0")


class Read(HTMLParser):
    """The rows of a page's tables, its text outside of scripts, and the scripts."""

    def __init__(self, html):
        super().__init__()
        self.inside, self.rows, self.text, self.scripts = "", [], "", []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside in ("td", "th"):
            self.rows[-1][-1] += data
        if self.inside == "script":
            self.scripts.append(data)
        elif self.inside != "style":
            self.text += data


def report(**runs):
    first, *others = runs.values()
    compared = [
        Compared(name, same_world(first, other), differences(first, other, KEYS))
        for name, other in zip(list(runs)[1:], others, strict=True)
    ]
    return comparison_report(runs, compared)


def data(made, name):
    return next(figure.data for figure in made.figures if figure.name == name)


def drawn(html):
    """The figures as the page's own code unpacks them, by name: all their traces, of whatever choice."""
    figures = json.loads(gzip.decompress(base64.b64decode(Read(html).scripts[0])))
    return {
        each["name"]: [*each["traces"], *(t for one in each.get("versions", {}).values() for t in one["traces"])]
        for each in figures
    }


@pytest.fixture(scope="module")
def cascade():
    return run(build(load("compare/cascade", SETS)))


@pytest.fixture(scope="module")
def router():
    return run(build(load("compare/router", SETS)))


@pytest.fixture(scope="module")
def larger():
    return run(build(load("compare/cascade", [*SETS, "fleet.small.replicas=3"])))


@pytest.fixture(scope="module")
def unfinished():
    hurry = ["workload.exams.timeout_s=0.0001", "workload.medicine.timeout_s=0.0001"]
    return run(build(load("compare/cascade", [*SETS, *hurry])))


@pytest.fixture(scope="module")
def three(cascade, router, larger):
    return report(cascade=cascade, router=router, larger=larger)


def test_differences_of_a_mean_are_those_of_the_queries_with_the_interval_of_paired_student_t(cascade, router):
    means = [one.tables.queries.groupby("replication")["e2e_s"].mean() for one in (cascade, router)]
    expected = stats.ttest_rel(means[1], means[0]).confidence_interval(0.95)
    found = data(report(cascade=cascade, router=router), "differences").set_index("metric").loc["e2e_s.mean"]
    assert found["paired"]
    assert found["diff"] == pytest.approx((means[1] - means[0]).mean())
    assert [found["ci_low"], found["ci_high"]] == pytest.approx([expected.low, expected.high])


def test_dots_stand_at_the_differences_in_per_cent_of_the_reference(cascade, larger):
    figure = report(cascade=cascade, larger=larger).figures[0]
    told = {each.metric: each for each in differences(cascade, larger, KEYS) if each.a}
    ((trace,), layout) = figure.versions["relative"]
    at = dict(zip(told, trace["x"], strict=True))
    for key, each in told.items():
        assert at[key] == pytest.approx(100 * (each.b / each.a - 1), rel=1e-4, abs=1e-9)
    ends = np.add(trace["x"], trace["error_x"]["array"])
    assert ends[2] == pytest.approx(100 * told["e2e_s.mean"].ci_high / told["e2e_s.mean"].a, rel=1e-3)
    hollow = [symbol == "circle-open" for symbol in trace["marker"]["symbol"]]
    assert hollow == [not each.clear for each in told.values()]
    assert len(layout["yaxis"]["ticktext"]) == len(told)


def test_each_difference_is_told_in_words_and_as_a_number(three, cascade, router):
    rows = Read(three.html()).rows
    of_router = rows[next(n for n, row in enumerate(rows) if row[-1:] == ["router"]) + 1 :]
    (accuracy, _, e2e), told = of_router[:3], differences(cascade, router, KEYS)
    assert accuracy[1] == told[0].verdict
    assert e2e[1] == ("clear: better" if told[2].ci_high < 0 else "no clear difference")
    assert float(accuracy[2].removesuffix(" points")) == pytest.approx(100 * told[0].diff, abs=0.051)
    assert float(e2e[2].removesuffix(" s")) == pytest.approx(told[2].diff, abs=0.0051)
    low, high = re.fullmatch(r"(.+) to (.+) points", accuracy[3]).groups()
    assert [float(low), float(high)] == pytest.approx([100 * told[0].ci_low, 100 * told[0].ci_high], abs=0.051)


def test_what_is_drawn_is_what_the_runs_say(three, cascade, router, larger):
    cdf, energy, bars = (data(three, name) for name in ("cdf-e2e", "energy", "headlines"))
    for label, one in (("cascade", cascade), ("router", router), ("larger", larger)):
        done = one.tables.queries.query("fate == 'finished'")
        median_s = cdf[(cdf["run"] == label) & (cdf["share"] == 0.5)]["e2e_s"].item()
        assert median_s == pytest.approx(done["e2e_s"].median())
        whole_j = one.tables.ledger["energy_j"].sum() / len(one.tables.queries)
        assert energy[energy["run"] == label]["energy_j_per_query"].sum() == pytest.approx(whole_j, rel=5e-3)
        accuracy = bars[(bars["run"] == label) & (bars["metric"] == "accuracy")]["mean"].item()
        assert accuracy == pytest.approx(one.tables.queries["score"].fillna(0).mean(), rel=1e-3)


def test_the_table_of_changes_has_what_was_changed_and_nothing_else(cascade, larger):
    rows = Read(report(cascade=cascade, larger=larger).html()).rows
    start = rows.index(["key", "cascade", "larger"])
    assert rows[start + 1 : start + 3] == [["fleet.small.replicas", "1", "3"], ["what", "value"]]  # the next table


def test_profiles_of_other_content_and_pools_that_one_run_has_are_changes(cascade):
    inputs = {**cascade.manifest["inputs"], "devices/l40s": "0123"}
    fleet = {**cascade.scenario["fleet"], "third": {"model": "m", "device": "d"}}
    other = replace(
        cascade, manifest={**cascade.manifest, "inputs": inputs}, scenario={**cascade.scenario, "fleet": fleet}
    )
    rows = Read(report(cascade=cascade, other=other).html()).rows
    assert ["content of devices/l40s", cascade.manifest["inputs"]["devices/l40s"], "0123"] in rows
    assert ["fleet.third", "–", "{model: m, device: d}"] in rows


def test_a_run_beside_itself_differs_in_nothing(cascade):
    made = report(one=cascade, two=cascade)
    table = data(made, "differences")
    assert (table["diff"] == 0).all()
    assert set(table["verdict"]) == {"no clear difference"}
    assert "Nothing: scenarios, profiles and version are the same." in Read(made.html()).text


def test_a_run_in_another_world_is_said_to_be_in_one(cascade):
    other = run(build(load("compare/cascade", [*SETS, "seed=8"])))
    made = report(cascade=cascade, other=other)
    assert "other against cascade: other queries, so independent and less sure" in Read(made.html()).text
    assert not data(made, "differences")["paired"].any()


def test_differences_out_of_all_proportion_stand_at_the_edge(cascade):
    slow = replace(
        cascade,
        summary=replace(
            cascade.summary,
            metrics={
                key: replace(one, mean=one.mean * 9, each=tuple(9 * value for value in one.each))
                if key == "e2e_s.mean"
                else one
                for key, one in cascade.summary.metrics.items()
            },
        ),
    )
    figure = report(cascade=cascade, slow=slow).figures[0]
    ((trace,), _) = figure.versions["relative"]
    assert "An arrow stands at the edge for more than 300 %." in figure.reading
    assert max(trace["x"]) == 300
    assert trace["marker"]["symbol"].count("triangle-right") == 1


@pytest.mark.parametrize("names", [("cascade", "unfinished"), ("unfinished", "cascade")])
def test_a_run_with_no_finished_query_is_compared_in_what_it_has(cascade, unfinished, names):
    runs = {"cascade": cascade, "unfinished": unfinished}
    made = report(**{name: runs[name] for name in names})
    assert unfinished.summary.verdict in Read(made.html()).text
    rows = Read(made.html()).rows
    assert [row for row in rows if row[:1] == ["end-to-end time mean"] and row[1].startswith("not known: no query")]
    assert set(data(made, "cdf-e2e")["run"]) == {"cascade"}
    assert "coverage" in set(data(made, "differences")["metric"])


def test_runs_of_which_none_finished_give_a_page(unfinished):
    made = report(one=unfinished, two=unfinished)
    assert "Not drawn: No measured query of any run finished" in Read(made.html()).text


def test_trade_offs_are_drawn_from_three_runs_on(three, cascade, router):
    assert [figure.name for figure in report(cascade=cascade, router=router).figures] == [
        figure.name for figure in three.figures if figure.name != "tradeoff"
    ]
    assert {len(traces) for traces, _ in three.figures[-1].versions.values()} == {3}


def test_a_run_has_one_colour_throughout(three):
    colours = {"cascade": set(), "router": set(), "larger": set()}
    for traces in drawn(three.html()).values():
        for trace in traces:
            if "name" in trace:
                colours[trace["name"]].add((trace.get("line") or trace["marker"])["color"])
    assert [*colours.values()] == [{colour} for colour in COLOURS[:3]]


def test_every_figure_has_marks_in_every_choice_a_sentence_and_data(three):
    for figure in three.figures:
        assert not figure.absent
        assert figure.reading.endswith(".")
        assert len(figure.data)
        assert [*figure.versions] == [value for choice in figure.choices for value in choice.options]
        for traces in [figure.traces, *(one for one, _ in figure.versions.values())]:
            assert all(trace["x"] for trace in traces)
        assert figure.versions or figure.traces


def test_names_are_shown_and_never_run(cascade, router):
    def named(result):
        summary = replace(result.summary, name=EVIL, limit=EVIL, why=EVIL)
        scenario = {**result.scenario, EVIL: EVIL + result.name}
        return replace(result, name=EVIL, summary=summary, scenario=scenario)

    html = report(**{EVIL: named(cascade), EVIL + "2": named(router), EVIL + "3": named(cascade)}).html()
    assert "alert(1)" not in Read(html).scripts
    assert Read(html).text.count(EVIL) >= 8
    names = {trace["name"] for traces in drawn(html).values() for trace in traces if "name" in trace}
    assert len(names) == 3
    assert not [name for name in names if "<" in name]


def test_a_page_is_the_same_bytes_each_time_and_small(three, cascade, router, larger):
    html = three.html()
    assert html == report(cascade=cascade, router=router, larger=larger).html()
    assert len(html.encode()) < 6e6
