import numpy as np
import pandas as pd
import pytest
from made_run import mm1, queries_of

from simulator.metrics.verdict import growth, verdict
from simulator.metrics.window import mser, warmup_s, window


def judged(queries, end_s=None):
    """The verdict on one replication, after its own warm-up."""
    kept = window(queries, queries["arrived_s"].max() if end_s is None else end_s)
    return verdict([queries], [kept])[0]


def test_a_start_backlog_is_cut_and_the_mean_comes_near_theory():
    theory_s = 1 / (1 - 0.9)  # e2e of an M/M/1 with mean service 1 s
    raw, cut = [], []
    for seed in range(20):
        queries = mm1(0.9, 20_000, seed, backlog=500)
        raw.append(queries["e2e_s"].mean())
        cut.append(queries["e2e_s"][queries["arrived_s"] >= warmup_s(queries)].mean())
    assert np.mean(raw) > 1.5 * theory_s
    assert abs(np.mean(cut) - theory_s) < 4 * np.std(cut, ddof=1) / np.sqrt(len(cut))


def naive_mser(values):
    """The definition, one cut after the other."""
    means = [np.mean(values[i : i + 5]) for i in range(0, len(values) // 5 * 5, 5)]
    errors = [np.var(means[d:]) / (len(means) - d) for d in range(len(means) // 2 + 1)]
    best = int(np.argmin(errors))
    return None if best == len(means) // 2 else 5 * best


@pytest.mark.parametrize("seed", range(5))
def test_mser_is_its_definition(seed):
    rng = np.random.default_rng(seed)
    values = rng.exponential(size=503) + 20 * np.exp(-np.arange(503) / (10 + 20 * seed))
    assert mser(values) == naive_mser(values)


def test_a_step_is_cut_where_it_is():
    values = np.random.default_rng(0).normal(size=1000)
    values[:150] += 50
    assert 145 <= mser(values) <= 165


def test_a_series_without_a_steady_part_is_not_cut():
    assert mser(np.arange(1000.0)) is None
    queries = mm1(2.0, 2000, seed=1)
    assert warmup_s(queries) is None
    assert window(queries, 99.0) == (0.0, 99.0, False)


def test_a_warm_up_that_is_given_is_taken():
    assert window(mm1(2.0, 2000, seed=1), 99.0, given_s=12.0) == (12.0, 99.0, True)


def test_a_constant_or_short_or_empty_series_has_no_warm_up():
    assert mser(np.ones(1000)) == 0
    assert mser(np.array([9.0, 1.0])) == 0
    assert warmup_s(mm1(0.5, 10, seed=0).iloc[:0]) == 0.0


def test_a_queue_with_room_is_stable():
    assert sum(judged(mm1(0.7, 2000, seed)) == "STABLE" for seed in range(100)) >= 95


def test_a_queue_without_room_is_not():
    verdicts = [judged(mm1(1.3, 2000, seed)) for seed in range(100)]
    assert all(verdict in ("OVERLOADED", "BACKLOGGED") for verdict in verdicts)


def test_a_queue_that_grows_slowly_is_backlogged():
    n = 10_000
    arrived_s = np.arange(n) * 1.0
    delay_s = 5 + 0.03 * np.arange(n) + np.random.default_rng(0).normal(size=n)
    queries = queries_of(arrived_s, delay_s, np.ones(n))
    assert judged(queries) == "BACKLOGGED"


def test_growth_is_the_growth():
    arrived_s = np.arange(0, 1000, 0.01)
    queries = queries_of(arrived_s, 0.5 * arrived_s, np.ones(len(arrived_s)))
    # N(t) = 100 t - 100 (t - 1) / 1.5 once t > 1: a third of the arrivals stay
    assert growth(queries, 0.0).change == pytest.approx(100_000 / 3, rel=0.01)


def test_drops_are_no_completions():
    queries = mm1(0.7, 2000, seed=0)
    lost = np.arange(2000) % 5 == 0
    queries["fate"] = pd.Categorical(np.where(lost, "dropped", "finished"))
    queries.loc[lost, ["e2e_s", "ttft_s", "tpot_s", "queue_s"]] = np.nan
    assert judged(queries) == "OVERLOADED"
    queries["fate"] = queries["fate"].cat.rename_categories({"dropped": "abstained"})
    assert judged(queries) == "STABLE"


def test_a_batch_that_drains_is_told_as_one():
    queries = queries_of(np.zeros(500), np.arange(500.0), np.ones(500))
    told, why = verdict([queries], [window(queries, 500.0)])
    assert told == "STABLE"
    assert "at once" in why
    queries["fate"] = pd.Categorical(["unfinished"] * 400 + ["finished"] * 100)
    assert verdict([queries], [window(queries, 100.0)])[0] == "OVERLOADED"


def test_users_who_wait_for_their_answers_do_not_overload():
    n, users = 5000, 50  # always 50 in system: a new query comes when one ends
    rng = np.random.default_rng(3)
    ends_s = np.cumsum(rng.exponential(0.1, n))
    arrived_s = np.concatenate([np.zeros(users), ends_s[: n - users]])
    queries = queries_of(arrived_s, ends_s - arrived_s - 1e-3, np.full(n, 1e-3))
    assert judged(queries) == "STABLE"


def test_no_query_is_a_verdict_too():
    assert verdict([mm1(0.5, 10, seed=0).iloc[:0]], [window(mm1(0.5, 10, seed=0).iloc[:0], 1.0)])[0] == "STABLE"
