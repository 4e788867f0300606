"""Replays: how figures are compared, told and put into a page, and which of them come out as printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simulator.cli.app import command
from simulator.metrics.value import Value
from simulator.replays.core import answer, exact, relation, shape
from simulator.replays.registry import REPLAYS, find
from simulator.replays.table import agreement, markdown, put
from simulator.spec.errors import SpecError
from simulator.spec.library import scenario_names, shipped

PAGE = shipped("scenarios") / "replays" / "README.md"


@pytest.mark.parametrize(
    ("printed", "found", "met"),
    [
        ("50.07", 50.0749, True),
        ("50.07", 50.0751, False),
        ("0.500", 0.5004, True),
        ("24", 24.5, True),
        ("24", 24.51, False),
        ("1.91e-5", 1.914e-5, True),
        ("1.91e-5", 1.916e-5, False),
    ],
)
def test_a_figure_is_met_to_half_a_unit_of_its_last_digit(printed: str, found: float, met: bool) -> None:
    row = exact("q", printed, found, "a paper")
    assert row.met is met
    assert row.differs == pytest.approx(found - float(printed))


def test_what_is_undefined_here_is_a_miss_and_says_so() -> None:
    row = exact("q", "0.5", Value(None, reason="no gap"), "a paper")
    assert (row.met, row.replayed, row.differs) == (False, "undefined", None)


def test_a_figure_whose_size_counts_may_differ_by_what_is_said() -> None:
    assert shape("q", "0.12", 0.15, "a paper", within=0.04).met
    assert not shape("q", "0.12", 0.17, "a paper", within=0.04).met


ROWS = (
    exact("one | two", "0.5", 0.5, "a paper"),
    exact("three", "0.5", 0.7, "a paper"),
    relation("order", "a > b", "a > b", True, "a paper"),
)


def test_a_table_tells_every_miss() -> None:
    assert agreement(ROWS) == "2 of 3 agree, 1 miss"
    assert agreement((answer("who wins?", "nobody"),)) == "1 answers"
    lines = markdown(ROWS).splitlines()
    assert len(lines) == 2 + len(ROWS)
    assert "NO" in lines[3]
    assert {line.count("|") for line in lines} == {lines[0].count("|")}


def test_rows_go_between_the_marks_of_their_name_and_nowhere_else() -> None:
    page = "a\n<!-- rows: x -->\nold\n<!-- end -->\nb\n<!-- rows: y -->\n<!-- end -->\n"
    once = put(page, "x", ROWS)
    assert "old" not in once
    assert once.startswith("a\n<!-- rows: x -->\n\n| quantity")
    assert once.endswith("b\n<!-- rows: y -->\n<!-- end -->\n")
    assert put(once, "x", ROWS) == once
    with pytest.raises(SpecError, match="no place for 'z'"):
        put(page, "z", ROWS)


@pytest.mark.parametrize("name", REPLAYS)
def test_a_replay_names_scenarios_and_has_a_section_with_its_rows(name: str) -> None:
    replay = find(name)
    page = PAGE.read_text(encoding="utf-8")
    assert set(replay.scenarios) <= set(scenario_names())
    assert f"## {name}\n" in page
    table = re.search(rf"<!-- rows: {name} -->\n(.*?)<!-- end -->", page, re.DOTALL)
    assert table is not None
    assert table[1].count("\n|") > 2, "make replays writes the rows"
    for scenario in replay.scenarios:
        assert f"({scenario.removeprefix('replays/')}.yaml)" in page


def test_every_scenario_of_a_replay_is_on_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name in scenario_names():
        if name.startswith("replays/"):
            assert f"({name.removeprefix('replays/')}.yaml)" in page, name


def test_without_data_a_line_says_which_and_where_it_is_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MULTILLM_DATA", str(tmp_path))
    assert command(["replay", "golden-cascades"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    for text in ("quality/rational_cascades_llama5.csv.gz", "github.com/mzelling", "commit 0d9c861", "MULTILLM_DATA"):
        assert text in line


def test_a_replay_that_is_not_there_is_told_with_near_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["replay", "golden-cascade"]) == 2
    assert "did you mean 'golden-cascades'?" in capsys.readouterr().err
