"""One event: open cases that one cause made, told as one; derived whenever it is asked for, and never stored.

Two open cases belong to the same event when

- they are about the same part; or
- they are about the same store, and opened within `TOGETHER` of each other; or
- the failures of both run far above their average, and both parts failed in the run of one raised alarm of the radar:
  of a model, a batch, a site or a supplier.

Belonging goes from case to case: what is related to one of an event is of that event. A reader is told of the cases and by
the alarms that they may see, so the same event may be smaller to one who is bound to stores.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.emergency import cases, radar_views
from inventory.emergency.cases import CaseSummary
from inventory.emergency.radar_views import AlarmView
from inventory.emergency.series import Dimension, failed_since
from inventory.ground import clock, db
from inventory.ground.actor import Actor

TOGETHER = timedelta(days=3)
"""Within how long of each other two cases of one store are one event."""

CASES_AT_MOST = 500
ALARMS_AT_MOST = 200

BY_ALARM: tuple[Dimension, ...] = ("model", "batch", "site", "supplier")
"""The dimensions of the radar whose alarms make one event of several parts."""

By = Dimension | Literal["store"]


class Tie(Struct, frozen=True, order=True):
    """What cases have in common: `what` names the part, the store, or the series in alarm."""

    by: By
    what: str


class Event(Struct, frozen=True, kw_only=True):
    """Several open cases that are one event, the oldest first, and what ties them."""

    began_at: datetime
    ties: list[Tie]
    cases: list[CaseSummary]


async def events(*, seen_by: Actor) -> list[Event]:
    """The events among the reader's open cases (at most the latest `CASES_AT_MOST`), the latest first."""
    found = await cases.cases(limit=CASES_AT_MOST, seen_by=seen_by, live_only=True)
    return grouped(found, await _failed_in_alarms(seen_by) if sum(case.in_burst for case in found) > 1 else {})


async def event_of(case: CaseSummary, *, seen_by: Actor) -> Event | None:
    """The event that an open case belongs to; None where it stands alone, or is over."""
    if case.state not in cases.LIVE:
        return None
    found = await events(seen_by=seen_by)
    return next((event for event in found if any(each.id == case.id for each in event.cases)), None)


def grouped(found: Sequence[CaseSummary], failed: Mapping[Tie, Collection[str]]) -> list[Event]:
    """Cases as events, those that stand alone left out; `failed` names the parts that failed in each alarm."""
    in_order = sorted(found, key=lambda case: (case.opened_at, case.number))
    bound = _bound(in_order, failed)
    neighbours: dict[UUID, list[UUID]] = defaultdict(list)
    for one, other, _ in bound:
        neighbours[one].append(other)
        neighbours[other].append(one)
    event_of: dict[UUID, int] = {}
    for number, case in enumerate(in_order):
        reached = [] if case.id in event_of else [case.id]
        while reached:
            each = reached.pop()
            if each not in event_of:
                event_of[each] = number
                reached += neighbours[each]
    members: dict[int, list[CaseSummary]] = defaultdict(list)
    for case in in_order:
        members[event_of[case.id]].append(case)
    ties: dict[int, set[Tie]] = defaultdict(set)
    for one, _, tie in bound:
        ties[event_of[one]].add(tie)
    return [
        Event(began_at=each[0].opened_at, ties=sorted(ties[number]), cases=each)
        for number, each in reversed(members.items())
        if len(each) > 1
    ]


def _bound(in_order: Sequence[CaseSummary], failed: Mapping[Tie, Collection[str]]) -> list[tuple[UUID, UUID, Tie]]:
    """What ties cases together, each to the one before it that shares it: enough to lead from any of them to all."""
    sharing: dict[Tie, list[CaseSummary]] = defaultdict(list)
    for case in in_order:
        sharing[Tie("part", case.part_number)].append(case)
        sharing[Tie("store", case.depot)].append(case)
    for tie, parts in failed.items():
        sharing[tie] = [case for case in in_order if case.in_burst and case.part_number in parts]
    return [
        (one.id, other.id, tie)
        for tie, several in sharing.items()
        for one, other in pairwise(several)
        if tie.by != "store" or other.opened_at - one.opened_at <= TOGETHER
    ]


async def _failed_in_alarms(seen_by: Actor) -> dict[Tie, set[str]]:
    """The parts that failed in each raised alarm that the reader may see; three statements, however many there are."""
    seen = await radar_views.alarms(limit=ALARMS_AT_MOST, seen_by=seen_by, state="raised")
    alarms = {alarm.id: alarm for alarm in seen if alarm.dimension in BY_ALARM}
    if not alarms:
        return {}
    rows = await db.fetch("SELECT id, dimension, subject FROM radar_alarm WHERE id = ANY($1::uuid[])", list(alarms))
    keys: dict[tuple[str, str], AlarmView] = {(row["dimension"], row["subject"]): alarms[row["id"]] for row in rows}
    failed = await failed_since(min(alarm.began_at for alarm in alarms.values()), clock.now())
    numbers = await db.fetch(
        "SELECT id, part_number FROM part WHERE id = ANY($1::int[])", sorted({each.part for each in failed})
    )
    number_of = {row["id"]: row["part_number"] for row in numbers}
    found: dict[Tie, set[str]] = defaultdict(set)
    for each in failed:
        for key in each.belongs_to():
            alarm = keys.get(key)
            if alarm is not None and each.at >= alarm.began_at:
                found[Tie(alarm.dimension, alarm.name)].add(number_of[each.part])
    return found
