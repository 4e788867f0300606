"""The closed list of unit suffixes: what a YAML key says and what the code calculates in."""

from __future__ import annotations

# Suffix in a file -> (suffix in the code, factor). The longest match wins; a base unit maps to itself.
UNITS: dict[str, tuple[str, float]] = {
    "_s": ("_s", 1.0),
    "_ms": ("_s", 1e-3),
    "_us": ("_s", 1e-6),
    "_h": ("_s", 3600.0),
    "_years": ("_s", 31_557_600.0),
    "_j": ("_j", 1.0),
    "_wh": ("_j", 3600.0),
    "_w": ("_w", 1.0),
    "_gb": ("_bytes", 1e9),
    "_mb": ("_bytes", 1e6),
    "_bytes": ("_bytes", 1.0),
    "_bytes_per_tok": ("_bytes_per_tok", 1.0),
    "_gb_per_s": ("_bytes_per_s", 1e9),
    "_mbit_per_s": ("_bytes_per_s", 125_000.0),
    "_tflop_per_s": ("_flop_per_s", 1e12),
    "_top_per_s": ("_op_per_s", 1e12),
    "_tok": ("_tok", 1.0),
    "_tok_per_s": ("_tok_per_s", 1.0),
    "_per_s": ("_per_s", 1.0),
    "_per_min": ("_per_s", 1.0 / 60.0),
    "_per_h": ("_per_s", 1.0 / 3600.0),
    "_usd": ("_usd", 1.0),
    "_usd_per_h": ("_usd_per_s", 1.0 / 3600.0),
    "_usd_per_mtok": ("_usd_per_tok", 1e-6),
    "_usd_per_call": ("_usd_per_call", 1.0),
    "_j_per_tok": ("_j_per_tok", 1.0),
    "_nj_per_bit": ("_j_per_byte", 8e-9),
    "_kwh_per_gb": ("_j_per_byte", 3.6e-3),
    "_kg": ("_g", 1e3),
    "_g_per_kwh": ("_g_per_j", 1.0 / 3.6e6),
    "_billion": ("", 1e9),
    "_frac": ("_frac", 1.0),
    "_km": ("_m", 1e3),
}

# Words of keys that are units -> how people write them.
WRITTEN: dict[str, str] = {
    "s": "s", "ms": "ms", "us": "us", "h": "h", "min": "min", "years": "years", "j": "J", "wh": "Wh", "nj": "nJ",
    "kwh": "kWh", "w": "W", "gb": "GB", "mb": "MB", "bytes": "bytes", "mbit": "Mbit", "bit": "bit", "tok": "tok",
    "mtok": "million tok", "tflop": "TFLOP", "top": "TOP", "flop": "FLOP", "usd": "USD", "g": "g", "kg": "kg",
    "billion": "billion", "frac": "share", "km": "km", "query": "query", "call": "call", "correct": "right answer",
}  # fmt: skip
_BELOW_ONLY = {"min", "query", "call", "correct"}  # on their own they are other things


_LONGEST_FIRST = sorted(UNITS, key=len, reverse=True)


def unit_of(key: str) -> str:
    """The unit that a key says, as people write it: "rtt_ms" -> "ms", "price_usd_per_mtok" -> "USD/million tok"."""
    words = [word for word in key.split("_") if word != "output"]  # energy_j_per_output_tok: of output tokens
    below = WRITTEN.get(words[-1])
    if below is None:
        return ""
    if words[-2:-1] != ["per"]:
        return "" if words[-1] in _BELOW_ONLY else below
    above = WRITTEN.get(words[-3], "1") if len(words) > 2 else "1"
    return f"{above}/{below}"


def to_base(key: str, value: float) -> tuple[str, float]:
    """Name and value in base units of a quantity whose key says its unit: ("memory_gb", 8) -> ("memory_bytes", 8e9)."""
    dashed = "_" + key  # a key may be all unit: "usd_per_h"
    for suffix in _LONGEST_FIRST:
        if dashed.endswith(suffix):
            base, factor = UNITS[suffix]
            return (dashed.removesuffix(suffix) + base).removeprefix("_"), value * factor
    return key, value
