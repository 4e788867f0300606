"""Replays as tests meet them: computed once, and skipped where their data is not at hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from simulator.replays.core import Row
from simulator.replays.registry import find, missing, rows

Rows = Callable[[str], tuple[Row, ...]]


@cache
def computed(name: str) -> tuple[Row, ...]:
    return rows(name)


@pytest.fixture(scope="session")
def replayed() -> Rows:
    """Rows of a replay; the test is skipped where files are missing."""

    def of(name: str) -> tuple[Row, ...]:
        if lacking := missing(find(name)):
            pytest.skip(f"no public tables here: {'; '.join(lacking)}")
        return computed(name)

    return of
