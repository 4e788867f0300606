"""A stretch of one replication in full detail: too much to keep of a whole run, enough to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

MOMENTS = {
    "asked_s": "when the policy decided it",
    "submitted_s": "when it reached its pool",
    "started_s": "when a replica took it",
    "first_s": "when its first token was out",
    "done_s": "when its last token was out, or when it left",
    "delivered_s": "when its answer was with the router",
    "end_s": "the last of these, or the end of the run",
}
WORK = {
    "pool": "whose replica",
    "replica": "which one",
    "state": "busy | loading | off; what is left out is idle",
    "start_s": "since when",
    "end_s": "until when",
    "passes": "forward passes",
    "prefill_tok": "tokens of prompts that they prefill",
    "decode_seqs": "sequences that decode in each",
    "context_tok": "of those, at its start",
    "energy_j": "joules, beside what the machine draws at rest",
}
TRANSFERS = {
    "link": "over which link",
    "way": "up | down",
    "start_s": "when it was sent",
    "end_s": "when it would be out if it had the link for itself",
    "bytes": "its size",
}
VISITS = {"station": "router or verifier", "start_s": "since when it was served", "end_s": "until when"}
GAUGES = {
    "pool": "of which pool",
    "gauge": "waiting | under way | decoding | KV cache | power",
    "unit": "calls | sequences | tok | W",
    "start_s": "since when",
    "value": "what it is from then on",
}


@dataclass(frozen=True)
class Excerpt:
    """What happened between `start_s` and `end_s` of replication 0: all that reaches into that time, uncut.

    `pools` says of each pool, in the order of the file, what it is; `replicas` how many it has, of its own; `links`
    between which places each one is; `stations` names routers and verifiers. `calls` has the columns of the calls
    table and `MOMENTS`, NaN where it did not happen; `queries` those of the queries table and `end_s`, of what did not
    finish the end of its last call. The others' columns are `WORK`, `TRANSFERS`, `VISITS` and `GAUGES`, whose first
    rows are at `start_s`.
    """

    name: str
    seed: int
    start_s: float
    end_s: float
    pools: Mapping[str, str]
    replicas: Mapping[str, int]
    links: Mapping[str, str]
    stations: tuple[str, ...]
    queries: pd.DataFrame
    calls: pd.DataFrame
    work: pd.DataFrame
    transfers: pd.DataFrame
    visits: pd.DataFrame
    gauges: pd.DataFrame
