"""The fleet as a map: classes, pools, and arrows with the shares of queries that go along them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from analysis.grids import amount
from analysis.report.figure import GREY, Figure, Pools, absent, rounded, shown
from analysis.report.run.measured import Measured

Place = tuple[float, float]


def fleet(run: Measured, pools: Pools) -> Figure:
    """Classes to the left, pools to the right with their joules; arrows say what share of queries asks whom next."""
    name, title = "fleet", "The fleet"
    ways = _ways(run.queries, run.answers)
    if ways.empty:
        return absent(name, title, "No measured query was asked of any pool.")
    spent_j = _spent_j(run, pools)
    ways["share"] = ways["queries"] / len(run.queries)
    ways["to_energy_j_per_query"] = ways["to"].map(spent_j)
    classes = sorted(ways.loc[ways["from_class"], "from"].unique())
    places: dict[tuple[bool, str], Place] = {}
    places |= {(True, cls): (0.0, y) for cls, y in zip(classes, _spread(len(classes)), strict=True)}
    places |= {
        (False, pool): (1.0 + 0.25 * (number % 2), y)
        for number, (pool, y) in enumerate(zip(pools.names, _spread(len(pools.names)), strict=True))
    }
    devices = {line.pool: line.device for line in run.summary.pools}
    said = {
        (False, pool): f"<b>{shown(pool)}</b><br>{shown(devices[pool])}<br>{_joules(spent_j[pool])}"
        for pool in pools.names
    } | {(True, cls): f"<b>{shown(cls)}</b>" for cls in classes}
    nodes = {
        **{"type": "scatter", "mode": "markers+text", "showlegend": False, "hoverinfo": "skip", "cliponaxis": False},
        "x": [x for x, _ in places.values()],
        "y": [y for _, y in places.values()],
        "text": [said[node] for node in places],
        "textposition": ["top center" if is_class else "middle right" for is_class, _ in places],
        "marker": {"size": 22, "color": [GREY if is_class else pools.colour(node) for is_class, node in places]},
    }
    lines = list(ways.itertuples(index=False))
    ends = [(places[bool(line[0]), str(line[1])], places[False, str(line[2])]) for line in lines]
    shares = ways["share"].to_numpy(np.float64)
    middles = [(0.45 * a[0] + 0.55 * b[0], 0.45 * a[1] + 0.55 * b[1]) for a, b in ends]
    labels = {
        **{"type": "scatter", "mode": "text", "showlegend": False},
        "x": rounded(x for x, _ in middles),
        "y": rounded(y for _, y in middles),
        "text": [f"{100 * share:.3g} %" for share in shares],
        "customdata": ways["queries"].tolist(),
        "hovertemplate": "%{text} of all queries: %{customdata:,}<extra></extra>",
        "textposition": "middle right",
    }
    hidden = {"visible": False, "fixedrange": True}
    layout = {
        "xaxis": {**hidden, "range": [-0.3, 2.1]},
        "yaxis": {**hidden, "range": [-0.25, 1.25]},
        "annotations": [_arrow(*pair, share) for pair, share in zip(ends, shares, strict=True)],
    }
    reading = (
        "Grey is a class of queries, a colour a pool; an arrow, as wide as its share of all queries, goes to the pool "
        "that is asked first or next, and joules are those of the pool spread over all queries."
    )
    return Figure(name, title, reading, ways.drop(columns="from_class"), (nodes, labels), layout)


def _ways(queries: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """How many queries go from a class to its first pools, and from a pool to the one that is asked next."""
    keys = ["replication", "query"]
    calls = answers.merge(queries[[*keys, "cls"]], on=keys).sort_values([*keys, "asked_s"], kind="stable")
    pool = calls["pool"].astype(object)
    is_first = calls["asked_s"] == calls.groupby(keys)["asked_s"].transform("min")
    before = pool.groupby([calls[key] for key in keys]).shift()
    ways = calls[keys].assign(
        from_class=is_first, **{"from": calls["cls"].astype(object).where(is_first, before), "to": pool}
    )
    ways = ways[ways["from_class"] | (ways["from"] != ways["to"])].drop_duplicates()
    return ways.groupby(["from_class", "from", "to"]).size().rename("queries").reset_index()


def _spent_j(run: Measured, pools: Pools) -> dict[str, float]:
    """Joules per query of each pool; NaN where those of any of its parts are unknown."""
    ledger = run.tables.ledger
    unknown = set(ledger.loc[ledger["window"].to_numpy(bool) & ledger["energy_j"].isna().to_numpy(bool), "pool"])
    parts = run.summary.energy
    return {
        pool: np.nan if pool in unknown else sum(part.energy_j_per_query for part in parts if part.where == pool)
        for pool in pools.names
    }


def _joules(spent_j: float) -> str:
    return "joules unknown" if np.isnan(spent_j) else f"{amount(spent_j, 'J')} per query" if spent_j else "no joules"


def _spread(n: int) -> list[float]:
    """Heights of n things, the first at the top."""
    return [0.5] if n == 1 else np.linspace(1, 0, n).tolist()


def _arrow(start: Place, end: Place, share: float) -> dict[str, Any]:
    """An arrow that stops short of the marks at its ends."""
    return {
        **{"x": end[0], "y": end[1], "ax": start[0], "ay": start[1], "xref": "x", "yref": "y", "axref": "x"},
        **{"ayref": "y", "text": "", "showarrow": True, "arrowhead": 2, "arrowcolor": GREY, "opacity": 0.7},
        **{"arrowwidth": 1 + 5 * share, "arrowsize": 0.6 if share > 0.3 else 1, "standoff": 14, "startstandoff": 14},
    }
