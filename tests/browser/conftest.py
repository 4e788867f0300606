"""One browser and, for each kind of page, one window that the tests share: each says first how it is to be shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from .opened import Opened, chromium, launched
from .pages import ODD, PAGES, Made


# Of this package only: while Playwright is there, its event loop runs, and what starts one of its own would fail.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A Chromium without a window."""
    if chromium() is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with launched() as one:
        yield one


@pytest.fixture(scope="package", params=[*PAGES, *ODD])
def made(request: pytest.FixtureRequest) -> Made:
    """A page of each kind."""
    return (PAGES | ODD)[request.param]()


@pytest.fixture(scope="package")
def path(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its file."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(made.html, encoding="utf-8")
    return file


@pytest.fixture(scope="package")
def window(browser: Browser, path: Path) -> Iterator[Opened]:
    """The page in a window."""
    one = Opened(browser, path)
    yield one
    one.context.close()


@pytest.fixture
def opened(window: Opened) -> Iterator[Opened]:
    """The page in a window, as the last test left it; whatever a test does to it, it says nothing, asks for nothing."""
    yield window
    assert window.words == []
    assert window.requests == []
