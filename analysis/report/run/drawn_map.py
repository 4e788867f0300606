"""How the map of the fleet is drawn: rows one below the other, lines in lanes beside them, so that nothing overlaps.

Down the map the axis has one unit a pixel; across it, things stand at shares of its width. So it fits a phone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from analysis.grids import amount
from analysis.report.figure import GREY, Pools, shown
from analysis.report.run.places import NOWHERE, Places
from analysis.report.run.ways import Way
from simulator.records.summary import PoolLine

Node = tuple[bool, str]  # whether it is a class, and its name
Span = tuple[float, float]  # from and to which pixel down the map

LONGEST = 23  # characters of a name; the hover has all
HEADER, CLASS_ROW, POOL_ROW, WAY_ROW, LINK_ROW, GAP = 28, 40, 84, 30, 46, 12
LANES, NODE, EDGE = (0.02, 0.13), (0.47, 0.5), 0.95  # of arrows, of blocks, and where frames end


class Map:
    """Where everything stands: frames of places with blocks of classes and pools, and links above the later place.

    `incoming` is how many arrows come to each pool: there is room for all of them.
    """

    def __init__(self, where: Places, pools: Pools, incoming: Mapping[str, int]) -> None:
        self._where, self._pools = where, pools
        self._frames: dict[str, Span] = {}
        self._blocks: dict[Node, Span] = {}
        self._links: dict[str, Span] = {}
        at = 0.0
        for number, place in enumerate(where.names):
            reached = {*where.names[: number + 1]}
            for link in where.links:
                if place in link.between and {*link.between} <= reached:
                    self._links[link.name] = (at, at + LINK_ROW)
                    at += LINK_ROW
            top = at
            at += HEADER if place != NOWHERE else GAP
            for node, high in self._rows(place, incoming):
                self._blocks[node] = (at, at + high)
                at += high
            self._frames[place] = (top, at)
            at += GAP
        self.height = at

    def _rows(self, place: str, incoming: Mapping[str, int]) -> Iterator[tuple[Node, float]]:
        """Classes and pools at a place, and how high they are."""
        yield from (((True, cls), CLASS_ROW) for cls, origin in self._where.classes.items() if origin == place)
        for pool in self._pools.names:
            if self._where.pools[pool] == place:
                yield (False, pool), max(POOL_ROW, WAY_ROW * incoming.get(pool, 0) + 24)

    def frames(self) -> list[dict[str, Any]]:
        """A frame for each place."""
        box = {"type": "rect", "x0": 0, "x1": EDGE, "layer": "below", "line": {"width": 0}, "fill": True}
        return [{**box, "y0": top, "y1": bottom, "opacity": 0.1} for top, bottom in self._frames.values()]

    def places(self) -> dict[str, Any]:
        """Names of places, at the right of their frames."""
        named = [(place, top + HEADER / 2) for place, (top, _) in self._frames.items() if place != NOWHERE]
        said = [f"<i>{_short(place)}</i>" for place, _ in named]
        whole = [f"place {shown(place)}" for place, _ in named]
        return _text(EDGE - 0.01, [at for _, at in named], said, whole, "middle left")

    def blocks(self) -> list[dict[str, Any]]:
        """A block for each class and pool, as high as its row."""
        box = {"type": "rect", "x0": NODE[0], "x1": NODE[1], "line": {"width": 0}}
        return [
            {**box, "y0": top + 5, "y1": bottom - 5, "fillcolor": self._colour(node)}
            for node, (top, bottom) in self._blocks.items()
        ]

    def names(self, lines: Mapping[str, PoolLine], spent_j: Mapping[str, float]) -> dict[str, Any]:
        """What classes and pools are, at the right of their blocks."""
        said, whole = [], []
        for is_class, name in self._blocks:
            about = []
            if not is_class:
                line = lines[name]
                count = f"{line.replicas} × " if line.replicas and line.replicas > 1 else ""
                about = [line.model, f"{count}{line.device}", joules(spent_j[name])]
            said.append("<br>".join([f"<b>{_short(name)}</b>", *map(_short, about)]))
            whole.append("<br>".join(map(shown, [f"{'class' if is_class else 'pool'} {name}", *about])))
        return _text(NODE[1] + 0.01, _middles(self._blocks.values()), said, whole, "middle right")

    def _ends(self, gone: Sequence[Way]) -> Iterator[tuple[Way, float]]:
        """Ways by the pool that they go to and where from, each with the height at which its arrow comes."""
        order = list(self._blocks)
        for pool in self._pools.names:
            mine = [way for way in gone if way.end == pool]
            top, bottom = self._blocks[False, pool]
            first = (top + bottom - (len(mine) - 1) * WAY_ROW) / 2 + 4
            for number, way in enumerate(sorted(mine, key=lambda way: order.index((way.of_class, way.start)))):
                yield way, first + number * WAY_ROW

    def arrows(self, gone: Sequence[Way], n: int) -> list[dict[str, Any]]:
        """Lines from the foot of a block, over the lane of its own at the left, to another block."""
        starts = {(way.of_class, way.start) for way in gone}
        sources = [node for node in self._blocks if node in starts]
        lanes = dict(zip(sources, np.linspace(*LANES, len(sources)).tolist(), strict=True))
        found = []
        for way, end in self._ends(gone):
            source = (way.of_class, way.start)
            foot, lane = self._blocks[source][1] - 9, lanes[source]
            path = f"M {NODE[0]} {foot} L {lane} {foot} L {lane} {end} L {NODE[0] - 0.02} {end}"
            line = {"color": self._colour(source), "width": _wide(way, n)}
            found.append({"type": "path", "path": path, "line": line, "opacity": 0.8})
        return found

    def heads(self, gone: Sequence[Way], n: int) -> list[dict[str, Any]]:
        """Heads of the arrows, with a few pixels of their lines."""
        head = {"x": NODE[0], "ax": -14, "ay": 0, "axref": "pixel", "xref": "x", "yref": "y", "text": ""}
        return [
            {
                **{**head, "y": end, "showarrow": True, "arrowhead": 2, "arrowwidth": _wide(way, n)},
                **{"arrowcolor": self._colour((way.of_class, way.start)), "arrowsize": 2.2 / _wide(way, n) + 0.3},
            }
            for way, end in self._ends(gone)
        ]

    def labels(self, gone: Sequence[Way], n: int) -> dict[str, Any]:
        """What arrows say, above them: the share of all queries, and joules per query of all."""
        at, said, whole = [], [], []
        for way, end in self._ends(gone):
            spent = joules(way.energy_j / n)
            at.append(end - 11)
            said.append(f"{100 * way.queries / n:.3g} %, {spent.removesuffix(' per query').removeprefix('joules ')}")
            whole.append(
                f"{shown(way.start)} to {shown(way.end)}:<br>{100 * way.queries / n:.3g} % of all queries "
                f"({way.queries:,})<br>their calls there: {spent}"
            )
        return _text(NODE[0] - 0.065, at, said, whole, "middle left") | {"textfont": {"size": 11}}

    def link_lines(self) -> list[dict[str, Any]]:
        """A dotted line at the right from one frame to another, for each link."""
        line, found = {"color": GREY, "width": 2, "dash": "dot"}, []
        for number, (link, lane) in enumerate(zip(self._where.links, self._link_lanes(), strict=True)):
            (_, start), (end, _) = sorted(self._frames[place] for place in link.between)
            start, end = start - 10 - 5 * number, end + 10 + 5 * number
            path = f"M {EDGE} {start} L {lane} {start} L {lane} {end} L {EDGE} {end}"
            found.append({"type": "path", "path": path, "line": line})
        return found

    def links(self) -> tuple[dict[str, Any], ...]:
        """Marks of links on their lines, and what they carry and draw beside them."""
        links, said, whole = self._where.links, [], []
        if not links:
            return ()
        for link in links:
            told = f"{_bytes(link.up_bytes)} up, {_bytes(link.down_bytes)} down"
            first, second = link.between
            said.append(
                f"<b>{_short(link.name)}</b>, {_short(first)} – {_short(second)}<br>{told}, {joules(link.energy_j)}"
            )
            whole.append(
                f"link {shown(link.name)} between {shown(first)} and {shown(second)}<br>{told} per query"
                f"<br>{joules(link.energy_j)}, radios included"
            )
        at = _middles(self._links[link.name] for link in links)
        marks = _text(EDGE, at, [""] * len(links), whole, "middle left") | {"x": self._link_lanes(), "mode": "markers"}
        marks["marker"] = {"symbol": "diamond", "size": 9, "color": GREY}
        return marks, _text(EDGE - 0.01, at, said, whole, "middle left") | {"textfont": {"size": 11}}

    def _link_lanes(self) -> list[float]:
        lanes: list[float] = np.linspace(EDGE, 1, len(self._where.links) + 2)[1:-1].tolist()
        return lanes

    def _colour(self, node: Node) -> str:
        return GREY if node[0] else self._pools.colour(node[1])


def joules(spent_j: float) -> str:
    """Joules per query as people say them."""
    return "joules unknown" if np.isnan(spent_j) else f"{amount(spent_j, 'J')} per query" if spent_j else "no joules"


def _text(x: float, y: list[float], said: list[str], whole: list[str], position: str) -> dict[str, Any]:
    return {
        **{"type": "scatter", "mode": "text", "showlegend": False, "cliponaxis": False, "textposition": position},
        **{"x": [x] * len(y), "y": y, "text": said, "customdata": whole},
        "hovertemplate": "%{customdata}<extra></extra>",
    }


def _middles(spans: Iterable[Span]) -> list[float]:
    return [(top + bottom) / 2 for top, bottom in spans]


def _wide(way: Way, n: int) -> float:
    return 1.5 + 4.5 * way.queries / n


def _bytes(size: float) -> str:
    return amount(size, "B") if size else "0 B"


def _short(name: str) -> str:
    return shown(name if len(name) <= LONGEST else name[: LONGEST - 1] + "…")
