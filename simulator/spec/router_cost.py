"""The router that a policy brings along: what its decisions take, as published."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from simulator.spec.parts import Part
from simulator.spec.scenario import RouterSpec


def router_of(policy: Part) -> RouterSpec | None:
    """The station of all techniques in a policy, one after the other on the same servers; None where none costs.

    Each is the `ROUTER` of a class: a `policies.core.RouterCost`. Their times add up; the station has as few servers as
    the one with the fewest, and draws what the hungriest does.
    """
    costs = [cost for cls in _classes(policy) if (cost := getattr(cls, "ROUTER", None)) is not None]
    if not costs:
        return None
    return RouterSpec(
        time_s=sum(cost.time_s for cost in costs),
        servers=min(cost.servers for cost in costs),
        active_w=max(cost.active_w for cost in costs),
        source="; ".join(dict.fromkeys(cost.source for cost in costs if cost.source)),
    )


def _classes(value: Any) -> Iterator[type]:
    """The classes of a part and of all parts in it, once for each time that they are there."""
    if isinstance(value, Part):
        yield value.cls
        yield from _classes(value.args)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _classes(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _classes(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):  # a default, made already
        yield type(value)
        for field in dataclasses.fields(value):
            yield from _classes(getattr(value, field.name))
