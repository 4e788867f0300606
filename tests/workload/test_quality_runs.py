"""Tables of sampled runs from JSON lines: what a line means, and what is said of a bad one."""

import gzip
import json
import math

import numpy as np
import pytest

from simulator.spec.errors import SpecError
from simulator.workload.read_quality import files_of, read_quality

PROFILE = """name: own
kind: runs
file: own.jsonl
chars_per_tok: 5
models: {small: s/hot, large: l/greedy}
sources: [{kind: measured, ref: ours}]
"""
LINES = [
    {
        "query": 0,
        "question": "2+3?",
        "answer": "5",
        "runs": {
            "s/hot": {"answers": ["6", "5", "5"], "chars": [10, 20, 5], "majority": "5"},
            "s/cold": {"answers": ["7"], "chars": [1], "majority": "7"},
            "l/greedy": {"answers": ["5"], "chars": [50], "majority": "5"},
        },
    },
    {
        "query": 1,
        "question": "1+1?",
        "answer": "2",
        "runs": {
            "s/hot": {"answers": [None, "2"], "chars": [15, 25]},
            "l/greedy": {"answers": ["3"], "chars": [100]},
        },
    },
]


def written(folder, lines=LINES, profile=PROFILE):
    (folder / "own.yaml").write_text(profile)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "own.jsonl").write_bytes(gzip.compress(text.encode()))
    return folder / "own.yaml"


def mistake(path) -> str:
    with pytest.raises(SpecError) as caught:
        read_quality(path, split="all")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_runs_become_models_with_samples(tmp_path):
    path = written(tmp_path)
    table = read_quality(path, split="all")
    nan = math.nan
    assert (table.models, table.items, table.prompts) == (("small", "large"), ("0", "1"), ("2+3?", "1+1?"))
    assert table.samples is not None
    assert table.group is not None
    np.testing.assert_array_equal(table.samples.score, [[[0, 1, 1], [1, nan, nan]], [[0, 1, nan], [0, nan, nan]]])
    np.testing.assert_array_equal(table.samples.output_tok[:, 0], [[2, 4, 1], [3, 5, nan]])
    np.testing.assert_array_equal(table.score, [[0, 1], [0, 0]])
    np.testing.assert_array_equal(table.output_tok, [[2, 10], [3, 20]])
    assert [table.sample_count(model) for model in table.models] == [2, 1]
    assert files_of(path) == (path, tmp_path / "own.jsonl")


def test_equal_answers_are_one_group_over_runs_and_no_answer_is_in_none(tmp_path):
    group = read_quality(written(tmp_path), split="all").samples.group
    assert group[0, 0, 1] == group[0, 0, 2] == group[0, 1, 0] != group[0, 0, 0]
    assert group[1, 0, 0] == -1
    assert len({group[1, 0, 1], group[1, 1, 0], -1}) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda line: line.pop("answer"), "own.jsonl:2: answer: Field required"),
        (lambda line: line["runs"]["s/hot"]["chars"].pop(), "own.jsonl:2: runs.s/hot: Value error, 2 answers, but 1"),
        (lambda line: line["runs"].pop("s/hot"), "own.jsonl:2: no 's/hot' among the runs"),
        (lambda line: line.update(query=0), "own.jsonl:2: a second line for query 0"),
    ],
)
def test_a_bad_line_is_told_by_file_and_line(tmp_path, change, said):
    lines = json.loads(json.dumps(LINES))
    change(lines[1])
    assert mistake(written(tmp_path, lines)).startswith(f"{tmp_path}/{said}")


def test_a_file_without_lines_is_no_table(tmp_path):
    assert mistake(written(tmp_path, [])) == f"{tmp_path}/own.jsonl: no lines"
