"""Addresses that are their own permission: what they are for with our signature, so that a guessed one needs no look-up.

A link to a statement carries a token whose hash is kept. A link that takes on a duty carries the id of the message it
came with, one that answers a quotation the quotation's, and one that shows a part passport the unit's; their secret is the
signature, derived from the service's own secret and kept nowhere. None opens another's.
"""

import base64
import hashlib
import hmac
from uuid import UUID

SIGNATURE_BYTES = 12


def _signature(purpose: str, token: str, secret: str) -> str:
    made = hmac.new(secret.encode(), f"{purpose}:{token}".encode(), hashlib.sha256).digest()[:SIGNATURE_BYTES]
    return base64.urlsafe_b64encode(made).decode()


def _signed(purpose: str, token: str, secret: str) -> str:
    return f"{token}.{_signature(purpose, token, secret)}"


def _read(purpose: str, signed: str, secret: str) -> str | None:
    token, _, signature = signed.partition(".")
    ours = hmac.compare_digest(signature.encode(), _signature(purpose, token, secret).encode())
    return token if ours else None


def path_of(token: str, secret: str) -> str:
    """Where a link is opened.

    >>> token_of(path_of("a-token", "0" * 64).removeprefix("/s/"), "0" * 64)
    'a-token'
    """
    return f"/s/{_signed('shared-link', token, secret)}"


def token_of(signed: str, secret: str) -> str | None:
    """The token of a link we signed; None where somebody else did.

    >>> token_of("a-token.forged", "0" * 64) is None
    True
    """
    return _read("shared-link", signed, secret)


def acknowledging_path(message: UUID, secret: str) -> str:
    """Where the reader of a message takes on the duty it tells of.

    >>> signed = acknowledging_path(UUID(int=7), "0" * 64).removeprefix("/k/")
    >>> message_of(signed, "0" * 64) == UUID(int=7), message_of(signed, "1" * 64), token_of(signed, "0" * 64)
    (True, None, None)
    """
    return f"/k/{_signed('acknowledge', message.hex, secret)}"


def message_of(signed: str, secret: str) -> UUID | None:
    """The message of a link we signed; None where somebody else did.

    >>> message_of("nothing.forged", "0" * 64) is None
    True
    """
    token = _read("acknowledge", signed, secret)
    return None if token is None else UUID(hex=token)


def quotation_path(quotation: UUID, secret: str) -> str:
    """Where a customer's contact reads and answers a quotation.

    >>> signed = quotation_path(UUID(int=7), "0" * 64).removeprefix("/q/")
    >>> quotation_of(signed, "0" * 64) == UUID(int=7), quotation_of(signed, "1" * 64), message_of(signed, "0" * 64)
    (True, None, None)
    """
    return f"/q/{_signed('quotation', quotation.hex, secret)}"


def quotation_of(signed: str, secret: str) -> UUID | None:
    """The quotation of a link we signed; None where somebody else did."""
    token = _read("quotation", signed, secret)
    return None if token is None else UUID(hex=token)


def passport_path(unit: UUID, secret: str) -> str:
    """Where whoever holds a unit reads its passport.

    >>> signed = passport_path(UUID(int=7), "0" * 64).removeprefix("/p/")
    >>> passport_of(signed, "0" * 64) == UUID(int=7), passport_of(signed, "1" * 64), quotation_of(signed, "0" * 64)
    (True, None, None)
    """
    return f"/p/{_signed('passport', unit.hex, secret)}"


def passport_of(signed: str, secret: str) -> UUID | None:
    """The unit of a link we signed; None where somebody else did."""
    token = _read("passport", signed, secret)
    return None if token is None else UUID(hex=token)
