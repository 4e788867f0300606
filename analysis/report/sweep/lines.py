"""Which points of a sweep belong together: lines of points that are equal in some keys, and what they are called."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.report.sweep.swept import Swept

MOST = 7  # lines of one figure: as many as there are colours
FEW = 3  # lines of which each is said something in the text
NOT_SET = "as in the file"
NOTHING = "no point has a result."


def said(value: Any) -> str:
    """A varied value as people write it; maps and lists as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.10g}"
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def named(values: Mapping[str, Any], keys: Sequence[str]) -> str:
    """What a point has at these keys: `edge.replicas 4, seed 7`; empty for no keys."""
    return ", ".join(f"{short(key)} {said(values[key]) if key in values else NOT_SET}" for key in keys)


def short(key: str) -> str:
    """The last two parts of a dotted key, which say what it is: `edge.replicas`."""
    return ".".join(key.split(".")[-2:])


def listed(told: Sequence[str]) -> str:
    """What is said of each line, where they are few; the labels of the lines say it too."""
    return f" {'; '.join(told)}." if len(told) <= FEW else " The labels of the lines say their own."


def split(swept: Swept, keys: Sequence[str], rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Of `rows`, those of each combination of values at `keys`, by its name, in order of points."""
    if rows.empty:
        return {}
    names = [named(swept.index.points[number].values, keys) for number in rows["point"]]
    return {str(name): part for name, part in rows.groupby(names, sort=False)}


def of_policy(swept: Swept) -> list[str]:
    """The varied keys that are the policy's."""
    return [key for key in swept.varied if key.split(".")[0] == "policy"]


def bars(rows: pd.DataFrame, metric: str, scale: float = 1.0) -> dict[str, Any]:
    """Error bars to the ends of a metric's interval, in Plotly's words; none where there is no interval."""
    up, down = rows[f"{metric}.ci_high"] - rows[metric], rows[metric] - rows[f"{metric}.ci_low"]
    each = [[float(f"{scale * size:.5g}") for size in sizes.astype(float).fillna(0.0)] for sizes in (up, down)]
    return {"type": "data", "symmetric": False, "array": each[0], "arrayminus": each[1], "thickness": 1.2, "width": 3}


def interval(low: float, high: float, scale: float = 1.0) -> str:
    """` (95 %: 0.1 to 0.2)`; empty where there is no interval."""
    return "" if pd.isna(low) or pd.isna(high) else f" (95 %: {scale * low:.4g} to {scale * high:.4g})"


def legend_px(lines: int) -> int:
    """Height that the legend of so many lines takes, beyond one line's."""
    return 11 * (lines - 1)
