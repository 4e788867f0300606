"""The fleet as a map: places with classes and pools, the ways that queries go, and the links between places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.grids import amount
from analysis.report.figure import GREY, Figure, Pools, absent, shown
from analysis.report.run.measured import Measured
from analysis.report.run.places import NOWHERE, Link, Places, places
from analysis.report.run.ways import ways

Node = tuple[bool, str]  # whether it is a class, and its name
LONGEST = 24  # characters of a name; the hover has all

# Down the map, in pixels (the axis has one a unit); across it, in shares of its width.
HEADER, CLASS_ROW, POOL_ROW, WAY_ROW, LINK_ROW, GAP = 28, 40, 84, 30, 46, 12
LANES, NODE, EDGE = (0.02, 0.17), (0.46, 0.49), 0.95


@dataclass(frozen=True)
class Rows:
    """How far down things are: from and to which pixel. Links lie above the later of their places."""

    places: Mapping[str, tuple[float, float]]
    nodes: Mapping[Node, tuple[float, float]]
    links: Mapping[str, tuple[float, float]]
    height: float


def fleet(run: Measured, pools: Pools) -> Figure:
    """Classes and pools by place, and arrows that say what share of queries asks whom next and what that draws."""
    name, title = "fleet", "The fleet"
    if not pools.names or not len(run.queries):
        return absent(name, title, "No measured query was asked of any pool.")
    data = ways(run, pools)
    if data.empty:
        return absent(name, title, "No measured query was asked of any pool.")
    n = len(run.queries)
    spent_j = _spent_j(run, pools)
    data["share"] = data["queries"] / n
    data["energy_j_per_query"] = data.pop("energy_j") / n
    data["to_energy_j_per_query"] = data["to"].map(spent_j)
    where = places(run, pools, sorted(data.loc[data["from_class"], "from"].unique()))
    incoming = data.groupby("to").size().to_dict()
    rows = _rows(where, pools, incoming)
    shapes, arrows, labels = _arrows(data, rows, pools)
    reading = (
        "Grey is a class of queries, a colour a pool, a frame a place. An arrow, as wide as its share of all queries and "
        "coloured by where it comes from, goes to the pool that is asked first or next; it says the joules of the calls "
        "along it. A pool's joules are all that it draws, at rest too. All joules and bytes are spread over all queries."
    )
    layout = {
        "height": int(rows.height) + 20,
        "margin": {"l": 4, "r": 4, "t": 10, "b": 10},
        "xaxis": {"visible": False, "fixedrange": True, "range": [0, 1]},
        "yaxis": {"visible": False, "fixedrange": True, "range": [rows.height, 0]},
        "shapes": [*_regions(rows), *_blocks(rows, pools), *_link_lines(where, rows), *shapes],
        "annotations": arrows,
        "hovermode": "closest",
    }
    traces = (_names(run, rows, spent_j), labels, _regions_names(rows), *_link_names(where.links, rows))
    links = pd.DataFrame([_link_row(link) for link in where.links])
    kept = pd.concat([data.drop(columns="from_class").assign(link=""), links]) if len(links) else data
    return Figure(name, title, reading, kept.drop(columns="from_class", errors="ignore"), traces, layout)


def _link_row(link: Link) -> dict[str, Any]:
    """A link as the CSV has it."""
    return {
        **{"link": link.name, "from": link.between[0], "to": link.between[1], "energy_j_per_query": link.energy_j},
        **{"up_bytes_per_query": link.up_bytes, "down_bytes_per_query": link.down_bytes},
    }


def _rows(where: Places, pools: Pools, incoming: Mapping[str, int]) -> Rows:
    """Places one below the other; a pool has room for all arrows that come to it."""
    at = 0.0
    regions, nodes, links = {}, {}, {}
    for number, place in enumerate(where.names):
        before = where.names[: number + 1]
        for link in where.links:
            if place in link.between and {*link.between} <= {*before}:
                links[link.name] = (at, at + LINK_ROW)
                at += LINK_ROW
        start = at
        at += HEADER if place != NOWHERE else GAP
        for cls in (cls for cls, origin in where.classes.items() if origin == place):
            nodes[True, cls] = (at, at + CLASS_ROW)
            at += CLASS_ROW
        for pool in (pool for pool in pools.names if where.pools[pool] == place):
            high = max(POOL_ROW, WAY_ROW * incoming.get(pool, 0) + 24)
            nodes[False, pool] = (at, at + high)
            at += high
        regions[place] = (start, at)
        at += GAP
    return Rows(regions, nodes, links, at)


def _regions(rows: Rows) -> list[dict[str, Any]]:
    return [
        {
            **{"type": "rect", "x0": 0, "x1": EDGE, "y0": top, "y1": bottom, "layer": "below"},
            **{"line": {"width": 0}, "fill": True, "opacity": 0.1},
        }
        for top, bottom in rows.places.values()
    ]


def _blocks(rows: Rows, pools: Pools) -> list[dict[str, Any]]:
    """A block for each class and pool, as high as its row."""
    return [
        {
            **{"type": "rect", "x0": NODE[0], "x1": NODE[1], "y0": top + 5, "y1": bottom - 5, "line": {"width": 0}},
            "fillcolor": GREY if is_class else pools.colour(name),
        }
        for (is_class, name), (top, bottom) in rows.nodes.items()
    ]


def _names(run: Measured, rows: Rows, spent_j: Mapping[str, float]) -> dict[str, Any]:
    lines = {line.pool: line for line in run.summary.pools}
    said, whole = [], []
    for is_class, name in rows.nodes:
        if is_class:
            said.append(f"<b>{_short(name)}</b>")
            whole.append(f"class {shown(name)}")
            continue
        line = lines[name]
        count = "" if line.replicas in (None, 1) else f"{line.replicas} × "
        more = [f"{count}{line.device}" if line.device != line.model else "", _joules(spent_j[name])]
        said.append("<br>".join([f"<b>{_short(name)}</b>", *(_short(one) for one in (line.model, *more) if one)]))
        whole.append("<br>".join(shown(one) for one in (f"pool {name}", line.model, *more) if one))
    return _text([NODE[1] + 0.01] * len(said), _middles(rows.nodes.values()), said, whole, "middle right")


def _regions_names(rows: Rows) -> dict[str, Any]:
    named = {place: span for place, span in rows.places.items() if place != NOWHERE}
    said = [f"<i>{_short(place)}</i>" for place in named]
    whole = [f"place {shown(place)}" for place in named]
    at = [top + HEADER / 2 for top, _ in named.values()]
    return _text([0.01] * len(named), at, said, whole, "middle right")


def _arrows(
    data: pd.DataFrame, rows: Rows, pools: Pools
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any]]:
    """Lines from a block's foot over a lane of its own to a height of their own at another; heads; what is said."""
    nodes = list(rows.nodes)
    sources = [node for node in nodes if (data["from"][data["from_class"] == node[0]] == node[1]).any()]
    lanes = np.linspace(*LANES, len(sources)) if len(sources) > 1 else np.array([np.mean(LANES)])
    lane_of = dict(zip(sources, lanes.tolist(), strict=True))
    shapes, heads, at, said, whole = [], [], [], [], []
    for pool in pools.names:
        mine = data[data["to"] == pool]
        order = sorted(mine.itertuples(), key=lambda way: nodes.index((bool(way.from_class), str(way[2]))))
        top, bottom = rows.nodes[False, pool]
        ends = np.arange(len(order)) * WAY_ROW + (top + bottom - (len(order) - 1) * WAY_ROW) / 2 + 4
        for way, end in zip(order, ends.tolist(), strict=True):
            source = (bool(way.from_class), str(way[2]))
            foot = rows.nodes[source][1] - 9
            colour = GREY if source[0] else pools.colour(source[1])
            lane, width = lane_of[source], 1.5 + 4.5 * float(way.share)
            path = f"M {NODE[0]} {foot} L {lane} {foot} L {lane} {end} L {NODE[0] - 0.02} {end}"
            shapes.append({"type": "path", "path": path, "line": {"color": colour, "width": width}, "opacity": 0.8})
            heads.append(_head(end, colour, width))
            at.append(end)
            joules = _joules(float(way.energy_j_per_query)).removesuffix(" per query")
            said.append(f"{_percent(float(way.share))}, {joules.removeprefix('joules ')}")
            whole.append(
                f"{shown(source[1])} to {shown(pool)}:<br>{_percent(float(way.share))} of all queries "
                f"({way.queries:,})<br>their calls there: {_joules(float(way.energy_j_per_query))}"
            )
    labels = _text([NODE[0] - 0.03] * len(at), [end - 11 for end in at], said, whole, "middle left")
    labels["textfont"] = {"size": 11}
    return shapes, heads, labels


def _head(y: float, colour: str, width: float) -> dict[str, Any]:
    """The head of an arrow at a block's left side; its tail is a few pixels of the line."""
    return {
        **{"x": NODE[0], "y": y, "ax": -14, "ay": 0, "xref": "x", "yref": "y", "axref": "pixel", "text": ""},
        **{"showarrow": True, "arrowhead": 2, "arrowcolor": colour, "arrowwidth": width, "arrowsize": 2.2 / width + 0.3},
    }


def _link_lines(where: Places, rows: Rows) -> list[dict[str, Any]]:
    """A dotted line at the right from one place's frame to the other's, for each link."""
    shapes = []
    for link, lane in zip(where.links, _link_lanes(len(where.links)), strict=True):
        (_, start), (end, _) = sorted(rows.places[place] for place in link.between)
        path = f"M {EDGE} {start - 14} L {lane} {start - 14} L {lane} {end + 14} L {EDGE} {end + 14}"
        shapes.append({"type": "path", "path": path, "line": {"color": GREY, "width": 2, "dash": "dot"}})
    return shapes


def _link_names(links: Sequence[Link], rows: Rows) -> tuple[dict[str, Any], ...]:
    if not links:
        return ()
    said, whole = [], []
    for link in links:
        told = f"{_bytes(link.up_bytes)} up, {_bytes(link.down_bytes)} down"
        ends = " – ".join(_short(end) for end in link.between)
        said.append(f"<b>{_short(link.name)}</b>, {ends}<br>{told}, {_joules(link.energy_j)}")
        whole.append(
            f"link {shown(link.name)} between {' and '.join(shown(end) for end in link.between)}<br>{told} per query"
            f"<br>{_joules(link.energy_j)}, radios included"
        )
    heights = _middles(rows.links[link.name] for link in links)
    lanes = _link_lanes(len(links))
    marks = _text(lanes, heights, [""] * len(links), whole, "middle left")
    marks |= {"mode": "markers", "marker": {"symbol": "diamond", "size": 9, "color": GREY}}
    return marks, _text([EDGE - 0.01] * len(links), heights, said, whole, "middle left") | {"textfont": {"size": 11}}


def _link_lanes(n: int) -> list[float]:
    return np.linspace(EDGE, 1, n + 2)[1:-1].tolist()


def _text(x: list[float], y: list[float], said: list[str], whole: list[str], position: str) -> dict[str, Any]:
    return {
        **{"type": "scatter", "mode": "text", "showlegend": False, "cliponaxis": False, "textposition": position},
        **{"x": x, "y": y, "text": said, "customdata": whole, "hovertemplate": "%{customdata}<extra></extra>"},
    }


def _spent_j(run: Measured, pools: Pools) -> dict[str, float]:
    """Joules per query of each pool; NaN where those of any of its parts are unknown."""
    ledger = run.tables.ledger
    unknown = set(ledger.loc[ledger["window"].to_numpy(bool) & ledger["energy_j"].isna().to_numpy(bool), "pool"])
    parts = run.summary.energy
    return {
        pool: np.nan if pool in unknown else sum(part.energy_j_per_query for part in parts if part.where == pool)
        for pool in pools.names
    }


def _middles(spans: Any) -> list[float]:
    return [(top + bottom) / 2 for top, bottom in spans]


def _joules(spent_j: float) -> str:
    return "joules unknown" if np.isnan(spent_j) else f"{amount(spent_j, 'J')} per query" if spent_j else "no joules"


def _bytes(size: float) -> str:
    return amount(size, "B") if size else "0 B"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _short(name: str) -> str:
    return shown(name if len(name) <= LONGEST else name[: LONGEST - 1] + "…")
