"""What a policy's technique takes as published is the scenario's router, unless the scenario says another."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from simulator.policies.core import Decision, FleetView, Query
from simulator.policies.setting import PolicyPart, RouterCost
from simulator.spec.load import Scenario, explain, load
from simulator.spec.writer import to_yaml

HERE = Path(__file__).stem


@dataclass(frozen=True)
class Cheap:
    ROUTER: ClassVar[RouterCost] = RouterCost(0.004, servers=4, active_w=30.0, source="arXiv 1")

    def decide(self, query: Query, view: FleetView) -> Decision:
        raise NotImplementedError


@dataclass(frozen=True)
class Dear:
    ROUTER: ClassVar[RouterCost] = RouterCost(0.03, servers=2, active_w=10.0, source="arXiv 2")

    def decide(self, query: Query, view: FleetView) -> Decision:
        raise NotImplementedError


@dataclass(frozen=True)
class Holds:
    first: PolicyPart
    others: tuple[PolicyPart, ...] = ()
    named: dict[str, PolicyPart] | None = None
    usual: PolicyPart = Cheap()

    def decide(self, query: Query, view: FleetView) -> Decision:
        raise NotImplementedError


def loaded(folder: Path, policy: Any, **more: Any) -> Scenario:
    file = folder / "one.yaml"
    asks = {
        "arrivals": {"use": "poisson", "rate_per_s": 1},
        "lengths": {"use": "fixed", "prompt_tok": 1, "output_tok": 1},
    }
    fleet = {"edge": {"model": "llama-3.2-3b", "device": "jetson-agx-orin"}}
    file.write_text(
        json.dumps(
            {"name": "one", "run": {"queries": 1}, "workload": {"chat": asks}, "fleet": fleet, "policy": policy, **more}
        )
    )
    return load(file)


CHEAP, DEAR = {"use": f"{HERE}:Cheap"}, {"use": f"{HERE}:Dear"}


def router(folder: Path, policy: Any, **more: Any) -> Any:
    return loaded(folder, policy, **more).resolved()["router"]


def test_a_technique_brings_its_router(tmp_path: Path):
    expected = {"time_s": 0.004, "servers": 4, "active_w": 30.0, "host": None, "source": "arXiv 1"}
    assert router(tmp_path, CHEAP) == expected
    assert router(tmp_path, {"use": "always", "pool": "edge"}) is None


@pytest.mark.parametrize("said", [{"time_s": 0.0}, {"time_s": 0.5, "servers": 3}])
def test_what_the_scenario_says_counts(said: dict[str, Any], tmp_path: Path):
    found = router(tmp_path, CHEAP, router=said)
    assert {key: found[key] for key in said} == said
    assert found["active_w"] == 0.0


def test_techniques_in_techniques_take_their_times_one_after_the_other(tmp_path: Path):
    policy = {"use": f"{HERE}:Holds", "first": DEAR, "others": [CHEAP, CHEAP], "named": {"x": CHEAP}}
    found = router(tmp_path, policy)
    assert found["time_s"] == pytest.approx(0.03 + 4 * 0.004)  # the usual one, too
    assert (found["servers"], found["active_w"]) == (2, 30.0)
    assert found["source"] == "arXiv 2; arXiv 1"


def test_it_is_shown_with_where_it_is_from_and_stays_when_run_again(tmp_path: Path):
    scenario = loaded(tmp_path, CHEAP)
    assert ("router.time_s", 0.004, "the policy's own") in explain(scenario)
    assert all(where == "default" for key, _, where in explain(loaded(tmp_path, "least-loaded")) if "router" in key)
    again = tmp_path / "again.yaml"
    again.write_text(to_yaml(scenario.resolved()))
    assert load(again).resolved() == scenario.resolved()
