"""What policies see of the fleet while it runs, against what is known of it otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest
from system_world import BOX, SOURCES, Scenario, chat, own, scenario, simulated, write_yaml

from simulator.policies.core import Ask, Call, Decision, FleetView, Query, failed_or
from simulator.records.result import Result

PASS_S, SEQ_S, CONTEXT_S, CHUNK_S = 2.0**-6, 2.0**-9, 2.0**-18, 2.0**-11
BATTERY_WH = 0.1


@dataclass(frozen=True)
class Looks:
    """Asks `pool`, and notes what it sees when a query comes."""

    pool: str
    seen: ClassVar[list[dict[str, Any]]] = []

    def decide(self, query: Query, view: FleetView) -> Decision:
        pool, links = view.pools[self.pool], view.links
        self.seen.append(
            {
                "now_s": view.now_s,
                "place": pool.place,
                "tok": pool.outstanding_tok,
                "tok_by_replica": list(pool.outstanding_tok_by_replica),
                "ttft_s": pool.predicted_ttft_s(query.prompt_tok),
                "tpot_s": pool.predicted_tpot_s,
                "carbon": pool.carbon_g_per_j,
                "battery": pool.battery_frac,
                "links": {
                    name: (link.up_bytes_per_s, link.down_bytes_per_s, link.rtt_s) for name, link in links.items()
                },
            }
        )
        return failed_or(query, Ask((Call(self.pool, final=True),)))


@pytest.fixture(autouse=True)
def seen() -> list[dict[str, Any]]:
    Looks.seen.clear()
    return Looks.seen


@pytest.fixture(scope="module", autouse=True)
def phone(folder: Path) -> None:
    box = {"name": "phone", **BOX, "battery_wh": BATTERY_WH, "sources": SOURCES}
    write_yaml(folder / "profiles" / "devices" / "phone.yaml", box)


def looked(folder: Path, pool: Scenario, queries: int = 4, arrivals: Scenario | None = None, **more: Any) -> Result:
    """Queries of 32 and 9 tokens from home: all at once, if nothing else is said."""
    lengths = {"use": "fixed", "prompt_tok": 32, "output_tok": 9}
    asks = chat(origin="home", lengths=lengths, arrivals=arrivals or {"use": "all-at-once", "queries": queries})
    question = scenario(
        {"use": "test_view:Looks", "pool": "pool"},
        {"pool": pool},
        workload={"chat": asks},
        links={"link": {"between": ["home", "site"], "profile": "wire"}},
        run={"queries": queries, "replications": 1, "warmup_s": 0.0},
    )
    return simulated({**question, **more}, folder)


def lone(**more: Any) -> Scenario:
    return {"use": "constant", "rate_per_s": 0.1, **more}


def test_a_shared_link_has_a_part_for_one_more(folder: Path, seen: list[dict[str, Any]]):
    looked(folder, own(place="site"))
    up, down, rtt_s = seen[0]["links"]["link"]
    assert (up, down, rtt_s) == pytest.approx((2e6 / 8, 4e6 / 8, 0.03))
    assert [look["links"]["link"][0] for look in seen] == pytest.approx([up, up / 2, up / 3, up / 4])
    assert {look["links"]["link"][1] for look in seen} == {down}


def test_a_transfer_that_is_over_takes_no_part(folder: Path, seen: list[dict[str, Any]]):
    looked(folder, own(place="site"), arrivals=lone())
    assert {look["links"]["link"][0] for look in seen} == {2e6 / 8}


def test_a_link_of_ones_own_is_whole_and_follows_its_bandwidth(folder: Path, seen: list[dict[str, Any]]):
    link = {"between": ["home", "site"], "profile": "air", "sharing": "per_user"}
    link["bandwidth"] = [{"from_s": 15.0, "factor": 0.5}]
    looked(folder, own(place="site"), arrivals=lone(), links={"link": link})
    rates = {look["now_s"] > 15.0: look["links"]["link"][0] for look in seen}
    assert rates == {False: 2e6 / 8, True: 1e6 / 8}


@pytest.mark.parametrize("profile", ["wire", "air"])
def test_looking_changes_nothing(profile: str, folder: Path):
    link = {"between": ["home", "site"], "profile": profile, "bandwidth": [{"from_s": 5.0, "factor": 0.5}]}
    more = {"arrivals": {"use": "poisson", "rate_per_s": 8.0}, "links": {"link": link}}
    blind = {"policy": {"use": "always", "pool": "pool"}}
    tables, others = (looked(folder, own(place="site"), 60, **more, **policy).tables for policy in ({}, blind))
    for name in ("queries", "calls", "ledger"):
        pd.testing.assert_frame_equal(getattr(tables, name), getattr(others, name), check_exact=True)


def test_an_idle_pool_is_predicted_as_it_is(folder: Path, seen: list[dict[str, Any]]):
    queries = looked(folder, own(place="home"), arrivals=lone()).tables.queries
    assert [look["ttft_s"] for look in seen] == pytest.approx([PASS_S + CHUNK_S * 32] * 4)
    assert queries["ttft_s"].tolist() == pytest.approx([look["ttft_s"] for look in seen])
    assert [look["tpot_s"] for look in seen[1:]] == pytest.approx([PASS_S + SEQ_S + CONTEXT_S * 41] * 3)
    assert queries["tpot_s"].tolist() == pytest.approx([look["tpot_s"] for look in seen], rel=1e-2)


def test_prompts_outstanding_come_first_and_calls_outstanding_decode_together(folder: Path, seen: list[dict[str, Any]]):
    looked(folder, own(place="home", replicas=2, max_seqs=2), queries=6)
    full_s = (PASS_S + CHUNK_S * 64) / 64  # of a prompt token in a full pass
    own_s = PASS_S + CHUNK_S * 32
    assert [look["ttft_s"] for look in seen] == pytest.approx([own_s + 16 * i * full_s for i in range(6)])
    assert [look["tok_by_replica"] for look in seen[:4]] == [[0, 0], [32, 0], [32, 32], [64, 32]]
    assert all(sum(look["tok_by_replica"]) == look["tok"] for look in seen)
    batches = [1, 1, 1, 2, 2, 2]
    assert [look["tpot_s"] for look in seen[1:]] == pytest.approx(
        [PASS_S + n * (SEQ_S + CONTEXT_S * 32) for n in batches[1:]]
    )


def test_an_api_is_predicted_by_its_medians(folder: Path, seen: list[dict[str, Any]]):
    looked(folder, {"hosted": "api", "place": "site"})
    assert {(look["ttft_s"], look["tpot_s"], look["place"]) for look in seen} == {(0.25, 1 / 50.0, "site")}
    assert [look["tok_by_replica"] for look in seen] == [[32.0 * i] for i in range(4)]


def test_carbon_follows_the_grid_and_the_building(folder: Path, seen: list[dict[str, Any]]):
    grid = {"home": {"carbon_g_per_kwh": 360, "pue": 1.5, "carbon": [{"from_s": 15.0, "factor": 2.0}]}}
    looked(folder, own(place="home"), arrivals=lone(), grid=grid)
    carbon = {look["now_s"] > 15.0: look["carbon"] for look in seen}
    assert carbon == {False: pytest.approx(1.5e-4), True: pytest.approx(3e-4)}
    seen.clear()
    looked(folder, own(place="home"), queries=1)
    assert seen[0]["carbon"] != seen[0]["carbon"]  # nobody knows


@pytest.mark.parametrize("replicas", [1, 2])
def test_a_gauge_shows_what_the_meter_takes_out(folder: Path, seen: list[dict[str, Any]], replicas: int):
    pool = own(place="home", device="phone", replicas=replicas)
    result = looked(folder, pool, queries=8, arrivals={"use": "constant", "rate_per_s": 1.0})
    end_s = seen[-1]["now_s"]
    assert seen[0]["battery"] == 1.0
    ledger = result.tables.ledger
    work_j = ledger.loc[ledger["kind"] == "replica", "it_energy_j"].sum() * 7 / 8  # the last has not been asked yet
    hosts = ledger[(ledger["kind"] == "host") & (ledger["phase"] == "idle")]
    rest_w = hosts["it_energy_j"].sum() / hosts["time_s"].sum()
    used_j = work_j + replicas * rest_w * end_s
    assert 1.0 - seen[-1]["battery"] == pytest.approx(used_j / (replicas * BATTERY_WH * 3600), rel=1e-9)


def test_no_battery_no_gauge(folder: Path, seen: list[dict[str, Any]]):
    looked(folder, own(place="home"), queries=1)
    assert seen[0]["battery"] is None
