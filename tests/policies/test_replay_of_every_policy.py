"""A replay without load decides as the engine does of queries that never meet, whatever the policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from policy_world import EXAMPLES, made, scenario, write_yaml

from simulator import build, load, run
from simulator.policies.rounds import Together
from simulator.policies.setting import held
from simulator.replaying import replay

ALL = [(name, example) for name, examples in EXAMPLES.items() for example in examples]


@pytest.mark.parametrize(("name", "example"), ALL, ids=[f"{name}-{i}" for i, (name, _) in enumerate(ALL)])
def test_it_decides_as_in_a_run_without_load(name: str, example: dict[str, Any], folder: Path):
    path = folder / "replayed.yaml"
    own_fleet = any(True for _ in held(made(example), Together))
    asked = scenario(example, queries=30, own_fleet=own_fleet)
    asked["workload"]["exam"]["arrivals"] = {"use": "constant", "rate_per_s": 0.01}
    write_yaml(path, asked)
    system = build(load(path))
    ours, theirs = replay(system).queries, run(system).tables.queries
    for column in ("pool", "fate", "reason", "score", "calls", "escalated"):
        one, two = (table[column].astype(object).where(table[column].notna(), None) for table in (ours, theirs))
        assert [each or None for each in one] == [each or None for each in two], column
    np.testing.assert_allclose(ours["e2e_s"], theirs["e2e_s"], rtol=0.01)
    if not own_fleet:  # whose rent a run pays for all of its time
        np.testing.assert_allclose(ours["cost_usd"], theirs["cost_usd"], rtol=1e-6)
