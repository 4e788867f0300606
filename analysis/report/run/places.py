"""Where things are: the places of classes and pools, and the links between them with what they carried and drew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.report.figure import Pools
from analysis.report.run.measured import Measured

WAYS = ("up", "down", "radio")  # what the ledger calls a link's parts: its name and one of these
NOWHERE = ""


@dataclass(frozen=True)
class Link:
    """A link between two places, and per query of the run its bytes `up` (from the first place), `down`, and joules.

    The joules are those of transfers and radios; NaN where they are unknown.
    """

    name: str
    between: tuple[str, str]
    up_bytes: float
    down_bytes: float
    energy_j: float


@dataclass(frozen=True)
class Places:
    """Places in order, from where the queries are; what is at each, and the links."""

    names: tuple[str, ...]
    classes: Mapping[str, str]
    pools: Mapping[str, str]
    links: tuple[Link, ...]


def places(run: Measured, pools: Pools, classes: Sequence[str]) -> Places:
    """Where `classes` and pools are, as the scenario and the ledger have it."""
    ledger = run.tables.ledger
    there = ledger[ledger["pool"].notna().to_numpy(bool)].drop_duplicates("pool")
    of_pool = dict(zip(there["pool"].astype(str), there["place"].astype(str), strict=True))
    at = {pool: of_pool.get(pool, NOWHERE) for pool in pools.names}
    workload = run.scenario.get("workload") or {}
    home = next(iter(at.values()), NOWHERE)
    order = sorted(classes, key=lambda cls: list(workload).index(cls) if cls in workload else len(workload))
    origins = {cls: str((workload.get(cls) or {}).get("origin") or home) for cls in order}
    links = _links(run)
    names = list(dict.fromkeys(origins.values()))
    for place in names:  # it grows while it is read: whatever is next along the links
        ends = [link.between for link in links if place in link.between]
        names += dict.fromkeys(end for pair in ends for end in pair if end not in names)
    names += dict.fromkeys(place for place in at.values() if place not in names)
    return Places(tuple(names), origins, at, tuple(link for link in links if {*link.between} <= {*names}))


def _links(run: Measured) -> list[Link]:
    """The scenario's links, with the ledger's bytes and joules per measured query."""
    ledger, n = run.tables.ledger, max(len(run.queries), 1)
    mine = ledger[ledger["window"].to_numpy(bool) & (ledger["kind"] == "link").to_numpy(bool)]
    names = mine["name"].astype(str)
    specs: Mapping[str, Any] = run.scenario.get("links") or {}
    found = []
    for name, spec in specs.items():
        parts = [mine[(names == f"{name}-{way}").to_numpy(bool)] for way in WAYS]
        up, down, _ = (float(part["bytes"].sum()) / n for part in parts)
        energy_j = float(pd.concat(parts)["energy_j"].sum(skipna=False)) / n
        first, second = (str(end) for end in spec["between"])
        found.append(Link(str(name), (first, second), up, down, energy_j))
    return found
