"""Receiving against purchase orders: counted, proven genuine, then good stock."""

from collections.abc import Sequence

from msgspec import structs

from inventory.catalogue import parts
from inventory.catalogue.grades import LEAST_FOR_GOOD_STOCK, is_at_least
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, WrongState
from inventory.procurement import orders, papers, provenance
from inventory.procurement.provenance import ProvenanceTooLow
from inventory.stock import receipts


class NotOnOrder(Invalid):
    """{part_number} is not on order {number}."""

    zh = "订单 {number} 不含 {part_number}。"
    help_en = "Check the delivery note; a part that was not ordered is received against its own order."
    help_zh = "请核对送货单；未订购的备件应按其所属订单入库。"


@db.atomic
async def receive_order(
    number: str, lines: Sequence[receipts.Incoming], *, by: Actor, remark: str = ""
) -> receipts.ReceiptView:
    """Take in what came for an order.

    Raises:
        Unknown: no such order or part.
        WrongState: the order is not with its vendor.
        NotOnOrder: a part was not ordered.
        ProvenanceTooLow: the vendor's grade does not allow good stock here.
        PapersMissing: pulled or brokered parts come without a paper attached to their order.
        OverReceipt, SerialsMissing, SerialRepeated, NotYourDepot: as `stock.receipts.receive`.

    """
    by.require("stock.receive")
    order = await orders.order_id(number)
    head = await db.fetch_one(
        """SELECT purchase_order.state, vendor.id AS vendor, party.code AS vendor_code, origin.code AS origin,
                  place.code AS ship_to, pool.code AS pool,
                  coalesce(contract.minimum_provenance, $2) AS needed
           FROM purchase_order
           JOIN vendor ON vendor.id = purchase_order.vendor
           JOIN party ON party.id = vendor.party
           JOIN place AS origin ON origin.id = vendor.place
           JOIN place ON place.id = purchase_order.ship_to
           JOIN pool ON pool.id = purchase_order.pool
           LEFT JOIN contract ON contract.id = pool.contract
           WHERE purchase_order.id = $1 FOR NO KEY UPDATE OF purchase_order""",
        order,
        LEAST_FOR_GOOD_STOCK,
    )
    if head is None or head["state"] not in orders.OPEN_FOR_RECEIPT:
        raise WrongState(
            what="Purchase order",
            what_zh="采购订单",
            key=number,
            state=head["state"] if head else "–",
            needed=" / ".join(orders.OPEN_FOR_RECEIPT),
        )
    by.require_depot(head["ship_to"])
    came = await parts.find_each([line.part_number for line in lines])
    ordered = {
        row["part"]: row["id"]
        for row in await db.fetch("SELECT id, part FROM purchase_order_line WHERE purchase_order = $1", order)
    }
    graded = await provenance.grades({(head["vendor"], part.id) for part in came}, clock.today())
    has_papers = await papers.of_document("purchase_order", order)
    matched: list[receipts.Incoming] = []
    for line, part in zip(lines, came, strict=True):
        if part.id not in ordered:
            raise NotOnOrder(part_number=part.part_number, number=number)
        grade = graded[head["vendor"], part.id]
        if line.condition == "good" and not is_at_least(grade, head["needed"]):
            raise ProvenanceTooLow(
                part_number=part.part_number, vendor=head["vendor_code"], grade=grade, needed=head["needed"]
            )
        to_prove = line.condition == "good" and grade in papers.NEED_PAPERS
        if to_prove and not has_papers:
            raise papers.missing(part.part_number, grade)
        matched.append(structs.replace(line, source=ordered[part.id], provenance=grade))
    receipt = await receipts.receive(
        head["ship_to"],
        matched,
        by=by,
        origin=head["origin"],
        pool=head["pool"],
        document_kind="purchase_order",
        document=number,
        remark=remark,
    )
    counts = {line.source: 0 for line in matched if line.source is not None}
    for line in matched:
        if line.source is not None:
            counts[line.source] += line.quantity
    await orders.record_received(order, counts, by=by)
    return receipt
