"""Replays as tests meet them: computed once, and skipped where their data is not at hand."""

from __future__ import annotations

from functools import cache

import pytest

from simulator.replays.core import Replay, Row
from simulator.replays.registry import find, missing, rows


@cache
def _computed(name: str) -> tuple[Row, ...]:
    return rows(name)


def needed(replay: Replay) -> None:
    """Skips the test where files are missing."""
    if lacking := missing(replay):
        pytest.skip(f"no public tables here: {'; '.join(lacking)}")


def replayed(name: str) -> tuple[Row, ...]:
    """Rows of a replay; the test is skipped where files are missing."""
    needed(find(name))
    return _computed(name)
