"""A page can be read: in dark and light, wide and narrow, on paper, and without JavaScript."""

from __future__ import annotations

import pytest

from .opened import CONTRAST, CUT, NARROW, WIDE, Opened
from .pages import PAGES

pytestmark = pytest.mark.parametrize("made", list(PAGES), indirect=True, scope="package")

COUNT = "(tags) => [...document.querySelectorAll(tags)].filter((each) => each.checkVisibility()).length"
FAINT = f"""() => [...document.querySelectorAll('.figure .main-svg text')]
  .filter((text) => ({CONTRAST})(getComputedStyle(text).fill) < 4.5)
  .map((text) => text.closest('.figure').id + ': ' + text.textContent)"""


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "dark"), (NARROW, "light"), (NARROW, "dark")])
def test_axe_has_nothing_against_the_page_in_other_widths_and_colours(opened, size, scheme):
    opened.show(size, scheme)
    assert opened.violations(without=".plot-container") == []  # which it has seen, and of which it reads no colours


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_texts_of_figures_stand_out(opened, scheme):
    opened.show(scheme=scheme)
    assert opened.left(FAINT) == []


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_no_text_of_a_figure_is_cut(opened, size):
    opened.show(size)
    assert opened.left(CUT) == []


def test_on_paper_there_are_tables_and_figures_and_nothing_to_press(opened):
    opened.show(scheme="dark", media="print")
    opened.ask("() => dispatchEvent(new Event('beforeprint'))")
    assert opened.ask(COUNT, "table")
    assert opened.ask(COUNT, "button, select, nav, .modebar") == 0
    assert opened.ask("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert opened.left(FAINT) == []
    opened.ask("() => dispatchEvent(new Event('afterprint'))")


def test_without_javascript_the_tables_stand_and_say_that_figures_need_it(browser, path, made):
    plain = Opened(browser, path, java_script_enabled=False)
    assert plain.page.locator("table:visible").count()
    notes = plain.page.locator("noscript:visible").all_inner_texts()
    assert len(notes) == made.figures
    assert all("needs JavaScript; the tables do not." in note for note in notes)
    assert plain.page.locator("button:visible, select:visible").count() == 0
    plain.context.close()
