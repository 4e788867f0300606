from __future__ import annotations

import math
from pathlib import Path

import pytest
from spec_world import Write

from simulator.spec.errors import SpecError
from simulator.spec.reader import MAX_DEPTH, parse_yaml, read_yaml

# What YAML 1.2.2 section 10.3.2 (core schema) says of plain scalars; comments: what YAML 1.1 makes of some.
CORE_SCALARS = [
    ("null", None), ("Null", None), ("NULL", None), ("~", None), ("", None), ("nil", "nil"), ("none", "none"),
    ("true", True), ("True", True), ("TRUE", True), ("false", False), ("False", False), ("FALSE", False),
    ("yes", "yes"), ("NO", "NO"), ("no", "no"), ("on", "on"), ("Off", "Off"), ("y", "y"), ("tRUE", "tRUE"),  # bools
    ("0", 0), ("7", 7), ("-19", -19), ("+12", 12), ("0o14", 12), ("0x3A", 58), ("010", 10), ("00", 0),  # 8
    ("1_000", "1_000"), ("12:30", "12:30"), ("0b11", "0b11"), ("190:20:30", "190:20:30"),  # numbers
    ("1.5", 1.5), ("-.5", -0.5), ("+0.25", 0.25), ("1.", 1), ("1e3", 1000), ("1E3", 1000), ("2.5e-3", 0.0025),
    ("1e+3", 1000), ("12e03", 12000), ("-2E+05", -200000),
    (".inf", math.inf), ("-.Inf", -math.inf), ("+.INF", math.inf),
    ("inf", "inf"), (".", "."), ("e3", "e3"), ("1e", "1e"), ("--1", "--1"), ("1.2.3", "1.2.3"), ("0x", "0x"),
    ("0o8", "0o8"),
    ("2024-01-01", "2024-01-01"), ("'7'", "7"), ('"true"', "true"), ("'~'", "~"), ("!!str 12", "12"), ("=", "="),
    ("<<", "<<"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), CORE_SCALARS)
def test_plain_scalars_are_read_by_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    got = parse_yaml(f"key: {text}", "f").data["key"]
    assert got == value
    assert type(got) is type(value)


def test_nan_is_a_number() -> None:
    assert math.isnan(parse_yaml("key: .NaN", "f").data["key"])


def test_keys_are_text_as_written() -> None:
    assert parse_yaml("{on: 1, 12: 2, 1e3: 3, ~: 4, 'a b': 5}", "f").data == {
        "on": 1,
        "12": 2,
        "1e3": 3,
        "~": 4,
        "a b": 5,
    }


def test_each_value_has_the_position_of_its_key_and_its_own() -> None:
    document = parse_yaml("a: 1\nb:\n  c:  [x, {d: y}]\n", "f.yaml")
    assert document.spots["a",] == ("f.yaml:1:1", "f.yaml:1:4")
    assert document.spots["b", "c"] == ("f.yaml:3:3", "f.yaml:3:7")
    assert document.spots["b", "c", 0].value == "f.yaml:3:8"
    assert document.spots["b", "c", 1, "d"] == ("f.yaml:3:12", "f.yaml:3:15")


def test_columns_count_characters_not_bytes() -> None:
    assert parse_yaml("{ä: ö, b: c}", "f").spots["b",] == ("f:1:8", "f:1:11")


def test_anchors_stand_for_what_they_mark() -> None:
    assert parse_yaml("a: &x {b: 1}\nc: *x\n", "f").data == {"a": {"b": 1}, "c": {"b": 1}}


def test_repeated_keys_are_all_named_at_their_second_place() -> None:
    with pytest.raises(SpecError) as error:
        parse_yaml("a: 1\nb: {c: 1, c: 2}\na: 2\n", "f")
    assert str(error.value) == (
        "f:2:11: b.c: key 'c' is given twice (first at f:2:5)\nf:3:1: a: key 'a' is given twice (first at f:1:1)"
    )


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\n\tb: 2\n", "f:2:1: not YAML: "),
        ("a: [1, 2\n", "f:2:1: not YAML: "),
        ("a: 'x\n", "f:2:1: not YAML: "),
        ("a: b: c\n", "f:1:5: not YAML: "),
        ("a: *x\n", "f:1:4: not YAML: found undefined alias"),
        ("a: 1\n---\nb: 2\n", "f:2:1: not YAML: "),
        ("a: b\x00", "f:1:5: not YAML: the character '\\x00' is not allowed"),
        ("a: 1\nb: \x07", "f:2:4: not YAML: the character '\\x07' is not allowed"),
        ("a: !thing 1", "f:1:4: a: tags such as '!thing' are not read"),
        ("a: !!python/object:os.system {}", "f:1:4: a: tags such as "),
        ("? [1, 2]\n: 3", "f:1:3: a key must be text"),
        ("", "f:1:1: must be a map of keys and values; it is empty"),
        ("# nothing\n", "f:1:1: must be a map of keys and values; it is empty"),
        ("- a\n", "f:1:1: must be a map of keys and values; not a list"),
        ("word\n", "f:1:1: must be a map of keys and values; not 'word'"),
        ("a: &x [*x]\n", "f:1:4: a.0: an alias to a value that holds it"),
        ("a: &x {b: {c: *x}}\n", "f:1:4: a.b.c: an alias to a value that holds it"),
        ("a: 99999999999999999999", "f:1:4: a: the number '99999999999999999999' is too large"),
        ("a: " + "9" * 5000, ""),
    ],
)
def test_what_is_no_strict_yaml_is_one_line_with_its_position(text: str, line: str) -> None:
    if not line:
        assert parse_yaml(text, "f").data["a"] == math.inf  # a number, if a silly one: the specs refuse it
        return
    with pytest.raises(SpecError) as error:
        parse_yaml(text, "f")
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("times", [MAX_DEPTH + 1, 100_000])
@pytest.mark.parametrize("unit", ["[", "{a: ", "- "])
def test_no_depth_overflows_the_stack(unit: str, times: int) -> None:
    with pytest.raises(SpecError, match="in each other"):
        parse_yaml("a:\n " + unit * times, "f")


def test_a_billion_laughs_are_cut_short() -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    with pytest.raises(SpecError, match="aliases written out"):
        parse_yaml("\n".join(lines), "f")


@pytest.mark.parametrize("raw", [b"a: \xff", b"\xff\xfea\x00:\x00"])
def test_other_encodings_are_refused_at_the_byte(write: Write, raw: bytes) -> None:
    with pytest.raises(SpecError, match=r"^f\.yaml:1:\d: not UTF-8 text$"):
        read_yaml(Path(write(raw, "f.yaml")))


def test_a_byte_order_mark_and_windows_lines_are_fine(write: Write) -> None:
    assert read_yaml(Path(write(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n"))).data == {"a": 1, "b": 2}


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path)
    with pytest.raises(SpecError, match="cannot be read: No such file"):
        read_yaml(tmp_path / "none.yaml")
