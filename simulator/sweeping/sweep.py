"""`sweep`: many runs of one scenario, and the one tidy table that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from simulator.records.sweep import check_folder, clear_abandoned, read_failures, tidy
from simulator.spec.errors import Problem, SpecError
from simulator.spec.load import load
from simulator.spec.merge import Override
from simulator.spec.messages import text_of
from simulator.spec.reader import dotted
from simulator.spec.sweep import SweepSpec
from simulator.sweeping.cluster import check_shared, cluster, shake_hands
from simulator.sweeping.execute import Backend, execute
from simulator.sweeping.plan import Plan, plan
from simulator.sweeping.work import Done

Told = Callable[[Done, int, int], None]  # a point is over: which, how many are, of how many


class SweepFailed(Exception):  # noqa: N818
    """Some points have no result; the others are kept: the same sweep, run again, tries only those that have none."""

    def __init__(self, failures: Mapping[str, str], folder: Path) -> None:
        first = next(iter(failures.values()))
        several = "" if len(failures) == 1 else f" (and {len(failures) - 1} more)"
        super().__init__(f"{len(failures)} of the points failed: {first}{several}; see {folder}/failed")
        self.failures = failures
        self.folder = folder


def sweep(
    source: str | Path,
    *,
    grid: Mapping[str, Sequence[Any]] | None = None,
    zip: Mapping[str, Sequence[Any]] | None = None,
    list: Sequence[Mapping[str, Any]] | None = None,
    sample: Mapping[str, Any] | None = None,
    sets: Sequence[str | Override] = (),
    profiles: Iterable[str | Path] = (),
    folder: str | Path | None = None,
    jobs: int | None = None,
    backend: Backend = "loky",
    client: Any = None,
) -> pd.DataFrame:
    """Run every point of a sweep that has no result yet, on all cores, and give all of them as one tidy table.

    What varies is given here, with dotted keys (`grid={"fleet.edge.replicas": [1, 2, 4]}`), or in the scenario's
    `sweep`. The table has a row a point and replication: the varied keys, `replication`, `verdict`, and a column a
    metric, in base units. Results are kept in `folder` (`sweeps/<name>-<hash>`), one folder a point. With the backend
    "dask", `client` is a Dask client; without one, a cluster of `jobs` processes is begun on this machine.

    Raises SpecError before anything runs if any point is wrong, SweepFailed after all else has run if some failed.
    """
    said = {"grid": grid, "zip": zip, "list": list, "sample": sample}
    given = {key: value for key, value in said.items() if value is not None}
    shelves = tuple(profiles)
    spec = spec_of(source, given, sets, shelves)
    where = None if folder is None else Path(folder)
    made = plan(source, spec, sets, shelves, where, "sweep" if given else None)
    with nullcontext(client) if client is not None or backend == "loky" else cluster(None, jobs) as engine:
        run_plan(made, jobs, backend, engine)
    failures = failed(made)
    if failures:
        raise SweepFailed(failures, made.folder)
    return tidy(made.folder, made.index)


def spec_of(
    source: str | Path,
    given: Mapping[str, Any],
    sets: Sequence[str | Override] = (),
    profiles: Iterable[str | Path] = (),
) -> SweepSpec:
    """What varies: as given, or else as the scenario's `sweep` says. SpecError where neither says anything."""
    if given:
        try:
            return SweepSpec.model_validate(_plain(given))
        except ValidationError as error:
            raise SpecError([Problem("sweep", dotted(one["loc"]), text_of(one)) for one in error.errors()]) from None
    scenario = load(source, sets, tuple(profiles))
    if scenario.spec.sweep is None:
        raise scenario.error("", "varies nothing: give it a 'sweep', or name keys and values with --grid")
    return scenario.spec.sweep


def _plain(value: Any) -> Any:
    """Arrays, ranges and numbers of NumPy and pandas as plain lists and numbers."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, range | list | tuple) else value


def run_plan(
    made: Plan,
    jobs: int | None = None,
    backend: Backend = "loky",
    client: Any = None,
    told: Told | None = None,
    most_failures: int | None = None,
    fresh: bool = False,
) -> None:
    """Run what is left of a plan (all of it, if `fresh`), up to `most_failures` failed points.

    `told` hears of each point that is over. Raises, before anything runs or is removed, ResultError where the folder
    holds something else, and ClusterError where the workers of `client` run other versions or see other files.
    """
    check_folder(made.folder)
    if backend == "dask":
        shake_hands(client)
    clear_abandoned(made.folder)
    index = made.index.write(made.folder)
    if backend == "dask":
        check_shared(client, index)
    if fresh:
        made.forget()
    left = made.left()
    failures = 0
    for over, done in enumerate(execute(left, jobs, backend, client), 1):
        if told is not None:
            told(done, over, len(left))
        failures += bool(done["error"])
        if most_failures is not None and failures > most_failures:
            return


def failed(made: Plan) -> dict[str, str]:
    """Errors of this plan's points that have no result."""
    ours = {job["key"] for job in made.jobs}
    return {key: error for key, error in read_failures(made.folder).items() if key in ours}
