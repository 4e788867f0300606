"""`multillm profile new`: a profile to start from."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli.options import Profiles

if TYPE_CHECKING:
    from simulator.spec.library import Kind
    from simulator.spec.profiles import Profile

LIKE = {
    "devices": "rtx-4090",
    "engines": "any",
    "links": "wifi-home",
    "models": "llama-3.1-8b",
    "hosted": "gpt-4o-mini",
    "regions": "DE",
}
"""What a new profile of a kind is like where nothing is said."""
WIDTH = 100  # of the comments


def new(
    kind: Annotated[str, typer.Argument(help="devices, engines, links, models, hosted or regions.")],
    name: Annotated[str, typer.Argument(help="Of the profile, and of its file.")],
    like: Annotated[str | None, typer.Option(metavar="NAME", help="The profile whose values it begins with.")] = None,
    folder: Annotated[
        Path, typer.Option("-o", "--out", metavar="DIR", help="The folder of profiles to write it to.")
    ] = Path("profiles"),
    profiles: Profiles = None,
) -> None:
    """Write a commented profile to start from. A file that is there is left alone.

    Its values are those of the profile that it is like, marked assumed until you give sources of your own.
    """
    from simulator.cli.profile.shelf import kind_of, read, shelf
    from simulator.spec.errors import SpecError
    from simulator.spec.library import shape
    from simulator.spec.messages import checked
    from simulator.spec.reader import display, parse_yaml

    found = kind_of(kind)
    if (cls := shape(found)) is None:
        raise SpecError(f"{found} are made of files of yours: docs/extending.md shows how to begin one")
    library = shelf(profiles)
    other = like or LIKE.get(found)
    if other is None:
        raise SpecError(f"say what it is --like: {', '.join(library.names(found)) or f'there are no {found} yet'}")
    text = starting(read(found, library.path(found, other)), found, name)
    file = folder / found / f"{name}.yaml"
    checked(cls, parse_yaml(text, display(file)))
    _write(file, text)
    print(f"wrote {file}\nnext: change its numbers and sources, then multillm profile check {file}")


def starting(like: Profile, kind: Kind, name: str) -> str:
    """The text of a profile called `name` with the values of another, every key of its kind explained."""
    head = [f"# A profile of {kind}: change what differs, and say in `sources` where each number is from."]
    head += ["# A key behind `#` is not given; remove the mark to give it."]
    return "\n".join([*head, *_keys(like, name), ""])


def _keys(like: Profile, name: str) -> Iterator[str]:
    """Lines for each key: what is given first, then the rest behind `#`, then the sources."""
    from simulator.spec.schema import docs_of_fields
    from simulator.spec.writer import to_yaml

    fields, docs = type(like).model_fields, docs_of_fields(type(like))
    given: dict[str, Any] = like.model_dump(mode="json", include=like.model_fields_set - {"aliases"})
    given |= {"name": name, "title": f"{name}, begun as {like.title or like.name}"}
    given["sources"] = [{"kind": "assumed", "ref": f"as {like.name}, where nothing else was found"}]
    middle = [key for key in fields if key not in ("name", "title", "sources")]
    rest = [key for key in middle if key not in given]
    for key in ("name", "title", *(key for key in middle if key in given), *rest, "sources"):
        yield from ("", *(f"# {line}" for line in wrap(docs.get(key, ""), WIDTH, break_on_hyphens=False)))
        if key in given:
            yield to_yaml({key: _short(given[key])}).rstrip("\n")
        else:
            default = fields[key].get_default(call_default_factory=True)
            yield f"# {key}: {'' if default in (None, ()) else json.dumps(_short(default))}".rstrip()


def _short(value: Any) -> Any:
    """Whole numbers without a point."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _write(file: Path, text: str) -> None:
    """Write a file whole or not at all. ResultError where one is there, or the disk refuses."""
    from simulator.records.errors import ResultError

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{file.stem}-", dir=file.parent) as beside:
            whole = Path(beside) / file.name
            whole.write_text(text, encoding="utf-8")
            os.link(whole, file)  # unlike a rename it replaces nothing
    except FileExistsError:
        there = file if file.parent.is_dir() else file.parent
        raise ResultError(f"{there}: exists, and is left as it is") from None
    except OSError as error:
        raise ResultError(f"{file}: cannot be written: {error.strerror}") from None
