"""Changing a request that is under way: its severity, its clock, its ticket; each time its promise is made anew."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType

from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import ReasonMissing, Refused, WrongState
from inventory.installed_base import devices
from inventory.installed_base.devices import charged_at, entitlement_of
from inventory.requests import fault_reports, gating, promising, scope
from inventory.requests.gates import GATED, Gate, gate_of
from inventory.requests.lines import lock_head, settle
from inventory.requests.promising import Asked, Asking
from inventory.requests.requests import (
    NOT_LEFT,
    Because,
    NewRequest,
    NewRequestLine,
    NotCovered,
    PlannedInPast,
    RequestView,
    begin_shipping,
    open_request,
    pauses_of,
    request_view,
    tell_of_shortage,
    withdraw,
)
from inventory.returns import policy as return_policy
from inventory.returns import swaps
from inventory.stock import reservations

OWN_SOURCE = "beijian"
"""Requests that follow from another one name us as their source."""


class PlannedWork(Refused):
    """{number} is planned work: it has a date, but neither a severity nor a clock."""

    zh = "{number} 是计划性任务：只有计划日期，没有故障级别和计时。"
    help_en = "Move its date; for a fault that was found, open a request of its own."
    help_zh = "请更改计划日期；如发现故障，请另行申请。"


class NotPlanned(Refused):
    """{number} is for a fault, not for planned work: it has no date to move."""

    zh = "{number} 是故障申请，不是计划性任务，没有可更改的计划日期。"
    help_en = "Change its need-by time instead."
    help_zh = "请更改其要求送达时间。"


class ChargedThen(Refused):
    """On {day} the customer of {number} pays for the parts, which it does not on the day they are planned for."""

    zh = "{number} 如改至 {day}，备件须由客户付费，与原计划日期不同。"
    help_en = "Cancel it and ask anew for that day: the answer is a quotation."
    help_zh = "请取消后按新日期重新申请，系统将先出报价单。"


class Change(Struct, frozen=True, kw_only=True):
    """What is to be different; what is not given stays. A `need_by` of None goes back to the contract's clock.

    `planned_at` moves planned work to another date.
    """

    planned_at: datetime | UnsetType = UNSET
    severity: str | UnsetType = UNSET
    need_by: datetime | UnsetType | None = UNSET
    engineer: str | UnsetType | None = UNSET
    note: str | UnsetType = UNSET


@db.atomic
async def change(request: UUID, wanted: Change, *, by: Actor) -> RequestView:
    """Change a request that is under way; its clock and its promise follow.

    Raises:
        Unknown: no such request in the actor's scope.
        NotYourRequest: the actor neither asked for it, nor is its engineer, nor may decide for others.
        WrongState: it is over.
        UnknownSeverity: its contract knows no such severity.
        PlannedWork, NotPlanned: planned work has a date, a fault a severity and a clock.
        PlannedInPast: the new date has passed.
        NotCovered: no contract covers the device on the new date, nor is it served for money.
        ChargedThen: on the new date its customer pays for the parts, and was not asked.

    """
    by.require("parts.request")
    before = await _open(request, by)
    told = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not UNSET}
    if before.planned_at is not None and ("severity" in told or "need_by" in told):
        raise PlannedWork(number=before.number)
    if wanted.planned_at is not UNSET:
        if before.planned_at is None:
            raise NotPlanned(number=before.number)
        if wanted.planned_at < clock.now():
            raise PlannedInPast(planned_at=wanted.planned_at.isoformat())
        await _require_cover(before, wanted.planned_at)
        told["need_by"] = wanted.planned_at
    if before.state == "awaiting_approval" and told.get("engineer", before.engineer) != before.engineer:
        raise WrongState(
            what="Part request", what_zh="备件申请", key=before.number, state=before.state, needed="approved"
        )  # whom it concerns may not approve it, nor stop being concerned
    if "need_by" in told:
        told["need_by_asked"] = told["need_by"] is not None
    if "note" in told:
        told["remark"] = told.pop("note")
    await db.execute(
        """UPDATE part_request SET severity = coalesce($2, severity), engineer = CASE WHEN $3 THEN $4 ELSE engineer END,
                  remark = coalesce($5, remark), need_by = CASE WHEN $6 THEN $7 ELSE need_by END,
                  need_by_asked = coalesce($8, need_by_asked), planned_at = coalesce($9, planned_at)
           WHERE id = $1""",
        request,
        told.get("severity"),
        "engineer" in told,
        told.get("engineer"),
        told.get("remark"),
        "need_by" in told,
        told.get("need_by"),
        told.get("need_by_asked"),
        told.get("planned_at"),
    )
    view = await reclock(request, before, by=by)
    await audit.record(
        "request.changed", "part_request", view.number, by=by, change=msgspec.to_builtins(told, str_keys=True)
    )
    return view


async def _require_cover(view: RequestView, planned_at: datetime) -> None:
    """Refuse a date on which a contract does not cover what it covers on the present one."""
    device = await devices.find(
        view.device_serial, seen_by=None, at=planned_at
    )  # the request was found in the actor's scope
    day = device.day.isoformat()
    if not device.covered and not devices.may_be_quoted(device):
        raise NotCovered(device=device.serial, contract=device.contract_code, day=day)
    if charged_at(device, planned_at) not in (None, view.charged):
        raise ChargedThen(number=view.number, day=day)


@db.atomic
async def bind_ticket(request: UUID, ticket: str, *, by: Actor) -> RequestView:
    """Tie a request that was made in haste to its ticket (D107).

    Raises:
        Unknown: no such request in the actor's scope.
        WrongState: it has another ticket already.

    """
    by.require("parts.request")
    head = await lock_head(request, by=by)
    bound = await db.execute(
        "UPDATE part_request SET ticket = $2 WHERE id = $1 AND (ticket IS NULL OR ticket = $2)", request, ticket
    )
    if not bound:
        raise WrongState(
            what="Part request",
            what_zh="备件申请",
            key=head["number"],
            state="bound to another ticket",
            needed="unbound",
        )
    await steps.finish("part_request", head["number"], "bind_ticket", by=by)
    await audit.record("request.ticket_bound", "part_request", head["number"], by=by, change={"ticket": ticket})
    return await request_view(request)


@db.atomic
async def pause(request: UUID, *, by: Actor, reason: str) -> RequestView:
    """Stop a request's clock, because the fault cannot be reproduced (D15); what is held stays held.

    Raises:
        Unknown: no such request in the actor's scope.
        NotYourRequest: the actor neither asked for it, nor is its engineer, nor may decide for others.
        WrongState: it is over, or its clock stands already.
        PlannedWork: it has no clock.
        ReasonMissing: no reason was given.

    """
    by.require("parts.request")
    if not reason.strip():
        raise ReasonMissing
    before = _of_a_fault(await _open(request, by))
    if before.paused:
        raise WrongState(what="Part request", what_zh="备件申请", key=before.number, state="paused", needed="running")
    await db.execute(
        "INSERT INTO request_pause (request, paused_at, paused_by, reason) VALUES ($1, $2, $3, $4)",
        request,
        clock.now(),
        by.name,
        reason.strip(),
    )
    view = await reclock(request, before, by=by)
    await audit.record("request.paused", "part_request", view.number, by=by, reason=reason)
    return view


@db.atomic
async def resume(request: UUID, *, by: Actor) -> RequestView:
    """Let a request's clock run on: the fault came back.

    Raises:
        Unknown: no such request in the actor's scope.
        NotYourRequest: the actor neither asked for it, nor is its engineer, nor may decide for others.
        WrongState: it is over, or its clock runs.
        PlannedWork: it has no clock.

    """
    by.require("parts.request")
    before = _of_a_fault(await _open(request, by))
    if not before.paused:
        raise WrongState(what="Part request", what_zh="备件申请", key=before.number, state="running", needed="paused")
    await db.execute(
        "UPDATE request_pause SET resumed_at = $2, resumed_by = $3 WHERE request = $1 AND resumed_at IS NULL",
        request,
        clock.now(),
        by.name,
    )
    view = await reclock(request, before, by=by)
    await audit.record("request.resumed", "part_request", view.number, by=by)
    return view


@db.atomic
async def close_quiet(*, by: Actor, limit: int = 100) -> int:
    """Close what was not seen again for as long as the policy says (D15): nothing of it has left, so its stock is free.

    What has left is accounted for by its debrief; such a request stays open. How many were closed.
    """
    quiet = timedelta(days=(await return_policy.in_force()).policy.quiet_days)
    rows = await db.fetch(
        """SELECT part_request.id, part_request.number FROM part_request
           JOIN request_pause AS pause ON pause.request = part_request.id AND pause.resumed_at IS NULL
           WHERE part_request.closed_at IS NULL AND pause.paused_at <= $1
             AND NOT EXISTS (SELECT FROM request_line AS line WHERE line.request = part_request.id
                             AND line.state <> ALL($2))
           ORDER BY pause.paused_at, part_request.id LIMIT $3 FOR NO KEY UPDATE OF part_request SKIP LOCKED""",
        clock.now() - quiet,
        list(NOT_LEFT),
        limit,
    )
    for row in rows:
        await withdraw(row["id"], row["number"], by=by, reason="not reproduced")
    return len(rows)


@db.atomic
async def reopen(request: UUID, lines: Sequence[NewRequestLine], *, by: Actor, reason: str) -> RequestView:
    """The customer rejects what was done (D116): ask again, under the clock that began with the first report (D115).

    Raises:
        Unknown: no such request in the actor's scope.
        NotYourRequest: the actor neither asked for it, nor is its engineer, nor may decide for others.
        WrongState: it is still under way.
        PlannedWork: it has no clock.
        ReasonMissing: no reason was given.

    """
    by.require("parts.request")
    scope.require_concerned(await lock_head(request, by=by), by)
    before = _of_a_fault(await request_view(request, seen_by=by))
    if before.state != "reconciled":
        raise WrongState(
            what="Part request", what_zh="备件申请", key=before.number, state=before.state, needed="reconciled"
        )
    view = await follow_up(before, lines, by=by, because="rejected", reason=reason)
    # the fault goes on: its report is due when it is resolved
    await steps.finish("part_request", before.number, fault_reports.DUTY, by=by)
    await audit.record(
        "request.reopened", "part_request", before.number, by=by, reason=reason, change={"as": view.number}
    )
    return view


@db.atomic
async def new_cause(request: UUID, lines: Sequence[NewRequestLine], *, by: Actor, reason: str) -> RequestView:
    """The fault has another cause: the old request ends with what has left, and a new one begins with its own clock.

    Raises:
        Unknown: no such request in the actor's scope.
        NotYourRequest: the actor neither asked for it, nor is its engineer, nor may decide for others.
        PlannedWork: it is for no fault.
        ReasonMissing: no reason was given.

    """
    by.require("parts.request")
    before = _of_a_fault(await request_view(request, seen_by=by))
    scope.require_concerned(await lock_head(request, by=by), by)
    waiting = await db.fetch(
        "SELECT id FROM request_line WHERE request = $1 AND state = ANY($2) ORDER BY part, id", request, list(NOT_LEFT)
    )
    await promising.let_go([line["id"] for line in waiting], by=by)
    await db.execute(
        "UPDATE request_line SET state = 'cancelled' WHERE request = $1 AND state = ANY($2)", request, list(NOT_LEFT)
    )
    await settle(request)
    await gating.end(request, by=by)
    await swaps.ended(request, "new_cause", by=by)
    for duty in ("ship_parts", "answer_quotation", "approve_request"):
        await steps.finish("part_request", before.number, duty, by=by)
    view = await follow_up(before, lines, by=by, because="new_cause", reason=reason)
    await audit.record(
        "request.new_cause", "part_request", before.number, by=by, reason=reason, change={"as": view.number}
    )
    return view


async def follow_up(
    before: RequestView, lines: Sequence[NewRequestLine], *, by: Actor, because: Because, reason: str
) -> RequestView:
    """Open the request that follows from another one; but for a new cause, the first report's clock runs on."""
    if not reason.strip():
        raise ReasonMissing
    count = await db.fetch_value("SELECT count(*) FROM part_request WHERE follows = $1", before.id)
    return await open_request(
        NewRequest(
            source=OWN_SOURCE,
            reference=f"{before.number}/{count + 1}",
            device_serial=before.device_serial,
            severity=before.severity,
            planned_at=before.planned_at and max(before.planned_at, clock.now()),
            lines=list(lines),
            ticket=before.ticket,
            fault_reported_at=clock.now() if because == "new_cause" else before.fault_reported_at,
            engineer=before.engineer,
            note=reason.strip(),
        ),
        by=by,
        follows=before.id,
        because=because,
    )


def _of_a_fault(view: RequestView) -> RequestView:
    if view.planned_at is not None:
        raise PlannedWork(number=view.number)
    return view


async def _open(request: UUID, by: Actor) -> RequestView:
    """A request that is under way, locked."""
    scope.require_concerned(await lock_head(request, by=by), by)
    view = await request_view(request, seen_by=by)
    if view.state in ("reconciled", "cancelled"):
        raise WrongState(what="Part request", what_zh="备件申请", key=view.number, state=view.state, needed="under way")
    return view


async def reclock(request: UUID, before: RequestView, *, by: Actor) -> RequestView:
    """Compute a request's clock from what it says now, and promise anew whatever is late by it or waits."""
    row = await db.fetch_one(
        "SELECT severity, need_by, need_by_asked, fault_reported_at, charged FROM part_request WHERE id = $1", request
    )
    if row is None:
        return before
    if before.planned_at is not None:
        return await _replanned(request, moved=row["need_by"] != before.need_by, by=by)
    device = await devices.find(before.device_serial, seen_by=None)  # the request was found in the actor's scope
    pauses = await pauses_of(request)
    entitlement = entitlement_of(device, row["severity"], row["fault_reported_at"], pauses=pauses)
    stands = any(pause.resumed_at is None for pause in pauses)
    no_clock = stands or row["charged"] == "out_of_contract"
    need_by = row["need_by"] if row["need_by_asked"] else None if no_clock else entitlement.need_by
    await db.execute(
        """UPDATE part_request SET need_by = $2, priority_class = $3,
                  service_term = (SELECT id FROM service_term WHERE contract = $4 AND severity = $5 AND hours = $6)
           WHERE id = $1""",
        request,
        need_by,
        entitlement.priority_class,
        device.contract,
        row["severity"],
        entitlement.hours,
    )
    await swaps.reclock(request, device, row["severity"], row["fault_reported_at"], pauses, by=by)
    held = await db.fetch(
        "SELECT reservation FROM request_line WHERE request = $1 AND state = ANY($2)",
        request,
        ["reserved", "picked", *GATED],
    )
    await reservations.rank_as([line["reservation"] for line in held], entitlement.priority_class)
    late = await db.fetch(
        """SELECT id FROM request_line WHERE request = $1 AND state IN ('reserved', 'backordered')
           AND (NOT firm OR promised_at > $2) ORDER BY part, id""",
        request,
        need_by,
    )
    return await promise_anew(request, [line["id"] for line in late], by=by)


async def _replanned(request: UUID, *, moved: bool, by: Actor) -> RequestView:
    """Promise planned work anew where its date moved, and what waits in any case; what is picked stays picked."""
    lines = await db.fetch(
        "SELECT id FROM request_line WHERE request = $1 AND state = ANY($2) ORDER BY part, id",
        request,
        ["planned", "reserved", "backordered", *GATED] if moved else ["backordered"],
    )
    return await promise_anew(request, [line["id"] for line in lines], by=by)


@db.atomic
async def promise_anew(
    request: UUID,
    lines: Sequence[UUID],
    *,
    by: Actor,
    because: Sequence[str] = (),
    gate: Gate | None = None,
    before: Collection[UUID] = (),
) -> RequestView:
    """Free what some lines hold and find them sources anew; never worse, since what they held is among the choices.

    Behind a gate (the one given, else the one the request waits at) they are held, and not promised. Planned work comes
    `before` promises that wait behind it for stock that is missing.
    """
    row = await db.fetch_one(
        """SELECT priority_class, need_by, planned_at, engineer, device.serial, source || ':' || reference_number AS reference
           FROM part_request JOIN device ON device.id = part_request.device
           WHERE part_request.id = $1 FOR NO KEY UPDATE OF part_request""",
        request,
    )
    if row is not None and lines:
        asked = await db.read(
            Asked,
            """SELECT id AS line, part, quantity, position, device_position FROM request_line
               WHERE id = ANY($1) ORDER BY part, id FOR NO KEY UPDATE""",
            list(lines),
        )
        await promising.let_go(lines, by=by)
        asking = Asking(
            request=request,
            reference=row["reference"],
            priority_class=row["priority_class"],
            need_by=row["need_by"],
            engineer=row["engineer"],
            gate=gate or await gate_of(request),
            planned_at=row["planned_at"],
            before=before,
        )
        device = await devices.find(row["serial"], seen_by=None)
        await promising.promise(asking, device, asked, by=by, because=because)
        await settle(request)
    view = await request_view(request)
    await tell_of_shortage(view, by=by)
    if view.planned_at is not None and lines:  # its day may be another one
        await steps.finish("part_request", view.number, "ship_parts", by=by)
        await begin_shipping(view)
    await events.emit(
        "part_request.promise_changed", "part_request", view.number, view, contract=view.contract, depot=view.site
    )
    return view
