"""Judging stock: both lines, the burst test, and what they add up to. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct, structs

from inventory.emergency.facts import ClassFacts, Facts, RowFacts
from inventory.emergency.policy import Policy
from inventory.installed_base.failures import REMEMBERED
from optimizer import cover
from optimizer.burst import Burst, scan
from optimizer.cover import NO_DEMAND, ClassDemand, ClassService, CriticalPoint, Inbound, Row
from optimizer.radar import design

REMEMBERED_DAYS = REMEMBERED.total_seconds() / 86_400


class Judgement(Struct, frozen=True, kw_only=True):
    """What the facts say of one row.

    `below` is whether the available stock lies under the critical point; `under_average` whether it is at or under the
    average-failure line (D78); `broken` names the classes below their floor that the row serves. `asked` is how much
    stock a case asks for: the critical point, and as much as gives back the share the plan expects, at the present
    rate, so that a burst that goes on does not take the cover away the next day. `covered` is whether the promise is
    held without counting on what an emergency has ordered and nobody has received yet; where other rows break it,
    whether this one has all that a case would ask for, on the shelf or coming anyway in time.
    """

    row: Row
    share: float
    point: int
    critical: CriticalPoint | None
    expected_over_resupply: float
    average_line: int
    burst: Burst | None
    below: bool
    under_average: bool
    broken: list[str]
    asked: int
    covered: bool

    @property
    def in_burst(self) -> bool:
        """Whether the failures run far above their average."""
        return self.burst is not None and self.burst.in_alarm


def judge_one(facts: Facts, subject: RowFacts) -> Judgement:
    """Judge one row, the others standing as they were last recorded."""
    burst = burst_of(facts, subject)
    row = row_of(subject, burst, facts.at)
    share = cover.on_time_share(row.available, row.rate_per_day, row.resupply_days, row.inbound)
    stored = subject.planned_share if subject.stored_share is None else subject.stored_share
    services = {c.code: _with(c, subject, row, stored, share) for c in facts.classes}
    judged = _judge(facts, subject, row, share, burst, services)
    if not any(coming.measure for coming in subject.arriving):
        return judged
    received = structs.replace(subject, arriving=[coming for coming in subject.arriving if not coming.measure])
    return structs.replace(judged, covered=judge_one(facts, received).covered)


def judge_all(facts: Facts) -> list[Judgement]:
    """Judge every row against the others as they stand now."""
    bursts = [burst_of(facts, subject) for subject in facts.rows]
    rows = [row_of(subject, burst, facts.at) for subject, burst in zip(facts.rows, bursts, strict=True)]
    services = cover.class_services(rows)
    shares = cover.row_shares(rows).tolist()
    return [
        _judge(facts, subject, row, share, burst, services)
        for subject, row, share, burst in zip(facts.rows, rows, shares, bursts, strict=True)
    ]


def blamed(rows: Sequence[RowFacts], facts: Facts, code: str) -> list[str]:
    """The names of the rows that explain why a class is below its floor, until it would be restored."""
    floor = next(c.floor for c in facts.classes if c.code == code)
    present = [row_of(row, burst_of(facts, row), facts.at) for row in rows]
    return [row.row for row in cover.rows_to_blame(present, code, floor).rows]


def burst_of(facts: Facts, subject: RowFacts) -> Burst | None:
    """The burst test of a row's failures; None where none are expected at all."""
    if subject.rate_per_day <= NO_DEMAND:
        return None
    policy = facts.policy
    rate, ratio = subject.rate_per_day, policy.burst_ratio
    tested = design(rate, subject.rate_shape, facts.series, policy.false_alarms_per_year, ratio)
    start = facts.at - REMEMBERED
    times = [(failed - start).total_seconds() / 86_400 for failed in subject.failures]
    return scan(times, rate, REMEMBERED_DAYS, ratio, tested.threshold, allowance=tested.allowance)


def row_of(subject: RowFacts, burst: Burst | None, at: datetime) -> Row:
    """A row as the mathematics sees it; an overdue delivery no longer counts as cover.

    What it asks of its classes is raised with its rate: in a burst the coming demand is mostly of the part that bursts,
    and a class's service is the share of that demand that finds stock.
    """
    raised = burst.present_rate_per_day / burst.rate_per_day if burst else 1.0
    return Row(
        row=subject.name,
        available=subject.available,
        rate_per_day=burst.present_rate_per_day if burst else subject.rate_per_day,
        resupply_days=subject.resupply_days,
        planned_share=subject.planned_share,
        demands=tuple(_raised(demand, raised) for demand in subject.demands),
        inbound=tuple(
            Inbound(coming.quantity, (coming.due_at - at).total_seconds() / 86_400)
            for coming in subject.arriving
            if coming.due_at > at
        ),
    )


def _raised(demand: ClassDemand, times: float) -> ClassDemand:
    return ClassDemand(demand.service_class, demand.served_rate * times, demand.total_rate * times)


def _with(known: ClassFacts, subject: RowFacts, row: Row, stored_share: float, share: float) -> ClassService:
    """A class with what one row was recorded with exchanged for what the row has now."""
    before = [_raised(demand, subject.stored_raise) for demand in subject.demands]
    on_time, total = known.on_time_rate, known.total_rate
    for demands, each_share, sign in ((before, stored_share, -1), (row.demands, share, 1)):
        for demand in demands:
            if demand.service_class == known.code:
                on_time += sign * demand.served_rate * each_share
                total += sign * demand.total_rate
    return ClassService(known.code, on_time / total if total > 0 else 1.0, on_time, total)


def _judge(
    facts: Facts,
    subject: RowFacts,
    row: Row,
    share: float,
    burst: Burst | None,
    services: Mapping[str, ClassService],
) -> Judgement:
    floors = {c.code: c.floor for c in facts.classes}
    critical = cover.critical_point(row, services, floors) if subject.planned and floors else None
    if subject.hand_set is not None:
        point = subject.hand_set
    elif critical is not None:
        # no stock of this row, however low, breaks a class: no line of its own
        point = 0 if critical.point is None else max(critical.point, 0)
    elif row.rate_per_day > NO_DEMAND and subject.planned_share > 0:
        point = max(cover.hold_point(subject.planned_share, row.rate_per_day, row.resupply_days, row.inbound), 0)
    else:
        point = 0
    planned = cover.hold_point(row.planned_share, row.rate_per_day, row.resupply_days) if row.planned_share > 0 else 0
    asked = max(point, planned)
    line = cover.average_failure_line(subject.rate_per_day, subject.resupply_days)
    served = {demand.service_class for demand in row.demands if demand.served_rate > 0}
    broken = [
        code for code in sorted(served & floors.keys()) if services[code].service < floors[code] - cover.TOLERANCE
    ]
    return Judgement(
        row=row,
        share=share,
        point=point,
        critical=critical,
        expected_over_resupply=line.expected,
        average_line=line.line,
        burst=burst,
        below=subject.available < point,
        under_average=subject.available <= line.line,
        broken=broken,
        asked=asked,
        covered=subject.available >= point
        and (not broken or subject.available + _coming_anyway(facts, subject) >= asked),
    )


def opens(policy: Policy, judgement: Judgement) -> bool:
    """Whether the policy opens a case for a row whose stock does not suffice."""
    return policy.activation == "level" or judgement.in_burst


def still_missing(facts: Facts, subject: RowFacts, judgement: Judgement, under_way: int) -> int:
    """How much more stock a case has to find, beyond the shelf, what comes anyway in time, and its own measures.

    `under_way` is what these have still to bring, confirmed or not.
    """
    return max(0, judgement.asked - subject.available - _coming_anyway(facts, subject) - under_way)


def _coming_anyway(facts: Facts, subject: RowFacts) -> int:
    """What is confirmed to arrive in time without any emergency having asked for it."""
    in_time = facts.at + timedelta(hours=facts.policy.restore_within_hours)
    return sum(each.quantity for each in subject.arriving if not each.measure and facts.at < each.due_at <= in_time)
