"""What a policy needs of the scenario's tables: told where it is not there, before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from simulator.engine.build.classes import BuiltClass
from simulator.policies.setting import Needs
from simulator.spec.load import Scenario
from simulator.spec.scenario import JudgeSpec


def check_needs(scenario: Scenario, needs: Needs, numbers: Mapping[str, int], classes: Sequence[BuiltClass]) -> None:
    """SpecError at the class whose table lacks what the policy needs; `numbers` are the pools' places in the fleet."""
    use = scenario.spec.policy.use
    if needs.feedback and scenario.spec.feedback.frac == 0.0:
        raise scenario.error(("feedback", "frac"), f"policy {use!r} learns from what comes back, and nothing does")
    if needs.feedback and all(cls.table is None for cls in classes):
        raise scenario.error("policy", f"{use!r} learns from scores, and no class has 'items'")
    for cls in classes:
        for lacks in _lacks(scenario, needs, numbers, cls):
            raise scenario.error(("workload", cls.plan.facts.name), f"policy {use!r} {lacks}")


def _lacks(scenario: Scenario, needs: Needs, numbers: Mapping[str, int], cls: BuiltClass) -> Iterator[str]:
    """What the policy needs that the class's table has not."""
    if needs.truth and cls.table is None:
        yield "needs 'items': without a table there is no truth"
    for name in (name for name in needs.scores_of if name in numbers):
        if not _is_sure(cls, numbers[name]):
            yield f"looks at the score of {name!r}'s answers, and {_no_confidence(cls, name)}"
    for name, pools in needs.verified.items():
        verifier = scenario.spec.verifiers.get(name)
        if isinstance(verifier, JudgeSpec) and verifier.right is not None:
            continue  # it judges for itself
        sure = [pool for pool, number in numbers.items() if _is_sure(cls, number)]
        blind = [pool for pool in pools if pool in numbers and pool not in sure]
        if blind or not sure:
            lacks = _no_confidence(cls, blind[0] if blind else None)
            yield f"has {name!r} tell how sure answers are, and {lacks}"
    for name in (name for name in needs.groups_of if name in numbers):
        if cls.table is None or (cls.table.group is None and cls.table.samples is None):
            lacks = "it has no 'items'" if cls.table is None else "its table does not say which answers are equal"
            yield f"compares the answers of {name!r}, and {lacks}"
    for name, most in needs.samples_of.items():
        if name in numbers and (there := _samples(cls, numbers[name])) < most:
            recorded = f"there are {there} recorded" if there else "none are recorded"
            yield f"takes {most} samples of {name!r}, and {recorded}"


def _is_sure(cls: BuiltClass, pool: int) -> bool:
    return cls.table is not None and cls.plan.confidence[pool] is not None


def _no_confidence(cls: BuiltClass, pool: str | None) -> str:
    whose = "any model" if pool is None else f"{pool!r}'s model"
    return "it has no 'items'" if cls.table is None else f"its table has no confidence of {whose}"


def _samples(cls: BuiltClass, pool: int) -> int:
    """How many answers to one query are recorded of a pool's model, for every item."""
    if cls.table is None or cls.table.samples is None:
        return 0
    known = ~np.isnan(cls.table.samples.score[:, cls.columns[pool], :])
    return int(known.sum(axis=1).min())
