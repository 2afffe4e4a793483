"""Buying for a request: what waits, and no stock answers in time, a vendor sends at once."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from inventory.catalogue import parts
from inventory.ground import audit, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Refused
from inventory.procurement import orders
from inventory.procurement.orders import NewLine, OrderView
from inventory.requests import scope
from inventory.requests.lines import lock_head

UNDER_WAY: tuple[orders.State, ...] = ("draft", "approved", *orders.OPEN_FOR_RECEIPT)
"""States of an order that can still bring something."""


class NothingWaits(Refused):
    """{request} waits for no {part_number}."""

    zh = "{request} 没有等待中的 {part_number}。"
    help_en = "Only what waits for stock is bought for a request."
    help_zh = "只能为等待库存的备件发起加急采购。"


class BoughtAlready(Refused):
    """{order} was drafted for {request} and brings {part_number}."""

    zh = "已为 {request} 起草 {order}，将带来 {part_number}。"
    help_en = "Have that order approved, or cancel it first."
    help_zh = "请审批该订单，或先将其取消。"


class Bought(Struct, frozen=True, kw_only=True):
    """An order for a request, without its prices."""

    id: UUID
    number: str
    vendor: str
    state: orders.State
    promised_at: datetime | None
    part_numbers: list[str]

    @property
    def under_way(self) -> bool:
        """Whether it can still bring something."""
        return self.state in UNDER_WAY


class _Wait(Struct, frozen=True, kw_only=True):
    """What of a part a request waits for, and where."""

    depot: str
    pool: str
    quantity: int


@db.atomic
async def buy(request: UUID, part_number: str, vendor: str, *, by: Actor) -> OrderView:
    """Have a vendor send what a request waits for, as fast as it can; a buyer on duty approves the order within the hour.

    It goes to the store that serves the request's site. As soon as the vendor confirms when it comes, the request has a firm
    promise.

    Raises:
        Unknown: no such request in the actor's scope, no such part or vendor.
        NotYourRequest: the actor neither asked for it, nor is its engineer, nor may decide for others.
        NothingWaits: the request waits for none of it, or what it waits for comes in time.
        BoughtAlready: an order that is under way brings it.
        NoOffer, QuantityOutsideOffer: the vendor does not sell it, or not so many at once.

    """
    by.require("parts.request")
    head = await lock_head(request, by=by)
    scope.require_concerned(head, by)
    part = await parts.find(part_number)
    waits = await db.read(
        _Wait,
        """SELECT place.code AS depot, pool.code AS pool, sum(quantity)::int AS quantity FROM request_line AS line
           JOIN place ON place.id = line.source_place JOIN pool ON pool.id = line.pool
           JOIN part_request ON part_request.id = line.request
           WHERE request = $1 AND part = $2 AND line.state = 'backordered' AND (NOT firm OR promised_at > need_by)
           GROUP BY 1, 2 ORDER BY quantity DESC""",
        request,
        part.id,
    )
    if not waits:
        raise NothingWaits(request=head["number"], part_number=part.part_number)
    wait, needed = waits[0], sum(each.quantity for each in waits)
    before = await _under_way(head["number"], part.id)
    if before is not None:
        raise BoughtAlready(order=before, request=head["number"], part_number=part.part_number)
    terms = await orders.least(vendor, part.part_number, needed)
    drafted = await orders.draft(
        vendor,
        wait.depot,
        [NewLine(part_number=part.part_number, quantity=terms.quantity)],
        by=by,
        pool=wait.pool,
        expedited=terms.expedited,
        request_number=head["number"],
    )
    await audit.record("request.bought", "part_request", head["number"], by=by, change={"order": drafted.number})
    return orders.shown_to(drafted, by)


async def _under_way(number: str, part: int) -> str | None:
    """The order for a request that is to bring a part, if there is one."""
    return await db.fetch_value(
        """SELECT purchase_order.number FROM purchase_order
           JOIN purchase_order_line AS line ON line.purchase_order = purchase_order.id
           WHERE request_number = $1 AND line.part = $2
             AND purchase_order.state = ANY($3) LIMIT 1""",
        number,
        part,
        UNDER_WAY,
    )


async def bought_for(number: str) -> list[Bought]:
    """What was ordered for a request that its reader was found to see, newest first."""
    return await db.read(
        Bought,
        """SELECT purchase_order.id, number, party.code AS vendor, state, promised_at,
                  ARRAY(SELECT part_number FROM purchase_order_line JOIN part ON part.id = purchase_order_line.part
                        WHERE purchase_order_line.purchase_order = purchase_order.id) AS part_numbers
           FROM purchase_order
           JOIN vendor ON vendor.id = purchase_order.vendor JOIN party ON party.id = vendor.party
           WHERE request_number = $1 ORDER BY purchase_order.id DESC LIMIT 20""",
        number,
    )
