"""The same scenario with another value of one key, without load or under it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from simulator.engine.build import System, build
from simulator.engine.build.policies import policy
from simulator.policies.rounds import Together
from simulator.policies.setting import held
from simulator.spec.errors import SpecError
from simulator.spec.load import Scenario, load
from simulator.spec.merge import Override


@dataclass(frozen=True)
class Question:
    """A scenario as the user gave it: its file or name, what `--set` lays over it, folders of profiles."""

    source: str
    sets: tuple[str | Override, ...] = ()
    profiles: tuple[Path, ...] = ()

    def load(self, *more: Override) -> Scenario:
        """The scenario with these laid over it, too."""
        return load(self.source, [*self.sets, *more], self.profiles)

    def over(self, *more: Override) -> Question:
        """The question with these laid over it, too."""
        return replace(self, sets=(*self.sets, *more))


@dataclass(frozen=True)
class Over:
    """Which key is varied, and over which values (None: those that make a difference)."""

    key: str
    values: tuple[float | str, ...] | None = None

    @classmethod
    def of(cls, text: str) -> Over:
        """What `KEY`, `KEY=a:b:n` (n values from a to b) and `KEY=a,b,c` mean. SpecError where it is none of these."""
        key, equals, said = text.partition("=")
        key = key.strip()
        if not key or (equals and not said.strip()):
            raise SpecError(f"--over {text}: write it as KEY, KEY=a:b:n or KEY=a,b,c")
        return cls(key, _values(text, said) if equals else None)

    def override(self, value: float | str) -> Override:
        """This value at the key."""
        shown = repr(value) if isinstance(value, float) else value
        return Override(f"--over {self.key}={shown}", self.key, shown)


def _values(text: str, said: str) -> tuple[float | str, ...]:
    if ":" not in said:
        return tuple(_number(word.strip()) for word in said.strip("[] ").split(","))
    try:
        low, high, count = said.split(":")
        if not 2 <= int(count) <= 10_000:
            raise ValueError
        return tuple(np.linspace(float(low), float(high), int(count)).tolist())
    except ValueError:
        raise SpecError(f"--over {text}: {said!r} is not a:b:n, two numbers and how many values from 2 up") from None


def _number(word: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        return word


def always(pool: str) -> tuple[Override, ...]:
    """Everything to one pool, whatever `--set` says of the policy."""
    value = f"{{use: always, pool: {pool}}}"
    return (Override(f"--set policy={value}", "policy", value),)


def varied(system: System, scenario: Scenario) -> System:
    """The system with the policy of `scenario`; tables are not read again where nothing else of it hangs on that."""
    other = scenario.spec.model_copy(update={"policy": system.scenario.spec.policy})
    if other != system.scenario.spec or _decode_together(system.scenario) or _decode_together(scenario):
        return build(scenario)
    made = policy(scenario, system.hosts, system.pools, system.classes)
    return replace(system, scenario=scenario, plan=replace(system.plan, policy=made))


def _decode_together(scenario: Scenario) -> bool:
    """Whether the policy gives pools another step model."""
    return any(True for _ in held(scenario.spec.policy.make(), Together))  # type: ignore[type-abstract]


def every_item(system: System) -> tuple[Override, ...]:
    """As many queries as the table has items, where one class draws them by turns: each item once."""
    classes = system.classes
    if len(classes) != 1 or classes[0].table is None:
        return ()
    items = system.scenario.spec.workload[classes[0].plan.facts.name].items
    if items is None or items.draw != "each-once" or items.tasks is not None:
        return ()
    said = (("run.queries", str(len(classes[0].table))), ("run.duration_s", "~"))
    return tuple(Override(f"--set {key}={value}", key, value) for key, value in said)


def split(scenario: Scenario, name: str) -> tuple[Override, ...]:
    """Every class with items asks those of this split."""
    keys = [f"workload.{cls}.items.split" for cls, spec in scenario.spec.workload.items() if spec.items is not None]
    return tuple(Override(f"--set {key}={name}", key, name) for key in keys)
