"""What only some tables have: samples, prompts, embeddings, recorded scores, further confidences, other scales."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.spec.errors import SpecError
from simulator.workload.read_quality import files_of, read_quality, read_quality_profile, read_whole

SAMPLED = """name: own
kind: items
file: own.csv
format: long
columns: {item: id, split: half, model: who, sample: k, score: right, group: answer, output_tok: out,
          confidence: mean_logp, confidence_is: mean-log-prob,
          signals: {entropy: h, margin: m}, lower_is_surer: [entropy],
          recorded: {win_rate: router}, embedding: e}
texts: {file: texts.csv, item: id, prompt: q}
models: [small, large]
sources: [{kind: measured, ref: ours}]
"""
SAMPLED_CSV = """half,id,who,k,right,answer,out,mean_logp,h,m,router,e0,e1
test,a,small,1,1,five,30,-0.5,0.7,0.2,0.25,1,2
test,a,small,0,0,six,10,-0.25,0.5,0.1,0.25,1,2
test,a,large,0,1,five,20,-0.125,0.25,0.9,0.25,1,2
test,b,large,0,0,,40,-0.0625,0.75,0.8,,3,4
test,b,small,0,1,six,0,-0.5,1.5,0.3,,3,4
test,b,small,1,1,six,7,-0.5,1.5,0.3,,3,4
test,b,small,2,0,ten,8,-0.5,1.5,0.3,,3,4
"""
TEXTS_CSV = 'id,q\nb,"Two\nlines?"\nz,Unused?\na,One?\n'


def written(folder: Path, profile: str = SAMPLED, csv: str = SAMPLED_CSV, texts: str = TEXTS_CSV) -> Path:
    (folder / "own.yaml").write_text(profile)
    (folder / "own.csv").write_text(csv)
    (folder / "texts.csv").write_text(texts)
    return folder / "own.yaml"


def mistake(path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        read_quality(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_samples_fill_a_matrix_of_their_own_and_the_first_is_the_plain_answer(tmp_path):
    table = read_quality(written(tmp_path))
    nan = math.nan
    assert table.samples is not None
    np.testing.assert_array_equal(table.samples.score, [[[0, 1, nan], [1, nan, nan]], [[1, 1, 0], [0, nan, nan]]])
    np.testing.assert_array_equal(table.samples.output_tok[:, 0], [[10, 30, nan], [0, 7, 8]])
    np.testing.assert_array_equal(table.score, [[0, 1], [1, 0]])
    np.testing.assert_array_equal(table.output_tok, [[10, 20], [0, 40]])
    assert [table.sample_count(model) for model in table.models] == [2, 1]


def test_equal_answers_are_one_group_over_samples_and_models(tmp_path):
    table = read_quality(written(tmp_path))
    assert table.samples is not None
    assert table.group is not None
    small, large = table.samples.group[0]
    assert small[1] == large[0] != small[0]
    assert table.samples.group[1, 0, 0] == table.samples.group[1, 0, 1] != table.samples.group[1, 0, 2]
    assert small[2] == table.samples.group[1, 1, 0] == -1  # none asked for; none given
    np.testing.assert_array_equal(table.group, table.samples.group[:, :, 0])


def test_prompts_come_from_a_file_of_their_own(tmp_path):
    path = written(tmp_path)
    assert read_quality(path).prompts == ("One?", "Two\nlines?")
    assert files_of(path) == (path, tmp_path / "own.csv", tmp_path / "texts.csv")


def test_prompts_in_the_table_are_kept(tmp_path):
    inside = SAMPLED.replace("item: id, split", "item: id, prompt: answered, split").replace("texts: {", "# {")
    csv = (
        SAMPLED_CSV.replace("half,", "answered,half,").replace("\ntest,a", "\nA?,test,a").replace("\ntest", "\nB?,test")
    )
    assert read_quality(written(tmp_path, inside, csv)).prompts == ("A?", "B?")


def test_signals_are_higher_where_surer_and_the_sum_is_the_log_probability_of_the_answer(tmp_path):
    table = read_quality(written(tmp_path))
    np.testing.assert_array_equal(table.signals["entropy"], [[-0.5, -0.25], [-1.5, -0.75]])
    np.testing.assert_array_equal(table.signals["margin"], [[0.1, 0.9], [0.3, 0.8]])
    # mean x tokens; the answer without a token still ended
    np.testing.assert_array_equal(table.signals["sum"], [[-2.5, -2.5], [-0.5, -2.5]])
    np.testing.assert_array_equal(table.with_confidence("margin").confidence, table.signals["margin"])
    assert table.with_confidence("confidence") is table
    with pytest.raises(KeyError):
        table.with_confidence("mood")


def test_numbers_of_an_item_are_read_once_an_item(tmp_path):
    table = read_quality(written(tmp_path))
    np.testing.assert_array_equal(table.recorded["win_rate"], [0.25, math.nan])
    np.testing.assert_array_equal(table.embedding, [[1, 2], [3, 4]])
    named = read_quality(written(tmp_path, SAMPLED.replace("embedding: e", "embedding: [e1, e0]")))
    np.testing.assert_array_equal(named.embedding, [[2, 1], [4, 3]])


def test_items_and_models_are_chosen_from_all_that_a_table_has(tmp_path):
    table = read_quality(written(tmp_path), models=["large", "small"]).take(np.array([1]))
    assert table.samples is not None
    assert table.embedding is not None
    np.testing.assert_array_equal(table.samples.score[0, 1], [1, 1, 0])
    np.testing.assert_array_equal(table.samples.output_tok[0, 1], [0, 7, 8])
    np.testing.assert_array_equal(table.signals["margin"], [[0.8, 0.3]])
    np.testing.assert_array_equal(table.embedding, [[3, 4]])
    assert table.prompts == ("Two\nlines?",)
    assert np.isnan(table.recorded["win_rate"]).tolist() == [True]
    assert table.sample_count("small") == 3


def test_energy_of_a_token_is_read_where_it_was_measured(tmp_path):
    path = written(tmp_path, SAMPLED.replace("group: answer", "energy_j_per_tok: m"))
    energy = read_quality(path, models=["large"]).take(np.array([1, 0])).energy_j_per_tok
    np.testing.assert_array_equal(energy, [[0.8], [0.9]])


@settings(max_examples=30, deadline=None)
@given(low=st.integers(-5, 5), width=st.integers(1, 10), share=st.fractions(0, 1, max_denominator=16))
def test_scores_of_another_scale_are_mapped_to_0_to_1(tmp_path_factory, low, width, share):
    profile = f"""name: own
kind: items
file: own.csv
format: wide
score_range: [{low}, {low + width}]
columns: {{item: id, score: mark}}
models: [one]
sources: [{{kind: measured, ref: ours}}]
"""
    csv = f"id,mark\na,{low}\nb,{float(low + share * width)!r}\nc,{low + width}\n"
    table = read_quality(written(tmp_path_factory.mktemp("marks"), profile, csv), split="all")
    np.testing.assert_allclose(table.score[:, 0], [0, float(share), 1], atol=1e-12)


def test_a_score_outside_of_the_range_is_an_error_or_its_nearest_end(tmp_path):
    csv = SAMPLED_CSV.replace("large,0,1", "large,0,-0.5")
    assert "own.csv:4: right: -0.5 is not from 0 to 1" in mistake(written(tmp_path, csv=csv))
    clipped = read_quality(written(tmp_path, SAMPLED + "clip_scores: true\n", csv))
    np.testing.assert_array_equal(clipped.score, [[0, 0], [1, 0]])


@settings(max_examples=20, deadline=None)
@given(turns=st.lists(st.integers(0, 5), min_size=2, max_size=30), seed=st.integers(0, 9))
def test_items_that_belong_together_fall_into_one_split(tmp_path_factory, turns, seed):
    profile = f"""name: own
kind: items
file: own.csv
format: wide
columns: {{item: id, split_by: talk, score: mark}}
models: [one]
split: {{seed: {seed}}}
sources: [{{kind: measured, ref: ours}}]
"""
    csv = "id,talk,mark\n" + "".join(f"{i},{talk},1\n" for i, talk in enumerate(turns))
    path = written(tmp_path_factory.mktemp("talks"), profile, csv)
    table, splits = read_whole(read_quality_profile(path), path.parent)
    sides = {(turns[int(item)], split) for item, split in zip(table.items, splits, strict=True)}
    assert len(sides) == len(set(turns))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("test,a,small,1,", "test,a,small,0,", "own.csv:3: a second row for item 'a' of model 'small'"),
        ("test,b,small,2,", "test,b,small,1,", "own.csv:8: a second row for item 'b' of model 'small', sample 1"),
        ("test,a,small,1,", "test,a,small,1.5,", "own.csv:2: k: give the number of the sample, from 0"),
        ("test,a,small,1,", "test,a,small,,", "own.csv:2: k: give the number of the sample, from 0"),
        ("test,a,small,1,", "test,a,small,-1,", "own.csv:2: k: -1 is not from 0 to 10000"),
        ("0.9,0.25,", "0.9,0.5,", "own.csv:4: item 'a' is 0.5 here, but not before"),
        ("0.9,0.25,1,2", "0.9,0.25,1,9", "own.csv:4: item 'a' is 9.0 here, but not before"),
        (",3,4", ",,4", "own.csv:5: e0: an embedding needs a number here"),
    ],
)
def test_a_bad_cell_is_told_by_file_and_line(tmp_path, old, new, said):
    assert old in SAMPLED_CSV
    assert mistake(written(tmp_path, csv=SAMPLED_CSV.replace(old, new))).startswith(f"{tmp_path}/{said}")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("a,One?\n", "", "texts.csv: no prompt for item 'a' (1 of 2 items lack one)"),
        ("z,U", "b,U", "texts.csv:4: a second prompt for item 'b'"),
    ],
)
def test_a_bad_file_of_prompts_is_told(tmp_path, old, new, said):
    assert mistake(written(tmp_path, texts=TEXTS_CSV.replace(old, new))).startswith(f"{tmp_path}/{said}")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[entropy]", "[entropi]", "no 'entropi' among the signals; did you mean 'entropy'?"),
        ("margin: m}", "sum: m}", "'sum' follows from 'confidence_is'"),
        ("margin: m}", "confidence: m}", "'confidence' has a key of its own"),
        ("output_tok: out,", "", "'confidence_is' needs 'confidence' and 'output_tok'"),
        ("item: id, s", "item: id, prompt: id, s", "give one of 'texts' and 'columns.prompt'"),
        ("split: half", "split: half, split_by: id", "give one of 'columns.split' and 'columns.split_by'"),
        ("format: long", "format: long\nscore_range: [1, 1]", "the best score should be above the worst"),
        ("margin: m}", "margin: {small: m}}", "one column for each of the others"),
        ("embedding: e}", "embedding: v}", "no column begins with 'v'"),
        ("format: long", "format: wide", "no 'columns.model' or 'columns.sample'"),
    ],
)
def test_a_bad_profile_is_told_by_what_could_stand_there(tmp_path, old, new, said):
    assert old in SAMPLED
    assert said in mistake(written(tmp_path, SAMPLED.replace(old, new)))


RIGHT = """name: own
kind: items
file: own.csv
format: wide
columns: {item: id, score: "{model}", confidence: "{model}-sure", group: "{model}-said"}
models: [one, two]
always_right: remote
sources: [{kind: assumed, ref: ours}]
"""
RIGHT_CSV = """id,one,two,one-sure,two-sure,one-said,two-said
a,1,0,0.9,0.5,blue,red
b,0,0,0.2,0.5,blue,red
c,0,1,0.2,0.5,red,blue
"""


def test_a_model_that_is_always_right_gives_the_answer_of_whoever_is_right(tmp_path):
    table = read_quality(written(tmp_path, RIGHT, RIGHT_CSV), split="all")
    assert table.models == ("one", "two", "remote")
    np.testing.assert_array_equal(table.score[:, 2], 1)
    assert np.isnan(table.confidence[:, 2]).all()
    one, two, remote = table.group.T
    assert (remote == [one[0], remote[1], two[2]]).all()
    assert remote[1] not in (one[1], two[1])


def test_a_model_that_is_always_right_is_not_in_the_table(tmp_path):
    assert "always_right" in mistake(written(tmp_path, RIGHT.replace("right: remote", "right: two"), RIGHT_CSV))
