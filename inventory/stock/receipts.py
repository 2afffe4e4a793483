"""Receipts: taking goods in, unit by unit, against what was expected."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Struct, structs

from inventory.catalogue import parts
from inventory.catalogue.grades import Provenance
from inventory.catalogue.parts import PartRef
from inventory.ground import clock, db, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import ReasonMissing, Unknown
from inventory.ground.numbers import next_number
from inventory.places import places
from inventory.places.places import PlaceRef
from inventory.stock import correcting, expected, levels, lots, pools, tags, units
from inventory.stock.differences import DIFFERENCE_ZH, Difference, Finding
from inventory.stock.ledger import LevelChange, post
from inventory.stock.moves import Move, Piece, Spot, moves_of
from inventory.stock.pools import COMMON
from inventory.stock.refusals import (
    DifferenceUnexplained,
    OverReceipt,
    QuantityNotPositive,
    SerialRepeated,
    SerialsMissing,
)

Condition = Literal["good", "defective", "quarantine", "unknown"]

INSPECT_WITHIN = timedelta(hours=24)
"""How soon what went to quarantine is to be inspected."""


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
    """A receipt as it was booked: what came, how it differed from what was expected, and why."""

    id: UUID
    number: str
    depot: str
    origin: str | None
    document_kind: str | None
    document: str | None
    notice: str | None
    received_at: datetime
    received_by: str
    remark: str
    lines: list["ReceivedLine"]


class ReceivedLine(Struct, frozen=True, kw_only=True):
    """What a line brought in, or what did not come, and where the stock stands now.

    Pieces whose label names a serial that another unit carries stand in `serials` by that claim and in `tags` by ours.
    """

    part_number: str
    name_zh: str
    name_en: str
    owner: str
    ours: bool
    quantity: int
    missing: int
    expected_quantity: int | None
    condition: str
    difference: Difference | None
    reason: str
    serials: list[str]
    tags: list[str]
    lot: str | None
    on_hand: int


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
    place, outside = await places.find_store(depot), await places.find(origin)
    pool_id = await pools.find(pool)
    findings: list[Finding] = []
    provenance: dict[int, str] = {}
    for line in lines:
        part = await parts.find(line.part_number)
        _check(part, line)
        outstanding = await _count_in(part, line)
        provenance[part.id] = line.provenance
        findings.append(_as_finding(part, line, outstanding))
    return await book(
        [*findings, *_still_missing(findings)],
        place=place,
        outside=outside.id,
        owner=owner if owner is not None else await places.ourselves(),
        pool=pool_id,
        provenance=provenance,
        by=by,
        document_kind=document_kind,
        document=document,
        occurred_at=occurred_at,
        remark=remark,
    )


def _check(part: PartRef, line: Incoming) -> None:
    if line.quantity < 1:
        raise QuantityNotPositive(quantity=line.quantity)
    if part.serialised and len(set(line.serials)) != line.quantity:
        raise SerialsMissing(part_number=part.part_number, wanted=line.quantity, given=len(set(line.serials)))


async def _count_in(part: PartRef, line: Incoming) -> int | None:
    """Count a line against its expected delivery; more than expected needs a reason. What was expected before."""
    if line.source is None:
        return None
    outstanding = await expected.count_in(line.source, line.quantity)
    if line.quantity > outstanding and not line.reason:
        raise OverReceipt(part_number=part.part_number, received=line.quantity, expected=outstanding)
    return outstanding


def _as_finding(part: PartRef, line: Incoming, outstanding: int | None) -> Finding:
    return Finding(
        part=part.id,
        part_number=part.part_number,
        serialised=part.serialised,
        quantity=line.quantity,
        missing=0,
        expected=outstanding,
        condition=line.condition,
        difference="over" if outstanding is not None and line.quantity > outstanding else None,
        serials=list(line.serials),
        reason=line.reason,
        pool=None,
        source=line.source,
        lot=line.lot,
        to_inspect=line.condition == "quarantine",
    )


def _still_missing(findings: Sequence[Finding]) -> list[Finding]:
    """What the sources of a receipt's lines have still to bring after it."""
    last = {finding.source: finding for finding in findings if finding.source is not None}
    return [
        structs.replace(
            finding,
            quantity=0,
            missing=finding.expected - finding.quantity,
            condition="good",
            difference="partial",
            serials=[],
            lot=None,
            to_inspect=False,
        )
        for finding in last.values()
        if finding.expected is not None and finding.expected > finding.quantity
    ]


def explained(findings: Sequence[Finding]) -> None:
    """Refuse differences that nobody gave a reason for.

    Raises:
        DifferenceUnexplained: some have none.

    """
    unexplained = [finding for finding in findings if finding.difference and not finding.reason.strip()]
    if unexplained:
        told = ", ".join(f"{finding.part_number} {finding.difference}" for finding in unexplained)
        told_zh = "、".join(f"{each.part_number} {DIFFERENCE_ZH[each.difference or 'partial']}" for each in unexplained)
        raise DifferenceUnexplained(
            differences=told,
            differences_zh=told_zh,
            lines=[
                {"part_number": each.part_number, "difference": each.difference, "serials": each.serials}
                for each in unexplained
            ],
        )


async def book(
    findings: Sequence[Finding],
    *,
    place: PlaceRef,
    outside: int,
    owner: int,
    pool: int,
    provenance: Mapping[int, str],
    by: Actor,
    document_kind: str | None,
    document: str | None,
    notice: UUID | None = None,
    occurred_at: datetime | None = None,
    remark: str = "",
) -> ReceiptView:
    """Write a receipt of new goods: its lines, its units and lots, and their movements from a place outside.

    Raises:
        SerialRepeated: a serial is already in the ledger, and the finding does not say so.

    """
    receipt = await begin(
        place.id,
        by=by,
        document_kind=document_kind,
        document=document,
        notice=notice,
        occurred_at=occurred_at,
        remark=remark,
    )
    entered = await enter_pieces(
        findings,
        receipt,
        owner=owner,
        pool=pool,
        outside=outside,
        provenance=provenance,
        source=document or "",
    )
    moves = [
        move
        for finding, pieces in zip(findings, entered.pieces, strict=True)
        for move in moves_of(
            pieces,
            "receipt",
            finding.part,
            Spot(outside, finding.condition, owner, finding.pool or pool),
            Spot(place.id, finding.condition, owner, finding.pool or pool),
            document_kind=document_kind or "receipt",
            document=document or receipt.number,
            reason=finding.reason,
            occurred_at=occurred_at,
            receipt=receipt.id,
        )
    ]
    if moves:
        await post(moves, by=by)
    await write_lines(receipt, findings, entered, owner=owner)
    return await receipt_view(receipt.number)


class Begun(Struct, frozen=True):
    """A receipt that is being written."""

    id: UUID
    number: str
    place: int


async def begin(
    place: int,
    *,
    by: Actor,
    document_kind: str | None,
    document: str | None,
    notice: UUID | None = None,
    occurred_at: datetime | None = None,
    remark: str = "",
) -> Begun:
    """Begin a receipt at a store; `notice` is the advance notice it is taken in under."""
    number = await next_number("GR")
    receipt = await db.fetch_value(
        """INSERT INTO receipt (number, place, source_kind, document, notice, received_at, received_by, remark)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id""",
        number,
        place,
        document_kind,
        document,
        notice,
        occurred_at or clock.now(),
        by.name,
        remark,
    )
    return Begun(receipt, number, place)


class Entered(Struct, frozen=True):
    """The units and lots of a receipt's findings, finding by finding, with the tags given to those that needed one."""

    pieces: list[list[Piece]]
    tags: list[list[str]]


async def enter_pieces(
    findings: Sequence[Finding],
    receipt: Begun,
    *,
    owner: int,
    pool: int,
    outside: int,
    provenance: Mapping[int, str],
    source: str,
) -> Entered:
    """Enter new units and lots where they come from; moves then bring them in.

    A piece whose label names a serial that another unit carries goes by a tag of ours, and keeps what it claims.
    """
    doubled = [
        (place, serial)
        for place, finding in enumerate(findings)
        if finding.difference == "duplicate_serial"
        for serial in finding.serials
    ]
    given = dict(zip(doubled, await tags.new_tags(len(doubled)), strict=True))
    rows = [
        (place, finding, serial)
        for place, finding in enumerate(findings)
        if finding.serialised
        for serial in finding.serials
    ]
    ids = await units.enter_all(
        [
            units.NewUnit(
                part=finding.part,
                serial=given.get((place, serial), serial),
                claimed_serial=serial if (place, serial) in given else None,
                tag=given.get((place, serial)),
                condition=finding.condition,
                owner=owner,
                pool=finding.pool or pool,
                place=outside,
                provenance=provenance.get(finding.part, "unproven"),
            )
            for place, finding, serial in rows
        ],
        receipt=receipt.id,
        source=source,
    )
    units_of: dict[int, list[UUID]] = {}
    for (place, _, _), unit in zip(rows, ids, strict=True):
        units_of.setdefault(place, []).append(unit)
    pieces: list[list[Piece]] = []
    for place, finding in enumerate(findings):
        if finding.serialised or not finding.quantity:
            pieces.append([Piece(unit=unit) for unit in units_of.get(place, [])])
        else:
            lot = await lots.enter(
                finding.part,
                finding.lot or receipt.number,
                provenance=provenance.get(finding.part, "unproven"),
                source=source,
                receipt=receipt.id,
            )
            pieces.append([Piece(lot=lot, quantity=finding.quantity)])
    tagged = [
        [given[place, serial] for serial in finding.serials if (place, serial) in given]
        for place, finding in enumerate(findings)
    ]
    return Entered(pieces, tagged)


async def write_lines(receipt: Begun, findings: Sequence[Finding], entered: Entered, *, owner: int) -> None:
    """Write what a receipt found, never to be changed; what went to quarantine is to be inspected within a day.

    What a finding does not say otherwise belongs to `owner`.
    """
    await db.execute(
        """INSERT INTO receipt_line (receipt, part, owner, quantity, missing, expected_quantity, condition, difference,
                                     reason, serials, tags, lot, source)
           SELECT $1, part, owner, quantity, missing, expected, condition, difference, reason, serials, tags, lot, source
           FROM unnest($2::int[], $3::int[], $4::int[], $5::int[], $6::int[], $7::text[], $8::text[], $9::text[],
                       $10::jsonb[], $11::jsonb[], $12::uuid[], $13::uuid[])
               AS line(part, owner, quantity, missing, expected, condition, difference, reason, serials, tags, lot,
                       source)""",
        receipt.id,
        [finding.part for finding in findings],
        [finding.owner or owner for finding in findings],
        [finding.quantity for finding in findings],
        [finding.missing for finding in findings],
        [finding.expected for finding in findings],
        [finding.condition for finding in findings],
        [finding.difference for finding in findings],
        [finding.reason for finding in findings],
        # as text: a list of lists would be taken for an array of two dimensions
        [msgspec.json.encode(finding.serials).decode() for finding in findings],
        [msgspec.json.encode(tags).decode() for tags in entered.tags],
        [next((piece.lot for piece in pieces), None) for pieces in entered.pieces],
        [finding.source for finding in findings],
    )
    if any(finding.to_inspect for finding in findings):
        await steps.begin(
            "inspect_receipt",
            "receipt",
            receipt.number,
            owner_role="quality_supervisor",
            depot=await db.fetch_value("SELECT code FROM place WHERE id = $1", receipt.place),
            due_at=clock.now() + INSPECT_WITHIN,
        )


_VIEW = """SELECT receipt.id, receipt.number, place.code AS depot, source_kind AS document_kind, document, received_at,
                  (SELECT number FROM advance_notice WHERE advance_notice.id = receipt.notice) AS notice,
                  received_by, remark,
                  (SELECT origin.code FROM movement JOIN place AS origin ON origin.id = movement.from_place
                   WHERE movement.receipt = receipt.id LIMIT 1) AS origin,
                  (SELECT coalesce(jsonb_agg(jsonb_build_object(
                              'part_number', part.part_number, 'name_zh', part.name_zh, 'name_en', part.name_en,
                              'owner', owner.code, 'ours', owner.is_ourselves,
                              'quantity', line.quantity, 'missing', missing, 'expected_quantity', expected_quantity,
                              'condition', line.condition, 'difference', difference, 'reason', reason,
                              'serials', serials, 'tags', tags, 'lot', lot.number,
                              'on_hand', (SELECT coalesce(sum(on_hand), 0) FROM level
                                          WHERE level.part = line.part AND level.place = receipt.place
                                            AND level.condition = line.condition)) ORDER BY line.id), '[]')
                   FROM receipt_line AS line JOIN part ON part.id = line.part JOIN party AS owner ON owner.id = line.owner
                   LEFT JOIN lot ON lot.id = line.lot
                   WHERE line.receipt = receipt.id) AS lines
           FROM receipt JOIN place ON place.id = receipt.place"""


async def receipt_view(number: str, *, seen_by: Actor | None = None) -> ReceiptView:
    """One receipt, by its number.

    Raises:
        Unknown: no such receipt in the reader's scope.

    """
    return await _receipt("receipt.number = $1", number, seen_by)


async def receipt_by_id(receipt: UUID, *, seen_by: Actor | None = None) -> ReceiptView:
    """One receipt, by its id.

    Raises:
        Unknown: no such receipt in the reader's scope.

    """
    return await _receipt("receipt.id = $1", receipt, seen_by)


async def _receipt(which: str, key: str | UUID, seen_by: Actor | None) -> ReceiptView:
    view = await db.read_one(
        ReceiptView,
        f"{_VIEW} WHERE {which} AND ($2::text[] IS NULL OR place.code = ANY($2))",
        key,
        seen_by.depot_scope if seen_by else None,
    )
    if view is None:
        raise Unknown(what="receipt", what_zh="入库单", key=str(key))
    return view


async def receipts(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    depot: str | None = None,
    document: str | None = None,
    notice: str | None = None,
    differing: bool = False,
) -> list[ReceiptView]:
    """Receipts in the reader's stores, newest first; `differing` keeps those where something was not as expected.

    With `notice`, only what was taken in under it, or since it came for its document but under no other notice.
    """
    return await db.read(
        ReceiptView,
        f"""{_VIEW}
            WHERE ($1::text[] IS NULL OR place.code = ANY($1)) AND ($2::uuid IS NULL OR receipt.id < $2)
              AND ($3::text IS NULL OR place.code = $3) AND ($4::text IS NULL OR document = $4)
              AND (NOT $5 OR EXISTS (SELECT FROM receipt_line
                                     WHERE receipt_line.receipt = receipt.id AND difference IS NOT NULL))
              AND ($6::uuid[] IS NULL OR receipt.id = ANY($6))
            ORDER BY receipt.id DESC LIMIT $7""",
        seen_by.depot_scope,
        after,
        depot,
        document,
        differing,
        None if notice is None else await _of_notice(notice),
        limit,
    )


async def _of_notice(number: str) -> list[UUID]:
    """The receipts that brought what a notice announced."""
    rows = await db.fetch(
        """SELECT receipt.id FROM advance_notice AS notice
           JOIN receipt ON receipt.notice = notice.id
             OR (receipt.notice IS NULL AND receipt.document = notice.document
                 AND receipt.received_at >= notice.created_at)
           WHERE notice.number = $1 ORDER BY receipt.id DESC LIMIT 1000""",
        number,
    )
    return [row["id"] for row in rows]


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
    provenance: Provenance | None = None,
) -> LevelChange:
    """Correct the books: a positive quantity was found, a negative one is missing.

    Where no source is named, a unit that nobody knew is unproven, and pieces without serials are as `lots.grade_of_found`.

    Raises:
        ReasonMissing: no reason was given.
        AdjustmentFourEyes: it is worth more than one person may correct alone.
        PoolNotKept: a project's stock was never kept there.
        InsufficientStock: more would go than is free.

    """
    by.require("stock.adjust")
    by.require_depot(depot)
    if not reason.strip():
        raise ReasonMissing
    if quantity == 0:
        raise QuantityNotPositive(quantity=quantity)
    at = await levels.address(part_number, depot, pool)
    outside = await places.find(places.ADJUSTMENT)
    part, here, there = at.part, at.spot(condition), msgspec.structs.replace(at.spot(condition), place=outside.id)
    amount = abs(quantity)
    await correcting.require_one_pair_of_eyes_enough(part.id, amount, by=by)
    if quantity > 0:
        await correcting.require_kept(pool, depot, by=by)
    if part.serialised and len(set(serials)) != amount:
        raise SerialsMissing(part_number=part.part_number, wanted=amount, given=len(set(serials)))
    pieces = (
        await _adjusted_units(part, here, there, quantity, serials, provenance or "unproven", reason)
        if part.serialised
        else [(None, None)]
    )
    found = quantity > 0 and not part.serialised
    grade = (provenance or await lots.grade_of_found(part.id, here)) if found else "unproven"
    lot = await lots.of_the_day(part.id, provenance=grade, source="adjustment") if found else None
    changes = await post(
        [
            Move(
                kind="adjustment",
                part=part.id,
                quantity=1 if part.serialised else amount,
                unit=unit,
                lot=lot,
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
