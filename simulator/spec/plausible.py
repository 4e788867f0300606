"""Numbers of a device that no device has: slips of unit, and peaks that are not the dense ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Key -> the most that a device of today or tomorrow has in the key's unit, and what a larger number may be.
MOST: Mapping[str, tuple[float, str]] = {
    "memory_gb": (2000, "in MB?"),
    "bandwidth_gb_per_s": (30_000, "in MB/s, or in bits?"),
    "peak_fp16_tflop_per_s": (20_000, "in GFLOP/s?"),
    "tdp_w": (5000, "in mW, or of a whole rack?"),
    "host_idle_w": (2000, "in mW, or of a host and not of one device in it?"),
    "price_usd_per_h": (200, "a month's, or a purchase?"),
    "embodied_kg": (20_000, "in g?"),
    "life_years": (30, "in months?"),
    "battery_wh": (5000, "in mWh, or in J?"),
    "throttle_after_s": (100_000, "in ms?"),
    "throttle_factor": (10, "in per cent?"),
    "cool_s": (36_000, "in ms?"),
}
LEAST_TDP_W = 1.0
LEAST_READ_S = 0.008
"""To read all its memory takes each device known longer: 13 ms on an RTX 3080, 24 ms on an H100."""
ROUNDED = 1.05  # data sheets round: 1979 is twice 989

MOST_FLOP_PER_BYTE = 1200.0
"""Dense fp16 peak over bandwidth, of any device: 945 on a Jetson AGX Thor, which has the most."""
# The same within a family: above what its members have, below twice what the one with the most has.
FAMILY_FLOP_PER_BYTE: Mapping[str, float] = {
    "volta": 200,
    "turing": 250,
    "ampere": 250,
    "ampere-consumer": 250,
    "ada": 500,
    "hopper": 450,
    "blackwell": 450,
    "blackwell-consumer": 300,
    "blackwell-small": 600,
    "cdna": 450,
    "gaudi": 700,
    "tpu": 700,
    "apple": 150,
    "apple-phone": 150,
    "jetson": 300,
}
# GeForce cards by generation: with fp32 accumulation they reach half of what they reach with fp16.
GEFORCE = re.compile(r"rtx-(20[5-8]0|30[5-9]0|40[5-9]0|50[5-9]0)")
GEFORCE_FLOP_PER_BYTE: Mapping[str, float] = {"20": 110, "30": 110, "40": 190, "50": 150}

# Key -> the least and the most that it is of the dense fp16 peak.
OF_FP16: Mapping[str, tuple[float, float]] = {
    "peak_fp8_tflop_per_s": (1, 2),
    "peak_int8_top_per_s": (1, 4),
    "peak_fp4_tflop_per_s": (1, 8),
}


def doubt(key: str, value: float, before: Mapping[str, Any]) -> str | None:
    """What is impossible about the value of a device's key, given the keys before it; None where it can be.

    `before` lacks the keys that are wrong themselves: one slip is told once.
    """
    if key in MOST and value > MOST[key][0]:
        most, guess = MOST[key]
        return f"{value:g} is more than any device has (at most {most:g}); {guess}"
    match key:
        case "bandwidth_gb_per_s":
            return _bandwidth(value, before)
        case "peak_fp16_tflop_per_s":
            return _dense(value, before)
        case "peak_fp8_tflop_per_s" | "peak_int8_top_per_s" | "peak_fp4_tflop_per_s":
            return _of_fp16(key, value, before)
        case "tdp_w" if value < LEAST_TDP_W:
            return f"{value:g} is less than any device draws at work (at least {LEAST_TDP_W:g}); in kW?"
        case "idle_w":
            return _above(value, "tdp_w", before, "what it idles at is below what it draws at most; in mW?")
        case "bare_idle_w":
            return _above(value, "idle_w", before, "with no model loaded it draws no more than with one; swapped?")
        case "load_gb_per_s":
            return _above(value, "bandwidth_gb_per_s", before, "weights come no faster than memory takes; in MB/s?")
        case "interconnect_gb_per_s":
            return _above(value, "bandwidth_gb_per_s", before, "links are slower than memory; in bits?")
    return None


def _above(value: float, bound: str, before: Mapping[str, Any], why: str) -> str | None:
    limit = before.get(bound)
    return None if limit is None or value <= limit else f"{value:g} is above {bound} ({limit:g}): {why}"


def _bandwidth(value: float, before: Mapping[str, Any]) -> str | None:
    memory = before.get("memory_gb")
    if memory is None or memory / value >= LEAST_READ_S:
        return None
    return (
        f"at {value:g} its {memory:g} GB are read in {memory / value * 1e3:.1f} ms, and no device needs less than "
        f"{LEAST_READ_S * 1e3:g}; bits for bytes (then {value / 8:g})?"
    )


def _dense(value: float, before: Mapping[str, Any]) -> str | None:
    bandwidth, family = before.get("bandwidth_gb_per_s"), before.get("family", "")
    if bandwidth is None:
        return None
    ratio = value * 1e3 / bandwidth
    half = f"(then {value / 2:.6g})"
    most, of = MOST_FLOP_PER_BYTE, ""
    guess = f"a sparse peak given as dense {half}, or a bandwidth too low?"
    if geforce := GEFORCE.match(before.get("name", "")):
        most, of = GEFORCE_FLOP_PER_BYTE[geforce[1][:2]], " of its generation"
        guess = f"a peak with fp16 accumulation, or sparse {half}?"
    elif family in FAMILY_FLOP_PER_BYTE:
        most, of = FAMILY_FLOP_PER_BYTE[family], f" of family {family!r}"
    if ratio <= most:
        return None
    return f"{value:g} is {ratio:.0f} FLOP a byte of bandwidth, above any device{of} (at most {most:g}); {guess}"


def _of_fp16(key: str, value: float, before: Mapping[str, Any]) -> str | None:
    fp16 = before.get("peak_fp16_tflop_per_s")
    if fp16 is None:
        return None
    least, most = OF_FP16[key]
    times = value / fp16
    if least / ROUNDED <= times <= most * ROUNDED:
        return None
    guess = "a sparse peak given as dense?" if times > most else "in other units than the fp16 peak?"
    return f"{value:g} is {times:.3g} times peak_fp16_tflop_per_s ({fp16:g}), not {least:g} to {most:g}; {guess}"
