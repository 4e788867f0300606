"""`multillm profile list`: the profiles there are."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from simulator.cli.options import Profiles


def names(
    kind: Annotated[str | None, typer.Argument(help="devices, engines, models, ...; all where not given.")] = None,
    profiles: Profiles = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, with the files.")] = False,
) -> None:
    """List profiles, with the kinds of evidence that their numbers rest on."""
    from simulator.cli.profile.shelf import kind_of, shelf, told

    found = list(told(shelf(profiles), None if kind is None else [kind_of(kind)]))
    if as_json:
        print(json.dumps([each._asdict() for each in found], ensure_ascii=False, indent=1))
        return
    width = max((len(f"{each.kind}/{each.name}") for each in found), default=0)
    for each in found:
        evidence = ", ".join(each.evidence) or "no sources"
        print(f"{f'{each.kind}/{each.name}':{width}}  {each.title} ({evidence})".rstrip())
