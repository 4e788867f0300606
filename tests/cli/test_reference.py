"""The field reference says what the classes say: all keys, their bounds and their meaning, and examples that hold."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli_world import Shell
from pydantic import BaseModel

from simulator.cli.reference import reference
from simulator.cli.reference_examples import PARTS, PROFILES, SCENARIO, SHIPPED
from simulator.metrics.registry import METRICS, QUANTITIES
from simulator.records.tables import SCHEMA
from simulator.spec.fields import anchor
from simulator.spec.library import SHAPES, shipped
from simulator.spec.load import load
from simulator.spec.parts import TABLES, arguments, imported, named
from simulator.spec.profiles import Achieved, DeviceProfile, Profile
from simulator.spec.scenario import ClassSpec, ItemsSpec, PoolSpec, ScenarioSpec
from simulator.spec.units import UNITS, unit_of
from simulator.workload.read_quality import KINDS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/reference.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", TEXT, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)


def section(title: str, within: str = TEXT) -> str:
    """What stands under a heading, up to the next of any level."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ \S|\Z)", within, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def rows(text: str) -> dict[str, list[str]]:
    """The other cells of a table's rows, by key."""
    lines = [re.split(r"(?<!\\) \| ", line[2:-2]) for line in text.splitlines() if line.startswith("| `")]
    return {cells[0].strip("`"): cells[1:] for cells in lines}


def test_the_document_and_the_classes_are_in_step() -> None:
    assert reference() == TEXT, "run: make reference"


def test_the_command_prints_it(shell: Shell) -> None:
    assert shell("schema", "--markdown").out == TEXT


SHAPE = {"the file": ScenarioSpec, "workload": ClassSpec, "items": ItemsSpec, "fleet": PoolSpec}


@pytest.mark.parametrize("title", SHAPE)
def test_a_section_has_the_keys_of_its_class_and_says_which_must_be_given(title: str) -> None:
    told = rows(section(title))
    fields = SHAPE[title].model_fields
    assert list(told) == list(fields)
    for key, (_, _, default, _) in told.items():
        assert (default == "**required**") == fields[key].is_required(), key


@pytest.mark.parametrize("kind", TABLES)
def test_every_part_is_there_with_all_its_arguments(kind: str) -> None:
    whole = TEXT.partition(f"\n### {kind}\n")[2]
    for use, where in TABLES[kind].items():
        title = next(line for line in re.findall(r"^#### (.+)$", whole, re.MULTILINE) if f"`{use}`" in line.split(", "))
        told = rows(section(title, whole))
        assert set(told) == set(arguments(imported(where)).model_fields) - set(named(use)), use


@pytest.mark.parametrize("kind", SHAPES)
def test_every_key_of_a_profile_is_told(kind: str) -> None:
    told = {*rows(section(f"profiles/{kind}")), *rows(section("every profile"))}
    if SHAPES[kind] is DeviceProfile:  # type: ignore[index]
        told |= set(rows(section("profiles/engines"))) & set(Achieved.model_fields)
    assert told == set(SHAPES[kind].model_fields)  # type: ignore[index]


def test_every_key_has_a_meaning() -> None:
    lines = [line for line in TEXT.splitlines() if line.startswith("| `")]
    assert len(lines) > 700
    assert not [line for line in lines if line.endswith("|  |")]


def test_bounds_and_units_are_those_of_the_class() -> None:
    fleet, devices = rows(section("fleet")), rows(section("profiles/devices"))
    assert fleet["max_retries"][:3] == ["whole number from 0 to 50", "", "`2`"]
    assert fleet["usd_per_h"][:2] == ["number >= 0", "USD/h"]
    assert devices["throttle_factor"][0] == "number >= 1"
    assert devices["bandwidth_gb_per_s"][:3] == ["number > 0", "GB/s", "**required**"]
    assert rows(section("slo"))["percentile"][0] == "number > 0, < 100"


@pytest.mark.parametrize("suffix", UNITS)
def test_every_unit_of_a_key_is_written_out(suffix: str) -> None:
    assert unit_of("x" + suffix)


@pytest.mark.parametrize("key", ["min", "query", "experts", "budget_of", "call"])
def test_what_says_no_unit_has_none(key: str) -> None:
    assert unit_of(key) == ""


def test_every_link_leads_to_the_only_heading_of_that_name() -> None:
    anchors = [anchor(heading) for heading in HEADINGS]
    for target in set(re.findall(r"\]\(#([^)]+)\)", TEXT)):
        assert anchors.count(target) == 1, target


def test_every_metric_and_column_is_told() -> None:
    assert set(rows(TEXT.partition("\n## Metrics\n")[2].partition("\nQuantities")[0])) == set(METRICS)
    assert set(QUANTITIES) == {name for m in METRICS.values() for name in (m.top, m.bottom) if name is not None}
    for table, columns in SCHEMA.items():
        assert list(rows(section(f"{table}.parquet"))) == list(columns)


def test_the_scenario_s_examples_are_one_scenario(tmp_path: Path) -> None:
    file = tmp_path / "reference.yaml"
    file.write_text("".join(SCENARIO.values()), encoding="utf-8")
    spec = load(str(file)).spec
    assert set(spec.model_fields_set) == set(ScenarioSpec.model_fields) - {"extends"}
    for text in SCENARIO.values():
        assert f"```yaml\n{text.strip()}\n```" in TEXT


@pytest.mark.parametrize("kind", PARTS)
def test_the_example_of_a_part_can_be_read(kind: str) -> None:
    ((key, said),) = yaml.safe_load(PARTS[kind]).items()
    assert key in {"policies": "policy", "estimators": "quality", "encoders": "features"}.get(kind, kind)
    args = {name: value for name, value in said.items() if name != "use"}
    model: type[BaseModel] = arguments(imported(TABLES[kind][said["use"]]))
    model.model_validate(args)


@pytest.mark.parametrize("kind", [*PROFILES, *SHIPPED])
def test_the_example_of_a_profile_can_be_read(kind: str) -> None:
    shapes: dict[str, Any] = {**SHAPES, **KINDS}
    text = PROFILES.get(kind) or (shipped("profiles") / SHIPPED[kind]).read_text(encoding="utf-8")
    profile: Profile = shapes[kind].model_validate_json(json.dumps(yaml.safe_load(text)))
    assert profile.name in text
