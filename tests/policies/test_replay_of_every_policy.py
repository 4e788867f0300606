"""A replay without load decides as the engine does of queries that never meet, whatever the policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from policy_world import EXAMPLES, scenario, write_yaml

from simulator import build, load, run
from simulator.replaying import replay

ALL = [(name, example) for name, examples in EXAMPLES.items() for example in examples]
FAR = {"arrivals": {"use": "constant", "rate_per_s": 0.01}, "items": {"table": "exam"}}


@pytest.mark.parametrize(("name", "example"), ALL, ids=[f"{name}-{i}" for i, (name, _) in enumerate(ALL)])
def test_it_decides_as_in_a_run_without_load(name: str, example: dict[str, Any], folder: Path):
    path = folder / "replayed.yaml"
    write_yaml(path, scenario(example, queries=30, workload={"exam": FAR}))
    system = build(load(path))
    ours, theirs = replay(system).queries, run(system).tables.queries
    for column in ("pool", "fate", "reason", "score", "calls", "escalated"):
        one, two = (table[column].astype(object).where(table[column].notna(), None) for table in (ours, theirs))
        assert [each or None for each in one] == [each or None for each in two], column
    np.testing.assert_allclose(ours["e2e_s"], theirs["e2e_s"], rtol=0.01)
    np.testing.assert_allclose(ours["cost_usd"], theirs["cost_usd"], rtol=1e-6)
