"""A request's lines while a verb acts on them: locked, and settled afterwards."""

from uuid import UUID

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown


async def lock_head(request: UUID, *, by: Actor) -> db.Row:
    """A request with its site and its contract's rule about disks, locked.

    Raises:
        Unknown: no such request in the actor's contracts.

    """
    row = await db.fetch_one(
        """SELECT part_request.number, part_request.state, place.code AS site, place.id AS site_id,
                  contract.customer_keeps_disks
           FROM part_request
           JOIN device ON device.id = part_request.device
           JOIN place ON place.id = device.site
           JOIN contract ON contract.id = device.contract
           WHERE part_request.id = $1 AND ($2::text[] IS NULL OR contract.code = ANY($2))
           FOR NO KEY UPDATE OF part_request""",
        request,
        by.contract_scope,
    )
    if row is None:
        raise Unknown(what="part request", what_zh="备件申请", key=str(request))
    return row


async def settle(request: UUID) -> None:
    """A request's state is that of its least advanced line; it is closed when every line is."""
    await db.execute(
        """UPDATE part_request SET state = least.state,
                  closed_at = CASE WHEN least.state IN ('reconciled', 'cancelled') THEN $2::timestamptz END
           FROM (SELECT state FROM request_line WHERE request = $1
                 ORDER BY array_position(ARRAY['backordered', 'reserved', 'shipped', 'reconciled', 'cancelled'], state::text)
                 LIMIT 1) AS least
           WHERE part_request.id = $1""",
        request,
        clock.now(),
    )


class Line(Struct, frozen=True, kw_only=True):
    """A line with what its verbs need."""

    id: UUID
    part: int
    quantity: int
    state: str
    pool: int
    place: int | None
    depot: str | None
    reservation: UUID | None
    serialised: bool
    supplied_part: int | None


async def lock_lines(request: UUID) -> list[Line]:
    """A request's lines, locked in one order."""
    return await db.read(
        Line,
        """SELECT line.id, line.part, quantity, state, pool, source_place AS place, place.code AS depot, reservation,
                  part.serialised, supplied_part
           FROM request_line AS line
           JOIN part ON part.id = line.part
           LEFT JOIN place ON place.id = line.source_place
           WHERE request = $1 ORDER BY coalesce(supplied_part, line.part), source_place, line.id FOR NO KEY UPDATE OF line""",
        request,
    )
