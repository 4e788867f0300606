"""A progress bar on standard error: replications, and the queries that came."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.spec.scenario import RunSpec


@contextmanager
def progress(spec: RunSpec, show: bool = True) -> Iterator[Callable[[int, int], None] | None]:
    """What `running.run` tells its progress to; None, and no bar, where standard error is no terminal."""
    if not (show and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("replication {task.fields[number]} of {task.fields[replications]}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} queries"),
        TimeElapsedColumn(),
    )
    each = spec.queries  # unknown where the run ends by the clock: then the bar only says that something goes on
    total = None if each is None else each * spec.replications
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total, number=1, replications=spec.replications)
        before = 0  # queries of the replications that are over
        last = (0, 0)

        def told(replication: int, came: int) -> None:
            nonlocal before, last
            if replication > last[0]:
                before += each or last[1]
            last = (replication, came)
            bar.update(task, completed=before + came, number=replication + 1)

        yield told
