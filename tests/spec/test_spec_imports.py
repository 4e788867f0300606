from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from spec_world import Write

from simulator.spec.library import scenario_names

HEAVY = ("pandas", "plotly", "scipy", "simpy", "duckdb", "sklearn", "simulator.engine")
PROGRAM = f"""
import sys
from simulator.spec.load import load
load(sys.argv[1])
heavy = {HEAVY!r}
print(sorted(name for name in sys.modules if name.startswith(heavy)))
"""
ROOT = Path(__file__).parents[2]


def imported_by_loading(scenario: str) -> str:
    """Heavy modules that a fresh process imports to load a scenario."""
    path = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    run = subprocess.run([sys.executable, "-c", path + PROGRAM, scenario], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_to_check_a_scenario_imports_nothing_heavy(write: Write) -> None:
    assert imported_by_loading(write()) == "[]"


@pytest.mark.parametrize("name", scenario_names())
def test_to_check_a_shipped_scenario_imports_nothing_heavy(name: str) -> None:
    assert imported_by_loading(name) == "[]"
