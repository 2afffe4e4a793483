"""Papers of what leaves for repair: the note and label of an RMA, and the note by which a customer's unit is collected."""

from datetime import datetime
from uuid import UUID

from api.pages.formats import minute
from api.papers import labels
from api.papers.assembling import words
from api.papers.forms import Fact, Line, Paper
from inventory.ground import clock
from inventory.ground.actor import Actor
from inventory.places import names
from inventory.returns import collecting, rmas


async def rma_note(rma: UUID, *, seen_by: Actor) -> Paper:
    """What travels in the box with an RMA's pieces.

    Raises:
        Unknown: no such RMA in the reader's scope.

    """
    view = await rmas.rma_view(rma, seen_by=seen_by)
    called, company = await names.names_of([view.depot]), await names.our_name()
    depot = called.get(view.depot)
    return Paper(
        form="rma_note",
        company=(company.name_zh, company.name_en),
        number=view.number,
        facts=[
            Fact(("供应商", "Vendor"), f"{view.vendor_zh} {view.vendor_en}"),
            Fact(("厂家返修编号", "Vendor's RMA number"), view.vendor_number or "–"),
            Fact(("寄出备件库", "From"), f"{depot.name_zh} {depot.name_en}" if depot else view.depot),
            Fact(("方式", "Way"), "先行换件 advance exchange" if view.advance else "返修 return"),
            Fact(("承运人", "Carrier"), view.carrier or "–"),
            Fact(("运单", "Waybill"), view.waybill or "–"),
        ],
        lines=[
            Line(
                part_number=line.part_number,
                name_zh=line.name_zh,
                name_en=line.name_en,
                quantity=line.quantity,
                pieces=[piece for piece in (line.serial or line.expected_serial, line.lot) if piece],
                condition=words("condition", line.condition),
                cells={"what": [*words("rma_asked", line.asked), *_doa(line)]},
                note=" · ".join(word for word in (line.failure_code, line.complaint) if word),
            )
            for line in view.lines
        ],
        remarks=view.remark,
        mark=None if view.shipped_at else ("未寄出", "Not sent yet"),
        printed_at=clock.now(),
        printed_by=seen_by.name,
    )


def _doa(line: rmas.LineView) -> list[str]:
    return ["到货即损 dead on arrival"] if line.dead_on_arrival else []


async def rma_label(rma: UUID, size: labels.Size, *, seen_by: Actor) -> labels.Sheet:
    """The label for the box of an RMA: its number as our scanners read it, and the vendor's number to be read.

    Raises:
        Unknown: no such RMA in the reader's scope.

    """
    view = await rmas.rma_view(rma, seen_by=seen_by)
    told = [f"RMA {view.vendor_number or '–'}", view.vendor_zh, view.vendor_en]
    return labels.Sheet(
        size=size,
        labels=[labels.Label(code=view.number, title=view.number, lines=told)],
        printed_at=clock.now(),
    )


async def collection_note(collection: UUID, *, seen_by: Actor) -> Paper:
    """What a customer signs when its unit is fetched, and again when it is back.

    Raises:
        Unknown: no such collection in the reader's scope.

    """
    view = await collecting.collection_view(collection, seen_by=seen_by)
    company = await names.our_name()
    return Paper(
        form="collection_note",
        company=(company.name_zh, company.name_en),
        number=view.number,
        facts=[
            Fact(("客户", "Customer"), f"{view.customer_zh} {view.customer_en}"),
            Fact(("机房", "Site"), f"{view.site_zh} {view.site_en} ({view.site})"),
            Fact(("设备", "Device"), view.device or "–"),
            Fact(("收取", "Collected"), _at(view.collected_at, view.given_by)),
            Fact(("预计送还", "Due back"), minute(view.due_at) if view.due_at else "–"),
            Fact(("送还签收", "Brought back"), _at(view.returned_at, view.signed_by)),
        ],
        lines=[
            Line(
                part_number=view.part_number,
                name_zh=view.name_zh,
                name_en=view.name_en,
                quantity=1,
                pieces=[view.serial],
                condition=words("condition", view.returned_condition or view.condition or "unknown"),
                note=" · ".join(word for word in (view.complaint, view.accessories) if word),
            )
        ],
        remarks="本件归客户所有，维修期间不计入我方库存。 This unit is the customer's own; it is no stock of ours.",
        printed_at=clock.now(),
        printed_by=seen_by.name,
    )


def _at(at: datetime | None, who: str | None) -> str:
    return "–" if at is None else " · ".join(word for word in (minute(at), who) if word)
