"""Seconds and joules of text on a link between two places."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.physics.values import EvidenceOf, Link

Floats = NDArray[np.float64]


class LinkEnergy(NamedTuple):
    """Joules of transfers: of the user's radio or adapter, and of the network between, (n,) each."""

    radio_j: Floats
    network_j: Floats


def propagation_s(link: Link) -> float:
    """Seconds that a bit travels, each way: half of the round trip."""
    return link.rtt_s / 2


def energy_j(link: Link, up_bytes: Floats, down_bytes: Floats) -> LinkEnergy:
    """Joules of transfers of so many bytes.

    Radio joules are what a byte adds while the radio is awake. The tail that keeps it awake after an isolated
    transfer (about 12 J on LTE: Huang et al., MobiSys 2012) is left out, so lone queries from phones err low.
    """
    radio_j = link.energy_up_j_per_byte * up_bytes + link.energy_down_j_per_byte * down_bytes
    return LinkEnergy(radio_j, link.network_j_per_byte * (up_bytes + down_bytes))


def between(
    name: str, rtt_s: float, up_bytes_per_s: float, down_bytes_per_s: float, evidence: EvidenceOf | None = None
) -> Link:
    """A link from its numbers alone; its joules are zero, and all is assumed unless `evidence` says otherwise."""
    numbers = {
        "rtt_s": rtt_s,
        "up_bytes_per_s": up_bytes_per_s,
        "down_bytes_per_s": down_bytes_per_s,
        "energy_up_j_per_byte": 0.0,
        "energy_down_j_per_byte": 0.0,
        "network_j_per_byte": 0.0,
    }
    return Link(name=name, **numbers, evidence=evidence or dict.fromkeys(numbers, "assumed"))
