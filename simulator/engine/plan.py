"""A fleet and its workload with every name resolved: what a replication is started from, as often as wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from simulator.engine.feedback import FeedbackPlan
from simulator.engine.hosted import HostedPlan
from simulator.engine.pool import PoolPlan, Uniform
from simulator.physics.signal import Signal
from simulator.physics.values import Link
from simulator.policies.core import ClassFacts, Policy
from simulator.workload.traffic import World

Column = list[float]
Seconds = float


@dataclass(frozen=True, eq=False)
class SamplesPlan:
    """Several answers of a pool's model: lists by item, then by sample, all that are recorded.

    `output_tok` None: lengths are the workload's. `confidence` None: that of the item is all samples'.
    """

    score: list[list[float]]
    group: list[list[int]]
    output_tok: list[list[int]] | None
    confidence: list[list[float]] | None = None


@dataclass(frozen=True, eq=False)
class ClassPlan:
    """A class of the workload. Columns are per pool: a list over items, or None where the table has nothing to say.

    Where `output_tok` or `prompt_tok` of a pool is None, lengths are the workload's.
    """

    facts: ClassFacts
    tasks: Sequence[str | None] = ()  # by item
    confidence: tuple[Column | None, ...] = ()
    score: tuple[Column | None, ...] = ()  # the truth, for what comes back of answers
    output_tok: tuple[list[int] | None, ...] = ()
    prompt_tok: tuple[list[int] | None, ...] = ()
    latency_s: tuple[Column | None, ...] = ()
    group: tuple[list[int] | None, ...] = ()  # of equal answers; empty where none is known
    samples: tuple[SamplesPlan | None, ...] = ()  # empty where none are recorded
    timeout_s: Seconds | None = None
    call_timeout_s: Seconds | None = None
    abandon_s: Seconds | None = None
    at_once: bool = False
    bytes_per_tok: float = 4.0
    payload_bytes: float = 0.0
    ends_with_failure: bool = True  # a failed turn ends its session

    @property
    def is_patient(self) -> bool:
        """Whether nothing ever runs out."""
        return self.timeout_s is None and self.call_timeout_s is None and self.abandon_s is None


@dataclass(frozen=True)
class LinkPlan:
    """A link between two places: bandwidth each way, half the round trip, and `changes`: (from, factor on it).

    `varying` has how transfers differ and what the radio does, where they do and it does anything; `radio_per_user`
    says whose radio that is.
    """

    name: str
    between: tuple[str, str]
    up_bytes_per_s: float
    down_bytes_per_s: float
    delay_s: float
    per_user: bool = False
    changes: tuple[tuple[float, float], ...] = ()
    varying: Link | None = None
    radio_per_user: bool = False


@dataclass(frozen=True)
class StationPlan:
    """A router or a verifier. `place` None: wherever the query's router is."""

    name: str
    time_s: float
    servers: int = 1
    place: str | None = None


@dataclass(frozen=True)
class JudgePlan:
    """A verifier that is a call at a pool (by index): it reads the prompt, the answer and `prompt_tok` more.

    It votes 1 with the probability `right` where the answer is right, and `wrong` where it is not. Where these are
    None, what it says is the answer's confidence.
    """

    name: str
    pool: int
    prompt_tok: int
    output_tok: int
    right: float | None = None
    wrong: float | None = None


@dataclass(frozen=True)
class GaugePlan:
    """The batteries of a pool's machines, as a fuel gauge knows them: what is in them, and what calls take out.

    `j_per_tok` has, by the index of each pool that lives on them, joules above idle of a token of a prompt, and of an
    answer after its first.
    """

    battery_j: float
    idle_w: float
    j_per_tok: Mapping[int, tuple[float, float]]


@dataclass(frozen=True)
class Plan:
    """All of a scenario but its chance. `pools` and `replicas` (span logs a pool) are in the order of the file."""

    pools: tuple[PoolPlan | HostedPlan, ...]
    replicas: tuple[int, ...]
    classes: tuple[ClassPlan, ...]
    policy: Callable[[World, Uniform], Policy]  # of a replication
    links: tuple[LinkPlan, ...] = ()
    router: StationPlan | None = None
    verifiers: tuple[StationPlan | JudgePlan, ...] = ()
    refresh_s: float = 0.0
    delay_s: float = 0.0
    horizon_s: float | None = None
    carbon_g_per_j: Mapping[str, Signal] = field(default_factory=dict)  # by place, the building's share included
    feedback: FeedbackPlan | None = None
    gauges: Mapping[str, GaugePlan] = field(default_factory=dict)  # by pool; none without a battery

    @property
    def stations(self) -> tuple[StationPlan, ...]:
        """The router, if there is one, and the verifiers that are no calls at pools."""
        verifiers = tuple(plan for plan in self.verifiers if isinstance(plan, StationPlan))
        return (self.router, *verifiers) if self.router else verifiers

    def pool_index(self) -> Mapping[str, int]:
        """Index of each pool and, after them, of each verifier."""
        names = [plan.facts.name for plan in self.pools] + [plan.name for plan in self.verifiers]
        return {name: i for i, name in enumerate(names)}
