"""A result of random rows in every table, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulator.records.result import Result
from simulator.records.summary import Estimate, Held, Summary
from simulator.records.tables import CALLS, LEDGER, QUERIES, TIMELINE, Tables

WORDS = {
    "cls": ["chat", "code"],
    "task": ["algebra", None],
    "fate": ["finished", "dropped"],
    "reason": [None],
    "pool": ["edge", "cloud"],
    "kind": ["answer"],
    "name": ["gpu/0", "it's"],
    "place": ["home"],
    "state": ["busy", "idle"],
    "phase": ["decode", "idle"],
    "evidence": ["measured", "assumed"],
    "cost_evidence": ["measured", "assumed"],
}
FLAGS = ("escalated", "accepted", "window")
SMALL = {"replication": "int16", "turn": "int32", "item": "int32", "calls": "int16", "replica": "int16"}


def made_table(columns, rows, rng):
    """Random values of each column's kind: words, flags, seconds with NaN, counts."""
    made = {}
    for name in columns:
        if name in WORDS:
            words = [word for word in WORDS[name] if word is not None]
            codes = rng.integers(-1 if None in WORDS[name] else 0, len(words), rows)
            made[name] = pd.Categorical.from_codes(codes, words)
        elif name in FLAGS:
            made[name] = rng.random(rows) < 0.5
        elif name.endswith(("_s", "_j", "_usd", "_g", "frac")) or name in ("score", "confidence", "flop", "bytes"):
            values = rng.exponential(size=rows)
            values[rng.random(rows) < 0.1] = np.nan
            made[name] = values
        else:
            made[name] = rng.integers(0, 1000, rows).astype(SMALL.get(name, "int64"))
    if rows and "confidence" in made:
        made["confidence"][:2] = [np.inf, -np.inf][:rows]
    return pd.DataFrame(made)


def made_tables(rows=200, seed=0):
    """Tables with every column of the schema."""
    rng = np.random.default_rng(seed)
    return Tables(*(made_table(columns, rows, rng) for columns in (QUERIES, CALLS, LEDGER, TIMELINE)))


def made_result(rows=200, seed=0, scenario=None, **manifest):
    """A whole result."""
    summary = Summary(
        name="made",
        seed=seed,
        replications=1,
        queries=rows,
        fates={"finished": rows},
        warmup_s=(None,),
        span_s=(1.0,),
        verdict="STABLE",
        why="so",
        limit="nothing",
        limit_shares=(),
        metrics={"accuracy": Estimate(0.5, None, None, "1", "measured", "no interval", (0.5,))},
        classes={},
        slos=(Held("accuracy", None, None, None, 0.4, True, 0.5, True),),
        energy=(),
        pools=(),
    )
    told = {"version": "0.1.0", "inputs": {"profiles/a.yaml": "00"}, "host": "here"} | manifest
    return Result(
        "made", scenario or {"name": "made", "seed": seed, "fleet": {}}, made_tables(rows, seed), summary, told
    )
