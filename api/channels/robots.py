"""What the robots of chat groups have in common: a JSON message to their address, and an answer with an error code.

A robot's address holds its secret, so nothing that is told of it holds the address.
"""

from typing import Any

import httpx
import msgspec
from msgspec import Struct

from api.channels.outcome import NotReached, NotTaken
from api.settings import Settings
from api.vendors.guard import pinned
from api.vendors.outcome import VendorRefused, VendorUnreachable

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
LARGEST_ANSWER = 16_000

LATER = {-1, 45009, 45033, 130101, 410100}
"""Codes that mean “too much just now”."""

_UNMARKED = str.maketrans({"[": "［", "]": "］", "<": "＜", ">": "＞", "`": "'", "*": "＊", "_": "＿", "#": "＃"})


class _Answer(Struct, frozen=True):
    errcode: int
    errmsg: str = ""


def plain(text: str) -> str:
    """Text that somebody typed, without power over the layout of a message.

    >>> plain("see [here](https://example.com)")
    'see ［here］(https://example.com)'
    """
    return " ".join(text.translate(_UNMARKED).split())


async def post(url: str, message: dict[str, Any], settings: Settings) -> None:
    """Hand a message to a robot.

    Raises:
        NotTaken: its address may not be called, or it will not take the message.
        NotReached: no connection, an answer that cannot be read, or too much just now.

    """
    try:
        address, host, tls = await pinned(url, allow_private=settings.allow_private_vendors)
    except VendorRefused as error:
        raise NotTaken(str(error)) from error
    except VendorUnreachable as error:
        raise NotReached(str(error)) from error
    headers = {"Content-Type": "application/json", **host}
    try:
        async with (
            httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False, trust_env=False) as client,
            client.stream(
                "POST", address, content=msgspec.json.encode(message), headers=headers, extensions=tls
            ) as response,
        ):
            answer = b""
            async for chunk in response.aiter_bytes():
                answer += chunk
                if len(answer) > LARGEST_ANSWER:
                    raise NotReached("the robot's answer is too long to be one")
            status = response.status_code
    except httpx.HTTPError as error:
        raise NotReached(f"the robot cannot be reached: {type(error).__name__}") from error
    if status != 200:
        raise (NotTaken if 400 <= status < 500 and status not in (408, 425, 429) else NotReached)(
            f"the robot answered {status}"
        )
    try:
        said = msgspec.json.decode(answer, type=_Answer)
    except msgspec.MsgspecError as error:
        raise NotReached("the robot's answer cannot be read") from error
    if said.errcode != 0:
        raise (NotReached if said.errcode in LATER else NotTaken)(f"{said.errcode} {said.errmsg[:200]}")
