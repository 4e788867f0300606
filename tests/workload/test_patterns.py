"""Joint-outcome tables: they must give the curves of the table that they were counted from."""

import csv
import os
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.spec.errors import SpecError
from simulator.workload.count_patterns import main
from simulator.workload.patterns import quantile_values
from simulator.workload.read_quality import files_of, read_quality
from simulator.workload.replay import replay_cascade

PROFILES = Path(__file__).parents[2] / "profiles" / "quality"
SETS = ("mmlu", "medmcqa", "triviaqa", "truthfulqa")
SIZES = ("1b", "3b", "8b", "70b", "405b")
needs_data = pytest.mark.skipif("MULTILLM_DATA" not in os.environ, reason="MULTILLM_DATA is not set: no public tables")
table_of = cache(read_quality)

# Set, pair, accuracy of both, AUDC, APGR: computed from the per-item tables by another program.
PUBLISHED = [
    ("mmlu", "8b", "70b", 0.6336, 0.8145, 0.7613, 0.706),
    ("mmlu", "8b", "405b", 0.6336, 0.8517, 0.7853, 0.696),
    ("mmlu", "70b", "405b", 0.8145, 0.8517, 0.8457, 0.838),
    ("medmcqa", "70b", "405b", 0.7260, 0.7570, 0.7496, 0.762),
    ("triviaqa", "8b", "405b", 0.7870, 0.9490, 0.9174, 0.805),
    ("triviaqa", "70b", "405b", 0.9280, 0.9490, 0.9470, 0.907),
    ("truthfulqa", "8b", "70b", 0.5029, 0.5938, 0.5841, 0.893),
    ("medmcqa", "1b", "8b", 0.3450, 0.5180, 0.4248, 0.462),
]
PAIRS = [row[:3] for row in PUBLISHED]


def llama(size: str) -> str:
    return f"llama-{'3.2' if size in ('1b', '3b') else '3.1'}-{size}"


def apgr(table, small: str, large: str, confidence=None) -> float:
    """Share of the gap recovered, averaged over deferral rates: least confident first, ties together, trapezoids."""
    weak, strong = (table.score[:, table.column(llama(size))] for size in (small, large))
    sure = table.confidence[:, table.column(llama(small))] if confidence is None else confidence
    levels = np.unique(sure)
    rates = [0.0, *((sure <= level).mean() for level in levels)]
    accuracy = [weak.mean(), *(np.where(sure <= level, strong, weak).mean() for level in levels)]
    audc = np.trapezoid(accuracy, rates)
    return (audc - weak.mean()) / (strong.mean() - weak.mean())


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: "-".join(row[:3]))
def test_shipped_patterns_give_the_published_curves(row):
    name, small, large, weak, strong, _, share = row
    table = table_of(PROFILES / f"llama-{name}-patterns.yaml")
    assert table.score[:, table.column(llama(small))].mean() == pytest.approx(weak, abs=5e-5)
    assert table.score[:, table.column(llama(large))].mean() == pytest.approx(strong, abs=5e-5)
    assert apgr(table, small, large) == pytest.approx(share, abs=0.01)


@needs_data
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_shipped_patterns_give_the_curves_of_the_full_table(pair):
    name, small, large = pair
    full, shipped = (table_of(PROFILES / f"{kind}.yaml") for kind in (f"llama5-{name}", f"llama-{name}-patterns"))
    assert apgr(shipped, small, large) == pytest.approx(apgr(full, small, large), abs=0.01)


@needs_data
def test_shipped_patterns_replay_cascades_as_the_full_table_does():
    with (Path(os.environ["MULTILLM_DATA"]) / "quality" / "golden_replay_llama5.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["dataset"] in SETS]
    assert len(rows) == 160
    for row in rows:
        chain = [model.replace("llama", "llama-") for model in row["chain"].split(">")]
        table = table_of(PROFILES / f"llama-{row['dataset']}-patterns.yaml")
        got = replay_cascade(table, chain, [float(row["tau"])] * (len(chain) - 1))
        pair = len(chain) == 2
        assert got.score.mean() == pytest.approx(float(row["accuracy"]), abs=0.005 if pair else 0.025), row
        assert got.calls.mean() == pytest.approx(float(row["calls_per_query"]), abs=0.02 if pair else 0.12), row


def test_conditioning_on_the_own_outcome_alone_turns_a_loser_into_a_winner():
    table = table_of(PROFILES / "llama-medmcqa-patterns.yaml")
    right, sure = (matrix[:, table.column(llama("1b"))] for matrix in (table.score, table.confidence))
    shuffled, rng = sure.copy(), np.random.default_rng(3)
    for outcome in (0, 1):
        shuffled[right == outcome] = rng.permutation(sure[right == outcome])
    assert apgr(table, "1b", "8b") < 0.5 < apgr(table, "1b", "8b", shuffled)


@needs_data
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("split", ["train", "test"])
def test_shipped_patterns_have_the_joint_outcomes_and_lengths_of_the_full_table(name, split):
    full, shipped = (
        table_of(PROFILES / f"{kind}.yaml", split=split) for kind in (f"llama5-{name}", f"llama-{name}-patterns")
    )
    assert full.models == shipped.models
    joint = [np.unique(table.score, axis=0, return_counts=True) for table in (full, shipped)]
    np.testing.assert_array_equal(joint[0][0], joint[1][0])
    np.testing.assert_array_equal(joint[0][1], joint[1][1])
    np.testing.assert_allclose(shipped.prompt_tok.mean(axis=0), full.prompt_tok.mean(axis=0), rtol=0.01)
    np.testing.assert_allclose(shipped.output_tok.mean(axis=0), full.output_tok.mean(axis=0), rtol=0.07)
    np.testing.assert_array_equal(shipped.prompt_tok.max(axis=0), full.prompt_tok.max(axis=0))
    for column in range(len(SIZES)):  # Kolmogorov-Smirnov distance: the levels are 0.05 apart
        a, b = np.sort(full.confidence[:, column]), np.sort(shipped.confidence[:, column])
        grid = np.concatenate([a, b])
        distance = np.abs(np.searchsorted(a, grid, "right") - np.searchsorted(b, grid, "right")).max() / len(a)
        assert distance < 0.05


def test_models_read_one_prompt():
    table = table_of(PROFILES / "llama-mmlu-patterns.yaml")
    ranks = np.argsort(np.argsort(table.prompt_tok, axis=0, kind="stable"), axis=0, kind="stable")
    assert (np.corrcoef(ranks.T) > 0.999).all()


@pytest.mark.parametrize("name", SETS)
def test_shipped_files_are_small_and_read_alike_twice(name):
    path = PROFILES / f"llama-{name}-patterns.yaml"
    assert all(file.stat().st_size < 200_000 for file in files_of(path))
    one, other = read_quality(path), read_quality(path)
    np.testing.assert_array_equal(one.confidence, other.confidence)
    assert one.items == other.items
    assert one.has_test
    assert one.evidence == "measured"
    assert all(one.has_confidence(llama(size)) for size in SIZES)


COUNTS = "split,task,pattern,count\ntest,a,01,3\ntest,a,11,2\ntrain,b,00,1\n"
QUANTILES = """split,task,pattern,model,measure,q0,q0.5,q1
test,a,01,x,confidence,-inf,0,1
test,a,11,x,confidence,1,2,3
train,b,00,x,confidence,0,0,0
test,a,*,x,output_tok,1,5,9
test,a,*,y,output_tok,2,6,10
train,b,*,x,output_tok,3,4,5
train,b,*,y,output_tok,3,4,5
"""
PROFILE = """name: own
kind: patterns
models: [x, y]
counts: counts.csv
quantiles: quantiles.csv
sources: [{kind: measured, ref: ours}]
"""


def written(folder: Path, counts: str = COUNTS, quantiles: str = QUANTILES, profile: str = PROFILE) -> Path:
    (folder / "own.yaml").write_text(profile)
    (folder / "counts.csv").write_text(counts)
    (folder / "quantiles.csv").write_text(quantiles)
    return folder / "own.yaml"


def test_a_small_profile_is_drawn_as_counted(tmp_path):
    table = read_quality(written(tmp_path))
    assert table.score.astype(int).tolist() == [[0, 1]] * 3 + [[1, 1]] * 2
    assert sorted(table.confidence[:3, 0]) == [-np.inf, 0, 1]
    assert sorted(table.confidence[3:, 0]) == [1, 3]
    assert not table.has_confidence("y")
    assert sorted(table.output_tok[:, 0]) == [1, 3, 5, 7, 9]
    np.testing.assert_array_equal(table.output_tok[:, 1], table.output_tok[:, 0] + 1)
    assert np.isnan(table.prompt_tok).all()
    assert table.tasks == ("a", "b")


def test_counts_alone_have_outcomes_only(tmp_path):
    table = read_quality(written(tmp_path, profile=PROFILE.replace("quantiles: quantiles.csv\n", "")), split="all")
    assert len(table) == 6
    assert not table.has_confidence("x")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("01,3", "012,3", "counts.csv:2: pattern: '012' is not 2 characters 0 or 1, one a model"),
        ("01,3", "01,2.5", "counts.csv:2: count: give a whole number, 0 or more"),
        ("01,3", "01,", "counts.csv:2: count: give a whole number, 0 or more"),
        (COUNTS, "split,task,pattern,count\n", "counts.csv: no items are counted"),
        ("test,a,11,2", "test,a,01,2", "counts.csv:3: pattern: test, a, 01 is there twice"),
        ("11,x,confidence", "10,x,confidence", "quantiles.csv:3: no items of split 'test', task 'a', pattern '10'"),
        ("test,a,11,x,confidence,1,2,3\n", "", "quantiles.csv: confidence of model 'x' lacks test, a, 11"),
        ("11,x,confidence", "11,z,confidence", "quantiles.csv:3: model: no 'z'"),
        ("11,x,confidence", "11,x,confidense", "quantiles.csv:3: measure: no 'confidense'; did you mean 'confidence'?"),
        ("confidence,1,2,3", "confidence,1,3,2", "quantiles.csv:3: quantiles are missing, or fall"),
        ("confidence,1,2,3", "confidence,1,,2", "quantiles.csv:3: quantiles are missing, or fall"),
        ("q0.5", "q2", "quantiles.csv:1: give split, task, pattern, model, measure and the levels q0, ..., q1"),
    ],
)
def test_what_does_not_fit_together_is_told(tmp_path, old, new, said):
    path = written(tmp_path, COUNTS.replace(old, new), QUANTILES.replace(old, new))
    with pytest.raises(SpecError) as caught:
        read_quality(path)
    assert str(caught.value).startswith(f"{tmp_path}/{said}")


SIZES_ON_LEVELS = {"00": 1, "01": 2, "10": 3, "11": 5}  # their i / (n - 1) are among the levels


def full_table(folder: Path, sure) -> Path:
    """A per-item table with these patterns, and confidences `sure` (11, 2)."""
    outcomes = [pattern for pattern, n in SIZES_ON_LEVELS.items() for _ in range(n)]
    rows = [f"{i},{m},{o[m]},{sure[i, m]:.3f}\n" for i, o in enumerate(outcomes) for m in (0, 1)]
    (folder / "full.csv").write_text("item,model,right,sure\n" + "".join(rows))
    (folder / "full.yaml").write_text(
        "name: full\nkind: items\nfile: full.csv\nformat: long\nsources: [{kind: measured, ref: ours}]\n"
        "columns: {item: item, model: model, score: right, confidence: sure}\nsplit: {train_frac: 0}\n"
    )
    return folder / "full.yaml"


@pytest.mark.parametrize("infinity", [0.0, -np.inf, np.inf])
def test_counting_and_reading_gives_all_but_the_pairing_of_confidences(tmp_path, capsys, infinity):
    sure = np.random.default_rng(5).normal(size=(11, 2)).round(3)
    sure[::3] = infinity
    full = read_quality(full_table(tmp_path, sure))
    assert main([str(tmp_path / "full.yaml"), str(tmp_path)]) == 0
    assert capsys.readouterr().out.split() == [f"{tmp_path}/full.counts.csv", f"{tmp_path}/full.quantiles.csv"]
    profile = PROFILE.replace("counts.csv", "full.counts.csv").replace("quantiles.csv", "full.quantiles.csv")
    (tmp_path / "own.yaml").write_text(profile.replace("[x, y]", "['0', '1']"))
    again = read_quality(tmp_path / "own.yaml")
    for m in (0, 1):
        seen = [sorted(zip(*t.score.T, t.confidence[:, m], strict=True)) for t in (full, again)]
        np.testing.assert_allclose(seen[0], seen[1], rtol=1e-12)


def test_the_command_tells_what_is_wrong(tmp_path, capsys):
    path = full_table(tmp_path, np.zeros((11, 2)))
    (tmp_path / "full.csv").write_text((tmp_path / "full.csv").read_text().replace("0,0,0,", "0,0,0.5,", 1))
    assert main([str(path), str(tmp_path)]) == 2
    assert capsys.readouterr().err == "full: patterns need scores 0 or 1, for every model and item\n"
    assert main([str(path)]) == 2
    assert "usage" in capsys.readouterr().err


@given(
    values=st.lists(st.one_of(st.floats(-10, 10), st.sampled_from([-np.inf, np.inf])), min_size=2, max_size=9),
    at=st.lists(st.floats(0, 1), min_size=1, max_size=9),
)
def test_quantiles_rise_and_are_numbers_and_finite_ones_are_numpys(values, at):
    values, at = np.sort(values), np.sort(at)
    levels = np.linspace(0, 1, len(values))
    got = quantile_values(levels, values, at)
    assert not np.isnan(got).any()
    assert all(a <= b + 1e-9 for a, b in pairwise(got))
    if np.isfinite(values).all():
        np.testing.assert_allclose(got, np.interp(at, levels, values), atol=1e-12)
