from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import yaml
from spec_world import SCENARIO, Write

from simulator.spec.errors import SpecError
from simulator.spec.load import DEFAULT, Scenario, explain, load, profiles_used


def mistakes(*args: object) -> list[str]:
    """Lines of the error that `load` raises."""
    with pytest.raises(SpecError) as error:
        load(*args)  # type: ignore[arg-type]
    return str(error.value).splitlines()


def place(text: str, word: str) -> str:
    """`line:col` of a word that stands once in a text."""
    before = text[: text.index(word)]
    assert text.count(word) == 1, word
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"


def swapped(*pairs: tuple[str, str]) -> str:
    """The scenario with parts of its text replaced."""
    text = SCENARIO
    for old, new in pairs:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def test_a_good_file_is_values_defaults_included(write: Write) -> None:
    scenario = load(write())
    assert scenario.spec.seed == 7
    assert scenario.spec.run.queries == 1000
    assert scenario.spec.fleet["edge"].replicas == 4
    assert scenario.spec.fleet["edge"].dispatch == "least-tokens"
    assert scenario.library.read("devices", "small-soc").memory_gb == 8
    assert profiles_used(scenario.spec) == [
        ("devices", "big-gpu"), ("devices", "small-soc"), ("links", "thin"),
        ("models", "model-l"), ("models", "model-s"), ("regions", "XX"),
    ]  # fmt: skip


def test_all_mistakes_come_at_once_each_at_its_place(write: Write) -> None:
    text = swapped(
        ("replicas: 4", "replicas: -9"),
        ("device: big-gpu", "device: big-gpus"),
        ("[edge, cloud]", "[edge, clod]"),
        ("origin: home", "orign: home"),
        ("metric: ttft_s", "metric: ttft"),
        ("rate_per_s: 4", "rate_per_s: fast"),
        ("max: 1.5, gate: true", "max: 1.5, gate: 8"),
        ("[home, dc]", "[home, home]"),
    )
    at = {
        word: f"two.yaml:{place(text, word)}: " for word in ("orign", "fast", "-9", "big-gpus", "clod", "ttft,", "8}")
    }
    looked = os.path.join("profiles", "devices")
    got = mistakes(write(text))
    assert len(got) == 8
    assert got[0] == at["orign"] + "workload.chat.orign: unknown key; did you mean 'origin'?"
    assert got[1] == at["fast"] + "workload.chat.arrivals.rate_per_s: must be a number, not 'fast'"
    assert got[2] == at["-9"] + "fleet.edge.replicas: must be greater than or equal to 1, not -9"
    assert got[3].startswith(
        at["big-gpus"] + "fleet.cloud.device: no 'big-gpus' in devices; did you mean 'big-gpu'? (one of "
    )
    assert f"looked in {looked}, " in got[3]
    assert got[4].endswith("links.wan: a link joins two different places, not 'home' with itself")
    assert got[5] == at["clod"] + "policy.order.1: no 'clod' in fleet; did you mean 'cloud'? (one of edge, cloud)"
    assert got[6].startswith(at["ttft,"] + "slo.0.metric: no 'ttft'; did you mean 'ttft_s'? (one of accuracy, ttft_s, ")
    assert got[7] == at["8}"] + "slo.0.gate: must be true or false, not 8"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("seed: 7", "sed: 7", "2:1: sed: unknown key; did you mean 'seed'?"),
        ("seed: 7", "seed: '7'", "2:7: seed: must be a whole number, not '7'"),
        ("seed: 7", "seed: 7.5", "2:7: seed: must be a whole number, not 7.5"),
        ("seed: 7", "seed: true", "2:7: seed: must be a whole number, not true"),
        ("seed: 7", "seed:", "2:6: seed: must be a whole number, not null"),
        ("name: two", "name: a/b", "1:7: name: must match "),
        ("name: two\n", "", "1:1: missing key 'name'"),
        ("model: model-s, device", "device", "10:10: fleet.edge: give the 'model'"),
        ("device: small-soc, ", "", "10:10: fleet.edge: give exactly one of 'device', 'host' and 'hosted'"),
        ("max: 1.5, ", "", "17:5: slo.0: give 'max' or 'min'"),
        ("{queries: 1e3}", "{queries: 5, duration_s: 3}", "3:6: run: give one of 'queries' and 'duration_s'"),
        ("{queries: 1e3}", "3", "3:6: run: must be a map, not 3"),
        ("[home, dc]", "[home]", "13:9: links.wan.between: must have an item 1"),
        ("[home, dc]", "[home, dc, x]", "13:18: links.wan.between: must have at most 2 items, not 3"),
        ("[home, dc]", "home", "13:18: links.wan.between: must be a list, not 'home'"),
        ("replicas: 1}", "replicas: 1, dispatch: sharde}", "dispatch: no 'sharde'; did you mean 'shared'? (one of "),
        ("rate_per_s: 4", "rate_per_s: .inf", "workload.chat.arrivals.rate_per_s: must be a finite number, not inf"),
        ("accept: {edge: 0.62}", "accept: [1]", "policy.accept: must be a number or a map, not a list"),
        ("accept: {edge: 0.62}", "accept: {edge: a}", "policy.accept.edge: must be a number, not 'a'"),
        ("accept: {edge: 0.62}", "accept: {egde: 1}", "policy.accept.egde: no 'egde' in fleet; did you mean 'edge'?"),
        ("  chat:", "  chat room:", "5:3: workload.chat room: must match "),
        ("metric: ttft_s", "metric: accuracy", "slo.0: only ttft_s, tpot_s, e2e_s, queue_s have percentiles"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_in_one_line(write: Write, old: str, new: str, line: str) -> None:
    got = mistakes(write(swapped((old, new))))
    assert any(line in each and each.startswith("two.yaml:") for each in got), got


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "place: dc, ",
            "",
            "11:10: fleet.cloud.place: no link leads from 'home', the origin of workload.chat, to 'here'",
        ),
        (
            "place: dc",
            "place: cd",
            "fleet.cloud.place: no link leads from 'home', the origin of workload.chat, to 'cd'",
        ),
        ("grid: {home", "grid: {hme", "grid.hme: no 'hme' among the places of the scenario; did you mean 'home'?"),
        ("grid:", "verifiers: {edge: {time_s: 1}}\ngrid:", "verifiers.edge: 'edge' is the name of a pool, too"),
        ("device: big-gpu", "host: box", "fleet.cloud.host: no 'box' in hosts (there are none)"),
        (
            "device: big-gpu, place: dc, replicas: 1}",
            "host: box, tensor_parallel: 4}\nhosts: {box: {device: big-gpu, place: dc, devices: 2}}",
            "fleet.cloud.tensor_parallel: needs 4 devices in one host, but host 'box' has 2: set hosts.box.devices",
        ),
        (
            "device: big-gpu, place: dc, replicas: 1}",
            "host: box, place: home}\nhosts: {box: {device: big-gpu, place: dc}}",
            "fleet.cloud.place: must be 'dc', where host 'box' is, not 'home'",
        ),
    ],
)
def test_sections_that_contradict_each_other_are_told(write: Write, old: str, new: str, line: str) -> None:
    (got,) = mistakes(write(swapped((old, new))))
    assert line in got


def test_a_route_may_have_several_links(write: Write) -> None:
    text = swapped(("wan: {between: [home, dc], profile: thin}", "a: {between: [home, mast], profile: thin}\n"
                    "  b: {between: [dc, mast], profile: thin}"))  # fmt: skip
    assert load(write(text)).spec.links["b"].between == ("dc", "mast")


def test_mistakes_of_a_profile_point_into_the_profile(write: Write) -> None:
    Path("profiles/devices/small-soc.yaml").write_text("name: other\nkind: phne\n")
    got = mistakes(write())
    assert all(line.startswith("profiles/devices/small-soc.yaml:") for line in got)
    assert "profiles/devices/small-soc.yaml:2:7: kind: no 'phne'; did you mean 'phone'?" in got[-1]
    assert "profiles/devices/small-soc.yaml:1:1: missing key 'memory_gb'" in got


def test_what_goes_wrong_later_points_into_the_file_too(write: Write) -> None:
    scenario = load(write(), ["fleet.edge.max_seqs=9"])
    assert str(scenario.error("fleet.cloud.model", "too big")) == "two.yaml:11:18: fleet.cloud.model: too big"
    assert str(scenario.error("fleet.cloud.kv_tok", "none left")) == "two.yaml:11:10: fleet.cloud.kv_tok: none left"
    assert str(scenario.error("slo.0.max", "no")) == "two.yaml:17:43: slo.0.max: no"
    assert str(scenario.problem("fleet.edge.max_seqs", "no")) == "--set fleet.edge.max_seqs=9: fleet.edge.max_seqs: no"


def test_every_value_says_where_it_is_from(write: Write) -> None:
    write()
    write("name: child\nextends: two.yaml\nworkload: {chat: {lengths: azure-conv-like}}\n", "child.yaml")
    scenario = load("child.yaml", ["seed=3"])
    origins = {path: (value, origin) for path, value, origin in explain(scenario)}
    assert origins["name"] == ("child", "child.yaml:1:7")
    assert origins["seed"] == (3, "--set seed=3")
    assert origins["fleet.edge.replicas"] == (4, "two.yaml:10:69")
    assert origins["fleet.edge.max_seqs"] == (64, DEFAULT)
    assert origins["workload.chat.lengths.use"] == ("azure-conv-like", "child.yaml:3:28")
    assert origins["policy.order"] == (["edge", "cloud"], "two.yaml:14:31")
    assert origins["policy.verifier"] == (None, DEFAULT)
    assert origins["hosts"] == ({}, DEFAULT)


def test_the_resolved_scenario_is_the_same_scenario(write: Write) -> None:
    scenario = load(write(), ["fleet.edge.steps={use: linear, pass_s: 0.01, decode_seq_s: 1e-3, context_tok_s: 0, "
                              "chunk_tok_s: 1e-5}"])  # fmt: skip
    write(yaml.safe_dump(scenario.resolved(), sort_keys=False), "again.yaml")
    again = load("again.yaml")
    assert again.spec == scenario.spec
    assert again.resolved() == scenario.resolved()
    assert list(again.resolved()) == list(scenario.resolved())


def test_a_scenario_crosses_processes(write: Write) -> None:
    scenario = load(write())
    again: Scenario = pickle.loads(pickle.dumps(scenario))
    assert again.spec == scenario.spec
    assert again.resolved() == scenario.resolved()


def test_an_error_crosses_processes(write: Write) -> None:
    with pytest.raises(SpecError) as error:
        load(write("a: 1"))
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)


def test_data_files_are_found_beside_the_scenario_or_under_the_data_folder(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name = write(swapped(("{use: poisson, rate_per_s: 4}", "{use: 'spec_dummies:FromFile', file: a/t.csv}")))
    monkeypatch.delenv("MULTILLM_DATA", raising=False)
    (line,) = mistakes(name)
    assert "arrivals.file: no file 'a/t.csv'; looked in .; data that is not shipped lies in the folder that" in line
    assert "MULTILLM_DATA names, which is not set" in line
    data = tmp_path / "data" / "a"
    data.mkdir(parents=True)
    (data / "t.csv").write_text("x\n")
    monkeypatch.setenv("MULTILLM_DATA", str(data.parent))
    there = load(name)
    assert there.spec.workload["chat"].arrivals.make().file == str(data / "t.csv")
    write("x\n", "a/t.csv")
    beside = load(name)
    assert Path(beside.spec.workload["chat"].arrivals.make().file).samefile("a/t.csv")
    assert there.resolved() == beside.resolved()  # the path as written: the same on every machine
    assert beside.resolved()["workload"]["chat"]["arrivals"]["file"] == "a/t.csv"


@pytest.mark.parametrize("text", ["edge-cascde", "no/such/file.yaml", "none.yaml", "", ".", "a\x00b", "x" * 5000])
def test_a_scenario_that_is_not_there_is_one_line(write: Write, text: str) -> None:
    (line,) = mistakes(text)
    assert "no " in line


def test_folders_of_profiles_must_exist(write: Write) -> None:
    assert mistakes(write(), (), ["nowhere"]) == ["--profiles: no folder 'nowhere'"]
