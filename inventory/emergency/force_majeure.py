"""Plan 3 (应急方案三, force majeure): a store or a customer's site out of service, and the way back (D77, D90).

A store is frozen with the declaration: nothing that lies there is promised or leaves, its sites are served by the next
store, and what requests hold there is found elsewhere. It ends with everything that lies there counted again.
"""

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from inventory.emergency import cases
from inventory.emergency.owners import owner_now
from inventory.ground import audit, clock, db, events, jobs, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, Invalid, OthersConcerned, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.places import places, register
from inventory.places.reach import reached
from inventory.places.tables import STORE_KINDS
from inventory.procurement import changes, orders
from inventory.requests import backorders
from inventory.stock import transfers
from inventory.stock.serving import HOME

Cause = Literal[
    "natural_disaster", "fire", "water_leak", "power_outage", "network_failure", "lightning", "war", "other"
]
"""What happened (D77, D90)."""

SHOWN = 500
"""How many rows of each kind the frozen evidence names; its counts tell of all."""

MEASURES_WITHIN = timedelta(minutes=15)
"""How soon somebody writes down what is done first."""

ENDS_WITHIN = timedelta(days=1)
"""How long one lasts before its owner is asked how it stands."""


class ForceMajeureOpen(Refused, constraint="force_majeure_is_open_once"):
    """Plan 3 is open for this store or site already."""

    zh = "该备件库或客户机房已启动应急方案三。"
    help_en = "Work on the one that is open."
    help_zh = "请在已启动的方案中处理。"


class NotYourSite(Forbidden):
    """None of the stores of {name} serves {site}."""

    zh = "{name} 负责的备件库均不服务于 {site}。"
    help_en = "Ask whoever serves the site."
    help_zh = "请联系服务该机房的人员。"


class NotStoreOrSite(Refused):
    """{key} is neither a store nor a customer's site."""

    zh = "{key} 不是备件库，也不是客户机房。"
    help_en = "Name the depot, on-site store or site that is out of service."
    help_zh = "请填写停用的备件库、驻场库或客户机房。"


class NotCountedAgain(Refused):
    """{depot} is not counted again yet: {count} lines are missing, among them {lines}."""

    zh = "{depot} 尚未完成复盘：还有 {count} 项未盘，包括 {lines}。"
    help_en = "Draw up a full count of the store, count it, and post it; then end the plan."
    help_zh = "请对该库发起全盘，盘点并过账后再结束方案。"


class HowItEndedMissing(Invalid):
    """Ending plan 3 needs a closing note."""

    zh = "结束应急方案三需要填写结案说明。"
    help_en = "Say what happened and how it ended."
    help_zh = "请说明经过与结果。"


class Summary(Struct, frozen=True, kw_only=True):
    """A plan 3 as lists show it; `place_kind` tells a site from the kinds of stores."""

    id: UUID
    number: str
    place: str
    place_kind: str
    name_zh: str
    name_en: str
    cause: Cause
    reason: str
    state: Literal["open", "closed"]
    owner: str
    declared_at: datetime
    declared_by: str
    sourced_elsewhere_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    returned: bool

    @property
    def is_store(self) -> bool:
        """Whether a store of ours is out of service, not a customer's site."""
        return self.place_kind != "site"


class Entry(Struct, frozen=True, kw_only=True):
    """One line of the log."""

    at: datetime
    kind: str
    actor: str
    facts: Any


class Coming(Struct, frozen=True, kw_only=True):
    """A delivery that is still on its way to a store; `document` names its order, transfer or notice.

    `asked_to` is the store that its vendor was asked to deliver it to instead, and has not answered yet.
    """

    part_number: str
    name_zh: str
    name_en: str
    pool: str
    quantity: int
    due_at: datetime
    confirmed: bool
    source_kind: str
    document: str | None
    bound_for: str
    asked_to: str | None

    @property
    def redirectable(self) -> bool:
        """Whether it can be sent elsewhere: an order or a transfer that nobody has asked for that yet."""
        return self.source_kind in ("purchase_order_line", "transfer_line") and self.asked_to is None


class Held(Struct, frozen=True, kw_only=True):
    """A reservation of no part request that stays, and cannot be handed out while the store is frozen."""

    id: UUID
    part_number: str
    quantity: int
    reference: str | None
    reserved_by: str


class Uncounted(Struct, frozen=True, kw_only=True):
    """Stock of a store that was not counted since plan 3 was declared."""

    part_number: str
    condition: str
    pool: str
    on_hand: int


class View(Struct, frozen=True, kw_only=True):
    """A whole plan 3: what it was declared on, and how things stand now.

    Of a store: `coming` and `held` are open now, `uncounted` is what the way back still waits for. `deliver_to` are the
    stores that a lane leads to from it, the nearest first, where what is coming could go. `away` was sent elsewhere and is
    still under way.
    """

    summary: Summary
    evidence: Any
    closing_note: str
    lessons: str
    log: list[Entry]
    coming: list[Coming]
    away: list[Coming]
    deliver_to: list[str]
    held: list[Held]
    uncounted: list[Uncounted]


class Declarable(Struct, frozen=True, kw_only=True):
    """A store or site that somebody may declare out of service."""

    code: str
    kind: str
    name_zh: str
    name_en: str


async def declarable(*, limit: int, seen_by: Actor) -> list[Declarable]:
    """What the reader may declare out of service and is not yet: stores first, then sites, by code."""
    return await db.read(
        Declarable,
        f"""SELECT code, kind, name_zh, name_en FROM place
            WHERE (kind = ANY($3) AND frozen_at IS NULL OR kind = 'site' AND party IS NOT NULL) AND {seen("$1", "$2")}
              AND NOT EXISTS (SELECT FROM force_majeure WHERE force_majeure.place = place.id AND closed_at IS NULL)
            ORDER BY kind = 'site', code LIMIT $4""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        list(STORE_KINDS),
        limit,
    )


@db.atomic
async def declare(place: str, cause: Cause, *, reason: str, by: Actor) -> Summary:
    """Put a store or a customer's site out of service, the evidence frozen; a store's cover moves elsewhere at once.

    Raises:
        Unknown: no such place.
        NotStoreOrSite: it is no store of ours nor a site.
        ReasonMissing: no reason was given.
        NotYourDepot, NotYourSite: the store, or every store that serves the site, is out of the actor's scope.
        OthersConcerned: the actor is bound to contracts, and it is a store or a site of others too.
        ForceMajeureOpen: one is open there already.

    """
    by.require("emergency.declare")
    if not reason.strip():
        raise ReasonMissing
    where = await places.find(place)
    is_store = where.kind in STORE_KINDS
    if not is_store and (where.kind != "site" or where.code == places.ISSUED):
        raise NotStoreOrSite(key=place)
    await _require_within_reach(where, by)
    number, now = await next_number("FM"), clock.now()
    evidence = await (_of_store(where.id) if is_store else _of_site(where.id))
    opened = await db.fetch_value(
        """INSERT INTO force_majeure (number, place, cause, reason, owner, declared_at, declared_by, evidence)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
           ON CONFLICT (place) WHERE closed_at IS NULL DO NOTHING RETURNING id""",
        number,
        where.id,
        cause,
        reason.strip(),
        await owner_now(),
        now,
        by.name,
        evidence,
    )
    if opened is None:
        raise ForceMajeureOpen
    await _log(opened, "declared", by, {"cause": cause, "reason": reason.strip()})
    if is_store:
        await register.freeze(where.code, by=by, reason=f"{number}: {reason.strip()}")
        await jobs.enqueue(jobs.SourceElsewhere(opened))
    view = await summary(opened)
    for kind, within in (("take_measures", MEASURES_WITHIN), ("end_force_majeure", ENDS_WITHIN)):
        await steps.begin(
            kind,
            "force_majeure",
            number,
            owner_role="project_manager",
            owner=view.owner,
            depot=where.code if is_store else None,
            due_at=now + within,
        )
    await audit.record(
        "force_majeure.declared", "force_majeure", number, by=by, reason=reason.strip(), change={"place": where.code}
    )
    await _tell("declared", view)
    return view


async def source_elsewhere(force_majeure: UUID, *, by: Actor) -> None:
    """Find another source for whatever requests hold or wait for at its store; safe to repeat, and over once it ended.

    Raises:
        ExceptionGroup: some requests could not be promised anew, when all others are.

    """
    row = await db.fetch_one(
        """SELECT force_majeure.place FROM force_majeure JOIN place ON place.id = force_majeure.place
           WHERE force_majeure.id = $1 AND closed_at IS NULL AND place.frozen_at IS NOT NULL""",
        force_majeure,
    )
    if row is None:
        return
    found = await backorders.source_elsewhere(row["place"], by=by, because="force_majeure")
    await cases.donor_frozen(row["place"], by=by)
    await _note_sourced(force_majeure, found.requests, by)
    if found.refusals:
        raise ExceptionGroup("requests that were not sourced elsewhere", found.refusals)


async def source_latecomers_elsewhere(*, by: Actor) -> None:
    """Find another source for what was reserved in a store while it was being frozen, and seen only after the first look.

    Raises:
        ExceptionGroup: as `source_elsewhere`.

    """
    holding = await db.fetch(
        """SELECT id FROM force_majeure
           WHERE closed_at IS NULL AND sourced_elsewhere_at IS NOT NULL AND EXISTS (
               SELECT FROM request_line
               WHERE source_place = force_majeure.place AND state = ANY($1) AND reservation IS NOT NULL)
           ORDER BY id""",
        list(backorders.NOT_LEFT),
    )
    for row in holding:
        await source_elsewhere(row["id"], by=by)


@db.atomic
async def _note_sourced(force_majeure: UUID, requests: list[str], by: Actor) -> None:
    first = await db.execute(
        "UPDATE force_majeure SET sourced_elsewhere_at = $2 WHERE id = $1 AND sourced_elsewhere_at IS NULL",
        force_majeure,
        clock.now(),
    )
    if first or requests:
        told = {"requests": requests[:SHOWN], "count": len(requests)}
        await _log(force_majeure, "sourced_elsewhere", by, told)


@db.atomic
async def note_measure(force_majeure: UUID, text: str, *, by: Actor) -> Summary:
    """Write down what was done or decided; the first one tells that somebody works on it.

    Raises:
        Unknown: there is none in the actor's scope.
        ReasonMissing: nothing was written.
        WrongState: it is over.

    """
    by.require("emergency.declare")
    if not text.strip():
        raise ReasonMissing
    view = await _open(force_majeure, by)
    await _log(force_majeure, "measure", by, {"text": text.strip()})
    await steps.finish("force_majeure", view.number, "take_measures", by=by)
    return view


@db.atomic
async def redirect(force_majeure: UUID, document: str, to: str, *, by: Actor) -> Summary:
    """Send what is under way to a store that is out of service elsewhere: a transfer turns, a vendor is asked by a change.

    Once the store has returned, what was redirected and is still under way may be sent back to it in the same way.

    Raises:
        Unknown: there is none in the actor's scope, nothing of that document is under way to a store, or no such store.
        NotYourDepot: the actor does not serve one of the stores.
        WrongState: it is over and the store did not return; the transfer or order cannot be redirected any more.
        NoLane, SameStore: as `transfers.turn`.
        ChangeIsOpen, NothingChanged: as `changes.change_order`.

    """
    by.require("emergency.declare")
    view = await summary(force_majeure, seen_by=by)
    await db.execute("SELECT id FROM force_majeure WHERE id = $1 FOR NO KEY UPDATE", force_majeure)
    view = await summary(force_majeure)
    back = view.state == "closed" and view.returned and to == view.place
    if not view.is_store:  # nothing of ours is delivered to a customer's site
        raise Unknown(what="delivery under way", what_zh="在途到货", key=document)
    if not (view.state == "open" or back):
        raise WrongState(what="Plan 3", what_zh="应急方案三", key=view.number, state=view.state, needed="open")
    for depot in (view.place, to):
        by.require_depot(depot)
    place = (await places.find(view.place)).id
    under_way = await _away(force_majeure) if back else await _coming(place)
    found = next((each for each in under_way if each.document == document and each.redirectable), None)
    if found is None:
        raise Unknown(what="delivery under way", what_zh="在途到货", key=document)
    reason = f"{view.number}: {view.reason}"[:1000]
    if found.source_kind == "transfer_line":
        await transfers.turn(await transfers.id_of(document), to, by=by, reason=reason)
    else:
        await changes.ask_for_change(await orders.order_id(document), by=by, reason=reason, ship_to=to)
    await _log(force_majeure, "redirected", by, {"document": document, "from": found.bound_for, "to": to})
    await steps.finish("force_majeure", view.number, "take_measures", by=by)
    return view


@db.atomic
async def close(force_majeure: UUID, *, note: str, lessons: str = "", returns: bool = True, by: Actor) -> Summary:
    """End it: what lies in a store moves again, and it is in service again where it `returns`.

    A store that is given up stays out of service, so that what is left there can be moved away.

    Raises:
        Unknown: there is none in the actor's scope.
        HowItEndedMissing: the note is empty.
        WrongState: it is over.
        NotCountedAgain: something that lies in the store was not counted since.

    """
    by.require("emergency.close")
    if not note.strip():
        raise HowItEndedMissing
    view = await _open(force_majeure, by)
    if view.is_store:
        missing = await _uncounted(force_majeure, limit=SHOWN)
        if missing:
            named = ", ".join(dict.fromkeys(line.part_number for line in missing[:5]))
            raise NotCountedAgain(depot=view.place, count=len(missing), lines=named)
        await register.unfreeze(view.place, by=by, reason=f"{view.number}: {note.strip()}", returns=returns)
    await db.execute(
        """UPDATE force_majeure SET closed_at = $2, closed_by = $3, returned = $4, closing_note = $5, lessons = $6
           WHERE id = $1""",
        force_majeure,
        clock.now(),
        by.name,
        returns,
        note.strip(),
        lessons.strip(),
    )
    await _log(force_majeure, "closed", by, {"note": note.strip(), "lessons": lessons.strip(), "returned": returns})
    await steps.finish("force_majeure", view.number, by=by)
    await audit.record("force_majeure.closed", "force_majeure", view.number, by=by, reason=note.strip())
    ended = await summary(force_majeure)
    await _tell("closed", ended)
    return ended


async def _require_within_reach(where: places.PlaceRef, by: Actor) -> None:
    if where.kind in STORE_KINDS:
        by.require_depot(where.code)
    elif not await db.fetch_value(f"SELECT {reached('$1::int', '$2')}", where.id, by.depot_scope):
        raise NotYourSite(name=by.name, site=where.code)
    within = f"SELECT EXISTS (SELECT FROM place WHERE id = $3 AND {seen('$1', '$2')})"
    if not await db.fetch_value(within, by.depot_scope, by.contract_scope, where.id):
        raise OthersConcerned(name=by.name)


async def _open(force_majeure: UUID, by: Actor) -> Summary:
    """One that is not over, locked."""
    view = await summary(force_majeure, seen_by=by)
    await _require_within_reach(await places.find(view.place), by)
    await db.execute("SELECT id FROM force_majeure WHERE id = $1 FOR NO KEY UPDATE", force_majeure)
    view = await summary(force_majeure)
    if view.state != "open":
        raise WrongState(what="Plan 3", what_zh="应急方案三", key=view.number, state=view.state, needed="open")
    return view


async def _log(force_majeure: UUID, kind: str, by: Actor, facts: dict[str, Any]) -> None:
    await db.execute(
        "INSERT INTO force_majeure_entry (force_majeure, at, kind, actor, facts) VALUES ($1, $2, $3, $4, $5)",
        force_majeure,
        clock.now(),
        kind,
        by.name,
        facts,
    )


async def _tell(kind: str, view: Summary) -> None:
    """Tell other systems; of those who are bound to contracts only whoever has the site's one contract."""
    contract = await db.fetch_value(
        """SELECT min(contract.code) FROM device
           JOIN contract ON contract.id = device.contract JOIN place AS site ON site.id = device.site
           WHERE site.code = $1 HAVING count(DISTINCT contract.id) = 1""",
        view.place,
    )
    await events.emit(
        f"force_majeure.{kind}", "force_majeure", view.number, view, depot=view.place, contract=contract, closed=True
    )


_DEVICES = """SELECT contract.code AS contract, customer.name_zh, customer.name_en, site.code AS site, count(*)::int AS devices
       FROM device
       JOIN contract ON contract.id = device.contract
       JOIN party AS customer ON customer.id = contract.customer
       JOIN place AS site ON site.id = device.site"""


async def _of_store(store: int) -> dict[str, Any]:
    """What depends on a store, as it stands before it is out of service."""
    stock = await db.fetch(
        """SELECT part.part_number, pool.code AS pool, level.condition, level.on_hand, level.reserved
           FROM level JOIN part ON part.id = level.part JOIN pool ON pool.id = level.pool
           WHERE level.place = $1 AND level.on_hand > 0 ORDER BY part.part_number, level.condition, pool.code LIMIT $2""",
        store,
        SHOWN,
    )
    total = await db.fetch_one(
        """SELECT coalesce(sum(on_hand), 0)::int AS pieces, coalesce(sum(reserved), 0)::int AS reserved,
                  count(DISTINCT part)::int AS parts
           FROM level WHERE place = $1 AND on_hand > 0""",
        store,
    )
    served = await db.fetch(
        f"""SELECT contract.code AS contract, customer.name_zh, customer.name_en, site.code AS site, served.devices,
                   home.travel_hours, next.code AS next_store, other.travel_hours AS next_hours,
                   other.travel_hours <= service_class.time_to_site_hours AS in_time
            FROM (SELECT device.site, device.contract, count(*)::int AS devices
                  FROM coverage JOIN device ON device.site = coverage.site AND device.retired_on IS NULL
                  WHERE coverage.store = $1 GROUP BY 1, 2) AS served
            JOIN contract ON contract.id = served.contract
            JOIN service_class ON service_class.id = contract.service_class
            JOIN party AS customer ON customer.id = contract.customer
            JOIN place AS site ON site.id = served.site
            JOIN LATERAL {HOME} ON home.store = $1
            LEFT JOIN LATERAL (
                SELECT coverage.store, coverage.travel_hours FROM coverage JOIN place ON place.id = coverage.store
                WHERE coverage.site = served.site AND place.id <> $1 AND place.kind = 'depot'
                  AND place.out_of_service_at IS NULL
                ORDER BY coverage.travel_hours, place.code LIMIT 1
            ) AS other ON true
            LEFT JOIN place AS next ON next.id = other.store
            ORDER BY contract.code, site.code LIMIT $2""",
        store,
        SHOWN,
    )
    waiting = await db.fetch(
        """SELECT part_request.number, part_request.ticket, part_request.need_by, contract.code AS contract,
                  count(*)::int AS lines
           FROM request_line JOIN part_request ON part_request.id = request_line.request
           JOIN device ON device.id = part_request.device JOIN contract ON contract.id = device.contract
           WHERE request_line.source_place = $1 AND request_line.state = ANY($2)
           GROUP BY part_request.id, contract.code ORDER BY part_request.need_by NULLS LAST, part_request.number LIMIT $3""",
        store,
        list(backorders.NOT_LEFT),
        SHOWN,
    )
    return {
        "stock": {**dict(total or {}), "lines": [dict(row) for row in stock]},
        "served": [dict(row) for row in served],
        "requests": [dict(row) for row in waiting],
        "coming": await _coming(store),
    }


async def _of_site(site: int) -> dict[str, Any]:
    """What stands at a site and is asked for there."""
    devices = await db.fetch(
        f"""{_DEVICES} WHERE device.site = $1 AND device.retired_on IS NULL
            GROUP BY 1, 2, 3, 4 ORDER BY 1 LIMIT $2""",
        site,
        SHOWN,
    )
    waiting = await db.fetch(
        """SELECT part_request.number, part_request.ticket, part_request.need_by, contract.code AS contract,
                  (SELECT count(*)::int FROM request_line WHERE request = part_request.id) AS lines
           FROM part_request
           JOIN device ON device.id = part_request.device JOIN contract ON contract.id = device.contract
           WHERE device.site = $1 AND part_request.state NOT IN ('reconciled', 'cancelled')
           ORDER BY part_request.need_by NULLS LAST, part_request.number LIMIT $2""",
        site,
        SHOWN,
    )
    return {"served": [dict(row) for row in devices], "requests": [dict(row) for row in waiting]}


async def _coming(store: int) -> list[Coming]:
    return await db.read(Coming, f"{_UNDER_WAY} AND expected.place = $1 {_IN_ORDER}", store, SHOWN)


async def _away(force_majeure: UUID) -> list[Coming]:
    return await db.read(
        Coming,
        f"""{_UNDER_WAY} AND coalesce(purchase_order.number, transfer.number) IN (
                SELECT facts ->> 'document' FROM force_majeure_entry WHERE force_majeure = $1 AND kind = 'redirected')
            AND expected.place <> (SELECT place FROM force_majeure WHERE id = $1) {_IN_ORDER}""",
        force_majeure,
        SHOWN,
    )


_UNDER_WAY = """SELECT part.part_number, part.name_zh, part.name_en, pool.code AS pool,
                  expected.quantity - expected.received_quantity AS quantity, expected.due_at, expected.confirmed,
                  expected.source_kind, coalesce(purchase_order.number, transfer.number, advance_notice.number) AS document,
                  place.code AS bound_for,
                  (SELECT after ->> 'ship_to' FROM order_change
                   WHERE order_change.purchase_order = purchase_order.id AND order_change.state IN ('drafted', 'asked'))
                      AS asked_to
           FROM expected_delivery AS expected
           JOIN part ON part.id = expected.part
           JOIN place ON place.id = expected.place
           JOIN pool ON pool.id = expected.pool
           LEFT JOIN purchase_order_line ON purchase_order_line.id = expected.source
           LEFT JOIN purchase_order ON purchase_order.id = purchase_order_line.purchase_order
           LEFT JOIN transfer_line ON transfer_line.id = expected.source
           LEFT JOIN transfer ON transfer.id = transfer_line.transfer
           LEFT JOIN advance_notice_line ON advance_notice_line.id = expected.source
           LEFT JOIN advance_notice ON advance_notice.id = advance_notice_line.notice
           WHERE expected.closed_at IS NULL AND expected.quantity > expected.received_quantity"""

_IN_ORDER = "ORDER BY expected.due_at, part.part_number LIMIT $2"


async def _uncounted(force_majeure: UUID, *, limit: int) -> list[Uncounted]:
    """What lies in the store and is on no count that was drawn up since the declaration, and posted."""
    return await db.read(
        Uncounted,
        """SELECT part.part_number, level.condition, pool.code AS pool, level.on_hand
           FROM force_majeure
           JOIN level ON level.place = force_majeure.place AND level.on_hand > 0
           JOIN part ON part.id = level.part
           JOIN pool ON pool.id = level.pool
           WHERE force_majeure.id = $1 AND NOT EXISTS (
               SELECT FROM count_line JOIN count_sheet ON count_sheet.id = count_line.sheet
               WHERE count_line.part = level.part AND count_line.condition = level.condition
                 AND count_line.owner = level.owner AND count_line.pool = level.pool
                 AND count_sheet.place = level.place AND count_sheet.state = 'posted'
                 AND count_sheet.created_at >= force_majeure.declared_at)
           ORDER BY part.part_number, level.condition, pool.code LIMIT $2""",
        force_majeure,
        limit,
    )


def seen(depots: str, contracts: str) -> str:
    """The condition that a reader sees what happened at a `place`; both are the places of parameters.

    Whoever is bound to contracts sees sites that are theirs alone.
    """
    return f"""(({depots}::text[] IS NULL OR place.code = ANY({depots})
                 OR (place.kind = 'site' AND {reached("place.id", depots)}))
                AND ({contracts}::text[] IS NULL OR EXISTS (
                    SELECT FROM device JOIN contract AS its ON its.id = device.contract
                    WHERE device.site = place.id HAVING bool_and(its.code = ANY({contracts})))))"""


_SUMMARY = f"""SELECT force_majeure.id, force_majeure.number, place.code AS place, place.kind AS place_kind, place.name_zh,
                     place.name_en, cause, reason, CASE WHEN closed_at IS NULL THEN 'open' ELSE 'closed' END AS state,
                     owner, declared_at, declared_by, sourced_elsewhere_at, closed_at, closed_by, returned
              FROM force_majeure
              JOIN place ON place.id = force_majeure.place
              WHERE {seen("$1", "$2")}"""


async def summary(force_majeure: UUID, *, seen_by: Actor | None = None) -> Summary:
    """One plan 3 in short.

    Raises:
        Unknown: there is none in the reader's scope.

    """
    found = await db.read_one(
        Summary,
        f"{_SUMMARY} AND force_majeure.id = $3",
        seen_by.depot_scope if seen_by else None,
        seen_by.contract_scope if seen_by else None,
        force_majeure,
    )
    if found is None:
        raise Unknown(what="plan 3", what_zh="应急方案三", key=str(force_majeure))
    return found


async def summaries(
    *, limit: int, seen_by: Actor, after: UUID | None = None, live_only: bool = False, place: str | None = None
) -> list[Summary]:
    """Plans 3 in the reader's scope, newest first."""
    return await db.read(
        Summary,
        f"""{_SUMMARY} AND ($3::uuid IS NULL OR force_majeure.id < $3) AND (NOT $4 OR closed_at IS NULL)
            AND ($5::text IS NULL OR place.code = $5)
            ORDER BY force_majeure.id DESC LIMIT $6""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        after,
        live_only,
        place,
        limit,
    )


async def view(force_majeure: UUID, *, seen_by: Actor) -> View:
    """One whole plan 3.

    Raises:
        Unknown: there is none in the reader's scope.

    """
    found = await summary(force_majeure, seen_by=seen_by)
    row = await db.fetch_one(
        "SELECT place, evidence, closing_note, lessons FROM force_majeure WHERE id = $1", force_majeure
    )
    if row is None:
        raise Unknown(what="plan 3", what_zh="应急方案三", key=str(force_majeure))
    open_store = found.is_store and found.state == "open"
    return View(
        summary=found,
        evidence=row["evidence"],
        closing_note=row["closing_note"],
        lessons=row["lessons"],
        log=await db.read(
            Entry,
            "SELECT at, kind, actor, facts FROM force_majeure_entry WHERE force_majeure = $1 ORDER BY id LIMIT 500",
            force_majeure,
        ),
        coming=await _coming(row["place"]) if open_store else [],
        away=await _away(force_majeure) if found.is_store else [],
        deliver_to=await _by_lane(row["place"]) if open_store else [],
        held=await _held(row["place"]) if open_store else [],
        uncounted=await _uncounted(force_majeure, limit=SHOWN) if open_store else [],
    )


async def _by_lane(store: int) -> list[str]:
    rows = await db.fetch(
        """SELECT place.code FROM lane JOIN place ON place.id = lane.to_place
           WHERE lane.from_place = $1 AND place.kind = 'depot' AND place.out_of_service_at IS NULL
           GROUP BY place.code ORDER BY min(lane.hours), place.code LIMIT $2""",
        store,
        SHOWN,
    )
    return [row["code"] for row in rows]


async def _held(store: int) -> list[Held]:
    return await db.read(
        Held,
        """SELECT reservation.id, part.part_number, reservation.quantity - reservation.posted_quantity AS quantity,
                  reservation.reference_number AS reference, reservation.reserved_by
           FROM reservation
           JOIN level ON level.id = reservation.level
           JOIN part ON part.id = level.part
           WHERE level.place = $1 AND reservation.state IN ('soft', 'pending')
             AND NOT EXISTS (SELECT FROM request_line WHERE request_line.reservation = reservation.id)
           ORDER BY reservation.reserved_at LIMIT $2""",
        store,
        SHOWN,
    )
