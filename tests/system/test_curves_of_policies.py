"""A whole curve at once is what a replay at each of its thresholds says; what cannot be varied is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from system_world import Scenario, chat, items, own, scenario, write_yaml

from simulator.engine.build import build
from simulator.replaying import replay
from simulator.replaying.bar import Bar, bar
from simulator.replaying.ends import Ies
from simulator.replaying.loaded import loaded_curve
from simulator.replaying.sweep import Named, curve
from simulator.replaying.vary import Over, Question
from simulator.spec.errors import SpecError

FLEET = {"small": own(place="home"), "large": own("large", place="site"), "api": {"hosted": "api", "place": "site"}}
POLICIES: dict[str, tuple[Scenario, str]] = {
    "cascade": ({"use": "cascade", "order": ["small", "large"], "accept": 0.5}, "policy.accept"),
    "cascade by pool": (
        {"use": "cascade", "order": ["small", "api"], "accept": {"small": 0.5}, "verifier": "judge"},
        "policy.accept.small",
    ),
    "threshold on length": (
        {"use": "threshold", "weak": "small", "strong": "api", "threshold": 40},
        "policy.threshold",
    ),
    "threshold on task": (
        {"use": "threshold", "weak": "small", "strong": "large", "threshold": 0.5, "task_scores": {"sums": 0.9}},
        "policy.threshold",
    ),
}


def asked(policy: Scenario, folder: Path, judges: Scenario | None = None, **more: object) -> Question:
    """The question of a scenario, with queries far apart."""
    made = scenario(
        policy,
        FLEET,
        workload={"chat": chat(origin="home", items=items(), arrivals={"use": "constant", "rate_per_s": 0.01})},
        links={"line": {"between": ["home", "site"], "profile": "wire", "sharing": "per_user"}},
        verifiers=judges or {"judge": {"time_s": 0.05}},
        **more,
    )
    path = folder / f"{made['name']}.yaml"
    write_yaml(path, made)
    return Question(str(path))


@pytest.mark.parametrize("name", POLICIES)
def test_all_thresholds_at_once_are_a_replay_each(name: str, folder: Path):
    policy, key = POLICIES[name]
    question = asked(policy, folder)
    found = curve(
        question, Over(key), Named("small", policy["order"][-1] if "order" in policy else policy["strong"]), 20
    )
    assert found.is_whole
    gap = [found.singles.set_index("pool")["accuracy"][end] for end in (found.ends.weak, found.ends.strong)]
    if gap[0] < gap[1]:
        np.testing.assert_allclose(found.points["pgr"] * (gap[1] - gap[0]) + gap[0], found.points["accuracy"])
    for point in found.points.itertuples():
        queries = replay(build(question.load(Over(key).override(point.value)))).queries
        assert point.accuracy == pytest.approx(queries["score"].fillna(0).mean())
        assert point.cost_usd == pytest.approx(queries["cost_usd"].mean())
        assert point.energy_j == pytest.approx(queries["energy_j"].mean())
        assert point.e2e_s == pytest.approx(queries["e2e_s"].mean())
        assert point.calls == pytest.approx(queries["calls"].mean())
        assert point.escalated_frac == pytest.approx(queries["escalated"].mean())


@pytest.mark.parametrize("name", POLICIES)
def test_between_two_thresholds_nothing_changes(name: str, folder: Path):
    """Every share that any threshold has is among the points."""
    policy, key = POLICIES[name]
    question = asked(policy, folder)
    found = curve(question, Over(key), Named(), 20)
    tried = curve(
        question, Over(key, tuple(np.linspace(-1.0, 200.0 if "length" in name else 2.0, 23).tolist())), Named(), 20
    )
    assert set(tried.points["calls"].round(9)) <= set(found.points["calls"].round(9))
    assert set(tried.points["accuracy"].round(9)) <= set(found.points["accuracy"].round(9))


def test_the_efficiency_of_a_point_is_that_of_its_queries(folder: Path):
    question = asked({"use": "cascade", "order": ["small", "large"], "accept": 0.5}, folder)
    ies = Ies(alpha=0.7, weights={"energy_j": 0.5, "flop": 0.25, "memory_byte_s": 0.25})
    found = curve(question, Over.of("policy.accept=0.3,0.9"), Named("small", "large", None, ies), 20)
    assert found.ends.efficiency.responsive.of_s == pytest.approx(found.singles.set_index("pool")["e2e_s"]["large"])
    for point in found.points.itertuples():
        queries = replay(build(question.load(Over("policy.accept").override(point.value)))).queries
        costs = {name: queries[name].to_numpy(float) for name in ("energy_j", "flop", "memory_byte_s")}
        by_query = found.ends.efficiency.score(
            queries["score"].to_numpy(float), queries["e2e_s"].to_numpy(float), costs
        )
        assert point.ies == pytest.approx(by_query["mean_of_ratios"].value)
        assert point.ies_of_means == pytest.approx(by_query["ratio_of_means"].value)


def test_curves_under_no_load_are_those_without(folder: Path):
    question = asked(POLICIES["cascade"][0], folder)
    over = Over.of("policy.accept=0.2,0.8")
    idle, run = curve(question, over, resamples=20), loaded_curve(question, over, resamples=20, jobs=1)
    for name in ("accuracy", "calls", "escalated_frac", "strong_share", "coverage"):
        np.testing.assert_allclose(idle.points[name], run.points[name], err_msg=name)
    np.testing.assert_allclose(idle.points["e2e_s"], run.points["e2e_s"], rtol=0.01)
    assert (idle.ends, list(run.points["verdict"])) == (run.ends, ["STABLE", "STABLE"])
    assert run.points["cost_usd"].min() > idle.points["cost_usd"].max()  # machines are paid for while they rest, too


def test_the_cheapest_pool_is_weak_and_the_most_accurate_strong(folder: Path):
    question = asked(POLICIES["cascade"][0], folder)
    found = curve(question, Over.of("policy.accept=0:1:2"), resamples=20)
    singles = found.singles.set_index("pool")
    assert found.ends.weak == singles["cost_usd"].idxmin()
    assert singles["accuracy"][found.ends.strong] == singles["accuracy"].max()
    named = curve(question, Over.of("policy.accept=0:1:2"), Named("large", "api", "energy_j"), 20)
    assert (named.ends.weak, named.ends.strong, named.ends.currency) == ("large", "api", "energy_j")


def test_cascades_of_three_have_quantiles_of_all_that_is_compared(folder: Path):
    system = build(asked({"use": "cascade", "order": ["small", "large", "api"], "accept": 0.5}, folder).load())
    known = bar(system, system.world(0), "policy.accept")
    assert known is not None
    assert not known.two_pools
    values = known.quantiles(5)
    assert list(values) == sorted(values)
    assert 5 <= len(values) <= 6
    assert values[0] <= known.scores.min()
    assert values[-1] > known.scores.max()


@pytest.mark.parametrize(
    ("over", "error"),
    [
        ("policy.accept=", "write it as KEY"),
        ("policy.accept=0:1:one", "is not a:b:n"),
        ("policy.accept=0:1:1", "is not a:b:n"),
        ("policy.acept=0:1:3", "did you mean 'accept'"),
        ("fleet.small.max_seqs", "nobody knows which values"),
        ("policy.accept.small", "did you mean policy.accept?"),
        ("policy.accept=high,low", "policy.accept"),
    ],
)
def test_what_cannot_be_varied_is_told(over: str, error: str, folder: Path):
    with pytest.raises(SpecError, match=error.replace("?", r"\?")):
        curve(asked(POLICIES["cascade"][0], folder), Over.of(over), resamples=20)


def test_votes_are_no_scores(folder: Path):
    judge = {"judge": {"pool": "large", "right": 0.9, "wrong": 0.2}}
    policy = {"use": "cascade", "order": ["small", "api"], "accept": 0.5, "verifier": "judge"}
    question = asked(policy, folder, judges=judge)
    found = curve(question, Over("policy.accept"), resamples=20)
    assert not found.is_whole
    assert found.points["escalated_frac"].nunique() == 2  # a vote is 0 or 1


def test_another_key_than_the_policys_builds_the_system_again(folder: Path):
    over = Over.of("fleet.small.usd_per_h=1,4")
    found = curve(asked({"use": "always", "pool": "small"}, folder), over, resamples=20).points
    assert found["cost_usd"][1] == pytest.approx(4 * found["cost_usd"][0])
    assert found["e2e_s"][1] == found["e2e_s"][0]


scores = st.lists(
    st.sampled_from((-np.inf, -2.5, -0.1 - 0.2, -0.3, 0.0, 1e-9, 0.1 + 0.2, 0.3, 7.0, np.inf)), min_size=1, max_size=9
).map(np.array)


@given(scores, st.booleans())
def test_a_threshold_between_two_scores_tells_them_apart(made: np.ndarray, below: bool):
    known = Bar("policy.accept", made, below, True)
    distinct = np.unique(known.order)
    for j in range(len(distinct) + 1):
        value = known.between(distinct, j)
        wanted = known.order < distinct[j] if j < len(distinct) else np.ones(len(made), bool)
        if value is None:
            continue
        assert np.isfinite(value)
        assert float(repr(value)) == value
        found = made < value if below else made >= value
        np.testing.assert_array_equal(found, wanted)


@given(scores, st.booleans())
def test_only_infinite_scores_are_out_of_reach(made: np.ndarray, below: bool):
    known = Bar("policy.accept", made, below, True)
    distinct = np.unique(known.order)
    missing = [j for j in range(len(distinct) + 1) if known.between(distinct, j) is None]
    expected = ([0] if np.isneginf(distinct[0]) else []) + ([len(distinct)] if np.isposinf(distinct[-1]) else [])
    assert missing == expected
