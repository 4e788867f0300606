"""Names in a file, checked where they stand: of profiles, of pools, of hosts, of data files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainSerializer, ValidationInfo

from simulator.spec.base import Positive
from simulator.spec.errors import fault, near
from simulator.spec.library import Kind, Library
from simulator.spec.metric_names import METRIC_NAMES
from simulator.spec.reader import display

DATA_VARIABLE = "MULTILLM_DATA"


@dataclass(frozen=True)
class Names:
    """What names in a file are checked against: the context of pydantic's validation. Without it all names pass."""

    library: Library
    folders: tuple[Path, ...]
    """Where files named in the scenario may lie: its own folder, then those of the files that it extends."""
    pools: tuple[str, ...] = ()
    verifiers: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    links: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: Mapping[str, Any], library: Library, folders: tuple[Path, ...]) -> Names:
        """The names that a file declares, whatever else is wrong with it."""

        def keys(section: str) -> tuple[str, ...]:
            value = data.get(section)
            return tuple(value) if isinstance(value, dict) else ()

        return cls(library, folders, keys("fleet"), keys("verifiers"), keys("hosts"), keys("links"))


class DataPath(str):
    """The path of a file that exists; `written` is what the scenario says, the same on every machine."""

    written: str

    def __new__(cls, path: str, written: str | None = None) -> DataPath:  # noqa: D102
        self = super().__new__(cls, path)
        self.written = path if written is None else written
        return self


def _names(info: ValidationInfo) -> Names | None:
    return info.context if isinstance(info.context, Names) else None


def _in_library(kind: Kind) -> AfterValidator:
    return AfterValidator(lambda name, info: _known(kind, name, info))


def _known(kind: Kind, name: str, info: ValidationInfo) -> str:
    names = _names(info)
    if names is not None and name not in names.library.names(kind):
        raise fault(names.library.missing(kind, name))
    return name


def _among(known: Callable[[Names], tuple[str, ...]], where: str) -> AfterValidator:
    def check(name: str, info: ValidationInfo) -> str:
        names = _names(info)
        if names is not None and name not in known(names):
            raise fault(near(name, known(names), f" in {where}"))
        return name

    return AfterValidator(check)


def _pool_model(name: str, info: ValidationInfo) -> str:
    """A model of the library; where the pool is a hosted API, any name: nobody has the facts of closed models."""
    if info.data.get("hosted") is None:
        return _known("models", name, info)
    return name


def _metric(name: str) -> str:
    if name not in METRIC_NAMES:
        raise fault(near(name, METRIC_NAMES))
    return name


def _data_file(text: str, info: ValidationInfo) -> str:
    names = _names(info)
    return text if names is None else _found(text, names)


def _quality(text: str, info: ValidationInfo) -> str:
    names = _names(info)
    if names is None or text in names.library.names("quality"):
        return text
    if "/" in text or text.endswith((".yaml", ".yml")):
        return _found(text, names)
    raise fault(names.library.missing("quality", text))


def _found(text: str, names: Names) -> DataPath:
    """The file that `text` says: absolute, beside the scenario, or in the folder of data that is not shipped."""
    data = os.environ.get(DATA_VARIABLE)
    folders = [*names.folders, *([Path(data)] if data else [])]
    if text.isprintable():
        for folder in folders:
            try:
                if (folder / text).is_file():
                    return DataPath(str(folder / text), text)
            except OSError:  # too long for a name
                continue
    looked = ", ".join(display(folder) or "." for folder in folders)
    hint = "" if data else f"; data that is not shipped lies in the folder that {DATA_VARIABLE} names, which is not set"
    raise fault(f"no file {text!r}; looked in {looked}{hint}")


_written = PlainSerializer(lambda path: getattr(path, "written", path), return_type=str)


def _is(thing: str) -> Any:
    """What a name is of: the JSON Schema's `format`, for people to read; no validator knows it."""
    return Field(json_schema_extra={"format": thing})


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]*$", max_length=60)]
"""What a scenario calls a thing of its own: no dots, so that `--set` can name it."""
PlaceName = Annotated[Name, _is("place")]

DeviceRef = Annotated[str, _in_library("devices"), _is("device")]
PoolModel = Annotated[str, AfterValidator(_pool_model), _is("model")]
"""A model profile's name; of a hosted API, declared before it, any."""
LinkRef = Annotated[str, _in_library("links"), _is("link profile")]
HostedRef = Annotated[str, _in_library("hosted"), _is("hosted API")]
RegionRef = Annotated[str, _in_library("regions"), _is("region")]
QualityRef = Annotated[str, AfterValidator(_quality), _written, _is("quality table")]
"""A quality profile's name, or a YAML file; `Library.path("quality", ...)` opens either."""

HostRef = Annotated[str, _among(lambda names: names.hosts, "hosts"), _is("host")]
PoolName = Annotated[str, _among(lambda names: names.pools, "fleet"), _is("pool")]
"""A pool: what gives answers."""
LinkName = Annotated[str, _among(lambda names: names.links, "links"), _is("link")]
"""A link of the scenario."""
VerifierName = Annotated[str, _among(lambda names: names.verifiers, "verifiers"), _is("verifier")]
"""A verifier: what looks at answers."""

DataFile = Annotated[str, AfterValidator(_data_file), _written, _is("file")]
"""An existing file: absolute, beside the scenario, or under the folder that MULTILLM_DATA names."""
MetricName = Annotated[str, AfterValidator(_metric), _is("metric")]
TaskShares = Annotated[dict[str, Positive], Field(min_length=1)]
