"""Examples of the policies that learn while they run, and of those that look at the state of the fleet."""

from __future__ import annotations

from typing import Any

ONLINE: dict[str, list[dict[str, Any]]] = {
    "greenserv": [
        {"use": "greenserv"},
        {"use": "greenserv", "strategy": "thompson", "lam": 0.2, "energy": "per-query", "context": None},
        {"use": "greenserv", "strategy": "eps-greedy", "limit_s": 5.0, "until_s": {"large": 5.0}},
        {"use": "greenserv", "bounds": {"sums": [0.0, 2.0]}, "from_s": {"middle": 4.0}},
    ],
    "metallm": [{"use": "metallm"}],
    "pickllm": [{"use": "pickllm"}, {"use": "pickllm", "learner": "automaton", "rate": 0.2}],
    "mixllm": [{"use": "mixllm"}, {"use": "mixllm", "currency": "energy", "patience_s": 0.5}],
    "pilot": [
        {"use": "pilot", "budget_per_query": 0.00002},
        {"use": "pilot", "budget_per_query": 20.0, "currency": "energy", "window": 10},
    ],
    "hil-f": [{"use": "hil-f", "small": "small", "large": "large"}],
    "hil-n": [{"use": "hil-n", "small": "small", "large": "large", "beta": 0.2, "explore": 0.3}],
    "cache-distil": [
        {"use": "cache-distil", "students": {"small": 0}, "teacher": "large", "warmup": 10, "accept": 0.6},
        {"use": "cache-distil", "students": {"small": 0, "middle": 30}, "teacher": "large", "accept": 0.5},
    ],
}

CASCADE = {"use": "cascade", "order": ["small", "large"], "accept": 0.6}

SYSTEM: dict[str, list[dict[str, Any]]] = {
    "moving-threshold": [
        {
            "use": "moving-threshold",
            "base": CASCADE,
            "moves": [
                {"signal": "outstanding-tok", "of": "large", "weight": -0.001, "most": 0.5},
                {"signal": "ttft-s", "of": "large", "weight": -0.1, "neutral": 0.5},
                {"signal": "carbon-g-per-kwh", "of": "large", "weight": -0.001, "neutral": 300.0},
                {"signal": "battery", "of": "small", "weight": 0.5, "neutral": 1.0},
            ],
        },
        {
            "use": "moving-threshold",
            "base": {"use": "threshold", "weak": "small", "strong": "large", "threshold": 13.0},
            "field": "threshold",
            "least": 10.0,
            "most": 17.0,
            "step": 1.0,
            "budget_usd_per_query": 0.00002,
            "moves": [{"signal": "overspent", "weight": 3.0, "most": 4.0}],
        },
        {
            "use": "moving-threshold",
            "base": {"use": "cascade", "order": ["small", "middle", "large"], "accept": {"small": 0.6, "middle": 0.4}},
            "moves": [{"signal": "waiting-calls", "of": "large", "weight": -0.1}],
        },
        {"use": "moving-threshold", "base": {"use": "carrot"}, "field": "mu", "step": 0.1, "moves": []},
    ],
    "headroom": [
        {"use": "headroom", "ttft_s": 0.5, "tpot_s": 0.1},
        {"use": "headroom", "ttft_s": 0.5, "prefer": "best", "quality": "task-mean", "among": ["middle", "large"]},
    ],
    "routebalance": [{"use": "routebalance"}, {"use": "routebalance", "ttft_s": 0.5, "budget": 0.00001}],
    "gateway": [{"use": "gateway"}, {"use": "gateway", "among": ["large"], "weights": {"queue": 1.0}}],
    "simple-shuffle": [{"use": "simple-shuffle"}, {"use": "simple-shuffle", "weights": {"small": 3.0, "large": 1.0}}],
    "least-busy": [{"use": "least-busy"}],
    "usage-based": [{"use": "usage-based"}, {"use": "usage-based", "tpm": {"small": 500}, "rpm": {"large": 100}}],
    "latency-based": [{"use": "latency-based"}, {"use": "latency-based", "buffer": 0.5, "among": ["small", "large"]}],
    "cost-based": [{"use": "cost-based"}],
}
