"""Strict YAML: the YAML 1.2 core scalars, no key twice, no tags; each value with its position."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from yaml.reader import Reader

from simulator.spec.errors import Problem, SpecError, shown

Keys = tuple[str | int, ...]  # where in a document a value stands: ("fleet", "edge", "replicas"), ("slo", 0)

MAX_DEPTH = 40  # of maps and lists in each other
_TOO_DEEP = f"more than {MAX_DEPTH} maps or lists in each other"
MAX_VALUES = 100_000  # of one file, with its aliases written out

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_EXACT = 2**53  # whole floats below this are written as integers
_LARGEST = 2**63


class Spot(NamedTuple):
    """Where a key and its value stand, each as `file:line:col` (or the `--set` that gave them)."""

    key: str
    value: str


@dataclass(frozen=True)
class Document:
    """Plain data, and where each of its values is from.

    `made` holds the maps that an override had to create, with the names that stand beside them.
    """

    data: dict[str, Any]
    spots: dict[Keys, Spot]
    made: dict[Keys, tuple[str, ...]] = field(default_factory=dict)

    def spot(self, keys: Keys) -> Spot:
        """The spot of the value at `keys`, or of the nearest one that holds it."""
        while keys not in self.spots:
            keys = keys[:-1]
        return self.spots[keys]

    def under(self, key: str) -> Document:
        """The map at `key` as a document of its own."""
        spots = {keys[1:]: spot for keys, spot in self.spots.items() if keys[:1] == (key,)}
        return Document(self.data[key], spots)

    def problem(self, keys: Keys, text: str, *, at_key: bool = False) -> Problem:
        """A problem of the value at `keys` (of its key, if `at_key`)."""
        spot = self.spot(keys)
        return Problem(spot.key if at_key else spot.value, dotted(keys), text)


def dotted(keys: Keys) -> str:
    """("slo", 0, "max") -> "slo.0.max"."""
    return ".".join(map(str, keys))


def display(path: Path) -> str:
    """A path as errors show it: from the working folder where it is below that."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def read_yaml(path: Path) -> Document:
    """The map in a YAML file. SpecError where the file cannot be read, or is no map in strict YAML."""
    file = display(path)
    try:
        raw = path.read_bytes()
    except (OSError, ValueError) as error:
        raise SpecError([Problem(file, "", f"cannot be read: {getattr(error, 'strerror', None) or error}")]) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        col = error.start - raw.rfind(b"\n", 0, error.start)
        raise SpecError([Problem(f"{file}:{line}:{col}", "", "not UTF-8 text")]) from None
    return parse_yaml(text, file)


def parse_yaml(text: str, file: str) -> Document:
    """The map in `text`; positions name `file`."""
    data, spots = _parse(text, lambda line, col: f"{file}:{line}:{col}")
    if not isinstance(data, dict):
        what = "it is empty" if data is None else f"not {shown(data)}"
        raise SpecError([Problem(spots[()].value, "", f"must be a map of keys and values; {what}")])
    return Document(data, spots)


def parse_value(text: str, origin: str) -> Any:
    """The value of an override, in the same strict YAML."""
    return _parse(text, lambda line, col: origin)[0]


class _Strict(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """A loader that leaves plain scalars to us: it tags them `!plain`."""

    yaml_implicit_resolvers = {None: [("!plain", re.compile(""))]}  # noqa: RUF012


_At = Callable[[int, int], str]  # origin of a line and column


def _place(mark: Any, at: _At) -> str:
    return at(mark.line + 1, mark.column + 1) if mark else at(1, 1)


def _parse(text: str, at: _At) -> tuple[Any, dict[Keys, Spot]]:
    """Value of `text` and the spot of every value in it."""
    if bad := Reader.NON_PRINTABLE.search(text):
        line, col = text.count("\n", 0, bad.start()) + 1, bad.start() - text.rfind("\n", 0, bad.start())
        raise SpecError([Problem(at(line, col), "", f"not YAML: the character {bad.group()!a} is not allowed")])
    try:
        _refuse_depth(text, at)
        node = yaml.compose(text, Loader=_Strict)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.problem, error.context) if part)
        text = _TOO_DEEP if "nesting depth" in said else f"not YAML: {said}"  # newer PyYAML has a limit of its own
        raise SpecError([Problem(_place(mark, at), "", text)]) from None
    reading = _Reading(at)
    value = reading.value(node, (), None) if node is not None else None
    reading.spots.setdefault((), Spot(at(1, 1), at(1, 1)))
    if reading.problems:
        raise SpecError(reading.problems)
    return value, reading.spots


def _refuse_depth(text: str, at: _At) -> None:
    """Look through the events first: the C composer recurses without a limit."""
    depth = 0
    for event in yaml.parse(text, Loader=_Strict):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise SpecError([Problem(_place(event.start_mark, at), "", _TOO_DEEP)])


class _Reading:
    """One pass over the nodes of a document."""

    def __init__(self, at: _At) -> None:
        self.at = at
        self.spots: dict[Keys, Spot] = {}
        self.problems: list[Problem] = []
        self.open: set[int] = set()  # nodes that the one at hand stands in, to find an alias to one of them

    def value(self, node: yaml.Node, keys: Keys, key: yaml.Node | None) -> Any:
        """Plain data of `node`, which stands at `keys`; notes its spot."""
        place = _place(node.start_mark, self.at)
        self.spots[keys] = Spot(_place(key.start_mark, self.at) if key else place, place)
        if len(self.spots) > MAX_VALUES:
            raise SpecError([Problem(place, "", f"more than {MAX_VALUES} values, aliases written out")])
        if id(node) in self.open:
            return self._refuse(node, keys, "an alias to a value that holds it")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, keys)
        if node.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "!plain"):
            return self._refuse(node, keys, f"tags such as {node.tag!r} are not read")
        self.open.add(id(node))
        whole = self._map(node, keys) if isinstance(node, yaml.MappingNode) else self._list(node, keys)
        self.open.remove(id(node))
        return whole

    def _list(self, node: yaml.Node, keys: Keys) -> list[Any]:
        return [self.value(item, (*keys, i), None) for i, item in enumerate(node.value)]

    def _map(self, node: yaml.MappingNode, keys: Keys) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._refuse(key, keys, "a key must be text")
                continue
            name = str(key.value)  # keys are text as written: `on: 1` has the key "on"
            if name in data:
                first = self.spots[(*keys, name)].key
                self._refuse(key, (*keys, name), f"key {name!r} is given twice (first at {first})")
                continue
            data[name] = self.value(value, (*keys, name), key)
        return data

    def _scalar(self, node: yaml.ScalarNode, keys: Keys) -> Any:
        if node.tag == "tag:yaml.org,2002:str" or (node.tag == "!plain" and node.style):
            return node.value
        if node.tag != "!plain":
            return self._refuse(node, keys, f"tags such as {node.tag!r} are not read")
        value = plain(node.value)
        if isinstance(value, int | float) and abs(value) >= _LARGEST and not isinstance(value, float):
            return self._refuse(node, keys, f"the number {shown(node.value)} is too large")
        return value

    def _refuse(self, node: yaml.Node, keys: Keys, text: str) -> None:
        self.problems.append(Problem(_place(node.start_mark, self.at), dotted(keys), text))


def plain(text: str) -> Any:
    """Value of a plain scalar by the core schema of YAML 1.2; `1e3`, being whole, is the integer 1000."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        return int(text) if len(text) < 400 else float(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        number = float(text)
        return int(number) if number.is_integer() and abs(number) < _EXACT else number
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return text
