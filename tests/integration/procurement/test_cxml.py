"""cXML: documents of the form that the cXML reference guide shows, and those that nobody should read."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from pgqueuer.domain.errors import RetryRequested

from api.vendors import cxml
from api.vendors.markup import DEEPEST, LARGEST, NotReadable, parsed
from api.vendors.signing import secret_for
from api.worker import on_tell_change
from inventory.ground import db, jobs, steps
from inventory.procurement import changes, orders
from inventory.procurement.changes import ChangedLine
from inventory.stock import notices
from tests.faults.test_vendors import approved, place, working
from tests.integration.procurement.test_orders import drafted
from tests.vendors import answer, vendor
from tests.world import BUYER, DRIVE, FAN, PSU, SETUP

SECRET = secret_for("0" * 64, "DISTI", 1)
DUE = datetime.now(UTC).replace(microsecond=0) + timedelta(days=5)

OK = answer(
    200,
    b"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE cXML SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.014/cXML.dtd">
<cXML payloadID="9949494" xml:lang="en-US" timestamp="2026-03-12T18:39:09-08:00">
  <Response><Status code="200" text="OK"/></Response>
</cXML>""",
)


def document(request: str, secret: str = SECRET, payload: str = "1233444-2001@premier.workchairs.com") -> bytes:
    """A document as the guide shows them, with its document type and header."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE cXML SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.014/Fulfill.dtd">
<cXML payloadID="{payload}" timestamp="2026-03-12T18:39:09-08:00" xml:lang="en-US">
  <Header>
    <From><Credential domain="DUNS"><Identity>DISTI</Identity></Credential></From>
    <To><Credential domain="DUNS"><Identity>BEIJIAN</Identity></Credential></To>
    <Sender>
      <Credential domain="DUNS"><Identity>DISTI</Identity><SharedSecret>{secret}</SharedSecret></Credential>
      <UserAgent>Supplier's Super Order Processor</UserAgent>
    </Sender>
  </Header>
  <Request>{request}</Request>
</cXML>""".encode()


def confirmed(
    number: str,
    *,
    kind: str = "detail",
    item: str = "",
    delivery: str | None = None,
    about: str = "32232995@hub.acme.com",
) -> str:
    due = f' deliveryDate="{delivery}"' if delivery else ""
    return f"""<ConfirmationRequest>
      <ConfirmationHeader type="{kind}" noticeDate="2026-03-12" confirmID="C999-234" operation="new"{due}>
        <Comments xml:lang="en">we ship from Shanghai</Comments>
      </ConfirmationHeader>
      <OrderReference orderID="{number}"><DocumentReference payloadID="{about}"/></OrderReference>
      {item}
    </ConfirmationRequest>"""


def line(place: int, kind: str, delivery: str, quantity: int = 2, refused: int = 0) -> str:
    no = f'<ConfirmationStatus quantity="{refused}" type="reject"/>' if refused else ""
    return f"""<ConfirmationItem lineNumber="{place}" quantity="2"><UnitOfMeasure>EA</UnitOfMeasure>
      <ConfirmationStatus quantity="{quantity}" type="{kind}" deliveryDate="{delivery}"><UnitOfMeasure>EA</UnitOfMeasure>
      </ConfirmationStatus>{no}</ConfirmationItem>"""


def shipped(number: str, place: int = 1) -> str:
    return f"""<ShipNoticeRequest>
      <ShipNoticeHeader shipmentID="S2-123" noticeDate="2026-03-14T08:30:19-08:00" shipmentDate="2026-03-14T08:30:19-08:00"
                        deliveryDate="{DUE.isoformat()}"/>
      <ShipControl>
        <CarrierIdentifier domain="SCAC">SF</CarrierIdentifier>
        <ShipmentIdentifier>8202 8261 1194</ShipmentIdentifier>
      </ShipControl>
      <ShipNoticePortion>
        <OrderReference orderID="{number}"><DocumentReference payloadID="32232995@hub.acme.com"/></OrderReference>
        <ShipNoticeItem quantity="2" lineNumber="{place}"><UnitOfMeasure>EA</UnitOfMeasure>
          <AssetInfo serialNumber="unused"/><SerialNumber>CX-1</SerialNumber><SerialNumber>CX-2</SerialNumber>
        </ShipNoticeItem>
      </ShipNoticePortion>
    </ShipNoticeRequest>"""


async def sent(url: str) -> orders.OrderView:
    order = await approved(url)
    await db.execute("UPDATE vendor SET channel = 'cxml', endpoint = $1 WHERE channel = 'http'", url)
    return await orders.order_view(order)


async def with_the_vendor() -> orders.OrderView:
    order = await sent("http://127.0.0.1:9")
    await orders.begin_sending(order.id)
    return await orders.record_placed(order.id, by=SETUP)


async def told(api, content: bytes, vendor_code: str = "DISTI") -> tuple[int, str]:
    """A document comes in; the status of our cXML Response and what it says."""
    response = await api.client.post(
        f"/api/v1/cxml/{vendor_code}", content=content, headers={"Content-Type": "text/xml; charset=utf-8"}
    )
    assert response.status_code == 200, response.text
    status = parsed(response.content).find("Response/Status")
    return int(status.get("code")), status.text or ""


async def test_an_order_goes_out_as_an_order_request_and_a_status_of_200_places_it(company):
    async with vendor(OK) as shop:
        order = await place((await sent(shop.url)).id, company)

    root = parsed(shop.calls[0][1])
    head, item = root.find("Request/OrderRequest/OrderRequestHeader"), root.find("Request/OrderRequest/ItemOut")
    assert order.state == "placed"
    assert shop.calls[0][0]["content-type"].startswith("text/xml")
    assert (head.get("orderID"), head.get("type"), head.findtext("Total/Money")) == (order.number, "new", "1960.00")
    assert (item.get("quantity"), item.findtext("ItemID/SupplierPartID")) == ("2", DRIVE)
    assert item.find("ItemDetail/UnitPrice/Money").attrib == {"currency": "CNY"}
    assert root.findtext("Header/Sender/Credential/SharedSecret") == SECRET


@pytest.mark.parametrize(
    "nonsense",
    [
        answer(200, b"<html>"),
        answer(200, b"<cXML><Response/></cXML>"),
        answer(200, b'<cXML><Response><Status code="x"/></Response></cXML>'),
        answer(200, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
        answer(200, b'<cXML><Response><Status code="500" text="down"/></Response></cXML>'),
        answer(302, b"", "Location: http://127.0.0.1:1/"),
        None,
    ],
)
async def test_whatever_is_no_clear_status_is_asked_again(company, nonsense):
    async with vendor(nonsense, OK) as shop:
        order = await sent(shop.url)
        with pytest.raises(RetryRequested):
            await place(order.id, company)
        placed = await place(order.id, company, attempt=1)

    assert placed.state == "placed"
    assert parsed(shop.calls[0][1]).get("payloadID") == parsed(shop.calls[1][1]).get("payloadID")


async def test_a_status_of_4xx_is_a_no(company):
    no = b'<cXML><Response><Status code="406" text="Not Acceptable">unknown part</Status></Response></cXML>'
    async with vendor(answer(200, no)) as shop:
        order = await place((await sent(shop.url)).id, company)

    assert (order.state, order.problem) == ("refused", "406 Not Acceptable unknown part")


async def test_a_change_goes_out_as_an_update_and_a_cancellation_as_a_delete(company):
    async with vendor(OK) as shop:
        order = await place((await sent(shop.url)).id, company)
        change = await changes.change_order(
            order.id,
            [ChangedLine(part_number=DRIVE, quantity=3, unit_price=Decimal("970.5"))],
            by=BUYER,
            reason="more, cheaper",
        )
        await on_tell_change(jobs.TellChange(change.id), working(company))
        await changes.answer_change(order.id, by=SETUP, confirmed=False)
        change = await changes.change_order(order.id, by=BUYER, reason="none", cancel=True)
        await on_tell_change(jobs.TellChange(change.id), working(company))

    update, delete = (parsed(body).find("Request/OrderRequest/OrderRequestHeader") for _, body in shop.calls[1:])
    assert (update.get("type"), update.get("orderVersion"), update.findtext("Total/Money")) == (
        "update",
        "2",
        "2911.50",
    )
    assert (delete.get("type"), delete.get("orderVersion")) == ("delete", "3")


async def test_a_confirmation_promises_line_by_line_and_twice_is_once(api):
    order = await with_the_vendor()
    content = document(confirmed(order.number, item=line(1, "detail", DUE.isoformat())))

    assert [await told(api, content), await told(api, content)] == [(200, ""), (200, "")]
    after = await orders.order_view(order.id)
    assert (after.state, after.promised_at, after.vendor_reference) == ("acknowledged", DUE, "C999-234")
    kept = [message.summary for message in await orders.messages(order.id)]
    assert len(kept) == 1
    assert SECRET not in kept[0]


async def test_a_rejection_refuses_the_order(api):
    order = await with_the_vendor()

    assert (await told(api, document(confirmed(order.number, kind="reject"))))[0] == 200
    after = await orders.order_view(order.id)
    assert (after.state, after.problem) == ("refused", "we ship from Shanghai")


async def of_two_lines(api) -> orders.OrderView:
    """Four fans as line 1, two drives as line 2, with the vendor."""
    order = await drafted((FAN, 4), (DRIVE, 2))
    await orders.approve_on_authority(order.id, by=SETUP)
    return await orders.record_placed(order.id, by=SETUP)


async def due(part: str) -> int:
    return await db.fetch_value(
        """SELECT coalesce(sum(quantity - received_quantity), 0)::int FROM expected_delivery
           JOIN part ON part.id = expected_delivery.part WHERE part_number = $1 AND closed_at IS NULL""",
        part,
    )


async def test_what_is_rejected_of_some_lines_is_expected_no_more_and_a_buyer_is_told(api):
    order = await of_two_lines(api)
    at = DUE.isoformat()
    item = line(1, "accept", at, 1, refused=3) + line(2, "reject", at)
    content = document(confirmed(order.number, kind="except", item=item))

    assert [await told(api, content), await told(api, content)] == [(200, ""), (200, "")]
    after = await orders.order_view(order.id)
    assert (after.state, {each.part_number: each.short_quantity for each in after.lines}) == (
        "acknowledged",
        {FAN: 3, DRIVE: 2},
    )
    assert (await due(FAN), await due(DRIVE)) == (1, 0)
    assert "confirmed_otherwise" in await steps.open_kinds("purchase_order", order.number)
    again = document(confirmed(order.number, kind="except", item=item), payload="another")
    assert (await told(api, again))[0] == 200
    assert (await orders.order_view(order.id)).lines == after.lines
    assert (await orders.settle(order.id, by=BUYER, done="bought elsewhere")).number == order.number
    none = document(confirmed(order.number, kind="except", item=line(1, "reject", at, 4)), payload="third")
    assert (await told(api, none))[0] == 200
    assert (await orders.order_view(order.id)).state == "refused"
    assert await due(FAN) == 0


async def test_other_quantities_than_ordered_change_nothing_by_themselves_and_a_buyer_is_told(api):
    order = await of_two_lines(api)
    item = line(1, "detail", DUE.isoformat(), 6)

    assert (await told(api, document(confirmed(order.number, item=item))))[0] == 200
    after = await orders.order_view(order.id)
    assert (after.state, [each.short_quantity for each in after.lines]) == ("acknowledged", [0, 0])
    assert (await due(FAN), await due(DRIVE)) == (4, 2)
    assert "confirmed_otherwise" in await steps.open_kinds("purchase_order", order.number)


async def test_a_change_is_confirmed_or_declined_by_a_confirmation_and_the_order_stands(api):
    order = await of_two_lines(api)
    first = await changes.change_order(
        order.id, [ChangedLine(part_number=PSU, quantity=1)], by=BUYER, reason="one more part"
    )
    await changes.note_told(first.id)
    no = document(confirmed(order.number, kind="reject", about=cxml.payload_id(first.id)))
    assert [await told(api, no), await told(api, no)] == [(200, ""), (200, "")]
    assert ((await changes.change_view(first.id)).state, (await orders.order_view(order.id)).state) == (
        "declined",
        "placed",
    )

    second = await changes.change_order(
        order.id, [ChangedLine(part_number=PSU, quantity=3)], by=BUYER, reason="three then"
    )
    await changes.note_told(second.id)
    item = line(3, "detail", DUE.isoformat(), 3)
    yes = document(confirmed(order.number, item=item), payload="yes")  # it refers to no document of ours
    assert await told(api, yes) == (200, "")
    after = await orders.order_view(order.id)
    assert {each.part_number: each.quantity for each in after.lines} == {FAN: 4, DRIVE: 2, PSU: 3}
    assert after.promised_at == DUE
    assert await due(PSU) == 3
    own = document(confirmed(order.number, kind="reject", about=cxml.payload_id(order.id)), payload="no")
    assert (await told(api, own))[0] == 200
    assert (await orders.order_view(order.id)).state == "refused"


async def test_a_ship_notice_announces_the_serials_and_twice_is_once(api):
    order = await with_the_vendor()
    content = document(shipped(order.number))

    assert [(await told(api, content))[0], (await told(api, content))[0]] == [200, 200]
    (notice,) = await notices.notices(limit=9, seen_by=SETUP, document=order.number)
    assert (notice.lines[0].serials, notice.carrier, notice.waybill, notice.due_at) == (
        ["CX-1", "CX-2"],
        "SF",
        "8202 8261 1194",
        DUE,
    )
    assert (await orders.order_view(order.id)).state == "shipped"


async def test_who_does_not_know_the_secret_learns_nothing(api):
    order = await with_the_vendor()
    content = document(confirmed(order.number, kind="reject"), secret="guess")

    assert (await told(api, content))[0] == 401
    assert await told(api, document(confirmed("PO-1")), "NOBODY") == await told(api, content)
    assert await told(api, document(confirmed(order.number, kind="reject")), "DELL") == await told(api, content)
    assert (await orders.order_view(order.id)).state == "placed"


async def test_an_order_of_another_vendor_is_not_found(api):
    order = await orders.draft_order("DELL", "GZ", [orders.NewLine(part_number="PSU-750", quantity=2)], by=BUYER)
    await orders.approve_on_authority(order.id, by=SETUP)
    await orders.record_placed(order.id, by=SETUP)

    assert (await told(api, document(confirmed(order.number, kind="reject"))))[0] == 404
    assert (await orders.order_view(order.id)).state == "placed"


@pytest.mark.parametrize(
    ("request_of", "why"),
    [
        (lambda number: confirmed(number, kind="maybe"), "not understood"),
        (lambda number: confirmed(number, item=line(9, "detail", DUE.isoformat())), "not on the order"),
        (lambda number: confirmed(number, item=line(1, "detail", "next week")), "no time"),
        (lambda number: confirmed(number, item=line(1, "detail", "2027-03-01T10:00:00")), "in which zone"),
        (lambda number: shipped(number, place=7), "not on the order"),
        (lambda _: "<ConfirmationRequest/>", ""),
        (lambda _: "<ShipNoticeRequest/>", ""),
        (lambda _: "<ProfileRequest/>", ""),
        (lambda _: "<a/><b/>", "no cXML request"),
    ],
)
async def test_what_cannot_be_understood_is_said_and_changes_nothing(api, request_of, why):
    order = await with_the_vendor()
    status, said = await told(api, document(request_of(order.number)))

    assert status in (404, 406, 450)
    assert why in said
    assert (await orders.order_view(order.id)).state == "placed"


BOMB = b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><a>&b;</a>'


@pytest.mark.parametrize(
    "hostile",
    [
        BOMB,
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x.dtd"> %p;]><a/>',
        b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd"><a>&x;</a>',
        b"<a>" * (DEEPEST + 1) + b"</a>" * (DEEPEST + 1),
        b"<a>" + b"<b/>" * 30_000 + b"</a>",
        b"<a>" + b"x" * LARGEST + b"</a>",
        b"<a>",
        b"",
        b"\xff\xfe\x00",
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        b"<a>\x00</a>",
    ],
    ids=[
        "bomb",
        "file",
        "parameter",
        "undeclared",
        "deep",
        "many",
        "long",
        "open",
        "empty",
        "bytes",
        "encoding",
        "nul",
    ],
)
async def test_a_document_that_would_do_harm_is_not_read(api, hostile):
    with pytest.raises(NotReadable):
        parsed(hostile)
    assert (await told(api, hostile))[0] == 406


def test_texts_of_ours_cannot_break_a_document():
    element = cxml.Element("a")
    cxml._text(element, "b", 'x <c> & "d" \x00\x0b ]]>')
    assert parsed(cxml.tostring(element)).findtext("b") == 'x <c> & "d"  ]]>'
