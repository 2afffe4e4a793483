"""Ordering by cXML 1.2 (cxml.org): an OrderRequest over HTTPS, answered at once by a Response with a status.

What the vendor says later (ConfirmationRequest, ShipNoticeRequest) comes to `/api/v1/cxml/{vendor}` and is read by
`confirmation` and `ship_notice`. Both sides prove themselves by the shared secret in the header's Sender, as cXML has it: it
is derived from ours and the vendor's code, and never stored. Nothing of a document is expanded or fetched (`markup.py`).

    OrderRequest            the whole order; `type="update"` with a change, `type="delete"` to cancel
    Response 200, 201       the vendor has it
    Response 4xx            it says no
    anything else           ask again later
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal
from xml.etree.ElementTree import Element, SubElement, tostring

from msgspec import Struct

from api.settings import Settings
from api.vendors.calling import call
from api.vendors.markup import NotReadable, first, parsed, text_at
from api.vendors.outcome import Answered, Placed, VendorRefused, VendorUnreachable
from api.vendors.signing import secret_for
from inventory.ground import clock
from inventory.procurement.answers import Answer, PromisedLine
from inventory.procurement.changes import ChangeView
from inventory.procurement.orders import OrderToPlace
from inventory.stock.notices import NewNoticeLine

US = "BEIJIAN"
DOCUMENT_TYPE = b'<!DOCTYPE cXML SYSTEM "http://xml.cxml.org/schemas/cXML/1.2.060/cXML.dtd">\n'
Kind = Literal["new", "update", "delete"]

MOST_LINES = 500
MOST_SERIALS = 5000


async def place(order: OrderToPlace, settings: Settings) -> Placed:
    """Send an order.

    Raises:
        VendorRefused: the vendor said no, or its address may not be called.
        VendorUnreachable: as `calling.call`, or an answer that cannot be read.

    """
    body = order_request(order, settings)
    status, said = await _send(order, body, str(order.id), settings)
    return Placed(sent=body.decode(), answered=said, status=status)


async def change(order: OrderToPlace, change: ChangeView, settings: Settings) -> Answered:
    """Send an order as it is to become, or that it is to be cancelled; the answer follows in a ConfirmationRequest.

    Raises:
        VendorRefused, VendorUnreachable: as `place`.

    """
    body = order_request(order, settings, change)
    status, said = await _send(order, body, str(change.id), settings)
    return Answered(sent=body.decode(), said=said, status=status)


async def _send(order: OrderToPlace, body: bytes, key: str, settings: Settings) -> tuple[int, str]:
    headers = {"Content-Type": "text/xml; charset=utf-8", "Idempotency-Key": key}
    reply = await call("POST", str(order.endpoint), settings, headers=headers, body=body)
    said = reply.body.decode(errors="replace")
    try:
        status = first(parsed(reply.body), ["Response/Status"])
    except NotReadable as error:
        raise VendorUnreachable(f"the vendor's answer cannot be read: {error}", sent=True) from error
    code = "" if status is None else status.get("code", "")
    if status is None or not (code.isascii() and code.isdigit() and len(code) == 3):
        raise VendorUnreachable("the vendor's answer has no status", sent=True)
    if code.startswith("2"):
        return int(code), said.replace(_secret(order, settings), "…")
    words = f"{code} {status.get('text', '')} {(status.text or '').strip()}".strip()[:1000]
    if code.startswith("4") and code not in ("408", "429"):
        raise VendorRefused(words)
    raise VendorUnreachable(f"the vendor answered {words}", sent=True)


def _secret(order: OrderToPlace, settings: Settings) -> str:
    return secret_for(settings.secret, order.vendor, order.secret_version)


def order_request(order: OrderToPlace, settings: Settings, change: ChangeView | None = None) -> bytes:
    """An order, or a change of it, as a cXML document."""
    kind: Kind = "new" if change is None else "delete" if change.cancels else "update"
    now = clock.now()
    key = order.id if change is None else change.id
    root = Element("cXML", {"payloadID": f"{key}@beijian", "timestamp": now.isoformat(timespec="seconds")})
    header = SubElement(root, "Header")
    for side, identity in (("From", US), ("To", order.vendor)):
        _text(SubElement(SubElement(header, side), "Credential", {"domain": "DUNS"}), "Identity", identity)
    sender = SubElement(header, "Sender")
    credential = SubElement(sender, "Credential", {"domain": "DUNS"})
    _text(credential, "Identity", US)
    _text(credential, "SharedSecret", _secret(order, settings))
    _text(sender, "UserAgent", "Beijian")
    request = SubElement(SubElement(root, "Request"), "OrderRequest")
    head = SubElement(
        request,
        "OrderRequestHeader",
        {
            "orderID": order.number,
            "orderDate": order.created_at.isoformat(timespec="seconds"),
            "type": kind,
            "orderVersion": str(1 if change is None else change.version),
        },
    )
    lines = (
        [(line.part_number, line.quantity, line.unit_price, line.currency) for line in order.lines]
        if change is None
        else [(line.part_number, line.quantity, str(line.unit_price_cny), "CNY") for line in change.after.lines]
    )
    total = order.total_cny if change is None else str(change.after.total_cny)
    _money(SubElement(head, "Total"), total)
    address = SubElement(SubElement(head, "ShipTo"), "Address", {"addressID": order.ship_to})
    _text(address, "Name", order.ship_to_zh, {"xml:lang": "zh"})
    if change is not None:
        _text(head, "Comments", change.reason, {"xml:lang": "zh"})
    wanted = order.wanted_at if change is None else change.after.wanted_at
    names = {line.part_number: line.name_en for line in order.lines}
    for place, (part_number, quantity, price, currency) in enumerate(lines, start=1):
        attributes = {"quantity": str(quantity), "lineNumber": str(place)}
        if wanted is not None:
            attributes["requestedDeliveryDate"] = wanted.isoformat(timespec="seconds")
        item = SubElement(request, "ItemOut", attributes)
        _text(SubElement(item, "ItemID"), "SupplierPartID", part_number)
        detail = SubElement(item, "ItemDetail")
        _money(SubElement(detail, "UnitPrice"), price, currency)
        _text(detail, "Description", names.get(part_number, part_number), {"xml:lang": "en"})
        _text(detail, "UnitOfMeasure", "EA")
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + DOCUMENT_TYPE + tostring(root, encoding="utf-8")


def _text(under: Element, name: str, text: str, attributes: dict[str, str] | None = None) -> None:
    SubElement(under, name, attributes or {}).text = "".join(char for char in text if char >= " " or char in "\n\t")


def _money(under: Element, amount: str, currency: str = "CNY") -> None:
    _text(under, "Money", f"{Decimal(amount):.2f}", {"currency": currency})


class Sent(Struct, frozen=True, kw_only=True):
    """A document that a vendor sent: who it says it is, by which secret, and what it is about."""

    payload_id: str
    identity: str
    secret: str
    request: Element


def document(content: bytes) -> Sent:
    """Read the envelope of a document.

    Raises:
        NotReadable: it is no cXML request.

    """
    root = parsed(content)
    request = root.find("Request")
    if root.tag != "cXML" or request is None or len(request) != 1:
        raise NotReadable("the document is no cXML request")
    sender = root.find("Header/Sender/Credential")
    if sender is None:
        raise NotReadable("the document names no sender")
    return Sent(
        payload_id=root.get("payloadID", "")[:200],
        identity=text_at(sender, "Identity"),
        secret=text_at(sender, "SharedSecret"),
        request=request[0],
    )


class Confirmation(Struct, frozen=True, kw_only=True):
    """What a ConfirmationRequest says of an order."""

    number: str
    answer: Answer


def confirmation(request: Element, part_of_line: dict[int, str]) -> Confirmation:
    """Read a ConfirmationRequest; `part_of_line` names the part of each of our line numbers.

    `type` accept, allDetail, detail, except or backordered confirms, with the delivery dates of the header or of the lines;
    reject refuses, and so does a document whose every line is rejected. `operation="update"` is the same word again.

    Raises:
        NotReadable: what it needs is missing, or it confirms other quantities than were ordered.

    """
    head = request.find("ConfirmationHeader")
    reference = request.find("OrderReference")
    if head is None or reference is None or not reference.get("orderID"):
        raise NotReadable("the confirmation names no order")
    kind = head.get("type", "")
    if kind not in ("accept", "allDetail", "detail", "except", "backordered", "reject"):
        raise NotReadable(f"a confirmation of type “{kind[:40]}” is not understood")
    reason = " ".join(text.strip() for each in head.iter("Comments") for text in each.itertext() if text.strip())[:1000]
    statuses = [
        (item, status)
        for item in request.findall("ConfirmationItem")[:MOST_LINES]
        for status in item.iter("ConfirmationStatus")
    ]
    rejected = kind == "reject" or (bool(statuses) and all(status.get("type") == "reject" for _, status in statuses))
    if not rejected and any(status.get("type") == "reject" for _, status in statuses):
        raise NotReadable("some lines are rejected: refuse the order, or confirm what a change order asks for")
    lines: list[PromisedLine] = []
    for item, status in statuses:
        place, due = item.get("lineNumber", ""), _instant(status.get("deliveryDate"))
        part = part_of_line.get(int(place)) if place.isascii() and place.isdigit() and len(place) < 6 else None
        if part is None:
            raise NotReadable(f"line “{place[:20]}” is not on the order")
        if due is not None:
            lines.append(PromisedLine(part_number=part, promised_at=due))
    header_due = _instant(head.get("deliveryDate")) or _instant(_hint(request))
    return Confirmation(
        number=reference.get("orderID", "")[:200],
        answer=Answer(
            status="refused" if rejected else "acknowledged",
            promised_at=header_due,
            lines=lines,
            vendor_reference=(head.get("confirmID") or None) and head.get("confirmID", "")[:200],
            reason=reason,
        ),
    )


def _hint(request: Element) -> str | None:
    found = first(request, ["ConfirmationHeader/Extrinsic[@name='deliveryDate']"])
    return None if found is None else found.text


class Shipped(Struct, frozen=True, kw_only=True):
    """What a ShipNoticeRequest says is on its way."""

    number: str
    due_at: datetime
    carrier: str | None
    waybill: str | None
    lines: list[NewNoticeLine]


def ship_notice(request: Element, part_of_line: dict[int, str]) -> Shipped:
    """Read a ShipNoticeRequest about one order.

    Raises:
        NotReadable: what it needs is missing, it is about several orders, or it names lines that are not on the order.

    """
    head = request.find("ShipNoticeHeader")
    portions = request.findall("ShipNoticePortion")
    if head is None or len(portions) != 1:
        raise NotReadable("a ship notice is taken for one order at a time")
    reference = portions[0].find("OrderReference")
    due = _instant(head.get("deliveryDate"))
    if reference is None or not reference.get("orderID") or due is None:
        raise NotReadable("the ship notice names no order, or no delivery date")
    lines: list[NewNoticeLine] = []
    for item in portions[0].findall("ShipNoticeItem")[:MOST_LINES]:
        place, quantity = item.get("lineNumber", ""), item.get("quantity", "")
        part = part_of_line.get(int(place)) if place.isascii() and place.isdigit() and len(place) < 6 else None
        if part is None or not (quantity.isascii() and quantity.isdigit() and len(quantity) < 7):
            raise NotReadable(f"line “{place[:20]}” is not on the order, or has no whole quantity")
        serials = [(each.text or "").strip()[:200] for each in item.iter("SerialNumber")][:MOST_SERIALS]
        lines.append(
            NewNoticeLine(part_number=part, quantity=int(quantity), serials=[serial for serial in serials if serial])
        )
    control = request.find("ShipControl")
    return Shipped(
        number=reference.get("orderID", "")[:200],
        due_at=due,
        carrier=(control is not None and text_at(control, "CarrierIdentifier")[:200]) or None,
        waybill=(control is not None and text_at(control, "ShipmentIdentifier")[:200]) or None,
        lines=lines,
    )


def _instant(text: str | None) -> datetime | None:
    """A time of a document, which says in which zone it is.

    Raises:
        NotReadable: it is none.

    """
    if not text or not text.strip():
        return None
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise NotReadable(f"“{text[:40]}” is no time") from None
    if at.tzinfo is None:
        raise NotReadable(f"“{text[:40]}” does not say in which zone")
    return at


def response(code: int, text: str, said: str = "") -> bytes:
    """A cXML Response with a status."""
    now = clock.now().isoformat(timespec="seconds")
    root = Element("cXML", {"payloadID": f"{now}@beijian", "timestamp": now})
    status = SubElement(SubElement(root, "Response"), "Status", {"code": str(code), "text": text})
    status.text = said
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + DOCUMENT_TYPE + tostring(root, encoding="utf-8")
