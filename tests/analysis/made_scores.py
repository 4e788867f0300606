"""Tables of scores and bars for tests."""

from __future__ import annotations

import pandas as pd

from simulator.records.scores import BARS, SCORES

DEFAULTS = dict.fromkeys(SCORES, "") | {
    "source": "lab", "table": "speeds", "device": "gpu", "engine": "vllm", "model": "small", "quantity": "decode_s",
    "group": "batch 1", "setting": "in-sample", "measured": 1.0, "predicted": 1.0,
}  # fmt: skip


def made_scores(*rows):
    """Rows of scores: each a dict of what differs from the defaults; `row` is their number where not given."""
    made = [DEFAULTS | {"row": f"row {at}"} | row for at, row in enumerate(rows)]
    return pd.DataFrame(made, columns=list(SCORES)).astype({"measured": float, "predicted": float})


def made_bars(*rows):
    """Bars: tuples of group, quantity, kind, setting, limit."""
    return pd.DataFrame(list(rows), columns=list(BARS)).astype({"limit_frac": float})
