"""What one can press, choose and reach on a page does what it says, by mouse and by keys."""

from __future__ import annotations

from io import StringIO

import pandas as pd
import pytest

from .opened import CONTRAST, Opened
from .pages import SHOWN

pytestmark = pytest.mark.parametrize("kind", SHOWN, indirect=True)


# What can be reached by keys, in the order of the page.
REACHED = """() => [...document.querySelectorAll('a[href], button, select, summary, input, [tabindex="0"]')]
  .filter((each) => each.checkVisibility())"""
# Which of these had the focus, one after the other, and which did not show it (3 to 1 against the page).
WATCH = f"""() => {{
  const all = ({REACHED})();
  window.watched = {{count: all.length, order: [], unseen: []}};
  document.addEventListener('focusin', ({{target}}) => {{
    const {{outlineStyle, outlineWidth, outlineColor}} = getComputedStyle(target);
    const seen = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1 && ({CONTRAST})(outlineColor) >= 3;
    window.watched.order.push(all.indexOf(target));
    if (!seen) window.watched.unseen.push(target.outerHTML.slice(0, 100));
  }});
}}"""
# What the part of the page shows that an element stands in.
SEEN = """(element) => {
  const part = element.closest('section');
  const drawn = [...part.querySelectorAll('.figure')].map((each) => each.data);
  return JSON.stringify([drawn, [...part.querySelectorAll('table')].map((each) => each.innerText)]);
}"""
HIDDEN = """() => [...document.querySelectorAll('.figure')].filter((each) => each.querySelector('.legendtoggle'))
  .map((each) => each._fullData.filter((trace) => trace.visible === 'legendonly').length)"""


def first_toggles(opened: Opened):
    figures = opened.page.locator(".figure:has(.legendtoggle)")
    return [figures.nth(at).locator(".legendtoggle").first for at in range(figures.count())]


def until_hidden(opened: Opened, are_hidden: bool) -> None:
    opened.page.wait_for_function(f"(given) => ({HIDDEN})().every((n) => (n > 0) === given)", arg=are_hidden)


def test_csv_buttons_give_the_tables_of_their_figures(opened, made):
    opened.show()
    buttons = opened.page.locator("button[data-kind=CSV]")
    names = buttons.evaluate_all("(all) => all.map((one) => one.dataset.figure)")
    assert set(names) == set(made.tables)
    for at, name in enumerate(names):
        table = made.tables[name]
        file = opened.saved(buttons.nth(at).click)
        assert file.suggested_filename == f"{name}.csv"
        given = pd.read_csv(StringIO(file.path().read_text(encoding="utf-8")))
        text = StringIO(table.to_csv(index=False))
        pd.testing.assert_frame_equal(given, pd.read_csv(text), check_dtype=False, rtol=1e-4, atol=1e-12)


def test_svg_buttons_give_drawings_in_dark_ink_also_of_a_dark_page(opened, made):
    opened.show(scheme="dark")
    buttons = opened.page.locator("button[data-kind=SVG]")
    assert buttons.count() == len(made.tables)
    for at, name in enumerate(made.tables):
        file = opened.saved(buttons.nth(at).click)
        assert file.suggested_filename == f"{name}.svg"
        drawing = file.path().read_text(encoding="utf-8")
        assert drawing.startswith("<svg")
        assert drawing.count("<path") + drawing.count("<rect") > 3
        assert "rgb(27, 27, 27)" in drawing


def test_every_list_changes_what_is_shown(opened):
    opened.show()
    for at in range(opened.page.locator("select:visible").count()):
        choice = opened.page.locator("select:visible").nth(at)
        kept = choice.input_value()
        others = [
            value for value in choice.evaluate("(list) => [...list.options].map((one) => one.value)") if value != kept
        ]
        before = choice.evaluate(SEEN)
        for other in dict.fromkeys([*others[:1], *others[-1:]]):
            choice.select_option(other)
            assert choice.evaluate(SEEN) != before
        choice.select_option(kept)
        assert choice.evaluate(SEEN) == before


def test_a_click_on_a_name_in_a_legend_hides_what_it_names_and_the_next_one_shows_it(opened):
    opened.show()
    toggle = first_toggles(opened)[0]
    for count in (1, 0):
        toggle.click()
        opened.page.wait_for_function(f"(count) => ({HIDDEN})()[0] === count", arg=count)


def test_the_keys_do_in_a_legend_what_the_mouse_does(opened):
    opened.show()
    for key, are_hidden in (("Enter", True), ("Space", False)):
        for toggle in first_toggles(opened):
            toggle.focus()
            opened.page.keyboard.press(key)
            assert toggle.evaluate("(each) => each === document.activeElement")
            assert toggle.get_attribute("aria-pressed") == str(not are_hidden).lower()
        until_hidden(opened, are_hidden)


def test_the_tab_key_reaches_everything_in_its_order_and_shows_where_it_is(opened):
    opened.show(scheme="dark")
    opened.page.locator("h1").click()
    opened.ask(WATCH)
    count = opened.ask("() => watched.count")
    for _ in range(count):
        opened.page.keyboard.press("Tab")
    assert opened.ask("() => watched.order") == list(range(count))
    assert opened.ask("() => watched.unseen") == []


def test_keys_fold_and_choose_and_save(opened, made):
    opened.show()
    count = opened.page.locator("summary").count()
    for key, order in (("Enter", range(count)), ("Space", reversed(range(count)))):  # one may stand inside another
        for at in order:
            fold = opened.page.locator("summary").nth(at)
            before = fold.evaluate("(each) => each.parentElement.open")
            fold.press(key)
            assert fold.evaluate("(each) => each.parentElement.open") != before
    for kind, key in (("CSV", "Enter"), ("SVG", "Space")) if made.tables else ():
        button = opened.page.locator(f"button[data-kind={kind}]").first
        assert opened.saved(lambda: button.press(key)).suggested_filename.endswith(kind.lower())  # noqa: B023
    for at in range(opened.page.locator("select:visible").count()):
        choice = opened.page.locator("select:visible").nth(at)
        kept, before = choice.input_value(), choice.evaluate(SEEN)
        choice.press("ArrowUp" if choice.evaluate("(list) => list.selectedIndex") else "ArrowDown")
        assert choice.evaluate(SEEN) != before
        choice.select_option(kept)
