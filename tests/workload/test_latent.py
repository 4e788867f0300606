"""Outcomes drawn from abilities and difficulties."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm, spearmanr

from simulator.workload.latent import ease_of
from simulator.workload.read_quality import files_of, read_quality

PROFILE = """name: guess
kind: latent
models: {small: 0.6, large: 0.85}
items: 20000
sources: [{kind: assumed, ref: nothing was measured}]
"""


def drawn(folder: Path, extra: str = "", split: str = "test"):
    (folder / "guess.yaml").write_text(PROFILE + extra)
    return read_quality(folder / "guess.yaml", split=split)


@given(accuracy=st.floats(0.01, 0.99), spread=st.floats(0.01, 20))
def test_ability_gives_the_accuracy_asked_for(accuracy, spread):
    ease = ease_of(accuracy, spread)
    mean, _ = quad(lambda d: norm.pdf(d) / (1 + np.exp(spread * d - ease)), -8, 8, points=[ease / spread], limit=200)
    assert mean == pytest.approx(accuracy, abs=2e-3)


def test_models_are_as_accurate_as_said_and_right_together(tmp_path):
    table = drawn(tmp_path)
    small, large = table.score.T
    assert small.mean() == pytest.approx(0.6, abs=4 * (0.24 / 20000) ** 0.5)
    assert large.mean() == pytest.approx(0.85, abs=4 * (0.1275 / 20000) ** 0.5)
    assert (small * large).mean() > 0.6 * 0.85 + 0.02


def test_without_noise_all_confidences_say_the_same_of_an_item(tmp_path):
    table = drawn(tmp_path, "noise: 0\n")
    assert spearmanr(*table.confidence.T).statistic == pytest.approx(1)
    assert (table.confidence[:, 0] < table.confidence[:, 1]).all()


def test_without_noise_confidence_is_the_chance_to_be_right(tmp_path):
    table = drawn(tmp_path, "noise: 0\n")
    sure, right = table.confidence[:, 0], table.score[:, 0]
    for low in np.arange(0, 1, 0.1):
        inside = (sure >= low) & (sure < low + 0.1)
        assert right[inside].mean() == pytest.approx(sure[inside].mean(), abs=4 * (0.25 / inside.sum()) ** 0.5)


def test_more_noise_tells_less(tmp_path):
    found = []
    for noise in (0, 1, 4):
        table = drawn(tmp_path, f"noise: {noise}\n")
        right = table.score[:, 0] == 1
        found.append(spearmanr(table.confidence[:, 0], right).statistic)
    assert found[0] > found[1] + 0.02 > found[2] + 0.04 > 0.04


def test_train_and_test_are_other_items_of_one_world(tmp_path):
    train, test = drawn(tmp_path, split="train"), drawn(tmp_path)
    assert len(train) == len(test) == 20000
    assert not set(train.items) & set(test.items)
    assert (train.confidence != test.confidence).any()
    np.testing.assert_array_equal(test.confidence, drawn(tmp_path).confidence)
    assert (drawn(tmp_path, "seed: 1\n").confidence != test.confidence).any()


def test_it_is_always_assumed_and_knows_no_lengths(tmp_path):
    table = drawn(tmp_path)
    assert table.evidence == "assumed"
    assert not table.has("output_tok", "small")
    assert table.has_confidence("small")
    assert files_of(tmp_path / "guess.yaml") == (tmp_path / "guess.yaml",)
