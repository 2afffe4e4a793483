"""Open cases that one cause made are told as one event, by the stated rule, to each as far as they may see."""

from datetime import timedelta

from inventory.emergency import cases, declaring, radar, related
from inventory.emergency.related import Tie, grouped
from inventory.ground import clock, db
from tests.integration.emergency.test_cases import fail
from tests.statements import counted
from tests.world import AUDITOR, BUYER, DRIVE, FAN, MANAGER, PSU, SH_KEEPER


async def a_case(part: str, depot: str, *, days_ago: float = 0, in_burst: bool = False) -> cases.CaseSummary:
    case = await declaring.declare(part, depot, pool="common", reason="a test", by=BUYER)
    await db.execute(
        "UPDATE emergency_case SET opened_at = $2, in_burst = $3 WHERE id = $1",
        case.id,
        clock.now() - timedelta(days=days_ago),
        in_burst,
    )
    return await cases.case_summary(case.id)


async def seen(reader=AUDITOR) -> list[tuple[list[str], list[Tie]]]:
    found = await related.events(seen_by=reader)
    return [([f"{case.part_number}@{case.depot}" for case in event.cases], event.ties) for event in found]


async def test_cases_of_one_part_are_one_event_wherever_they_are(company):
    await a_case(DRIVE, "GZ", days_ago=30)
    await a_case(DRIVE, "SH")
    await a_case(PSU, "ZJ")

    assert await seen() == [([f"{DRIVE}@GZ", f"{DRIVE}@SH"], [Tie("part", DRIVE)])]
    assert await seen(SH_KEEPER) == []


async def test_cases_of_one_store_are_one_event_within_a_few_days(company):
    await a_case(FAN, "GZ", days_ago=40)
    await a_case(DRIVE, "GZ", days_ago=39)
    await a_case(PSU, "GZ")

    assert await seen() == [([f"{FAN}@GZ", f"{DRIVE}@GZ"], [Tie("store", "GZ")])]


async def test_parts_that_burst_in_one_model_are_one_event(company):
    await fail(DRIVE, 10)
    await fail(FAN, 10)
    await radar.look_at_all()
    await a_case(DRIVE, "GZ", days_ago=9, in_burst=True)
    other = await a_case(FAN, "SH", in_burst=True)
    await a_case(PSU, "ZJ", in_burst=True)

    (event,) = await related.events(seen_by=AUDITOR)
    assert [case.part_number for case in event.cases] == [DRIVE, FAN]
    assert Tie("model", "R740") in event.ties
    await db.execute("UPDATE emergency_case SET in_burst = false WHERE id = $1", other.id)
    assert await related.events(seen_by=AUDITOR) == []


async def test_belonging_goes_from_case_to_case(company):
    first = await a_case(DRIVE, "GZ", days_ago=20)
    await a_case(DRIVE, "SH")
    last = await a_case(FAN, "SH")

    event = await related.event_of(last, seen_by=AUDITOR)
    assert event is not None
    assert (len(event.cases), event.began_at, event.ties) == (
        3,
        first.opened_at,
        [Tie("part", DRIVE), Tie("store", "SH")],
    )
    await cases.stand_down(last.id, by=MANAGER, reason="none")
    assert await related.event_of(await cases.case_summary(last.id), seen_by=AUDITOR) is None


async def test_two_events_stay_two(company):
    found = [
        await a_case(part, depot, days_ago=ago)
        for part, depot, ago in ((DRIVE, "GZ", 40), (FAN, "GZ", 39), (PSU, "SH", 1), (DRIVE, "ZJ", 90))
    ]

    assert [[case.number for case in event.cases] for event in grouped(found[:3], {})] == [
        [found[0].number, found[1].number]
    ]
    assert len(grouped(found, {})) == 1
    assert grouped([], {}) == []


async def test_as_many_statements_ask_for_many_alarms_as_for_few(company):
    await a_case(DRIVE, "GZ", in_burst=True)
    await a_case(FAN, "SH", in_burst=True)
    await fail(DRIVE, 10)
    await radar.look_at_all()
    async with counted() as few:
        await related.events(seen_by=AUDITOR)
    await fail(FAN, 10)
    await fail(PSU, 10)
    await radar.look_at_all()
    async with counted() as many:
        await related.events(seen_by=AUDITOR)

    assert len(few) == len(many)
