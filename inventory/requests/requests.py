"""Part requests: opening them with a promise, cancelling, reading."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, structs

from inventory.catalogue import parts
from inventory.catalogue.substitutes import Fit
from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.installed_base import devices, failures, severities
from inventory.installed_base.clocks import Limits, Pause
from inventory.installed_base.devices import Charged, CoveredDevice, Entitlement, charged_at, entitlement_of
from inventory.installed_base.failures import FailedPart
from inventory.places import places
from inventory.requests import approvals, gating, kits, promising, quotations, repeats, scope, sources
from inventory.requests.ahead import Ahead
from inventory.requests.approvals import ApprovalView
from inventory.requests.gates import GATED
from inventory.requests.kits import KitPart
from inventory.requests.lines import lock_head, lock_lines, settle
from inventory.requests.promising import Asked, Asking
from inventory.requests.quotations import QuotationView
from inventory.requests.repeats import Repeat
from inventory.requests.sourcing import PICK_HOURS, Step
from inventory.returns import swaps

State = Literal[
    "planned",
    "quoted",
    "awaiting_approval",
    "backordered",
    "reserved",
    "picked",
    "shipped",
    "arrived",
    "reconciled",
    "cancelled",
]
Outcome = Literal["used", "returned_good", "returned_defective", "no_fault_found", "dead_on_arrival", "lost"]
Removed = Literal["kept_by_customer", "owed"]

NOT_LEFT: tuple[State, ...] = ("planned", "quoted", "awaiting_approval", "backordered", "reserved", "picked")
"""States in which nothing of a line has left its store."""

PLANNED = "planned"
"""The priority class of planned work."""

SHIP_WITHIN = timedelta(hours=PICK_HOURS)
"""How soon what is held should be on its way: as soon as its promise reckons with."""


class NotCovered(Refused):
    """Device {device} is not covered: contract {contract} does not run on {day}, or the device is retired."""

    zh = "设备 {device} 不在保：合同 {contract} 于 {day} 未生效或已到期，或设备已退役。"
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


class PartNotPermitted(Refused):
    """Contract {contract} does not let {part_number} into its devices: {reason}."""

    zh = "合同 {contract} 不允许使用 {part_number}：{reason}。"
    help_en = "Ask for a part the contract permits; the facts name substitutes that are permitted."
    help_zh = "请申请合同允许的备件；facts 中列出允许的替代件。"


class SeverityMissing(Invalid):
    """A request for a fault needs its severity; planned work has a date instead, and no severity."""

    zh = "故障申请须填写故障级别；计划性任务须填写计划日期，不填故障级别。"
    help_en = "Give either `severity` or `planned_at`."
    help_zh = "severity 与 planned_at 须且只能填写其一。"


class PlannedInPast(Invalid):
    """Planned work cannot begin in the past ({planned_at})."""

    zh = "计划开工时间（{planned_at}）不能早于当前时间。"
    help_en = "Correct `planned_at`, with its time zone."
    help_zh = "请更正 planned_at，并注意时区。"


class NothingAsked(Invalid):
    """Nothing is known to help against {symptom} on a {model}, and no part was named."""

    zh = "{model} 的“{symptom}”没有建议备件，也未填写备件编号。"
    help_en = "Name the part that is needed; what helps is learned from the debrief."
    help_zh = "请填写所需备件编号；核销后系统会学习该症状的用件。"


class NewRequestLine(Struct, frozen=True, kw_only=True):
    """One part that is needed, or a symptom whose kit is."""

    part_number: str | None = None
    quantity: int = 1
    symptom: str | None = None
    position: str | None = None


class NewRequest(Struct, frozen=True, kw_only=True):
    """A part request; `source` and `reference` are the asking system's own name for it.

    It is for a fault of some `severity`, or for work that begins at `planned_at`.
    """

    source: str
    reference: str
    device_serial: str
    lines: list[NewRequestLine]
    severity: str | None = None
    planned_at: datetime | None = None
    ticket: str | None = None
    fault_reported_at: datetime | None = None
    need_by: datetime | None = None
    engineer: str | None = None
    note: str = ""


class Promise(Struct, frozen=True, kw_only=True):
    """When a part arrives and from where; a firm promise holds stock or names a delivery that is on its way.

    `pieces` of `part_number` answer the whole line.
    """

    arrives_at: datetime | None
    firm: bool
    on_time: bool
    depot: str | None
    part_number: str | None
    pieces: int
    reservation: UUID | None
    expected: UUID | None
    reasons: list[str]


class DebriefView(Struct, frozen=True, kw_only=True):
    """What became of some issued pieces, and of the part that came out; a loss counts once somebody else confirmed it."""

    id: UUID
    quantity: int
    outcome: Outcome
    serial_in: str | None
    serial_out: str | None
    removed: Removed | None
    failure_code: str | None
    remark: str
    told_at: datetime
    told_by: str
    confirmed_by: str | None


class RequestLineView(Struct, frozen=True, kw_only=True):
    """A line with its promise and the ladder of what else could be done."""

    part_number: str
    name_zh: str
    name_en: str
    quantity: int
    state: State
    promise: Promise
    ladder: list[Step]
    ahead: Ahead | None = None
    position: str | None = None
    reserved_at: datetime | None = None
    picked_at: datetime | None = None
    shipped_at: datetime | None = None
    arrived_at: datetime | None = None
    reconciled_at: datetime | None = None
    outcome: Outcome | Literal["mixed"] | None = None
    serial_in: str | None = None
    serial_out: str | None = None
    debriefs: list[DebriefView] = []


class Entitled(Struct, frozen=True, kw_only=True):
    """What the device's contract gives this request."""

    contract: str
    service_terms: Limits | None
    in_warranty: bool
    warranty_until: date | None
    need_by: datetime | None


class Follower(Struct, frozen=True, kw_only=True):
    """Another request of the same story: what it follows from, or what follows from it."""

    id: UUID
    number: str
    because: str
    earlier: bool


class RequestView(Struct, frozen=True, kw_only=True):
    """A part request with everything that was promised; its quotations and approvals are told the latest first.

    `repeat_of` tells which earlier failures of the device it repeats.
    """

    id: UUID
    number: str
    source: str
    reference: str
    ticket: str | None
    state: State
    severity: str | None
    severity_zh: str | None
    severity_en: str | None
    priority_class: str
    planned_at: datetime | None
    symptom: str | None
    device_serial: str
    model: str
    site: str
    contract: str
    customer_zh: str
    customer_en: str
    fault_reported_at: datetime
    need_by: datetime | None
    need_by_asked: bool
    pauses: list[Pause]
    opened_at: datetime
    opened_by: str
    closed_at: datetime | None
    engineer: str | None
    note: str
    entitlement: Entitled
    lines: list[RequestLineView]
    kit: list[KitPart]
    linked: list[Follower]
    charged: Charged | None
    quotations: list[QuotationView]
    approvals: list[ApprovalView]
    repeat_of: list[Repeat] = []

    @property
    def paused(self) -> bool:
        """Whether the clock stands now."""
        return any(pause.resumed_at is None for pause in self.pauses)


class RequestSummary(Struct, frozen=True, kw_only=True):
    """A part request as lists show it."""

    id: UUID
    number: str
    source: str
    reference: str
    state: State
    severity: str | None
    severity_zh: str | None
    severity_en: str | None
    priority_class: str
    planned_at: datetime | None
    device_serial: str
    site: str
    customer_zh: str
    customer_en: str
    opened_at: datetime
    need_by: datetime | None
    arrives_at: datetime | None
    on_time: bool
    parts: str


Because = Literal["dead_on_arrival", "rejected", "new_cause", "swap"]
"""Why one request follows from another."""


@db.atomic
async def open_request(
    new: NewRequest, *, by: Actor, follows: UUID | None = None, because: Because | None = None
) -> RequestView:
    """Answer a part request at once: with stock that is held, or with the ladder of what else can be done.

    The same source and reference with the same content is the same request. `follows` names the request of which this
    one is a consequence, and `because` of what.

    Raises:
        UnknownDevice, UnknownPart: the facts name the nearest ones.
        NotCovered: no contract covers the device today, or on the day of planned work, nor is it served for money.
        ReferenceReused: the reference belongs to another request.
        FaultInFuture: the fault is reported for a time to come.
        SeverityMissing: it says neither how severe a fault is nor when planned work begins, or both.
        PlannedInPast: planned work would have begun already.

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
    if (new.severity is None) == (new.planned_at is None):
        raise SeverityMissing
    # what follows from planned work may follow while it is done
    if new.planned_at is not None and new.planned_at < now and follows is None:
        raise PlannedInPast(planned_at=new.planned_at.isoformat())
    # what follows from a request that its actor sees is for that device, wherever it stands
    device = await devices.find(new.device_serial, seen_by=None if follows else by, at=new.planned_at)
    if not device.covered and not devices.may_be_quoted(device):
        raise NotCovered(device=device.serial, contract=device.contract_code, day=device.day.isoformat())
    entitlement = None if new.severity is None else entitlement_of(device, new.severity, reported_at)
    asked = await _asked(new.lines, device)
    # what goes on with a repair was paid for and approved with its beginning; a swap is what the contract promised
    goes_on = because in ("dead_on_arrival", "swap") or (because == "rejected" and await _were_asked(follows, asked))
    charged = None if goes_on else charged_at(device, new.planned_at or reported_at)
    gate = None if goes_on else await gating.gate_for(asked, charged)
    promised = entitlement.need_by if entitlement and device.covered else None
    need_by = new.planned_at or new.need_by or promised
    origin = (follows, because if follows else None, charged)
    made = await _insert(new, fingerprint, device, entitlement, reported_at, need_by, origin, by)
    if made is None:  # a rival with the same reference was faster
        earlier = await _earlier(new, fingerprint)
        return (
            await request_view(earlier, seen_by=by)
            if earlier
            else await open_request(new, by=by, follows=follows, because=because)
        )
    request, _ = made
    asking = Asking(
        request=request,
        reference=f"{new.source}:{new.reference}",
        priority_class=entitlement.priority_class if entitlement else PLANNED,
        need_by=need_by,
        engineer=new.engineer,
        gate=gate,
        planned_at=new.planned_at,
    )
    await promising.promise(asking, device, asked, by=by)
    if gate is not None:
        await gating.put_behind(request, gate, device, by=by)
    await settle(request)
    if new.severity is not None:
        await _note_fault(device, new.severity, asked, request, reported_at, (follows, because), by)
    view = await request_view(request, seen_by=by)
    if view.state not in GATED:
        await begin_shipping(view)
    await tell_of_shortage(view, by=by)
    told = _without_costs(view)  # whoever is told may be a system without that right
    await events.emit(
        f"part_request.{view.state}",
        "part_request",
        view.number,
        told,
        contract=device.contract_code,
        depot=device.site_code,
    )
    return view


async def _note_fault(
    device: CoveredDevice,
    severity: str,
    asked: Sequence[Asked],
    request: UUID,
    reported_at: datetime,
    origin: tuple[UUID | None, Because | None],
    by: Actor,
) -> None:
    """Record what a request says failed, and watch its clock where the contract promises a whole-unit swap."""
    follows, because = origin
    await failures.record_for_request(
        device.id,
        [FailedPart(part=line.part, quantity=line.quantity, position=line.device_position) for line in asked],
        site=device.site,
        contract=device.contract,
        request=request,
        occurred_at=reported_at,
        by=by,
        instead_of=follows if because == "dead_on_arrival" else None,
    )
    if because != "swap":
        await swaps.watch(
            device, severity, reported_at, by=by, request=request, follows=follows, pauses=await pauses_of(request)
        )


async def pauses_of(request: UUID) -> list[Pause]:
    """When the clock of a request stood still."""
    return await db.read(Pause, "SELECT paused_at, resumed_at, reason FROM request_pause WHERE request = $1", request)


async def begin_shipping(view: RequestView) -> None:
    """What is held is somebody's to hand out: at once, or in time for the work it is planned for and is held for by now."""
    due_at = clock.now() + SHIP_WITHIN
    if view.planned_at is not None:
        held = [line for line in view.lines if line.state in ("reserved", "picked")]
        if not held:
            return
        stores = {line.promise.depot for line in held if line.promise.depot}
        ways = [await sources.hours_to_site((await places.find(store)).id, view.id) for store in sorted(stores)]
        due_at = max(due_at, view.planned_at - timedelta(hours=max(ways, default=0)))
    await steps.begin(
        "ship_parts",
        "part_request",
        view.number,
        owner_role="warehouse_keeper",
        depot=next((line.promise.depot for line in view.lines if line.state == "reserved"), None),
        due_at=due_at,
    )


async def tell_of_shortage(view: RequestView, *, by: Actor) -> None:
    """Have somebody find what planned work is short of, until nothing is missing; by when it must be in the store."""
    if view.planned_at is None:
        return
    short = [line.ahead for line in view.lines if line.ahead and line.ahead.missing and line.state in NOT_LEFT]
    await steps.finish("part_request", view.number, "find_stock", by=by)
    if short:
        await steps.begin(
            "find_stock",
            "part_request",
            view.number,
            owner_role="dispatcher",
            due_at=min(each.replenish_by for each in short),
        )
        await events.emit(
            "part_request.short", "part_request", view.number, view, contract=view.contract, depot=view.site
        )


async def _asked(lines: Sequence[NewRequestLine], device: CoveredDevice) -> list[Asked]:
    """The parts that are asked for: named, or the kit against a symptom; none that the contract forbids."""
    symptoms = list(dict.fromkeys(line.symptom or "" for line in lines if line.part_number is None))
    helping = await kits.kits(symptoms, device.model_code)
    wanted: list[tuple[str, int, str | None]] = []
    for line in lines:
        if line.part_number is not None:
            wanted.append((line.part_number, line.quantity, line.position))
            continue
        kit = helping[line.symptom or ""]
        if not kit:
            raise NothingAsked(symptom=line.symptom or "–", model=device.model_code)
        wanted += [(suggested.part_number, suggested.quantity, line.position) for suggested in kit]
    found = await parts.find_each([number for number, _, _ in wanted])
    asked = [
        Asked(part=part.id, quantity=quantity, position=index, device_position=position)
        for index, (part, (_, quantity, position)) in enumerate(zip(found, wanted, strict=True))
    ]
    await _require_permitted([each.part for each in asked], device)
    return asked


async def _were_asked(request: UUID | None, asked: Sequence[Asked]) -> bool:
    """Whether a request asked for these parts before, and for as many."""
    rows = await db.fetch(
        "SELECT part, sum(quantity)::int AS quantity FROM request_line WHERE request = $1 GROUP BY part", request
    )
    before = Counter({row["part"]: row["quantity"] for row in rows})
    now = Counter[int]()
    for each in asked:
        now[each.part] += each.quantity
    return now <= before


async def _require_permitted(wanted: Sequence[int], device: CoveredDevice) -> None:
    """Refuse a part that the contract forbids and for which nothing it permits stands in."""
    rows = await db.fetch(
        """SELECT part.id, part.part_number, reason FROM forbidden_part JOIN part ON part.id = part
           WHERE contract = $1 AND in_force ORDER BY part.part_number""",
        device.contract,
    )
    forbidden = {row["id"]: row for row in rows}
    asked = [part for part in forbidden if part in wanted]
    if not asked:
        return
    found = await sources.usable(asked, Fit(device.model, device.firmware))
    helped = {each for each, part in found if part not in forbidden}
    for part in asked:
        if part not in helped:
            row = forbidden[part]
            raise PartNotPermitted(
                contract=device.contract_code, part_number=row["part_number"], reason=row["reason"] or "–"
            )


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
    entitlement: Entitlement | None,
    reported_at: datetime,
    need_by: datetime | None,
    origin: tuple[UUID | None, Because | None, Charged | None],
    by: Actor,
) -> tuple[UUID, str] | None:
    row = await db.fetch_one(
        """INSERT INTO part_request (number, source, reference_number, fingerprint, ticket, device, service_term,
                                     severity, fault_reported_at, need_by, engineer, remark, state, opened_at, opened_by,
                                     priority_class, symptom, need_by_asked, follows,
                                     follows_because, charged, planned_at)
           VALUES ($1, $2, $3, $4, $5, $6,
                   (SELECT id FROM service_term WHERE contract = $7 AND severity = $8 AND hours = $9),
                   $8, $10, $11, $12, $13, 'backordered', $14, $15, $16, $17, $18, $19, $20, $21, $22)
           ON CONFLICT ON CONSTRAINT part_request_reference_is_unique DO NOTHING RETURNING id, number""",
        await next_number("PR"),
        new.source,
        new.reference,
        fingerprint,
        new.ticket,
        device.id,
        device.contract,
        new.severity,
        entitlement and entitlement.hours,
        reported_at,
        need_by,
        new.engineer,
        new.note,
        clock.now(),
        by.name,
        entitlement.priority_class if entitlement else PLANNED,
        next((line.symptom for line in new.lines if line.symptom), None),
        (new.planned_at or new.need_by) is not None,
        *origin,
        new.planned_at,
    )
    return None if row is None else (row["id"], row["number"])


@db.atomic
async def cancel(request: UUID, *, by: Actor, reason: str) -> RequestView:
    """Withdraw a request: what it holds becomes free, what it waits for is not waited for any more.

    Raises:
        Unknown: no such request in the actor's scope.
        NotYourRequest: the actor neither asked for it, nor is its engineer, nor may decide for others.
        WrongState: parts of it have left already.

    """
    by.require("parts.request")
    head = await lock_head(request, by=by)
    scope.require_concerned(head, by)
    lines = await lock_lines(request)
    if any(line.state not in NOT_LEFT for line in lines):
        raise WrongState(
            what="Part request",
            what_zh="备件申请",
            key=head["number"],
            state=head["state"],
            needed=" / ".join(NOT_LEFT),
        )
    return await withdraw(request, head["number"], by=by, reason=reason)


async def withdraw(request: UUID, number: str, *, by: Actor, reason: str) -> RequestView:
    """End a request of which nothing has left, for a verb that checked that its actor may, and locked it."""
    await promising.let_go([line.id for line in await lock_lines(request)], by=by)
    await db.execute("UPDATE request_line SET state = 'cancelled' WHERE request = $1", request)
    await gating.end(request, by=by)
    await settle(request)
    await steps.finish("part_request", number, by=by)
    await swaps.ended(request, "cancelled", by=by)
    await audit.record("request.cancelled", "part_request", number, by=by, reason=reason)
    view = await request_view(request)
    await events.emit(
        "part_request.cancelled", "part_request", view.number, view, contract=view.contract, depot=view.site
    )
    return view


_LINES = """SELECT coalesce(jsonb_agg(jsonb_build_object(
                'part_number', part.part_number, 'name_zh', part.name_zh, 'name_en', part.name_en,
                'quantity', line.quantity, 'state', line.state, 'ladder', line.ladder, 'ahead', line.ahead,
                'outcome', line.outcome,
                'serial_in', line.serial_in, 'serial_out', line.serial_out, 'position', line.device_position,
                'reserved_at', line.reserved_at, 'picked_at', line.picked_at, 'shipped_at', line.shipped_at,
                'arrived_at', line.arrived_at, 'reconciled_at', line.reconciled_at,
                'debriefs', (SELECT coalesce(jsonb_agg(to_jsonb(told) - 'line' ORDER BY told.id), '[]')
                             FROM debrief AS told WHERE told.line = line.id),
                'promise', jsonb_build_object(
                    'arrives_at', line.promised_at, 'firm', line.firm,
                    'on_time', line.promised_at IS NOT NULL
                        AND (part_request.need_by IS NULL OR line.promised_at <= part_request.need_by),
                    'depot', place.code, 'part_number', supplied.part_number, 'reservation', line.reservation,
                    'pieces', line.quantity * line.pieces_each, 'expected', line.expected,
                    'reasons', line.reasons)) ORDER BY line.position), '[]')
            FROM request_line AS line
            JOIN part ON part.id = line.part
            LEFT JOIN part AS supplied ON supplied.id = line.supplied_part
            LEFT JOIN place ON place.id = line.source_place
            WHERE line.request = part_request.id"""

_ENTITLED = f"""jsonb_build_object(
    'contract', contract.code, 'need_by', part_request.need_by, 'warranty_until', device.warranty_until,
    'in_warranty', coalesce(
        (fault_reported_at AT TIME ZONE '{clock.ZONE.key}')::date <= device.warranty_until, false),
    'service_terms', (SELECT to_jsonb(term) - 'id' - 'contract' FROM service_term AS term
                      WHERE term.id = part_request.service_term))"""

_PAUSES = """SELECT coalesce(jsonb_agg(jsonb_build_object(
                 'paused_at', paused_at, 'resumed_at', resumed_at, 'reason', reason) ORDER BY paused_at), '[]')
             FROM request_pause WHERE request_pause.request = part_request.id"""

_LINKED = """SELECT coalesce(jsonb_agg(jsonb_build_object('id', other.id, 'number', other.number,
                 'earlier', coalesce(other.id = part_request.follows, false),
                 'because', coalesce(CASE WHEN other.id = part_request.follows THEN part_request.follows_because END,
                                     other.follows_because)) ORDER BY other.id), '[]')
             FROM part_request AS other WHERE other.id = part_request.follows OR other.follows = part_request.id"""

_WORDS = severities.words("part_request.severity", "contract.id")

_FROM = """FROM part_request
           JOIN device ON device.id = part_request.device
           JOIN device_model ON device_model.id = device.model
           JOIN place AS site ON site.id = device.site
           JOIN contract ON contract.id = device.contract
           JOIN party AS customer ON customer.id = contract.customer"""


async def request_view(request: UUID, *, seen_by: Actor | None = None) -> RequestView:
    """One part request; what its ladders' rungs cost is told to a reader who may see costs, and to nobody else.

    Raises:
        Unknown: no such request in the reader's scope.

    """
    row = await db.fetch_one(
        f"""SELECT part_request.id, part_request.number, source, reference_number AS reference, ticket,
                   part_request.state, severity, {_WORDS}, priority_class, planned_at, symptom, device.serial AS device_serial,
                   device_model.code AS model, site.code AS site, contract.code AS contract,
                   customer.name_zh AS customer_zh, customer.name_en AS customer_en, fault_reported_at, need_by,
                   need_by_asked, opened_at, opened_by, closed_at, engineer, part_request.remark AS note, charged,
                   ({quotations.OF_REQUEST}) AS quotations, ({approvals.OF_REQUEST}) AS approvals,
                   {_ENTITLED} AS entitlement, ({_PAUSES}) AS pauses, ({_LINES}) AS lines, ({_LINKED}) AS linked,
                   ({repeats.OF_REQUEST}) AS repeat_of
            {_FROM}
            WHERE part_request.id = $1 AND {scope.seen("$2", "$3", "$4")}""",
        request,
        *scope.of(seen_by),
    )
    if row is None:
        raise Unknown(what="part request", what_zh="备件申请", key=str(request))
    kit = await kits.kit(row["symptom"], row["model"]) if row["symptom"] else []
    view = msgspec.convert({**row, "kit": kit}, RequestView, strict=False)
    return view if seen_by and seen_by.may("costs.read") else _without_costs(view)


def _without_costs(view: RequestView) -> RequestView:
    lines = [
        structs.replace(line, ladder=[structs.replace(step, cost_cny=UNSET) for step in line.ladder])
        for line in view.lines
    ]
    return structs.replace(view, lines=lines)


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
    """Part requests in the reader's scope, newest first."""
    return await db.read(
        RequestSummary,
        f"""SELECT part_request.id, part_request.number, source, reference_number AS reference, part_request.state,
                   severity, {_WORDS}, priority_class, planned_at, device.serial AS device_serial, site.code AS site,
                   customer.name_zh AS customer_zh,
                   customer.name_en AS customer_en, opened_at, need_by, promised.arrives_at,
                   coalesce(promised.arrives_at <= need_by, promised.arrives_at IS NOT NULL) AND promised.short IS NOT TRUE
                       AS on_time,
                   promised.parts
            {_FROM}
            JOIN LATERAL (
                SELECT max(asked.arrives_at) AS arrives_at, bool_or(asked.short) AS short,
                       string_agg(asked.quantity || ' × ' || part.part_number, ', ' ORDER BY asked.position) AS parts,
                       (SELECT array_agg(source_place) FROM request_line WHERE request = part_request.id) AS stores
                FROM (SELECT part, sum(quantity) AS quantity, min(position) AS position, max(promised_at) AS arrives_at,
                             bool_or((ahead ->> 'missing')::int > 0) IS TRUE AS short
                      FROM request_line WHERE request = part_request.id GROUP BY part) AS asked
                JOIN part ON part.id = asked.part
            ) AS promised ON true
            WHERE {scope.seen("$1", "$2", "$3")}
              AND ($4::uuid IS NULL OR part_request.id < $4) AND ($5::text IS NULL OR part_request.state = $5)
              AND ($6::text IS NULL OR ticket = $6) AND ($7::text IS NULL OR device.serial = $7)
              AND ($8::text IS NULL OR (SELECT id FROM place WHERE code = $8) = ANY(promised.stores))
            ORDER BY part_request.id DESC LIMIT $9""",
        *scope.of(seen_by),
        after,
        state,
        ticket,
        device,
        depot,
        limit,
    )
