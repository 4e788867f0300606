import base64
import gzip
import json
import re
from collections import Counter, defaultdict
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from analysis.grids import ABSENT
from analysis.report.figure import COLOURS
from analysis.report.run.report import run_report
from simulator import build, load, run
from simulator.records.result import read_result
from simulator.records.tables import SCHEMA, Tables

EVIL = "<script>alert(1)</script>"
NOBODY_WAITS = """\
name: nobody-waits
seed: 3
run: {queries: 40, replications: 2}
workload:
  chat:
    arrivals: {use: constant, rate_per_s: 2}
    lengths: {use: fixed, prompt_tok: 50, output_tok: 500}
    timeout_s: 0.0001
fleet:
  one: {model: llama-3.2-1b, device: l40s}
policy: {use: always, pool: one}
"""


class Read(HTMLParser):
    """What a browser sees of a page: elements with attributes, cells of tables, text outside of scripts, scripts."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.text, self.scripts, self.rows = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "input"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        (self.scripts if self.open and self.open[-1] == "script" else self.text).append(data)


def page(result):
    return run_report(result).html()


def figures(result):
    return run_report(result).figures


def drawn(read):
    """The figures as the page's own code unpacks them."""
    return json.loads(gzip.decompress(base64.b64decode(read.scripts[0])))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    result = run(build(load("quickstart", ["run.queries=400", "run.replications=2", "run.warmup_s=10"])))
    return result.save(tmp_path_factory.mktemp("run") / "quick")


@pytest.fixture(scope="module")
def result(folder):
    return read_result(folder)


@pytest.fixture(scope="module")
def html(result):
    return page(result)


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory):
    path = tmp_path_factory.mktemp("unfinished") / "nobody-waits.yaml"
    path.write_text(NOBODY_WAITS)
    return run(build(load(path)))


def test_every_number_of_the_summary_stands_in_the_page(folder, html):
    metrics = json.loads((folder / "summary.json").read_text())["metrics"]
    rows = {row[0]: row for row in Read(html).rows if len(row) == 8 and row[1] == "all"}
    assert set(rows) == set(metrics)
    for key, kept in metrics.items():
        for cell, of in zip(rows[key][2:5], ("mean", "ci_low", "ci_high"), strict=True):
            assert (cell == ABSENT) == (kept[of] is None)
            assert kept[of] is None or float(cell) == pytest.approx(kept[of], rel=1e-5)
        assert rows[key][5] == kept["unit"]


@pytest.mark.parametrize(
    ("title", "key", "unit"),
    [
        ("right, of all queries", "accuracy", ("%", 100)),
        ("TTFT p95", "ttft_s.p95", ("s", 1)),
        ("energy per right answer", "energy_j_per_correct", ("J", 1)),
        ("calls per query", "calls_per_query", ("", 1)),
    ],
)
def test_headlines_are_the_summarys_in_units_that_people_say(folder, html, title, key, unit):
    kept = json.loads((folder / "summary.json").read_text())["metrics"][key]
    row = next(row for row in Read(html).rows if row and row[0] == title)
    number, _, said = row[1].partition(" ")
    assert said == unit[0]
    assert float(number.replace(",", "")) == pytest.approx(unit[1] * kept["mean"], rel=6e-3)


def test_verdict_limit_seed_version_and_what_is_left_out_are_text(result, html):
    text = "".join(Read(html).text)
    for told in (result.summary.verdict, result.summary.limit, *result.summary.left_out, result.manifest["version"]):
        assert told in text
    assert ["seed", str(result.summary.seed)] in Read(html).rows
    assert "max_seqs" in text  # of the scenario


def test_a_report_loads_nothing_has_plotly_once_and_is_small(html):
    read = Read(html)
    assert not [attrs for _, attrs in read.elements if {"src", "srcset", "data", "poster", "action"} & attrs.keys()]
    assert not [tag for tag, _ in read.elements if tag in ("link", "img", "iframe", "object")]
    assert all(attrs["href"].startswith("#") for tag, attrs in read.elements if tag == "a")
    assert "default-src 'none'" in html
    assert "http" not in "".join([*read.text, *(script for script in read.scripts if len(script) < 1_000_000)])
    assert sum(len(script) > 1_000_000 for script in read.scripts) == 1
    assert len(html.encode()) <= 6e6


def test_every_figure_has_marks_data_a_sentence_and_a_place(result, html):
    made, read = figures(result), Read(html)
    kept = {each["name"]: each for each in drawn(read)}
    places = {attrs.get("id") for _, attrs in read.elements}
    assert len(made) == len(kept) == 14
    for figure in made:
        assert not figure.absent
        assert figure.reading.endswith(".")
        assert len(figure.data)
        assert f"plot-{figure.name}" in places
        assert all(trace.get("x") or trace["link"]["value"] for trace in kept[figure.name]["traces"])
        assert kept[figure.name]["csv"].count("\n") == len(figure.data) + 1


def test_a_report_holds_no_raw_queries(html):
    sizes = [len(trace.get("x", ())) for each in drawn(Read(html)) for trace in each["traces"]]
    assert max(sizes) <= 401


def test_a_pool_has_one_colour_throughout(html):
    colours = {"edge": set(), "cloud": set()}
    for each in drawn(Read(html)):
        for trace in each["traces"]:
            pool = re.split("[:,]", trace.get("name", ""))[0]
            if pool in colours:
                colours[pool].add((trace.get("line") or trace["marker"])["color"])
    assert colours == {"edge": {COLOURS[0]}, "cloud": {COLOURS[1]}}


def test_what_is_drawn_adds_up_to_what_the_summary_says(result):
    data = {figure.name: figure.data for figure in figures(result)}
    metrics = result.summary.metrics
    queries = result.tables.queries
    kept = queries[queries["arrived_s"] >= 10]
    sums = {"energy": "energy_j_per_query", "cost": "cost_usd_per_query", "carbon": "co2_g_per_query"}
    for name, column in sums.items():  # of all replications together; the summary's is a mean of theirs
        assert data[name][column].sum() == pytest.approx(metrics[column].mean, rel=5e-3)
    flow = data["flow"]
    assert flow.loc[flow["from"] == "chat", "queries"].sum() == len(kept)
    done = kept[kept["fate"] == "finished"]
    median = data["cdf-e2e"].query("of == 'all' and share == 0.5")["e2e_s"].item()
    assert median == pytest.approx(np.median(done["e2e_s"]))
    spent = data["stages"]
    parts = spent[[column for column in spent if column.endswith("_s")]].sum(axis=1)
    assert np.average(parts, weights=spent["n"]) == pytest.approx(done["e2e_s"].mean(), rel=1e-6)


def test_the_area_under_the_roc_is_the_share_of_pairs_told_apart(result):
    calls = result.tables.calls
    edge = calls[(calls["pool"] == "edge") & (calls["asked_s"] >= 10) & (calls["fate"] == "answered")]
    right, wrong = (edge.loc[edge["score"] == score, "confidence"].to_numpy()[:, None] for score in (1, 0))
    told = (right > wrong.T).mean() + 0.5 * (right == wrong.T).mean()
    roc = next(figure.data for figure in figures(result) if figure.name == "roc")
    assert roc.loc[roc["pool"] == "edge", "auc"].iloc[0] == pytest.approx(told)


def test_classes_have_distributions_of_their_own(result):
    queries = result.tables.queries
    queries = queries.assign(cls=np.where(queries["query"] % 2, "odd", "even"))
    tables = Tables(queries, result.tables.calls, result.tables.ledger, result.tables.timeline)
    cdf = next(figure.data for figure in figures(replace(result, tables=tables)) if figure.name == "cdf-e2e")
    odd = queries[(queries["cls"] == "odd") & (queries["arrived_s"] >= 10) & (queries["fate"] == "finished")]
    median = cdf[(cdf["of"] == "class odd") & (cdf["share"] == 0.5)]["e2e_s"].item()
    assert median == pytest.approx(odd["e2e_s"].median())


def test_what_was_asked_further_is_what_the_queries_say_was_escalated(result):
    calls, queries = (getattr(result.tables, name) for name in ("calls", "queries"))
    edge = calls[(calls["pool"] == "edge") & (calls["asked_s"] >= 10) & (calls["fate"] == "answered")]
    edge = edge.merge(queries[["replication", "query", "escalated"]], on=["replication", "query"])
    expected = {
        "kept, right": (~edge["escalated"] & (edge["score"] == 1)).sum(),
        "kept, wrong": (~edge["escalated"] & (edge["score"] == 0)).sum(),
        "asked further, needed": (edge["escalated"] & (edge["score"] == 0)).sum(),
        "asked further, needless": (edge["escalated"] & (edge["score"] == 1)).sum(),
    }
    data = next(figure.data for figure in figures(result) if figure.name == "confusion")
    assert data[data["pool"] == "edge"].set_index("kind")["n"].to_dict() == expected


def test_the_map_has_the_shares_that_the_summary_says(result):
    data = next(figure.data for figure in figures(result) if figure.name == "fleet")
    ways = data[data["link"] == ""].set_index(["from", "to"])["share"]
    assert set(ways.index) == {("chat", "edge"), ("edge", "cloud")}
    assert ways["chat", "edge"] == 1
    assert ways["edge", "cloud"] == pytest.approx(result.summary.metrics["escalated_frac"].mean, rel=1e-2)


def walked(tables, cut_s, pools):
    """Who asks whom of each query, call after call: queries and joules of each way, answers of each stage."""
    kept = tables.queries[tables.queries["arrived_s"] >= cut_s]
    classes = {(row.replication, row.query): row.cls for row in kept.itertuples()}
    queries, joules, stages = defaultdict(set), Counter(), Counter()
    for query, calls in tables.calls.groupby(["replication", "query"], observed=True):
        if query not in classes:
            continue
        at, led, times = classes[query], None, set()
        for asked_s, together in calls.sort_values("asked_s", kind="stable").groupby("asked_s"):
            times |= {asked_s} if (together["kind"] != "verify").any() else set()
            then = at, led
            for call in together[together["pool"].isin(pools)].itertuples():
                way = led if call.pool == at else (at, call.pool)
                queries[way].add(query)
                joules[way] += call.energy_j
                if call.kind != "verify":
                    then = call.pool, way
                if call.kind == "answer" and call.fate == "answered" and call.score == call.score:
                    stages[min(len(times), 4), call.pool] += 1
            at, led = then
    return {way: len(those) for way, those in queries.items()}, joules, stages


@pytest.fixture(scope="module")
def judged():
    """A run with verifications, refinements and escalations."""
    return run(build(load("pipeline", ["run.queries=150", "run.replications=2", "run.warmup_s=5"])))


@pytest.fixture(scope="module")
def told(judged):
    return walked(judged.tables, 5, {"edge", "cloud"})


def test_arrows_say_the_queries_and_joules_that_go_along_them(judged, told):
    data = next(figure.data for figure in figures(judged) if figure.name == "fleet")
    ways = data[data["link"] == ""].set_index(["from", "to"])
    n = (judged.tables.queries["arrived_s"] >= 5).sum()
    queries, joules, _ = told
    assert ways["queries"].to_dict() == queries
    assert (n * ways["energy_j_per_query"]).to_dict() == pytest.approx(joules)
    calls, asked = judged.tables.calls, judged.tables.queries
    mine = calls.merge(asked[asked["arrived_s"] >= 5][["replication", "query"]], on=["replication", "query"])
    assert (n * ways["energy_j_per_query"]).sum() == pytest.approx(mine["energy_j"].sum())


def test_stages_have_all_their_answers(judged, told):
    data = next(figure.data for figure in figures(judged) if figure.name == "confusion")
    stages = told[2]
    assert len(stages) >= 3
    assert data.groupby(["stage", "pool"])["n"].sum().to_dict() == stages
    np.testing.assert_allclose(data.groupby(["stage", "pool"])["share"].sum(), 1)


def test_links_have_the_joules_and_bytes_of_the_ledger(judged):
    data = next(figure.data for figure in figures(judged) if figure.name == "fleet")
    links = data[data["link"] != ""]
    ledger = judged.tables.ledger
    ledger = ledger[ledger["window"] & (ledger["kind"] == "link")]
    n = (judged.tables.queries["arrived_s"] >= 5).sum()
    assert links["link"].tolist() == ["fibre"]
    assert n * links["energy_j_per_query"].sum() == pytest.approx(ledger["energy_j"].sum())
    size = links[["up_bytes_per_query", "down_bytes_per_query"]].to_numpy().sum()
    assert n * size == pytest.approx(ledger["bytes"].sum())


def test_the_map_has_a_row_for_each_class_pool_link_and_place(judged):
    figure = next(figure for figure in figures(judged) if figure.name == "fleet")
    text = " ".join(line for trace in figure.traces for line in trace["text"])
    for name in ("chat", "edge", "cloud", "fibre", "office", "dc"):
        assert name in text
    boxes = [shape for shape in figure.layout["shapes"] if shape["type"] == "rect"]
    for inside in (True, False):  # blocks of classes and pools; frames of places
        spans = sorted((box["y0"], box["y1"]) for box in boxes if (box["x0"] > 0) == inside)
        assert len(spans) >= 2
        assert all(above[1] <= below[0] for above, below in pairwise(spans))


def test_joules_per_query_token_and_right_answer_add_up_to_the_summarys(result):
    energy = next(figure for figure in figures(result) if figure.name == "energy")
    assert energy.choices[0].chosen == "energy_j_per_query"
    assert list(energy.versions) == list(energy.choices[0].options)
    for key, (traces, _) in energy.versions.items():
        drawn = sum(y for trace in traces for y in trace["y"])
        assert drawn == pytest.approx(result.summary.metrics[key].mean, rel=1e-4)
        assert energy.data[key].sum() == pytest.approx(result.summary.metrics[key].mean)
    assert energy.traces == energy.versions["energy_j_per_query"][0]


def test_what_is_undefined_per_right_answer_says_so(result):
    metrics = dict(result.summary.metrics)
    metrics["energy_j_per_correct"] = replace(metrics["energy_j_per_correct"], mean=None, reason="nothing was right")
    changed = replace(result, summary=replace(result.summary, metrics=metrics))
    energy = next(figure for figure in figures(changed) if figure.name == "energy")
    traces, layout = energy.versions["energy_j_per_correct"]
    assert traces == ()
    assert "nothing was right" in layout["annotations"][0]["text"]
    assert energy.choices[0].options["energy_j_per_correct"] == "per right answer: undefined"


def test_distributions_are_quantiles(result):
    data = next(figure.data for figure in figures(result) if figure.name == "cdf-ttft")
    queries = result.tables.queries
    kept = queries[(queries["arrived_s"] >= 10) & (queries["fate"] == "finished")]
    for of, mine in (("all", kept), ("edge", kept[kept["pool"] == "edge"])):
        part = data[data["of"] == of]
        np.testing.assert_allclose(part["ttft_s"], np.quantile(mine["ttft_s"], part["share"]))


def test_each_replication_has_a_timeline_with_the_joules_of_the_run(result):
    figure = next(figure for figure in figures(result) if figure.name == "timeline")
    drawn_j = (figure.data["power_w"] * figure.data["width_s"]).groupby(figure.data["replication"]).sum()
    bins = result.tables.timeline
    assert list(figure.versions) == ["0", "1"]
    np.testing.assert_allclose(drawn_j, bins.groupby("replication")["energy_j"].sum())


def test_queues_and_watts_of_hosted_pools_are_not_drawn_as_nothing(result):
    pools = tuple(replace(line, replicas=None) if line.pool == "cloud" else line for line in result.summary.pools)
    changed = replace(result, summary=replace(result.summary, pools=pools))
    data = next(figure.data for figure in figures(changed) if figure.name == "timeline").set_index("pool")
    measures = ["waiting", "decode_seqs", "busy_percent", "power_w"]
    assert data.loc["cloud", measures].isna().all(axis=None)
    assert data.loc["edge", measures].notna().all(axis=None)
    assert data.loc["cloud", "escalated_per_s"].notna().all()


def test_columns_are_those_of_the_whole_table(result):
    names = {"queries": ["e2e_s", "fate", "query"], "calls": ["reason", "pool", "asked_s", "accepted"]}
    for table, columns in names.items():
        whole = getattr(result.tables, table)
        pd.testing.assert_frame_equal(result.tables.columns(table, columns), whole[columns])
        kept = Tables(**{name: getattr(result.tables, name) for name in SCHEMA})
        pd.testing.assert_frame_equal(kept.columns(table, columns), whole[columns])


def test_names_are_shown_and_never_run(result):
    def renamed(table):
        text = table.select_dtypes(["category", "object"]).columns
        return table.assign(**{column: table[column].astype(object).replace("edge", EVIL) for column in text})

    tables = Tables(**{name: renamed(getattr(result.tables, name)) for name in SCHEMA})
    pools = tuple(replace(line, pool=line.pool.replace("edge", EVIL)) for line in result.summary.pools)
    summary = replace(result.summary, name=EVIL, pools=pools, limit=EVIL, left_out=(EVIL,))
    evil = replace(result, name=EVIL, tables=tables, summary=summary, scenario={EVIL: EVIL}, manifest={"version": EVIL})
    read = Read(page(evil))
    assert not [script for script in read.scripts if script == "alert(1)"]
    assert "".join(read.text).count(EVIL) >= 5
    names = [trace["name"] for each in drawn(read) for trace in each["traces"] if "alert" in trace.get("name", "")]
    assert names
    assert not [name for name in names if "<" in name]


def test_what_is_unknown_is_said_to_be_and_not_zero(result):
    ledger = result.tables.ledger
    is_cloud = (ledger["pool"] == "cloud").to_numpy(bool)
    holed = ledger.assign(energy_j=ledger["energy_j"].mask(is_cloud), co2_g=ledger["co2_g"].mask(is_cloud))
    metrics = dict(result.summary.metrics)
    why = "joules of cloud are unknown"
    metrics["energy_j_per_query"] = replace(metrics["energy_j_per_query"], mean=None, reason=why)
    energy = tuple(part for part in result.summary.energy if part.where != "cloud")
    tables = Tables(result.tables.queries, result.tables.calls, holed, result.tables.timeline)
    summary = replace(result.summary, metrics=metrics, energy=energy)
    made = {figure.name: figure for figure in figures(replace(result, tables=tables, summary=summary))}
    told = dict(zip(("chat", "edge", "cloud"), made["fleet"].traces[0]["text"], strict=True))
    assert "joules unknown" in told["cloud"]
    assert "J per query" in told["edge"]
    assert why in made["energy"].reading
    assert "Only what is known" in made["carbon"].reading
    assert "Only what is known" not in made["cost"].reading


def test_a_run_with_no_finished_query_says_so(unfinished):
    assert unfinished.summary.fates.get("finished", 0) == 0
    text = "".join(Read(page(unfinished)).text)
    assert unfinished.summary.verdict in text
    assert "Not drawn: No measured query finished" in text


def test_a_run_without_any_row_gives_a_page(result):
    tables = Tables(**{name: getattr(result.tables, name).iloc[:0] for name in SCHEMA})
    summary = replace(result.summary, metrics={}, energy=(), pools=(), slos=())
    text = page(replace(result, tables=tables, summary=summary))
    assert text.count("Not drawn:") == 14
    assert len(text) < 100_000  # nothing to draw, so no plotly


def test_the_data_of_a_figure_are_its_csv(result):
    from io import StringIO

    for figure in figures(result):
        back = pd.read_csv(StringIO(figure.to_dict()["csv"]))
        assert list(back) == list(figure.data)
        assert len(back) == len(figure.data)


def test_times_that_are_all_zero_are_on_no_logarithmic_axis(result):
    told = {name: getattr(result.tables, name) for name in SCHEMA}
    at_once = Tables(**{**told, "queries": told["queries"].assign(ttft_s=0.0)})
    made = run_report(replace(result, tables=at_once))
    assert [figure.absent for figure in made.figures if figure.name == "cdf-ttft"] != [""]
