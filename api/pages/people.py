"""People and systems: who signs in with which roles, keys of people and of systems, and one's own account."""

from typing import Annotated, Literal
from uuid import UUID

from litestar import get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import requires, signed_in
from api.answers import Cursor, decode_cursor
from api.languages import COOKIE as LANGUAGE_COOKIE
from api.pages.forms import Short, moment
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from api.pages.sessions import A_YEAR
from api.settings import Settings
from inventory.master_data import records
from inventory.people import accounts, keys, persons
from inventory.people.roles import ROLES

Password = Annotated[str, Meta(max_length=200)]


class NewPerson(Struct, kw_only=True):
    """Who is to sign in."""

    username: Annotated[str, Meta(min_length=2, max_length=100, pattern=r"^[A-Za-z0-9._@-]+$")]
    name_zh: Annotated[str, Meta(min_length=1, max_length=200)]
    name_en: Annotated[str, Meta(min_length=1, max_length=200)]
    password: Password
    language: Literal["zh", "en"] = "zh"
    phone: Short = ""
    email: Short = ""


class Granting(Struct, kw_only=True):
    """A role, and where it holds; everywhere where nothing is named."""

    role: Short
    depot: Short = ""
    contract: Short = ""
    vendor: Short = ""


class NewKey(Granting, kw_only=True):
    """What the key is called, whose it is (nobody's is a system's), what it may do, and until when."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    person: Short = ""
    expires_at: Short = ""


class Activity(Struct, kw_only=True):
    """Whether somebody may sign in."""

    active: Literal["yes", "no"]


class Resetting(Struct, kw_only=True):
    """A new password."""

    password: Password


class OwnPassword(Struct, kw_only=True):
    """The present password and the new one."""

    old: Password
    new: Password


class OwnLanguage(Struct, kw_only=True):
    """The language of the pages."""

    language: Literal["zh", "en"]


async def _scopes(request: PageRequest) -> dict[str, list[records.Choice]]:
    """What a role may be bound to: stores, contracts, vendors."""
    return {
        "depots": await records.named(records.kind_of("depots"), seen_by=request.user),
        "contracts": await records.named(records.kind_of("contracts"), seen_by=request.user),
        "vendors": await records.named(records.kind_of("vendors"), seen_by=request.user),
    }


@get("/people", guards=[requires("people.manage")])
async def list_people(request: PageRequest, cursor: Cursor = None) -> Page:
    """List everybody."""
    found = await persons.people(limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, str) or "")
    shown, following = cut(found, lambda person: person.username)
    return Page("people/list.html", people=shown, cursor=following, first=not cursor)


@get("/people/new", guards=[requires("people.manage")])
async def new_person() -> Page:
    """Ask who is to sign in."""
    return Page("people/new.html")


@post("/people/new", guards=[requires("people.manage")], status_code=303)
async def add_person(request: PageRequest, data: URLEncodedBody[NewPerson]) -> Redirect:
    """Add somebody; their roles are given on their page."""
    await persons.add_person(
        persons.NewPerson(
            username=data.username,
            name_zh=data.name_zh.strip(),
            name_en=data.name_en.strip(),
            password=data.password,
            language=data.language,
            phone=data.phone.strip() or None,
            email=data.email.strip() or None,
        ),
        by=request.user,
    )
    return Redirect(f"/people/{data.username}", status_code=303)


@get("/people/{username:str}", guards=[requires("people.manage")])
async def show_person(request: PageRequest, username: FromPath[str]) -> Page:
    """Show somebody with their roles."""
    found = await accounts.account(username, seen_by=request.user)
    return Page("people/detail.html", account=found, roles=list(ROLES), scopes=await _scopes(request))


@post("/people/{username:str}/roles", guards=[requires("people.manage")], status_code=303)
async def grant(request: PageRequest, username: FromPath[str], data: URLEncodedBody[Granting]) -> Redirect:
    """Give somebody a role."""
    await persons.grant_role(
        username,
        data.role,
        by=request.user,
        depot=data.depot or None,
        contract=data.contract or None,
        vendor=data.vendor or None,
    )
    return Redirect(f"/people/{username}", status_code=303)


@post("/people/{username:str}/roles/{role_grant:int}/withdraw", guards=[requires("people.manage")], status_code=303)
async def withdraw(request: PageRequest, username: FromPath[str], role_grant: FromPath[int]) -> Redirect:
    """Take a role back."""
    await accounts.withdraw_role(username, role_grant, by=request.user)
    return Redirect(f"/people/{username}", status_code=303)


@post("/people/{username:str}/active", guards=[requires("people.manage")], status_code=303)
async def set_active(request: PageRequest, username: FromPath[str], data: URLEncodedBody[Activity]) -> Redirect:
    """Shut somebody out, or let them in again."""
    await accounts.set_active(username, by=request.user, active=data.active == "yes")
    return Redirect(f"/people/{username}", status_code=303)


@post("/people/{username:str}/password", guards=[requires("people.manage")], status_code=303)
async def reset_password(request: PageRequest, username: FromPath[str], data: URLEncodedBody[Resetting]) -> Redirect:
    """Give somebody a new password."""
    await accounts.reset_password(username, data.password, by=request.user)
    return Redirect(f"/people/{username}", status_code=303)


async def _keys_page(request: PageRequest, cursor: str | None = None, made: keys.KeyView | None = None) -> Page:
    found = await keys.keys(limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, UUID))
    shown, following = cut(found, lambda key: key.id)
    return Page(
        "people/keys.html",
        keys=shown,
        cursor=following,
        first=not cursor,
        made=made,
        roles=list(ROLES),
        scopes=await _scopes(request),
    )


@get("/api-keys", guards=[requires("keys.manage")])
async def list_keys(request: PageRequest, cursor: Cursor = None) -> Page:
    """List keys."""
    return await _keys_page(request, cursor)


@post("/api-keys", guards=[requires("keys.manage")], status_code=200)
async def make_key(request: PageRequest, data: URLEncodedBody[NewKey]) -> Page:
    """Make a key; this page is the only one that ever shows its secret."""
    made = await keys.make_key(
        keys.NewKey(
            name=data.name.strip(),
            role=data.role,
            person=data.person.strip() or None,
            depot=data.depot or None,
            contract=data.contract or None,
            vendor=data.vendor or None,
            expires_at=moment(data.expires_at, whole_day=True),
        ),
        by=request.user,
    )
    return await _keys_page(request, made=made)


@post("/api-keys/{key_id:uuid}/revoke", guards=[requires("keys.manage")], status_code=303)
async def revoke_key(request: PageRequest, key_id: FromPath[UUID]) -> Redirect:
    """End a key at once."""
    await keys.revoke_key(key_id, by=request.user)
    return Redirect("/api-keys", status_code=303)


@get("/profile", guards=[signed_in])
async def show_profile(request: PageRequest) -> Page:
    """Show one's own account."""
    return Page("people/profile.html", account=await accounts.own_account(by=request.user))


@post("/profile/password", guards=[signed_in], status_code=303)
async def change_password(request: PageRequest, data: URLEncodedBody[OwnPassword]) -> Redirect:
    """Change one's own password, and sign in anew."""
    await accounts.change_own_password(data.old, data.new, by=request.user)
    return Redirect("/sign-in?next=/profile", status_code=303)


@post("/profile/language", guards=[signed_in], status_code=303)
async def choose_language(request: PageRequest, data: URLEncodedBody[OwnLanguage]) -> Redirect:
    """Choose one's own language, for the pages too."""
    await accounts.choose_language(data.language, by=request.user)
    settings: Settings = request.app.state.settings
    cookie = Cookie(
        LANGUAGE_COOKIE,
        value=data.language,
        max_age=A_YEAR,
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
    )
    return Redirect("/profile", status_code=303, cookies=[cookie])


handlers = [
    list_people, new_person, add_person, show_person, grant, withdraw, set_active, reset_password, list_keys, make_key,
    revoke_key, show_profile, change_password, choose_language,
]  # fmt: skip
