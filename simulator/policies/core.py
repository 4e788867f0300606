"""The question every policy answers: what to do next with this query, given the answers so far and the fleet.

Routing, escalation, cascades, ensembles, hedges and retries are this one question. Neither `Query` nor `Answer` has a
field for correctness or for lengths not yet generated, so a policy cannot peek.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple, Protocol, runtime_checkable

CallKind = Literal["answer", "verify", "refine"]


class Call(NamedTuple):
    """One query at one pool. `final`: its answer is accepted whatever it scores, so its tokens may be shown at once.

    `samples` answers come of one prefill, as so many outcomes; in all, the k-th answer of a pool to a query is the
    table's sample k where it has samples, else the recorded answer again. `refine` gives the newest answer to the pool
    with the prompt; `verify` names a verifier, which looks at the newest answer. `replica` is the engine that is asked;
    -1: the pool's dispatch chooses.
    """

    pool: str
    kind: CallKind = "answer"
    samples: int = 1
    final: bool = False
    replica: int = -1


class Answer(NamedTuple):
    """What a call gave, as the deployed system could see it.

    `score` is the confidence (higher is surer; -inf never accept, +inf always; NaN where none was measured); `group`
    marks equal answers (for votes), -1 where unknown. Of kind "verify", `pool` is the verifier and `score` what it
    says: 1 or 0, or the confidence that it read.
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

    # "__weakref__": what a policy remembers of a query goes when the query does
    __slots__ = ("__weakref__", "arrived_s", "asked", "cls", "id", "outcomes", "prompt_tok", "task")

    def __init__(self, id: int, cls: ClassFacts, task: str | None, prompt_tok: int, arrived_s: float) -> None:
        self.id = id
        self.cls = cls
        self.task = task
        self.prompt_tok = prompt_tok
        self.arrived_s = arrived_s
        self.asked: tuple[str, ...] = ()  # pools asked so far, in order, once a sample
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


@cache
def ask_final(pool: str, replica: int = -1) -> Ask:
    """Ask `pool` once, and take whatever it answers."""
    return Ask((Call(pool, replica=replica, final=True),))


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
    def place(self) -> str:
        """Where it stands."""
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
    def outstanding_tok_by_replica(self) -> Sequence[float]:
        """The same of each engine, of the calls that have come to one: live. A hosted API is one engine."""
        ...

    @property
    def usd_per_tok(self) -> tuple[float, float]:
        """Price of a prompt and of an output token now; (0, 0) for own hardware."""
        ...

    @property
    def carbon_g_per_j(self) -> float:
        """Grams of CO2 now for each joule that its devices draw, the building's share included; NaN where unknown."""
        ...

    @property
    def battery_frac(self) -> float | None:
        """What is left in the batteries of its machines, as a gauge estimates it, all together; None without one."""
        ...

    @property
    def predicted_tpot_s(self) -> float:
        """Seconds of a token with the calls outstanding now spread evenly, by what its engine is known to take."""
        ...

    def predicted_ttft_s(self, prompt_tok: int) -> float:
        """Seconds to the first token of such a prompt, behind all prompts outstanding, as if none had been read yet.

        Errs to long times where many answers are under way; links and other calls' decodes are left out.
        """
        ...


class LinkView(Protocol):
    """A link between two places, as a router may measure it: medians where transfers differ."""

    @property
    def up_bytes_per_s(self) -> float:
        """What one more transfer from the first place to the second would get now."""
        ...

    @property
    def down_bytes_per_s(self) -> float:
        """The same from the second to the first."""
        ...

    @property
    def rtt_s(self) -> float:
        """Round trip of a message without a body."""
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

    @property
    def links(self) -> Mapping[str, LinkView]:
        """Links by name."""
        ...


@runtime_checkable
class Policy(Protocol):
    """Asked on arrival, after every outcome, and when a timer of its own rings."""

    def decide(self, query: Query, view: FleetView) -> Decision:
        """What to do next with `query`."""
        ...


@runtime_checkable
class Explains(Policy, Protocol):
    """A policy that can say why it decided."""

    def why(self, query: Query, view: FleetView, decision: Decision) -> str:
        """Why `decide` has just decided that, in one line; empty where there is nothing to say.

        Asked of a few queries only, right after `decide` and before what it decided is done. It changes nothing.
        """
        ...


def why(policy: Policy, query: Query, view: FleetView, decision: Decision) -> str:
    """What a policy says of its decision; nothing of one that cannot tell."""
    says = getattr(policy, "why", None)  # a hundred times as quick as `isinstance(policy, Explains)`
    return says(query, view, decision) if says else ""


class Feedback(NamedTuple):
    """What a learner hears of a query, late: how good the answer given was, of the chosen pool only, and maybe wrong.

    `usd` and `energy_j` are those of the answer's call alone, as the router would count them; `score` is NaN where no
    table says how good the answer is.
    """

    query: int
    pool: str
    score: float
    output_tok: int
    usd: float
    energy_j: float
    e2e_s: float
    at_s: float


@runtime_checkable
class Learner(Policy, Protocol):
    """A policy that is told how good its answers were."""

    def learn(self, feedback: Feedback) -> None:
        """Take in what came back of one query. The run tells the policy that it asks, and that those it holds."""
        ...


def tell(policies: Iterable[Policy], feedback: Feedback) -> None:
    """Pass on what came back to those of the policies that learn."""
    for policy in policies:
        if isinstance(policy, Learner):
            policy.learn(feedback)
