"""What vendors tell us of our orders, signed with their secret."""

from typing import Annotated

from litestar import Controller, Request, Response, post
from litestar.exceptions import NotAuthorizedException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from api.instants import Instant
from api.problems import refusals
from api.routes.platform import Done
from api.settings import Settings
from api.vendors import cxml, cxml_desk
from api.vendors.signing import WebhookVerificationError, secret_for, verify
from inventory.ground.actor import service
from inventory.procurement import answers, vendors
from inventory.procurement.answers import Answer, PromisedLine, Status


class PromisedPart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When one part of an order arrives, where that differs from the rest."""

    part_number: Annotated[str, Meta(min_length=1, max_length=200)]
    promised_at: Instant


class VendorMessage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """News of an order; `version` names the change that is confirmed or declined."""

    order_number: Annotated[str, Meta(min_length=1, max_length=200)]
    status: Status
    promised_at: Instant | None = None
    lines: Annotated[list[PromisedPart], Meta(max_length=200)] = []
    vendor_reference: Annotated[str, Meta(max_length=200)] | None = None
    reason: Annotated[str, Meta(max_length=1000)] = ""
    version: Annotated[int, Meta(ge=1, le=100_000)] | None = None

    def answer(self) -> Answer:
        """What it says of the order."""
        return Answer(
            status=self.status,
            promised_at=self.promised_at,
            lines=[PromisedLine(part_number=line.part_number, promised_at=line.promised_at) for line in self.lines],
            vendor_reference=self.vendor_reference,
            reason=self.reason,
            version=self.version,
        )


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
        headers = await _signed(request, vendor)
        await answers.take(
            vendor,
            data.order_number,
            data.answer(),
            by=service(f"vendor {vendor}"),
            said=(await request.body()).decode(errors="replace"),
            message_id=headers["webhook-id"][:200],
        )
        return Done()


async def _signed(request: Request[None, None, Settings], vendor: str) -> dict[str, str]:
    """The headers of a message that its vendor signed.

    Raises:
        Unknown: no such vendor.
        NotAuthorizedException: it is not signed by that vendor, or too long ago.

    """
    version = await vendors.secret_version(vendor)
    settings: Settings = request.app.state.settings
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        verify(secret_for(settings.secret, vendor, version), headers, await request.body())
    except WebhookVerificationError:
        raise NotAuthorizedException("the signature does not fit") from None
    return headers


XML = "text/xml"


class CxmlController(Controller):
    """The address vendors that speak cXML call."""

    tags = ("vendors",)

    @post(
        "/cxml/{vendor:str}",
        operation_id="ReceiveCxml",
        status_code=200,
        media_type=XML,
        responses={200: ResponseSpec(bytes, media_type=XML, description="A cXML Response", generate_examples=False)},
        security=[],
    )
    async def receive(self, request: Request[None, None, Settings], vendor: FromPath[str]) -> Response[bytes]:
        """Take a ConfirmationRequest or a ShipNoticeRequest of a vendor; proven by the shared secret, safe to repeat."""
        code, text, said = await cxml_desk.receive(vendor, await request.body(), request.app.state.settings)
        return Response(cxml.response(code, text, said), media_type=XML)
