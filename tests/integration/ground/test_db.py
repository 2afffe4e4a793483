"""Transactions: all or nothing, retried when they lose a race, and never leaking a connection."""

import asyncio

import pytest

from inventory.ground import db
from inventory.ground.errors import Busy, OnlyDots
from inventory.people import persons
from inventory.places.register import NewParty, PartyCodeTaken, enter_parties
from inventory.stock import receipts
from tests.world import ADMIN, DRIVE, SETUP


async def parties() -> int:
    return await db.fetch_value("SELECT count(*) FROM party")


async def test_a_verb_that_raises_leaves_nothing_behind(own_company):
    before = await parties()

    @db.atomic
    async def half_done() -> None:
        await enter_parties([NewParty(code="X", name_zh="X", name_en="X")], by=SETUP)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await half_done()
    assert await parties() == before


async def test_a_savepoint_undoes_only_its_own_block(company):
    before = await parties()
    await enter_parties([NewParty(code="X", name_zh="X", name_en="X")], by=SETUP)

    async def half_done() -> None:
        async with db.savepoint():
            await enter_parties([NewParty(code="Y", name_zh="Y", name_en="Y")], by=SETUP)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await half_done()
    assert await parties() == before + 1


async def test_a_violated_constraint_is_the_refusal_it_stands_for(own_company):
    with pytest.raises(PartyCodeTaken):
        await enter_parties([NewParty(code="OWN", name_zh="X", name_en="X")], by=SETUP)


async def test_nothing_is_called_by_dots_alone(own_company):
    person = persons.NewPerson(username="..", name_zh="张", name_en="Zhang", password="a long enough one")
    attempts = [
        enter_parties([NewParty(code=".", name_zh="X", name_en="X")], by=SETUP),
        persons.add_person(person, by=ADMIN),
        receipts.adjust("GZ", DRIVE, 1, by=SETUP, reason="found", serials=["."]),
    ]
    for attempt in attempts:
        with pytest.raises(OnlyDots) as refused:
            await attempt
        assert "“..”" in refused.value.sentence("en")
        assert "“..”" in refused.value.sentence("zh")


async def test_who_loses_a_deadlock_tries_again(own_company):
    both_hold = asyncio.Barrier(2)
    tries = 0

    @db.atomic
    async def take(first: int, second: int) -> None:
        nonlocal tries
        tries += 1
        await db.execute("SELECT FROM party WHERE id = $1 FOR UPDATE", first)
        if tries <= 2:
            await both_hold.wait()
        await db.execute("SELECT FROM party WHERE id = $1 FOR UPDATE", second)

    await asyncio.gather(take(1, 2), take(2, 1))
    assert tries == 3


async def test_who_waits_too_long_for_a_lock_is_told_to_come_back(own_company):
    @db.atomic
    async def hold() -> None:
        await db.execute("SELECT FROM party WHERE id = 1 FOR UPDATE")
        held.set()
        await done.wait()

    @db.atomic
    async def want() -> None:
        await db.execute("SET LOCAL lock_timeout = '50ms'")
        await db.execute("SELECT FROM party WHERE id = 1 FOR UPDATE")

    held, done = asyncio.Event(), asyncio.Event()
    holder = asyncio.create_task(hold())
    await held.wait()
    with pytest.raises(Busy):
        await want()
    done.set()
    await holder


async def test_a_commit_that_fails_gives_its_connection_back(own_company):
    await db.execute("ALTER TABLE bin DROP CONSTRAINT bin_place_fkey")
    await db.execute(
        "ALTER TABLE bin ADD CONSTRAINT later FOREIGN KEY (place) REFERENCES place DEFERRABLE INITIALLY DEFERRED"
    )

    async def insert_what_the_commit_refuses() -> None:
        async with db.engine.transaction():
            await db.execute("INSERT INTO bin (place, code) VALUES (999999, 'A')")

    size = db.engine.pool.get_size()
    for _ in range(size + 5):
        with pytest.raises(db.DatabaseError):
            await insert_what_the_commit_refuses()
        assert not db.in_transaction()

    assert await parties() > 0
