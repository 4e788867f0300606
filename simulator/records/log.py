"""The columnar log: what the engine appends rows to while time passes."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Log:
    """Rows of numbers, append-only, kept as doubles in blocks: 8 bytes a value.

    `append(row)` keeps a flat row, one number for each column. `dtypes` names the columns, in the order of a row's
    values, and says what `columns` gives them as. Whole numbers are exact up to 2**53.
    """

    __slots__ = ("_blocks", "_flat", "append", "dtypes")

    def __init__(self, dtypes: Mapping[str, DTypeLike]) -> None:
        self.dtypes = dict(dtypes)
        self._blocks: list[array[float]] = []
        self._flat: list[float] = []  # a list takes a row six times as fast as an array: rows gather here first
        self.append: Callable[[tuple[float, ...]], None] = self._flat.extend

    def __len__(self) -> int:
        return (sum(map(len, self._blocks)) + len(self._flat)) // len(self.dtypes)

    def settle(self) -> None:
        """Pack the rows that have gathered into a block; call it every few thousand rows."""
        if self._flat:
            self._blocks.append(array("d", self._flat))
            self._flat.clear()

    def columns(self) -> dict[str, NDArray[np.generic]]:
        """The columns so far, each (rows,) of its own dtype."""
        self.settle()
        rows, width = len(self), len(self.dtypes)
        assert sum(map(len, self._blocks)) == rows * width, f"a row without {width} values: {list(self.dtypes)}"
        columns = {name: np.empty(rows, dtype) for name, dtype in self.dtypes.items()}
        start = 0
        for block in self._blocks:
            table = np.frombuffer(block).reshape(-1, width)
            for column, values in zip(columns.values(), table.T, strict=True):
                column[start : start + len(table)] = values
            start += len(table)
        return columns
