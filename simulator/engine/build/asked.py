"""The queries of a replication as policies may know them before any answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simulator.engine.build.knowledge import Knowledge
from simulator.learning.core import Encoder, Estimator, Floats, Items
from simulator.policies.setting import Ints, Label
from simulator.spec.errors import near
from simulator.workload.quality import QualityTable
from simulator.workload.traffic import World


@dataclass(frozen=True)
class AskedOf:
    """`policies.setting.Asked` of one replication."""

    knowledge: Knowledge
    world: World

    @property
    def prompt_tok(self) -> Ints:
        """Tokens of the prompts."""
        return self.world.prompt_tok

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks of all classes."""
        tables = [cls.table for cls in self.knowledge.classes]
        return tuple(dict.fromkeys(task for table in tables if table is not None for task in table.tasks))

    @cached_property
    def task(self) -> Ints:
        """Index into `tasks`."""
        found = np.full(len(self.world), -1)
        for rows, table, item in self._by_class():
            found[rows] = np.array([self.tasks.index(task) for task in table.tasks])[table.task[item]]
        return found

    def quality(self, estimator: Estimator) -> Floats:
        """Expected scores."""
        return self._told(lambda cls: self.knowledge.estimated(cls, estimator, "score"))

    def labelled(self, estimator: Estimator, label: Label) -> Floats:
        """Expected labels."""

        def of_items(cls: int) -> Floats:
            table = self.knowledge.classes[cls].table
            assert table is not None
            key = (cls, repr(estimator), repr(label))
            return self.knowledge.fitted(  # type: ignore[no-any-return]
                key, lambda: self.knowledge.labelled(cls, estimator, label, Items.of(table))
            )

        return self._told(of_items)

    def output_tok(self, estimator: Estimator) -> Floats:
        """Expected lengths: as the table's, or as the class's own on the mean."""
        found = self._told(lambda cls: self.knowledge.estimated(cls, estimator, "output_tok"))
        own = self.world.output_tok.mean() if len(self.world) else 1.0
        for number, cls in enumerate(self.knowledge.classes):
            rows = np.flatnonzero(self.world.cls == number)
            for pool, lengths in enumerate(cls.plan.output_tok):
                if lengths is None or cls.table is None:
                    found[rows, pool] = own
        return found

    def features(self, encoder: Encoder) -> Floats:
        """Features, 0 where a class has no table. ValueError where tables give different numbers of them."""
        parts = [
            (np.flatnonzero(self.world.cls == number), self.knowledge.encoded(number, encoder))
            for number, cls in enumerate(self.knowledge.classes)
            if cls.table is not None
        ]
        widths = {encoded.shape[1] for _, encoded in parts}
        if len(widths) > 1:
            raise ValueError(f"classes with different tables have different features, {sorted(widths)} of them")
        found = np.zeros((len(self.world), max(widths, default=0)))
        for rows, features in parts:
            found[rows] = features[self.world.item[rows]]
        return found

    def prompts(self) -> Sequence[str]:
        """Texts of the prompts; empty where there is none."""
        texts = [""] * len(self.world)
        for rows, table, item in self._by_class():
            if table.prompts is not None:
                for row, i in zip(rows.tolist(), item.tolist(), strict=True):
                    texts[row] = table.prompts[i]
        return texts

    def recorded(self, name: str) -> Floats:
        """A score that tables record of each item. ValueError where one does not."""
        found = np.full(len(self.world), np.nan)
        for rows, table, item in self._by_class():
            if name not in table.recorded:
                raise ValueError(f"table {table.name!r} records no {near(name, table.recorded)}")
            found[rows] = table.recorded[name][item]
        return found

    def usd(self, output_tok: Floats) -> Floats:
        """Dollars of calls."""
        return self._priced(output_tok)[0]

    def energy_j(self, output_tok: Floats) -> Floats:
        """Joules of calls."""
        return self._priced(output_tok)[1]

    def time_s(self, output_tok: Floats) -> Floats:
        """Seconds of calls."""
        return self._priced(output_tok)[2]

    def _priced(self, output_tok: Floats) -> list[Floats]:
        spec = self.knowledge.scenario.spec.workload
        cached = np.array([cls.cached_prompt_frac for cls in spec.values()])[self.world.cls]
        prompt_tok = self.world.prompt_tok.astype(np.float64)
        prices = self.knowledge.prices
        priced = [prices.of(pool, prompt_tok, output_tok[:, pool], cached) for pool in range(len(prices.pools))]
        found = [np.stack(matrix, axis=1) for matrix in zip(*priced, strict=True)]
        for cls in range(len(self.knowledge.classes)):
            for pool in range(len(prices.pools)):
                if (usd := self.knowledge.recorded_usd(cls, pool)) is not None:
                    found[0][self.world.cls == cls, pool] = usd
                if (energy_j := self.knowledge.recorded_energy_j(cls, pool)) is not None:
                    found[1][self.world.cls == cls, pool] = energy_j
        return found

    def _told(self, of_items: Callable[[int], Floats]) -> Floats:
        """A matrix over items, of each class, as one over queries."""
        parts = [
            (np.flatnonzero(self.world.cls == number), of_items(number))
            for number, cls in enumerate(self.knowledge.classes)
            if cls.table is not None
        ]
        found = np.full((len(self.world), parts[0][1].shape[1]), np.nan)  # what learns needs a table
        for rows, by_item in parts:
            found[rows] = by_item[self.world.item[rows]]
        return found

    def _by_class(self) -> list[tuple[NDArray[np.intp], QualityTable, NDArray[np.int32]]]:
        """Of each class with a table: its rows, the table, and their items."""
        found = []
        for number, cls in enumerate(self.knowledge.classes):
            rows = np.flatnonzero(self.world.cls == number)
            if cls.table is not None:
                found.append((rows, cls.table, self.world.item[rows]))
        return found
