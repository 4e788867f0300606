"""The JSON Schema of scenario files, parts included: what editors complete and check from."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from simulator.spec.base import Spec
from simulator.spec.parts import TABLES, arguments, imported, named, written_defaults
from simulator.spec.scenario import ScenarioSpec

SCHEMA_FILE = Path(__file__).with_name("scenario.schema.json")


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12). Parts whose class is not there are left open."""
    whole = described(ScenarioSpec)
    definitions = whole["$defs"]
    for kind, table in TABLES.items():
        definitions[kind] = _table_schema(kind, table, definitions)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "multillm scenario"}
    return head | whole


def schema_text() -> str:
    """The schema as its file has it."""
    return json.dumps(schema(), indent=1, sort_keys=True) + "\n"


def described(cls: type[BaseModel], said: type | None = None) -> dict[str, Any]:
    """The JSON Schema of a model, with the texts under its fields (or those of `said`) and of what they hold."""
    said = said or cls
    whole: dict[str, Any] = _tidied(cls.model_json_schema())
    _describe(whole, said)
    for name, held in _held(said).items():
        if name in whole.get("$defs", {}):
            _describe(whole["$defs"][name], held)
    return whole


def _held(cls: type) -> dict[str, type]:
    """Classes with fields that the fields of `cls` hold, by name, and what those hold."""
    found: dict[str, type] = {}
    waiting: list[Any] = [cls]
    while waiting:
        hint = waiting.pop()
        waiting += get_args(hint)
        has_fields = isinstance(hint, type) and (dataclasses.is_dataclass(hint) or issubclass(hint, Spec))
        if has_fields and found.get(hint.__name__) is not hint:
            found[hint.__name__] = hint
            waiting += get_type_hints(hint, include_extras=True).values()
    return found


def _tidied(node: Any) -> Any:
    """The schema with references to the tables where `PartOf` left its mark, and without titles that repeat the key."""
    if isinstance(node, list):
        return [_tidied(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: _tidied(value) for key, value in node.items() if key != "title" or not isinstance(value, str)}
    kind = kept.pop("x-part", None)
    return kept if kind is None else {"$ref": f"#/$defs/{kind}"} | kept


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
        args = described(arguments(cls), cls)
    except PydanticCustomError:
        return {"type": "object", "properties": {"use": name}, "required": ["use"]}
    definitions.update(args.get("$defs", {}))
    filled = named(use)
    defaults = written_defaults(cls)
    properties = {
        key: value | ({"default": defaults[key]} if key in defaults else {})
        for key, value in args.get("properties", {}).items()
        if key not in filled
    }
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
