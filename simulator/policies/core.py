"""The question every policy answers: what to do next with this query, given the answers so far and the fleet.

Routing, escalation, cascades, ensembles, hedges and retries are this one question. Neither `Query` nor `Answer` has a
field for correctness or for lengths not yet generated, so a policy cannot peek.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, runtime_checkable

CallKind = Literal["answer", "verify", "refine"]


class Call(NamedTuple):
    """One query at one pool. `final`: its answer is accepted whatever it scores, so its tokens may be shown at once."""

    pool: str
    kind: CallKind = "answer"
    samples: int = 1
    final: bool = False
    stages: tuple[str, ...] = ("prefill", "decode")  # what is done at the pool, in order


class Answer(NamedTuple):
    """What a call gave, as the deployed system could see it.

    `score` is the confidence (higher is surer; -inf never accept, +inf always; NaN where none was measured); `group`
    marks equal answers (for votes), -1 where unknown.
    """

    pool: str
    kind: CallKind
    score: float
    output_tok: int
    done_s: float
    group: int = -1


class Failed(NamedTuple):
    """A call that gave no answer: `reason` is one of `full`, `too-long`, `timeout`, `fault`, `rate-limit`."""

    pool: str
    kind: CallKind
    reason: str
    done_s: float


Outcome = Answer | Failed


@dataclass(frozen=True, slots=True)
class ClassFacts:
    """What a policy may know of a query's class: the part of the workload that it belongs to."""

    name: str
    origin: str
    priority: int = 0
    deadline_s: float | None = None
    sensitivity: str | None = None
    modality: str = "text"
    prefix: str | None = None  # queries with the same one begin with the same tokens


class Query:
    """What a user asks, as a router sees it: read-only to policies; the engine appends to `outcomes` and `asked`."""

    __slots__ = ("arrived_s", "asked", "cls", "id", "outcomes", "prompt_tok", "task")

    def __init__(self, id: int, cls: ClassFacts, task: str | None, prompt_tok: int, arrived_s: float) -> None:
        self.id = id
        self.cls = cls
        self.task = task
        self.prompt_tok = prompt_tok
        self.arrived_s = arrived_s
        self.asked: tuple[str, ...] = ()  # pools asked so far, in order
        self.outcomes: tuple[Outcome, ...] = ()  # of calls that ended, in order

    def answers_from(self, pools: Sequence[str]) -> list[Answer]:
        """Outcomes of kind `answer` from `pools`, in the order in which they came."""
        return [o for o in self.outcomes if isinstance(o, Answer) and o.kind == "answer" and o.pool in pools]

    @property
    def failure(self) -> str:
        """Why the newest failed call failed; "no answer" where none did."""
        return next((o.reason for o in reversed(self.outcomes) if isinstance(o, Failed)), "no answer")


class Ask(NamedTuple):
    """Make these calls, one or several at once, beside those in flight, and be asked again as after `Wait(for_s)`.

    A hedge gives `for_s`: its second call is made if the first has not answered by then.
    """

    calls: tuple[Call, ...]
    for_s: float | None = None


class Wait(NamedTuple):
    """Do nothing until `for_s` has passed (None: no timer) or the next outcome, whichever comes first."""

    for_s: float | None = None


class Finish(NamedTuple):
    """Give the user this answer and cancel what is in flight."""

    answer: Answer


class Drop(NamedTuple):
    """Give the user no answer (`abstain`, `full`, ...) and cancel what is in flight."""

    reason: str


Decision = Ask | Wait | Finish | Drop


def failed_or(query: Query, ask: Ask) -> Decision:
    """`ask` for a query that has not been asked; else its one call has failed, and it is dropped for that reason."""
    return ask if not query.asked else Drop(query.failure)


class Reported(NamedTuple):
    """What a pool last told the router of itself; `at_s` is when it was true."""

    at_s: float
    waiting_calls: int
    running_calls: int
    kv_used_frac: float


class PoolView(Protocol):
    """One pool as the router sees it: facts, the router's own live counts, and the pool's own (stale) report."""

    @property
    def name(self) -> str:
        """What the scenario calls it."""
        ...

    @property
    def model(self) -> str:
        """The name of its model."""
        ...

    @property
    def tier(self) -> str | None:
        """Its label: device, edge, cloud."""
        ...

    @property
    def replicas(self) -> int:
        """How many engines it has."""
        ...

    @property
    def outstanding_calls(self) -> int:
        """Calls that this router has sent and not heard of: live."""
        ...

    @property
    def outstanding_tok(self) -> float:
        """Prompt tokens, plus the mean output seen so far, of the calls outstanding: live."""
        ...

    @property
    def reported(self) -> Reported:
        """The pool's newest report."""
        ...

    @property
    def usd_per_tok(self) -> tuple[float, float]:
        """Price of a prompt and of an output token now; (0, 0) for own hardware."""
        ...


class FleetView(Protocol):
    """The fleet as the router sees it: one live read-only object, not a copy a decision."""

    @property
    def now_s(self) -> float:
        """Seconds since the start."""
        ...

    @property
    def pools(self) -> Mapping[str, PoolView]:
        """Pools by name, as the scenario has them."""
        ...


@runtime_checkable
class Policy(Protocol):
    """Asked on arrival, after every outcome, and when a timer of its own rings."""

    def decide(self, query: Query, view: FleetView) -> Decision:
        """What to do next with `query`."""
        ...


@dataclass(frozen=True)
class Setting:
    """What a policy may be prepared with, once for each replication.

    `uniform(stream, query, attempt)` is a number in [0, 1) that depends on its arguments and the seed only. `truth` is
    for oracles alone: the score of each pool's model on each query, by query id; None for every other policy.
    `usd_per_call` and `energy_j_per_call` are expected prices of one mean call at each pool.
    """

    pools: tuple[str, ...]
    models: Mapping[str, str]
    uniform: Callable[[str, int, int], float]
    usd_per_call: Mapping[str, float]
    energy_j_per_call: Mapping[str, float]
    truth: Callable[[int, str], float] | None = None


@runtime_checkable
class Prepared(Protocol):
    """A policy that needs its setting: chance, prices, or (oracles) the truth. `needs_truth` says the last."""

    needs_truth: bool

    def prepare(self, setting: Setting) -> Policy:
        """The policy that decides, fresh for one replication."""
        ...
