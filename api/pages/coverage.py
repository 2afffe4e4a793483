"""The promise meter (保障状态): whether contracts can be held now; from all of it down to one device."""

from typing import Annotated
from urllib.parse import quote

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.attachments import attached
from api.pages.forms import Short, moment
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.assurance.meter import coverage
from inventory.assurance.meter.judging import State
from inventory.ground.clock import ZONE
from inventory.installed_base import devices, warranties
from inventory.places import places
from inventory.requests import repeats
from inventory.returns import debts, loaners, swaps


class LookedUp(Struct, kw_only=True):
    """What the maker said of a device's warranty."""

    result: warranties.LookupResult
    asked: Annotated[str, Meta(min_length=1, max_length=200)]
    warranty_until: Short = ""
    looked_up_at: Short = ""
    remark: Annotated[str, Meta(max_length=2000)] = ""


WORST = 12
"""How many of the worst parts the board names."""

InState = Annotated[State | None, QueryParameter(name="state")]


@get("/coverage", guards=[requires("devices.read")])
async def show_board(request: PageRequest, depot: FromQuery[str | None] = None) -> Page:
    """Show how everything in the reader's scope stands, the worst first."""
    board = await coverage.board(seen_by=request.user, depot=depot or None)
    worst = await coverage.parts(coverage.Filter(depot=depot or None), limit=WORST, seen_by=request.user)
    stores = await places.stores(limit=200, seen_by=request.user)
    return Page("coverage/board.html", board=board, worst=worst, stores=stores, depot=depot)


@get("/coverage/parts", guards=[requires("devices.read")])
async def list_parts(
    request: PageRequest,
    in_state: InState = None,
    contract: FromQuery[str | None] = None,
    site: FromQuery[str | None] = None,
    depot: FromQuery[str | None] = None,
    part: FromQuery[str | None] = None,
    cursor: Cursor = None,
) -> Page:
    """List critical parts by contract and site, the worst first."""
    found = await coverage.parts(
        coverage.Filter(contract=contract or None, site=site or None, depot=depot or None, part_number=part or None),
        limit=LENGTH + 1,
        seen_by=request.user,
        state=in_state,
        after=decode_cursor(cursor, coverage.Place),
    )
    shown, following = cut(found, coverage.place_of)
    stores = await places.stores(limit=200, seen_by=request.user)
    return Page(
        "coverage/parts.html",
        parts=shown,
        cursor=following,
        first=not cursor,
        state=in_state,
        stores=stores,
        asked={"contract": contract, "site": site, "depot": depot, "part": part},
    )


@get("/coverage/devices", guards=[requires("devices.read")])
async def list_devices(
    request: PageRequest,
    in_state: InState = None,
    contract: FromQuery[str | None] = None,
    site: FromQuery[str | None] = None,
    depot: FromQuery[str | None] = None,
    cursor: Cursor = None,
) -> Page:
    """List devices with how they stand."""
    found = await coverage.device_states(
        coverage.Filter(contract=contract or None, site=site or None, depot=depot or None),
        limit=LENGTH + 1,
        seen_by=request.user,
        state=in_state,
        after=decode_cursor(cursor, str) or "",
    )
    shown, following = cut(found, lambda device: device.serial)
    asked = {"contract": contract, "site": site, "depot": depot}
    return Page("coverage/devices.html", devices=shown, cursor=following, first=not cursor, state=in_state, asked=asked)


@get("/contracts/{code:str}/coverage", guards=[requires("devices.read")])
async def show_contract(request: PageRequest, code: FromPath[str]) -> Page:
    """Show how a contract stands, site by site."""
    return Page("coverage/whole.html", whole=await coverage.coverage("contract", code, seen_by=request.user))


@get("/sites/{code:str}/coverage", guards=[requires("devices.read")])
async def show_site(request: PageRequest, code: FromPath[str]) -> Page:
    """Show how a site stands, contract by contract."""
    return Page("coverage/whole.html", whole=await coverage.coverage("site", code, seen_by=request.user))


@get("/depots/{code:str}/coverage", guards=[requires("devices.read")])
async def show_depot(request: PageRequest, code: FromPath[str]) -> Page:
    """Show how what a store serves stands, contract by contract."""
    return Page("coverage/whole.html", whole=await coverage.coverage("depot", code, seen_by=request.user))


@get("/devices/{serial:str}/coverage", guards=[requires("devices.read")])
async def show_device(request: PageRequest, serial: FromPath[str]) -> Page:
    """Show whether each critical part of a device can come in time now."""
    device = await coverage.device_cover(serial, seen_by=request.user)
    reads = request.user.may("requests.read")
    looked_up = await warranties.lookups(device.serial, seen_by=request.user)
    return Page(
        "coverage/device.html",
        device=device,
        lookups=looked_up,
        files=await attached(request, "warranty_lookup", looked_up[0].id) if looked_up else None,
        record=await devices.device(device.serial, seen_by=request.user),
        swaps=await swaps.swaps(limit=20, seen_by=request.user, device=device.serial) if reads else [],
        loans=await loaners.loans(limit=20, seen_by=request.user, device=device.serial) if reads else [],
        repeats=await repeats.of_device(device.serial, seen_by=request.user),
        owed=await debts.debts(limit=50, seen_by=request.user, state=None, device=device.serial)
        if request.user.may("returns.read")
        else [],
    )


@post("/devices/{serial:str}/warranty-lookups", guards=[requires("warranties.record")], status_code=303)
async def record_lookup(request: PageRequest, serial: FromPath[str], data: URLEncodedBody[LookedUp]) -> Redirect:
    """Record what the maker said of a device's warranty."""
    until = moment(data.warranty_until)
    await warranties.record_lookup(
        serial,
        data.result,
        by=request.user,
        asked=data.asked.strip(),
        warranty_until=until.astimezone(ZONE).date() if until else None,
        looked_up_at=moment(data.looked_up_at),
        remark=data.remark.strip(),
    )
    return Redirect(f"/devices/{quote(serial, safe='')}/coverage", status_code=303)


handlers = [show_board, list_parts, list_devices, show_contract, show_site, show_depot, show_device, record_lookup]
