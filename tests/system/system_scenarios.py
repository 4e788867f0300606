"""Random small scenarios of every kind: fleets, links, policies, patience, closed loops."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from system_world import Scenario, items, linear

HOME, SITE = "home", "site"
SECONDS = (0.0, 0.25, 1.0, 4.0)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


def given_keys(**values: Any) -> Scenario:
    """Only the keys that have a value."""
    return {key: value for key, value in values.items() if value is not None}


changes = st.lists(
    st.tuples(st.sampled_from((0.5, 2.0, 7.0)), st.sampled_from((0.5, 2.0, 3.0))), max_size=2, unique_by=lambda c: c[0]
).map(lambda found: [{"from_s": from_s, "factor": factor} for from_s, factor in sorted(found)])


meters = st.builds(
    lambda scope: {"prefill_j_per_tok": 0.5, "decode_j_per_tok": 2.0, "scope": scope},
    st.sampled_from(("gpu", "rail", "host", "wall")),
)


@st.composite
def own_pools(draw: st.DrawFn, place: str) -> Scenario:
    return given_keys(
        model=draw(st.sampled_from(("small", "large"))),
        device="box",
        place=place,
        replicas=draw(st.integers(1, 3)),
        steps=draw(st.sampled_from((linear(), linear(), None))),
        dispatch=draw(
            st.sampled_from(("least-tokens", "shared", "round-robin", "random", "least-calls", "power-of-two", "own"))
        ),
        batching=draw(st.sampled_from(("continuous", "continuous", "static"))),
        max_seqs=draw(st.integers(1, 4)),
        max_batched_tok=draw(st.sampled_from((16, 64, 512))),
        block_tok=draw(st.sampled_from((1, 16))),
        kv_tok=draw(maybe(st.sampled_from((80, 160)))),
        max_queue=draw(maybe(st.integers(0, 3))),
        slowdown=draw(changes),
        unload_after_s=draw(maybe(st.sampled_from((0.25, 2.0)))),
        cold=draw(maybe(st.booleans())),
        measured_energy=draw(maybe(meters)),
    )


@st.composite
def hosted_pools(draw: st.DrawFn, place: str) -> Scenario:
    limit = draw(st.sampled_from(({}, {}, {"requests_per_min": 6}, {"tokens_per_min": 400, "max_retries": 1})))
    return {
        "hosted": "api",
        "place": place,
        "latency": draw(st.sampled_from(("profile", "recorded"))),
        "price": draw(st.sampled_from(("profile", "recorded"))),
        **limit,
    }


def pools() -> st.SearchStrategy[Scenario]:
    places = st.sampled_from((HOME, SITE))
    return places.flatmap(lambda place: st.one_of(own_pools(place), own_pools(place), hosted_pools(place)))


@st.composite
def links(draw: st.DrawFn) -> Scenario:
    return given_keys(
        between=draw(st.sampled_from(([HOME, SITE], [SITE, HOME]))),
        profile=draw(st.sampled_from(("wire", "air"))),
        rtt_ms=draw(maybe(st.sampled_from((0.0, 200.0)))),
        up_mbit_per_s=draw(maybe(st.just(0.01))),
        sharing=draw(st.sampled_from(("shared", "per_user"))),
        radios=draw(maybe(st.sampled_from(("one", "per_user")))),
        bandwidth=draw(changes),
    )


@st.composite
def arrivals(draw: st.DrawFn) -> Scenario:
    rate = draw(st.sampled_from((0.5, 2.0, 8.0)))
    wait = {"median_s": draw(st.sampled_from(SECONDS)), "sigma": 0.5}
    return draw(
        st.sampled_from(
            (
                {"use": "poisson", "rate_per_s": rate},
                {"use": "constant", "rate_per_s": rate},
                {"use": "all-at-once", "queries": 12},
                {"use": "users", "users": 4, "think_s": wait["median_s"], "ramp_s": 1.0, "min_answer_s": 0.125},
                {"use": "sessions", "rate_per_s": rate, "turns_mean": 3, "wait": wait},
            )
        )
    )


@st.composite
def classes(draw: st.DrawFn) -> Scenario:
    return given_keys(
        origin=HOME,
        arrivals=draw(arrivals()),
        lengths={
            "use": "lognormal",
            "prompt": {"median_tok": 30, "sigma": 1.0},
            "output": {"median_tok": draw(st.sampled_from((1, 12))), "sigma": 0.8},
        },
        items=draw(st.sampled_from((items("workload"), items("table")))),
        priority=draw(st.integers(0, 1)),
        timeout_s=draw(maybe(st.sampled_from(SECONDS[1:]))),
        call_timeout_s=draw(maybe(st.sampled_from(SECONDS[1:]))),
        abandon_s=draw(maybe(st.sampled_from(SECONDS[1:]))),
        show=draw(st.sampled_from(("after-accept", "at-once"))),
        payload_bytes=draw(st.sampled_from((0.0, 2000.0))),
    )


@st.composite
def judge_calls(draw: st.DrawFn, pools: list[str]) -> Scenario:
    """A verifier that is a call."""
    votes = draw(st.sampled_from(({}, {"right": 0.75, "wrong": 0.25})))
    return {"pool": draw(st.sampled_from(pools)), "prompt_tok": 5, "output_tok": draw(st.integers(1, 3)), **votes}


@st.composite
def policies(draw: st.DrawFn, fleet: list[str], verifier: str | None) -> Scenario:
    a, b = draw(st.permutations(fleet))[0], draw(st.sampled_from(fleet))
    order = draw(st.permutations(fleet))
    return draw(
        st.sampled_from(
            (
                {"use": "always", "pool": a},
                {"use": "random", "share": {a: 0.5, **({b: 0.5} if a != b else {})}},
                {"use": "threshold", "weak": a, "strong": b, "threshold": 30},
                given_keys(use="cascade", order=order, accept=0.6, verifier=verifier),
                {"use": "least-loaded"},
                {"use": "oracle", "currency": "energy"},
                {"use": "system_policies:Hedge", "first": a, "second": b, "after_s": 0.25},
                {"use": "system_policies:Vote", "among": order, "enough": 1},
                {"use": "system_policies:Patient", "pool": a, "pause_s": 0.5},
                {"use": "system_policies:BestOf", "pool": a, "samples": 3},
                {"use": "system_policies:BestOf", "pool": b, "samples": 4, "final": True},
                {"use": "system_policies:Refine", "pool": a, "editor": b},
            )
        )
    )


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """A scenario that builds, of two dozen queries or a few seconds."""
    fleet = {f"pool{i}": pool for i, pool in enumerate(draw(st.lists(pools(), min_size=1, max_size=3)))}
    hosts = {}
    shared = [name for name, pool in fleet.items() if "device" in pool]
    if shared and draw(st.booleans()):
        hosts["rack"] = {
            "device": "box",
            "place": draw(st.sampled_from((HOME, SITE))),
            "count": draw(st.integers(1, 2)),
        }
        for name in shared:
            del fleet[name]["device"], fleet[name]["place"]
            fleet[name] |= {"host": "rack", "replicas": min(2, fleet[name]["replicas"])}
    verifier = draw(st.sampled_from((None, "judge")))
    judges = [name for name, pool in fleet.items() if "recorded" not in (pool.get("latency"), pool.get("price"))]
    station = given_keys(time_s=draw(st.sampled_from((0.0, 0.05, 0.5))), servers=draw(st.integers(1, 2)), active_w=20.0)
    ends = st.sampled_from(({"queries": 24}, {"duration_s": 6.0}))
    return given_keys(
        name="random",
        seed=draw(st.integers(0, 99)),
        run={**draw(ends), "replications": 1, **given_keys(warmup_s=draw(maybe(st.sampled_from((0.0, 1.0, 2.5)))))},
        workload={f"class{i}": cls for i, cls in enumerate(draw(st.lists(classes(), min_size=1, max_size=2)))},
        fleet=fleet,
        hosts=hosts or None,
        links={"line": draw(links())},
        policy=draw(policies(list(fleet), verifier)),
        router=draw(maybe(st.just(station | ({"host": "rack"} if hosts else {})))),
        verifiers={"judge": draw(st.just(station) | judge_calls(judges) if judges else st.just(station))}
        if verifier
        else None,
        telemetry=draw(maybe(st.sampled_from(({"refresh_s": 0.5, "delay_s": 0.7}, {"refresh_s": 3.0})))),
        grid={HOME: {"region": "XX", "pue": 1.5}, SITE: {"carbon_g_per_kwh": 50, "pue": 1.25, "carbon": draw(changes)}},
    )
