"""Sourcing: where a requested part comes from, when it arrives, and what else could be done. Pure.

The choice is the cheapest source that arrives in time, else the earliest one that can be had at all. Another depot is
asked only for what it does not need itself: its stock stays at or above its critical point, unless the request is
severe.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from msgspec import Struct

Rung = Literal["engineer_stock", "depot", "other_depot", "substitute", "emergency"]

PICK_HOURS = 0.25
"""From the request to the part leaving the store."""


class Source(Struct, frozen=True, kw_only=True):
    """Free stock that could answer a line, and how it would get there."""

    rung: Rung
    part: int
    part_number: str
    place: int
    depot: str
    pool: int
    pool_code: str
    free: int
    travel_hours: float | None
    transport_cost_cny: float
    critical_point: int | None
    out_of_service: bool = False


class Purchase(Struct, frozen=True, kw_only=True):
    """A vendor's fastest offer, for the last rung."""

    vendor: str
    hours: float
    cost_cny: float


class Step(Struct, frozen=True, kw_only=True):
    """A rung of the ladder: what it would bring, and why it is or is not taken."""

    rung: Rung
    possible: bool
    depot: str | None = None
    part_number: str | None = None
    arrives_at: datetime | None = None
    on_time: bool = False
    cost_cny: float | None = None
    reasons: list[str] = []


class Choice(Struct, frozen=True, kw_only=True):
    """The source taken for a line, or none; and the whole ladder."""

    source: Source | None
    arrives_at: datetime | None
    on_time: bool
    reasons: list[str]
    ladder: list[Step]


def choose(
    quantity: int,
    sources: Sequence[Source],
    purchases: Sequence[Purchase],
    *,
    now: datetime,
    need_by: datetime | None,
    severe: bool,
) -> Choice:
    """Choose where a line comes from.

    >>> noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    >>> def at(depot, rung, hours, cost, free=5, critical=None):
    ...     return Source(rung=rung, part=1, part_number="PSU-750", place=1, depot=depot, pool=1, pool_code="common",
    ...                   free=free, travel_hours=hours, transport_cost_cny=cost, critical_point=critical)
    >>> near, far = at("GZ", "depot", 1.5, 0), at("SH", "other_depot", 25, 320)
    >>> choose(1, [far, near], [], now=noon, need_by=noon + timedelta(hours=2), severe=False).source.depot
    'GZ'
    >>> empty = at("GZ", "depot", 1.5, 0, free=0)
    >>> late = choose(1, [empty, far], [], now=noon, need_by=noon + timedelta(hours=2), severe=False)
    >>> late.source.depot, late.on_time
    ('SH', False)
    """
    judged = [_judge(quantity, source, now, need_by, severe=severe) for source in sources]
    able = [(step, source) for step, source in zip(judged, sources, strict=True) if step.possible]
    steps = sorted([*judged, *(_buying(offer, now, need_by, quantity) for offer in purchases)], key=_ladder_order)
    if not able:
        return Choice(source=None, arrives_at=None, on_time=False, reasons=["no_free_stock_anywhere"], ladder=steps)
    step, source = min(able, key=_preference)
    reasons = ["cheapest_on_time" if step.on_time else "earliest_possible"]
    return Choice(source=source, arrives_at=step.arrives_at, on_time=step.on_time, reasons=reasons, ladder=steps)


_NEVER = datetime.max.replace(tzinfo=UTC)

_RUNGS: tuple[Rung, ...] = ("engineer_stock", "depot", "other_depot", "substitute", "emergency")


def _ladder_order(step: Step) -> tuple[int, bool, datetime]:
    return _RUNGS.index(step.rung), not step.possible, step.arrives_at or _NEVER


def _preference(pair: tuple[Step, Source]) -> tuple[bool, float, datetime, int, str]:
    """On time first; then cheap where on time, early where late; then up the ladder."""
    step, source = pair
    arrives = step.arrives_at or _NEVER
    cost = source.transport_cost_cny if step.on_time else 0.0
    return not step.on_time, cost, arrives, _RUNGS.index(step.rung), source.depot


def _judge(quantity: int, source: Source, now: datetime, need_by: datetime | None, *, severe: bool) -> Step:
    reasons: list[str] = []
    if source.free < quantity:
        reasons.append(f"only_{source.free}_free")
    if source.out_of_service:
        reasons.append("out_of_service")
    if source.travel_hours is None:
        reasons.append("no_way_there")
    keeps = source.critical_point or 0
    gives_away_cover = source.rung == "other_depot" and source.free - quantity < keeps and not severe
    if gives_away_cover and source.free >= quantity:
        reasons.append(f"needs_{keeps}_itself")
    possible = not reasons
    arrives = None
    if source.travel_hours is not None:
        arrives = now + timedelta(hours=PICK_HOURS + source.travel_hours)
    on_time = arrives is not None and (need_by is None or arrives <= need_by)
    if possible and not on_time:
        reasons.append("after_need_by")
    return Step(
        rung=source.rung,
        possible=possible,
        depot=source.depot,
        part_number=source.part_number,
        arrives_at=arrives,
        on_time=possible and on_time,
        cost_cny=source.transport_cost_cny,
        reasons=reasons,
    )


def _buying(offer: Purchase, now: datetime, need_by: datetime | None, quantity: int) -> Step:
    arrives = now + timedelta(hours=offer.hours)
    on_time = need_by is None or arrives <= need_by
    return Step(
        rung="emergency",
        possible=True,
        depot=None,
        arrives_at=arrives,
        on_time=on_time,
        cost_cny=offer.cost_cny * quantity,
        reasons=[f"buy_from_{offer.vendor}"] + ([] if on_time else ["after_need_by"]),
    )
