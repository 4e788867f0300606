"""What arrives: one representation for open loops, traces, users with think time and sessions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Traffic:
    """Rows of one class, in the order of their keys; every column is (n,) or None where the source has nothing to say.

    A row either arrives at `arrive_s` or, where that is NaN, `wait_s` seconds after the answer to the row that names it
    in `next_row` (-1: none follows). `prompt_tok` of a row that follows is the whole prompt if `grows` is False (the
    trace's own), else only its new tokens: the engine adds the prompt and the answer really given before it. `due_s`,
    never decreasing, is where rows stand among those of other classes (None: `arrive_s`): a session's rows at its
    start, a user's at its turn. `finite` says that the source has no more rows than these.
    """

    arrive_s: Floats
    prompt_tok: Ints | None = None
    output_tok: Ints | None = None
    next_row: Ints | None = None
    wait_s: Floats | None = None
    session: Ints | None = None  # sessions and users: whose row it is
    turn: Ints | None = None
    due_s: Floats | None = None
    grows: bool = False
    finite: bool = False

    def __len__(self) -> int:
        return len(self.arrive_s)


@dataclass(frozen=True)
class Demand:
    """How much is asked of a source: the first `queries` rows, or all that may arrive before `until_s`; one of both."""

    queries: int | None = None
    until_s: float | None = None


class Streams(Protocol):
    """Named generators of one replication: the same name gives a fresh generator at the same place."""

    def __call__(self, name: str) -> np.random.Generator:
        """A fresh generator of this name."""
        ...


class Arrivals(Protocol):
    """When queries come. `draw` is stable: a larger demand begins with the rows of a smaller one."""

    def draw(self, demand: Demand, streams: Streams) -> Traffic:
        """Rows of the class that these arrivals belong to."""
        ...


class Lengths(Protocol):
    """How long prompts and answers are."""

    def draw(self, n: int, streams: Streams) -> tuple[Ints, Ints]:
        """Prompt and output tokens of n rows, each >= 1; the first rows do not depend on n."""
        ...


@dataclass(frozen=True)
class World:
    """All that a replication's queries are, before any policy is asked; row index = query id. Columns are (n,).

    `cls` indexes `classes`; `item` indexes the class's quality table (-1: none); `arrive_s` is NaN in rows that follow
    another row's answer; `session` counts within the class (-1: none); `prompt_tok`, `next_row`, `wait_s`, `grows` as
    in `Traffic` (`next_row` shifted to world rows).
    """

    classes: tuple[str, ...]
    cls: NDArray[np.int32]
    arrive_s: Floats
    prompt_tok: Ints
    output_tok: Ints
    item: NDArray[np.int32]
    session: Ints
    turn: NDArray[np.int32]
    next_row: Ints
    wait_s: Floats
    grows: NDArray[np.bool_] = field(repr=False)

    def __len__(self) -> int:
        return len(self.arrive_s)
