"""A scenario that runs in a moment, with a policy that waits, dies or fails where a point says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
SECONDS = 120  # that anything may take at most, on a busy machine

TINY = """\
# Does a sweep work?
name: tiny
seed: 3
run: {queries: 30, replications: 2}
workload:
  chat: {arrivals: {use: poisson, rate_per_s: 2}, lengths: {use: fixed, prompt_tok: 50, output_tok: 5}}
fleet:
  one: {model: llama-3.2-1b, device: l40s}
policy: {use: always, pool: one}
"""

ODD_POLICY = """
import os, signal, time
from dataclasses import dataclass
from pathlib import Path
from simulator.policies.core import Ask, Call

@dataclass(frozen=True)
class Odd:
    does: str = ""     # wait: until a file `go` is there, the first time; die: each time; fail: until `mended`
    folder: str = ""

    def decide(self, query, view):
        begun = Path(self.folder) / "begun"
        if self.does == "wait" and not begun.exists():
            begun.with_name("almost").write_text(str(os.getpid()))
            begun.with_name("almost").rename(begun)
            while not begun.with_name("go").exists():
                time.sleep(0.02)
        if self.does == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.does == "fail" and not begun.with_name("mended").exists():
            raise ValueError("a bug of the user's")
        return Ask((Call("one", final=True),))
"""


def world(folder: Path, *does: str) -> Path:
    """`odd.yaml` in `folder`: a sweep with a point for each of `does`, which has its number as its seed."""
    (folder / "odd.py").write_text(ODD_POLICY)
    rows = [{"seed": seed, "policy.does": what} for seed, what in enumerate(does)]
    told = yaml.safe_load(TINY) | {"policy": {"use": "odd:Odd", "folder": str(folder)}, "sweep": {"list": rows}}
    (folder / "odd.yaml").write_text(yaml.safe_dump(told))
    return folder / "odd.yaml"


def begin(*args: str, folder: Path, err: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """`multillm` in a process, and a group, of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "simulator", *args],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
        stdout=subprocess.PIPE,
        stderr=err,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # even where tests must not hear Ctrl-C
    )


def end(child: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, output and errors."""
    try:
        out, err = child.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        raise
    return child.returncode, out, err


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    last = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < last, "it never held"
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def files(folder: Path, but: str = "manifest.json") -> dict[str, bytes]:
    """Every file below a folder, but those of one name."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != but)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}
