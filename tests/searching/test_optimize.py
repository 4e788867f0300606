from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from searching_world import TINY

from simulator.searching.judge import judge
from simulator.searching.optimize import Optimised, Sampler, optimize
from simulator.searching.pareto import Objective
from simulator.searching.points import Points
from simulator.searching.space import space
from simulator.spec.errors import SpecError

pytest.importorskip("optuna")

VARY = ("fleet.one.max_seqs=1..8", "fleet.one.replicas=1,2", "fleet.one.max_batched_tok=128,2048")
OBJECTIVES = (Objective("energy_j_per_query"), Objective("e2e_s.mean"))


def searched(folder: str, trials: int, sampler: Sampler = "tpe", seed: int = 0) -> tuple[Points, Optimised]:
    points = Points("tiny.yaml", folder=folder, jobs=1)
    return points, optimize(points, space(VARY), OBJECTIVES, trials, sampler, seed)


@pytest.mark.parametrize(("sampler", "trials"), [("tpe", 14), ("nsga2", 6), ("random", 6)])
def test_a_search_is_a_function_of_its_seed(tiny: Path, sampler: Sampler, trials: int) -> None:
    one, first = searched("kept", trials, sampler)
    again, second = searched("kept", trials, sampler)  # the results are there
    assert [tried.values for tried in one.tried] == [tried.values for tried in again.tried]
    assert [placed.tried.key for placed in first.best] == [placed.tried.key for placed in second.best]
    changed, _ = searched("kept", 4, sampler, seed=1)
    assert [tried.values for tried in changed.tried][:4] != [tried.values for tried in one.tried][:4]


def test_a_search_that_goes_on_runs_only_what_is_new(tiny: Path) -> None:
    short, _ = searched("kept", 4)
    before = {file: file.stat().st_mtime_ns for file in Path("kept/points").iterdir()}
    longer, found = searched("kept", 8)
    assert [tried.values for tried in longer.tried][: len(short.tried)] == [tried.values for tried in short.tried]
    assert {file: file.stat().st_mtime_ns for file in before} == before
    assert found.trials == 8


def test_only_what_holds_the_limits_is_among_the_best(tiny: Path) -> None:
    tiny.write_text(TINY.replace("max: 10}", "max: 6}"))
    points, found = searched("kept", 8)
    assert all(judge(placed.tried).holds for placed in found.best)
    assert any(not judge(tried).holds for tried in points.tried)
    assert found.holding == sum(judge(tried).holds for tried in {tried.key: tried for tried in points.tried}.values())


def test_where_nothing_holds_the_nearest_is_named(tiny: Path) -> None:
    tiny.write_text(TINY.replace("max: 10}", "max: 0.001}"))
    points, found = searched("kept", 4)
    assert (found.best, found.holding) == ((), 0)
    values = {tried.key: tried.summary.slos[0].value for tried in points.tried if tried.summary is not None}
    assert found.nearest is not None
    assert values[found.nearest.key] == min(value for value in values.values() if value is not None)


def test_a_point_that_cannot_be_built_is_a_failure_and_the_search_goes_on(tiny: Path) -> None:
    vary = space(["fleet.one.model=llama-3.2-1b,llama-3.1-70b"])
    found = optimize(Points("tiny.yaml", folder="kept", jobs=1), vary, OBJECTIVES, 8)
    assert found.points == 1
    assert len(found.failures) == 1


def test_an_objective_that_has_no_value_is_an_error(tiny: Path) -> None:
    with pytest.raises(SpecError, match=r"no point has a value: accuracy is undefined: no query has an item"):
        optimize(Points("tiny.yaml", folder="kept", jobs=1), space(VARY), [Objective("accuracy", largest=True)], 4)


def test_an_unknown_key_is_an_error_before_anything_runs(tiny: Path) -> None:
    with pytest.raises(SpecError, match=r"did you mean 'replicas'"):
        optimize(Points("tiny.yaml", folder="kept", jobs=1), space(["fleet.one.replica=1..4"]), OBJECTIVES, 4)
    assert not Path("kept").exists()


def volume(points: np.ndarray, reference: np.ndarray) -> float:
    """Area that points of two costs dominate, up to the reference: rectangles under the stairs."""
    total, least = 0.0, reference[1]
    for first, second in sorted(map(tuple, points)):
        if first < reference[0] and second < least:
            total += (reference[0] - first) * (least - second)
            least = second
    return total


@pytest.mark.slow
def test_the_search_beats_chance_at_a_hundred_trials(tmp_path: Path) -> None:
    """Joules against accuracy of a cascade: the median hypervolume over five seeds."""
    vary = space(
        [
            "policy.accept.edge=-2.0..0.0",
            "fleet.edge.replicas=1..8",
            "fleet.edge.max_seqs=1..16",
            "fleet.cloud.replicas=1..4",
            "fleet.cloud.max_seqs=1..64",
        ]
    )
    objectives = (Objective("energy_j_per_query"), Objective("accuracy", largest=True))
    sets = ("run.queries=150", "run.replications=1", "run.warmup_s=0")
    fronts: dict[str, list[np.ndarray]] = {"tpe": [], "random": []}
    for sampler, found in fronts.items():
        for seed in range(5):
            points = Points("quickstart", sets, folder=tmp_path / "kept")
            optimize(points, vary, objectives, 100, sampler, seed)  # type: ignore[arg-type]
            holding = [one.summary.metrics for one in points.tried if one.summary is not None and judge(one).holds]
            found.append(np.array([(told["energy_j_per_query"].mean, -told["accuracy"].mean) for told in holding]))  # type: ignore[operator]
    reference = np.max(np.concatenate([one for found in fronts.values() for one in found]), axis=0)
    medians = {name: float(np.median([volume(one, reference) for one in found])) for name, found in fronts.items()}
    assert medians["tpe"] > medians["random"], medians
