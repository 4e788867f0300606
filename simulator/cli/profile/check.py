"""`multillm profile check`: all mistakes of profiles, at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.options import Profiles

if TYPE_CHECKING:
    from simulator.spec.errors import Problem
    from simulator.spec.library import Kind, Library
    from simulator.spec.reader import Document


def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE|DIR]...", help="Profiles, or folders of them; all there are where not given."),
    ] = None,
    profiles: Profiles = None,
) -> None:
    """Check profiles: each mistake in a line, with its place. Exits with 2 where there is any.

    Of quality tables whose files lie beside them, these are read.
    """
    from simulator.cli.profile.shelf import shelf
    from simulator.spec.errors import SpecError
    from simulator.spec.library import KINDS

    folders = [path for path in paths or () if path.is_dir() and path.name not in KINDS]
    library = shelf([*(profiles or ()), *folders])
    files = list(_files(paths or library.dirs))
    problems = dict.fromkeys(problem for kind, file in files for problem in _problems(library, kind, file))
    problems |= dict.fromkeys(_claimed_twice(library, [file for kind, file in files if kind == "devices"]))
    if problems:
        raise SpecError(problems)
    print(f"{len(files)} profile{'s' * (len(files) != 1)}, no problem")


def _files(paths: Iterable[Path]) -> Iterator[tuple[Kind, Path]]:
    """Kind and path of each profile, whose folder is named after its kind. SpecError where a path has none."""
    from simulator.spec.errors import Problem, SpecError
    from simulator.spec.library import KINDS
    from simulator.spec.reader import display

    for path in paths:
        whole = path.absolute()
        folders = [whole] if whole.name in KINDS else [whole / kind for kind in KINDS]
        files = [file for folder in folders for file in sorted(folder.glob("*.yaml"))] if whole.is_dir() else [whole]
        found = [(kind, file) for file in files for kind in KINDS if kind == file.parent.name]
        if not found:
            kinds = f"a profile lies in a folder named after its kind ({', '.join(KINDS)})"
            what = "no such file" if not whole.exists() else f"no profiles in it: {kinds}" if whole.is_dir() else kinds
            raise SpecError([Problem(display(path), "", what)])
        yield from found


def _problems(library: Library, kind: Kind, file: Path) -> Iterable[Problem]:
    """What is wrong in one file, and the names in it that are of nothing: engines of devices, formats of weights."""
    from simulator.cli.profile.shelf import read
    from simulator.physics.formats import format_of
    from simulator.spec.errors import SpecError
    from simulator.spec.profiles import DeviceProfile, ModelProfile
    from simulator.spec.reader import read_yaml

    try:
        profile = read(kind, file)
    except SpecError as error:
        return error.problems
    if kind == "quality":
        return _table_problems(file)
    try:
        match profile:
            case DeviceProfile():
                library.layers(profile)
            case ModelProfile():
                format_of(profile.weights)
    except (SpecError, ValueError) as error:
        key = "engine" if isinstance(profile, DeviceProfile) else "weights"
        return [read_yaml(file).problem((key,), str(error))]
    return ()


def _table_problems(file: Path) -> Iterable[Problem]:
    """What is wrong in the files of a quality table; none where they lie elsewhere: those are large."""
    from simulator.spec.errors import SpecError
    from simulator.workload.read_quality import files_named, read_quality_profile, read_whole

    profile = read_quality_profile(file)
    if not all((file.parent / name).is_file() for name in files_named(profile)):
        return ()
    try:
        read_whole(profile, file.parent)
    except SpecError as error:
        return error.problems
    return ()


def _claimed_twice(library: Library, files: list[Path]) -> Iterator[Problem]:
    """Aliases of these devices that another device has, as its name or as an alias of its own."""
    known = {library.path("devices", name).absolute() for name in library.names("devices")} if files else set()
    documents = _documents({*known, *files})
    claims: dict[str, set[str]] = {}  # name or alias -> names of the devices that have it
    for file, document in documents.items():
        for name in (file.stem, *_aliases(document)):
            claims.setdefault(name, set()).add(file.stem)
    for file in files:
        for i, alias in enumerate(_aliases(documents[file]) if file in documents else ()):
            if others := sorted(claims[alias] - {file.stem}):
                yield documents[file].problem(("aliases", i), f"{alias!r} is also of {', '.join(others)}")


def _documents(files: Iterable[Path]) -> dict[Path, Document]:
    """Those that are YAML; the others are told already, if they were to be checked."""
    from simulator.spec.errors import SpecError
    from simulator.spec.reader import read_yaml

    documents: dict[Path, Document] = {}
    for file in files:
        with suppress(SpecError):
            documents[file] = read_yaml(file)
    return documents


def _aliases(document: Document) -> list[str]:
    aliases = document.data.get("aliases")
    return [str(alias) for alias in aliases] if isinstance(aliases, list) else []
