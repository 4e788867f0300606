"""A report: one HTML page that says the answer in tables, then draws it, and loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plotly.offline import get_plotlyjs

from analysis.frame import ALLOWED, ALLOWED_WITH_WEBGL, Section, frame, packed
from analysis.grids import html_text
from analysis.report.figure import Choice, Figure

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Report:
    """A page in its order: `title` (text), `head` (HTML), sections `before` the `figures`, and sections `after`.

    `scripts` are files of this folder for what is no figure.
    """

    title: str
    head: str
    before: Sequence[Section]
    figures: Sequence[Figure]
    after: Sequence[Section]
    scripts: Sequence[str] = ()

    def html(self) -> str:
        """The page as one file."""
        drawn = [Section(each.name, each.title, _figure(each)) for each in self.figures]
        scripts = _scripts(self.figures, self.scripts)
        allowed = ALLOWED_WITH_WEBGL if any(figure.webgl for figure in self.figures) else ALLOWED
        return frame(self.title, self.head, [*self.before, *drawn, *self.after], scripts, allowed)


def _figure(figure: Figure) -> str:
    if figure.absent:
        return f"<p>Not drawn: {html_text(figure.absent)}</p>\n"
    buttons = "".join(
        f'<button type="button" data-figure="{figure.name}" data-kind="{kind}" hidden>{kind} '
        f'<span class="unseen">of {html_text(figure.title)}</span></button>'
        for kind in ("CSV", "SVG")
    )
    choices = "".join(_choice(figure.name, choice) for choice in figure.choices)
    return (
        f"<p>{html_text(figure.reading)}</p>\n{figure.above}"
        + (f'<div class="choices" hidden>{choices}</div>\n' if choices else "")
        + f'<div class="figure" id="plot-{figure.name}" role="figure" aria-label="{html_text(figure.title)}">'
        f"<noscript>The figure needs JavaScript; the tables do not.</noscript></div>\n<p>{buttons}</p>\n{figure.below}"
    )


def _choice(figure: str, choice: Choice) -> str:
    options = "".join(
        f'<option value="{html_text(value)}"{" selected" if value == choice.chosen else ""}>{html_text(said)}</option>'
        for value, said in choice.options.items()
    )
    return (
        f'<label>{html_text(choice.label)}<select data-figure="{figure}" data-choice="{html_text(choice.name)}">'
        f"{options}</select></label>"
    )


def _scripts(figures: Sequence[Figure], others: Sequence[str]) -> str:
    """Data, Plotly once, and the code that draws; none of these where there is nothing to draw."""
    there = [figure for figure in figures if not figure.absent]
    if not there:
        return _code(others)
    own = dict.fromkeys(figure.script for figure in there if figure.script)
    code = _code(("../legend.js", *others, *own, "report.js"))
    told = packed([figure.to_dict() for figure in there])
    return (
        f'<script type="application/octet-stream" id="figures">{told}</script>\n'
        f"<script>{get_plotlyjs()}</script>\n{code}"
    )


def _code(names: Sequence[str]) -> str:
    return "".join(f"<script>{(HERE / name).read_text(encoding='utf-8')}</script>\n" for name in names)
