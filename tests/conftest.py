"""No test reads what another run has kept, or leaves anything in the user's cache."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache folder for this run of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MULTILLM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
