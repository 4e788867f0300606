"""What a policy may know: the train split at the fleet's prices, and estimates of items it has not seen."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from policy_world import POOLS, SKILL, TASKS, own, rows, scenario, write_table, write_yaml

from simulator import build, load
from simulator.engine.build.asked import AskedOf
from simulator.engine.build.knowledge import Knowledge
from simulator.engine.build.prices import Prices
from simulator.engine.build.system import System
from simulator.learning.core import Items, Lesson, Predict
from simulator.learning.means import Mean, TaskMean
from simulator.learning.predict import predictions
from simulator.policies.routing_pair import Wins
from simulator.replaying import replay
from simulator.spec.errors import SpecError

ALWAYS = {"use": "always", "pool": "small"}
EXAM = {"arrivals": {"use": "poisson", "rate_per_s": 1.0}}


def system(folder: Path, **more: object) -> System:
    path = folder / "known.yaml"
    write_yaml(path, scenario(ALWAYS, **more))  # type: ignore[arg-type]
    return build(load(path))


def knowledge(system: System) -> Knowledge:
    prices = Prices(system.pools, {host.name: host for host in system.hosts})
    return Knowledge(system.scenario, system.classes, prices)


def test_the_train_split_is_priced_by_its_own_lengths(folder: Path) -> None:
    train = knowledge(system(folder)).train
    told = [row for row in rows() if row["split"] == "train"]
    assert len(train) == len(told)
    for column, model in enumerate(POOLS):
        usd = [1e-7 * 10**column * (row[f"in-{model}"] + 4 * row[f"out-{model}"]) for row in told]
        np.testing.assert_allclose(train.usd[:, column], usd)
        time_s = [0.1 * (1 + column) + (row[f"out-{model}"] - 1) * (1 + column) / 100 for row in told]
        np.testing.assert_allclose(train.time_s[:, column], time_s)
        assert train.score[:, column].tolist() == [row[f"score-{model}"] for row in told]
    assert [train.tasks[i] for i in train.task] == [row["task"] for row in told]


def test_a_query_is_told_of_by_the_train_items_of_its_task(folder: Path) -> None:
    made = system(folder)
    asked = AskedOf(knowledge(made), made.world(0))
    train = [row for row in rows() if row["split"] == "train"]
    quality = asked.quality(TaskMean())
    for query, task in enumerate(asked.task):
        expected = [np.mean([r[f"score-{m}"] for r in train if r["task"] == asked.tasks[task]]) for m in POOLS]
        np.testing.assert_allclose(quality[query], expected)
    np.testing.assert_allclose(asked.quality(Mean())[0], [np.mean([r[f"score-{m}"] for r in train]) for m in POOLS])
    assert abs(quality[:, 0].mean() - np.mean([SKILL["small"][task] for task in TASKS])) < 0.15


def test_lengths_of_ones_own_stand_for_those_of_the_table(folder: Path) -> None:
    exam = {
        "arrivals": {"use": "poisson", "rate_per_s": 1.0},
        "lengths": {"use": "fixed", "prompt_tok": 100, "output_tok": 7},
        "items": {"table": "exam", "output_tok": "workload"},
    }
    made = system(folder, workload={"exam": exam})
    known = knowledge(made)
    assert (known.train.output_tok == 7).all()
    assert (known.train.prompt_tok == 100).all()
    assert (AskedOf(known, made.world(0)).output_tok(Mean()) == 7).all()


@dataclass(frozen=True)
class Remembers:
    """Gives each item that it has learned its own target, and -1 to others."""

    def fit(self, lesson: Lesson) -> Predict:
        known = dict(zip(lesson.items.names, lesson.target, strict=True))
        return lambda items: np.array([known.get(name, np.full(lesson.target.shape[1], -1.0)) for name in items.names])


def test_no_item_is_told_of_by_what_was_learned_from_it(folder: Path) -> None:
    made = system(folder)
    known = knowledge(made)
    train = known.train_of(0)
    assert train is not None
    lesson = Lesson(Items.of(train), train.score, seed=1)
    assert (predictions(Remembers(), lesson, lesson.items) == -1).all()
    assert (known.train.quality(Remembers()) == -1).all()


def test_a_learner_is_refused_where_no_split_judges_it(folder: Path) -> None:
    write_yaml(folder / "known.yaml", scenario({"use": "carrot"}))
    told = (folder / "profiles" / "quality" / "exam.csv").read_text().replace(",test,", ",train,")
    profile = (folder / "profiles" / "quality" / "exam.yaml").read_text().replace('"exam', '"untested')
    (folder / "profiles" / "quality" / "untested.csv").write_text(told)
    (folder / "profiles" / "quality" / "untested.yaml").write_text(profile)
    with pytest.raises(SpecError, match="has no test split to judge it by"):
        build(load(folder / "known.yaml", ["workload.exam.items={table: untested, split: train}"]))
    lengths = "workload.exam.lengths={use: fixed, prompt_tok: 9, output_tok: 9}"
    with pytest.raises(SpecError, match="no class has 'items'"):
        build(load(folder / "known.yaml", ["workload.exam.items=~", lengths]))


def test_joules_that_nobody_knows_are_asked_for(folder: Path) -> None:
    fleet = {"small": {"hosted": "llama-3.1-8b-hosted", "model": "small"}, "large": own("llama-3.1-8b")}
    items = {"table": "exam", "models": {"llama-3.1-8b": "large"}}
    exam = {"arrivals": {"use": "poisson", "rate_per_s": 1.0}, "items": items}
    write_yaml(
        folder / "known.yaml", scenario({"use": "carrot", "currency": "energy"}, fleet=fleet, workload={"exam": exam})
    )
    made = build(load(folder / "known.yaml"))
    with pytest.raises(SpecError, match="nobody has said what energy a call at 'small' takes"):
        made.plan.policy(made.world(0), lambda stream, query, attempt: 0.5)


def test_labels_and_costs_are_learned_like_scores(folder: Path) -> None:
    made = system(folder)
    known = knowledge(made)
    asked = AskedOf(known, made.world(0))
    train = [row for row in rows() if row["split"] == "train"]
    beats = asked.labelled(TaskMean(), Wins(0, 2))[:, 0]
    for query, task in enumerate(asked.task):
        gaps = [r["score-large"] - r["score-small"] for r in train if r["task"] == asked.tasks[task]]
        assert beats[query] == pytest.approx(np.mean([(1 + gap) / 2 for gap in gaps]))
    unseen = known.train.labelled(TaskMean(), Wins(0, 2))[:, 0]
    assert np.corrcoef(unseen, [beats[asked.task == task][0] for task in known.train.task])[0, 1] > 0.9
    usd, energy_j, time_s = known.train.expected_cost(Mean())
    for expected, measured in zip(
        (usd, energy_j, time_s), (known.train.usd, known.train.energy_j, known.train.time_s), strict=True
    ):
        np.testing.assert_allclose(expected.mean(axis=0), measured.mean(axis=0), rtol=0.05)
        assert (expected.std(axis=0) < measured.std(axis=0)).all()


def test_a_pool_that_bills_as_recorded_is_expected_to_cost_what_train_items_did(folder: Path) -> None:
    told = rows()
    for number, row in enumerate(told):
        row |= {f"cost-{model}": (3 - column) * (1 + number % 5) / 100 for column, model in enumerate(POOLS)}
    write_table(folder / "profiles", "billed", told)
    profile = json.loads((folder / "profiles" / "quality" / "billed.yaml").read_text())
    profile["columns"]["cost_usd"] = "cost-{model}"
    write_yaml(folder / "profiles" / "quality" / "billed.yaml", profile)
    fleet = {pool: {"hosted": pool, "price": "recorded"} for pool in POOLS}
    made = system(folder, fleet=fleet, **{"workload": {"exam": {**EXAM, "items": {"table": "billed"}}}})
    known = knowledge(made)
    train = [row for row in told if row["split"] == "train"]
    means = [np.mean([row[f"cost-{model}"] for row in train]) for model in POOLS]
    asked = AskedOf(known, made.world(0))
    np.testing.assert_allclose(asked.usd(asked.output_tok(Mean())), np.tile(means, (len(asked.task), 1)))
    np.testing.assert_allclose(known.train.expected_cost(Mean())[0].mean(axis=0), means)
    np.testing.assert_allclose(known.train.usd, [[row[f"cost-{model}"] for model in POOLS] for row in train])


def test_the_oracle_pays_what_each_call_was_recorded_to_cost(folder: Path) -> None:
    told = rows()
    for number, row in enumerate(told):
        row |= {f"cost-{model}": (number * 7 + 5 * column) % 11 / 100 for column, model in enumerate(POOLS)}
    write_table(folder / "profiles", "bills", told)
    profile = json.loads((folder / "profiles" / "quality" / "bills.yaml").read_text())
    profile["columns"]["cost_usd"] = "cost-{model}"
    write_yaml(folder / "profiles" / "quality" / "bills.yaml", profile)
    fleet = {pool: {"hosted": pool, "price": "recorded"} for pool in POOLS}
    exam = {**EXAM, "items": {"table": "bills"}}
    write_yaml(folder / "known.yaml", scenario({"use": "oracle"}, fleet=fleet, workload={"exam": exam}))
    queries = replay(build(load(folder / "known.yaml"))).queries
    test = [row for row in told if row["split"] == "test"]
    for query in queries.itertuples():
        row = test[query.item]
        right = [model for model in POOLS if row[f"score-{model}"]] or POOLS
        assert query.cost_usd == pytest.approx(min(row[f"cost-{model}"] for model in right))
