"""Examples of the field reference. Those of the scenario's sections are, one after the other, one scenario."""

from __future__ import annotations

SCENARIO = {
    "the file": """
name: reference
seed: 7
policy: {use: cascade, order: [edge, cloud, api], accept: {edge: -0.3, cloud: -0.1}}
""",
    "run": """
run: {queries: 2000, replications: 5}
""",
    "workload": """
workload:
  chat:
    origin: home
    arrivals: {use: poisson, rate_per_s: 2.0}
    lengths: azure-conv-like
    items: {table: llama-mmlu-patterns, output_tok: workload}
    slo: [{metric: ttft_s, percentile: 95, max: 10}]
""",
    "fleet": """
fleet:
  edge: {model: llama-3.2-3b, host: box, max_seqs: 8, slowdown: [{from_s: 600, factor: 1.5}]}
  cloud: {model: llama-3.1-70b, device: h100-sxm, tensor_parallel: 2, place: dc, replicas: 2}
  api: {hosted: llama-3.1-405b-hosted, place: provider}
""",
    "hosts": """
hosts:
  box: {device: jetson-agx-orin, place: home, count: 2}
""",
    "links": """
links:
  fibre: {between: [home, dc], profile: fibre-home, bandwidth: [{from_s: 600, factor: 0.5}]}
  internet: {between: [home, provider], rtt_ms: 30, up_mbit_per_s: 50, down_mbit_per_s: 200}
""",
    "router": """
router: {time_s: 0.005, servers: 2}
""",
    "a station": """
verifiers:
  rules: {time_s: 0.05, servers: 4, active_w: 10}
  judge: {pool: edge, prompt_tok: 60, output_tok: 1, right: 0.9, wrong: 0.3}
""",
    "feedback": """
feedback: {frac: 0.1, delay_s: 60, noise: 0.05}
""",
    "telemetry": """
telemetry: {refresh_s: 5, delay_s: 0.5}
""",
    "grid": """
grid:
  home: {region: DE}
  dc: {region: FR, pue: 1.2, carbon: [{from_s: 600, factor: 0.7}]}
""",
    "slo": """
slo:
  - {metric: e2e_s, percentile: 95, max: 60, gate: true}
""",
    "sweep": """
sweep:
  grid: {fleet.cloud.replicas: [1, 2, 4]}
  sample: {points: 8, over: {policy.accept.edge: {low: -0.6, high: -0.1}}}
""",
}
PARTS = {
    "arrivals": "arrivals: {use: rates, window_s: 3600, rate_per_s: [0.5, 4.0, 2.0]}",
    "lengths": "lengths: {use: lognormal, prompt: {median_tok: 300, sigma: 0.8}, output: {median_tok: 150}}",
    "steps": "steps: {use: linear, pass_s: 0.012, decode_seq_s: 4.0e-4, context_tok_s: 2.0e-8, chunk_tok_s: 1.5e-4}",
    "policies": "policy: {use: carrot, mu: 0.2, quality: {use: knn, k: 20, features: embedding}}",
    "estimators": "quality: {use: kmeans, k: 10, features: text}",
    "encoders": "features: {use: joined, parts: [task, {use: cluster, k: 5}]}",
}
SHIPPED = {
    "devices": "devices/rtx-4090.yaml",
    "engines": "engines/llama.cpp-ada.yaml",
    "models": "models/llama-3.2-3b.yaml",
    "links": "links/fibre-home.yaml",
    "hosted": "hosted/llama-3.1-70b-hosted.yaml",
    "regions": "regions/DE.yaml",
}
"""A profile of each kind, in `profiles/`."""
PROFILES = {
    "steps": """
name: my-server
model: llama-3.1-8b
device: rtx-4090
use: linear
args: {pass_s: 0.012, decode_seq_s: 4.0e-4, context_tok_s: 2.0e-8, chunk_tok_s: 1.5e-4}
sources: [{kind: measured, ref: "30 requests, 2026-01-05"}]
""",
    "items": """
name: support
kind: items
file: answers.csv
format: wide
columns: {item: id, task: topic, split: split, score: "{model}_right", confidence: "{model}_sure"}
models: [small, large]
sources: [{kind: measured, ref: "marked by two people"}]
""",
    "runs": """
name: samples
kind: runs
file: answers.jsonl.gz
models: {small: small/t0.7, large: large/t0}
sources: [{kind: measured, ref: "asked 20 times each"}]
""",
    "patterns": """
name: counts
kind: patterns
models: [small, large]
counts: counts.csv
quantiles: quantiles.csv
sources: [{kind: measured, ref: "simulator.workload.count_patterns of a table that stays here"}]
""",
    "latent": """
name: guess
kind: latent
models: {small: 0.65, large: 0.85}
sources: [{kind: assumed, ref: "accuracies of a leader board"}]
""",
    "task-means": """
name: means
kind: task-means
tasks:
  billing: {prompt_tok: 300, models: {small: {right: 0.6, output_tok: 80}, large: {right: 0.9, output_tok: 120}}}
sources: [{kind: assumed, ref: "means by task of a paper"}]
""",
}
