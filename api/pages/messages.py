"""My messages (我的消息): what the reader was told; and for administrators what left the house, and how."""

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect

from api.access import requires, signed_in
from api.answers import Cursor, decode_cursor
from api.channels.wording import worded
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest, language_of
from inventory.people import messages


@get("/messages", guards=[signed_in])
async def list_mine(request: PageRequest, cursor: Cursor = None) -> Page:
    """List what the reader was told, newest first."""
    found = await messages.my_messages(limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID))
    shown, following = cut(found, lambda message: message.id)
    return Page(
        "messages/mine.html",
        messages=[(message, _words(request, message)) for message in shown],
        cursor=following,
        first=not cursor,
    )


@post("/messages/read", guards=[signed_in], status_code=303)
async def read_all(request: PageRequest) -> Redirect:
    """Mark all of them as read."""
    await messages.mark_read(by=request.user)
    return Redirect("/messages", status_code=303)


@get("/messages/outgoing", guards=[requires("messages.manage")])
async def list_outgoing(
    request: PageRequest,
    in_state: Annotated[messages.State | None, QueryParameter(name="state")] = None,
    cursor: Cursor = None,
) -> Page:
    """List what was sent by mail and chat, and what went wrong."""
    found = await messages.outgoing(
        limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state
    )
    shown, following = cut(found, lambda message: message.id)
    return Page(
        "messages/outgoing.html",
        messages=[(message, _words(request, message)) for message in shown],
        cursor=following,
        state=in_state,
        first=not cursor,
    )


@post("/messages/{message_id:uuid}/send-again", guards=[requires("messages.manage")], status_code=303)
async def send_again(request: PageRequest, message_id: FromPath[UUID]) -> Redirect:
    """Try one again."""
    await messages.send_again(message_id, by=request.user)
    return Redirect("/messages/outgoing", status_code=303)


def _words(request: PageRequest, message: messages.MessageView | messages.Outgoing) -> object:
    return worded(message.kind, message.facts, language_of(request), request.state.get("places", {}))


handlers = [list_mine, read_all, list_outgoing, send_again]
