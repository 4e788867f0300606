"""The JSON Schema of scenario files, parts included: what editors complete and check from."""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic_core import PydanticCustomError

from simulator.spec.base import Spec
from simulator.spec.parts import TABLES, arguments, imported, named
from simulator.spec.scenario import ScenarioSpec

SCHEMA_FILE = Path(__file__).with_name("scenario.schema.json")


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12). Parts whose class is not there are left open."""
    whole = ScenarioSpec.model_json_schema()
    definitions = whole["$defs"]
    _describe(whole, ScenarioSpec)
    for spec in _specs(Spec):
        if spec.__name__ in definitions:
            _describe(definitions[spec.__name__], spec)
    for kind, table in TABLES.items():
        definitions[kind] = _table_schema(kind, table, definitions)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "multillm scenario"}
    tidied: dict[str, Any] = _tidied(whole)
    return head | tidied


def schema_text() -> str:
    """The schema as its file has it."""
    return json.dumps(schema(), indent=1, sort_keys=True) + "\n"


def _tidied(node: Any) -> Any:
    """The schema with references to the tables where `PartOf` left its mark, and without titles that repeat the key."""
    if isinstance(node, list):
        return [_tidied(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _tidied(value) for key, value in node.items() if key != "title" or not isinstance(value, str)}
    kind = kept.pop("x-part", None)
    return kept if kind is None else {"$ref": f"#/$defs/{kind}"} | kept


def _specs(cls: type[Spec]) -> list[type[Spec]]:
    return [spec for below in cls.__subclasses__() for spec in (below, *_specs(below))]


def _describe(node: dict[str, Any], cls: type) -> None:
    """Give the properties of a class the texts under its fields."""
    for key, text in docs_of_fields(cls).items():
        if key in node.get("properties", {}):
            node["properties"][key]["description"] = text


def _table_schema(kind: str, table: Mapping[str, str], definitions: dict[str, Any]) -> dict[str, Any]:
    own_class = {"type": "string", "pattern": r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", "description": "package.module:Class"}
    parts = [_part_schema(use, where, definitions) for use, where in table.items()]
    profile = {"type": "string", "pattern": r"^[A-Za-z0-9][\w.-]*$", "description": "a steps profile's name"}
    return {
        "anyOf": [
            {"enum": list(table)},
            own_class,
            *([profile] if kind == "steps" else []),
            *parts,
            {"type": "object", "properties": {"use": own_class}, "required": ["use"]},
        ]
    }


def _part_schema(use: str, where: str, definitions: dict[str, Any]) -> dict[str, Any]:
    name = {"const": use}
    try:
        cls = imported(where)
        args = arguments(cls).model_json_schema()
    except PydanticCustomError:
        return {"type": "object", "properties": {"use": name}, "required": ["use"]}
    _describe(args, cls)
    definitions.update(args.get("$defs", {}))
    filled = named(use)
    properties = {key: value for key, value in args.get("properties", {}).items() if key not in filled}
    required = [key for key in args.get("required", []) if key not in filled]
    return {
        "type": "object",
        "description": (inspect.getdoc(cls) or "").partition("\n")[0],
        "properties": {"use": name} | properties,
        "required": ["use", *required],
        "additionalProperties": False,
    }


def docs_of_fields(cls: type) -> dict[str, str]:
    """The text under each field of a class, and of those it inherits from, as their sources have it."""
    docs: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        if each.__module__.startswith(("builtins", "pydantic")):
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
        assert isinstance(body, ast.ClassDef), body
        for field, text in itertools.pairwise(body.body):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                    docs[name] = " ".join(said.split())
    return docs
