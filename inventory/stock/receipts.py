"""Receipts: taking goods in, unit by unit, against what was expected."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.catalogue import parts
from inventory.catalogue.parts import PartRef
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.ground.numbers import next_number
from inventory.places import places
from inventory.stock import expected, lots, pools, units
from inventory.stock.ledger import LevelChange, post
from inventory.stock.moves import Move, Spot
from inventory.stock.pools import COMMON
from inventory.stock.refusals import OverReceipt, QuantityNotPositive, ReasonMissing, SerialRepeated, SerialsMissing

Condition = Literal["good", "defective", "quarantine", "unknown"]


class Incoming(Struct, frozen=True, kw_only=True):
    """One line of a receipt; `source` is the expected delivery's source it belongs to, `lot` the maker's batch number.

    Pieces without serials that name no batch make a lot of the receipt's own number.
    """

    part_number: str
    quantity: int
    serials: Sequence[str] = ()
    condition: Condition = "good"
    provenance: str = "unproven"
    source: UUID | None = None
    lot: str | None = None
    reason: str = ""


class ReceiptView(Struct, frozen=True, kw_only=True):
    """A receipt as it was booked."""

    id: UUID
    number: str
    depot: str
    received_at: datetime
    received_by: str
    lines: list["ReceivedLine"]


class ReceivedLine(Struct, frozen=True, kw_only=True):
    """What a line brought in, and where the stock stands now."""

    part_number: str
    quantity: int
    condition: str
    serials: list[str]
    on_hand: int


class ReceiptLine(Struct, frozen=True, kw_only=True):
    """What a receipt brought in of one part in one condition."""

    part_number: str
    name_zh: str
    name_en: str
    quantity: int
    condition: str
    serials: list[str]


class ReceiptRecord(Struct, frozen=True, kw_only=True):
    """A receipt as the books have it; `document` is what the goods came for, such as a purchase order."""

    id: UUID
    number: str
    depot: str
    origin: str | None
    document_kind: str | None
    document: str | None
    received_at: datetime
    received_by: str
    remark: str
    lines: list[ReceiptLine]


@db.atomic
async def receive(
    depot: str,
    lines: Sequence[Incoming],
    *,
    by: Actor,
    origin: str,
    pool: str = COMMON,
    owner: int | None = None,
    document_kind: str | None = None,
    document: str | None = None,
    occurred_at: datetime | None = None,
    remark: str = "",
) -> ReceiptView:
    """Take new goods in at a store from a place outside.

    Raises:
        Unknown: no such store, part or pool.
        NotYourDepot: the actor does not serve the store.
        OverReceipt: more came than was expected, and no reason was given.
        SerialsMissing: a serialised part without a serial for each piece.
        SerialRepeated: a serial is already in the ledger.

    """
    by.require("stock.receive")
    by.require_depot(depot)
    place = await places.find_store(depot)
    outside = await places.find(origin)
    pool_id = await pools.find(pool)
    owner_id = owner if owner is not None else await places.ourselves()
    number = await next_number("GR")
    now = clock.now()
    receipt = await db.fetch_value(
        """INSERT INTO receipt (number, place, source_kind, received_at, received_by, remark)
           VALUES ($1, $2, $3, $4, $5, $6) RETURNING id""",
        number,
        place.id,
        document_kind,
        occurred_at or now,
        by.name,
        remark,
    )
    moves: list[Move] = []
    found: list[PartRef] = []
    for line in lines:
        part = await parts.find(line.part_number)
        found.append(part)
        _check(part, line)
        await _count_in(part, line)
        start = Spot(outside.id, line.condition, owner_id, pool_id)
        new = await _new_units(part, line, start, receipt, document) if part.serialised else [None]
        lot = None if part.serialised else await _new_lot(part, line, receipt, document, number)
        moves += [
            Move(
                kind="receipt",
                part=part.id,
                quantity=1 if part.serialised else line.quantity,
                unit=unit,
                lot=lot,
                origin=start,
                target=Spot(place.id, line.condition, owner_id, pool_id),
                document_kind=document_kind or "receipt",
                document=document or number,
                reason=line.reason,
                occurred_at=occurred_at,
                receipt=receipt,
            )
            for unit in new
        ]
    changes = await post(moves, by=by)
    return ReceiptView(
        id=receipt,
        number=number,
        depot=depot,
        received_at=occurred_at or now,
        received_by=by.name,
        lines=[_received(part, line, changes) for part, line in zip(found, lines, strict=True)],
    )


def _check(part: PartRef, line: Incoming) -> None:
    if line.quantity < 1:
        raise QuantityNotPositive(quantity=line.quantity)
    if part.serialised and len(set(line.serials)) != line.quantity:
        raise SerialsMissing(part_number=part.part_number, wanted=line.quantity, given=len(set(line.serials)))


async def _count_in(part: PartRef, line: Incoming) -> None:
    """Count a line against its expected delivery; more than expected needs a reason."""
    if line.source is None:
        return
    outstanding = await expected.count_in(line.source, line.quantity)
    if line.quantity > outstanding and not line.reason:
        raise OverReceipt(part_number=part.part_number, received=line.quantity, expected=outstanding)


async def _new_units(part: PartRef, line: Incoming, start: Spot, receipt: UUID, document: str | None) -> list[UUID]:
    """Enter new units where they come from; the move then brings them in."""
    rows = await db.fetch(
        """INSERT INTO unit (part, serial, maker, condition, owner, pool, place, provenance, source, receipt, received_at)
           SELECT $1, serial, (SELECT maker FROM part WHERE id = $1), $3, $4, $5, $6, $7, $8, $9, $10
           FROM unnest($2::text[]) AS serial RETURNING id""",
        part.id,
        list(line.serials),
        start.condition,
        start.owner,
        start.pool,
        start.place,
        line.provenance,
        document or "",
        receipt,
        clock.now(),
    )
    return [row["id"] for row in rows]


async def _new_lot(part: PartRef, line: Incoming, receipt: UUID, document: str | None, number: str) -> UUID:
    return await lots.enter(
        part.id, line.lot or number, provenance=line.provenance, source=document or "", receipt=receipt
    )


def _received(part: PartRef, line: Incoming, changes: Sequence[LevelChange]) -> ReceivedLine:
    level = next(c for c in changes if c.part == part.id and c.condition == line.condition)
    return ReceivedLine(
        part_number=part.part_number,
        quantity=line.quantity,
        condition=line.condition,
        serials=list(line.serials),
        on_hand=level.on_hand,
    )


_RECORD = """SELECT receipt.id, receipt.number, place.code AS depot, receipt.received_at, receipt.received_by,
                    receipt.remark, first.origin, first.document_kind,
                    nullif(first.document, receipt.number) AS document,
                    (SELECT coalesce(jsonb_agg(line ORDER BY line.part_number, line.condition), '[]') FROM (
                         SELECT part.part_number, part.name_zh, part.name_en, movement.to_condition AS condition,
                                sum(movement.quantity)::int AS quantity,
                                coalesce(jsonb_agg(unit.serial ORDER BY unit.serial) FILTER (WHERE unit.id IS NOT NULL),
                                         '[]') AS serials
                         FROM movement
                         JOIN part ON part.id = movement.part
                         LEFT JOIN unit ON unit.id = movement.unit
                         WHERE movement.receipt = receipt.id
                         GROUP BY part.id, movement.to_condition
                     ) AS line) AS lines
             FROM receipt
             JOIN place ON place.id = receipt.place
             LEFT JOIN LATERAL (
                 SELECT origin.code AS origin, document_kind, document
                 FROM movement JOIN place AS origin ON origin.id = movement.from_place
                 WHERE movement.receipt = receipt.id LIMIT 1
             ) AS first ON true
             WHERE ($1::text[] IS NULL OR place.code = ANY($1))"""


async def receipt_view(number: str, *, seen_by: Actor) -> ReceiptRecord:
    """One receipt, by its number.

    Raises:
        Unknown: no such receipt in the reader's scope.

    """
    found = await db.read_one(ReceiptRecord, f"{_RECORD} AND receipt.number = $2", seen_by.depot_scope, number)
    if found is None:
        raise Unknown(what="receipt", what_zh="入库单", key=number)
    return found


async def receipts(
    *, limit: int, seen_by: Actor, after: UUID | None = None, depot: str | None = None
) -> list[ReceiptRecord]:
    """Receipts in the reader's stores, newest first."""
    return await db.read(
        ReceiptRecord,
        f"""{_RECORD} AND ($2::uuid IS NULL OR receipt.id < $2) AND ($3::text IS NULL OR place.code = $3)
            ORDER BY receipt.id DESC LIMIT $4""",
        seen_by.depot_scope,
        after,
        depot,
        limit,
    )


@db.atomic
async def adjust(
    depot: str,
    part_number: str,
    quantity: int,
    *,
    by: Actor,
    reason: str,
    pool: str = COMMON,
    condition: Condition = "good",
    serials: Sequence[str] = (),
    provenance: str = "unproven",
) -> LevelChange:
    """Correct the books: a positive quantity was found, a negative one is missing.

    Raises:
        ReasonMissing: no reason was given.
        InsufficientStock: more would go than is free.

    """
    by.require("stock.adjust")
    by.require_depot(depot)
    if not reason.strip():
        raise ReasonMissing
    if quantity == 0:
        raise QuantityNotPositive(quantity=quantity)
    part = await parts.find(part_number)
    place, outside = await places.find_store(depot), await places.find(places.ADJUSTMENT)
    owner, pool_id = await places.ourselves(), await pools.find(pool)
    here, there = Spot(place.id, condition, owner, pool_id), Spot(outside.id, condition, owner, pool_id)
    amount = abs(quantity)
    if part.serialised and len(set(serials)) != amount:
        raise SerialsMissing(part_number=part.part_number, wanted=amount, given=len(set(serials)))
    pieces = (
        await _adjusted_units(part, here, there, quantity, serials, provenance, reason)
        if part.serialised
        else [(None, None)]
    )
    changes = await post(
        [
            Move(
                kind="adjustment",
                part=part.id,
                quantity=1 if part.serialised else amount,
                unit=unit,
                from_bin=shelf,
                origin=there if quantity > 0 else here,
                target=here if quantity > 0 else there,
                document_kind="adjustment",
                reason=reason,
            )
            for unit, shelf in pieces
        ],
        by=by,
    )
    return changes[0]


async def _adjusted_units(
    part: PartRef, here: Spot, there: Spot, quantity: int, serials: Sequence[str], provenance: str, reason: str
) -> list[tuple[UUID, int | None]]:
    """The units an adjustment moves, with their bins: those missing, or those found (new, or lost before)."""
    if quantity < 0:
        return [(unit.id, unit.bin) for unit in await units.choose(part.id, here, -quantity, serials)]
    rows = await db.fetch(
        """INSERT INTO unit (part, serial, maker, condition, owner, pool, place, provenance, source, received_at)
           SELECT $1, serial, (SELECT maker FROM part WHERE id = $1), $3, $4, $5, $6, $7, $8, $9
           FROM unnest($2::text[]) AS serial
           ON CONFLICT ON CONSTRAINT unit_serial_is_unique_per_maker DO UPDATE
               SET condition = excluded.condition, owner = excluded.owner, pool = excluded.pool
               WHERE unit.place = excluded.place AND unit.part = excluded.part
           RETURNING id""",
        part.id,
        list(serials),
        here.condition,
        here.owner,
        here.pool,
        there.place,
        provenance,
        reason,
        clock.now(),
    )
    if len(rows) < quantity:
        raise SerialRepeated
    return [(row["id"], None) for row in rows]
