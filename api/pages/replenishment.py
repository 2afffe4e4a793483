"""Replenishment: what stores lack, why, and a buyer's answers; several at once."""

from typing import Annotated, Literal
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.forms import Several, Short, moment, quantity, several
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.ground.errors import Invalid
from inventory.places import places
from inventory.procurement import replenishment, replenishment_answers, vendors
from inventory.procurement.replenishment_answers import MOST_AT_ONCE


class NothingChosen(Invalid):
    """No proposal is chosen, or more than {most}."""

    zh = "未选择补货建议，或一次选择超过 {most} 条。"
    help_en = "Tick what is to be ordered, or declined."
    help_zh = "请勾选要处理的补货建议。"


class Answering(Struct, kw_only=True):
    """Some proposals, and what is said of them: of a single one also how many; why not, and until when."""

    answer: Literal["accept", "decline"]
    proposal: Several = ""
    quantity: Short = ""
    reason: Annotated[str, Meta(max_length=2000)] = ""
    until: Short = ""

    def ids(self) -> list[UUID]:
        """Which.

        Raises:
            NothingChosen: none, too many, or what is none.

        """
        chosen = [each for each in several(self.proposal) if each]
        try:
            found = [UUID(each) for each in chosen]
        except ValueError:
            raise NothingChosen(most=MOST_AT_ONCE) from None
        if not 0 < len(found) <= MOST_AT_ONCE:
            raise NothingChosen(most=MOST_AT_ONCE)
        return found


@get("/replenishment", guards=[requires("replenishment.read")])
async def list_proposals(
    request: PageRequest,
    in_state: Annotated[replenishment.State, QueryParameter(name="state")] = "open",
    depot: FromQuery[str | None] = None,
    vendor: FromQuery[str | None] = None,
    urgent: FromQuery[str | None] = None,
    cursor: Cursor = None,
) -> Page:
    """List proposals, the open ones if nothing else is said."""
    found = await replenishment.proposals(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, tuple[bool, UUID]),
        state=in_state,
        depot=depot or None,
        vendor=vendor or None,
        urgent=True if urgent else None,
    )
    shown, following = cut(found, lambda each: [each.urgent, each.id])
    return Page(
        "replenishment/list.html",
        proposals=shown,
        cursor=following,
        first=not cursor,
        state=in_state,
        depot=depot,
        vendor=vendor,
        urgent=urgent,
        stores=await places.stores(limit=500, seen_by=request.user),
        vendors=[each for each in await vendors.vendors(limit=200) if each.active],
    )


@get("/replenishment/{proposal_id:uuid}", guards=[requires("replenishment.read")])
async def show_proposal(request: PageRequest, proposal_id: FromPath[UUID]) -> Page:
    """Show one proposal: its position piece by piece, the offers, the order it would be part of."""
    proposal = await replenishment.proposal_view(proposal_id, seen_by=request.user)
    return Page("replenishment/detail.html", proposal=proposal)


@post("/replenishment", guards=[requires("orders.draft")], status_code=303)
async def answer(request: PageRequest, data: URLEncodedBody[Answering]) -> Redirect:
    """Make order drafts of what is chosen (of one, with the quantity that was typed), or say no to it."""
    ids = data.ids()
    if data.answer == "decline":
        until = moment(data.until, whole_day=True)
        await replenishment_answers.decline(ids, by=request.user, reason=data.reason, until=until)
        return Redirect("/replenishment", status_code=303)
    typed = {ids[0]: quantity(data.quantity)} if len(ids) == 1 and data.quantity.strip() else {}
    drafts = (await replenishment_answers.accept(ids, by=request.user, quantities=typed)).orders
    place = f"/orders/{drafts[0].id}" if len(drafts) == 1 else "/orders?state=draft" if drafts else "/replenishment"
    return Redirect(place, status_code=303)


handlers = [list_proposals, show_proposal, answer]
