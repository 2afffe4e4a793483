"""The compiled planner of single parts against a mixed-integer program of the same part."""

import math
import random

import numpy as np
import pytest

from optimizer.crowd import Crowd
from optimizer.emergency_model import Clock, Goal, Model
from optimizer.emergency_parts import Part, cut
from optimizer.situation import Delivery, Lane, Need, Situation, VendorOption

DEPOTS = ("BJ", "CD", "GZ", "NJ", "SH", "XA")


def part(seed: int, *, dear: float) -> Part:
    """One part in six depots, short in some, with minimum orders and packs that make its units lumpy."""
    draw = random.Random(seed)  # noqa: S311
    needs = []
    for depot in DEPOTS:
        hold = draw.choice((0, 1, 2, 3, 4))
        on_hand = draw.randint(0, hold) if draw.random() < 0.5 else hold + draw.randint(0, 3)
        inbound = (Delivery(1, 24.0),) if draw.random() < 0.2 else ()
        needs.append(Need("P", depot, on_hand, hold, float(draw.choice((24, 48, 96))), inbound))
    offers = tuple(
        VendorOption(
            f"P-{kind}", "P", dear * draw.uniform(0.8, 1.6), float(hours), draw.randint(1, 4), draw.randint(4, 12),
            draw.choice((1, 1, 2, 3)), float(draw.choice((0, 40, 150))), tuple(draw.sample(DEPOTS, draw.randint(3, 6))),
        )
        for kind, hours in enumerate((12, 24, 48, 90))
    )  # fmt: skip
    lanes = tuple(
        Lane(a, b, float(draw.choice((8, 20, 40))), 100.0, draw.uniform(5, 30))
        for a in DEPOTS
        for b in DEPOTS
        if a != b
    )
    return cut(Situation(tuple(needs), offers, lanes, 1.0, 168.0))[0]


@pytest.mark.parametrize("dear", [60.0, 900.0, 20_000.0])
@pytest.mark.parametrize("seed", range(12))
def test_a_part_is_planned_at_the_cost_of_the_best_plan_and_its_bound_says_so(seed, dear):
    one, goal = part(seed, dear=dear), Goal("cost")
    crowd = Crowd([one], goal)
    prices = np.random.default_rng(seed).uniform(0.0, 0.4 * dear, len(crowd.lane))
    bounds, values, units = crowd.plan(prices)
    at = {crowd.lanes[lane]: price for lane, price in zip(crowd.lane, prices, strict=True)}
    model = Model(one.situation, goal, trifle=0.0)
    solved = model.minimise(
        model.worth({lane.name: at.get(lane.name, math.inf) for lane in one.situation.lanes if lane.name in at}),
        Clock(60.0),
    )
    if model.hopeless or solved.infeasible:
        assert math.isinf(bounds[0])
        return
    assert solved.proven
    assert values[0] == pytest.approx(solved.value, abs=0.01)
    assert bounds[0] == pytest.approx(values[0], abs=1e-5)
    assert (units >= 0).all()


def test_a_way_that_is_closed_is_not_used():
    one = part(3, dear=900.0)
    crowd = Crowd([one], Goal("cost"))
    is_open = np.zeros(len(crowd.lanes), np.bool_)
    _, _, units = crowd.plan(crowd.over(is_open))
    assert not units.any()
