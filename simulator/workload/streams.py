"""Chance by name: a generator of its own for each use, so that one more use shifts no other."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simulator.workload.traffic import Streams

_MASK = (1 << 64) - 1


def stream(seed: int, replication: int, name: str) -> np.random.Generator:
    """A generator of its own for each use of chance: one more use shifts no other."""
    return np.random.default_rng([seed, replication, zlib.crc32(name.encode())])


@dataclass(frozen=True, slots=True)
class NamedStreams:
    """`Streams` of one part of one replication: its names stand below `prefix` (`chat/arrivals`)."""

    seed: int
    replication: int
    prefix: str

    def __call__(self, name: str) -> np.random.Generator:
        """A fresh generator; the same name gives the same numbers again."""
        return stream(self.seed, self.replication, f"{self.prefix}/{name}")


def below(streams: Streams, name: str) -> Streams:
    """Streams of a part of a part."""
    return lambda inner: streams(f"{name}/{inner}")


def uniform(seed: int, replication: int) -> Callable[[str, int, int], float]:
    """A function `(stream, query, attempt) -> [0, 1)` of its arguments, the seed and the replication only.

    Chance that is met while time passes (a policy's coin, a hosted latency) is keyed, not drawn in turn: what one query
    meets then depends on no other query. It is the SplitMix64 sequence, entered anywhere: Steele, Lea, Flood 2014,
    doi:10.1145/2660193.2660195.
    """
    origin = _mix(_mix(seed) + replication)
    starts: dict[str, int] = {}

    def draw(stream: str, query: int, attempt: int) -> float:
        start = starts.get(stream)
        if start is None:
            start = starts[stream] = _mix(origin ^ zlib.crc32(stream.encode()))
        # The body of `_mix`, written out: a call would cost as much again.
        x = (start + query * 0x9E3779B97F4A7C15 + attempt * 0xD1B54A32D192ED03) & _MASK
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((x ^ (x >> 31)) >> 11) * 2.0**-53

    return draw


def _mix(x: int) -> int:
    """64 bits in which each bit of `x` flips about half: the finaliser of SplitMix64."""
    x &= _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)
