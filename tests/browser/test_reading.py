"""A page can be read: in dark and light, on a phone, on paper, and without JavaScript."""

from __future__ import annotations

import pytest

from .opened import CONTRAST, NARROW, WIDE, Opened
from .pages import PAGES

pytestmark = pytest.mark.parametrize("made", list(PAGES), indirect=True, scope="package")

COUNT = "(tags) => [...document.querySelectorAll(tags)].filter((each) => each.checkVisibility()).length"
# Texts of figures that reach out of their drawing, where they would be cut.
CUT = """() => [...document.querySelectorAll('.figure .main-svg text')].flatMap((text) => {
  const [box, all] = [text, text.closest('.figure')].map((each) => each.getBoundingClientRect());
  const cut = box.left < all.left - 1 || box.right > all.right + 1 || box.bottom > all.bottom + 1;
  return box.width && cut ? [`${text.closest('.figure').id}: ${text.textContent}`] : [];
})"""
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


def test_a_phone_shows_the_page_in_its_width_and_a_finger_on_a_figure_scrolls_it(browser, path):
    phone = Opened(browser, path, NARROW, is_mobile=True, has_touch=True)
    assert phone.ask("() => [innerWidth, visualViewport.scale]") == [NARROW[0], 1]
    assert phone.left(CUT) == []
    phone.ask("() => document.querySelector('.figure').scrollIntoView({block: 'center'})")
    before = phone.ask("() => scrollY")
    finger = phone.context.new_cdp_session(phone.page)
    for kind, y in (("Start", 500), *(("Move", 500 - 25 * step) for step in range(1, 11)), ("End", None)):
        points = [] if y is None else [{"x": 200, "y": y}]
        finger.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    phone.page.wait_for_function("(before) => scrollY > before + 100", arg=before)
    assert phone.words == phone.requests == []
    phone.context.close()
