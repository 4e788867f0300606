"""Tables under published means: as many right answers as said, and more agreement where difficulty says more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.spec.library import shipped
from simulator.workload.quality import QualityTable
from simulator.workload.read_quality import read_quality
from simulator.workload.task_means import TaskMeansProfile, draw_task_means

PUBLISHED = {  # GreenServ, arXiv 2601.17551, figure 2b: accuracy and watt-hours of 2,500 queries
    "qwen2.5-0.5b": (0.322, 52.5),
    "phi-4-mini": (0.584, 117.5),
    "yi-34b": (0.384, 440.5),
    "gemma-3-27b": (0.685, 731.4),
}


def profile(right: dict[str, float], spread: float = 2.0, items: int = 200, seed: int = 0) -> TaskMeansProfile:
    models: dict[str, Any] = {
        name: {"right": share, "output_tok": 5, "energy_j": 30.0} for name, share in right.items()
    }
    tasks = {task: {"prompt_tok": 10, "models": models} for task in ("sums", "trivia")}
    sources = ({"kind": "assumed", "ref": "a test"},)
    return TaskMeansProfile.model_validate(
        {
            "name": "t",
            "title": "t",
            "kind": "task-means",
            "tasks": tasks,
            "items": items,
            "spread": spread,
            "seed": seed,
            "sources": sources,
        }
    )


def drawn(right: dict[str, float], **more: Any) -> tuple[QualityTable, list[str]]:
    return draw_task_means(profile(right, **more))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=4), st.floats(0.1, 20), st.integers(0, 99))
def test_every_model_is_right_as_often_as_said_on_every_task_and_split(
    shares: list[float], spread: float, seed: int
) -> None:
    table, splits = drawn({f"m{i}": share for i, share in enumerate(shares)}, spread=spread, items=40, seed=seed)
    for split in ("train", "test"):
        for task in range(2):
            rows = (np.array(splits) == split) & (table.task == task)
            assert rows.sum() == 40
            right = table.score[rows].sum(axis=0)
            np.testing.assert_allclose(right, 40 * np.array(shares), atol=0.5 + 1e-9)


def test_the_more_items_differ_the_more_models_are_right_together() -> None:
    both = []
    for spread in (0.01, 2.0, 50.0):
        table, _ = drawn({"a": 0.5, "b": 0.5}, spread=spread, items=2000)
        both.append(float(table.score.all(axis=1).mean()))
    assert both[0] == pytest.approx(0.25, abs=0.03)  # chance alone
    assert both[0] < both[1] < both[2]
    assert both[2] == pytest.approx(0.5, abs=0.03)  # difficulty alone


def test_joules_are_those_of_an_answer() -> None:
    table, _ = drawn({"a": 0.5})
    assert table.energy_j_per_tok is not None
    np.testing.assert_allclose(table.energy_j_per_tok * table.output_tok, 30.0)
    assert table.evidence == "assumed"


@pytest.mark.parametrize("model", PUBLISHED)
def test_the_shipped_table_has_the_published_accuracies_and_watt_hours(model: str) -> None:
    table = read_quality(shipped("profiles") / "quality" / "greenserv-means.yaml", [model])
    accuracy, energy_wh = PUBLISHED[model]
    assert len(table) == 2500
    assert float(table.score.mean()) == pytest.approx(accuracy, abs=0.0005)
    assert table.energy_j_per_tok is not None
    assert float((table.energy_j_per_tok * table.output_tok).sum() / 3600) == pytest.approx(energy_wh, abs=0.05)
