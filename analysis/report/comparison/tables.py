"""The tables of a comparison: differences to the reference, the runs side by side, and what was changed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from analysis.grids import ABSENT, Grid, percent
from analysis.report.run.tables import COUNTS, limits, said
from simulator.records.compared import Compared, Difference
from simulator.records.metrics import title_of
from simulator.records.result import Result

LONG = 300  # characters of a value from which on it is cut: the scenarios stand in full below


def differences(reference: str, one: Compared) -> Grid:
    """One row a metric: the difference in words, with its interval, in per cent of the reference; values of both."""
    rows = [
        (
            title_of(each.metric),
            each.verdict,
            signed(each.diff, each),
            interval(each),
            f"{percent(each.diff / each.a, signed=True)} %" if each.diff is not None and each.a else ABSENT,
            *(said(value, each, each.metric) for value in (each.a, each.b)),
        )
        for each in one.differences
    ]
    heads = ("metric", "in words", "difference", "95 % interval", "of the reference", reference, one.name)
    return Grid(heads, tuple(rows), frozenset({"metric", "in words", "95 % interval"}))


def side_by_side(runs: Mapping[str, Result], keys: Sequence[str]) -> Grid:
    """One row a metric: mean, interval and evidence of each run."""
    rows = [(title_of(key), *(cell for run in runs.values() for cell in _cells(run, key))) for key in keys]
    heads = ("mean", "95 % interval", "evidence")
    over = (("", 1), *((label, len(heads)) for label in runs))
    return Grid(("metric", *heads * len(runs)), tuple(rows), frozenset({"metric", *heads[1:]}), over)


def held(runs: Mapping[str, Result]) -> Grid | None:
    """The limits of each run, and whether they were held; None where there are none."""
    told = {label: limits(run.summary) for label, run in runs.items() if run.summary.slos}
    if not told:
        return None
    first = next(iter(told.values()))
    rows = tuple((label, *row) for label, grid in told.items() for row in grid.rows)
    return Grid(("run", *first.heads), rows, first.words | {"run"})


def changed(runs: Mapping[str, Result]) -> Grid:
    """What makes the runs different: dotted keys of the scenarios, profiles and data of other content, the version."""
    told: dict[str, list[Any]] = {}
    _walk("", [{**run.scenario, "name": None} for run in runs.values()], told)  # names say nothing of the system
    inputs = [run.manifest.get("inputs", {}) for run in runs.values()]
    for name in dict.fromkeys(name for each in inputs for name in each):
        hashes = [each.get(name, ABSENT) for each in inputs]
        if len({*hashes} - {ABSENT}) > 1:
            told[f"content of {name}"] = hashes
    versions = [run.manifest.get("version", ABSENT) for run in runs.values()]
    if len(set(versions)) > 1:
        told["version of multillm-sim"] = versions
    rows = tuple((key, *map(_text, values)) for key, values in told.items())
    return Grid(("key", *runs), rows, frozenset({"key", *runs}))


def signed(value: float | None, one: Difference) -> str:
    """A difference to three digits in the unit that people say; those of shares are percentage points."""
    if value is None:
        return ABSENT
    is_share = one.unit == "1" and one.metric not in COUNTS
    text = f"{100 * abs(value):.3g} points" if is_share else said(abs(value), one, one.metric)
    return ("+" if value > 0 else "-" if value < 0 else "") + text


def interval(one: Difference) -> str:
    """Both ends of a difference's interval."""
    return ABSENT if one.ci_low is None else _between(signed(one.ci_low, one), signed(one.ci_high, one))


def _between(low: str, high: str) -> str:
    """An interval in words: 1.2 s, 1.3 s -> 1.2 to 1.3 s."""
    unit = re.sub(r".*?\d[\d.,]*", "", low, count=1)  # what stands after the number
    return f"{low.removesuffix(unit) if high.endswith(unit) else low} to {high}"


def _cells(run: Result, key: str) -> tuple[str, str, str]:
    """Mean, interval and evidence of a metric of a run, or why it has none."""
    if key not in run.summary.metrics:
        return ABSENT, ABSENT, ABSENT
    one = run.summary.metrics[key]
    ends = ABSENT if one.ci_low is None else _between(said(one.ci_low, one, key), said(one.ci_high, one, key))
    return said(one.mean, one, key), ends, one.evidence or one.reason


def _walk(at: str, values: Sequence[Any], told: dict[str, list[Any]]) -> None:
    """Add to `told` each dotted key below `at` whose values differ; ABSENT stands for a key that is not there."""
    if all(isinstance(value, Mapping) for value in values):
        for key in dict.fromkeys(key for value in values for key in value):
            _walk(f"{at}.{key}" if at else str(key), [value.get(key, ABSENT) for value in values], told)
    elif any(value != values[0] for value in values):
        told[at] = list(values)


def _text(value: Any) -> str:
    """A value as a scenario has it, in one line."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping | list | tuple):
        plain = json.loads(json.dumps(value, default=str))
        text = yaml.safe_dump(plain, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6).strip()
    else:
        text = json.dumps(value, default=str)
    return text if len(text) <= LONG else f"{text[:LONG]} …"
