"""The desk for cXML: what a vendor sends us later, checked and taken as its word; the answer is a cXML Response.

cXML tells its senders how it went by a status in the document, not by HTTP: 200 taken, 401 not proven to be that vendor, 406
cannot be read, 404, 409 and 422 as our refusals have them.
"""

import hmac

from api.problems import status_of
from api.settings import Settings
from api.vendors import cxml
from api.vendors.cxml import Sent
from api.vendors.markup import NotReadable
from api.vendors.signing import secret_for
from inventory.ground.actor import Actor, service
from inventory.ground.errors import InventoryError, Unknown
from inventory.procurement import announcing, answers, orders, vendors

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
    part_of_line = dict(enumerate((line.part_number for line in order.lines), start=1))
    key = sent.payload_id or None
    if sent.request.tag == "ConfirmationRequest":
        confirmed = cxml.confirmation(sent.request, part_of_line)
        await answers.take(vendor, number, confirmed.answer, by=by, said=said, message_id=key)
        return 200, "OK", ""
    if sent.request.tag == "ShipNoticeRequest":
        await _announce(order, sent, part_of_line, said, key, by=by)
        return 200, "OK", ""
    return 450, "Not Implemented", f"{sent.request.tag[:60]} is not taken here"


async def _announce(
    order: orders.OrderView, sent: Sent, part_of_line: dict[int, str], said: str, key: str | None, *, by: Actor
) -> None:
    shipped = cxml.ship_notice(sent.request, part_of_line)
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
