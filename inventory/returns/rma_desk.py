"""A vendor's desk for RMAs: those put to it, and what it says of them.

A vendor sees what it is asked and what it answered; not whose contract it is for, nor what of it is to come to us where.
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct, convert

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.procurement.desk import NoVendor
from inventory.returns import answering, exchanges, rmas
from inventory.returns.answering import Answer
from inventory.returns.rmas import RmaView, State


class DeskLine(Struct, frozen=True, kw_only=True):
    """A piece as its vendor sees it."""

    position: int
    part_number: str
    name_zh: str
    name_en: str
    quantity: int
    serial: str | None
    expected_serial: str | None
    complaint: str
    failure_code: str | None
    dead_on_arrival: bool
    asked: rmas.Asked
    answer: rmas.AnswerKind | None
    finding: str
    no_fault_found: bool
    replacement_serial: str | None
    credit_number: str | None
    credit_amount: Decimal | None
    credit_currency: str | None
    cost_cny: Decimal | None
    came_at: datetime | None


class DeskRma(Struct, frozen=True, kw_only=True):
    """An RMA as its vendor sees it; `advance` asks for the good piece first."""

    id: UUID
    number: str
    state: State
    advance: bool
    depot: str
    vendor_number: str | None
    requested_at: datetime | None
    authorised_at: datetime | None
    shipped_at: datetime | None
    carrier: str | None
    waybill: str | None
    at_vendor_at: datetime | None
    promised_at: datetime | None
    vendor_shipped_at: datetime | None
    vendor_waybill: str | None
    closed_at: datetime | None
    lines: list[DeskLine]


def _desk(view: RmaView) -> DeskRma:
    """What of an RMA its vendor sees."""
    return convert(view, DeskRma, from_attributes=True)


def _require_vendor(actor: Actor) -> None:
    """Refuse whoever answers for no vendor.

    Raises:
        NotGranted, NoVendor: they answer for none.

    """
    actor.require("rmas.answer")
    if actor.vendor is None:
        raise NoVendor(name=actor.name)


async def desk_rmas(
    *, limit: int, seen_by: Actor, after: UUID | None = None, state: State | None = None, under_way: bool = False
) -> list[DeskRma]:
    """The RMAs put to the reader's firm, newest first; none for who answers for no vendor.

    Raises:
        NotGranted: the reader may not answer RMAs.

    """
    seen_by.require("rmas.answer")
    if seen_by.vendor is None:
        return []
    found = await rmas.rmas(limit=limit, seen_by=seen_by, after=after, state=state, under_way=under_way)
    return [_desk(view) for view in found]


async def desk_rma(rma: UUID, *, seen_by: Actor) -> DeskRma:
    """One of the RMAs put to the reader's firm.

    Raises:
        NotGranted: the reader may not answer RMAs.
        Unknown: it was put no such RMA.

    """
    seen_by.require("rmas.answer")
    if seen_by.vendor is None:
        raise Unknown(what="RMA", what_zh="返修单", key=str(rma))
    view = await rmas.rma_view(rma, seen_by=seen_by)
    if view.requested_at is None:
        raise Unknown(what="RMA", what_zh="返修单", key=str(rma))
    return _desk(view)


@db.atomic
async def authorise(
    rma: UUID, vendor_number: str, *, by: Actor, promised_at: datetime | None = None, remark: str = ""
) -> DeskRma:
    """Give an RMA the vendor's own number.

    Raises:
        As `rmas.authorise`; NoVendor.

    """
    _require_vendor(by)
    return _desk(await rmas.authorise(rma, vendor_number, by=by, promised_at=promised_at, remark=remark))


@db.atomic
async def send_first(
    rma: UUID, *, by: Actor, serial: str | None, waybill: str | None, promised_at: datetime | None
) -> DeskRma:
    """Say that the good piece of an advance exchange was sent.

    Raises:
        As `exchanges.vendor_shipped`; NoVendor.

    """
    _require_vendor(by)
    return _desk(await exchanges.vendor_shipped(rma, by=by, serial=serial, waybill=waybill, promised_at=promised_at))


@db.atomic
async def acknowledge(rma: UUID, *, by: Actor) -> DeskRma:
    """Say that the pieces arrived.

    Raises:
        As `answering.arrive`; NoVendor.

    """
    _require_vendor(by)
    return _desk(await answering.arrive(rma, by=by))


@db.atomic
async def answer(rma: UUID, position: int, said: Answer, *, by: Actor) -> DeskRma:
    """Say what became of a piece.

    Raises:
        As `answering.answer`; NoVendor.

    """
    _require_vendor(by)
    return _desk(await answering.answer(rma, position, said, by=by))
