"""Per-item tables of a user's own: what is read from the CSV, and what is said where it is wrong."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.spec.errors import SpecError
from simulator.workload.read_quality import files_of, read_quality

LONG = """name: own
kind: items
file: own.csv
format: long
columns: {item: [set, id], task: set, split: half, model: who, score: right, confidence: sure,
          output_tok: out, prompt_tok: in, latency_ms: ms, cost_usd: usd, group: answer}
sources: [{kind: measured, ref: ours}]
"""
LONG_CSV = """half,set,id,who,right,sure,out,in,ms,usd,answer
test,a,1,small,0,-inf,3,10,250,0.001,B
test,a,1,large,1,inf,4,11,500,0.01,A
test,b,1,large,1,-0.25,5,21,1000,0.02,C
test,b,1,small,1,,6,20,125,0.002,C
train,b,2,small,1,-0.5,7,30,125,0.003,
train,b,2,large,0,-0.75,8,31,250,0.03,D
"""
WIDE = """name: own
kind: items
file: own.csv
format: wide
columns: {item: id, prompt: q, score: "{model}|ok", confidence: {small: p}, prompt_tok: len, latency_s: "{model}|s"}
models: {small: S-1b, large: L-70b}
sources: [{kind: measured, ref: ours}]
"""
WIDE_CSV = """id,q,len,S-1b|ok,L-70b|ok,p,S-1b|s,L-70b|s
x,"Two
lines?",7,0.5,1,0.9,0.1,0.4
y,One?,8,0,1,0.2,0.2,0.3
"""


def written(folder: Path, profile: str, csv: str | bytes) -> Path:
    (folder / "own.yaml").write_text(profile)
    (folder / "own.csv").write_bytes(csv if isinstance(csv, bytes) else csv.encode())
    return folder / "own.yaml"


def mistake(path: Path, **asked) -> str:
    with pytest.raises(SpecError) as caught:
        read_quality(path, **{"split": "all", **asked})
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_long_table_is_read_whole_and_in_base_units(tmp_path):
    table = read_quality(written(tmp_path, LONG, LONG_CSV), split="all")
    assert table.models == ("small", "large")
    assert table.items == ("a/1", "b/1", "b/2")
    assert [table.tasks[i] for i in table.task] == ["a", "b", "b"]
    np.testing.assert_array_equal(table.score, [[0, 1], [1, 1], [1, 0]])
    np.testing.assert_array_equal(table.confidence, [[-np.inf, np.inf], [np.nan, -0.25], [-0.5, -0.75]])
    np.testing.assert_array_equal(table.latency_s, [[0.25, 0.5], [0.125, 1], [0.125, 0.25]])
    np.testing.assert_array_equal(table.output_tok, [[3, 4], [6, 5], [7, 8]])
    np.testing.assert_array_equal(table.prompt_tok, [[10, 11], [20, 21], [30, 31]])
    np.testing.assert_array_equal(table.cost_usd, [[0.001, 0.01], [0.002, 0.02], [0.003, 0.03]])
    assert table.evidence == "measured"
    assert table.source == "ours"


def test_equal_answers_to_an_item_are_of_one_group(tmp_path):
    group = read_quality(written(tmp_path, LONG, LONG_CSV), split="all").group
    assert group is not None
    assert group[0, 0] != group[0, 1]
    assert group[1, 0] == group[1, 1]
    assert group[2, 0] == -1 != group[2, 1]


def test_a_model_has_confidence_only_where_every_item_has_one(tmp_path):
    path = written(tmp_path, LONG, LONG_CSV)
    table = read_quality(path, split="all")
    assert not table.has_confidence("small")
    assert table.has_confidence("large")
    assert read_quality(path, split="train").has_confidence("small")


def test_a_wide_table_says_the_same_by_headers(tmp_path):
    table = read_quality(written(tmp_path, WIDE, WIDE_CSV), split="all")
    np.testing.assert_array_equal(table.score, [[0.5, 1], [0, 1]])
    np.testing.assert_array_equal(table.confidence, [[0.9, np.nan], [0.2, np.nan]])
    np.testing.assert_array_equal(table.prompt_tok, [[7, 7], [8, 8]])
    np.testing.assert_array_equal(table.latency_s, [[0.1, 0.4], [0.2, 0.3]])
    assert np.isnan(table.output_tok).all()
    assert table.group is None


@pytest.mark.parametrize("packed", [gzip.compress, lambda csv: b"\xef\xbb\xbf" + csv], ids=["gzip", "byte-order mark"])
def test_how_a_file_is_packed_makes_no_difference(tmp_path, packed):
    plain = read_quality(written(tmp_path, LONG, LONG_CSV), split="all")
    again = read_quality(written(tmp_path, LONG, packed(LONG_CSV.encode())), split="all")
    np.testing.assert_array_equal(plain.cost_usd, again.cost_usd)
    assert plain.items == again.items


def test_a_table_is_found_under_the_folder_of_public_data(tmp_path, monkeypatch):
    path = written(tmp_path, LONG, "")
    (tmp_path / "own.csv").unlink()
    monkeypatch.delenv("MULTILLM_DATA", raising=False)
    assert mistake(path) == f"{tmp_path}/own.csv: no such file, nor under MULTILLM_DATA (which is not set)"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "own.csv").write_text(LONG_CSV)
    monkeypatch.setenv("MULTILLM_DATA", str(tmp_path / "data"))
    assert len(read_quality(path, split="all")) == 3
    assert files_of(path) == (path, tmp_path / "data" / "own.csv")


def test_models_come_in_the_order_asked_for(tmp_path):
    table = read_quality(written(tmp_path, LONG, LONG_CSV), models=["large", "small"], split="all")
    assert table.models == ("large", "small")
    np.testing.assert_array_equal(table.score, [[1, 0], [1, 1], [0, 1]])


def test_only_rows_asked_for_are_read(tmp_path):
    table = read_quality(written(tmp_path, LONG + "where: {set: b, half: [train, test]}\n", LONG_CSV), split="all")
    assert table.items == ("b/1", "b/2")


def test_a_missing_outcome_is_an_error_or_drops_the_item(tmp_path):
    lines = LONG_CSV.splitlines(keepends=True)
    path = written(tmp_path, LONG, "".join(lines[:2] + lines[3:]))
    assert mistake(path) == (
        f"{path}: model 'large' has no row for item 'a/1'; a replayed item needs every model (1 of 3 items lack one)"
    )
    table = read_quality(path, split="all", missing="drop-item")
    assert table.items == ("b/1", "b/2")
    assert table.dropped_items == 1
    assert read_quality(path, models=["small"], split="all").dropped_items == 0


def test_an_item_without_a_score_lacks_an_outcome(tmp_path):
    path = written(tmp_path, WIDE, WIDE_CSV.replace("8,0,1", "8,,1"))
    assert "model 'small' has no row for item 'y'" in mistake(path)
    assert read_quality(path, split="all", missing="drop-item").items == ("x",)


def test_nothing_left_is_an_error_also_where_items_may_be_dropped(tmp_path):
    path = written(tmp_path, WIDE, WIDE_CSV.replace("8,0,1", "8,,1").replace("7,0.5,1", "7,0.5,"))
    assert "2 of 2 items" in mistake(path, missing="drop-item")


def test_a_split_that_is_not_there_is_refused(tmp_path):
    path = written(tmp_path, LONG, LONG_CSV.replace("test,", "train,"))
    assert mistake(path, split="test") == f"{path}: no items of split 'test' (there is train); 'all' takes every item"
    assert not read_quality(path, split="train").has_test
    assert read_quality(written(tmp_path, LONG, LONG_CSV), split="train").has_test


def test_an_unknown_model_names_the_near_one(tmp_path):
    path = written(tmp_path, LONG, LONG_CSV)
    assert mistake(path, models=["smal"]).startswith(f"{path}: no 'smal' among its models; did you mean 'small'?")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("-0.25,5", "sure,5", "own.csv:4: sure: 'sure' is not a number"),
        ("-0.25,5", "-0.25,-5", "own.csv:4: out: -5 is not from 0 to 1e+15"),
        ("-0.25,5", "-0.25,inf", "own.csv:4: out: inf is not from 0 to 1e+15"),
        ("large,0,-0.75", "large,2,-0.75", "own.csv:7: right: 2 is not from 0 to 1"),
        ("small,1,,6,20", "small,1,,6", "own.csv:5: 10 cells, but the header has 11"),
        ("test,b,1,small", "train,b,1,small", "own.csv:5: item 'b/1' is 'train' here, but not before"),
        ("test,b,1,small", "test,b,1,large", "own.csv:5: a second row for item 'b/1' of model 'large'"),
        ("sure,out", "sue,out", "own.csv: no 'sure' among its columns; did you mean 'sue'?"),
        ("sure,out", "in,out", "own.csv:1: column 'in' is there twice"),
        ("-0.25,5", '"-0.25"x,5', "own.csv:4: not CSV: "),
        (LONG_CSV, "", "own.csv:1: no header"),
        (LONG_CSV, LONG_CSV.splitlines()[0] + "\n", "own.csv: no rows"),
    ],
)
def test_a_bad_table_is_told_by_file_and_line(tmp_path, old, new, said):
    assert old in LONG_CSV
    assert mistake(written(tmp_path, LONG, LONG_CSV.replace(old, new))).startswith(f"{tmp_path}/{said}")


def test_lines_are_counted_as_an_editor_does(tmp_path):
    path = written(tmp_path, WIDE, WIDE_CSV.replace("0,1,0.2", "0,1,high"))
    assert mistake(path) == f"{tmp_path}/own.csv:4: p: 'high' is not a number"


def test_what_is_no_text_is_told(tmp_path):
    assert "own.csv: cannot be read" in mistake(written(tmp_path, LONG, b"a,b\n\xff\xfe,1\n"))
    assert "own.csv: cannot be read" in mistake(written(tmp_path, LONG, gzip.compress(LONG_CSV.encode())[:-20]))


@pytest.mark.parametrize(
    ("profile", "old", "new", "said"),
    [
        (LONG, "kind: items", "kind: item", "own.yaml:2:7: kind: no 'item'; did you mean 'items'?"),
        (LONG, "confidence: sure", "confidense: sure", "unknown key; did you mean 'confidence'?"),
        (LONG, "model: who, ", "", "a long table needs 'columns.model'"),
        (LONG, "score: right", "score: {small: right}", "one column for each of the others"),
        (LONG, "latency_ms: ms", "latency_ms: ms, latency_s: s", "give one of 'latency_s' and 'latency_ms'"),
        (
            LONG,
            "format: long",
            "format: long\nmodels: [smal]",
            "own.csv: no 'smal' in column 'who'; did you mean 'small'?",
        ),
        (WIDE, "{model}|ok", "ok", "'columns.score': 'ok' needs '{model}' in it"),
        (WIDE, "{small: p}", "{smal: p}", "'columns.confidence': no 'smal' in models; did you mean 'small'?"),
        (WIDE, "models: {small: S-1b, large: L-70b}", "", "a wide table needs 'models'"),
        (WIDE, "S-1b", "S-2b", "own.csv: no 'S-2b|ok' among its columns; did you mean 'S-1b|ok'?"),
    ],
)
def test_a_bad_profile_is_told_by_what_could_stand_there(tmp_path, profile, old, new, said):
    assert old in profile
    csv = LONG_CSV if profile is LONG else WIDE_CSV
    assert said in mistake(written(tmp_path, profile.replace(old, new), csv))


@settings(max_examples=30, deadline=None)
@given(
    scores=st.lists(st.tuples(st.sampled_from("01"), st.sampled_from("01")), min_size=1, max_size=20),
    order=st.randoms(use_true_random=False),
)
def test_a_long_table_means_the_same_in_any_order_of_rows(tmp_path_factory, scores, order):
    folder = tmp_path_factory.mktemp("table")
    rows = [f"test,s,{i},{model},{score},0,1,1,1,0,x\n" for i, pair in enumerate(scores)
            for model, score in zip(("small", "large"), pair, strict=True)]  # fmt: skip
    order.shuffle(rows)
    path = written(folder, LONG, LONG_CSV.splitlines(keepends=True)[0] + "".join(rows))
    table = read_quality(path, models=["small", "large"])
    found = {
        item: "".join(str(int(score)) for score in row) for item, row in zip(table.items, table.score, strict=True)
    }
    assert found == {f"s/{i}": "".join(pair) for i, pair in enumerate(scores)}
