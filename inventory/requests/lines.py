"""A request's lines while a verb acts on them: locked, and settled afterwards."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.places import places
from inventory.requests import scope
from inventory.stock import lots
from inventory.stock.moves import Piece


async def lock_head(request: UUID, *, by: Actor) -> db.Row:
    """A request with its site and what its contract says of disks and sources, locked.

    Raises:
        Unknown: no such request in the actor's scope.

    """
    row = await db.fetch_one(
        f"""SELECT part_request.number, part_request.state, part_request.opened_by, part_request.engineer, place.code AS site,
                   place.id AS site_id, contract.customer_keeps_disks, contract.minimum_provenance, device.id AS device
           FROM part_request
           JOIN device ON device.id = part_request.device
           JOIN place ON place.id = device.site
           JOIN contract ON contract.id = device.contract
           WHERE part_request.id = $1 AND {scope.seen("$2", "$3", "$4")}
           FOR NO KEY UPDATE OF part_request""",
        request,
        *scope.of(by),
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
                 ORDER BY array_position($3::text[], state::text)
                 LIMIT 1) AS least
           WHERE part_request.id = $1""",
        request,
        clock.now(),
        _ADVANCING,
    )


_ADVANCING = [
    *("planned", "quoted", "awaiting_approval", "backordered", "reserved", "picked", "shipped", "arrived"),
    *("reconciled", "cancelled"),
]


def serials_of(told: str | None) -> list[str]:
    """The serials that a line's text names.

    >>> serials_of("A-1, A-2"), serials_of(None)
    (['A-1', 'A-2'], [])
    """
    return told.split(", ") if told else []


class Line(Struct, frozen=True, kw_only=True):
    """A line with what its verbs need."""

    id: UUID
    part: int
    quantity: int
    pieces_each: int
    device_position: str | None
    state: str
    pool: int
    place: int | None
    depot: str | None
    reservation: UUID | None
    serialised: bool
    supplied_part: int | None
    serial_in: str | None

    @property
    def pieces(self) -> int:
        """How many pieces of the supplied part answer it."""
        return self.quantity * self.pieces_each

    @property
    def serials_in(self) -> list[str]:
        """The serials of the units that left for it."""
        return serials_of(self.serial_in)


async def lock_lines(request: UUID) -> list[Line]:
    """A request's lines, locked in one order."""
    return await db.read(
        Line,
        """SELECT line.id, line.part, quantity, pieces_each, device_position, state, pool, source_place AS place,
                  place.code AS depot, reservation, coalesce(supplied.serialised, part.serialised) AS serialised,
                  supplied_part, serial_in
           FROM request_line AS line
           JOIN part ON part.id = line.part
           LEFT JOIN part AS supplied ON supplied.id = line.supplied_part
           LEFT JOIN place ON place.id = line.source_place
           WHERE request = $1 ORDER BY coalesce(supplied_part, line.part), source_place, line.id FOR NO KEY UPDATE OF line""",
        request,
    )


async def carried(
    part: int, quantity: int, serials: Sequence[str], document: str, *, site: int, pool: int
) -> list[Piece]:
    """The units of a line, or pieces of its lots, that lie at the site they went to."""
    if serials:
        rows = await db.fetch(
            "SELECT id FROM unit WHERE part = $1 AND place = $2 AND serial = ANY($3) FOR NO KEY UPDATE",
            part,
            site,
            list(serials),
        )
        return [Piece(unit=row["id"]) for row in rows]
    there = await lots.of_document(document, part, site, owner=await places.ourselves(), pool=pool, most=quantity)
    return [Piece(lot=lot, quantity=count) for lot, count in there]
