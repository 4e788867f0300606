"""Classes of the workload: what they ask, and what the quality tables say of the fleet's models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.engine.build.built import Built
from simulator.engine.plan import ClassPlan, Column, SamplesPlan
from simulator.policies.core import ClassFacts
from simulator.spec.errors import SpecError, near
from simulator.spec.load import Scenario
from simulator.spec.scenario import ItemsSpec
from simulator.workload.closed import Users
from simulator.workload.items import ItemDraw
from simulator.workload.lengths import Fixed
from simulator.workload.quality import QualityTable, Samples
from simulator.workload.read_quality import read_quality
from simulator.workload.streams import NamedStreams, below
from simulator.workload.traffic import Demand, World
from simulator.workload.world import ClassTraffic

TYPICAL = 2000  # queries whose mean lengths stand for a class


@dataclass(frozen=True)
class BuiltClass:
    """A class with its table; `columns[pool]` is the table's column of that pool's model (-1: no table)."""

    plan: ClassPlan
    traffic: ClassTraffic
    table: QualityTable | None
    columns: tuple[int, ...]
    has_own_lengths: bool  # else prompts are as long as the table's, for the first pool's model

    def mean_lengths_tok(self, seed: int) -> tuple[float, float]:
        """Mean prompt and output tokens of the class's own lengths, over some that no replication sees."""
        streams = NamedStreams(seed, 0, f"{self.plan.facts.name}/typical")
        if self.traffic.lengths is not None:
            prompt_tok, output_tok = self.traffic.lengths.draw(TYPICAL, below(streams, "lengths"))
        else:
            traffic = self.traffic.arrivals.draw(Demand(queries=TYPICAL), below(streams, "arrivals"))
            assert traffic.prompt_tok is not None
            assert traffic.output_tok is not None
            prompt_tok, output_tok = traffic.prompt_tok, traffic.output_tok
        return float(np.mean(prompt_tok)), float(np.mean(output_tok))

    def filled(self, world: World, number: int) -> World:
        """The world with the table's prompt lengths in this class's rows, where the class has none of its own."""
        if self.has_own_lengths or self.table is None:
            return world
        rows = np.flatnonzero(world.cls == number)
        prompts = world.prompt_tok.copy()
        prompts[rows] = self.table.prompt_tok[world.item[rows], self.columns[0]].astype(prompts.dtype)
        return replace(world, prompt_tok=prompts)


def classes(scenario: Scenario, pools: Sequence[Built]) -> list[BuiltClass]:
    """All classes, in the order of the file. SpecError where a table lacks what the scenario asks of it."""
    return [_class(scenario, name, pools) for name in scenario.spec.workload]


def _class(scenario: Scenario, name: str, pools: Sequence[Built]) -> BuiltClass:
    spec = scenario.spec.workload[name]
    table, columns = _table(scenario, name, spec.items, pools)
    arrivals = spec.arrivals.make()
    lengths = None if spec.lengths is None else spec.lengths.make()
    brings = arrivals.draw(Demand(queries=1), NamedStreams(0, 0, name)).prompt_tok is not None
    has_lengths = lengths is not None or brings
    from_table = table is not None and spec.items is not None and spec.items.output_tok == "table"
    if not has_lengths and not from_table:
        raise scenario.error(("workload", name), "give 'lengths': the arrivals bring none, and no table does")
    plan = ClassPlan(
        facts=ClassFacts(
            name, spec.origin, spec.priority, spec.deadline_s, spec.sensitivity, spec.modality, spec.prefix
        ),
        tasks=() if table is None else [table.tasks[task] for task in table.task.tolist()],
        confidence=tuple(_column(table.confidence if table else None, column) for column in columns),
        score=tuple(_column(table.score if table else None, column) for column in columns),
        output_tok=tuple(_lengths(table.output_tok, column) if from_table and table else None for column in columns),
        prompt_tok=tuple(_lengths(table.prompt_tok, column) if from_table and table else None for column in columns),
        latency_s=tuple(_column(table.latency_s if table else None, column) for column in columns),
        group=_groups(table, columns),
        samples=_samples(table, columns, from_table),
        timeout_s=spec.timeout_s,
        call_timeout_s=spec.call_timeout_s,
        abandon_s=spec.abandon_s,
        at_once=spec.show == "at-once",
        bytes_per_tok=spec.bytes_per_tok,
        payload_bytes=spec.payload_bytes,
        ends_with_failure=not isinstance(arrivals, Users),
    )
    if from_table:
        _check_lengths(scenario, name, plan, pools, has_lengths)
    traffic = ClassTraffic(
        arrivals,
        lengths if has_lengths else Fixed(1, 1),
        None if table is None else _draw(scenario, name, table),
        spec.next_prompt,
    )
    return BuiltClass(plan, traffic, table, columns, has_lengths)


def _table(
    scenario: Scenario, name: str, items: ItemsSpec | None, pools: Sequence[Built]
) -> tuple[QualityTable | None, tuple[int, ...]]:
    """The class's table of the fleet's models, and each pool's column in it."""
    if items is None:
        return None, tuple(-1 for _ in pools)
    where = ("workload", name, "items")
    models = [items.models.get(pool.model, pool.model) for pool in pools]
    for model in items.models:
        if model not in {pool.model for pool in pools}:
            raise scenario.error(
                (*where, "models", model), near(model, [pool.model for pool in pools], " in the fleet")
            )
    path = scenario.library.path("quality", items.table)
    table = read_quality(path, models, items.split, items.missing)
    if items.confidence not in ("confidence", *table.signals):
        signals = ["confidence", *table.signals]
        raise scenario.error((*where, "confidence"), near(items.confidence, signals, " among the table's signals"))
    table = table.with_confidence(items.confidence)
    columns = tuple(table.column(model) for model in models)
    for pool, column in zip(pools, columns, strict=True):
        spec = pool.spec
        for recorded, measure in (
            (spec.latency, "latency_s"),
            (spec.price, "cost_usd"),
            (spec.energy, "energy_j_per_tok"),
        ):
            if pool.hosted is not None and recorded == "recorded" and not table.has(measure, table.models[column]):
                raise scenario.error(
                    ("fleet", pool.plan.facts.name),
                    f"table {table.name!r} has no {measure} of {table.models[column]!r}",
                )
    return table, columns


def train_table(scenario: Scenario, cls: BuiltClass) -> QualityTable | None:
    """The train split of the class's table, of the same models. SpecError where no split is kept apart to be judged."""
    items = scenario.spec.workload[cls.plan.facts.name].items
    if cls.table is None or items is None:
        return None
    where = ("workload", cls.plan.facts.name, "items")
    if not cls.table.has_test:
        raise scenario.error(where, f"the policy learns, and table {cls.table.name!r} has no test split to judge it by")
    path = scenario.library.path("quality", items.table)
    try:
        return read_quality(path, cls.table.models, "train", items.missing)
    except SpecError as error:
        raise scenario.error(where, f"the policy learns from the train split: {error}") from None


def _column(matrix: NDArray[np.float64] | None, column: int) -> Column | None:
    """A column as a list, None where nothing of it was measured."""
    if matrix is None or np.isnan(matrix[:, column]).all():
        return None
    values: Column = matrix[:, column].tolist()
    return values


def _lengths(matrix: NDArray[np.float64], column: int) -> list[int] | None:
    """A column of whole tokens, at least one each; None where any was not measured."""
    values = matrix[:, column]
    if np.isnan(values).any():
        return None
    tokens: list[int] = np.maximum(np.rint(values), 1).astype(np.int64).tolist()
    return tokens


def _groups(table: QualityTable | None, columns: Sequence[int]) -> tuple[list[int] | None, ...]:
    """What marks equal answers, a list a pool; empty where the table does not say."""
    if table is None or table.group is None:
        return ()
    return tuple(table.group[:, column].tolist() for column in columns)


def _samples(table: QualityTable | None, columns: Sequence[int], lengths: bool) -> tuple[SamplesPlan | None, ...]:
    """Several answers of each pool's model; a sample without a length of its own is as long as the recorded answer."""
    if table is None or table.samples is None:
        return ()
    found = [_samples_of(table, table.samples, column, lengths) for column in columns]
    return tuple(found) if any(found) else ()


def _samples_of(table: QualityTable, samples: Samples, column: int, lengths: bool) -> SamplesPlan | None:
    score = samples.score[:, column]
    counts = np.where(np.isnan(score).any(axis=1), np.isnan(score).argmax(axis=1), score.shape[1]).tolist()
    if not any(counts):
        return None

    def recorded(matrix: NDArray[Any]) -> list[Any]:
        return [row[:count] for row, count in zip(matrix.tolist(), counts, strict=True)]

    output_tok = None
    if lengths:
        own = samples.output_tok[:, column]
        filled = np.where(np.isnan(own), table.output_tok[:, column, np.newaxis], own)
        output_tok = recorded(np.maximum(np.rint(filled), 1).astype(np.int64))
    confidence = None
    if samples.confidence is not None and not np.isnan(samples.confidence[:, column]).all():
        confidence = recorded(samples.confidence[:, column])
    return SamplesPlan(recorded(score), recorded(samples.group[:, column]), output_tok, confidence)


def _check_lengths(scenario: Scenario, name: str, plan: ClassPlan, pools: Sequence[Built], has_lengths: bool) -> None:
    for pool, outputs, prompts in zip(pools, plan.output_tok, plan.prompt_tok, strict=True):
        lacks = "output" if outputs is None else "prompt" if prompts is None and not has_lengths else None
        if lacks:
            raise scenario.error(
                ("workload", name, "items", "output_tok"),
                f"the table has no {lacks} lengths of {pool.model!r}: say 'output_tok: workload' and give 'lengths'",
            )


def _draw(scenario: Scenario, name: str, table: QualityTable) -> ItemDraw:
    items = scenario.spec.workload[name].items
    assert items is not None
    rows = np.arange(len(table))
    if items.tasks is None:
        return ItemDraw(rows, items.draw)
    for task in items.tasks:
        if task not in table.tasks:
            raise scenario.error(("workload", name, "items", "tasks", task), near(task, table.tasks, " in the table"))
    shares = tuple(items.tasks.get(task, 0.0) for task in table.tasks)
    return ItemDraw(rows, items.draw, table.task.astype(np.int64), shares)
