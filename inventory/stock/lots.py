"""Lots: parts without serials, kept apart by the delivery they came with, so that a bad batch can be found again."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.stock import disclosure
from inventory.stock.moves import Move, Piece, Spot
from inventory.stock.refusals import LotNotHere


class LotStock(Struct, frozen=True, kw_only=True):
    """Pieces of one lot at one spot, in one bin or not put away yet."""

    id: int
    part_number: str
    lot: str
    depot: str
    bin: str | None
    condition: str
    owner: str
    pool: str
    quantity: int
    provenance: str
    received_at: datetime


class _Piece(Struct, kw_only=True):
    """What of a lot may still be taken, while moves are being settled."""

    lot: UUID
    part: int
    spot: Spot
    bin: int | None
    quantity: int
    provenance: str


async def enter(part: int, number: str, *, provenance: str, source: str, receipt: UUID | None = None) -> UUID:
    """A lot of a part, made at its first mention.

    The same number from a source of another grade is another lot, which says so: no paper of one proves the other.
    """
    lot: UUID | None = None
    while lot is None:  # nothing comes back where somebody else made one of another grade at this moment
        lot = await db.fetch_value(
            """WITH known AS (
                   SELECT id FROM lot
                   WHERE part = $1 AND provenance = $3::text AND number IN ($2::text, $2::text || '·' || $3::text)
                   ORDER BY number LIMIT 1
               ), made AS (
                   INSERT INTO lot (part, number, provenance, source, receipt, received_at)
                   SELECT $1, $2::text || CASE WHEN EXISTS (SELECT FROM lot WHERE part = $1 AND number = $2::text)
                                               THEN '·' || $3::text ELSE '' END, $3::text, $4, $5, $6
                   WHERE NOT EXISTS (SELECT FROM known)
                   ON CONFLICT ON CONSTRAINT lot_number_is_unique_per_part DO UPDATE SET number = excluded.number
                   WHERE lot.provenance = excluded.provenance
                   RETURNING id
               )
               SELECT id FROM known UNION ALL SELECT id FROM made""",
            part,
            number,
            provenance,
            source,
            receipt,
            clock.now(),
        )
    return lot


async def of_the_day(part: int, *, provenance: str, source: str) -> UUID:
    """The lot of what is found of a part today without any paper."""
    return await enter(part, f"{clock.now():%y%m%d}", provenance=provenance, source=source)


async def grade_of_found(part: int, spot: Spot) -> str:
    """How genuine pieces without serials are that turn up in a store: the least trusted that it had there; else unproven."""
    return await db.fetch_value(
        """SELECT coalesce((SELECT lot.provenance FROM lot_stock JOIN lot ON lot.id = lot_stock.lot
                            WHERE (lot_stock.part, place, condition, owner, pool)
                                  = ($1::int, $2::int, $3::text, $4::int, $5::int)
                            ORDER BY grade_rank(lot.provenance) DESC LIMIT 1), 'unproven')""",
        part,
        spot.place,
        spot.condition,
        spot.owner,
        spot.pool,
    )


async def settle(moves: Sequence[Move]) -> list[Move]:
    """Moves that name the lots they take: the oldest first; levels are locked before their lots are read.

    What comes in without naming its lot goes back to the lot its document took it from, else to a lot of that document.
    """
    if all(move.unit is not None or move.lot is not None for move in moves):
        return list(moves)
    await _lock_levels(moves)
    there = await _pieces(moves)
    settled: list[Move] = []
    for move in moves:
        if move.unit is not None or move.lot is not None:
            settled.append(move)
            continue
        shelf = [piece for piece in there if (piece.part, piece.spot) == (move.part, move.origin)]
        taken = _take(move, shelf) if shelf else []
        missing = move.quantity - sum(each.quantity for each in taken)
        settled += taken
        if missing:
            rest = structs.replace(move, quantity=missing, released=max(0, move.released - move.quantity + missing))
            settled.append(structs.replace(rest, lot=await _lot_of_document(move)))
    return settled


def _take(move: Move, shelf: Sequence[_Piece]) -> list[Move]:
    """Split a move over the lots of a shelf, in the shelf's order."""
    wanted, released, taken = move.quantity, move.released, list[Move]()
    for piece in shelf:
        count = min(wanted, piece.quantity)
        if count == 0 or (move.from_bin is not None and move.from_bin != piece.bin):
            continue
        freed = min(released, count)
        taken.append(structs.replace(move, quantity=count, released=freed, lot=piece.lot, from_bin=piece.bin))
        piece.quantity -= count
        wanted, released = wanted - count, released - freed
    return taken


async def take(
    part: int,
    spot: Spot,
    quantity: int,
    *,
    bins: Collection[int | None] | None = None,
    lot: UUID | None = None,
    will_do: Sequence[str] | None = None,
) -> list[Piece]:
    """Pieces of a spot, the oldest lots first or of one lot; their level is locked.

    Where only some source grades `will_do`, the least trusted of those first.

    `bins` keeps to some bins, None among them for what is not put away; without it they may lie anywhere in the store.

    Raises:
        LotNotHere: there are fewer.

    """
    probe = Move(kind="", part=part, quantity=quantity, origin=spot, target=spot)
    await _lock_levels([probe])
    taken: list[Piece] = []
    there = await _pieces([probe])
    if will_do is not None:
        ranks = {grade: -rank for rank, grade in enumerate(will_do)}
        there = sorted((each for each in there if each.provenance in ranks), key=lambda each: ranks[each.provenance])
    for piece in there:
        count = min(piece.quantity, quantity - sum(each.quantity for each in taken))
        fits = piece.spot == spot and (bins is None or piece.bin in bins) and (lot is None or piece.lot == lot)
        if count > 0 and fits:
            taken.append(Piece(lot=piece.lot, bin=piece.bin, quantity=count))
    if sum(each.quantity for each in taken) < quantity:
        raise LotNotHere
    return taken


async def numbered(part: int, number: str) -> UUID:
    """The lot of a part that carries a number.

    Raises:
        LotNotHere: there is none.

    """
    lot = await db.fetch_value("SELECT id FROM lot WHERE part = $1 AND number = $2", part, number)
    if lot is None:
        raise LotNotHere
    return lot


async def _lock_levels(moves: Sequence[Move]) -> None:
    sides = [(move.part, side) for move in moves for side in (move.origin, move.target)]
    await db.execute(
        """SELECT level.id FROM level
           WHERE (part, place, condition, owner, pool)
                 IN (SELECT * FROM unnest($1::int[], $2::int[], $3::text[], $4::int[], $5::int[]))
           ORDER BY part, place, condition, owner, pool FOR NO KEY UPDATE""",
        [part for part, _ in sides],
        [side.place for _, side in sides],
        [side.condition for _, side in sides],
        [side.owner for _, side in sides],
        [side.pool for _, side in sides],
    )


async def _pieces(moves: Sequence[Move]) -> list[_Piece]:
    """What lies in lots at the moves' origins, the oldest lots first."""
    rows = await db.fetch(
        """SELECT lot_stock.lot, lot_stock.part, lot_stock.place, lot_stock.condition, lot_stock.owner, lot_stock.pool,
                  lot_stock.bin, lot.provenance, (lot_stock.quantity - coalesce(picked.quantity, 0))::int AS quantity
           FROM lot_stock
           JOIN lot ON lot.id = lot_stock.lot
           LEFT JOIN bin ON bin.id = lot_stock.bin
           -- what lies in a picker's box leaves with his list only
           LEFT JOIN LATERAL (
               SELECT sum(pick.quantity) AS quantity
               FROM pick
               JOIN reservation ON reservation.id = pick.reservation
               JOIN level ON level.id = reservation.level
               WHERE pick.state = 'picked' AND pick.lot = lot_stock.lot AND pick.bin IS NOT DISTINCT FROM lot_stock.bin
                 AND (level.place, level.condition, level.owner, level.pool)
                     = (lot_stock.place, lot_stock.condition, lot_stock.owner, lot_stock.pool)
           ) AS picked ON true
           WHERE (lot_stock.part, lot_stock.place) IN (SELECT * FROM unnest($1::int[], $2::int[]))
             AND lot_stock.quantity > coalesce(picked.quantity, 0)
           ORDER BY lot.received_at, lot.id, bin.code NULLS FIRST""",
        [move.part for move in moves],
        [move.origin.place for move in moves],
    )
    return [
        _Piece(
            lot=row["lot"],
            part=row["part"],
            spot=Spot(row["place"], row["condition"], row["owner"], row["pool"]),
            bin=row["bin"],
            quantity=row["quantity"],
            provenance=row["provenance"],
        )
        for row in rows
    ]


async def _lot_of_document(move: Move) -> UUID:
    source = move.document_kind or move.kind
    if move.document is None:
        return await of_the_day(move.part, provenance="unproven", source=source)
    taken = await db.fetch_value(
        """SELECT lot FROM movement WHERE document = $1 AND part = $2 AND lot IS NOT NULL
           ORDER BY recorded_at DESC, id DESC LIMIT 1""",
        move.document,
        move.part,
    )
    return taken or await enter(move.part, move.document, provenance="unproven", source=source)


async def of_document(
    document: str, part: int, place: int, *, owner: int, pool: int, most: int | None = None
) -> list[tuple[UUID, int]]:
    """Lots and pieces of a part, owner and pool that a document brought to a place and has not taken on; `most` in all."""
    rows = await db.fetch(
        """SELECT lot, sum(CASE WHEN to_place = $3 THEN quantity ELSE -quantity END)::int AS quantity
           FROM movement
           WHERE document = $1 AND part = $2 AND lot IS NOT NULL AND (to_place = $3) <> (from_place = $3)
             AND CASE WHEN to_place = $3 THEN (to_owner, to_pool) ELSE (from_owner, from_pool) END = ($4::int, $5::int)
           GROUP BY lot HAVING sum(CASE WHEN to_place = $3 THEN quantity ELSE -quantity END) > 0 ORDER BY lot""",
        document,
        part,
        place,
        owner,
        pool,
    )
    left = sum(row["quantity"] for row in rows) if most is None else most
    there: list[tuple[UUID, int]] = []
    for row in rows:
        there.append((row["lot"], min(row["quantity"], left)))
        left -= there[-1][1]
    return [(lot, quantity) for lot, quantity in there if quantity > 0]


async def lot_stocks(
    *,
    limit: int,
    seen_by: Actor,
    after: tuple[str, str, int] | None = None,
    part_number: str | None = None,
    depot: str | None = None,
    number: str | None = None,
) -> list[LotStock]:
    """Pieces per lot, store, bin and condition in the reader's stores, by part and lot."""
    after_part, after_lot, after_id = after or (None, None, None)
    return await db.read(
        LotStock,
        f"""SELECT lot_stock.id, part.part_number, lot.number AS lot, place.code AS depot, bin.code AS bin,
                  lot_stock.condition, party.code AS owner, pool.code AS pool, lot_stock.quantity, lot.provenance,
                  lot.received_at
           FROM lot_stock
           JOIN lot ON lot.id = lot_stock.lot
           JOIN part ON part.id = lot_stock.part
           JOIN place ON place.id = lot_stock.place
           JOIN party ON party.id = lot_stock.owner
           JOIN pool ON pool.id = lot_stock.pool
           LEFT JOIN bin ON bin.id = lot_stock.bin
           WHERE quantity > 0 AND ($1::text[] IS NULL OR place.code = ANY($1))
             AND ($2::text IS NULL OR part.part_number = $2) AND ($3::text IS NULL OR place.code = $3)
             AND ($4::text IS NULL OR lot.number = $4) AND {disclosure.serves("pool", "$9")}
             AND ($5::text IS NULL OR (part.part_number, lot.number, lot_stock.id) > ($5, $6, $7))
           ORDER BY part.part_number, lot.number, lot_stock.id LIMIT $8""",
        seen_by.depot_scope,
        part_number,
        depot,
        number,
        after_part,
        after_lot,
        after_id,
        limit,
        seen_by.contract_scope,
    )


@db.atomic
async def forget_empty() -> int:
    """Delete the rows of lots of which nothing is left at a spot; their movements stay. How many."""
    return await db.execute("DELETE FROM lot_stock WHERE quantity = 0")
