"""A caller that costs little: raw requests over kept connections, so that the service and not the client is measured.

`python -m bench.caller PORT CLIENTS SECONDS` reads operations from its standard input, one a line: a JSON list of requests
`[method, path, key, body]`, of which the later ones may have the first answer's id in their path (`{id}`). Each connection
walks through its own share of them, again and again. It prints how many were done, and what was refused.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

KEY = "a key of its own for every call"
"""What stands for the Idempotency-Key in requests, and in bodies for whatever must be another one each time."""

_SPARE = 8
_PADDED = KEY.encode().ljust(32 + 1 + _SPARE + 1 + 1, b".")

ID = "{id}"
"""What stands for the first answer's id in the paths of the requests that follow it."""

Request = tuple[str, str, str, object]
"""Method, path, key and body."""

Operation = Sequence[Request]
"""Requests that follow each other."""


def operations_a_second(port: int, operations: Sequence[Operation], *, clients: int, seconds: float) -> float:
    """How many operations a second are done, called from a process of its own; none may be refused."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.caller", str(port), str(clients), str(seconds)],
        input="\n".join(json.dumps(operation) for operation in operations),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    answers: dict[str, int] = json.loads(done.stdout)
    count = answers.pop("done")
    assert not answers, answers
    return count / seconds


def _as_bytes(request: Request) -> bytes:
    method, path, key, body = request
    content = b"" if body is None else json.dumps(body).encode()
    content = content.replace(KEY.encode(), _PADDED)  # as long as what takes its place: the length is told beforehand
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\nIdempotency-Key: {_PADDED.decode()}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


async def _call(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[str, bytes]:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().split(b"content-length:")[1].split(b"\r\n", 1)[0]
    return head[9:12].decode(), await reader.readexactly(int(length))


async def _walk(port: int, own: Sequence[Sequence[bytes]], until: float, answers: Counter[str]) -> None:
    mine, turn = uuid4().hex, 0
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.perf_counter() < until:
        first = b""
        for step, request in enumerate(own[turn % len(own)]):
            asked = request.replace(_PADDED, f"{mine}-{turn:0{_SPARE}}-{step}".encode())
            if step:
                asked = asked.replace(ID.encode(), json.loads(first)["id"].encode(), 1)
            status, body = await _call(reader, writer, asked)
            first = first or body
            if not status.startswith("2"):
                answers[f"{status} {body[:200]!r}"] += 1
        answers["done"] += 1
        turn += 1
    writer.close()


async def _walk_all(port: int, clients: int, seconds: float, operations: Sequence[Sequence[bytes]]) -> Counter[str]:
    answers: Counter[str] = Counter(done=0)
    until = time.perf_counter() + seconds
    await asyncio.gather(*(_walk(port, operations[n::clients] or operations, until, answers) for n in range(clients)))
    return answers


def main() -> None:
    """Call, and print what came of it."""
    port, clients, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    operations = [[_as_bytes(request) for request in json.loads(line)] for line in sys.stdin]
    print(json.dumps(asyncio.run(_walk_all(port, clients, seconds, operations))))


if __name__ == "__main__":
    main()
