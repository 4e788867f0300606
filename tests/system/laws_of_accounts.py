"""Laws of joules, grams, dollars, FLOPs, bytes and scores, whatever the scenario: calls and ledger tell the same."""

from __future__ import annotations

import numpy as np
from system_told import SITE, SLACK_S, Told, close
from system_world import (
    ACTIVE,
    AIR,
    BARE_W,
    BUSY_W,
    HEAD,
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
)

# Joules, grams, dollars, FLOPs, bytes


def idle_watts_run_all_the_time_once(told: Told) -> None:
    for host in told.hosts:
        rows = told.rows("host", name=host)
        close(rows["time_s"].sum(), told.end_s)
        for state, watts in (("loaded", IDLE_W), ("bare", BARE_W)):
            rest = rows[(rows["state"] == state).to_numpy()]
            close(rest["it_energy_j"], (watts + HOST_IDLE_W) * rest["time_s"])
        if not any({"cold", "unload_after_s", "measured_energy"} & pool.keys() for pool in told.own.values()):
            guests = {home for pool in told.system.pools for home in pool.homes}
            watts = IDLE_W if host in guests else BARE_W
            close(rows["it_energy_j"].sum(), (watts + HOST_IDLE_W) * told.end_s)
        close(rows["cost_usd"].sum(), USD_PER_H / 3600 * told.end_s)


def work_draws_its_watts_for_its_seconds(told: Told) -> None:
    for pool, spec in told.own.items():
        rows = told.rows("replica", pool=pool)
        if "measured_energy" in spec:
            rows = rows[(rows["state"] != "busy").to_numpy()]
        works = rows["state"].isin(["busy", "loading"])
        close(rows["it_energy_j"], np.where(works, rows["time_s"] * BUSY_W, 0.0))


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
            requests = ~told.is_further[billed.index]
            usd = (USD_CALL + USD_IN * billed["prompt_tok"]) * requests + USD_OUT * billed["output_tok"]
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
        context, further = told.context_tok[begun.index].to_numpy(float), told.is_further[begun.index].to_numpy(bool)
        np.testing.assert_array_equal(prompt[further], 1)  # its last token: the rest is in memory
        pairs = np.where(further, context - 0.5, context**2 / 2)
        pairs += decoded * (context + 1) + decoded * (decoded - 1) / 2
        work = (
            2 * ACTIVE[spec["model"]] * (prompt + decoded) + 2 * HEAD * decoded + 4 * LAYERS * HEADS * HEAD_DIM * pairs
        )
        in_part = calls["queue_s"].notna() & calls["prefill_s"].isna() | (calls["preemptions"] > 0)
        if not in_part.any() and told.horizon_s is None:
            close(flop, work.sum())
        else:
            assert flop >= work.sum() * (1 - 1e-9)


def bytes_are_the_texts(told: Told) -> None:
    """Over the only link go prompts to the router and from it to pools, and answers the same ways back."""
    ((name, link),) = told.scenario["links"].items()
    calls = told.calls[told.calls["pool"].isin(list(told.scenario["fleet"])).to_numpy()]
    cls = told.queries["cls"].astype(str)
    payload = cls.map({name: cls.get("payload_bytes", 0.0) for name, cls in told.scenario["workload"].items()})
    place = calls["pool"].astype(str).map({pool: told.place(pool) for pool in told.scenario["fleet"]})
    asked_bytes = 4.0 * calls["prompt_tok"] + payload.loc[calls["query"]].to_numpy()
    asked_bytes[told.is_further[calls.index]] = 0.0
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


def radios_are_awake_for_their_transfers_and_a_tail(told: Told) -> None:
    """At least a tail of each radio that was used, at most the run and a tail of each."""
    ((name, link),) = told.scenario["links"].items()
    rows = told.rows("link", name=f"{name}-radio")
    close(rows["energy_j"], AIR["tail_w"] * rows["time_s"])
    if link["profile"] == "wire":
        assert rows.empty
        return
    ways = [told.rows("link", name=f"{name}-{way}") for way in ("up", "down")]
    used = sum(way["bytes"].sum() for way in ways) > 0
    per_user = link.get("radios", "one" if link.get("sharing", "shared") == "shared" else "per_user") == "per_user"
    sessions = told.queries["session"].where(told.queries["session"] >= 0, told.queries.index.to_series() + 10**6)
    radios = sessions.nunique() if per_user else 1
    longest_s = told.end_s + AIR["promotion_s"] + AIR["tail_s"]
    assert rows["time_s"].sum() >= AIR["tail_s"] * used * (1 - 1e-9)
    if told.is_patient:  # else a prompt may be under way when its query has been given up, and the run is over
        assert rows["time_s"].sum() <= radios * longest_s + SLACK_S


def stations_serve_every_visit(told: Told) -> None:
    visits = {"judge": (told.calls["kind"] == "verify").sum(), "router": len(told.queries)}
    for name, spec in (("router", told.scenario.get("router")), *told.scenario.get("verifiers", {}).items()):
        if spec is None or "pool" in spec:
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
        calls = told.calls[told.calls["query"].isin(mine.index) & (told.calls["kind"] != "verify")]
        calls = calls[(calls["fate"] == "answered").to_numpy()]
        models = {pool.plan.facts.name: pool.model for pool in told.system.pools}
        columns = [cls.table.models.index(models[str(pool)]) for pool in calls["pool"]]
        items = mine["item"].loc[calls["query"]].to_numpy()
        np.testing.assert_array_equal(calls["score"], cls.table.score[items, columns])
        np.testing.assert_array_equal(calls["confidence"], cls.table.confidence[items, columns])


LAWS_OF_ACCOUNTS = (
    idle_watts_run_all_the_time_once,
    work_draws_its_watts_for_its_seconds,
    the_timeline_has_the_joules_of_hosts_and_replicas,
    buildings_and_grids_multiply,
    dollars_are_the_calls,
    flops_are_the_calls_tokens,
    bytes_are_the_texts,
    radios_are_awake_for_their_transfers_and_a_tail,
    stations_serve_every_visit,
    scores_are_the_tables,
)
