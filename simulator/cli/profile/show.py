"""`multillm profile show`: the numbers of a profile, and where each is from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from simulator.cli.options import Profiles

if TYPE_CHECKING:
    from simulator.spec.profiles import Profile

VALUE_WIDTH = 24  # of the column of values; longer ones push the rest to the right
ABOUT = ("name", "title", "sources")


class Row(NamedTuple):
    """A key, its value in the unit that the key says, and what it rests on."""

    key: str
    value: Any
    evidence: str
    source: str
    profile: str
    """The profile that gives it: its own, or one of `profiles/engines`."""


def show(
    name: Annotated[str, typer.Argument(metavar="[KIND/]NAME", help="A profile: devices/l40s, or l40s.")],
    profiles: Profiles = None,
    engine: Annotated[
        str | None, typer.Option(help="For a device: the engine on it, where it is not its own.", metavar="NAME")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Print a profile with all its numbers, the evidence of each, and its source.

    Of a device also what its engine achieves on it, each key from the most particular profile that has it.
    """
    from simulator.cli.profile.shelf import find, read, shelf
    from simulator.spec.errors import SpecError
    from simulator.spec.profiles import DeviceProfile
    from simulator.spec.reader import display

    library = shelf(profiles)
    kind, found = find(library, name)
    path = library.path(kind, found)
    profile = read(kind, path)
    layers: Sequence[Profile] = ()
    lacking = ""
    if isinstance(profile, DeviceProfile):
        try:
            layers = library.layers(profile, engine)
        except SpecError as error:
            if engine is not None:
                raise
            lacking = str(error)
    elif engine is not None:
        raise SpecError(f"--engine is for devices, and {found!r} is one of {kind}")
    rows = list(rows_of(profile, layers))
    if as_json:
        about = {"kind": kind, "name": found, "title": profile.title, "file": str(path)}
        keys = {row.key: row._asdict() for row in rows}
        print(json.dumps(about | {"keys": keys}, ensure_ascii=False, indent=1))
        return
    print(f"{kind}/{found}  {profile.title}".rstrip(), display(path), "", sep="\n")
    _print([row for row in rows if row.profile == found])
    if theirs := [row for row in rows if row.profile != found and row.value is not None]:
        print(f"\nunder {engine or getattr(profile, 'engine', '')}:\n")
        _print([row._replace(source=f"engines/{row.profile}: {row.source}") for row in theirs])
    if lacking:
        print(f"\n{lacking}")


def rows_of(profile: Profile, layers: Sequence[Profile] = ()) -> Iterator[Row]:
    """Every key of a profile, in the order of its class; what it leaves out is of the first layer that gives it."""
    for key in type(profile).model_fields:
        if key in ABOUT:
            continue
        giving = next((p for p in (profile, *layers) if getattr(p, key, None) is not None), profile)
        value = giving.model_dump(mode="json", include={key})[key]
        source = giving.source(key)
        is_name = isinstance(value, str) or value == list(map(str, value if isinstance(value, list) else []))
        if is_name or value is None:
            yield Row(key, value, "", "", giving.name)
        else:
            yield Row(key, value, giving.evidence(key), "default" if source is None else source.ref, giving.name)


def _print(rows: list[Row]) -> None:
    """A table of the keys that have a value."""
    shown = [(row, _text(row.value)) for row in rows if row.value not in (None, [])]
    keys = max(len(row.key) for row, _ in shown)
    values = min(VALUE_WIDTH, max(len(text) for _, text in shown))
    kinds = max(len(row.evidence) for row, _ in shown)
    for row, text in shown:
        print(f"{row.key:{keys}}  {text:{values}}  {row.evidence:{kinds}}  {row.source}".rstrip())


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
