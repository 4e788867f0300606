"""The shipped profiles against published measurements that they were fitted to, found through MULTILLM_DATA.

`multillm profile score` tells the same of all points and of points left out; this holds the medians in every test run.
"""

import os
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from simulator.scoring.points import Names, Point, device_under
from simulator.scoring.predict import predict
from simulator.scoring.tables import read_points
from simulator.spec.library import library

DATA = os.environ.get("MULTILLM_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="MULTILLM_DATA is not set: no measured speeds")
EVERY = 12  # of the served mixtures one of so many is simulated; the dense are few, so all are
SHELF = library([])
KNOWN_SKIPS = ("no profile of ", "measured_llm_speed: ", "silicon: ", "mlenergy_v3: ", "splitwise: ")


@cache
def found() -> tuple[list[Point], dict[str, int]]:
    names = Names(SHELF)
    return read_points(Path(DATA or ""), names), dict(names.skipped)


def median_error(quantity: str, kind: str = "", group: str = "", every: int = 1) -> float:
    """Median of the absolute relative errors of what fits in memory."""
    points = [p for p in found()[0] if p.quantity == quantity and group in ("", p.group) and kind in ("", p.kind)]
    errors = []
    for point in points[::every]:
        told = predict(point, device_under(SHELF, point)[0], [point.quantity])
        errors += [abs(each / point.measured - 1) for each in told.values()]
    print(f"{quantity} {kind}: {len(errors)} points, median {np.median(errors):.1%}")
    assert len(errors) > 20
    return float(np.median(errors))


def test_tables_give_thousands_of_points_and_say_why_rows_are_left_out():
    points, skipped = found()
    assert len(points) >= 7000
    assert [why for why in skipped if not why.startswith(KNOWN_SKIPS)] == []


def test_one_sequence_decodes_about_as_fast_as_measured():
    assert median_error("decode_s") <= 0.08


def test_prompts_of_one_sequence_take_about_as_long_as_measured():
    assert median_error("prefill_s") <= 0.12


@pytest.mark.parametrize(("kind", "band", "every"), [("dense", 0.12, 1), ("moe", 0.20, EVERY)])
def test_batches_decode_about_as_fast_as_served(kind, band, every):
    assert median_error("tpot_s", kind, "serving", every) <= band


def test_batches_of_splitwise_decode_about_as_fast_as_measured():
    assert median_error("token_s") <= 0.08
