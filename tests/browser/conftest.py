"""One browser, and one window for each kind of page, which the tests share: each says first how it is to be shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from .opened import LOOKS, Look, Opened, chromium, launched
from .pages import ALL, Made, made_page


# Of this package only: while Playwright is there, its event loop runs, and what starts one of its own would fail.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A Chromium without a window."""
    if chromium() is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with launched() as one:
        yield one


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pages are."""
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(params=ALL)
def kind(request: pytest.FixtureRequest) -> str:
    """The name of a page of each kind."""
    return request.param


@pytest.fixture
def made(kind: str) -> Made:
    """The page."""
    return made_page(kind)


@pytest.fixture
def path(kind: str, made: Made, folder: Path) -> Path:
    """Its file."""
    file = folder / f"{kind}.html"
    file.write_text(made.html, encoding="utf-8")
    return file


@pytest.fixture(scope="package")
def windows(browser: Browser) -> Iterator[Callable[[Path], Opened]]:
    """The window in which a file is open: it takes seconds to open, so it stays."""
    there: dict[Path, Opened] = {}

    def window(path: Path) -> Opened:
        if path not in there:
            there[path] = Opened(browser, path)
        return there[path]

    yield window
    for one in there.values():
        one.context.close()


@pytest.fixture
def opened(windows: Callable[[Path], Opened], path: Path) -> Iterator[Opened]:
    """The page in a window, as the last test left it; whatever a test does to it, it says nothing, asks for nothing."""
    one = windows(path)
    yield one
    assert one.words == []
    assert one.requests == []


# Of the package: so tests of one look follow each other, and nothing is drawn again between them.
@pytest.fixture(scope="package", params=LOOKS)
def look(request: pytest.FixtureRequest) -> Look:
    """A width and a colour in which a page is shown."""
    return request.param
