"""Power of devices at work: what spans of passes draw above idle, and whose joules they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.physics.step import Spans
from simulator.physics.values import Device, weakest
from simulator.spec.profiles import Evidence

Floats = NDArray[np.float64]


def decode_w(device: Device, decode_seqs: Floats) -> Floats:
    """Watts of one device while so many sequences decode, (n,): a share of the TDP, linear in log2 of the sequences."""
    doublings = np.log2(np.maximum(decode_seqs, 1.0))
    frac = device.decode_power_at_1_frac + device.decode_power_per_doubling_frac * doublings
    return device.tdp_w * np.minimum(frac, 1.0)


def prefill_w(device: Device) -> float:
    """Watts of one device in a pass of prompt tokens; as measured for 512 or more of them, so high for fewer."""
    return device.tdp_w * device.prefill_power_frac


def prefill_share(spans: Spans) -> Floats:
    """Fraction of the seconds and joules of spans that is prefill's, (n,): in proportion to the tokens of a pass."""
    return spans.chunk_tok / np.maximum(spans.chunk_tok + spans.decode_seqs, 1.0)


def busy_w(device: Device, spans: Spans) -> Floats:
    """Mean watts of one device during spans, (n,); a mixed pass draws the two powers in proportion to its tokens."""
    share = prefill_share(spans)
    return share * prefill_w(device) + (1 - share) * decode_w(device, spans.decode_seqs)


def energy_above_idle_j(device: Device, devices: int, spans: Spans) -> Floats:
    """Joules of spans on so many devices beyond what they draw idle, (n,).

    Idle watts are the host's, counted once whether it works or not. A power below idle can only be a flaw of the
    profile and counts as idle.
    """
    return devices * spans.time_s * np.maximum(busy_w(device, spans) - device.idle_w, 0.0)


def power_evidence(device: Device) -> Evidence:
    """The weakest evidence of the numbers that make a device's power at work; fractions stand for the TDP too."""
    keys = ("idle_w", "prefill_power_frac", "decode_power_at_1_frac")
    return weakest(device.evidence[key] for key in keys)
