"""Vendors' invoices: entered once with money that adds up, matched with order and receipt, and what follows of a difference."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from inventory.assurance import attachments
from inventory.ground import clock, db, steps
from inventory.ground.errors import NotGranted, NotYourDepot, ReasonMissing, Unknown
from inventory.procurement import invoices, matching, orders, price_history, receiving
from inventory.procurement.invoices import (
    DoesNotAddUp,
    InvoiceDetail,
    InvoiceEnteredTwice,
    InvoiceFromFuture,
    InvoiceNumberWrong,
    LineInvoicedTwice,
    MoreThanInvoiced,
    NewInvoice,
    NewInvoiceLine,
    Reversed,
    WrongSign,
)
from inventory.procurement.matching import AcceptedByYourself, NoSuchDifference
from inventory.procurement.orders import NotMatched
from tests.integration.procurement.test_orders import incoming, placed
from tests.world import AUDITOR, BUYER, DRIVE, ENGINEER, FAN, KEEPER, MANAGER, PSU, SETUP, actor

NUMBERS = iter(range(10**19, 10**20))


def line(order: orders.OrderView, part: str | None, quantity: int, total: str, percent: str = "13") -> NewInvoiceLine:
    """A line of an invoice with its tax in a total."""
    whole = Decimal(total)
    amount = (whole * 100 / (100 + Decimal(percent))).quantize(Decimal("0.01"))
    return NewInvoiceLine(
        order=order.number,
        part_number=part,
        quantity=quantity,
        amount=amount,
        tax_percent=Decimal(percent),
        tax=whole - amount,
        total=whole,
    )


def invoice(*lines: NewInvoiceLine, **more: object) -> NewInvoice:
    sums = {name: sum((getattr(each, name) for each in lines), Decimal(0)) for name in ("amount", "tax", "total")}
    told = {"vendor": "DISTI", "invoice_number": str(next(NUMBERS)), "kind": "special", "issued_on": clock.today()}
    return NewInvoice(**told | sums | {"lines": list(lines)} | more)


async def entered(*lines: NewInvoiceLine, **more: object) -> InvoiceDetail:
    return await invoices.enter(invoice(*lines, **more), by=BUYER)


async def received(order: orders.OrderView, *pieces: tuple[str, int]) -> None:
    lines = [incoming(part, count) for part, count in pieces]
    await receiving.receive_order(order.number, lines, by=KEEPER)
    await matching.judge([order.id], by=SETUP)


def told(detail: InvoiceDetail) -> list[tuple[str, Decimal]]:
    return [(each.kind, each.size) for own in detail.lines for each in own.differences]


async def seen(detail: InvoiceDetail) -> InvoiceDetail:
    return await invoices.invoice_detail(detail.invoice.id, seen_by=BUYER)


async def duties(subject_kind: str, number: str) -> list[str]:
    return await steps.open_kinds(subject_kind, number)


async def test_what_was_invoiced_is_a_price_until_it_is_taken_back(company):
    order = await placed((FAN, 4))
    dear = await entered(line(order, FAN, 4, "1040"))
    await entered(line(order, FAN, 4, "1000"))
    prices = await price_history.prices(FAN, limit=20, seen_by=BUYER, vendor="DISTI")
    invoiced = [each for each in prices if each.kind == "invoiced"]

    assert [(each.unit_price_cny, each.unit_cost_cny) for each in invoiced] == [
        (250, Decimal("221.2389")),
        (260, Decimal("230.0885")),
    ]
    assert (invoiced[1].document, invoiced[1].quantity) == (dear.invoice.invoice_number, 4)
    await invoices.withdraw(dear.invoice.id, by=BUYER, reason="another order's")
    prices = await price_history.prices(FAN, limit=20, seen_by=BUYER, vendor="DISTI")
    assert [each.unit_price_cny for each in prices if each.kind == "invoiced"] == [250]
    elsewhere = await price_history.prices(FAN, limit=20, seen_by=actor("buyer", depots={"SH"}), vendor="DISTI")
    assert {each.kind for each in elsewhere} == {"offered"}


async def test_an_order_closes_when_all_that_came_is_invoiced_as_agreed(company):
    order = await placed((FAN, 4), (DRIVE, 2))
    early = await entered(line(order, FAN, 4, "1000"))
    assert (early.invoice.state, told(early)) == ("waits", [("not_received", 4)])
    (waiting,) = await invoices.accruals("not_received", limit=9, seen_by=BUYER)
    assert (waiting.part_number, waiting.pieces, waiting.payable_cny, waiting.amount_cny) == (
        FAN, 4, 1000, Decimal("884.96"),
    )  # fmt: skip

    await received(order, (FAN, 4), (DRIVE, 2))
    assert (await seen(early)).invoice.state == "matched"
    assert (await orders.order_view(order.id)).state == "received"
    assert await duties("purchase_order", order.number) == ["chase_invoice"]
    assert await invoices.accruals("not_received", limit=9, seen_by=BUYER) == []
    (open_one,) = await invoices.accruals("not_invoiced", limit=9, seen_by=BUYER, vendor="DISTI")
    assert (open_one.part_number, open_one.received, open_one.invoiced, open_one.payable_cny) == (DRIVE, 2, 0, 1960)
    with pytest.raises(NotMatched):
        await orders.close_order(order.id, by=BUYER)

    rest = await entered(line(order, DRIVE, 2, "1960.60"))  # within the yuan that the policy allows
    closed = await orders.order_view(order.id)
    assert (rest.invoice.state, closed.state, closed.matched_at is not None) == ("matched", "closed", True)
    assert await duties("purchase_order", order.number) == []
    assert await invoices.accruals("not_invoiced", limit=9, seen_by=BUYER) == []


async def test_a_person_closes_an_order_without_its_invoice_by_saying_why(company):
    order = await placed((FAN, 1))
    await received(order, (FAN, 1))
    assert (await orders.close_order(order.id, by=BUYER, reason="a sample, not invoiced")).state == "closed"


async def test_every_difference_needs_an_answer_and_is_accepted_by_a_second_person(company):
    order = await placed((FAN, 4), (DRIVE, 2))
    await received(order, (FAN, 4), (DRIVE, 2))
    wrong = await entered(line(order, FAN, 5, "1300"), line(order, DRIVE, 2, "1960", "9"), kind="general")
    assert wrong.invoice.state == "differs"
    assert told(wrong) == [
        ("kind", 1), ("price", 50), ("over_invoiced", 1), ("kind", 1), ("tax_rate", -4),
    ]  # fmt: skip
    assert await duties("invoice", wrong.invoice.number) == ["answer_invoice"]
    fan, drive = wrong.lines

    with pytest.raises(AcceptedByYourself):
        await matching.answer(fan.id, "price", "accepted", by=BUYER, reason="agreed by phone")
    with pytest.raises(ReasonMissing):
        await matching.answer(fan.id, "price", "accepted", by=MANAGER, reason=" ")
    with pytest.raises(NoSuchDifference):
        await matching.answer(fan.id, "tax_rate", "accepted", by=MANAGER, reason="fine")
    with pytest.raises(Unknown):
        await matching.answer(fan.id, "price", "accepted", by=actor("buyer", depots={"SH"}), reason="fine")
    with pytest.raises(NotGranted):
        await matching.answer(fan.id, "price", "accepted", by=ENGINEER, reason="fine")

    await matching.answer(fan.id, "over_invoiced", "asked", by=BUYER, reason="one piece too many")
    assert await duties("invoice", wrong.invoice.number) == ["answer_invoice", "correct_invoice"]
    for own, kind in ((fan, "kind"), (fan, "price"), (drive, "kind"), (drive, "tax_rate")):
        await matching.answer(own.id, kind, "accepted", by=MANAGER, reason="agreed")
    assert await duties("invoice", wrong.invoice.number) == ["correct_invoice"]
    assert (await seen(wrong)).invoice.state == "differs"  # the vendor still has to take one piece back

    with pytest.raises(MoreThanInvoiced):
        await entered(line(order, FAN, -6, "-260"), reverses=wrong.invoice.id, kind="general")
    with pytest.raises(WrongSign):
        await entered(line(order, FAN, 1, "260"), reverses=wrong.invoice.id, kind="general")
    red = await entered(line(order, FAN, -1, "-260"), reverses=wrong.invoice.id, kind="general")
    after = await seen(wrong)
    assert (red.invoice.state, after.invoice.state) == ("matched", "matched")
    assert [each.number for each in after.red_letters] == [red.invoice.number]
    assert (after.lines[0].net_quantity, after.lines[0].net_total) == (4, 1040)
    # 40 CNY too much are less than the 50 that were accepted; all of the order is invoiced now
    assert (await orders.order_view(order.id)).state == "closed"
    assert await duties("invoice", wrong.invoice.number) == []
    with pytest.raises(Reversed):
        await invoices.withdraw(wrong.invoice.id, by=BUYER, reason="a mistake")


async def test_an_accepted_difference_that_grows_is_open_again(company):
    order = await placed((FAN, 4))
    await received(order, (FAN, 4))
    dear = await entered(line(order, FAN, 4, "1040"))
    await matching.answer(dear.lines[0].id, "price", "accepted", by=MANAGER, reason="copper got dearer")
    assert (await orders.order_view(order.id)).state == "closed"

    await entered(line(order, FAN, -2, "-100"), reverses=dear.invoice.id)  # two pieces for 100: the rest is dearer
    after = await seen(dear)
    assert told(after) == [("price", 440)]
    assert (after.invoice.state, after.lines[0].differences[0].open) == ("differs", True)
    assert (await orders.order_view(order.id)).matched_at is None


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"invoice_number": "123"}, InvoiceNumberWrong),
        ({"invoice_number": "12345678", "invoice_code": "12"}, InvoiceNumberWrong),
        ({"issued_on": "tomorrow"}, InvoiceFromFuture),
        ({"total": Decimal(1001)}, DoesNotAddUp),
        ({"amount": Decimal("885.00"), "tax": Decimal("115.00")}, DoesNotAddUp),
        ({"tax": Decimal("115.045"), "total": Decimal("1000.005")}, DoesNotAddUp),
        ({"vendor": "DELL"}, Unknown),
        ({"vendor": "NOPE"}, Unknown),
        ({"lines": "twice"}, LineInvoicedTwice),
        ({"lines": "elsewhere"}, Unknown),
        ({"lines": "taxed wrong"}, DoesNotAddUp),
        ({"lines": "negative"}, WrongSign),
    ],
)
async def test_what_cannot_be_printed_so_is_not_entered(company, changes, refusal):
    order = await placed((FAN, 4))
    good = invoice(line(order, FAN, 4, "1000"))
    fan = good.lines[0]
    lines = {
        "twice": [fan, fan],
        "elsewhere": [replace(fan, part_number=PSU)],
        "taxed wrong": [replace(fan, tax_percent=Decimal(9))],
        "negative": [replace(fan, quantity=-4)],
    }
    if changes.get("issued_on") == "tomorrow":
        changes = {"issued_on": clock.today().replace(year=clock.today().year + 1)}
    if "lines" in changes:
        changes = {"lines": lines[changes["lines"]]}
        if len(changes["lines"]) > 1:
            changes |= {name: 2 * getattr(good, name) for name in ("amount", "tax", "total")}

    with pytest.raises(refusal) as refused:
        await invoices.enter(replace(good, **changes), by=BUYER)

    assert refused.value.sentence("zh")
    assert await invoices.invoices(limit=9, seen_by=BUYER) == []


async def test_a_number_is_entered_once_and_again_when_that_was_a_mistake(company):
    order = await placed((FAN, 4))
    new = invoice(line(order, FAN, 2, "500"))
    first = await invoices.enter(new, by=BUYER)
    with pytest.raises(InvoiceEnteredTwice):
        async with db.savepoint():
            await invoices.enter(new, by=BUYER)
    with pytest.raises(ReasonMissing):
        await invoices.withdraw(first.invoice.id, by=BUYER, reason="")
    withdrawn = await invoices.withdraw(first.invoice.id, by=BUYER, reason="wrong order")
    assert (withdrawn.invoice.state, told(withdrawn)) == ("withdrawn", [])
    again = await invoices.enter(new, by=BUYER)
    assert [each.number for each in await invoices.invoices(limit=9, seen_by=BUYER, order=order.number)] == [
        again.invoice.number,
        first.invoice.number,
    ]


async def test_fees_are_invoiced_up_to_what_was_agreed(company):
    await db.execute("UPDATE vendor SET freight_cny = 60")
    order = await placed((FAN, 4))
    await received(order, (FAN, 4))
    detail = await entered(line(order, FAN, 4, "1000"), line(order, None, 1, "80", "9"))
    assert told(detail) == [("fees", 20)]
    await matching.answer(detail.lines[1].id, "fees", "accepted", by=MANAGER, reason="two trips")
    assert (await orders.order_view(order.id)).state == "closed"


async def test_invoices_are_for_those_who_see_costs_and_all_their_stores(company):
    order = await placed((FAN, 4))
    detail = await entered(line(order, FAN, 4, "1000"))
    for reader in (actor("engineer"), actor("vendor", vendor="DISTI"), KEEPER):
        with pytest.raises(NotGranted):
            await invoices.invoices(limit=9, seen_by=reader)
    assert await invoices.invoices(limit=9, seen_by=actor("buyer", depots={"SH"})) == []
    assert await invoices.accruals("not_received", limit=9, seen_by=actor("buyer", depots={"SH"})) == []
    with pytest.raises(Unknown):
        await invoices.invoice_detail(detail.invoice.id, seen_by=actor("buyer", depots={"SH"}))
    with pytest.raises((NotYourDepot, Unknown)):
        await invoices.enter(invoice(line(order, FAN, 1, "250")), by=actor("buyer", depots={"SH"}))
    with pytest.raises(NotGranted):
        await invoices.enter(invoice(line(order, FAN, 1, "250")), by=MANAGER)

    ofd = b"PK\x03\x04....OFD.xml...."
    kept = await attachments.attach("invoice", detail.invoice.id, "fp.ofd", ofd, by=BUYER, most_bytes=1000)
    assert kept.media_type == "application/ofd"
    assert (await attachments.attachments("invoice", detail.invoice.id, limit=9, seen_by=AUDITOR))[0].name == "fp.ofd"
