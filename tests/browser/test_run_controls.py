"""The controls of a run's page: filters of the sampled queries, the one that is picked, and the list of joules."""

from __future__ import annotations

import pytest

from .pages import kinds, quick

pytestmark = pytest.mark.parametrize("kind", kinds("run"), indirect=True)

ROWS = "#stories-table tbody tr"
# Each row of the sample: its cells as text, and whether it is shown.
SAMPLE = f"""() => [...document.querySelectorAll('{ROWS}')].map((row) =>
  ({{cells: [...row.cells].map((cell) => cell.textContent), shown: row.checkVisibility()}}))"""
KIND, ASKED = 1, 4  # columns


def shown_and_fitting(opened, fits):
    """Numbers of the queries that are shown, and of those that fit."""
    rows = opened.ask(SAMPLE)
    return [row["cells"][0] for row in rows if row["shown"]], [row["cells"][0] for row in rows if fits(row["cells"])]


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("kind", lambda cells, wanted: cells[KIND].removesuffix(", among the slowest") == wanted),
        ("pool", lambda cells, wanted: wanted in cells[ASKED].split(", ")),
        ("escalated", lambda cells, wanted: (", " in cells[ASKED]) == (wanted == "yes")),
    ],
    ids=["kind", "pool", "escalated"],
)
def test_a_filter_shows_exactly_the_rows_that_fit(opened, name, fits):
    opened.show()
    choice = opened.page.locator(f"#stories-{name}")
    options = choice.evaluate("(list) => [...list.options].map((one) => one.value)")
    for wanted in options[1:]:
        choice.select_option(wanted)
        shown, fitting = shown_and_fitting(opened, lambda cells: fits(cells, wanted))  # noqa: B023
        assert shown == fitting
        assert 0 < len(shown) < 60
        assert opened.page.locator("#stories-count").inner_text() == f"{len(shown)} of 60 queries"
    choice.select_option("")
    assert len(shown_and_fitting(opened, bool)[0]) == 60


def test_filters_and_text_hold_together(opened):
    opened.show()
    opened.page.locator("#stories-pool").select_option("cloud")
    opened.page.locator("#stories-text").fill("NEEDLESS")
    shown, fitting = shown_and_fitting(opened, lambda cells: "cloud" in cells[ASKED] and "needless" in "".join(cells))
    assert shown == fitting
    assert shown
    opened.page.locator("#stories-text").fill("")
    opened.page.locator("#stories-pool").select_option("")


def test_a_row_that_is_clicked_or_entered_is_the_query_that_is_drawn(opened, made):
    opened.show()
    calls = made.tables["stories"].groupby("query")
    rows = opened.page.locator(ROWS)
    for at, pick in (
        (3, lambda row: row.locator("td").first.click()),
        (0, lambda row: row.locator("button").press("Enter")),
    ):
        pick(rows.nth(at))
        number = rows.nth(at).locator("button").inner_text()
        opened.page.wait_for_function(
            "(number) => document.querySelector('#stories select[data-figure]').value === number", arg=number
        )
        assert opened.page.locator(f"{ROWS}[aria-current]").all_inner_texts() == [rows.nth(at).inner_text()]
        mine = calls.get_group(int(number))
        bars = opened.ask(
            "() => document.getElementById('plot-stories').data.filter((each) => each.type === 'bar')"
            ".map((each) => [each.name, each.x])"
        )
        drawn_s = {name: sum(values) for name, values in bars}
        assert drawn_s["decode"] == pytest.approx(mine["decode_s"].sum(), rel=1e-3)
        assert opened.page.locator("#stories-told table").first.locator("tbody tr").count() == len(mine)


def test_the_list_of_joules_draws_the_joules_of_the_summary(opened):
    opened.show()
    for key in ("energy_j_per_correct", "energy_j_per_output_tok", "energy_j_per_query"):
        opened.page.locator("#energy select").select_option(key)
        drawn_j = opened.ask("() => document.getElementById('plot-energy').data.flatMap((each) => each.y)")
        assert sum(drawn_j) == pytest.approx(quick().summary.metrics[key].mean, rel=1e-3)
