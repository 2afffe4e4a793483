"""Part requests: opening them with a promise, cancelling, reading."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from inventory.catalogue import parts
from inventory.catalogue.parts import PartRef
from inventory.ground import audit, clock, db, events, jobs, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.installed_base import devices, failures
from inventory.installed_base.devices import CoveredDevice, Entitlement, entitlement_of
from inventory.requests import sources
from inventory.requests.lines import lock_head, lock_lines, settle
from inventory.requests.sourcing import Choice, Step, choose
from inventory.stock import pools, reservations
from inventory.stock.lines import count_waiting
from inventory.stock.lines import lock as lock_levels
from inventory.stock.refusals import InsufficientStock
from inventory.stock.serving import serving_row

Severity = Literal["general", "severe"]
State = Literal["reserved", "backordered", "shipped", "reconciled", "cancelled"]
Outcome = Literal["used", "returned_good", "dead_on_arrival"]

SHIP_WITHIN = timedelta(minutes=30)
"""How soon what is held should be on its way."""


class NotCovered(Refused):
    """Device {device} is not covered: contract {contract} does not run today, or the device is retired."""

    zh = "设备 {device} 不在保：合同 {contract} 未生效或已到期，或设备已退役。"
    help_en = "Check the contract's dates, or ask for a quotation."
    help_zh = "请核对合同起止日期，或申请报价。"


class ReferenceReused(Refused):
    """{source} already used the reference {reference} for another request."""

    zh = "{source} 已将编号 {reference} 用于另一申请。"
    help_en = "Use a new reference for a new request; repeat the old one unchanged to see its answer."
    help_zh = "新申请请使用新编号；如需查看原结果，请原样重发。"


class FaultInFuture(Invalid):
    """The fault cannot have been reported in the future ({reported_at})."""

    zh = "故障申告时间（{reported_at}）不能晚于当前时间。"
    help_en = "Correct `fault_reported_at`, with its time zone."
    help_zh = "请更正 fault_reported_at，并注意时区。"


class NewRequestLine(Struct, frozen=True, kw_only=True):
    """One part that is needed."""

    part_number: str
    quantity: int
    position: str | None = None


class NewRequest(Struct, frozen=True, kw_only=True):
    """A part request; `source` and `reference` are the asking system's own name for it."""

    source: str
    reference: str
    device_serial: str
    severity: Severity
    lines: list[NewRequestLine]
    ticket: str | None = None
    fault_reported_at: datetime | None = None
    need_by: datetime | None = None
    engineer: str | None = None
    note: str = ""


class Promise(Struct, frozen=True, kw_only=True):
    """When a part arrives and from where; a firm promise holds stock."""

    arrives_at: datetime | None
    firm: bool
    on_time: bool
    depot: str | None
    part_number: str | None
    reservation: UUID | None
    reasons: list[str]


class RequestLineView(Struct, frozen=True, kw_only=True):
    """A line with its promise and the ladder of what else could be done."""

    part_number: str
    name_zh: str
    name_en: str
    quantity: int
    state: State
    promise: Promise
    ladder: list[Step]
    outcome: Outcome | None = None
    serial_in: str | None = None
    serial_out: str | None = None


class RequestView(Struct, frozen=True, kw_only=True):
    """A part request with everything that was promised."""

    id: UUID
    number: str
    source: str
    reference: str
    ticket: str | None
    state: State
    severity: Severity
    device_serial: str
    site: str
    contract: str
    customer_zh: str
    customer_en: str
    fault_reported_at: datetime
    need_by: datetime | None
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None
    engineer: str | None
    note: str
    lines: list[RequestLineView]


class RequestSummary(Struct, frozen=True, kw_only=True):
    """A part request as lists show it."""

    id: UUID
    number: str
    source: str
    reference: str
    state: State
    severity: Severity
    device_serial: str
    site: str
    customer_zh: str
    customer_en: str
    opened_at: datetime
    need_by: datetime | None
    arrives_at: datetime | None
    on_time: bool
    parts: str


@db.atomic
async def open_request(new: NewRequest, *, by: Actor) -> RequestView:
    """Answer a part request at once: with stock that is held, or with the ladder of what else can be done.

    The same source and reference with the same content is the same request.

    Raises:
        UnknownDevice, UnknownPart: the facts name the nearest ones.
        NotCovered: no contract covers the device today.
        ReferenceReused: the reference belongs to another request.
        FaultInFuture: the fault is reported for a time to come.

    """
    by.require("parts.request")
    fingerprint = hashlib.sha256(msgspec.json.encode(new)).digest()
    earlier = await _earlier(new, fingerprint)
    if earlier is not None:
        return await request_view(earlier, seen_by=by)
    now = clock.now()
    reported_at = new.fault_reported_at or now
    if reported_at > now + timedelta(minutes=5):
        raise FaultInFuture(reported_at=reported_at.isoformat())
    device = await devices.find(new.device_serial, seen_by=by)
    if not device.covered:
        raise NotCovered(device=device.serial, contract=device.contract_code)
    wanted = [await parts.find(line.part_number) for line in new.lines]
    entitlement = entitlement_of(device, new.severity, reported_at)
    need_by = new.need_by or entitlement.need_by
    request = await _insert(new, fingerprint, device, entitlement, reported_at, need_by, by)
    if request is None:  # a rival with the same reference was faster
        earlier = await _earlier(new, fingerprint)
        return await request_view(earlier, seen_by=by) if earlier else await open_request(new, by=by)
    choices = await _choose(new, wanted, device, now, need_by)
    await _promise(request, new, wanted, device, choices, by)
    for line, part in zip(new.lines, wanted, strict=True):
        await failures.record_for_request(
            device.id,
            part.id,
            line.quantity,
            site=device.site,
            contract=device.contract,
            request=request,
            occurred_at=reported_at,
            position=line.position,
            by=by,
        )
    view = await request_view(request, seen_by=by)
    await events.emit(f"part_request.{view.state}", "part_request", view.number, view, contract=device.contract_code)
    return view


async def _earlier(new: NewRequest, fingerprint: bytes) -> UUID | None:
    row = await db.fetch_one(
        "SELECT id, fingerprint FROM part_request WHERE source = $1 AND reference_number = $2",
        new.source,
        new.reference,
    )
    if row is None:
        return None
    if row["fingerprint"] != fingerprint:
        raise ReferenceReused(source=new.source, reference=new.reference)
    return row["id"]


async def _insert(
    new: NewRequest,
    fingerprint: bytes,
    device: CoveredDevice,
    entitlement: Entitlement,
    reported_at: datetime,
    need_by: datetime | None,
    by: Actor,
) -> UUID | None:
    return await db.fetch_value(
        """INSERT INTO part_request (number, source, reference_number, fingerprint, ticket, device, service_term,
                                     severity, fault_reported_at, need_by, engineer, remark, state, opened_at, opened_by)
           VALUES ($1, $2, $3, $4, $5, $6,
                   (SELECT id FROM service_term WHERE contract = $7 AND severity = $8 AND hours = $9),
                   $8, $10, $11, $12, $13, 'backordered', $14, $15)
           ON CONFLICT ON CONSTRAINT part_request_reference_is_unique DO NOTHING RETURNING id""",
        await next_number("PR"),
        new.source,
        new.reference,
        fingerprint,
        new.ticket,
        device.id,
        device.contract,
        new.severity,
        entitlement.hours,
        reported_at,
        need_by,
        new.engineer,
        new.note,
        clock.now(),
        by.name,
    )


async def _choose(
    new: NewRequest, wanted: Sequence[PartRef], device: CoveredDevice, now: datetime, need_by: datetime | None
) -> list[Choice]:
    """A source for every line; what one line takes, the next does not see as free."""
    offered = await sources.gather([part.id for part in wanted], device, engineer=new.engineer)
    taken: dict[tuple[int, int, int], int] = {}
    choices: list[Choice] = []
    for line, part in zip(new.lines, wanted, strict=True):
        left = [
            msgspec.structs.replace(s, free=s.free - taken.get((s.part, s.place, s.pool), 0))
            for s in offered.stock.get(part.id, [])
        ]
        choice = choose(
            line.quantity,
            left,
            offered.purchases.get(part.id, []),
            now=now,
            need_by=need_by,
            severe=new.severity == "severe",
        )
        if choice.source is not None:
            spot = (choice.source.part, choice.source.place, choice.source.pool)
            taken[spot] = taken.get(spot, 0) + line.quantity
        choices.append(choice)
    return choices


async def _promise(
    request: UUID,
    new: NewRequest,
    wanted: Sequence[PartRef],
    device: CoveredDevice,
    choices: Sequence[Choice],
    by: Actor,
) -> None:
    """Hold what was chosen, in one order of levels, and write the lines."""
    held: dict[int, reservations.Reservation] = {}
    pool = await pools.pool_of_contract(device.contract)
    primary = await serving_row(device.site, device.contract)
    if len(choices) > 1:
        sourced = {(c.source.part, c.source.place, c.source.pool) for c in choices if c.source}
        waiting = {(part.id, primary.place, pool) for part in wanted if primary}
        await lock_levels(list(sourced | waiting))
    for index, choice in enumerate(choices):
        source = choice.source
        if source is None:
            continue
        try:
            async with db.savepoint():
                held[index] = await reservations.hold(
                    source.part_number,
                    source.depot,
                    new.lines[index].quantity,
                    by=by,
                    pool=source.pool_code,
                    reference=f"{new.source}:{new.reference}",
                    priority_class=new.severity,
                )
        except InsufficientStock:
            continue  # somebody was faster: the line waits, and the ladder says what else there is
    for index, (line, part, choice) in enumerate(zip(new.lines, wanted, choices, strict=True)):
        reservation = held.get(index)
        source = choice.source if reservation else None
        await db.execute(
            """INSERT INTO request_line (request, position, part, quantity, state, pool, source_place, supplied_part,
                                         reservation, promised_at, firm, reasons, ladder)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)""",
            request,
            index,
            part.id,
            line.quantity,
            "reserved" if reservation else "backordered",
            pool,
            source.place if source else (primary.place if primary else None),
            source.part if source else None,
            reservation.id if reservation else None,
            choice.arrives_at if reservation else soonest(choice.ladder),
            reservation is not None,
            choice.reasons if reservation else ["waits_for_stock"],
            msgspec.to_builtins(choice.ladder),
        )
        if reservation is None and primary is not None:
            await count_waiting(part.id, primary.place, pool, line.quantity)
            await jobs.enqueue(jobs.Assess(part.id, primary.place, pool))
    await settle(request)
    depot = next((c.source.depot for c in choices if c.source), None)
    await steps.begin(
        "ship_parts",
        "part_request",
        str(request),
        owner_role="warehouse_keeper",
        depot=depot,
        due_at=clock.now() + SHIP_WITHIN,
    )


def soonest(ladder: Sequence[Step]) -> datetime | None:
    """The best that can be said without stock in hand: the fastest possible rung, not firm."""
    return min((step.arrives_at for step in ladder if step.possible and step.arrives_at), default=None)


@db.atomic
async def cancel(request: UUID, *, by: Actor, reason: str) -> RequestView:
    """Withdraw a request: what it holds becomes free, what it waits for is not waited for any more.

    Raises:
        Unknown: no such request in the actor's contracts.
        WrongState: parts of it have left already.

    """
    by.require("parts.request")
    head = await lock_head(request, by=by)
    lines = await lock_lines(request)
    if any(line.state not in ("reserved", "backordered") for line in lines):
        raise WrongState(
            what="Part request",
            what_zh="备件申请",
            key=head["number"],
            state=head["state"],
            needed="reserved / backordered",
        )
    for line in lines:
        if line.reservation is not None:
            await reservations.release(line.reservation, by=by)
        elif line.place is not None:
            await count_waiting(line.part, line.place, line.pool, -line.quantity)
    await db.execute(
        "UPDATE request_line SET state = 'cancelled', firm = false, reservation = NULL WHERE request = $1", request
    )
    await settle(request)
    await steps.finish("part_request", str(request), by=by)
    await audit.record("request.cancelled", "part_request", head["number"], by=by, reason=reason)
    view = await request_view(request)
    await events.emit("part_request.cancelled", "part_request", view.number, view, contract=view.contract)
    return view


_LINES = """SELECT coalesce(jsonb_agg(jsonb_build_object(
                'part_number', part.part_number, 'name_zh', part.name_zh, 'name_en', part.name_en,
                'quantity', line.quantity, 'state', line.state, 'ladder', line.ladder, 'outcome', line.outcome,
                'serial_in', line.serial_in, 'serial_out', line.serial_out,
                'promise', jsonb_build_object(
                    'arrives_at', line.promised_at, 'firm', line.firm,
                    'on_time', line.promised_at IS NOT NULL
                        AND (part_request.need_by IS NULL OR line.promised_at <= part_request.need_by),
                    'depot', place.code, 'part_number', supplied.part_number, 'reservation', line.reservation,
                    'reasons', line.reasons)) ORDER BY line.position), '[]')
            FROM request_line AS line
            JOIN part ON part.id = line.part
            LEFT JOIN part AS supplied ON supplied.id = line.supplied_part
            LEFT JOIN place ON place.id = line.source_place
            WHERE line.request = part_request.id"""

_FROM = """FROM part_request
           JOIN device ON device.id = part_request.device
           JOIN place AS site ON site.id = device.site
           JOIN contract ON contract.id = device.contract
           JOIN party AS customer ON customer.id = contract.customer"""


async def request_view(request: UUID, *, seen_by: Actor | None = None) -> RequestView:
    """One part request.

    Raises:
        Unknown: no such request in the reader's contracts.

    """
    row = await db.fetch_one(
        f"""SELECT part_request.id, part_request.number, source, reference_number AS reference, ticket,
                   part_request.state, severity, device.serial AS device_serial, site.code AS site,
                   contract.code AS contract, customer.name_zh AS customer_zh, customer.name_en AS customer_en,
                   fault_reported_at, need_by, opened_at, opened_by, closed_at, engineer, remark AS note,
                   ({_LINES}) AS lines
            {_FROM}
            WHERE part_request.id = $1 AND ($2::text[] IS NULL OR contract.code = ANY($2))""",
        request,
        seen_by.contract_scope if seen_by else None,
    )
    if row is None:
        raise Unknown(what="part request", what_zh="备件申请", key=str(request))
    return msgspec.convert(dict(row), RequestView, strict=False)


async def id_of(number: str) -> UUID:
    """The id of the request with a number.

    Raises:
        Unknown: no such request.

    """
    request = await db.fetch_value("SELECT id FROM part_request WHERE number = $1", number)
    if request is None:
        raise Unknown(what="part request", what_zh="备件申请", key=number)
    return request


async def requests(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    state: str | None = None,
    ticket: str | None = None,
    device: str | None = None,
    depot: str | None = None,
) -> list[RequestSummary]:
    """Part requests in the reader's contracts, newest first."""
    return await db.read(
        RequestSummary,
        f"""SELECT part_request.id, part_request.number, source, reference_number AS reference, part_request.state,
                   severity, device.serial AS device_serial, site.code AS site, customer.name_zh AS customer_zh,
                   customer.name_en AS customer_en, opened_at, need_by, promised.arrives_at,
                   coalesce(promised.arrives_at <= need_by, promised.arrives_at IS NOT NULL) AS on_time, promised.parts
            {_FROM}
            JOIN LATERAL (
                SELECT max(promised_at) AS arrives_at, string_agg(quantity || ' × ' || part_number, ', ' ORDER BY position)
                       AS parts, array_agg(source_place) AS stores
                FROM request_line JOIN part ON part.id = request_line.part WHERE request = part_request.id
            ) AS promised ON true
            WHERE ($1::text[] IS NULL OR contract.code = ANY($1))
              AND ($2::uuid IS NULL OR part_request.id < $2) AND ($3::text IS NULL OR part_request.state = $3)
              AND ($4::text IS NULL OR ticket = $4) AND ($5::text IS NULL OR device.serial = $5)
              AND ($6::text IS NULL OR (SELECT id FROM place WHERE code = $6) = ANY(promised.stores))
            ORDER BY part_request.id DESC LIMIT $7""",
        seen_by.contract_scope,
        after,
        state,
        ticket,
        device,
        depot,
        limit,
    )
