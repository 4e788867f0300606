"""What a sweep varies: which dotted keys of a scenario, and through which values."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from simulator.spec.base import Count, Spec

Values = Annotated[tuple[Any, ...], Field(min_length=1)]
Key = str  # dotted; one that means nothing is told of when it is laid over the file


class RangeSpec(Spec):
    """From where to where a sampled key goes."""

    low: Annotated[float, Field(allow_inf_nan=False)]
    """The least value."""
    high: Annotated[float, Field(allow_inf_nan=False)]
    """The largest value."""
    scale: Literal["linear", "log"] = "linear"
    """log: as many points between 1 and 10 as between 10 and 100."""
    whole: bool = False
    """Whole numbers only, both ends included."""

    @model_validator(mode="after")
    def _rises(self) -> RangeSpec:
        if not self.low < self.high:
            raise ValueError(f"'low' must be below 'high', {self.high:g}, not {self.low:g}")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"a log scale needs 'low' above 0, not {self.low:g}")
        if self.whole and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError(f"whole numbers go from one to another, not from {self.low:g} to {self.high:g}")
        return self


class SampleSpec(Spec):
    """Points spread evenly over several ranges at once, where a grid would be too many."""

    use: Literal["sobol", "lhs"] = "sobol"
    """sobol: a low-discrepancy sequence, any count (powers of two are best); lhs: a Latin hypercube."""
    points: Count
    """How many."""
    over: Annotated[dict[Key, RangeSpec], Field(min_length=1)]
    """Ranges by key."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the draw of points."""


class SweepSpec(Spec):
    """Points of a sweep: every row of `list` with every row of `zip`, every cell of `grid` and every one of `sample`.

    Keys are dotted, as for `--set`: `fleet.edge.replicas`.
    """

    grid: dict[Key, Values] = Field(default_factory=dict)
    """Values of each key, all combinations."""
    zip: dict[Key, Values] = Field(default_factory=dict)
    """Values of several keys that go together: the first of each, the second of each, ..."""
    list: tuple[Annotated[dict[Key, Any], Field(min_length=1)], ...] = ()
    """Points one by one."""
    sample: SampleSpec | None = None
    """Points spread over ranges."""

    @model_validator(mode="after")
    def _whole(self) -> SweepSpec:
        lengths = {key: len(values) for key, values in self.zip.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{key} has {length}" for key, length in lengths.items())
            raise ValueError(f"'zip' needs as many values of each key: {told}")
        sampled = self.sample.over if self.sample else {}
        listed = {key for row in self.list for key in row}
        parts = {"grid": set(self.grid), "zip": set(self.zip), "list": listed, "sample": set(sampled)}
        where: dict[str, str] = {}
        for part, keys in parts.items():
            for key in sorted(keys):
                if key in where:
                    raise ValueError(f"{key!r} is varied by {where[key]!r} and by {part!r}")
                where[key] = part
        if not where:
            raise ValueError("give one of 'grid', 'zip', 'list' and 'sample'")
        return self
