"""The controls of a sweep's page: its table sorts, its front has the chosen axes, what is brushed is what is shown."""

from __future__ import annotations

import io
from io import StringIO
from itertools import pairwise

import pandas as pd
import pytest
from PIL import Image

from simulator.records.metrics import NAMED, title_of

from .opened import Look
from .pages import kinds

pytestmark = pytest.mark.parametrize("kind", kinds("sweep"), indirect=True)

ROWS = "#table-of-points tbody tr"
# The values that sort a column of the table, from the top: numbers, or null where it says nothing.
COLUMN = """([rows, at]) => [...document.querySelectorAll(rows)].map(({cells}) => Number(cells[at].dataset.value))"""


def numbers(opened):
    """Of the points that the table shows."""
    shown = "(all) => all.filter((row) => row.checkVisibility()).map((row) => Number(row.dataset.row))"
    return opened.page.locator(ROWS).evaluate_all(shown)


def test_a_head_sorts_the_table_by_mouse_and_by_keys(opened):
    opened.show()
    heads = opened.page.locator("#table-of-points thead th")
    accuracy = next(at for at in range(heads.count()) if heads.nth(at).inner_text().startswith("right"))
    acts = (
        (lambda button: button.click(), "ascending"),
        (lambda button: button.press("Enter"), "descending"),
        (lambda button: button.press("Space"), "ascending"),
    )
    for at in (accuracy, 0):
        for act, order in acts:
            act(heads.nth(at).locator("button"))
            assert [heads.nth(n).get_attribute("aria-sort") for n in range(heads.count())] == [
                order if n == at else None for n in range(heads.count())
            ]
            values = opened.ask(COLUMN, [ROWS, at])
            assert values == sorted(values, reverse=order == "descending")
            assert len(values) == 6


def test_the_csv_of_the_table_holds_what_it_shows(opened):
    opened.show()
    file = opened.saved(opened.page.locator("#points button[data-kind=CSV]").click)
    saved = pd.read_csv(StringIO(file.path().read_text(encoding="utf-8"))).set_index("point")
    heads = [
        text.replace("↕", "").strip() for text in opened.page.locator("#table-of-points thead th").all_inner_texts()
    ]
    columns = {"right": ("accuracy", 100.0), "TTFT p95": ("ttft_s.p95", 1.0), "energy": ("energy_j_per_query", 1.0)}
    for words, (column, factor) in columns.items():
        at = next(at for at, head in enumerate(heads) if " ".join(head.split()).startswith(words))
        for row in opened.page.locator(ROWS).all():
            shown = row.locator("th, td").nth(at).inner_text().partition("±")[0].replace(",", "")
            point = int(row.get_attribute("data-row"))
            assert float(shown) == pytest.approx(factor * saved.loc[point, column], rel=5e-3)


def test_the_axes_of_the_front_are_those_chosen_and_no_point_beats_the_front(opened, made):
    opened.show()
    data = made.tables["pareto"].set_index("point")
    lists = {name: opened.page.locator(f"#pareto select[data-choice={name}]") for name in ("x", "y", "colour", "front")}
    kept = {name: each.input_value() for name, each in lists.items() if each.count()}
    if "front" in kept:
        lists["front"].select_option("all")
    drawn = "() => document.getElementById('plot-pareto')"
    for x, y in (("energy_j_per_query", "accuracy"), ("e2e_s.p95", "queries_per_s"), ("accuracy", "ttft_s.p95")):
        lists["x"].select_option(x)
        lists["y"].select_option(y)
        front, marks = opened.ask(f"{drawn}.data.map((trace) => trace.customdata)")
        titles = opened.page.locator("#plot-pareto :is(.xtitle, .ytitle)").all_text_contents()
        for key, title in zip((x, y), titles, strict=True):
            assert title.startswith(title_of(key))
            assert title.endswith(f"{NAMED[key.partition('.')[0]].better} is better")
        good = {key: data[key] * (1 if NAMED[key.partition(".")[0]].better == "higher" else -1) for key in (x, y)}
        beaten = {
            point
            for point in data.index
            if any(
                good[x][other] >= good[x][point]
                and good[y][other] >= good[y][point]
                and good[x][other] + good[y][other] != good[x][point] + good[y][point]
                for other in data.index
            )
        }
        assert set(front) == set(data.index) - beaten
        assert set(marks) == set(data.index)
        assert all(good[x][one] <= good[x][other] for one, other in pairwise(front))
    for name, value in kept.items():
        lists[name].select_option(value)


def test_what_is_brushed_is_what_the_table_shows_until_it_is_let_go(opened, made):
    opened.show()
    every = numbers(opened)
    data = made.tables["parallel"].set_index("point")
    axis = opened.page.locator("#plot-parallel .axis-brush rect.background").nth(1)  # the second varied key
    axis.scroll_into_view_if_needed()
    box = axis.bounding_box()
    x, low, middle = box["x"] + box["width"] / 2, box["y"] + box["height"] - 2, box["y"] + box["height"] / 2
    opened.page.mouse.move(x, low, steps=2)
    opened.page.mouse.down()
    opened.page.mouse.move(x, middle, steps=5)
    opened.page.mouse.up()
    note = opened.page.locator("#parallel .note")
    opened.page.wait_for_function("() => document.querySelector('#parallel .note').textContent")
    values = data["policy.accept.edge"].astype(float)
    lowest = [point for point in every if values[point] == values.min()]
    assert numbers(opened) == lowest
    assert note.inner_text().startswith(f"{len(lowest)} of {len(every)} points")
    opened.page.get_by_role("button", name="show all points").press("Enter")
    opened.page.wait_for_function("() => !document.querySelector('#parallel .note').textContent")
    assert numbers(opened) == every


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_numbers_in_cells_of_the_heat_map_stand_out_from_them(opened, scheme):
    opened.show(*Look(scheme=scheme))
    texts = opened.page.locator("#plot-heat .scatterlayer text")
    assert texts.count() == 6
    for text in texts.all():
        text.scroll_into_view_if_needed()
        box = text.bounding_box()
        clip = {"x": box["x"] - 8, "y": box["y"] - 8, "width": box["width"] + 16, "height": box["height"] + 16}
        pixels = Image.open(io.BytesIO(opened.page.screenshot(clip=clip))).convert("RGB")
        _, cell = max(pixels.getcolors(pixels.width * pixels.height))
        ink = text.evaluate("(each) => getComputedStyle(each).fill")
        assert contrast(cell, [int(part) for part in ink.removeprefix("rgb(").removesuffix(")").split(",")]) >= 4.5


def contrast(one, other):
    """WCAG's, of two colours in 0 .. 255."""

    def luminance(colour):
        parts = [
            each / 255 / 12.92 if each / 255 <= 0.04045 else ((each / 255 + 0.055) / 1.055) ** 2.4 for each in colour
        ]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
