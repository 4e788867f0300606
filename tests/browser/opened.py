"""A page that is open in a browser, and what it has said, asked for and drawn."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Download, Page, sync_playwright

WIDE, NARROW = (1440, 900), (390, 844)


class Look(NamedTuple):
    """How a page is shown: the size of its window, light or dark, on screen or on paper."""

    size: tuple[int, int] = WIDE
    scheme: str = "light"
    media: str = "screen"


LOOKS = [
    pytest.param(Look(), id="wide-light"),
    pytest.param(Look(scheme="dark"), id="wide-dark"),
    pytest.param(Look(NARROW), id="narrow-light"),
    pytest.param(Look(NARROW, "dark"), id="narrow-dark", marks=pytest.mark.slow),
]
# What Chromium's own drawing of WebGL without a graphics card says of itself.
DRIVER = re.compile(
    r"\[\.WebGL-0x[0-9a-f]+\]GL Driver Message \(OpenGL, Performance, GL_CLOSE_PATH_NV, High\): "
    r"GPU stall due to ReadPixels( \(this message will no longer repeat\))?"
)
# WCAG's contrast of a colour, as computed styles say it, with the page behind it: from 1 to 21.
CONTRAST = """(colour) => {
  const luminance = (said) => {
    const [r, g, b] = said.match(/[\\d.]+/g).slice(0, 3).map((each) => {
      const part = each / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const both = [luminance(colour), luminance(getComputedStyle(document.body).backgroundColor)];
  return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
}"""
# Texts of figures that reach out of their drawing, where they would be cut; a drawing may scroll in its figure.
CUT = """() => [...document.querySelectorAll('.figure .main-svg text')].flatMap((text) => {
  const [box, all] = [text, text.closest('.svg-container')].map((each) => each.getBoundingClientRect());
  const cut = box.left < all.left - 1 || box.right > all.right + 1 || box.bottom > all.bottom + 1;
  return box.width && cut ? [`${text.closest('.figure').id}: ${text.textContent}`] : [];
})"""
DRAWN = "() => document.documentElement.dataset.drawn !== undefined || !document.querySelector('.figure')"
MARKS = ", ".join(
    f".{each}"
    for each in (
        *("scatterlayer path", "barlayer path", "heatmaplayer image", "sankey-link", "annotation-arrow-g path"),
        *("parcoords canvas", "imagelayer image", "contourlayer path", "pielayer path", "gl-canvas"),
    )
)


def chromium() -> str | None:
    """Where Chromium is, if it is here."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextmanager
def launched() -> Iterator[Browser]:
    """A Chromium without a window, which resolves no name."""
    args = ["--host-resolver-rules=MAP * ~NOTFOUND", "--disable-gpu"]
    with sync_playwright() as driver, driver.chromium.launch(executable_path=chromium(), args=args) as one:
        yield one


@cache
def axe() -> str:
    """The code of axe-core."""
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


class Opened:
    """A page of this machine in a window of its own, without a network. `words` holds what the page complained of or
    asked the user, `requests` whatever it asked for beside itself.
    """

    def __init__(self, browser: Browser, path: Path, size: tuple[int, int] = WIDE, **context: Any) -> None:
        self.words: list[str] = []
        self.requests: list[str] = []
        self.saves = [0.0] * 10
        self.look = Look(size)
        viewport = {"width": size[0], "height": size[1]}
        self.context = browser.new_context(viewport=viewport, reduced_motion="reduce", **context)
        self.context.set_default_timeout(30_000)
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda said: DRIVER.fullmatch(said.text) or self.words.append(said.text))
        self.page.on("pageerror", lambda error: self.words.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.words.append(dialog.message), dialog.dismiss()))
        own = path.as_uri()
        self.page.on("request", lambda asked: self._note(asked.url, own))
        self.page.goto(own)
        if context.get("java_script_enabled", True):
            self.page.wait_for_function(DRAWN)

    def _note(self, url: str, own: str) -> None:
        if url != own and not url.startswith(("blob:", "data:")):
            self.requests.append(url)

    def show(self, size: tuple[int, int] = WIDE, scheme: str = "light", media: str = "screen") -> None:
        """The window at this size, in light or dark, on screen or on paper, once all is drawn again."""
        if (look := Look(size, scheme, media)) == self.look:
            return
        self.look = look
        self.page.emulate_media(color_scheme=scheme, media=media)  # type: ignore[arg-type]
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.page.wait_for_function("(wide) => innerWidth === wide", arg=size[0])
        # Two frames, so that the page has been told; it then says that it is drawn no longer, until it is.
        self.ask("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.page.wait_for_function(DRAWN)

    def ask(self, code: str, given: Any = None) -> Any:
        """What a function of JavaScript gives."""
        return self.page.evaluate(code, given)

    def left(self, code: str) -> list[str]:
        """What a function of JavaScript still lists once the page has come to rest: Plotly moves what it draws anew."""
        for _ in range(20):
            if not (found := self.ask(code)):
                break
            self.page.wait_for_timeout(100)
        return found

    def saved(self, act: Callable[[], None]) -> Download:
        """The file that the page gives when one does this. Chromium gives a page no more than ten within a second."""
        self.page.wait_for_timeout(max(0.0, 1000 * (self.saves[-10] + 1.1 - time.monotonic())))
        self.saves.append(time.monotonic())
        with self.page.expect_download() as coming:
            act()
        return coming.value

    def violations(self, without: str = "") -> list[str]:
        """What axe-core finds against the page as it is shown, `without` looking into what this selects."""
        if not self.ask("() => 'axe' in window"):
            self.ask(axe())
        among = {"exclude": [[without]]} if without else {"include": [["html"]]}
        run = "(among) => axe.run(among, {resultTypes: ['violations']}).then((all) => all.violations)"
        return [
            f"{one['id']}: {one['help']}: {node['html'][:200]}" for one in self.ask(run, among) for node in one["nodes"]
        ]
