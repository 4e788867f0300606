"""A sample of queries with their whole story: a table to filter, and a waterfall of the one that is picked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from analysis.frame import folded
from analysis.grids import ABSENT, Grid, html_table, html_text
from analysis.report.figure import Choice, Figure, Pools, absent
from analysis.report.run import story as of_one
from simulator.records.result import Result
from simulator.records.stories import Stories, Story

NAME, TITLE = "stories", "Queries and their whole story"
HEADS = (
    *("query", "what kind it is", "class", "task", "asked", "answer of", "score", "first token", "whole time"),
    *("output tok", "cost", "energy", "what was decided, and why"),
)
NUMBERS = frozenset({"query", "score", "first token", "whole time", "output tok", "cost", "energy"})
CALLS = (
    *("call", "pool", "replica", "kind", "fate", "reason", *of_one.PARTS, "prompt_tok", "output_tok", "preemptions"),
    *("retries", "sample", "score", "confidence", "cost_usd", "energy_j", "accepted"),
)
EMPTY_FLEET = (
    "Each pool asked alone and at once in an empty fleet: no queue, no batch, links idle. Time, cost and energy are of "
    "that; in this run, queues and other queries in the batch would change all three. Rent and idle watts of own "
    "machines count while the call runs; the costs of calls above are of hosted APIs only, and their joules are "
    "shares of what was drawn."
)
OF_CALLS = "Times are from the query's arrival; the score is the truth, which no policy sees."


def stories(result: Result, pools: Pools) -> Figure:
    """The sample that the run kept, and all that its tables say of it."""
    kept = result.stories
    if kept is None:
        return absent(NAME, TITLE, "The result is of a version that kept no stories: run the scenario again.")
    queries, calls = _of_sample(result, kept)
    told = [one for one in kept.shown if one.query in queries]
    if not told:
        return absent(NAME, TITLE, "No query that was followed arrived in the measured window.")
    parts = [calls[(calls["query"] == one.query).to_numpy(bool)] for one in told]
    rows = [_row(one, queries[one.query], part) for one, part in zip(told, parts, strict=True)]
    options = {row[0]: f"{row[0]}: {row[1]}, {row[8]}" for row in rows}
    first = max(range(len(rows)), key=lambda at: len(parts[at]))  # the first of those with the most to tell
    inside = {
        "stages": [[label, of_one.COLOURS[part]] for part, label in of_one.PARTS.items()],
        "policy": of_one.POLICY,
        "words": of_one.WORDS,
        "stories": [_story(one, queries[one.query], part) for one, part in zip(told, parts, strict=True)],
    }
    return Figure(
        NAME,
        TITLE,
        _reading(len(told), kept.followed),
        _data(told, queries, parts),
        layout={},
        choices=(Choice("query", "Query that is drawn", options, rows[first][0]),),
        script="stories.js",
        inside=inside,
        above=_filters(told, queries, pools, parts) + _table(rows),
        below='<div id="stories-told" aria-live="polite"></div>\n',
    )


def _of_sample(result: Result, kept: Stories) -> tuple[dict[int, dict[str, Any]], pd.DataFrame]:
    """The rows of the sample: queries by number, and their calls as they were asked."""
    numbers = np.array([one.query for one in kept.shown], dtype=np.int64)
    found = []
    for table in (result.tables.queries, result.tables.calls):
        is_first = table["replication"].to_numpy() == 0
        found.append(table[is_first & np.isin(table["query"].to_numpy(), numbers)])
    queries, calls = found
    return {row["query"]: row for row in queries.to_dict("records")}, calls.sort_values(["asked_s", "call"])


def _reading(shown: int, followed: int) -> str:
    return (
        f"{shown} measured queries of the first replication, of {followed:,} chosen by chance before the run: "
        "the slowest of these, then each class and kind in turn, so that what is rare stands here more often than it "
        "happened. Pick one: each line is a call, and its bars what it waited for and took; diamonds are decisions, "
        "crosses calls without an answer, and the star is the answer's last token."
    )


def _row(one: Story, query: Mapping[str, Any], calls: pd.DataFrame) -> tuple[str, ...]:
    """A line of the table, cells as `HEADS`."""
    decided = "; ".join(f"{each.did} ({each.why})" if each.why else each.did for each in one.decisions)
    return (
        *(str(one.query), one.kind + (", among the slowest" if one.is_slow else "")),
        *(ABSENT if pd.isna(query[name]) else str(query[name]) for name in ("cls", "task")),
        _asked(calls) or ABSENT,
        ABSENT if pd.isna(query["pool"]) else str(query["pool"]),
        of_one.number(query["score"]),
        *(of_one.quantity(query[name], "s") for name in ("ttft_s", "e2e_s")),
        *(f"{query['output_tok']:,}", of_one.dollars(query["cost_usd"]), of_one.quantity(query["energy_j"], "J")),
        decided or "nothing",
    )


def _asked(calls: pd.DataFrame) -> str:
    """Who was asked, in order: `edge, judge 3 x (verify)`."""
    asked = zip(calls["pool"].astype(str), calls["kind"].astype(str), strict=True)
    told = []
    for (pool, kind), same in groupby(asked):
        count = len(list(same))
        told.append(pool + (f" {count} x" if count > 1 else "") + ("" if kind == "answer" else f" ({kind})"))
    return ", ".join(told)


def _table(rows: list[tuple[str, ...]]) -> str:
    grid = Grid(HEADS, tuple(rows), frozenset(HEADS) - NUMBERS)
    return f'<div id="stories-table">{folded("The sample", f"{len(rows)} queries", html_table(grid))}</div>\n'


def _filters(told: list[Story], queries: Mapping[int, Any], pools: Pools, calls: list[pd.DataFrame]) -> str:
    """Lists and a line of text that say which rows are shown; what all rows have is in no list.

    They work with JavaScript only, and are hidden else.
    """
    asked = [set(part["pool"].astype(str)) for part in calls]
    others = sorted(set().union(*asked) - set(pools.names))
    of = {
        "class": Counter(sorted(str(queries[one.query]["cls"]) for one in told)),
        "kind": Counter(sorted(one.kind for one in told)),
        "pool": Counter(name for name in (*pools.names, *others) for one in asked if name in one),
        "escalated": Counter(sorted((_escalated(queries[one.query]) for one in told), reverse=True)),
    }
    labels = {"class": "Class", "kind": "What kind it is", "pool": "Pool asked", "escalated": "Escalated"}
    lists = "".join(
        f'<label>{labels[name]}<select id="stories-{name}"><option value="">all</option>'
        + "".join(f"<option>{html_text(option)}</option>" for option in options)
        + "</select></label>"
        for name, counts in of.items()
        if (options := [option for option, count in counts.items() if count < len(told)])
    )
    text = '<label>Text in the row<input type="search" id="stories-text"></label>'
    return f'<div class="choices" hidden>{lists}{text}<output id="stories-count"></output></div>\n'


def _escalated(query: Mapping[str, Any]) -> str:
    return "yes" if query["escalated"] else "no"


def _story(one: Story, query: dict[str, Any], calls: pd.DataFrame) -> dict[str, Any]:
    """One story as the page's script reads it: filters, bars, marks, and tables of text."""
    arrived_s = query["arrived_s"]
    tables = [
        ("Its calls", OF_CALLS, of_one.CALL_HEADS, of_one.call_rows(calls, arrived_s)),
        ("What was decided", "", of_one.DECISION_HEADS, of_one.decision_rows(one, arrived_s, _end(query))),
        (
            "What each pool would have given",
            EMPTY_FLEET,
            of_one.OTHER_HEADS,
            of_one.other_rows(one.alternatives, calls),
        ),
    ]
    return {
        "query": str(one.query),
        "class": str(query["cls"]),
        "kind": one.kind,
        "escalated": _escalated(query),
        "pool": sorted(set(calls["pool"].astype(str))),
        "labels": of_one.call_labels(calls),
        "bars": of_one.bars(calls, arrived_s),
        "marks": of_one.marks(one, calls, query),
        "tables": [dict(zip(("title", "note", "heads", "rows"), table, strict=True)) for table in tables],
    }


def _end(query: Mapping[str, Any]) -> str:
    if query["fate"] == "finished":
        return f"the user has the answer of {query['pool']} {of_one.quantity(query['e2e_s'], 's')} after asking"
    return str(query["fate"]) if pd.isna(query["reason"]) else f"{query['fate']}: {query['reason']}"


def _data(told: list[Story], queries: Mapping[int, Any], calls: list[pd.DataFrame]) -> pd.DataFrame:
    """A row for each call of the sample, with times from its query's arrival; a query without calls has one of them."""
    tables = []
    for one, part in zip(told, calls, strict=True):
        arrived_s = queries[one.query]["arrived_s"]
        row = part[list(CALLS)].assign(asked_s=part["asked_s"] - arrived_s, delivered_s=part["delivered_s"] - arrived_s)
        row = row if len(row) else row.reindex([0])
        row.insert(0, "query", one.query)
        row.insert(1, "kind_of_query", one.kind)
        tables.append(row.astype({"pool": object, "kind": object, "fate": object, "reason": object}))
    return pd.concat(tables, ignore_index=True)
