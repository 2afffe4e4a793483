"""Logs: one JSON line per event, with the request's id."""

from typing import Any

import structlog

from inventory.ground import context


def configure(log_format: str) -> None:
    """Set up structlog once per process: `json` for machines, `console` for people, `quiet` for warnings only."""
    renderer = structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger("warning" if log_format == "quiet" else "info"),
        processors=[
            _with_request_id,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        cache_logger_on_first_use=True,
    )


def _with_request_id(_: object, __: str, event: Any) -> Any:
    request_id = context.request_id.get()
    if request_id is not None:
        event["request_id"] = request_id
    return event
