"""Step cost from a measured grid."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple

from simulator.physics import work
from simulator.physics.power import power_evidence
from simulator.physics.split import Split
from simulator.physics.step import FOREVER, GIVEN, Meter, Spans
from simulator.physics.values import Device, Model, weakest
from simulator.spec.profiles import Evidence

Row = tuple[float, ...]


_NEVER = 1e15  # tokens of context that no sequence has


class Cell(NamedTuple):
    """A line over contexts: `value_s` at `start`, rising by `slope_s` a token, until `end`."""

    start: float
    value_s: float
    slope_s: float
    end: float


class OutsideGrid(ValueError):  # noqa: N818
    """A batch that was not measured, where `outside` is `error`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Times of passes measured over a grid, bilinear in between.

    `decode_s[i][j]` is the time of a pass of `decode_seqs[i]` sequences that each have `context_tok[j]` tokens of
    context (their mean is used); `prefill_s[k]` that of a pass of `chunk_tok[k]` prompt tokens from their beginning,
    to which `past_tok_s` is added for each token prefilled before. A mixed pass takes the sum of both, so its
    overhead and weights count twice: errs high. Outside the grid: an error, or the line of the last cell carried on
    (never falling); below the first point of an axis, the time at that point.
    """

    device: Device = field(metadata=GIVEN)
    model: Model = field(metadata=GIVEN)
    tensor_parallel: int = field(default=1, metadata=GIVEN)
    pipeline_parallel: int = field(default=1, metadata=GIVEN)
    expert_parallel: int = field(default=1, metadata=GIVEN)
    weights: str | None = field(default=None, metadata=GIVEN)
    max_batched_tok: int = field(default=2048, metadata=GIVEN)
    max_seqs: int = field(default=64, metadata=GIVEN)

    decode_seqs: Row
    """Axis of `decode_s`: sequences that decode, rising."""
    context_tok: Row
    """Axis of `decode_s`: tokens of context of each, rising."""
    decode_s: tuple[Row, ...]
    """A row for each number of sequences, a time for each context."""
    chunk_tok: Row
    """Axis of `prefill_s`: prompt tokens, rising."""
    prefill_s: Row
    """A time for each number of prompt tokens."""
    past_tok_s: float = 0.0
    """Added for each token of the prompt that was prefilled before."""
    outside: Literal["error", "extrapolate"] = "error"
    """What to do outside the grid: refuse, or carry the last cell's line on."""
    evidence: Evidence = "measured"
    """How the numbers are known."""

    _cells: list[list[Cell]] = field(init=False, repr=False, compare=False)
    _prefill_s: list[float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("decode_seqs", "context_tok", "chunk_tok"):
            axis: Row = getattr(self, name)
            if len(axis) < 2 or any(a >= b for a, b in pairwise(axis)):
                raise ValueError(f"{name} must be two or more numbers, rising")
        if len(self.decode_s) != len(self.decode_seqs) or any(
            len(row) != len(self.context_tok) for row in self.decode_s
        ):
            raise ValueError("decode_s must have a row for each of decode_seqs with a time for each of context_tok")
        if len(self.prefill_s) != len(self.chunk_tok):
            raise ValueError("prefill_s must have a time for each of chunk_tok")
        if any(
            not 0 < time_s < float("inf") for time_s in (*self.prefill_s, *(t for row in self.decode_s for t in row))
        ):
            raise ValueError("times must be numbers > 0")
        for axis_name, axis, limit in (
            ("decode_seqs", self.decode_seqs, self.max_seqs),
            ("chunk_tok", self.chunk_tok, self.max_batched_tok),
        ):
            if self.outside == "error" and axis[-1] < limit:
                raise OutsideGrid(
                    f"{axis_name} ends at {axis[-1]:g}, but a pass may have {limit}: 'outside: extrapolate'?"
                )
        columns = list(zip(*self.decode_s, strict=True))
        rows = ([_at(self.decode_seqs, column, float(n)) for column in columns] for n in range(self.max_seqs + 1))
        prefill_s = [_at(self.chunk_tok, self.prefill_s, float(n)) for n in range(self.max_batched_tok + 1)]
        object.__setattr__(self, "_cells", [self._row_cells(row) for row in rows])
        object.__setattr__(self, "_prefill_s", prefill_s)

    def pace(
        self, decode_seqs: int, context_tok: int, chunk_tok: int, chunk_past_tok: int, chunk_pairs: float
    ) -> tuple[float, float, int]:
        """Pace of passes that start with this batch; it holds until the mean context leaves its cell of the grid."""
        first_s, growth_s, passes = 0.0, 0.0, FOREVER
        if decode_seqs:
            mean = context_tok / decode_seqs
            start, value_s, slope_s, end = self._cells[decode_seqs][bisect_right(self.context_tok, mean)]
            if mean > end:
                raise OutsideGrid(f"context_tok ends at {end:g}, but {decode_seqs} sequences have {mean:.0f} each")
            first_s, growth_s, passes = value_s + slope_s * (mean - start), slope_s, int(end - mean) + 1
        if chunk_tok:
            first_s += self._prefill_s[chunk_tok] + self.past_tok_s * chunk_past_tok
            growth_s += self.past_tok_s * chunk_tok
        return first_s, growth_s, passes

    def meter(self, spans: Spans) -> Meter:
        """Energy above idle, FLOPs and bytes of spans."""
        split = Split(self.tensor_parallel, self.pipeline_parallel, self.expert_parallel)
        return work.meter(self.device, self.model, split, self.weights or self.model.weights, spans)

    @property
    def time_evidence(self) -> Evidence:
        """As stated; assumed where the grid is carried on beyond its ends."""
        return self.evidence if self.outside == "error" else "assumed"

    @property
    def energy_evidence(self) -> Evidence:
        """The weaker of the grid's and the power curve's."""
        return weakest([self.time_evidence, power_evidence(self.device)])

    def _row_cells(self, row: Sequence[float]) -> list[Cell]:
        """The cells of one number of sequences: below the grid, in it, and from its last point on."""
        grid = self.context_tok
        slopes = [(t1 - t0) / (c1 - c0) for (c0, c1), (t0, t1) in zip(pairwise(grid), pairwise(row), strict=True)]
        inside = [Cell(*cell) for cell in zip(grid, row, slopes, grid[1:], strict=False)]
        carried_on = self.outside == "extrapolate"
        beyond = Cell(grid[-1], row[-1], max(slopes[-1], 0.0), _NEVER if carried_on else grid[-1])
        return [Cell(grid[0], row[0], 0.0, grid[0]), *inside, beyond]


def _at(axis: Sequence[float], times_s: Sequence[float], x: float) -> float:
    """The time at `x` on a line through points: flat before the first, carried on but never falling after the last."""
    if x <= axis[0]:
        return times_s[0]
    cell = min(bisect_right(axis, x), len(axis) - 1) - 1
    slope = (times_s[cell + 1] - times_s[cell]) / (axis[cell + 1] - axis[cell])
    if x > axis[-1]:
        return times_s[-1] + max(slope, 0.0) * (x - axis[-1])
    return times_s[cell] + slope * (x - axis[cell])
