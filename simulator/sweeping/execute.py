"""Jobs on the cores of this machine, or on a Dask cluster: engines that exist, by way of joblib."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import BrokenProcessPool, TerminatedWorkerError

from simulator.sweeping.work import Done, Job, work

Backend = Literal["loky", "dask"]
TRIES = 2  # a job whose worker died is tried once more: it may have been another job's fault


def execute(
    jobs: Sequence[Job], workers: int | None = None, backend: Backend = "loky", client: Any = None
) -> Iterator[Done]:
    """Do `jobs`, and tell of each when it is over, in the order in which they end.

    A worker that dies takes no other job with it: what is left is begun anew, and a job that was under way each time is
    told of as failed. With one worker, jobs are done in this process.
    """
    left = list(jobs)
    for _ in range(TRIES):
        over: set[str] = set()
        try:
            for done in _parallel(left, workers, backend, client):
                over.add(done["key"])
                yield done
            return
        except (TerminatedWorkerError, BrokenProcessPool):
            left = [job for job in left if job["key"] not in over]
    # Each of the rest has a pool of its own, so that it is known whose worker dies.
    for job in left:
        try:
            yield from _parallel([job], 2, backend, client)
        except (TerminatedWorkerError, BrokenProcessPool):
            yield {"key": job["key"], "wall_s": 0.0, "error": "its worker died (out of memory, or killed)"}


def _parallel(jobs: Iterable[Job], workers: int | None, backend: Backend, client: Any) -> Iterator[Done]:
    count = os.cpu_count() or 1 if workers is None else workers
    engine: AbstractContextManager[Any] = nullcontext()
    if backend == "dask":
        engine = parallel_config(backend="dask", client=client)
    elif count > 1:
        engine = parallel_config(backend="loky", n_jobs=count, inner_max_num_threads=1)
    with engine:
        n_jobs = count if backend == "loky" else -1
        yield from Parallel(n_jobs=n_jobs, return_as="generator_unordered")(delayed(work)(job) for job in jobs)
