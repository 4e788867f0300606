"""A page can be read: in dark and light, wide and narrow, on paper, and without JavaScript."""

from __future__ import annotations

import pytest

from .opened import CONTRAST, Opened
from .pages import SHOWN

pytestmark = pytest.mark.parametrize("kind", SHOWN, indirect=True)

COUNT = "(tags) => [...document.querySelectorAll(tags)].filter((each) => each.checkVisibility()).length"
FAINT = f"""() => [...document.querySelectorAll('.figure .main-svg text')]
  .filter((text) => !text.closest('#plot-heat .scatterlayer')) // stands on cells, not on the page
  .filter((text) => ({CONTRAST})(getComputedStyle(text).fill) < 4.5)
  .map((text) => text.closest('.figure').id + ': ' + text.textContent)"""


def test_the_texts_of_figures_stand_out(opened, look):
    opened.show(*look)
    assert opened.left(FAINT) == []


def test_on_paper_there_are_tables_and_figures_and_nothing_to_press(opened):
    opened.show(scheme="dark", media="print")
    opened.ask("() => dispatchEvent(new Event('beforeprint'))")
    assert opened.ask(COUNT, "table")
    # Buttons inside tables are what the tables say, and stay as text.
    assert opened.ask(COUNT, "button:not(table button), select, input, nav, .modebar") == 0
    assert opened.ask(COUNT, "table button") == opened.page.locator("table button").count()
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
