"""`multillm profile`: list, show, check and new."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_world import Shell
from hypothesis import given
from hypothesis import strategies as st

from simulator.cli.profile.new import LIKE, starting
from simulator.cli.profile.show import rows_of
from simulator.spec.library import KINDS, library, read_profile, shape
from simulator.spec.profiles import DeviceProfile, EngineProfile

SHELF = library(())
BOX = """\
name: my-box
kind: workstation
family: ada
engine: fast
memory_gb: 32
bandwidth_gb_per_s: 1000
peak_fp16_tflop_per_s: 200
tdp_w: 350
idle_w: 30
prefill_frac: 0.5
sources:
  - {kind: datasheet, ref: its sheet}
  - {kind: measured, of: [idle_w], ref: a wall meter}
"""
FAST = """\
name: fast
engine: fast
bandwidth_frac: 0.8
prefill_frac: 0.3
sources: [{kind: fitted, ref: our runs}]
"""
SUPPORT = """\
name: support
kind: items
file: marks.csv
format: wide
columns: {item: id, score: "{model}_right"}
models: [small, large]
sources: [{kind: measured, ref: marked by two people}]
"""


@pytest.fixture
def box(shell: Shell) -> Path:
    """`profiles/` in the working folder with a device and its engine; gives the device's file."""
    for kind, name, text in (("devices", "my-box", BOX), ("engines", "fast", FAST)):
        folder = Path("profiles", kind)
        folder.mkdir(parents=True)
        (folder / f"{name}.yaml").write_text(text)
    return Path("profiles/devices/my-box.yaml")


@pytest.mark.parametrize("kind", KINDS)
def test_list_has_each_profile_of_a_kind(shell: Shell, kind: str) -> None:
    said = shell("profile", "list", kind)
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines()] == [f"{kind}/{name}" for name in SHELF.names(kind)]


def test_list_takes_the_singular_and_says_what_kinds_there_are(shell: Shell) -> None:
    assert shell("profile", "list", "device").out == shell("profile", "list", "devices").out
    said = shell("profile", "list", "devises")
    assert said.code == 2
    assert said.err.startswith("no 'devises' among the kinds of profiles; did you mean 'devices'?")


def test_list_as_json_says_where_the_files_are(shell: Shell, box: Path) -> None:
    listed = {(row["kind"], row["name"]): row for row in json.loads(shell("profile", "list", "--json").out)}
    assert set(listed) >= {(kind, name) for kind in KINDS for name in SHELF.names(kind)}
    assert listed["devices", "my-box"]["file"] == str(box)
    assert listed["devices", "my-box"]["evidence"] == ["measured", "datasheet"]


def test_show_says_value_evidence_and_source_of_each_key(shell: Shell, box: Path) -> None:
    keys = json.loads(shell("profile", "show", "my-box", "--json").out)["keys"]
    told = {key: (keys[key]["value"], keys[key]["evidence"], keys[key]["source"]) for key in keys}
    assert told["memory_gb"] == (32, "datasheet", "its sheet")
    assert told["idle_w"] == (30, "measured", "a wall meter")
    assert told["life_years"] == (4, "assumed", "default")
    assert set(keys) == set(DeviceProfile.model_fields) - {"name", "title", "sources"}


def test_show_takes_what_a_device_leaves_out_from_its_engine(shell: Shell, box: Path) -> None:
    keys = json.loads(shell("profile", "show", "devices/my-box", "--json").out)["keys"]
    assert (keys["prefill_frac"]["value"], keys["prefill_frac"]["profile"]) == (0.5, "my-box")
    assert (keys["bandwidth_frac"]["value"], keys["bandwidth_frac"]["profile"]) == (0.8, "fast")
    assert keys["memory_frac"]["profile"] == "any"
    under = json.loads(shell("profile", "show", "my-box", "--engine", "any", "--json").out)["keys"]
    assert under["bandwidth_frac"]["profile"] == "any"
    said = shell("profile", "show", "my-box").out
    assert "under fast:" in said
    assert "engines/fast: our runs" in said


def test_a_device_is_shown_though_its_engine_has_no_profile(shell: Shell, box: Path) -> None:
    Path("profiles/engines/fast.yaml").unlink()
    said = shell("profile", "show", "my-box")
    assert said.code == 0
    assert "no 'fast' in engines" in said.out
    assert shell("profile", "show", "my-box", "--engine", "fats").code == 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_shown(shell: Shell, kind: str) -> None:
    for name in SHELF.names(kind)[:2]:  # type: ignore[arg-type]
        said = shell("profile", "show", f"{kind}/{name}")
        assert said.code == 0
        assert said.out.startswith(f"{kind}/{name}  ")


def test_a_name_of_two_kinds_must_say_which(shell: Shell, box: Path) -> None:
    Path("profiles/engines/my-box.yaml").write_text(FAST.replace("name: fast", "name: my-box"))
    said = shell("profile", "show", "my-box")
    assert (said.code, said.err) == (2, "'my-box' is of several kinds; say devices/my-box or engines/my-box\n")
    assert shell("profile", "show", "engines/my-box").code == 0


@pytest.mark.parametrize("name", ["l40x", "devices/l40x", "devises/l40s", "models/../devices/l40s"])
def test_what_is_not_there_cannot_be_shown(shell: Shell, name: str) -> None:
    said = shell("profile", "show", name)
    assert said.code == 2
    assert said.err.count("\n") == 1


@given(st.sampled_from(SHELF.names("devices")))
def test_a_shown_number_is_the_first_layer_s_that_has_it(name: str) -> None:
    device = SHELF.read("devices", name)
    some = EngineProfile.model_validate_json(
        '{"name": "e", "engine": "e", "bandwidth_frac": 0.5, "sources": [{"kind": "fitted", "ref": "a test"}]}'
    )
    layers = [some, SHELF.read("engines", "any")]
    rows = {row.key: row for row in rows_of(device, layers)}
    assert (rows["bandwidth_frac"].value, rows["bandwidth_frac"].evidence) == (0.5, "fitted")
    assert rows["memory_frac"].profile == "any"
    assert rows["tdp_w"].value == device.tdp_w


def test_check_tells_all_mistakes_of_all_files_at_once(shell: Shell, box: Path) -> None:
    box.write_text(BOX.replace("tdp_w: 350", "tdp_w: 350000").replace("idle_w: 30", "idel_w: 30"))
    link = Path("profiles/links/thin.yaml")
    link.parent.mkdir()
    link.write_text("name: thick\nrtt_ms: -1\n")
    said = shell("profile", "check", "profiles")
    assert (said.code, said.out) == (2, "")
    places = [line.split(" ")[0] for line in said.err.splitlines()]
    assert {place.split(":")[0] for place in places} == {str(box), str(link)}
    assert f"{box}:8:8: tdp_w: 350000 is more than any device has" in said.err
    assert f"{box}:9:1: idel_w: unknown key; did you mean 'idle_w'?" in said.err
    assert f"{link}:2:9: rtt_ms: must be greater than or equal to 0, not -1" in said.err
    assert shell("profile", "check", box).err.splitlines() == [
        line for line in said.err.splitlines() if "my-box" in line
    ]


def test_check_says_how_many_there_are_and_that_nothing_is_wrong(shell: Shell, box: Path) -> None:
    assert shell("profile", "check", box).out == "1 profile, no problem\n"
    assert shell("profile", "check", "profiles").out == "2 profiles, no problem\n"
    assert shell("profile", "check", "profiles/devices", "profiles/engines").out == "2 profiles, no problem\n"


def test_without_a_file_the_whole_search_path_is_checked(
    shell: Shell, box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("shipped/engines").mkdir(parents=True)
    Path("shipped/engines/any.yaml").write_text(FAST.replace("name: fast", "name: any"))
    Path("more/links").mkdir(parents=True)
    Path("more/links/thin.yaml").write_text("name: thin\n")
    monkeypatch.setattr("simulator.spec.library.shipped", lambda what: Path("shipped"))
    assert shell("profile", "check").out == "3 profiles, no problem\n"
    said = shell("profile", "check", "--profiles", "more")
    assert said.code == 2
    assert said.err.startswith("more/links/thin.yaml:1:1: missing key")


def test_check_finds_names_that_are_of_nothing(shell: Shell, box: Path) -> None:
    box.write_text(BOX.replace("engine: fast", "engine: fats"))
    assert shell("profile", "check", box).err.startswith(
        f"{box}:4:9: engine: no 'fats' in engines; did you mean 'fast'?"
    )
    assert shell("profile", "new", "model", "mine").code == 0
    model = Path("profiles/models/mine.yaml")
    model.write_text(model.read_text().replace("weights: bf16", "weights: q9"))
    assert ": weights: no 'q9' among the weights (one of bf16, fp16," in shell("profile", "check", model).err


def test_check_finds_a_name_that_two_devices_have(shell: Shell, box: Path) -> None:
    box.write_text(BOX + "aliases: [H100, mine, rtx-4090]\n")
    said = shell("profile", "check", box)
    assert said.code == 2
    assert [line.split(": ", 1)[1] for line in said.err.splitlines()] == [
        "aliases.0: 'H100' is also of h100-sxm",
        "aliases.2: 'rtx-4090' is also of rtx-4090",
    ]


@pytest.mark.parametrize("path", ["nothing.yaml", "profiles/devices/nothing.yaml", "tiny.yaml", "empty"])
def test_what_is_no_profile_cannot_be_checked(shell: Shell, box: Path, path: str) -> None:
    Path("empty").mkdir()
    said = shell("profile", "check", path)
    assert said.code == 2
    assert said.err.startswith(f"{path}: ")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("kind", LIKE)
def test_a_new_profile_is_right_as_it_stands(shell: Shell, kind: str) -> None:
    said = shell("profile", "new", kind, "mine")
    assert said.code == 0
    file = Path("profiles", kind, "mine.yaml")
    assert said.out.splitlines()[0] == f"wrote {file}"
    cls, like = shape(kind), SHELF.read(kind, LIKE[kind])  # type: ignore[arg-type]
    assert cls is not None
    made = read_profile(cls, file)
    own = {"name", "title", "sources", "aliases"}
    assert made.model_dump(exclude=own) == like.model_dump(exclude=own)
    assert [source.kind for source in made.sources] == ["assumed"]
    assert set(Path().rglob("*")) >= {file}
    assert not list(Path("profiles", kind).glob(".*"))


def test_a_new_device_explains_every_key(shell: Shell) -> None:
    text = starting(SHELF.read("devices", "h100-sxm"), "devices", "mine")
    lines = text.splitlines()
    for key in DeviceProfile.model_fields:
        (at,) = (i for i, line in enumerate(lines) if line.removeprefix("# ").startswith(f"{key}:"))
        assert lines[at - 1].startswith("# "), key


def test_a_new_profile_may_be_like_another_and_lie_elsewhere(shell: Shell) -> None:
    assert shell("profile", "new", "device", "mine", "--like", "m3-ultra", "-o", "there").code == 0
    assert read_profile(DeviceProfile, Path("there/devices/mine.yaml")).memory_gb == 512


def test_new_leaves_what_is_there(shell: Shell, box: Path) -> None:
    said = shell("profile", "new", "device", "my-box")
    assert (said.code, said.err) == (2, f"{box}: exists, and is left as it is\n")
    assert box.read_text() == BOX
    assert shell("profile", "new", "device", "other", "-o", "tiny.yaml").code == 2


@pytest.mark.parametrize(
    "args", [("device", "a b"), ("device", "../out"), ("quality", "mine"), ("device", "mine", "--like", "l40x")]
)
def test_what_cannot_begin_is_refused_and_nothing_is_written(shell: Shell, args: tuple[str, ...]) -> None:
    before = set(Path().rglob("*"))
    said = shell("profile", "new", *args)
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert set(Path().rglob("*")) == before


def test_check_reads_a_table_that_lies_beside_its_profile(shell: Shell) -> None:
    folder = Path("mine/quality")
    folder.mkdir(parents=True)
    (folder / "marks.csv").write_text("id,small_right\nq1,1\n")
    (folder / "support.yaml").write_text(SUPPORT)
    code, _, err = shell("profile", "check", "mine")
    assert (code, err.count("\n")) == (2, 1)
    assert "marks.csv: no 'large_right' among its columns; did you mean 'small_right'?" in err
    (folder / "marks.csv").write_text("id,small_right,large_right\nq1,1,0\nq2,2,0\n")
    assert "marks.csv:3" in shell("profile", "check", "mine").err
    (folder / "marks.csv").unlink()  # with the data that is not shipped
    assert shell("profile", "check", "mine").code == 0


def test_a_quantisation_that_does_not_exist_is_told_with_those_that_do(shell: Shell, box: Path) -> None:
    Path("q9.yaml").write_text(Path("tiny.yaml").read_text().replace("device: l40s", "device: my-box, weights: q9"))
    said = shell("validate", "--build", "q9.yaml")
    assert said.code == 2
    assert said.err.startswith("q9.yaml:8:")
    assert "no 'q9' among the weights (one of bf16, fp16," in said.err
