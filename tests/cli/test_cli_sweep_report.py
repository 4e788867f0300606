"""The report that a sweep writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_world import Shell

SWEEP = ("sweep", "tiny.yaml", "--jobs", "1", "--out", "out", "--grid")
PAGE = Path("out/report.html")


def text(page: Path) -> str:
    """What the page says before its scripts."""
    return page.read_text(encoding="utf-8").partition("<script")[0]


def test_a_sweep_writes_its_report_and_the_last_lines_name_it(shell: Shell) -> None:
    said = shell(*SWEEP, "seed=1,2")
    assert said.code == 0
    assert said.out.splitlines()[-2:] == ["sweep: out", "report: out/report.html"]
    assert "2 of 2 points have a result." in text(PAGE)


@pytest.mark.parametrize("option", ["--no-report", "--dry-run"])
def test_a_sweep_writes_no_report_where_none_is_asked_for(shell: Shell, option: str) -> None:
    said = shell(*SWEEP, "seed=1", option)
    assert said.code == 0
    assert "report" not in said.out
    assert not PAGE.exists()


def test_report_makes_the_same_page_again_with_the_data_of_its_figures(shell: Shell) -> None:
    shell(*SWEEP, "seed=1,2")
    said = shell("report", "out", "-o", "again.html", "--export", "csv")
    assert (said.code, said.out.split()) == (0, ["again.html", "again-csv"])
    assert Path("again.html").read_bytes() == PAGE.read_bytes()
    assert Path("again-csv/pareto.csv").read_text().startswith("point,seed,verdict,")


def test_a_second_sweep_in_a_folder_has_the_page_and_the_first_is_named_by_its_index(shell: Shell) -> None:
    shell(*SWEEP, "seed=1,2,3")
    (first,) = Path("out/index").iterdir()
    assert shell(*SWEEP, "seed=2").code == 0
    assert "1 of 1 points have a result." in text(PAGE)
    said = shell("report", "out")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert f"{first} (3 points)" in said.err
    assert shell("report", first, "-o", "first.html").code == 0
    assert "3 of 3 points have a result." in text(Path("first.html"))
    assert shell("report", first).out == "out/report.html\n"


def test_a_page_that_cannot_be_written_loses_no_result(shell: Shell) -> None:
    PAGE.mkdir(parents=True)
    (PAGE / "in the way").touch()
    Path("out/index").mkdir()
    said = shell(*SWEEP, "seed=1,2")
    assert said.code == 0
    assert "2 of 2 points have a result" in said.out
    assert said.err.startswith("no report: ")
    (index,) = Path("out/index").iterdir()
    assert f"`multillm report {index}`" in said.err


def test_points_that_all_failed_have_a_report_too(shell: Shell) -> None:
    said = shell(*SWEEP, "seed=1,2", "--set", "policy=cli_world:Broken")
    assert said.code == 4
    assert "0 of 2 points have a result, 2 failed." in text(PAGE)
    assert "a bug of the user&#x27;s" in text(PAGE)
