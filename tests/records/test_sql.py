from __future__ import annotations

from pathlib import Path

import pytest

from simulator.records.errors import ResultError
from simulator.records.sql import ask
from simulator.sweeping.sweep import sweep

TINY = """\
name: tiny
seed: 3
run: {queries: 30, replications: 2}
workload:
  chat: {arrivals: {use: poisson, rate_per_s: 2}, lengths: azure-conv-like}
fleet:
  one: {model: llama-3.2-1b, device: l4}
policy: {use: always, pool: one}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sweeps with three points, one of them of both."""
    where = tmp_path_factory.mktemp("sweep") / "it's here"
    file = tmp_path_factory.mktemp("scenario") / "tiny.yaml"
    file.write_text(TINY)
    sweep(file, grid={"fleet.one.replicas": [1, 2]}, folder=where, jobs=1)
    sweep(file, grid={"fleet.one.replicas": [2, 3]}, folder=where, jobs=1)
    return where


def test_points_are_rows_with_varied_keys_verdict_and_metrics(folder: Path) -> None:
    found = ask(folder, 'select "fleet.one.replicas" as n, verdict, "e2e_s.mean", "e2e_s.mean.ci_low" from points')
    assert sorted(found["n"]) == [1, 2, 3]
    assert (found["e2e_s.mean.ci_low"] < found["e2e_s.mean"]).all()


def test_a_mean_of_replications_is_the_points(folder: Path) -> None:
    found = ask(
        folder,
        'select p."e2e_s.mean" as told, avg(r."e2e_s.mean") as mean from points p join replications r using (key) '
        "group by p.key, told",
    )
    assert found["told"].tolist() == pytest.approx(found["mean"].tolist())


@pytest.mark.parametrize("view", ["queries", "calls"])
def test_tables_are_of_all_points(folder: Path, view: str) -> None:
    found = ask(folder, f"select key, point, count(*) as n from {view} group by all")
    assert (len(found), set(found["n"])) == (3, {60})


def test_joules_of_the_ledger_are_those_of_the_points(folder: Path) -> None:
    found = ask(
        folder,
        'with joules as (select key, sum(energy_j) as j from ledger where "window" group by key) '
        "select p.key, j, energy_j_per_query from points p join joules using (key)",
    )
    ratio = found["j"] / found["energy_j_per_query"]
    assert ((ratio > 50) & (ratio < 60.001)).all()  # queries of the window, of 60


def test_there_is_a_timeline(folder: Path) -> None:
    found = ask(folder, "select max(busy_frac) as m, count(distinct key) as n from timeline")
    assert (0 < found.at[0, "m"] <= 1.000001) and found.at[0, "n"] == 3  # noqa: PT018


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("select foo from points", 'Referenced column "foo" not found'),
        ("selec 1", "syntax error"),
        ("select * from nothing", "nothing does not exist"),
        ("create table t as select 1", "give one query that reads"),
        ("copy (select 1) to 'out.csv'", "give one query that reads"),
        ("select 1; drop view calls", "give one query that reads"),
        ("", "give one query that reads"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(folder: Path, query: str, told: str) -> None:
    with pytest.raises(ResultError) as caught:
        ask(folder, query)
    assert str(caught.value).startswith("sql: ")
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_sweep_is_told(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="not the folder of a sweep"):
        ask(tmp_path, "select 1")
