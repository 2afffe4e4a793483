"""Messages over HTTP: one's own, and for administrators what left the house and how."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Struct

from api.access import requires, signed_in
from api.answers import ApiRequest, Cursor, Key, Limit, Page, decode_cursor, once, page
from api.problems import refusals
from inventory.people import messages


class Reading(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which message was read; all of them where none is named."""

    message: UUID | None = None


class Counted(Struct, frozen=True):
    """How many it was."""

    count: int


class SentAgain(Struct, frozen=True):
    """A message that is tried again."""

    id: UUID


class MessageController(Controller):
    """What people were told."""

    tags = ("messages",)

    @get("/my-messages", operation_id="ListMyMessages", guards=[signed_in], responses=refusals())
    async def list_mine(
        self, request: ApiRequest, *, unread: FromQuery[bool] = False, cursor: Cursor = None, limit: Limit = 50
    ) -> Response[Page[messages.MessageView]]:
        """List the caller's own messages, newest first; a system's key has none."""
        found = await messages.my_messages(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), unread_only=unread
        )
        return page(request, found, limit, lambda message: message.id)

    @post(
        "/my-messages/read",
        operation_id="ReadMyMessages",
        status_code=200,
        guards=[signed_in],
        responses=refusals(),
    )
    async def read(
        self, request: ApiRequest, data: JSONBody[Reading], idempotency_key: Key = None
    ) -> Response[Counted]:
        """Mark a message of one's own as read, or all of them."""

        async def act() -> Counted:
            return Counted(await messages.mark_read(by=request.user, message=data.message))

        return await once(request, idempotency_key, act)

    @get("/messages", operation_id="ListMessages", guards=[requires("messages.manage")], responses=refusals())
    async def list_outgoing(
        self,
        request: ApiRequest,
        in_state: Annotated[messages.State | None, QueryParameter(name="state")] = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Response[Page[messages.Outgoing]]:
        """List what was sent by mail and chat, newest first, with what failed and why."""
        found = await messages.outgoing(
            limit=limit + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state
        )
        return page(request, found, limit, lambda message: message.id)

    @post(
        "/messages/{message_id:uuid}/send-again",
        operation_id="SendMessageAgain",
        status_code=200,
        guards=[requires("messages.manage")],
        responses=refusals(404, 409),
    )
    async def send_again(
        self, request: ApiRequest, message_id: FromPath[UUID], idempotency_key: Key = None
    ) -> Response[SentAgain]:
        """Try a message again that failed, or that had no channel."""

        async def act() -> SentAgain:
            await messages.send_again(message_id, by=request.user)
            return SentAgain(message_id)

        return await once(request, idempotency_key, act)
