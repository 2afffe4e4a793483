"""Shipments: where what left is now, and having it signed for on a phone's screen."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.attachments import attached
from api.pages.forms import NotAQuantity, Reason, Short
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.places import places
from inventory.requests import shipping
from inventory.stock import shipments
from inventory.stock.shipments import Dispatch, NewPackage, SignatureUnreadable


class Sending(Struct, kw_only=True):
    """How something leaves; one box, unless the API says otherwise."""

    mode: Literal["", "courier", "same_city_courier", "own_car", "hand_carried"] = ""
    carrier: Short = ""
    courier_phone: Short = ""
    waybill: Short = ""
    weight_kg: Short = ""

    def told(self) -> Dispatch:
        """The same, as the domain says it."""
        return Dispatch(
            mode=self.mode or None,
            carrier=self.carrier.strip() or None,
            courier_phone=self.courier_phone.strip() or None,
            waybill=self.waybill.strip() or None,
            packages=[NewPackage(weight_kg=weight(self.weight_kg))],
        )


class HandingOver(Struct, kw_only=True):
    """Who signs; the strokes come from the screen as JSON."""

    to: Short
    where: Short = ""
    strokes: Annotated[str, Meta(max_length=200_000)] = ""

    def drawn(self) -> list[list[tuple[float, float]]]:
        """The strokes as points.

        Raises:
            SignatureUnreadable: they are no strokes.

        """
        try:
            return msgspec.json.decode(self.strokes or "[]", type=list[list[tuple[float, float]]])
        except msgspec.MsgspecError as error:
            raise SignatureUnreadable(why="not strokes") from error


def weight(text: str) -> float | None:
    """A weight in kilograms that somebody typed; None where there is none.

    >>> weight(" 1.25 "), weight("2,5"), weight("")
    (1.25, 2.5, None)

    Raises:
        NotAQuantity: it is no weight.

    """
    written = text.strip().replace(",", ".")
    if not written:
        return None
    try:
        kilograms = float(written)
    except ValueError:
        kilograms = 0.0
    if not 0 < kilograms <= 2000:
        raise NotAQuantity(value=text, least=0)
    return kilograms


@get("/shipments", guards=[requires("requests.read")])
async def list_shipments(
    request: PageRequest,
    in_state: Annotated[shipments.ShipmentState | None, QueryParameter(name="state")] = None,
    depot: FromQuery[str | None] = None,
    cursor: Cursor = None,
) -> Page:
    """List shipments, newest first."""
    found = await shipments.shipments(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, UUID),
        state=in_state,
        depot=depot or None,
    )
    shown, following = cut(found, lambda found: found.id)
    return Page(
        "shipments/list.html",
        shipments=shown,
        cursor=following,
        state=in_state,
        depot=depot,
        stores=await places.stores(limit=200, seen_by=request.user),
        first=not cursor,
    )


@get("/shipments/{shipment_id:uuid}", guards=[requires("requests.read")])
async def show_shipment(request: PageRequest, shipment_id: FromPath[UUID]) -> Page:
    """Show one shipment."""
    return Page(
        "shipments/detail.html",
        view=await shipments.shipment_view(shipment_id, seen_by=request.user),
        files=await attached(request, "shipment", shipment_id),
    )


@get("/shipments/{shipment_id:uuid}/signature.svg", guards=[requires("requests.read")])
async def show_signature(request: PageRequest, shipment_id: FromPath[UUID]) -> Response[bytes]:
    """The drawing of whoever signed."""
    return Response(await shipments.signature(shipment_id, seen_by=request.user), media_type="image/svg+xml")


@post("/shipments/{shipment_id:uuid}/hand-over", guards=[requires("shipments.deliver")], status_code=303)
async def hand_over(request: PageRequest, shipment_id: FromPath[UUID], data: URLEncodedBody[HandingOver]) -> Redirect:
    """Have it signed for."""
    await shipments.hand_over(
        shipment_id, data.to, by=request.user, where=data.where.strip() or None, strokes=data.drawn()
    )
    return Redirect(f"/shipments/{shipment_id}", status_code=303)


@post("/shipments/{shipment_id:uuid}/fail", guards=[requires("shipments.deliver")], status_code=303)
async def fail(request: PageRequest, shipment_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Note that the delivery failed."""
    await shipments.fail(shipment_id, by=request.user, reason=data.reason)
    return Redirect(f"/shipments/{shipment_id}", status_code=303)


@post("/shipments/{shipment_id:uuid}/send-again", guards=[requires("shipments.deliver")], status_code=303)
async def send_again(request: PageRequest, shipment_id: FromPath[UUID], data: URLEncodedBody[Sending]) -> Redirect:
    """Try it once more."""
    await shipments.send_again(shipment_id, by=request.user, how=data.told())
    return Redirect(f"/shipments/{shipment_id}", status_code=303)


@post("/shipments/{shipment_id:uuid}/bring-back", guards=[requires("stock.issue")], status_code=303)
async def bring_back(request: PageRequest, shipment_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Take it in again."""
    await shipping.bring_back(shipment_id, by=request.user, reason=data.reason)
    return Redirect(f"/shipments/{shipment_id}", status_code=303)


handlers = [list_shipments, show_shipment, show_signature, hand_over, fail, send_again, bring_back]
