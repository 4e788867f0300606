"""What a policy may be prepared with before time passes: queries as they come, the train split, prices, and chance."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Annotated, Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from simulator.learning.core import Encoder, Estimator
from simulator.policies.core import Policy
from simulator.spec.parts import PartOf

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
T = TypeVar("T")


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
    verified: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Verifiers, and the pools whose answers they look at: one that cannot judge by itself reads their confidence."""

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
            {
                name: tuple(dict.fromkeys(self.verified.get(name, ()) + other.verified.get(name, ())))
                for name in (*self.verified, *other.verified)
            },
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
    parameters a pool's model has, NaN where nobody has said. For oracles alone, and None for every other policy:
    `truth`, the score of each pool's model on each query, by query id; and `paid`, what each pool's call of each query
    takes in "usd", "energy" or "time", (queries, pools), alone on an idle fleet.
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
    paid: Callable[[str], Floats] | None = None


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
