"""Replays as tests meet them: computed once, and skipped where their data is not at hand."""

from __future__ import annotations

from functools import cache

import pytest

from simulator.replays.core import Row
from simulator.replays.registry import find, missing, rows


@cache
def _computed(name: str) -> tuple[Row, ...]:
    return rows(name)


def replayed(name: str) -> tuple[Row, ...]:
    """Rows of a replay; the test is skipped where files are missing."""
    if lacking := missing(find(name)):
        pytest.skip(f"no public tables here: {'; '.join(lacking)}")
    return _computed(name)
