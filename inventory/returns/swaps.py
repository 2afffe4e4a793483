"""Whole-unit swaps (整机替换): watched from the report of a fault on, held before it is too late, decided by a person.

A contract that promises a swap has two deadlines (`swap_clocks`). In time before the last moment at which a unit can
leave, one of equal function is held and somebody is asked; the repair that succeeds releases it. What is decided leaves by
a part request of its own (`requests.swapping`), so that stock, promise and debrief are the same as for any part.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.installed_base import devices, severities, succession
from inventory.installed_base.clocks import Pause, SwapRunsFrom, clock_of, stood_still
from inventory.installed_base.devices import CoveredDevice
from inventory.places.reach import reached
from inventory.places.tables import STORE_KINDS
from inventory.returns import customer_data, debts, removed, swap_policy, whole_units
from inventory.returns.swap_clocks import Deadlines, Miss, deadlines, leave_by, missed
from inventory.returns.whole_units import Help, WholeUnit
from inventory.stock import promises, reservations
from inventory.stock.refusals import InsufficientStock

State = Literal["watching", "reserved", "decided", "left", "installed", "closed", "released"]
Decision = Literal["swap", "no_swap"]
Ended = Literal["repaired", "cancelled", "no_swap", "new_cause", "not_needed", "not_promised", "swapped"]
OldData = Literal["to_erase", "erased", "kept_by_customer"]

UNDECIDED: tuple[State, ...] = ("watching", "reserved")
OPEN: tuple[State, ...] = (*UNDECIDED, "decided", "left", "installed")


class NoSwapPromised(Refused):
    """The contract {contract} promises no whole-unit swap for a fault of severity {severity} reported then."""

    zh = "合同 {contract} 未就该时段的“{severity}”级故障约定整机替换。"
    help_en = "Lend equipment of equal function instead, or have the contract's terms corrected."
    help_zh = "可改为借出同等功能设备；如合同确有约定，请先补录服务条款。"


class SwapOpen(Refused):
    """A swap is open for the device {device} already: {number}."""

    zh = "设备 {device} 已有未结束的整机替换：{number}。"
    help_en = "Decide the one that is open."
    help_zh = "请处理已有的整机替换。"


class NoEquivalent(Refused):
    """Nothing of equal function to a {model} is in the catalogue."""

    zh = "基础数据中没有与 {model} 同等功能的整机。"
    help_en = "Enter a swap unit for the model in the master data first."
    help_zh = "请先在基础数据中为该型号录入整机备机。"


class OldIsBack(Refused):
    """The old device of {number} is back in our store: its data is erased, not kept."""

    zh = "{number} 的旧设备已返回备件库，须清除数据，不能登记为由客户保留。"
    help_en = "Have its data erased and verified; to give it back, issue it to the customer."
    help_zh = "请清除并核验数据；如需归还客户，请办理出库。"


class ReportedInFuture(Invalid):
    """The fault cannot have been reported in the future ({reported_at})."""

    zh = "故障申告时间（{reported_at}）不能晚于当前时间。"
    help_en = "Correct `reported_at`, with its time zone."
    help_zh = "请更正 reported_at，并注意时区。"


class SwapSummary(Struct, frozen=True, kw_only=True):
    """A swap as its board shows it; `depot` and `part_number` are the unit that is reserved, or would be."""

    id: UUID
    number: str
    state: State
    device_serial: str
    model: str
    site: str
    contract: str
    customer_zh: str
    customer_en: str
    request: UUID | None
    request_number: str | None
    severity: str
    priority_class: str
    reported_at: datetime
    start_by: datetime | None
    complete_by: datetime | None
    leave_by: datetime | None
    reserve_at: datetime | None
    short_since: datetime | None
    part_number: str | None
    name_zh: str | None
    name_en: str | None
    depot: str | None
    decision: Decision | None
    decided_at: datetime | None
    start_kept: bool | None
    complete_kept: bool | None
    ended_at: datetime | None
    ended_because: Ended | None


class SwapView(SwapSummary, frozen=True, kw_only=True):
    """A swap with its two deadlines, what was decided and what was kept."""

    runs_from: SwapRunsFrom
    assumed: bool
    limit_hours: float
    fitting_hours: float
    way_hours: float | None
    pool: str | None
    reservation: UUID | None
    opened_at: datetime
    opened_by: str
    decided_by: str | None
    decision_reason: str
    misses: list[Miss]
    swap_request: UUID | None
    swap_request_number: str | None
    left_at: datetime | None
    installed_at: datetime | None
    serial_in: str | None
    serial_out: str | None
    successor: str | None
    old_data: OldData | None
    repaired_at: datetime | None
    unpromised_at: datetime | None


class OtherUnit(Struct, frozen=True, kw_only=True):
    """Free units of equal function in another store; what their way costs is for those who may see prices."""

    part_number: str
    name_zh: str
    name_en: str
    depot: str
    pool_code: str
    free: int
    hours: float
    cost_cny: float | None
    at_home: bool


class Outlook(Struct, frozen=True, kw_only=True):
    """What a decision at this moment would mean: the deadlines it misses, other units, and what helps where there is none.

    Other units are told as far as the reader's stores go.
    """

    misses: list[Miss]
    others: list[OtherUnit]
    help: Help | None


class _Watched(Struct, frozen=True, kw_only=True):
    """A swap while a verb acts on it, locked."""

    id: UUID
    number: str
    state: State
    device: int
    serial: str
    request: UUID | None
    severity: str
    priority_class: str
    reported_at: datetime
    runs_from: SwapRunsFrom
    assumed: bool
    limit_hours: float
    start_by: datetime | None
    complete_by: datetime | None
    reserve_at: datetime | None
    fitting_hours: float
    way_hours: float | None
    part_number: str | None
    reservation: UUID | None
    short_since: datetime | None
    decided_at: datetime | None
    swap_request: UUID | None

    @property
    def due(self) -> Deadlines | None:
        """Its deadlines; none while the clock stands."""
        if self.complete_by is None:
            return None
        return Deadlines(
            start_by=self.start_by, complete_by=self.complete_by, runs_from=self.runs_from, assumed=self.assumed
        )


async def watch(
    device: CoveredDevice,
    severity: str,
    reported_at: datetime,
    *,
    by: Actor,
    request: UUID | None = None,
    follows: UUID | None = None,
    pauses: Sequence[Pause] = (),
) -> UUID | None:
    """Watch a fault whose contract promises a swap, for a verb that recorded it; None where it promises none.

    A device is watched once at a time: a request that `follows` from the one watched goes on with it.
    """
    stands = _stands(pauses)
    stood = stood_still(pauses, clock.now())
    held = clock_of(reported_at, severity, device.calendar, device.limits, stood=stood)
    due = deadlines(held, device.swap_runs_from)
    if due is None or held.limits is None or not device.covered:
        return None
    open_one = await db.fetch_one(
        """UPDATE swap SET request = CASE WHEN request IS NULL OR request = $2 THEN $3 ELSE request END
           WHERE device = $1 AND state = ANY($4) RETURNING id""",
        device.id,
        follows,
        request,
        list(OPEN),
    )
    if open_one is not None:
        return None
    known = severities.pick(device.severities, severity, contract=device.contract_code)
    swap = await db.fetch_value(
        """INSERT INTO swap (number, device, request, severity, priority_class, reported_at, runs_from, assumed,
                             limit_hours, start_by, complete_by, fitting_hours, state, opened_at, opened_by)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'watching', $13, $14)
           ON CONFLICT (device) WHERE state NOT IN ('closed', 'released') DO NOTHING RETURNING id""",
        await next_number("SW"),
        device.id,
        request,
        severity,
        known.priority_class,
        reported_at,
        due.runs_from,
        due.assumed,
        held.limits.swap_complete_hours,
        None if stands else due.start_by,
        None if stands else due.complete_by,
        device.fitting_hours,
        clock.now(),
        by.name,
    )
    if swap is not None:
        await _prepare(swap, by=by, device=device, first=True)
    return swap


def _stands(pauses: Sequence[Pause]) -> bool:
    return any(each.resumed_at is None for each in pauses)


@db.atomic
async def open_swap(serial: str, severity: str, *, by: Actor, reported_at: datetime | None = None) -> SwapView:
    """Watch a reported failure for which no parts were asked; part requests are watched by themselves.

    Raises:
        UnknownDevice: none in the actor's scope.
        UnknownSeverity: its contract knows no such severity.
        ReportedInFuture: the fault is reported for a time to come.
        NoSwapPromised: its contract promises no swap for it.
        SwapOpen: one is open for the device already.

    """
    by.require("swaps.decide")
    now = clock.now()
    at = reported_at or now
    if at > now + timedelta(minutes=5):
        raise ReportedInFuture(reported_at=at.isoformat())
    device = await devices.find(serial, seen_by=by)
    devices.entitlement_of(device, severity, at)
    there = await db.fetch_value("SELECT number FROM swap WHERE device = $1 AND state = ANY($2)", device.id, list(OPEN))
    if there is not None:
        raise SwapOpen(device=device.serial, number=there)
    swap = await watch(device, severity, at, by=by)
    if swap is None:
        raise NoSwapPromised(contract=device.contract_code, severity=severity)
    await audit.record("swap.opened", "swap", (await swap_view(swap)).number, by=by)
    return await swap_view(swap)


async def _locked(swap: UUID) -> _Watched | None:
    return await db.read_one(
        _Watched,
        """SELECT swap.id, swap.number, swap.state, swap.device, device.serial, swap.request, swap.severity,
                  swap.priority_class, swap.reported_at, swap.runs_from, swap.assumed, swap.limit_hours, swap.start_by,
                  swap.complete_by, swap.reserve_at, swap.fitting_hours, swap.way_hours, part.part_number, swap.reservation,
                  swap.short_since, swap.decided_at, swap.swap_request
           FROM swap JOIN device ON device.id = swap.device LEFT JOIN part ON part.id = swap.part
           WHERE swap.id = $1 FOR NO KEY UPDATE OF swap""",
        swap,
    )


async def _let_go(swap: _Watched, *, by: Actor) -> None:
    """Free what a swap holds or has promised."""
    if swap.reservation is not None:
        await reservations.release_each([swap.reservation], by=by)


async def _prepare(swap: UUID, *, by: Actor, device: CoveredDevice | None = None, first: bool = False) -> None:
    """Choose a unit and promise it for when it is to be held, or hold it if that time has come; or say there is none."""
    watched = await _locked(swap)
    if watched is None or watched.state not in UNDECIDED:
        return
    await _let_go(watched, by=by)
    device = device or await devices.find(watched.serial, seen_by=None)
    due, now = watched.due, clock.now()
    if due is None:  # the clock stands: nothing is to be held for a time nobody knows
        await _keep(watched, None, None, None, state="watching", reserve_at=None, short_since=None)
        await steps.finish("swap", watched.number, by=by)
        if first:
            await _told("opened", swap)
        return
    policy = (await swap_policy.in_force()).policy
    ready_at = now + timedelta(minutes=policy.prepare_minutes)
    found = await whole_units.free_for(device, at=now)
    while True:
        unit = whole_units.best(found, due, watched.fitting_hours, ready_at)
        leave = leave_by(due, unit.hours if unit else 0.0, watched.fitting_hours)
        reserve_at = leave - timedelta(minutes=policy.reserve_before_minutes)
        holds = unit is not None and reserve_at <= now
        try:
            reservation = unit and await _take(watched, unit, None if holds else reserve_at, device=device, by=by)
            break
        except InsufficientStock:  # somebody else was faster: the next best
            found = [each for each in found if each is not unit]
    await _keep(
        watched,
        unit,
        leave,
        reservation,
        state="reserved" if holds else "watching",
        reserve_at=reserve_at,
        short_since=None if unit else watched.short_since or now,
    )
    if first:
        await _told("opened", swap)
    await _ask(watched, unit, held=holds, asked=reserve_at <= now, minutes=policy.answer_within_minutes, by=by)


async def _take(
    watched: _Watched, unit: WholeUnit, starts_at: datetime | None, *, device: CoveredDevice, by: Actor
) -> UUID:
    """Promise a unit for when it is to be held, or hold it at once.

    Raises:
        InsufficientStock: it is not free any more.

    """
    if starts_at is not None:
        (promised,) = await promises.promise_each(
            [promises.Ahead(part=unit.part, place=unit.place, pool=unit.pool, quantity=1, starts_at=starts_at)],
            by=by,
            reference=watched.number,
            priority_class=watched.priority_class,
            least=device.minimum_provenance,
        )
        return promised
    held = await reservations.hold(
        unit.part_number,
        unit.depot,
        1,
        by=by,
        pool=unit.pool_code,
        reference=watched.number,
        priority_class=watched.priority_class,
        least=device.minimum_provenance,
    )
    return held.id


async def _keep(
    watched: _Watched,
    unit: WholeUnit | None,
    leave: datetime | None,
    reservation: UUID | None,
    *,
    state: State,
    reserve_at: datetime | None,
    short_since: datetime | None,
) -> None:
    await db.execute(
        """UPDATE swap SET part = $2, place = $3, pool = $4, way_hours = $5, leave_by = $6, reserve_at = $7,
                  reservation = $8, short_since = $9, state = $10 WHERE id = $1""",
        watched.id,
        unit and unit.part,
        unit and unit.place,
        unit and unit.pool,
        unit and unit.hours,
        leave,
        reserve_at,
        reservation,
        short_since,
        state,
    )


async def _ask(watched: _Watched, unit: WholeUnit | None, *, held: bool, asked: bool, minutes: int, by: Actor) -> None:
    """Wake whoever decides once the time has come, and whoever finds units at once where there is none; tell what changed."""
    due_at = clock.now() + timedelta(minutes=minutes)
    if unit is None:
        await steps.begin("find_swap_unit", "swap", watched.number, owner_role="dispatcher", due_at=due_at)
        if watched.short_since is None:
            await _told("short", watched.id)
    else:
        await steps.finish("swap", watched.number, "find_swap_unit", by=by)
    if asked:
        depot = unit.depot if unit else None
        await steps.begin("decide_swap", "swap", watched.number, owner_role="dispatcher", depot=depot, due_at=due_at)
    else:
        await steps.finish("swap", watched.number, "decide_swap", by=by)
    if held and watched.state != "reserved":
        await _told("reserved", watched.id)


async def followed(*, limit: int = 10_000) -> list[UUID]:
    """Soft reservations that begin with their swap, by `look_at_due`, and not by themselves."""
    rows = await db.fetch(
        "SELECT reservation FROM swap WHERE state = 'watching' AND reservation IS NOT NULL ORDER BY id LIMIT $1", limit
    )
    return [row["reservation"] for row in rows]


async def look_at_due(*, by: Actor, limit: int = 500) -> int:
    """Hold units whose time has come, and look again for those that lost theirs; each in a transaction of its own.

    One that lacks a unit is only asked about when its time has come: it is looked for by `look_for_units`.
    """
    due = await db.fetch(
        """SELECT swap.id FROM swap LEFT JOIN reservation ON reservation.id = swap.reservation
           WHERE (swap.state = 'watching' AND (reservation.state NOT IN ('soft', 'pending') OR reserve_at <= $1
                     AND (swap.short_since IS NULL
                          OR NOT EXISTS (SELECT FROM step WHERE subject_kind = 'swap' AND subject = swap.number
                                         AND step.kind = 'decide_swap' AND done_at IS NULL))))
              OR (swap.state = 'reserved' AND reservation.state <> 'pending')
           ORDER BY leave_by, swap.id LIMIT $2""",
        clock.now(),
        limit,
    )
    for row in due:
        await look(row["id"], by=by)
    return len(due)


async def look_for_units(*, by: Actor, part: int | None = None, limit: int = 500) -> int:
    """Look for units for the swaps that lack one: all, or those that a `part` serves, of which units became free.

    Only where any such unit is free at all; what else may bring one near, as a new way, is found now and then.
    """
    short = await db.fetch(
        """SELECT swap.id FROM swap JOIN device ON device.id = swap.device
           WHERE swap.state = 'watching' AND swap.short_since IS NOT NULL
             AND EXISTS (SELECT FROM swap_unit JOIN level ON level.part = swap_unit.part
                         WHERE swap_unit.model = device.model AND in_force AND level.condition = 'good' AND level.free > 0
                           AND ($1::int IS NULL OR swap_unit.part = $1))
           ORDER BY leave_by, swap.id LIMIT $2""",
        part,
        limit,
    )
    for row in short:
        await look(row["id"], by=by)
    return len(short)


@db.atomic
async def look(swap: UUID, *, by: Actor) -> None:
    """Hold the unit that was promised to a swap, or find another one if it is not there."""
    watched = await _locked(swap)
    if watched is None or watched.state not in UNDECIDED:
        return
    promised = watched.reservation is not None and watched.reserve_at is not None and watched.reserve_at <= clock.now()
    if promised and watched.reservation and await promises.try_to_begin(watched.reservation, by=by):
        policy = (await swap_policy.in_force()).policy
        await db.execute("UPDATE swap SET state = 'reserved' WHERE id = $1", swap)
        depot = await db.fetch_value(
            "SELECT code FROM place JOIN swap ON swap.place = place.id WHERE swap.id = $1", swap
        )
        await steps.begin(
            "decide_swap",
            "swap",
            watched.number,
            owner_role="dispatcher",
            depot=depot,
            due_at=clock.now() + timedelta(minutes=policy.answer_within_minutes),
        )
        await _told("reserved", swap)
    else:
        await _prepare(swap, by=by)


async def lost_reservation(reservation: UUID, *, by: Actor) -> None:
    """A swap lost its unit to a higher purpose: find it another one at once."""
    swap = await db.fetch_value(
        "SELECT id FROM swap WHERE reservation = $1 AND state = ANY($2)", reservation, list(UNDECIDED)
    )
    if swap is not None:
        await look(swap, by=by)


async def reclock(
    request: UUID, device: CoveredDevice, severity: str, reported_at: datetime, pauses: Sequence[Pause], *, by: Actor
) -> None:
    """Follow the clock of the request whose fault is watched: it stands, runs on, or is another for another severity.

    A request that gains the promise of a swap is watched from then on, by the clock of its report. One that loses it is
    watched no more; what was decided goes on, and says that nothing promises it any more.
    """
    swap = await db.fetch_value(
        "SELECT id FROM swap WHERE request = $1 AND state = ANY($2)", request, [*UNDECIDED, "decided", "left"]
    )
    watched = None if swap is None else await _locked(swap)
    if watched is None:
        if not await _had_its_swap(request):
            await watch(device, severity, reported_at, by=by, request=request, pauses=pauses)
        return
    now = clock.now()
    held = clock_of(reported_at, severity, device.calendar, device.limits, stood=stood_still(pauses, now))
    since = stood_still(pauses, now, since=watched.decided_at)
    due = deadlines(held, device.swap_runs_from, decided_at=watched.decided_at, stood_since=since)
    if due is None or held.limits is None:
        await _lost_its_promise(watched, by=by)
        return
    stands = _stands(pauses)
    known = severities.pick(device.severities, severity, contract=device.contract_code)
    await db.execute(
        """UPDATE swap SET start_by = $2, complete_by = $3, severity = $4, priority_class = $5, runs_from = $6,
                  limit_hours = $7, leave_by = CASE WHEN $8 THEN NULL ELSE leave_by END, assumed = $9, unpromised_at = NULL
           WHERE id = $1""",
        watched.id,
        None if stands else due.start_by,
        None if stands else due.complete_by,
        severity,
        known.priority_class,
        due.runs_from,
        held.limits.swap_complete_hours,
        stands,
        due.assumed,
    )
    await _prepare(watched.id, by=by, device=device)


async def _had_its_swap(request: UUID) -> bool:
    """Whether a request had a swap that somebody decided or the repair ended, or brings the unit of one: it gets no other."""
    return await db.fetch_value(
        """SELECT EXISTS (SELECT FROM swap WHERE swap_request = $1
                          OR (request = $1 AND ended_because IS DISTINCT FROM 'not_promised'))""",
        request,
    )


async def _lost_its_promise(watched: _Watched, *, by: Actor) -> None:
    """The contract promises no swap for the fault any more: nothing is held for it; what was decided is for people to stop."""
    if watched.state in UNDECIDED:
        await _release(watched, "not_promised", by=by)
        return
    newly = await db.execute(
        "UPDATE swap SET unpromised_at = $2 WHERE id = $1 AND unpromised_at IS NULL", watched.id, clock.now()
    )
    if newly:
        await _told("unpromised", watched.id)


async def decide_to_swap(swap: UUID, *, by: Actor, reason: str = "") -> SwapView:
    """Let go of the unit that is held, so that a part request takes it, for the verb that opens that; late or not.

    Raises:
        Unknown: no such swap in the actor's scope.
        WrongState: it was decided, or is over.
        NoEquivalent: nothing of equal function is in the catalogue.

    """
    watched = await _undecided(swap, by=by)
    device = await devices.find(watched.serial, seen_by=None)  # the swap was found in the actor's scope
    known = await whole_units.equivalents(device.model)
    if watched.part_number is None and not known:
        raise NoEquivalent(model=device.model_code)
    now = clock.now()
    policy = (await swap_policy.in_force()).policy
    due = watched.due
    if due is not None and due.runs_from == "decision":
        due = msgspec.structs.replace(due, complete_by=now + timedelta(hours=watched.limit_hours))
    misses: list[Miss] = []
    if due is not None:
        leaves_at = now + timedelta(minutes=policy.prepare_minutes)
        misses = missed(due, leaves_at, watched.way_hours or 0.0, watched.fitting_hours)
    await _let_go(watched, by=by)
    await db.execute(
        """UPDATE swap SET state = 'decided', decision = 'swap', decided_at = $2, decided_by = $3, decision_reason = $4,
                  misses = $5, complete_by = $6, reservation = NULL,
                  part = coalesce(part, (SELECT id FROM part WHERE part_number = $7)) WHERE id = $1""",
        swap,
        now,
        by.name,
        reason.strip(),
        msgspec.to_builtins(misses),
        due and due.complete_by,
        known[0] if known else watched.part_number,
    )
    await steps.finish("swap", watched.number, by=by)
    await audit.record("swap.decided", "swap", watched.number, by=by, reason=reason, change={"misses": len(misses)})
    return await swap_view(swap)


async def leaves_by_request(swap: UUID, request: UUID) -> SwapView:
    """Bind a decided swap to the part request by which its unit leaves, and tell of the decision."""
    await db.execute("UPDATE swap SET swap_request = $2 WHERE id = $1", swap, request)
    await _told("decided", swap)
    return await swap_view(swap)


@db.atomic
async def decide_against(swap: UUID, *, by: Actor, reason: str) -> SwapView:
    """Do not swap: the unit that is held is free again, and the repair goes on.

    Raises:
        Unknown: no such swap in the actor's scope.
        WrongState: it was decided, or is over.
        ReasonMissing: no reason was given.

    """
    by.require("swaps.decide")
    watched = await _undecided(swap, by=by)
    if not reason.strip():
        raise ReasonMissing
    await db.execute(
        """UPDATE swap SET decision = 'no_swap', decided_at = $2, decided_by = $3, decision_reason = $4 WHERE id = $1""",
        swap,
        clock.now(),
        by.name,
        reason.strip(),
    )
    await audit.record("swap.declined", "swap", watched.number, by=by, reason=reason)
    await _release(watched, "no_swap", by=by)
    return await swap_view(swap)


async def _undecided(swap: UUID, *, by: Actor) -> _Watched:
    view = await swap_view(swap, seen_by=by)
    watched = await _locked(swap)
    if watched is None or watched.state not in UNDECIDED:
        raise WrongState(
            what="Swap",
            what_zh="整机替换",
            key=view.number,
            state=watched.state if watched else view.state,
            needed=" / ".join(UNDECIDED),
        )
    return watched


async def _release(watched: _Watched, because: Ended, *, by: Actor) -> None:
    await _let_go(watched, by=by)
    await db.execute(
        """UPDATE swap SET state = 'released', ended_at = $2, ended_because = $3::text, reservation = NULL,
                  repaired_at = CASE WHEN $3::text = 'repaired' THEN $2::timestamptz END WHERE id = $1""",
        watched.id,
        clock.now(),
        because,
    )
    await steps.finish("swap", watched.number, by=by)
    await _told("released", watched.id)


async def repaired(request: UUID, *, by: Actor) -> None:
    """The repair succeeded: what is held for the swap is free again; one that is under way is marked, for people to stop."""
    swap = await db.fetch_value(
        "SELECT id FROM swap WHERE request = $1 AND state = ANY($2)",
        request,
        ["watching", "reserved", "decided", "left"],
    )
    watched = None if swap is None else await _locked(swap)
    if watched is None:
        return
    if watched.state in UNDECIDED:
        await _release(watched, "repaired", by=by)
        return
    await db.execute("UPDATE swap SET repaired_at = $2 WHERE id = $1", watched.id, clock.now())
    await _told("repaired", watched.id)


async def ended(request: UUID, because: Literal["cancelled", "new_cause"], *, by: Actor) -> None:
    """A request ended without a repair: the one that is watched, or the one by which the unit was to leave."""
    row = await db.fetch_one(
        """SELECT id, swap_request = $1 AS leaving FROM swap
           WHERE (request = $1 AND state = ANY($2)) OR (swap_request = $1 AND state = 'decided')""",
        request,
        list(UNDECIDED),
    )
    watched = None if row is None else await _locked(row["id"])
    # somebody may have decided it while it was waited for
    if row is not None and watched is not None and watched.state in (("decided",) if row["leaving"] else UNDECIDED):
        await _release(watched, "not_needed" if row["leaving"] else because, by=by)


async def unit_left(request: UUID) -> None:
    """The unit of a swap left its store."""
    swap = await db.fetch_value(
        """UPDATE swap SET state = 'left', left_at = $2 WHERE swap_request = $1 AND state = 'decided' RETURNING id""",
        request,
        clock.now(),
    )
    if swap is not None:
        await _told("left", swap)


async def unit_came_back(request: UUID) -> None:
    """The unit of a swap could not be delivered and is in its store again."""
    await db.execute(
        "UPDATE swap SET state = 'decided', left_at = NULL WHERE swap_request = $1 AND state = 'left'", request
    )


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of the unit that was sent, and what came out in its place."""

    serial_in: str | None
    serial_out: str | None


async def of_request(request: UUID) -> UUID | None:
    """The swap whose unit leaves by a request."""
    return await db.fetch_value("SELECT id FROM swap WHERE swap_request = $1 AND state IN ('decided', 'left')", request)


async def goes_on_by(swap: UUID, request: UUID) -> None:
    """The unit was dead on arrival: the one asked for in its place is the swap's now."""
    await db.execute(
        "UPDATE swap SET swap_request = $2, state = 'decided', left_at = NULL WHERE id = $1", swap, request
    )


async def not_used(swap: UUID, *, by: Actor) -> None:
    """The unit came back unused: the swap is over."""
    watched = await _locked(swap)
    if watched is not None:
        await _release(watched, "not_needed", by=by)


async def installed(swap: UUID, told: Outcome) -> None:
    """The unit took the device's place: the device's record says so, and its data is to be erased from what came back.

    Raises:
        SuccessorIsDevice: a device in service has the unit's serial.

    """
    watched = await _locked(swap)
    if watched is None:
        return
    now = clock.now()
    successor = None
    if told.serial_in is not None:
        successor = await succession.succeed(watched.device, told.serial_in, document=watched.number)
    keeps = await db.fetch_value(
        """SELECT contract.customer_keeps_disks FROM device JOIN contract ON contract.id = device.contract
           WHERE device.id = $1""",
        watched.device,
    )
    await db.execute(
        """UPDATE swap SET state = 'installed', left_at = coalesce(left_at, $2), installed_at = $2, serial_in = $3,
                  serial_out = $4, successor = $5, old_data = $6 WHERE id = $1""",
        swap,
        now,
        told.serial_in,
        told.serial_out,
        successor,
        "kept_by_customer" if keeps else "to_erase",
    )
    if told.serial_out is not None and not keeps:
        await db.execute(
            "UPDATE unit SET holds_data = true FROM swap WHERE swap.id = $1 AND swap.part = unit.part AND unit.serial = $2",
            swap,
            told.serial_out,
        )
    await _told("installed", swap)


async def old_came_back(unit: UUID, serial: str, *, document: str, depot: str) -> None:
    """What the request `document` brought out of a device was taken in: the old device of a swap has its data erased here."""
    row = await db.fetch_one(
        """UPDATE swap SET serial_out = $2 FROM part_request
           WHERE part_request.id = swap.swap_request AND part_request.number = $1 AND swap.state = 'installed'
           RETURNING swap.id, swap.old_data""",
        document,
        serial,
    )
    if row is None:
        return
    if row["old_data"] == "to_erase":
        await customer_data.came_back(unit, depot=depot)
    else:
        await _close(row["id"])


@db.atomic
async def close(swap: UUID, *, by: Actor, reason: str) -> SwapView:
    """Close a swap whose old device, or its data, the customer keeps; what was owed of it becomes the customer's.

    Raises:
        Unknown: no such swap in the actor's scope.
        WrongState: no unit took the device's place yet, or it is closed.
        OldIsBack: what would be kept lies in our store.
        ReasonMissing: no reason was given.

    """
    by.require("swaps.decide")
    view = await swap_view(swap, seen_by=by)
    if not reason.strip():
        raise ReasonMissing
    watched = await _locked(swap)
    if watched is None or watched.state != "installed":
        raise WrongState(what="Swap", what_zh="整机替换", key=view.number, state=view.state, needed="installed")
    if await _old_is_back(swap):
        raise OldIsBack(number=view.number)
    await db.execute("UPDATE swap SET old_data = 'kept_by_customer' WHERE id = $1", swap)
    if view.swap_request_number is not None:
        for owed in await debts.open_of_document(view.swap_request_number):
            await removed.leave(owed, by=by, reason=reason.strip(), remark=reason.strip())
    old = await _old_unit(swap)
    if old is not None:
        await customer_data.is_gone(old, by=by)
    await audit.record("swap.closed", "swap", view.number, by=by, reason=reason)
    await _close(swap)
    return await swap_view(swap)


async def _old_is_back(swap: UUID) -> bool:
    """Whether the old device lies in a store of ours."""
    return await db.fetch_value(
        """SELECT EXISTS (SELECT FROM swap JOIN unit ON swap.part = unit.part AND swap.serial_out = unit.serial
                          JOIN place ON place.id = unit.place WHERE swap.id = $1 AND place.kind = ANY($2))""",
        swap,
        list(STORE_KINDS),
    )


async def _old_unit(swap: UUID) -> UUID | None:
    return await db.fetch_value(
        "SELECT unit.id FROM unit JOIN swap ON swap.part = unit.part AND swap.serial_out = unit.serial WHERE swap.id = $1",
        swap,
    )


async def data_erased(unit: UUID) -> None:
    """The data of what came back was erased and verified: the swap that brought it back is closed."""
    swap = await db.fetch_value(
        """UPDATE swap SET old_data = 'erased' FROM unit
           WHERE unit.id = $1 AND swap.part = unit.part AND swap.serial_out = unit.serial AND swap.state = 'installed'
           RETURNING swap.id""",
        unit,
    )
    if swap is not None:
        await _close(swap)


async def _close(swap: UUID) -> None:
    await db.execute(
        "UPDATE swap SET state = 'closed', ended_at = $2, ended_because = 'swapped' WHERE id = $1", swap, clock.now()
    )
    await _told("closed", swap)


async def _told(
    what: Literal[
        "opened",
        "short",
        "reserved",
        "decided",
        "left",
        "installed",
        "closed",
        "released",
        "repaired",
        "unpromised",
    ],
    swap: UUID,
) -> None:
    view = await swap_view(swap)
    await events.emit(f"swap.{what}", "swap", view.number, view, contract=view.contract, depot=view.site)


_SUMMARY = """swap.id, swap.number, swap.state, device.serial AS device_serial, device_model.code AS model, site.code AS site,
    contract.code AS contract, customer.name_zh AS customer_zh, customer.name_en AS customer_en, swap.request,
    (SELECT number FROM part_request WHERE part_request.id = swap.request) AS request_number, swap.severity,
    swap.priority_class, swap.reported_at, swap.start_by, swap.complete_by,
    swap.leave_by, swap.reserve_at, swap.short_since, part.part_number, part.name_zh, part.name_en, place.code AS depot,
    swap.decision, swap.decided_at, swap.left_at <= swap.start_by AS start_kept,
    swap.installed_at <= swap.complete_by AS complete_kept, swap.ended_at, swap.ended_because"""

_FROM = """FROM swap
    JOIN device ON device.id = swap.device
    JOIN device_model ON device_model.id = device.model
    JOIN place AS site ON site.id = device.site
    JOIN contract ON contract.id = device.contract
    JOIN party AS customer ON customer.id = contract.customer
    LEFT JOIN part ON part.id = swap.part
    LEFT JOIN place ON place.id = swap.place
    LEFT JOIN pool ON pool.id = swap.pool"""

_SEEN = f"""($1::text[] IS NULL OR contract.code = ANY($1))
    AND ({reached("device.site", "$2")} OR place.code = ANY($2))"""


async def swap_view(swap: UUID, *, seen_by: Actor | None = None) -> SwapView:
    """One swap.

    Raises:
        Unknown: no such swap in the reader's scope.

    """
    view = await db.read_one(
        SwapView,
        f"""SELECT {_SUMMARY}, swap.runs_from, swap.assumed, swap.limit_hours, swap.fitting_hours, swap.way_hours,
                   pool.code AS pool, swap.reservation, swap.opened_at, swap.opened_by, swap.decided_by,
                   swap.decision_reason, swap.misses, swap.swap_request,
                   (SELECT number FROM part_request WHERE part_request.id = swap.swap_request) AS swap_request_number,
                   swap.left_at,
                   swap.installed_at, swap.serial_in, swap.serial_out,
                   (SELECT serial FROM device AS next WHERE next.id = swap.successor) AS successor, swap.old_data,
                   swap.repaired_at, swap.unpromised_at
            {_FROM} WHERE {_SEEN} AND swap.id = $3""",
        seen_by.contract_scope if seen_by else None,
        seen_by.depot_scope if seen_by else None,
        swap,
    )
    if view is None:
        raise Unknown(what="swap", what_zh="整机替换", key=str(swap))
    return view


async def swaps(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    state: str | None = None,
    live_only: bool = False,
    depot: str | None = None,
    device: str | None = None,
    request: UUID | None = None,
) -> list[SwapSummary]:
    """Swaps in the reader's scope, newest first; live ones by the moment at which their unit must leave."""
    return await db.read(
        SwapSummary,
        f"""SELECT {_SUMMARY} {_FROM}
            WHERE {_SEEN} AND ($3::uuid IS NULL OR swap.id < $3) AND ($4::text IS NULL OR swap.state = $4)
              AND (NOT $5 OR swap.state = ANY($6)) AND ($7::text IS NULL OR place.code = $7)
              AND ($8::text IS NULL OR device.serial = $8)
              AND ($9::uuid IS NULL OR $9 IN (swap.request, swap.swap_request))
            ORDER BY CASE WHEN $5 THEN swap.leave_by END, swap.id DESC LIMIT $10""",
        seen_by.contract_scope,
        seen_by.depot_scope,
        after,
        state,
        live_only,
        list(OPEN),
        depot,
        device,
        request,
        limit,
    )


async def outlook(swap: UUID, *, seen_by: Actor) -> Outlook | None:
    """What deciding now would mean; None once it is decided. Where no unit is to be had, what would help.

    Raises:
        Unknown: no such swap in the reader's scope.

    """
    view = await swap_view(swap, seen_by=seen_by)
    if view.state not in UNDECIDED:
        return None
    device = await devices.find(view.device_serial, seen_by=None)
    now = clock.now()
    misses: list[Miss] = []
    if view.complete_by is not None:
        runs_now = view.runs_from == "decision"
        due = Deadlines(
            start_by=view.start_by,
            complete_by=now + timedelta(hours=view.limit_hours) if runs_now else view.complete_by,
            runs_from=view.runs_from,
            assumed=view.assumed,
        )
        policy = (await swap_policy.in_force()).policy
        leaves_at = now + timedelta(minutes=policy.prepare_minutes)
        misses = missed(due, leaves_at, view.way_hours or 0.0, view.fitting_hours)
    others = await whole_units.free_for(device, at=now, beside=[view.reservation] if view.reservation else [])
    help_ = None
    if view.depot is None:
        help_ = await whole_units.what_would_help(device, depots=seen_by.depot_scope, costs=seen_by.may("costs.read"))
    shown = [each for each in others if each.depot != view.depot and seen_by.sees_depot(each.depot)]
    return Outlook(
        misses=misses, others=[_told_of(each, costs=seen_by.may("costs.read")) for each in shown], help=help_
    )


def _told_of(unit: WholeUnit, *, costs: bool) -> OtherUnit:
    told = msgspec.convert(unit, OtherUnit, from_attributes=True)
    return told if costs else msgspec.structs.replace(told, cost_cny=None)
