from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from spec_world import Write

from simulator.spec.library import scenario_names

HEAVY = ("pandas", "plotly", "scipy", "simpy", "duckdb", "sklearn", "simulator.engine")
PROGRAM = f"""
import sys
from simulator.spec.load import load
for scenario in sys.argv[1:]:
    load(scenario)
heavy = {HEAVY!r}
print(sorted(name for name in sys.modules if name.startswith(heavy)))
"""
ROOT = Path(__file__).parents[2]


def imported_by_loading(*scenarios: str) -> str:
    """Heavy modules that a fresh process imports to load scenarios."""
    path = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    run = subprocess.run([sys.executable, "-c", path + PROGRAM, *scenarios], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_to_check_a_scenario_imports_nothing_heavy(write: Write) -> None:
    assert imported_by_loading(write()) == "[]"


def test_to_check_the_shipped_scenarios_imports_nothing_heavy() -> None:
    assert imported_by_loading(*scenario_names()) == "[]"
