"""Thresholds found on the train split: shares, budgets and accuracies are met there, and test is told beside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from policy_world import rows, scenario, write_table, write_yaml

from simulator.engine.build import build
from simulator.replaying import replay
from simulator.replaying.calibrate import calibrate
from simulator.replaying.sweep import Named
from simulator.replaying.vary import Over, Question
from simulator.spec.errors import SpecError

CASCADE = {"use": "cascade", "order": ["small", "large"], "accept": 0.5}
BY_LENGTH = {"use": "threshold", "weak": "small", "strong": "large", "threshold": 3}


def asked(policy: object, folder: Path, **more: object) -> Question:
    path = folder / "calibrated.yaml"
    write_yaml(path, scenario(policy, **more) | {"name": "calibrated"})
    return Question(str(path))


def of_train() -> list[dict[str, object]]:
    return [row for row in rows() if row["split"] == "train"]


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_the_strong_share_on_train_is_the_one_asked_for(share: float, folder: Path):
    found = calibrate(asked(CASCADE, folder), "strong_share", share)
    sure = np.array([float(row["sure-small"]) for row in of_train()])
    by_hand = (sure < float(found.value)).mean()
    assert found.train["strong_share"].value == pytest.approx(by_hand)
    possible = np.array([(sure < bar).mean() for bar in [*np.unique(sure), np.inf]])
    assert abs(by_hand - share) == pytest.approx(np.abs(possible - share).min())
    assert bool(found.note) == (abs(by_hand - share) > 0.5 / len(sure) + 1e-12)


def test_the_value_printed_gives_the_test_column(folder: Path):
    question = asked(CASCADE, folder)
    found = calibrate(question, "strong_share", 0.4)
    queries = replay(
        build(question.load(Over(found.key).override(found.value)))
    ).queries  # 120 items of test, once each
    assert found.test["accuracy"].value == pytest.approx(queries["score"].mean())
    assert found.test["cost_usd"].value == pytest.approx(queries["cost_usd"].mean())
    assert found.test["strong_share"].value == pytest.approx(queries["escalated"].mean())


def test_a_budget_is_kept_and_spent(folder: Path):
    whole = {share: calibrate(asked(CASCADE, folder), "strong_share", share) for share in (0.0, 0.5, 1.0)}
    usd = {share: found.train["cost_usd"].value for share, found in whole.items()}
    found = calibrate(asked(CASCADE, folder), "cost_usd", usd[0.5])
    assert found.train["cost_usd"].value <= usd[0.5] * (1 + 1e-9)
    assert found.train["accuracy"].value >= whole[0.5].train["accuracy"].value
    with pytest.raises(SpecError, match="the least that a query costs on train"):
        calibrate(asked(CASCADE, folder), "cost_usd", usd[0.0] / 2)


def test_an_accuracy_is_had_as_cheaply_as_can_be(folder: Path):
    mid = calibrate(asked(CASCADE, folder), "strong_share", 0.5).train
    found = calibrate(asked(CASCADE, folder), "accuracy", mid["accuracy"].value)
    assert found.train["accuracy"].value >= mid["accuracy"].value
    assert found.train["cost_usd"].value <= mid["cost_usd"].value * (1 + 1e-9)
    with pytest.raises(SpecError, match="the best on train is"):
        calibrate(asked(CASCADE, folder), "accuracy", 1.0)


def test_equal_scores_share_a_fate_and_it_is_told(folder: Path):
    told = [row | {"sure-small": round(float(row["sure-small"]) * 2) / 2} for row in rows()]
    write_table(folder / "profiles", "coarse", told)
    question = asked(
        CASCADE,
        folder,
        workload={"exam": {"arrivals": {"use": "constant", "rate_per_s": 1}, "items": {"table": "coarse"}}},
    )
    sure = np.array([row["sure-small"] for row in told if row["split"] == "train"])
    low, high = (sure < 0.5).mean(), (sure < 1.0).mean()
    found = calibrate(question, "strong_share", (low + high) / 2)
    assert f"{low:.4g} and {high:.4g}" in found.note
    assert found.train["strong_share"].value in (pytest.approx(low), pytest.approx(high))


def test_a_router_is_calibrated_on_what_it_compares(folder: Path):
    found = calibrate(asked(BY_LENGTH, folder), "strong_share", 0.3)
    length = np.array([float(row["in-small"]) for row in of_train()])
    assert found.train["strong_share"].value == pytest.approx((length >= float(found.value)).mean())


def test_other_policies_are_calibrated_over_values_that_are_given(folder: Path):
    policy = {"use": "cascade", "order": ["small", "middle", "large"], "accept": {"small": 0.5, "middle": 0.5}}
    found = calibrate(
        asked(policy, folder), "strong_share", 0.3, Over.of("policy.accept.middle=0:1:21"), Named(None, "large")
    )
    share = found.train["strong_share"].value
    assert share is not None
    with pytest.raises(SpecError, match="nobody knows the threshold of policy 'always'"):
        calibrate(asked({"use": "always", "pool": "small"}, folder), "strong_share", 0.3)


def test_a_table_without_a_test_split_cannot_judge(folder: Path):
    write_table(folder / "profiles", "all-train", [row | {"split": "train"} for row in rows()])
    items = {"table": "all-train", "split": "all"}
    question = asked(
        CASCADE, folder, workload={"exam": {"arrivals": {"use": "constant", "rate_per_s": 1}, "items": items}}
    )
    with pytest.raises(SpecError, match="test"):
        calibrate(question, "strong_share", 0.5)
