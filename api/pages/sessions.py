"""Signing in and out, and the language of the pages."""

from typing import Annotated, Literal

from litestar import Request, get, post
from litestar.datastructures import Cookie
from litestar.params import FromQuery, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta, Struct

from api.access import SESSION_COOKIE
from api.languages import COOKIE as LANGUAGE_COOKIE
from api.pages.forms import next_page
from api.pages.rendering import Page, language_of
from api.problems import status_of
from api.settings import Settings
from inventory.people import persons, sessions
from inventory.people.persons import TooManyAttempts, WrongCredentials

A_YEAR = 365 * 24 * 3600


class Credentials(Struct, kw_only=True):
    """Who somebody says they are."""

    username: Annotated[str, Meta(max_length=100)]
    password: Annotated[str, Meta(max_length=200)]
    next: Annotated[str, Meta(max_length=2000)] = "/"


class LanguageChoice(Struct, kw_only=True):
    """The language somebody wants to read."""

    language: Literal["zh", "en"]
    next: Annotated[str, Meta(max_length=2000)] = "/"


@get("/sign-in")
async def show_sign_in(request: Request, next: FromQuery[str] = "/") -> Page | Redirect:  # noqa: A002  the parameter's name
    """Ask who is there; whoever is signed in goes on."""
    if request.user is not None:
        return Redirect(next_page(next))
    return Page("sign-in.html", next=next_page(next), username="", refusal=None, advice="")


@post("/sign-in", status_code=200)
async def sign_in(request: Request, data: URLEncodedBody[Credentials]) -> Page | Redirect:
    """Check a user name and password; what is refused is said on the page."""
    try:
        actor = await persons.sign_in(data.username.strip(), data.password, address=_address(request))
    except (WrongCredentials, TooManyAttempts) as refusal:
        language = language_of(request)
        return Page(
            "sign-in.html",
            status_code=status_of(refusal),
            next=next_page(data.next),
            username=data.username,
            refusal=refusal.sentence(language),
            advice=refusal.advice(language),
        )
    token = await sessions.begin(actor.person_id or 0)
    return Redirect(next_page(data.next), status_code=303, cookies=[_session_cookie(request, token)])


@post("/sign-out", status_code=303)
async def sign_out(request: Request) -> Redirect:
    """End the session."""
    await sessions.end(request.cookies.get(SESSION_COOKIE, ""))
    return Redirect("/sign-in", status_code=303, cookies=[_session_cookie(request, None)])


@post("/language", status_code=303)
async def choose_language(request: Request, data: URLEncodedBody[LanguageChoice]) -> Redirect:
    """Read the pages in another language from now on."""
    settings: Settings = request.app.state.settings
    cookie = Cookie(
        LANGUAGE_COOKIE,
        value=data.language,
        max_age=A_YEAR,
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
    )
    return Redirect(next_page(data.next), status_code=303, cookies=[cookie])


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _session_cookie(request: Request, token: str | None) -> Cookie:
    """The cookie of a session; without a token, one that is over."""
    settings: Settings = request.app.state.settings
    return Cookie(
        SESSION_COOKIE,
        value=token or "",
        max_age=int(sessions.LIFETIME.total_seconds()) if token else 0,
        httponly=True,
        samesite="lax",
        secure=settings.secure_cookies,
    )


handlers = [show_sign_in, sign_in, sign_out, choose_language]
