"""The fleet as a map: places with classes and pools, the ways that queries go, and the links between places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.report.figure import Figure, Pools, absent
from analysis.report.run.drawn_map import Map
from analysis.report.run.measured import Measured
from analysis.report.run.places import Link, places
from analysis.report.run.ways import Way, ways


def fleet(run: Measured, pools: Pools) -> Figure:
    """Classes and pools by place, and arrows that say what share of queries asks whom next and what that draws."""
    name, title = "fleet", "The fleet"
    n = len(run.queries)
    gone = ways(run, pools) if n else []
    if not gone:
        return absent(name, title, "No measured query was asked of any pool.")
    where = places(run, pools, list(dict.fromkeys(way.start for way in gone if way.of_class)))
    spent_j = _spent_j(run, pools)
    drawn = Map(where, pools, Counter(way.end for way in gone))
    lines = {line.pool: line for line in run.summary.pools}
    traces = (drawn.names(lines, spent_j), drawn.labels(gone, n), drawn.places(), *drawn.links())
    layout = {
        "height": int(drawn.height) + 20,
        "margin": {"l": 4, "r": 4, "t": 10, "b": 10},
        "xaxis": {"visible": False, "fixedrange": True, "range": [0, 1]},
        "yaxis": {"visible": False, "fixedrange": True, "range": [drawn.height, 0]},
        "shapes": [*drawn.frames(), *drawn.blocks(), *drawn.link_lines(), *drawn.arrows(gone, n)],
        "annotations": drawn.heads(gone, n),
        "hovermode": "closest",
    }
    reading = (
        "Grey is a class of queries, a colour a pool, a frame a place, a dotted line a link. An arrow, as wide as its "
        "share of all queries and coloured by where it comes from, goes to the pool that is asked first or next; it "
        "says the joules of the calls along it. A pool's joules are all that it draws, at rest too. All joules and "
        "bytes are spread over all queries."
    )
    return Figure(name, title, reading, _data(gone, where.links, spent_j, n), traces, layout)


def _data(gone: Sequence[Way], links: Sequence[Link], spent_j: dict[str, float], n: int) -> pd.DataFrame:
    """Ways, then links (which have a name): per query of all."""
    rows: list[dict[str, Any]] = [
        {
            **{"link": "", "from": way.start, "to": way.end, "queries": way.queries, "share": way.queries / n},
            **{"energy_j_per_query": way.energy_j / n, "to_energy_j_per_query": spent_j[way.end]},
        }
        for way in gone
    ]
    rows += [
        {
            **{"link": link.name, "from": link.between[0], "to": link.between[1], "energy_j_per_query": link.energy_j},
            **{"up_bytes_per_query": link.up_bytes, "down_bytes_per_query": link.down_bytes},
        }
        for link in links
    ]
    return pd.DataFrame(rows)


def _spent_j(run: Measured, pools: Pools) -> dict[str, float]:
    """Joules per query of each pool; NaN where those of any of its parts are unknown."""
    ledger = run.tables.ledger
    unknown = set(ledger.loc[ledger["window"].to_numpy(bool) & ledger["energy_j"].isna().to_numpy(bool), "pool"])
    parts = run.summary.energy
    return {
        pool: np.nan if pool in unknown else sum(part.energy_j_per_query for part in parts if part.where == pool)
        for pool in pools.names
    }
