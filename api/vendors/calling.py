"""Calling a vendor's service: only the address that was checked, within a time, and no more of the answer than is sensible.

Redirects are not followed, compression is not asked for (a small answer cannot become a huge one), and the time is for the
whole call: a vendor that answers a byte now and then is as slow as one that does not answer.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import httpx
from msgspec import Struct

from api.settings import Settings
from api.vendors.guard import pinned
from api.vendors.outcome import VendorUnreachable

LARGEST_ANSWER = 64_000
"""Bytes of an answer that are read; a longer one is no answer."""

LONGEST_WAIT = timedelta(minutes=15)

LATER = (408, 425, 429)
"""Statuses of the 4xx that mean “not now”."""


class Reply(Struct, frozen=True):
    """What a service answered."""

    status: int
    body: bytes


async def call(method: str, url: str, settings: Settings, *, headers: Mapping[str, str], body: bytes = b"") -> Reply:
    """Call a vendor's service and read its answer; what it cannot answer now is to be tried again.

    Raises:
        VendorRefused: the address may not be called.
        VendorUnreachable: no connection, no answer in time, a server error, a redirect, or an answer that is too long.

    """
    address, host, tls = await pinned(url, allow_private=settings.allow_private_vendors)
    sent = False
    try:
        async with (
            asyncio.timeout(settings.vendor_seconds),
            httpx.AsyncClient(timeout=settings.vendor_seconds, follow_redirects=False, trust_env=False) as client,
        ):
            request = client.build_request(
                method,
                address,
                content=body,
                headers={"Accept-Encoding": "identity", **headers, **host},
                extensions=tls,
            )
            sent = True
            response = await client.send(request, stream=True)
            answer = await _read(response)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise VendorUnreachable(f"{type(error).__name__}: {error}") from error
    except TimeoutError as error:
        raise VendorUnreachable(f"no answer within {settings.vendor_seconds:g} s", sent=sent) from error
    except httpx.HTTPError as error:
        raise VendorUnreachable(f"{type(error).__name__}: {error}", sent=sent) from error
    status = response.status_code
    if status >= 500 or status in LATER or not 200 <= status < 500 or 300 <= status < 400:
        raise VendorUnreachable(f"the vendor answered {status}", sent=True, wait=_asked_to_wait(response))
    return Reply(status, answer)


async def _read(response: httpx.Response) -> bytes:
    try:
        answer = b""
        async for chunk in response.aiter_raw():
            answer += chunk
            if len(answer) > LARGEST_ANSWER:
                raise VendorUnreachable("the vendor's answer is too long to be one", sent=True)
        return answer
    finally:
        await response.aclose()


def _asked_to_wait(response: httpx.Response) -> timedelta | None:
    """How long a vendor asks to be left alone, in seconds (RFC 9110, Retry-After); its dates are not taken."""
    said = response.headers.get("retry-after", "")
    if not (said.isascii() and said.isdigit() and len(said) < 7):
        return None
    return min(timedelta(seconds=int(said)), LONGEST_WAIT)
