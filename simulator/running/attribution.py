"""Whose joules: what each call and each query drew, so that the sum over queries is the meter.

A pass's joules are prefill's and decode's as the ledger has them. Prefill joules go to calls by their tokens in the
chunk, decode joules evenly to the sequences that decode. What else a pool's machines draw (rest, loading) goes to its
calls by their seconds of service; what is of no pool (machines that pools share, links, stations, pools that nobody
asked) to all queries by the seconds of service of their calls, or evenly where there are none. Where a call was
preempted or cut short its replica's shares are approximate, and scaled so that they add up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.engine.build import System
from simulator.engine.logs import Logs
from simulator.running.drawn import Drawn
from simulator.running.machines import Machines

Floats = NDArray[np.float64]
Columns = Mapping[str, NDArray[Any]]


def attributed_j(
    system: System,
    logs: Logs,
    machines: Machines,
    ledger: pd.DataFrame,
    query: NDArray[Any],
    end_s: float,
    hosted_j: Floats,
) -> tuple[Floats, Floats]:
    """Joules of each call, in the order of their log, and of each query of `query`; NaN where a provider's are unknown.

    `hosted_j` are those of calls at hosted pools, in the same order.
    Those of all queries add up to the ledger's.
    """
    log: Columns = logs.calls.columns()
    until_s = np.where(np.isnan(log["done_s"]), end_s, log["done_s"])
    service_s = np.where(np.isnan(log["started_s"]), 0.0, until_s - log["started_s"])
    service_s[log["pool"] >= len(system.pools)] = 0.0  # verifications are no pool's
    energy_j = _at_work(system, log, machines.spans, until_s)
    drawn = ledger["energy_j"].to_numpy(np.float64)
    of_pool = ledger["pool"].astype(object).to_numpy()
    common_j = float(drawn[pd.isna(of_pool)].sum())
    for number, pool in enumerate(system.pools):
        mine = np.flatnonzero(log["pool"] == number)
        if pool.hosted is not None:
            energy_j[mine] = hosted_j[mine]
            continue
        left_j = float(drawn[of_pool == pool.plan.facts.name].sum() - energy_j[mine].sum())
        served_s = service_s[mine].sum()
        if served_s > 0:
            energy_j[mine] += left_j * service_s[mine] / served_s
        else:
            common_j += left_j
    size = int(query.max()) + 1 if len(query) else 0
    by_query = np.bincount(log["query"], energy_j, size)[query]
    served = np.bincount(log["query"], service_s, size)[query]
    shares = served / served.sum() if served.sum() > 0 else np.full(len(query), 1.0 / max(len(query), 1))
    return energy_j, by_query + common_j * shares


def _at_work(system: System, log: Columns, spans: Mapping[tuple[int, int], Drawn], until_s: Floats) -> Floats:
    """Joules of each call's own prefill and decode, with the building's share."""
    energy_j = np.zeros(len(log["call"]))
    widest = max((len(pool.homes) for pool in system.pools), default=0) + 1
    taken = (log["replica"] >= 0) & ~np.isnan(log["started_s"])
    key = np.where(taken, log["pool"].astype(np.int64) * widest + log["replica"], -1)
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    for (pool, replica), work in spans.items():
        number = pool * widest + replica
        rows = order[np.searchsorted(ordered, number) : np.searchsorted(ordered, number, side="right")]
        if len(rows):
            calls = {name: log[name][rows] for name in ("call", "started_s", "first_s", "prompt_tok", "preemptions")}
            calls["until_s"] = until_s[rows]
            joules = _prefill_j(work, calls) + _decode_j(work, calls)
            energy_j[rows] = joules * system.grid(system.pools[pool].plan.facts.place).pue
    return energy_j


def _prefill_j(work: Drawn, calls: Columns) -> Floats:
    """Joules of prompts. They are prefilled in order of admission: each is a stretch of all tokens prefilled."""
    prompt_tok = calls["prompt_tok"].astype(np.float64)
    tok, joules = np.cumsum(work.chunk_tok), np.cumsum(work.prefill_j)
    if not len(tok) or not joules[-1] > 0:
        return np.zeros(len(prompt_tok))
    undisturbed = not (calls["preemptions"].any() or np.isnan(calls["first_s"]).any())
    if undisturbed and abs(prompt_tok.sum() - tok[-1]) < 0.5:
        order = np.lexsort((calls["call"], calls["first_s"], calls["started_s"]))
        ends = np.interp(np.cumsum(prompt_tok[order]), np.append(0.0, tok), np.append(0.0, joules))
        found = np.empty(len(order))
        found[order] = np.diff(ends, prepend=0.0)
        return _scaled(found, joules[-1])
    end_s = np.where(np.isnan(calls["first_s"]), calls["until_s"], calls["first_s"])
    mean = _between(work, joules, calls["started_s"], end_s) / np.maximum(
        _between(work, tok, calls["started_s"], end_s), 1.0
    )
    return _scaled(mean * prompt_tok, joules[-1])


def _decode_j(work: Drawn, calls: Columns) -> Floats:
    """Joules of a sequence that decodes from its first token to its last."""
    decode_j = work.energy_j - work.prefill_j
    each = np.divide(decode_j, work.decode_seqs, out=np.zeros_like(decode_j), where=work.decode_seqs > 0)
    started = ~np.isnan(calls["first_s"])
    found = np.zeros(len(started))
    if len(each):
        found[started] = _between(work, np.cumsum(each), calls["first_s"][started], calls["until_s"][started])
    return _scaled(found, float(decode_j.sum()))


def _between(work: Drawn, total: Floats, start_s: Floats, end_s: Floats) -> Floats:
    """How much a running total over spans grows between two moments; within a span it grows evenly."""
    times_s = np.maximum.accumulate(np.stack([work.start_s, work.start_s + work.time_s], axis=1).ravel())
    values = np.stack([np.append(0.0, total[:-1]), total], axis=1).ravel()
    grown: Floats = np.interp(end_s, times_s, values) - np.interp(start_s, times_s, values)
    return grown


def _scaled(shares: Floats, total: float) -> Floats:
    """Shares that add up to `total`; nothing where there are none, which leaves the total to others."""
    whole = shares.sum()
    return shares * (total / whole) if whole > 0 else np.zeros_like(shares)
