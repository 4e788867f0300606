"""The tables of a comparison: differences to the reference, the runs side by side, and what was changed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from analysis.grids import ABSENT, Grid, percent
from analysis.report.run.tables import estimated, limits
from simulator.records.compared import Compared, Difference
from simulator.records.metrics import Scale, scale, title_of
from simulator.records.result import Result
from simulator.records.summary import Estimate

LONG = 300  # characters of a value from which on it is cut: the scenarios stand in full below


def differences(reference: str, one: Compared) -> Grid:
    """One row a metric: the difference in words, with its interval, in per cent of the reference; values of both."""
    rows = [
        (
            *(title_of(each.metric), each.verdict, signed(each), interval(each)),
            f"{percent(each.diff / each.a, signed=True)} %" if each.diff is not None and each.a else ABSENT,
            *both(each),
        )
        for each in one.differences
    ]
    heads = ("metric", "in words", "difference", "95 % interval", "of the reference", reference, one.name)
    return Grid(heads, tuple(rows), frozenset({"metric", "in words", "95 % interval"}))


def side_by_side(runs: Mapping[str, Result], keys: Sequence[str]) -> Grid:
    """One row a metric: mean, interval and evidence of each run."""
    rows = [(title_of(key), *_cells([run.summary.metrics.get(key) for run in runs.values()], key)) for key in keys]
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


def both(each: Difference) -> tuple[str, str]:
    """The values of the reference and of the other, in one unit."""
    first, second = (ABSENT if value is None else unit(each).said(value) for value in (each.a, each.b))
    return first, second


def signed(each: Difference) -> str:
    """A difference with its sign; those of shares are percentage points."""
    if each.diff is None:
        return ABSENT
    sign = "+" if each.diff > 0 else "-" if each.diff < 0 else ""
    return sign + points(unit(each)).said(abs(each.diff), each.a or None)


def interval(each: Difference) -> str:
    """Both ends of a difference's interval."""
    if each.ci_low is None or each.ci_high is None:
        return ABSENT
    return points(unit(each)).interval(each.ci_low, each.ci_high, each.a or None)


def unit(each: Difference) -> Scale:
    """The unit in which people say what the reference has."""
    return scale(each.metric, each.a or each.b)


def points(of: Scale) -> Scale:
    """The unit of a difference."""
    return of._replace(unit="points") if of.unit == "%" else of


def _cells(estimates: Sequence[Estimate | None], key: str) -> Iterator[str]:
    """Mean, interval and evidence of a metric of each run in one unit, or why it has none."""
    of = scale(key, max((abs(one.mean) for one in estimates if one is not None and one.mean is not None), default=0.0))
    for one in estimates:
        yield from (ABSENT,) * 3 if one is None else (*estimated(one, of), one.evidence or one.reason)


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
