"""Hosts and pools: which replica lives on which machine, whether it fits, and what its passes take."""

from __future__ import annotations

from math import inf
from typing import Any

from simulator.engine.build.built import SEES_HOST, Built, Host, signal
from simulator.engine.build.hosted import hosted_pool
from simulator.engine.build.memory import kv_room
from simulator.engine.heat import Slowdown, Thermal
from simulator.engine.loading import Loading
from simulator.engine.pool import PoolFacts, PoolPlan
from simulator.engine.replica import Limits
from simulator.physics import values
from simulator.physics.memory import (
    weight_bytes,
)
from simulator.physics.roofline import Roofline
from simulator.physics.step import StepModel
from simulator.physics.values import Device, Model
from simulator.spec.errors import SpecError
from simulator.spec.load import Scenario
from simulator.spec.profiles import Evidence
from simulator.spec.reader import Keys
from simulator.spec.scenario import ChangeSpec, PoolSpec


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
    memory = kv_room(scenario, hosts, homes, models)
    built = [
        _own(scenario, name, i, models[name], homes[name], hosts, memory[name])
        if name in homes
        else hosted_pool(scenario, name, i)
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
