"""Tickets: everything this house did for one ticket of another system, and whether its parts are reconciled (D70, D83)."""

from uuid import UUID

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.requests import scope
from inventory.requests.requests import Outcome, RequestView, request_view
from inventory.requests.telling import Sentence, sentence
from inventory.returns import rmas

MOST_REQUESTS = 100
"""A ticket with more requests than this is shown with the latest ones."""


class TicketPart(Struct, frozen=True, kw_only=True):
    """Pieces of a part that a ticket used, for its fault report (D14): which went in, which came out."""

    request: str
    part_number: str
    name_zh: str
    name_en: str
    quantity: int
    outcome: Outcome
    serial_in: str | None
    serial_out: str | None
    failure_code: str | None


class Reconciliation(Struct, frozen=True, kw_only=True):
    """Whether a ticket may close: issued = installed + returned good + returned defective + accounted loss.

    Of the parts that came out, it tells how many were brought back, kept by the customer or written off, and how many are
    `owed` still, under which numbers; they have clocks of their own and do not hold the ticket.
    """

    source: str
    ticket: str
    reconciled: bool
    issued: int
    installed: int
    returned_good: int
    returned_defective: int
    lost: int
    open: int
    waiting: list[str]
    removed: int
    brought_back: int
    kept_by_customer: int
    written_off: int
    owed: int
    owed_numbers: list[str]


class SentBack(Struct, frozen=True, kw_only=True):
    """Pieces of a request that went back to a vendor, and what came of each; `answers` are the vendor's so far."""

    request: str
    number: str
    vendor_zh: str
    vendor_en: str
    state: rmas.State
    part_numbers: list[str]
    answers: list[rmas.AnswerKind]


class TicketView(Struct, frozen=True, kw_only=True):
    """Everything about one ticket; `notes` say in a sentence each where its requests stand."""

    source: str
    ticket: str
    requests: list[RequestView]
    notes: list[Sentence]
    parts: list[TicketPart]
    sent_back: list[SentBack]
    reconciliation: Reconciliation


async def ticket_view(source: str, ticket: str, *, seen_by: Actor) -> TicketView:
    """Everything about a ticket.

    Raises:
        Unknown: no request in the reader's scope names it.

    """
    ids = await _requests(source, ticket, seen_by)
    views = [await request_view(each, seen_by=seen_by) for each in ids]
    return TicketView(
        source=source,
        ticket=ticket,
        requests=views,
        notes=[sentence(view) for view in views],
        parts=await _parts(ids),
        sent_back=await _sent_back([view.number for view in views]) if seen_by.may("rmas.read") else [],
        reconciliation=await _reconciliation(source, ticket, ids),
    )


async def reconciliation(source: str, ticket: str, *, seen_by: Actor) -> Reconciliation:
    """Whether a ticket's parts are all accounted for; a ticket without requests has none that are not.

    `waiting` names the requests that keep it open.
    """
    return await _reconciliation(source, ticket, await _requests(source, ticket, seen_by, missing_is_fine=True))


async def of_request(request: UUID, *, seen_by: Actor) -> Reconciliation:
    """Whether one request's parts are all accounted for.

    Raises:
        Unknown: no such request in the reader's scope.

    """
    view = await request_view(request, seen_by=seen_by)
    return await _reconciliation(view.source, view.ticket or "", [view.id])


async def _requests(source: str, ticket: str, seen_by: Actor, *, missing_is_fine: bool = False) -> list[UUID]:
    """The requests of a ticket, those that follow from them included, oldest first."""
    rows = await db.fetch(
        f"""SELECT part_request.id FROM part_request
           JOIN device ON device.id = part_request.device
           JOIN contract ON contract.id = device.contract
           WHERE ticket = $2 AND source IN ($1, 'page', 'beijian') AND {scope.seen("$3", "$4", "$5")}
           ORDER BY part_request.id DESC LIMIT $6""",
        source,
        ticket,
        *scope.of(seen_by),
        MOST_REQUESTS,
    )
    if not rows and not missing_is_fine:
        raise Unknown(what="ticket", what_zh="工单", key=f"{source} / {ticket}")
    return [row["id"] for row in reversed(rows)]


async def _parts(requests: list[UUID]) -> list[TicketPart]:
    return await db.read(
        TicketPart,
        """SELECT part_request.number AS request, part.part_number, part.name_zh, part.name_en, debrief.quantity,
                  debrief.outcome, debrief.serial_in, debrief.serial_out, debrief.failure_code
           FROM debrief
           JOIN request_line AS line ON line.id = debrief.line
           JOIN part_request ON part_request.id = line.request
           JOIN part ON part.id = coalesce(line.supplied_part, line.part)
           WHERE line.request = ANY($1) ORDER BY debrief.id LIMIT 1000""",
        requests,
    )


async def _sent_back(numbers: list[str]) -> list[SentBack]:
    return await db.read(
        SentBack,
        """SELECT rma.request_number AS request, rma.number, party.name_zh AS vendor_zh, party.name_en AS vendor_en, rma.state,
                  ARRAY(SELECT part.part_number FROM rma_line AS line JOIN part ON part.id = line.part
                        WHERE line.rma = rma.id ORDER BY line.position) AS part_numbers,
                  ARRAY(SELECT answer FROM rma_line AS line
                        WHERE line.rma = rma.id AND answer IS NOT NULL ORDER BY line.position) AS answers
           FROM rma JOIN vendor ON vendor.id = rma.vendor JOIN party ON party.id = vendor.party
           WHERE rma.request_number = ANY($1) ORDER BY rma.id LIMIT 200""",
        numbers,
    )


async def _reconciliation(source: str, ticket: str, requests: list[UUID]) -> Reconciliation:
    row = await db.fetch_one(
        """SELECT coalesce(sum(line.quantity * line.pieces_each), 0)::int AS issued,
                  coalesce(sum(told.installed), 0)::int AS installed,
                  coalesce(sum(told.good), 0)::int AS returned_good,
                  coalesce(sum(told.defective), 0)::int AS returned_defective, coalesce(sum(told.lost), 0)::int AS lost
           FROM request_line AS line
           LEFT JOIN LATERAL (
               SELECT sum(quantity) FILTER (WHERE outcome = 'used') AS installed,
                      sum(quantity) FILTER (WHERE outcome IN ('returned_good', 'no_fault_found')) AS good,
                      sum(quantity) FILTER (WHERE outcome IN ('returned_defective', 'dead_on_arrival')) AS defective,
                      sum(quantity) FILTER (WHERE outcome = 'lost' AND confirmed_by IS NOT NULL) AS lost
               FROM debrief WHERE debrief.line = line.id
           ) AS told ON true
           WHERE line.request = ANY($1) AND line.state IN ('shipped', 'arrived', 'reconciled')""",
        requests,
    )
    waiting = await db.fetch(
        "SELECT number FROM part_request WHERE id = ANY($1) AND state NOT IN ('reconciled', 'cancelled') ORDER BY id",
        requests,
    )
    counts = dict(row) if row else {}
    owed = await db.fetch_one(
        """SELECT coalesce(sum(debt.quantity), 0)::int AS removed,
                  coalesce(sum(debt.quantity) FILTER (WHERE debt.state IN ('returned', 'charged')), 0)::int AS brought_back,
                  coalesce(sum(debt.quantity) FILTER (WHERE debt.state = 'kept_by_customer'), 0)::int AS kept_by_customer,
                  coalesce(sum(debt.quantity) FILTER (WHERE debt.state = 'written_off'), 0)::int AS written_off,
                  coalesce(sum(debt.quantity) FILTER (WHERE debt.state = 'open'), 0)::int AS owed,
                  coalesce(array_agg(debt.number ORDER BY debt.number) FILTER (WHERE debt.state = 'open'), '{}')
                      AS owed_numbers
           FROM return_debt AS debt JOIN part_request ON part_request.number = debt.document_number
           WHERE part_request.id = ANY($1) AND debt.debtor_kind = 'engineer'""",
        requests,
    )
    settled = counts["installed"] + counts["returned_good"] + counts["returned_defective"] + counts["lost"]
    return Reconciliation(
        source=source,
        ticket=ticket,
        reconciled=not waiting and counts["issued"] == settled,
        open=counts["issued"] - settled,
        waiting=[each["number"] for each in waiting],
        **counts,
        **(dict(owed) if owed else {}),
    )
