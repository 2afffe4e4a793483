"""Rebalancing against trying everything: no set of trips and shipments is cheaper than what the model finds."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.errors import OptimizerError
from optimizer.rebalancing import Holding, Lane, rebalance

DEPOTS = ("GZ", "SH", "BJ")
PARTS = ("P", "Q")

units, prices = st.integers(0, 2), st.sampled_from([50, 200, 900])


def holding(part, depot):
    """A part in a depot that lacks some units, or can spare some."""
    lacking = st.builds(lambda count, price: Holding(part, depot, count, 0, price), units, prices)
    sparing = st.builds(lambda count, price: Holding(part, depot, 0, count, price), units, prices)
    return st.one_of(lacking, sparing)


holdings = st.tuples(*(holding(part, depot) for part in PARTS for depot in DEPOTS))
lanes = st.lists(
    st.builds(
        Lane,
        origin=st.sampled_from(DEPOTS),
        target=st.sampled_from(DEPOTS),
        mode=st.just("courier"),
        fixed_cost_cny=st.sampled_from([0, 100, 300]),
        unit_cost_cny=st.sampled_from([0, 20, 100]),
        refuses=st.sampled_from([frozenset(), frozenset({"P"})]),
    ).filter(lambda lane: lane.origin != lane.target),
    max_size=3,
    unique_by=lambda lane: (lane.origin, lane.target),
)


def cheapest(held, ways):
    """The least cost over every whole number of units on every part and lane."""
    at = {(h.part, h.depot): h for h in held}
    pairs = [(part, lane) for part in PARTS for lane in ways if part not in lane.refuses]
    ranges = [range(min(at[p, lane.origin].spares, at[p, lane.target].lacks) + 1) for p, lane in pairs]
    best = float("inf")
    for amounts in itertools.product(*ranges):
        out, into = dict.fromkeys(at, 0), dict.fromkeys(at, 0)
        for (part, lane), units in zip(pairs, amounts, strict=True):
            out[part, lane.origin] += units
            into[part, lane.target] += units
        if any(out[key] > at[key].spares or into[key] > at[key].lacks for key in at):
            continue
        trips = {id(lane): lane.fixed_cost_cny for (_, lane), units in zip(pairs, amounts, strict=True) if units}
        moving = sum(lane.unit_cost_cny * units for (_, lane), units in zip(pairs, amounts, strict=True))
        buying = sum((at[key].lacks - into[key]) * at[key].unit_price_cny for key in at)
        best = min(best, sum(trips.values()) + moving + buying)
    return best


@settings(max_examples=60)
@given(holdings, lanes)
def test_nothing_is_cheaper_than_what_is_found(held, ways):
    found = rebalance(held, ways)

    assert found.proven
    assert found.cost_cny == pytest.approx(cheapest(held, ways))
    assert found.cost_cny <= found.buying_all_cny


@settings(max_examples=60)
@given(holdings, lanes)
def test_every_lack_is_met_from_what_can_be_spared(held, ways):
    found = rebalance(held, ways)
    allowed = {(lane.origin, lane.target): lane for lane in ways}

    for holding in held:
        came = sum(m.quantity for m in found.moves if (m.part, m.target) == (holding.part, holding.depot))
        left = sum(m.quantity for m in found.moves if (m.part, m.origin) == (holding.part, holding.depot))
        bought = sum(b.quantity for b in found.purchases if (b.part, b.depot) == (holding.part, holding.depot))
        assert came + bought == holding.lacks
        assert left <= holding.spares
    assert all(m.part not in allowed[m.origin, m.target].refuses for m in found.moves)


def test_a_trip_that_pays_only_for_several_parts_together_is_made():
    held = [Holding(part, "GZ", 1, 0, 200) for part in "ABC"] + [Holding(part, "SH", 0, 1, 200) for part in "ABC"]
    lane = [Lane("SH", "GZ", "courier", 300, 20)]

    assert rebalance(held[:1] + held[3:4], lane).moves == ()
    assert len(rebalance(held, lane).moves) == 3


def test_the_cheaper_of_two_modes_is_taken():
    held = [Holding("P", "GZ", 2, 0, 900), Holding("P", "SH", 0, 2, 900)]
    found = rebalance(held, [Lane("SH", "GZ", "own_car", 500, 0), Lane("SH", "GZ", "courier", 300, 20)])

    assert [(move.mode, move.quantity) for move in found.moves] == [("courier", 2)]


def test_a_part_stands_once_for_a_depot():
    with pytest.raises(OptimizerError):
        rebalance([Holding("P", "GZ", 1, 0, 1), Holding("P", "GZ", 0, 1, 1)], [])
