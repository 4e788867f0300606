"""Whole stories of a few queries: why each decision was taken, and what other pools would have answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite, nan
from typing import Any

NUMBERS = ("score", "confidence", "e2e_s", "cost_usd", "energy_j")


@dataclass(frozen=True)
class Decided:
    """A decision: when, what had happened (`seen`), what was decided (`did`), and why.

    `kind` is ask | wait | finish | drop; `pools` are those that were asked, once a call, or whose answer was taken.
    `why` is empty where the policy does not say.
    """

    at_s: float
    kind: str
    pools: tuple[str, ...]
    seen: str
    did: str
    why: str


@dataclass(frozen=True)
class Alternative:
    """What one call to `pool` would have come to in an empty fleet: no queue, no batch, links idle.

    `e2e_s` is from the query's arrival to the last token, joules are all that the call draws, with idle watts for as
    long as it runs. `failure` says why there would have been no answer. NaN is unknown.
    """

    pool: str
    model: str
    prompt_tok: int
    output_tok: int
    score: float
    confidence: float
    e2e_s: float
    cost_usd: float
    energy_j: float
    failure: str = ""


@dataclass(frozen=True)
class Story:
    """A query of the first replication, what kind of query it is, whether it is one of the slowest, and its story."""

    query: int
    kind: str
    is_slow: bool
    decisions: tuple[Decided, ...]
    alternatives: tuple[Alternative, ...]


@dataclass(frozen=True)
class Stories:
    """A sample of `shown`, out of `followed` queries that were chosen by chance before the run."""

    followed: int
    shown: tuple[Story, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it: NaN is null, infinities are text."""
        told = asdict(self)
        for story in told["shown"]:
            for other in story["alternatives"]:
                other |= {name: _told(other[name]) for name in NUMBERS}
        return told

    @staticmethod
    def from_dict(told: Mapping[str, Any]) -> Stories:
        """What `to_dict` made. KeyError, TypeError or ValueError where it did not."""
        return Stories(int(told["followed"]), tuple(_story(one) for one in told["shown"]))


def _story(told: Mapping[str, Any]) -> Story:
    decisions = tuple(Decided(**{**one, "pools": tuple(one["pools"])}) for one in told["decisions"])
    return Story(**{**told, "decisions": decisions, "alternatives": _alternatives(told["alternatives"])})


def _alternatives(told: Sequence[Mapping[str, Any]]) -> tuple[Alternative, ...]:
    return tuple(
        Alternative(**{**one, **{name: nan if one[name] is None else float(one[name]) for name in NUMBERS}})
        for one in told
    )


def _told(value: float) -> float | str | None:
    return value if isfinite(value) else None if value != value else str(value)
