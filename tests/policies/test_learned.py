"""Routers that learn, from a scenario to its calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from policy_world import rows, scenario, simulated, write_table, write_yaml

from simulator import build, load
from simulator.learning import cache
from simulator.spec.errors import SpecError

CARROT = {"use": "carrot", "mu": 0.0}


@pytest.mark.parametrize("quality", ["linear", {"use": "knn", "k": 20, "features": {"use": "text", "dims": 20}}])
def test_a_router_that_reads_prompts_finds_the_best_model_of_a_task(quality: Any, folder: Path) -> None:
    result = simulated(scenario({**CARROT, "quality": quality}, queries=120, name="learned"), folder)
    queries, calls = result.tables.queries, result.tables.calls
    task = queries.set_index("query")["task"].reindex(calls["query"]).to_numpy()
    pool = calls["pool"].to_numpy()
    assert np.mean(pool[task == "sums"] == "large") > 0.8  # right in 9 of 10; the others in 5 at most
    assert np.mean(pool[task == "code"] == "middle") > 0.8


def test_what_was_learned_before_is_not_learned_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "WORTH_S", 0.0)
    question = scenario({**CARROT, "quality": {"use": "knn", "k": 19}}, name="kept")
    first = simulated(question, folder).tables.calls

    def never(*given: object) -> None:
        raise AssertionError("learned again")

    monkeypatch.setattr(cache, "predictions", never)
    assert simulated(question, folder).tables.calls.equals(first)


def test_a_table_that_lacks_what_is_looked_at_is_named_where_it_stands(folder: Path) -> None:
    write_table(folder / "profiles", "wordless", [{**row, "prompt": ""} for row in rows()])
    asks = {"arrivals": {"use": "poisson", "rate_per_s": 1.0}, "items": {"table": "wordless"}}
    for features, says in (("text", "prompts have no words|no prompts"), ("embedding", "has no embedding columns")):
        policy = {**CARROT, "quality": {"use": "knn", "features": features}}
        write_yaml(folder / "lacks.yaml", scenario(policy, workload={"exam": asks}))
        with pytest.raises(SpecError, match=rf"workload\.exam\.items: policy 'carrot' learns, and .*({says})") as error:
            build(load(folder / "lacks.yaml"))
        assert "\n" not in str(error.value)
