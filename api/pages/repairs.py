"""Repairs on pages: the bench and the vendors, one repair with what may be done, lead times; and customers' own units."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.attachments import attached
from api.pages.forms import Reason, Short, number, quantity, whole, words
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.places import places
from inventory.requests import failure_analysis
from inventory.returns import collecting, repairs
from inventory.stock.shipments import SignatureUnreadable

Said = Annotated[str, Meta(max_length=2000)]
STORES = 500
SHOWN = 12
"""How many lead times stand beside the repairs."""


class NewRepair(Struct, kw_only=True):
    """A unit to repair on our own bench."""

    depot: Short
    part_number: Short
    serial: Short
    complaint: Said = ""
    failure_code: Short = ""


class PartIn(Struct, kw_only=True):
    """A part that goes into the unit."""

    part_number: Short
    quantity: Short = "1"
    serials: Said = ""


class Finished(Struct, kw_only=True):
    """What was found and done, and what it took."""

    resolution_code: repairs.Resolution
    resolution: Said = ""
    diagnosis: Said = ""
    failure_code: Short = ""
    labour_minutes: Short = "0"
    labour_cny: Short = ""


class Tested(Struct, kw_only=True):
    """What was tested, and whether it passed."""

    finding: Said = ""
    passed: Short = ""


class Planned(Struct, kw_only=True):
    """A customer's unit to fetch."""

    device: Short
    depot: Short
    part_number: Short
    serial: Short
    complaint: Said = ""
    accessories: Said = ""


class Given(Struct, kw_only=True):
    """Who gave the unit; what stands on its label."""

    given_by: Short
    serial: Short = ""
    accessories: Said = ""


class SignedFor(Struct, kw_only=True):
    """Who took the unit over; the strokes come from the screen as JSON."""

    signed_by: Short
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


def _to(repair: UUID) -> Redirect:
    return Redirect(f"/repairs/{repair}", status_code=303)


def _back(collection: UUID) -> Redirect:
    return Redirect(f"/collections/{collection}", status_code=303)


@get("/repairs", guards=[requires("repairs.read")])
async def list_repairs(
    request: PageRequest,
    in_state: Annotated[repairs.State | None, QueryParameter(name="state")] = None,
    bench: FromQuery[repairs.Bench | None] = None,
    depot: FromQuery[str] = "",
    part: FromQuery[str] = "",
    serial: FromQuery[str] = "",
    cursor: Cursor = None,
) -> Page:
    """List repairs, newest first, and how long they take."""
    found = await repairs.repairs(
        limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state, bench=bench
    )
    shown, following = cut(found, lambda repair: repair.id)
    return Page(
        "repairs/list.html",
        repairs=shown,
        lead_times=await repairs.lead_times(limit=SHOWN, seen_by=request.user),
        stores=await places.stores(limit=STORES, seen_by=request.user),
        codes=await failure_analysis.codes_in_use() if request.user.may("repairs.work") else [],
        in_state=in_state,
        bench=bench,
        depot=depot,
        part=part,
        serial=serial,
        cursor=following,
        first=not cursor,
    )


@post("/repairs", guards=[requires("repairs.work")], status_code=303)
async def open_repair(request: PageRequest, data: URLEncodedBody[NewRepair]) -> Redirect:
    """Open the repair of a unit on our own bench."""
    opened = await repairs.open_repair(
        data.depot,
        data.part_number.strip(),
        data.serial.strip(),
        by=request.user,
        complaint=data.complaint,
        failure_code=data.failure_code.strip() or None,
    )
    return _to(opened.id)


@get("/repairs/{repair_id:uuid}", guards=[requires("repairs.read")])
async def show_repair(request: PageRequest, repair_id: FromPath[UUID]) -> Page:
    """Show one repair with what it took and what may be done."""
    return Page(
        "repairs/detail.html",
        repair=await repairs.repair_view(repair_id, seen_by=request.user),
        files=await attached(request, "repair_order", repair_id),
        codes=await failure_analysis.codes_in_use() if request.user.may("repairs.work") else [],
    )


@post("/repairs/{repair_id:uuid}/start", guards=[requires("repairs.work")], status_code=303)
async def start(request: PageRequest, repair_id: FromPath[UUID]) -> Redirect:
    """Begin the work."""
    await repairs.start(repair_id, by=request.user)
    return _to(repair_id)


@post("/repairs/{repair_id:uuid}/parts", guards=[requires("repairs.work")], status_code=303)
async def use_part(request: PageRequest, repair_id: FromPath[UUID], data: URLEncodedBody[PartIn]) -> Redirect:
    """Take a part out of good stock into the unit."""
    await repairs.use_part(
        repair_id,
        data.part_number.strip(),
        by=request.user,
        quantity=quantity(data.quantity),
        serials=words(data.serials),
    )
    return _to(repair_id)


@post("/repairs/{repair_id:uuid}/finish", guards=[requires("repairs.work")], status_code=303)
async def finish(request: PageRequest, repair_id: FromPath[UUID], data: URLEncodedBody[Finished]) -> Redirect:
    """Say what was found and done."""
    await repairs.finish(
        repair_id,
        data.resolution_code,
        data.resolution,
        by=request.user,
        diagnosis=data.diagnosis,
        failure_code=data.failure_code.strip() or None,
        labour_minutes=whole(data.labour_minutes or "0", least=0, most=100_000),
        labour_cny=number(data.labour_cny, least=0, most=1_000_000_000) if data.labour_cny.strip() else None,
    )
    return _to(repair_id)


@post("/repairs/{repair_id:uuid}/test", guards=[requires("stock.inspect")], status_code=303)
async def test(request: PageRequest, repair_id: FromPath[UUID], data: URLEncodedBody[Tested]) -> Redirect:
    """Find that the unit passed its test, or did not."""
    found = repairs.pass_test if data.passed else repairs.fail_test
    await found(repair_id, data.finding, by=request.user)
    return _to(repair_id)


@post("/repairs/{repair_id:uuid}/give-up", guards=[requires("repairs.work")], status_code=303)
async def give_up(request: PageRequest, repair_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Say that the unit is beyond economic repair."""
    await repairs.give_up(repair_id, by=request.user, reason=data.reason)
    return _to(repair_id)


@post("/repairs/{repair_id:uuid}/cancel", guards=[requires("repairs.work")], status_code=303)
async def cancel(request: PageRequest, repair_id: FromPath[UUID], data: URLEncodedBody[Reason]) -> Redirect:
    """Close a repair that is not to be done."""
    await repairs.cancel(repair_id, by=request.user, reason=data.reason)
    return _to(repair_id)


@get("/collections", guards=[requires("repairs.read")])
async def list_collections(
    request: PageRequest,
    in_state: Annotated[collecting.State | None, QueryParameter(name="state")] = None,
    cursor: Cursor = None,
) -> Page:
    """List customers' own units, newest first."""
    found = await collecting.collections(
        limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID), state=in_state
    )
    shown, following = cut(found, lambda collection: collection.id)
    return Page(
        "repairs/collections.html",
        collections=shown,
        stores=await places.stores(limit=STORES, seen_by=request.user),
        in_state=in_state,
        cursor=following,
        first=not cursor,
    )


@post("/collections", guards=[requires("collections.make")], status_code=303)
async def plan(request: PageRequest, data: URLEncodedBody[Planned]) -> Redirect:
    """Have a customer's unit fetched."""
    planned = await collecting.plan(
        collecting.NewCollection(
            device=data.device.strip(),
            depot=data.depot,
            part_number=data.part_number.strip(),
            serial=data.serial.strip(),
            complaint=data.complaint,
            accessories=data.accessories,
        ),
        by=request.user,
    )
    return _back(planned.id)


@get("/collections/{collection_id:uuid}", guards=[requires("repairs.read")])
async def show_collection(request: PageRequest, collection_id: FromPath[UUID]) -> Page:
    """Show one collection with what may be done."""
    return Page(
        "repairs/collection.html",
        view=await collecting.collection_view(collection_id, seen_by=request.user),
        files=await attached(request, "collection", collection_id),
    )


@get("/collections/{collection_id:uuid}/signature.svg", guards=[requires("repairs.read")])
async def signature(request: PageRequest, collection_id: FromPath[UUID]) -> Response[bytes]:
    """Show the signature for a unit that was brought back."""
    drawn = await collecting.signature(collection_id, seen_by=request.user)
    return Response(drawn, media_type="image/svg+xml")


@post("/collections/{collection_id:uuid}/collect", guards=[requires("collections.make")], status_code=303)
async def collect(request: PageRequest, collection_id: FromPath[UUID], data: URLEncodedBody[Given]) -> Redirect:
    """Take a fetched unit in."""
    await collecting.collect(
        collection_id,
        by=request.user,
        given_by=data.given_by,
        serial=data.serial.strip() or None,
        accessories=data.accessories.strip() or None,
    )
    return _back(collection_id)


@post("/collections/{collection_id:uuid}/bring-back", guards=[requires("collections.make")], status_code=303)
async def bring_back(request: PageRequest, collection_id: FromPath[UUID], data: URLEncodedBody[SignedFor]) -> Redirect:
    """Give a unit back at its site against a signature."""
    await collecting.bring_back(collection_id, by=request.user, signed_by=data.signed_by, strokes=data.drawn())
    return _back(collection_id)


@post("/collections/{collection_id:uuid}/cancel", guards=[requires("collections.make")], status_code=303)
async def cancel_collection(
    request: PageRequest, collection_id: FromPath[UUID], data: URLEncodedBody[Reason]
) -> Redirect:
    """Give up a collection that was not made."""
    await collecting.cancel(collection_id, by=request.user, reason=data.reason)
    return _back(collection_id)


handlers = [
    list_repairs,
    open_repair,
    show_repair,
    start,
    use_part,
    finish,
    test,
    give_up,
    cancel,
    list_collections,
    plan,
    show_collection,
    signature,
    collect,
    bring_back,
    cancel_collection,
]
