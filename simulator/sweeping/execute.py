"""Jobs on the cores of this machine (joblib's loky), or on a Dask cluster: engines that exist."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Literal

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import BrokenProcessPool, TerminatedWorkerError

from simulator.records.sweep import is_finished
from simulator.sweeping.cluster import submitted
from simulator.sweeping.work import Done, Job, failed, work

Backend = Literal["loky", "dask"]
AHEAD = 2  # jobs given to loky for each worker, so that none waits
IDLE_S = 5  # after which a worker without work ends itself: that of a sweep that was killed, too
DIED = "its worker died (out of memory, or killed)"


def execute(
    jobs: Sequence[Job], workers: int | None = None, backend: Backend = "loky", client: Any = None
) -> Iterator[Done]:
    """Do `jobs`, and tell of each when it is over, in the order in which they end.

    A worker that dies takes no other job with it: those that may have been under way are done again, each by itself,
    and one whose worker dies once more has failed. With one worker, jobs are done in this process.
    """
    if backend == "dask":
        return _on_cluster(jobs, client)
    return _on_cores(jobs, (os.cpu_count() or 1) if workers is None else workers)


def _on_cluster(jobs: Sequence[Job], client: Any) -> Iterator[Done]:
    suspects: list[Job] = []
    for job, done in submitted(client, work, jobs):
        if done is None:
            suspects.append(job)
        else:
            yield done
    for suspect in suspects:
        for job, done in submitted(client, work, [suspect]):
            yield failed(job, DIED) if done is None else done


def _on_cores(jobs: Sequence[Job], count: int) -> Iterator[Done]:
    left = list(jobs)
    while left:
        over: set[str] = set()
        try:
            for done in _parallel(left, count):
                over.add(done["key"])
                yield done
            return
        except (TerminatedWorkerError, BrokenProcessPool):
            left = [job for job in left if job["key"] not in over]
            under_way = _unfinished(left)[: AHEAD * count]  # jobs are begun in their order
        for job in under_way:
            yield from _alone(job)
        told = {job["key"] for job in under_way}
        left = [job for job in left if job["key"] not in told]


def _unfinished(jobs: Iterable[Job]) -> list[Job]:
    return [job for job in jobs if not is_finished(Path(job["folder"]), job["key"])]


def _alone(job: Job) -> Iterator[Done]:
    """One job in a pool of its own, so that it is known whose worker dies."""
    try:
        yield from _parallel([job], 2)
    except (TerminatedWorkerError, BrokenProcessPool):
        yield failed(job, DIED)


def _parallel(jobs: Iterable[Job], count: int) -> Iterator[Done]:
    engine: AbstractContextManager[Any] = nullcontext()
    if count > 1:
        engine = parallel_config("loky", n_jobs=count, inner_max_num_threads=1, idle_worker_timeout=IDLE_S)
    parallel = Parallel(n_jobs=count, return_as="generator_unordered", batch_size=1, pre_dispatch=f"{AHEAD} * n_jobs")
    with engine:
        yield from parallel(delayed(work)(job) for job in jobs)
