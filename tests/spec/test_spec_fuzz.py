"""Whatever a file says, the user gets a scenario or lines that say what is wrong: never a traceback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spec_world import SCENARIO, Write

from simulator.spec.errors import SpecError
from simulator.spec.library import scenario_names, shipped
from simulator.spec.load import Scenario, load

LIVE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])

WORDS = [
    "~", "null", "true", "no", "0", "-1", "1.5", "1e3", "1e400", ".nan", ".inf", "-.inf", "99999999999999999999",
    "''", "[]", "{}", "[1, a]", "{a: 1}", "{use: 3}", "{use: a}", "!!x y", "&a b", "*a", "*missing", "|", ">", "@",
    "`", "%", "?", "- ", ": ", "#", "'", '"', "\t", "\x00", "\x85", "\ufeff", "\u2028", "\U0001f600", "é", "edge",
    "cloud", "model-s", "os:path", "os:PathLike", "spec_dummies:NoPolicy", "simulator.policies.core:Call", "cascade",
    "always", "poisson", "table", "trace", "roofline", "two.yaml", "/", "..", "{use: table}",
    "{use: trace, file: two.yaml, format: csv}", "[[[[[[[[", "<<", "{host: a}", "host: edge", "extends: two.yaml",
    "name: x", "hosts: {a: {device: big-gpu}}", "seed: ~", "\n  ", "\r",
]  # fmt: skip


def change(text: str, kind: str, at: int, other: int, word: str) -> str:
    """One mutation of a text."""
    lines = text.split("\n")
    i, j = at % len(lines), other % len(lines)
    a, b = at % (len(text) + 1), min(at % (len(text) + 1) + other % 12, len(text))
    match kind:
        case "delete line":
            return "\n".join(lines[:i] + lines[i + 1 :])
        case "double line":
            return "\n".join(lines[: i + 1] + lines[i:])
        case "swap lines":
            lines[i], lines[j] = lines[j], lines[i]
            return "\n".join(lines)
        case "indent":
            return "\n".join([*lines[:i], "  " + lines[i], *lines[i + 1 :]])
        case "nest":
            return "\n".join(["a:", *("  " + line for line in lines)]) if at % 7 == 0 else "{a: " + text + "}"
        case "value":
            key, colon, _ = lines[i].partition(": ")
            return "\n".join([*lines[:i], key + colon + word, *lines[i + 1 :]])
        case "insert":
            return text[:a] + word + text[a:]
        case "delete":
            return text[:a] + text[b:]
        case "replace":
            return text[:a] + word + text[b:]
        case "cut":
            return text[:a]
    raise AssertionError(kind)


KINDS = ["delete line", "double line", "swap lines", "indent", "nest", "value", "insert", "delete", "replace", "cut"]
changes = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 2000), st.integers(0, 2000), st.sampled_from(WORDS)),
    min_size=1,
    max_size=4,
)


def check(*args: Any) -> None:
    """Load, and look at what comes."""
    try:
        scenario = load(*args)
    except SpecError as error:
        for problem in error.problems:
            assert str(problem).strip()
            assert problem.text.strip()
            assert str(problem).isprintable()
    else:
        assert isinstance(scenario, Scenario)
        scenario.resolved()


@settings(LIVE, max_examples=1000)
@given(changes=changes)
def test_mutated_scenarios_load_or_say_why_not(write: Write, changes: list[tuple[str, int, int, str]]) -> None:
    text = SCENARIO
    for each in changes:
        text = change(text, *each)
    write(text.encode("utf-8", "surrogatepass"), "fuzz.yaml")
    write()
    check("fuzz.yaml")


@settings(LIVE, max_examples=200)
@given(raw=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_load_or_say_why_not(write: Write, raw: bytes) -> None:
    check(write(raw, "fuzz.yaml"))


PATHS = [
    "seed", "fleet", "fleet.edge", "fleet.edge.replicas", "policy.use", "policy", "slo.0", "slo", "policy.order.1",
    "workload.chat.arrivals.use", "workload.chat.lengths", "run.queries", "grid.home.region", "links.wan.between.0",
    "extends", "a.b.c", "", "slo.0.percentile", "fleet.new.model", "telemetry.refresh_s", "hosts.a.device",
]  # fmt: skip


@settings(LIVE, max_examples=300)
@given(sets=st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(WORDS) | st.text(max_size=8)), max_size=3))
def test_any_overrides_load_or_say_why_not(write: Write, sets: list[tuple[str, str]]) -> None:
    check(write(), ["=".join(pair) for pair in sets])


@pytest.mark.parametrize("name", scenario_names())
def test_shipped_scenarios_load(name: str) -> None:
    check_name = load(name)
    assert check_name.spec.name == Path(name).name
    first = (shipped("scenarios") / f"{name}.yaml").read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    schema = (shipped("scenarios") / f"{name}.yaml").parent / first.partition("=")[2]
    assert schema.resolve().name == "scenario.schema.json"
    assert schema.is_file()
