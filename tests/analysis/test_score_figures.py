import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_scores import made_bars, made_scores

from analysis.score_figures import figures, summary, worst

AT = ["group", "quantity", "kind", "setting"]


def line(table, *at):
    found = table[(table[AT] == list(at)).all(axis=1)]
    assert len(found) == 1, found
    return found.iloc[0]


def test_the_figures_are_those_of_a_hand():
    # Errors -50, -10, 0, +20, +100 %: absolute 0, 10, 20, 50, 100; the 90th percentile lies 0.6 from 50 to 100.
    scores = made_scores(*({"measured": 2.0, "predicted": 2.0 * each} for each in (2.0, 0.9, 1.2, 0.5, 1.0)))
    found = line(summary(scores, made_bars()), "batch 1", "decode_s", "", "in-sample")
    assert found.n == 5
    assert found.median_frac == pytest.approx(0.2)
    assert found.p90_frac == pytest.approx(0.5 + 0.6 * 0.5)
    assert found.bias_frac == pytest.approx(0.0)
    assert found.verdict == ""


@given(
    pairs=st.lists(st.tuples(*[st.floats(1e-6, 1e6)] * 2, st.sampled_from("ab")), min_size=1, max_size=30),
)
def test_figures_are_numpys(pairs):
    scores = made_scores(*({"measured": m, "predicted": p, "device": d} for m, p, d in pairs))
    for row in figures(scores, ["device", "setting"]).itertuples():
        signed = np.array([p / m - 1 for m, p, device in pairs if device == row.device])
        expected = [len(signed), np.median(abs(signed)), np.percentile(abs(signed), 90), np.median(signed)]
        np.testing.assert_allclose(
            [row.n, row.median_frac, row.p90_frac, row.bias_frac], expected, rtol=1e-9, atol=1e-12
        )


def test_kinds_stand_apart_where_both_occur_or_a_bar_asks():
    scores = made_scores(
        {"kind": "dense", "predicted": 1.1},
        {"kind": "moe", "predicted": 1.3},
        {"kind": "dense", "quantity": "ttft_s"},
        {"kind": "dense", "quantity": "tpot_s"},
    )
    bars = made_bars(("batch 1", "tpot_s", "dense", "in-sample", 0.1))
    found = summary(scores, bars)
    assert {(row.quantity, row.kind) for row in found.itertuples()} == {
        *[("decode_s", kind) for kind in ("", "dense", "moe")],
        ("ttft_s", ""),
        *[("tpot_s", kind) for kind in ("", "dense")],
    }
    assert line(found, "batch 1", "decode_s", "moe", "in-sample").median_frac == pytest.approx(0.3)
    assert line(found, "batch 1", "decode_s", "", "in-sample").median_frac == pytest.approx(0.2)


def test_a_bar_is_met_up_to_its_limit_and_missed_by_what_is_beyond():
    scores = made_scores(
        {"predicted": 1.25}, {"predicted": 1.25, "setting": "model left out"}, {"predicted": 1.25, "group": "other"}
    )
    bars = made_bars(
        ("batch 1", "decode_s", "", "in-sample", 0.25),
        ("batch 1", "decode_s", "", "model left out", 0.2),
        ("batch 1", "decode_s", "", "device left out", 0.2),
        ("nobody", "decode_s", "", "in-sample", 0.2),
    )
    found = summary(scores, bars)
    assert line(found, "batch 1", "decode_s", "", "in-sample").verdict == "met"
    missed = line(found, "batch 1", "decode_s", "", "model left out")
    assert (missed.verdict, missed.over_frac) == ("missed", pytest.approx(0.05))
    for group, setting in (("batch 1", "device left out"), ("nobody", "in-sample")):
        absent = line(found, group, "decode_s", "", setting)
        assert (absent.verdict, absent.n) == ("no rows", 0)
        assert pd.isna(absent.median_frac)
    assert line(found, "other", "decode_s", "", "in-sample").verdict == ""


def test_settings_stand_from_the_closest_fit_on():
    settings = ["device left out", "in-sample", "row left out", "model left out"]
    found = summary(made_scores(*({"setting": each} for each in settings)), made_bars())
    assert list(found["setting"]) == ["in-sample", "row left out", "model left out", "device left out"]


def test_the_worst_rows_are_each_groups_own_and_each_number_is_there_once():
    scores = made_scores(
        *({"group": "a", "predicted": 1 + at / 10} for at in range(15)),
        {"group": "a", "row": "row 3", "predicted": 9.0, "setting": "device left out"},
        {"group": "b", "predicted": 0.2},
        {"group": "b", "predicted": 1.7},
    )
    found = worst(scores, n=3)
    assert list(found["row"]) == ["row 3", "row 14", "row 13", "row 16", "row 17"]
    np.testing.assert_allclose(found["error_frac"], [8.0, 1.4, 1.3, -0.8, 0.7])


def test_no_rows_and_no_bars_are_an_empty_summary():
    assert summary(made_scores(), made_bars()).empty
    assert worst(made_scores()).empty
