"""All links of a replication: their pipes, and the routes over them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from simpy import Environment

from simulator.engine.clock import TIMER, once
from simulator.engine.link import OwnPipe, Route, SharedPipe, routes
from simulator.engine.plan import LinkPlan
from simulator.records.log import Log


class Network:
    """Pipes as the plan says; `transfers` has two logs a link: up (from its first place to its second) and down."""

    def __init__(self, env: Environment, links: Sequence[LinkPlan], transfers: Sequence[Log]) -> None:
        pipes: dict[tuple[str, str], SharedPipe | OwnPipe] = {}
        for i, link in enumerate(links):
            kind = OwnPipe if link.per_user else SharedPipe
            ways = (link.between, link.up_bytes_per_s), (link.between[::-1], link.down_bytes_per_s)
            for j, (ends, bytes_per_s) in enumerate(ways):
                pipe = kind(env, bytes_per_s, link.delay_s, transfers[2 * i + j].append)
                pipes[ends[0], ends[1]] = pipe
                for from_s, factor in link.changes:
                    once(env, from_s, TIMER, partial(pipe.change, bytes_per_s * factor))
        self._routes = routes(pipes)

    def route(self, start: str, end: str) -> Route:
        """The way from place `start` to place `end`."""
        return self._routes[start, end]
