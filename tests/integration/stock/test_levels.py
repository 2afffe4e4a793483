"""Questions about stock: against its lines, by scope, and as it was."""

from datetime import timedelta

from inventory.ground import clock, db
from inventory.stock import levels, movements, receipts, reservations, time_travel
from inventory.stock.ledger import LevelChange
from inventory.stock.lines import Lines, set_lines
from tests.world import AUDITOR, BUYER, DRIVE, FAN, KEEPER, PSU, SETUP


async def ids(part_number: str, depot: str, pool: str = "common") -> tuple[int, int, int]:
    row = await db.fetch_one(
        """SELECT part.id AS part, place.id AS place, pool.id AS pool FROM part, place, pool
           WHERE part_number = $1 AND place.code = $2 AND pool.code = $3""",
        part_number,
        depot,
        pool,
    )
    return row["part"], row["place"], row["pool"]


async def test_a_keeper_sees_the_levels_of_his_own_depot_only(company):
    seen = await levels.levels(limit=50, seen_by=KEEPER)
    all_of_them = await levels.levels(limit=50, seen_by=AUDITOR)

    assert {level.depot for level in seen} == {"GZ"}
    assert {level.depot for level in all_of_them} == {"GZ", "SH", "ZJ"}


async def test_pages_follow_one_another_without_gap_or_repeat(company):
    first = await levels.levels(limit=3, seen_by=AUDITOR)
    last = first[-1]
    rest = await levels.levels(limit=50, seen_by=AUDITOR, after=(last.part_number, last.depot, last.pool))
    whole = await levels.levels(limit=50, seen_by=AUDITOR)

    assert first + rest == whole


async def test_levels_below_a_line_are_found(company):
    part, place, pool = await ids(FAN, "GZ")
    await set_lines([Lines(part=part, place=place, pool=pool, critical_point=8, base_stock=12, average_failure_line=2)])
    await reservations.reserve(FAN, "GZ", 3, by=KEEPER)

    below = await levels.levels(limit=50, seen_by=AUDITOR, below="critical_point")
    assert [(level.part_number, level.depot) for level in below] == [(FAN, "GZ")]
    assert await levels.levels(limit=50, seen_by=AUDITOR, below="average_failure_line") == []


async def test_a_line_that_is_not_given_stays_as_it_is(company):
    part, place, pool = await ids(FAN, "GZ")
    await set_lines([Lines(part=part, place=place, pool=pool, critical_point=8, base_stock=12)])
    await set_lines([Lines(part=part, place=place, pool=pool, critical_point=3)])

    level = (await levels.levels(limit=1, seen_by=AUDITOR, part_number=FAN, depot="GZ"))[0]
    assert (level.base_stock, level.critical_point) == (12, 3)


async def test_a_line_makes_a_level_where_none_was(company):
    part, place, pool = await ids(DRIVE, "SH")
    await set_lines([Lines(part=part, place=place, pool=pool, base_stock=2)])

    level = (await levels.levels(limit=1, seen_by=AUDITOR, part_number=DRIVE, depot="SH"))[0]
    assert (level.on_hand, level.base_stock) == (0, 2)


def change(free: int, *, freed: int, critical: int | None, average: int | None) -> LevelChange:
    return LevelChange(
        id=1,
        part=1,
        place=1,
        pool=1,
        condition="good",
        on_hand=free,
        reserved=0,
        backordered=0,
        reorder_point=None,
        critical_point=critical,
        average_failure_line=average,
        freed=freed,
        in_several=False,
    )


def test_a_line_is_crossed_in_either_direction():
    assert change(2, freed=-1, critical=3, average=None).crosses_a_line()
    assert change(3, freed=1, critical=3, average=None).crosses_a_line()
    assert not change(3, freed=-1, critical=3, average=None).crosses_a_line()
    assert not change(1, freed=-1, critical=3, average=None).crosses_a_line()


def test_the_average_failure_line_counts_as_crossed_when_it_is_reached():
    assert change(2, freed=-1, critical=None, average=2).crosses_a_line()
    assert not change(3, freed=-1, critical=None, average=2).crosses_a_line()


async def test_stock_as_of_follows_when_things_happened_and_what_was_known(own_company):
    before = clock.now()
    with clock.at(before + timedelta(hours=2)):
        held = await reservations.reserve(FAN, "GZ", 4, by=KEEPER)
        # handed out an hour ago, recorded now
        await reservations.post_reservation(held.id, by=KEEPER, to="BANK-GZ", occurred_at=before + timedelta(hours=1))

    async def fans(hours: float, known: float | None = None) -> int:
        known_at = None if known is None else before + timedelta(hours=known)
        with clock.at(before + timedelta(hours=5)):
            rows = await time_travel.stock_as_of(
                before + timedelta(hours=hours),
                limit=10,
                seen_by=AUDITOR,
                known_at=known_at,
                part_number=FAN,
                depot="GZ",
            )
        return rows[0].on_hand

    assert (await fans(0.5), await fans(1.5), await fans(1.5, known=1.8)) == (10, 6, 10)


async def test_values_are_for_those_who_may_see_costs(company):
    (priced,) = await time_travel.stock_as_of(clock.now(), limit=10, seen_by=BUYER, part_number=PSU, depot="GZ")
    (plain,) = await time_travel.stock_as_of(clock.now(), limit=10, seen_by=KEEPER, part_number=PSU, depot="GZ")

    assert priced.value_cny == 7500
    assert not isinstance(plain.value_cny, type(priced.value_cny))


async def test_the_ledger_lists_what_happened_latest_first(company):
    await receipts.adjust("GZ", FAN, 1, by=SETUP, reason="found one")

    lines = await movements.movements(limit=2, seen_by=KEEPER, part_number=FAN)
    assert [(line.reason, line.quantity, line.to_place) for line in lines] == [
        ("found one", 1, "GZ"),
        ("opening stock", 10, "GZ"),
    ]
