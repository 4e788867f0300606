import base64
import gzip
import json
import re
from html.parser import HTMLParser

import pytest
from made_scores import made_bars, made_scores

from analysis.grids import Grid, amount, html_table, markdown_table, percent
from analysis.validation import markdown, page
from simulator.records.scores import SETTINGS

EVIL = "<script>alert(1)</script>|`x`*"
BARS = made_bars(
    ("batch 1", "decode_s", "", "in-sample", 0.10),
    ("batch 1", "decode_s", "", "model left out", 0.10),
    ("real server", "e2e_s", "", "in-sample", 0.10),
)
SCORES = made_scores(
    {"predicted": 1.05},
    {"predicted": 1.25, "setting": "model left out", "extrapolated": "family 'gpu'", "cause": "launch bound"},
)


class Read(HTMLParser):
    """What a browser sees of a page: elements with attributes, text outside of scripts, and that all is closed."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.text, self.scripts = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        (self.scripts if self.open and self.open[-1] == "script" else self.text).append(data)


def test_a_page_loads_nothing_and_says_so_to_the_browser():
    read = Read(page(SCORES, BARS))
    loading = {"src", "srcset", "data", "poster", "action", "background"}
    assert not [
        (tag, attrs) for tag, attrs in read.elements if loading & attrs.keys() or tag in ("link", "img", "iframe")
    ]
    assert all(attrs["href"].startswith("#") for tag, attrs in read.elements if tag == "a")
    policy = [attrs["content"] for tag, attrs in read.elements if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert len(policy) == 1
    assert "default-src 'none'" in policy[0]
    assert "http" not in policy[0]
    ours = [script for script in read.scripts if len(script) < 1_000_000]
    assert "http" not in "".join(ours + read.text)
    assert "url(" not in "".join(read.text)
    assert "@import" not in "".join(read.text)


def test_a_page_has_plotly_once_and_is_no_larger_than_six_megabytes():
    rows = [{"row": f"prompt {at} tok, batch {at % 64}", "predicted": 1 + at / 7e3, "setting": setting}
            for at in range(3000) for setting in SETTINGS]  # fmt: skip
    text = page(made_scores(*rows), BARS)
    assert sum(len(script) > 1_000_000 for script in Read(text).scripts) == 1
    assert len(text.encode()) <= 6e6


@pytest.mark.parametrize(
    "column", ["source", "table", "row", "device", "engine", "model", "group", "cause", "extrapolated"]
)
def test_names_are_shown_and_never_run(column):
    scores = made_scores({column: EVIL}, {"predicted": 2.0})
    read = Read(page(scores, BARS))
    assert len(read.scripts) == 4  # scores, Plotly, legend and plot
    assert not any("alert(1)" in script for script in read.scripts)
    if column != "engine":  # which is named in the plot alone
        assert EVIL in "".join(read.text)
    assert "<script" not in markdown(scores, BARS)


def test_the_plot_has_every_row_under_its_names():
    scores = made_scores(
        {"predicted": 1.05, "device": "a </script>", "measured": 0.123456, "quantity": "ttft_s"},
        {"predicted": 2.5, "device": "b", "quantity": "energy_j_per_tok", "setting": "device left out"},
    )
    packed = re.search(r'id="scores">([^<]*)<', page(scores, BARS))[1]
    kept = json.loads(gzip.decompress(base64.b64decode(packed)))
    told = [
        {name: value["names"][value["codes"][at]] for name, value in kept.items() if isinstance(value, dict)}
        | {"measured": kept["measured"][at], "predicted": kept["predicted"][at]}
        for at in range(2)
    ]
    for row, expected in zip(told, scores.to_dict("records"), strict=True):
        assert {name: row[name] for name in ("device", "quantity", "setting")} == {
            name: expected[name] for name in ("device", "quantity", "setting")
        }
        assert row["measured"] == pytest.approx(expected["measured"], rel=1e-3)
    assert dict(zip(kept["quantity"]["names"], kept["units"], strict=True)) == {
        "ttft_s": "s",
        "energy_j_per_tok": "J/tok",
    }


@pytest.mark.parametrize("made", [markdown, page])
def test_bars_are_said_met_missed_and_without_rows(made):
    text = made(SCORES, BARS)
    assert "1 of 3 bars are met, 1 missed, 1 without rows to test them." in text
    assert "missed by 15.0 points" in text
    assert "No row of this group was at hand." in text
    assert "launch bound; extrapolated: family" in text


def test_markdown_has_the_figures_side_by_side():
    text = markdown(SCORES, BARS)
    assert "| batch 1 | decode\\_s | model left out | missed by 15.0 points | 10 | 25.0 | 1 |" in text
    assert "| decode\\_s | 5.0 / 5.0 / +5.0 (1) | 25.0 / 25.0 / +25.0 (1) |" in text


def test_what_was_never_scored_on_unseen_rows_is_said():
    assert "- batch 1, decode\\_s: device left out\n" in markdown(SCORES, BARS)


@pytest.mark.parametrize(("made", "given"), [(markdown, "## Real\n"), (page, "<h2>Real</h2>")])
def test_what_is_given_beside_stands_before_the_reading(made, given):
    text = made(SCORES, BARS, given)
    assert text.index(given.strip()) < text.rindex("How to read this")


@pytest.mark.parametrize("made", [markdown, page])
def test_without_rows_there_is_a_report_that_says_so(made):
    text = made(made_scores(), made_bars())
    assert "No measured row was scored." in text
    assert "No bar was given." in text


@pytest.mark.parametrize("made", [markdown, page])
def test_the_same_scores_are_the_same_bytes(made):
    assert made(SCORES, BARS) == made(SCORES.copy(), BARS.copy())


def test_markdown_shows_the_places_with_most_rows_and_counts_the_others():
    rows = [{"device": f"gpu-{at}", "row": f"{at}.{each}"} for at in range(100) for each in range(1 + (at >= 50))]
    text = markdown(made_scores(*rows), BARS)
    shown = set(re.findall(r"^\| lab \| (gpu-\d+) ", text, re.M))
    assert len(shown) == 80
    assert {f"gpu-{at}" for at in range(50, 100)} <= shown
    assert "20 more with fewer rows are in the HTML page." in text


def test_a_table_is_the_same_in_both_forms():
    grid = Grid(("what", "n"), (("a|b <i>", "1"), ("c", "2")), frozenset({"what"}))
    lines = markdown_table(grid).splitlines()
    assert lines == ["| what | n |", "| --- | --: |", r"| a\|b &lt;i&gt; | 1 |", "| c | 2 |"]
    assert "".join(Read(html_table(grid)).text).split("\n") == ["", "whatn", "", "a|b <i>1", "c2", "", ""]


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [(0.01234, "s", "12.3 ms"), (0.9999, "s", "1 s"), (1500.0, "s", "1,500 s"), (12345.0, "W", "12.3 kW"),
     (2.5e-7, "J", "250 nJ"), (3e-12, "s", "3e-12 s"), (5.0, "", "5")],
)  # fmt: skip
def test_amounts_are_scaled_to_read(value, unit, said):
    assert amount(value, unit) == said


@pytest.mark.parametrize(
    ("fraction", "signed", "said"),
    [(0.1234, False, "12.3"), (-0.00001, True, "+0.0"), (12.3456, True, "+1,235"), (float("nan"), True, "–")],
)
def test_percentages_are_short(fraction, signed, said):
    assert percent(fraction, signed) == said
