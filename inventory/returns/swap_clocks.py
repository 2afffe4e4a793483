"""The two deadlines of a whole-unit swap, and the latest moment at which its unit must leave (D33, D34). Pure.

The contract asks that replacement is provided before the repair limit runs out, and is complete within a limit of its own.
From when that second limit runs is a term of the contract; where none was agreed, the earliest is assumed: the report.
"""

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from inventory.installed_base.clocks import Clock, SwapRunsFrom

Deadline = Literal["start", "complete"]

ASSUMED: SwapRunsFrom = "report"
"""What a contract that says nothing is taken to mean: the reading that leaves least time."""


class Deadlines(Struct, frozen=True, kw_only=True):
    """By when a swap has to have left and to be complete; `assumed` where the contract does not say from when that runs."""

    start_by: datetime | None
    complete_by: datetime
    runs_from: SwapRunsFrom
    assumed: bool


class Miss(Struct, frozen=True, kw_only=True):
    """A deadline that cannot be met any more: when it is, when it would be, and how late that is."""

    deadline: Deadline
    by: datetime
    would_be: datetime
    late_minutes: int


def deadlines(
    held: Clock,
    agreed: SwapRunsFrom | None,
    *,
    decided_at: datetime | None = None,
    stood_since: timedelta = timedelta(),
) -> Deadlines | None:
    """The two deadlines of a fault's clock; None where its contract promises no swap for it.

    Before it is decided, a limit that runs from the decision is reckoned from the last moment at which that is in time, or
    from the report where there is no repair limit; a clock that `stood_since` the decision runs that much longer. What
    runs from a repair limit that is none is taken to run from the report.

    >>> from datetime import UTC
    >>> from inventory.installed_base.clocks import Limits
    >>> at = datetime(2026, 11, 20, 9, tzinfo=UTC)
    >>> limits = Limits(severity="severe", hours="working", repair_hours=4, swap_complete_hours=8)
    >>> held = Clock(hours="working", provisional=False, limits=limits, answer_by=None, arrive_by=None,
    ...              repair_by=at + timedelta(hours=4), swap_complete_by=at + timedelta(hours=8))
    >>> [f"{deadlines(held, each).complete_by:%H:%M}" for each in (None, "repair_limit", "decision")]
    ['17:00', '21:00', '21:00']
    >>> f"{deadlines(held, 'decision', decided_at=at + timedelta(hours=1)).complete_by:%H:%M}"
    '18:00'
    """
    if held.limits is None or held.limits.swap_complete_hours is None or held.swap_complete_by is None:
        return None
    limit = timedelta(hours=held.limits.swap_complete_hours)
    runs_from = agreed or ASSUMED
    if held.repair_by is None and runs_from == "repair_limit":
        runs_from = "report"
    match runs_from:
        case "decision" if decided_at is not None:
            complete_by = decided_at + limit + stood_since
        case "report":
            complete_by = held.swap_complete_by
        case _:
            complete_by = (held.repair_by or held.swap_complete_by - limit) + limit
    return Deadlines(start_by=held.repair_by, complete_by=complete_by, runs_from=runs_from, assumed=agreed != runs_from)


def leave_by(due: Deadlines, way_hours: float, fitting_hours: float) -> datetime:
    """The latest moment at which a unit leaves in time for both deadlines: to have started, and to be complete.

    It travels `way_hours` to the site and takes `fitting_hours` to be put in.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    >>> due = Deadlines(start_by=noon, complete_by=noon + timedelta(hours=4), runs_from="report", assumed=False)
    >>> [f"{leave_by(due, way, 1):%H:%M}" for way in (1, 5)]
    ['12:00', '10:00']
    """
    complete = due.complete_by - timedelta(hours=way_hours + fitting_hours)
    return complete if due.start_by is None else min(due.start_by, complete)


def missed(due: Deadlines, leaves_at: datetime, way_hours: float, fitting_hours: float) -> list[Miss]:
    """Which deadlines a unit misses that leaves at an instant.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    >>> due = Deadlines(start_by=noon, complete_by=noon + timedelta(hours=4), runs_from="report", assumed=False)
    >>> [(each.deadline, each.late_minutes) for each in missed(due, noon + timedelta(minutes=30), 3, 1)]
    [('start', 30), ('complete', 30)]
    >>> missed(due, noon, 2, 1)
    []
    """
    ready_at = leaves_at + timedelta(hours=way_hours + fitting_hours)
    found: list[tuple[Deadline, datetime | None, datetime]] = [
        ("start", due.start_by, leaves_at),
        ("complete", due.complete_by, ready_at),
    ]
    return [
        Miss(deadline=which, by=by, would_be=would_be, late_minutes=-int((by - would_be).total_seconds() // 60))
        for which, by, would_be in found
        if by is not None and would_be > by
    ]
