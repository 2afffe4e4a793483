"""Requests: each one under an id, with a line in the log, and counted."""

import re
import time
import uuid

import structlog
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from api import metrics
from inventory.ground import context

_log = structlog.get_logger("http")

_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

_PROBED = ("/health", "/ready", "/metrics", "/static/")
"""What machines ask every few seconds: logged only when it fails."""


async def logged(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Run one request under an id (the caller's own if it is a sane one), and log and count how it ended.

    It goes around everything else, so that a request refused before any route is found has its id and its line too.
    """
    if scope["type"] != "http":
        await app(scope, receive, send)
        return
    given = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"), "")
    request_id = given if _ACCEPTED_ID.fullmatch(given) else str(uuid.uuid4())
    token = context.request_id.set(request_id)
    started, status = time.perf_counter(), 0

    async def answer(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
        await send(message)

    try:
        with metrics.in_progress():
            await app(scope, receive, answer)
    finally:
        seconds = time.perf_counter() - started
        metrics.note(scope["method"], scope.get("path_template", ""), status, seconds)
        say = _log.debug if scope["path"].startswith(_PROBED) and status < 400 else _log.info
        say(
            "request",
            method=scope["method"],
            path=_without_token(scope["path"]),
            status=status,
            milliseconds=round(seconds * 1000, 1),
            actor=getattr(scope.get("user"), "name", None),
        )
        context.request_id.reset(token)


def _without_token(path: str) -> str:
    """A path as the log may keep it: whoever reads the log must not be able to open a shared link.

    >>> _without_token("/s/a-token.signature"), _without_token("/stock")
    ('/s/…', '/stock')
    """
    return "/s/…" if path.startswith("/s/") else path
