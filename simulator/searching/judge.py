"""Does a point hold the scenario's limits, in a system that keeps up? And what binds where it does not?"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.metrics.keys import key_of_limit
from simulator.records.summary import Estimate, Held, Summary
from simulator.searching.points import Tried
from simulator.spec.load import Scenario
from simulator.spec.scenario import SloSpec

LONG = 20  # times that a query takes: in shorter runs a system fills up, and seems to be overloaded


@dataclass(frozen=True)
class Judged:
    """Whether a point holds all limits and is STABLE; if not, `why` says what it misses, one text each."""

    holds: bool
    why: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """One line."""
        return "; ".join(self.why) if self.why else "holds"


def judge(tried: Tried) -> Judged:
    """The judgement on the means over replications; a point that failed does not hold."""
    if tried.summary is None:
        return Judged(False, (tried.error,))
    why = [missed(held) for held in tried.summary.slos if not held.met]
    if tried.summary.verdict != "STABLE":
        why.append(f"{tried.summary.verdict}: {tried.summary.why}")
    return Judged(not why, tuple(why))


def missed(held: Held) -> str:
    """What a limit misses: "ttft_s p95 of chat is 2.1, not <= 1.5"."""
    what = held.metric if held.percentile is None else f"{held.metric} p{held.percentile:g}"
    of = "" if held.cls is None else f" of {held.cls}"
    bounds = [f"{sign} {bound:g}" for sign, bound in ((">=", held.min), ("<=", held.max)) if bound is not None]
    value = "undefined" if held.value is None else f"{held.value:.4g}"
    return f"{what}{of} is {value}, not {' and '.join(bounds)}"


def limits(scenario: Scenario) -> list[tuple[str | None, SloSpec]]:
    """The class (None: all queries) and each limit. SpecError where there is none: then nothing can be held."""
    spec = scenario.spec
    found: list[tuple[str | None, SloSpec]] = [(None, slo) for slo in spec.slo]
    found += [(name, slo) for name, cls in spec.workload.items() for slo in cls.slo]
    if not found:
        raise scenario.error("", "has no 'slo': say what must be held, slo: [{metric: ttft_s, percentile: 95, max: 2}]")
    return found


def margin(tried: Tried) -> str:
    """How the values stand to the limits: "ttft_s.p95 14.8 ± 0.4 (within chance of its limit)"."""
    assert tried.summary is not None, tried
    return ", ".join(_stands(held, _estimate(tried.summary, held)) for held in tried.summary.slos)


def is_close(tried: Tried) -> bool:
    """Whether a limit lies within the 95 % interval of its value: then chance decides whether it holds."""
    assert tried.summary is not None, tried
    return any(_is_within(held, _estimate(tried.summary, held)) for held in tried.summary.slos)


def doubts(tried: Tried) -> list[str]:
    """What makes a judgement less sure: limits within chance, and runs that end before a queue would build up."""
    assert tried.summary is not None, tried
    found = []
    if is_close(tried):
        found.append("a limit lies within the interval of its value: more replications or queries would make it surer")
    stay_s = tried.summary.metrics["e2e_s.mean"].mean
    span_s = min(tried.summary.span_s, default=0.0)
    if stay_s is not None and span_s < LONG * stay_s:
        found.append(
            f"a run lasts {span_s:.3g} s, and a query {stay_s:.3g} s: more queries would show whether it keeps up"
        )
    return found


def _estimate(summary: Summary, held: Held) -> Estimate | None:
    """The metric of a limit as the summary has it; None of percentiles that it does not tell."""
    key = key_of_limit(SloSpec(metric=held.metric, percentile=held.percentile, max=held.max, min=held.min))
    return (summary.metrics if held.cls is None else summary.classes.get(held.cls, summary.metrics)).get(key)


def _stands(held: Held, told: Estimate | None) -> str:
    key = key_of_limit(SloSpec(metric=held.metric, percentile=held.percentile, max=held.max, min=held.min))
    text = key + ("" if held.cls is None else f" of {held.cls}")
    text += " undefined" if held.value is None else f" {held.value:.4g}"
    if told is not None and told.ci_low is not None and told.ci_high is not None:
        text += f" ± {(told.ci_high - told.ci_low) / 2:.2g}"
    return text + (" (within chance of its limit)" if _is_within(held, told) else "")


def _is_within(held: Held, told: Estimate | None) -> bool:
    if told is None or told.ci_low is None or told.ci_high is None:
        return False
    return any(bound is not None and told.ci_low <= bound <= told.ci_high for bound in (held.max, held.min))
