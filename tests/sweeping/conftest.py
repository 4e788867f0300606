from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sweep_world import TINY

from simulator.cli.app import command


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, where we are, with `tiny.yaml` in it; `odd.py` of another test is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "odd", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "tiny.yaml").write_text(TINY)
    return tmp_path


@pytest.fixture
def multillm(here: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """The command line in this process: exit code, output, errors."""

    def shell(*args: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        code = command([str(arg) for arg in args])
        return (code, *capsys.readouterr())

    return shell
