from __future__ import annotations

from pathlib import Path

import pytest
from spec_world import DEVICE, SOURCES, Write, write_profiles

from simulator.spec.errors import SpecError
from simulator.spec.library import KINDS, Library, find_scenario, library, scenario_names, shipped


def test_the_first_folder_that_has_a_name_wins(write: Write, tmp_path: Path) -> None:
    write_profiles(tmp_path / "mine")
    (tmp_path / "mine" / "devices" / "small-soc.yaml").write_text(
        f"name: small-soc\n{DEVICE.replace('memory_gb: 8', 'memory_gb: 9')}{SOURCES}"
    )
    assert library([tmp_path], [tmp_path / "mine"]).read("devices", "small-soc").memory_gb == 8
    assert library([], [tmp_path / "mine"]).read("devices", "small-soc").memory_gb == 9


def test_a_profile_is_read_once(write: Write, tmp_path: Path) -> None:
    shelf = library([tmp_path])
    first = shelf.read("models", "model-s")
    (tmp_path / "profiles" / "models" / "model-s.yaml").unlink()
    assert shelf.read("models", "model-s") is first


def test_a_name_that_does_not_exist_lists_the_near_ones_and_where_was_looked(tmp_path: Path) -> None:
    write_profiles(tmp_path)
    with pytest.raises(SpecError) as error:
        Library((tmp_path,)).read("devices", "bg-gpu")
    looked = tmp_path / "devices"
    assert str(error.value) == (
        f"no 'bg-gpu' in devices; did you mean 'big-gpu'? (one of big-gpu, small-soc); looked in {looked}"
    )


@pytest.mark.parametrize("name", ["", ".", "..", "../models/model-s", "/etc/passwd", "a\x00", "x" * 999, "ä\n"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    write_profiles(tmp_path)
    with pytest.raises(SpecError, match="in devices"):
        Library((tmp_path,)).path("devices", name)


def test_a_profile_is_named_as_its_file_is(tmp_path: Path) -> None:
    write_profiles(tmp_path)
    (tmp_path / "links" / "thin.yaml").rename(tmp_path / "links" / "thick.yaml")
    with pytest.raises(SpecError, match=r"thick\.yaml:1:7: name: must be 'thick', as the file is, not 'thin'$"):
        Library((tmp_path,)).read("links", "thick")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("workloads", "quality")])
def test_shipped_profiles_are_without_mistakes(kind: str) -> None:
    shelf = library([])
    for name in shelf.names(kind):  # type: ignore[arg-type]
        assert shelf.read(kind, name).name == name  # type: ignore[call-overload]


def test_shipped_scenarios_are_found_by_name() -> None:
    for name in scenario_names():
        assert find_scenario(name) == shipped("scenarios") / f"{name}.yaml"


def test_a_file_of_the_user_s_own_is_found_by_its_path(write: Write) -> None:
    assert find_scenario(write(name="mine.yaml")) == Path("mine.yaml")
    assert find_scenario(write(name="mine")) == Path("mine")
