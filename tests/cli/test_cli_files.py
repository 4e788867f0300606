from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cli_world import Shell
from hypothesis import given
from hypothesis import strategies as st

from simulator import load
from simulator.spec.errors import SpecError
from simulator.spec.library import scenario_names
from simulator.spec.reader import parse_yaml
from simulator.spec.writer import to_yaml

plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_validate_tells_all_mistakes_of_all_files(shell: Shell, tmp_path: Path) -> None:
    tiny = Path("tiny.yaml").read_text()
    Path("bad.yaml").write_text(tiny.replace("seed: 3", "sed: 3").replace("rate_per_s: 2", "rate_per_s: 0"))
    said = shell("validate", "bad.yaml", "tiny.yaml", "no-such")
    assert said.code == 2
    assert said.out == "tiny.yaml: ok\n"
    lines = said.err.splitlines()
    assert [line.partition(": ")[0] for line in lines[:2]] == ["bad.yaml:3:1", "bad.yaml:6:48"]
    assert "'no-such'" in lines[2]
    assert shell("validate", "tiny.yaml").code == 0


def test_validate_builds_where_asked(shell: Shell) -> None:
    Path("large.yaml").write_text(Path("tiny.yaml").read_text().replace("llama-3.2-1b", "llama-3.1-70b"))
    assert shell("validate", "large.yaml").code == 0
    said = shell("validate", "--build", "large.yaml")
    assert said.code == 2
    assert said.err.startswith("large.yaml:8:")


@pytest.mark.parametrize("name", ["tiny.yaml", *scenario_names()])
def test_what_show_prints_is_the_same_scenario(shell: Shell, name: str) -> None:
    try:
        scenario = load(name)
    except SpecError as error:
        if "MULTILLM_DATA" in str(error):
            pytest.skip("needs data that is not shipped: MULTILLM_DATA is not set")
        raise
    Path("shown.yaml").write_text(shell("show", name).out)
    for folder in filter(Path.is_dir, scenario.file.absolute().parent.iterdir()):
        Path(folder.name).symlink_to(folder)  # data that lies beside the scenario
    assert load("shown.yaml").resolved() == scenario.resolved()


@given(data=st.dictionaries(st.text(max_size=5), plain_values, max_size=4))
def test_what_is_written_is_read_back(data: dict[str, Any]) -> None:
    assert parse_yaml(to_yaml(data), "here.yaml").data == data


@pytest.mark.parametrize("text", ["1e3", "0o17", "0x1F", "no", "~", "true", "1:30", ".inf", "", " a", "2024-01-01"])
def test_texts_stay_texts(text: str) -> None:
    assert parse_yaml(to_yaml({"a": text}), "here.yaml").data == {"a": text}


def test_show_says_where_each_value_is_from(shell: Shell) -> None:
    said = shell("show", "tiny.yaml", "--origin", "--set", "fleet.one.replicas=4")
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in said.out.splitlines()}
    assert rows["seed"] == ["3", "tiny.yaml:3:7"]
    assert rows["fleet.one.replicas"] == ["4", "--set fleet.one.replicas=4"]
    assert rows["fleet.one.max_seqs"] == ["64", "default"]
    assert shell("show", "tiny.yaml", "--set", "fleet.two.replicas=4").code == 2


def test_schema_is_the_file_that_editors_read(shell: Shell) -> None:
    import simulator.spec.schema

    said = shell("schema")
    assert said.out == simulator.spec.schema.SCHEMA_FILE.read_text()
    assert json.loads(said.out)["title"] == "multillm scenario"


def test_a_new_scenario_runs(shell: Shell) -> None:
    said = shell("init", "new/folder")
    assert said.code == 0
    *_, last = said.out.splitlines()
    assert last.startswith("next: multillm run ")
    args = last.split()[2:]
    assert Path(args[1]).read_text().startswith("# yaml-language-server: $schema=")
    ran = shell(*args, "--reps", "1", "--set", "run.queries=200", "--json", "--no-report")
    assert ran.code == 0
    assert json.loads(ran.out)["name"] == "my-scenario"


def test_init_leaves_what_is_there(shell: Shell) -> None:
    file = Path(shell("init").out.split()[1])
    file.write_text("mine")
    said = shell("init")
    assert said.code == 2
    assert said.err == f"{file}: exists, and is left as it is\n"
    assert file.read_text() == "mine"
    assert shell("init", file).code == 2
