"""A Dask cluster: reached, and asked whether its workers run what we run."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from simulator.spec.errors import one_line

PACKAGES = ("multillm-sim", "simpy", "numpy", "scipy", "pandas", "pydantic", "duckdb", "scikit-learn", "joblib")
ANSWERS_WITHIN_S = 5
J = TypeVar("J")
D = TypeVar("D")


class ClusterError(Exception):
    """The cluster cannot be reached, or its workers run other versions."""


def versions() -> dict[str, str]:
    """Versions that results may depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "missing"
    return found


@contextmanager
def cluster(address: str | None, workers: int | None = None) -> Iterator[Any]:
    """A client of the scheduler at `address`, or of a cluster of processes on this machine where it is None.

    Raises ClusterError where nobody answers.
    """
    try:
        from dask import distributed
    except ImportError:
        raise ClusterError("--backend dask needs the extra 'cluster': pip install 'multillm-sim[cluster]'") from None
    with ExitStack() as open_:
        try:
            where = address or open_.enter_context(
                distributed.LocalCluster(
                    n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
                )
            )
            client = open_.enter_context(distributed.Client(where, timeout=ANSWERS_WITHIN_S))
        except (OSError, ValueError) as error:
            raise ClusterError(f"no Dask scheduler answers at {address}: {one_line(str(error))}") from None
        yield client


def shake_hands(client: Any) -> None:
    """Ask whether all workers run what we run. Raises ClusterError with a table of what differs."""
    try:
        theirs = client.run(versions)
    except Exception as error:  # whatever a worker raises that cannot even import us
        told = one_line(f"{type(error).__name__}: {error}")
        raise ClusterError(f"a worker of the cluster cannot run multillm-sim: {told}") from None
    if not theirs:
        raise ClusterError("the cluster has no workers")
    if told := differences(versions(), theirs):
        raise ClusterError(f"workers of the cluster run other versions:\n{told}")


def check_shared(client: Any, file: Path) -> None:
    """Ask whether all workers see a file of ours. Raises ClusterError where one does not."""
    blind = sorted(worker for worker, sees in client.run(os.path.exists, str(file)).items() if not sees)
    if blind:
        raise ClusterError(
            f"worker {blind[0]} does not see {file}: workers need the folder on a file system they share"
        )


def submitted(client: Any, work: Callable[[J], D], jobs: Sequence[J]) -> Iterator[tuple[J, D | None]]:
    """Every job with what came of it, in the order in which they end; None where the workers that had it died.

    Such a job need not be the cause: Dask blames all that a worker had been given. Raises ClusterError where the
    cluster gives a job up.
    """
    from dask.distributed import KilledWorker, as_completed

    left = {client.submit(work, job, pure=False): job for job in jobs}
    try:
        for future, result in as_completed(list(left), with_results=True, raise_errors=False):
            job = left.pop(future)
            if future.status == "finished":
                yield job, result
            elif isinstance(error := future.exception() if future.status == "error" else None, KilledWorker):
                yield job, None
            else:
                raise ClusterError(f"the cluster gave up: {future.status}: {one_line(str(error))}")
    finally:
        client.cancel(list(left))


def differences(ours: Mapping[str, str], theirs: Mapping[str, Mapping[str, str]]) -> str:
    """A table of the packages whose versions differ: a line a package and version, with who has it. Empty if none."""
    rows = [("package", "here", "there", "workers")]
    for package, version in ours.items():
        has: dict[str, list[str]] = {}
        for worker, said in sorted(theirs.items()):
            has.setdefault(said.get(package, "missing"), []).append(worker)
        rows += [(package, version, other, ", ".join(who)) for other, who in has.items() if other != version]
    if len(rows) == 1:
        return ""
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  ".join([*(f"{cell:{width}}" for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows
    )
