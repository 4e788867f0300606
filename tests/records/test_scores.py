import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.records.errors import ResultError
from simulator.records.files import write_text
from simulator.records.scores import KINDS, NUMBERS, SCORES, SETTINGS, read_scores, write_scores

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]) | st.sampled_from('\n,"'), max_size=12)
ABOVE_0 = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
SPECIAL = {"setting": st.sampled_from(list(SETTINGS)), "kind": st.sampled_from(KINDS)} | dict.fromkeys(NUMBERS, ABOVE_0)
ROWS = st.lists(st.fixed_dictionaries({column: SPECIAL.get(column, WORDS) for column in SCORES}), max_size=5)


def one_row(**changed):
    row = dict.fromkeys(SCORES, "x") | {"setting": "in-sample", "kind": "", "measured": 1.0, "predicted": 2.0}
    return pd.DataFrame([row | changed])


@given(rows=ROWS)
def test_what_is_written_is_read(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("scores") / "scores.csv"
    write_scores(pd.DataFrame(rows, columns=list(SCORES)), path)
    assert read_scores(path).to_dict("records") == rows


def test_words_that_csv_readers_take_for_nothing_stay_words(tmp_path):
    write_scores(one_row(row="NA", device="", model="1e3", cause="null"), tmp_path / "scores.csv")
    read = read_scores(tmp_path / "scores.csv").iloc[0]
    assert (read.row, read.device, read.model, read.cause) == ("NA", "", "1e3", "null")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"measured": 0.0}, "row 1: measured: 0.0 is not a number above 0"),
        ({"predicted": math.nan}, "row 1: predicted: nan is not a number above 0"),
        ({"predicted": "fast"}, "row 1: predicted: 'fast' is not a number above 0"),
        ({"setting": "guessed"}, "row 1: setting: 'guessed' is none of in-sample, row left out, "),
        ({"kind": "sparse"}, "row 1: kind: 'sparse' is none of dense, moe, empty"),
    ],
)
def test_what_is_impossible_is_neither_written_nor_read(tmp_path, changed, said):
    path = tmp_path / "scores.csv"
    with pytest.raises(ResultError) as refused:
        write_scores(one_row(**changed), path)
    assert said in str(refused.value)
    assert list(tmp_path.iterdir()) == []
    one_row(**changed).to_csv(path, index=False, na_rep="nan")
    with pytest.raises(ResultError) as refused:
        read_scores(path)
    assert str(refused.value).startswith(f"{path}: row 1: ")


def test_missing_columns_are_named(tmp_path):
    one_row().drop(columns=["engine", "cause"]).to_csv(tmp_path / "scores.csv", index=False)
    with pytest.raises(ResultError, match=r"scores\.csv: no column engine, cause; a table of scores has source, "):
        read_scores(tmp_path / "scores.csv")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'a,b\n"torn'])
def test_what_is_no_table_is_refused_by_its_name(tmp_path, content):
    (tmp_path / "scores.csv").write_bytes(content)
    with pytest.raises(ResultError, match=r"scores\.csv: "):
        read_scores(tmp_path / "scores.csv")


def test_a_file_that_is_not_there_is_said_in_one_line(tmp_path):
    with pytest.raises(ResultError, match=r"none\.csv: cannot be read: No such file or directory$"):
        read_scores(tmp_path / "none.csv")


def test_a_file_is_replaced_whole_and_nothing_stays_beside_it(tmp_path):
    write_text(tmp_path / "deep" / "page.html", "old")
    write_text(tmp_path / "deep" / "page.html", "new\n")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["page.html"]
    assert (tmp_path / "deep" / "page.html").read_bytes() == b"new\n"


def test_a_file_that_cannot_be_written_is_said_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match=r"page\.html: cannot be written: (Not a directory|File exists)"):
        write_text(tmp_path / "file" / "page.html", "x")
