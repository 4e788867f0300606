from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest
import spec_dummies
from spec_world import SCENARIO, Write

from simulator.spec.errors import SpecError
from simulator.spec.load import load
from simulator.spec.parts import LENGTHS, POLICIES, STEPS, TABLES, Part


def policy(write: Write, text: str) -> Part:
    return load(write(), [f"policy={text}"]).spec.policy


def refused(write: Write, text: str) -> list[str]:
    """What is said of a policy, without its origin."""
    with pytest.raises(SpecError) as error:
        policy(write, text)
    return [line.removeprefix(f"--set policy={text}: ") for line in str(error.value).splitlines()]


def test_a_part_is_its_class_with_checked_arguments(write: Write) -> None:
    part = policy(write, "{use: 'spec_dummies:Everything', first: edge, limits: {edge: 1}, names: [x], inner: {a: 3}}")
    assert part.make() == spec_dummies.Everything("edge", {"edge": 1.0}, names=("x",), inner=spec_dummies.Inner(3))
    assert part.args["share"] == 0.5
    assert part.written() == {
        "use": "spec_dummies:Everything", "first": "edge", "limits": {"edge": 1.0}, "mode": "fast", "share": 0.5,
        "names": ["x"], "inner": {"a": 3, "b": []},
    }  # fmt: skip
    assert part == policy(
        write, "{use: 'spec_dummies:Everything', inner: {a: 3}, limits: {edge: 1}, first: edge, names: [x]}"
    )
    assert part != policy(
        write, "{use: 'spec_dummies:Everything', inner: {a: 4}, limits: {edge: 1}, first: edge, names: [x]}"
    )


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("cascad", ["policy: no 'cascad'; did you mean 'cascade'? (one of always, random, threshold, cascade, "]),
        ("{use: cascad}", ["policy.use: no 'cascad'; did you mean 'cascade'? (one of always, random, threshold, "]),
        ("{order: [edge]}", ["policy: missing key 'use'"]),
        ("{use: [edge]}", ["policy.use: must be text, not a list"]),
        ("3", ["policy: must be a name or a map with 'use', not 3"]),
        ("cascade", ["policy: missing key 'order'", "policy: missing key 'accept'"]),
        ("{use: cascade, ordre: [edge], accept: 1}", ["policy.ordre: unknown key; did you mean 'order'?"]),
        ("{use: 'no_such.module:X'}", ["policy.use: cannot import 'no_such.module': ModuleNotFoundError: No module "
                                       "named 'no_such'; looked in the working folder and where Python looks"]),
        ("{use: 'spec_dummies:Everythin'}", ["policy.use: no 'Everythin' in spec_dummies; did you mean 'Everything'?"]),
        ("{use: 'spec_dummies:NoPolicy'}", ["policy.use: spec_dummies:NoPolicy is no dataclass with decide() or "]),
        ("{use: 'spec_dummies:NotData'}", ["policy.use: spec_dummies:NotData is no dataclass with decide() or "]),
        ("{use: 'a b:c'}", ["policy.use: no 'a b:c' (one of "]),
        ("{use: '..core:Call'}", ["policy.use: no '..core:Call' (one of "]),
        ("{use: 'spec_dummies:Everything', first: edgy, limits: [], hidden: 1, made: 2, share: 2}", [
            "policy.first: no 'edgy' in fleet; did you mean 'edge'? (one of edge, cloud)",
            "policy.limits: must be a number or a map, not a list",
            "policy.hidden: unknown key",
            "policy.made: unknown key",
            "policy.share: must be less than or equal to 1, not 2",
        ]),
        ("{use: 'spec_dummies:Everything', first: edge, limits: {edge: x}, mode: fst, inner: {a: 1.5, c: 1}}", [
            "policy.limits.edge: must be a number, not 'x'",
            "policy.mode: no 'fst'; did you mean 'fast'? (one of fast, slow)",
            "policy.inner.a: must be a whole number, not 1.5",
            "policy.inner.c: unknown key",
        ]),
        ("{use: 'spec_dummies:Everything', first: edge, limits: 1, share: 0.25}", ["policy: a quarter will not do"]),
    ],
)  # fmt: skip
def test_mistakes_in_a_part_are_told_at_their_argument(write: Write, text: str, lines: list[str]) -> None:
    got = refused(write, text)
    assert len(got) == len(lines), got
    for line, start in zip(got, lines, strict=True):
        assert line.startswith(start)


def test_positions_reach_into_parts(write: Write) -> None:
    head, _, rest = SCENARIO.partition("policy: ")
    text = f"{head}policy:\n  use: cascade\n  order: [edge,\n    clod]\n  accept: 1\n{rest.partition(chr(10))[2]}"
    with pytest.raises(SpecError, match=r"^two\.yaml:17:5: policy\.order\.1: no 'clod' in fleet"):
        load(write(text))


def test_a_verifier_gives_no_answers(write: Write) -> None:
    with pytest.raises(SpecError, match="no 'judge' in fleet"):
        load(write(), ["verifiers={judge: {time_s: 1}}", "policy.order.0=judge"])


def test_a_verifier_looks_at_answers(write: Write) -> None:
    spec = load(write(), ["verifiers={judge: {time_s: 1}}", "policy.verifier=judge"]).spec
    assert spec.policy.args["verifier"] == "judge"


def test_a_part_may_hold_a_part(write: Write) -> None:
    part = policy(
        write, "{use: 'spec_dummies:Wrapped', inner: {use: 'spec_dummies:Everything', first: edge, limits: 1}}"
    )
    assert part.make().inner == spec_dummies.Everything("edge", 1.0)
    assert part.written()["inner"]["use"] == "spec_dummies:Everything"
    (line,) = refused(
        write, "{use: 'spec_dummies:Wrapped', inner: {use: 'spec_dummies:Everything', first: e, limits: 1}}"
    )
    assert line.startswith("policy.inner.first: no 'e' in fleet")


def test_given_arguments_are_not_the_file_s(write: Write) -> None:
    scenario = load(write(), ["fleet.edge.steps={use: 'spec_dummies:Given', per_tok_s: 2}"])
    steps = scenario.spec.fleet["edge"].steps
    assert steps is not None
    assert steps.make(device="a device") == spec_dummies.Given("a device", 2.0)
    with pytest.raises(SpecError, match=r"fleet\.edge\.steps\.device: unknown key"):
        load(write(), ["fleet.edge.steps={use: 'spec_dummies:Given', device: 2}"])


def test_a_name_alone_is_a_part_without_arguments(write: Write) -> None:
    short = load(write(), ["workload.chat.lengths=azure-conv-like"])
    long = load(write(), ["workload.chat.lengths={use: azure-conv-like}"])
    assert short.spec == long.spec
    assert short.resolved()["workload"]["chat"]["lengths"] == {"use": "azure-conv-like"}
    with pytest.raises(SpecError, match=r"lengths\.name: unknown key"):
        load(write(), ["workload.chat.lengths={use: azure-conv-like, name: azure-code-like}"])


@pytest.mark.parametrize("where", sorted({where for table in TABLES.values() for where in table.values()}))
def test_every_import_string_of_the_tables_leads_to_a_dataclass(where: str) -> None:
    module, _, name = where.partition(":")
    found = importlib.util.find_spec(module)
    assert found is not None
    assert found.origin is not None
    classes = {
        node.name: node for node in ast.parse(Path(found.origin).read_text()).body if isinstance(node, ast.ClassDef)
    }
    assert any("dataclass" in ast.unparse(decorator) for decorator in classes[name].decorator_list)


def test_tables_have_the_documented_names() -> None:
    assert {"always", "random", "threshold", "cascade", "least-loaded", "oracle"} <= set(POLICIES)
    assert set(STEPS) == {"roofline", "linear", "table"}
    assert {"fixed", "lognormal", "quantiles", "trace", "azure-conv-like"} <= set(LENGTHS)
