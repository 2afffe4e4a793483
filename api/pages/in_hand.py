"""In-hand parts (在手备件): what an engineer holds, what is handed to them, and where it goes next; made for the phone."""

from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect
from msgspec import Struct

from api.access import requires
from api.pages.attachments import attached
from api.pages.forms import Long, Reason, Short, moment, quantity, words
from api.pages.rendering import Page, PageRequest
from api.papers import assembling
from inventory.places import places
from inventory.stock import handovers, keeping


class Giving(Struct, kw_only=True):
    """What is handed over, and to whom."""

    from_place: Short
    to_place: Short
    part_number: Short
    quantity: Short = "1"
    serials: Long = ""
    pool: Short = "common"
    remark: Short = ""
    return_by: Short = ""


class Issuing(Struct, kw_only=True):
    """What was scanned, and where it is used."""

    depot: Short
    codes: Long
    to: Short = "ISSUED"
    reference: Short = ""


@get("/my-parts", guards=[requires("handovers.make")])
async def show_in_hand(request: PageRequest) -> Page:
    """Show what the reader holds, and what waits for their hand."""
    own = await keeping.stock_of(request.user.person_id)
    mine = await keeping.kept_by(request.user, limit=50)
    codes = {store.depot for store in mine}
    under_way = await handovers.handovers(limit=100, seen_by=request.user, state="given")
    return Page(
        "in-hand/list.html",
        own=own,
        kept=mine,
        parts=await handovers.in_hand(of=request.user, limit=200),
        coming=[
            each for each in under_way if each.to_place in codes or (not own and request.user.may("stock.receive"))
        ],
        going=[each for each in under_way if each.from_place in codes],
        done=[
            each
            for each in await handovers.handovers(limit=20, seen_by=request.user, state="accepted")
            if codes & {each.from_place, each.to_place} or request.user.may("stock.receive")
        ],
        takers=await keeping.takers(limit=500),
    )


@get("/handovers/{handover_id:uuid}", guards=[requires("documents.read")])
async def show_handover(request: PageRequest, handover_id: FromPath[UUID]) -> Page:
    """Show one handover, with its loan note or the note of its return."""
    found = await handovers.handover_view(handover_id, seen_by=request.user)
    kinds = await places.kinds_of([found.from_place, found.to_place])
    return Page(
        "in-hand/detail.html",
        handover=found,
        form=assembling.form_of(found, kinds),
        files=await attached(request, "handover", handover_id),
    )


@post("/my-parts/give", guards=[requires("handovers.make")], status_code=303)
async def give(request: PageRequest, data: URLEncodedBody[Giving]) -> Redirect:
    """Hand a part over or back."""
    serials = words(data.serials)
    item = handovers.Item(
        part_number=data.part_number.strip(),
        quantity=len(set(serials)) or quantity(data.quantity),
        serials=serials,
        pool=data.pool,
    )
    await handovers.give(
        data.from_place,
        data.to_place,
        [item],
        by=request.user,
        remark=data.remark.strip(),
        return_by=moment(data.return_by),
    )
    return Redirect("/my-parts", status_code=303)


@post("/my-parts/issue", guards=[requires("handovers.make")], status_code=303)
async def issue(request: PageRequest, data: URLEncodedBody[Issuing]) -> Redirect:
    """Use parts of one's own or of a store one keeps."""
    scanned = [keeping.Scanned(code=code) for code in words(data.codes)]
    await keeping.issue_by_scan(
        data.depot, scanned, by=request.user, to=data.to.strip() or "ISSUED", reference=data.reference.strip() or None
    )
    return Redirect("/my-parts", status_code=303)


@post("/my-parts/{handover_id:uuid}/accept", guards=[requires("handovers.make")], status_code=303)
async def accept(request: PageRequest, handover_id: FromPath[UUID]) -> Redirect:
    """Take it into one's hands."""
    await handovers.accept(handover_id, by=request.user)
    return Redirect("/my-parts", status_code=303)


@post("/my-parts/{handover_id:uuid}/decline", guards=[requires("handovers.make")], status_code=303)
async def decline(request: PageRequest, handover_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Do not take it, or take it back."""
    await handovers.decline(handover_id, by=request.user, reason=data.reason)
    return Redirect("/my-parts", status_code=303)


handlers = [show_in_hand, show_handover, give, issue, accept, decline]
