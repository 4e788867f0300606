"""A Dask cluster: reached, and asked whether its workers run what we run."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from typing import Any

PACKAGES = ("multillm-sim", "simpy", "numpy", "scipy", "pandas", "pydantic", "duckdb", "scikit-learn", "joblib")


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

    Raises ClusterError, before anything runs, where nobody answers or where a worker has other versions than we have.
    """
    try:
        from dask import distributed
    except ImportError:
        raise ClusterError("--backend dask needs the extra 'cluster': pip install 'multillm-sim[cluster]'") from None
    local = None
    try:
        if address is None:
            local = distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
        client = distributed.Client(local or address, timeout=10)
    except (OSError, ValueError) as error:
        raise ClusterError(f"no Dask scheduler answers at {address}: {error}") from None
    try:
        theirs = client.run(versions)
        if not theirs:
            raise ClusterError(f"the cluster at {address} has no workers")
        if told := differences(versions(), theirs):
            raise ClusterError(f"the cluster's workers run other versions:\n{told}")
        yield client
    finally:
        client.close()
        if local is not None:
            local.close()


def differences(ours: Mapping[str, str], theirs: Mapping[str, Mapping[str, str]]) -> str:
    """A table of the packages whose versions differ, a line each; empty where none does."""
    rows = [
        f"  {worker}: {package} {said.get(package, 'missing')}, here {version}"
        for worker, said in sorted(theirs.items())
        for package, version in ours.items()
        if said.get(package) != version
    ]
    return "\n".join(rows)
