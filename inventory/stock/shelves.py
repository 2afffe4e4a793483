"""Shelves: the good pieces that nobody is to fetch yet, the oldest first; what a pick list proposes."""

from uuid import UUID

from inventory.catalogue.grades import Provenance, that_will_do
from inventory.ground import db
from inventory.stock.moves import Piece, Spot


async def propose(
    part: int,
    spot: Spot,
    quantity: int,
    *,
    serialised: bool,
    without: UUID | None = None,
    least: Provenance | None = None,
) -> list[Piece]:
    """The oldest pieces that nobody else is to fetch; what cannot be found is a piece without unit or lot.

    Where something is asked of their source, the least trusted that will do, so that better ones stay for who needs them.
    """
    free = await (
        _free_units(part, spot, quantity, without, least) if serialised else free_lots(part, spot, least=least)
    )
    found: list[Piece] = []
    left = quantity
    for piece in free:
        if left == 0:
            break
        count = min(left, piece.quantity)
        found.append(Piece(unit=piece.unit, lot=piece.lot, bin=piece.bin, quantity=count))
        left -= count
    if left:
        found.append(Piece(quantity=left))
    return [piece for whole in found for piece in (_singly(whole) if serialised else [whole])]


def _singly(piece: Piece) -> list[Piece]:
    """Pieces with serials are scanned one by one, those without a proposal too."""
    return [Piece(unit=piece.unit, bin=piece.bin)] * piece.quantity


async def _free_units(
    part: int, spot: Spot, quantity: int, without: UUID | None, least: Provenance | None
) -> list[Piece]:
    return await db.read(
        Piece,
        """SELECT unit.id AS unit, unit.bin FROM unit
           WHERE part = $1 AND place = $2 AND condition = $3 AND owner = $4 AND pool = $5
             AND ($6::uuid IS NULL OR unit.id <> $6)
             AND NOT EXISTS (
                 SELECT FROM pick JOIN reservation ON reservation.id = pick.reservation AND reservation.state = 'pending'
                 WHERE pick.unit = unit.id AND (pick.state IN ('open', 'picked', 'short') OR pick.reason <> ''))
             AND NOT EXISTS (SELECT FROM provisional_issue WHERE provisional_issue.unit = unit.id AND settled_at IS NULL)
             AND ($8::text[] IS NULL OR provenance = ANY($8))
           ORDER BY CASE WHEN $8::text[] IS NULL THEN 0 ELSE -grade_rank(provenance) END, received_at, id LIMIT $7""",
        part,
        spot.place,
        spot.condition,
        spot.owner,
        spot.pool,
        without,
        quantity,
        that_will_do(least),
    )


async def free_lots(part: int, spot: Spot, *, proposed: bool = True, least: Provenance | None = None) -> list[Piece]:
    """Pieces per lot and bin that nobody has picked, nor (`proposed`) is told to; the oldest lots first."""
    return await db.read(
        Piece,
        """SELECT lot_stock.lot, lot_stock.bin, (lot_stock.quantity - coalesce(claimed.quantity, 0))::int AS quantity
           FROM lot_stock
           JOIN lot ON lot.id = lot_stock.lot
           LEFT JOIN bin ON bin.id = lot_stock.bin
           LEFT JOIN LATERAL (
               SELECT sum(pick.quantity) AS quantity
               FROM pick
               JOIN reservation ON reservation.id = pick.reservation
               JOIN level ON level.id = reservation.level
               WHERE pick.lot = lot_stock.lot AND pick.bin IS NOT DISTINCT FROM lot_stock.bin
                 AND level.place = lot_stock.place AND level.pool = lot_stock.pool AND level.owner = lot_stock.owner
                 AND (pick.state = 'picked' OR ($6 AND pick.state = 'open'))
           ) AS claimed ON true
           WHERE lot_stock.part = $1 AND lot_stock.place = $2 AND lot_stock.condition = $3 AND lot_stock.owner = $4
             AND lot_stock.pool = $5 AND lot_stock.quantity > coalesce(claimed.quantity, 0)
             AND ($7::text[] IS NULL OR lot.provenance = ANY($7))
           ORDER BY CASE WHEN $7::text[] IS NULL THEN 0 ELSE -grade_rank(lot.provenance) END, lot.received_at, lot.id,
                    bin.code NULLS FIRST""",
        part,
        spot.place,
        spot.condition,
        spot.owner,
        spot.pool,
        proposed,
        that_will_do(least),
    )
