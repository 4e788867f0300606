from __future__ import annotations

from pathlib import Path

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
