"""A made-up world for policies: a table with texts, tasks, confidences, recorded scores and samples, and a fleet.

Every policy of the library is named in `EXAMPLES`, as a scenario would have it, over the pools of `FLEET` (small,
middle, large, in the order of their prices) and the verifier `judge`. Whoever adds a policy adds a line: tests do the
rest.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from examples_core import CORE
from examples_escalation import ESCALATION
from examples_online import ONLINE, SYSTEM
from examples_rounds import ROUNDS
from examples_routing import ROUTING
from pydantic import TypeAdapter

from simulator import build, load, run
from simulator.policies.core import Policy
from simulator.policies.setting import PolicyPart, Prepared
from simulator.records.result import Result

Scenario = dict[str, Any]

SOURCES = [{"kind": "assumed", "ref": "made for tests"}]
POOLS = ("small", "middle", "large")
TASKS = ("sums", "words", "code")
WORDS = {"sums": "add count total number", "words": "noun verb rhyme letter", "code": "loop print class bug"}
SKILL = {  # how often each model is right, by task: the middle one is best at code
    "small": {"sums": 0.3, "words": 0.8, "code": 0.2},
    "middle": {"sums": 0.5, "words": 0.7, "code": 0.95},
    "large": {"sums": 0.9, "words": 0.85, "code": 0.7},
}
ITEMS = 240

EXAMPLES: dict[str, list[Scenario]] = {**CORE, **ROUTING, **ESCALATION, **ROUNDS, **ONLINE, **SYSTEM}


def made(policy: Scenario) -> Policy | Prepared:
    """The policy that a scenario's map says."""
    part = TypeAdapter(PolicyPart).validate_python(policy)
    return part.make()  # type: ignore[union-attr, no-any-return]


def rows(seed: int = 1, items: int = ITEMS) -> list[dict[str, Any]]:
    """What every model made of every item; half of the items are of the train split."""
    chance = random.Random(seed)
    told = []
    for item in range(items):
        task = TASKS[item % 3]
        words = chance.choices(WORDS[task].split(), k=4) + chance.choices(["the", "of", "a", "is", "what", "how"], k=6)
        chance.shuffle(words)
        row: dict[str, Any] = {
            "item": f"q{item}",
            "task": task,
            "split": ("train", "test")[item % 2],
            "prompt": f"{' '.join(words)} {item}?",
            "router": round(chance.random(), 3),
        }
        answers = chance.sample(range(10), 4)
        for i, model in enumerate(POOLS):
            right = chance.random() < SKILL[model][task]
            row |= {
                f"score-{model}": int(right),
                f"sure-{model}": round(min(max(chance.gauss(0.7 if right else 0.4, 0.15), 0.0), 1.0), 3),
                f"out-{model}": chance.randint(4, 24) * (1 + i),
                f"in-{model}": 10 + item % 7,
                f"said-{model}": answers[0] if right else chance.choice(answers[1:]),
            }
        told.append(row)
    return told


def write_yaml(path: Path, values: Mapping[str, Any]) -> None:
    """Plain data; JSON is YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def write_table(folder: Path, name: str, told: list[dict[str, Any]]) -> None:
    """A quality profile of these rows."""
    columns: Scenario = {"item": "item", "task": "task", "split": "split", "prompt": "prompt", "score": "score-{model}"}
    columns |= {"confidence": "sure-{model}", "output_tok": "out-{model}", "prompt_tok": "in-{model}"}
    columns |= {"group": "said-{model}"}
    profile = {"name": name, "kind": "items", "file": f"{name}.csv", "columns": columns, "sources": SOURCES}
    profile |= {"format": "wide", "models": list(POOLS)}
    write_yaml(folder / "quality" / f"{name}.yaml", profile)
    with (folder / "quality" / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(told[0]))
        writer.writeheader()
        writer.writerows(told)


def write_world(folder: Path) -> None:
    """Profiles of three hosted models, each ten times as dear as the one before, and the table `exam`."""
    for i, model in enumerate(POOLS):
        api = {
            "name": model,
            "model": model,
            "price_in_usd_per_mtok": 0.1 * 10**i,
            "price_out_usd_per_mtok": 0.4 * 10**i,
            "ttft_median_s": 0.1 * (1 + i),
            "ttft_sigma": 0.1,
            "rate_median_tok_per_s": 100.0 / (1 + i),
            "rate_sigma": 0.1,
            "energy_j_per_tok": 0.1 * 10**i,
            "sources": SOURCES,
        }
        write_yaml(folder / "profiles" / "hosted" / f"{model}.yaml", api)
    write_table(folder / "profiles", "exam", rows())


def own(model: str, replicas: int = 1) -> Scenario:
    """A pool of GPUs that runs a shipped model and is called `model` by the table."""
    return {"model": model, "device": "l4", "replicas": replicas, "max_seqs": 16}


FLEET = {"small": {"hosted": "small"}, "middle": {"hosted": "middle"}, "large": {"hosted": "large"}}
OWN_FLEET = {"small": own("llama-3.2-1b"), "middle": own("llama-3.2-3b"), "large": own("llama-3.1-8b", 2)}
OWN_MODELS = {"llama-3.2-1b": "small", "llama-3.2-3b": "middle", "llama-3.1-8b": "large"}


def scenario(policy: Scenario, queries: int = 120, own_fleet: bool = False, **more: Any) -> Scenario:
    """Questions of the exam's test split, at three hosted APIs or on three pools of GPUs under load."""
    items: Scenario = {"table": "exam"}
    if own_fleet:
        items["models"] = OWN_MODELS
    return {
        "name": "made",
        "seed": 3,
        "run": {"queries": queries, "replications": 1, "warmup_s": 0.0},
        "workload": {
            "exam": {"arrivals": {"use": "poisson", "rate_per_s": 12.0 if own_fleet else 4.0}, "items": items}
        },
        "fleet": OWN_FLEET if own_fleet else FLEET,
        "verifiers": {"judge": {"time_s": 0.01}},
        "router": {"time_s": 0.0},
        "policy": policy,
        **more,
    }


def simulated(question: Scenario, folder: Path) -> Result:
    """The result of a scenario written to `folder`, which has the profiles beside it."""
    path = folder / f"{question['name']}.yaml"
    write_yaml(path, question)
    return run(build(load(path)))
