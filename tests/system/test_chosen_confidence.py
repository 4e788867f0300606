"""A scenario chooses which of a table's confidences its policies see."""

from __future__ import annotations

from pathlib import Path

import pytest
from system_world import MODELS, SOURCES, Scenario, built, chat, items, outcomes, own, scenario, write_yaml

from simulator.spec.errors import SpecError

ROWS = [row | {f"doubt-{model}": 1000 + row[f"sure-{model}"] for model in MODELS} for row in outcomes(seed=7)]


@pytest.fixture
def world(folder: Path) -> Path:
    """A folder of profiles with a table that has a second confidence, `doubt`, lower where surer."""
    columns = {"item": "item", "score": "score-{model}", "confidence": "sure-{model}", "lower_is_surer": ["doubt"]}
    columns |= {"signals": {"doubt": "doubt-{model}"}}
    profile = {"name": "twofold", "kind": "items", "file": "twofold.csv", "columns": columns, "sources": SOURCES}
    profile |= {"format": "wide", "models": list(MODELS)}
    write_yaml(folder / "profiles" / "quality" / "twofold.yaml", profile)
    lines = [",".join(map(str, row.values())) for row in ROWS]
    (folder / "profiles" / "quality" / "twofold.csv").write_text("\n".join([",".join(ROWS[0]), *lines]))
    return folder


def asked(**more: str) -> Scenario:
    policy = {"use": "cascade", "order": ["small", "large"], "accept": 0.5}
    workload = {"chat": chat(items=items(table="twofold", **more))}
    return scenario(policy, {"small": own(), "large": own("large")}, workload=workload)


def seen(folder: Path, **more: str) -> list[float]:
    """What the first pool's answers score, by item."""
    confidence = built(asked(**more), folder).plan.classes[0].confidence[0]
    assert confidence is not None
    return list(confidence)


def test_the_tables_own_confidence_is_seen_where_none_is_chosen(world: Path):
    assert seen(world) == seen(world, confidence="confidence") == [row["sure-small"] for row in ROWS]


def test_a_chosen_signal_is_seen_with_its_sign_turned_where_lower_is_surer(world: Path):
    assert seen(world, confidence="doubt") == [-row["doubt-small"] for row in ROWS]


def test_a_signal_that_the_table_lacks_is_an_error_at_its_line(world: Path):
    with pytest.raises(SpecError, match=r"no 'dout' among the table's signals; did you mean 'doubt'\?"):
        built(asked(confidence="dout"), world)
