"""One document from several: `extends` lays a file over another, `--set` lays single values over both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from simulator.spec.errors import Problem, SpecError, shown
from simulator.spec.library import find_scenario
from simulator.spec.reader import Document, Keys, Spot, dotted, parse_value, read_yaml


def read_with_bases(path: Path) -> tuple[Document, tuple[Path, ...]]:
    """The file laid over what it extends, and all files read, itself first. SpecError where they go in a circle."""
    return _read(path, ())


def _read(path: Path, above: tuple[Path, ...]) -> tuple[Document, tuple[Path, ...]]:
    document = read_yaml(path)
    base = document.data.get("extends")
    if not isinstance(base, str):
        return document, (path,)  # where it is no text, the check of the whole says so
    try:
        found = find_scenario(base, path.parent)
    except SpecError as error:
        raise SpecError([document.problem(("extends",), problem.text) for problem in error.problems]) from None
    chain = (*above, path)
    if found.resolve() in {file.resolve() for file in chain}:
        circle = " -> ".join(file.name for file in (*chain, found))
        raise SpecError([document.problem(("extends",), f"extends itself: {circle}")])
    below, files = _read(found, chain)
    return merged(below, document), (path, *files)


def merged(base: Document, over: Document) -> Document:
    """`over` laid over `base`: maps merge key by key, `~` removes a key, all else replaces, each value with its spot.

    A map with another `use` replaces the whole map: arguments of one part are none of another's.
    """
    spots: dict[Keys, Spot] = {}
    data = _lay(base, over, (), spots)
    return Document(data, {keys: spots[keys] for keys in _walk(data, ())})


def _lay(base: Document, over: Document, keys: Keys, spots: dict[Keys, Spot]) -> Any:
    """The value at `keys`, which both documents have."""
    below, above = _at(base, keys), _at(over, keys)
    spots[keys] = over.spots[keys]
    if not (isinstance(below, dict) and isinstance(above, dict)) or _differs(below, above):
        return _taken(over, keys, spots)
    data = {}
    for key in [*below, *(key for key in above if key not in below)]:
        inner = (*keys, key)
        if key not in above:
            data[key] = _taken(base, inner, spots)
        elif key not in below:
            data[key] = _taken(over, inner, spots)
        elif above[key] is not None:
            data[key] = _lay(base, over, inner, spots)
    return data


def _taken(document: Document, keys: Keys, spots: dict[Keys, Spot]) -> Any:
    """The value at `keys` of one document alone."""
    value = _at(document, keys)
    for inner in _walk(value, keys):
        spots[inner] = document.spots[inner]
    return value


def _differs(below: dict[str, Any], above: dict[str, Any]) -> bool:
    return "use" in below and "use" in above and below["use"] != above["use"]


def _at(document: Document, keys: Keys) -> Any:
    value: Any = document.data
    for key in keys:
        value = value[key]
    return value


def _walk(value: Any, keys: Keys) -> Iterable[Keys]:
    """Keys of a value and of all that it holds."""
    yield keys
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, (*keys, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _walk(item, (*keys, i))


class Override(NamedTuple):
    """A value laid over what the files say: `key` is dotted, `value` is YAML, errors name `origin`."""

    origin: str
    key: str
    value: str

    @classmethod
    def of(cls, text: str) -> Override:
        """What `--set text` means; without a key where `text` is not dotted.key=value."""
        key, equals, value = text.partition("=")
        return cls(f"--set {text}", key.strip() if equals else "", value)


def overridden(document: Document, sets: Sequence[str | Override]) -> Document:
    """The document with these ("dotted.key=value") laid over it, in order, but each `use` before its arguments."""
    problems: list[Problem] = []
    overrides = [given if isinstance(given, Override) else Override.of(given) for given in sets]
    for override in sorted(overrides, key=lambda override: not override.key.endswith(".use")):
        try:
            document = _set(document, override)
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    return document


def _set(document: Document, override: Override) -> Document:
    origin = override.origin
    steps = override.key.split(".")
    if not all(steps):
        raise SpecError([Problem(origin, "", "write it as dotted.key=value")])
    made: dict[Keys, tuple[str, ...]] = {}
    keys, data = _put(document.data, steps, parse_value(override.value, origin), (), made, origin)
    spots = {k: spot for k, spot in document.spots.items() if k[: len(keys)] != keys}
    here = Spot(origin, origin)
    return Document(data, {k: spots.get(k, here) for k in _walk(data, ())}, document.made | made)


def _put(
    at: Any, steps: Sequence[str], value: Any, keys: Keys, made: dict[Keys, tuple[str, ...]], origin: str
) -> tuple[Keys, Any]:
    """A copy of `at` with `value` at `steps`, and the keys of that place; notes the maps that it makes on the way."""
    step, rest = steps[0], steps[1:]
    copy: Any = at.copy() if isinstance(at, dict | list) else None
    if copy is None:
        raise SpecError([Problem(origin, "", f"{dotted(keys)!r} is {shown(at)}, not a map")])
    key = _index(at, step, keys, origin) if isinstance(at, list) else step
    inner = (*keys, key)
    if rest:
        if isinstance(at, dict) and at.get(step) is None:
            made[inner] = tuple(at)
            copy[key] = {}
        where, copy[key] = _put(copy[key], rest, value, inner, made, origin)
        return where, copy
    if step == "use" and isinstance(at, dict) and at.get("use") not in (None, value):
        return keys, {"use": value}
    if value is None and isinstance(at, dict) and step in at:
        del copy[key]
    else:
        copy[key] = value
    return inner, copy


def _index(items: list[Any], step: str, keys: Keys, origin: str) -> int:
    """The place in a list that `step` names. SpecError where there is none."""
    if step.isascii() and step.isdigit() and len(step) < 10 and int(step) < len(items):
        return int(step)
    has = f"0 to {len(items) - 1}" if items else "none"
    raise SpecError([Problem(origin, "", f"no item {step!r} in {dotted(keys)} (there are {has})")])
