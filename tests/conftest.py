"""No test reads what another run has kept, leaves anything in the user's cache, or fails since a machine is busy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("untimed", settings(), deadline=None)  # on top of Hypothesis' own for CI, where that is on
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache folder for this run of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MULTILLM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
