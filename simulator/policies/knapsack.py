"""The multiple-choice knapsack, solved: one pool a query, the highest total quality within a total cost.

max sum q x  s.t.  sum c x <= budget, sum_j x_ij = 1, x in {0, 1}: the integer programme of FORC, arXiv 2308.06077.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.policies.choice import Choice
from simulator.policies.setting import Floats, Ints
from simulator.policies.upgrades import Upgrades, upgrades

SHARE = 1e-6  # of the quality, which may be missed


class State(NamedTuple):
    """What may have been chosen so far: its cost, what it loses at the relaxation's price, and how it came about."""

    cost: Floats
    lost: Floats
    before: Ints
    pool: Ints


def best_within(quality: Floats, cost: Floats, budget: float) -> Choice:
    """The assignment of the highest total quality whose total cost is `budget` at most, but for a millionth of it.

    Where not even the cheapest pools are paid for, those. The linear relaxation (`upgrades`) leaves few queries open
    (Pisinger 1995, doi:10.1016/0377-2217(95)00015-I); of those, all combinations that no other one dominates are gone
    through (Nemhauser & Ullmann 1969, doi:10.1287/mnsc.15.9.494).
    """
    path = upgrades(quality, cost)
    moves = path.within(budget)
    if moves == len(path.slope) or path.cost[0] > budget:
        return path.after(moves)
    good = filled(path, moves, cost, budget)
    rows, price = np.arange(len(cost)), path.slope[moves]
    bound = path.quality[moves] + price * (budget - path.cost[moves])
    room = bound - quality[rows, good].sum()  # what a better assignment may lose at that price, of the bound
    net = quality - price * cost
    lost = net.max(axis=1, keepdims=True) - net
    choice: Choice = lost.argmin(axis=1)
    second = np.partition(lost, 1, axis=1)[:, 1]
    are_open = second < room
    left = budget - cost[rows, choice][~are_open].sum()
    order = np.flatnonzero(are_open)
    order = order[np.argsort(-second[order], kind="stable")]  # those nearly decided first: few states for long
    states = dominating(lost[order], cost[order], left, room, price, SHARE * bound)
    if states is None:
        return good
    last = states[-1]
    missed = last.lost + price * (left - last.cost)
    at = int(missed.argmin())
    if missed[at] >= room:
        return good
    for query, state in zip(order[::-1], reversed(states), strict=True):
        choice[query] = state.pool[at]
        at = int(state.before[at])
    return choice


def filled(path: Upgrades, moves: int, cost: Floats, budget: float) -> Choice:
    """The path's assignment after so many moves, and those of the later ones that the rest of the budget pays for."""
    choice, left, left_out = path.after(moves), budget - path.cost[moves], set()
    for query, pool in zip(path.query[moves:].tolist(), path.pool[moves:].tolist(), strict=True):
        dearer = cost[query, pool] - cost[query, choice[query]]
        if query not in left_out and dearer <= left:
            choice[query] = pool
            left -= dearer
        else:
            left_out.add(query)
    return choice


def dominating(
    lost: Floats, cost: Floats, budget: float, room: float, price: float, slack: float
) -> list[State] | None:
    """Query after query, the combinations that cost less or are better than all others; None: there is none.

    `slack` is what may be missed by taking two for equal, over all queries.
    """
    least = np.append(np.cumsum(cost.min(axis=1)[::-1])[::-1], 0.0)
    state, states = State(np.zeros(1), np.zeros(1), np.zeros(1, np.int64), np.zeros(1, np.int64)), []
    for query in range(len(cost)):
        pools = np.flatnonzero(lost[query] < room)
        costs = (state.cost[:, None] + cost[query, pools]).ravel()
        losses = (state.lost[:, None] + lost[query, pools]).ravel()
        kept = np.flatnonzero((costs + least[query + 1] <= budget) & (losses < room))
        kept = kept[np.argsort(costs[kept], kind="stable")]
        gain = price * costs[kept] - losses[kept]
        before = np.maximum.accumulate(np.append(-np.inf, gain))[:-1]
        kept = kept[gain > before + slack / len(cost)]
        if not len(kept):
            return None
        state = State(costs[kept], losses[kept], kept // len(pools), pools[kept % len(pools)])
        states.append(state)
    return states or None
