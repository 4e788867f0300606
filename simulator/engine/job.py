"""A call under way: what the pools, links and stations pass on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.engine.clock import ATTEMPTS
from simulator.policies.core import Call

if TYPE_CHECKING:
    from simulator.engine.life import Life

NOT_YET = float("nan")


class Job:
    """One call of one query, from the decision that made it to the log row that ends it. Times are NaN until then."""

    __slots__ = (
        "admitted",
        "asked_s",
        "base_tok",
        "call",
        "cancelled",
        "delivered_s",
        "done_s",
        "failure",
        "first_s",
        "first_seen_s",
        "forks",
        "generated_tok",
        "id",
        "is_fork",
        "is_remote",
        "life",
        "load_tok",
        "order",
        "output_tok",
        "pool",
        "preemptions",
        "prefilled_tok",
        "priority",
        "prompt_tok",
        "replica",
        "reserved_tok",
        "retries",
        "sample",
        "started_s",
        "streams",
        "submitted_s",
        "target_tok",
        "vote",
        "wanted",
    )

    is_fork: bool  # of calls with `forks`: another has its prompt prefilled
    vote: float  # of a verification at a pool: what it will say

    def __init__(
        self, id: int, life: Life, call: Call, pool: int, now_s: float, prompt_tok: int, output_tok: int
    ) -> None:
        self.id = id
        self.life = life
        self.call = call
        self.pool = pool
        self.replica = -1
        self.order = life.row * ATTEMPTS + life.calls  # in which it comes among equals
        self.priority = life.priority
        self.prompt_tok = prompt_tok
        self.output_tok = output_tok
        self.asked_s = now_s
        self.submitted_s = self.started_s = self.first_s = self.done_s = NOT_YET
        self.first_seen_s = self.delivered_s = NOT_YET
        self.target_tok = prompt_tok  # to prefill: the prompt, and after a preemption what was generated too
        self.prefilled_tok = self.generated_tok = self.preemptions = self.retries = 0
        self.is_remote = False  # its pool is at another place than its router
        self.streams = False  # the first token is sent ahead
        self.cancelled = False  # the replica is to let go of it
        self.forks: list[Job] | None = None  # samples of one prompt that wait for it to be prefilled: one list for all
        self.sample = 0  # which answer of its pool to its query; -1: a verification or refinement
        self.wanted = True  # somebody still waits for it
        self.failure = ""
        self.load_tok = 0.0  # what it counts in the loads of dispatch
        self.admitted = self.reserved_tok = self.base_tok = 0  # the replica's: its number, its KV, its context's start
