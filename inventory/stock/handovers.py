"""Handovers: parts given from hand to hand, to an engineer, between engineers, or back; in transit until accepted."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Struct, structs

from inventory.catalogue import parts
from inventory.catalogue.parts import PartRef
from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, NotYourDepot, ReasonMissing, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.places import places
from inventory.places.places import PlaceRef
from inventory.stock import lines, pools, units
from inventory.stock.keeping import require_serving, stock_of
from inventory.stock.ledger import post
from inventory.stock.moves import GOOD, Move, Piece, Spot, moves_of
from inventory.stock.pools import COMMON
from inventory.stock.refusals import QuantityNotPositive

ACCEPT_WITHIN = timedelta(hours=24)

REMIND_BEFORE = timedelta(days=1)
"""How long before what is lent has to be back its holder is asked for it, or at half the time if that is less."""

State = Literal["given", "accepted", "declined"]


class NotFromHandToHand(Invalid):
    """Nothing passes by hand between {origin} and {target}: one of them must be an engineer's stock."""

    zh = "{origin} 与 {target} 之间不能直接移交：其中一方必须是个人备件库。"
    help_en = "Send it by a transfer."
    help_zh = "请使用调拨。"


class ReturnInPast(Invalid):
    """What is lent cannot have to be back before now ({return_by})."""

    zh = "归还期限（{return_by}）不能早于当前时间。"
    help_en = "Correct `return_by`, with its time zone, or leave it out."
    help_zh = "请更正归还期限并注意时区，或留空。"


class Item(Struct, frozen=True, kw_only=True):
    """A part to hand over; its serials where it has them."""

    part_number: str
    quantity: int = 1
    serials: Sequence[str] = ()
    pool: str = COMMON


class HandoverLine(Struct, frozen=True, kw_only=True):
    """A part of a handover."""

    part_number: str
    name_zh: str
    name_en: str
    pool: str
    quantity: int
    serials: list[str]


class Handover(Struct, frozen=True, kw_only=True):
    """Who gave what to whom, and what they said."""

    id: UUID
    number: str
    from_place: str
    to_place: str
    state: State
    remark: str
    given_at: datetime
    given_by: str
    answered_at: datetime | None
    answered_by: str | None
    answer_reason: str
    return_by: datetime | None
    returned_at: datetime | None
    lines: list[HandoverLine]


class InHand(Struct, frozen=True, kw_only=True):
    """What an engineer holds of a part now, and how much of it some request already counts on."""

    part_number: str
    name_zh: str
    name_en: str
    serialised: bool
    pool: str
    condition: str
    quantity: int
    reserved: int
    serials: list[str]


@db.atomic
async def give(
    origin: str, target: str, items: Sequence[Item], *, by: Actor, remark: str = "", return_by: datetime | None = None
) -> Handover:
    """Hand parts over; they are in transit, in the giver's custody, until the other side accepts.

    What is lent is to be back by a time (`return_by`).

    Raises:
        Unknown: no such store or part.
        NotFromHandToHand: neither side is an engineer's stock.
        NotYourDepot: the giver does not keep what is given.
        InsufficientStock, UnitNotHere: it is not there, or promised to others.
        ReturnInPast: it was to be back before now.

    """
    by.require("handovers.make")
    if return_by is not None and return_by <= clock.now():
        raise ReturnInPast(return_by=return_by.isoformat())
    start, end = await places.find_store(origin), await places.find_store(target)
    if start.id == end.id or "engineer_stock" not in (start.kind, end.kind):
        raise NotFromHandToHand(origin=origin, target=target)
    await require_serving(start, "stock.issue", by=by)
    number = await next_number("HO")
    handover = await db.fetch_value(
        """INSERT INTO handover (number, from_place, to_place, state, remark, given_at, given_by, return_by)
           VALUES ($1, $2, $3, 'given', $4, $5, $6, $7) RETURNING id""",
        number,
        start.id,
        end.id,
        remark,
        clock.now(),
        by.name,
        return_by,
    )
    transit = (await places.find(places.TRANSIT)).id
    found = [(await parts.find(item.part_number), await pools.find(item.pool), item) for item in items]
    owner = await places.ourselves()
    await lines.lock([(part.id, start.id, owner, pool) for part, pool, _ in found])
    moves = [
        move
        for part, pool, item in found
        for move in await _moves_of(part, Spot(start.id, GOOD, owner, pool), item, transit, number)
    ]
    await post(moves, by=by)
    await steps.begin(
        "accept_handover",
        "handover",
        number,
        owner_role="engineer" if end.kind == "engineer_stock" else "warehouse_keeper",
        owner=await _keeper(end.id),
        depot=end.code,
        due_at=clock.now() + ACCEPT_WITHIN,
    )
    return await _told("given", handover)


async def _moves_of(part: PartRef, origin: Spot, item: Item, transit: int, number: str) -> list[Move]:
    if item.quantity < 1:
        raise QuantityNotPositive(quantity=item.quantity)
    chosen = await units.choose(part.id, origin, item.quantity, item.serials) if part.serialised else []
    pieces = [Piece(unit=one.id, bin=one.bin) for one in chosen] or [Piece(quantity=item.quantity)]
    target = structs.replace(origin, place=transit)
    return moves_of(pieces, "hand_over", part.id, origin, target, document_kind="handover", document=number)


@db.atomic
async def accept(handover: UUID, *, by: Actor) -> Handover:
    """Take what was given into one's hands; from here on it is in the taker's custody.

    Raises:
        Unknown: no such handover.
        WrongState: it was accepted or declined before.
        NotYourDepot: it was given to somebody else.

    """
    by.require("handovers.make")
    _, target = await _sides(handover)
    await require_serving(target, "stock.receive", by=by)
    row = await _answer(handover, "accepted", "", by)
    await _bring(row, "hand_over_in", row["to_place"], by)
    view = await handover_view(handover)
    if view.return_by is not None:
        await steps.begin(
            "return_parts",
            "handover",
            view.number,
            owner_role="engineer" if target.kind == "engineer_stock" else "warehouse_keeper",
            owner=await _keeper(target.id),
            depot=target.code,
            due_at=view.return_by - min(REMIND_BEFORE, (view.return_by - view.given_at) / 2),
        )
    await _settle_returned(row["to_place"], row["from_place"], by)
    return await _told("accepted", handover)


class Passed(Struct, frozen=True, kw_only=True):
    """Pieces of a part, or one unit, that passed under a handover: lent, or on the way back."""

    number: str
    lent: bool
    part: int
    unit: UUID | None = None
    quantity: int = 1


def returned(passed: Sequence[Passed]) -> list[str]:
    """The loans of which every piece came back, of what passed to and fro in order: a piece settles the oldest one.

    A unit that is lent anew had come back some other way.

    >>> def told(number, quantity):
    ...     return Passed(number=number, lent=number.startswith("L"), part=1, quantity=quantity)
    >>> returned([told("L1", 2), told("L2", 2), told("R1", 2)])
    ['L1']
    >>> returned([told("L1", 2), told("R1", 1), told("L2", 2), told("R2", 3)])
    ['L1', 'L2']
    """
    waits: dict[str, dict[tuple[int, UUID | None], int]] = {}
    for each in passed:
        piece = (each.part, each.unit)
        left = 1 if each.unit else 0 if each.lent else each.quantity
        for owed in waits.values():
            settled = min(left, owed.get(piece, 0))
            if settled:
                owed[piece] -= settled
                left -= settled
        if each.lent:
            waits.setdefault(each.number, {})[piece] = each.quantity
    return [number for number, owed in waits.items() if not any(owed.values())]


async def _settle_returned(lender: int, borrower: int, by: Actor) -> None:
    """What was lent and has come back the same way since, piece by piece, is returned."""
    open_ones = await db.fetch(
        """SELECT answered_at FROM handover
           WHERE from_place = $1 AND to_place = $2 AND state = 'accepted' AND return_by IS NOT NULL AND returned_at IS NULL
           ORDER BY id FOR NO KEY UPDATE""",
        lender,
        borrower,
    )
    if not open_ones:
        return
    passed = await db.read(
        Passed,
        """WITH RECURSIVE busy AS (  -- back to when nothing was lent between the two
               SELECT $3::timestamptz AS since
               UNION
               SELECT lent.answered_at FROM handover AS lent
               JOIN busy ON lent.answered_at < busy.since AND lent.returned_at >= busy.since
               WHERE lent.from_place = $1 AND lent.to_place = $2 AND lent.return_by IS NOT NULL
           )
           SELECT handover.number, handover.from_place = $1 AS lent, movement.part, movement.unit,
                  sum(movement.quantity)::int AS quantity
           FROM handover
           JOIN movement ON movement.document = handover.number AND movement.kind = 'hand_over_in'
           WHERE handover.answered_at >= (SELECT min(since) FROM busy)
             AND ((handover.from_place = $1 AND handover.to_place = $2 AND return_by IS NOT NULL)
                  OR (handover.from_place = $2 AND handover.to_place = $1))
           GROUP BY handover.id, movement.part, movement.unit
           ORDER BY handover.answered_at, handover.id, movement.part, movement.unit""",
        lender,
        borrower,
        min(row["answered_at"] for row in open_ones),
    )
    rows = await db.fetch(
        """UPDATE handover SET returned_at = $2
           WHERE number = ANY($1) AND returned_at IS NULL RETURNING number""",
        returned(passed),
        clock.now(),
    )
    await steps.finish_all("handover", [row["number"] for row in rows], "return_parts", by=by)


@db.atomic
async def decline(handover: UUID, *, by: Actor, reason: str) -> Handover:
    """Do not take it, or (as the giver) take it back: it returns to where it came from.

    Raises:
        Unknown: no such handover.
        WrongState: it was accepted or declined before.
        NotYourDepot: it is somebody else's affair.
        ReasonMissing: no reason was given.

    """
    by.require("handovers.make")
    if not reason.strip():
        raise ReasonMissing
    origin, target = await _sides(handover)
    try:
        await require_serving(target, "stock.receive", by=by)
    except NotYourDepot:
        await require_serving(origin, "stock.issue", by=by)
    row = await _answer(handover, "declined", reason, by)
    await _bring(row, "hand_over_back", row["from_place"], by)
    await audit.record("handover.declined", "handover", row["number"], by=by, reason=reason)
    return await _told("declined", handover)


async def _sides(handover: UUID) -> tuple[PlaceRef, PlaceRef]:
    """Where a handover comes from, and where it goes."""
    view = await handover_view(handover)
    return await places.find(view.from_place), await places.find(view.to_place)


async def _answer(handover: UUID, state: State, reason: str, by: Actor) -> db.Row:
    """Answer a handover; losing the race is the refusal."""
    row = await db.fetch_one(
        """UPDATE handover SET state = $2, answered_at = $3, answered_by = $4, answer_reason = $5
           WHERE handover.id = $1 AND state = 'given' RETURNING number, from_place, to_place""",
        handover,
        state,
        clock.now(),
        by.name,
        reason,
    )
    if row is None:
        now = await handover_view(handover)
        raise WrongState(what="Handover", what_zh="移交单", key=now.number, state=now.state, needed="given")
    await steps.finish("handover", row["number"], by=by)
    return row


async def _bring(row: db.Row, kind: str, place: int, by: Actor) -> None:
    """Move everything that is on the road under a handover to a place; unit by unit, lot by lot."""
    given = await db.fetch(
        """SELECT part, unit, lot, quantity, to_place, to_owner, to_pool FROM movement
           WHERE document = $1 AND document_kind = 'handover' AND kind = 'hand_over' ORDER BY part, id""",
        row["number"],
    )
    await post(
        [
            Move(
                kind=kind,
                part=each["part"],
                quantity=each["quantity"],
                unit=each["unit"],
                lot=each["lot"],
                origin=Spot(each["to_place"], GOOD, each["to_owner"], each["to_pool"]),
                target=Spot(place, GOOD, each["to_owner"], each["to_pool"]),
                document_kind="handover",
                document=row["number"],
            )
            for each in given
        ],
        by=by,
    )


async def _keeper(place: int) -> str | None:
    return await db.fetch_value(
        """SELECT username FROM person
           WHERE stock_place = $1 OR id = (SELECT key_holder FROM store_keeping WHERE place = $1) LIMIT 1""",
        place,
    )


async def _told(what: State, handover: UUID) -> Handover:
    view = await handover_view(handover)
    await events.emit(f"handover.{what}", "handover", view.number, view, depot=view.to_place)
    return view


_VIEW = """SELECT handover.id, handover.number, origin.code AS from_place, target.code AS to_place, handover.state,
                  handover.remark, given_at, given_by, answered_at, answered_by, answer_reason, return_by, returned_at,
                  (SELECT coalesce(jsonb_agg(to_jsonb(line) ORDER BY line.part_number), '[]') FROM (
                      SELECT part.part_number, part.name_zh, part.name_en, pool.code AS pool,
                             sum(movement.quantity)::int AS quantity,
                             coalesce(array_agg(unit.serial ORDER BY unit.serial)
                                      FILTER (WHERE unit.id IS NOT NULL), '{}') AS serials
                      FROM movement JOIN part ON part.id = movement.part JOIN pool ON pool.id = movement.to_pool
                      LEFT JOIN unit ON unit.id = movement.unit
                      WHERE movement.document = handover.number AND movement.kind = 'hand_over'
                      GROUP BY 1, 2, 3, 4) AS line) AS lines
           FROM handover
           JOIN place AS origin ON origin.id = handover.from_place
           JOIN place AS target ON target.id = handover.to_place"""


async def handover_view(handover: UUID, *, seen_by: Actor | None = None) -> Handover:
    """One handover.

    Raises:
        Unknown: no such handover in the reader's scope.

    """
    scope = await _scope(seen_by)
    view = await db.read_one(
        Handover,
        f"""{_VIEW} WHERE handover.id = $1
            AND ($2::text[] IS NULL OR origin.code = ANY($2) OR target.code = ANY($2))""",
        handover,
        scope,
    )
    if view is None:
        raise Unknown(what="handover", what_zh="移交单", key=str(handover))
    return view


async def handovers(
    *, limit: int, seen_by: Actor, after: UUID | None = None, state: str | None = None, depot: str | None = None
) -> list[Handover]:
    """Handovers from or to the reader's stores, newest first."""
    return await db.read(
        Handover,
        f"""{_VIEW}
            WHERE ($1::text[] IS NULL OR origin.code = ANY($1) OR target.code = ANY($1))
              AND ($2::uuid IS NULL OR handover.id < $2) AND ($3::text IS NULL OR handover.state = $3)
              AND ($4::text IS NULL OR origin.code = $4 OR target.code = $4)
            ORDER BY handover.id DESC LIMIT $5""",
        await _scope(seen_by),
        after,
        state,
        depot,
        limit,
    )


async def _scope(seen_by: Actor | None) -> list[str] | None:
    """The reader's stores, their own stock among them."""
    if seen_by is None or seen_by.depot_scope is None:
        return None
    own = await stock_of(seen_by.person_id)
    return [*seen_by.depot_scope, *([own.code] if own else [])]


async def in_hand(*, of: Actor, limit: int) -> list[InHand]:
    """What somebody holds in their own stock, by part."""
    own = await stock_of(of.person_id)
    if own is None:
        return []
    rows = await db.fetch(
        """SELECT part.part_number, part.name_zh, part.name_en, part.serialised, pool.code AS pool, level.condition,
                  level.on_hand AS quantity, level.reserved,
                  coalesce((SELECT array_agg(serial ORDER BY serial) FROM unit
                            WHERE unit.part = level.part AND unit.place = level.place
                              AND unit.condition = level.condition AND unit.pool = level.pool
                              AND unit.owner = level.owner), '{}') AS serials
           FROM level JOIN part ON part.id = level.part JOIN pool ON pool.id = level.pool
           WHERE level.place = $1 AND level.on_hand > 0
           ORDER BY part.part_number, pool.code, level.condition LIMIT $2""",
        own.id,
        limit,
    )
    return msgspec.convert([dict(row) for row in rows], list[InHand])
