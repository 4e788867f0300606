"""Examples of policies that look at answers, that ask many, and that hold policies."""

from __future__ import annotations

from typing import Any

SMALL = {"use": "always", "pool": "small"}
LARGE = {"use": "always", "pool": "large"}
CASCADE = {"use": "cascade", "order": ["small", "middle"], "accept": 0.5}

ESCALATION: dict[str, list[dict[str, Any]]] = {
    "uncertainty": [
        {"use": "uncertainty", "order": ["small", "middle", "large"], "accept": 0.6},
        {"use": "uncertainty", "order": ["small", "large"], "accept": 8.0, "signal": "sum"},
        {
            "use": "uncertainty",
            "order": ["small", "large"],
            "accept": 0.6,
            "signal": "calibrated",
            "abstain_below": 0.2,
        },
    ],
    "confidence-token": [
        {"use": "confidence-token", "small": "small", "large": "large"},
        {"use": "confidence-token", "small": "small", "accept": 0.6},
    ],
    "self-verify": [{"use": "self-verify", "order": ["small", "middle", "large"], "verifier": "judge", "k": 2}],
    "two-tier": [{"use": "two-tier", "small": "small", "large": "large", "share": 0.3, "window": 50}],
    "consistency": [
        {"use": "consistency", "small": ["small", "middle"], "large": "large", "k": 1, "accept": 1.0},
        {"use": "consistency", "small": ["small", "middle"], "large": "large", "k": 1, "agree": "pools", "accept": 1.0},
    ],
    "ecoassistant": [
        {"use": "ecoassistant", "order": ["small", "middle", "large"], "verifier": "judge"},
        {"use": "ecoassistant", "order": ["small", "large"], "verifier": "judge", "remember": False},
    ],
    "automix": [
        {"use": "automix", "small": "small", "large": "large", "verifier": "judge", "k": 3},
        {"use": "automix", "small": "small", "large": "large", "verifier": "judge", "k": 1, "rule": "double"},
        {"use": "automix", "small": "small", "large": "large", "verifier": "judge", "k": 1, "rule": "pomdp"},
        {
            "use": "automix",
            "small": "small",
            "large": "large",
            "verifier": "judge",
            "k": 4,
            "rule": "pomdp",
            "right": 0.8,
            "wrong": 0.3,
        },
    ],
    "frugalgpt": [
        {"use": "frugalgpt"},
        {"use": "frugalgpt", "scorer": "score", "budget": 2e-4},
        {"use": "frugalgpt", "scorer": "calibrated", "currency": "energy", "longest": 2},
    ],
    "rational-tuning": [
        {"use": "rational-tuning", "order": ["small", "middle", "large"]},
        {"use": "rational-tuning", "order": ["small", "large"], "abstain_price": 0.3},
    ],
    "cascade-routing": [
        {"use": "cascade-routing"},
        {"use": "cascade-routing", "among": ["small", "large"], "price": 0.3, "currency": "energy"},
    ],
    "vote": [{"use": "vote", "among": ["small", "middle", "large"]}],
    "best-of-n": [{"use": "best-of-n", "pool": "small", "n": 1, "by": by} for by in ("votes", "score")],
    "blender": [
        {"use": "blender", "among": ["small", "middle", "large"]},
        {"use": "blender", "among": ["small", "middle"], "fuse": "large", "rank": "score"},
    ],
    "hedge": [
        {"use": "hedge", "first": "small", "second": "large", "after_s": 0.3},
        {"use": "hedge", "first": "large", "second": "large", "after_s": 0.0},
    ],
    "fallback": [
        {"use": "fallback", "first": SMALL, "then": [CASCADE, LARGE]},
        {"use": "fallback", "first": {"use": "carrot"}, "then": [{"use": "least-loaded"}]},
    ],
    "retry": [
        {"use": "retry", "first": SMALL},
        {
            "use": "retry",
            "first": {"use": "two-tier", "small": "small", "large": "large", "share": 0.5},
            "pause_s": 0.2,
        },
    ],
    "escalate": [
        {"use": "escalate", "first": {"use": "carrot"}, "accept": 0.6, "then": LARGE},
        {
            "use": "escalate",
            "first": CASCADE,
            "verifier": "judge",
            "votes": 2,
            "accept": 0.7,
            "refine": "middle",
            "refine_from": 0.4,
            "abstain_below": 0.2,
            "then": {"use": "hedge", "first": "middle", "second": "large", "after_s": 0.5},
        },
        {
            "use": "escalate",
            "first": {"use": "hedge", "first": "small", "second": "middle", "after_s": 0.05},
            "accept": 0.5,
            "refine": "large",
        },
    ],
}
