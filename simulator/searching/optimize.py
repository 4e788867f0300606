"""The best trade-offs between objectives, searched by Optuna with the scenario's limits as constraints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from simulator.searching.judge import judge
from simulator.searching.pareto import Objective, Placed, costs, front
from simulator.searching.points import Points, Tried
from simulator.searching.space import Dimension, Span
from simulator.spec.errors import SpecError

Sampler = Literal["tpe", "nsga2", "random"]

TOGETHER = 4  # points asked for at a time, so that cores have work; fixed, so that answers depend on no machine
STARTUP = 10  # of TPE: points drawn at random before it has a model
LATE = {"STABLE": 0.0, "BACKLOGGED": 1.0, "OVERLOADED": 2.0}


@dataclass(frozen=True)
class Optimised:
    """The set of best trade-offs (see `pareto.front`) among those that hold; `failures` are points without a value."""

    best: tuple[Placed, ...]
    trials: int
    points: int
    holding: int
    failures: tuple[str, ...]
    nearest: Tried | None


def optimize(
    points: Points,
    space: Sequence[Dimension],
    objectives: Sequence[Objective],
    trials: int,
    sampler: Sampler = "tpe",
    seed: int = 0,
) -> Optimised:
    """Try `trials` points of `space`, each chosen by what the ones before came to, and give the best trade-offs.

    Constraints are the limits and that the system keeps up. The search is a function of its arguments and of `seed`:
    begun again, or with more trials, it asks for the same points first, which are there. Raises SpecError where a value
    is wrong, where an objective has no value anywhere, or where Optuna (extra `opt`) is missing.
    """
    try:
        import optuna
    except ImportError:
        raise SpecError("multillm optimize needs the extra 'opt': pip install 'multillm-sim[opt]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    first = {one.key: one.ends[0] for one in space}
    points.check({**first, one.key: value} for one in space for value in one.ends)
    distributions = {one.key: _distribution(one) for one in space}
    study = optuna.create_study(directions=["minimize"] * len(objectives))
    done: list[Tried] = []
    failures: dict[str, str] = {}
    try:
        while len(done) < trials:
            study.sampler = _sampler(sampler, seed, len(done))
            asked = [study.ask(distributions) for _ in range(min(TOGETHER, trials - len(done)))]
            found = points.at([_values(space, trial.params) for trial in asked])
            for trial, tried in zip(asked, found, strict=True):
                value = costs(tried, objectives)
                if value is None:
                    failures[tried.name] = tried.error or _undefined(tried, objectives)
                    study.tell(trial, state=optuna.trial.TrialState.FAIL)
                else:
                    for name, over in excess(tried).items():
                        trial.set_constraint(name, over)
                    study.tell(trial, value)
            done += found
    finally:
        points.keep()
    if len(failures) == len({tried.name for tried in done}):
        raise SpecError(f"no point has a value: {next(iter(failures.values()))}")
    every = list({tried.key: tried for tried in done if costs(tried, objectives) is not None}.values())
    holding = [tried for tried in every if judge(tried).holds]
    nearest = None if holding else min(every, key=_missing)
    best = tuple(front(holding, objectives))
    return Optimised(best, len(done), len(every), len(holding), tuple(failures.values()), nearest)


def excess(tried: Tried) -> dict[str, float]:
    """By how much each limit is missed, as a fraction of it, and how far the system is from keeping up; <= 0 holds."""
    assert tried.summary is not None, tried
    found = {"verdict": LATE[tried.summary.verdict]}
    for number, held in enumerate(tried.summary.slos):
        for sign, bound, name in ((1.0, held.max, "max"), (-1.0, held.min, "min")):
            if bound is not None:
                over = 1.0 if held.value is None else sign * (held.value - bound) / (abs(bound) or 1.0)
                found[f"{number} {held.metric} {name}"] = over
    return found


def _missing(tried: Tried) -> float:
    return sum(max(0.0, over) for over in excess(tried).values())


def _undefined(tried: Tried, objectives: Sequence[Objective]) -> str:
    assert tried.summary is not None, tried
    told = ((one.key, tried.summary.metrics[one.key]) for one in objectives)
    return next(f"{key} is undefined: {estimate.reason}" for key, estimate in told if estimate.mean is None)


def _sampler(name: Sampler, seed: int, number: int) -> Any:
    """A sampler whose chance depends on the seed and on how many points there are, not on what process it is in."""
    import optuna

    own = int(np.random.default_rng([seed, number]).integers(2**31))
    if name == "random":
        return optuna.samplers.RandomSampler(seed=own)
    if name == "nsga2":
        return optuna.samplers.NSGAIISampler(seed=own, population_size=5 * TOGETHER)
    return optuna.samplers.TPESampler(seed=own, n_startup_trials=STARTUP, multivariate=True, constant_liar=True)


def _distribution(one: Dimension) -> Any:
    from optuna import distributions

    if not isinstance(one, Span):
        return distributions.CategoricalDistribution([json.dumps(value) for value in one.values])
    if one.whole:
        return distributions.IntDistribution(int(one.low), int(one.high))
    return distributions.FloatDistribution(float(one.low), float(one.high))


def _values(space: Sequence[Dimension], params: dict[str, Any]) -> dict[str, Any]:
    """The values that Optuna chose, as the scenario has them."""
    return {one.key: params[one.key] if isinstance(one, Span) else json.loads(params[one.key]) for one in space}
