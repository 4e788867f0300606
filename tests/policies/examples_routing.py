"""Examples of the routers that choose before the answer."""

from __future__ import annotations

from typing import Any

PAIR = {"weak": "small", "strong": "large"}
RULES = [
    {"when": {"keyword": ["bug", "loop"], "max_prompt_tok": 2000}, "then": "middle"},
    {"when": {"task": "sums"}, "then": {"use": "best-single"}},
    {"when": {"min_prompt_tok": 15, "origin": "here"}, "then": {"use": "optllm", "accuracy": 0.7}},
]

ROUTING: dict[str, list[dict[str, Any]]] = {
    "always-small": [{"use": "always-small"}, {"use": "always-small", "by": "time"}],
    "always-large": [{"use": "always-large"}, {"use": "always-large", "by": "energy"}],
    "best-single": [{"use": "best-single"}],
    "zero-router": [
        {"use": "zero-router", "budget": 0.00005},
        {"use": "zero-router", "budget": 3, "currency": "energy"},
    ],
    "rules": [{"use": "rules", "rules": RULES, "otherwise": {"use": "always-small"}}],
    "hybrid-llm": [
        {"use": "hybrid-llm", "small": "small", "large": "large", "threshold": 0.5},
        {"use": "hybrid-llm", "small": "small", "large": "large", "strong_share": 0.4, "label": "prob"},
    ],
    "routellm-sw": [
        {"use": "routellm-sw", **PAIR, "threshold": 0.5},
        {"use": "routellm-sw", **PAIR, "strong_share": 0.3},
    ],
    "routellm-mf": [
        {"use": "routellm-mf", **PAIR, "threshold": 0.5},
        {"use": "routellm-mf", **PAIR, "strong_share": 0.3},
    ],
    "routellm-classifier": [
        {"use": "routellm-classifier", **PAIR, "threshold": 0.5},
        {"use": "routellm-classifier", **PAIR, "strong_share": 0.3},
    ],
    "tryage": [{"use": "tryage"}, {"use": "tryage", "price": 0.3, "latency": 0.2}],
    "zooter": [{"use": "zooter"}],
    "eagle": [{"use": "eagle"}, {"use": "eagle", "budget": 0.0001}],
    "uniroute": [{"use": "uniroute"}, {"use": "uniroute", "price": 0.02, "labels": {"large": 30}}],
    "knn-router": [{"use": "knn-router"}, {"use": "knn-router", "price": 0.2, "currency": "energy"}],
    "mlp-router": [{"use": "mlp-router"}],
    "svm-router": [{"use": "svm-router", "price": 0.1}],
    "forc": [
        {"use": "forc"},
        {"use": "forc", "threshold": 0.6},
        {"use": "forc", "budget": 0.0001, "batch": 50},
        {"use": "forc", "budget": 5.0, "currency": "energy", "window_s": 0.5},
    ],
    "routoo": [{"use": "routoo", "budget": 0.0001}, {"use": "routoo", "budget": 2.0, "currency": "time"}],
    "optllm": [{"use": "optllm", "budget": 0.0001}, {"use": "optllm", "accuracy": 0.8, "window_s": 0.2}],
    "omnirouter": [
        {"use": "omnirouter", "accuracy": 0.75},
        {"use": "omnirouter", "accuracy": 0.8, "at_most": {"large": 2, "middle": 4}},
    ],
    "best-route": [{"use": "best-route"}, {"use": "best-route", "match": 0.8, "currency": "energy"}],
}
