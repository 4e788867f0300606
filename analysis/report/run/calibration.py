"""How far the confidence of an answer says that it is right: reliability and ROC, by pool."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.report.figure import Figure, Pools, absent, groups, rounded, shown
from analysis.report.run.measured import Measured

Floats = NDArray[np.float64]

BINS = 10
POINTS = 200
NONE = "No answer has both a confidence and a score."


def reliability(run: Measured, pools: Pools) -> Figure:
    """Share of right answers against confidence, in tenths of each pool's answers."""
    name, title = "reliability", "Is confidence right?"
    tables = [_tenths(answers).assign(pool=pool) for pool, answers in _answers(run, pools)]
    if not tables:
        return absent(name, title, NONE)
    data = pd.concat(tables)
    traces = [
        {
            **{"type": "scatter", "mode": "lines+markers", "name": shown(pool), "line": pools.line(pool)},
            "x": rounded(part["confidence"]),
            "y": rounded(100 * part["right"]),
            "error_y": {
                **{"type": "data", "symmetric": False, "thickness": 1, "width": 3},
                "array": rounded(100 * (part["ci_high"] - part["right"])),
                "arrayminus": rounded(100 * (part["right"] - part["ci_low"])),
            },
            "customdata": part["n"].tolist(),
            "hovertemplate": "confidence %{x:.4g}: %{y:.1f} % right of %{customdata} answers"
            "<extra>%{fullData.name}</extra>",
        }
        for pool, part in groups(data, "pool")
    ]
    is_probability = bool(data["confidence"].between(0, 1).all())
    if is_probability:
        traces.append(_dashed("as sure as right", 1))
    layout = {
        "xaxis": {"title": {"text": "mean confidence of a tenth of the answers"}},
        "yaxis": {"title": {"text": "right [%]"}, "range": [-2, 102]},
    }
    line = " On the dashed line an answer is as sure as it is right." if is_probability else ""
    reading = "A line that climbs is a signal worth escalating on; bars are 95 % intervals (Wilson)." + line
    return Figure(name, title, reading, data, tuple(traces), layout)


def roc(run: Measured, pools: Pools) -> Figure:
    """Right answers kept against wrong ones kept, over all thresholds of confidence."""
    name, title = "roc", "Does confidence tell right from wrong?"
    tables, traces = [], []
    for pool, answers in _answers(run, pools):
        right, confidence = answers["right"].to_numpy(bool), answers["confidence"].to_numpy(np.float64)
        if right.all() or not right.any():
            continue
        wrong_kept, right_kept = _thresholds(right, confidence)
        area = float((np.diff(wrong_kept) * (right_kept[1:] + right_kept[:-1])).sum() / 2)
        kept = np.unique(np.linspace(0, len(wrong_kept) - 1, POINTS).astype(np.int64))
        wrong_kept, right_kept = wrong_kept[kept], right_kept[kept]
        tables.append(pd.DataFrame({"pool": pool, "wrong_kept": wrong_kept, "right_kept": right_kept, "auc": area}))
        traces.append(
            {
                **{"type": "scatter", "mode": "lines", "line": pools.line(pool)},
                "name": f"{shown(pool)}, AUC {area:.3f}",
                "x": rounded(100 * wrong_kept),
                "y": rounded(100 * right_kept),
                "hovertemplate": "%{y:.1f} % of right and %{x:.1f} % of wrong answers kept"
                "<extra>%{fullData.name}</extra>",
            }
        )
    if not tables:
        return absent(name, title, NONE[:-1] + ", or all are right, or all wrong.")
    traces.append(_dashed("chance", 100))
    layout = {
        "xaxis": {"title": {"text": "wrong answers kept [%]"}, "range": [-1, 101]},
        "yaxis": {"title": {"text": "right answers kept [%]"}, "range": [-1, 101]},
    }
    reading = "Each point is a threshold of confidence; the nearer a line comes to the upper left, the better it tells."
    return Figure(name, title, reading, pd.concat(tables), tuple(traces), layout)


def _thresholds(right: NDArray[np.bool_], confidence: Floats) -> tuple[Floats, Floats]:
    """Shares of wrong and of right answers with at least as much confidence, from above the most sure to the least.

    As scikit-learn's `roc_curve`, whose import would take longer than all figures together.
    """
    order = np.argsort(-confidence, kind="stable")
    last = np.append(np.diff(confidence[order]) != 0, True)  # of those that are equally sure
    wrong, right = (np.append(0, np.cumsum(of[order])[last]) for of in (~right, right))
    return wrong / wrong[-1], right / right[-1]


def _dashed(name: str, right: float) -> dict[str, Any]:
    """A faint line from the lower left to 100 % at `right`."""
    line = {"color": "faint", "dash": "dash", "width": 1}
    return {
        **{"type": "scatter", "mode": "lines", "name": name, "hoverinfo": "skip", "line": line},
        **{"x": [0, right], "y": [0, 100]},
    }


def _answers(run: Measured, pools: Pools) -> Iterator[tuple[str, pd.DataFrame]]:
    """Confidence and whether right, of each pool's measured answers that have both."""
    calls = run.answers
    there = (calls["fate"] == "answered") & calls["confidence"].notna()
    calls = calls[(there & calls["score"].notna()).to_numpy(bool)]
    for pool in pools.names:
        mine = calls[(calls["pool"] == pool).to_numpy(bool)]
        if len(mine):
            yield pool, pd.DataFrame({"confidence": mine["confidence"], "right": mine["score"] >= 0.5})


def _tenths(answers: pd.DataFrame) -> pd.DataFrame:
    """Mean confidence, share of right answers with its Wilson interval, and count, in tenths by confidence."""
    tenth = pd.qcut(answers["confidence"].rank(method="average"), BINS, labels=False, duplicates="drop")
    part = answers.groupby(tenth.fillna(0))
    found = part.agg(confidence=("confidence", "mean"), right=("right", "mean"), n=("right", "size"))
    z = NormalDist().inv_cdf(0.975)
    share, n = found["right"], found["n"]
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low, high = np.minimum(middle - half, share), np.maximum(middle + half, share)  # rounding at 0 and 1
    return found.assign(ci_low=low, ci_high=high).reset_index(drop=True)
