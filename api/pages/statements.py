"""Parts statements: what is kept for a contract, for us, for print, and for the customer's inspector by a link."""

from datetime import timedelta
from uuid import UUID

from litestar import get, post
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect
from msgspec import Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.forms import Short, quantity
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from api.shared import path_of, token_of
from inventory.assurance import shared_links, statements
from inventory.assurance.meter import coverage
from inventory.ground import clock


class Sharing(Struct, kw_only=True):
    """For how many days, and for whom."""

    days: Short = "30"
    remark: Short = ""


class Line(Struct, kw_only=True):
    """Which line is to be counted again."""

    depot: Short
    part_number: Short


@get("/statements", guards=[requires("stock.read")])
async def list_statements(request: PageRequest, cursor: Cursor = None) -> Page:
    """List the contracts whose statement the reader may see."""
    found = await statements.statements(limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, str) or "")
    shown, following = cut(found, lambda each: each.contract)
    meter = await coverage.states_of_contracts([each.contract for each in shown], seen_by=request.user)
    return Page("statements/list.html", statements=shown, meter=meter, cursor=following, first=not cursor)


@get("/contracts/{code:str}/statement", guards=[requires("stock.read")])
async def show_statement(request: PageRequest, code: FromPath[str]) -> Page:
    """Show a contract's statement."""
    return await _shown(request, code)


async def _shown(request: PageRequest, code: str, *, made: str | None = None) -> Page:
    found = await statements.statement(code, seen_by=request.user)
    shares = request.user.may("statements.share")
    links = await shared_links.links(code, limit=20, seen_by=request.user) if shares else []
    address = {"HX-Replace-Url": f"/contracts/{code}/statement"} if made else None
    stands = (await coverage.states_of_contracts([code], seen_by=request.user)).get(code)
    return Page("statements/detail.html", headers=address, statement=found, links=links, made=made, stands=stands)


@post("/contracts/{code:str}/statement/links", guards=[requires("statements.share")], status_code=200)
async def share(request: PageRequest, code: FromPath[str], data: URLEncodedBody[Sharing]) -> Page:
    """Make a link; its address is shown this once."""
    until = clock.now() + timedelta(days=quantity(data.days))
    made = await shared_links.share(code, by=request.user, expires_at=until, remark=data.remark.strip())
    path = path_of(made.token or "", request.app.state["settings"].secret)
    return await _shown(request, code, made=f"{request.url.scheme}://{request.url.netloc}{path}")


@post(
    "/contracts/{code:str}/statement/links/{link_id:uuid}/revoke",
    guards=[requires("statements.share")],
    status_code=303,
)
async def revoke(request: PageRequest, code: FromPath[str], link_id: FromPath[UUID]) -> Redirect:
    """End a link at once."""
    await shared_links.revoke(link_id, by=request.user)
    return Redirect(f"/contracts/{code}/statement", status_code=303)


@post("/contracts/{code:str}/statement/recount", guards=[requires("recounts.ask")], status_code=303)
async def recount(request: PageRequest, code: FromPath[str], data: URLEncodedBody[Line]) -> Redirect:
    """Have a line counted again on the spot, and go to the sheet."""
    sheet = await statements.ask_recount(code, data.depot, data.part_number, by=request.user)
    return Redirect(f"/counts/{sheet.id}", status_code=303)


@get("/s/{signed:str}")
async def open_link(request: PageRequest, signed: FromPath[str]) -> Page:
    """Show a contract's statement to whoever holds its link."""
    token = token_of(signed, request.app.state["settings"].secret)
    if token is None:
        raise shared_links.LinkOver
    return Page("statements/shared.html", statement=await shared_links.open_link(token))


handlers = [list_statements, show_statement, share, revoke, recount, open_link]
