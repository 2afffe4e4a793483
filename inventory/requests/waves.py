"""Waves: what is to be picked at a store now, and beginning a pick list over one or several documents."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.installed_base.severities import words
from inventory.places import places
from inventory.stock import picking
from inventory.stock.pick_lists import PickListView
from inventory.stock.picking import NotHeldHere, Wanted

DocumentKind = Literal["part_request", "transfer", "reservation"]


class ToPick(Struct, frozen=True, kw_only=True):
    """A document whose stock waits in a store to be picked."""

    document_kind: DocumentKind
    document: str
    reference: str | None
    id: UUID
    depot: str
    to_place: str | None
    parts: str
    pieces: int
    due_at: datetime | None
    severity: str | None
    severity_zh: str | None
    severity_en: str | None
    priority_class: str | None
    since: datetime


_HELD = f"""
    SELECT 'part_request' AS document_kind, part_request.number AS document, part_request.id, reservation.id AS reservation,
           level.place, level.part, reservation.quantity - reservation.posted_quantity AS quantity,
           site.code AS to_place, part_request.severity, {words("part_request.severity", "contract.id")},
           part_request.priority_class,
           coalesce(part_request.need_by, line.promised_at) AS due_at, part_request.opened_at AS since,
           contract.code AS contract, NULL::text AS reference
    FROM request_line AS line
    JOIN part_request ON part_request.id = line.request
    JOIN device ON device.id = part_request.device
    JOIN place AS site ON site.id = device.site
    JOIN contract ON contract.id = device.contract
    JOIN reservation ON reservation.id = line.reservation AND reservation.state = 'pending'
    JOIN level ON level.id = reservation.level
    WHERE line.state = 'reserved'
    UNION ALL
    SELECT 'transfer', transfer.number, transfer.id, reservation.id, level.place, level.part,
           reservation.quantity - reservation.posted_quantity, target.code, NULL, NULL, NULL, NULL, NULL,
           transfer.created_at, NULL, NULL
    FROM transfer_line
    JOIN transfer ON transfer.id = transfer_line.transfer AND transfer.state = 'draft'
    JOIN place AS target ON target.id = transfer.to_place
    JOIN reservation ON reservation.id = transfer_line.reservation AND reservation.state = 'pending'
    JOIN level ON level.id = reservation.level
    UNION ALL
    SELECT 'reservation', reservation.id::text, reservation.id, reservation.id, level.place, level.part,
           reservation.quantity - reservation.posted_quantity, NULL, NULL, NULL, NULL, NULL,
           reservation.expires_at, reservation.reserved_at, NULL, reservation.reference_number
    FROM reservation
    JOIN level ON level.id = reservation.level
    WHERE reservation.state = 'pending'
      AND NOT EXISTS (SELECT FROM request_line WHERE request_line.reservation = reservation.id)
      AND NOT EXISTS (SELECT FROM transfer_line WHERE transfer_line.reservation = reservation.id)
"""


Place = tuple[datetime | None, datetime, str, str]
"""Where a document stands among those that wait: due when, since when, its number, its store."""


def place_of(waiting: ToPick) -> Place:
    """Where a document stands among those that wait."""
    return waiting.due_at, waiting.since, waiting.document, waiting.depot


async def to_pick(
    *,
    limit: int,
    seen_by: Actor,
    after: Place | None = None,
    depot: str | None = None,
    kind: str | None = None,
    severity: str | None = None,
    due_until: datetime | None = None,
) -> list[ToPick]:
    """Documents with stock in the reader's stores that nobody picks yet, the most urgent first, those not due last.

    With `due_until`, only those due before then.
    """
    due_at, since, document, store = after or (None, None, None, None)
    return await db.read(
        ToPick,
        f"""SELECT held.document_kind, held.document, min(held.reference) AS reference, held.id, place.code AS depot,
                   held.to_place,
                   string_agg(held.quantity || ' × ' || part.part_number, ', ' ORDER BY part.part_number) AS parts,
                   sum(held.quantity)::int AS pieces, min(held.due_at) AS due_at, min(held.severity) AS severity,
                   min(held.severity_zh) AS severity_zh, min(held.severity_en) AS severity_en,
                   min(held.priority_class) AS priority_class,
                   min(held.since) AS since
            FROM ({_HELD}) AS held
            JOIN place ON place.id = held.place
            JOIN part ON part.id = held.part
            WHERE ($1::text[] IS NULL OR place.code = ANY($1)) AND ($2::text IS NULL OR place.code = $2)
              AND ($3::text[] IS NULL OR held.contract IS NULL OR held.contract = ANY($3))
              AND ($4::text IS NULL OR held.document_kind = $4) AND ($5::text IS NULL OR held.severity = $5)
              AND ($6::timestamptz IS NULL OR held.due_at < $6)
              AND NOT EXISTS (SELECT FROM pick WHERE pick.reservation = held.reservation
                              AND pick.state IN ('open', 'picked', 'short'))
            GROUP BY held.document_kind, held.document, held.id, place.code, held.to_place
            HAVING $9::text IS NULL
                OR (coalesce(min(held.due_at), 'infinity'), min(held.since), held.document, place.code)
                   > (coalesce($7::timestamptz, 'infinity'), $8::timestamptz, $9, $10::text)
            ORDER BY min(held.due_at) NULLS LAST, min(held.since), held.document, place.code LIMIT $11""",
        seen_by.depot_scope,
        depot,
        seen_by.contract_scope,
        kind,
        severity,
        due_until,
        due_at,
        since,
        document,
        store,
        limit,
    )


@db.atomic
async def begin_picking(depot: str, documents: Sequence[str], *, by: Actor) -> PickListView:
    """Begin a pick list over documents of one store: part requests, transfers, or single reservations by their id.

    Raises:
        Unknown: no such store.
        NotHeldHere: a document holds nothing there.
        AlreadyBeingPicked: one is on another list.

    """
    by.require("stock.issue")
    by.require_depot(depot)
    place = await places.find_store(depot)
    rows = await db.fetch(
        f"""SELECT held.reservation, held.document_kind, held.document FROM ({_HELD}) AS held
            WHERE held.document = ANY($1) AND held.place = $2
            ORDER BY array_position($1, held.document), held.part, held.reservation""",
        list(documents),
        place.id,
    )
    found = {row["document"] for row in rows}
    for document in documents:
        if document not in found:
            raise NotHeldHere(document=document, depot=depot)
    wanted = [
        Wanted(
            row["reservation"],
            row["document_kind"],
            None if row["document_kind"] == "reservation" else row["document"],
        )
        for row in rows
    ]
    return await picking.begin(depot, wanted, by=by)
