"""What travels with a request through every floor without being passed on."""

from contextvars import ContextVar

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id under which this request appears in answers, logs and the audit trail."""
