"""Hosts and pools: which replica lives on which machine, whether it fits, and what its passes take."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf
from typing import Any

from simulator.engine.clock import ATTEMPTS
from simulator.engine.heat import Slowdown, Thermal
from simulator.engine.job import Job
from simulator.engine.loading import Loading
from simulator.engine.pool import HostedPlan, PoolFacts, PoolPlan, Uniform
from simulator.engine.rate_limit import RateLimit
from simulator.engine.replica import Limits
from simulator.physics import values
from simulator.physics.chance import lognormal
from simulator.physics.memory import (
    Need,
    kv_cache_bytes,
    kv_capacity_tok,
    replica_need,
    usable_bytes,
    weight_bytes,
)
from simulator.physics.roofline import Roofline
from simulator.physics.signal import Signal
from simulator.physics.step import StepModel
from simulator.physics.values import Device, Hosted, Model
from simulator.spec.errors import SpecError
from simulator.spec.load import Scenario
from simulator.spec.profiles import Evidence
from simulator.spec.reader import Keys
from simulator.spec.scenario import ChangeSpec, PoolSpec

SEES_HOST = ("host", "wall")  # scopes of a meter that sees the machine around the devices too


@dataclass(frozen=True)
class Host:
    """A physical machine with `devices` accelerators: its idle watts and its price run for as long as the run lasts."""

    name: str
    place: str
    device: Device
    devices: int
    usd_per_s: float  # of the whole machine
    price_evidence: Evidence

    @property
    def idle_w(self) -> float:
        """Watts drawn at rest with a model loaded."""
        return self.devices * (self.device.idle_w + self.device.host_idle_w)


@dataclass(frozen=True)
class Built:
    """A pool with what accounting must know of it: own ones have a device, steps and homes, hosted ones an API."""

    plan: PoolPlan | HostedPlan
    spec: PoolSpec
    model: str
    homes: tuple[str, ...] = ()  # host of each replica
    device: Device | None = None
    steps: StepModel | None = None
    hosted: Hosted | None = None
    kv_origin: str = ""
    time_evidence: Evidence = "assumed"
    energy_evidence: Evidence = "assumed"
    price_evidence: Evidence = "assumed"


def signal(changes: tuple[ChangeSpec, ...]) -> Signal:
    """Factors over time as a signal that starts at 1."""
    factors = {0.0: 1.0} | {change.from_s: change.factor for change in changes}
    return Signal(tuple(sorted(factors)), tuple(factors[time_s] for time_s in sorted(factors)))


def fleet(scenario: Scenario) -> tuple[list[Host], list[Built]]:
    """All hosts and pools, in the order of the file. SpecError for what does not fit or cannot be."""
    spec, library = scenario.spec, scenario.library
    hosts: dict[str, Host] = {}
    for name, host in spec.hosts.items():
        device = _device(scenario, host.device)
        for i in range(host.count):
            price, evidence = host.devices * device.price_usd_per_s, device.evidence["price_usd_per_s"]
            hosts[f"{name}-{i}"] = Host(f"{name}-{i}", host.place, device, host.devices, price, evidence)
    homes: dict[str, tuple[str, ...]] = {}
    for name, pool in spec.fleet.items():
        if pool.host is not None:
            homes[name] = tuple(f"{pool.host}-{i % spec.hosts[pool.host].count}" for i in range(pool.replicas))
        elif pool.device is not None:
            device = _device(scenario, pool.device, pool.engine, ("fleet", name, "engine"))
            usd_per_s, evidence = device.price_usd_per_s, device.evidence["price_usd_per_s"]
            if pool.usd_per_h is not None:
                usd_per_s, evidence = pool.usd_per_h / 3600, "assumed"
            homes[name] = tuple(f"{name}-{i}" for i in range(pool.replicas))
            for home in homes[name]:
                count = pool.devices
                hosts[home] = Host(home, pool.place, device, count, count * usd_per_s, evidence)
    models = {
        name: values.model(library.read("models", pool.model))
        for name, pool in spec.fleet.items()
        if name in homes and pool.model is not None
    }
    memory = _memory(scenario, hosts, homes, models)
    built = [
        _own(scenario, name, i, models[name], homes[name], hosts, memory[name])
        if name in homes
        else _hosted(scenario, name, i)
        for i, name in enumerate(spec.fleet)
    ]
    return list(hosts.values()), built


def _device(scenario: Scenario, name: str, engine: str | None = None, at: Keys = ()) -> Device:
    """A device under an engine. SpecError, at these keys, where there is no such engine."""
    profile = scenario.library.read("devices", name)
    try:
        return values.device(profile, scenario.library.layers(profile, engine))
    except SpecError as error:
        raise scenario.error(at, str(error)) if engine else error from None


def _memory(
    scenario: Scenario, hosts: dict[str, Host], homes: dict[str, tuple[str, ...]], models: dict[str, Model]
) -> dict[str, tuple[int, str]]:
    """KV tokens of a replica of each pool, and where the number is from.

    What weights, activations and given caches leave of a machine's memory is shared evenly by its other replicas; the
    fullest machine counts. SpecError where they do not fit, or no cache is left.
    """
    fleet = scenario.spec.fleet
    found: dict[str, tuple[int, str]] = {}
    for host in hosts.values():
        guests = [name for name in homes for home in homes[name] if home == host.name]
        room = usable_bytes(host.device, host.devices)
        left = room
        for name in guests:
            need = _need(scenario, name, models[name])
            if need.total > left:
                text = _does_not_fit(fleet[name], models[name], need, left, room, host)
                raise scenario.error(("fleet", name, "model"), f"pool {name!r}: {text}")
            left -= need.total
        for name in guests:
            if (kv_tok := fleet[name].kv_tok) is not None:
                pool = fleet[name]
                cache = kv_cache_bytes(models[name], kv_tok, pool.max_seqs, pool.tensor_parallel)
                if cache > left:
                    text = f"{kv_tok} tokens do not fit: their {_gb(cache)} are {_gb(cache - left)} more than"
                    raise scenario.error(("fleet", name, "kv_tok"), f"{text} {_what(host)} has left beside weights")
                left -= cache
                found[name] = (kv_tok, "given")
        sharers = [name for name in guests if fleet[name].kv_tok is None]
        for name in sharers:
            pool = fleet[name]
            kv_tok = kv_capacity_tok(models[name], left / len(sharers), pool.max_seqs, pool.tensor_parallel)
            if kv_tok < pool.block_tok:
                text = f"no room for a KV cache: beside weights {_what(host)} has {_gb(left)} left"
                raise scenario.error(("fleet", name, "model"), f"pool {name!r}: {text}")
            if name not in found or kv_tok < found[name][0]:
                found[name] = (kv_tok, "derived from memory")
    return found


def _need(scenario: Scenario, name: str, model: Model) -> Need:
    pool = scenario.spec.fleet[name]
    try:
        return replica_need(
            model, pool.weights or model.weights, pool.max_batched_tok, pool.max_seqs, pool.tensor_parallel
        )
    except ValueError as error:
        raise scenario.error(("fleet", name, "weights"), str(error)) from None


def _what(host: Host) -> str:
    return f"{host.devices} x {host.device.name!r}"


def _gb(size_bytes: float) -> str:
    return f"{size_bytes / 1e9:,.1f} GB"


def _does_not_fit(pool: PoolSpec, model: Model, need: Need, left: float, room: float, host: Host) -> str:
    """By how much a replica is too large for its machine, and what would help."""
    beside = need.activations + need.state
    others = f" ({_gb(room - left)} of {_gb(room)} are taken by others)" if left < room else ""
    text = (
        f"{_gb(need.weights)} of weights and {_gb(beside)} of activations do not fit in the {_gb(left)} that the engine"
        f" may use on {_what(host)}{others}: {_gb(need.total - left)} short"
    )
    small = weight_bytes(model, "q4_k_m", pool.tensor_parallel)
    helps = [f"weights of 4 bits (q4_k_m: {_gb(small)})"] if small < need.weights and small + beside < left else []
    helps += ["fewer max_batched_tok or max_seqs"] if need.weights < left else []
    if host.device.interconnect_bytes_per_s and room > 0:
        helps.append(f"{ceil(need.total / room * host.devices)} devices or more (tensor_parallel)")
    return f"{text}; what helps: {', '.join(helps) or 'a smaller model, or a device with more memory'}"


def _own(
    scenario: Scenario,
    name: str,
    index: int,
    model: Model,
    homes: tuple[str, ...],
    hosts: dict[str, Host],
    memory: tuple[int, str],
) -> Built:
    pool = scenario.spec.fleet[name]
    host = hosts[homes[0]]
    device = host.device
    if pool.host is not None and pool.engine is not None:
        device = _device(scenario, scenario.spec.hosts[pool.host].device, pool.engine, ("fleet", name, "engine"))
    given: dict[str, Any] = {
        "device": device,
        "model": model,
        "tensor_parallel": pool.tensor_parallel,
        "pipeline_parallel": pool.pipeline_parallel,
        "expert_parallel": pool.expert_parallel,
        "weights": pool.weights,
        "max_batched_tok": pool.max_batched_tok,
        "max_seqs": pool.max_seqs,
    }
    try:
        steps = Roofline(**given) if pool.steps is None else pool.steps.make(**given)
    except (ValueError, TypeError) as error:
        if isinstance(error, SpecError):
            raise
        raise scenario.error(("fleet", name, "steps" if pool.steps else "device"), str(error)) from None
    kv_tok, origin = memory
    limits = Limits(pool.max_seqs, pool.max_batched_tok, kv_tok, pool.block_tok, pool.batching == "static")
    facts = PoolFacts(name, index, model.name, host.place, pool.tier, pool.replicas)
    plan = PoolPlan(
        facts,
        steps,
        limits,
        pool.dispatch,
        pool.max_queue,
        device.request_overhead_s if pool.steps is None else 0.0,  # measured steps have it in them, or in a link
        _slowdown(pool.slowdown),
        _thermal(device),
        _loading(scenario, name, device, model),
    )
    return Built(
        plan,
        pool,
        model.name,
        homes,
        device,
        steps,
        kv_origin=origin,
        time_evidence=steps.time_evidence,
        energy_evidence=_energy_evidence(pool, device, steps),
    )


def _energy_evidence(pool: PoolSpec, device: Device, steps: StepModel) -> Evidence:
    """Of a replica's joules at work: a meter that did not see the machine leaves that to the device's profile."""
    measured = pool.measured_energy
    if measured is None:
        return steps.energy_evidence  # type: ignore[attr-defined, no-any-return]
    sees_all = measured.scope in SEES_HOST or not device.host_active_w
    return "measured" if sees_all else device.evidence["host_active_w"]


def _thermal(device: Device) -> Thermal | None:
    if device.throttle_after_s is None or device.throttle_factor == 1.0:
        return None
    return Thermal(device.throttle_after_s, device.throttle_factor, device.cool_s)


def _loading(scenario: Scenario, name: str, device: Device, model: Model) -> Loading | None:
    """Each device takes in its share of the weights. SpecError where its profile does not say how fast."""
    pool = scenario.spec.fleet[name]
    if pool.unload_after_s is None and not pool.cold:
        return None
    if device.load_bytes_per_s is None:
        key = "cold" if pool.unload_after_s is None else "unload_after_s"
        raise scenario.error(("fleet", name, key), f"device {device.name!r} has no load_gb_per_s: how long to load?")
    load_s = weight_bytes(model, pool.weights or model.weights) / (pool.devices * device.load_bytes_per_s)
    return Loading(load_s, inf if pool.unload_after_s is None else pool.unload_after_s, pool.cold)


def _slowdown(changes: tuple[ChangeSpec, ...]) -> Slowdown | None:
    if not changes:
        return None
    factors = signal(changes)
    return lambda time_s: (factors.value(time_s), factors.next_change_s(time_s))


def _hosted(scenario: Scenario, name: str, index: int) -> Built:
    pool = scenario.spec.fleet[name]
    assert pool.hosted is not None
    hosted = values.hosted(scenario.library.read("hosted", pool.hosted))
    model = pool.model or hosted.model
    usd_per_tok = (hosted.price_in_usd_per_tok, hosted.price_out_usd_per_tok)
    facts = PoolFacts(name, index, model, pool.place, pool.tier, 1, usd_per_tok)
    evidence = (
        "measured"
        if pool.latency == "recorded"
        else values.weakest(hosted.evidence[key] for key in ("ttft_median_s", "rate_median_tok_per_s"))
    )
    latency = recorded_latency if pool.latency == "recorded" else _ProfileLatency(hosted)
    plan = HostedPlan(facts, latency, _limit(pool, hosted))
    energy = "assumed" if hosted.energy_j_per_tok is None else hosted.evidence["energy_j_per_tok"]
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
