"""Values that make a difference, found by asking: halve the interval over which most changes, again and again.

A jump is halved less and less eagerly: by the root of the interval it is in.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import sqrt
from typing import Any, TypeVar

from simulator.spec.errors import SpecError
from simulator.spec.load import Scenario

T = TypeVar("T")
MOST_DOUBLINGS = 20
A_SHARE = (0.0, 1.0)
NARROW = 1e-9  # intervals of values are not halved below this share of the first


def refined(measure: Callable[[float], tuple[float, T]], low: float, high: float, count: int) -> list[tuple[float, T]]:
    """At most `count` values from `low` to `high`, rising, with what was measured at them.

    `measure` gives a position (a share of calls, a cost) that tells points apart, and what is to be kept.
    """
    found, width = {value: measure(value) for value in (low, high)}, high - low
    while len(found) < count:
        open_ones = [
            (a, b) for a, b in pairwise(sorted(found)) if found[a][0] != found[b][0] and b - a > NARROW * width
        ]
        if not open_ones:
            break
        a, b = max(open_ones, key=lambda ends: abs(found[ends[1]][0] - found[ends[0]][0]) * sqrt(ends[1] - ends[0]))
        found[(a + b) / 2] = measure((a + b) / 2)
    return [(value, found[value][1]) for value in sorted(found)]


def widened(measure: Callable[[float], tuple[float, T]], low: float, high: float) -> tuple[float, float]:
    """The bracket, each side moved out, twice as far each time, for as long as that changes the position.

    A value that the key cannot take (SpecError) is not tried again.
    """
    ends = [low, high]
    for side, sign in ((0, -1.0), (1, 1.0)):
        for doubling in range(MOST_DOUBLINGS):
            further = ends[side] + sign * (high - low) * 2.0**doubling
            try:
                if measure(further)[0] == measure(ends[side])[0]:
                    break
            except SpecError:
                break
            ends[side] = further
    return ends[0], ends[1]


def bracket(scenario: Scenario, key: str) -> tuple[float, float] | None:
    """Where the number at `key` of the policy may lie: from 0 to 1, or to twice what it is; None where it is none."""
    value: Any = scenario.resolved()
    for step in key.split("."):
        if isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict) and step in value:
            value = value[step]
        else:
            return None
    if not key.startswith("policy.") or not isinstance(value, float):
        return None
    return A_SHARE if 0 <= value <= 1 else (min(0.0, 2 * value), max(0.0, 2 * value))
