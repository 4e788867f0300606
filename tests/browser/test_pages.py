"""A page of any kind, odd ones too: drawn, quiet, in its width, and with nothing that axe-core has to say."""

from __future__ import annotations

import pytest

from .opened import CUT, MARKS, Look
from .pages import FIRST, ODD, PAGES, SHOWN, kinds

ODDEST = kinds(*PAGES, *ODD, first=(*FIRST, "failed run", "evil names"))


@pytest.mark.parametrize("kind", ODDEST, indirect=True)
def test_every_figure_is_drawn_and_has_marks(opened, made):
    opened.show()
    marks = opened.ask(
        "(marks) => [...document.querySelectorAll('.figure')].map((each) => each.querySelectorAll(marks).length)", MARKS
    )
    assert len(marks) == made.figures
    assert all(marks)


@pytest.mark.parametrize("kind", ODDEST, indirect=True)
def test_no_name_is_run(opened):
    opened.show()
    assert opened.ask("() => window.evil === undefined && !document.querySelector('img')")


def test_every_mark_is_of_one_thing(opened):
    marks = opened.ask("() => [...document.querySelectorAll('[id]:not(svg [id])')].map((each) => each.id)")
    assert len(marks) == len(set(marks))


def test_axe_has_nothing_against_the_page(opened, look):
    opened.show(*look)
    # In the first look it sees the figures, too, of which it reads no colours.
    assert opened.violations(without="" if look == Look() else ".plot-container") == []


def test_nothing_is_wider_than_the_window(opened, look):
    opened.show(*look)
    assert opened.ask("() => document.documentElement.scrollWidth") <= look.size[0]


# Names longer than a phone is wide are cut.
@pytest.mark.parametrize("kind", SHOWN, indirect=True)
def test_no_text_of_a_figure_is_cut(opened, look):
    opened.show(*look)
    assert opened.left(CUT) == []
