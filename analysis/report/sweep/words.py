"""Varied values as people read them: maps by what they differ in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analysis.grids import ABSENT


def text(value: Any) -> str:
    """A value as text: strings as they are, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def words(values: Sequence[Any]) -> list[str]:
    """The values of one key as text, a dash for None (the point leaves the key as the file has it).

    Maps say only what differs between them: {use: cascade, order: [a, b], accept: 0.7} beside {use: cascade, order: [a,
    b], accept: 0.9} are "accept 0.7" and "accept 0.9"; what is under `use` is said without its key.
    """
    leaves = [dict(_leaves(value)) if isinstance(value, Mapping) else {} for value in values]
    maps = [one for one in leaves if one]
    keys = list(dict.fromkeys(key for one in maps for key in one))
    differ = [key for key in keys if len({one.get(key) for one in maps}) > 1]
    return [
        ABSENT if value is None else _differing(one, differ) or text(value)
        for value, one in zip(values, leaves, strict=True)
    ]


def _leaves(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Dotted keys and their values as text."""
    for key, below in value.items():
        if isinstance(below, Mapping) and below:
            yield from _leaves(below, f"{above}{key}.")
        else:
            yield f"{above}{key}", text(below)


def _differing(leaves: Mapping[str, str], differ: Sequence[str]) -> str:
    return ", ".join(leaves[key] if key == "use" else f"{key} {leaves[key]}" for key in differ if key in leaves)
