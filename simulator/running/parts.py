"""Inside and outside the measured window: whose seconds are whose, and rows of the ledger."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.metrics.facts import Window

Floats = NDArray[np.float64]


class Part(NamedTuple):
    """Inside or outside the window: which part of the run it is, and its seconds."""

    window: bool
    pieces: tuple[tuple[float, float], ...]

    @property
    def time_s(self) -> float:
        """Its seconds."""
        return sum(end - start for start, end in self.pieces)

    def holds(self, at_s: Floats) -> NDArray[np.bool_]:
        """Which moments lie in this part: each moment in one, the last of all in the window."""
        held = np.zeros(at_s.shape, bool)
        for start, end in self.pieces:
            held |= (at_s >= start) & ((at_s < end) | (self.window & (at_s == end)))
        return held

    def overlap_s(self, start_s: Floats, end_s: Floats) -> Floats:
        """How many seconds of each interval lie in this part."""
        lies = [np.clip(np.minimum(end_s, end) - np.maximum(start_s, start), 0.0, None) for start, end in self.pieces]
        return np.sum(lies, axis=0) if lies else np.zeros_like(start_s)


def parts(window: Window, end_s: float) -> tuple[Part, Part]:
    """The window, and what lies before and after it."""
    start, stop = min(window.start_s, end_s), min(window.end_s, end_s)
    around = tuple(piece for piece in ((0.0, start), (stop, end_s)) if piece[1] > piece[0])
    return Part(True, ((start, stop),)), Part(False, around)


def row(part: Part, **values: Any) -> dict[str, Any]:
    """A row of the ledger: what is not given is none, or nothing."""
    empty = {
        "pool": None,
        "it_energy_j": 0.0,
        "energy_j": 0.0,
        "co2_g": 0.0,
        "cost_usd": 0.0,
        "flop": 0.0,
        "bytes": 0.0,
        "cost_evidence": values["evidence"],
    }
    return {"window": part.window, **empty, **values}
