"""Headers of every answer: what a browser may load, keep and tell others."""

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

_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", PERMISSIONS.encode()),
]
_POLICY, _POLICY_OF_DOCS = [(b"content-security-policy", policy.encode()) for policy in (POLICY, POLICY_OF_DOCS)]

_A_YEAR = (b"cache-control", b"public, max-age=31536000, immutable")
_ASK_AGAIN = (b"cache-control", b"no-cache")
_NEVER_KEPT = (b"cache-control", b"no-store")


async def secure(message: Message, scope: Scope) -> None:
    """Set the headers; a page is never kept, a static file that names its version is kept for good."""
    if message["type"] != "http.response.start":
        return
    headers, path = list(message["headers"]), scope["path"]
    if path.startswith("/static/"):
        headers.append(_A_YEAR if scope["query_string"].startswith(b"v=") else _ASK_AGAIN)
    elif any(name == b"content-type" and b"text/html" in value for name, value in headers):
        headers.append(_NEVER_KEPT)
    message["headers"] = [*headers, *_ALWAYS, _POLICY_OF_DOCS if path.startswith("/docs") else _POLICY]
