"""Attachments across rooms: which documents may carry files, and who may see and add them.

A file is seen by whoever may see its document, in the same scope; a document that is out of the reader's scope, and so
whatever is attached to it, is not found.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct, convert

from inventory.emergency import cases
from inventory.ground import db, files
from inventory.ground.actor import Actor
from inventory.ground.errors import ReasonMissing, Unknown
from inventory.ground.files import AttachmentKind, AttachmentView, Content
from inventory.installed_base import warranties
from inventory.procurement import claims, counterfeits, invoices, orders
from inventory.requests import requests
from inventory.returns import collecting, debts, loaners, repairs, rma_desk, rmas
from inventory.stock import handovers, provisional, receipts, shipments, transfers, units
from inventory.stock.counting import sheets

SubjectKind = Literal[
    "transfer",
    "purchase_order",
    "invoice",
    "part_request",
    "emergency_case",
    "receipt",
    "shipment",
    "count",
    "provisional_issue",
    "handover",
    "loan",
    "unit",
    "warranty_lookup",
    "return_debt",
    "rma",
    "quality_claim",
    "suspected_counterfeit",
    "repair_order",
    "collection",
]

Question = Callable[..., Awaitable[Any]]

SUBJECTS: dict[SubjectKind, tuple[str, Question]] = {
    "transfer": ("documents.read", transfers.transfer_view),
    "purchase_order": ("orders.read", orders.order_view),
    "invoice": ("costs.read", invoices.invoice_view),
    "part_request": ("requests.read", requests.request_view),
    "emergency_case": ("emergency.read", cases.case_view),
    "receipt": ("documents.read", receipts.receipt_by_id),
    "shipment": ("requests.read", shipments.shipment_view),
    "count": ("documents.read", sheets.count),
    "provisional_issue": ("requests.read", provisional.provisional_issue_view),
    "handover": ("documents.read", handovers.handover_view),
    "loan": ("requests.read", loaners.loan_view),
    "unit": ("stock.read", units.unit_by_id),
    "warranty_lookup": ("devices.read", warranties.lookup_view),
    "return_debt": ("returns.read", debts.debt_view),
    "rma": ("rmas.read", rmas.rma_view),
    "quality_claim": ("claims.read", claims.claim_view),
    "suspected_counterfeit": ("documents.read", counterfeits.suspicion),
    "repair_order": ("repairs.read", repairs.repair_view),
    "collection": ("repairs.read", collecting.collection_view),
}
"""What may carry files: the right to read it, and the question that finds it in the reader's scope (else Unknown)."""


async def attachments(
    subject_kind: SubjectKind, subject: UUID, *, limit: int, seen_by: Actor, after: UUID | None = None
) -> list[AttachmentView]:
    """What is attached to a document, oldest first; withdrawn ones too.

    Raises:
        NotGranted: the reader may not read such documents.
        Unknown: no such document in the reader's scope.

    """
    seen_by.require("attachments.read")
    await _seen(subject_kind, subject, seen_by)
    return await files.attachments(subject_kind, str(subject), limit=limit, after=after)


async def content(attachment: UUID, *, seen_by: Actor) -> Content:
    """An attachment's file.

    Raises:
        Unknown: no such attachment in the reader's scope.

    """
    seen_by.require("attachments.read")
    await _found(attachment, seen_by)
    return await files.attached_content(attachment)


async def of_pieces(rma: UUID, *, seen_by: Actor, limit: int = 100) -> list[AttachmentView]:
    """What was photographed and measured of an RMA's pieces before it, and is not among the RMA's own files yet.

    No signed forms, which its vendor does not see.

    Raises:
        NotGranted: the reader may not see files, pieces or RMAs.
        Unknown: no such RMA in the reader's scope.

    """
    for right in ("attachments.read", "stock.read", "returns.read"):
        seen_by.require(right)
    view = await rmas.rma_view(rma, seen_by=seen_by)
    units_of_it = [line.unit for line in view.lines if line.unit is not None]
    owed = await debts.debts(limit=limit, seen_by=seen_by, state=None, units=units_of_it)
    return await files.attachments_of(
        {"unit": [str(unit) for unit in units_of_it], "return_debt": [str(debt.id) for debt in owed]},
        limit=limit,
        but_of=("rma", str(rma)),
    )


@db.atomic
async def give_to_vendor(rma: UUID, attachment: UUID, *, by: Actor) -> AttachmentView:
    """Add a file of one of an RMA's pieces to the RMA, whose vendor then sees it, without what we remarked on it.

    Raises:
        NotGranted, Unknown: as `of_pieces`; it is none of those files.

    """
    by.require("attachments.add")
    by.require("rmas.ask")
    if attachment not in {each.id for each in await of_pieces(rma, seen_by=by)}:
        raise Unknown(what="attachment", what_zh="附件", key=str(attachment))
    return await files.attach_again(attachment, "rma", str(rma), by=by)


class Evidence(Struct, frozen=True, kw_only=True):
    """A file of an RMA as its vendor sees it."""

    id: UUID
    name: str
    kind: AttachmentKind
    media_type: str
    size_bytes: int
    remark: str
    attached_at: datetime


async def shown_to_vendor(rma: UUID, *, seen_by: Actor, limit: int = 100) -> list[Evidence]:
    """The evidence that goes with an RMA, as its vendor sees it: no signed forms, which name customers' people.

    Raises:
        NotGranted: the reader may not answer RMAs.
        Unknown: its firm was put no such RMA.

    """
    await rma_desk.desk_rma(rma, seen_by=seen_by)
    found = await files.attachments_of({"rma": [str(rma)]}, limit=limit)
    return [convert(each, Evidence, from_attributes=True) for each in found]


async def content_for_vendor(rma: UUID, attachment: UUID, *, seen_by: Actor) -> Content:
    """A file of an RMA's evidence, for its vendor.

    Raises:
        NotGranted, Unknown: as `shown_to_vendor`; it is none of those files.

    """
    if attachment not in {each.id for each in await shown_to_vendor(rma, seen_by=seen_by)}:
        raise Unknown(what="attachment", what_zh="附件", key=str(attachment))
    return await files.attached_content(attachment)


@db.atomic
async def attach(
    subject_kind: SubjectKind,
    subject: UUID,
    name: str,
    content: bytes,
    *,
    by: Actor,
    most_bytes: int,
    kind: AttachmentKind = "other",
    remark: str = "",
) -> AttachmentView:
    """Keep a file and tie it to a document.

    Raises:
        NotGranted: the actor may not add files, or not read such documents.
        Unknown: no such document in the actor's scope.
        FileEmpty, FileTooLarge, FileFormRefused: the file is not taken.

    """
    by.require("attachments.add")
    await _seen(subject_kind, subject, by)
    stored = await files.store(name, content, by=by, most_bytes=most_bytes)
    return await files.attach(subject_kind, str(subject), stored, kind, name=name, by=by, remark=remark)


@db.atomic
async def withdraw(attachment: UUID, *, by: Actor, reason: str) -> AttachmentView:
    """Take an attachment back; it stays on record.

    Raises:
        NotGranted: the actor may not add files.
        Unknown: no such attachment in the actor's scope.
        WrongState: it was withdrawn before.
        ReasonMissing: no reason was given.

    """
    by.require("attachments.add")
    await _found(attachment, by)
    if not reason.strip():
        raise ReasonMissing
    return await files.withdraw(attachment, by=by, reason=reason)


async def _seen(subject_kind: SubjectKind, subject: UUID, seen_by: Actor) -> None:
    right, question = SUBJECTS[subject_kind]
    seen_by.require(right)
    await question(subject, seen_by=seen_by)


async def _found(attachment: UUID, seen_by: Actor) -> AttachmentView:
    """An attachment whose document the reader may see; to anybody else it is not there."""
    view = await files.attachment_view(attachment)
    try:
        await _seen(view.subject_kind, UUID(view.subject), seen_by)  # pyright: ignore[reportArgumentType]  only known kinds are kept
    except Unknown:
        raise Unknown(what="attachment", what_zh="附件", key=str(attachment)) from None
    return view
