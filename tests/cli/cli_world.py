"""A scenario that runs in a moment, policies that go wrong, and the command line called in this process."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest

from simulator.cli.app import command
from simulator.policies.core import Ask, Call, Decision, FleetView, Query

TINY = """\
# Does the command line work?
name: tiny
seed: 3
run: {queries: 40, replications: 2}
workload:
  chat: {arrivals: {use: constant, rate_per_s: 2}, lengths: {use: fixed, prompt_tok: 50, output_tok: 5}}
fleet:
  one: {model: llama-3.2-1b, device: l40s}
policy: {use: always, pool: one}
slo:
  - {metric: e2e_s, percentile: 95, max: 10, gate: true}
"""


class Said(NamedTuple):
    """What a command gave back."""

    code: int
    out: str
    err: str


class Shell:
    """Runs commands in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *args: str | Path) -> Said:
        self.capsys.readouterr()
        code = command([str(arg) for arg in args])
        return Said(code, *self.capsys.readouterr())


@dataclass(frozen=True)
class Broken:
    """A policy with a bug."""

    def decide(self, query: Query, view: FleetView) -> Decision:
        raise ValueError("a bug of the user's")


@dataclass(frozen=True)
class Chatty:
    """A policy that prints."""

    def decide(self, query: Query, view: FleetView) -> Decision:
        print("deciding")
        return Ask((Call("one", final=True),))


@dataclass(frozen=True)
class Interrupted:
    """A policy during whose work the user presses Ctrl-C."""

    def decide(self, query: Query, view: FleetView) -> Decision:
        raise KeyboardInterrupt
