"""Signatures between us and vendors, after Standard Webhooks (standardwebhooks.com).

A vendor's secret is derived from the service's own secret, so that none is stored; a new version of it is a new number.
"""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

from standardwebhooks import Webhook, WebhookVerificationError

__all__ = ["WebhookVerificationError", "headers_for", "secret_for", "verify"]


def secret_for(service_secret: str, vendor: str, version: int) -> str:
    """The secret shared with a vendor, as Standard Webhooks writes secrets.

    >>> secret_for("0" * 64, "DELL-CN", 1) == secret_for("0" * 64, "DELL-CN", 1)
    True
    >>> secret_for("0" * 64, "DELL-CN", 1) == secret_for("0" * 64, "DELL-CN", 2)
    False
    """
    derived = hmac.new(service_secret.encode(), f"vendor:{vendor}:{version}".encode(), hashlib.sha256).digest()
    return "whsec_" + base64.b64encode(derived).decode()


def headers_for(secret: str, message_id: str, body: bytes, at: datetime | None = None) -> dict[str, str]:
    """The headers that sign a message."""
    sent_at = at or datetime.now(UTC)
    signature = Webhook(secret).sign(message_id, sent_at, body.decode())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": signature,
    }


def verify(secret: str, headers: dict[str, str], body: bytes) -> None:
    """Check a signed message.

    Raises:
        WebhookVerificationError: the signature is missing, wrong, or too old.

    """
    Webhook(secret).verify(body, headers)
