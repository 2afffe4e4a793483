"""Metrics of the requests, for Prometheus at /metrics."""

from prometheus_client import Counter, Gauge, Histogram

_LABELS = ("method", "path", "status_code")

_requests = Counter("beijian_requests", "Requests that were answered, by route", _LABELS)
_duration = Histogram("beijian_request_duration_seconds", "How long an answer took, by route", _LABELS)
_in_progress = Gauge("beijian_requests_in_progress", "Requests that are being answered", multiprocess_mode="livesum")

in_progress = _in_progress.track_inprogress
"""Count what the block answers among the requests in progress."""


def note(method: str, route: str, status: int, seconds: float) -> None:
    """Count an answered request; `route` is its path's template, nothing where no route was found."""
    labels = (method, route, str(status))
    _requests.labels(*labels).inc()
    _duration.labels(*labels).observe(seconds)
