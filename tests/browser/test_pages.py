"""A page of any kind, odd ones too: drawn, quiet, in its width, and with nothing that axe-core has to say."""

from __future__ import annotations

import pytest

from .opened import MARKS, NARROW, WIDE


def test_every_figure_is_drawn_and_has_marks(opened, made):
    opened.show()
    marks = opened.ask(
        "(marks) => [...document.querySelectorAll('.figure')].map((each) => each.querySelectorAll(marks).length)", MARKS
    )
    assert len(marks) == made.figures
    assert all(marks)


def test_no_name_is_run(opened):
    opened.show()
    assert opened.ask("() => window.evil === undefined && !document.querySelector('img')")


def test_axe_has_nothing_against_the_page(opened):
    opened.show()
    assert opened.violations() == []


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_nothing_is_wider_than_the_window(opened, size):
    opened.show(size)
    assert opened.ask("() => document.documentElement.scrollWidth") <= size[0]
