"""Values are found where most changes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulator.replaying.refine import refined, widened
from simulator.spec.errors import SpecError


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(2, 40))
def test_steps_are_told_apart_until_there_are_enough_values(steps: list[float], count: int):
    """A share that jumps at each of these scores: many values find every share that there is."""
    scores = np.array(steps)

    def measure(value: float) -> tuple[float, int]:
        below = int((scores < value).sum())
        return below / len(scores), below

    found = refined(measure, 0.0, 1.0, count)
    assert [value for value, _ in found] == sorted(value for value, _ in found)
    assert len(found) <= count
    assert [kept for _, kept in found] == [measure(value)[1] for value, _ in found]


def test_a_bracket_is_widened_to_where_nothing_changes_any_more():
    scores = np.linspace(-50.0, 3.0, 200)
    low, high = widened(lambda value: ((scores < value).mean(), None), -0.7, 0.0)
    assert -120.0 < low <= -50.0
    assert 3.0 < high < 12.0


def test_a_value_that_cannot_be_is_not_passed():
    def measure(value: float) -> tuple[float, None]:
        if not 0 <= value <= 1:
            raise SpecError("a share")
        return value, None

    assert widened(measure, 0.25, 0.5) == (0.0, 0.75)


def test_each_of_a_few_steps_is_found():
    scores = np.array([0.1, 0.11, 0.5, 0.9])
    found = refined(lambda value: ((scores < value).mean(), (scores < value).sum()), 0.0, 1.0, 40)
    assert {int(kept) for _, kept in found} == {0, 1, 2, 3, 4}


def test_where_nothing_changes_nothing_more_is_tried():
    assert [value for value, _ in refined(lambda value: (1.0, None), 0.0, 1.0, 40)] == [0.0, 1.0]
