"""Where joules, dollars and grams go."""

from __future__ import annotations

import pandas as pd

from analysis.grids import amount
from analysis.report.figure import Figure, Pools, absent, groups, rounded, shown
from analysis.report.run.measured import Measured


def energy(run: Measured, pools: Pools) -> Figure:
    """Joules per query by phase, stacked by pool (or kind of thing, where it is no one pool's)."""
    name, title = "energy", "Energy by device and phase"
    parts = [part for part in run.summary.energy if part.energy_j_per_query > 0]
    if not parts:
        return absent(name, title, "No joules are known per query.")
    data = pd.DataFrame([{"where": p.where, "phase": p.phase, "j": p.energy_j_per_query, "f": p.frac} for p in parts])
    phases = data.groupby("phase")["j"].sum().sort_values(ascending=False).index.tolist()
    devices = {line.pool: f"{line.pool}: {line.device}" for line in run.summary.pools}
    traces = tuple(
        {
            **{"type": "bar", "name": shown(devices.get(where, where)), "marker": {"color": pools.colour(where)}},
            "x": part["phase"].tolist(),
            "y": rounded(part["j"]),
            "customdata": rounded(100 * part["f"]),
            "hovertemplate": "%{x}: %{y:.4g} J per query, %{customdata:.1f} % of all<extra>%{fullData.name}</extra>",
        }
        for where, part in groups(data, "where")
    )
    metrics = run.summary.metrics
    per = [
        f"{amount(metrics[key].mean or 0.0, 'J')} {said}"
        for key, said in (
            ("energy_j_per_query", "per query"),
            ("energy_j_per_output_tok", "per output token"),
            ("energy_j_per_correct", "per right answer"),
        )
        if key in metrics and metrics[key].mean is not None
    ]
    reading = "Height is joules per query in a phase; colours say whose; idle is drawn whether or not there is work."
    reading += f" In all: {', '.join(per)}." if per else ""
    if (whole := metrics.get("energy_j_per_query")) is not None and whole.mean is None:
        reading += f" Only what is known is drawn: {whole.reason or 'not all joules are'}."
    layout = {
        "barmode": "stack",
        "xaxis": {"type": "category", "categoryorder": "array", "categoryarray": phases},
        "yaxis": {"title": {"text": "energy [J per query]"}},
    }
    return Figure(name, title, reading, data.rename(columns={"j": "energy_j_per_query", "f": "frac"}), traces, layout)
