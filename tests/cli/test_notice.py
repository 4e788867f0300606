from __future__ import annotations

import re
from pathlib import Path

from simulator.spec.library import shipped

NOTICE = (Path(__file__).parents[2] / "NOTICE").read_text()
REPOSITORY = re.compile(r"(?:github\.com/|^|[\s\"(])([A-Za-z0-9-]+/[A-Za-z0-9._-]+)(?:@[0-9a-f]{6,}|, commit)")


def test_every_repository_that_a_profile_names_is_in_the_notice() -> None:
    cited = {name for file in shipped("profiles").rglob("*.yaml") for name in REPOSITORY.findall(file.read_text())}
    assert len(cited) > 10
    absent = {name for name in cited if name not in NOTICE}
    assert not absent
