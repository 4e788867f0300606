"""Profiles and scenarios by name: beside the scenario, in folders the user names, and those shipped."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar, get_args, overload

from simulator.spec.errors import Problem, SpecError, near
from simulator.spec.messages import checked
from simulator.spec.profiles import (
    DeviceProfile,
    EngineProfile,
    HostedProfile,
    LinkProfile,
    ModelProfile,
    Profile,
    RegionProfile,
    StepsProfile,
)
from simulator.spec.reader import display, read_yaml

Kind = Literal["devices", "engines", "links", "models", "hosted", "regions", "steps", "workloads", "quality"]
KINDS: tuple[Kind, ...] = get_args(Kind)

SHAPES: dict[Kind, type[Profile]] = {
    "devices": DeviceProfile,
    "engines": EngineProfile,
    "links": LinkProfile,
    "models": ModelProfile,
    "hosted": HostedProfile,
    "regions": RegionProfile,
    "steps": StepsProfile,
}
"""The kinds whose shape `spec` knows; readers of the others stand with their layer."""
ANY_ENGINE = "any"
"""The engine profile that has every key: what is assumed of an engine that nobody measured."""
_SUFFIXES = (".yaml", ".yml")
P = TypeVar("P", bound=Profile)


@dataclass(frozen=True)
class Library:
    """Profiles of each kind, one YAML file a thing, in `dirs`: the first that has a name wins."""

    dirs: tuple[Path, ...]
    _read: dict[tuple[Kind, str], Profile] = field(default_factory=dict, repr=False, compare=False)
    _aliases: dict[str, dict[str, str]] = field(default_factory=dict, repr=False, compare=False)

    def names(self, kind: Kind) -> list[str]:
        """Names of all profiles of a kind, sorted."""
        return sorted({path.stem for folder in self.where(kind) for path in folder.glob("*.yaml")})

    def where(self, kind: Kind) -> list[Path]:
        """Folders that are looked through for a kind, in order, whether they exist or not."""
        return [folder / kind for folder in self.dirs]

    def path(self, kind: Kind, name: str) -> Path:
        """The YAML file of a profile; `name` may be such a file itself. SpecError with near names."""
        if name.endswith(_SUFFIXES) and Path(name).is_file():
            return Path(name)
        if is_name(name):
            for folder in self.where(kind):
                if (file := folder / f"{name}.yaml").is_file():
                    return file
        raise SpecError(self.missing(kind, name))

    def known_as(self, kind: Literal["devices", "models"], name: str) -> str | None:
        """The profile of what published tables call so, whatever the case; None where none is known."""
        if kind not in self._aliases:
            names = self.names(kind)
            profiles = [self.read("models", n) if kind == "models" else self.read("devices", n) for n in names]
            self._aliases[kind] = {
                alias.lower(): each.name for each in profiles for alias in (*each.aliases, each.name)
            }
        return self._aliases[kind].get(name.lower())

    def missing(self, kind: Kind, name: str) -> str:
        """What to say of a name that does not exist."""
        looked = ", ".join(display(folder) for folder in self.where(kind))
        return near(name, self.names(kind), f" in {kind}") + f"; looked in {looked}"

    @overload
    def read(self, kind: Literal["devices"], name: str) -> DeviceProfile: ...
    @overload
    def read(self, kind: Literal["engines"], name: str) -> EngineProfile: ...
    @overload
    def read(self, kind: Literal["links"], name: str) -> LinkProfile: ...
    @overload
    def read(self, kind: Literal["models"], name: str) -> ModelProfile: ...
    @overload
    def read(self, kind: Literal["hosted"], name: str) -> HostedProfile: ...
    @overload
    def read(self, kind: Literal["regions"], name: str) -> RegionProfile: ...
    @overload
    def read(self, kind: Literal["steps"], name: str) -> StepsProfile: ...
    @overload
    def read(self, kind: Kind, name: str) -> Profile: ...

    def read(self, kind: Kind, name: str) -> Profile:
        """The profile of this name, checked, read once. SpecError with all its mistakes and their positions."""
        if (kind, name) not in self._read:
            self._read[kind, name] = read_profile(SHAPES[kind], self.path(kind, name))
        return self._read[kind, name]

    def layers(self, device: DeviceProfile, engine: str | None = None) -> list[EngineProfile]:
        """What an engine (default: the device's own) achieves on a device, the most particular profile first.

        That is of the device, of its family, of the engine on whatever device, and of any engine. SpecError with near
        names for an engine that has none of the first three.
        """
        names = self.layer_names(device, engine)
        if not names:
            engines = sorted({self.read("engines", name).engine for name in self.names("engines")})
            raise SpecError(near(engine or device.engine, engines, " in engines"))
        return [self.read("engines", name) for name in names]

    def layer_names(self, device: DeviceProfile, engine: str | None = None) -> list[str]:
        """Names of the profiles of `layers`; none where there is no such engine."""
        engine = engine or device.engine
        named = [name for name in (f"{engine}-{device.name}", f"{engine}-{device.family}", engine) if self._has(name)]
        return list(dict.fromkeys([*named, ANY_ENGINE])) if named else []

    def _has(self, engine: str) -> bool:
        return any((folder / f"{engine}.yaml").is_file() for folder in self.where("engines"))


def shape(kind: Kind) -> type[Profile] | None:
    """The class of the profiles of a kind; None where a layer above `spec` knows it."""
    return SHAPES.get(kind)


def read_profile(cls: type[P], path: Path) -> P:
    """The profile in a file, whose name must be the file's. SpecError with all its mistakes and their positions."""
    document = read_yaml(path)
    profile = checked(cls, document)
    if profile.name != path.stem:
        raise SpecError([document.problem(("name",), f"must be {path.stem!r}, as the file is, not {profile.name!r}")])
    return profile


def library(beside: Iterable[Path], extra: Iterable[str | Path] = ()) -> Library:
    """Profiles in `profiles/` beside these scenario folders, then in `extra` folders, then those shipped."""
    named = [Path(folder) for folder in extra]
    if absent := [folder for folder in named if not folder.is_dir()]:
        raise SpecError([Problem("--profiles", "", f"no folder {str(folder)!r}") for folder in absent])
    own = [folder / "profiles" for folder in beside]
    dirs = [*(folder for folder in own if folder.is_dir()), *named, shipped("profiles")]
    return Library(tuple(dict.fromkeys(dirs)))


def is_name(text: str) -> bool:
    """Whether `text` can be the stem of a file in a folder, and of none outside it."""
    return bool(text) and text.isprintable() and len(text) < 100 and not set(text) & set("/\\:") and text[0] != "."


def shipped(what: Literal["profiles", "scenarios"]) -> Path:
    """The folder that comes with the program: inside the package where it was installed, in a checkout beside it."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "shipped" / what
    return inside if inside.is_dir() else package.parent / what


def scenario_names() -> list[str]:
    """Names of the scenarios shipped, those in folders with them: `replays/one`."""
    root = shipped("scenarios")
    return sorted(path.relative_to(root).with_suffix("").as_posix() for path in root.rglob("*.yaml"))


def find_scenario(text: str, folder: Path | None = None) -> Path:
    """The scenario file that `text` says: a path (from `folder`), or the name of one shipped."""
    path = (folder or Path()) / text
    if text.endswith(_SUFFIXES) or (text and _is_file(path)):
        if _is_file(path):
            return path
        raise SpecError([Problem(text, "", "no such file" + (f" in {display(folder)}" if folder else ""))])
    names = scenario_names()
    if text in names:
        return shipped("scenarios") / f"{text}.yaml"
    told = f"{near(text, names, ' among the scenarios')}, and no such file"
    if path.name and _is_file(file := path.with_name(f"{path.name}.yaml")):
        told = f"no {text!r} among the scenarios; did you mean the file {display(file)}?"
    raise SpecError([Problem("", "", told)])


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False
