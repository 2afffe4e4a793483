"""The demo company's invoices: what came was invoiced, but for the last; one differs, one vendor gives no deductible 发票."""

from datetime import datetime, timedelta
from decimal import Decimal

from api.demo.company.vendors import DOLLARS
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.procurement import invoices, matching, orders, register
from inventory.procurement.invoices import NewInvoice, NewInvoiceLine
from inventory.procurement.prices import FEN

TWENTY_DIGITS = 26_442_000_000_000_000_000


async def enter_rates(start: datetime, end: datetime, *, by: Actor) -> None:
    """Enter the dollar's rate as it began and as it is."""
    for day, cny in ((start, DOLLARS + 4), (end - timedelta(days=3), DOLLARS)):
        with clock.at(day):
            new = register.NewRate(
                currency="USD", valid_from=clock.today(), cny_per_100=cny, source="演示汇率 / made up for the demo"
            )
            await register.enter_rates([new], by=by)


async def invoice_the_past(end: datetime, *, by: Actor) -> None:
    """Invoice what came, but for the last delivery; the delivery before that is invoiced two yuan a piece too dear."""
    came = await db.fetch(
        """SELECT purchase_order.id, greatest(received_at, placed_at) AS at FROM purchase_order
           WHERE state = 'received' ORDER BY received_at, id"""
    )
    for number, row in enumerate(came[:-1]):
        view = await orders.order_view(row["id"])
        dear = Decimal(2) if number == len(came) - 2 else Decimal(0)
        with clock.at(min(row["at"] + timedelta(days=4), end - timedelta(minutes=3))):
            await invoices.enter(_asked(view, number, dear), by=by)
    await matching.judge([row["id"] for row in came], by=by)


def _asked(view: orders.OrderView, number: int, dear: Decimal) -> NewInvoice:
    """All that came of an order, at its prices and as much more for each piece."""
    lines = [_line(view.number, line, dear) for line in view.lines if line.received_quantity]
    return NewInvoice(
        vendor=view.vendor,
        invoice_number=str(TWENTY_DIGITS + number),
        kind=view.lines[0].invoice_kind,
        currency=str(view.lines[0].currency),
        issued_on=clock.today(),
        amount=sum((line.amount for line in lines), Decimal(0)),
        tax=sum((line.tax for line in lines), Decimal(0)),
        total=sum((line.total for line in lines), Decimal(0)),
        lines=lines,
    )


def _line(order: str, line: orders.OrderLineView, dear: Decimal) -> NewInvoiceLine:
    price = line.unit_price if isinstance(line.unit_price, Decimal) else Decimal(0)
    total = (price + dear) * line.received_quantity
    amount = (total * 100 / (100 + line.tax_percent)).quantize(FEN)
    return NewInvoiceLine(
        order=order,
        part_number=line.part_number,
        quantity=line.received_quantity,
        amount=amount,
        tax_percent=line.tax_percent,
        tax=total - amount,
        total=total,
    )
