"""Pools that are hosted APIs: latencies, prices and limits, of the profile or as recorded."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.engine.build.built import Built
from simulator.engine.clock import ATTEMPTS
from simulator.engine.hosted import HostedPlan
from simulator.engine.job import Job
from simulator.engine.pool import PoolFacts, Uniform
from simulator.engine.rate_limit import RateLimit
from simulator.physics import values
from simulator.physics.chance import lognormal
from simulator.physics.values import Hosted
from simulator.spec.load import Scenario
from simulator.spec.scenario import PoolSpec


def hosted_pool(scenario: Scenario, name: str, index: int) -> Built:
    """The pool of this name, which is a hosted API."""
    pool = scenario.spec.fleet[name]
    assert pool.hosted is not None
    hosted = values.hosted(scenario.library.read("hosted", pool.hosted))
    model = pool.model or hosted.model
    usd_per_tok = (hosted.price_in_usd_per_tok, hosted.price_out_usd_per_tok)
    token_s = 1.0 / hosted.rate_median_tok_per_s
    facts = PoolFacts(name, index, model, pool.place, pool.tier, 1, usd_per_tok, hosted.ttft_median_s, token_s)
    evidence = (
        "measured"
        if pool.latency == "recorded"
        else values.weakest(hosted.evidence[key] for key in ("ttft_median_s", "rate_median_tok_per_s"))
    )
    latency = recorded_latency if pool.latency == "recorded" else _ProfileLatency(hosted)
    plan = HostedPlan(facts, latency, _limit(pool, hosted))
    energy = "assumed" if hosted.energy_j_per_tok is None else hosted.evidence["energy_j_per_tok"]
    if pool.energy == "recorded":
        energy = "measured"
    price = "measured" if pool.price == "recorded" else hosted.evidence["price_out_usd_per_tok"]
    return Built(plan, pool, model, hosted=hosted, time_evidence=evidence, energy_evidence=energy, price_evidence=price)


def _limit(pool: PoolSpec, hosted: Hosted) -> RateLimit | None:
    """The account's limits: the scenario's, else the profile's."""
    requests = hosted.requests_per_s if pool.requests_per_min is None else pool.requests_per_min / 60
    tokens = hosted.tokens_per_s if pool.tokens_per_min is None else pool.tokens_per_min / 60
    if requests is None and tokens is None:
        return None
    return RateLimit(requests, tokens, pool.max_retries, pool.retry_after_s)


def recorded_latency(job: Job, uniform: Uniform) -> tuple[float, float]:
    """The latency of this very model on this very item, as recorded; the answer comes whole."""
    column = job.life.cls.latency_s[job.pool]
    assert column is not None
    return column[job.life.item], column[job.life.item]


@dataclass(frozen=True)
class _ProfileLatency:
    """Lognormal time to the first token and lognormal token rate. The same query meets the same luck everywhere."""

    hosted: Hosted

    def __call__(self, job: Job, uniform: Uniform) -> tuple[float, float]:
        hosted, query, attempt = self.hosted, job.life.row, job.order % ATTEMPTS
        first_s = lognormal(hosted.ttft_median_s, hosted.ttft_sigma, uniform("hosted-ttft", query, attempt))
        rate = lognormal(hosted.rate_median_tok_per_s, hosted.rate_sigma, uniform("hosted-rate", query, attempt))
        return first_s, first_s + (job.output_tok - 1) / rate
