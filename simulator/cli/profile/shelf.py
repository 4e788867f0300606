"""Profiles as the commands find and read them, whatever their kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from simulator.spec.library import Kind, Library
    from simulator.spec.profiles import Profile


class Told(NamedTuple):
    """A profile in a list: what it is, what its numbers rest on, and where it lies."""

    kind: str
    name: str
    title: str
    evidence: Sequence[str]
    file: str


def shelf(folders: Iterable[Path] | None) -> Library:
    """The library: `profiles/` in the working folder, then these folders, then what is shipped."""
    from simulator.spec.library import library

    return library([Path.cwd()], folders or ())


def kind_of(text: str) -> Kind:
    """The kind that `text` says, in the singular, too. SpecError with near names."""
    from simulator.spec.errors import SpecError, near
    from simulator.spec.library import KINDS

    for kind in KINDS:
        if text in (kind, kind.removesuffix("s")):
            return kind
    raise SpecError(near(text, KINDS, " among the kinds of profiles"))


def find(library: Library, text: str) -> tuple[Kind, str]:
    """Kind and name of what `text` says: KIND/NAME, or a name that one kind has. SpecError with near names."""
    from simulator.spec.errors import SpecError, near
    from simulator.spec.library import KINDS

    kind, slash, name = text.partition("/")
    if slash:
        found = kind_of(kind)
        library.path(found, name)
        return found, name
    having = [kind for kind in KINDS if text in library.names(kind)]
    if not having:
        for of in ("devices", "models"):
            alias = library.known_as(of, text)
            if alias is not None:
                return of, alias
    if len(having) == 1:
        return having[0], text
    if having:
        raise SpecError(f"{text!r} is of several kinds; say {' or '.join(f'{kind}/{text}' for kind in having)}")
    known = [name for kind in KINDS for name in library.names(kind)]
    raise SpecError(near(text, known, " among the profiles"))


def told(library: Library, kinds: Iterable[Kind] | None = None) -> Iterator[Told]:
    """All profiles of these kinds (of all where None) as their files say, broken ones too."""
    from simulator.spec.library import KINDS
    from simulator.spec.profiles import EVIDENCE
    from simulator.spec.reader import display, read_yaml

    for kind in KINDS if kinds is None else kinds:
        for name in library.names(kind):
            path = library.path(kind, name)
            data = read_yaml(path).data
            sources = data["sources"] if isinstance(data.get("sources"), list) else []
            found = [source.get("kind") for source in sources if isinstance(source, dict)]
            evidence = [each for each in EVIDENCE if each in found]
            yield Told(kind, name, str(data.get("title", "")), evidence, display(path))


def read(kind: Kind, path: Path) -> Profile:
    """The checked profile in a file. SpecError with all its mistakes and their positions."""
    from simulator.spec.library import read_profile, shape

    if (cls := shape(kind)) is not None:
        return read_profile(cls, path)
    if kind == "quality":
        from simulator.workload.read_quality import read_quality_profile

        return read_quality_profile(path)
    from simulator.workload.builtin import WorkloadProfile

    return read_profile(WorkloadProfile, path)
