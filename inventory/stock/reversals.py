"""Reversals: a mistake is undone by another movement, once, with a reason; nothing is ever edited."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import ReasonMissing, Refused, Unknown
from inventory.places.tables import STORE_KINDS
from inventory.stock import lots
from inventory.stock.ledger import post
from inventory.stock.moves import Move, Spot
from inventory.stock.refusals import LotNotHere

RIGHT_OF = {"receipt": "stock.receive", "put_away": "stock.receive", "issue": "stock.issue"}
"""Whoever may do a thing may undo it; what is not here corrects stock."""

OF_ITS_OWN = frozenset({None, "adjustment", "receipt", "self_issue"})
"""Documents that consist of nothing but their movements."""


class AlreadyReversed(Refused, constraint="reversal_pkey"):
    """This movement was reversed before."""

    zh = "该流水此前已被冲销。"
    help_en = "See what happened to the pieces since; a reversal is undone by doing the act anew."
    help_zh = "请查看后续流水；如冲销有误，请重新办理原业务。"


class UndoneThroughDocument(Refused):
    """This movement belongs to {document}; it is undone through that, not by itself."""

    zh = "该流水属于单据 {document}，须通过该单据处理，不能单独冲销。"
    help_en = "{instead}"
    help_zh = "{instead_zh}"


class MovedOn(Refused):
    """{pieces} moved on since: {now}."""

    zh = "{pieces} 此后已移动：{now_zh}。"
    help_en = "Reverse the later movements first, the latest one first, or correct where the pieces are now."
    help_zh = "请先从最近一笔起逐笔冲销后续流水，或在现位置更正。"


class ReversalView(Struct, frozen=True, kw_only=True):
    """A movement that was undone, and the one that undid it."""

    movement: UUID
    reversed_by_movement: UUID
    kind: str
    part_number: str
    quantity: int
    reversed_at: datetime
    reversed_by: str
    reason: str


class Posted(Struct, frozen=True, kw_only=True):
    """A movement of the ledger with all its ids, as a reversal needs it."""

    id: UUID
    kind: str
    part: int
    part_number: str
    quantity: int
    unit: UUID | None
    serial: str | None
    lot: UUID | None
    lot_number: str | None
    from_place: int
    from_code: str
    from_store: bool
    from_condition: str
    from_owner: int
    from_pool: int
    from_bin: int | None
    to_place: int
    to_code: str
    to_store: bool
    to_condition: str
    to_owner: int
    to_pool: int
    to_bin: int | None
    document_kind: str | None
    document: str | None
    reverses: UUID | None

    @property
    def origin(self) -> Spot:
        """Where it came from."""
        return Spot(self.from_place, self.from_condition, self.from_owner, self.from_pool)

    @property
    def target(self) -> Spot:
        """Where it led."""
        return Spot(self.to_place, self.to_condition, self.to_owner, self.to_pool)


INSTEAD = {
    "transfer": (
        "Send the pieces back by a transfer the other way; a transfer that has not shipped is cancelled.",
        "请办理反向调拨退回；未发出的调拨单请直接取消。",
    ),
    "part_request": (
        "Debrief the request: what was not used is handed back good (returned_good).",
        "请在备件申请中提交用件反馈，未使用的按退料（好件）处理。",
    ),
    "return_debt": (
        "Hand the piece in, or judge it where it lies.",
        "请在返还柜台办理，或在现位置重新判定。",
    ),
    "count": ("Count the bin or part again: a recount corrects a count.", "请对该库位或备件复盘，以复盘结果更正。"),
}
"""What to do instead, by the kind of document; in English and Chinese."""


async def posted(movement: UUID, *, seen_by: Actor) -> Posted:
    """A movement.

    Raises:
        Unknown: no such movement in the reader's stores.

    """
    found = await db.read_one(
        Posted,
        """SELECT movement.id, movement.kind, movement.part, part.part_number, movement.quantity, movement.unit,
                  unit.serial, movement.lot, lot.number AS lot_number,
                  from_place, origin.code AS from_code, origin.kind = ANY($2) AS from_store,
                  from_condition, from_owner, from_pool, from_bin,
                  to_place, target.code AS to_code, target.kind = ANY($2) AS to_store,
                  to_condition, to_owner, to_pool, to_bin, document_kind, document, reverses
           FROM movement
           JOIN part ON part.id = movement.part
           JOIN place AS origin ON origin.id = movement.from_place
           JOIN place AS target ON target.id = movement.to_place
           LEFT JOIN unit ON unit.id = movement.unit
           LEFT JOIN lot ON lot.id = movement.lot
           WHERE movement.id = $1 AND ($3::text[] IS NULL OR origin.code = ANY($3) OR target.code = ANY($3))""",
        movement,
        list(STORE_KINDS),
        seen_by.depot_scope,
    )
    if found is None:
        raise Unknown(what="movement", what_zh="流水", key=str(movement))
    return found


@db.atomic
async def reverse(movement: UUID, *, by: Actor, reason: str) -> ReversalView:
    """Undo a movement that has no document but itself: adjustments, issues, put-aways, changes of condition, receipts.

    Raises:
        Unknown: no such movement in the actor's stores.
        NotGranted, NotYourDepot: the actor may not do what would be undone.
        ReasonMissing: no reason was given.
        AlreadyReversed: it was reversed before, or is itself a reversal.
        UndoneThroughDocument: it is undone through its document.
        MovedOn: the pieces are not where it left them.
        InsufficientStock: the pieces were promised to somebody.

    """
    return await reverse_of(await posted(movement, seen_by=by), OF_ITS_OWN, by=by, reason=reason)


@db.atomic
async def reverse_of(undone: Posted, documents: Collection[str | None], *, by: Actor, reason: str) -> ReversalView:
    """Undo a movement on behalf of a verb that has seen to the documents it names.

    Raises:
        As `reverse`.

    """
    by.require(RIGHT_OF.get(undone.kind, "stock.adjust"))
    for code, is_store in ((undone.from_code, undone.from_store), (undone.to_code, undone.to_store)):
        if is_store:
            by.require_depot(code)
    if not reason.strip():
        raise ReasonMissing
    if undone.reverses is not None:
        raise AlreadyReversed
    if undone.document_kind not in documents:
        instead, instead_zh = INSTEAD.get(
            undone.document_kind or "", ("Open the document and undo it there.", "请打开该单据并在其中处理。")
        )
        raise UndoneThroughDocument(document=undone.document, instead=instead, instead_zh=instead_zh)
    if await db.fetch_value("SELECT true FROM reversal WHERE movement = $1", undone.id):
        raise AlreadyReversed
    await _require_still_there(undone)
    await post(
        [
            Move(
                kind="reversal",
                part=undone.part,
                quantity=undone.quantity,
                unit=undone.unit,
                lot=undone.lot,
                origin=undone.target,
                target=undone.origin,
                from_bin=undone.to_bin,
                to_bin=undone.from_bin,
                document_kind=undone.document_kind,
                document=undone.document,
                reason=reason.strip(),
                reverses=undone.id,
            )
        ],
        by=by,
    )
    return await _note(undone, by=by, reason=reason.strip())


async def _require_still_there(undone: Posted) -> None:
    """Refuse where the pieces have gone on, and say where they are."""
    if undone.unit is not None:
        now = await db.fetch_one(
            """SELECT place.code AS place, bin.code AS bin, unit.condition,
                      (unit.place, unit.condition, unit.owner, unit.pool) = ($2, $3, $4, $5)
                      AND unit.bin IS NOT DISTINCT FROM $6 AS there,
                      (SELECT id FROM movement WHERE movement.unit = unit.id
                       ORDER BY recorded_at DESC, id DESC LIMIT 1) AS last
               FROM unit JOIN place ON place.id = unit.place LEFT JOIN bin ON bin.id = unit.bin
               WHERE unit.id = $1 FOR NO KEY UPDATE OF unit""",
            undone.unit,
            undone.target.place,
            undone.target.condition,
            undone.target.owner,
            undone.target.pool,
            undone.to_bin,
        )
        if now is None or not now["there"] or now["last"] != undone.id:
            where = " / ".join(str(now[key]) for key in ("place", "bin", "condition") if now and now[key])
            raise MovedOn(pieces=undone.serial, now=where, now_zh=where)
        return
    if not undone.to_store:
        return
    try:
        await _lot_is_there(undone)
    except LotNotHere:
        rows = await db.fetch(
            """SELECT place.code AS place, bin.code AS bin, lot_stock.condition, lot_stock.quantity
               FROM lot_stock JOIN place ON place.id = lot_stock.place LEFT JOIN bin ON bin.id = lot_stock.bin
               WHERE lot = $1 AND quantity > 0 ORDER BY place.code, bin.code LIMIT 20""",
            undone.lot,
        )
        where = ", ".join(
            f"{row['quantity']} × {' / '.join(x for x in (row['place'], row['bin'], row['condition']) if x)}"
            for row in rows
        )
        raise MovedOn(
            pieces=f"{undone.part_number} {undone.lot_number}",
            now=where or "nothing is left",
            now_zh=where or "已无库存",
        ) from None


async def _lot_is_there(undone: Posted) -> None:
    """Refuse where fewer pieces of the lot are left in the bin than would go back; their level is locked."""
    await lots.take(undone.part, undone.target, undone.quantity, bins=[undone.to_bin], lot=undone.lot)


async def _note(undone: Posted, *, by: Actor, reason: str) -> ReversalView:
    """Record that a movement is undone: once, whoever tries."""
    now = clock.now()
    back = await db.fetch_value(
        """INSERT INTO reversal (movement, reversed_by_movement, reversed_at, reversed_by, reason)
           SELECT $1, movement.id, $2, $3, $4 FROM movement WHERE part = $5 AND reverses = $1
           ORDER BY occurred_at DESC LIMIT 1 RETURNING reversed_by_movement""",
        undone.id,
        now,
        by.name,
        reason,
        undone.part,
    )
    await audit.record(
        "movement.reversed", "movement", str(undone.id), by=by, change={"kind": undone.kind}, reason=reason
    )
    return ReversalView(
        movement=undone.id,
        reversed_by_movement=back,
        kind=undone.kind,
        part_number=undone.part_number,
        quantity=undone.quantity,
        reversed_at=now,
        reversed_by=by.name,
        reason=reason,
    )
