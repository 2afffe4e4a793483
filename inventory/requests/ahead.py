"""Ahead: sourcing for planned work, whose parts are promised now and held from some time before the work begins.

A part has to leave its store early enough to be at the site when the work begins, and lies ready there for `READY` before
that. From then on it is held; until then it is promised (a soft reservation), and what counts is not what is free now but
what will be: with the deliveries that are sure by then, and without what others were promised.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct, structs

from inventory.catalogue.grades import Provenance
from inventory.ground import clock
from inventory.requests.sources import Offered
from inventory.requests.sourcing import PICK_HOURS, Source
from inventory.stock import promises
from inventory.stock.promises import Prospect

READY = timedelta(hours=24)
"""How long before it must leave a planned part is held, ready to be picked."""

Spot = tuple[int, int, int]


class ComingDelivery(Struct, frozen=True, kw_only=True):
    """A delivery to the store; an unconfirmed one is not counted on."""

    number: str | None
    quantity: int
    due_at: datetime
    confirmed: bool


class Ahead(Struct, frozen=True, kw_only=True):
    """How a line of planned work stands before its day.

    It is held from `held_from` on. `missing` pieces are not to be had by then and have to be in the store by `replenish_by`;
    `deliveries` are those that the line counts on, or, where pieces are missing, those that would bring them.
    """

    held_from: datetime
    missing: int
    replenish_by: datetime
    deliveries: list[ComingDelivery] = []


def leaves_at(travel_hours: float, planned_at: datetime) -> datetime:
    """When a part must be picked at the latest."""
    return planned_at - timedelta(hours=PICK_HOURS + travel_hours)


def held_from(travel_hours: float | None, planned_at: datetime | None) -> datetime | None:
    """From when on a part is held for planned work; None where that is now, or the work is not planned."""
    if planned_at is None or travel_hours is None:
        return None
    at = leaves_at(travel_hours, planned_at) - READY
    return at if at > clock.now() else None


async def foresee(
    offered: Offered,
    planned_at: datetime,
    parts: Sequence[int],
    *,
    before: Collection[UUID] = (),
    least: Provenance | None = None,
) -> tuple[Offered, dict[Spot, Prospect]]:
    """What could answer some parts on the day, and how the levels behind it will be; one statement, however many.

    They come `before` some promises, which wait behind them for stock that is missing.
    """
    serving = offered.serving
    spots = {source.stock[:3] for offers in offered.stock.values() for source in offers}
    if serving is not None:
        spots |= {(part, serving.place, offered.pool) for part in parts}
    prospects = await promises.prospects(sorted(spots), least=least)

    def on_the_day(offers: Sequence[Source]) -> list[Source]:
        """What there is now, and of each level that can be held later its cheapest way; there is time for it."""
        now, later = list[Source](), dict[object, Source]()
        # a delivery is in its level's prospect
        for source in sorted(offers, key=lambda each: (each.inbound is not None, each.transport_cost_cny)):
            at = held_from(source.travel_hours, planned_at)
            if at is None or source.travel_hours is None:
                now.append(source)
                continue
            foreseen = structs.replace(
                source,
                free=prospects[source.stock[:3]].spare_from(at, beside=before),
                inbound=None,
                ready_at=leaves_at(source.travel_hours, planned_at),
                took=(),
            )
            later.setdefault(foreseen.stock, foreseen)
        reached = {source.stock for source in later.values()}
        return [*later.values(), *(source for source in now if source.stock not in reached)]

    stock = {part: on_the_day(offers) for part, offers in offered.stock.items()}
    return Offered(stock, offered.outside, serving, offered.pool), prospects


def covered(
    prospect: Prospect,
    at: datetime,
    travel_hours: float,
    planned_at: datetime,
    pieces: int,
    *,
    before: Collection[UUID] = (),
) -> Ahead:
    """How a line stands whose pieces there will be; it names the deliveries it counts on, where what is there is too little."""
    there = Prospect(
        part=prospect.part, place=prospect.place, pool=prospect.pool, free=prospect.free, coming=[], promised=prospect.promised
    )  # fmt: skip
    sure = [each for each in prospect.coming if each.confirmed and each.due_at <= at]
    return Ahead(
        held_from=at,
        missing=0,
        replenish_by=leaves_at(travel_hours, planned_at),
        deliveries=[] if there.spare_from(at, beside=before) >= pieces else _told(sure),
    )


def short(prospect: Prospect | None, travel_hours: float, planned_at: datetime, missing: int) -> Ahead:
    """How a line stands whose pieces are missing; it names the deliveries that could bring them."""
    by = leaves_at(travel_hours, planned_at)
    at = held_from(travel_hours, planned_at) or clock.now()
    unsure = [each for each in prospect.coming if not (each.confirmed and each.due_at <= at)] if prospect else []
    return Ahead(held_from=at, missing=missing, replenish_by=by, deliveries=_told(unsure))


def _told(deliveries: Sequence[promises.Delivery]) -> list[ComingDelivery]:
    return [
        ComingDelivery(number=each.number, quantity=each.quantity, due_at=each.due_at, confirmed=each.confirmed)
        for each in deliveries[:5]
    ]
