"""The desk for cXML: what a vendor sends us later, checked and taken as its word; the answer is a cXML Response.

cXML tells its senders how it went by a status in the document, not by HTTP: 200 taken, 401 not proven to be that vendor, 406
cannot be read, 404, 409 and 422 as our refusals have them.
"""

import hmac
from collections.abc import Mapping
from typing import get_args

from api.problems import status_of
from api.settings import Settings
from api.vendors import cxml
from api.vendors.cxml import Ordered, Sent
from api.vendors.markup import NotReadable
from api.vendors.signing import secret_for
from inventory.ground.actor import Actor, service
from inventory.ground.errors import InventoryError, Unknown
from inventory.procurement import announcing, answers, changes, orders, vendors
from inventory.procurement.answers import Answer

Outcome = tuple[int, str, str]
"""Status, its text, and what there is to say about it."""

_NOT_PROVEN: Outcome = (401, "Unauthorized", "the shared secret does not fit")


async def receive(vendor: str, content: bytes, settings: Settings) -> Outcome:
    """Take a document of a vendor; saying it again changes nothing."""
    try:
        sent = cxml.document(content)
        secret = secret_for(settings.secret, vendor, await vendors.secret_version(vendor))
    except NotReadable as error:
        return 406, "Not Acceptable", str(error)
    except Unknown:
        return _NOT_PROVEN  # whether there is such a vendor is nobody's business
    if not hmac.compare_digest(secret.encode(), sent.secret.encode()):
        return _NOT_PROVEN
    try:
        return await _take(vendor, sent, content.decode(errors="replace").replace(sent.secret, "…"))
    except NotReadable as error:
        return 406, "Not Acceptable", str(error)
    except InventoryError as refusal:
        return status_of(refusal), refusal.code, refusal.sentence("en")


async def _take(vendor: str, sent: Sent, said: str) -> Outcome:
    by = service(f"vendor {vendor}")
    reference = sent.request.find("OrderReference")
    if reference is None:
        reference = sent.request.find("ShipNoticePortion/OrderReference")
    number = "" if reference is None else reference.get("orderID", "")[:200]
    order = await orders.order_view(await answers.of_vendor(vendor, number))
    as_sent = await orders.order_to_place(order.id, get_args(orders.State))
    ordered = {line.line_number: Ordered(line.part_number, line.quantity) for line in as_sent.lines} if as_sent else {}
    key = sent.payload_id or None
    if sent.request.tag == "ConfirmationRequest":
        answer = await _answer(order, sent, ordered)
        await answers.take(vendor, number, answer, by=by, said=said, message_id=key)
        return 200, "OK", ""
    if sent.request.tag == "ShipNoticeRequest":
        await _announce(order, sent, ordered, said, key, by=by)
        return 200, "OK", ""
    return 450, "Not Implemented", f"{sent.request.tag[:60]} is not taken here"


async def _answer(order: orders.OrderView, sent: Sent, ordered: Mapping[int, Ordered]) -> Answer:
    """What a ConfirmationRequest says of an order, or of a change.

    It is about the change whose document it refers to; while a change waits for its answer, also where it refers to no
    document of ours. A change is agreed to as a whole: what is confirmed otherwise than asked is no yes.
    """
    about = cxml.about(sent.request)
    known = await changes.changes(order.id, limit=200)
    change = next((each for each in known if cxml.payload_id(each.id) == about), None)
    if change is None and about != cxml.payload_id(order.id):
        change = next((each for each in known if each.state == "asked" and each.told_at is not None), None)
    if change is None:
        said = cxml.confirmation(sent.request, ordered)
        return Answer(
            status="refused" if said.rejected else "acknowledged",
            promised_at=said.promised_at,
            lines=said.lines,
            vendor_reference=said.vendor_reference,
            reason=said.reason,
        )
    if not change.cancels:
        numbers = {line.part_number: number for number, line in ordered.items()}
        ordered = {number: Ordered(line.part_number, line.quantity) for number, line in cxml.numbered(change, numbers)}
    said = cxml.confirmation(sent.request, ordered)
    times = [said.promised_at, *(line.promised_at for line in said.lines)]
    return Answer(
        status="change_declined" if said.rejected or (said.otherwise and not change.cancels) else "change_confirmed",
        promised_at=max((time for time in times if time is not None), default=None),
        reason=said.reason,
        version=change.version,
    )


async def _announce(
    order: orders.OrderView, sent: Sent, ordered: Mapping[int, Ordered], said: str, key: str | None, *, by: Actor
) -> None:
    shipped = cxml.ship_notice(sent.request, ordered)
    await announcing.announce_once(
        order.number,
        shipped.lines,
        by=by,
        due_at=shipped.due_at,
        carrier=shipped.carrier,
        waybill=shipped.waybill,
        said=said,
        message_id=key,
    )
