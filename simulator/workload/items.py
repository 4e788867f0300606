"""Which item of a quality table each query asks: drawn by the class, apart from time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from simulator.workload.traffic import Ints, Streams


@dataclass(frozen=True)
class ItemDraw:
    """Draws from `items`, row indices of a quality table.

    `each-once` takes them in random order, and in another one when all were asked: means are then the table's.
    `with-replacement` takes any of them each time. With `shares`, each query first draws its task by these weights,
    then an item of it; `task` (items,) says whose each item is, as index into `shares`.
    """

    items: Ints
    order: Literal["each-once", "with-replacement"]
    task: Ints | None = None
    shares: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        assert len(self.items), "no items"
        assert (self.task is None) == (self.shares is None), "task and shares go together"
        for task, share in enumerate(self.shares or ()):
            assert share == 0 or np.any(self.task == task), f"task {task} has a share, but no items"

    def draw(self, n: int, streams: Streams) -> NDArray[np.int32]:
        """Items of n queries, (n,); the first do not depend on n."""
        if self.shares is None or self.task is None:
            return self._of(self.items, n, streams("items"))
        weights = np.cumsum(self.shares)
        tasks = np.searchsorted(weights, weights[-1] * streams("tasks").random(n), side="right")
        drawn = np.empty(n, dtype=np.int32)
        for task in np.unique(tasks):
            rows = np.flatnonzero(tasks == task)
            drawn[rows] = self._of(self.items[self.task == task], len(rows), streams(f"items/{task}"))
        return drawn

    def _of(self, items: Ints, n: int, generator: np.random.Generator) -> NDArray[np.int32]:
        if self.order == "with-replacement":
            return items[generator.integers(0, len(items), n)].astype(np.int32)
        rounds = [generator.permutation(items) for _ in range(-(-n // len(items)))]
        return np.concatenate(rounds or [items])[:n].astype(np.int32)
