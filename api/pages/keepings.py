"""Stores: whether one gives, who holds its key and how often it is counted again; engineers' stocks."""

from urllib.parse import quote

from litestar import get, post
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect
from msgspec import Struct

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.pages.forms import Reason, Short, quantity
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.assurance import stores
from inventory.ground import audit
from inventory.places import places, register
from inventory.stock import keeping


class Appointing(Struct, kw_only=True):
    """Who holds the key, and every how many days it is counted; empty for nobody, and for no duty."""

    key_holder: Short = ""
    recount_days: Short = ""

    def days(self) -> int | None:
        """Every how many days."""
        return quantity(self.recount_days) if self.recount_days.strip() else None


class AppointingAt(Appointing, kw_only=True):
    """The same, with the store."""

    depot: Short


class SettingUp(Struct, kw_only=True):
    """Which engineer gets a stock, and every how many days it is counted."""

    engineer: Short
    recount_days: Short = "30"


@get("/depots/{code:str}", guards=[requires("documents.read")])
async def show_store(request: PageRequest, code: FromPath[str]) -> Page:
    """Show a store: what lies and waits there, and since when it gives nothing where it does not."""
    store = await places.store(code, seen_by=request.user)
    return Page(
        "keepings/store.html",
        depot=store,
        waiting=await stores.waiting_at(code, seen_by=request.user),
        changes=await audit.entries(limit=20, subject=code, subject_kind="depot"),
    )


@post("/depots/{code:str}/out-of-service", guards=[requires("keepings.manage")], status_code=303)
async def take_out_of_service(request: PageRequest, code: FromPath[str], data: URLEncodedBody[Reason]) -> Redirect:
    """Say that a store can give nothing for now."""
    await register.take_out_of_service(code, by=request.user, reason=data.reason)
    return Redirect(f"/depots/{quote(code, safe='')}", status_code=303)


@post("/depots/{code:str}/in-service", guards=[requires("keepings.manage")], status_code=303)
async def return_to_service(request: PageRequest, code: FromPath[str], data: URLEncodedBody[Reason]) -> Redirect:
    """Say that a store gives again."""
    await register.return_to_service(code, by=request.user, reason=data.reason)
    return Redirect(f"/depots/{quote(code, safe='')}", status_code=303)


@get("/keepings", guards=[requires("documents.read")])
async def list_keepings(request: PageRequest, cursor: Cursor = None) -> Page:
    """List stores with their key-holders."""
    found = await keeping.keepings(limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, str) or "")
    shown, following = cut(found, lambda each: each.depot)
    known = await places.stores(limit=200, seen_by=request.user)
    return Page("keepings/list.html", keepings=shown, cursor=following, first=not cursor, stores=known)


@post("/keepings", guards=[requires("keepings.manage")], status_code=303)
async def appoint_at(request: PageRequest, data: URLEncodedBody[AppointingAt]) -> Redirect:
    """Name the key-holder of a store that had none."""
    await keeping.appoint(data.depot, data.key_holder.strip() or None, by=request.user, recount_days=data.days())
    return Redirect("/keepings", status_code=303)


@post("/keepings/{depot:str}", guards=[requires("keepings.manage")], status_code=303)
async def appoint(request: PageRequest, depot: FromPath[str], data: URLEncodedBody[Appointing]) -> Redirect:
    """Name who holds a store's key from now on."""
    await keeping.appoint(depot, data.key_holder.strip() or None, by=request.user, recount_days=data.days())
    return Redirect("/keepings", status_code=303)


@post("/engineer-stocks", guards=[requires("keepings.manage")], status_code=303)
async def set_up_stock(request: PageRequest, data: URLEncodedBody[SettingUp]) -> Redirect:
    """Give an engineer a stock of their own."""
    days = quantity(data.recount_days) if data.recount_days.strip() else None
    await keeping.set_up_stock(data.engineer.strip(), by=request.user, recount_days=days)
    return Redirect("/keepings", status_code=303)


handlers = [show_store, take_out_of_service, return_to_service, list_keepings, appoint_at, appoint, set_up_stock]
