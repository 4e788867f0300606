"""`multillm list`: what there is, by name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from simulator.cli.options import Profiles

FOR_EDITORS = "# yaml-language-server:"


class What(StrEnum):
    """What can be listed."""

    scenarios = "scenarios"
    profiles = "profiles"
    policies = "policies"
    metrics = "metrics"


class Line(NamedTuple):
    """A name, and what it is."""

    name: str
    text: str


def listing(
    what: Annotated[What | None, typer.Argument(help="All four where it is not given.")] = None,
    profiles: Profiles = None,
) -> None:
    """List scenarios, profiles, policies or metrics."""
    for chosen in What if what is None else [what]:
        if what is None:
            print(f"# {chosen}")
        lines = list(_lines(chosen, profiles or []))
        width = max((len(line.name) for line in lines), default=0)
        for line in lines:
            print(f"{line.name:{width}}  {line.text}".rstrip())
        if what is None:
            print()


def _lines(what: What, folders: list[Path]) -> Iterator[Line]:
    match what:
        case What.scenarios:
            return _scenarios()
        case What.profiles:
            return _profiles(folders)
        case What.policies:
            return _policies()
        case What.metrics:
            return _metrics()


def _scenarios() -> Iterator[Line]:
    from simulator.spec.library import scenario_names, shipped

    for name in scenario_names():
        yield Line(name, question(shipped("scenarios") / f"{name}.yaml"))


def question(file: Path) -> str:
    """The first comment of a scenario file that is for people, up to the end of its first sentence."""
    said: list[str] = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith(FOR_EDITORS) or (not said and not line.strip("# ")):
            continue
        if not line.startswith("#"):
            break
        said.append(line.strip("# "))
        if line.rstrip().endswith(("?", ".")):
            break
    return " ".join(said)


def _profiles(folders: list[Path]) -> Iterator[Line]:
    """By kind, as the scenario's keys name them; with the kinds of evidence that their numbers rest on."""
    from simulator.cli.profile.shelf import shelf, told

    for each in told(shelf(folders)):
        yield Line(f"{each.kind}/{each.name}", f"{each.title} ({', '.join(each.evidence) or 'no sources'})")


def _policies() -> Iterator[Line]:
    from simulator.spec.parts import POLICIES, imported

    for name, where in POLICIES.items():
        yield Line(name, (inspect.getdoc(imported(where)) or "").partition("\n")[0])


def _metrics() -> Iterator[Line]:
    from simulator.metrics.registry import METRICS, STATISTICS

    for name, metric in METRICS.items():
        told = "" if metric.bottom else f"; {', '.join(STATISTICS)}"
        yield Line(name, f"{metric.title} [{metric.unit}], {metric.better} is better{told}")
