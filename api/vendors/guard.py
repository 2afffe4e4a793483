"""Whom we may call: only public addresses, and the one that was checked (no SSRF, no rebinding)."""

import asyncio
import ipaddress
import socket

import httpx

from api.vendors.outcome import VendorRefused, VendorUnreachable


async def pinned(url: str, *, allow_private: bool) -> tuple[str, dict[str, str], dict[str, str]]:
    """An address with its host resolved and checked: the address to call, its Host header and TLS name.

    What it refuses names the host alone: the rest of an address may hold a secret.

    Raises:
        VendorRefused: the address is not one we may call.
        VendorUnreachable: its host does not resolve.

    """
    parsed = httpx.URL(url)
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
        raise VendorRefused(f"the address at {parsed.host or '?'} is not an http(s) address")
    if parsed.scheme == "http" and not allow_private:
        raise VendorRefused(f"the address at {parsed.host} is not encrypted; use https")
    port = parsed.port or (443 if parsed.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(parsed.host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise VendorUnreachable(f"the host {parsed.host} does not resolve: {error}") from error
    address = ipaddress.ip_address(found[0][4][0])
    if not allow_private and not address.is_global:
        raise VendorRefused(f"the host {parsed.host} is at {address}, which is not a public address")
    host = parsed.host if parsed.port is None else f"{parsed.host}:{parsed.port}"
    pinned_url = str(parsed.copy_with(host=str(address)))
    return pinned_url, {"Host": host}, {"sni_hostname": parsed.host}
