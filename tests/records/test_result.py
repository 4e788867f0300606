import dataclasses
import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_result import made_result, made_tables

from simulator.records.errors import ResultError
from simulator.records.result import read_result, result_hash, save
from simulator.records.tables import SCHEMA, Tables

HERE = Path(__file__).parent


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def in_new_process(code, *arguments, **settings):
    """Run `code`, which sees this folder and the package."""
    paths = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, **settings)


def test_what_is_saved_is_read(tmp_path):
    result = made_result()
    folder = save(result, tmp_path / "kept")
    read = read_result(folder)
    assert (read.name, read.scenario, read.summary) == (result.name, result.scenario, result.summary)
    assert result.manifest.items() <= read.manifest.items()
    for table in SCHEMA:
        pd.testing.assert_frame_equal(
            getattr(read.tables, table), getattr(result.tables, table), check_categorical=False
        )


def test_a_table_without_rows_is_kept_with_its_columns(tmp_path):
    read = read_result(save(made_result(rows=0), tmp_path / "kept"))
    for table, columns in SCHEMA.items():
        assert list(getattr(read.tables, table).columns) == list(columns)
        assert len(getattr(read.tables, table)) == 0


def test_the_folder_is_named_by_what_made_the_result(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = save(made_result())
    assert folder == tmp_path / "runs" / f"made-{result_hash(made_result())}"
    assert save(made_result(host="elsewhere")) == folder
    others = [made_result(seed=1), made_result(version="0.2.0"), made_result(inputs={}), made_result(scenario={"a": 1})]
    assert len({result_hash(other) for other in others} | {result_hash(made_result())}) == 5


def test_equal_runs_are_equal_bytes_in_every_process_but_for_the_manifest(tmp_path):
    code = """
        import os, sys
        from made_result import made_result
        made_result(rows=150_000, host=os.getpid()).save(sys.argv[1])
    """
    for name in ("a", "b"):
        assert in_new_process(code, tmp_path / name).returncode == 0
    a, b = digests(tmp_path / "a"), digests(tmp_path / "b")
    assert {name for name in a if a[name] != b[name]} == {"manifest.json"}
    expected = {"manifest.json", "scenario.resolved.yaml", "summary.json", *(f"{table}.parquet" for table in SCHEMA)}
    assert set(a) == expected


def test_a_result_replaces_a_result_and_leaves_nothing_beside_it(tmp_path):
    save(made_result(rows=10), tmp_path / "kept")
    save(made_result(rows=20), tmp_path / "kept")
    assert len(read_result(tmp_path / "kept").tables.queries) == 20
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.write_text("mine"), "is a file"),
        (lambda path: path.mkdir(), "not a result folder"),
        (lambda path: (path.mkdir(), (path / "thesis.tex").write_text("mine")), "not a result folder"),
        (lambda path: (path.mkdir(), (path / "manifest.json").write_text("{}")), "not a result folder"),
        (lambda path: (path.mkdir(), (path / "manifest.json").write_text("[1")), "not a result folder"),
        (lambda path: path.symlink_to("nowhere"), "is a file"),
    ],
)
def test_nothing_but_a_result_is_replaced(tmp_path, make, says):
    make(tmp_path / "theirs")
    before = sorted(map(str, tmp_path.rglob("*")))
    with pytest.raises(ResultError, match=says):
        save(made_result(rows=5), tmp_path / "theirs")
    assert sorted(map(str, tmp_path.rglob("*"))) == before


def test_a_disk_that_refuses_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match="cannot write the result") as caught:
        save(made_result(rows=5), tmp_path / "file" / "kept")
    assert "\n" not in str(caught.value)


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path):
    code = """
        import resource, signal, sys
        from made_result import made_result
        from simulator.records.errors import ResultError
        result = made_result(rows=20_000)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        try:
            result.save(sys.argv[1])
        except ResultError as error:
            print(error)
    """
    done = in_new_process(code, tmp_path / "kept")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "cannot write the result" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_killed_leaves_nothing_half_written_under_the_name(tmp_path):
    code = """
        import os, signal, sys
        from made_result import made_result
        from simulator.records import result
        result._write_json = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        made_result(rows=10).save(sys.argv[1])
    """
    assert in_new_process(code, tmp_path / "kept").returncode == -signal.SIGKILL
    assert not (tmp_path / "kept").exists()
    save(made_result(rows=10), tmp_path / "kept")
    assert len(read_result(tmp_path / "kept").tables.calls) == 10


def broken(folder, how):
    """A saved result with one thing wrong."""
    save(made_result(rows=5), folder)
    how(folder)
    return folder


@pytest.mark.parametrize(
    ("how", "says"),
    [
        (lambda folder: (folder / "calls.parquet").unlink(), "incomplete: no calls.parquet"),
        (lambda folder: (folder / "summary.json").unlink(), "summary.json"),
        (lambda folder: (folder / "summary.json").write_text("{"), "broken"),
        (lambda folder: (folder / "summary.json").write_text("{}"), "broken"),
        (lambda folder: (folder / "summary.json").write_text("[]"), "broken"),
        (lambda folder: (folder / "scenario.resolved.yaml").write_text("a: [1"), "broken"),
        (lambda folder: (folder / "manifest.json").unlink(), "not a result folder"),
        (lambda folder: _set(folder / "manifest.json", schema=0), "has schema 0"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path, how, says):
    folder = broken(tmp_path / "kept", how)
    with pytest.raises(ResultError, match=says) as caught:
        read_result(folder)
    assert str(caught.value).startswith(str(folder))


def _set(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_no_folder_is_said(tmp_path):
    with pytest.raises(ResultError, match="no such folder"):
        read_result(tmp_path / "nothing")


def test_a_broken_table_says_which_when_it_is_read(tmp_path):
    folder = broken(tmp_path / "kept", lambda folder: (folder / "calls.parquet").write_bytes(b"PAR1 no"))
    result = read_result(folder)
    assert len(result.tables.queries) == 5
    with pytest.raises(ResultError, match=r"calls\.parquet: cannot be read"):
        _ = result.tables.calls


def test_a_folder_with_a_quote_in_its_name_is_a_folder(tmp_path):
    folder = tmp_path / "it's a run; drop table"
    assert len(read_result(save(made_result(rows=5), folder)).tables.queries) == 5


def test_numbers_that_json_has_no_word_for_are_our_mistake(tmp_path):
    result = made_result(rows=5)
    wrong = dataclasses.replace(result, summary=dataclasses.replace(result.summary, span_s=(float("nan"),)))
    with pytest.raises(ValueError, match="JSON"):
        save(wrong, tmp_path / "kept")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_million_queries_are_saved_in_seconds(tmp_path):
    small = made_tables(1_000)
    tables = made_tables(1_000_000)
    result = dataclasses.replace(
        made_result(rows=5), tables=Tables(tables.queries, tables.calls, small.ledger, small.timeline)
    )
    start_s = time.perf_counter()
    folder = save(result, tmp_path / "kept")
    took_s = time.perf_counter() - start_s
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"saved in {took_s:.2f} s, {size / 1e6:.0f} MB, peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss} kB")
    np.testing.assert_array_equal(read_result(folder).tables.queries["e2e_s"], tables.queries["e2e_s"])
    assert took_s < 20  # 5 s is the aim on a free core
