from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from cli_world import Shell

from simulator import read_result


def events(path: str) -> list[dict]:
    return json.loads(gzip.decompress(Path(path).read_bytes()))["traceEvents"]


def test_a_trace_is_written_into_the_result_and_named(shell: Shell) -> None:
    said = shell("run", "tiny.yaml", "--out", "kept", "--trace", "perfetto")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[-3:] == ["result: kept", "report: kept/report.html", "trace: kept/trace.json.gz"]
    calls = read_result(Path("kept")).tables.calls
    first = calls[(calls["replication"] == 0).to_numpy(bool)]
    shown = {int(event["id2"]["local"]) for event in events("kept/trace.json.gz") if event.get("cat") == "call"}
    assert shown == set(first["call"])


def test_a_trace_begins_at_the_second_that_is_asked_for(shell: Shell) -> None:
    shell("run", "tiny.yaml", "--out", "kept", "--trace", "perfetto", "--trace-from", "12.25")
    times = [event["ts"] for event in events("kept/trace.json.gz") if "ts" in event]
    assert min(times) == 12_250_000


def test_equal_commands_write_equal_traces_and_the_rest_is_as_without(shell: Shell) -> None:
    shell("run", "tiny.yaml", "--out", "one", "--trace", "perfetto")
    shell("run", "tiny.yaml", "--out", "two", "--trace", "perfetto")
    shell("run", "tiny.yaml", "--out", "none")
    assert Path("one/trace.json.gz").read_bytes() == Path("two/trace.json.gz").read_bytes()
    plain = {file.name: file.read_bytes() for file in Path("none").iterdir() if file.name != "manifest.json"}
    assert {name: Path("one", name).read_bytes() for name in plain} == plain
    assert not Path("none/trace.json.gz").exists()


def test_documents_and_folders_alone_are_printed_as_without(shell: Shell) -> None:
    assert shell("run", "tiny.yaml", "--quiet", "--out", "kept", "--trace", "perfetto").out == "kept\n"
    assert json.loads(shell("run", "tiny.yaml", "--json", "--out", "kept", "--trace", "perfetto").out)["name"] == "tiny"
    assert Path("kept/trace.json.gz").is_file()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (("--trace", "foo"), "'foo' is not one of 'perfetto'"),
        (("--trace-from", "3"), "--trace perfetto writes one"),
        (("--trace", "perfetto", "--trace-from", "nan"), "--trace-from"),
        (
            ("--trace", "perfetto", "--trace-from", "1e6"),
            "nothing happened from 1e+06 s on: the run was over after 19.5",
        ),
    ],
)
def test_traces_that_cannot_be_are_refused_and_nothing_is_kept(shell: Shell, wrong, says) -> None:
    said = shell("run", "tiny.yaml", "--out", "kept", *wrong)
    assert (said.code, said.out) == (2, "")
    assert says in said.err.splitlines()[-1]
    assert not Path("kept").exists()
