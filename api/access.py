"""Access: who calls, by key or by session, and what a route asks of them."""

from collections.abc import Awaitable, Callable
from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import Headers
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.middleware.csrf import CSRFMiddleware
from litestar.types import Receive, Scope, Send

from inventory.ground.actor import Actor
from inventory.people import keys, sessions

SESSION_COOKIE = "beijian_session"

Guard = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]
"""Guards are coroutines, so that none of them is sent to a thread."""


class Authentication(AbstractAuthenticationMiddleware):
    """Finds the actor behind a request; a wrong key is refused, no key at all is anonymous."""

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        """Find who calls: the bearer of a key, or the person of a session."""
        header = connection.headers.get("authorization")
        if header is not None:
            scheme, _, key = header.partition(" ")
            actor = await keys.actor_of_key(key.strip()) if scheme.lower() == "bearer" else None
            if actor is None:
                raise NotAuthorizedException("this key is unknown, revoked or expired")
            return AuthenticationResult(user=actor, auth="key")
        token = connection.cookies.get(SESSION_COOKIE)
        actor = await sessions.actor_of_session(token) if token else None
        return AuthenticationResult(user=actor, auth="session" if actor else None)


class FormGuard(CSRFMiddleware):
    """Litestar's CSRF guard for whatever leans on a cookie.

    A call that carries a key cannot be forged by another site's page, and an API call without a session has nothing
    to abuse; both pass. So does what the browser itself vouches for as sent by a page of ours (`Sec-Fetch-Site`, which
    no page can set; W3C Fetch Metadata), so that two sign-in pages opened at once both work.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the token of an unsafe request that leans on a cookie."""
        headers = Headers.from_scope(scope)
        without_session = scope["path"].startswith("/api/") and SESSION_COOKIE not in headers.get("cookie", "")
        from_our_page = (
            headers.get("sec-fetch-site") == "same-origin" and scope["method"] not in self.config.safe_methods
        )
        if scope.get("auth") == "key" or without_session or from_our_page:
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


async def signed_in(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """Refuse whoever is not signed in."""
    if connection.user is None:
        raise NotAuthorizedException


def requires(right: str) -> Guard:
    """A guard that asks for a right."""

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        await signed_in(connection, handler)
        actor: Actor = connection.user
        actor.require(right)

    return guard


def requires_any(*rights: str) -> Guard:
    """A guard that asks for at least one of some rights; which one an act needs, its verb says."""

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        await signed_in(connection, handler)
        actor: Actor = connection.user
        if not any(actor.may(right) for right in rights):
            actor.require(rights[0])

    return guard


reads_master_data = requires_any("places.read", "contracts.read", "vendors.read")
"""Who sees any of what a company enters about itself; each kind asks for a right of its own besides."""
