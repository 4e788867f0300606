from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spec_world import Write

from simulator.spec.errors import SpecError
from simulator.spec.load import load
from simulator.spec.merge import merged, overridden
from simulator.spec.reader import Document, Spot, parse_yaml


def values(data: Any) -> dict[tuple[str, ...], Any]:
    """Values of nested maps by their keys: another picture of the same."""
    if not isinstance(data, dict):
        return {(): data}
    inner = {(key, *keys): value for key, item in data.items() for keys, value in values(item).items()}
    return inner or {(): {}}


def doc(data: dict[str, Any], file: str) -> Document:
    spots = {keys[:n]: Spot(file, file) for keys in values(data) for n in range(len(keys) + 1)}
    return Document(data, spots | {(): Spot(file, file)})


maps = st.recursive(
    st.integers(0, 3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict))


@given(base=maps, over=maps)
def test_every_value_is_the_upper_file_s_or_else_the_lower_one_s_and_says_so(base: Any, over: Any) -> None:
    whole = merged(doc(base, "base"), doc(over, "over"))
    got, upper, lower = values(whole.data), values(over), values(base)
    for keys, value in got.items():
        owner = whole.spots[keys].value
        assert {"over": upper, "base": lower}[owner][keys] == value
    assert upper.items() <= got.items()
    covered = {keys[:n] for keys in upper for n in range(len(keys) + 1)}
    kept = {
        keys: value
        for keys, value in lower.items()
        if keys not in covered and not any(keys[:n] in upper for n in range(len(keys)))
    }
    assert kept.items() <= got.items()
    assert set(got) == set(upper) | set(kept)


@given(data=maps)
def test_a_file_laid_over_itself_or_over_nothing_is_itself(data: Any) -> None:
    assert merged(doc(data, "a"), doc(data, "b")).data == data
    assert merged(doc({}, "a"), doc(data, "b")).data == data
    assert merged(doc(data, "a"), doc({}, "b")).data == data


def test_null_removes_a_key_of_the_lower_file() -> None:
    whole = merged(parse_yaml("a: {b: 1, c: 2}\nd: 3", "x"), parse_yaml("a: {b: ~}\nd: ~", "y"))
    assert whole.data == {"a": {"c": 2}}
    assert ("a", "b") not in whole.spots


def test_another_part_takes_none_of_the_arguments_of_the_part_before() -> None:
    base = parse_yaml("policy: {use: cascade, order: [a, b], accept: 0.5}", "x")
    assert merged(base, parse_yaml("policy: {use: always, pool: a}", "y")).data["policy"] == {
        "use": "always",
        "pool": "a",
    }
    assert merged(base, parse_yaml("policy: {accept: 0.6}", "y")).data["policy"]["order"] == ["a", "b"]
    both = overridden(base, ["policy.pool=a", "policy.use=always"])
    assert both.data["policy"] == {"use": "always", "pool": "a"}


def test_overrides_beat_the_file_beats_its_base_beats_defaults(write: Write) -> None:
    write()
    write("extends: two.yaml\nname: mid\nseed: 8\nfleet: {edge: {max_seqs: 3}}", "sub/mid.yaml".replace("sub/", ""))
    write("extends: mid.yaml\nname: top\nfleet: {edge: {max_seqs: 5}}", "top.yaml")
    assert load("two.yaml").spec.fleet["edge"].max_seqs == 64
    assert load("mid.yaml").spec.fleet["edge"].max_seqs == 3
    top = load("top.yaml", ["fleet.edge.max_seqs=7"]).spec
    assert (top.name, top.seed, top.fleet["edge"].max_seqs, top.fleet["edge"].replicas) == ("top", 8, 7, 4)


def test_a_base_is_found_from_the_file_that_names_it(write: Write) -> None:
    write()
    assert load(write("extends: ../two.yaml\nname: low\n", "deep/er/../low.yaml")).spec.seed == 7


def test_mistakes_point_into_the_file_that_made_them(write: Write) -> None:
    write(Path(write()).read_text().replace("seed: 7", "seed: -7"))
    write("extends: two.yaml\nname: top\nfleet: {edge: {replica: 5}}", "top.yaml")
    with pytest.raises(SpecError) as error:
        load("top.yaml", ["fleet.cloud.replicas=-1"])
    assert str(error.value).splitlines() == [
        "two.yaml:2:7: seed: must be greater than or equal to 0, not -7",
        "top.yaml:3:16: fleet.edge.replica: unknown key; did you mean 'replicas'?",
        "--set fleet.cloud.replicas=-1: fleet.cloud.replicas: must be greater than or equal to 1, not -1",
    ]


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_circle_is_named(write: Write, length: int) -> None:
    for i in range(length):
        write(f"name: a\nextends: f{(i + 1) % length}.yaml\n", f"f{i}.yaml")
    with pytest.raises(SpecError) as error:
        load("f0.yaml")
    circle = " -> ".join(f"f{i % length}.yaml" for i in range(length + 1))
    assert str(error.value) == f"f{length - 1}.yaml:2:10: extends: extends itself: {circle}"


def test_a_base_that_is_not_there_is_told_where_it_is_named(write: Write) -> None:
    with pytest.raises(SpecError, match=r"^top\.yaml:2:10: extends: no such file"):
        load(write("name: top\nextends: none.yaml\n", "top.yaml"))
    with pytest.raises(SpecError, match=r"top\.yaml:2:10: extends: must be text, not 3$"):
        load(write("name: top\nextends: 3\n", "top.yaml"))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("fleet.egde.replicas=4", "no 'egde' in fleet; did you mean 'edge'? (one of edge, cloud)"),
        ("fleet.zzz.replicas=4", "no 'zzz' in fleet (one of edge, cloud)"),
        ("flet.edge.replicas=4", "flet: unknown key; did you mean 'fleet'?"),
        ("fleet.edge.replica=4", "fleet.edge.replica: unknown key; did you mean 'replicas'?"),
        ("telemetry.refresh=4", "telemetry.refresh: unknown key; did you mean 'refresh_s'?"),
        ("router.servers=4", "router: missing key 'time_s'"),
        ("policy.ordr=4", "policy.ordr: unknown key; did you mean 'order'?"),
        ("fleet.edge.replicas=04x", "fleet.edge.replicas: must be a whole number, not '04x'"),
        ("slo.1.max=4", "no item '1' in slo (there are 0 to 0)"),
        ("slo.x.max=4", "no item 'x' in slo (there are 0 to 0)"),
        ("slo.-1.max=4", "no item '-1' in slo (there are 0 to 0)"),
        ("seed.x=4", "'seed' is 7, not a map"),
        ("seed", "write it as dotted.key=value"),
        ("=4", "write it as dotted.key=value"),
        ("a..b=4", "write it as dotted.key=value"),
        ("seed=[1", "not YAML: did not find expected ',' or ']' while parsing a flow sequence"),
        ("seed={a: 1, a: 2}", "a: key 'a' is given twice"),
        ("seed=\ud800", "not YAML: the character '\\ud800' is not allowed"),
    ],
)
def test_a_wrong_override_names_itself(write: Write, text: str, line: str) -> None:
    with pytest.raises(SpecError) as error:
        load(write(), [text])
    (got,) = str(error.value).splitlines()
    assert got.startswith("--set " + text.encode("ascii", "backslashreplace").decode())
    assert line in got


@pytest.mark.parametrize(
    ("text", "keys", "value"),
    [
        ("fleet.edge.max_queue=4", ("fleet", "edge", "max_queue"), 4),
        ("slo.0.max=2", ("slo", "0", "max"), 2.0),
        ("telemetry.refresh_s=2", ("telemetry", "refresh_s"), 2.0),
        ("grid.dc.pue=1.2", ("grid", "dc", "pue"), 1.2),
        ("router={time_s: 0.1}", ("router", "time_s"), 0.1),
        ("workload.chat.lengths=azure-conv-like", ("workload", "chat", "lengths", "use"), "azure-conv-like"),
        ("policy.accept.edge=0.9", ("policy", "accept", "edge"), 0.9),
        ("grid=~", ("grid",), {}),
        ("fleet.edge.replicas=~", ("fleet", "edge", "replicas"), 1),
        ("run={duration_s: 1e1}", ("run", "duration_s"), 10.0),
        ("seed = 5 # five", ("seed",), 5),
    ],
)
def test_an_override_sets_one_value(write: Write, text: str, keys: tuple[str, ...], value: object) -> None:
    at: Any = load(write(), [text]).resolved()
    for key in keys:
        at = at[int(key)] if isinstance(at, list) else at[key]
    assert at == value


def test_the_last_of_two_overrides_holds(write: Write) -> None:
    assert load(write(), ["seed=1", "seed=2"]).spec.seed == 2
