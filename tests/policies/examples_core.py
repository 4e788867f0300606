"""Examples of the policies that came first: baselines, thresholds, cascades."""

from __future__ import annotations

from typing import Any

CORE: dict[str, list[dict[str, Any]]] = {
    "always": [{"use": "always", "pool": "large"}],
    "random": [
        {"use": "random", "share": {"small": 0.7, "large": 0.3}},
        {"use": "random", "share": {"small": 1.0}},
    ],
    "threshold": [
        {"use": "threshold", "weak": "small", "strong": "large", "threshold": 13.0},
        {"use": "threshold", "weak": "small", "strong": "large", "threshold": 0.5, "task_scores": {"sums": 0.9}},
    ],
    "cascade": [
        {"use": "cascade", "order": ["small", "large"], "accept": 0.5},
        {"use": "cascade", "order": ["small", "large"], "accept": {"small": 0.5}, "verifier": "judge"},
        {"use": "cascade", "order": ["small"], "accept": {}},
    ],
    "least-loaded": [{"use": "least-loaded"}, {"use": "least-loaded", "among": ["large"]}],
    "oracle": [{"use": "oracle"}, {"use": "oracle", "currency": "energy"}, {"use": "oracle", "currency": "time"}],
    "carrot": [{"use": "carrot"}, {"use": "carrot", "mu": 0.9, "currency": "energy"}],
}
