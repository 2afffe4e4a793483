"""Transfers: stock on its way from one store to another."""

from typing import Annotated, get_args
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.attachments import attached
from api.pages.forms import Long, Reason, Several, Short, part_lines, quantity, rows, words
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from api.pages.shipments import Sending
from inventory.assurance.meter import previewing
from inventory.places import places
from inventory.stock import losses, pools, shipments, transfers


class Drafting(Struct, kw_only=True):
    """What is sent from where to where; a line's part and quantity stand at the same place of their lists."""

    from_depot: Short
    to_depot: Short
    part_number: Several
    quantity: Several
    mode: Annotated[str, Meta(max_length=40)] = ""
    pool: Short = pools.COMMON
    owner: Short = ""

    def items(self) -> list[transfers.TransferItem]:
        """The lines that name a part."""
        return [
            transfers.TransferItem(part_number=part, quantity=count, pool=self.pool, owner=self.owner or None)
            for part, count in part_lines(self.part_number, self.quantity)
        ]


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
        for part, count in rows(self.part_number, self.quantity):
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


@get("/transfers/new", guards=[requires("stock.transfer")])
async def new_transfer(request: PageRequest, part: FromQuery[str] = "") -> Page:
    """Ask what is to be sent from where to where."""
    return Page(
        "transfers/new.html",
        part=part[:200],
        origins=await places.stores(limit=200, seen_by=request.user),
        pools=await pools.pool_codes(limit=200),
        owners=await places.owners(limit=500),
    )


@get("/transfers/new/lanes", guards=[requires("stock.transfer")])
async def show_lanes(from_depot: FromQuery[str] = "", to_depot: FromQuery[str] = "") -> Page:
    """Show the ways between two stores, while the form is being filled in."""
    return Page("transfers/lanes.html", lanes=await places.lanes_between(from_depot, to_depot), chosen=to_depot)


@post("/transfers/new", guards=[requires("stock.transfer")], status_code=303)
async def draft(request: PageRequest, data: URLEncodedBody[Drafting]) -> Redirect:
    """Promise stock of one store to another."""
    transfer = await transfers.draft_transfer(
        data.from_depot,
        data.to_depot,
        data.items(),
        by=request.user,
        mode=data.mode if data.mode in get_args(shipments.Mode) else None,
    )
    return Redirect(f"/transfers/{transfer.id}", status_code=303)


@get("/transfers/{transfer_id:uuid}", guards=[requires("documents.read")])
async def show_transfer(request: PageRequest, transfer_id: FromPath[UUID]) -> Page:
    """Show one transfer."""
    transfer = await transfers.transfer_view(transfer_id, seen_by=request.user)
    takings = [
        previewing.Taking(
            part_number=line.part_number, depot=transfer.from_depot, pool=line.pool, quantity=line.quantity
        )
        for line in transfer.lines
        if line.ours
    ]
    waits = transfer.state in ("proposed", "draft")
    cost = await previewing.cover_lost_by(takings, seen_by=request.user, held=True) if waits and takings else None
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


handlers = [list_transfers, new_transfer, show_lanes, draft, show_transfer, ship, take_in, cancel, lost, found]
