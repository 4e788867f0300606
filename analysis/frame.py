"""The frame of every HTML page: one file that loads nothing, sections below a line of links, data packed inside."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from analysis.grids import html_text

ALLOWED = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
ALLOWED_WITH_WEBGL = ALLOWED.replace("script-src", "script-src 'unsafe-eval'")  # Plotly makes functions for WebGL


class Section(NamedTuple):
    """A part of a page: the mark that links name, its title (empty: none, and no link), and HTML."""

    mark: str
    title: str
    inside: str


def frame(title: str, head: str, sections: Sequence[Section], after: str = "", allowed: str = ALLOWED) -> str:
    """A whole page: `title` (text), `head` (HTML) below it, links, sections, and `after` (HTML) at the end.

    `allowed` is what the browser lets the page do: nothing that leaves it.
    """
    links = "".join(f'<a href="#{mark}">{html_text(title)}</a>' for mark, title, _ in sections if title)
    body = "".join(
        f'<section id="{mark}">\n{f"<h2>{html_text(title)}</h2>" if title else ""}\n{inside}</section>\n'
        for mark, title, inside in sections
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{allowed}">\n<title>{html_text(title)}</title>\n'
        f"<style>\n{Path(__file__).with_name('page.css').read_text(encoding='utf-8')}</style>\n</head>\n<body>\n"
        f'<header>\n<h1>{html_text(title)}</h1>\n{head}<nav aria-label="Sections">{links}</nav>\n</header>\n'
        f"<main>\n{body}</main>\n{after}</body>\n</html>\n"
    )


def folded(name: str, note: str, inside: str, state: str = "") -> str:
    """`inside` (HTML) below a line that opens it; `state` is " open" or empty."""
    told = f'{html_text(name)} <span class="note">{html_text(note)}</span>'
    return f"<details{state}><summary>{told}</summary>\n{inside}</details>\n"


def packed(value: Any) -> str:
    """Base64 of gzip of JSON: a third of the size, and no name can end the script it stands in. The same bytes each
    time. Raises ValueError where a number is not finite.
    """
    told = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return base64.b64encode(gzip.compress(told.encode(), mtime=0)).decode()
