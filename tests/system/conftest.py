"""The small world of `system_world` in a folder of its own, written once."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from system_world import Simulate, simulated, write_profiles


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the profiles are, and scenarios may be written."""
    folder = tmp_path_factory.mktemp("system")
    write_profiles(folder / "profiles")
    return folder


@pytest.fixture(scope="session")
def simulate(folder: Path) -> Simulate:
    """Runs a scenario given as plain data."""
    return partial(simulated, folder=folder)
