"""A vendor on loopback that does exactly what a test tells it to."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Act = Callable[[dict[str, str], bytes], Awaitable[bytes | None]]
"""What a vendor does about a call before it answers: its headers and body in, its answer out."""


@dataclass
class ScriptedVendor:
    """Answers the n-th call with the n-th answer (the last one again and again), and keeps what it was sent.

    One that `waits` lets the caller give up first.
    """

    answers: Sequence[bytes | Act | None]
    waits: bool = False
    url: str = ""
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head.splitlines()[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        answer = self.answers[min(len(self.calls), len(self.answers) - 1)]
        self.calls.append((headers, body))
        self.lines.append(head.splitlines()[0])
        if callable(answer):
            answer = await answer(headers, body)
        if self.waits:
            await reader.read()
        if answer is not None:
            writer.write(answer)
            await writer.drain()
        writer.close()


def answer(status: int, body: object, *headers: str) -> bytes:
    """An HTTP answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", "Connection: close", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + content


@asynccontextmanager
async def vendor(*answers: bytes | Act | None, waits: bool = False) -> AsyncIterator[ScriptedVendor]:
    """A vendor that gives these answers; None breaks the connection after the order was read.

    One that `waits` does so only when the caller has given up.
    """
    scripted = ScriptedVendor(answers, waits)
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    scripted.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield scripted
