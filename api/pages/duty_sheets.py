"""Duty sheets (值班表): which are to be checked before a holiday, and each of them."""

from datetime import date

from litestar import get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.assurance import duty_sheets


@get("/duty-sheets", guards=[requires("roster.read")])
async def list_sheets(request: PageRequest, holiday: FromQuery[date | None] = None, cursor: Cursor = None) -> Page:
    """List the contracts with whether their sheet was checked."""
    coming = duty_sheets.holidays()
    chosen = holiday or coming[0].starts_on
    found = await duty_sheets.duty_sheets(
        limit=LENGTH + 1, seen_by=request.user, holiday=chosen, after=decode_cursor(cursor, str) or ""
    )
    shown, following = cut(found, lambda sheet: sheet.contract)
    return Page(
        "duty-sheets/list.html", sheets=shown, holidays=coming, chosen=chosen, cursor=following, first=not cursor
    )


@get("/contracts/{code:str}/duty-sheet", guards=[requires("roster.read")])
async def show_sheet(request: PageRequest, code: FromPath[str], holiday: FromQuery[date | None] = None) -> Page:
    """Show a contract's sheet."""
    return Page(
        "duty-sheets/detail.html", sheet=await duty_sheets.duty_sheet(code, seen_by=request.user, holiday=holiday)
    )


@post("/contracts/{code:str}/duty-sheet/check", guards=[requires("roster.manage")], status_code=303)
async def check(request: PageRequest, code: FromPath[str], holiday: FromQuery[date | None] = None) -> Redirect:
    """Say that it was checked."""
    sheet = await duty_sheets.check_sheet(code, by=request.user, holiday=holiday)
    return Redirect(f"/contracts/{code}/duty-sheet?holiday={sheet.holiday.starts_on.isoformat()}", status_code=303)


handlers = [list_sheets, show_sheet, check]
