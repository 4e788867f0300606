"""Jobs on the cores of this machine, or on a Dask cluster: engines that exist, by way of joblib."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Literal

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import BrokenProcessPool, TerminatedWorkerError

from simulator.records.sweep import is_finished
from simulator.sweeping.work import Done, Job, failed, work

Backend = Literal["loky", "dask"]
AHEAD = 2  # jobs given to the engine for each worker, so that none waits

IDLE_S = 5  # after which a worker without work ends itself: that of a sweep that was killed, too


class _Died(Exception):  # noqa: N818
    """A worker died, and it is not known during which job."""


def execute(
    jobs: Sequence[Job], workers: int | None = None, backend: Backend = "loky", client: Any = None
) -> Iterator[Done]:
    """Do `jobs`, and tell of each when it is over, in the order in which they end.

    A worker that dies takes no other job with it: those that were under way are done again, each by itself, and one
    whose worker dies once more has failed. With one worker, jobs are done in this process.
    """
    count = (os.cpu_count() or 1) if workers is None else workers
    if backend == "dask":
        count = sum(client.nthreads().values())
    left = list(jobs)
    while left:
        over: set[str] = set()
        try:
            for done in _parallel(left, count, backend, client):
                over.add(done["key"])
                yield done
            return
        except _Died:
            left = [job for job in left if job["key"] not in over]
            under_way = _unfinished(left)[: AHEAD * count]
        for job in under_way:
            yield from _alone(job, backend, client)
        told = {job["key"] for job in under_way}
        left = [job for job in left if job["key"] not in told]


def _unfinished(jobs: Iterable[Job]) -> list[Job]:
    return [job for job in jobs if not is_finished(Path(job["folder"]), job["key"])]


def _alone(job: Job, backend: Backend, client: Any) -> Iterator[Done]:
    """One job in a pool of its own, so that it is known whose worker dies."""
    try:
        yield from _parallel([job], 2, backend, client)
    except _Died:
        yield failed(job, "its worker died (out of memory, or killed)")


def _parallel(jobs: Iterable[Job], count: int, backend: Backend, client: Any) -> Iterator[Done]:
    """What comes of jobs, which are begun in their order. Raises _Died."""
    engine: AbstractContextManager[Any] = nullcontext()
    if backend == "dask":
        engine = parallel_config(backend="dask", client=client)
    elif count > 1:
        engine = parallel_config("loky", n_jobs=count, inner_max_num_threads=1, idle_worker_timeout=IDLE_S)
    parallel = Parallel(
        n_jobs=count if backend == "loky" else -1,
        return_as="generator_unordered",
        batch_size=1,
        pre_dispatch=f"{AHEAD} * n_jobs",
    )
    try:
        with engine:
            yield from parallel(delayed(work)(job) for job in jobs)
    except (TerminatedWorkerError, BrokenProcessPool) as error:
        raise _Died from error
    except Exception as error:
        if type(error).__name__ == "KilledWorker":  # Dask's, which may not be installed
            raise _Died from error
        raise
