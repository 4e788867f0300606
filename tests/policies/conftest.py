"""The made-up world in a folder of its own, written once."""

from __future__ import annotations

from pathlib import Path

import pytest
from policy_world import write_world


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the profiles are, and scenarios may be written."""
    folder = tmp_path_factory.mktemp("policies")
    write_world(folder)
    return folder
