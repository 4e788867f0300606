"""Figures that were measured on tables at hand come out as printed."""

from __future__ import annotations

from conftest import Rows


def test_golden_cascades_are_the_sums_of_another_program(replayed: Rows) -> None:
    rows = replayed("golden-cascades")
    assert len(rows) == 35
    assert all(row.met for row in rows if row.how == "exact")
