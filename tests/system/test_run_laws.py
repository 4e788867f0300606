"""Laws that hold in every run, over random small scenarios of every kind."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from laws_of_accounts import LAWS_OF_ACCOUNTS
from laws_of_calls import LAWS_OF_CALLS
from system_scenarios import scenarios
from system_told import Told
from system_world import Scenario, built

from simulator import run

CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


def check_laws(question: Scenario, folder: Path) -> None:
    system = built(question, folder)
    told = Told(question, system, run(system))
    for law in LAWS_OF_CALLS + LAWS_OF_ACCOUNTS:
        law(told)


@settings(max_examples=40, deadline=None, suppress_health_check=CHECKS)
@given(question=scenarios())
def test_every_run_keeps_every_law(question: Scenario, folder: Path):
    check_laws(question, folder)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None, suppress_health_check=CHECKS)
@given(question=scenarios())
def test_many_more_runs_keep_every_law(question: Scenario, folder: Path):
    check_laws(question, folder)
