import base64
import gzip
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.report.sweep.answer import bests
from analysis.report.sweep.report import sweep_report
from analysis.report.sweep.swept import read_sweep
from analysis.report.sweep.words import words
from simulator import build, load, run
from simulator.records.sweep import FAILED, POINTS, SweepIndex, SweepPoint

EVIL = "<script>alert(1)</script>"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
BETTER = {"accuracy": 1, "goodput_per_s": 1, "energy_j_per_query": -1, "e2e_s.p95": -1, "cost_usd_per_query": -1}


class Read(HTMLParser):
    """What a browser sees of a page: its text, its scripts, and the rows of the table of points as cells' values."""

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.scripts, self.rows, self.tags, self.ids = [], [], [], [], [], set()
        self.inside = False
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        self.tags.append((tag, attrs))
        if tag not in ("meta", "wbr"):
            self.open.append(tag)
        if tag == "table":
            self.inside = attrs.get("id") == "table-of-points"
        if self.inside and tag == "tr":
            self.rows.append([])
        if self.inside and tag in ("td", "th"):
            self.rows[-1].append(["", attrs.get("data-value")])

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.inside and {"td", "th"} & set(self.open):
            self.rows[-1][-1][0] += data
        (self.scripts if self.open and self.open[-1] == "script" else self.text).append(data)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A result folder to make points of."""
    result = run(build(load("quickstart", ["run.queries=60", "run.replications=2", "run.warmup_s=0"])))
    return result.save(tmp_path_factory.mktemp("source") / "run")


def made(folder, source, points, name="made", failed=None):
    """A sweep of copies of `source`: values of each point, and what changes its summary; errors by number."""
    told = json.loads((source / "summary.json").read_text())
    keys = [SweepPoint(values, f"{number:012x}") for number, (values, _) in enumerate(points)]
    SweepIndex(name, tuple(keys)).write(folder)
    for number, (point, (_, change)) in enumerate(zip(keys, points, strict=True)):
        if number in (failed or {}):
            (folder / FAILED).mkdir(exist_ok=True)
            record = {"values": point.values, "error": failed[number]}
            (folder / FAILED / f"{point.key}.json").write_text(json.dumps(record))
            continue
        shutil.copytree(source, folder / POINTS / point.key)
        summary = json.loads(json.dumps(told))
        change(summary)
        (folder / POINTS / point.key / "summary.json").write_text(json.dumps(summary))
    return folder


def scaled(factor, verdict="STABLE", met=True, digits=None):
    """What multiplies all metrics, each by its own (rounded to so many digits of its mean), and says how it ended."""
    chance = np.random.default_rng(int(1e6 * factor))

    def change(summary):
        summary["verdict"] = verdict
        for slo in summary["slos"]:
            slo["met"] = met
        for metric in summary["metrics"].values():
            own = factor * chance.uniform(0.5, 1.0)
            for end in ("mean", "ci_low", "ci_high"):
                if metric[end] is not None:
                    value = metric[end] * own
                    metric[end] = float(f"{value:.{digits}g}") if digits else value

    return change


def as_it_is(summary):
    pass


def with_limit(source, folder):
    """`source` with a limit on the mean end-to-end time."""
    shutil.copytree(source, folder)
    summary = json.loads((folder / "summary.json").read_text())
    slo = {"metric": "e2e_s", "percentile": 95, "cls": None, "max": 9.0, "min": None, "gate": False}
    summary["slos"] = [slo | {"value": 1.0, "met": True}]
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory, source):
    """Twelve points, three of which failed, two are overloaded and two miss the limit."""
    base = with_limit(source, tmp_path_factory.mktemp("limited") / "run")
    ends = {1: ("OVERLOADED", False), 4: ("BACKLOGGED", True), 6: ("STABLE", False), 7: ("STABLE", False)}
    points = [
        (
            {"fleet.edge.replicas": 1 + number, "policy": {"use": "cascade", "accept": {"edge": number / 8}}},
            scaled(0.5 + number / 7, *ends.get(number, ("STABLE", True))),
        )
        for number in range(12)
    ]
    errors = {3: "ValueError: one", 8: f"{EVIL}: two", 11: "ValueError: three"}
    return made(tmp_path_factory.mktemp("sweep"), base, points, failed=errors)


@pytest.fixture(scope="module")
def swept(folder):
    return read_sweep(folder)


@pytest.fixture(scope="module")
def html(swept):
    return sweep_report(swept).html()


@pytest.fixture(scope="module")
def read(html):
    return Read(html)


def kept(folder):
    """The metrics of each finished point, by number, as summary.json has them."""
    files = sorted((folder / POINTS).glob("*/summary.json"))
    return {int(file.parent.name, 16): json.loads(file.read_text()) for file in files}


def figures(swept):
    return {figure.name: figure for figure in sweep_report(swept).figures}


def unpacked(read):
    packed = next(script for script in read.scripts if script.startswith("H4s"))
    return {one["name"]: one for one in json.loads(gzip.decompress(base64.b64decode(packed)))}


def test_the_page_says_how_many_points_finished_failed_and_ended_how(read):
    text = "".join(read.text)
    assert "9 of 12 points have a result, 3 failed." in text
    assert all(told in text for told in ("STABLE 7", "BACKLOGGED 1", "OVERLOADED 1"))
    assert all(told in text for told in ("ValueError: one", "ValueError: three", EVIL))


def test_the_table_of_points_has_the_numbers_of_each_summary(folder, read):
    heads, *rows = read.rows
    told = [text for text, _ in heads]
    energy, accuracy = told.index("energy per query [J]"), told.index("right, of all queries [%]")
    summaries = kept(folder)
    assert [int(row[0][1]) for row in rows] == list(summaries)
    for row, (number, summary) in zip(rows, summaries.items(), strict=True):
        assert row[1] == [str(1 + number), str(1 + number)]
        for at, key, factor in ((energy, "energy_j_per_query", 1), (accuracy, "accuracy", 100)):
            metric = summary["metrics"][key]
            text, exact = row[at]
            mean, half = (float(part.replace(",", "")) for part in text.split(" ± "))
            assert float(exact) == pytest.approx(metric["mean"], rel=1e-8)
            assert mean == pytest.approx(factor * metric["mean"], rel=6e-3)
            assert half == pytest.approx(factor * (metric["ci_high"] - metric["ci_low"]) / 2, rel=0.06)
        assert row[-1][0] == summary["verdict"]
        assert row[-2][0] == ("met" if summary["slos"][0]["met"] else "missed")


def test_the_csv_has_all_metrics_of_all_points_in_base_units(folder, read):
    table = pd.read_csv(StringIO(unpacked(read)["pareto"]["csv"])).set_index("point")
    summaries = kept(folder)
    assert list(table.index) == list(summaries)
    assert json.loads(table["policy"][2]) == {"use": "cascade", "accept": {"edge": 0.25}}
    for number, summary in summaries.items():
        for key, metric in summary["metrics"].items():
            for end, column in (("mean", key), ("ci_low", f"{key}.ci_low"), ("ci_high", f"{key}.ci_high")):
                if metric[end] is not None:
                    assert table.at[number, column] == pytest.approx(metric[end], rel=1e-4)


@pytest.mark.parametrize("key", BETTER)
def test_the_best_point_is_the_best_of_those_that_are_stable_and_hold_the_limits(folder, read, key):
    from simulator.records.metrics import title_of

    within = {
        number: one["metrics"][key]["mean"]
        for number, one in kept(folder).items()
        if one["verdict"] == "STABLE" and one["slos"][0]["met"]
    }
    text = "".join(read.text)
    assert "5 of the 9 points with a result are stable and hold all limits." in text
    winner = max(within, key=lambda number: BETTER[key] * within[number])
    row = text[text.index("others whose interval overlaps") :]
    assert re.search(rf"{re.escape(title_of(key))}[^\n]*?(higher|lower)point {winner} ", row)


def test_the_figures_hold_every_finished_point(folder, read):
    told, summaries = unpacked(read), kept(folder)
    for name in ("pareto", "parallel"):
        assert f"plot-{name}" in read.ids
        assert told[name]["inside"]["points"] == list(summaries)
    energy = told["pareto"]["inside"]["metrics"]["energy_j_per_query"]
    means = [one["metrics"]["energy_j_per_query"]["mean"] for one in summaries.values()]
    np.testing.assert_allclose(energy["mean"], means, rtol=1e-4)
    axes = {one["key"]: one for one in told["parallel"]["inside"]["dimensions"]}
    assert axes["fleet.edge.replicas"]["values"] == [1 + number for number in summaries]
    assert [axes["policy"]["ticks"]["texts"][at] for at in axes["policy"]["values"]][2] == "accept.edge 0.25"
    assert told["pareto"]["inside"]["labels"][2] == "fleet.edge.replicas = 3<br>policy = accept.edge 0.25"


def test_any_metric_with_a_value_may_be_on_any_axis(swept, read):
    known = {key for one in kept_of(swept) for key, metric in one.items() if metric.mean is not None}
    for name in ("x", "y", "colour"):
        at = next(
            at
            for at, (_, attrs) in enumerate(read.tags)
            if (attrs.get("data-figure"), attrs.get("data-choice")) == ("pareto", name)
        )
        offered = []
        for tag, attrs in read.tags[at + 1 :]:
            if tag != "option":
                break
            offered.append(attrs["value"])
        assert set(offered) == known


def kept_of(swept):
    return [result.summary.metrics for result in swept.results.values()]


def test_a_report_loads_nothing_and_has_plotly_once(html, read):
    assert not [attrs for _, attrs in read.tags if {"src", "srcset", "data", "poster", "action"} & attrs.keys()]
    assert "default-src 'none'" in html
    assert sum(len(script) > 1_000_000 for script in read.scripts) == 1
    assert len(html.encode()) <= 6e6


def test_seed_version_scenario_and_index_are_text(swept, read):
    text = "".join(read.text)
    result = next(iter(swept.results.values()))
    assert f"seed{result.summary.seed}" in text
    assert result.manifest["version"] in text
    assert swept.index.hash in text
    assert "max_seqs" in text


def test_names_are_shown_and_never_run(tmp_path, source):
    points = [({EVIL: EVIL, "b": {"use": EVIL, "c": number}}, scaled(1 + number)) for number in range(3)]
    evil = read_sweep(made(tmp_path, source, points, name=EVIL, failed={1: EVIL}))
    read = Read(sweep_report(evil).html())
    assert "alert(1)" not in read.scripts
    assert "".join(read.text).count(EVIL) >= 5
    told = unpacked(read)
    labels = [*told["pareto"]["inside"]["labels"], *(one["label"] for one in told["parallel"]["inside"]["dimensions"])]
    assert any("&lt;script&gt;" in label for label in labels)
    assert not [label for label in labels if "<s" in label]


def test_one_point_is_told_without_comparing_it(tmp_path, source):
    read = Read(sweep_report(read_sweep(made(tmp_path, source, [({"seed": 7}, as_it_is)]))).html())
    text = "".join(read.text)
    assert "1 of 1 points have a result." in text
    assert "is best" not in text
    assert unpacked(read)["parallel"]["inside"]["points"] == [0]


def test_a_sweep_whose_points_all_failed_says_their_errors_and_draws_nothing(tmp_path, source):
    points = [({"seed": number}, as_it_is) for number in range(30)]
    failed = {number: f"ValueError: of {number}" for number in range(30)}
    html = sweep_report(read_sweep(made(tmp_path, source, points, failed=failed))).html()
    text = "".join(Read(html).text)
    assert "0 of 30 points have a result, 30 failed." in text
    assert "no point has a result" in text
    assert all(error in text for error in failed.values())
    assert len(html) < 100_000


def test_where_no_point_holds_the_limits_the_best_of_all_are_named_and_it_is_said(tmp_path, source):
    points = [({"seed": number}, scaled(1 + number, "OVERLOADED")) for number in range(3)]
    text = "".join(Read(sweep_report(read_sweep(made(tmp_path, source, points))).html()).text)
    assert (
        "none of the 3 points with a result is stable and holds all limits, so all are compared. Of these, point"
        in text
    )


def test_what_is_undefined_at_a_point_is_a_dash_and_never_zero(tmp_path, source):
    def unknown(summary):
        summary["metrics"]["energy_j_per_query"] |= {"mean": None, "ci_low": None, "ci_high": None}

    swept = read_sweep(made(tmp_path, source, [({"seed": 1}, as_it_is), ({"seed": 2}, unknown)]))
    read = Read(sweep_report(swept).html())
    heads, _, row = read.rows
    at = [text for text, _ in heads].index("energy per query [J]")
    assert row[at] == ["–", None]
    told = unpacked(read)
    assert told["pareto"]["inside"]["metrics"]["energy_j_per_query"]["mean"][1] is None
    assert np.isnan(pd.read_csv(StringIO(told["pareto"]["csv"]))["energy_j_per_query"][1])
    assert "energy_j_per_query" not in [one["key"] for one in told["parallel"]["inside"]["dimensions"]]


def test_how_many_others_are_as_good_is_unknown_where_there_are_no_intervals(tmp_path, source):
    def without(factor):
        def change(summary):
            scaled(factor)(summary)
            for metric in summary["metrics"].values():
                metric |= {"ci_low": None, "ci_high": None}

        return change

    folder = made(tmp_path, source, [({"seed": number}, without(1 + number)) for number in range(3)])
    assert {row[-1] for row in bests(read_sweep(folder)).rows} == {"not known"}


def test_points_that_are_equal_share_a_result_and_are_told_apart(tmp_path, source):
    folder = made(tmp_path, source, [({"seed": 1}, as_it_is)])
    point = SweepPoint({"seed": 1}, f"{0:012x}")
    (folder / "index").rename(folder / "old")
    SweepIndex("twice", (point, point)).write(folder)
    assert list(read_sweep(folder).rows["point"]) == [0, 1]


def test_200_points_fit_into_a_page_and_scroll_in_a_box(tmp_path, source):
    points = [
        ({"rate": number / 7, "policy": {"use": f"p{number % 9}", "accept": number}}, scaled(1 + number / 200))
        for number in range(200)
    ]
    html = sweep_report(read_sweep(made(tmp_path, source, points))).html()
    read = Read(html)
    assert len(html.encode()) <= 6e6
    assert len(read.rows) == 201
    assert any(attrs.get("class") == "wide tall" for _, attrs in read.tags)


def above(below):
    """Maps of these; none is empty, as none of a scenario is."""
    return st.dictionaries(st.sampled_from(["use", "a", "b"]), below, min_size=1, max_size=3)


maps = above(st.recursive(st.integers(0, 3), above, max_leaves=5))


@settings(deadline=None)
@given(values=st.lists(maps, min_size=1, max_size=5))
def test_maps_that_differ_are_called_differently_and_equal_ones_alike(values):
    told = words(values)
    for one, first in zip(told, values, strict=True):
        for other, second in zip(told, values, strict=True):
            assert (one == other) == (first == second)


def test_maps_are_called_by_what_they_differ_in():
    given = [{"use": "cascade", "order": ["a", "b"], "accept": {"a": x}} for x in (0.5, 0.7)]
    assert words(given) == ["accept.a 0.5", "accept.a 0.7"]
    assert words([{"use": "always", "pool": "a"}, {"use": "random", "pool": "a"}, None]) == ["always", "random", "–"]
    assert words([1, True, "text", [1, 2]]) == ["1", "true", "text", "[1, 2]"]


def front(points, x, y):
    """Numbers of the points that no other beats: at least as good on both axes, and better on one."""

    def good(key, number):
        return BETTER[key] * points[number]["metrics"][key]["mean"]

    def beats(one, other):
        pairs = [(good(key, one), good(key, other)) for key in (x, y)]
        return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)

    return {number for number in points if not any(beats(other, number) for other in points)}


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_front_is_that_of_brute_force_on_all_axes_and_heads_sort_as_numbers(tmp_path, source):
    points = [
        ({"seed": number}, scaled(1 + number / 50, "STABLE" if number % 3 else "OVERLOADED", digits=2))
        for number in range(50)
    ]
    folder = made(tmp_path / "sweep", source, points)
    choices = [
        {"x": x, "y": y, "colour": "ttft_s.p95", "front": which}
        for x in BETTER
        for y in BETTER
        if x != y
        for which in ("all", "within")
    ]
    probe = f"""<script>setTimeout(async () => {{
      const bytes = Uint8Array.from(atob(document.getElementById("figures").textContent), (each) => each.charCodeAt(0));
      const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      const figure = (await new Response(unpacked).json()).find((each) => each.name === "pareto");
      const fronts = {json.dumps(choices)}.map((choice) => window.makers.pareto(figure, choice).traces[0].customdata);
      const numbers = () => [...document.querySelectorAll("#table-of-points tbody tr")].map((row) => +row.dataset.row);
      const heads = [...document.querySelectorAll("#table-of-points thead button")];
      const head = heads.find((each) => each.textContent.startsWith("energy per query"));
      head.click();
      const rising = [head.parentElement.getAttribute("aria-sort"), numbers()];
      head.click();
      const falling = [head.parentElement.getAttribute("aria-sort"), numbers()];
      document.documentElement.dataset.found = JSON.stringify({{ fronts, rising, falling }});
    }}, 1000)</script>"""
    page = tmp_path / "report.html"
    page.write_text(sweep_report(read_sweep(folder)).html().replace("</body>", probe + "</body>"))
    call = [CHROMIUM, "--headless", "--no-sandbox", f"--user-data-dir={tmp_path / 'profile'}", "--no-first-run"]
    call += ["--virtual-time-budget=8000", "--dump-dom", "--enable-unsafe-swiftshader", page.as_uri()]
    said = subprocess.run(call, capture_output=True, text=True, timeout=120).stdout
    found = json.loads(re.search('data-found="([^"]*)"', said)[1].replace("&quot;", '"'))
    summaries = kept(folder)
    within = {number: one for number, one in summaries.items() if one["verdict"] == "STABLE"}
    for choice, got in zip(choices, found["fronts"], strict=True):
        among = summaries if choice["front"] == "all" else within
        assert set(got) == front(among, choice["x"], choice["y"]), choice
        xs = [BETTER[choice["x"]] * summaries[number]["metrics"][choice["x"]]["mean"] for number in got]
        assert xs == sorted(xs)
    energy = {number: one["metrics"]["energy_j_per_query"]["mean"] for number, one in summaries.items()}
    for direction, way in (("rising", 1), ("falling", -1)):
        told, rows = found[direction]
        assert told == f"{'ascending' if way > 0 else 'descending'}"
        assert [energy[number] for number in rows] == sorted(energy.values(), reverse=way < 0)
    assert len({len(got) for got in found["fronts"]}) > 1


def test_a_folder_of_several_sweeps_asks_for_one_of_them(tmp_path, source):
    from simulator.records.errors import ResultError

    folder = made(tmp_path, source, [({"seed": 1}, as_it_is), ({"seed": 2}, as_it_is)])
    (first,) = (folder / "index").glob("*.json")
    second = SweepIndex("other", (SweepPoint({"seed": 2}, f"{1:012x}"),)).write(folder)
    with pytest.raises(ResultError) as caught:
        read_sweep(folder)
    assert all(str(file) in str(caught.value) for file in (first, second))
    assert list(read_sweep(Path(second)).rows["seed"]) == [2]
