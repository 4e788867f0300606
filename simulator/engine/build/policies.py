"""The policy of a scenario, prepared for each replication with what it may know."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.engine.build.asked import AskedOf
from simulator.engine.build.built import Built, Host
from simulator.engine.build.classes import BuiltClass
from simulator.engine.build.knowledge import Knowledge
from simulator.engine.build.needs import check_needs
from simulator.engine.build.prices import Prices, calls_alone
from simulator.engine.pool import Uniform
from simulator.learning.core import Encoder, Estimator
from simulator.policies.core import Policy
from simulator.policies.setting import Floats, Prepared, Setting, held, needs_of
from simulator.spec.load import Scenario
from simulator.workload.traffic import World


def policy(
    scenario: Scenario, hosts: Sequence[Host], pools: Sequence[Built], classes: Sequence[BuiltClass]
) -> Callable[[World, Uniform], Policy]:
    """What makes the policy of a replication. SpecError where it needs what no table has."""
    part = scenario.spec.policy
    try:
        made = part.make()
    except ValueError as error:
        raise scenario.error("policy", str(error)) from None
    numbers = {pool.plan.facts.name: pool.plan.facts.index for pool in pools}
    needs = needs_of(made)
    check_needs(scenario, needs, numbers, classes)
    knowledge = Knowledge(scenario, tuple(classes), Prices(tuple(pools), {host.name: host for host in hosts}))
    estimators = list(held(made, Estimator))  # type: ignore[type-abstract]
    encoders = [
        part
        for part in held(made, Encoder)  # type: ignore[type-abstract]
        if not isinstance(part, Policy | Prepared)  # those learn otherwise
    ]
    train = knowledge.train if needs.train or estimators or encoders else None
    for number in (number for number, cls in enumerate(classes) if cls.table is not None):
        for estimator in estimators:
            knowledge.estimated(number, estimator, "score")  # its mistakes are told before the run
        for encoder in encoders:
            if not any(encoder in held(estimator, Encoder) for estimator in estimators):  # type: ignore[type-abstract]
                knowledge.encoded(number, encoder)
    if not isinstance(made, Prepared):
        return lambda world, uniform: part.make()
    columns = tuple(cls.columns for cls in classes)
    tables = tuple(cls.table for cls in classes)
    cached_fracs: Floats = np.array([cls.cached_prompt_frac for cls in scenario.spec.workload.values()])

    def prepare(world: World, uniform: Uniform) -> Policy:
        def truth(query: int, pool: str) -> float:
            cls = world.cls[query]
            table = tables[cls]
            assert table is not None
            return float(table.score[world.item[query], columns[cls][numbers[pool]]])

        def paid(currency: str) -> Floats:
            name = {"usd": "usd", "energy": "energy_j", "time": "time_s"}[currency]
            taken = (calls_alone(knowledge.prices, classes, cached_fracs, world, pool) for pool in range(len(pools)))
            return np.stack([getattr(of_pool, name) for of_pool in taken], axis=1)

        setting = Setting(
            pools=tuple(numbers),
            models={pool.plan.facts.name: pool.model for pool in pools},
            uniform=uniform,
            **_mean_prices(world, scenario, knowledge),
            params={pool.plan.facts.name: _params(scenario, pool.model) for pool in pools},
            asked=AskedOf(knowledge, world),
            train=train,
            fitted=knowledge.fitted,
            truth=truth if needs.truth else None,
            paid=paid if needs.truth else None,
        )
        try:
            return part.make().prepare(setting)  # type: ignore[no-any-return]
        except ValueError as error:
            raise scenario.error("policy", str(error)) from None

    return prepare


def _mean_prices(world: World, scenario: Scenario, knowledge: Knowledge) -> dict[str, dict[str, float]]:
    """Dollars, joules and seconds of a call of mean length at each pool: list prices, or the hardware's time alone.

    Of a pool that bills or draws what was recorded, the mean of that.
    """
    prices = knowledge.prices
    cached_fracs: NDArray[np.float64] = np.array([cls.cached_prompt_frac for cls in scenario.spec.workload.values()])
    prompt = output = np.ones(1)
    cached_frac = 0.0
    if len(world):  # else nobody will ask
        prompt, output = np.array([np.mean(world.prompt_tok)]), np.array([np.mean(world.output_tok)])
        cached_frac = float(np.mean(world.prompt_tok * cached_fracs[world.cls])) / float(prompt[0])
    usd: dict[str, float] = {}
    energy: dict[str, float] = {}
    time: dict[str, float] = {}
    for number, pool in enumerate(prices.pools):
        name = pool.plan.facts.name
        dollars, joules, seconds = prices.of(number, prompt, output, cached_frac)
        classes = range(len(knowledge.classes))
        usd[name] = _or_recorded(world, float(dollars[0]), [knowledge.recorded_usd(cls, number) for cls in classes])
        energy[name] = _or_recorded(
            world, float(np.nan_to_num(joules[0])), [knowledge.recorded_energy_j(cls, number) for cls in classes]
        )
        time[name] = float(seconds[0])
    return {"usd_per_call": usd, "energy_j_per_call": energy, "time_s_per_call": time}


def _or_recorded(world: World, usual: float, recorded: Sequence[float | None]) -> float:
    """The mean over queries: of those of classes with a recorded mean, that, else `usual`."""
    if not len(world) or all(found is None for found in recorded):
        return usual
    of_class = np.array([usual if found is None else found for found in recorded])
    return float(of_class[world.cls].mean())


def _params(scenario: Scenario, model: str) -> float:
    """Parameters of a model of the library; NaN of one that is not in it."""
    library = scenario.library
    return 1e9 * library.read("models", model).params_billion if model in library.names("models") else float("nan")
