"""Exchanging for a request (D18, D20): a vendor sends the good part first, and the request has it as soon as it comes."""

from datetime import timedelta
from uuid import UUID

from inventory.catalogue import parts
from inventory.catalogue.grades import is_at_least
from inventory.ground import audit, clock, db, events
from inventory.ground.actor import Actor
from inventory.ground.errors import Refused
from inventory.procurement.provenance import ProvenanceTooLow
from inventory.requests import scope, sources
from inventory.requests.buying import NothingWaits
from inventory.requests.lines import lock_head, settle
from inventory.requests.requests import begin_shipping, request_view
from inventory.returns import exchanges
from inventory.returns.rmas import RmaView
from inventory.stock import reservations
from inventory.stock.lines import count_waiting


class ExchangedAlready(Refused):
    """{rma} was opened for {request} and brings {part_number}."""

    zh = "已为 {request} 发起先行换件 {rma}，将带来 {part_number}。"
    help_en = "Go on with that RMA, or cancel it before its part is sent."
    help_zh = "请继续办理该返修单，或在供应商发货前撤销。"


@db.atomic
async def exchange(
    request: UUID, part_number: str, vendor: str, *, by: Actor, serial_out: str | None = None, complaint: str = ""
) -> RmaView:
    """Have a vendor send what a request waits for in advance of the old piece, to the store that serves its site.

    `serial_out` is the old piece's serial, where it was read. As soon as the vendor says when it comes, the request has a
    firm promise.

    Raises:
        Unknown: no such request in the actor's scope, no such part or vendor.
        NotYourRequest: the actor neither asked for it, nor is its engineer, nor may decide for others.
        NothingWaits: the request waits for none of it.
        ProvenanceTooLow: its contract takes no part from a vendor's exchange.
        ExchangedAlready: an exchange that is under way brings it.
        NoExchange, OutOfWarranty, NotBySerial, NotTheOldPiece, OnTheBench: as `exchanges.begin`.

    """
    by.require("parts.request")
    head = await lock_head(request, by=by)
    scope.require_concerned(head, by)
    part = await parts.find(part_number)
    wait = await db.fetch_one(
        """SELECT place.code AS depot, pool.code AS pool, device.serial AS device, part_request.symptom,
                  (SELECT sum(waiting.quantity)::int FROM request_line AS waiting
                   WHERE waiting.request = $1 AND waiting.part = $2 AND waiting.state = 'backordered') AS waiting
           FROM request_line AS line
           JOIN place ON place.id = line.source_place JOIN pool ON pool.id = line.pool
           JOIN part_request ON part_request.id = line.request JOIN device ON device.id = part_request.device
           WHERE request = $1 AND part = $2 AND line.state = 'backordered' ORDER BY line.position LIMIT 1""",
        request,
        part.id,
    )
    if wait is None:
        raise NothingWaits(request=head["number"], part_number=part.part_number)
    if not is_at_least("vendor_exchange", head["minimum_provenance"]):
        raise ProvenanceTooLow(
            part_number=part.part_number, vendor=vendor, grade="vendor_exchange", needed=head["minimum_provenance"]
        )
    before = await db.fetch(
        """SELECT rma.number FROM rma JOIN rma_line ON rma_line.rma = rma.id
           WHERE request_number = $1 AND rma_line.part = $2 AND advance AND came_at IS NULL AND rma.closed_at IS NULL""",
        head["number"],
        part.id,
    )
    if len(before) >= wait["waiting"]:
        raise ExchangedAlready(rma=before[0]["number"], request=head["number"], part_number=part.part_number)
    opened = await exchanges.begin(
        vendor,
        wait["depot"],
        part.part_number,
        by=by,
        pool=wait["pool"],
        device=wait["device"],
        serial=serial_out,
        request=head["number"],
        complaint=complaint or wait["symptom"] or "",
    )
    await audit.record("request.exchange_asked", "part_request", head["number"], by=by, change={"rma": opened.number})
    return opened


@db.atomic
async def take(line: UUID, *, by: Actor) -> bool:
    """Give a request the part that came for it in advance, and is held for it; whether one still waits for it.

    Where nothing waits any more, what was held is let go: it is the vendor's until the old piece is back.
    """
    came = await db.fetch_one(
        """SELECT rma_line.part, rma_line.reservation, rma.place, rma.pool, part_request.id AS request, rma.number
           FROM rma_line JOIN rma ON rma.id = rma_line.rma
           JOIN part_request ON part_request.number = rma.request_number
           JOIN reservation ON reservation.id = rma_line.reservation AND reservation.state = 'pending'
           WHERE rma_line.id = $1 AND NOT EXISTS (SELECT FROM request_line AS taken
                                                  WHERE taken.reservation = rma_line.reservation)
           FOR NO KEY UPDATE OF part_request, rma_line""",
        line,
    )
    if came is None:
        return False
    waiting = await db.fetch_one(
        """SELECT id, source_place, pool, quantity FROM request_line
           WHERE request = $1 AND part = $2 AND state = 'backordered'
           ORDER BY quantity, position LIMIT 1 FOR NO KEY UPDATE""",
        came["request"],
        came["part"],
    )
    if waiting is None:
        await reservations.release(came["reservation"], by=by)
        return False
    await count_waiting(came["part"], waiting["source_place"], waiting["pool"], -1)
    if waiting["quantity"] > 1:
        await _go_on_waiting(waiting["id"])
    await db.execute(
        """UPDATE request_line SET state = 'reserved', reservation = $2, expected = NULL, firm = true, supplied_part = part,
                  source_place = $3, ahead = NULL, pieces_each = 1, reasons = '["vendor_exchange"]', reserved_at = $4,
                  promised_at = $5, first_promised_at = coalesce(first_promised_at, $5)
           WHERE id = $1""",
        waiting["id"],
        came["reservation"],
        came["place"],
        clock.now(),
        clock.now() + timedelta(hours=await sources.hours_to_site(came["place"], came["request"])),
    )
    await settle(came["request"])
    view = await request_view(came["request"])
    await begin_shipping(view)
    await events.emit(
        "part_request.reserved", "part_request", view.number, view, contract=view.contract, depot=view.site
    )
    return True


async def _go_on_waiting(line: UUID) -> None:
    """Keep a line to one piece; the others wait on by a line of their own, as it stands."""
    await db.execute(
        """WITH one AS (
               UPDATE request_line SET quantity = 1 WHERE id = $1 RETURNING request, old.quantity - 1 AS rest
           )
           INSERT INTO request_line (request, position, part, device_position, quantity, state, pool, source_place,
                                     supplied_part, pieces_each, expected, promised_at, first_promised_at, firm, reasons,
                                     ladder)
           SELECT one.request, (SELECT max(position) + 1 FROM request_line WHERE request_line.request = one.request), part,
                  device_position, one.rest, state, pool, source_place, supplied_part, pieces_each, expected, promised_at,
                  first_promised_at, firm, reasons, ladder
           FROM one JOIN request_line ON request_line.id = $1""",
        line,
    )
