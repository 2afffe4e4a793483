"""What vendors tell us of our orders, signed with their secret."""

from typing import Annotated, Literal

from litestar import Controller, Request, post
from litestar.exceptions import NotAuthorizedException
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from api.instants import Instant
from api.problems import refusals
from api.routes.platform import Done
from api.settings import Settings
from api.vendors.signing import WebhookVerificationError, secret_for, verify
from inventory.ground.actor import service
from inventory.ground.errors import Unknown
from inventory.procurement import orders, vendors


class VendorMessage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """News of an order."""

    order_number: Annotated[str, Meta(min_length=1, max_length=200)]
    status: Literal["acknowledged", "delayed", "refused", "shipped"]
    promised_at: Instant | None = None
    vendor_reference: Annotated[str, Meta(max_length=200)] | None = None
    reason: Annotated[str, Meta(max_length=1000)] = ""


class CallbackController(Controller):
    """The address vendors call."""

    tags = ("vendors",)

    @post(
        "/vendor-callbacks/{vendor:str}",
        operation_id="VendorCallback",
        status_code=200,
        responses=refusals(404, 409),
        security=[],
    )
    async def receive(
        self, request: Request[None, None, Settings], vendor: FromPath[str], data: JSONBody[VendorMessage]
    ) -> Done:
        """Take a vendor's news of an order; signed after Standard Webhooks, safe to repeat."""
        version = await vendors.secret_version(vendor)
        settings: Settings = request.app.state.settings
        try:
            verify(secret_for(settings.secret, vendor, version), dict(request.headers), await request.body())
        except WebhookVerificationError:
            raise NotAuthorizedException("the signature does not fit") from None
        order = await orders.order_id(data.order_number)
        by = service(f"vendor {vendor}")
        if (await orders.order_view(order)).vendor != vendor:
            raise Unknown(what="purchase order", what_zh="采购订单", key=data.order_number)
        await orders.note_message(order, "received", (await request.body()).decode(errors="replace"))
        if data.status == "refused":
            await orders.record_refused(order, by=by, reason=data.reason or "refused by the vendor")
        elif data.promised_at is not None:
            await orders.record_acknowledged(
                order, by=by, promised_at=data.promised_at, vendor_reference=data.vendor_reference
            )
        return Done()
