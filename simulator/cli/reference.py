"""The field reference as Markdown: keys of scenarios, parts and profiles, metrics, and columns of results."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from simulator.cli.reference_examples import PARTS, PROFILES, SCENARIO, SHIPPED
from simulator.metrics.registry import METRICS, QUANTITIES, STATISTICS, Metric
from simulator.records.tables import SCHEMA
from simulator.spec.fields import FieldRow, Fields, field_rows
from simulator.spec.library import SHAPES, shipped
from simulator.spec.parts import TABLES, imported
from simulator.spec.profiles import Achieved, Profile
from simulator.spec.schema import described, schema
from simulator.spec.units import unit_of
from simulator.workload.read_quality import KINDS

HEAD = """# Field reference

Every key of every file, every metric and every column of results: made by `make reference` from the classes that
read them, and a test keeps it in step. The unit of a key stands in its name. A key whose default is **required** must
be given; where the default is empty, its meaning says what holds without it. Where a value is a *device*, a *pool* or
the like, it is the name of one. Editors complete and check scenarios from the same texts as JSON Schema:
`multillm schema`.

- [The scenario](#the-scenario): a file in `scenarios/`, or anywhere
- [Parts](#parts): what `use:` chooses among
- [Profiles](#profiles): devices, engines, models, links, hosted APIs, regions, steps, quality tables
- [Metrics](#metrics): what limits, sweeps and comparisons name
- [Tables of a run](#tables-of-a-run): columns of the Parquet files
"""
PARTS_HEAD = """\
What can be replaced says `use:`, a name of the tables below, or `package.module:Class` of your own. Its other keys are
the class's arguments. A part without keys may be its name alone: `lengths: azure-conv-like`.
"""
PROFILES_HEAD = """\
One YAML file a thing, in a folder of its kind under `profiles/`: beside the scenario, in a folder that `--profiles`
names, or shipped. [extending.md](extending.md) writes one of each.
"""
METRICS_HEAD = """\
Of queries that arrived in the window, after the warm-up. Times are told as mean and percentiles, with keys such as
`ttft_s.mean` and `ttft_s.p95`; in limits, `metric: ttft_s` and `percentile: 95`. The others are one total over
another, and their key is the name. Evidence is that of the profiles' numbers a metric rests on.
"""
SECTIONS = {  # of the scenario: heading -> the definition that it has the keys of; that of the file is none
    "the file": "",
    "run": "RunSpec",
    "workload": "ClassSpec",
    "items": "ItemsSpec",
    "fleet": "PoolSpec",
    "measured_energy": "MeasuredEnergySpec",
    "hosts": "HostSpec",
    "links": "LinkSpec",
    "changes": "ChangeSpec",
    "router": "RouterSpec",
    "a station": "StationSpec",
    "a judge": "JudgeSpec",
    "feedback": "FeedbackSpec",
    "telemetry": "TelemetrySpec",
    "grid": "GridSpec",
    "slo": "SloSpec",
    "sweep": "SweepSpec",
    "sample": "SampleSpec",
    "range": "RangeSpec",
}
KINDS_OF_PARTS = {
    "arrivals": "When queries come: `arrivals` of a class of the workload.",
    "lengths": "How long prompts and answers are: `lengths` of a class of the workload.",
    "steps": "What a forward pass takes: `steps` of a pool. The name of a steps profile may stand here, too.",
    "policies": "What decides: `policy` of the scenario. [policies.md](policies.md) has them sorted by what they need.",
    "estimators": "What policies that learn expect quality by, from the train split of the table.",
    "encoders": "What estimators and policies that learn look at of a query.",
}
HELD = {"Tokens": "tokens", "Spread": "wait", "Rule": "rule", "When": "when", "Move": "move"}
KINDS_OF_PROFILES = {
    "Source": "sources",
    "ItemColumns": "columns",
    "TextsFile": "texts",
    "HashSplit": "split",
    "TaskOfMeans": "task of means",
    "MeanAnswer": "mean answer",
}
SPREADS = {"runs": "replications", "items": "items", "both": "replications and items"}


def reference() -> str:
    """The whole document."""
    parts = (*_scenario(), *_profiles(), *_metrics(), *_tables())
    return "\n".join((HEAD, *parts))


def _scenario() -> Iterator[str]:
    whole = schema()
    definitions: dict[str, Any] = whole["$defs"]
    sections = {name: title for title, name in SECTIONS.items() if name} | HELD | {kind: kind for kind in TABLES}
    fields = Fields(definitions, sections)
    yield "## The scenario\n"
    for title, name in SECTIONS.items():
        node = definitions[name] if name else whole
        yield from _section(3, title, node, fields, SCENARIO.get(title, ""))
    yield "## Parts\n"
    yield PARTS_HEAD
    for kind, text in KINDS_OF_PARTS.items():
        yield f"### {kind}\n\n{text}\n"
        yield _yaml(PARTS[kind])
        yield from _parts(kind, definitions[kind], fields)
    yield "### Shapes that parts share\n"
    for name, title in HELD.items():
        yield from _section(4, title, definitions[name], fields)


def _parts(kind: str, node: Mapping[str, Any], fields: Fields) -> Iterator[str]:
    """Names that share a class and its keys stand together."""
    options = {option["properties"]["use"].get("const"): option for option in node["anyOf"] if "properties" in option}
    by_class: dict[str, list[str]] = {}
    for use, where in TABLES[kind].items():
        by_class.setdefault(where, []).append(use)
    for where, names in by_class.items():
        title = ", ".join(f"`{name}`" for name in names)
        yield f"#### {title}\n\n{inspect.getdoc(imported(where))}\n"
        if rows := field_rows(options[names[0]], fields):
            yield _keys(rows)


def _profiles() -> Iterator[str]:
    yield "## Profiles\n"
    yield PROFILES_HEAD
    shapes: dict[str, type[Profile]] = {str(kind): cls for kind, cls in (*SHAPES.items(), *KINDS.items())}
    of_all = described(Profile)
    yield from _section(3, "every profile", of_all, Fields(of_all["$defs"], KINDS_OF_PROFILES))
    yield from _section(4, "sources", of_all["$defs"]["Source"], Fields({}, {}))
    held: dict[str, Any] = {}
    for kind, cls in shapes.items():
        node = described(cls)
        common = Profile if kind == "engines" or not issubclass(cls, Achieved) else Achieved
        own = {key: value for key, value in node["properties"].items() if key not in common.model_fields}
        held |= node.get("$defs", {})
        title = f"profiles/{kind}" if kind in SHAPES else f"profiles/quality: {kind}"
        example = PROFILES.get(kind) or (shipped("profiles") / SHIPPED[kind]).read_text(encoding="utf-8")
        yield from _section(3, title, node | {"properties": own}, Fields(held, KINDS_OF_PROFILES), example)
    for name, title in KINDS_OF_PROFILES.items():
        if name != "Source":
            yield from _section(4, title, held[name], Fields(held, KINDS_OF_PROFILES))


def _section(level: int, title: str, node: Mapping[str, Any], fields: Fields, example: str = "") -> Iterator[str]:
    yield f"{'#' * level} {title}\n\n{node.get('description', '')}\n"
    if example:
        yield _yaml(example)
    yield _keys(field_rows(node, fields))


def _metrics() -> Iterator[str]:
    yield "## Metrics\n"
    yield METRICS_HEAD
    rows = [
        (
            f"`{metric.name}`",
            metric.title,
            metric.unit,
            _formula(metric),
            metric.better,
            ", ".join(metric.domains),
            SPREADS[metric.spread],
        )
        for metric in METRICS.values()
    ]
    yield _table(("key", "what", "unit", "formula", "better", "evidence of", "interval over"), rows)
    yield "Quantities of these formulas:\n"
    yield _table(("quantity", "what"), [(f"`{name}`", text) for name, text in QUANTITIES.items()])


def _formula(metric: Metric) -> str:
    if metric.bottom is None:
        return f"{', '.join(STATISTICS)} of `{metric.top}`"
    return f"`{metric.top}` / `{metric.bottom}`"


def _tables() -> Iterator[str]:
    yield "## Tables of a run\n"
    yield "`multillm sql` queries them; `read_result(folder).tables` has them as DataFrames.\n"
    for name, columns in SCHEMA.items():
        yield f"### {name}.parquet\n"
        yield _table(("column", "unit", "what"), [(f"`{key}`", unit_of(key), text) for key, text in columns.items()])


def _keys(rows: Iterable[FieldRow]) -> str:
    return _table(
        ("key", "value", "unit", "default", "meaning"),
        [
            (f"`{row.key}`", row.value, row.unit, "**required**" if row.default is None else row.default, row.text)
            for row in rows
        ],
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def _yaml(text: str) -> str:
    return f"```yaml\n{text.strip()}\n```\n"
