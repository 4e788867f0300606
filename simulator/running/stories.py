"""Which queries a run tells the whole story of, and what was decided about them and why.

Some are followed, chosen by chance before the run, since nobody could ask a policy for its reasons afterwards. Of those
that were measured, few are kept: each class and kind in turn, so that what is rare is there, and the slowest.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulator.engine.build import System
from simulator.engine.logs import Note
from simulator.policies.core import Answer, Ask, Call, Decision, Drop, Finish, Outcome, Wait
from simulator.records.stories import Decided, Stories, Story
from simulator.running.alternatives import alternatives
from simulator.workload.streams import stream
from simulator.workload.traffic import World

FOLLOWED, SHOWN, SLOWEST = 400, 60, 6
RIGHT = 0.5  # a score from which on an answer is called right
LONGEST = 400  # characters of a reason


def followed(seed: int, queries: int) -> list[int]:
    """Numbers of queries of the first replication, in an order of chance: the same for the same seed."""
    chosen: list[int] = stream(seed, 0, "stories").choice(queries, min(queries, FOLLOWED), replace=False).tolist()
    return chosen


def stories(
    system: System, world: World, notes: Sequence[Note], queries: pd.DataFrame, calls: pd.DataFrame, start_s: float
) -> Stories:
    """The stories of some of the queries `followed`, in the order of their arrival.

    `queries` and `calls` are the first replication's; what arrived before `start_s` is left out.
    """
    order = followed(system.scenario.spec.seed, len(world))
    came = _measured(queries, order, start_s)
    kinds = list(_kinds(came, _first_scores(calls, order, len(world))))
    groups = list(zip(came["cls"].astype(str), kinds, strict=True))
    slow = slowest(came["e2e_s"].to_numpy(np.float64))
    shown = [*slow, *in_turn(groups, set(slow), SHOWN - len(slow))]
    shown.sort(key=lambda at: (came["arrived_s"].iat[at], came["query"].iat[at]))
    of_row = defaultdict(list)
    for note in notes:
        of_row[note.row].append(note)
    told = came.iloc[shown]
    columns = (told[name].tolist() for name in ("query", "prompt_tok", "arrived_s"))
    others = alternatives(system, world, *columns)
    return Stories(
        len(order),
        tuple(
            Story(row, kinds[at], at in slow, tuple(_decided(of_row[row])), other)
            for row, at, other in zip(told["query"].tolist(), shown, others, strict=True)
        ),
    )


# Which queries


def _measured(queries: pd.DataFrame, order: Sequence[int], start_s: float) -> pd.DataFrame:
    """Those of the queries `order` that came after `start_s`, in that order."""
    number = queries["query"].to_numpy()  # rises
    at = np.searchsorted(number, order)
    at = at[[place < len(number) and number[place] == row for place, row in zip(at, order, strict=True)]]
    came = queries.iloc[at]
    return came[came["arrived_s"].to_numpy() >= start_s]


def _first_scores(calls: pd.DataFrame, order: Sequence[int], n: int) -> dict[int, float]:
    """The score of the first answer that came of each of the queries `order`."""
    wanted = np.zeros(n, bool)
    wanted[order] = True
    part = calls[wanted[calls["query"].to_numpy()]]
    part = part[((part["kind"] == "answer") & (part["fate"] == "answered")).to_numpy()]
    part = part.sort_values(["delivered_s", "call"], kind="stable").drop_duplicates("query")
    return dict(zip(part["query"].tolist(), part["score"].tolist(), strict=True))


def _kinds(came: pd.DataFrame, first: dict[int, float]) -> Iterator[str]:
    """What kind each is: whether it went on from its first answer, and whether that was needed; else its fate."""
    columns = (came[name].tolist() for name in ("query", "fate", "reason", "escalated", "score"))
    for query, fate, reason, is_escalated, score in zip(*columns, strict=True):
        if fate != "finished":
            yield fate if pd.isna(reason) or reason == fate else f"{fate}: {reason}"
        elif is_escalated:
            yield f"escalated, {_of(first[query], 'needless', 'needed')}"
        else:
            yield f"not escalated, {_of(score, 'right', 'wrong')}"


def _of(score: float, right: str, wrong: str) -> str:
    return "not scored" if pd.isna(score) else right if score >= RIGHT else wrong


def slowest(e2e_s: NDArray[np.float64]) -> list[int]:
    """Where the longest times are; NaN is none."""
    order = np.argsort(-e2e_s, kind="stable")[:SLOWEST]
    return [at for at in order.tolist() if e2e_s[at] == e2e_s[at]]


def in_turn(groups: Sequence[tuple[str, str]], without: set[int], most: int) -> list[int]:
    """Places of `most` things, one of each group after the other; in a group the first come first."""
    rounds: Counter[tuple[str, str]] = Counter()
    ranked = []
    for at, group in enumerate(groups):
        if at not in without:
            ranked.append((rounds[group], at))
            rounds[group] += 1
    return [at for _, at in sorted(ranked)[:most]]


# What was decided


def _decided(notes: Sequence[Note]) -> Iterator[Decided]:
    """The decisions of one query, in words."""
    before: tuple[Outcome, ...] | None = None
    for note in notes:
        why = " ".join(str(note.why).split())[:LONGEST]
        kind, pools, did = _did(note.decision)
        yield Decided(note.at_s, kind, pools, _seen(before, note.outcomes), did, why)
        before = note.outcomes


def _seen(before: tuple[Outcome, ...] | None, now: tuple[Outcome, ...]) -> str:
    """What has happened since the decision before."""
    if before is None:
        return "arrival"
    return "; ".join(map(_outcome, now[len(before) :])) or "a timer"


def _outcome(outcome: Outcome) -> str:
    if not isinstance(outcome, Answer):
        return f"{outcome.pool} failed: {outcome.reason}"
    score = "" if outcome.score != outcome.score else f", confidence {outcome.score:.4g}"
    if outcome.kind == "verify":
        return f"{outcome.pool} judged: {outcome.score:.4g}" if score else f"{outcome.pool} judged"
    return f"{outcome.pool} {'refined' if outcome.kind == 'refine' else 'answered'}{score}"


def _did(decision: Decision) -> tuple[str, tuple[str, ...], str]:
    """The kind of a decision, its pools (once a call), and the decision in words."""
    match decision:
        case Ask(calls, for_s):
            told = " and ".join(map(_call, calls)) or "wait"
            pools = tuple(call.pool for call in calls for _ in range(call.samples))
            return "ask", pools, told + ("" if for_s is None else f"; look again after {for_s:.4g} s")
        case Wait(for_s):
            return "wait", (), "wait" if for_s is None else f"wait {for_s:.4g} s"
        case Finish(answer):
            return "finish", (answer.pool,), f"take the answer of {answer.pool}"
        case Drop(reason):
            return "drop", (), f"give no answer: {reason}"


def _call(call: Call) -> str:
    who = call.pool if call.replica < 0 else f"{call.pool}, replica {call.replica}"
    if call.kind == "verify":
        return f"have {who} judge the answer" + (f" {call.samples} times" if call.samples > 1 else "")
    if call.kind == "refine":
        return f"have {who} refine the answer"
    several = f" for {call.samples} answers" if call.samples > 1 else ""
    return f"ask {who}{several}" + (" and take its answer" if call.final else "")
