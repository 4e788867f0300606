"""One query's story as a page shows it: bars and marks of its waterfall, and the tables below it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.grids import ABSENT, amount
from analysis.report.figure import rounded, shown
from analysis.report.run.latency import STAGES
from simulator.records.stories import Alternative, Decided, Story

PARTS = {  # columns of a call in their order, and what they are called
    "uplink_s": "uplink",
    "queue_s": "queue",
    "prefill_s": "prefill",
    "decode_s": "decode",
    "downlink_s": "downlink",
}
COLOURS = {
    part: STAGES[stage][0]
    for part, stage in zip(PARTS, ("network", "queue", "prefill", "decode", "network"), strict=True)
}
POLICY = "policy"
SILENT = "the policy does not say"
CALL_HEADS = (
    *("call", "pool", "kind", "what came of it", "asked at", *PARTS.values(), "there at", "prompt tok", "output tok"),
    *("score", "confidence seen", "sample", "retries", "preemptions", "cost", "energy", "taken"),
)
DECISION_HEADS = ("at", "after", "decision", "why")
OTHER_HEADS = (
    "pool",
    "model",
    "calls in the run",
    "score",
    "confidence",
    "time",
    "output tok",
    "cost",
    "energy",
    "note",
)
WORDS = ("pool", "model", "kind", "what came of it", "taken", "after", "decision", "why", "note")


def quantity(value: float, unit: str) -> str:
    """A number that is not below 0, with its unit; a dash where it is unknown."""
    return ABSENT if pd.isna(value) else f"0 {unit}" if value == 0 else amount(value, unit)


def dollars(value: float) -> str:
    """Money to three figures."""
    return ABSENT if pd.isna(value) else f"$ {value:.3g}"


def number(value: float) -> str:
    """A score to four figures; infinities are words of the tables."""
    return ABSENT if pd.isna(value) else f"{value:.4g}"


def call_rows(calls: pd.DataFrame, arrived_s: float) -> list[list[str]]:
    """A row for each call, in the order in which they were asked; cells as `CALL_HEADS`."""
    return [
        [
            *(str(place), str(one["pool"]), str(one["kind"])),
            str(one["fate"]) if pd.isna(one["reason"]) else f"{one['fate']}: {one['reason']}",
            quantity(one["asked_s"] - arrived_s, "s"),
            *(quantity(one[part], "s") for part in PARTS),
            quantity(one["delivered_s"] - arrived_s, "s"),
            *(f"{one[name]:,}" for name in ("prompt_tok", "output_tok")),
            *(number(one[name]) for name in ("score", "confidence")),
            ABSENT if one["sample"] < 0 else str(one["sample"]),
            *(str(one[name]) for name in ("retries", "preemptions")),
            *(dollars(one["cost_usd"]), quantity(one["energy_j"], "J"), "yes" if one["accepted"] else "no"),
        ]
        for place, one in enumerate(calls.to_dict("records"), 1)
    ]


def decision_rows(story: Story, arrived_s: float, end: str) -> list[list[str]]:
    """A row for each decision, and one for the end of the query; cells as `DECISION_HEADS`."""
    rows = [[quantity(one.at_s - arrived_s, "s"), one.seen, one.did, one.why or SILENT] for one in story.decisions]
    return [*rows, ["at last", end, ABSENT, ABSENT]]


def other_rows(others: tuple[Alternative, ...], calls: pd.DataFrame) -> list[list[str]]:
    """A row for each pool, asked alone in an empty fleet; cells as `OTHER_HEADS`."""
    asked = calls["pool"].astype(str).value_counts()
    return [
        [
            *(one.pool, one.model, str(asked.get(one.pool, 0)), number(one.score), number(one.confidence)),
            *(quantity(one.e2e_s, "s"), f"{one.output_tok:,}", dollars(one.cost_usd), quantity(one.energy_j, "J")),
            f"fails: {one.failure}" if one.failure else ABSENT,
        ]
        for one in others
    ]


def bars(calls: pd.DataFrame, arrived_s: float) -> list[dict[str, Any]]:
    """For each stage, the bars of all calls: `base` and `x` in seconds, `y` a label for each call."""
    labels = call_labels(calls)
    asked_s = calls["asked_s"] - arrived_s
    spent = calls[list(PARTS)].astype(float)
    starts = spent.fillna(0.0).cumsum(axis=1).shift(axis=1, fill_value=0.0).add(asked_s, axis=0)
    told = []
    for part in PARTS:
        there = (spent[part] > 0).to_numpy(bool)
        told.append(
            {
                "base": rounded(starts.loc[there, part]),
                "x": rounded(spent.loc[there, part]),
                "y": [label for label, is_there in zip(labels, there, strict=True) if is_there],
            }
        )
    return told


def call_labels(calls: pd.DataFrame) -> list[str]:
    """What the rows of a waterfall are called: numbers tell calls to one pool apart."""
    return [f"{place} {shown(pool)}" for place, pool in enumerate(calls["pool"].astype(str), 1)]


def marks(story: Story, calls: pd.DataFrame, query: dict[str, Any]) -> list[dict[str, Any]]:
    """Decisions, calls that gave no answer, and the answer: each a list of moments with labels and hover texts."""
    arrived_s = query["arrived_s"]
    lost = [at for at, fate in enumerate(calls["fate"].astype(str)) if fate != "answered"]
    until_s = calls["delivered_s"].fillna(calls["asked_s"] + calls[list(PARTS)].fillna(0.0).sum(axis=1)) - arrived_s
    labels = call_labels(calls)
    reasons = [
        fate if pd.isna(reason) else f"{fate}: {reason}"
        for fate, reason in zip(calls["fate"].astype(str), calls["reason"].astype(object), strict=True)
    ]
    given = [query["e2e_s"]] if query["fate"] == "finished" else []
    return [
        _mark([one.at_s - arrived_s for one in story.decisions], POLICY, [_hover(one) for one in story.decisions]),
        _mark([until_s.iloc[at] for at in lost], [labels[at] for at in lost], [shown(reasons[at]) for at in lost]),
        _mark(given, POLICY, ["the user has the last token" for _ in given]),
    ]


def _mark(times_s: list[float], where: str | list[str], texts: list[str]) -> dict[str, Any]:
    return {"x": rounded(times_s), "y": [where] * len(times_s) if isinstance(where, str) else where, "text": texts}


def _hover(one: Decided) -> str:
    """What Plotly shows of a decision: lines of some 60 characters."""
    why = one.why or SILENT
    return "<br>".join(_lines(f"after {one.seen}: {one.did} ({why})"))


def _lines(text: str, width: int = 60) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return [shown(line) for line in lines]
