"""What a replication writes down: rows in columns, and the words behind the numbers in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from simulator.engine.plan import Plan
from simulator.engine.span import SPAN_COLUMNS
from simulator.policies.core import Decision, Outcome
from simulator.records.log import Log

QUERY_COLUMNS = {
    "query": "int32",
    "arrived_s": "float64",
    "ttft_s": "float64",
    "e2e_s": "float64",
    "fate": "int8",
    "reason": "int8",
    "call": "int32",
    "calls": "int16",
    "prompt_tok": "int32",
}
CALL_COLUMNS = {
    "call": "int32",
    "query": "int32",
    "pool": "int16",
    "replica": "int16",
    "kind": "int8",
    "fate": "int8",
    "reason": "int8",
    "asked_s": "float64",
    "submitted_s": "float64",
    "started_s": "float64",
    "first_s": "float64",
    "done_s": "float64",
    "delivered_s": "float64",
    "prompt_tok": "int32",
    "output_tok": "int32",
    "preemptions": "int16",
    "retries": "int16",
    "sample": "int16",
}
TRANSFER_COLUMNS = {"start_s": "float64", "time_s": "float64", "bytes": "float64"}
RADIO_COLUMNS = {"user": "int32", "start_s": "float64", "end_s": "float64"}
VISIT_COLUMNS = {"start_s": "float64", "time_s": "float64"}

STATE_COLUMNS = {"time_s": "float64", "state": "int8"}

SPANS = dict.fromkeys(SPAN_COLUMNS, "float64")

ANSWERED, CANCELLED, FAILED, OPEN = range(4)
CALL_FATES = ("answered", "cancelled", "failed", "unfinished")
KINDS = {"answer": 0, "verify": 1, "refine": 2}


class Words:
    """Numbers for words that come up during a run: reasons of failures and drops. 0 is "no reason"."""

    def __init__(self) -> None:
        self.words = [""]
        self._number = {"": 0}

    def number(self, word: str) -> int:
        """The number of `word`."""
        if word not in self._number:
            self._number[word] = len(self.words)
            self.words.append(word)
        return self._number[word]


class Note(NamedTuple):
    """A decision about a query that is followed: what had come of its calls by then, and why, as its policy says."""

    row: int
    at_s: float
    outcomes: tuple[Outcome, ...]
    decision: Decision
    why: str


@dataclass(frozen=True)
class Logs:
    """The logs of a replication; `spans[pool][replica]`, `transfers` two a link (up, down).

    `states[pool][replica]` are the moments at which its model's state changes: empty where it is always loaded;
    `radios` has one a link, of when its radio sent or received; `visits` one a station. `notes` are of the few queries
    that are followed.
    """

    queries: Log
    calls: Log
    spans: Sequence[list[Log]]
    states: Sequence[list[Log]]
    transfers: Sequence[Log]
    radios: Sequence[Log]
    visits: Sequence[Log]
    words: Words
    notes: list[Note] = field(default_factory=list)

    @staticmethod
    def empty(plan: Plan) -> Logs:
        """Logs with no rows."""
        return Logs(
            queries=Log(QUERY_COLUMNS),
            calls=Log(CALL_COLUMNS),
            spans=[[Log(SPANS) for _ in range(count)] for count in plan.replicas],
            states=[[Log(STATE_COLUMNS) for _ in range(count)] for count in plan.replicas],
            transfers=[Log(TRANSFER_COLUMNS) for _ in range(2 * len(plan.links))],
            radios=[Log(RADIO_COLUMNS) for _ in plan.links],
            visits=[Log(VISIT_COLUMNS) for _ in plan.stations],
            words=Words(),
        )

    def settle(self) -> None:
        """Pack what has gathered: called now and then, so that appending need not look."""
        for log in (
            self.queries,
            self.calls,
            *chain.from_iterable(self.spans),
            *chain.from_iterable(self.states),
            *self.transfers,
            *self.radios,
            *self.visits,
        ):
            log.settle()
