"""Seconds and joules of text on a link between two places."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.physics.chance import exponential, lognormal
from simulator.physics.values import Link, weakest
from simulator.spec.profiles import Evidence

Floats = NDArray[np.float64]
Ints = NDArray[np.integer[Any]]


class LinkEnergy(NamedTuple):
    """Joules of transfers: of the user's radio or adapter, and of the network between, (n,) each."""

    radio_j: Floats
    network_j: Floats


def propagation_s(link: Link) -> float:
    """Seconds that a bit travels, each way: half of the median round trip."""
    return link.rtt_s / 2


def travel_s(link: Link, u_rtt: float, u_outage: float) -> float:
    """Seconds that a bit travels in one draw: half of a lognormal round trip, and an outage where there is one.

    A mixture: home WiFi has a 99th percentile of 90 to more than 500 ms beside a median of 5, which no lognormal has.
    """
    way_s = lognormal(link.rtt_s / 2, link.rtt_sigma, u_rtt)
    if u_outage < link.outage_frac:
        way_s += exponential(link.outage_mean_s, u_outage / link.outage_frac)
    return way_s


def varies(link: Link) -> bool:
    """Whether its transfers differ by more than their size."""
    return any((link.rtt_sigma, link.up_sigma, link.down_sigma, link.outage_frac)) or has_radio(link)


def has_radio(link: Link) -> bool:
    """Whether it has a radio that sleeps."""
    return link.promotion_s > 0 or link.tail_w > 0


def energy_j(link: Link, up_bytes: Floats, down_bytes: Floats) -> LinkEnergy:
    """Joules of transfers of so many bytes: what they add while the radio is awake, and those of the network."""
    radio_j = link.energy_up_j_per_byte * up_bytes + link.energy_down_j_per_byte * down_bytes
    return LinkEnergy(radio_j, link.network_j_per_byte * (up_bytes + down_bytes))


def awake_s(user: Ints, start_s: Floats, end_s: Floats, tail_s: float) -> Floats:
    """Seconds that each use of a radio adds to the time that its user's radio is awake, (n,).

    A use keeps the radio awake from its start until `tail_s` after its end; the next one, if it comes before, begins
    the tail anew. So the sum over a user's uses is the length of the union of these intervals: overlaps count once,
    for the use that came first.
    """
    until_s = end_s + tail_s
    order = np.lexsort((start_s, user))
    group = np.cumsum(np.diff(user[order], prepend=user[order][:1]) != 0) * len(user)
    ascending = np.argsort(until_s[order], kind="stable")
    rank = np.empty(len(user), np.int64)
    rank[ascending] = np.arange(len(user))
    latest_s = until_s[order][ascending][np.maximum.accumulate(rank + group) - group]  # of the user's uses so far
    before_s = np.where(np.diff(group, prepend=-1) == 0, np.roll(latest_s, 1), -np.inf)
    added = np.empty(len(user))
    added[order] = np.maximum(until_s[order] - np.maximum(start_s[order], before_s), 0.0)
    return added


def time_evidence(link: Link) -> Evidence:
    """Of its seconds: the weakest of its medians and of what spreads them."""
    spreads = ("rtt_sigma", "up_sigma", "down_sigma", "outage_frac", "outage_mean_s", "promotion_s", "radio_idle_s")
    given = [key for key in spreads if getattr(link, key) > 0]
    return weakest(link.evidence[key] for key in ("rtt_s", "up_bytes_per_s", "down_bytes_per_s", *given))


_NONE = (
    *("rtt_sigma", "up_sigma", "down_sigma", "outage_frac", "outage_mean_s", "promotion_s", "radio_idle_s"),
    *("tail_s", "tail_w", "energy_up_j_per_byte", "energy_down_j_per_byte", "network_j_per_byte"),
)


def between(name: str, rtt_s: float, up_bytes_per_s: float, down_bytes_per_s: float, **more: float) -> Link:
    """A link from its numbers alone, all assumed; but for these three they are zero unless `more` says otherwise."""
    numbers = {"rtt_s": rtt_s, "up_bytes_per_s": up_bytes_per_s, "down_bytes_per_s": down_bytes_per_s}
    every = dict.fromkeys(_NONE, 0.0) | numbers | more
    return Link(name=name, **every, evidence=dict.fromkeys(every, "assumed"))
