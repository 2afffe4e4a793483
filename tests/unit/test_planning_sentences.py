"""What formulas say in English has its Chinese."""

import json
import re
from copy import deepcopy
from datetime import date
from pathlib import Path

import pytest

from inventory.planning.learning import PartHistory, learned
from inventory.planning.sentences import chinese
from optimizer.errors import InvalidInput
from optimizer.factors import Cell, Level
from optimizer.network import Policy, read
from optimizer.sizing import size
from optimizer.whatif import Changes, DeviceFactor, LeadTimeFactor, changed

EXAMPLE = json.loads((Path(__file__).parents[1] / "examples" / "network-small.json").read_bytes())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (Changes(), "没有任何改变"),
        (Changes(targets={"9h": 0.9}), "没有此编号：9h"),
        (Changes(closed_depots=("GZ", "GZ")), "GZ 重复列出"),
        (Changes(closed_depots=("GZ", "SH")), "没有其他备件库能送达"),
        (
            Changes(lead_time_factors=(LeadTimeFactor(1000.0),), device_factors=(DeviceFactor(1000.0),)),
            "改变后的网络自相矛盾：$.replenishment[0].lead_time_days：PSU-750 在 GZ 平均在途将达",
        ),
        (Changes(policy=Policy(stockout="emergency")), "缺货方式 emergency 要求填写此项"),
    ],
)
def test_why_assumptions_cannot_be_made_is_said_in_chinese(changes, told):
    with pytest.raises(InvalidInput) as refusal:
        changed(read(json.dumps(EXAMPLE).encode()), changes)

    assert chinese(refusal.value.problem) != refusal.value.problem
    assert told in chinese(refusal.value.problem)


def test_what_a_person_wrote_stays_as_it_is():
    assert chinese("maker's data sheet: 2 % a year") == "maker's data sheet: 2 % a year"


def test_what_a_rate_rests_on_is_said_in_chinese():
    cells = [Cell("FAN", {"age": "0-1"}, 50.0, 4)]
    history = PartHistory(
        part_number="FAN", kind="fan", prior_shape=2, prior_exposure=100, prior_source="assumed", cells=cells
    )
    older = Level("age", "0-1", device_years=50.0, failures=4, expected=2.0, factor=1.2, lower=0.9, upper=1.5)
    (rate,) = learned([history], {"fan": [older]}, date(2025, 1, 1), date(2026, 1, 1))

    assert chinese(rate.evidence) == (
        "先验（假定）Gamma(2, 100)；2025-01-01 至 2026-01-01 的 50.0 件·年中故障 4 次，"
        "相当于一般设备的 60.0 件·年；90% 区间 0.0163 至 0.0657"
    )


CANNOT_HOLD = {
    "travel": lambda d: d["customers"][0]["travel_hours"].update(GZ=2.5),
    "mean": lambda d: d["sla_classes"][1].update(mean_time_target_hours=4),
    "capacity": lambda d: d["depots"][1].update(capacity_units=3),
    "budgets": lambda d: (d["limits"].update(total_budget_cny=30_000), d["depots"][1].update(capacity_units=3)),
    "together": lambda d: d["limits"].update(total_budget_cny=48_799),
    "floors": lambda d: d["replenishment"][1].update(min_stock=10),
    "lots": lambda d: d["replenishment"][1].update(order_quantity=11),
    "measured": lambda d: (
        d["sla_classes"][0].update(measuring_days=365, assurance=0.9),
        d["customers"][0]["travel_hours"].update(GZ=2.5),
    ),
    "one store's budget": lambda d: d["depots"][0].update(budget_cny=9_000),
}


@pytest.mark.parametrize("spoil", CANNOT_HOLD.values(), ids=CANNOT_HOLD)
def test_why_there_is_no_plan_is_said_in_chinese(spoil):
    document = deepcopy(EXAMPLE)
    spoil(document)
    plan = size(read(json.dumps(document).encode()))

    assert plan.status == "infeasible"
    for reason in plan.reasons:
        assert not re.search(r"[a-z]{2,}", chinese(reason).replace("min_stock", "")), chinese(reason)


def test_a_promise_that_falls_short_is_said_with_its_limits_in_chinese():
    document = deepcopy(EXAMPLE)
    document["depots"][1]["capacity_units"] = 3
    (reason,) = size(read(json.dumps(document).encode())).reasons

    assert re.fullmatch(r"在SH 的容量（3 件）之内，等级 2h 按时率最高为 0\.\d+，低于目标 0\.93", chinese(reason))
