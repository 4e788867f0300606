"""Points whose outcome is a formula: a search over them needs no engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from simulator.records.summary import Estimate, Held, Summary, Verdict
from simulator.searching.points import Tried
from simulator.spec.load import Scenario, load

TINY = """\
name: tiny
seed: 3
run: {queries: 60, replications: 2}
workload:
  chat: {arrivals: {use: poisson, rate_per_s: 2}, lengths: azure-conv-like}
fleet:
  one: {model: llama-3.2-1b, device: l4}
policy: {use: always, pool: one}
slo:
  - {metric: e2e_s, percentile: 95, max: 10}
"""

LIMIT_S = 1.0


def estimate(*each: float, low: float | None = None, high: float | None = None) -> Estimate:
    """A metric with these values of replications."""
    mean = sum(each) / len(each)
    return Estimate(mean, low, high, "s", "assumed", "", each)


def summary(e2e_s: float, verdict: Verdict = "STABLE", **metrics: Estimate) -> Summary:
    """A run with one limit, on `e2e_s`."""
    held = Held("e2e_s", None, None, LIMIT_S, None, False, e2e_s, e2e_s <= LIMIT_S)
    kept = {"e2e_s.mean": estimate(e2e_s), "cost_usd_per_query": estimate(0.0)} | metrics
    return Summary(
        name="made",
        seed=0,
        replications=len(kept["e2e_s.mean"].each),
        queries=1,
        fates={},
        warmup_s=(),
        span_s=(),
        verdict=verdict,
        why="made",
        limit="made",
        limit_shares=(),
        metrics=kept,
        classes={},
        slos=(held,),
        energy=(),
        pools=(),
    )


def scenario_of(devices: int = 1, workload: str = "same") -> dict[str, Any]:
    """What a search reads of a resolved scenario."""
    pool = {"hosted": None, "replicas": devices, "tensor_parallel": 1, "pipeline_parallel": 1}
    return {"seed": 0, "run": {}, "workload": workload, "fleet": {"one": pool}}


class MadePoints:
    """Stands for `searching.points.Points`: `outcome` gives a summary, or an error, and the number of devices."""

    def __init__(self, outcome: Callable[[Mapping[str, Any]], tuple[Summary | str, int]], folder: Path) -> None:
        file = folder / "tiny.yaml"
        file.write_text(TINY)
        self.scenario: Scenario = load(file)
        self.outcome = outcome
        self.asked: dict[str, Tried] = {}

    @property
    def tried(self) -> list[Tried]:
        return list(self.asked.values())

    def check(self, asked: Iterable[Mapping[str, Any]]) -> None:
        list(asked)

    def at(self, asked: Sequence[Mapping[str, Any]]) -> list[Tried]:
        return [self.asked.setdefault(str(dict(values)), self._made(values)) for values in asked]

    def _made(self, values: Mapping[str, Any]) -> Tried:
        told, devices = self.outcome(values)
        key = str(dict(values))
        if isinstance(told, str):
            return Tried(values, error=told)
        return Tried(values, key, told, scenario_of(devices))

    def keep(self) -> None:
        pass
