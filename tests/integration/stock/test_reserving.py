"""Reserving for many at once: everybody's own reservation, answer and key; and one refusal is nobody else's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import msgspec
import pytest

from inventory.assurance.invariants import violations
from inventory.ground import clock, db, idempotency
from inventory.ground.idempotency import Answer, Asked
from inventory.stock import lines, receipts, reservations, reserving
from inventory.stock.reservations import Reservation
from inventory.stock.reserving import AT_ONCE, Ask, Later, Wanted
from tests.world import DISPATCHER, DRIVE, FAN, PSU, SETUP

FANS = 10
"""How many the company has at GZ."""


def told(reservation: Reservation) -> Answer:
    return Answer(201, msgspec.json.encode(reservation), "application/json")


def ask(part: str = FAN, quantity: int = 1, *, key: str | None = "", reference: str = "") -> Ask:
    wanted = Wanted(part_number=part, depot="GZ", quantity=quantity, by=DISPATCHER, reference=reference or uuid4().hex)
    return Ask(wanted, None if key is None else Asked("somebody", key or uuid4().hex, b"the same"), told)


def reservation_of(answer: Answer | Later) -> Reservation:
    assert isinstance(answer, Answer)
    return msgspec.json.decode(answer.body, type=Reservation)


async def reserved(part: str = FAN) -> int:
    return await db.fetch_value(
        """SELECT reserved FROM level JOIN part ON part.id = level.part JOIN place ON place.id = level.place
           JOIN pool ON pool.id = level.pool
           WHERE part_number = $1 AND place.code = 'GZ' AND pool.code = 'common' AND condition = 'good'""",
        part,
    )


async def keys_kept() -> int:
    return await db.fetch_value("SELECT count(*) FROM idempotency_key")


async def test_everybody_gets_a_reservation_and_an_answer_of_his_own(company):
    asks = [ask(FAN, 2, reference="a"), ask(PSU, 1, reference="b"), ask(FAN, 1, reference="c")]

    answers = await reserving.serve(asks, statement=AT_ONCE)

    made = [reservation_of(answer) for answer in answers]
    assert [(each.part_number, each.quantity, each.reference) for each in made] == [
        (FAN, 2, "a"),
        (PSU, 1, "b"),
        (FAN, 1, "c"),
    ]
    assert len({each.id for each in made}) == 3
    assert (await reserved(FAN), await reserved(PSU)) == (3, 1)
    assert await violations() == []
    for one, answer in zip(asks, answers, strict=True):
        assert await idempotency.kept_answer(one.asked) == msgspec.structs.replace(answer, replayed=True)


async def test_what_is_told_is_what_is_there(company):
    [answer] = await reserving.serve([ask(FAN, 2, reference="told")], statement=AT_ONCE)

    made = reservation_of(answer)
    assert await reservations.reservation_view(made.id) == made


async def test_a_level_is_given_out_in_the_order_of_asking_and_never_below_what_it_has(company):
    answers = await reserving.serve([ask(FAN, 4) for _ in range(4)], statement=AT_ONCE)

    assert [isinstance(answer, Answer) for answer in answers] == [True, True, False, False]
    assert await reserved() == 8
    assert await violations() == []


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"part": FAN, "quantity": FANS + 1}, id="too much"),
        pytest.param({"part": "NO-SUCH-PART"}, id="unknown part"),
        pytest.param({"part": "0YT39Y"}, id="an alias"),
        pytest.param({"part": DRIVE, "quantity": 6}, id="too little of another part"),
    ],
)
async def test_one_refusal_is_nobody_elses_and_leaves_nothing(company, wrong):
    answers = await reserving.serve([ask(PSU), ask(**wrong), ask(PSU)], statement=AT_ONCE)

    assert [isinstance(answer, Answer) for answer in answers] == [True, False, True]
    assert answers[1] is Later.ALONE
    assert await reserved(PSU) == 2
    assert await keys_kept() == 2


async def test_of_two_with_one_key_the_first_is_done(company):
    answers = await reserving.serve([ask(key="same"), ask(key="same"), ask()], statement=AT_ONCE)

    assert [isinstance(answer, Answer) for answer in answers] == [True, False, True]
    assert await reserved() == 2


async def test_a_key_that_was_used_before_is_not_used_again(company):
    [first] = await reserving.serve([ask(key="same")], statement=AT_ONCE)
    again = await reserving.serve([ask(key="same"), ask()], statement=AT_ONCE)

    assert isinstance(first, Answer)
    assert (again[0], isinstance(again[1], Answer)) == (Later.ALONE, True)
    assert await reserved() == 2
    kept = await idempotency.kept_answer(Asked("somebody", "same", b"the same"))
    assert kept == msgspec.structs.replace(first, replayed=True)


async def test_without_a_key_one_reserves_as_often_as_one_asks(company):
    answers = await reserving.serve([ask(key=None), ask(key=None)], statement=AT_ONCE)

    assert all(isinstance(answer, Answer) for answer in answers)
    assert (await reserved(), await keys_kept()) == (2, 0)


async def test_a_priority_class_gives_its_rank_and_an_unknown_one_is_left_to_the_refusal(company):
    known, unknown = ask(), ask()
    known = msgspec.structs.replace(known, wanted=msgspec.structs.replace(known.wanted, priority_class="emergency"))
    unknown = msgspec.structs.replace(unknown, wanted=msgspec.structs.replace(unknown.wanted, priority_class="nothing"))

    answers = await reserving.serve([known, unknown], statement=AT_ONCE)

    rank = await db.fetch_value("SELECT rank FROM priority_class WHERE code = 'emergency'")
    assert (reservation_of(answers[0]).priority, answers[1]) == (rank, Later.ALONE)


async def test_a_line_that_many_cross_together_is_judged_once(company):
    part, place, pool = await db.fetch_one(
        """SELECT part.id, place.id, pool.id FROM part, place, pool
           WHERE part_number = $1 AND place.code = 'GZ' AND pool.code = 'common'""",
        FAN,
    )
    await lines.set_lines([lines.Lines(part=part, place=place, pool=pool, critical_point=8)])
    before = await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'assess'")

    await reserving.serve([ask() for _ in range(4)], statement=AT_ONCE)

    after = await db.fetch_value("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'assess'")
    assert after == before + 1


@asynccontextmanager
async def locked(part: str) -> AsyncIterator[None]:
    """Somebody else's transaction holds a part's level at GZ."""
    async with db.held_connection() as other, other.transaction():
        await other.execute(
            """SELECT FROM level JOIN part ON part.id = level.part JOIN place ON place.id = level.place
               WHERE part_number = $1 AND place.code = 'GZ' FOR NO KEY UPDATE OF level""",
            part,
        )
        yield


async def test_nobody_waits_for_another_ones_level(own_company):
    async with locked(FAN):
        waits = asyncio.create_task(reserving.reserve(ask().wanted, None, told))
        served = await reserving.reserve(ask(PSU).wanted, None, told)
        assert isinstance(served, Answer)
        assert not waits.done()

    assert isinstance(await waits, Answer)
    assert (await reserved(FAN), await reserved(PSU)) == (1, 1)


async def test_those_who_wait_for_one_level_are_served_when_it_is_free(own_company):
    async with locked(FAN):
        first = await reserving.serve([ask(), ask(PSU)], statement=AT_ONCE)
        waiting = [asyncio.create_task(reserving.reserve(ask().wanted, None, told)) for _ in range(FANS + 2)]

    answers = await asyncio.gather(*waiting)

    assert (first[0], isinstance(first[1], Answer)) == (Later.LEVEL_LOCKED, True)
    assert sum(answer is not None for answer in answers) == FANS
    assert await violations() == []


async def test_who_is_called_off_while_waiting_reserves_nothing(own_company):
    wanted = ask().wanted

    async def come() -> Answer | None:
        return await reserving.reserve(wanted, None, told)

    async with locked(FAN):
        first = asyncio.create_task(come())
        blocked = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
        while not await db.fetch_value(blocked):  # noqa: ASYNC110  PostgreSQL tells nobody
            await asyncio.sleep(0)
        gone, stays = asyncio.create_task(come()), asyncio.create_task(come())
        while len(reserving._in_line._lanes[wanted.level]) < 2:  # noqa: ASYNC110  and who waits only waits
            await asyncio.sleep(0)
        gone.cancel()

    assert isinstance(await first, Answer)
    assert isinstance(await stays, Answer)
    assert gone.cancelled()
    assert await reserved() == 2


async def test_text_that_nothing_can_be_called_spoils_it_for_nobody(own_company):
    answers = await reserving.serve([ask(), ask("FAN\x00")], statement=AT_ONCE)
    alone = await reserving.serve([ask()], statement=AT_ONCE)

    assert list(answers) == [Later.ALONE, Later.ALONE]
    assert isinstance(alone[0], Answer)
    assert await reserved() == 1


async def test_what_is_asked_at_a_bad_time_or_without_the_right_is_left_to_the_refusal(own_company):
    fine = ask().wanted
    past = msgspec.structs.replace(fine, expires_at=clock.now())
    nothing = msgspec.structs.replace(fine, quantity=0)

    assert [await reserving.reserve(wanted, None, told) for wanted in (past, nothing)] == [None, None]
    assert await reserved() == 0


async def test_many_rivals_over_http_get_what_there_is_and_the_rest_hear_why(own_company, caller):
    api = await caller(own_company)
    await receipts.adjust("GZ", PSU, 2, by=SETUP, reason="found")
    await api.key("dispatcher")
    wanted = [{"part_number": part, "depot": "GZ", "quantity": 1} for part in [FAN] * 15 + [PSU] * 12 + ["NO-SUCH"] * 3]

    answers = await asyncio.gather(*(api.post("/reservations", each, role="dispatcher") for each in wanted))

    told = [(answer.json().get("part_number") or answer.json()["code"]) for answer in answers]
    counts = {each: told.count(each) for each in set(told)}
    assert counts == {FAN: 10, PSU: 8, "insufficient_stock": 9, "unknown_part": 3}
    assert await violations() == []
