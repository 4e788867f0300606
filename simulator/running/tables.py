"""From the logs of a replication to its tables: who asked what, what came of it, and what it was worth."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.engine.build import System
from simulator.engine.life import FATES
from simulator.engine.logs import ANSWERED, CALL_FATES, KINDS, Logs
from simulator.physics.price import call_usd
from simulator.workload.traffic import World

Floats = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]


def calls_table(system: System, world: World, logs: Logs) -> pd.DataFrame:
    """One row a call, in the order in which they ended; columns as `records.tables.CALLS` but `accepted`."""
    log: Columns = logs.calls.columns()
    pool, query = log["pool"], log["query"]
    answered = (log["fate"] == ANSWERED) & (log["kind"] != KINDS["verify"])
    score, confidence = _outcomes(system, world, log, answered)
    names = [plan.facts.name for plan in system.plan.pools] + [plan.name for plan in system.plan.verifiers]
    return pd.DataFrame(
        {
            "call": log["call"],
            "query": query,
            "pool": _coded(pool, names),
            "replica": log["replica"],
            "kind": _coded(log["kind"], KINDS),
            "fate": _coded(log["fate"], CALL_FATES),
            "reason": _words(log["reason"], logs),
            "asked_s": log["asked_s"],
            "uplink_s": log["submitted_s"] - log["asked_s"],
            "queue_s": log["started_s"] - log["submitted_s"],
            "prefill_s": log["first_s"] - log["started_s"],
            "decode_s": log["done_s"] - log["first_s"],
            "downlink_s": log["delivered_s"] - log["done_s"],
            "delivered_s": log["delivered_s"],
            **{name: log[name] for name in ("prompt_tok", "output_tok", "preemptions", "retries", "sample")},
            "score": score,
            "confidence": confidence,
            "cost_usd": _cost_usd(system, world, log),
        },
        copy=False,
    )


def _coded(codes: NDArray[Any], words: Iterable[str]) -> pd.Categorical:
    """Words by their numbers; -1 is none."""
    categories: pd.Index[Any] = pd.Index(list(words))
    return pd.Categorical.from_codes(codes, categories=categories)


def _words(codes: NDArray[Any], logs: Logs) -> pd.Categorical:
    """Reasons; none is missing."""
    return _coded(codes.astype(np.int16) - 1, logs.words.words[1:])


def _outcomes(system: System, world: World, log: Columns, answered: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Score and confidence of answers, NaN where there is no table; the sample's own where they are recorded."""
    pool, query = log["pool"], log["query"]
    score, confidence = np.full(len(pool), np.nan), np.full(len(pool), np.nan)
    for number, cls in enumerate(system.classes):
        if cls.table is None:
            continue
        rows = np.flatnonzero(answered & (world.cls[query] == number))
        item, column = world.item[query[rows]], np.asarray(cls.columns)[pool[rows]]
        score[rows] = cls.table.score[item, column]
        confidence[rows] = cls.table.confidence[item, column]
        if cls.plan.samples:
            sampled = (log["sample"][rows] >= 0) & np.array([each is not None for each in cls.plan.samples])[pool[rows]]
            rows, item, column = rows[sampled], item[sampled], column[sampled]
            assert cls.table.samples is not None
            score[rows] = cls.table.samples.score[item, column, log["sample"][rows]]
            if cls.table.samples.confidence is not None:
                told = np.array([each is not None and each.confidence is not None for each in cls.plan.samples])
                own = told[pool[rows]]
                rows, item, column = rows[own], item[own], column[own]
                confidence[rows] = cls.table.samples.confidence[item, column, log["sample"][rows]]
    return score, confidence


def _cost_usd(system: System, world: World, log: Columns) -> Floats:
    """Dollars of calls at hosted pools; those that were begun are billed."""
    cost = np.zeros(len(log["pool"]))
    cached_frac = np.array([cls.cached_prompt_frac for cls in system.scenario.spec.workload.values()])
    for number, pool in enumerate(system.pools):
        if pool.hosted is None:
            continue
        rows = np.flatnonzero((log["pool"] == number) & ~np.isnan(log["started_s"]))
        query = log["query"][rows]
        if pool.spec.price == "profile":
            prompt_tok, output_tok = log["prompt_tok"][rows].astype(float), log["output_tok"][rows].astype(float)
            further = prompt_tok == 0  # samples of a prompt that is billed with the first, in one request
            cost[rows] = call_usd(pool.hosted, prompt_tok, output_tok, cached_frac[world.cls[query]])
            cost[rows] -= further * pool.hosted.price_usd_per_call
            continue
        for cls_number, cls in enumerate(system.classes):
            assert cls.table is not None, "recorded prices without a table"
            mine = world.cls[query] == cls_number
            cost[rows[mine]] = cls.table.cost_usd[world.item[query[mine]], cls.columns[number]]
    return cost


def hosted_j(system: System, world: World, logs: Logs) -> Floats:
    """Joules of calls at hosted pools, in the order of their log; NaN where unknown, 0 of calls that were not begun."""
    log: Columns = logs.calls.columns()
    found = np.zeros(len(log["pool"]))
    for number, pool in enumerate(system.pools):
        if pool.hosted is None:
            continue
        rows = np.flatnonzero((log["pool"] == number) & ~np.isnan(log["started_s"]))
        tokens = log["output_tok"][rows].astype(float)
        if pool.spec.energy == "profile":
            found[rows] = tokens * (np.nan if pool.hosted.energy_j_per_tok is None else pool.hosted.energy_j_per_tok)
            continue
        query = log["query"][rows]
        for cls_number, cls in enumerate(system.classes):
            assert cls.table is not None, "recorded joules without a table"
            assert cls.table.energy_j_per_tok is not None, "recorded joules without a table"
            mine = world.cls[query] == cls_number
            found[rows[mine]] = tokens[mine] * cls.table.energy_j_per_tok[world.item[query[mine]], cls.columns[number]]
    return found


def queries_table(system: System, world: World, logs: Logs, calls: pd.DataFrame) -> pd.DataFrame:
    """One row a query, in the order of their numbers; columns as `records.tables.QUERIES`."""
    log: Columns = logs.queries.columns()
    order = np.argsort(log["query"], kind="stable")
    log = {name: column[order] for name, column in log.items()}
    query = log["query"]
    n = len(world)
    place = np.full(int(calls["call"].max()) + 1 if len(calls) else 0, -1)
    place[calls["call"].to_numpy()] = np.arange(len(calls))
    finished = log["call"] >= 0
    row = place[log["call"][finished]]  # of the accepted call

    def of_accepted(name: str, missing: float | int) -> NDArray[Any]:
        values = calls[name].to_numpy()
        column = np.full(len(query), missing, dtype=values.dtype)
        column[finished] = values[row]
        return column

    output_tok = of_accepted("output_tok", 0)
    decode_s = of_accepted("decode_s", np.nan)
    pool = np.full(len(query), -1, dtype=np.int16)
    pool[finished] = calls["pool"].cat.codes.to_numpy()[row]
    several = output_tok > 1
    session = world.session[query]
    return pd.DataFrame(
        {
            "query": query,
            "cls": _coded(world.cls[query], world.classes),
            "task": _tasks(system, world, query),
            "item": world.item[query],
            "user": np.where(session >= 0, session, -1),
            "session": session,
            "turn": world.turn[query],
            "arrived_s": log["arrived_s"],
            "ttft_s": log["ttft_s"],
            "tpot_s": np.where(several, decode_s / np.where(several, output_tok - 1, 1), np.nan),
            "queue_s": np.where(finished, _sum_by_query(calls, _on_path(calls), "queue_s", n)[query], np.nan),
            "e2e_s": log["e2e_s"],
            "fate": _coded(log["fate"], FATES),
            "reason": _words(log["reason"], logs),
            "pool": _coded(pool, calls["pool"].cat.categories),
            "calls": log["calls"],
            "escalated": _escalated(calls, n)[query],
            "score": of_accepted("score", np.nan),
            "confidence": of_accepted("confidence", np.nan),
            "prompt_tok": log["prompt_tok"],
            "output_tok": output_tok,
            "cost_usd": _sum_by_query(calls, np.ones(len(calls), bool), "cost_usd", n)[query],
        },
        copy=False,
    )


def _tasks(system: System, world: World, query: NDArray[Any]) -> pd.Categorical:
    """The task of each query's item, over all classes' tables."""
    tables = [cls.table for cls in system.classes]
    names = list(dict.fromkeys(task for table in tables if table is not None for task in table.tasks))
    codes = np.full(len(query), -1, dtype=np.int32)
    for number, table in enumerate(tables):
        if table is None:
            continue
        rows = np.flatnonzero((world.cls[query] == number) & (world.item[query] >= 0))
        code = np.array([names.index(task) for task in table.tasks], dtype=np.int32)
        codes[rows] = code[table.task[world.item[query[rows]]]]
    return _coded(codes, names)


def _on_path(calls: pd.DataFrame) -> NDArray[np.bool_]:
    """Calls whose answers came: what the query waited for."""
    answered: NDArray[np.bool_] = (calls["fate"].cat.codes == ANSWERED).to_numpy()
    return answered


def _sum_by_query(calls: pd.DataFrame, rows: NDArray[np.bool_], name: str, n: int) -> Floats:
    query = calls["query"].to_numpy()[rows]
    total: NDArray[Any] = np.bincount(query, weights=calls[name].to_numpy()[rows], minlength=n)
    return total


def _escalated(calls: pd.DataFrame, n: int) -> NDArray[np.bool_]:
    """Queries with a second answer call because of an answer."""
    escalated = np.zeros(n, bool)
    escalated[calls["query"].to_numpy()[escalations(calls)]] = True
    return escalated


def escalations(calls: pd.DataFrame) -> NDArray[np.bool_]:
    """Which calls are escalations: answer calls asked when another answer to their query had been delivered."""
    answers = (calls["kind"].cat.codes == KINDS["answer"]).to_numpy()
    query = calls["query"].to_numpy()
    came_s = np.full(int(query.max()) + 1 if len(query) else 0, np.inf)
    given = answers & _on_path(calls)
    np.minimum.at(came_s, query[given], calls["delivered_s"].to_numpy()[given])
    escalated: NDArray[np.bool_] = answers & (calls["asked_s"].to_numpy() >= came_s[query])
    return escalated
