"""Figures that were measured on tables at hand come out as printed."""

from __future__ import annotations

from replay_world import replayed


def test_golden_cascades_are_the_sums_of_another_program() -> None:
    rows = replayed("golden-cascades")
    assert len(rows) == 35
    assert all(row.met for row in rows)
