"""pydantic's errors as the lines that users read: where in the file, what is there, what could be there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from inspect import isclass
from itertools import groupby
from types import UnionType
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, to_json

from simulator.spec.errors import Problem, SpecError, closest, did_you_mean, near, shown
from simulator.spec.reader import Document, Keys, dotted

M = TypeVar("M", bound=BaseModel)

_WANTED = {  # type of error -> what the value must be
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "dict_type": "a map",
    "model_type": "a map",
    "model_attributes_type": "a map",
    "dataclass_type": "a map",
    "mapping_type": "a map",
    "tuple_type": "a list",
    "list_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "path_type": "a path",
    "none_required": "null",
    "finite_number": "a finite number",
}
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")


class _Mistake(NamedTuple):
    """One of pydantic's errors, with its place. `branch` is the alternative of the `union` there that it speaks for."""

    keys: Keys
    error: ErrorDetails
    union: Keys | None
    branch: str

    @property
    def is_of_type(self) -> bool:
        """Whether the value is of another kind than this alternative takes."""
        return self.error["type"] in _WANTED and self.keys == self.union


def checked(model: type[M], document: Document, context: object = None) -> M:
    """The document as a checked value. SpecError with all its mistakes, in the order of the file."""
    try:
        # JSON mode with `strict` is YAML's own typing: lists are tuples, but no text is a number and no number a text.
        return model.model_validate_json(to_json(document.data), strict=True, context=context)
    except ValidationError as error:
        order = {keys: i for i, keys in enumerate(document.spots)}
        found = [(_order(order, keys), problem) for keys, problem in _problems(model, document, error)]
        raise SpecError(dict.fromkeys(problem for _, problem in sorted(found, key=lambda pair: pair[0]))) from None


def _order(order: dict[Keys, int], keys: Keys) -> int:
    while keys not in order:
        keys = keys[:-1]
    return order[keys]


def _problems(model: type[BaseModel], document: Document, error: ValidationError) -> Iterator[tuple[Keys, Problem]]:
    mistakes = [_located(detail, document.data) for detail in error.errors(include_url=False)]
    unknown = [m.keys for m in mistakes if m.error["type"] in _UNKNOWN]
    misspelt = {(*keys[:-1], closest(str(keys[-1]), known_keys(model, keys[:-1]))) for keys in unknown}
    for union, group in groupby(mistakes, key=lambda mistake: mistake.union):
        for keys, detail, wanted in _told(union, list(group)):
            made = _made(document, keys, detail)
            if made:
                yield keys, made
            elif detail["type"] in _UNKNOWN:
                text = "unknown key" + did_you_mean(str(keys[-1]), known_keys(model, keys[:-1]))
                yield keys, document.problem(keys, text, at_key=True)
            elif detail["type"] == "missing":
                # A map in block style begins at its first key; the key that names the map is what the reader looks for.
                name = detail["loc"][-1]
                if (*keys, name) in misspelt:
                    continue
                text = f"missing key {name!r}" if isinstance(name, str) else f"must have an item {name}"
                yield keys, document.problem(keys, text, at_key=True)
            else:
                yield keys, document.problem(keys, wanted, at_key="[key]" in detail["loc"])


def _located(error: ErrorDetails, data: Any) -> _Mistake:
    """Follow an error's `loc` through the data; what is neither key nor index there is an alternative's name."""
    keys: list[str | int] = []
    here, union, branch = data, None, ""
    for i, step in enumerate(error["loc"]):
        if _holds(here, step):
            here = here[step]
            keys.append(step)
        elif step == "[key]" or (error["type"] == "missing" and i == len(error["loc"]) - 1):
            continue
        elif union is None:
            union, branch = tuple(keys), str(step)
    return _Mistake(tuple(keys), error, union, branch)


def _holds(here: Any, step: str | int) -> bool:
    if isinstance(here, list):
        return isinstance(step, int) and step < len(here)
    return isinstance(here, dict) and step in here


def _told(union: Keys | None, mistakes: list[_Mistake]) -> Iterator[tuple[Keys, ErrorDetails, str]]:
    """Place, error and text of what is worth telling: of a union, only the alternative that the value was meant for."""
    if union is None:
        yield from ((m.keys, m.error, text_of(m.error)) for m in mistakes)
        return
    by_branch: dict[str, list[_Mistake]] = {}
    for mistake in mistakes:
        by_branch.setdefault(mistake.branch, []).append(mistake)
    meant = [group for group in by_branch.values() if not any(m.is_of_type for m in group)]
    if meant:
        yield from ((m.keys, m.error, text_of(m.error)) for m in min(meant, key=len))
        return
    wanted = dict.fromkeys(_WANTED[m.error["type"]] for m in mistakes if m.is_of_type)
    yield union, mistakes[0].error, f"must be {' or '.join(wanted)}, not {shown(mistakes[0].error['input'])}"


def text_of(error: ErrorDetails) -> str:
    """What is wrong, and what is there: "must be greater than or equal to 1, not 0"."""
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}, not {shown(value)}"
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", context["expected"])
        if allowed and isinstance(value, str):
            return near(value, allowed)
        return f"must be {context['expected']}, not {shown(value)}"
    if kind in ("value_error", "assertion_error"):
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return f"must match {context['pattern']}, not {shown(value)}"
    if kind in ("too_short", "too_long", "string_too_short", "string_too_long"):
        unit = "character" if kind.startswith("string") else "item"
        most = context.get("max_length")
        bound, limit = ("at least", context["min_length"]) if most is None else ("at most", most)
        has = "" if isinstance(value, dict) else f", not {context.get('actual_length', len(value))}"
        return f"must have {bound} {limit} {unit}{'s' * (limit != 1)}{has}"
    said = error["msg"]
    if said.startswith("Input should be "):
        return f"must be {said.removeprefix('Input should be ')}, not {shown(value)}"
    return said[:1].lower() + said[1:]


def _made(document: Document, keys: Keys, error: ErrorDetails) -> Problem | None:
    """The problem of an override that meant an existing map and, misspelling it, made one that lacks something."""
    siblings = document.made.get(keys)
    if siblings is None or len(keys) != 2 or error["type"] in _UNKNOWN:
        return None
    text = near(str(keys[-1]), siblings, f" in {dotted(keys[:-1])}")
    return Problem(document.spot(keys).value, "", text)


def known_keys(model: object, keys: Keys) -> Iterable[str]:
    """Keys that a map at `keys` may have; empty where it is no map of fixed keys."""
    at = [model]
    for key in keys:
        at = [inner for option in at for inner in _inside(option, key)]
    return [name for option in at if isclass(option) and issubclass(option, BaseModel) for name in option.model_fields]


def _inside(annotation: Any, key: str | int) -> Iterable[Any]:
    """What may stand under `key` in a value of this type; unions and Annotated taken apart."""
    if isclass(annotation) and issubclass(annotation, BaseModel):
        return _options(annotation.model_fields[key].annotation) if key in annotation.model_fields else []
    return _options(*get_args(annotation)[-1:]) if get_origin(annotation) is dict else _items(annotation)


def _items(annotation: Any) -> Iterable[Any]:
    items = [item for item in get_args(annotation) if item is not Ellipsis]
    return [option for item in items for option in _options(item)]


def _options(annotation: Any = None) -> Iterable[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _options(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return _items(annotation)
    return [annotation]
