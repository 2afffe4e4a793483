import json
import random
from pathlib import Path

import msgspec
import pytest

from optimizer.emergency import MANY_PARTS, TOO_MANY_PARTS, choose
from optimizer.situation import Delivery, Lane, Missing, Move, Need, Purchase, Situation, VendorOption, evaluate, read

EXAMPLE = Path(__file__).parents[2] / "examples" / "emergency-small.json"


def need(depot, on_hand, hold_point, *, part="PSU", by=48.0, inbound=()):
    return Need(part, depot, on_hand, hold_point, by, tuple(Delivery(qty, eta) for qty, eta in inbound))


def offer(name, price, hours=24.0, *, part="PSU", fee=0.0, moq=1, most=10, lot=1, depots=("GZ",)):
    return VendorOption(name, part, price, hours, moq, most, lot, fee, depots)


def lane(start, end, hours=20.0, *, fixed=0.0, unit=10.0):
    return Lane(start, end, hours, fixed, unit)


def situation(needs, offers=(), lanes=(), *, budget=None, shortage_cost=10.0):
    return Situation(tuple(needs), tuple(offers), tuple(lanes), shortage_cost, 100.0, budget)


def test_the_example_costs_4080():
    answer = choose(read(EXAMPLE.read_bytes()))
    assert (answer.status, answer.cost_cny, answer.lower_bound_cny) == ("optimal", 4080.0, 4080.0)
    assert answer.plan == (
        Purchase("V1-expedite", "PSU-750", "GZ", 1),
        Move("SH->GZ", "FAN-2U", 2),
        Move("SH->GZ", "PSU-750", 2),
    )
    assert [(point.cost_cny, point.last_needed_arrival_hours) for point in answer.front] == [(4080.0, 40.0)]
    assert (answer.weighted.total_cny, answer.weighted.cost_cny) == (980.0 + 15 * 374.0, 980.0)
    assert answer.least_shortage is None


def test_an_answer_is_written_in_the_files_form():
    written = json.loads(msgspec.json.encode(choose(read(EXAMPLE.read_bytes()))))
    assert written["plan"][0] == {"buy": "V1-expedite", "part": "PSU-750", "depot": "GZ", "qty": 1}
    assert written["plan"][1] == {"move": "SH->GZ", "part": "FAN-2U", "qty": 2}
    assert set(written["front"][0]) == {"cost_cny", "last_needed_arrival_hours", "plan"}
    assert set(written["weighted"]) == {"total_cny", "cost_cny", "shortage_unit_hours", "plan"}


def test_where_all_is_well_nothing_is_done():
    answer = choose(situation([need("GZ", 3, 3)], [offer("V", 5.0)]))
    assert (answer.status, answer.cost_cny, answer.plan) == ("optimal", 0.0, ())
    assert answer.front[0].last_needed_arrival_hours == 0.0
    assert answer.weighted.total_cny == 0.0


def test_without_needs_there_is_nothing_to_do():
    assert choose(situation([])).status == "optimal"


def test_a_donor_keeps_its_own_hold_point():
    answer = choose(situation([need("GZ", 0, 2), need("SH", 3, 2)], [offer("V", 500.0)], [lane("SH", "GZ")]))
    assert answer.plan == (Purchase("V", "PSU", "GZ", 1), Move("SH->GZ", "PSU", 1))


def test_a_donor_may_ship_what_reaches_it_before_its_own_deadline():
    needs = [need("GZ", 0, 1, by=24.0), need("SH", 1, 1, by=96.0)]
    slow = offer("SLOW", 100.0, 90.0, depots=("GZ", "SH"))
    answer = choose(situation(needs, [slow], [lane("SH", "GZ")]))
    assert answer.plan == (Purchase("SLOW", "PSU", "SH", 1), Move("SH->GZ", "PSU", 1))
    assert answer.cost_cny == 110.0


def test_only_what_is_on_the_shelf_can_leave():
    needs = [need("GZ", 0, 2), need("SH", 1, 0, inbound=[(5, 1.0)])]
    answer = choose(situation(needs, lanes=[lane("SH", "GZ")]))
    assert answer.status == "infeasible"
    assert answer.least_shortage.plan == (Move("SH->GZ", "PSU", 1),)


def test_a_lanes_fixed_cost_is_paid_once_for_all_parts():
    needs = [need(d, n, h, part=p) for p in ("FAN", "PSU") for d, n, h in (("GZ", 0, 1), ("SH", 1, 0))]
    offers = [offer("F", 70.0, part="FAN"), offer("P", 70.0, part="PSU")]
    answer = choose(situation(needs, offers, [lane("SH", "GZ", fixed=100.0)]))
    assert answer.plan == (Move("SH->GZ", "FAN", 1), Move("SH->GZ", "PSU", 1))
    assert answer.cost_cny == 120.0


def test_minimum_orders_and_packs_are_kept():
    packs = offer("PACK", 10.0, moq=3, lot=2, most=9)
    assert choose(situation([need("GZ", 0, 1)], [packs])).plan == (Purchase("PACK", "PSU", "GZ", 4),)
    never = offer("NEVER", 10.0, moq=3, lot=5, most=4)
    assert choose(situation([need("GZ", 0, 1)], [never])).status == "infeasible"


def test_the_front_trades_cost_for_time():
    offers = [offer("SLOW", 10.0, 40.0), offer("FAST", 50.0, 12.0), offer("WORSE", 60.0, 30.0)]
    answer = choose(situation([need("GZ", 0, 2)], offers))
    assert [(point.cost_cny, point.last_needed_arrival_hours) for point in answer.front] == [
        (20.0, 40.0),
        (100.0, 12.0),
    ]


def test_the_front_counts_inbound():
    answer = choose(situation([need("GZ", 0, 1, inbound=[(1, 30.0)])], [offer("FAST", 50.0, 12.0)]))
    assert [(point.cost_cny, point.last_needed_arrival_hours) for point in answer.front] == [(0.0, 30.0), (50.0, 12.0)]


def test_of_equal_plans_the_earlier_wins():
    offers = [offer("A", 50.0, 40.0), offer("B", 50.0, 12.0)]
    assert choose(situation([need("GZ", 0, 1)], offers)).plan == (Purchase("B", "PSU", "GZ", 1),)


def test_of_equal_plans_the_one_with_fewer_actions_wins():
    needs = [need("GZ", 0, 2), need("BJ", 1, 0), need("SH", 2, 0)]
    answer = choose(situation(needs, lanes=[lane("BJ", "GZ"), lane("SH", "GZ")]))
    assert answer.plan == (Move("SH->GZ", "PSU", 2),)


def test_of_equal_plans_the_first_by_name_wins():
    needs = [need("GZ", 0, 1), need("BJ", 1, 0), need("SH", 1, 0)]
    assert choose(situation(needs, lanes=[lane("SH", "GZ"), lane("BJ", "GZ")])).plan == (Move("BJ->GZ", "PSU", 1),)
    offers = [offer("B", 50.0), offer("A", 50.0), offer("C", 50.0)]
    assert choose(situation([need("GZ", 0, 3)], offers)).plan == (Purchase("A", "PSU", "GZ", 3),)


def test_what_costs_nothing_is_not_done_for_nothing():
    needs = [need("GZ", 0, 1), need("SH", 5, 0)]
    answer = choose(situation(needs, [offer("FREE", 0.0)], [lane("SH", "GZ", unit=0.0)]))
    assert answer.cost_cny == 0.0
    assert len(answer.plan) == 1
    assert answer.plan[0].qty == 1


def test_the_order_of_the_files_lists_does_not_matter():
    document = json.loads(EXAMPLE.read_bytes())
    whole = choose(read(EXAMPLE.read_bytes()))
    for seed in range(5):
        shuffle = random.Random(seed).shuffle  # noqa: S311
        for field in ("needs", "vendor_options", "lanes"):
            shuffle(document[field])
        for option in document["vendor_options"]:
            shuffle(option["depots"])
        assert choose(read(json.dumps(document).encode())) == whole


def test_the_weighted_optimum_waits_where_waiting_is_cheaper():
    offers = [offer("SLOW", 10.0, 60.0), offer("FAST", 500.0, 12.0)]
    patient = choose(situation([need("GZ", 0, 1)], offers, shortage_cost=1.0)).weighted
    hasty = choose(situation([need("GZ", 0, 1)], offers, shortage_cost=100.0)).weighted
    assert (patient.plan, patient.total_cny) == ((Purchase("SLOW", "PSU", "GZ", 1),), 10.0 + 60.0)
    assert (hasty.plan, hasty.total_cny) == ((Purchase("FAST", "PSU", "GZ", 1),), 500.0 + 1200.0)


def test_a_tight_budget_makes_the_situation_infeasible_and_says_by_how_much():
    needs = [need("GZ", 0, 3)]
    answer = choose(situation(needs, [offer("V", 100.0)], budget=250.0))
    assert (answer.status, answer.cost_cny, answer.plan, answer.front) == ("infeasible", None, (), ())
    assert answer.least_shortage.units == 1
    assert answer.least_shortage.cost_cny == 200.0
    assert answer.least_shortage.missing == (Missing("PSU", "GZ", 1),)
    assert answer.weighted.cost_cny <= 250.0
    assert "50.00 above the budget" in answer.reasons[0]
    assert "greater budget" in answer.reasons[1]


def test_a_budget_cuts_the_front():
    offers = [offer("SLOW", 10.0, 40.0), offer("FAST", 50.0, 12.0)]
    answer = choose(situation([need("GZ", 0, 2)], offers, budget=60.0))
    assert [point.cost_cny for point in answer.front] == [20.0]


def test_the_budget_is_shared_by_parts_that_share_nothing_else():
    needs = [need("GZ", 0, 1, part="FAN"), need("GZ", 0, 2, part="PSU")]
    offers = [offer("F", 90.0, part="FAN"), offer("P", 60.0, part="PSU")]
    answer = choose(situation(needs, offers, budget=130.0))
    assert answer.least_shortage.plan == (Purchase("P", "PSU", "GZ", 2),)
    assert answer.least_shortage.units == 1


@pytest.mark.parametrize(
    ("offers", "lanes", "cure"),
    [
        ([offer("LATE", 10.0, 60.0)], [], "option LATE could bring some by hour 60"),
        ([], [lane("SH", "GZ", 50.0)], "lane SH->GZ could bring some by hour 50"),
        ([offer("SMALL", 10.0, most=1)], [], "more than option SMALL can bring"),
        ([], [], "nobody offers it there"),
    ],
)
def test_an_infeasible_answer_says_what_would_help(offers, lanes, cure):
    answer = choose(situation([need("GZ", 0, 3), need("SH", 1, 1)], offers, lanes))
    assert answer.status == "infeasible"
    [reason] = answer.reasons
    assert reason.startswith("PSU at GZ lacks")
    assert cure in reason


def test_an_answer_without_time_has_a_plan_all_the_same():
    needs = [need("GZ", 0, 2), need("SH", 2, 1)]
    asked = situation(needs, [offer("V", 10.0, moq=2, lot=2)], [lane("SH", "GZ", fixed=5.0)])
    answer = choose(asked, time_limit_s=0.0)
    assert answer.status in {"optimal", "feasible"}
    assert evaluate(asked, answer.plan).missing == ()
    assert any("time ran out" in reason for reason in answer.reasons)


def test_without_time_what_cannot_be_done_is_still_known():
    answer = choose(situation([need("GZ", 0, 2)], [offer("V", 10.0, most=1)]), time_limit_s=0.0)
    assert answer.status == "infeasible"
    assert answer.least_shortage.units == 1


def crowd(parts, *, fixed, seed=1):
    """Many parts short in one of three depots, with offers, sharing all lanes."""
    draw = random.Random(seed)  # noqa: S311
    depots = ("BJ", "GZ", "SH")
    needs, offers = [], []
    for i in range(parts):
        part, short = f"P{i:03}", draw.choice(depots)
        for depot in depots:
            on_hand, hold_point = (
                (0, draw.randint(1, 2)) if depot == short else (draw.randint(0, 3), draw.randint(0, 1))
            )
            needs.append(need(depot, on_hand, hold_point, part=part))
        price = round(draw.uniform(20, 400), 2)
        offers.append(offer(f"{part}-A", price, part=part, moq=draw.randint(1, 3), fee=20.0, depots=depots))
        offers.append(offer(f"{part}-B", 1.5 * price, 12.0, part=part, depots=depots))
    lanes = [lane(a, b, fixed=fixed) for a in depots for b in depots if a != b]
    return situation(needs, offers, lanes)


@pytest.mark.parametrize("parts", [MANY_PARTS + 5, TOO_MANY_PARTS + 20])
def test_a_crowd_of_parts_gets_a_plan_within_its_bound(parts):
    asked = crowd(parts, fixed=90.0)
    answer = choose(asked, time_limit_s=20.0)
    outcome = evaluate(asked, answer.plan)
    assert answer.status in {"optimal", "feasible"}
    assert outcome.missing == ()
    assert outcome.cost_cny == pytest.approx(answer.cost_cny)
    assert 0.98 * answer.cost_cny <= answer.lower_bound_cny <= answer.cost_cny + 0.005


def test_a_crowd_without_time_has_a_plan_and_a_bound():
    asked = crowd(TOO_MANY_PARTS + 20, fixed=90.0)
    answer = choose(asked, time_limit_s=0.0)
    assert answer.status in {"optimal", "feasible"}
    assert evaluate(asked, answer.plan).missing == ()
    assert 0 < answer.lower_bound_cny <= answer.cost_cny + 0.005


def test_a_crowd_whose_budget_is_too_small_is_told_so_by_its_bound():
    asked = crowd(TOO_MANY_PARTS + 20, fixed=90.0)
    free = choose(asked, time_limit_s=20.0)
    answer = choose(msgspec.structs.replace(asked, budget_cny=0.8 * free.lower_bound_cny), time_limit_s=20.0)
    assert answer.status == "infeasible"
    assert "above the budget" in answer.reasons[0]
    assert 0 < answer.least_shortage.cost_cny <= 0.8 * free.lower_bound_cny
    assert answer.least_shortage.units > 0


def test_a_crowd_for_which_no_plan_within_the_budget_is_found_or_ruled_out_is_told_so():
    asked = crowd(TOO_MANY_PARTS + 20, fixed=90.0)
    hasty = choose(asked, time_limit_s=0.0)
    between = (hasty.lower_bound_cny + hasty.cost_cny) / 2
    answer = choose(msgspec.structs.replace(asked, budget_cny=between), time_limit_s=0.0)
    assert (answer.status, answer.plan) == ("timed_out", ())
    assert "is not known" in answer.reasons[0]


def test_parts_that_share_no_fixed_cost_are_proven_each_alone():
    asked = crowd(40, fixed=0.0)
    answer = choose(asked)
    alone = [
        choose(
            msgspec.structs.replace(
                asked,
                needs=tuple(n for n in asked.needs if n.part == part),
                vendor_options=tuple(o for o in asked.vendor_options if o.part == part),
            )
        ).cost_cny
        for part in sorted({n.part for n in asked.needs})
    ]
    assert answer.status == "optimal"
    assert answer.cost_cny == pytest.approx(sum(alone))
