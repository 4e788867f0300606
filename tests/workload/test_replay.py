"""Zero-load replay, held against figures computed elsewhere and against one query at a time."""

import csv
import os
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.workload.quality import QualityTable
from simulator.workload.read_quality import read_quality
from simulator.workload.replay import replay_cascade

PROFILES = Path(__file__).parents[2] / "profiles" / "quality"
DATA = os.environ.get("MULTILLM_DATA")
needs_data = pytest.mark.skipif(DATA is None, reason="MULTILLM_DATA is not set: no public tables here")
table_of = cache(read_quality)


def table(score, confidence, cost_usd=None, latency_s=None) -> QualityTable:
    score, confidence = np.array(score, dtype=float), np.array(confidence, dtype=float)
    unknown = np.full(score.shape, np.nan)
    n, k = score.shape
    return QualityTable(
        name="small table",
        models=tuple("abcdef"[:k]),
        items=tuple(map(str, range(n))),
        tasks=("all",),
        task=np.zeros(n, dtype=np.int32),
        score=score,
        confidence=confidence,
        output_tok=unknown,
        prompt_tok=unknown,
        latency_s=unknown if latency_s is None else np.array(latency_s, dtype=float),
        cost_usd=unknown if cost_usd is None else np.array(cost_usd, dtype=float),
        evidence="measured",
        source="test",
    )


def golden() -> list[dict[str, str]]:
    """Cascades on five sets, computed from the same table by another program."""
    if DATA is None:
        return []
    with (Path(DATA) / "quality" / "golden_replay_llama5.csv").open() as file:
        return list(csv.DictReader(file))


@needs_data
def test_every_golden_cascade_is_replayed_exactly():
    rows = golden()
    assert len(rows) == 200
    for row in rows:
        chain = [model.replace("llama", "llama-") for model in row["chain"].split(">")]
        outcomes = table_of(PROFILES / f"llama5-{row['dataset']}.yaml", split=row["split"])
        got = replay_cascade(outcomes, chain, [float(row["tau"])] * (len(chain) - 1))
        answered = [float(share) for share in row["answered_share"].split("|")]
        expected = {
            name: float(row[name]) for name in row if name not in ("dataset", "split", "chain", "answered_share")
        }
        found = {
            "n": len(outcomes),
            "tau": expected["tau"],
            "accuracy": got.score.mean(),
            "cost_usd_mean": got.cost_usd.mean(),
            "latency_ms_mean": got.latency_s.mean() * 1e3,
            **{f"latency_ms_p{p}": np.percentile(got.latency_s, p) * 1e3 for p in (50, 95, 99)},
            "calls_per_query": got.calls.mean(),
        }
        assert found == pytest.approx(expected, rel=1e-6), row
        assert np.bincount(got.stage, minlength=len(chain)) / len(outcomes) == pytest.approx(answered, abs=1e-6)


confidences = st.one_of(st.sampled_from([-np.inf, np.inf, 0.5]), st.floats(0, 1))


@given(
    rows=st.lists(st.tuples(confidences, confidences, confidences), min_size=1, max_size=30),
    accept=st.tuples(confidences, confidences),
)
def test_a_replay_is_one_query_after_the_other(rows, accept):
    n = len(rows)
    outcomes = table(np.arange(3 * n).reshape(n, 3) % 2, rows, np.tile([1.0, 10.0, 100.0], (n, 1)), np.ones((n, 3)))
    got = replay_cascade(outcomes, "abc", accept)
    for i, sure in enumerate(rows):
        stage = next((s for s in (0, 1) if not sure[s] < accept[s]), 2)
        assert (got.stage[i], got.calls[i]) == (stage, stage + 1)
        assert got.score[i] == outcomes.score[i, stage]
        assert got.cost_usd[i] == (1, 11, 111)[stage]
        assert got.latency_s[i] == stage + 1


def test_ties_share_a_fate_and_meeting_the_threshold_is_enough():
    outcomes = table([[1, 0]] * 3, [[0.5, 0]] * 3)
    assert replay_cascade(outcomes, "ab", [0.5]).calls.tolist() == [1, 1, 1]
    assert replay_cascade(outcomes, "ab", [np.nextafter(0.5, 1)]).calls.tolist() == [2, 2, 2]


def test_infinities_never_and_always_satisfy():
    outcomes = table([[1, 0]] * 2, [[-np.inf, 0], [np.inf, 0]])
    for threshold in (-1e300, 0.0, 1e300):
        assert replay_cascade(outcomes, "ab", [threshold]).calls.tolist() == [2, 1]


def test_a_higher_threshold_asks_more():
    rng = np.random.default_rng(1)
    outcomes = table(np.ones((500, 3)), rng.random((500, 3)))
    calls = [replay_cascade(outcomes, "abc", [tau, tau]).calls for tau in np.linspace(0, 1, 11)]
    assert all((low <= high).all() for low, high in pairwise(calls))


def test_what_the_table_does_not_know_is_not_a_number():
    assert np.isnan(replay_cascade(table([[1, 0]], [[0, 0]]), "ab", [0.5]).cost_usd).all()


def test_a_threshold_without_a_confidence_is_refused():
    outcomes = table([[1, 0]], [[np.nan, np.nan]])
    with pytest.raises(ValueError, match="no confidence of 'a'"):
        replay_cascade(outcomes, "ab", [0.5])
    with pytest.raises(ValueError, match="need 1 thresholds, not 0"):
        replay_cascade(outcomes, "ab", [])
    assert replay_cascade(outcomes, "b", []).calls.tolist() == [1]
