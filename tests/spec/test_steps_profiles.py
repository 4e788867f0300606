from __future__ import annotations

from pathlib import Path

import pytest
from spec_world import SCENARIO, Write

from simulator.spec.errors import SpecError
from simulator.spec.load import load, profiles_used
from simulator.spec.writer import to_yaml

STEPS = """\
name: mine
model: model-s
use: linear
args: {pass_s: 5.0e-3, decode_seq_s: 1.0e-4, context_tok_s: 0, chunk_tok_s: 3.0e-5}
sources: [{kind: measured, ref: a test}]
"""
WITH_STEPS = SCENARIO.replace("replicas: 4}", "replicas: 4, steps: mine}")


@pytest.fixture
def scenario(tmp_path: Path, write: Write) -> str:
    (tmp_path / "profiles" / "steps").mkdir(parents=True, exist_ok=True)
    steps(tmp_path)
    return write(WITH_STEPS)


def steps(folder: Path, text: str = STEPS) -> None:
    (folder / "profiles" / "steps" / "mine.yaml").write_text(text)


def test_a_pool_takes_its_steps_from_a_profile(scenario: str) -> None:
    part = load(scenario).spec.fleet["edge"].steps
    assert part is not None
    assert part.cls.__name__ == "Linear"
    assert part.args["pass_s"] == 5e-3
    assert part.args["evidence"] == "measured"  # the source's


def test_a_steps_profile_is_among_what_a_run_rests_on(scenario: str) -> None:
    assert ("steps", "mine") in profiles_used(load(scenario).spec)


def test_a_resolved_scenario_names_the_profile_and_loads_again(scenario: str, tmp_path: Path) -> None:
    resolved = load(scenario).resolved()
    assert resolved["fleet"]["edge"]["steps"] == {"use": "mine"}
    (tmp_path / "again.yaml").write_text(to_yaml(resolved))
    assert load(tmp_path / "again.yaml").spec == load(scenario).spec


@pytest.mark.parametrize(
    ("steps_says", "message"),
    [
        ("mien", r"fleet\.edge\.steps: no 'mien'; did you mean 'mine'\? \(one of linear, table, roofline, mine\)"),
        ("{use: mine, pass_s: 1}", r"fleet\.edge\.steps\.pass_s: unknown key: the profile 'mine' says all"),
    ],
)
def test_a_wrong_name_or_key_is_told_with_its_place(scenario: str, write: Write, steps_says: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        load(write(WITH_STEPS.replace("steps: mine", f"steps: {steps_says}")))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pass_s: 5.0e-3", "pass_s: -1", r"mine\.yaml:4:16: pass_s: must be greater than or equal to 0, not -1"),
        ("pass_s: 5.0e-3", "pas_s: 1", r"mine\.yaml:4:8: pas_s: unknown key; did you mean 'pass_s'\?"),
        ("use: linear", "use: linaer", r"mine\.yaml:3:6: use: no 'linaer'; did you mean 'linear'\?"),
        ("model: model-s", "model: model-l", r"steps: 'mine' is of model 'model-l', but the pool's is 'model-s'"),
        ("model: model-s", "device: big-gpu", r"'mine' is of device 'big-gpu', but the pool's is 'small-soc'"),
    ],
)
def test_a_mistake_in_the_profile_is_told_with_its_place(
    scenario: str, tmp_path: Path, old: str, new: str, message: str
) -> None:
    steps(tmp_path, STEPS.replace(old, new))
    with pytest.raises(SpecError, match=message):
        load(scenario)
