"""Transfers: stock on its way from one store to another."""

from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.attachments import attached
from api.pages.forms import Long, Reason, Several, quantity, several, words
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from api.pages.shipments import Sending
from inventory.assurance.meter import previewing
from inventory.stock import losses, transfers


class Shipping(Sending, kw_only=True):
    """Which units leave, and how."""

    serials: Long = ""


class TakingIn(Struct, kw_only=True):
    """What of a transfer arrived, line by line."""

    part_number: Several
    quantity: Several
    reason: str = ""

    def received(self) -> dict[str, int]:
        """How many of each part arrived; the lines of one part, in several pools, are added up."""
        counts: dict[str, int] = {}
        for part, count in zip(several(self.part_number), several(self.quantity), strict=True):
            counts[part] = counts.get(part, 0) + quantity(count or "0", least=0)
        return counts


@get("/transfers", guards=[requires("documents.read")])
async def list_transfers(
    request: PageRequest,
    in_state: Annotated[transfers.State | None, QueryParameter(name="state")] = None,
    cursor: Cursor = None,
) -> Page:
    """List transfers, newest first."""
    found = await transfers.transfers(
        limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state
    )
    shown, following = cut(found, lambda transfer: transfer.id)
    return Page("transfers/list.html", transfers=shown, cursor=following, state=in_state, first=not cursor)


@get("/transfers/{transfer_id:uuid}", guards=[requires("documents.read")])
async def show_transfer(request: PageRequest, transfer_id: FromPath[UUID]) -> Page:
    """Show one transfer."""
    transfer = await transfers.transfer_view(transfer_id, seen_by=request.user)
    takings = [
        previewing.Taking(
            part_number=line.part_number, depot=transfer.from_depot, pool=line.pool, quantity=line.quantity
        )
        for line in transfer.lines
    ]
    waits = transfer.state in ("proposed", "draft")
    cost = await previewing.cover_lost_by(takings, seen_by=request.user, held=True) if waits else None
    files = await attached(request, "transfer", transfer_id)
    return Page("transfers/detail.html", transfer=transfer, files=files, cost=cost)


@post("/transfers/{transfer_id:uuid}/ship", guards=[requires("stock.transfer")], status_code=303)
async def ship(request: PageRequest, transfer_id: FromPath[UUID], data: URLEncodedBody[Shipping]) -> Redirect:
    """Hand a transfer to the carrier."""
    await transfers.ship(transfer_id, by=request.user, serials=words(data.serials), how=data.told())
    return Redirect(f"/transfers/{transfer_id}", status_code=303)


@post("/transfers/{transfer_id:uuid}/receive", guards=[requires("stock.transfer")], status_code=303)
async def take_in(request: PageRequest, transfer_id: FromPath[UUID], data: URLEncodedBody[TakingIn]) -> Redirect:
    """Take a transfer in."""
    await transfers.take_in(transfer_id, by=request.user, received=data.received(), reason=data.reason.strip())
    return Redirect(f"/transfers/{transfer_id}", status_code=303)


@post("/transfers/{transfer_id:uuid}/cancel", guards=[requires("stock.transfer")], status_code=303)
async def cancel(request: PageRequest, transfer_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Give up a transfer that has not shipped."""
    await transfers.cancel(transfer_id, by=request.user, reason=data.reason)
    return Redirect(f"/transfers/{transfer_id}", status_code=303)


@post("/transfers/{transfer_id:uuid}/lost", guards=[requires("stock.adjust")], status_code=303)
async def lost(request: PageRequest, transfer_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Declare that what is still on the road is lost."""
    await losses.declare_lost(transfer_id, by=request.user, reason=data.reason)
    return Redirect(f"/transfers/{transfer_id}", status_code=303)


@post("/transfers/{transfer_id:uuid}/found", guards=[requires("stock.adjust")], status_code=303)
async def found(request: PageRequest, transfer_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Take a declared loss back: it is on the road again."""
    await losses.find_again(transfer_id, by=request.user, reason=data.reason)
    return Redirect(f"/transfers/{transfer_id}", status_code=303)


handlers = [list_transfers, show_transfer, ship, take_in, cancel, lost, found]
