"""`multillm show`: a scenario with all its values, and where each is from."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from simulator.cli.options import Profiles, ScenarioName, Sets

VALUE_WIDTH = 44  # of the column of values; longer ones push the origin to the right


def show(
    scenario: ScenarioName,
    sets: Sets = None,
    profiles: Profiles = None,
    origin: Annotated[bool, typer.Option("--origin", help="Say where each value is from.")] = False,
) -> None:
    """Print a scenario with all its values.

    Defaults are included; what is printed is YAML that can be run again.
    """
    from simulator.spec.load import explain, load
    from simulator.spec.writer import to_yaml

    resolved = load(scenario, sets or (), profiles or ())
    if not origin:
        print(to_yaml(resolved.shown()), end="")
        return
    rows = [(key, json.dumps(value, ensure_ascii=False), where) for key, value, where in explain(resolved)]
    keys = max(len(key) for key, _, _ in rows)
    values = min(VALUE_WIDTH, max(len(value) for _, value, _ in rows))
    for key, value, where in rows:
        print(f"{key:{keys}}  {value:{values}}  {where}")
