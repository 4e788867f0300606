"""Parts that only tests know, for `use: spec_dummies:Class`."""

from __future__ import annotations

from dataclasses import InitVar, dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from simulator.spec.parts import PolicyPart
from simulator.spec.refs import DataFile, PoolName


@dataclass(frozen=True)
class Inner:
    a: int
    b: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Everything:
    """A policy with arguments of many types."""

    first: PoolName
    limits: float | dict[PoolName, float]
    mode: Literal["fast", "slow"] = "fast"
    """How fast."""
    share: Annotated[float, Field(ge=0, le=1)] = 0.5
    names: tuple[str, ...] = ("a",)
    inner: Inner | None = None
    hidden: InitVar[int] = 3
    made: int = field(init=False, default=0)

    def __post_init__(self, hidden: int) -> None:
        if self.share == 0.25:
            raise ValueError("a quarter will not do")

    def decide(self, query: Any, view: Any) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class Wrapped:
    """A policy around a policy."""

    inner: PolicyPart

    def decide(self, query: Any, view: Any) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class FromFile:
    """Arrivals from a file."""

    file: DataFile

    def draw(self, demand: Any, streams: Any) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class Given:
    """A step model that gets its device from elsewhere."""

    device: object = field(metadata={"given": True})
    per_tok_s: float = 1.0

    def pace(self, *args: Any) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class NoPolicy:
    x: int = 0


class NotData:
    def decide(self, query: Any, view: Any) -> Any:
        raise NotImplementedError
