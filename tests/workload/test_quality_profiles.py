"""The quality profiles that are shipped: each is read, and gives the means that its makers (or ours) published."""

import os
from collections import Counter
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
    "hi-mmlu": ("test", 1531, {"llama-3.1-8b": 0.6336, "always-right": 1.0}),
    "routellm-mmlu": ("all", 14037, {"mixtral-8x7b": 0.6809, "gpt-4-1106": 0.8059}),
    "routellm-gsm8k": ("all", 1307, {"mixtral-8x7b": 0.6373, "gpt-4-1106": 0.8577}),
    "routerbench-0shot": ("all", 3150, {"gpt-4-1106": 0.8794, "yi-34b": 0.7730, "mistral-7b": 0.5844}),
    "mmlu-pro-29": ("all", 12032, {"llama-3.1-70b": 0.6280, "llama-3.1-8b": 0.4417, "phi-3-mini": 0.4148}),
    "routellm-mt-bench": ("all", 144, {"mixtral-8x7b": (8.281 - 1) / 9, "gpt-4-1106": (9.212 - 1) / 9}),
    "mot-date": ("all", 369, {"gpt-4": 0.8645, "gpt-4-cot2": 0.8889, "gpt-4-pot1": 0.8672, "gpt-4-pot2": 0.8808}),
    "llmrouter-9": ("test", 500, {"llama-3.1-nemotron-51b": 0.5626, "llama-3.1-8b": 0.5078, "mistral-7b": 0.2774}),
    "routerarena-2": ("all", 809, {"claude-3-haiku": 0.5234, "gemini-2.0-flash": 0.6901}),
}
# Accuracy and joules a token over the queries that a model was asked.
GREENSERV = {"gemma-3-27b": (0.7333, 3.94), "llama-3.1-8b": (0.6322, 0.81), "phi-4": (0.3662, 1.25)}
# Accuracy of the most frequent of 20 answers to each question, by prompt.
MAJORITY = {"": 0.6450, "-cot2": 0.6992, "-pot1": 0.8022, "-pot2": 0.7940}
ROUTERDC = {  # items and means of two of its tasks
    "gsm8k-test": (1319, {"metamath-mistral-7b": 0.6963, "dolphin-2.9-llama3-8b": 0.6981, "mistral-7b": 0.3671}),
    "mmlu_test": (4213, {"zephyr-7b-beta": 0.5497, "metamath-mistral-7b": 0.5124}),
}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_profile_is_a_good_one_with_a_source(path):
    profile = read_quality_profile(path)
    assert profile.title
    assert all(len(source.ref) > 20 for source in profile.sources)
    if isinstance(profile, PatternsProfile):
        assert len(read_quality(path)) > 500


def test_every_public_table_is_held_against_published_means():
    public = {path.stem for path in PATHS if "patterns" not in path.stem and path.stem != "greenserv-means"}
    assert public == set(MEANS) | {"greenserv", "routerdc-7"}


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


@needs_data
@pytest.mark.parametrize("model", GREENSERV)
def test_greenserv_has_the_published_accuracies_and_energies(model):
    table = read_quality(PROFILES / "greenserv.yaml", [model], split="all", missing="drop-item")
    assert table.energy_j_per_tok is not None
    assert table.score.mean() == pytest.approx(GREENSERV[model][0], abs=5e-5)
    assert np.mean(table.energy_j_per_tok) == pytest.approx(GREENSERV[model][1], abs=0.005)


@needs_data
@pytest.mark.parametrize("task", ROUTERDC)
def test_a_task_of_routerdc_has_the_published_means(task):
    items, means = ROUTERDC[task]
    table = read_quality(PROFILES / "routerdc-7.yaml", list(means), split="all")
    rows = table.task == table.tasks.index(task)
    assert rows.sum() == items
    np.testing.assert_allclose(table.score[rows].mean(axis=0), list(means.values()), atol=5e-5)


@needs_data
@pytest.mark.parametrize("prompt", MAJORITY)
def test_the_most_frequent_answer_to_a_date_question_is_as_often_right_as_published(prompt):
    table = read_quality(PROFILES / "mot-date.yaml", [f"gpt-3.5-turbo{prompt}"], split="all")
    assert table.samples is not None
    right = 0.0
    for group, score in zip(table.samples.group[:, 0], table.samples.score[:, 0], strict=True):
        if votes := Counter(group[group >= 0].tolist()):
            right += score[group == votes.most_common(1)[0][0]][0]  # the first of those that are as frequent
    assert right / len(table) == pytest.approx(MAJORITY[prompt], abs=5e-5)


@needs_data
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_public_table_has_a_prompt_for_every_item(path):
    if "patterns" in path.stem or path.stem in ("greenserv", "greenserv-means", "hi-mmlu"):
        pytest.skip("no prompts there")
    table = read_quality(path, ["llama-3.1-8b"] if path.stem == "mmlu-pro-29" else None, split="all")
    assert table.prompts is not None
    assert all(prompt.strip() for prompt in table.prompts)


@needs_data
def test_confidences_that_are_means_of_log_probabilities_can_be_summed():
    summed = read_quality(PROFILES / "llama5-medmcqa.yaml")
    np.testing.assert_allclose(summed.signals["sum"], summed.confidence * summed.output_tok)
    assert "sum" not in read_quality(PROFILES / "llama5-triviaqa.yaml").signals
