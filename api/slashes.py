"""Slashes within a name: `/units/A%2FB` is about the piece “A/B”, though an address is cut into its parts at every slash.

Servers hand an address on decoded, where such a slash cannot be told from one that parts. So what the caller had encoded
goes under another sign while the route is found, and is a slash again in what the route is told.
"""

import re
from urllib.parse import unquote

from litestar.types import ASGIApp, Receive, Scope, Send

STAND_IN = "\ue02f"
"""A sign of the private use area, which no name has."""

_ENCODED = re.compile(rb"%2f", re.IGNORECASE)


def hidden(scope: Scope) -> None:
    r"""Hide the slashes of names before the route is found.

    >>> scope = {"type": "http", "path": "/units/A/B", "raw_path": b"/units/A%2FB"}
    >>> hidden(scope)
    >>> scope["path"].split("/")
    ['', 'units', 'A\ue02fB']
    """
    raw = scope.get("raw_path") or b""
    if _ENCODED.search(raw):
        scope["path"] = unquote(_ENCODED.sub(STAND_IN.encode(), raw.partition(b"?")[0]))


def shown(app: ASGIApp) -> ASGIApp:
    """Show the slashes again, in the parts of the address that a route takes."""

    async def pass_on(scope: Scope, receive: Receive, send: Send) -> None:
        told = scope.get("path_params", {})
        for name, value in told.items():
            if isinstance(value, str) and STAND_IN in value:
                told[name] = value.replace(STAND_IN, "/")
        await app(scope, receive, send)

    return pass_on
