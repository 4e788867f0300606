"""What a request takes outside passes delays it and nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from laws_of_accounts import LAWS_OF_ACCOUNTS
from laws_of_calls import LAWS_OF_CALLS
from system_told import Told
from system_world import BOX, SOURCES, Scenario, built, chat, own, scenario, simulated, write_yaml

from simulator import run

OVERHEAD_S = 0.25


@pytest.fixture(scope="module", autouse=True)
def late_box(folder: Path) -> None:
    box = {"name": "late-box", **BOX, "request_overhead_us": OVERHEAD_S * 1e6, "sources": SOURCES}
    write_yaml(folder / "profiles" / "devices" / "late-box.yaml", box)


def asked(device: str, place: str, **more: Any) -> Scenario:
    """Four calls, far apart."""
    lengths = {"use": "fixed", "prompt_tok": 32, "output_tok": 4}
    return scenario(
        {"use": "always", "pool": "pool"},
        {"pool": own(device=device, place=place, steps=None)},
        workload={
            "chat": chat(arrivals={"use": "constant", "rate_per_s": 0.1}, origin="home", lengths=lengths, **more)
        },
        links={"link": {"between": ["home", "site"], "profile": "wire"}},
        run={"queries": 4, "replications": 1},
    )


@pytest.mark.parametrize("place", ["home", "site"])
def test_a_request_overhead_delays_first_token_and_answer_by_itself(place: str, folder: Path):
    plain, late = (simulated(asked(device, place), folder).tables.queries for device in ("box", "late-box"))
    for column in ("ttft_s", "e2e_s"):
        assert (late[column] - plain[column]).tolist() == pytest.approx([OVERHEAD_S] * 4)


@pytest.mark.parametrize("place", ["home", "site"])
@pytest.mark.parametrize("patience", [{"call_timeout_s": 0.2}, {"abandon_s": 0.2}, {"timeout_s": 0.2}])
def test_a_call_given_up_before_it_queues_is_accounted_once(place: str, patience: dict[str, float], folder: Path):
    question = asked("late-box", place, **patience)
    system = built(question, folder)
    told = Told(question, system, run(system))
    for law in LAWS_OF_CALLS + LAWS_OF_ACCOUNTS:
        law(told)
