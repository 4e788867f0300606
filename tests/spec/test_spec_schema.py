from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import spec_dummies
import yaml
from spec_world import SCENARIO, Write

from simulator.spec.errors import SpecError
from simulator.spec.library import scenario_names, shipped
from simulator.spec.load import load
from simulator.spec.parts import TABLES
from simulator.spec.schema import SCHEMA_FILE, docs_of_fields, schema, schema_text

ROOT = schema()
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float),
    "boolean": (bool,), "null": (type(None),),
}  # fmt: skip


def fits(value: Any, node: Any, root: dict[str, Any]) -> bool:
    """Whether a value satisfies a JSON Schema: the keywords that ours has, by their definitions."""
    if isinstance(node, bool):
        return node
    if "$ref" in node and not fits(value, root["$defs"][node["$ref"].removeprefix("#/$defs/")], root):
        return False
    if "anyOf" in node and not any(fits(value, option, root) for option in node["anyOf"]):
        return False
    if "oneOf" in node and sum(fits(value, option, root) for option in node["oneOf"]) != 1:
        return False
    if "type" in node:
        is_bool = isinstance(value, bool)
        if not isinstance(value, TYPES[node["type"]]) or (is_bool and node["type"] != "boolean"):
            return False
    if "enum" in node and value not in node["enum"]:
        return False
    if "const" in node and value != node["const"]:
        return False
    if isinstance(value, str):
        return bool(re.search(node.get("pattern", ""), value)) and len(value) <= node.get("maxLength", len(value))
    if isinstance(value, int | float) and not isinstance(value, bool):
        low, above = node.get("minimum", value), node.get("exclusiveMinimum")
        high, below = node.get("maximum", value), node.get("exclusiveMaximum")
        return low <= value <= high and (above is None or value > above) and (below is None or value < below)
    if isinstance(value, list):
        first = node.get("prefixItems", [])
        rest = [(item, node.get("items", True)) for item in value[len(first) :]]
        count = node.get("minItems", 0) <= len(value) <= node.get("maxItems", len(value))
        return count and all(fits(item, each, root) for item, each in [*zip(value, first, strict=False), *rest])
    if isinstance(value, dict):
        return _map_fits(value, node, root)
    return True


def _map_fits(value: dict[str, Any], node: dict[str, Any], root: dict[str, Any]) -> bool:
    if not set(node.get("required", [])) <= set(value) or len(value) < node.get("minProperties", 0):
        return False
    if not all(fits(key, node.get("propertyNames", True), root) for key in value):
        return False
    for key, item in value.items():
        named = [sub for name, sub in node.get("properties", {}).items() if name == key]
        named += [sub for pattern, sub in node.get("patternProperties", {}).items() if re.search(pattern, key)]
        if not all(fits(item, sub, root) for sub in named or [node.get("additionalProperties", True)]):
            return False
    return True


def keywords(node: Any, names: bool = False) -> set[str]:
    """All keywords of a schema; `names`: the keys of this node are names of properties."""
    if isinstance(node, list):
        return {word for item in node for word in keywords(item)}
    if not isinstance(node, dict):
        return set()
    own = set() if names else set(node)
    plain = {key: item for key, item in node.items() if names or key not in ("default", "enum", "const", "required")}
    maps = ("properties", "$defs", "patternProperties")
    return own.union(*(keywords(item, not names and key in maps) for key, item in plain.items()))


def test_the_file_and_the_code_are_in_step() -> None:
    assert SCHEMA_FILE.read_text() == schema_text(), "run: make reference"


def test_our_reading_of_json_schema_knows_all_that_ours_says() -> None:
    known = {"$ref", "$defs", "$schema", "anyOf", "oneOf", "type", "enum", "const", "pattern", "maxLength", "minimum",
             "maximum", "exclusiveMinimum", "exclusiveMaximum", "prefixItems", "items", "minItems", "maxItems",
             "required", "properties", "patternProperties", "additionalProperties", "propertyNames", "minProperties",
             "default", "description", "title", "format"}  # fmt: skip
    assert keywords(ROOT) <= known


@pytest.mark.parametrize("name", scenario_names())
def test_shipped_scenarios_fit_the_schema(name: str) -> None:
    document = yaml.safe_load((shipped("scenarios") / f"{name}.yaml").read_text())
    if "extends" not in document:  # else it is only a piece
        assert fits(document, ROOT, ROOT)


def test_resolved_scenarios_fit_the_schema(write: Write) -> None:
    assert fits(yaml.safe_load(SCENARIO.replace("1e3", "1000")), ROOT, ROOT)
    assert fits(load(write()).resolved(), ROOT, ROOT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("replicas: 4", "replicas: 0"),
        ("replicas: 4", "replicas: four"),
        ("replicas: 4", "replica: 4"),
        ("use: cascade", "use: cascad"),
        ("order: [edge, cloud]", "order: edge"),
        ("rate_per_s: 4", "rate: 4"),
        ("rate_per_s: 4", "rate_per_s: 0"),
        ("[home, dc]", "[home]"),
        ("seed: 7", "sed: 7"),
        ("name: two", "name: a b"),
        ("fleet:", "fleets:"),
    ],
)
def test_what_editors_mark_is_what_we_refuse(write: Write, old: str, new: str) -> None:
    text = SCENARIO.replace("1e3", "1000").replace(old, new)
    assert not fits(yaml.safe_load(text), ROOT, ROOT)
    with pytest.raises(SpecError):
        load(write(text))


def test_every_part_and_its_arguments_are_in_the_schema() -> None:
    definitions = ROOT["$defs"]
    for kind, table in TABLES.items():
        options = definitions[kind]["anyOf"]
        used = [option["properties"]["use"].get("const") for option in options if "properties" in option]
        assert used[: len(table)] == list(table)
        assert options[0]["enum"] == list(table)
    cascade = next(
        o for o in definitions["policies"]["anyOf"] if o.get("properties", {}).get("use") == {"const": "cascade"}
    )
    assert set(cascade["required"]) == {"use", "order", "accept"}


def test_texts_under_fields_are_descriptions() -> None:
    assert docs_of_fields(spec_dummies.Everything) == {"mode": "How fast."}
    run = ROOT["$defs"]["RunSpec"]["properties"]
    assert run["replications"]["description"].startswith("Independent repetitions")


def test_the_schema_is_json() -> None:
    assert json.loads(schema_text())["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert Path(SCHEMA_FILE).name == "scenario.schema.json"
