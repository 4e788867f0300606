"""Figures of a sweep: what they draw and say, against other code, brute force, and runs of the ends themselves."""

import base64
import html
import json
import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_sweeps import cascade, limit, made, swept

import analysis.report
from analysis.report.sweep import area
from analysis.report.sweep.deferral import METRICS, deferral
from analysis.report.sweep.heat import heat
from analysis.report.sweep.load import knee, load, offered_per_s
from simulator import build, run
from simulator import load as read
from simulator.metrics import curves

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
EVIL = "<script>alert(1)</script>"
RNG = np.random.default_rng(5)
N = 400
WEAK = (RNG.random(N) < 0.6).astype(float)
STRONG = np.where(RNG.random(N) < 0.95, np.maximum(WEAK, RNG.random(N) < 0.6), 0.0)
CONFIDENCE = np.clip(0.3 * WEAK + 0.7 * RNG.random(N), 0, 1)
BARS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.1)

points = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=2, max_size=9).map(
    lambda pairs: np.array(pairs, float).T / 8
)


def thresholds(bars=BARS, weak=WEAK, strong=STRONG, more=None):
    return [({"policy.accept.edge": bar} | (more or {}), cascade(weak, strong, CONFIDENCE, bar)) for bar in bars]


def trace(figure, name, metric="accuracy"):
    (found,) = [each for each in figure.versions[metric][0] if each["name"] == name]
    return np.array(found["x"]), np.array(found["y"])


def said(figure, what):
    """A number of the text."""
    return float(re.search(rf"{what} (\d+\.\d+)", figure.reading)[1])


@given(points)
def test_areas_and_what_they_close_are_those_of_the_simulator(curve):
    share, quality = curve
    if len(set(share)) > 1:
        assert area.audc(share, quality) == pytest.approx(curves.audc(share, quality))
        assert area.apgr(share, quality, 0.2, 0.7) == pytest.approx(curves.apgr(share, quality, 0.2, 0.7))
    else:
        assert np.isnan(area.audc(share, quality))
    assert np.isnan(area.apgr(share, quality, 0.7, 0.7))


@given(points)
def test_the_hull_is_the_best_mixture_of_two_points_at_every_share(curve):
    share, quality = curve
    x, y = area.hull(share, quality)
    for at in share:
        mixed = [q for s, q in curve.T if s == at]
        for (s0, q0), (s1, q1) in combinations(curve.T, 2):
            if min(s0, s1) <= at <= max(s0, s1) and s0 != s1:
                mixed.append(q0 + (q1 - q0) * (at - s0) / (s1 - s0))
        assert np.interp(at, x, y) == pytest.approx(max(mixed))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=8))
def test_no_choice_of_who_is_asked_beats_the_oracle(scores):
    weak, strong = np.array(scores, float).T / 4
    share, quality = area.oracle(weak, strong)
    for asked in range(len(scores) + 1):
        best = max(
            np.where(np.isin(np.arange(len(scores)), chosen), strong, weak).mean()
            for chosen in combinations(range(len(scores)), asked)
        )
        assert np.interp(asked / len(scores), share, quality) == pytest.approx(best)


def test_a_cascade_that_asks_all_in_some_point_has_a_chord_an_oracle_and_the_areas_of_its_scores():
    figure = deferral(swept(thresholds()))
    up = np.array([(bar > CONFIDENCE).mean() for bar in BARS])
    right = np.array([np.where(bar > CONFIDENCE, STRONG, WEAK).mean() for bar in BARS])
    x, y = trace(figure, "cascade")
    np.testing.assert_allclose((x, y), (100 * up, 100 * right), rtol=1e-4)
    ends = [100 * WEAK.mean(), 100 * STRONG.mean()]
    np.testing.assert_allclose(trace(figure, "random chord"), ([0, 100], ends), rtol=1e-4)
    best = trace(figure, "oracle")
    share, quality = curves.oracle(WEAK, STRONG)
    np.testing.assert_allclose(np.interp(100 * share, *best), 100 * quality, rtol=1e-3)
    assert said(figure, "AUDC") == pytest.approx(curves.audc(up, right), abs=6e-4)
    assert said(figure, "APGR") == pytest.approx(curves.apgr(up, right, WEAK.mean(), STRONG.mean()), abs=6e-3)
    assert said(figure, "the oracle's") == pytest.approx(
        curves.apgr(share, quality, WEAK.mean(), STRONG.mean()), abs=6e-3
    )
    assert "all of the queries measured (400 items)" in figure.reading


def test_the_interval_of_the_gap_closed_is_students_over_replications():
    half = float(re.search(r"APGR [\d.]+ ± ([\d.]+)", deferral(swept(thresholds())).reading)[1])
    each = []
    for r in (0, 1):
        weak, strong, sure = WEAK[r::2], STRONG[r::2], CONFIDENCE[r::2]
        share = [(bar > CONFIDENCE).mean() for bar in BARS]
        right = [np.where(bar > sure, strong, weak).mean() for bar in BARS]
        each.append(curves.apgr(share, right, weak.mean(), strong.mean()))
    assert half == pytest.approx(12.706 * abs(each[0] - each[1]) / 2, abs=6e-3)  # t of one degree of freedom


def test_points_of_more_or_fewer_replications_share_an_interval_of_those_that_all_have():
    several = zip(BARS, (2, 4, 3, 2, 5, 4), strict=True)
    points = [({"policy.accept.edge": bar}, cascade(WEAK, STRONG, CONFIDENCE, bar, n)) for bar, n in several]
    assert re.search(r"APGR [\d.]+ ± [\d.]+", deferral(swept(points)).reading)


def test_without_answers_of_both_pools_there_is_no_oracle_and_the_chord_joins_what_is_known():
    figure = deferral(swept(thresholds(bars=(0.3, 0.5, 0.7))))
    asked = (CONFIDENCE < 0.7).mean()
    assert "oracle" not in [each["name"] for each in figure.versions["accuracy"][0]]
    assert f"only those of {100 * asked:.3g} %" in figure.reading
    assert "APGR undefined (how often cloud alone is right is not known)" in figure.reading
    right = np.where(CONFIDENCE < 0.7, STRONG, WEAK).mean()
    np.testing.assert_allclose(
        trace(figure, "random chord"), ([0, 100 * asked], [100 * WEAK.mean(), 100 * right]), rtol=1e-4
    )


def test_a_strong_pool_that_is_no_better_leaves_the_gap_closed_undefined():
    figure = deferral(swept(thresholds(weak=WEAK, strong=WEAK)))
    assert "APGR undefined (cloud is no better than edge)" in figure.reading


def test_every_load_has_a_line_of_its_own_and_joules_have_no_chord():
    both = [*thresholds(more={"workload.chat.rate": 1}), *thresholds(more={"workload.chat.rate": 2})]
    figure = deferral(swept(both))
    names = [each["name"] for each in figure.versions["energy_j_per_query"][0]]
    assert names == ["cascade, chat.rate 1", "cascade, chat.rate 2"]
    assert list(figure.versions) == [key for key in METRICS if key in ("accuracy", "energy_j_per_query")]
    np.testing.assert_allclose(
        trace(figure, names[0], "energy_j_per_query")[1], [100 + 500 * (bar > CONFIDENCE).mean() for bar in BARS]
    )


def test_points_that_differ_in_more_than_the_policy_are_dots_without_oracle_or_area():
    mixed = [(values | {"fleet.edge.replicas": n}, result) for n, (values, result) in enumerate(thresholds())]
    figure = deferral(swept(mixed))
    assert "the points differ in more than the policy" in figure.reading
    assert "AUDC" not in figure.reading
    assert [each["mode"] for each in figure.versions["accuracy"][0] if each["name"] == "cascade"] == ["markers"]


@pytest.mark.parametrize(
    ("sweep", "why"),
    [
        ([({"seed": n}, cascade(WEAK, STRONG, CONFIDENCE, 0.5)) for n in (1, 2)], "as many queries"),
        ([({"seed": n}, made({"ttft_s.p95": [1, 2]})) for n in (1, 2)], "no query has an item"),
        ([({"seed": 1}, None), ({"seed": 2}, None)], "no point has a result"),
    ],
)
def test_a_deferral_curve_that_cannot_be_says_why(sweep, why):
    assert why in deferral(swept(sweep)).absent


@pytest.fixture(scope="module")
def ran():
    """Quickstart at a few thresholds of its cascade, and at its ends, under one seed; nothing is cut."""
    sets = ["run.queries=150", "run.replications=2", "run.warmup_s=0", "workload.chat.arrivals.rate_per_s=1"]

    def one(*more):
        return run(build(read("quickstart", [*sets, *more])))

    bars = {bar: one(f"policy.accept.edge={bar}") for bar in (-9, -0.4, 1)}
    ends = [one("policy.use=always", f"policy.pool={pool}") for pool in ("edge", "cloud")]
    best = one("policy.use=oracle")
    return swept([({"policy.accept.edge": bar}, result) for bar, result in bars.items()]), ends, best


def test_the_chord_ends_where_everything_goes_to_one_pool_and_no_run_beats_the_oracle(ran):
    sweep, ends, best = ran
    figure = deferral(sweep)
    alone = [100 * result.summary.metrics["accuracy"].mean for result in ends]
    np.testing.assert_allclose(trace(figure, "random chord"), ([0, 100], alone), rtol=1e-3)
    assert trace(figure, "oracle")[1].max() == pytest.approx(100 * best.summary.metrics["accuracy"].mean, rel=1e-3)
    for number, result in sweep.results.items():
        row = figure.data[figure.data["point"] == number].iloc[0]
        assert row["accuracy"] == result.summary.metrics["accuracy"].mean
        assert row["strong_share"] == pytest.approx(result.summary.metrics["escalated_frac"].mean)


def loaded(rate, attained, met, more=None):
    """A point at an offered rate of which a share is in time."""
    scenario = {"workload": {"chat": {"arrivals": {"use": "poisson", "rate_per_s": rate}}}}
    metrics = {"slo_met_frac": [attained - 0.01, attained + 0.01], "goodput_per_s": [rate * attained] * 2}
    return {"workload.chat.arrivals.rate_per_s": rate} | (more or {}), made(metrics, scenario, slos=[limit(met)])


RAMP = [loaded(2, 1.0, True), loaded(8, 0.5, False), loaded(4, 1.0, True), loaded(6, 0.9, False)]


def test_the_knee_is_the_last_rate_that_holds_and_the_one_from_which_goodput_bends():
    figure = load(swept(RAMP))
    assert "Here the limits hold up to 4 /s, and goodput follows up to 6 /s." in figure.reading  # 2, 4, 5.4, then 4
    upper, lower, diamond, _ = figure.traces
    assert upper["x"] == lower["x"] == [2, 4, 6, 8]
    np.testing.assert_allclose(upper["y"], [100, 100, 90, 50])
    np.testing.assert_allclose(lower["y"], [2, 4, 5.4, 4])
    np.testing.assert_allclose(upper["error_y"]["array"], 1)  # points of a hundred
    assert upper["marker"]["symbol"] == ["circle", "circle", "circle-open", "circle-open"]
    assert (diamond["x"], diamond["y"]) == ([6], [5.4])
    upright, goal = figure.layout["shapes"]
    assert (upright["x0"], upright["x1"], goal["y0"]) == (4, 4, 95)


@given(st.lists(st.tuples(st.integers(1, 30), st.booleans(), st.integers(0, 30)), min_size=1, max_size=6))
def test_up_to_the_knee_all_holds_and_the_next_does_not(drawn):
    rates = np.cumsum([step for step, _, _ in drawn]).astype(float).tolist()
    holds, goodput = [held for _, held, _ in drawn], [float(good) for _, _, good in drawn]
    found = knee(rates, holds, goodput)
    for rate, held in zip(rates, holds, strict=True):
        if found.holds_per_s is not None and rate <= found.holds_per_s:
            assert held
    above = [held for rate, held in zip(rates, holds, strict=True) if rate > (found.holds_per_s or 0)]
    assert not above or not above[0]
    slopes = np.diff(goodput) / np.diff(rates)
    steps = [rate for rate, slope in zip(rates, slopes, strict=False) if slope < 0.5]
    assert found.follows_per_s == (steps[0] if steps else None)


def test_another_key_gives_lines_and_what_it_is_called_is_shown_as_text():
    figure = load(swept([loaded(r, a, True, {"seed": s}) for s in (EVIL, "b") for r, a in ((1, 1.0), (3, 0.9))]))
    lines = [each for each in figure.traces if each.get("mode") == "lines+markers" and each["yaxis"] == "y"]
    assert len(lines) == 2
    assert "seed b" in [each["name"] for each in lines]
    assert EVIL not in json.dumps(figure.traces)
    assert set(figure.data["line"]) == {f"seed {EVIL}", "seed b"}


def test_rates_that_no_scenario_says_are_those_at_which_queries_came():
    scenario = {"workload": {"chat": {"arrivals": {"use": "trace"}}}}
    came = pd.DataFrame({"replication": [0, 0, 0, 1, 1], "arrived_s": [3.0, 4.0, 5.0, 0.0, 0.5]})
    assert offered_per_s(made({}, scenario, queries=came)) == pytest.approx((2 / 2 + 1 / 0.5) / 2)
    two = {"use": "constant", "rate_per_s": 2}
    assert offered_per_s(made({}, {"workload": {"a": {"arrivals": two}, "b": {"arrivals": two}}})) == 4


def test_points_that_go_with_the_load_in_other_keys_are_dots_without_a_knee():
    figure = load(swept([loaded(r, 1.0, True, {"fleet.gpu.replicas": r}) for r in (1, 2, 3)]))
    assert "without a knee" in figure.reading
    assert not figure.layout["shapes"][:-1]  # but the goal
    assert figure.traces[0]["mode"] == "markers"


@pytest.mark.parametrize(
    ("sweep", "why"),
    [
        ([loaded(2, 1.0, True, {"seed": n}) for n in (1, 2)], "does not vary"),
        ([({"seed": n}, made({"accuracy": [1, 1]})) for n in (1, 2)], "no limit"),
        ([({"seed": n}, None) for n in (1, 2)], "no point has a result"),
    ],
)
def test_a_load_figure_that_cannot_be_says_why(sweep, why):
    assert why in load(swept(sweep)).absent


def grid():
    """All of 3 x 2 x 2 points, one of them failed, one undefined."""
    found = []
    for at, (rate, device, seed) in enumerate((r, d, s) for r in (10, 2, 1) for d in ("b", EVIL) for s in (1, 2)):
        values = {"workload.chat.rate": rate, "fleet.gpu.device": device, "seed": seed}
        metrics = {"accuracy": [0.5] * 2} | ({"ttft_s.p95": [at, at + 2]} if at != 7 else {})
        result = None if at == 2 else made(metrics, slos=[limit(at < 6)])
        found.append((values, result))
    return found


def test_a_map_offers_all_metrics_and_keys_and_orders_numbers():
    figure = heat(swept(grid()))
    metric, across, up = figure.choices
    assert metric.chosen == "ttft_s.p95"  # the limit's
    assert set(metric.options) == {"accuracy", "ttft_s.p95"}
    assert list(across.options) == ["workload.chat.rate", "fleet.gpu.device", "seed"]
    assert (across.chosen, up.chosen) == ("workload.chat.rate", "fleet.gpu.device")
    assert figure.inside["keys"][0]["values"] == ["1", "2", "10"]
    assert figure.inside["keys"][1]["values"][0] == "b"
    assert EVIL not in json.dumps(figure.inside)
    assert len(heat(swept([(values, one) for values, one in grid() if values["seed"] == 1])).choices) == 1


@pytest.mark.parametrize("keys", [("seed",), ()])
def test_a_map_needs_two_keys_that_vary(keys):
    sweep = [(dict.fromkeys(keys, n), made({"accuracy": [0.5] * 2})) for n in (1, 2)]
    assert "needs two" in heat(swept(sweep)).absent


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """What the script of the map makes of a figure and a choice."""
    folder = tmp_path_factory.mktemp("heat")
    code = (Path(analysis.report.__file__).parent / "heat.js").read_text()

    def made_of(figure, choices):
        told = json.dumps([{"inside": figure.inside}, choices]).replace("<", "\\u003c")
        page = f"<body><script>{code}</script><script>const [figure, choices] = {told};"
        page += "document.body.textContent = btoa(unescape(encodeURIComponent(JSON.stringify("
        page += "choices.map((each) => window.makers.heat(figure, each))))))</script></body>"
        (folder / "page.html").write_text(page)
        call = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
        uri = (folder / "page.html").as_uri()
        dom = subprocess.run([*call, "--dump-dom", uri], capture_output=True, text=True, timeout=120).stdout
        return json.loads(base64.b64decode(re.search("<body>([^<]+)", dom)[1]))

    return made_of


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_cells_are_means_over_the_other_keys_and_a_missed_limit_has_a_cross(browser):
    sweep = swept(grid())
    pairs = [("workload.chat.rate", "fleet.gpu.device"), ("seed", "workload.chat.rate"), ("seed", "seed")]
    figure = heat(sweep)
    drawn = browser(figure, [{"metric": "ttft_s.p95", "across": across, "up": up} for across, up in pairs])
    rows = sweep.rows.assign(missed=[any(not h.met for h in r.summary.slos) for r in sweep.results.values()])
    for (across, up), one in zip(pairs, drawn, strict=True):
        cells, *texts = one["traces"]
        written = {
            (x, y): text for each in texts for x, y, text in zip(each["x"], each["y"], each["text"], strict=True)
        }
        keys = [across] if across == up else [up, across]
        found = {}
        for y, x in np.ndindex(np.shape(cells["z"])):
            names = {across: one["layout"]["xaxis"]["ticktext"][x]}
            names = {up: one["layout"]["yaxis"]["ticktext"][y]} | names
            found[tuple(html.unescape(names[key]) for key in keys)] = cells["z"][y][x], written[x, y]
        parts = {tuple(map(str, at)): part for at, part in rows.groupby(keys)}
        assert found.keys() == parts.keys()
        for at, (mean, text) in found.items():
            assert mean == pytest.approx(parts[at]["ttft_s.p95"].mean())
            assert ("✕" in text) == parts[at]["missed"].any()
            assert text.startswith(f"{mean:.3g}")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_points_that_make_no_grid_are_dots_at_their_numbers(browser):
    results = [made({"accuracy": [n / 10] * 2}, slos=[limit(n < 3)]) for n in range(7)]
    spread = [({"a": n / 7, "b": (n * 3 % 7) / 7}, result) for n, result in enumerate(results)]
    figure = heat(swept(spread))
    ((dots,),) = [each["traces"] for each in browser(figure, [{"metric": "accuracy"}])]
    np.testing.assert_allclose(dots["x"], [n / 7 for n in range(7)], rtol=1e-4)
    np.testing.assert_allclose(dots["y"], [(n * 3 % 7) / 7 for n in range(7)], rtol=1e-4)
    np.testing.assert_allclose(dots["marker"]["color"], [10 * n for n in range(7)])
    assert dots["marker"]["symbol"] == ["circle"] * 3 + ["x"] * 4
