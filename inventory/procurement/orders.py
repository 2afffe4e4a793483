"""Purchase orders: from draft to receipt, each state moved once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType, structs

from inventory.catalogue import parts
from inventory.ground import audit, clock, db, events, jobs, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, Invalid, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.places import places
from inventory.stock import expected, pools

FOUR_EYES_ABOVE_CNY = Decimal(20_000)
"""Above this total, whoever drafted an order may not approve it."""

State = Literal["draft", "approved", "placed", "acknowledged", "partly_received", "received", "refused", "cancelled"]
OPEN_FOR_RECEIPT: tuple[State, ...] = ("placed", "acknowledged", "partly_received")


class NoOffer(Refused):
    """{vendor} makes no valid offer for {part_number}{expedited}."""

    zh = "{vendor} 没有 {part_number} 的有效报价{expedited_zh}。"
    help_en = "See the offers for this part, or enter the vendor's new one."
    help_zh = "请查看该备件的其他报价，或录入供应商的新报价。"


class QuantityOutsideOffer(Invalid):
    """{part_number}: {quantity} ordered; the offer allows {minimum} to {maximum} in lots of {lot}."""

    zh = "{part_number}：订购 {quantity}，报价允许 {minimum} 至 {maximum}，按 {lot} 的整数倍。"
    help_en = "Order a multiple of {lot} from {minimum} to {maximum}, or use another offer."
    help_zh = "请按 {lot} 的倍数在 {minimum} 至 {maximum} 之间订购，或选择其他报价。"


class PartOrderedTwice(Invalid, constraint="purchase_order_line_is_one_per_part"):
    """A part stands on this order twice."""

    zh = "同一备件在该订单中重复出现。"
    help_en = "Put all pieces of a part on one line."
    help_zh = "同一备件请合并为一行。"


class FourEyes(Forbidden):
    """An order above {limit} CNY is approved by somebody other than {drafter}, who drafted it."""

    zh = "超过 {limit} 元的订单须由起草人 {drafter} 以外的人审批。"
    help_en = "Ask another buyer or an approver on duty."
    help_zh = "请由其他采购员或值班审批人审批。"


class NewLine(Struct, frozen=True, kw_only=True):
    """One part to order."""

    part_number: str
    quantity: int


class OrderLineView(Struct, frozen=True, kw_only=True):
    """One part of an order."""

    id: UUID
    part_number: str
    name_zh: str
    name_en: str
    quantity: int
    received_quantity: int
    short_quantity: int
    unit_price_cny: Decimal | UnsetType = UNSET


class OrderMessage(Struct, frozen=True, kw_only=True):
    """One exchange with the vendor."""

    at: datetime
    direction: str
    status: int | None
    summary: str


class OrderView(Struct, frozen=True, kw_only=True):
    """A purchase order with its lines."""

    id: UUID
    number: str
    vendor: str
    vendor_zh: str
    vendor_en: str
    ship_to: str
    pool: str
    kind: str
    state: State
    expedited: bool
    case_number: str | None
    request_number: str | None
    created_at: datetime
    created_by: str
    approved_at: datetime | None
    approved_by: str | None
    placed_at: datetime | None
    acknowledged_at: datetime | None
    vendor_reference: str | None
    promised_at: datetime | None
    received_at: datetime | None
    problem: str
    lines: list[OrderLineView]
    total_cny: Decimal | UnsetType = UNSET


class _Offered(Struct, frozen=True, kw_only=True):
    """An offer's terms for the way the order goes."""

    unit_price_cny: Decimal
    fee_cny: Decimal
    minimum_quantity: int
    lot_size: int
    maximum_quantity: int
    lead_time_hours: float


@db.atomic
async def draft_order(
    vendor: str,
    ship_to: str,
    lines: Sequence[NewLine],
    *,
    by: Actor,
    pool: str = pools.COMMON,
    kind: Literal["normal", "emergency"] = "normal",
    expedited: bool = False,
    case_number: str | None = None,
) -> OrderView:
    """Draft an order at the vendor's offered prices.

    Raises:
        Unknown: no such vendor, store, pool or part.
        NotYourDepot: the actor does not serve the store it would go to.
        NoOffer: the vendor does not offer a part (that way) today.
        QuantityOutsideOffer: fewer or more than the offer allows, or no multiple of its lot.

    """
    by.require("orders.draft")
    by.require_depot(ship_to)
    return await draft(
        vendor, ship_to, lines, by=by, pool=pool, kind=kind, expedited=expedited, case_number=case_number
    )


@db.atomic
async def draft(
    vendor: str,
    ship_to: str,
    lines: Sequence[NewLine],
    *,
    by: Actor,
    pool: str = pools.COMMON,
    kind: Literal["normal", "emergency"] = "normal",
    expedited: bool = False,
    case_number: str | None = None,
    request_number: str | None = None,
) -> OrderView:
    """Draft an order on behalf of another verb that has checked the actor's rights; one that somebody waits for is urgent.

    Raises:
        Unknown, NoOffer, QuantityOutsideOffer: as for `draft_order`.

    """
    place = await places.find_store(ship_to)
    pool_id = await pools.find(pool)
    vendor_id = await db.fetch_value(
        "SELECT vendor.id FROM vendor JOIN party ON party.id = vendor.party WHERE party.code = $1 AND vendor.active",
        vendor,
    )
    if vendor_id is None:
        raise Unknown(what="vendor", what_zh="供应商", key=vendor)
    priced = [await _priced(vendor_id, vendor, line, expedited=expedited) for line in lines]
    total = sum(
        (offer.unit_price_cny * line.quantity for (_, offer), line in zip(priced, lines, strict=True)), Decimal(0)
    )
    total += max((offer.fee_cny for _, offer in priced), default=Decimal(0))
    number = await next_number("PO")
    order = await db.fetch_value(
        """INSERT INTO purchase_order (number, vendor, ship_to, pool, kind, state, expedited, total_cny, case_number,
                                       request_number, created_at, created_by)
           VALUES ($1, $2, $3, $4, $5, 'draft', $6, $7, $8, $9, $10, $11) RETURNING id""",
        number,
        vendor_id,
        place.id,
        pool_id,
        kind,
        expedited,
        total,
        case_number,
        request_number,
        clock.now(),
        by.name,
    )
    await db.execute(
        """INSERT INTO purchase_order_line (purchase_order, part, quantity, unit_price_cny)
           SELECT $1, part, quantity, price FROM unnest($2::int[], $3::int[], $4::numeric[]) AS l(part, quantity, price)""",
        order,
        [part for part, _ in priced],
        [line.quantity for line in lines],
        [offer.unit_price_cny for _, offer in priced],
    )
    await steps.begin(
        "approve_order",
        "purchase_order",
        number,
        owner_role="buyer",
        depot=ship_to,
        due_at=clock.now() + timedelta(hours=1 if kind == "emergency" or request_number else 24),
    )
    return await order_view(order)


async def _priced(vendor: int, code: str, line: NewLine, *, expedited: bool) -> tuple[int, _Offered]:
    part = await parts.find(line.part_number)
    offer = await db.read_one(
        _Offered,
        """SELECT CASE WHEN $4 THEN expedited_price_cny ELSE unit_price_cny END AS unit_price_cny,
                  CASE WHEN $4 THEN expedited_fee_cny ELSE order_fee_cny END AS fee_cny,
                  minimum_quantity, lot_size, maximum_quantity,
                  CASE WHEN $4 THEN expedited_hours ELSE lead_time_days * 24 END AS lead_time_hours
           FROM offer
           WHERE vendor = $1 AND part = $2 AND valid_from <= $3 AND (valid_to IS NULL OR valid_to >= $3)
             AND ($4 = false OR expedited_hours IS NOT NULL)
           ORDER BY valid_from DESC LIMIT 1""",
        vendor,
        part.id,
        clock.today(),
        expedited,
    )
    if offer is None:
        raise NoOffer(
            vendor=code,
            part_number=part.part_number,
            expedited=" expedited" if expedited else "",
            expedited_zh="（加急）" if expedited else "",
        )
    if not offer.minimum_quantity <= line.quantity <= offer.maximum_quantity or line.quantity % offer.lot_size:
        raise QuantityOutsideOffer(
            part_number=part.part_number,
            quantity=line.quantity,
            minimum=offer.minimum_quantity,
            maximum=offer.maximum_quantity,
            lot=offer.lot_size,
        )
    return part.id, offer


class Least(Struct, frozen=True, kw_only=True):
    """The least that is ordered for some pieces, and whether it can be had expedited."""

    quantity: int
    expedited: bool


async def least(vendor: str, part_number: str, quantity: int) -> Least:
    """How many a vendor sends where so many are needed (its minimum, whole lots), and whether it sends them expedited.

    Raises:
        NoOffer: the vendor does not offer the part today.

    """
    row = await db.fetch_one(
        """SELECT greatest(minimum_quantity, ceil($3::float8 / lot_size) * lot_size)::int AS quantity,
                  expedited_hours IS NOT NULL AS expedited
           FROM offer
           JOIN vendor ON vendor.id = offer.vendor AND vendor.active
           JOIN party ON party.id = vendor.party AND party.code = $1
           JOIN part ON part.id = offer.part AND part.part_number = $2
           WHERE valid_from <= $4 AND (valid_to IS NULL OR valid_to >= $4)
           ORDER BY expedited_hours IS NULL, valid_from DESC LIMIT 1""",
        vendor,
        part_number,
        quantity,
        clock.today(),
    )
    if row is None:
        raise NoOffer(vendor=vendor, part_number=part_number, expedited="", expedited_zh="")
    return Least(quantity=row["quantity"], expedited=row["expedited"])


@db.atomic
async def approve_order(order: UUID, *, by: Actor) -> OrderView:
    """Approve a draft; it then goes to the vendor.

    Raises:
        Unknown: no such order.
        NotYourDepot: it goes to a store that the actor does not serve.
        WrongState: it is no draft any more.
        FourEyes: the drafter may not approve an order of this value.

    """
    by.require("orders.approve")
    view = await order_view(order)
    by.require_depot(view.ship_to)
    total = view.total_cny if view.total_cny is not UNSET else Decimal(0)
    if total > FOUR_EYES_ABOVE_CNY:
        by.require_eyes()
    if view.created_by == by.name and total > FOUR_EYES_ABOVE_CNY and by.kind != "service":
        raise FourEyes(limit=FOUR_EYES_ABOVE_CNY, drafter=view.created_by)
    return await approve_on_authority(order, by=by)


@db.atomic
async def approve_on_authority(order: UUID, *, by: Actor) -> OrderView:
    """Approve on behalf of another verb that has checked the authority.

    Raises:
        Unknown, WrongState: as for `approve_order`.

    """
    await _move(order, ("draft",), "approved", approved_at=clock.now(), approved_by=by.name)
    view = await order_view(order)
    await audit.record(
        "order.approved", "purchase_order", view.number, by=by, change={"total_cny": str(view.total_cny)}
    )
    await steps.finish("purchase_order", view.number, by=by)
    await jobs.enqueue(jobs.PlaceOrder(order))
    return view


@db.atomic
async def cancel_order(order: UUID, *, by: Actor, reason: str) -> OrderView:
    """Give up an order that the vendor has not been sent.

    Raises:
        Unknown: no such order.
        NotYourDepot: it goes to a store that the actor does not serve.
        WrongState: it was sent, or given up before.

    """
    by.require("orders.draft")
    by.require_depot((await order_view(order)).ship_to)
    return await give_up(order, by=by, reason=reason)


@db.atomic
async def give_up(order: UUID, *, by: Actor, reason: str) -> OrderView:
    """Cancel on behalf of another verb that has checked the actor's rights.

    Raises:
        Unknown, WrongState: as for `cancel_order`.

    """
    await _move(order, ("draft",), "cancelled", closed_at=clock.now(), problem=reason)
    view = await order_view(order)
    await audit.record("order.cancelled", "purchase_order", view.number, by=by, reason=reason)
    await steps.finish("purchase_order", view.number, by=by)
    return view


class OrderToPlace(Struct, frozen=True, kw_only=True):
    """An approved order as its vendor must get it."""

    id: UUID
    number: str
    vendor: str
    channel: str
    endpoint: str | None
    secret_version: int
    expedited: bool
    ship_to: str
    ship_to_zh: str
    lines: list["LineToPlace"]


class LineToPlace(Struct, frozen=True, kw_only=True):
    """One line of it."""

    part_number: str
    quantity: int
    unit_price_cny: str


async def order_to_place(order: UUID) -> OrderToPlace | None:
    """An order that is approved and not placed yet; None where there is nothing left to do."""
    return await db.read_one(
        OrderToPlace,
        """SELECT purchase_order.id, number, party.code AS vendor, vendor.channel, vendor.endpoint,
                  vendor.secret_version, expedited, place.code AS ship_to, place.name_zh AS ship_to_zh,
                  (SELECT jsonb_agg(jsonb_build_object('part_number', part_number, 'quantity', quantity,
                                                       'unit_price_cny', unit_price_cny::text) ORDER BY part_number)
                   FROM purchase_order_line AS line JOIN part ON part.id = line.part
                   WHERE line.purchase_order = purchase_order.id) AS lines
           FROM purchase_order
           JOIN vendor ON vendor.id = purchase_order.vendor
           JOIN party ON party.id = vendor.party
           JOIN place ON place.id = purchase_order.ship_to
           WHERE purchase_order.id = $1 AND state = 'approved'""",
        order,
    )


@db.atomic
async def note_message(
    order: UUID, direction: Literal["sent", "received", "failed"], summary: str, *, status: int | None = None
) -> None:
    """Keep what went to the vendor or came back, word for word."""
    await db.execute(
        "INSERT INTO order_message (purchase_order, at, direction, status, summary) VALUES ($1, $2, $3, $4, $5)",
        order,
        clock.now(),
        direction,
        status,
        summary[:4000],
    )


@db.atomic
async def record_placed(
    order: UUID, *, by: Actor, vendor_reference: str | None = None, promised_at: datetime | None = None
) -> OrderView:
    """The vendor has the order; its goods are expected, firmly where it promised a time.

    Raises:
        WrongState: it was not waiting to be placed.

    """
    await _move(order, ("approved",), "placed", placed_at=clock.now(), vendor_reference=vendor_reference)
    view = await order_view(order)
    for line in await _lines(order):
        await expected.expect(
            line["part"],
            line["ship_to"],
            line["pool"],
            line["quantity"],
            source_kind="purchase_order_line",
            source=line["id"],
            due_at=promised_at or clock.now() + timedelta(hours=line["lead_time_hours"] or 24),
            confirmed=False,
        )
    await events.emit("purchase_order.placed", "purchase_order", view.number, view, depot=view.ship_to)
    if promised_at is not None:
        return await record_acknowledged(order, by=by, promised_at=promised_at, vendor_reference=vendor_reference)
    return view


@db.atomic
async def record_acknowledged(
    order: UUID, *, by: Actor, promised_at: datetime, vendor_reference: str | None = None
) -> OrderView:
    """The vendor promised a time, or moved it; from here on the goods count as cover.

    Raises:
        WrongState: it is not with the vendor.

    """
    await _move(
        order,
        ("placed", "acknowledged", "partly_received"),
        None,
        acknowledged_at=clock.now(),
        promised_at=promised_at,
        vendor_reference=vendor_reference,
    )
    await db.execute("UPDATE purchase_order SET state = 'acknowledged' WHERE id = $1 AND state = 'placed'", order)
    for line in await _lines(order):
        await expected.confirm(line["id"], promised_at)
    view = await order_view(order)
    await audit.record(
        "order.acknowledged", "purchase_order", view.number, by=by, change={"promised_at": promised_at.isoformat()}
    )
    await events.emit("purchase_order.acknowledged", "purchase_order", view.number, view, depot=view.ship_to)
    return view


@db.atomic
async def record_refused(order: UUID, *, by: Actor, reason: str) -> OrderView:
    """The vendor will not deliver, or cannot be reached; a buyer is told.

    Raises:
        WrongState: it is not on its way.

    """
    await _move(order, ("approved", "placed", "acknowledged"), "refused", problem=reason, closed_at=clock.now())
    for line in await _lines(order):
        await expected.close(line["id"])
    view = await order_view(order)
    await steps.begin(
        "order_refused",
        "purchase_order",
        view.number,
        owner_role="buyer",
        depot=view.ship_to,
        due_at=clock.now() + timedelta(hours=1),
    )
    await events.emit("purchase_order.refused", "purchase_order", view.number, view, depot=view.ship_to)
    await jobs.enqueue(jobs.OrderFellThrough(order))
    await audit.record("order.refused", "purchase_order", view.number, by=by, reason=reason)
    return view


@db.atomic
async def record_received(order: UUID, counts: dict[UUID, int], *, by: Actor) -> OrderView:
    """Count what came in against the lines; the order is received when every line is.

    Raises:
        WrongState: it is not with the vendor.

    """
    for line, count in sorted(counts.items()):
        await db.execute(
            "UPDATE purchase_order_line SET received_quantity = received_quantity + $2 WHERE id = $1", line, count
        )
    missing = await db.fetch_value(
        """SELECT coalesce(sum(greatest(quantity - received_quantity - short_quantity, 0)), 0)::int
           FROM purchase_order_line WHERE purchase_order = $1""",
        order,
    )
    now = clock.now()
    await _move(
        order,
        OPEN_FOR_RECEIPT,
        "partly_received" if missing else "received",
        received_at=None if missing else now,
        closed_at=None if missing else now,
    )
    view = await order_view(order)
    if not missing:
        await events.emit("purchase_order.received", "purchase_order", view.number, view, depot=view.ship_to)
        await steps.finish("purchase_order", view.number, by=by)
    return view


@db.atomic
async def record_unreceived(order: UUID, part: int, quantity: int, *, by: Actor, reason: str) -> UUID:
    """Count out what was taken in by mistake: the order waits for it again, also when it was received; its line.

    Raises:
        Unknown: the order has no line of that part.
        WrongState: nothing of it was received.

    """
    await _move(order, ("partly_received", "received"), "partly_received")
    line = await db.fetch_value(
        """UPDATE purchase_order_line SET received_quantity = received_quantity - $3
           WHERE purchase_order = $1 AND part = $2 RETURNING id""",
        order,
        part,
        quantity,
    )
    if line is None:
        raise Unknown(what="order line", what_zh="订单行", key=str(order))
    nothing = await db.fetch_value(
        "SELECT sum(received_quantity) = 0 FROM purchase_order_line WHERE purchase_order = $1", order
    )
    await db.execute(
        """UPDATE purchase_order
           SET received_at = NULL, closed_at = NULL,
               state = CASE WHEN NOT $2 THEN state WHEN acknowledged_at IS NULL THEN 'placed' ELSE 'acknowledged' END
           WHERE id = $1""",
        order,
        nothing,
    )
    view = await order_view(order)
    await audit.record("order.receipt_reversed", "purchase_order", view.number, by=by, reason=reason)
    await events.emit("purchase_order.receipt_reversed", "purchase_order", view.number, view, depot=view.ship_to)
    return line


@db.atomic
async def record_short(order: UUID, missing: dict[UUID, int], *, by: Actor, reason: str) -> None:
    """The rest of some lines will not come: it is expected no more, and no longer keeps the order open."""
    for line, count in sorted(missing.items()):
        await db.execute(
            "UPDATE purchase_order_line SET short_quantity = short_quantity + $2 WHERE id = $1", line, count
        )
        await expected.close(line)
    number = await db.fetch_value("SELECT number FROM purchase_order WHERE id = $1", order)
    await audit.record("order.closed_short", "purchase_order", number, by=by, reason=reason)


async def _move(order: UUID, allowed: Sequence[str], becomes: str | None, **columns: object) -> None:
    """Move an order's state, writing the columns that are given; losing the race is the refusal."""
    given = {name: value for name, value in columns.items() if value is not None}
    assignments = ", ".join(f"{name} = ${place}" for place, name in enumerate(given, start=4))
    moved = await db.execute(
        f"""UPDATE purchase_order SET state = coalesce($3, state){", " + assignments if assignments else ""}
            WHERE id = $1 AND state = ANY($2)""",
        order,
        list(allowed),
        becomes,
        *given.values(),
    )
    if moved:
        return
    found = await db.fetch_one("SELECT number, state FROM purchase_order WHERE id = $1", order)
    if found is None:
        raise Unknown(what="purchase order", what_zh="采购订单", key=str(order))
    raise WrongState(
        what="Purchase order", what_zh="采购订单", key=found["number"], state=found["state"], needed=" / ".join(allowed)
    )


async def _lines(order: UUID) -> list[db.Row]:
    """An order's lines with where they go and how long the vendor's offer says they take."""
    return await db.fetch(
        """SELECT line.id, line.part, purchase_order.ship_to, purchase_order.pool, line.quantity,
                  CASE WHEN purchase_order.expedited THEN offer.expedited_hours ELSE offer.lead_time_days * 24 END
                      AS lead_time_hours
           FROM purchase_order_line AS line
           JOIN purchase_order ON purchase_order.id = line.purchase_order
           LEFT JOIN LATERAL (
               SELECT expedited_hours, lead_time_days FROM offer
               WHERE offer.vendor = purchase_order.vendor AND offer.part = line.part AND offer.valid_from <= $2
               ORDER BY valid_from DESC LIMIT 1
           ) AS offer ON true
           WHERE line.purchase_order = $1 ORDER BY line.part""",
        order,
        clock.today(),
    )


_VIEW = """SELECT purchase_order.id, purchase_order.number, party.code AS vendor, party.name_zh AS vendor_zh,
                  party.name_en AS vendor_en, place.code AS ship_to, pool.code AS pool, purchase_order.kind,
                  purchase_order.state, expedited, case_number, request_number, created_at, created_by, approved_at,
                  approved_by, placed_at, acknowledged_at, vendor_reference, promised_at, received_at, problem, total_cny,
                  (SELECT coalesce(jsonb_agg(jsonb_build_object(
                              'id', line.id, 'part_number', part.part_number, 'name_zh', part.name_zh,
                              'name_en', part.name_en, 'quantity', quantity, 'received_quantity', received_quantity,
                              'short_quantity', short_quantity,
                              'unit_price_cny', unit_price_cny::text) ORDER BY part.part_number), '[]')
                   FROM purchase_order_line AS line JOIN part ON part.id = line.part
                   WHERE line.purchase_order = purchase_order.id) AS lines
           FROM purchase_order
           JOIN vendor ON vendor.id = purchase_order.vendor
           JOIN party ON party.id = vendor.party
           JOIN place ON place.id = purchase_order.ship_to
           JOIN pool ON pool.id = purchase_order.pool
           WHERE ($1::text[] IS NULL OR place.code = ANY($1)) AND ($2::text IS NULL OR party.code = $2)"""


def shown_to(view: OrderView, seen_by: Actor | None) -> OrderView:
    """The order without prices, for those who may not see them; its vendor may."""
    if seen_by is None or seen_by.may("costs.read") or seen_by.vendor == view.vendor:
        return view
    return structs.replace(
        view, total_cny=UNSET, lines=[structs.replace(line, unit_price_cny=UNSET) for line in view.lines]
    )


async def order_view(order: UUID, *, seen_by: Actor | None = None) -> OrderView:
    """One order.

    Raises:
        Unknown: no such order in the reader's scope.

    """
    view = await db.read_one(
        OrderView,
        f"{_VIEW} AND purchase_order.id = $3",
        seen_by.depot_scope if seen_by else None,
        seen_by.vendor if seen_by else None,
        order,
    )
    if view is None:
        raise Unknown(what="purchase order", what_zh="采购订单", key=str(order))
    return shown_to(view, seen_by)


async def order_id(number: str, *, seen_by: Actor | None = None) -> UUID:
    """The id of an order by its number.

    Raises:
        Unknown: no such order in the reader's scope, in the same words whether there is one or not.

    """
    order = await db.fetch_value(
        """SELECT purchase_order.id FROM purchase_order
           JOIN vendor ON vendor.id = purchase_order.vendor
           JOIN party ON party.id = vendor.party
           JOIN place ON place.id = purchase_order.ship_to
           WHERE number = $1 AND ($2::text[] IS NULL OR place.code = ANY($2)) AND ($3::text IS NULL OR party.code = $3)""",
        number,
        seen_by.depot_scope if seen_by else None,
        seen_by.vendor if seen_by else None,
    )
    if order is None:
        raise Unknown(what="purchase order", what_zh="采购订单", key=number)
    return order


async def orders(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    state: str | None = None,
    depot: str | None = None,
    case_number: str | None = None,
    request_number: str | None = None,
    part_number: str | None = None,
    vendor: str | None = None,
) -> list[OrderView]:
    """Orders in the reader's scope, newest first."""
    found = await db.read(
        OrderView,
        f"""{_VIEW} AND ($3::uuid IS NULL OR purchase_order.id < $3) AND ($4::text IS NULL OR purchase_order.state = $4)
            AND ($5::text IS NULL OR place.code = $5) AND ($6::text IS NULL OR case_number = $6)
            AND ($7::text IS NULL OR request_number = $7)
            AND ($8::text IS NULL OR EXISTS (
                SELECT FROM purchase_order_line JOIN part ON part.id = purchase_order_line.part
                WHERE purchase_order_line.purchase_order = purchase_order.id AND part.part_number = $8))
              AND ($10::text IS NULL OR party.code = $10)
            ORDER BY purchase_order.id DESC LIMIT $9""",
        seen_by.depot_scope,
        seen_by.vendor,
        after,
        state,
        depot,
        case_number,
        request_number,
        part_number,
        limit,
        vendor,
    )
    return [shown_to(view, seen_by) for view in found]


async def messages(order: UUID, *, limit: int = 100) -> list[OrderMessage]:
    """What went to the vendor and came back, oldest first."""
    return await db.read(
        OrderMessage,
        "SELECT at, direction, status, summary FROM order_message WHERE purchase_order = $1 ORDER BY id LIMIT $2",
        order,
        limit,
    )
