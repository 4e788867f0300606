"""What a router can tell of the state of the fleet, one number at a time, for rules that depend on it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

from simulator.policies.core import FleetView, LinkView, PoolView, Query
from simulator.spec.refs import LinkName, PoolName

OF_POOLS: dict[str, Callable[[PoolView, Query], float]] = {
    "outstanding-tok": lambda pool, query: pool.outstanding_tok / pool.replicas,
    "outstanding-calls": lambda pool, query: pool.outstanding_calls / pool.replicas,
    "waiting-calls": lambda pool, query: pool.reported.waiting_calls / pool.replicas,
    "kv-used": lambda pool, query: pool.reported.kv_used_frac,
    "ttft-s": lambda pool, query: pool.predicted_ttft_s(query.prompt_tok),
    "tpot-s": lambda pool, query: pool.predicted_tpot_s,
    "battery": lambda pool, query: math.nan if pool.battery_frac is None else pool.battery_frac,
    "carbon-g-per-kwh": lambda pool, query: pool.carbon_g_per_j * 3.6e6,
    "usd-per-mtok": lambda pool, query: pool.usd_per_tok[1] * 1e6,
}
OF_LINKS: dict[str, Callable[[LinkView], float]] = {
    "up-mbit-per-s": lambda link: link.up_bytes_per_s * 8e-6,
    "rtt-s": lambda link: link.rtt_s,
}

Signal = Literal[
    "outstanding-tok",
    "outstanding-calls",
    "waiting-calls",
    "kv-used",
    "ttft-s",
    "tpot-s",
    "battery",
    "carbon-g-per-kwh",
    "usd-per-mtok",
    "up-mbit-per-s",
    "rtt-s",
    "overspent",
]


@dataclass(frozen=True, slots=True)
class Move:
    """weight x (signal - neutral), kept to within `most` of 0; 0 where the signal is not known.

    Signals of a pool (`of`): `outstanding-tok` and `outstanding-calls` a replica, as the router counts them;
    `waiting-calls` a replica and `kv-used` (0 to 1), as the pool last reported; `ttft-s` and `tpot-s` as predicted;
    `battery` (1 is full); `carbon-g-per-kwh`; `usd-per-mtok` of answers. Of a `link`: `up-mbit-per-s`, `rtt-s`. Of
    neither: `overspent`, dollars spent so far over those of the budget for as many queries, less 1.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    signal: Signal
    """What is looked at."""
    weight: float
    """By how much the threshold moves for each unit of the signal."""
    of: PoolName | None = None
    """The pool that is looked at."""
    link: LinkName | None = None
    """The link that is looked at."""
    neutral: float = 0.0
    """Where the signal moves nothing."""
    most: float = 1.0
    """By how much the threshold moves at most, up or down."""

    def __post_init__(self) -> None:
        needed = "of" if self.signal in OF_POOLS else "link" if self.signal in OF_LINKS else None
        given = [name for name in ("of", "link") if getattr(self, name) is not None]
        if given != ([] if needed is None else [needed]):
            wanted = "neither 'of' nor 'link'" if needed is None else f"{needed!r} alone"
            raise ValueError(f"{self.signal!r} needs {wanted}")

    def at(self, query: Query, view: FleetView, overspent: float) -> float:
        """By how much a threshold moves now."""
        moved = self.weight * (self._signal(query, view, overspent) - self.neutral)
        return 0.0 if math.isnan(moved) else min(max(moved, -self.most), self.most)

    def _signal(self, query: Query, view: FleetView, overspent: float) -> float:
        if self.of is not None:
            return OF_POOLS[self.signal](view.pools[self.of], query)
        return overspent if self.link is None else OF_LINKS[self.signal](view.links[self.link])
