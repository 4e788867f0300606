import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import duckdb
import numpy as np
import pytest

from analysis.report.figure import Pools
from analysis.report.page import Report
from analysis.report.run.report import run_report
from analysis.report.run.stories import HEADS, stories
from simulator import build, load, run
from simulator.records.result import read_result
from simulator.records.stories import Stories
from simulator.records.tables import SCHEMA, Tables

EVIL = '<img src=x onerror="alert(1)">'
SETS = {
    "quickstart": ["run.queries=300", "run.warmup_s=10"],
    "pipeline": ["run.queries=150", "run.replications=1"],
    "hosted-apis": ["run.queries=150", "run.replications=1"],
    "overload-drops": ["run.queries=300", "run.replications=1"],
    "three-tiers-thin-link": ["run.duration_s=200", "run.replications=1"],
}


class Cells(HTMLParser):
    """Rows of all tables, as text."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.is_cell = [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.is_cell = tag in ("td", "th")
        if tag == "tr":
            self.rows.append([])
        if self.is_cell:
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.is_cell:
            self.rows[-1][-1] += data

    def handle_endtag(self, tag):
        self.is_cell = False


@pytest.fixture(scope="module", params=SETS)
def folder(request, tmp_path_factory):
    result = run(build(load(request.param, SETS[request.param])))
    return result.save(tmp_path_factory.mktemp("stories") / request.param)


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    return run(build(load("quickstart", SETS["quickstart"])))


def figure(result):
    return stories(result, Pools([line.pool for line in result.summary.pools]))


def ask(folder, table, what):
    return duckdb.sql(f"SELECT {what} FROM '{folder / table}.parquet' WHERE replication = 0").fetchall()


def test_every_row_is_of_the_tables_in_the_folder(folder):
    made = figure(read_result(folder))
    rows = Cells(made.above).rows
    assert rows[0] == list(HEADS)
    kept = {str(row[0]): row for row in ask(folder, "queries", "query, cls, pool, output_tok, score, e2e_s, calls")}
    numbers = [one["query"] for one in json.loads((folder / "stories.json").read_text())["shown"]]
    assert [row[0] for row in rows[1:]] == [str(number) for number in numbers]
    for row in rows[1:]:
        _, cls, pool, output_tok, score, e2e_s, calls = kept[row[0]]
        assert (row[2], row[5], row[9]) == (cls, pool or "–", f"{output_tok:,}")
        assert row[6] == ("–" if score is None else f"{score:.4g}")
        counts = [
            int(count or 1)
            for count in re.findall(r"[^,]+?(?: (\d+) x)?(?: \(\w+\))?(?:, |$)", row[4])
            if row[4] != "–"
        ]
        assert sum(counts) == calls
        number, _, unit = row[8].partition(" ")
        told_s = None if number == "–" else float(number.replace(",", "")) * {"s": 1, "ms": 1e-3, "µs": 1e-6}[unit]
        assert (told_s is None) == (e2e_s is None)
        assert told_s is None or told_s == pytest.approx(e2e_s, rel=6e-3)


def test_the_data_are_the_calls_of_the_sample(folder):
    data = figure(read_result(folder)).data
    columns = "query, call, pool, uplink_s, queue_s, prefill_s, decode_s, downlink_s, score, confidence"
    shown = {one["query"] for one in json.loads((folder / "stories.json").read_text())["shown"]}
    kept = sorted(row for row in ask(folder, "calls", columns) if row[0] in shown)
    told = data.dropna(subset="call").sort_values(["query", "call"])
    assert told["call"].tolist() == [row[1] for row in kept]
    assert told["pool"].tolist() == [row[2] for row in kept]
    for at, name in enumerate(columns.split(", ")[3:], 3):
        wanted = np.array([np.nan if row[at] is None else row[at] for row in kept])
        np.testing.assert_array_equal(told[name].to_numpy(float), wanted)
    assert set(data["query"]) == shown


def test_bars_end_where_calls_do_and_marks_stand_at_decisions(folder):
    made = figure(read_result(folder))
    ends = {row[0]: row[1:] for row in ask(folder, "queries", "query, arrived_s, e2e_s, fate")}
    stages = ("uplink", "queue", "prefill", "decode", "downlink")
    assert [name for name, _ in made.inside["stages"]] == list(stages)
    kept = json.loads((folder / "stories.json").read_text())["shown"]
    for story, one in zip(made.inside["stories"], kept, strict=True):
        arrived_s, e2e_s, fate = ends[one["query"]]
        by_call = {label: [] for label in story["labels"]}
        for bars in story["bars"]:
            for base, x, label in zip(bars["base"], bars["x"], bars["y"], strict=True):
                by_call[label].append((base, base + x))
        for row, label in zip(story["tables"][0]["rows"], story["labels"], strict=True):
            spans = by_call[label]
            for (_, end), (start, _) in pairwise(spans):
                assert start == pytest.approx(end, rel=1e-3, abs=1e-4)
            if row[3] == "answered" and row[19] == "yes":
                assert spans[-1][1] <= e2e_s * 1.001
        decided, _, given = story["marks"]
        told = [each["at_s"] - arrived_s for each in one["decisions"]]
        np.testing.assert_allclose(decided["x"], told, rtol=1e-4, atol=1e-9)
        assert given["x"] == ([pytest.approx(e2e_s, rel=1e-4)] if fate == "finished" else [])
        assert len(story["tables"][1]["rows"]) == len(told) + 1


def test_every_story_says_what_all_pools_would_have_given_and_that_the_fleet_was_empty(folder):
    result = read_result(folder)
    for story in figure(result).inside["stories"]:
        assert "empty fleet" in story["tables"][2]["note"]
        assert [row[0] for row in story["tables"][2]["rows"]] == list(result.scenario["fleet"])


def test_names_and_reasons_are_shown_and_never_run(quick):
    def renamed(table):
        text = table.select_dtypes(["category", "object", "str"]).columns
        changes = {"edge": EVIL, "chat": EVIL}
        return table.assign(**{name: table[name].astype(object).replace(changes) for name in text})

    tables = Tables(**{name: renamed(getattr(quick.tables, name)) for name in SCHEMA})
    text = json.dumps(quick.stories.to_dict())
    told = json.loads(text.replace("edge", EVIL.replace('"', '\\"')))
    evil = replace(quick, tables=tables, stories=Stories.from_dict(told))
    made = figure(evil)
    page = Report("one figure", "", [], [made], []).html()
    assert "<img" not in page.split("application/octet-stream")[0]  # what follows is packed data and Plotly
    assert EVIL in {cell for row in Cells(made.above).rows for cell in row}
    drawn = [label for story in made.inside["stories"] for label in story["labels"]]
    drawn += [text for story in made.inside["stories"] for mark in story["marks"] for text in mark["text"]]
    assert any("onerror" in label for label in drawn)
    assert not [label for label in drawn if "<" in label.replace("<br>", "")]


@pytest.mark.parametrize(
    ("kept", "says"), [(None, "run the scenario again"), (Stories(5), "No query that was followed arrived")]
)
def test_a_result_without_stories_says_so(quick, kept, says):
    made = figure(replace(quick, stories=kept))
    assert says in made.absent
    assert 'id="stories-table"' not in run_report(replace(quick, stories=kept)).html()


def test_a_run_in_which_no_query_finished_has_its_stories_too(tmp_path):
    sets = ["workload.chat.timeout_s=0.0001", "run.queries=40", "run.replications=1"]
    result = run(build(load("quickstart", sets)))
    assert [fate for fate, count in result.summary.fates.items() if count] == ["dropped"]
    made = figure(result)
    assert len(made.inside["stories"]) == 40
    assert {row[1].removesuffix(", among the slowest") for row in Cells(made.above).rows[1:]} == {"dropped: timeout"}
    assert not [x for story in made.inside["stories"] for x in story["marks"][2]["x"]]
