"""All links of a replication: their pipes, and the routes over them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from simulator.engine.air import Luck, Radio, VaryingPipe
from simulator.engine.clock import TIMER, Clock, once
from simulator.engine.link import OwnPipe, Row, SharedPipe, Way, ways
from simulator.engine.logs import Logs
from simulator.engine.plan import LinkPlan
from simulator.engine.pool import Uniform
from simulator.physics.link import has_radio


class Network:
    """Pipes as the plan says; what they carry goes to the logs of transfers and of radios."""

    def __init__(self, clock: Clock, links: Sequence[LinkPlan], logs: Logs, uniform: Uniform) -> None:
        pipes: dict[tuple[str, str], Way] = {}
        self.pipes: dict[str, list[SharedPipe | OwnPipe | VaryingPipe]] = {}  # of each link: up, down
        self._radios: list[Radio] = []
        for i, link in enumerate(links):
            kind = OwnPipe if link.per_user else SharedPipe
            varying = link.varying
            radio = None
            if varying is not None and has_radio(varying):
                radio = Radio(varying, link.radio_per_user, logs.radios[i].append)
                self._radios.append(radio)
            both = (link.between, link.up_bytes_per_s), (link.between[::-1], link.down_bytes_per_s)
            for j, (ends, bytes_per_s) in enumerate(both):
                log = logs.transfers[2 * i + j].append
                pipe: SharedPipe | OwnPipe | VaryingPipe
                if varying is None:
                    pipe = kind(clock, bytes_per_s, link.delay_s, log)
                else:
                    sigma, direction = ((varying.up_sigma, "up"), (varying.down_sigma, "down"))[j]
                    luck = Luck(varying, sigma, i, direction, uniform)
                    bare = kind(clock, bytes_per_s, 0.0, _nothing)
                    pipe = VaryingPipe(clock, bare, link.delay_s, luck, radio, log)
                pipes[ends[0], ends[1]] = pipe
                self.pipes.setdefault(link.name, []).append(pipe)
                for from_s, factor in link.changes:
                    once(clock, from_s, TIMER, partial(pipe.change, bytes_per_s * factor))
        self._ways = ways(pipes)

    def way(self, start: str, end: str) -> Way:
        """The way from place `start` to place `end`."""
        return self._ways[start, end]

    def stop(self, now: float) -> None:
        """Time is up."""
        for radio in self._radios:
            radio.stop(now)


def _nothing(row: Row) -> None:
    """A log of nothing: the varying pipe around this one writes it down."""
