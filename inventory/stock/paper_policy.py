"""The policy of papers: until when what was taken first has to be recorded after, and who answers for a late one when."""

from datetime import datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from inventory.ground import clock
from inventory.ground.policies import Policies, Version
from inventory.installed_base.clocks import WorkingHours, is_working_day

OFFICE = WorkingHours(
    time_zone="Asia/Shanghai", working_days=[1, 2, 3, 4, 5], opens_at=time(9), closes_at=time(18), holidays="CN"
)
"""The calendar of whoever writes the papers."""


class PaperPolicy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A paper is due so many hours after the record; with `on_working_days`, one due on another day waits for the next.

    It is due then at `resume_hour`, in the office's zone.
    """

    within_hours: Annotated[int, Meta(ge=1, le=720)] = 24
    on_working_days: bool = True
    resume_hour: Annotated[int, Meta(ge=0, le=23)] = 12


BUILT_IN = PaperPolicy()
"""What holds until somebody sets another policy."""


class PaperPolicyVersion(Version, frozen=True, kw_only=True):
    """A policy with who set it and when."""

    policy: PaperPolicy


_kept = Policies("paper_policy", PaperPolicyVersion, BUILT_IN, right="stock.adjust")
in_force = _kept.in_force
versions = _kept.versions
put_in_force = _kept.put_in_force


def paper_due(recorded_at: datetime, policy: PaperPolicy) -> datetime:
    """When the paper has to be there.

    >>> from datetime import UTC
    >>> paper_due(datetime(2026, 3, 4, 18, tzinfo=UTC), BUILT_IN).isoformat()
    '2026-03-05T18:00:00+00:00'
    >>> friday_night = datetime(2026, 3, 6, 14, tzinfo=UTC)
    >>> paper_due(friday_night, BUILT_IN).isoformat()  # Monday noon in Beijing
    '2026-03-09T04:00:00+00:00'
    >>> paper_due(friday_night, PaperPolicy(within_hours=12, on_working_days=False)).isoformat()
    '2026-03-07T02:00:00+00:00'
    """
    due = recorded_at + timedelta(hours=policy.within_hours)
    zone = ZoneInfo(OFFICE.time_zone)
    day = due.astimezone(zone).date()
    if not policy.on_working_days or is_working_day(day, OFFICE)[0]:
        return due
    while not is_working_day(day, OFFICE)[0]:
        day += timedelta(days=1)
    return datetime.combine(day, time(policy.resume_hour), zone).astimezone(recorded_at.tzinfo)


async def due_now() -> datetime:
    """When the paper of what is recorded now has to be there, by the policy that holds."""
    return paper_due(clock.now(), (await in_force()).policy)
