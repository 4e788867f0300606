"""Runs with known answers: queues by Lindley's recursion, and tables of few rows, made without the engine."""

from __future__ import annotations

import numpy as np
import pandas as pd

from simulator.metrics.facts import ClassFacts, PoolFacts, RunFacts, Window
from simulator.records.tables import Tables


def waits_s(arrived_s, service_s):
    """Waits in a queue with one server: W' = max(0, W + S - A), one after the other."""
    waits = [0.0]
    for gap, service in zip(np.diff(arrived_s), service_s, strict=False):
        waits.append(max(0.0, waits[-1] + service - gap))
    return np.array(waits)


def mm1(load, n, seed, backlog=0):
    """Queries of an M/M/1 with mean service 1 s; `backlog` of them are there at time 0."""
    rng = np.random.default_rng([seed, n])
    arrived_s = np.cumsum(rng.exponential(1 / load, n))
    arrived_s = np.concatenate([np.zeros(backlog), arrived_s[: n - backlog]])
    service_s = rng.exponential(1.0, n)
    return queries_of(arrived_s, waits_s(arrived_s, service_s), service_s)


def queries_of(arrived_s, queue_s, service_s, **columns):
    """A queries table: all finish at one pool, first token half a service before the end; `columns` replaces any."""
    n = len(arrived_s)
    made = {
        "replication": 0,
        "query": np.arange(n),
        "cls": "chat",
        "task": None,
        "item": np.int32(-1),
        "user": -1,
        "session": -1,
        "turn": np.int32(0),
        "arrived_s": np.asarray(arrived_s, float),
        "ttft_s": queue_s + service_s / 2,
        "tpot_s": service_s / 2 / 9,
        "queue_s": queue_s,
        "e2e_s": queue_s + service_s,
        "fate": "finished",
        "reason": None,
        "pool": "gpu",
        "calls": np.int16(1),
        "escalated": False,
        "score": np.nan,
        "confidence": np.nan,
        "prompt_tok": 100,
        "output_tok": 10,
        "cost_usd": 0.0,
        "energy_j": 0.0,
    }
    table = pd.DataFrame(made | columns, index=range(n))
    return table.astype(dict.fromkeys(["cls", "task", "fate", "reason", "pool"], "category"))


def calls_of(queries):
    """One call a query, without links: asked at arrival, half of its service prefill and half decode."""
    service_s = queries["e2e_s"] - queries["queue_s"]
    n = len(queries)
    return pd.DataFrame(
        {
            "replication": queries["replication"],
            "call": np.arange(n),
            "query": queries["query"],
            "pool": queries["pool"],
            "replica": np.int16(0),
            "kind": pd.Categorical(["answer"] * n),
            "fate": pd.Categorical(["answered"] * n),
            "reason": pd.Categorical([None] * n, categories=[]),
            "asked_s": queries["arrived_s"],
            "uplink_s": 0.0,
            "queue_s": queries["queue_s"],
            "prefill_s": service_s / 2,
            "decode_s": service_s / 2,
            "downlink_s": 0.0,
            "delivered_s": queries["arrived_s"] + queries["e2e_s"],
            "prompt_tok": queries["prompt_tok"],
            "output_tok": queries["output_tok"],
            "preemptions": np.int16(0),
            "score": queries["score"],
            "confidence": queries["confidence"],
            "cost_usd": queries["cost_usd"],
            "energy_j": 0.0,
            "accepted": queries["fate"] == "finished",
        }
    )


def ledger_row(**columns):
    """A row of the ledger: a second of an idle replica of `gpu`, unless `columns` says otherwise."""
    row = {
        "replication": 0,
        "window": True,
        "kind": "replica",
        "name": "gpu/0",
        "place": "dc",
        "pool": "gpu",
        "state": "idle",
        "phase": "idle",
        "time_s": 1.0,
        "it_energy_j": 0.0,
        "energy_j": 0.0,
        "co2_g": 0.0,
        "cost_usd": 0.0,
        "flop": 0.0,
        "bytes": 0.0,
        "evidence": "measured",
        "cost_evidence": "measured",
    }
    return row | columns


def ledger_of(*rows):
    """The ledger with these rows."""
    return pd.DataFrame([ledger_row(**row) for row in rows] or [ledger_row()])


def timeline_of(replications=1, width_s=10.0, busy_frac=0.5, decode_seqs=2.0):
    """One bin of `gpu` a replication."""
    return pd.DataFrame(
        {
            "replication": np.arange(replications),
            "start_s": 0.0,
            "width_s": width_s,
            "pool": "gpu",
            "busy_frac": busy_frac,
            "decode_seqs": decode_seqs,
            "waiting": 0.0,
            "energy_j": 0.0,
            "arrivals": 1,
            "finished": 1,
            "escalated": 0,
        }
    )


def run_of(queries, *ledger, calls=None, **facts):
    """Tables and facts of a run; by default all of each replication is its window."""
    several = queries if isinstance(queries, list) else [queries]
    queries = pd.concat([q.assign(replication=r) for r, q in enumerate(several)], ignore_index=True)
    calls = calls_of(queries) if calls is None else calls
    tables = Tables(queries, calls, ledger_of(*ledger), timeline_of(len(several)))
    ends_s = [float((q["arrived_s"] + q["e2e_s"].fillna(0.0)).max()) if len(q) else 0.0 for q in several]
    given = {
        "name": "made",
        "seed": 7,
        "windows": tuple(Window(0.0, end_s) for end_s in ends_s),
        "pools": {"gpu": PoolFacts("llama-8b", "a100", "fitted", 1, 100_000, "given")},
        "classes": {"chat": ClassFacts()},
    }
    return tables, RunFacts(**(given | facts))
