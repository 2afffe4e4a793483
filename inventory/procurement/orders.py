"""Purchase orders: from draft to receipt, each state moved once."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType, structs

from inventory.catalogue import parts
from inventory.ground import audit, clock, db, events, jobs, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, Invalid, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.people.delegations import acting
from inventory.places import places
from inventory.procurement import policy, vendors
from inventory.procurement.prices import InvoiceKind, RateMissing
from inventory.stock import disclosure, expected, notices, pools

State = Literal[
    "draft",
    "approved",
    "placed",
    "acknowledged",
    "shipped",
    "partly_received",
    "received",
    "closed",
    "refused",
    "cancelled",
]
APPROVING = "orders.approve"

OPEN_FOR_RECEIPT: tuple[State, ...] = ("placed", "acknowledged", "shipped", "partly_received")

TO_SETTLE = ("order_refused", "late_order", "late_word", "change_declined", "confirmed_otherwise", "order_unknown")
"""Duties of a buyer that end when somebody says what was done about them."""


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


class OrderTooSmall(Refused):
    """{vendor} takes no order under {minimum} CNY; this one comes to {goods}."""

    zh = "{vendor} 不接受低于 {minimum} 元的订单；本订单货款为 {goods} 元。"
    help_en = "Order more, put it together with other parts for the same store, or use another vendor."
    help_zh = "请增加数量、与同一备件库的其他备件合并下单，或改用其他供应商。"


class FourEyes(Forbidden):
    """An order above {limit} CNY is approved by somebody other than {drafter}, who drafted it."""

    zh = "超过 {limit} 元的订单须由起草人 {drafter} 以外的人审批。"
    help_en = "Ask another buyer or an approver on duty."
    help_zh = "请由其他采购员或值班审批人审批。"


class NotMatched(Refused):
    """Order {number} came, but its invoices do not match what came."""

    zh = "订单 {number} 已到货，但发票尚未匹配。"
    help_en = "Enter the vendor's invoice, or say why the order is closed without."
    help_zh = "请录入供应商发票，或说明不待发票即关闭的原因。"


class NothingToSettle(Refused):
    """Nothing about order {number} waits for somebody to settle it."""

    zh = "订单 {number} 没有待处理的事项。"
    help_en = "See the order as it is now; somebody else may have settled it."
    help_zh = "请刷新订单；可能已由他人处理。"


class NewLine(Struct, frozen=True, kw_only=True):
    """One part to order."""

    part_number: str
    quantity: int


class PricedLine(Struct, frozen=True, kw_only=True):
    """So many of a part at a price: `unit_price` payable with tax in `currency`, `unit_price_cny` the same at `cny_per_100`.

    `framework_number` is the framework contract it comes from.
    """

    part_number: str
    quantity: int
    currency: str
    unit_price: Decimal
    cny_per_100: Decimal
    unit_price_cny: Decimal
    framework_number: str | None = None


class OrderLineView(Struct, frozen=True, kw_only=True):
    """One part of an order.

    `unit_price` is payable with tax in `currency`, `unit_price_cny` the same at `cny_per_100`, CNY for 100 of the currency.
    `framework_number` is the framework contract (框架协议) that the price comes from.
    """

    id: UUID
    part_number: str
    name_zh: str
    name_en: str
    quantity: int
    received_quantity: int
    short_quantity: int
    promised_at: datetime | None = None
    invoice_kind: InvoiceKind
    tax_percent: Decimal
    framework_number: str | None = None
    currency: str | UnsetType = UNSET
    unit_price: Decimal | UnsetType = UNSET
    cny_per_100: Decimal | UnsetType = UNSET
    unit_price_cny: Decimal | UnsetType = UNSET


class AtRisk(Struct, frozen=True, kw_only=True):
    """What an order's lateness does to a stock: at `falls_at` it is expected below a line that it is held against.

    `available` is good stock less reserved and backordered now, `point` the line in pieces.
    """

    part_number: str
    depot: str
    line: Literal["critical_point", "average_failure_line"]
    point: int
    available: int
    falls_at: datetime


class OrderMessage(Struct, frozen=True, kw_only=True):
    """One exchange with the vendor."""

    at: datetime
    direction: str
    status: int | None
    summary: str


class OrderView(Struct, frozen=True, kw_only=True):
    """A purchase order with its lines; `total_cny` is payable: with tax and fees, in CNY.

    `small_order_fee_cny` is what of it the vendor asks because the order is under its least value.
    """

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
    version: int
    case_number: str | None
    request_number: str | None
    created_at: datetime
    created_by: str
    approved_at: datetime | None
    approved_by: str | None
    approved_for: str | None
    wanted_at: datetime | None
    tried_at: datetime | None
    placed_at: datetime | None
    acknowledged_at: datetime | None
    shipped_at: datetime | None
    vendor_reference: str | None
    promised_at: datetime | None
    first_promised_at: datetime | None
    received_at: datetime | None
    matched_at: datetime | None
    closed_at: datetime | None
    problem: str
    late_since: datetime | None
    at_risk: list[AtRisk]
    lines: list[OrderLineView]
    total_cny: Decimal | UnsetType = UNSET
    small_order_fee_cny: Decimal | UnsetType = UNSET


class _Offered(Struct, frozen=True, kw_only=True):
    """An offer's terms for the way the order goes; prices are payable, with tax."""

    currency: str
    cny_per_100: Decimal | None
    invoice_kind: InvoiceKind
    tax_percent: Decimal
    unit_price: Decimal
    unit_price_cny: Decimal
    fee_cny: Decimal
    minimum_quantity: int
    lot_size: int
    maximum_quantity: int
    framework_number: str | None


class OrderTerms(Struct, frozen=True, kw_only=True):
    """A vendor with its terms for an order, which hold where it is not expedited."""

    id: int
    vendor: str
    minimum_order_cny: Decimal
    small_order_fee_cny: Decimal | None
    freight_cny: Decimal
    active: bool

    def small_order_fee(self, goods: Decimal) -> Decimal:
        """What the vendor asks for an order of so much because it is a small one.

        Raises:
            OrderTooSmall: it takes no order of so little.

        """
        if goods >= self.minimum_order_cny:
            return Decimal(0)
        if self.small_order_fee_cny is None:
            raise OrderTooSmall(vendor=self.vendor, minimum=self.minimum_order_cny, goods=goods)
        return self.small_order_fee_cny


class OfferFor(Struct, frozen=True, kw_only=True):
    """What a vendor asks for so many of a part today, one way.

    `unit_price` is payable with tax in `currency`, `unit_price_cny` and `fee_cny` (once an order) in CNY; `hours` is the lead
    time. `fits` where the quantity is within the offer and a multiple of its lot.
    """

    part_number: str
    name_zh: str
    name_en: str
    quantity: int
    vendor: str
    vendor_zh: str
    vendor_en: str
    currency: str
    unit_price: Decimal
    unit_price_cny: Decimal
    fee_cny: Decimal
    minimum_quantity: int
    lot_size: int
    maximum_quantity: int
    hours: float
    framework_number: str | None
    fits: bool


class Reckoned(Struct, frozen=True, kw_only=True):
    """What an order would come to, in CNY; without a small-order fee where the vendor takes no order of so little."""

    goods_cny: Decimal
    fee_cny: Decimal
    freight_cny: Decimal
    minimum_order_cny: Decimal
    small_order_fee_cny: Decimal | None

    @property
    def total_cny(self) -> Decimal:
        """What is payable."""
        return self.goods_cny + self.fee_cny + self.freight_cny + (self.small_order_fee_cny or 0)


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
        RateMissing: it does, in a currency without a rate.
        QuantityOutsideOffer: fewer or more than the offer allows, or no multiple of its lot.
        OrderTooSmall: the vendor takes no order of so little.

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
        Unknown, NoOffer, RateMissing, QuantityOutsideOffer, OrderTooSmall: as for `draft_order`.

    """
    place = await places.find_store(ship_to)
    pool_id = await pools.find(pool)
    terms = await order_terms(vendor)
    if not terms.active:
        raise Unknown(what="vendor", what_zh="供应商", key=vendor)
    priced = [await _priced(terms.id, vendor, line, expedited=expedited) for line in lines]
    total = Decimal(0)
    for (_, offer), line in zip(priced, lines, strict=True):
        total += offer.unit_price_cny * line.quantity
    small = Decimal(0) if expedited else terms.small_order_fee(total)
    total += small + (Decimal(0) if expedited else terms.freight_cny)
    total += max((offer.fee_cny for _, offer in priced), default=Decimal(0))
    number = await next_number("PO")
    order = await db.fetch_value(
        """INSERT INTO purchase_order (number, vendor, ship_to, pool, kind, state, expedited, total_cny, case_number,
                                       request_number, created_at, created_by, small_order_fee_cny)
           VALUES ($1, $2, $3, $4, $5, 'draft', $6, $7, $8, $9, $10, $11, $12) RETURNING id""",
        number,
        terms.id,
        place.id,
        pool_id,
        kind,
        expedited,
        total,
        case_number,
        request_number,
        clock.now(),
        by.name,
        small,
    )
    await db.execute(
        """INSERT INTO purchase_order_line (purchase_order, part, quantity, unit_price_cny, currency, unit_price, cny_per_100,
                                            invoice_kind, tax_percent, framework_number)
           SELECT $1, l.* FROM unnest($2::int[], $3::int[], $4::numeric[], $5::text[], $6::numeric[], $7::numeric[],
                                      $8::text[], $9::numeric[], $10::text[]) AS l""",
        order,
        [part for part, _ in priced],
        [line.quantity for line in lines],
        [offer.unit_price_cny for _, offer in priced],
        [offer.currency for _, offer in priced],
        [offer.unit_price for _, offer in priced],
        [offer.cny_per_100 for _, offer in priced],
        [offer.invoice_kind for _, offer in priced],
        [offer.tax_percent for _, offer in priced],
        [offer.framework_number for _, offer in priced],
    )
    await steps.begin(
        "approve_order",
        "purchase_order",
        number,
        owner_role="buyer",
        depot=ship_to,
        due_at=clock.now() + timedelta(hours=1 if kind == "emergency" or request_number else 24),
    )
    await jobs.enqueue(*(jobs.Replenish(part, place.id, pool_id) for part, _ in priced))
    return await order_view(order)


async def order_terms(vendor: str) -> OrderTerms:
    """A vendor's terms for an order.

    Raises:
        Unknown: no such vendor.

    """
    terms = await db.read_one(
        OrderTerms,
        """SELECT vendor.id, party.code AS vendor, minimum_order_cny, small_order_fee_cny, freight_cny, vendor.active
           FROM vendor JOIN party ON party.id = vendor.party WHERE party.code = $1""",
        vendor,
    )
    if terms is None:
        raise Unknown(what="vendor", what_zh="供应商", key=vendor)
    return terms


async def offers_for(
    lines: Sequence[NewLine], *, seen_by: Actor, vendor: str | None = None, expedited: bool = False, limit: int = 500
) -> list[OfferFor]:
    """What vendors ask for some parts in these quantities today, the cheapest of each part first; one statement.

    Offers in a currency without a rate are none.

    Raises:
        NotGranted: the reader may not see prices.

    """
    seen_by.require("costs.read")
    return await db.read(
        OfferFor,
        """SELECT part.part_number, part.name_zh, part.name_en, wanted.quantity, party.code AS vendor,
                  party.name_zh AS vendor_zh, party.name_en AS vendor_en, currency,
                  with_tax(quoted, tax_percent, includes_tax) AS unit_price,
                  payable_cny(quoted, tax_percent, includes_tax, cny_per_100) AS unit_price_cny,
                  coalesce(CASE WHEN $5 THEN expedited_fee_cny ELSE order_fee_cny END, 0) AS fee_cny,
                  minimum_quantity, lot_size, maximum_quantity,
                  CASE WHEN $5 THEN expedited_hours ELSE lead_time_days * 24 END AS hours, framework_number,
                  wanted.quantity BETWEEN minimum_quantity AND maximum_quantity AND wanted.quantity % lot_size = 0 AS fits
           FROM unnest($1::text[], $2::int[]) WITH ORDINALITY AS wanted(part_number, quantity, place)
           JOIN part ON part.part_number = wanted.part_number
           JOIN offers_on($3::date) AS offer ON offer.part = part.id
           JOIN vendor ON vendor.id = offer.vendor AND vendor.active
           JOIN party ON party.id = vendor.party AND ($4::text IS NULL OR party.code = $4)
           CROSS JOIN LATERAL (
               SELECT CASE WHEN $5 THEN expedited_price ELSE price_at(offer.id, wanted.quantity, unit_price) END AS quoted
           ) AS asked
           WHERE NOT $5 OR expedited_hours IS NOT NULL
           ORDER BY wanted.place, cost_cny(quoted, invoice_kind, tax_percent, includes_tax, cny_per_100), party.code
           LIMIT $6""",
        [line.part_number for line in lines],
        [line.quantity for line in lines],
        clock.today(),
        vendor,
        expedited,
        limit,
    )


async def reckoned(vendor: str, offers: Sequence[OfferFor], *, expedited: bool) -> Reckoned:
    """What an order of a vendor's offers would come to, as drafting it would reckon.

    Raises:
        Unknown: no such vendor.

    """
    terms = await order_terms(vendor)
    goods = sum((offer.unit_price_cny * offer.quantity for offer in offers), Decimal(0))
    small = expedited or goods >= terms.minimum_order_cny
    return Reckoned(
        goods_cny=goods,
        fee_cny=max((offer.fee_cny for offer in offers), default=Decimal(0)),
        freight_cny=Decimal(0) if expedited else terms.freight_cny,
        minimum_order_cny=Decimal(0) if expedited else terms.minimum_order_cny,
        small_order_fee_cny=Decimal(0) if small else terms.small_order_fee_cny,
    )


async def _priced(vendor: int, code: str, line: NewLine, *, expedited: bool) -> tuple[int, _Offered]:
    part = await parts.find(line.part_number)
    offer = await db.read_one(
        _Offered,
        """SELECT currency, rate AS cny_per_100, invoice_kind, tax_percent,
                  with_tax(quoted, tax_percent, includes_tax) AS unit_price,
                  coalesce(payable_cny(quoted, tax_percent, includes_tax, rate), 0) AS unit_price_cny,
                  coalesce(payable_cny(fee, tax_percent, includes_tax, rate), 0) AS fee_cny,
                  minimum_quantity, lot_size, maximum_quantity, framework_number
           FROM offer
           CROSS JOIN LATERAL (
               SELECT CASE WHEN $4 THEN expedited_price ELSE price_at(offer.id, $5, unit_price) END AS quoted,
                      CASE WHEN $4 THEN expedited_fee ELSE order_fee END AS fee,
                      cny_per_100(currency, $3) AS rate
           ) AS asked
           WHERE vendor = $1 AND part = $2 AND valid_from <= $3 AND (valid_to IS NULL OR valid_to >= $3)
             AND ($4 = false OR expedited_hours IS NOT NULL)
           ORDER BY valid_from DESC LIMIT 1""",
        vendor,
        part.id,
        clock.today(),
        expedited,
        line.quantity,
    )
    if offer is None:
        raise NoOffer(
            vendor=code,
            part_number=part.part_number,
            expedited=" expedited" if expedited else "",
            expedited_zh="（加急）" if expedited else "",
        )
    if offer.cny_per_100 is None:
        raise RateMissing(vendor=code, part_number=part.part_number, currency=offer.currency, day=clock.today())
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
        BeyondDelegation, OutsideDelegation, DraftedForOneself: the actor stands in for an approver, and may not approve this.

    """
    by.require(APPROVING)
    await _rate_anew(order)
    view = await order_view(order)
    by.require_depot(view.ship_to)
    total = view.total_cny if view.total_cny is not UNSET else Decimal(0)
    by = acting(APPROVING, by=by, amount_cny=total, depot=view.ship_to, drafted_by=[view.created_by])
    await require_second(total, view.created_by, by=by)
    return await approve_on_authority(order, by=by)


async def require_second(total_cny: Decimal, drafter: str, *, by: Actor) -> None:
    """Refuse whoever drafted what is worth more than the policy lets one person decide.

    Raises:
        NoPerson: a system's key would approve it.
        FourEyes: the actor drafted it.

    """
    limit = (await policy.in_force()).policy.four_eyes_above_cny
    if total_cny <= limit:
        return
    by.require_eyes()
    if drafter == by.name and by.kind != "service":
        raise FourEyes(limit=limit, drafter=drafter)


@db.atomic
async def approve_on_authority(order: UUID, *, by: Actor) -> OrderView:
    """Approve on behalf of another verb that has checked the authority.

    Raises:
        Unknown, WrongState: as for `approve_order`.

    """
    await _rate_anew(order)
    await _move(order, ("draft",), "approved", approved_at=clock.now(), approved_by=by.name, approved_for=by.acts_for)
    view = await order_view(order)
    await audit.record(
        "order.approved", "purchase_order", view.number, by=by, change={"total_cny": str(view.total_cny)}
    )
    await steps.finish("purchase_order", view.number, by=by)
    await jobs.enqueue(jobs.PlaceOrder(order))
    return view


async def _rate_anew(order: UUID) -> None:
    """Take the rates of today for what a draft orders in foreign currencies: with its approval they stand still."""
    await db.execute(
        """WITH rated AS (
               UPDATE purchase_order_line AS line
               SET cny_per_100 = cny_per_100(line.currency, $2),
                   unit_price_cny = payable_cny(line.unit_price, 0, true, cny_per_100(line.currency, $2))
               FROM purchase_order
               WHERE line.purchase_order = $1 AND purchase_order.id = $1 AND purchase_order.state = 'draft'
                 AND line.currency <> 'CNY' AND cny_per_100(line.currency, $2) <> line.cny_per_100
               RETURNING line.quantity * (new.unit_price_cny - old.unit_price_cny) AS more
           )
           UPDATE purchase_order SET total_cny = total_cny + (SELECT sum(more) FROM rated)
           WHERE id = $1 AND EXISTS (SELECT FROM rated)""",
        order,
        clock.today(),
    )


@db.atomic
async def cancel_order(order: UUID, *, by: Actor, reason: str) -> OrderView:
    """Give up an order that the vendor has not been sent, be it approved.

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
    unsent = await db.fetch_value(
        "SELECT state = 'approved' AND tried_at IS NULL FROM purchase_order WHERE id = $1 FOR NO KEY UPDATE", order
    )
    await _move(
        order, ("draft", "approved") if unsent else ("draft",), "cancelled", closed_at=clock.now(), problem=reason
    )
    view = await order_view(order)
    await audit.record("order.cancelled", "purchase_order", view.number, by=by, reason=reason)
    await steps.finish("purchase_order", view.number, by=by)
    await jobs.enqueue(*(jobs.Replenish(line["part"], line["ship_to"], line["pool"]) for line in await _lines(order)))
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
    urgent: bool
    ship_to: str
    ship_to_zh: str
    ship_to_en: str
    wanted_at: datetime | None
    created_at: datetime
    tried_at: datetime | None
    total_cny: str
    lines: list["LineToPlace"]


class LineToPlace(Struct, frozen=True, kw_only=True):
    """One line of it; its number stays what it is whatever is added later."""

    line_number: int
    part_number: str
    name_en: str
    quantity: int
    currency: str
    unit_price: str
    unit_price_cny: str
    framework_number: str | None = None


async def order_to_place(order: UUID, states: Sequence[State] = ("approved",)) -> OrderToPlace | None:
    """An order as its vendor must get it, while it is approved and not placed yet; None where there is nothing left to do."""
    return await db.read_one(
        OrderToPlace,
        """SELECT purchase_order.id, number, party.code AS vendor, vendor.channel, vendor.endpoint,
                  vendor.secret_version, expedited,
                  purchase_order.kind = 'emergency' OR request_number IS NOT NULL AS urgent,
                  place.code AS ship_to, place.name_zh AS ship_to_zh, place.name_en AS ship_to_en, wanted_at, created_at,
                  tried_at, total_cny::text,
                  (SELECT jsonb_agg(jsonb_build_object('line_number', line_number, 'part_number', part_number,
                                                       'name_en', part.name_en, 'quantity', quantity,
                                                       'currency', currency, 'unit_price', unit_price::text,
                                                       'unit_price_cny', unit_price_cny::text,
                                                       'framework_number', framework_number) ORDER BY part_number)
                   FROM (SELECT *, row_number() OVER (ORDER BY id) AS line_number FROM purchase_order_line
                         WHERE purchase_order = purchase_order.id) AS line
                   JOIN part ON part.id = line.part) AS lines
           FROM purchase_order
           JOIN vendor ON vendor.id = purchase_order.vendor
           JOIN party ON party.id = vendor.party
           JOIN place ON place.id = purchase_order.ship_to
           WHERE purchase_order.id = $1 AND state = ANY($2)""",
        order,
        list(states),
    )


@db.atomic
async def begin_sending(order: UUID) -> datetime | None:
    """The order is about to be sent: from here on it may be with its vendor, whatever comes back; since when.

    None where it is not to be sent any more.
    """
    return await db.fetch_value(
        """UPDATE purchase_order SET tried_at = coalesce(tried_at, $2) WHERE id = $1 AND state = 'approved'
           RETURNING tried_at""",
        order,
        clock.now(),
    )


@db.atomic
async def note_message(
    order: UUID,
    direction: Literal["sent", "received", "failed"],
    summary: str,
    *,
    status: int | None = None,
    message_id: str | None = None,
) -> bool:
    """Keep what went to the vendor or came back, word for word; whether it is new: one with an id is kept once."""
    kept = await db.execute(
        """INSERT INTO order_message (purchase_order, at, direction, status, summary, message_id)
           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT ON CONSTRAINT order_message_is_taken_once DO NOTHING""",
        order,
        clock.now(),
        direction,
        status,
        summary[:4000].replace("\0", "\N{REPLACEMENT CHARACTER}"),
        message_id,
    )
    return bool(kept)


@db.atomic
async def record_placed(
    order: UUID, *, by: Actor, vendor_reference: str | None = None, promised_at: datetime | None = None
) -> OrderView:
    """The vendor has the order; its goods are expected, firmly where it promised a time. Saying so again does no harm.

    A vendor that is quick may have promised, or refused, before its first answer is recorded: that word stands.

    Raises:
        WrongState: it was neither waiting to be placed nor sent.

    """
    view = await _locked(order)
    if view.state != "approved" and view.tried_at is not None and view.state not in ("draft", "cancelled"):
        await db.execute(
            "UPDATE purchase_order SET vendor_reference = coalesce(vendor_reference, $2) WHERE id = $1",
            order,
            vendor_reference,
        )
        if view.state == "placed" and promised_at is not None:
            return await record_acknowledged(order, by=by, promised_at=promised_at)
        return await order_view(order)
    await _move(
        order,
        ("approved",),
        "placed",
        placed_at=clock.now(),
        tried_at=view.tried_at or clock.now(),
        vendor_reference=vendor_reference,
    )
    view = await order_view(order)
    for line in await _lines(order):
        if line["quantity"]:
            await _expect(line, promised_at)
    await _tell("purchase_order.placed", view)
    if promised_at is not None:
        return await record_acknowledged(order, by=by, promised_at=promised_at, vendor_reference=vendor_reference)
    urgent = view.kind == "emergency" or view.request_number is not None
    await steps.begin(
        "chase_answer",
        "purchase_order",
        view.number,
        owner_role="buyer",
        depot=view.ship_to,
        due_at=clock.now() + (await policy.in_force()).policy.silence(urgent=urgent),
    )
    return view


@db.atomic
async def record_acknowledged(
    order: UUID,
    *,
    by: Actor,
    promised_at: datetime | None,
    vendor_reference: str | None = None,
    lines: Mapping[str, datetime] | None = None,
) -> OrderView:
    """The vendor promised a time, or moved it, for all or line by line; from here on the goods count as cover.

    `lines` are times by part number, for those that differ from `promised_at`; a vendor that acknowledges without a time has
    promised none. The same word again changes nothing. One that is quicker than its first answer has the order all the same.

    Raises:
        Unknown: a part that is not on the order.
        WrongState: it is not with the vendor.

    """
    before = await _locked(order)
    if before.state == "approved" and before.tried_at is not None:
        before = await record_placed(order, by=by, vendor_reference=vendor_reference)
    named = dict(lines or {})
    for part_number in named.keys() - {line.part_number for line in before.lines}:
        raise Unknown(what="order line", what_zh="订单行", key=part_number)
    due = {line.part_number: named.get(line.part_number, promised_at) or line.promised_at for line in before.lines}
    times = [time for time in due.values() if time is not None]
    last = max(times, default=None)
    news = any(line.promised_at != due[line.part_number] for line in before.lines)
    if (
        before.acknowledged_at is not None
        and not news
        and vendor_reference in (None, before.vendor_reference)
        and before.state in OPEN_FOR_RECEIPT
    ):
        return before
    await _move(
        order,
        OPEN_FOR_RECEIPT,
        None,
        acknowledged_at=clock.now(),
        promised_at=last,
        first_promised_at=before.first_promised_at or last,
        vendor_reference=vendor_reference,
    )
    await db.execute("UPDATE purchase_order SET state = 'acknowledged' WHERE id = $1 AND state = 'placed'", order)
    for line in await _lines(order):
        time = due[line["part_number"]]
        await db.execute("UPDATE purchase_order_line SET arrives_at = $2 WHERE id = $1", line["id"], time)
        if time is not None:
            await expected.confirm(line["id"], time)
    view = await order_view(order)
    await audit.record(
        "order.acknowledged",
        "purchase_order",
        view.number,
        by=by,
        change={
            "promised_at": last and last.isoformat(),
            "lines": {part: at.isoformat() for part, at in named.items()},
        },
    )
    await steps.finish("purchase_order", view.number, "chase_answer", by=by)
    await _tell("purchase_order.acknowledged", view)
    if view.late_since is not None or (
        before.promised_at is not None and last is not None and last > before.promised_at
    ):
        await jobs.enqueue(jobs.JudgeLateness(order))
    return view


@db.atomic
async def record_confirmed(
    order: UUID, confirmed: Mapping[str, int], refused: Mapping[str, int], *, by: Actor, reason: str
) -> OrderView:
    """What the vendor confirms in pieces, line by line, and what it refuses of them; lines that are not named stand.

    What is refused is not expected any more, and an order of which all is refused is. Where what is confirmed and refused is
    not what was ordered, a buyer looks; nothing is changed by that. The same word again changes nothing.

    Args:
        order: the order, which is with its vendor.
        confirmed: how many are coming, by part number.
        refused: how many are not, by part number.
        by: who says so.
        reason: what the vendor said of it.

    Raises:
        Unknown: a part that is not on the order.
        WrongState: it is not with the vendor.

    """
    view = await _locked(order)
    for part_number in (confirmed.keys() | refused.keys()) - {line.part_number for line in view.lines}:
        raise Unknown(what="order line", what_zh="订单行", key=part_number)
    await _move(order, OPEN_FOR_RECEIPT, None)
    told: dict[str, dict[str, int]] = {}
    for line in view.lines:
        if line.part_number not in confirmed and line.part_number not in refused:
            continue
        coming, short = confirmed.get(line.part_number, 0), refused.get(line.part_number, 0)
        given_up = min(max(short, line.short_quantity), line.quantity - line.received_quantity)
        if given_up > line.short_quantity:
            await db.execute("UPDATE purchase_order_line SET short_quantity = $2 WHERE id = $1", line.id, given_up)
            await expected.change(line.id, line.quantity - given_up)
        if given_up > line.short_quantity or coming + short != line.quantity:
            told[line.part_number] = {"ordered": line.quantity, "confirmed": coming, "refused": short}
    if not told:
        return view
    left = await order_view(order)
    if all(line.short_quantity >= line.quantity for line in left.lines):
        return await record_refused(order, by=by, reason=reason or "every line was refused / 所有行均被拒绝")
    await audit.record("order.confirmed_otherwise", "purchase_order", view.number, by=by, change=told, reason=reason)
    if all(line.short_quantity + line.received_quantity >= line.quantity for line in left.lines):
        left = await record_received(order, {}, by=by)
    await steps.begin(
        "confirmed_otherwise",
        "purchase_order",
        view.number,
        owner_role="buyer",
        depot=view.ship_to,
        due_at=clock.now() + timedelta(hours=1 if view.kind == "emergency" or view.request_number else 8),
    )
    await _tell("purchase_order.confirmed_otherwise", left)
    return left


@db.atomic
async def record_shipped(order: UUID, *, by: Actor) -> OrderView:
    """The vendor sent it off, or part of it; saying so again changes nothing.

    Raises:
        WrongState: it is not with the vendor.

    """
    view = await _locked(order)
    if view.state == "approved" and view.tried_at is not None:
        view = await record_placed(order, by=by)
    if view.state in ("shipped", "partly_received"):
        return view
    await _move(order, ("placed", "acknowledged"), "shipped", shipped_at=clock.now())
    view = await order_view(order)
    await audit.record("order.shipped", "purchase_order", view.number, by=by)
    await steps.finish("purchase_order", view.number, "chase_answer", by=by)
    await _tell("purchase_order.shipped", view)
    return view


@db.atomic
async def record_not_shipped(order: UUID) -> None:
    """What was announced of it was withdrawn, and nothing of it is on its way any more."""
    await db.execute(
        """UPDATE purchase_order SET shipped_at = NULL,
                  state = CASE WHEN acknowledged_at IS NULL THEN 'placed' ELSE 'acknowledged' END
           WHERE id = $1 AND state = 'shipped'""",
        order,
    )


@db.atomic
async def record_refused(order: UUID, *, by: Actor, reason: str) -> OrderView:
    """The vendor will not deliver, or cannot be reached; a buyer is told.

    Raises:
        WrongState: it is not on its way.

    """
    await _move(
        order, ("approved", "placed", "acknowledged", "shipped"), "refused", problem=reason, closed_at=clock.now()
    )
    for line in await _lines(order):
        await expected.close(line["id"])
    view = await order_view(order)
    await steps.finish("purchase_order", view.number, by=by)
    await _no_longer_late(order)
    await steps.begin(
        "order_refused",
        "purchase_order",
        view.number,
        owner_role="buyer",
        depot=view.ship_to,
        due_at=clock.now() + timedelta(hours=1),
    )
    await _tell("purchase_order.refused", view)
    await jobs.enqueue(jobs.OrderFellThrough(order))
    await audit.record("order.refused", "purchase_order", view.number, by=by, reason=reason)
    return view


@db.atomic
async def record_cancelled(order: UUID, *, by: Actor, reason: str) -> OrderView:
    """The vendor agreed that it delivers nothing.

    Raises:
        WrongState: it is not with the vendor, or something of it came.

    """
    await _move(order, ("placed", "acknowledged", "shipped"), "cancelled", problem=reason, closed_at=clock.now())
    for line in await _lines(order):
        await expected.close(line["id"])
    view = await order_view(order)
    await steps.finish("purchase_order", view.number, by=by)
    await _no_longer_late(order)
    await _tell("purchase_order.cancelled", view)
    await audit.record("order.cancelled", "purchase_order", view.number, by=by, reason=reason)
    return view


@db.atomic
async def close_order(order: UUID, *, by: Actor, reason: str = "") -> OrderView:
    """Close an order that is done with; the rest of one that came in part will not come, and that has its reason.

    So has one that is closed before its invoices match what came (a matched one closes by itself).

    Raises:
        Unknown: no such order.
        NotYourDepot: it goes to a store that the actor does not serve.
        ReasonMissing: something of it is still to come.
        NotMatched: it came, but is not invoiced as agreed, and no reason was given.
        WrongState: nothing of it came, or it is over.

    """
    by.require("orders.draft")
    view = await _locked(order)
    by.require_depot(view.ship_to)
    missing = {
        line.id: line.quantity - line.received_quantity - line.short_quantity
        for line in view.lines
        if line.quantity > line.received_quantity + line.short_quantity
    }
    if view.state == "partly_received" and missing:
        if not reason.strip():
            raise ReasonMissing
        await record_short(order, missing, by=by, reason=reason)
    if view.state == "received" and view.matched_at is None and not reason.strip():
        raise NotMatched(number=view.number)
    return await _close(view, by=by, reason=reason)


@db.atomic
async def record_matched(order: UUID, *, by: Actor, matched: bool) -> None:
    """All that came of an order is invoiced as agreed, or is so no more; one that is received then closes."""
    await db.execute(
        "UPDATE purchase_order SET matched_at = CASE WHEN $2 THEN coalesce(matched_at, $3) END WHERE id = $1",
        order,
        matched,
        clock.now(),
    )
    view = await _locked(order)
    if not matched:
        return
    await steps.finish("purchase_order", view.number, "chase_invoice", by=by)
    if view.state == "received":
        await _close(view, by=by)


async def _close(view: OrderView, *, by: Actor, reason: str = "") -> OrderView:
    order = view.id
    await _move(
        order,
        ("partly_received", "received"),
        "closed",
        closed_at=clock.now(),
        received_at=view.received_at or clock.now(),
    )
    closed = await order_view(order)
    await steps.finish("purchase_order", view.number, by=by)
    await _no_longer_late(order)
    await audit.record("order.closed", "purchase_order", view.number, by=by, reason=reason)
    await _tell("purchase_order.closed", closed)
    return closed


@db.atomic
async def settle(order: UUID, *, by: Actor, done: str) -> OrderView:
    """Say what was done about an order that was refused, is late, or was answered too late: its duties of that kind end.

    Raises:
        Unknown: no such order.
        NotYourDepot: it goes to a store that the actor does not serve.
        ReasonMissing: nothing was said.
        NothingToSettle: nothing waits for it.

    """
    by.require("orders.draft")
    view = await _locked(order)
    by.require_depot(view.ship_to)
    if not done.strip():
        raise ReasonMissing
    waiting = [kind for kind in await steps.open_kinds("purchase_order", view.number) if kind in TO_SETTLE]
    if not waiting:
        raise NothingToSettle(number=view.number)
    for kind in waiting:
        await steps.finish("purchase_order", view.number, kind, by=by)
    await audit.record(
        "order.settled", "purchase_order", view.number, by=by, change={"duties": waiting}, reason=done.strip()
    )
    return view


async def _no_longer_late(order: UUID) -> None:
    await db.execute(
        "UPDATE purchase_order SET late_since = NULL, late_for = NULL, at_risk = '[]' WHERE id = $1 AND late_for IS NOT NULL",
        order,
    )


async def _tell(kind: str, view: OrderView) -> None:
    """Tell other systems of an order, without what it costs: that is a right of its own."""
    await events.emit(kind, "purchase_order", view.number, _unpriced(view), depot=view.ship_to)


async def _locked(order: UUID) -> OrderView:
    """An order, held until the transaction ends.

    Raises:
        Unknown: no such order.

    """
    await db.execute("SELECT FROM purchase_order WHERE id = $1 FOR NO KEY UPDATE", order)
    return await order_view(order)


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
        await _tell("purchase_order.received", view)
        await steps.finish("purchase_order", view.number, by=by)
        await _no_longer_late(order)
        await steps.begin(
            "chase_invoice",
            "purchase_order",
            view.number,
            owner_role="buyer",
            depot=view.ship_to,
            due_at=now + timedelta(days=(await policy.in_force()).policy.invoice_within_days),
        )
    elif view.late_since is not None:
        await jobs.enqueue(jobs.JudgeLateness(order))
    await jobs.enqueue(jobs.MatchInvoices(order))
    return view


@db.atomic
async def record_unreceived(order: UUID, part: int, quantity: int, *, by: Actor, reason: str) -> UUID:
    """Count out what was taken in by mistake: the order waits for it again, also when it was received; its line.

    Raises:
        Unknown: the order has no line of that part.
        WrongState: nothing of it was received.

    """
    await _move(order, ("partly_received", "received", "closed"), "partly_received")
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
               state = CASE WHEN NOT $2 THEN state WHEN shipped_at IS NOT NULL THEN 'shipped'
                            WHEN acknowledged_at IS NULL THEN 'placed' ELSE 'acknowledged' END
           WHERE id = $1""",
        order,
        nothing,
    )
    view = await order_view(order)
    await audit.record("order.receipt_reversed", "purchase_order", view.number, by=by, reason=reason)
    await jobs.enqueue(jobs.MatchInvoices(order))
    await _tell("purchase_order.receipt_reversed", view)
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


async def priced(vendor: str, part_number: str, quantity: int, *, expedited: bool) -> PricedLine:
    """What a vendor asks where so many are ordered today.

    Raises:
        Unknown: no such part or vendor.
        NoOffer, NoRate, QuantityOutsideOffer: as for `draft_order`.

    """
    found = await vendors.vendor_id(vendor)
    _, offer = await _priced(found, vendor, NewLine(part_number=part_number, quantity=quantity), expedited=expedited)
    return PricedLine(
        part_number=part_number,
        quantity=quantity,
        currency=offer.currency,
        unit_price=offer.unit_price,
        cny_per_100=offer.cny_per_100 or Decimal(100),
        unit_price_cny=offer.unit_price_cny,
        framework_number=offer.framework_number,
    )


@db.atomic
async def add_lines(order: UUID, lines: Sequence[PricedLine]) -> None:
    """Put further parts on an order, each with how many and at what price; they are expected if it is with its vendor.

    Tax and 发票 are those of the vendor's offer, or of the order where it offers none.
    """
    await db.execute(
        """INSERT INTO purchase_order_line (purchase_order, part, quantity, unit_price_cny, currency, unit_price, cny_per_100,
                                            invoice_kind, tax_percent, framework_number)
           SELECT $1, part.id, new.quantity, price_cny, new.currency, price, new.cny_per_100, terms.invoice_kind,
                  terms.tax_percent, new.framework_number
           FROM unnest($2::text[], $3::int[], $4::text[], $5::numeric[], $6::numeric[], $7::numeric[], $9::text[])
                WITH ORDINALITY AS new(part_number, quantity, currency, price, cny_per_100, price_cny, framework_number, place)
           JOIN part ON part.part_number = new.part_number
           JOIN purchase_order ON purchase_order.id = $1
           CROSS JOIN LATERAL (
               SELECT invoice_kind, tax_percent, 0 AS after FROM offers_on($8::date) AS offer
               WHERE offer.vendor = purchase_order.vendor AND offer.part = part.id
               UNION ALL
               (SELECT invoice_kind, tax_percent, 1 FROM purchase_order_line
                WHERE purchase_order = $1 ORDER BY id LIMIT 1)
               ORDER BY after LIMIT 1) AS terms
           ORDER BY place""",
        order,
        [line.part_number for line in lines],
        [line.quantity for line in lines],
        [line.currency for line in lines],
        [line.unit_price for line in lines],
        [line.cny_per_100 for line in lines],
        [line.unit_price_cny for line in lines],
        clock.today(),
        [line.framework_number for line in lines],
    )
    added = {line.part_number for line in lines}
    if (await order_view(order)).state in OPEN_FOR_RECEIPT:
        for line in await _lines(order):
            if line["part_number"] in added:
                await _expect(line, None)


@db.atomic
async def send_elsewhere(order: UUID, place: int) -> None:
    """An order goes to another store: what is still to come of it, and what was announced, is expected there."""
    await db.execute("UPDATE purchase_order SET ship_to = $2 WHERE id = $1", order, place)
    for line in await _lines(order):
        await expected.move(line["id"], place)
    await notices.move(order, place)


async def _expect(line: db.Row, promised_at: datetime | None) -> None:
    """Expect a line's pieces, by the vendor's usual time where it promised none."""
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


async def _lines(order: UUID) -> list[db.Row]:
    """An order's lines with where they go and how long the vendor's offer says they take."""
    return await db.fetch(
        """SELECT line.id, line.part, part.part_number, purchase_order.ship_to, purchase_order.pool, line.quantity,
                  CASE WHEN purchase_order.expedited THEN offer.expedited_hours ELSE offer.lead_time_days * 24 END
                      AS lead_time_hours
           FROM purchase_order_line AS line
           JOIN part ON part.id = line.part
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


_VIEW = f"""SELECT purchase_order.id, purchase_order.number, party.code AS vendor, party.name_zh AS vendor_zh,
                  party.name_en AS vendor_en, place.code AS ship_to, pool.code AS pool, purchase_order.kind,
                  purchase_order.state, expedited, version, case_number, request_number, created_at, created_by, approved_at,
                  approved_by, approved_for, wanted_at, tried_at, placed_at, acknowledged_at, shipped_at, vendor_reference,
                  promised_at, first_promised_at, received_at, matched_at, closed_at, problem, late_since, at_risk, total_cny,
                  purchase_order.small_order_fee_cny,
                  (SELECT coalesce(jsonb_agg(jsonb_build_object(
                              'id', line.id, 'part_number', part.part_number, 'name_zh', part.name_zh,
                              'name_en', part.name_en, 'quantity', quantity, 'received_quantity', received_quantity,
                              'short_quantity', short_quantity, 'promised_at', arrives_at,
                              'invoice_kind', invoice_kind, 'tax_percent', tax_percent::text,
                              'framework_number', framework_number, 'currency', currency,
                              'unit_price', unit_price::text, 'cny_per_100', cny_per_100::text,
                              'unit_price_cny', unit_price_cny::text) ORDER BY part.part_number), '[]')
                   FROM purchase_order_line AS line JOIN part ON part.id = line.part
                   WHERE line.purchase_order = purchase_order.id) AS lines
           FROM purchase_order
           JOIN vendor ON vendor.id = purchase_order.vendor
           JOIN party ON party.id = vendor.party
           JOIN place ON place.id = purchase_order.ship_to
           JOIN pool ON pool.id = purchase_order.pool
           WHERE ($1::text[] IS NULL OR place.code = ANY($1))
             AND ($2::text IS NULL OR (party.code = $2 AND tried_at IS NOT NULL)) AND {disclosure.serves("pool", "$3")}"""


def _scope(reader: Actor | None) -> tuple[list[str] | None, str | None, list[str] | None]:
    """The stores, the vendor and the contracts whose orders somebody sees; None stands for all."""
    return (None, None, None) if reader is None else (reader.depot_scope, reader.vendor, reader.contract_scope)


def shown_to(view: OrderView, seen_by: Actor | None) -> OrderView:
    """The order without prices, for those who may not see them; its vendor may."""
    return view if seen_by is None or seen_by.may("costs.read") or seen_by.vendor == view.vendor else _unpriced(view)


def _unpriced(view: OrderView) -> OrderView:
    return structs.replace(
        view,
        total_cny=UNSET,
        small_order_fee_cny=UNSET,
        lines=[
            structs.replace(line, currency=UNSET, unit_price=UNSET, cny_per_100=UNSET, unit_price_cny=UNSET)
            for line in view.lines
        ],
    )


async def order_view(order: UUID, *, seen_by: Actor | None = None) -> OrderView:
    """One order.

    Raises:
        Unknown: no such order in the reader's scope.

    """
    view = await db.read_one(
        OrderView,
        f"{_VIEW} AND purchase_order.id = $4",
        *_scope(seen_by),
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
        f"SELECT seen.id FROM ({_VIEW} AND purchase_order.number = $4) AS seen", *_scope(seen_by), number
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
    late: bool = False,
    vendor: str | None = None,
) -> list[OrderView]:
    """Orders in the reader's scope, newest first; `late` ones only, where asked."""
    found = await db.read(
        OrderView,
        f"""{_VIEW} AND ($4::uuid IS NULL OR purchase_order.id < $4) AND ($5::text IS NULL OR purchase_order.state = $5)
            AND ($6::text IS NULL OR place.code = $6) AND ($7::text IS NULL OR case_number = $7)
            AND ($8::text IS NULL OR request_number = $8)
            AND ($9::text IS NULL OR EXISTS (
                SELECT FROM purchase_order_line JOIN part ON part.id = purchase_order_line.part
                WHERE purchase_order_line.purchase_order = purchase_order.id AND part.part_number = $9))
            AND ($11 = false OR late_since IS NOT NULL)
            AND ($12::text IS NULL OR party.code = $12)
            ORDER BY purchase_order.id DESC LIMIT $10""",
        *_scope(seen_by),
        after,
        state,
        depot,
        case_number,
        request_number,
        part_number,
        limit,
        late,
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
