"""What was learned of the tables of a scenario, and the train split, priced at the fleet."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from simulator.engine.build.classes import BuiltClass, train_table
from simulator.engine.build.prices import Prices
from simulator.learning.cache import encoded, told
from simulator.learning.core import Encoder, Encodings, Estimator, Floats, Items, Lesson, Unlearnable
from simulator.learning.gap import answers_of
from simulator.policies.setting import Label, Train
from simulator.spec.load import Scenario
from simulator.workload.quality import QualityTable


@dataclass(frozen=True)
class Knowledge:
    """All that the policies of a scenario may know; tables are read and estimators fitted when first asked for."""

    scenario: Scenario
    classes: tuple[BuiltClass, ...]
    prices: Prices
    _kept: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    def fitted(self, key: Hashable, fit: Callable[[], Any]) -> Any:
        """`fit()`, once."""
        if key not in self._kept:
            self._kept[key] = fit()
        return self._kept[key]

    def train_of(self, cls: int) -> QualityTable | None:
        """The train split of a class's table, of the fleet's models."""
        return self.fitted(("train", cls), lambda: train_table(self.scenario, self.classes[cls]))  # type: ignore[no-any-return]

    def recorded_usd(self, cls: int, pool: int) -> float | None:
        """The mean price of a class's calls at a pool that bills what was recorded; None at any other.

        Of train items, where some are kept apart: what test items cost is not known before.
        """
        built = self.prices.pools[pool]
        table = self._known_before(cls) if built.hosted is not None and built.spec.price == "recorded" else None
        return None if table is None else float(np.nanmean(table.cost_usd[:, self.classes[cls].columns[pool]]))

    def recorded_energy_j(self, cls: int, pool: int) -> float | None:
        """The mean joules of a class's calls at a pool that draws what was recorded; None at any other."""
        built, column = self.prices.pools[pool], self.classes[cls].columns[pool]
        table = self._known_before(cls) if built.hosted is not None and built.spec.energy == "recorded" else None
        if table is None:
            return None
        assert table.energy_j_per_tok is not None
        return float(np.nanmean(table.energy_j_per_tok[:, column] * table.output_tok[:, column]))

    def _known_before(self, cls: int) -> QualityTable | None:
        table = self.classes[cls].table
        return (self.train_of(cls) or table) if table is not None and table.has_test else table

    def lesson(self, cls: int, measure: str) -> Lesson:
        """The train split of a class's table, to learn `measure` from; of all measures, encoders learn once."""
        train, seed = self.train_of(cls), self.scenario.spec.seed
        assert train is not None
        encodings: Encodings = self.fitted(("encodings", cls), lambda: Encodings(Items.of(train), seed))
        samples = None if train.samples is None else getattr(train.samples, measure, None)
        return Lesson(encodings.items, getattr(train, measure), seed, train.models, samples, encodings)

    @contextmanager
    def _learning(self, cls: int) -> Iterator[None]:
        """Says where a table lacks what would be learned from."""
        try:
            yield
        except Unlearnable as error:
            where = ("workload", self.classes[cls].plan.facts.name, "items")
            raise self.scenario.error(where, f"policy {self.scenario.spec.policy.use!r} learns, and {error}") from None

    def estimated(self, cls: int, estimator: Estimator, measure: str) -> Floats:
        """What the estimator says of every item of a class's table, (items, pools). SpecError where it cannot."""

        def fit() -> Floats:
            built = self.classes[cls]
            assert built.table is not None
            with self._learning(cls):
                return told(estimator, self.lesson(cls, measure), Items.of(built.table))[:, list(built.columns)]

        return self.fitted((cls, repr(estimator), measure), fit)  # type: ignore[no-any-return]

    def labelled(self, cls: int, estimator: Estimator, label: Label, items: Items) -> Floats:
        """The label that the estimator expects of `items`, (items, labels), by the train split of a class's table."""
        lesson, columns = self.lesson(cls, "score"), list(self.classes[cls].columns)
        labels = label.of(answers_of(lesson)[:, columns])
        with self._learning(cls):
            return told(estimator, replace(lesson, target=labels, models=(), samples=None), items)

    def encoded(self, cls: int, encoder: Encoder) -> Floats:
        """Features of every item of a class's table, (items, d). SpecError where there are none of the kind."""

        def learn() -> Floats:
            table = self.classes[cls].table
            assert table is not None
            with self._learning(cls):
                return encoded(encoder, self.lesson(cls, "score"), Items.of(table))

        return self.fitted((cls, repr(encoder)), learn)  # type: ignore[no-any-return]

    @cached_property
    def train(self) -> Train:
        """The train items of all classes, each table once. SpecError where a class's table has none."""
        parts: list[Train] = []
        seen: set[str] = set()
        for number, cls in enumerate(self.classes):
            table = self.train_of(number)
            if table is not None and table.name not in seen:
                seen.add(table.name)
                parts.append(self._measured(number, cls, table))
        if not parts:
            raise self.scenario.error(
                "policy", "it learns from a quality table's train split, and no class has 'items'"
            )
        tasks = tuple(dict.fromkeys(task for part in parts for task in part.tasks))
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in MATRICES}
        task = np.concatenate([np.array([tasks.index(name) for name in part.tasks])[part.task] for part in parts])

        def quality(estimator: Estimator) -> Floats:
            return np.concatenate([part.quality(estimator) for part in parts])

        def labelled(estimator: Estimator, label: Label) -> Floats:
            return np.concatenate([part.labelled(estimator, label) for part in parts])

        def expected_cost(estimator: Estimator) -> tuple[Floats, Floats, Floats]:
            usd, energy_j, time_s = zip(*(part.expected_cost(estimator) for part in parts), strict=True)
            return np.concatenate(usd), np.concatenate(energy_j), np.concatenate(time_s)

        return Train(**joined, task=task, tasks=tasks, quality=quality, labelled=labelled, expected_cost=expected_cost)

    def _measured(self, number: int, cls: BuiltClass, table: QualityTable) -> Train:
        """A class's train items at the fleet's pools."""
        columns = list(cls.columns)
        spec = self.scenario.spec.workload[cls.plan.facts.name]
        items = Items.of(table)
        typical = cls.mean_lengths_tok(self.scenario.spec.seed)
        prompt_tok = np.where(np.isnan(items.prompt_tok) | cls.has_own_lengths, typical[0], items.prompt_tok)

        def priced(output_tok: Floats) -> tuple[Floats, Floats, Floats]:
            of_pools = (
                self.prices.of(pool, prompt_tok, output_tok[:, pool], spec.cached_prompt_frac)
                for pool in range(len(columns))
            )
            usd, energy_j, time_s = (np.stack(matrix, axis=1) for matrix in zip(*of_pools, strict=True))
            return usd, energy_j, time_s

        def lengths(of_table: Floats) -> Floats:
            own = [given is None for given in cls.plan.output_tok]
            return np.where(own, typical[1], of_table[:, columns])

        output_tok = lengths(table.output_tok)
        usd, energy_j, time_s = priced(output_tok)
        for pool, built in enumerate(self.prices.pools):
            if built.hosted is not None and built.spec.price == "recorded":
                usd[:, pool] = table.cost_usd[:, columns[pool]]
            if built.hosted is not None and built.spec.latency == "recorded":
                time_s[:, pool] = table.latency_s[:, columns[pool]]
            if built.hosted is not None and built.spec.energy == "recorded":
                assert table.energy_j_per_tok is not None
                energy_j[:, pool] = table.energy_j_per_tok[:, columns[pool]] * output_tok[:, pool]

        def expected_cost(estimator: Estimator) -> tuple[Floats, Floats, Floats]:
            key = (number, repr(estimator), "train", "output_tok")
            found = priced(lengths(self.fitted(key, lambda: told(estimator, self.lesson(number, "output_tok"), items))))
            for pool in range(len(columns)):
                if (recorded := self.recorded_usd(number, pool)) is not None:
                    found[0][:, pool] = recorded
                if (recorded := self.recorded_energy_j(number, pool)) is not None:
                    found[1][:, pool] = recorded
            return found

        def quality(estimator: Estimator) -> Floats:
            def fit() -> Floats:
                with self._learning(number):
                    return told(estimator, self.lesson(number, "score"), items)

            return self.fitted((number, repr(estimator), "train"), fit)[:, columns]  # type: ignore[no-any-return]

        def labelled(estimator: Estimator, label: Label) -> Floats:
            key = (number, repr(estimator), repr(label), "train")
            return self.fitted(key, lambda: self.labelled(number, estimator, label, items))  # type: ignore[no-any-return]

        return Train(
            score=table.score[:, columns],
            confidence=table.confidence[:, columns],
            output_tok=output_tok,
            usd=usd,
            energy_j=energy_j,
            time_s=time_s,
            prompt_tok=np.rint(prompt_tok).astype(np.int64),
            task=table.task.astype(np.int64),
            tasks=table.tasks,
            quality=quality,
            labelled=labelled,
            expected_cost=expected_cost,
        )


MATRICES = ("score", "confidence", "output_tok", "usd", "energy_j", "time_s", "prompt_tok")
