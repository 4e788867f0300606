from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest
from cli_world import Shell

from simulator.cli.listing import question
from simulator.metrics.registry import METRICS
from simulator.spec.library import KINDS, library, scenario_names
from simulator.spec.parts import POLICIES

SHELF = library(())
NAMES = {
    "scenarios": scenario_names(),
    "profiles": [f"{kind}/{name}" for kind in KINDS for name in SHELF.names(kind)],
    "policies": list(POLICIES),
    "metrics": list(METRICS),
}


@pytest.mark.parametrize("what", NAMES)
def test_each_thing_has_a_line_that_says_what_it_is(shell: Shell, what: str) -> None:
    said = shell("list", what)
    assert said.code == 0
    lines = [line.split(maxsplit=1) for line in said.out.splitlines()]
    assert [line[0] for line in lines] == NAMES[what]
    assert all(len(line) == 2 and len(line[1]) > 5 for line in lines)


def test_all_there_is_can_be_listed_at_once(shell: Shell) -> None:
    listed = {line.split()[0] for line in shell("list").out.splitlines() if line}
    assert listed >= {name for names in NAMES.values() for name in names}


def test_own_profiles_are_listed_and_broken_ones_do_no_harm(shell: Shell) -> None:
    for folder, name in (("mine/devices", "dev-board"), ("profiles/models", "my-model")):
        Path(folder).mkdir(parents=True)
        Path(folder, f"{name}.yaml").write_text(f"name: {name}\ntitle: Mine\nsources: 3\n")
    said = shell("list", "profiles", "--profiles", "mine")
    assert said.code == 0
    assert "devices/dev-board" in said.out
    assert "models/my-model" in said.out


def test_what_cannot_be_listed_is_a_mistake(shell: Shell) -> None:
    assert shell("list", "fleets").code == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# yaml-language-server: $schema=x\n# Why? Because.\nname: a\n", "Why? Because."),
        ("#\n# Does it fit\n# in one phone?\n# And more.\nname: a\n", "Does it fit in one phone?"),
        ("name: a\n# Too late.\n", ""),
        ("", ""),
    ],
)
def test_a_scenarios_question_is_its_first_comment(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(text)
    assert question(file) == expected


def test_version_is_that_of_the_package(shell: Shell) -> None:
    said = shell("--version")
    assert said.code == 0
    try:
        assert said.out == f"multillm {version('multillm-sim')}\n"
    except ModuleNotFoundError:
        pytest.skip("the package is not installed")


def test_help_names_every_command(shell: Shell) -> None:
    said = shell("--help")
    assert said.code == 0
    assert all(name in said.out for name in ("run", "validate", "show", "list", "schema", "init"))
