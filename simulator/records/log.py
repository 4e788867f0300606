"""The columnar log: what the engine appends rows to while time passes."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Log:
    """Rows of numbers, append-only, kept as doubles: 8 bytes a value.

    `append(row)` takes a row, one number for each column. `dtypes` names the columns, in the order of a row's values,
    and says what `columns` gives them as. Whole numbers are exact up to 2**53.
    """

    __slots__ = ("_fresh", "_kept", "append", "dtypes")

    def __init__(self, dtypes: Mapping[str, DTypeLike]) -> None:
        self.dtypes = dict(dtypes)
        self._kept = array("d")
        self._fresh: list[float] = []  # a list takes a row six times as fast as an array: rows gather here first
        self.append: Callable[[tuple[float, ...]], None] = self._fresh.extend

    def __len__(self) -> int:
        return (len(self._kept) + len(self._fresh)) // len(self.dtypes)

    def settle(self) -> None:
        """Pack the rows that have gathered; call it often enough that they still lie in the processor's cache."""
        if self._fresh:
            self._kept.fromlist(self._fresh)
            self._fresh.clear()

    def columns(self) -> dict[str, NDArray[np.generic]]:
        """The columns so far, each (rows,) of its own dtype."""
        self.settle()
        width = len(self.dtypes)
        assert len(self._kept) % width == 0, f"a row without {width} values: {list(self.dtypes)}"
        table = np.array(self._kept, dtype=np.float64) if not self._kept else np.frombuffer(self._kept)
        rows = table.reshape(-1, width)
        return {name: rows[:, i].astype(dtype) for i, (name, dtype) in enumerate(self.dtypes.items())}
