"""Examples of policies whose pools decode together."""

from __future__ import annotations

from typing import Any

ROUNDS: dict[str, list[dict[str, Any]]] = {
    "speculative": [{"use": "speculative", "draft": "small", "target": "large", "acceptance": 0.7}],
    "speculative-cascade": [
        {"use": "speculative-cascade", "draft": "small", "target": "large", "acceptance": 0.7, "deferral": 0.5},
    ],
    "hybrid-tokens": [{"use": "hybrid-tokens", "small": "small", "large": "large", "cloud_frac": 0.2}],
}
