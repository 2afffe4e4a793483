"""Shipping what part requests hold, and taking back what could not be delivered."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from inventory.catalogue.grades import Provenance
from inventory.ground import clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import WrongState
from inventory.requests.lines import Line, carried, lock_head, lock_lines, serials_of, settle
from inventory.requests.requests import SHIP_WITHIN, RequestView, request_view
from inventory.returns import swaps
from inventory.stock import reservations, shipments, transfers, units
from inventory.stock.ledger import post
from inventory.stock.moves import GOOD, Spot, moves_of
from inventory.stock.picking import PickNotComplete
from inventory.stock.shipments import Dispatch, PackedPart, ShipmentView


@db.atomic
async def ship(request: UUID, *, by: Actor, serials: Sequence[str] = (), how: Dispatch | None = None) -> RequestView:
    """Hand out what a request holds: it leaves the store for the site, one shipment per store.

    Lines that are still being picked stay; what was picked is what leaves.

    Raises:
        Unknown: no such request.
        WrongState: nothing of it is held.
        NotYourDepot: a part lies in a store the actor does not serve.
        UnitNotHere: a serial is not where the request holds stock.
        PickNotComplete: none of its lines is picked to the end.
        SourceTooLow: a unit is worth less than its contract asks.
        LithiumMayNotFly, PackagesDiffer: it cannot leave like that.

    """
    by.require("stock.issue")
    head = await lock_head(request, by=by)
    lines = [line for line in await lock_lines(request) if line.state in ("reserved", "picked") and line.reservation]
    if not lines:
        raise WrongState(
            what="Part request", what_zh="备件申请", key=head["number"], state=head["state"], needed="reserved / picked"
        )
    mine = [line for line in lines if line.depot and by.sees_depot(line.depot)]
    if not mine:
        by.require_depot(lines[0].depot or "–")
    scanned = await units.shared_out(serials, [line.reservation for line in mine if line.reservation])
    leaving: dict[str, list[PackedPart]] = {}
    unfinished: PickNotComplete | None = None
    for line in mine:
        if line.reservation is None or line.depot is None:
            continue
        try:
            contents = leaving.setdefault(line.depot, [])
            contents.append(await _hand_out(line, line.reservation, head, scanned[line.reservation], by))
        except PickNotComplete as refusal:
            unfinished = refusal
    if unfinished and not any(leaving.values()):
        raise unfinished
    view = await request_view(request)
    for depot, contents in leaving.items():
        if contents:
            await shipments.send(
                "part_request",
                view.number,
                depot,
                view.site,
                contents,
                by=by,
                how=how,
                promised_at=_promised(view, depot),
                contract=view.contract,
            )
    await settle(request)
    await swaps.unit_left(request)
    if not unfinished:
        await steps.finish("part_request", view.number, "ship_parts", by=by)
    view = await request_view(request)
    await events.emit(
        "part_request.shipped", "part_request", view.number, view, contract=view.contract, depot=view.site
    )
    return view


def _promised(view: RequestView, depot: str) -> datetime | None:
    return max(
        (line.promise.arrives_at for line in view.lines if line.promise.depot == depot and line.promise.arrives_at),
        default=None,
    )


async def _hand_out(line: Line, reservation: UUID, head: db.Row, serials: Sequence[str], by: Actor) -> PackedPart:
    posted = await reservations.hand_out(
        reservation,
        by=by,
        to=head["site"],
        serials=serials,
        document_kind="part_request",
        document=head["number"],
        least=head["minimum_provenance"],
    )
    await db.execute(
        "UPDATE request_line SET state = 'shipped', shipped_at = $2, serial_in = $3 WHERE id = $1",
        line.id,
        clock.now(),
        ", ".join(posted.serials) or None,
    )
    return PackedPart(part_number=posted.part_number, quantity=posted.posted_quantity, serials=posted.serials)


@db.atomic
async def bring_back(shipment: UUID, *, by: Actor, reason: str) -> ShipmentView:
    """Take an undelivered shipment in again: its goods are held for their document once more.

    Raises:
        Unknown: no such shipment.
        WrongState: it was handed over, brought back, or its parts were accounted for.
        NotYourDepot: the actor does not serve the store it came from.
        PartOfItIsLost: some of a transfer was declared lost.
        ReasonMissing: no reason was given.

    """
    head = await shipments.close_returned(shipment, by=by, reason=reason)
    if head["document_kind"] == "transfer":
        await transfers.bring_back(head["document_number"], by=by, reason=reason)
    else:
        await _bring_back_request(head, await shipments.contents_of(shipment), by)
    return await shipments.shipment_view(shipment)


class _Shipped(Struct, frozen=True, kw_only=True):
    """A line whose goods come back."""

    id: UUID
    request: UUID
    part: int
    part_number: str
    serialised: bool
    quantity: int
    pool: int
    pool_code: str
    place: int
    depot: str
    site: int
    priority_class: str
    least: Provenance
    reference: str
    serial_in: str | None
    owner: int
    owner_code: str


async def _bring_back_request(head: db.Row, contents: Sequence[PackedPart], by: Actor) -> None:
    lines = await db.read(
        _Shipped,
        """SELECT line.id, line.request, part.id AS part, part.part_number, part.serialised, line.quantity, level.pool,
                  pool.code AS pool_code, place.id AS place, place.code AS depot, device.site, part_request.priority_class,
                  part_request.source || ':' || part_request.reference_number AS reference, line.serial_in,
                  contract.minimum_provenance AS least, party.id AS owner, party.code AS owner_code
           FROM request_line AS line
           JOIN part_request ON part_request.id = line.request
           JOIN device ON device.id = part_request.device
           JOIN contract ON contract.id = device.contract
           JOIN part ON part.id = coalesce(line.supplied_part, line.part)
           JOIN place ON place.id = line.source_place
           JOIN reservation ON reservation.id = line.reservation
           JOIN level ON level.id = reservation.level
           -- what a vendor sent in exchange may have become ours on its way
           JOIN party ON party.id = coalesce((SELECT unit.owner FROM unit WHERE unit.part = part.id
                                              AND unit.serial = split_part(line.serial_in, ', ', 1)), level.owner)
           JOIN pool ON pool.id = level.pool
           WHERE part_request.number = $1 AND line.state = 'shipped' AND place.code = $2 AND part.part_number = ANY($3)
           ORDER BY part.id, line.id FOR NO KEY UPDATE OF line""",
        head["document_number"],
        head["origin"],
        [part.part_number for part in contents],
    )
    sent = {serial for part in contents for serial in part.serials}
    mine = [line for line in lines if not line.serialised or set(serials_of(line.serial_in)) <= sent]
    if not mine:
        raise WrongState(
            what="Shipment", what_zh="发运单", key=head["number"], state="reconciled", needed="shipped / failed"
        )
    for line in mine:
        await _hold_again(line, head, by)
    await settle(mine[0].request)
    await swaps.unit_came_back(mine[0].request)
    await steps.begin(
        "ship_parts",
        "part_request",
        head["document_number"],
        owner_role="warehouse_keeper",
        depot=head["origin"],
        due_at=clock.now() + SHIP_WITHIN,
    )


async def _hold_again(line: _Shipped, head: db.Row, by: Actor) -> None:
    document = head["document_number"]
    await post(
        moves_of(
            await carried(
                line.part, line.quantity, serials_of(line.serial_in), document, site=line.site, pool=line.pool
            ),
            "return_from_site",
            line.part,
            Spot(line.site, GOOD, line.owner, line.pool),
            Spot(line.place, GOOD, line.owner, line.pool),
            document_kind="part_request",
            document=document,
            reason="未送达 / not delivered",
        ),
        by=by,
    )
    held = await reservations.hold(
        line.part_number,
        line.depot,
        line.quantity,
        by=by,
        pool=line.pool_code,
        reference=line.reference,
        priority_class=line.priority_class,
        owner=line.owner_code,
        least=line.least,
    )
    await db.execute(
        "UPDATE request_line SET state = 'reserved', reservation = $2, shipped_at = NULL, serial_in = NULL WHERE id = $1",
        line.id,
        held.id,
    )


@db.atomic
async def tell_of_picking(number: str) -> None:
    """Lines whose pieces all lie in the picker's box are picked; whoever asked for them hears of it."""
    await _advance(
        """UPDATE request_line SET state = 'picked', picked_at = $2 FROM reservation
           WHERE request_line.request = $1 AND request_line.state = 'reserved' AND reservation.id = request_line.reservation
             AND reservation.quantity - reservation.posted_quantity = (
                 SELECT sum(pick.quantity) FROM pick WHERE pick.reservation = reservation.id AND pick.state = 'picked')""",
        number,
    )
    await _tell("part_request.picked", number)


@db.atomic
async def tell_of_arrival(shipment: UUID) -> None:
    """Lines whose store's shipment was signed for have arrived; whoever asked for them hears of it."""
    row = await db.fetch_one("SELECT document_kind, document_number, from_place FROM shipment WHERE id = $1", shipment)
    if row is None or row["document_kind"] != "part_request":
        return
    await _advance(
        """UPDATE request_line SET state = 'arrived', arrived_at = $2
           WHERE request = $1 AND state = 'shipped' AND source_place = $3""",
        row["document_number"],
        row["from_place"],
    )
    await _tell("part_request.arrived", row["document_number"])


async def _advance(sql: str, number: str, *more: object) -> None:
    """Move a request's lines on, as the hand that did it would: the request is locked before its lines."""
    request = await db.fetch_value("SELECT id FROM part_request WHERE number = $1 FOR NO KEY UPDATE", number)
    if request is not None and await db.execute(sql, request, clock.now(), *more):
        await settle(request)


async def _tell(kind: str, number: str) -> None:
    request = await db.fetch_value("SELECT id FROM part_request WHERE number = $1", number)
    if request is not None:
        view = await request_view(request)
        await events.emit(kind, "part_request", view.number, view, contract=view.contract, depot=view.site)
