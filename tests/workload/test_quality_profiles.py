"""The quality profiles that are shipped: each is read, and gives the means that its makers (or ours) published."""

import os
from pathlib import Path

import numpy as np
import pytest

from simulator.workload.patterns import PatternsProfile
from simulator.workload.read_quality import read_quality, read_quality_profile

PROFILES = Path(__file__).parents[2] / "profiles" / "quality"
PATHS = sorted(PROFILES.glob("*.yaml"))
needs_data = pytest.mark.skipif("MULTILLM_DATA" not in os.environ, reason="MULTILLM_DATA is not set: no public tables")

# Items (of all splits, or test), and mean scores, as published or computed from the same files by another program.
MEANS = {
    "llama5-mmlu": ("test", 1531, {"llama-3.2-1b": 0.4246, "llama-3.2-3b": 0.5722, "llama-3.1-405b": 0.8517}),
    "llama5-medmcqa": ("test", 1000, {"llama-3.2-1b": 0.3450, "llama-3.1-70b": 0.7260}),
    "llama5-triviaqa": ("test", 1000, {"llama-3.2-3b": 0.6330, "llama-3.1-405b": 0.9490}),
    "llama5-truthfulqa": ("test", 517, {"llama-3.2-3b": 0.4333, "llama-3.1-405b": 0.6925}),
    "llama5-gsm8k": ("train", 300, {"llama-3.2-1b": 0.59, "llama-3.1-70b": 0.9767}),
    "routellm-mmlu": ("all", 14037, {"mixtral-8x7b": 0.6809, "gpt-4-1106": 0.8059}),
    "routellm-gsm8k": ("all", 1307, {"mixtral-8x7b": 0.6373, "gpt-4-1106": 0.8577}),
    "routerbench-0shot": ("all", 3150, {"gpt-4-1106": 0.8794, "yi-34b": 0.7730, "mistral-7b": 0.5844}),
    "mmlu-pro-29": ("all", 12032, {"llama-3.1-70b": 0.6280, "llama-3.1-8b": 0.4417, "phi-3-mini-4k-instruct": 0.4148}),
}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_profile_is_a_good_one_with_a_source(path):
    profile = read_quality_profile(path)
    assert profile.title
    assert all(len(source.ref) > 20 for source in profile.sources)
    if isinstance(profile, PatternsProfile):
        assert len(read_quality(path)) > 500


def test_every_public_table_is_held_against_published_means():
    assert {path.stem for path in PATHS if "patterns" not in path.stem} == set(MEANS)


@needs_data
@pytest.mark.parametrize("name", MEANS)
def test_a_public_table_has_the_published_means(name):
    split, items, means = MEANS[name]
    table = read_quality(PROFILES / f"{name}.yaml", models=list(means), split=split)
    assert len(table) == items
    np.testing.assert_allclose(table.score.mean(axis=0), list(means.values()), atol=5e-5)


@needs_data
def test_routerbench_has_its_published_prices():
    table = read_quality(PROFILES / "routerbench-0shot.yaml", models=["gpt-4-1106", "mistral-7b"], split="all")
    np.testing.assert_allclose(table.cost_usd.mean(axis=0), [0.005015, 0.000081], rtol=0.005)


@needs_data
def test_items_that_a_model_did_not_answer_are_dropped_and_counted():
    path = PROFILES / "mmlu-pro-29.yaml"
    table = read_quality(path, ["llama-3.1-8b", "deepseek-coder-v2"], split="all", missing="drop-item")
    assert (len(table), table.dropped_items) == (10351, 12032 - 10351)


@needs_data
def test_a_table_without_a_split_is_halved_within_every_task():
    halves = [read_quality(PROFILES / "routellm-mmlu.yaml", split=split) for split in ("train", "test")]
    assert not set(halves[0].items) & set(halves[1].items)
    assert sum(map(len, halves)) == 14037
    for task in range(len(halves[0].tasks)):
        train, test = ((half.task == task).sum() for half in halves)
        assert abs(train - test) <= 1 + 0.1 * train  # prompts are halved; duplicates weigh more
