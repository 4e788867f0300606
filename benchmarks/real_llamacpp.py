"""`make validate-real`: the simulator beside real llama.cpp servers; a table, and docs/validation-real.json."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from simulator.records.files import write_text
from simulator.scoring import llamacpp
from simulator.scoring.real import CASES, table, validate_real

OUT = Path(__file__).parents[1] / "docs" / "validation-real.json"


def main() -> None:
    """Measure, run, compare, write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--queries", type=int, default=240, help="of each case and run")
    options.add_argument("--loads", default="0.3,0.6", help="shares of a server's capacity")
    options.add_argument("--cases", default=",".join(CASES), help="which of them")
    options.add_argument("--out", type=Path, default=OUT)
    given = options.parse_args()
    if (why := llamacpp.missing()) is not None:
        sys.exit(f"cannot run: {why}")
    loads = [float(load) for load in given.loads.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        told = partial(print, flush=True)
        found = validate_real(Path(folder), given.queries, loads, told, given.cases.split(","))
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    head = {"date": datetime.now(UTC).date().isoformat(), "machine": machine}
    write_text(given.out, json.dumps(head | found, indent=1) + "\n")
    print(f"\n{table(found)}\n\nwrote {given.out}")


if __name__ == "__main__":
    main()
