"""The question every policy answers: what to do next with this query, given the answers so far and the fleet.

Routing, escalation, cascades, ensembles, hedges and retries are this one question. Neither `Query` nor `Answer` has a
field for correctness or for lengths not yet generated, so a policy cannot peek.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from simulator.learning.core import Encoder, Estimator
from simulator.spec.parts import PartOf

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
T = TypeVar("T")

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


class RouterCost(NamedTuple):
    """What the decisions of a technique take where the scenario has no `router`: a station, as published."""

    time_s: float
    servers: int = 1
    active_w: float = 0.0
    source: str = ""


@dataclass(frozen=True)
class Needs:
    """What the world must have for a policy to work; `build` says where it has not."""

    truth: bool = False
    """How right every answer would be: for oracles alone."""
    train: bool = False
    """A table with a train split and a test split."""
    scores_of: tuple[str, ...] = ()
    """Pools whose answers must come with a confidence."""
    groups_of: tuple[str, ...] = ()
    """Pools whose answers must be known as equal or not."""
    samples_of: Mapping[str, int] = field(default_factory=dict)
    """Pools of which so many answers to one query must be recorded."""
    feedback: bool = False
    """The policy learns from what comes back."""

    def join(self, other: Needs) -> Needs:
        """What both need."""
        most = {
            pool: max(self.samples_of.get(pool, 1), other.samples_of.get(pool, 1))
            for pool in (*self.samples_of, *other.samples_of)
        }
        return Needs(
            self.truth or other.truth,
            self.train or other.train,
            tuple(dict.fromkeys(self.scores_of + other.scores_of)),
            tuple(dict.fromkeys(self.groups_of + other.groups_of)),
            most,
            self.feedback or other.feedback,
        )


class Label(Protocol):
    """What a router learns to tell of a query instead of each pool's score. Its `repr` names it."""

    def of(self, answers: Floats) -> Floats:
        """Labels in [0, 1], (items, labels), made of the scores of the answers recorded, (items, pools, answers each).

        NaN where there is none.
        """
        ...


class Asked(Protocol):
    """The queries of a replication as a router may know them before any answer: a row a query, by its id.

    Matrices are (queries, pools), columns in the order of `Setting.pools`.
    """

    @property
    def prompt_tok(self) -> Ints:
        """Tokens of the prompts, (queries,); of sessions, the new ones only."""
        ...

    @property
    def task(self) -> Ints:
        """Index into `tasks`, (queries,); -1 without one."""
        ...

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of tasks."""
        ...

    def quality(self, estimator: Estimator) -> Floats:
        """The score that each pool's answer is expected to have, in [0, 1]; NaN where a class has no table."""
        ...

    def labelled(self, estimator: Estimator, label: Label) -> Floats:
        """The label that each query is expected to have, (queries, labels); NaN where a class has no table."""
        ...

    def output_tok(self, estimator: Estimator) -> Floats:
        """Tokens that each pool's answer is expected to have."""
        ...

    def features(self, encoder: Encoder) -> Floats:
        """Features of each query, (queries, d); 0 where a class has no table."""
        ...

    def prompts(self) -> Sequence[str]:
        """Texts of the prompts; empty where there is none."""
        ...

    def recorded(self, name: str) -> Floats:
        """A score that the quality table records of each query, (queries,): a router's of one's own, say."""
        ...

    def usd(self, output_tok: Floats) -> Floats:
        """Dollars of a call of each query at each pool, with answers that long."""
        ...

    def energy_j(self, output_tok: Floats) -> Floats:
        """Joules, alone on an idle fleet."""
        ...

    def time_s(self, output_tok: Floats) -> Floats:
        """Seconds, alone on an idle fleet."""
        ...


@dataclass(frozen=True)
class Train:
    """The train split, measured: all that calibration may look at. Rows are items; matrices are (items, pools).

    NaN where the table has no confidence. `usd`, `energy_j` and `time_s` are those of the call alone on an idle fleet.
    """

    score: Floats
    confidence: Floats
    output_tok: Floats
    usd: Floats
    energy_j: Floats
    time_s: Floats
    prompt_tok: Ints
    task: Ints
    tasks: tuple[str, ...]
    quality: Callable[[Estimator], Floats] = field(repr=False, compare=False)
    """What the estimator says of these items, each without having seen it (cross-fitted), (items, pools)."""
    labelled: Callable[[Estimator, Label], Floats] = field(repr=False, compare=False)
    """The label that these items are expected to have, cross-fitted too, (items, labels)."""
    expected_cost: Callable[[Estimator], tuple[Floats, Floats, Floats]] = field(repr=False, compare=False)
    """Dollars, joules and seconds of these items' calls with answers as long as is expected, cross-fitted too."""

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True)
class Setting:
    """What a policy may be prepared with, once for each replication.

    `uniform(stream, query, attempt)` is a number in [0, 1) that depends on its arguments and the seed only. `asked` are
    the queries as they come, `train` is what may be learned from (None: the policy has not said that it needs it).
    `fitted(key, fit)` is `fit()`, remembered across replications. `usd_per_call` and `energy_j_per_call` are expected
    prices of one mean call at each pool, `time_s_per_call` its seconds alone on an idle fleet. `params` says how many
    parameters a pool's model has, NaN where nobody has said. `truth` is for oracles alone: the score of each pool's
    model on each query, by query id; None for every other policy.
    """

    pools: tuple[str, ...]
    models: Mapping[str, str]
    uniform: Callable[[str, int, int], float]
    usd_per_call: Mapping[str, float]
    energy_j_per_call: Mapping[str, float]
    time_s_per_call: Mapping[str, float]
    params: Mapping[str, float]
    asked: Asked
    train: Train | None = None
    fitted: Callable[[Hashable, Callable[[], Any]], Any] = lambda key, fit: fit()
    truth: Callable[[int, str], float] | None = None


@runtime_checkable
class Prepared(Protocol):
    """A policy that needs its setting: chance, prices, what was learned, or (oracles) the truth."""

    def prepare(self, setting: Setting) -> Policy:
        """The policy that decides, fresh for one replication."""
        ...


PolicyPart = Annotated[Policy | Prepared, PartOf("policies", ("decide", "prepare", "decide_batch"))]
"""A policy as a field of another."""


def prepared(policy: Policy | Prepared, setting: Setting) -> Policy:
    """A policy that decides: itself, or what it prepares."""
    return policy.prepare(setting) if isinstance(policy, Prepared) else policy


def held(part: Any, kind: type[T]) -> Iterator[T]:
    """`part` and all that it holds, in fields, tuples and maps, of one kind (a protocol that can be checked)."""
    if isinstance(part, tuple | list):
        for each in part:
            yield from held(each, kind)
    elif isinstance(part, Mapping):
        yield from held(tuple(part.values()), kind)
    elif is_dataclass(part) and not isinstance(part, type):
        if isinstance(part, kind):
            yield part
        for each in fields(part):
            yield from held(getattr(part, each.name), kind)


def needs_of(policy: Any) -> Needs:
    """What a policy and all that it holds need."""
    all_needs = Needs()
    for each in held(policy, object):
        all_needs = all_needs.join(getattr(each, "needs", Needs()))
    return all_needs
