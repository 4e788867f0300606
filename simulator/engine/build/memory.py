"""Whether replicas fit in their machines, and what that leaves for their KV caches."""

from __future__ import annotations

from math import ceil

from simulator.engine.build.built import Host
from simulator.physics.memory import (
    Need,
    kv_cache_bytes,
    kv_capacity_tok,
    replica_need,
    usable_bytes,
    weight_bytes,
)
from simulator.physics.values import Model
from simulator.spec.load import Scenario
from simulator.spec.scenario import PoolSpec


def kv_room(
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
