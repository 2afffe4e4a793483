import copy
import json
from pathlib import Path

import pytest

from optimizer.errors import InvalidInput, OptimizerError
from optimizer.situation import Missing, Move, Purchase, evaluate, read

EXAMPLE = Path(__file__).parents[2] / "examples" / "emergency-small.json"


def document():
    return json.loads(EXAMPLE.read_bytes())


def changed(path, value):
    """The example with one place, given as keys and indices, set to something else."""
    whole = copy.deepcopy(document())
    *way, last = path
    place = whole
    for key in way:
        place = place[key]
    if value is DELETED:
        del place[last]
    else:
        place[last] = value
    return json.dumps(whole).encode()


def doubled(field, index):
    whole = document()
    whole[field].append(copy.deepcopy(whole[field][index]))
    return json.dumps(whole).encode()


DELETED = object()


def test_the_example_is_read():
    situation = read(EXAMPLE.read_bytes())
    assert len(situation.needs) == 4
    assert situation.needs[0].inbound[0].eta_hours == 30.0
    assert situation.vendor_options[1].option == "V1-expedite"
    assert [lane.name for lane in situation.lanes] == ["SH->GZ", "GZ->SH"]
    assert situation.budget_cny is None


BAD = [
    (b"", "$"),
    (b"[]", "$"),
    (b"{", "$"),
    (b'{"needs": NaN}', "$"),
    (changed(["horizon_hours"], DELETED), "$"),
    (changed(["needs", 0, "hold_point"], DELETED), "$.needs[0]"),
    (changed(["colour"], "red"), "$"),
    (changed(["needs", 1, "colour"], "red"), "$.needs[1]"),
    (changed(["needs", 0, "inbound", 0, "from"], "SH"), "$.needs[0].inbound[0]"),
    (changed(["vendor_options", 0, "vendor"], "x"), "$.vendor_options[0]"),
    (changed(["lanes", 0, "carrier"], "x"), "$.lanes[0]"),
    (changed(["needs", 2, "on_hand"], -1), "$.needs[2].on_hand"),
    (changed(["needs", 2, "on_hand"], 1.5), "$.needs[2].on_hand"),
    (changed(["needs", 2, "on_hand"], "3"), "$.needs[2].on_hand"),
    (changed(["needs", 0, "hold_point"], None), "$.needs[0].hold_point"),
    (changed(["needs", 0, "needed_by_hours"], -0.5), "$.needs[0].needed_by_hours"),
    (changed(["needs", 0, "part"], ""), "$.needs[0].part"),
    (changed(["needs", 0, "inbound", 0, "qty"], -2), "$.needs[0].inbound[0].qty"),
    (changed(["needs", 0, "inbound", 0, "eta_hours"], -2), "$.needs[0].inbound[0].eta_hours"),
    (doubled("needs", 3), "$.needs[4]"),
    (changed(["needs", 3, "depot"], "S->H"), "$.needs[3].depot"),
    (doubled("vendor_options", 1), "$.vendor_options[3].option"),
    (changed(["vendor_options", 1, "part"], "CPU"), "$.vendor_options[1].part"),
    (changed(["vendor_options", 1, "depots", 1], "BJ"), "$.vendor_options[1].depots[1]"),
    (changed(["vendor_options", 1, "depots", 1], "GZ"), "$.vendor_options[1].depots[1]"),
    (changed(["vendor_options", 0, "lot"], 0), "$.vendor_options[0].lot"),
    (changed(["vendor_options", 0, "moq"], 9), "$.vendor_options[0].moq"),
    (changed(["vendor_options", 0, "moq"], -1), "$.vendor_options[0].moq"),
    (changed(["vendor_options", 2, "unit_price_cny"], -260), "$.vendor_options[2].unit_price_cny"),
    (changed(["vendor_options", 2, "lead_hours"], "36"), "$.vendor_options[2].lead_hours"),
    (changed(["vendor_options", 2, "order_fee_cny"], -1), "$.vendor_options[2].order_fee_cny"),
    (changed(["vendor_options", 2, "max_qty"], 2.5), "$.vendor_options[2].max_qty"),
    (changed(["lanes", 0, "to"], "SH"), "$.lanes[0].to"),
    (changed(["lanes", 0, "from"], "BJ"), "$.lanes[0].from"),
    (changed(["lanes", 1, "to"], "BJ"), "$.lanes[1].to"),
    (doubled("lanes", 0), "$.lanes[2]"),
    (changed(["lanes", 0, "hours"], -26), "$.lanes[0].hours"),
    (changed(["lanes", 0, "fixed_cost_cny"], 1e13), "$.lanes[0].fixed_cost_cny"),
    (
        EXAMPLE.read_bytes().replace(b'"unit_price_cny": 1800', b'"unit_price_cny": 1e999'),
        "$.vendor_options[0].unit_price_cny",
    ),
    (changed(["budget_cny"], -1), "$.budget_cny"),
    (changed(["budget_cny"], "much"), "$.budget_cny"),
    (changed(["shortage_cost_cny_per_unit_hour"], None), "$.shortage_cost_cny_per_unit_hour"),
    (changed(["horizon_hours"], 0), "$.horizon_hours"),
]


@pytest.mark.parametrize(("content", "path"), BAD, ids=[f"{i}:{path}" for i, (_, path) in enumerate(BAD)])
def test_a_bad_file_is_refused_at_its_path(content, path):
    with pytest.raises(InvalidInput) as refused:
        read(content)
    assert refused.value.path == path
    assert refused.value.problem


def test_an_offer_whose_lots_never_fit_is_accepted_and_of_no_use():
    situation = read(
        changed(["vendor_options", 0], document()["vendor_options"][0] | {"moq": 3, "max_qty": 4, "lot": 5})
    )
    assert list(situation.vendor_options[0].lots) == []


def test_inbound_and_budget_may_be_left_out():
    whole = document()
    del whole["budget_cny"]
    for need in whole["needs"]:
        del need["inbound"]
    assert read(json.dumps(whole).encode()).needs[0].inbound == ()


def test_the_referee_knows_what_the_example_comes_to_when_nothing_is_done():
    outcome = evaluate(read(EXAMPLE.read_bytes()), ())
    assert outcome.cost_cny == 0.0
    assert outcome.missing == (Missing("PSU-750", "GZ", 3), Missing("FAN-2U", "GZ", 2))
    assert outcome.last_needed_arrival_hours is None
    assert outcome.shortage_unit_hours == 30 * 4 + 210 * 3 + 240 * 2


def test_the_referee_knows_the_examples_best_plan():
    plan = (
        Purchase("V1-expedite", "PSU-750", "GZ", 1),
        Move("SH->GZ", "FAN-2U", 2),
        Move("SH->GZ", "PSU-750", 2),
    )
    outcome = evaluate(read(EXAMPLE.read_bytes()), plan)
    assert outcome.cost_cny == 2500 + 600 + 900 + 4 * 20
    assert outcome.missing == ()
    assert outcome.last_needed_arrival_hours == 40.0
    assert outcome.shortage_unit_hours == (26 * 4 + 4 * 2 + 10 * 1) + 26 * 2


def test_a_plan_that_empties_a_donor_misses_there():
    outcome = evaluate(read(EXAMPLE.read_bytes()), (Move("SH->GZ", "PSU-750", 3),))
    assert Missing("PSU-750", "SH", 1) in outcome.missing


@pytest.mark.parametrize(
    "plan",
    [
        (Purchase("V9", "PSU-750", "GZ", 1),),
        (Purchase("V1", "FAN-2U", "GZ", 2),),
        (Purchase("V2", "FAN-2U", "SH", 4),),
        (Purchase("V1", "PSU-750", "GZ", 3),),
        (Purchase("V1", "PSU-750", "GZ", 0),),
        (Purchase("V1", "PSU-750", "GZ", 10),),
        (Purchase("V1", "PSU-750", "GZ", 2), Purchase("V1", "PSU-750", "GZ", 4)),
        (Move("SH->BJ", "PSU-750", 1),),
        (Move("SH->GZ", "CPU", 1),),
        (Move("SH->GZ", "PSU-750", 0),),
        (Move("SH->GZ", "PSU-750", -1),),
        (Move("SH->GZ", "PSU-750", 7),),
        (Move("SH->GZ", "PSU-750", 1), Move("SH->GZ", "PSU-750", 1)),
    ],
)
def test_the_referee_refuses_what_the_file_does_not_allow(plan):
    with pytest.raises(OptimizerError, match="does not allow"):
        evaluate(read(EXAMPLE.read_bytes()), plan)
