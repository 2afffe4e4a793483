"""Headers of every answer: what a browser may load, keep and tell others."""

from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'"
)
"""Nothing from elsewhere, nothing inline."""

POLICY_OF_DOCS = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
"""The API's page starts itself by an inline script."""

PERMISSIONS = "camera=(self), microphone=(), geolocation=()"
"""The camera reads codes on our own pages; nothing else is used."""

A_YEAR = "public, max-age=31536000, immutable"


async def secure(message: Message, scope: Scope) -> None:
    """Set the headers; a page is never kept, a static file that names its version is kept for good."""
    if message["type"] != "http.response.start":
        return
    headers, path = MutableScopeHeaders.from_message(message), scope["path"]
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "same-origin"
    headers["Permissions-Policy"] = PERMISSIONS
    headers["Content-Security-Policy"] = POLICY_OF_DOCS if path.startswith("/docs") else POLICY
    if path.startswith("/static/"):
        headers["Cache-Control"] = A_YEAR if scope["query_string"].startswith(b"v=") else "no-cache"
    elif "text/html" in headers.get("content-type", ""):
        headers["Cache-Control"] = "no-store"
