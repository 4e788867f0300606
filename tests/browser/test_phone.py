"""A page on a phone: its own window, for it is another one to a page than a narrow one."""

from __future__ import annotations

import pytest

from .opened import CUT, NARROW, Opened


@pytest.mark.parametrize("kind", ["run"], indirect=True)
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
