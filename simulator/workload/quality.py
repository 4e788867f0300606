"""Quality tables as the engine reads them: items x models, rows taken whole. Sources of tables stand beside this file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class QualityTable:
    """Measured (or drawn) outcomes of every model on every item. Matrices are (items, models), NaN where not measured.

    `score` is 0/1 for right or wrong, or a score in [0, 1]; `confidence` may be -inf (never accept) or +inf (always);
    `output_tok`, `prompt_tok`, `latency_s`, `cost_usd` are those of the answer call as recorded. `task` indexes `tasks`;
    `group` (items, models) marks equal answers, -1 unknown. `evidence` is measured | fitted | assumed.
    """

    name: str
    models: tuple[str, ...]
    items: tuple[str, ...]
    tasks: tuple[str, ...]
    task: NDArray[np.int32]
    score: Floats
    confidence: Floats
    output_tok: Floats
    prompt_tok: Floats
    latency_s: Floats
    cost_usd: Floats
    evidence: str
    source: str
    dropped_items: int = 0

    def __len__(self) -> int:
        return len(self.items)
