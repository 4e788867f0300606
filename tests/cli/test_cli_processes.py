"""What only a process of its own can show: what it imports, and how it dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_world import TINY

from simulator.records.result import read_result

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
SECONDS = 60  # that a process may take at most

IMPORTS = """
import json, sys
from simulator.cli.app import command

heavy = ("pandas", "plotly", "scipy", "duckdb", "sklearn", "simpy", "numpy", "yaml")
code = command(sys.argv[1:])
print(json.dumps([code, [name for name in heavy if name in sys.modules]]), file=sys.stderr)
"""

SLOW_SAVE = """
import sys, time
from pathlib import Path
from simulator.records import result
from simulator.__main__ import main

def write_json(value, path):
    Path("begun").touch()
    time.sleep(60)

result._write_json = write_json
main()
"""

SLOW_POLICY = """
import time
from dataclasses import dataclass
from pathlib import Path

@dataclass(frozen=True)
class Slow:
    def decide(self, query, view):
        Path("begun").touch()
        time.sleep(60)
"""


def process(*args: str, folder: Path) -> subprocess.Popen[str]:
    """A process that hears Ctrl-C, even where the tests themselves were started so as not to."""
    return subprocess.Popen(
        [sys.executable, *args],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def heavy_modules(*args: str, folder: Path) -> list[str]:
    with process("-c", IMPORTS, *args, folder=folder) as child:
        _, err = child.communicate(timeout=SECONDS)
    code, modules = json.loads(err.splitlines()[-1])
    assert code == 0, err
    return list(modules)


def test_help_imports_nothing_that_takes_time(tmp_path: Path) -> None:
    assert heavy_modules("--help", folder=tmp_path) == []


def test_validate_imports_no_data_frames_no_plots_no_statistics(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    assert set(heavy_modules("validate", "tiny.yaml", folder=tmp_path)) <= {"numpy", "yaml"}
    assert set(heavy_modules("validate", "--build", "tiny.yaml", folder=tmp_path)) <= {"numpy", "yaml", "simpy"}


def test_a_policy_in_a_file_where_we_are_is_found_and_hides_no_module(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY.replace("{use: always, pool: one}", "slow:Slow"))
    (tmp_path / "slow.py").write_text(SLOW_POLICY)
    (tmp_path / "yaml.py").write_text("raise ImportError('not the one that is meant')")
    args = ("-P", "-m", "simulator", "validate", "tiny.yaml")  # -P: as `multillm` is started
    with process(*args, folder=tmp_path) as child:
        assert child.communicate(timeout=SECONDS) == ("tiny.yaml: ok\n", "")
        assert child.returncode == 0


def struck(child: subprocess.Popen[str], blow: signal.Signals, folder: Path) -> tuple[int, str]:
    """Exit code and standard error of a process that gets a signal once it has begun."""
    end = time.monotonic() + SECONDS
    while not (folder / "begun").exists():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
    child.send_signal(blow)
    _, err = child.communicate(timeout=SECONDS)
    return child.returncode, err


def test_ctrl_c_while_simulating_is_a_line_and_130(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    (tmp_path / "slow.py").write_text(SLOW_POLICY)
    args = ("-m", "simulator", "run", "tiny.yaml", "--set", "policy=slow:Slow")
    with process(*args, folder=tmp_path) as child:
        assert struck(child, signal.SIGINT, tmp_path) == (130, "interrupted\n")
    assert not (tmp_path / "runs").exists()


def test_ctrl_c_while_saving_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    with process("-c", SLOW_SAVE, "run", "tiny.yaml", "--out", "out/kept", folder=tmp_path) as child:
        assert struck(child, signal.SIGINT, tmp_path) == (130, "interrupted\n")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_killed_run_leaves_no_folder_of_that_name_and_the_next_one_writes_it(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    with process("-c", SLOW_SAVE, "run", "tiny.yaml", "--out", "kept", folder=tmp_path) as child:
        assert struck(child, signal.SIGKILL, tmp_path)[0] == -signal.SIGKILL
    assert not (tmp_path / "kept").exists()
    with process(
        "-m", "simulator", "run", "tiny.yaml", "--out", "kept", "--quiet", "--no-report", folder=tmp_path
    ) as child:
        assert child.communicate(timeout=SECONDS) == ("kept\n", "")
        assert child.returncode == 0
    assert read_result(tmp_path / "kept").name == "tiny"


@pytest.mark.skipif(not hasattr(signal, "SIGPIPE"), reason="no pipes that break")
def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    with process("-m", "simulator", "schema", folder=tmp_path) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == ""
        assert child.wait(timeout=SECONDS) == -signal.SIGPIPE
