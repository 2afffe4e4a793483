"""Ordering by cXML 1.2 (cxml.org): an OrderRequest over HTTPS, answered at once by a Response with a status.

What the vendor says later (ConfirmationRequest, ShipNoticeRequest) comes to `/api/v1/cxml/{vendor}` and is read by
`confirmation` and `ship_notice`. Both sides prove themselves by the shared secret in the header's Sender, as cXML has it: it
is derived from ours and the vendor's code, and never stored. Nothing of a document is expanded or fetched (`markup.py`).

    OrderRequest            the whole order; `type="update"` with a change, `type="delete"` to cancel
    Response 200, 201       the vendor has it
    Response 4xx            it says no
    anything else           ask again later
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Literal
from uuid import UUID
from xml.etree.ElementTree import Element, SubElement, tostring

from msgspec import Struct

from api.settings import Settings
from api.vendors.calling import call
from api.vendors.markup import NotReadable, first, parsed, text_at
from api.vendors.outcome import Answered, Placed, VendorRefused, VendorUnreachable
from api.vendors.signing import secret_for
from inventory.ground import clock
from inventory.procurement.answers import PromisedLine
from inventory.procurement.changes import ChangeView
from inventory.procurement.orders import OrderToPlace, PricedLine
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
    root = Element("cXML", {"payloadID": payload_id(key), "timestamp": now.isoformat(timespec="seconds")})
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
        [
            (line.line_number, line.part_number, line.quantity, line.unit_price, line.currency)
            for line in order.lines
            if line.quantity
        ]
        if change is None
        else [
            (place, line.part_number, line.quantity, str(line.unit_price), line.currency)
            for place, line in numbered(change, {line.part_number: line.line_number for line in order.lines})
        ]
    )
    total = order.total_cny if change is None else str(change.after.total_cny)
    _money(SubElement(head, "Total"), total)
    elsewhere = None if change is None else change.after.ship_to
    address = SubElement(SubElement(head, "ShipTo"), "Address", {"addressID": elsewhere or order.ship_to})
    _text(address, "Name", elsewhere or order.ship_to_zh, {"xml:lang": "zh"})
    if change is not None:
        _text(head, "Comments", change.reason, {"xml:lang": "zh"})
    wanted = order.wanted_at if change is None else change.after.wanted_at
    names = {line.part_number: line.name_en for line in order.lines}
    for place, part_number, quantity, price, currency in sorted(lines):
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


def payload_id(key: UUID) -> str:
    """The payloadID of the document that sends an order or a change."""
    return f"{key}@beijian"


def numbered(change: ChangeView, numbers: Mapping[str, int]) -> list[tuple[int, PricedLine]]:
    """The lines of an order as it is to become, by their numbers: what stands keeps its own, what is added comes after.

    It is added to the order in the same turn, so that the numbers are still these when the change holds.
    """
    following = count(max(numbers.values(), default=0) + 1)
    return [
        (numbers[line.part_number] if line.part_number in numbers else next(following), line)
        for line in change.after.lines
    ]


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


class Ordered(Struct, frozen=True):
    """A line as we ordered it."""

    part_number: str
    quantity: int


class Confirmation(Struct, frozen=True, kw_only=True):
    """What a ConfirmationRequest says; `otherwise` where it confirms other pieces than were asked for."""

    rejected: bool
    otherwise: bool
    promised_at: datetime | None
    lines: list[PromisedLine]
    vendor_reference: str | None
    reason: str


def about(request: Element) -> str:
    """The payloadID of the document that a request refers to; empty where it names none."""
    document = request.find("OrderReference/DocumentReference")
    return "" if document is None else document.get("payloadID", "")


COMING = ("accept", "allDetail", "detail", "backordered")


def confirmation(request: Element, ordered: Mapping[int, Ordered]) -> Confirmation:
    """Read a ConfirmationRequest line by line; `ordered` are our lines by their numbers.

    `type` accept, allDetail, detail, except or backordered confirms, with the delivery dates of the header or of the lines;
    reject refuses, and so does a document whose lines reject all that was ordered. Of each line that is named the pieces are
    counted by the statuses they have; a status `unknown` says nothing of its pieces. Where a line's pieces come at several
    times, the last one counts. `operation="update"` is the same word again.

    Raises:
        NotReadable: what it needs is missing, or it names a line that is not on the order.

    """
    head = request.find("ConfirmationHeader")
    reference = request.find("OrderReference")
    if head is None or reference is None or not reference.get("orderID"):
        raise NotReadable("the confirmation names no order")
    kind = head.get("type", "")
    if kind not in (*COMING, "except", "reject"):
        raise NotReadable(f"a confirmation of type “{kind[:40]}” is not understood")
    reason = " ".join(text.strip() for each in head.iter("Comments") for text in each.itertext() if text.strip())[:1000]
    lines: dict[int, PromisedLine] = {}
    for item in request.findall("ConfirmationItem")[:MOST_LINES]:
        number = _whole(item.get("lineNumber"))
        if number is None or number not in ordered or number in lines:
            raise NotReadable(f"line “{item.get('lineNumber', '')[:20]}” is not on the order, or stands there twice")
        lines[number] = _promised(item, ordered[number])
    return Confirmation(
        rejected=kind == "reject"
        or all(
            number in lines and lines[number].refused >= line.quantity
            for number, line in ordered.items()
            if line.quantity
        ),
        otherwise=any(
            line.refused or line.coming != ordered[number].quantity
            for number, line in lines.items()
            if line.coming is not None
        ),
        promised_at=_instant(head.get("deliveryDate")) or _instant(_hint(request)),
        lines=list(lines.values()),
        vendor_reference=head.get("confirmID", "")[:200] or None,
        reason=reason,
    )


def _promised(item: Element, ordered: Ordered) -> PromisedLine:
    """What a ConfirmationItem says of a line."""
    coming = refused = 0
    due: list[datetime] = []
    statuses = list(item.iter("ConfirmationStatus"))
    for status in statuses:
        kind = status.get("type", "")
        pieces = _whole(status.get("quantity") or (item.get("quantity") if len(statuses) == 1 else None))
        if kind not in (*COMING, "reject", "unknown") or pieces is None:
            raise NotReadable(f"a status “{kind[:40]}” is not understood, or has no whole quantity")
        coming += pieces if kind in COMING else 0
        refused += pieces if kind == "reject" else 0
        at = _instant(status.get("deliveryDate"))
        if at is not None and kind in COMING:
            due.append(at)
    return PromisedLine(
        part_number=ordered.part_number,
        promised_at=max(due, default=None),
        coming=coming if statuses else None,
        refused=refused,
    )


def _whole(text: str | None) -> int | None:
    """A whole number of a document; None where it is none, or longer than any of ours.

    >>> _whole("12"), _whole("1.5"), _whole("99999999"), _whole(None)
    (12, None, None, None)
    """
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 8 else None


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


def ship_notice(request: Element, ordered: Mapping[int, Ordered]) -> Shipped:
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
        number, quantity = _whole(item.get("lineNumber")), _whole(item.get("quantity"))
        if number is None or number not in ordered or quantity is None:
            raise NotReadable(f"line “{item.get('lineNumber', '')[:20]}” is not on the order, or has no whole quantity")
        serials = [(each.text or "").strip()[:200] for each in item.iter("SerialNumber")][:MOST_SERIALS]
        lines.append(
            NewNoticeLine(
                part_number=ordered[number].part_number,
                quantity=quantity,
                serials=[serial for serial in serials if serial],
            )
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
