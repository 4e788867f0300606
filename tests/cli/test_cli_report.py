from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from cli_world import Shell


@pytest.fixture
def folder(shell: Shell) -> Path:
    assert shell("run", "tiny.yaml", "--quiet", "--no-report", "--out", "kept").code == 0
    return Path("kept")


def test_a_report_is_written_into_the_run_and_its_path_printed(shell, folder):
    said = shell("report", folder)
    assert (said.code, said.out) == (0, "kept/report.html\n")
    assert (folder / "report.html").read_text().startswith("<!doctype html>")


def test_a_report_is_the_same_bytes_each_time(shell, folder):
    shell("report", folder, "-o", "one.html")
    shell("report", folder, "-o", "two.html")
    assert Path("one.html").read_bytes() == Path("two.html").read_bytes()


def test_a_run_is_read_again_with_a_report_in_it(shell, folder):
    shell("report", folder)
    assert shell("report", folder).code == 0


def test_the_data_of_each_figure_are_written_beside_the_page(shell, folder):
    said = shell("report", folder, "-o", "out/page.html", "--export", "csv")
    assert said.out.split() == ["out/page.html", "out/page-csv"]
    assert Path("out/page-csv/cdf-e2e.csv").read_text().startswith("of,share,e2e_s,n\n")


@pytest.mark.parametrize("wrong", ["absent", "."])
def test_what_is_no_result_is_refused_in_one_line(shell, wrong):
    said = shell("report", wrong)
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert not Path(wrong, "report.html").exists()


def test_several_runs_are_compared_in_one_page_where_the_command_is_given(shell, folder):
    shell("run", "tiny.yaml", "--quiet", "--no-report", "--out", "other", "--set", "fleet.one.device=l4")
    said = shell("report", folder, "other")
    assert (said.code, said.out) == (0, "comparison.html\n")
    page = Path("comparison.html").read_text()
    assert "other against kept: report of a comparison" in page  # both are of `tiny`: folders tell them apart
    assert shell("report", folder, "other", "-o", "out/page.html", "--export", "csv").out.split() == [
        "out/page.html",
        "out/page-csv",
    ]
    assert Path("out/page.html").read_text() == page


def test_the_page_has_the_figures_that_compare_prints(shell, folder):
    shell("run", "tiny.yaml", "--quiet", "--no-report", "--out", "other", "--set", "fleet.one.device=l4")
    (told,) = json.loads(shell("compare", folder, "other", "--json").out)["compared"]
    shell("report", folder, "other", "-o", "page.html", "--export", "csv")
    table = pd.read_csv("page-csv/differences.csv").set_index("metric")
    known = [each for each in told["metrics"] if each["diff"] is not None]
    assert list(table.index) == [each["metric"] for each in known]
    for each in known:
        found = table.loc[each["metric"], ["reference", "value", "diff"]].tolist()
        assert found == pytest.approx([each["a"], each["b"], each["diff"]], rel=1e-4)


def test_the_same_run_twice_has_two_names(shell, folder):
    assert shell("report", folder, folder).code == 0
    assert "2: kept against 1: kept: report of a comparison" in Path("comparison.html").read_text()


def test_one_wrong_folder_of_several_is_refused_in_one_line(shell, folder):
    said = shell("report", folder, "absent")
    assert (said.code, said.out, said.err) == (2, "", "absent: no such folder\n")
    assert not Path("comparison.html").exists()
