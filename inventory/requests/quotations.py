"""Quotations: what a request's parts cost its customer, and when they would come (D24, 保外维修报价).

A quotation is a numbered document. It is sent as soon as it is made, and never edited afterwards: where prices or stock
changed, the next version of its number takes its place. How it is answered stands in `quoting.py`.
"""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import audit, clock, db, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.ground.numbers import next_number
from inventory.installed_base.devices import CoveredDevice
from inventory.procurement.prices import FEN
from inventory.requests import policy, scope
from inventory.requests.policy import RequestPolicyVersion

QuotationState = Literal["open", "accepted", "rejected", "expired", "replaced", "withdrawn"]
Availability = Literal["in_stock", "on_its_way", "to_order", "not_available"]


WITH_OUR_TAX = Decimal("1.13")
"""Goods and repairs are sold with 13 % 增值税."""


class QuotationLine(Struct, frozen=True, kw_only=True):
    """A part with its price in CNY with tax; `arrives_at` were it accepted at once. A repair is told as another way."""

    part_number: str
    name_zh: str
    name_en: str
    supplied_part_number: str
    quantity: int
    unit_price_cny: Decimal
    amount_cny: Decimal
    repair_price_cny: Decimal | None
    repair_days: float | None
    availability: Availability
    arrives_at: datetime | None


class QuotationView(Struct, frozen=True, kw_only=True):
    """A version of a quotation, and how it was answered: by whom, and who said so."""

    id: UUID
    number: str
    version: int
    state: QuotationState
    made_at: datetime
    made_by: str
    valid_until: datetime
    lines: list[QuotationLine]
    labour_cny: Decimal
    freight_cny: Decimal
    total_cny: Decimal
    remark: str
    answered_at: datetime | None
    answered_by: str | None
    said_by: str | None
    answer_reason: str

    @property
    def title(self) -> str:
        """Its number with its version."""
        return f"{self.number}/{self.version}"


class QuotationSummary(Struct, frozen=True, kw_only=True):
    """A version of a quotation as lists show it; `total_cny` with tax."""

    id: UUID
    number: str
    version: int
    state: QuotationState
    request: UUID
    request_number: str
    device_serial: str
    contract: str
    customer_zh: str
    customer_en: str
    total_cny: Decimal
    made_at: datetime
    valid_until: datetime
    answered_at: datetime | None
    said_by: str | None


def marked_up(price: Decimal, margin_percent: Decimal) -> Decimal:
    """A price with a margin, to the fen.

    price × (1 + margin / 100), CNY, rounded half up to 0.01.

    >>> marked_up(Decimal("980"), Decimal("25")), marked_up(Decimal("0.10"), Decimal("5"))
    (Decimal('1225.00'), Decimal('0.11'))
    """
    return (price * (1 + margin_percent / 100)).quantize(FEN, ROUND_HALF_UP)


async def prices_of(parts: list[int]) -> dict[int, Decimal]:
    """What parts are sold for before a margin: what the cheapest offer of today costs us, with the tax on our sale.

    Where nobody offers a part, what the catalogue says it costs. CNY with tax, by part.
    """
    rows = await db.fetch(
        """SELECT part.id, coalesce(offered.price, unit_cost_cny) AS price FROM part
           LEFT JOIN LATERAL (
               SELECT round(min(unit_cost_cny) * $3, 2) AS price FROM offers_on($2::date) AS offer
               JOIN vendor ON vendor.id = offer.vendor AND vendor.active
               WHERE offer.part = part.id AND vendor.kind <> 'repairer'
           ) AS offered ON true
           WHERE part.id = ANY($1)""",
        sorted(set(parts)),
        clock.today(),
        WITH_OUR_TAX,
    )
    return {row["id"]: row["price"] for row in rows}


OF_REQUEST = """SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', quotation.id, 'number', quotation.number, 'version', version, 'state', quotation.state,
        'made_at', made_at, 'made_by', made_by, 'valid_until', valid_until, 'labour_cny', quotation.labour_cny::text,
        'freight_cny', freight_cny::text, 'total_cny', total_cny::text, 'remark', quotation.remark, 'answered_at', answered_at,
        'answered_by', answered_by, 'said_by', said_by, 'answer_reason', answer_reason,
        'lines', (SELECT jsonb_agg(jsonb_build_object(
                      'part_number', part.part_number, 'name_zh', part.name_zh, 'name_en', part.name_en,
                      'supplied_part_number', coalesce(supplied.part_number, part.part_number), 'quantity', quantity,
                      'unit_price_cny', unit_price_cny::text, 'amount_cny', (unit_price_cny * quantity)::text,
                      'repair_price_cny', repair_price_cny::text, 'repair_days', repair_days, 'availability', availability,
                      'arrives_at', arrives_at) ORDER BY position)
                  FROM quotation_line JOIN part ON part.id = quotation_line.part
                  LEFT JOIN part AS supplied ON supplied.id = quotation_line.supplied_part
                  WHERE quotation_line.quotation = quotation.id)) ORDER BY quotation.id DESC), '[]')
    FROM quotation WHERE quotation.request = part_request.id"""
"""A request's quotations, the latest first, as part of a question about `part_request`."""


class _Quoted(Struct, frozen=True, kw_only=True):
    """A line of a request as its quotation needs it."""

    position: int
    part: int
    supplied_part: int | None
    pieces_each: int
    quantity: int
    place: int | None
    reservation: UUID | None
    expected: UUID | None
    promised_at: datetime | None
    short: bool


async def make(
    request: UUID, device: CoveredDevice, *, valid_until: datetime, by: Actor, remark: str = ""
) -> QuotationView:
    """Write what a request's lines cost and when they would come, as the first or the next version; the lines hold it."""
    ruled = await policy.in_force()
    margin, labour, freight = _rates(ruled, device)
    lines = await db.read(
        _Quoted,
        """SELECT position, part, supplied_part, pieces_each, quantity, source_place AS place, reservation, expected,
                  promised_at, coalesce((ahead ->> 'missing')::int > 0, false) AS short
           FROM request_line WHERE request = $1 AND state <> 'cancelled' ORDER BY position""",
        request,
    )
    prices = await prices_of([line.supplied_part or line.part for line in lines])
    repairs = {
        row["part"]: row
        for row in await db.fetch(
            """SELECT DISTINCT ON (part) part, round(repair_cost_cny * $3, 2) AS repair_price_cny, repair_days
               FROM offers_on($2::date) AS offer
               JOIN vendor ON vendor.id = offer.vendor AND vendor.active
               WHERE part = ANY($1) AND repair_cost_cny IS NOT NULL
               ORDER BY part, repair_cost_cny""",
            [line.part for line in lines],
            clock.today(),
            WITH_OUR_TAX,
        )
    }
    stores = {line.place for line in lines if line.reservation is not None and not line.short}
    freight_cny = freight * max(len(stores), 1)
    units = [marked_up(prices[line.supplied_part or line.part] * line.pieces_each, margin) for line in lines]
    total = sum((unit * line.quantity for unit, line in zip(units, lines, strict=True)), labour + freight_cny)
    before = await db.fetch_one(
        "SELECT number, version FROM quotation WHERE request = $1 ORDER BY version DESC LIMIT 1", request
    )
    number = before["number"] if before else await next_number("QT")
    quotation = await db.fetch_value(
        """INSERT INTO quotation (number, version, request, state, policy, margin_percent, labour_cny, freight_cny,
                                  total_cny, made_at, made_by, valid_until, remark)
           VALUES ($1, $2, $3, 'open', $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id""",
        number,
        before["version"] + 1 if before else 1,
        request,
        ruled.version,
        margin,
        labour,
        freight_cny,
        total,
        clock.now(),
        by.name,
        valid_until,
        remark,
    )
    repaired = [repairs.get(line.part) for line in lines]
    await db.execute_many(
        """INSERT INTO quotation_line (quotation, position, part, supplied_part, quantity, unit_price_cny,
                                       repair_price_cny, repair_days, availability, arrives_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        [
            (
                quotation,
                place,
                line.part,
                line.supplied_part,
                line.quantity,
                unit,
                repair and marked_up(repair["repair_price_cny"], margin),
                repair and repair["repair_days"],
                _availability(line),
                line.promised_at,
            )
            for place, (line, unit, repair) in enumerate(zip(lines, units, repaired, strict=True))
        ],
    )
    view = await quotation_view(quotation)
    head = await db.fetch_value("SELECT number FROM part_request WHERE id = $1", request)
    await steps.finish("part_request", head, "answer_quotation", by=by)
    await steps.begin("answer_quotation", "part_request", head, owner_role="dispatcher", due_at=valid_until)
    await audit.record(
        "quotation.sent",
        "part_request",
        head,
        by=by,
        reason=remark,
        change={"quotation": view.title, "total_cny": str(total), "valid_until": valid_until.isoformat()},
    )
    return view


def _rates(ruled: RequestPolicyVersion, device: CoveredDevice) -> tuple[Decimal, Decimal, Decimal]:
    """Margin, labour and freight: the contract's own where it has any, else the house's."""
    house = ruled.policy
    margin = house.margin_percent if device.margin_percent is None else device.margin_percent
    labour = house.labour_cny if device.labour_cny is None else device.labour_cny
    return margin, labour, house.freight_cny


def _availability(line: _Quoted) -> Availability:
    if line.short:  # its place in the queue is kept, and there is time to find it before the work begins
        return "to_order"
    if line.reservation is not None:
        return "in_stock"
    if line.expected is not None:
        return "on_its_way"
    return "to_order" if line.promised_at is not None else "not_available"


async def valid_until() -> datetime:
    """Until when a quotation made now is valid."""
    return clock.now() + timedelta(hours=(await policy.in_force()).policy.valid_hours)


async def quotation_view(quotation: UUID) -> QuotationView:
    """One version of a quotation; whose it is, the caller made sure.

    Raises:
        Unknown: there is none.

    """
    found = await db.read(
        QuotationView,
        f"""SELECT each.* FROM quotation AS wanted
            JOIN part_request ON part_request.id = wanted.request
            CROSS JOIN LATERAL ({OF_REQUEST}) AS all_of_it(told)
            CROSS JOIN LATERAL jsonb_to_recordset(told) AS each(
                id uuid, number text, version int, state text, made_at timestamptz, made_by text,
                valid_until timestamptz, lines jsonb, labour_cny numeric, freight_cny numeric, total_cny numeric,
                remark text, answered_at timestamptz, answered_by text, said_by text, answer_reason text)
            WHERE wanted.id = $1 AND each.id = $1""",
        quotation,
    )
    if not found:
        raise Unknown(what="quotation", what_zh="报价单", key=str(quotation))
    return found[0]


async def quotations(
    *, limit: int, seen_by: Actor, after: UUID | None = None, state: QuotationState | None = None
) -> list[QuotationSummary]:
    """Quotations of the requests in the reader's scope, every version, the latest first."""
    return await db.read(
        QuotationSummary,
        f"""SELECT quotation.id, quotation.number, version, quotation.state, part_request.id AS request,
                   part_request.number AS request_number, device.serial AS device_serial, contract.code AS contract,
                   customer.name_zh AS customer_zh, customer.name_en AS customer_en, total_cny, made_at, valid_until,
                   answered_at, said_by
            FROM quotation
            JOIN part_request ON part_request.id = quotation.request
            JOIN device ON device.id = part_request.device
            JOIN contract ON contract.id = device.contract
            JOIN party AS customer ON customer.id = contract.customer
            WHERE {scope.seen("$1", "$2", "$3")}
              AND ($4::uuid IS NULL OR quotation.id < $4) AND ($5::text IS NULL OR quotation.state = $5)
            ORDER BY quotation.id DESC LIMIT $6""",
        *scope.of(seen_by),
        after,
        state,
        limit,
    )


async def close(
    quotation: UUID, state: QuotationState, *, by: Actor, said_by: str | None = None, reason: str = ""
) -> bool:
    """Write how an open quotation ended; whether it was still open."""
    return bool(
        await db.execute(
            """UPDATE quotation SET state = $2, answered_at = $3, answered_by = $4, said_by = $5, answer_reason = $6
               WHERE id = $1 AND state = 'open'""",
            quotation,
            state,
            clock.now(),
            by.name,
            said_by,
            reason,
        )
    )


async def withdraw(request: UUID, *, by: Actor) -> None:
    """The request ends otherwise: what is still open is no offer any more."""
    for row in await db.fetch("SELECT id FROM quotation WHERE request = $1 AND state = 'open'", request):
        await close(row["id"], "withdrawn", by=by)
