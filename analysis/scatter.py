"""Predicted against measured, as a part of an HTML page: Plotly, its data and its code inside, nothing loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from plotly.offline import get_plotlyjs

from analysis.frame import packed
from analysis.grids import unit
from simulator.records.scores import SETTINGS

HERE = Path(__file__).parent
SCRIPTS = ("legend.js", "scatter.js")
NAMES = ("group", "quantity", "setting", "device", "engine", "model", "source", "row", "extrapolated")


def scatter(scores: pd.DataFrame) -> str:
    """Choices of group, quantity and setting, and the plot of what is chosen: hollow points are extrapolated."""
    choices = "".join(
        f'<label>{name}<select id="{name}"></select></label>' for name in ("group", "quantity", "setting")
    )
    code = "".join(f"<script>{(HERE / name).read_text(encoding='utf-8')}</script>\n" for name in SCRIPTS)
    return (
        f'<div class="choices" hidden>{choices}<span class="note" id="shown"></span></div>\n'
        '<div class="figure" id="plot" role="figure" '
        'aria-label="Predicted against measured; the tables hold the same rows in numbers">'
        "<noscript>The plot needs JavaScript; the tables do not.</noscript></div>\n"
        f'<script type="application/octet-stream" id="scores">{packed(plotted(scores))}</script>\n'
        f"<script>{get_plotlyjs()}</script>\n{code}"
    )


def plotted(scores: pd.DataFrame) -> dict[str, Any]:
    """The rows as the page keeps them: text as names and codes, numbers to four figures, the quantities' units."""
    rank = {setting: at for at, setting in enumerate(SETTINGS)}
    scores = scores.sort_values("setting", key=lambda each: each.map(rank), kind="stable")
    kept: dict[str, Any] = {}
    for column in NAMES:
        codes, names = pd.factorize(scores[column], sort=column != "setting")
        kept[column] = {"names": [str(name) for name in names], "codes": codes.tolist()}
    for column in ("measured", "predicted"):
        kept[column] = [float(f"{value:.4g}") for value in scores[column]]
    return kept | {"units": [unit(name) for name in kept["quantity"]["names"]]}
