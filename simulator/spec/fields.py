"""Keys of a map as people read them: what may stand there, its unit, its default, what it means; from a JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from simulator.spec.units import unit_of

WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}
BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


class FieldRow(NamedTuple):
    """A key. `default` is None where the key must be given, and empty where leaving it out means what `text` says."""

    key: str
    value: str
    unit: str
    default: str | None
    text: str


def field_rows(node: Mapping[str, Any], schema: Fields) -> list[FieldRow]:
    """The keys of an object's schema, in the order of its class; without `use`, which the section says."""
    required = node.get("required", [])
    return [
        FieldRow(
            key,
            schema.value(told),
            unit_of(key) if _is_quantity(told) else "",
            None if key in required else schema.default(told),
            told.get("description", ""),
        )
        for key, told in node.get("properties", {}).items()
        if key != "use" or "const" not in told
    ]


class Fields:
    """Words for the schemas of one document: what they refer to is a link to the section that `sections` names."""

    def __init__(self, definitions: Mapping[str, Any], sections: Mapping[str, str]) -> None:
        self.definitions = definitions
        self.sections = sections

    def value(self, node: Mapping[str, Any]) -> str:
        """What may stand there: "number > 0", "list of pool", "one of `a`, `b`"."""
        if "$ref" in node:
            return self._link(_name(node))
        if "enum" in node:
            return "one of " + ", ".join(f"`{value}`" for value in node["enum"])
        if "const" in node:
            return f"`{node['const']}`"
        options = node.get("anyOf") or node.get("oneOf")
        if options:
            said = [self.value(option) for option in options if option.get("type") != "null"]
            return " or ".join(dict.fromkeys(said))
        match node.get("type"):
            case "array":
                return self._list(node)
            case "object":
                return self._map(node)
            case "string":
                return str(node.get("format", "name" if "pattern" in node else "text"))
            case None:
                return "anything"
            case kind:
                return " ".join([WORDS[kind], *_bounds(node)])

    def _list(self, node: Mapping[str, Any]) -> str:
        if "prefixItems" in node:
            each = [self.value(item) for item in node["prefixItems"]]
            return "[" + ", ".join(each) + "]"
        least = node.get("minItems", 0)
        few = f", {least} at least" if least and least != node.get("maxItems") else ""
        exact = f"{least} " if least and least == node.get("maxItems") else ""
        return f"list of {exact}{self.value(node.get('items', {}))}{few}"

    def _map(self, node: Mapping[str, Any]) -> str:
        named = [*node.get("patternProperties", {}).values()]
        inner = named[0] if named else node.get("additionalProperties", {})
        of = self.value(inner) if isinstance(inner, Mapping) else "anything"
        by = node.get("propertyNames", {}).get("format") or "name"
        return f"map of {by} to {of}"

    def _link(self, name: str) -> str:
        section = self.sections[name]
        return f"[{section}](#{anchor(section)})"

    def default(self, node: Mapping[str, Any]) -> str:
        """What counts where the key is not given, as a file would have it; empty where that is nothing, or said."""
        default = node.get("default")
        if default is None or default in ({}, []):
            return ""
        brief = self._brief(default, node)
        return "" if brief == {} else f"`{_flow(brief)}`"

    def _brief(self, default: Any, node: Mapping[str, Any]) -> Any:
        """A part without what it has by default anyway: only its name, where that is all."""
        if isinstance(default, list):
            return [self._brief(each, node.get("items", {})) for each in default]
        if not isinstance(default, dict):
            return default
        option = self._option(default, node)
        if option is None:
            return default if "$ref" not in node else self._own(default, self.definitions[_name(node)])
        kept = self._own(default, option)
        return default["use"] if set(kept) == {"use"} else kept

    def _own(self, default: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, Any]:
        properties = node["properties"]
        return {
            key: self._brief(value, properties[key])
            for key, value in default.items()
            if key == "use" or value != properties[key].get("default")
        }

    def _option(self, default: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The schema of the part that a default is, where it is one."""
        for each in [node, *node.get("anyOf", [])]:
            table = self.definitions.get(_name(each), {}) if "$ref" in each else {}
            for option in table.get("anyOf", []):
                if "use" in default and option.get("properties", {}).get("use", {}).get("const") == default["use"]:
                    return option  # type: ignore[no-any-return]
        return None


def anchor(heading: str) -> str:
    """Where a link to a heading goes, as GitHub makes it."""
    kept = "".join(sign for sign in heading.lower() if sign.isalnum() or sign in " -_")
    return kept.replace(" ", "-")


def _name(node: Mapping[str, Any]) -> str:
    return str(node["$ref"]).removeprefix("#/$defs/")


def _bounds(node: Mapping[str, Any]) -> list[str]:
    low, high = node.get("minimum"), node.get("maximum")
    if low is not None and high is not None:
        return [f"from {low:g} to {high:g}"]
    said = [f"{sign} {node[key]:g}" for key, sign in BOUNDS.items() if key in node]
    return [", ".join(said)] if said else []


def _is_quantity(node: Mapping[str, Any]) -> bool:
    """Whether the value is a number, or made of numbers: a name that ends like a unit has none."""
    if node.get("type") in ("integer", "number"):
        return True
    inner = [*node.get("anyOf", []), *node.get("prefixItems", [])]
    inner += [each for key in ("items", "additionalProperties") if isinstance(each := node.get(key), Mapping)]
    return any(_is_quantity(each) for each in inner)


def _flow(value: Any) -> str:
    """A value in YAML's flow style."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) and value else json.dumps(value)
