"""A caller that costs little: raw requests over kept connections, so that the service and not the client is measured.

`python -m bench.caller PORT CLIENTS SECONDS` reads requests, one JSON `[method, path, key, body]` a line, from its standard
input; each connection walks through its own share of them, again and again. It prints how many were answered and how.
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

Request = tuple[str, str, str, object]
"""Method, path, key and body."""


def calls_a_second(port: int, requests: Sequence[Request], *, clients: int, seconds: int) -> float:
    """How many requests a second are answered, from a process of its own; all must be done."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.caller", str(port), str(clients), str(seconds)],
        input="\n".join(json.dumps(request) for request in requests),
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    answers: dict[str, int] = json.loads(done.stdout)
    refused = {status: count for status, count in answers.items() if not status.startswith("2")}
    assert not refused, refused
    return sum(answers.values()) / seconds


def _as_bytes(request: Request) -> bytes:
    method, path, key, body = request
    content = json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\nIdempotency-Key: {KEY}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


async def _walk(port: int, own: Sequence[bytes], until: float, answers: Counter[str]) -> None:
    mine = uuid4().hex
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    turn = 0
    while time.perf_counter() < until:
        writer.write(own[turn % len(own)].replace(KEY.encode(), f"{mine}-{turn}".encode(), 1))
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.lower().split(b"content-length:")[1].split(b"\r\n", 1)[0]
        await reader.readexactly(int(length))
        answers[head[9:12].decode()] += 1
        turn += 1
    writer.close()


async def _call(port: int, clients: int, seconds: float, requests: Sequence[bytes]) -> Counter[str]:
    answers: Counter[str] = Counter()
    until = time.perf_counter() + seconds
    await asyncio.gather(*(_walk(port, requests[n::clients] or requests, until, answers) for n in range(clients)))
    return answers


def main() -> None:
    """Call, and print the statuses."""
    port, clients, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    requests = [_as_bytes(json.loads(line)) for line in sys.stdin]
    print(json.dumps(asyncio.run(_call(port, clients, seconds, requests))))


if __name__ == "__main__":
    main()
