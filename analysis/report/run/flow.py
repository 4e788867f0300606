"""Which way queries go: from their class over the pools that are asked to what came of them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from analysis.report.figure import GREY, Figure, Pools, absent, rounded, shown
from analysis.report.run.measured import GONE, Measured

NOBODY = "no pool"
OUTCOMES = {"right": "#44BB99", "wrong": "#EE8866", "finished, not scored": "#77AADD"}


def flow(run: Measured, pools: Pools) -> Figure:
    """The Sankey diagram of measured queries: class, first pool asked, pool that answered, outcome."""
    name, title = "flow", "From class to pool to outcome"
    queries = run.queries
    if queries.empty:
        return absent(name, title, "No query arrived in the measured window.")
    paths = _paths(queries, run.answers)
    links = _links(paths)
    nodes = list(dict.fromkeys([*links["source"], *links["target"]]))
    at = {node: number for number, node in enumerate(nodes)}
    whole = len(queries)
    shares = links["queries"].to_numpy(np.float64) / whole
    trace = {
        "type": "sankey",
        "node": {
            "label": [shown(label) for _, label in nodes],
            "color": [_colour(node, pools) for node in nodes],
            **{"pad": 18, "thickness": 16, "line": {"width": 0}},
            "hovertemplate": "%{label}: %{value:,.0f} queries<extra></extra>",
        },
        "link": {
            "source": [at[node] for node in links["source"]],
            "target": [at[node] for node in links["target"]],
            "value": links["queries"].tolist(),
            "customdata": rounded(100 * shares),
            "color": "rgba(128,128,128,0.3)",
            "hovertemplate": "%{source.label} to %{target.label}: %{value:,.0f} queries, %{customdata:.3g} % of all"
            "<extra></extra>",
        },
    }
    data = pd.DataFrame(
        {
            "from": [label for _, label in links["source"]],
            "to": [label for _, label in links["target"]],
            "queries": links["queries"].to_numpy(),
            "share": shares,
        }
    )
    reading = (
        "The width of a band is its number of queries: from the class, to the pool that was asked first, over a "
        "further pool where that one's answer was taken, to the outcome; right is a score of 0.5 or more."
    )
    return Figure(name, title, reading, data, (trace,), {})


def _paths(queries: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """How many queries have each class, first pool, answering pool and outcome."""
    begins = answers[(answers["row"] != GONE).to_numpy(bool) & ~answers["group"].duplicated().to_numpy(bool)]
    pool = pd.Categorical(begins["pool"])
    first = np.full(len(queries), -1)
    first[begins["row"].to_numpy()] = pool.codes
    finished, score = (queries["fate"] == "finished").to_numpy(bool), queries["score"].to_numpy(np.float64)
    fates = pd.Categorical(queries["fate"])
    kinds = [*OUTCOMES, *fates.categories]
    of_fate = len(OUTCOMES) + fates.codes.astype(np.int64)
    outcome = np.where(finished, np.select([score >= 0.5, score < 0.5], [0, 1], default=2), of_fate)
    kept = pd.DataFrame(
        {
            "cls": pd.Categorical(queries["cls"]),
            "first": pd.Categorical.from_codes(first, pool.categories),
            "last": pd.Categorical(queries["pool"]),
            "outcome": pd.Categorical.from_codes(outcome, pd.Index(kinds)),
        }
    )
    counts = kept.groupby(list(kept), observed=True, dropna=False).size().rename("queries").reset_index()
    counts = counts.sort_values("queries", ascending=False, kind="stable").astype({"first": object, "last": object})
    return counts.fillna({"first": NOBODY, "last": ""})


def _links(paths: pd.DataFrame) -> pd.DataFrame:
    """Bands between nodes; a node is its column and its label."""
    steps: list[tuple[tuple[str, str], tuple[str, str], int]] = []
    for row in paths.to_dict("records"):
        way = [("cls", row["cls"]), ("first", row["first"])]
        if row["last"] not in ("", row["first"]):
            way.append(("then", f"then {row['last']}"))
        way.append(("outcome", row["outcome"]))
        steps += [(a, b, row["queries"]) for a, b in pairwise(way)]
    links = pd.DataFrame(steps, columns=["source", "target", "queries"])
    return links.groupby(["source", "target"], sort=False)["queries"].sum().reset_index()


def _colour(node: tuple[str, str], pools: Pools) -> str:
    column, label = node
    if column == "outcome":
        return OUTCOMES.get(label, GREY)
    return pools.colour(label.removeprefix("then ") if column == "then" else label) if column != "cls" else GREY
