"""Addresses of shared links: the token with our signature, so that a guessed one is refused without a look-up."""

import base64
import hashlib
import hmac

SIGNATURE_BYTES = 12


def _signature(token: str, secret: str) -> str:
    made = hmac.new(secret.encode(), f"shared-link:{token}".encode(), hashlib.sha256).digest()[:SIGNATURE_BYTES]
    return base64.urlsafe_b64encode(made).decode()


def path_of(token: str, secret: str) -> str:
    """Where a link is opened.

    >>> token_of(path_of("a-token", "0" * 64).removeprefix("/s/"), "0" * 64)
    'a-token'
    """
    return f"/s/{token}.{_signature(token, secret)}"


def token_of(signed: str, secret: str) -> str | None:
    """The token of a link we signed; None where somebody else did.

    >>> token_of("a-token.forged", "0" * 64) is None
    True
    """
    token, _, signature = signed.partition(".")
    return token if hmac.compare_digest(signature.encode(), _signature(token, secret).encode()) else None
