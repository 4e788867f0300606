"""All links of a replication: their pipes, and the routes over them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from simulator.engine.clock import TIMER, Clock, once
from simulator.engine.link import OwnPipe, SharedPipe, Way, ways
from simulator.engine.plan import LinkPlan
from simulator.records.log import Log


class Network:
    """Pipes as the plan says; `transfers` has two logs a link: up (from its first place to its second) and down."""

    def __init__(self, clock: Clock, links: Sequence[LinkPlan], transfers: Sequence[Log]) -> None:
        pipes: dict[tuple[str, str], SharedPipe | OwnPipe] = {}
        for i, link in enumerate(links):
            kind = OwnPipe if link.per_user else SharedPipe
            both = (link.between, link.up_bytes_per_s), (link.between[::-1], link.down_bytes_per_s)
            for j, (ends, bytes_per_s) in enumerate(both):
                pipe = kind(clock, bytes_per_s, link.delay_s, transfers[2 * i + j].append)
                pipes[ends[0], ends[1]] = pipe
                for from_s, factor in link.changes:
                    once(clock, from_s, TIMER, partial(pipe.change, bytes_per_s * factor))
        self._ways = ways(pipes)

    def way(self, start: str, end: str) -> Way:
        """The way from place `start` to place `end`."""
        return self._ways[start, end]
