"""What a run says in numbers: estimates with intervals and evidence, limits held or missed, the verdict, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from simulator.records.metrics import Scale, key_of, scale

Verdict = Literal["STABLE", "BACKLOGGED", "OVERLOADED"]


@dataclass(frozen=True)
class Estimate:
    """A metric with its 95 % interval, in `unit`. What is None is undefined or unknown, and `reason` says why.

    Of an interval from a single replication, `reason` says that it is of batch means.

    `each` are the values of the replications. `evidence` is the weakest kind that the value rests on, with its share.
    """

    mean: float | None
    ci_low: float | None
    ci_high: float | None
    unit: str
    evidence: str
    reason: str = ""
    each: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class Held:
    """A limit and whether it was held. `cls` None: of all queries. An undefined value (None) does not hold a limit."""

    metric: str
    percentile: float | None
    cls: str | None
    max: float | None
    min: float | None
    gate: bool
    value: float | None
    met: bool

    @property
    def key(self) -> str:
        """The key of the metric that the limit is on, which a summary has of the usual percentiles."""
        return key_of(self.metric, self.percentile)

    @property
    def bounds(self) -> str:
        """What is allowed: "at most 15 s"."""
        ends = (("at least", self.min), ("at most", self.max))
        of = self._scale
        told = [f"{word} {of.with_unit(f'{end * of.factor:g}')}" for word, end in ends if end is not None]
        return " and ".join(told)

    @property
    def said(self) -> str:
        """The value in the unit of the bounds."""
        return "undefined" if self.value is None else self._scale.said(self.value)

    @property
    def _scale(self) -> Scale:
        return scale(self.metric, self.min if self.max is None else self.max)


@dataclass(frozen=True)
class Share:
    """A part of the time that finished queries took: a stage (queue, prefill, decode, network, ...) at a pool."""

    stage: str
    pool: str | None
    frac: float


@dataclass(frozen=True)
class EnergyPart:
    """Joules per query of one pool (or of hosts, links, stations) in one phase, and their share of all."""

    where: str
    phase: str
    energy_j_per_query: float
    frac: float


@dataclass(frozen=True)
class PoolLine:
    """A pool in numbers: shares of finished queries and of time, and the sequences it decodes at once while busy.

    `kv_tok` is the KV cache of one replica and `kv_origin` says where that number is from.
    """

    pool: str
    model: str
    device: str
    replicas: int | None
    answered_frac: float | None
    calls_per_query: float | None
    busy_frac: float | None
    decode_seqs: float | None
    kv_tok: int | None
    kv_origin: str
    evidence: str


@dataclass(frozen=True)
class BatteryLine:
    """What a run takes from a battery, as a mean over the window: a fraction of it an hour, and a query."""

    name: str
    frac_per_h: float
    empty_after_s: float | None
    frac_per_query: float | None


@dataclass(frozen=True)
class Summary:
    """All that a run says in numbers. `metrics` by key (`ttft_s.p95`); `classes` the same for each class, if several.

    `warmup_s` is cut from each replication's start; None where no steady state was found and nothing was cut.
    """

    name: str
    seed: int
    replications: int
    queries: int
    fates: Mapping[str, int]
    warmup_s: tuple[float | None, ...]
    span_s: tuple[float, ...]
    verdict: Verdict
    why: str
    limit: str
    limit_shares: tuple[Share, ...]
    metrics: Mapping[str, Estimate]
    classes: Mapping[str, Mapping[str, Estimate]]
    slos: tuple[Held, ...]
    energy: tuple[EnergyPart, ...]
    pools: tuple[PoolLine, ...]
    left_out: tuple[str, ...] = ()
    extrapolated: tuple[str, ...] = ()
    """Pools whose times rest on measurements of other devices, or on a grid carried on beyond its ends."""
    batteries: tuple[BatteryLine, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Summary:
        """The summary that `to_dict` gave. Raises KeyError or TypeError where `kept` is not one."""
        return cls(
            **{
                **kept,
                "warmup_s": tuple(kept["warmup_s"]),
                "span_s": tuple(kept["span_s"]),
                "limit_shares": tuple(Share(**share) for share in kept["limit_shares"]),
                "metrics": _estimates(kept["metrics"]),
                "classes": {name: _estimates(metrics) for name, metrics in kept["classes"].items()},
                "slos": tuple(Held(**held) for held in kept["slos"]),
                "energy": tuple(EnergyPart(**part) for part in kept["energy"]),
                "pools": tuple(PoolLine(**line) for line in kept["pools"]),
                "left_out": tuple(kept["left_out"]),
                "extrapolated": tuple(kept.get("extrapolated", ())),
                "batteries": tuple(BatteryLine(**line) for line in kept.get("batteries", ())),
            }
        )


def _estimates(kept: Mapping[str, Any]) -> dict[str, Estimate]:
    return {key: Estimate(**{**value, "each": tuple(value["each"])}) for key, value in kept.items()}
