"""What messages are sent to, on loopback: a mail server, and a chat robot that checks its signature as the real one does."""

import asyncio
import base64
import hashlib
import hmac
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

import httpx
from aiosmtpd.smtp import SMTP, AuthResult
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar, post
from litestar.params import FromQuery, JSONBody

from api.settings import MailServer
from tests.services import free_port


class MailBox:
    """A mail server that keeps what it was sent; `refusals` are said to the next recipients instead."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refusals: list[str] = []
        self.port = 0

    async def handle_RCPT(self, *asked: Any) -> str:  # noqa: N802  aiosmtpd's names
        envelope, address = asked[2], asked[3]
        if self.refusals:
            return self.refusals.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, *asked: Any) -> str:  # noqa: N802
        content = asked[2].content
        assert isinstance(content, bytes)
        self.mails.append(BytesParser(EmailMessage, policy=default).parsebytes(content))
        return "250 kept"

    def settings(self, **more: Any) -> MailServer:
        return MailServer(host="127.0.0.1", port=self.port, sender="duty@beijian.example", encryption="none", **more)


@asynccontextmanager
async def mail_server(password: str | None = None) -> AsyncIterator[MailBox]:
    """A mail server; with a password, one that takes mail from nobody who does not know it."""
    box = MailBox()

    def known(*asked: Any) -> AuthResult:
        return AuthResult(success=asked[4].password == (password or "").encode(), handled=False)

    def protocol() -> SMTP:
        more = {"authenticator": known, "auth_required": True, "auth_require_tls": False} if password else {}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Requiring AUTH")  # without TLS: this is loopback
            return SMTP(box, hostname="mail.example", enable_SMTPUTF8=True, loop=asyncio.get_running_loop(), **more)

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    async with server:
        yield box


class Robot:
    """A chat group's robot: keeps what it took, and answers in the way of WeCom and DingTalk."""

    def __init__(self, secret: str | None) -> None:
        self.secret = secret
        self.taken: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.url = ""

    def answer(self, message: dict[str, Any], timestamp: str | None, sign: str | None) -> dict[str, Any]:
        if self.secret is not None and not self._signed(timestamp or "0", sign or ""):
            return {"errcode": 310000, "errmsg": "sign not match"}
        if self.answers:
            return self.answers.pop(0)
        self.taken.append(message)
        return {"errcode": 0, "errmsg": "ok"}

    def _signed(self, timestamp: str, sign: str) -> bool:
        secret = self.secret or ""
        made = hmac.digest(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256)
        return abs(time.time() * 1000 - int(timestamp)) < 3_600_000 and base64.b64encode(made).decode() == sign


@asynccontextmanager
async def robot(secret: str | None = None) -> AsyncIterator[Robot]:
    """A robot served over HTTP."""
    made, port = Robot(secret), free_port()

    @post("/robot/send", status_code=200)
    async def send(
        data: JSONBody[dict[str, Any]],
        access_token: FromQuery[str],
        timestamp: FromQuery[str | None] = None,
        sign: FromQuery[str | None] = None,
    ) -> dict[str, Any]:
        if access_token != "the-groups":
            return {"errcode": 300005, "errmsg": "token is not exist"}
        return made.answer(data, timestamp, sign)

    server = Server(Litestar([send]), address="127.0.0.1", port=port, interface=Interfaces.ASGI)
    running = asyncio.create_task(server.serve())
    made.url = f"http://127.0.0.1:{port}/robot/send?access_token=the-groups"
    async with httpx.AsyncClient() as client:
        while not running.done():
            try:
                await client.get(made.url)
            except httpx.TransportError:
                await asyncio.sleep(0.02)
            else:
                break
    try:
        yield made
    finally:
        server.stop()
        await running
