"""What a point's key depends on: all that its result does, and nothing else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sweep_world import TINY, world

from simulator import load
from simulator.running.inputs import inputs
from simulator.spec.library import shipped
from simulator.spec.sweep import SweepSpec
from simulator.sweeping.plan import content_key, plan


def own(here: Path, kind: str, name: str) -> Path:
    """A copy of a shipped profile beside the scenario, which is taken before the shipped one."""
    copy = here / "profiles" / kind / f"{name}.yaml"
    copy.parent.mkdir(parents=True)
    shutil.copy(shipped("profiles") / kind / f"{name}.yaml", copy)
    return copy


def key(*sets: str) -> str:
    return content_key(load("tiny.yaml", sets))


def test_the_engine_profiles_of_a_device_belong_to_the_result(here: Path) -> None:
    engines = sorted(name for name in inputs(load("tiny.yaml")) if name.startswith("engines/"))
    assert engines == ["engines/any", "engines/vllm", "engines/vllm-ada", "engines/vllm-l40s"]
    before = key()
    copy = own(here, "engines", "vllm-ada")
    assert key() == before
    copy.write_text(copy.read_text() + "# measured again\n")
    assert key() != before


def test_so_does_the_engine_that_a_pool_names_and_no_other(here: Path) -> None:
    named = inputs(load("tiny.yaml", ["fleet.one.engine=llama.cpp"]))
    assert {"engines/llama.cpp", "engines/llama.cpp-l40s"} <= set(named)
    assert not any(name.startswith("engines/vllm") for name in named)


def test_the_profile_of_a_built_in_workload_belongs_to_the_result(here: Path) -> None:
    assert "workloads/azure-conv-like" in inputs(load("tiny.yaml", ["workload.chat.lengths=azure-conv-like"]))


def test_own_code_belongs_to_the_result(here: Path) -> None:
    scenario = load(world(here, ""))
    before = content_key(scenario)
    assert "code/odd" in inputs(scenario)
    (here / "odd.py").write_text((here / "odd.py").read_text() + "# mended\n")
    assert content_key(scenario) != before


def test_values_that_a_point_takes_over_are_the_same_as_those_written(here: Path) -> None:
    assert key() == key("seed=3") == key("fleet.one.replicas=1")
    assert key() != key("seed=4")
    (here / "tiny.yaml").write_text(TINY + "sweep: {grid: {seed: [1, 2]}}\n")
    assert key() == key("sweep=~")


def test_the_place_of_the_files_is_not_in_the_key(here: Path) -> None:
    before = key()
    (here / "elsewhere").mkdir()
    shutil.copy("tiny.yaml", here / "elsewhere")
    os.chdir(here / "elsewhere")
    assert key() == before


def test_equal_points_are_one_job(here: Path) -> None:
    made = plan("tiny.yaml", SweepSpec(grid={"seed": (1, 2, 1), "fleet.one.replicas": (1,)}))
    assert [point.values["seed"] for point in made.index.points] == [1, 2, 1]
    assert len(made.jobs) == 2


def test_keys_do_not_depend_on_the_order_of_points(here: Path) -> None:
    there, back = (plan("tiny.yaml", SweepSpec(grid={"seed": seeds})) for seeds in ((1, 2, 3), (3, 2, 1)))
    assert [point.key for point in there.index.points] == [point.key for point in reversed(back.index.points)]
    assert there.index.hash != back.index.hash
