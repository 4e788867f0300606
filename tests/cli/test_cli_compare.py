from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli_world import TINY, Shell
from scipy import stats

from simulator import read_result
from simulator.metrics.paired import differences, same_world

RANDOM = TINY.replace("use: constant", "use: poisson").replace(
    "{use: fixed, prompt_tok: 50, output_tok: 5}", "azure-conv-like"
)
RUN = ("--set", "run.queries=150", "--reps", "5")


@pytest.fixture
def world(shell: Shell) -> Shell:
    """The command line beside two scenarios: `b.yaml` has a slower machine."""
    Path("a.yaml").write_text(RANDOM.replace("name: tiny", "name: a"))
    Path("b.yaml").write_text(RANDOM.replace("name: tiny", "name: b").replace("device: l40s", "device: l4"))
    return shell


def kept(shell: Shell, scenario: str, folder: str, *more: str) -> Path:
    assert shell("run", scenario, "--out", folder, "--quiet", "--no-report", *RUN, *more).code == 0
    return Path(folder)


def told(shell: Shell, *args: str | Path) -> dict[str, dict[str, object]]:
    """Differences by metric, of two runs."""
    said = shell("compare", *args, "--json")
    assert said.code == 0, said.err
    (one,) = json.loads(said.out)["compared"]
    return {each["metric"]: each for each in one["metrics"]} | {"paired": one["paired"]}


def values(folder: Path, metric: str) -> list[float]:
    return [float(value) for value in read_result(folder).summary.metrics[metric].each if value is not None]


def test_in_one_world_differences_have_the_interval_of_paired_student_t(world: Shell) -> None:
    a, b = kept(world, "a.yaml", "one"), kept(world, "b.yaml", "two")
    found = told(world, a, b, "--metrics", "e2e_s.mean,ttft_s.p95")
    assert found["paired"] is True
    for metric in ("e2e_s.mean", "ttft_s.p95"):
        one, two = values(a, metric), values(b, metric)
        expected = stats.ttest_rel(two, one).confidence_interval(0.95)
        told_of = [found[metric][key] for key in ("diff", "ci_low", "ci_high")]
        assert told_of == pytest.approx([np.mean(two) - np.mean(one), expected.low, expected.high])


def test_in_different_worlds_differences_have_the_interval_of_welch(world: Shell) -> None:
    a, b = kept(world, "a.yaml", "one"), kept(world, "b.yaml", "two", "--seed", "12")
    found = told(world, a, b, "--metrics", "e2e_s.mean")
    assert found["paired"] is False
    one, two = values(a, "e2e_s.mean"), values(b, "e2e_s.mean")
    expected = stats.ttest_ind(two, one, equal_var=False).confidence_interval(0.95)
    assert [found["e2e_s.mean"][end] for end in ("ci_low", "ci_high")] == pytest.approx([expected.low, expected.high])
    assert "other queries, so independent and less sure" in world("compare", a, b).out


def test_common_random_numbers_narrow_the_interval_at_least_twofold(world: Shell) -> None:
    """How much sooner answers come where a second replica shares the work of one that decodes five at once."""
    two = ("--set", "fleet.one.replicas=2")
    a, b = read_result(kept(world, "b.yaml", "one")), read_result(kept(world, "b.yaml", "two", *two))
    other = read_result(kept(world, "b.yaml", "other", *two, "--seed", "99"))
    assert same_world(a, b)
    assert not same_world(a, other)
    for metric in ("e2e_s.mean", "output_tok_per_s"):
        (paired,), (apart,) = differences(a, b, [metric]), differences(a, other, [metric])
        assert None not in (paired.ci_low, paired.ci_high, apart.ci_low, apart.ci_high)
        assert (apart.ci_high - apart.ci_low) >= 2 * (paired.ci_high - paired.ci_low), metric  # type: ignore[operator]


def test_scenarios_are_run_with_the_seed_and_replications_of_the_first(world: Shell) -> None:
    Path("b.yaml").write_text(Path("b.yaml").read_text().replace("seed: 3", "seed: 4"))
    a = kept(world, "a.yaml", "one")
    found = told(world, a, "b.yaml", "--set", "run.queries=150", "--metrics", "e2e_s.mean")
    b = kept(world, "b.yaml", "two", "--seed", "3")
    assert found["paired"] is True
    assert found["e2e_s.mean"]["b"] == pytest.approx(np.mean(values(b, "e2e_s.mean")))


def test_words_say_what_is_clear_and_what_is_not(world: Shell) -> None:
    said = world("compare", "a.yaml", "b.yaml", *RUN)
    assert said.code == 0
    assert "b against a: the same queries, pair by pair" in said.out
    (times,) = [line for line in said.out.splitlines() if line.startswith("end-to-end time mean")]
    assert times.rstrip().endswith("clear: worse")  # an L4 is slower than an L40S
    said = world("compare", "a.yaml", "a.yaml", *RUN, "--metrics", "e2e_s.mean")
    assert "no clear difference" in said.out


def test_several_runs_are_each_compared_with_the_first(world: Shell) -> None:
    said = world("compare", "a.yaml", "b.yaml", "tiny.yaml", "--reps", "2", "--json")
    document = json.loads(said.out)
    assert (document["reference"], [one["name"] for one in document["compared"]]) == ("a", ["b", "tiny"])


def test_one_replication_is_not_enough_to_say(world: Shell) -> None:
    said = world("compare", "a.yaml", "b.yaml", "--reps", "1", "--metrics", "ttft_s.mean")
    assert "not known: no interval from one replication" in said.out


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["a.yaml", "b.yaml", "--metrics", "ttft"], "metric: no 'ttft'"),
        (["a.yaml", "nowhere.yaml"], "nowhere.yaml"),
        (["a.yaml", "."], ".: not a result folder"),
    ],
)
def test_mistakes_are_one_line(world: Shell, args: list[str], told: str) -> None:
    said = world("compare", *args)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert told in said.err


def test_one_run_is_nothing_to_compare(world: Shell) -> None:
    assert world("compare", "a.yaml").code == 2
