"""Batches: what came of a part with one receipt, where its pieces are now, and taking those on shelves out of use."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from inventory.catalogue import parts
from inventory.ground import audit, db, events
from inventory.ground.actor import Actor
from inventory.ground.errors import ReasonMissing, Refused, Unknown
from inventory.stock import conditions, disclosure
from inventory.stock.conditions import InspectionView
from inventory.stock.pieces import Pieces


class NothingOnShelf(Refused):
    """No good piece of {part_number} from receipt {receipt} lies on a shelf."""

    zh = "入库单 {receipt} 的 {part_number} 在架上已无好件。"
    help_en = "Its other pieces are in machines, in hand or blocked already; see the receipt and the units."
    help_zh = "其余单件已在设备中、在个人备件库或已被隔离；请查看入库单与单件。"


class BatchPromised(Refused):
    """Of {part_number} from receipt {receipt}, {promised} at {depot} are promised or picked; only {free} can be blocked."""

    zh = "入库单 {receipt} 的 {part_number} 在 {depot} 有 {promised} 件已预留或已拣出，仅 {free} 件可隔离；未隔离任何备件。"
    help_en = "Void or move the reservations of this part there first; nothing was blocked."
    help_zh = "请先作废或改派该库此备件的预留，再整批隔离。"


class BatchPlace(Struct, frozen=True, kw_only=True):
    """Pieces of a batch that are in the same place and condition."""

    place: str
    store: bool
    condition: str
    pool: str
    owner: str
    quantity: int


class OnShelf(Struct, frozen=True, kw_only=True):
    """Good pieces of a batch at a store: units, or pieces of a lot; `unpicked` are those in nobody's box."""

    level: int
    receipts: list[UUID]
    depot: str
    pool: str
    owner: str
    serials: list[str]
    unpicked: list[str]
    unit_ids: list[UUID]
    lot: str | None
    quantity: int
    free: int


async def find(receipt: str) -> UUID:
    """A receipt by its number.

    Raises:
        Unknown: there is none.

    """
    found = await db.fetch_value("SELECT id FROM receipt WHERE number = $1", receipt)
    if found is None:
        raise Unknown(what="receipt", what_zh="入库单", key=receipt)
    return found


async def whereabouts(receipt: str, part_number: str, *, seen_by: Actor) -> list[BatchPlace]:
    """Where the pieces of a batch are now; those that went out count by where they went.

    Only what lies in the reader's stores, in pools that serve the reader's contracts, and at no other customer's site.
    """
    return await db.read(
        BatchPlace,
        f"""SELECT place.code AS place, place.kind IN ('depot', 'onsite_store', 'engineer_stock') AS store, condition,
                  pool.code AS pool, party.code AS owner, sum(quantity)::int AS quantity
           FROM (SELECT unit.place, unit.condition, unit.pool, unit.owner, 1 AS quantity
                 FROM unit JOIN receipt ON receipt.id = unit.receipt AND receipt.number = $1
                 JOIN part ON part.id = unit.part AND part.part_number = $2
                 UNION ALL
                 SELECT lot_stock.place, lot_stock.condition, lot_stock.pool, lot_stock.owner, lot_stock.quantity
                 FROM lot JOIN receipt ON receipt.id = lot.receipt AND receipt.number = $1
                 JOIN part ON part.id = lot.part AND part.part_number = $2
                 JOIN lot_stock ON lot_stock.lot = lot.id AND lot_stock.quantity > 0) AS piece
           JOIN place ON place.id = piece.place
           JOIN pool ON pool.id = piece.pool
           JOIN party ON party.id = piece.owner
           WHERE ($3::text[] IS NULL OR place.code = ANY($3)) AND {disclosure.serves("pool", "$4")}
             AND {disclosure.site_is_told("place", "$4")}
           GROUP BY place.code, place.kind, condition, pool.code, party.code
           ORDER BY place.code, condition, pool.code, party.code""",
        receipt,
        part_number,
        seen_by.depot_scope,
        seen_by.contract_scope,
    )


@db.atomic
async def quarantine(receipt: str, part_number: str, *, by: Actor, reason: str) -> list[InspectionView]:
    """Block every good piece of a batch that lies on a shelf, wherever that is; all of them or none.

    Each piece goes into quarantine where it lies, by a line of the ledger that gives the reason; a passed inspection
    frees it again (`procurement.release`).

    Raises:
        Unknown, UnknownPart: no such receipt or part.
        ReasonMissing: no reason was given.
        NotYourDepot: some of the pieces lie at a store that the actor does not serve.
        NothingOnShelf: no good piece of the batch is left on a shelf.
        BatchPromised: some are promised to somebody, or in a picker's box.

    """
    by.require("stock.judge")
    if not reason.strip():
        raise ReasonMissing
    part, came_with = await parts.find(part_number), await find(receipt)
    shelves = await on_shelves(part.id, [came_with])
    if not shelves:
        raise NothingOnShelf(receipt=receipt, part_number=part.part_number)
    for shelf in shelves:
        by.require_depot(shelf.depot)
    for shelf in shelves:
        if shelf.free < shelf.quantity:
            raise BatchPromised(
                receipt=receipt,
                part_number=part.part_number,
                depot=shelf.depot,
                promised=shelf.quantity - shelf.free,
                free=shelf.free,
            )
    found: list[InspectionView] = []
    for shelf in shelves:
        which = Pieces(
            shelf.depot,
            part.part_number,
            quantity=0 if shelf.serials else shelf.quantity,
            serials=shelf.serials,
            lot=shelf.lot,
            pool=shelf.pool,
            owner=shelf.owner,
        )
        found += await conditions.judge(which, "good", "quarantine", by=by, reason=f"{receipt}: {reason.strip()}")
    await audit.record("batch.quarantined", "receipt", receipt, by=by, reason=reason.strip())
    for depot in sorted({shelf.depot for shelf in shelves}):
        pieces = sum(shelf.quantity for shelf in shelves if shelf.depot == depot)
        told = {"receipt": receipt, "part_number": part.part_number, "depot": depot, "pieces": pieces}
        await events.emit("batch.quarantined", "receipt", receipt, told, depot=depot, closed=True)
    return found


async def on_shelves(
    part: int, receipts: Sequence[UUID], *, level: int | None = None, lot: str | None = None
) -> Sequence[OnShelf]:
    """The good pieces that some receipts brought, store by store, with how many of each could change; or of one level and lot.

    Their levels are locked, in order.
    """
    await db.execute(
        """SELECT FROM level
           WHERE part = $1 AND condition = 'good'
             AND place IN (SELECT place FROM unit WHERE receipt = ANY($2) AND unit.part = $1
                           UNION SELECT lot_stock.place FROM lot_stock JOIN lot ON lot.id = lot_stock.lot
                                 WHERE lot.receipt = ANY($2) AND lot.part = $1)
           ORDER BY part, place, condition, owner, pool FOR NO KEY UPDATE""",
        part,
        list(receipts),
    )
    return await db.read(
        OnShelf,
        """WITH piece AS (
               SELECT unit.place, unit.pool, unit.owner, unit.id, unit.serial, NULL::text AS lot, 1 AS quantity,
                      EXISTS (SELECT FROM pick WHERE pick.unit = unit.id AND pick.state = 'picked') AS picked
               FROM unit WHERE unit.receipt = ANY($2) AND unit.part = $1 AND unit.condition = 'good'
               UNION ALL
               SELECT lot_stock.place, lot_stock.pool, lot_stock.owner, NULL, NULL, lot.number, lot_stock.quantity, false
               FROM lot_stock JOIN lot ON lot.id = lot_stock.lot
               WHERE lot.receipt = ANY($2) AND lot.part = $1 AND lot_stock.condition = 'good' AND lot_stock.quantity > 0
           )
           SELECT level.id AS level, $2::uuid[] AS receipts, place.code AS depot, pool.code AS pool, party.code AS owner, lot,
                  coalesce(array_agg(serial ORDER BY serial) FILTER (WHERE serial IS NOT NULL), '{}') AS serials,
                  coalesce(array_agg(serial ORDER BY serial) FILTER (WHERE serial IS NOT NULL AND NOT picked), '{}')
                      AS unpicked,
                  coalesce(array_agg(piece.id) FILTER (WHERE piece.id IS NOT NULL), '{}') AS unit_ids,
                  sum(quantity)::int AS quantity,
                  least(level.on_hand - level.reserved, sum(quantity) - sum(picked::int))::int AS free
           FROM piece
           JOIN place ON place.id = piece.place AND place.kind IN ('depot', 'onsite_store', 'engineer_stock')
           JOIN pool ON pool.id = piece.pool
           JOIN party ON party.id = piece.owner
           JOIN level ON level.part = $1 AND level.place = piece.place AND level.pool = piece.pool
                AND level.owner = piece.owner AND level.condition = 'good'
           WHERE $3::bigint IS NULL OR (level.id = $3 AND lot IS NOT DISTINCT FROM $4::text)
           GROUP BY place.code, pool.code, party.code, lot, level.id
           ORDER BY place.code, pool.code, party.code, lot NULLS FIRST""",
        part,
        list(receipts),
        level,
        lot,
    )
