"""How long it takes: distributions by pool, and where the time goes from the quick queries to the slow ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.grids import amount
from analysis.report.figure import DASHES, Figure, Pools, absent, rounded, shown
from analysis.report.run.measured import Measured

TIMES = {"ttft_s": "Time to first token", "tpot_s": "Time between tokens", "e2e_s": "End-to-end time"}
MOST_CLASSES = 4  # more are drawn when they are asked for
FEWEST_TICKS = 3
PROBABILITIES = np.unique(np.concatenate([np.linspace(0, 1, 101), [0.995, 0.999]]))
READING = "Read up from a time to the share of queries that took no longer; further left is faster."
BANDS = ((0, 50), (50, 90), (90, 99), (99, 100))
STAGES = {  # light colours of Tol, away from those of pools; columns of the accepted call
    "re-work": ("#EE8866", "from arrival until the accepted call is asked: earlier answers, routing, judging"),
    "queue": ("#EEDD88", "waiting for a replica"),
    "network": ("#77AADD", "on links to the pool and back"),
    "prefill": ("#44BB99", "until its first token"),
    "decode": ("#AAAA00", "from its first to its last token"),
    "other": ("#BBBBBB", "what no stage explains: judging that answer, waiting for other calls"),
}


def cdf(run: Measured, pools: Pools, column: str) -> Figure:
    """The distribution of `column` of measured queries that finished, by the pool that answered."""
    name, title = f"cdf-{column.removesuffix('_s')}", f"{TIMES[column]}: distribution"
    queries = run.finished[run.finished[column].notna().to_numpy(bool)]
    if not (queries[column] > 0).any():  # the axis is logarithmic
        return absent(name, title, "No measured query finished with this time.")
    by_pool = [(pool, queries[(queries["pool"] == pool).to_numpy(bool)]) for pool in pools.names]
    names = sorted(queries["cls"].astype(str).unique())
    classes = [f"class {cls}" for cls in names] if len(names) > 1 else []
    by_class = [(of, queries[(queries["cls"] == cls).to_numpy(bool)]) for of, cls in zip(classes, names, strict=False)]
    parts = [("all", queries), *((pool, part) for pool, part in by_pool if len(part)), *by_class]
    tables, traces = [], []
    for number, (of, part) in enumerate(parts):
        is_class = number >= len(parts) - len(classes)
        values_s = quantiles(part[column].to_numpy(np.float64))
        tables.append(pd.DataFrame({"of": of, "share": PROBABILITIES, column: values_s, "n": len(part)}))
        grey = {"width": 2, "color": "faint", "dash": DASHES[number % len(DASHES)]}
        line = {"width": 3, "color": "ink"} if number == 0 else grey if is_class else pools.line(of)
        is_hidden = is_class and len(classes) > MOST_CLASSES
        traces.append({**curve(of, values_s, line), "visible": "legendonly" if is_hidden else True})
    limits = [held for held in run.summary.slos if held.metric == column and held.max]
    told = [f"{held.cls or 'all'}: {held.key.partition('.')[2]} {held.bounds}" for held in limits]
    lines = f" Dotted lines are limits ({'; '.join(told)})." if told else ""
    layout = {
        "xaxis": {"type": "log", "title": {"text": TIMES[column].lower()}, **_ticks(pd.concat(tables)[column])},
        "yaxis": {"title": {"text": "share of queries [%]"}, "range": [0, 101]},
        "shapes": uprights(held.max for held in limits if held.max),
    }
    reading = READING + lines
    reading += " Grey lines are classes; a click in the legend shows or hides a line." if classes else ""
    return Figure(name, title, reading, pd.concat(tables), tuple(traces), layout)


def _ticks(values_s: pd.Series) -> dict[str, Any]:
    """Ticks of a logarithmic axis of seconds, at round values that say their unit."""
    low_s, high_s = values_s[values_s > 0].min(), values_s.max()
    powers = range(int(np.floor(np.log10(low_s))), int(np.ceil(np.log10(high_s))) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)):
        ticks_s = [float(f"{step}e{power}") for power in powers for step in steps]
        ticks_s = [tick_s for tick_s in ticks_s if low_s <= tick_s <= high_s]
        if len(ticks_s) >= FEWEST_TICKS:
            break
    else:
        ticks_s = np.geomspace(low_s, high_s, FEWEST_TICKS).tolist()
    return {"tickvals": ticks_s, "ticktext": [amount(tick_s, "s") for tick_s in ticks_s]}


def curve(name: str, values_s: NDArray[np.float64], line: dict[str, Any]) -> dict[str, Any]:
    """The distribution of which these are the values at `PROBABILITIES`, on a logarithmic axis."""
    above = values_s > 0
    return {
        **{"type": "scatter", "mode": "lines", "name": shown(name), "line": line},
        "x": rounded(values_s[above]),
        "y": rounded(100 * PROBABILITIES[above]),
        "hovertemplate": "%{y:.1f} % take %{x:.4g} s or less<extra>%{fullData.name}</extra>",
    }


def uprights(limits_s: Iterable[float]) -> list[dict[str, Any]]:
    """A line at each limit."""
    line = {"type": "line", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, "line": "ink"}
    return [{**line, "x0": at_s, "x1": at_s} for at_s in dict.fromkeys(limits_s)]


def quantiles(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values at `PROBABILITIES`, linear between ranks: what np.quantile gives, by one sort for all of them."""
    found: NDArray[np.float64] = np.interp(PROBABILITIES * (len(values) - 1), np.arange(len(values)), np.sort(values))
    return found


def stages(run: Measured) -> Figure:
    """Mean seconds in each stage, in bands of the end-to-end time."""
    name, title = "stages", "Where the time goes"
    rows = run.accepted
    if rows.empty:
        return absent(name, title, "No measured query finished.")
    spent = pd.DataFrame(
        {
            "re-work": rows["asked_s"] - rows["arrived_s"],
            "queue": rows["queue_s"],
            "network": rows["uplink_s"].fillna(0) + rows["downlink_s"].fillna(0),
            "prefill": rows["prefill_s"],
            "decode": rows["decode_s"],
        }
    ).fillna(0.0)
    rest_s = rows["e2e_s"] - spent.sum(axis=1)
    spent["other"] = rest_s.where(rest_s > 1e-9 * rows["e2e_s"], 0.0)  # below that it is rounding
    order = np.argsort(rows["e2e_s"].to_numpy(np.float64), kind="stable")
    lines = []
    for low, high in BANDS:
        part = spent.iloc[order[len(order) * low // 100 : len(order) * high // 100]]
        if len(part):
            lines.append({"band": f"p{low} to p{high}", "n": len(part)} | part.mean().to_dict())
    data = pd.DataFrame(lines)
    traces = tuple(
        {
            **{"type": "bar", "orientation": "h", "name": stage, "marker": {"color": colour}},
            "x": rounded(data[stage]),
            "y": data["band"].tolist(),
            "hovertemplate": f"%{{y}}: %{{x:.4g}} s {stage}<br>{said}<extra></extra>",
        }
        for stage, (colour, said) in STAGES.items()
        if data[stage].sum() > 0
    )
    layout = {
        "barmode": "stack",
        "xaxis": {"title": {"text": "mean time [s]"}},
        "yaxis": {"autorange": "reversed", "type": "category"},
    }
    reading = (
        "Each bar is a band of finished queries from the quickest to the slowest; its parts are mean seconds of the "
        "accepted call, and re-work is all that came before that call."
    )
    data = data.rename(columns={stage: f"{stage.replace('-', '_')}_s" for stage in STAGES})
    return Figure(name, title, reading, data, traces, layout)
