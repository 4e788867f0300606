"""Dollars and grams of CO2-equivalent per query, by what they are for and whose they are."""

from __future__ import annotations

import pandas as pd

from analysis.report.figure import Figure, Pools, absent, groups, rounded, shown
from analysis.report.run.measured import Measured

EMBODIED = "embodied"
KINDS = {
    "host": "hosts",
    "replica": "replicas",
    "link": "links",
    "hosted": "hosted APIs",
    "station": "stations",
}


def cost(run: Measured, pools: Pools) -> Figure:
    """Dollars per 1,000 queries."""
    told = (
        "Each bar is what things of one kind cost for 1,000 queries that arrive: the hire of hosts, hosted APIs by "
        "the token; bought hosts, electricity and links have no price here."
    )
    return _bars(run, pools, "cost", "Cost", "cost_usd", ("$ per 1,000 queries", 1e3), told)


def carbon(run: Measured, pools: Pools) -> Figure:
    """Milligrams of CO2-equivalent per query."""
    told = (
        "Each bar is CO2-equivalent per query of the power of one kind of thing: hosts at rest, replicas at work; "
        "embodied is that of the hardware's making."
    )
    return _bars(run, pools, "carbon", "Carbon", "co2_g", ("mg CO2e per query", 1e3), told)


def _bars(
    run: Measured, pools: Pools, name: str, title: str, column: str, unit: tuple[str, float], reading: str
) -> Figure:
    """A column of the ledger per measured query: kinds of things along the axis, pools stacked."""
    ledger = run.tables.ledger
    ledger = ledger[ledger["window"].to_numpy(bool)]
    arrived = len(run.queries)
    kind = ledger["kind"].astype(object).map(KINDS).where(ledger["phase"] != "embodied", EMBODIED)
    where = ledger["pool"].astype(object).fillna("no one pool's")
    sums = ledger[column].groupby([kind.rename("of"), where.rename("where")], sort=False).sum(min_count=1)
    sums = sums[sums > 0] / max(arrived, 1)
    if sums.empty or not arrived:
        return absent(name, title, "It is zero or unknown.")
    data = sums.rename(f"{column}_per_query").reset_index()
    kinds = data.groupby("of")[f"{column}_per_query"].sum().sort_values(ascending=False).index.tolist()
    traces = tuple(
        {
            **{"type": "bar", "name": shown(pool), "marker": pools.bar(pool)},
            "x": part["of"].tolist(),
            "y": rounded(unit[1] * part[f"{column}_per_query"]),
            "hovertemplate": f"%{{x}}: %{{y:.4g}} {unit[0]}<extra>%{{fullData.name}}</extra>",
        }
        for pool, part in sorted(groups(data, "where"), key=lambda one: [*pools.names, one[0]].index(one[0]))
    )
    if ledger[column].isna().any():
        reading += " Only what is known is drawn: not all is."
    layout = {
        "barmode": "stack",
        "xaxis": {"type": "category", "categoryorder": "array", "categoryarray": kinds},
        "yaxis": {"title": {"text": unit[0]}},
    }
    return Figure(name, title, reading, pd.DataFrame(data), traces, layout)
