"""How far predictions are from measurements: errors of a table of scores, and the bars they are held to.

The error of a row is (predicted - measured) / measured, a fraction. Of a set of rows: the median and the 90th
percentile (linear between order statistics) of its absolute value, and as bias the median of its signed value.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from simulator.records.scores import SETTINGS

FIGURES = ("n", "median_frac", "p90_frac", "bias_frac", "extrapolated_n")
SAME_ROW = ["source", "table", "row", "device", "engine", "model", "quantity", "kind"]


def errors(scores: pd.DataFrame) -> pd.Series:
    """Signed relative error of each row."""
    return (scores["predicted"] - scores["measured"]) / scores["measured"]


def figures(scores: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """One row for each combination of the columns `by` that occurs: `by`, then `FIGURES`.

    Sorted by `by`, settings in the order of `SETTINGS`, all else by name.
    """
    signed = errors(scores)
    rows = scores[list(by)].assign(
        setting=_ordered(scores), _signed=signed, _absolute=signed.abs(), _extrapolated=scores["extrapolated"] != ""
    )
    table = (
        rows.groupby(list(by), observed=True)
        .agg(
            n=("_absolute", "size"),
            median_frac=("_absolute", "median"),
            p90_frac=("_absolute", lambda each: each.quantile(0.9)),
            bias_frac=("_signed", "median"),
            extrapolated_n=("_extrapolated", "sum"),
        )
        .reset_index()
    )
    return table.assign(setting=table["setting"].astype(str)) if "setting" in by else table


def summary(scores: pd.DataFrame, bars: pd.DataFrame) -> pd.DataFrame:
    """Figures for each group, quantity, kind and setting, beside the bar it is held to.

    Columns: group, quantity, kind, setting, `FIGURES`, limit_frac (NaN: no bar), over_frac (median - limit, NaN without
    a bar or rows) and verdict: met, missed, no rows, or empty without a bar. Kind is empty for all rows together; dense
    and moe follow where both occur or a bar asks. A bar on what has no rows has a row with n = 0.
    """
    by = ["group", "quantity", "kind", "setting"]
    table = pd.concat([figures(scores.assign(kind=""), by), figures(_of_a_kind(scores, bars), by)])
    table = table.merge(bars[[*by, "limit_frac"]], on=by, how="outer")
    table = table.assign(setting=_ordered(table)).sort_values(by, ignore_index=True)
    over = table["median_frac"] - table["limit_frac"]
    return table.assign(
        setting=table["setting"].astype(str),
        n=table["n"].fillna(0).astype(int),
        extrapolated_n=table["extrapolated_n"].fillna(0).astype(int),
        over_frac=over,
        verdict=[_verdict(limit, by_how_much) for limit, by_how_much in zip(table["limit_frac"], over, strict=True)],
    )


def worst(scores: pd.DataFrame, n: int = 10) -> pd.DataFrame:
    """The `n` rows of each group that are furthest off, with their `error_frac`; the furthest off first.

    A measured number that was predicted in several settings is there once, at its worst.
    """
    ranked = scores.assign(error_frac=errors(scores))
    ranked = ranked.sort_values("error_frac", key=abs, ascending=False, kind="stable")
    ranked = ranked.drop_duplicates(["group", *SAME_ROW])
    return ranked.groupby("group").head(n).sort_values("group", kind="stable", ignore_index=True)


def _of_a_kind(scores: pd.DataFrame, bars: pd.DataFrame) -> pd.DataFrame:
    """Rows that are dense or MoE, of groups and quantities that have both or a bar on one of them."""
    at = ["group", "quantity"]
    kinds = scores.loc[scores["kind"] != "", [*at, "kind"]].drop_duplicates()
    both = kinds.loc[kinds.duplicated(at), at]
    asked = bars.loc[bars["kind"] != "", at]
    wanted = pd.concat([both, asked]).drop_duplicates()
    return scores[scores["kind"] != ""].merge(wanted, on=at)


def _ordered(table: pd.DataFrame) -> pd.Series:
    """The settings, to be sorted from the one that is fitted closest."""
    return pd.Series(pd.Categorical(table["setting"], list(SETTINGS), ordered=True), index=table.index)


def _verdict(limit_frac: float, over_frac: float) -> str:
    if pd.isna(limit_frac):
        return ""
    if pd.isna(over_frac):
        return "no rows"
    return "met" if over_frac <= 0 else "missed"
