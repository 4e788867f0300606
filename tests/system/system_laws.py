"""What holds in every run, whatever the scenario: each law reads tables and raises if they break it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from system_world import (
    ACTIVE,
    BUSY_W,
    HEAD_DIM,
    HEADS,
    HOST_IDLE_W,
    IDLE_W,
    J_PER_TOK,
    LAYERS,
    USD_CALL,
    USD_IN,
    USD_OUT,
    USD_PER_H,
    WIRE,
    Scenario,
)

from simulator.engine.build import System
from simulator.records.result import Result
from simulator.workload.traffic import World

SLACK_S = 1e-7  # of sums and differences of times of some hundred seconds
SITE = "site"
STAGES = ("uplink_s", "queue_s", "prefill_s", "decode_s", "downlink_s")


@dataclass(frozen=True)
class Told:
    """A run of one replication: what was asked, and what came of it."""

    scenario: Scenario
    system: System
    result: Result

    @cached_property
    def world(self) -> World:
        return self.system.world(0)

    @cached_property
    def queries(self) -> pd.DataFrame:
        return self.result.tables.queries.set_index("query")

    @cached_property
    def calls(self) -> pd.DataFrame:
        return self.result.tables.calls.set_index("call")

    @cached_property
    def ledger(self) -> pd.DataFrame:
        return self.result.tables.ledger

    @cached_property
    def timeline(self) -> pd.DataFrame:
        return self.result.tables.timeline

    @cached_property
    def end_s(self) -> float:
        """When the run was over."""
        return float((self.timeline["start_s"] + self.timeline["width_s"]).max())

    @property
    def horizon_s(self) -> float | None:
        return self.scenario["run"].get("duration_s")

    @property
    def own(self) -> dict[str, Scenario]:
        return {name: pool for name, pool in self.scenario["fleet"].items() if "hosted" not in pool}

    @property
    def hosted(self) -> dict[str, Scenario]:
        return {name: pool for name, pool in self.scenario["fleet"].items() if "hosted" in pool}

    def replicas(self, pool: str) -> int:
        return int(self.own[pool].get("replicas", 1))

    def place(self, pool: str) -> str:
        spec = self.scenario["fleet"][pool]
        if "host" in spec:
            return str(self.scenario["hosts"][spec["host"]].get("place", "here"))
        return str(spec.get("place", "here"))

    @property
    def router_place(self) -> str:
        """Where decisions are made: where queries begin, unless a router stands elsewhere."""
        host = (self.scenario.get("router") or {}).get("host")
        return "home" if host is None else str(self.scenario["hosts"][host]["place"])

    @cached_property
    def hosts(self) -> dict[str, str]:
        """Every machine, and where it stands."""
        shared = {
            f"{name}-{i}": host.get("place", "here")
            for name, host in self.scenario.get("hosts", {}).items()
            for i in range(host.get("count", 1))
        }
        alone = {
            f"{name}-{i}": self.place(name)
            for name, pool in self.own.items()
            if "device" in pool
            for i in range(self.replicas(name))
        }
        return shared | alone

    def calls_of(self, pool: str) -> pd.DataFrame:
        return self.calls[(self.calls["pool"] == pool).to_numpy()]

    def rows(self, kind: str, **where: str) -> pd.DataFrame:
        """Rows of the ledger."""
        keep = np.logical_and.reduce([self.ledger[name] == value for name, value in {"kind": kind, **where}.items()])
        return self.ledger[keep]

    @property
    def is_patient(self) -> bool:
        """No query ever gives up."""
        return not any({"timeout_s", "abandon_s"} & cls.keys() for cls in self.scenario["workload"].values())

    @cached_property
    def is_plain(self) -> bool:
        """Every call was answered, and no work was done twice."""
        return bool((self.calls["fate"] == "answered").all() and (self.calls["preemptions"] == 0).all())


def close(found: object, expected: object, rel: float = 1e-9, abs: float = 1e-9) -> None:
    np.testing.assert_allclose(np.asarray(found, float), np.asarray(expected, float), rtol=rel, atol=abs)


# Queries and calls


def every_query_ends_once(told: Told) -> None:
    world, queries = told.world, told.queries
    assert queries.index.is_unique
    assert set(queries.index) <= set(range(len(world)))
    for row in set(range(len(world))) - set(queries.index):
        before = np.flatnonzero(world.next_row == row)
        if told.horizon_s is not None:
            assert len(before) or world.arrive_s[row] >= told.horizon_s, row
            continue
        (asked,) = before.tolist()  # it would have followed another, which was itself not asked, or failed
        assert asked not in queries.index or queries.fate[asked] != "finished", row
        cls = told.scenario["workload"][world.classes[world.cls[row]]]
        assert cls["arrivals"]["use"] == "sessions", "users go on after a failure"
    if told.horizon_s is None:
        assert not queries["fate"].isin(["unfinished"]).any()
    assert (queries["reason"].notna() == queries["fate"].isin(["dropped", "abstained"])).all()


def every_call_has_one_row_and_one_fate(told: Told) -> None:
    calls, queries = told.calls, told.queries
    assert calls.index.is_unique
    assert set(calls.index) == set(range(len(calls)))
    made = calls.groupby("query").size().reindex(queries.index, fill_value=0)
    np.testing.assert_array_equal(made, queries["calls"])
    assert (calls["reason"].notna() == (calls["fate"] == "failed")).all()
    if told.horizon_s is None:
        assert not (calls["fate"] == "unfinished").any()


def finished_queries_have_one_accepted_answer(told: Told) -> None:
    accepted = told.calls[told.calls["accepted"].to_numpy(bool)]
    assert (accepted["fate"] == "answered").all()
    assert (accepted["kind"] != "verify").all()
    finished = told.queries[(told.queries["fate"] == "finished").to_numpy()]
    assert sorted(accepted["query"]) == sorted(finished.index)
    by_query = accepted.set_index("query").loc[finished.index]
    for name in ("output_tok", "score", "confidence"):
        np.testing.assert_array_equal(by_query[name], finished[name])
    assert (by_query["pool"].astype(str) == finished["pool"].astype(str)).all()


def causes_come_before_effects(told: Told) -> None:
    calls, queries = told.calls, told.queries
    for stage in STAGES:
        assert not (calls[stage] < -SLACK_S).any(), stage
    answered = calls[(calls["fate"] == "answered").to_numpy()]
    assert answered[[*STAGES, "delivered_s"]].notna().all(axis=None)
    close(answered["asked_s"] + answered[list(STAGES)].sum(axis=1), answered["delivered_s"], abs=SLACK_S)
    assert (calls["asked_s"].to_numpy() >= queries["arrived_s"].loc[calls["query"]].to_numpy()).all()
    until_s = calls["asked_s"].copy()
    for stage in STAGES:
        until_s = until_s + calls[stage]
        assert not (until_s > told.end_s + SLACK_S).any(), stage
    finished = queries[(queries["fate"] == "finished").to_numpy()]
    accepted = calls[calls["accepted"].to_numpy(bool)].set_index("query").loc[finished.index]
    done_s = finished["arrived_s"] + finished["e2e_s"]
    assert (done_s >= accepted["delivered_s"] - SLACK_S).all()
    assert (finished["ttft_s"] <= finished["e2e_s"] + SLACK_S).all()
    assert (finished["ttft_s"] >= 0).all()
    assert (done_s <= told.end_s + SLACK_S).all()
    if told.horizon_s is not None:
        assert told.end_s == told.horizon_s


def nobody_waits_longer_than_they_would(told: Told) -> None:
    calls, queries = told.calls, told.queries
    for name, cls in told.scenario["workload"].items():
        mine = queries[(queries["cls"] == name).to_numpy()]
        of_mine = calls[calls["query"].isin(mine.index) & (calls["fate"] == "answered")]
        for patience, took in (
            (cls.get("call_timeout_s"), of_mine["delivered_s"] - of_mine["asked_s"]),
            (cls.get("timeout_s") if told.router_place == "home" else None, mine["e2e_s"]),
        ):
            assert patience is None or not (took > patience + SLACK_S).any()


# Time


def every_second_of_a_machine_is_in_one_row(told: Told) -> None:
    for host in told.hosts:
        close(told.rows("host", name=host)["time_s"].sum(), told.end_s)
    assert set(told.rows("host")["name"]) == set(told.hosts)
    for pool in told.own:
        for i in range(told.replicas(pool)):
            close(told.rows("replica", name=f"{pool}-{i}")["time_s"].sum(), told.end_s)
    assert not (told.ledger["time_s"] < -SLACK_S).any()


def numbers_in_system_are_rates_times_stays(told: Told) -> None:
    """Little's law for each pool, the number in system integrated event by event, and per replica at work."""
    for pool in told.scenario["fleet"]:
        calls = told.calls_of(pool)
        calls = calls[(calls["fate"] == "answered").to_numpy()]
        if not len(calls):
            continue
        came_s = (calls["asked_s"] + calls["uplink_s"]).to_numpy()
        stay_s = calls[["queue_s", "prefill_s", "decode_s"]].sum(axis=1).to_numpy()
        times_s = np.concatenate([came_s, came_s + stay_s])
        steps = np.concatenate([np.ones(len(calls)), -np.ones(len(calls))])
        order = np.argsort(times_s, kind="stable")
        number = np.cumsum(steps[order])[:-1]
        mean_number = float(number @ np.diff(times_s[order])) / told.end_s
        close(mean_number, len(calls) / told.end_s * stay_s.mean(), abs=1e-7)


def decoding_seconds_of_calls_are_those_of_spans(told: Told) -> None:
    """Little's law inside the batch, between two logs: the calls' own, and the spans of the replicas."""
    for pool in told.own:
        calls, bins = told.calls_of(pool), told.timeline[(told.timeline["pool"] == pool).to_numpy()]
        busy_s = told.rows("replica", pool=pool, state="busy")["time_s"].sum()
        close((bins["busy_frac"] * bins["width_s"]).sum() * told.replicas(pool), busy_s, abs=1e-7)
        if (calls["preemptions"] == 0).all():
            since_first_s = told.end_s - calls[["asked_s", *STAGES[:3]]].sum(axis=1, skipna=False)  # of those cut short
            decoding_s = calls["decode_s"].fillna(since_first_s).sum()
            close((bins["decode_seqs"] * bins["width_s"]).sum(), decoding_s, abs=1e-7)
        assert (bins["waiting"] >= -1e-9).all()


def the_timeline_counts_every_call(told: Told) -> None:
    for pool in told.scenario["fleet"]:
        calls, bins = told.calls_of(pool), told.timeline[(told.timeline["pool"] == pool).to_numpy()]
        assert bins["arrivals"].sum() == len(calls)
        assert bins["finished"].sum() == (calls["fate"] == "answered").sum()
        waited_s, known_s = (bins["waiting"] * bins["width_s"]).sum(), calls["queue_s"].sum()
        gave_up = calls["queue_s"].isna() & calls["uplink_s"].notna() & (calls["reason"] != "full")
        if not gave_up.any():
            close(waited_s, known_s, abs=1e-7)
        most_s = (told.end_s - calls["asked_s"][gave_up.to_numpy(bool)]).sum()
        assert known_s - 1e-7 <= waited_s <= known_s + most_s + 1e-7


# Joules, grams, dollars, FLOPs, bytes


def idle_watts_run_all_the_time_once(told: Told) -> None:
    for host in told.hosts:
        close(told.rows("host", name=host)["it_energy_j"].sum(), (IDLE_W + HOST_IDLE_W) * told.end_s)
        close(told.rows("host", name=host)["cost_usd"].sum(), USD_PER_H / 3600 * told.end_s)


def work_draws_its_watts_for_its_seconds(told: Told) -> None:
    for pool in told.own:
        rows = told.rows("replica", pool=pool)
        close(rows["it_energy_j"], np.where(rows["state"] == "busy", rows["time_s"] * BUSY_W, 0.0))


def the_timeline_has_the_joules_of_hosts_and_replicas(told: Told) -> None:
    pooled = {home for pool in told.system.pools for home in pool.homes}
    hosts = told.rows("host")
    idle_j = hosts.loc[hosts["name"].isin(pooled), "it_energy_j"].sum()
    close(told.timeline["energy_j"].sum(), idle_j + told.rows("replica")["it_energy_j"].sum(), abs=1e-6)


def buildings_and_grids_multiply(told: Told) -> None:
    for place, grid in told.scenario.get("grid", {}).items():
        here = told.ledger[(told.ledger["place"] == place).to_numpy()]
        machines = here[here["kind"].isin(["host", "replica", "station"])]
        close(machines["energy_j"], machines["it_energy_j"] * grid.get("pue", 1.0))
        g_per_j = grid.get("carbon_g_per_kwh", 360) / 3.6e6
        factors = [1.0, *(change["factor"] for change in grid.get("carbon", ()))]
        assert (here["co2_g"] >= here["energy_j"] * g_per_j * min(factors) * (1 - 1e-9)).all()
        assert (here["co2_g"] <= here["energy_j"] * g_per_j * max(factors) * (1 + 1e-9)).all()


def dollars_are_the_calls(told: Told) -> None:
    by_query = told.calls.groupby("query")["cost_usd"].sum().reindex(told.queries.index, fill_value=0.0)
    close(told.queries["cost_usd"], by_query)
    for pool, spec in told.hosted.items():
        calls = told.calls_of(pool)
        close(told.rows("hosted", name=pool)["cost_usd"].sum(), calls["cost_usd"].sum())
        if told.is_plain:
            close(told.rows("hosted", name=pool)["energy_j"].sum(), J_PER_TOK * calls["output_tok"].sum())
        if spec.get("price", "profile") == "profile":
            billed = calls[calls["queue_s"].notna()]
            usd = USD_CALL + USD_IN * billed["prompt_tok"] + USD_OUT * billed["output_tok"]
            close(billed["cost_usd"], usd)
    for pool in told.own:
        assert (told.calls_of(pool)["cost_usd"] == 0).all()


def flops_are_the_calls_tokens(told: Told) -> None:
    for pool, spec in told.own.items():
        calls = told.calls_of(pool)
        flop = told.rows("replica", pool=pool)["flop"].sum()
        begun = calls[calls["prefill_s"].notna()]
        assert (begun["output_tok"] >= 1).all()
        prompt, output = begun["prompt_tok"].to_numpy(float), begun["output_tok"].to_numpy(float)
        decoded = output - 1  # the prompt's last pass gives the first token
        pairs = prompt**2 / 2 + decoded * (prompt + 1) + decoded * (decoded - 1) / 2
        work = 2 * ACTIVE[spec["model"]] * (prompt + decoded) + 4 * LAYERS * HEADS * HEAD_DIM * pairs
        in_part = calls["queue_s"].notna() & calls["prefill_s"].isna() | (calls["preemptions"] > 0)
        if not in_part.any() and told.horizon_s is None:
            close(flop, work.sum())
        else:
            assert flop >= work.sum() * (1 - 1e-9)


def bytes_are_the_texts(told: Told) -> None:
    """Over the only link go prompts to the router and from it to pools, and answers the same ways back."""
    ((name, link),) = told.scenario["links"].items()
    calls = told.calls[(told.calls["kind"] != "verify").to_numpy()]
    cls = told.queries["cls"].astype(str)
    payload = cls.map({name: cls.get("payload_bytes", 0.0) for name, cls in told.scenario["workload"].items()})
    place = calls["pool"].astype(str).map({pool: told.place(pool) for pool in told.scenario["fleet"]})
    asked_bytes = 4.0 * calls["prompt_tok"] + payload.loc[calls["query"]].to_numpy()
    came_bytes = (4.0 * told.queries["prompt_tok"] + payload).sum()
    left_bytes = 4.0 * told.queries["output_tok"].sum()
    routed = told.router_place == SITE
    ways = {("home", SITE): came_bytes * routed, (SITE, "home"): left_bytes * routed}
    prompts = dict.fromkeys(ways, 0.0)
    prompts["home", SITE] += came_bytes * routed
    for there in {"home", SITE} - {told.router_place}:
        prompts[told.router_place, there] += asked_bytes[(place == there).to_numpy(bool)].sum()
        ways[there, told.router_place] += 4.0 * calls["output_tok"][(place == there).to_numpy(bool)].sum()
        ways[told.router_place, there] += asked_bytes[(place == there).to_numpy(bool)].sum()
    for way, ends in (("up", tuple(link["between"])), ("down", tuple(reversed(link["between"])))):
        rows = told.rows("link", name=f"{name}-{way}")
        j_per_byte = WIRE[f"energy_{way}_nj_per_bit"] * 8e-9 + WIRE["network_kwh_per_gb"] * 3.6e-3
        close(rows["energy_j"], rows["bytes"] * j_per_byte)
        assert rows["bytes"].sum() >= prompts[ends] - 1e-6
        if (told.is_plain and told.horizon_s is None) or (ends == ("home", SITE) and not routed):
            close(rows["bytes"].sum(), ways[ends], abs=1e-6)


def stations_serve_every_visit(told: Told) -> None:
    visits = {"judge": (told.calls["kind"] == "verify").sum(), "router": len(told.queries)}
    for name, spec in (("router", told.scenario.get("router")), *told.scenario.get("verifiers", {}).items()):
        if spec is None:
            continue
        rows = told.rows("station", name=name)
        close(rows["it_energy_j"], rows["time_s"] * spec.get("active_w", 0.0))
        assert rows["time_s"].sum() <= visits[name] * spec["time_s"] + SLACK_S
        if told.horizon_s is None and told.is_plain and told.is_patient:
            close(rows["time_s"].sum(), visits[name] * spec["time_s"])


def scores_are_the_tables(told: Told) -> None:
    for cls in told.system.classes:
        assert cls.table is not None
        mine = told.queries[(told.queries["cls"] == cls.plan.facts.name).to_numpy()]
        calls = told.calls[told.calls["query"].isin(mine.index) & (told.calls["kind"] == "answer")]
        calls = calls[(calls["fate"] == "answered").to_numpy()]
        models = {pool.plan.facts.name: pool.model for pool in told.system.pools}
        columns = [cls.table.models.index(models[str(pool)]) for pool in calls["pool"]]
        items = mine["item"].loc[calls["query"]].to_numpy()
        np.testing.assert_array_equal(calls["score"], cls.table.score[items, columns])
        np.testing.assert_array_equal(calls["confidence"], cls.table.confidence[items, columns])


LAWS: tuple[Callable[[Told], None], ...] = (
    every_query_ends_once,
    every_call_has_one_row_and_one_fate,
    finished_queries_have_one_accepted_answer,
    causes_come_before_effects,
    nobody_waits_longer_than_they_would,
    every_second_of_a_machine_is_in_one_row,
    numbers_in_system_are_rates_times_stays,
    decoding_seconds_of_calls_are_those_of_spans,
    the_timeline_counts_every_call,
    idle_watts_run_all_the_time_once,
    work_draws_its_watts_for_its_seconds,
    the_timeline_has_the_joules_of_hosts_and_replicas,
    buildings_and_grids_multiply,
    dollars_are_the_calls,
    flops_are_the_calls_tokens,
    bytes_are_the_texts,
    stations_serve_every_visit,
    scores_are_the_tables,
)
