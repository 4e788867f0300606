"""Power of devices at work: what spans of passes draw above idle, and whose joules they are."""

from __future__ import annotations

from math import inf

import numpy as np
from numpy.typing import NDArray

from simulator.physics.step import Spans
from simulator.physics.values import Device, weakest
from simulator.spec.profiles import Evidence

Floats = NDArray[np.float64]


def busy_w(device: Device, memory_use: Floats, compute_use: Floats) -> Floats:
    """Watts of one device at work, (n,), by the fractions of its bandwidth and of its peak that it uses.

    What works draws a floor; what moves bytes and multiplies comes on top, with the square root of its use, up to the
    TDP. Batches draw more because they multiply more in the same time; devices that wait for each other or for launches
    draw less. The root is of measured serving (ML.ENERGY v3): models left out come out nearer than with a line.
    """
    frac = (
        device.active_power_frac
        + device.memory_power_frac * np.sqrt(np.minimum(memory_use, 1.0))
        + device.compute_power_frac * np.sqrt(np.minimum(compute_use, 1.0))
    )
    return device.tdp_w * np.minimum(frac, 1.0)


def prefill_share(spans: Spans) -> Floats:
    """Fraction of the seconds and joules of spans that is prefill's, (n,): in proportion to the tokens of a pass."""
    return spans.chunk_tok / np.maximum(spans.chunk_tok + spans.decode_seqs, 1.0)


def energy_above_idle_j(
    device: Device, devices: int, flop_per_s: float, time_s: Floats, flop: Floats, moved_bytes: Floats
) -> Floats:
    """Joules, beyond what they draw idle, of so many devices that work so long, multiply and move so much, (n,).

    `flop_per_s` is the peak of one device for these numbers. Idle watts are the host's, counted once whether it works
    or not; what the machine beside a device draws more while that works is in these joules. A power below idle can only
    be a flaw of the profile and counts as idle.
    """
    seconds = np.where(time_s > 0, time_s, 1.0) * devices
    watts = busy_w(device, moved_bytes / (seconds * device.bandwidth_bytes_per_s), flop / (seconds * flop_per_s))
    return devices * time_s * (np.maximum(watts - device.idle_w, 0.0) + device.host_active_w)


def loading_above_idle_w(device: Device) -> float:
    """Watts, beyond those of a loaded device at rest, of a device and its share of the machine while weights come in.

    What works draws its floor; weights come too slowly to use the memory's bandwidth.
    """
    nothing = np.zeros(1)
    return max(float(busy_w(device, nothing, nothing)[0]) - device.idle_w, 0.0) + device.host_active_w


def keep_warm_s(load_w: float, load_s: float, loaded_w: float, bare_w: float) -> float:
    """Seconds of rest after which a model had better be unloaded: when resting has cost as much as loading does.

    Whoever waits so long pays at most twice what the best choice made with hindsight would have (ski rental). `load_w`
    is drawn for `load_s` to load the model, `loaded_w` and `bare_w` at rest with and without it: inf where these are
    the same. Source: arXiv 2605.23918, T* = P_load t_load / (P_loaded - P_bare).
    """
    return load_w * load_s / (loaded_w - bare_w) if loaded_w > bare_w else inf


def power_evidence(device: Device) -> Evidence:
    """The weakest evidence of the numbers that make a device's power at work; fractions stand for the TDP too."""
    beside = ("host_active_w",) if device.host_active_w else ()
    return weakest(device.evidence[key] for key in ("idle_w", "active_power_frac", "memory_power_frac", *beside))
