"""Operating points of a scenario over the values of one key, by runs under its load."""

from __future__ import annotations

import os

from joblib import Parallel, delayed

from simulator.engine.build import build
from simulator.metrics.value import RESAMPLES
from simulator.replaying.bar import bar
from simulator.replaying.curve import Curve, read_off
from simulator.replaying.sweep import (
    NOTHING,
    Named,
    Told,
    ends_of,
    one_by_one,
    points_of,
    pools_of,
    replayed,
    values_of,
)
from simulator.replaying.vary import Over, Question, always, varied
from simulator.running import run


def loaded_curve(
    question: Question, over: Over, named: Named = NOTHING, resamples: int = RESAMPLES, jobs: int = 0
) -> Curve:
    """The curve under the scenario's load: a run a value, and one for everything to each pool, `jobs` at a time.

    `jobs` 0 is as many as there are cores. Values that have to be searched are searched without load.
    Dollars of own machines are shared evenly by the queries of a replication; which pools are weak and strong is as
    without load, since all machines are paid for whatever is asked of them. Errors as of `sweep.curve`.
    """
    system = build(question.load())
    ends = ends_of(system, [replayed(varied(system, question.load(*always(pool)))) for pool in pools_of(system)], named)
    known = over.values is not None or bar(system, system.world(0), over.key) is not None
    values = values_of(system, over) if known else points_of(system, question, over, named).points.values
    asked = [question.over(*always(pool)) for pool in pools_of(system)]
    asked += [question.over(over.override(value)) for value in values]
    for each in asked:
        each.load()  # mistakes are told before anything runs
    jobs = min(len(asked), jobs or os.cpu_count() or 1)
    told: list[Told] = Parallel(n_jobs=jobs)(delayed(_run)(each) for each in asked)
    singles, told = told[: -len(values)], told[-len(values) :]
    points, grid = one_by_one(system, values, told, singles, ends)
    made = read_off(over.key, ends, points, grid, False, system.scenario.spec.seed, resamples)
    made.points["verdict"] = [one.verdict for one in told]
    made.singles["verdict"] = [one.verdict for one in singles]
    return made


def _run(question: Question) -> Told:
    """A run's tables, with the rent of own machines shared by the queries."""
    result = run(build(question.load()))
    tables = result.tables
    keep = ["replication", "query", "cls", "item", "score", "cost_usd", "energy_j", "e2e_s", "calls", "escalated"]
    queries = tables.queries[keep].copy()
    own = tables.ledger[tables.ledger["kind"] != "hosted"].groupby("replication")["cost_usd"].sum()
    each = own / queries.groupby("replication")["query"].size()
    queries["cost_usd"] += queries["replication"].map(each).fillna(0.0).to_numpy()
    return Told(queries, tables.calls[["replication", "query", "pool", "kind"]], result.summary.verdict)
