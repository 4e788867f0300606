"""The small world of `spec_world` in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from spec_world import SCENARIO, Write, write_profiles


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a file into the world, which is the working folder; gives its name. Without a text: the scenario."""
    write_profiles(tmp_path / "profiles")
    monkeypatch.chdir(tmp_path)

    def write_file(text: str | bytes = SCENARIO, name: str = "two.yaml") -> str:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return name

    return write_file
