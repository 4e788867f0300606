"""What a query is about, as its table says: the feature that simple routers gain most from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.learning.core import Encode, Floats, Items


@dataclass(frozen=True)
class Task:
    """One column for each task of the train items, 1 where the query has it; all 0 for a task not among them."""

    def learn(self, items: Items, seed: int) -> Encode:
        """The tasks that there are."""
        known = items.tasks

        def encode(items: Items) -> Floats:
            columns: Floats = np.array([[float(task == name) for name in known] for task in items.tasks])
            return columns[items.task]

        return encode
