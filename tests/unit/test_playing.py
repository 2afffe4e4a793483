"""Plan 2 played on paper: what it sees, opens and buys."""

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest

from inventory.emergency.facts import Arriving, ClassFacts, Facts, RowFacts
from inventory.emergency.playing import Failing, Measure, play
from inventory.emergency.policy import NewPolicy, Policy
from optimizer import cover
from optimizer.cover import ClassDemand
from optimizer.simulation import StockedRow, normal_dips

START = datetime(2026, 1, 1, tzinfo=UTC)
RATE, RESUPPLY, STOCK = 0.02, 20.0, 2


def row(number: int, **changes: object) -> RowFacts:
    share = cover.on_time_share(STOCK, RATE, RESUPPLY)
    fields = {
        "part": number, "place": 1, "pool": 1, "part_number": f"P{number}", "name_zh": "", "name_en": "", "depot": "GZ",
        "pool_code": "common", "on_hand": STOCK, "reserved": 0, "backordered": 0, "base_stock": STOCK,
        "critical_point": None, "average_failure_line": None, "rate_per_day": RATE, "rate_shape": float("inf"),
        "resupply_days": RESUPPLY, "planned_share": share, "planned": True, "demands": [ClassDemand("2h", RATE, RATE)],
        "arriving": [], "failures": [], "hand_set": None, "stored_share": share, "stored_raise": 1.0,
        "stored_in_burst": False, "case": None, "case_state": None,
        "standing_in": None, "lent": 0,
    }  # fmt: skip
    return RowFacts(**{**fields, **changes})


def facts(rows: list[RowFacts], floor: float, **policy: object) -> Facts:
    version = {
        "version": 1,
        "valid_from": START,
        "approved_by": "test",
        **msgspec.structs.asdict(NewPolicy()),
        **policy,
    }
    known = ClassFacts(code="2h", target=0.9, floor=floor, planned_service=0.95, on_time_rate=0.0, total_rate=0.0)
    return Facts(at=START, rows=rows, classes=[known], policy=Policy(**version), series=len(rows))


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def burst(count: int, *, of: int = 0) -> list[Failing]:
    return [Failing(day(1 + n / 2), of) for n in range(count)]


def bring(quantity: int):
    return lambda *_: [Measure(quantity=quantity, hours=24.0, source="V", cost_cny=100.0)]


def test_a_failure_takes_a_piece_and_its_successor_comes_a_resupply_time_later():
    failures = [Failing(day(each), 0) for each in (1, 2, 3, 22.5)]

    played = play(facts([row(0)], floor=0.0), failures, until=day(60))

    # two pieces serve the first two; the third finds none, and the orders of the first two come in on days 21 and 22:
    # one goes to who waits, the other to the fourth
    assert played.unserved == [2]
    assert played.opened == []


def test_a_burst_opens_one_case_on_the_conditions_that_hold():
    rows = [row(number) for number in range(10)]

    played = play(facts(rows, floor=0.9), burst(8), until=day(200))

    (case,) = played.opened
    assert case.row == 0
    assert (case.crossed, case.broken) == (True, ["2h"])
    assert case.available < STOCK
    assert day(1) <= case.at <= day(5)
    assert case.taken == []
    assert case.restored_at is not None


def test_what_a_case_buys_is_there_for_the_failures_that_follow():
    rows = [row(number) for number in range(10)]
    without = play(facts(rows, floor=0.9), burst(12), until=day(60))
    within = play(facts(rows, floor=0.9), burst(12), until=day(60), choose=bring(6))

    (first, *_) = within.opened[0].taken
    assert (first.taken_at, first.arrives_at) == (within.opened[0].at, within.opened[0].at + timedelta(hours=24))
    assert set(within.unserved) < set(without.unserved)


def test_what_another_store_sends_it_no_longer_has():
    rows = [row(0), row(0, depot="SH", place=2, on_hand=6, base_stock=6)]
    failures = [*burst(8), *(Failing(day(10 + n / 10), 1) for n in range(6))]

    def move(seen: Facts, *_: object) -> list[Measure]:
        origin = next(number for number, each in enumerate(seen.rows) if each.depot == "SH")
        return [Measure(quantity=4, hours=24.0, origin=origin, source="SH")]

    stays = play(facts(rows, floor=0.9), failures, until=day(30), judged={0})
    moves = play(facts(rows, floor=0.9), failures, until=day(30), judged={0}, choose=move)

    def short(unserved: list[int]) -> int:
        return sum(failures[place].row == 1 for place in unserved)

    assert short(stays.unserved) == 0 < short(moves.unserved)


def test_the_other_policy_opens_only_together_with_a_burst():
    rows = [row(number) for number in range(10)]
    slow = [Failing(day(1), 0), Failing(day(2), 0), Failing(day(3), 1), Failing(day(4), 1)]

    by_level = play(facts(rows, floor=0.93), slow, until=day(10))
    by_both = play(facts(rows, floor=0.93, activation="burst_and_level"), slow, until=day(10))
    in_burst = play(facts(rows, floor=0.9, activation="burst_and_level"), burst(20), until=day(20))

    assert len(by_level.opened) > 0
    assert by_both.opened == []
    assert [case.in_burst for case in in_burst.opened] == [True]


def test_in_normal_years_a_class_calls_about_as_often_as_its_floor_allows():
    """Neither a wolf cried nor a sleeper: the floor is the value fallen below once a year."""
    rows, years = [row(number) for number in range(60)], 6
    stocked = [StockedRow(each.name, STOCK, RATE, RESUPPLY, tuple(each.demands)) for each in rows]
    floor = normal_dips(stocked, ["2h"], years=100.0, seed=1)["2h"]
    random = np.random.default_rng(11)
    failures = [
        Failing(day(float(each)), number)
        for number in range(60)
        for each in random.uniform(0, 365 * years, random.poisson(RATE * 365 * years))
    ]

    played = play(facts(rows, floor), failures, until=day(365 * years))

    falls = len({case.at for case in played.opened})
    assert 1 <= falls <= 2 * years


def test_what_stands_in_for_a_part_is_counted_once():
    failures = [Failing(day(1 + n / 10), 0) for n in range(4)]
    seen: list[int] = []

    played = play(
        facts([row(0, on_hand=2, standing_in=2, lent=1)], floor=0.0),
        failures,
        until=day(5),
        see=lambda *look: seen.append(look[2].available),
    )

    assert seen == [2, 1, 0, -1]
    assert played.unserved == [3]


def test_overdue_deliveries_are_not_counted_on():
    late = [Arriving(quantity=5, due_at=START - timedelta(days=1), measure=False)]
    played = play(facts([row(0, on_hand=0, arriving=late)], floor=0.0), [Failing(day(1), 0)], until=day(5))

    assert played.unserved == [0]


@pytest.mark.parametrize("failures", [[], [Failing(day(400), 0)]])
def test_nothing_comes_of_nothing(failures: list[Failing]):
    played = play(facts([row(0)], floor=0.9), failures, until=day(30), choose=bring(1))

    assert (played.opened, played.unserved) == ([], [])
