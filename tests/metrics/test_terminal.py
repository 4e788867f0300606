import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from made_run import mm1, queries_of, run_of
from rich.console import Console

from simulator.metrics.facts import ClassFacts
from simulator.metrics.summarise import summarise
from simulator.records.metrics import figure, scale
from simulator.spec.scenario import SloSpec
from simulator.terminal import render, to_json


def printed(summary, **settings):
    out = io.StringIO()
    render(summary, Console(file=out, width=120, **settings))
    return out.getvalue()


def some_summary(**facts):
    slos = (SloSpec(metric="ttft_s", percentile=95, max=0.001), SloSpec(metric="e2e_s", percentile=99.9, max=1e6))
    classes = {"chat": ClassFacts((SloSpec(metric="queue_s", max=1e6),))}
    joules = [{"replication": r, "energy_j": 900.0, "phase": "decode", "evidence": "fitted"} for r in range(3)]
    given = {"slos": slos, "classes": classes, "left_out": ("faults",)} | facts
    return summarise(*run_of([mm1(0.5, 300, seed) for seed in range(3)], *joules, **given))


def test_the_table_says_what_people_read_first():
    text = printed(some_summary())
    for part in (
        "made  3 replications x 300 queries",
        "STABLE",
        "TTFT p95 [s]",
        "<= 1 ms MISSED",
        "energy per query [J]",
        "3.00",
        "fitted",
        "gpu decode 100.0 %",
        "100,000 tok (given)",
        "limit: ",
        "left out: faults",
        "end-to-end time p99.9",
        "chat: queueing time mean",
    ):
        assert part in text, part


def test_it_is_plain_where_there_is_no_terminal():
    assert "\x1b" not in printed(some_summary())
    assert "\x1b" in printed(some_summary(), force_terminal=True, color_system="standard")


def test_undefined_limits_say_why():
    dropped = queries_of(np.arange(5.0), np.full(5, np.nan), np.ones(5), fate="dropped", reason="full")
    text = printed(summarise(*run_of(dropped, slos=(SloSpec(metric="ttft_s", max=1),))))
    assert "no query was answered" in text
    assert "dropped, of all [%]" in text


def test_programs_read_the_same_numbers():
    summary = some_summary()
    told = json.loads(json.dumps(to_json(summary, Path("runs/x"), wall_s=2.0), allow_nan=False))
    assert (told["name"], told["seed"], told["verdict"], told["run_dir"]) == ("made", 7, "STABLE", "runs/x")
    assert told["queries_per_wall_s"] == 450.0
    assert set(told["metrics"]["ttft_s.p95"]) == {"mean", "ci_low", "ci_high", "unit", "evidence"}
    assert told["metrics"]["ttft_s.p95"]["mean"] == summary.metrics["ttft_s.p95"].mean
    assert told["metrics"]["accuracy"]["reason"] == "no query has an item"


@pytest.mark.parametrize(
    ("name", "value", "unit", "shown"),
    [
        ("ttft_s", 0.41, "ms", 410.0),
        ("ttft_s", 41.0, "s", 41.0),
        ("energy_j_per_query", 0.02, "mJ", 20.0),
        ("energy_j_per_query", 20_000.0, "kJ", 20.0),
        ("cost_usd_per_query", 0.00031, "$ / 1k", 0.31),
        ("accuracy", 0.842, "%", 84.2),
        ("calls_per_query", 1.3, "", 1.3),
    ],
)
def test_units_are_those_people_say(name, value, unit, shown):
    assert scale(name, value).unit == unit
    assert scale(name, value).factor * value == pytest.approx(shown)


def test_figures_have_three_digits_or_those_of_the_mean():
    assert [figure(x) for x in (12345.6, 410.2, 96.12, 1.234, 0.1234, 0.00001234, 0.0)] == [
        "12,346",
        "410",
        "96.1",
        "1.23",
        "0.123",
        "1.2e-05",
        "0",
    ]
    assert figure(1.94, like=96.1) == "1.9"


def test_importing_it_brings_no_heavy_package():
    code = "import sys, simulator.terminal; print({'pandas', 'scipy', 'plotly', 'rich', 'duckdb'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
