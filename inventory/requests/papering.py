"""The paper of what was taken without: binding it to a request or a device, and resolving what the ledger could not follow."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct, structs

from inventory.catalogue import parts
from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, ReasonMissing, Refused, WrongState
from inventory.installed_base import devices
from inventory.places import places
from inventory.places.tables import STORE_KINDS
from inventory.requests.gates import GATED
from inventory.requests.lines import Line, lock_head, lock_lines, settle
from inventory.requests.requests import id_of, request_view
from inventory.returns import swaps
from inventory.stock import paper_policy, provisional, reservations, units
from inventory.stock.ledger import free_at, post
from inventory.stock.lines import count_waiting
from inventory.stock.moves import GOOD, Move, Spot
from inventory.stock.provisional import Issue, ProvisionalIssueView, StillOnTheRoad
from inventory.stock.refusals import InsufficientStock

UNKNOWN = "unknown"
"""The condition of what the ledger did not know: to be judged before it is anybody's stock."""


class NoLineForIt(Refused):
    """{request} has no open line for {quantity} × {part_number}."""

    zh = "{request} 没有 {quantity} × {part_number} 的未完成行。"
    help_en = "Bind it to the request it was taken for, or to the device; or open a request first."
    help_zh = "请补到对应的备件申请或设备；也可先新建备件申请。"


class PaperMissing(Invalid):
    """The paper names a part request or a device."""

    zh = "补单需要填写备件申请号或设备序列号。"
    help_en = "Give the number of the request, or the serial of the device it went into."
    help_zh = "请填写备件申请号，或安装该备件的设备序列号。"


class PartUnnamed(Invalid):
    """Nobody knows {code} yet: the part it is has to be named."""

    zh = "台账中没有 {code}：需要填写它是哪种备件。"
    help_en = "Give its part number; the piece is then entered in the ledger."
    help_zh = "请填写备件编号，系统随后将其登记入账。"


class HeldByTransfer(Refused):
    """The reservation belongs to the transfer {number}, which cannot ship short."""

    zh = "该预留属于调拨单 {number}，调拨单不能缺件发出。"
    help_en = "Cancel the transfer first, or name another reservation."
    help_zh = "请先取消该调拨单，或指定其他预留。"


class NotThatReservation(Invalid):
    """This reservation does not hold what was taken."""

    zh = "该预留锁定的不是被取走的备件。"
    help_en = "Name a pending reservation of the same part, store and pool."
    help_zh = "请指定同一备件、备件库与库存归属的有效预留。"


class Resolution(Struct, frozen=True, kw_only=True):
    """How a conflict is resolved: the piece was taken indeed, or (`dismiss`) nothing was."""

    dismiss: bool = False
    reservation: UUID | None = None
    part_number: str | None = None
    reason: str = ""


@db.atomic
async def resolve(issue: UUID, how: Resolution, *, by: Actor) -> ProvisionalIssueView:
    """Let the ledger follow what was taken: the reservation it took is let go, a wrong place or an unknown unit corrected.

    Raises:
        Unknown, WrongState, NotYourDepot: as for `provisional.lock`.
        ReasonMissing: dismissing needs a reason.
        PartUnnamed: an unknown unit needs its part number.
        ReasonMissing, NotGranted, SecondPersonNeeded: what the ledger lacks is entered with a reason, by somebody who may
            correct stock and neither took nor recorded it.
        StillOnTheRoad: the unit is to be taken in under its own document first.
        HeldByTransfer, NotThatReservation: that reservation cannot be let go for it.
        InsufficientStock: where the ledger has the unit, all are reserved.

    """
    if not by.may("stock.adjust"):
        by.require("stock.issue")
    unit = None if how.dismiss else await _unit_meant(issue, how.part_number)
    # its keeper says that it has left, where the ledger has it in a store
    found = await provisional.lock(issue, by=by, states=("conflict",), at=unit["store"] if unit else None)
    if how.dismiss:
        if not how.reason.strip():
            raise ReasonMissing
        await provisional.settle(found, "dismissed", by=by, remark=how.reason)
        return await provisional.provisional_issue_view(issue)
    if found.conflict == "all_reserved":
        await _take_reserved(found, how.reservation or _suggested(found), by)
    elif unit is not None:
        await _correct(await _bound(found, unit), by)
    else:
        await _enter(found, how, by)
    await db.execute("UPDATE provisional_issue SET state = 'open', remark = $2 WHERE id = $1", issue, how.reason)
    await steps.finish("provisional_issue", found.number, by=by)
    await steps.begin(
        "bind_paper",
        "provisional_issue",
        found.number,
        owner_role="warehouse_keeper",
        owner=found.taken_by,
        depot=found.depot,
        due_at=await paper_policy.due_now(),
    )
    return await provisional.provisional_issue_view(issue)


async def _unit_meant(issue: UUID, part_number: str | None) -> db.Row | None:
    """The unit that was taken, by the ledger, and the store that has it; of several with its serial, that of the part named."""
    return await db.fetch_one(
        """SELECT unit.id, unit.part, unit.pool, place.code AS store FROM provisional_issue AS issue
           JOIN unit ON unit.id = issue.unit
                OR (issue.unit IS NULL AND (unit.serial = issue.code OR unit.tag = issue.code)
                    AND unit.part = (SELECT id FROM part WHERE part_number = $2))
           LEFT JOIN place ON place.id = unit.place AND place.kind = ANY($3)
           WHERE issue.id = $1 ORDER BY unit.id LIMIT 1""",
        issue,
        part_number,
        list(STORE_KINDS),
    )


async def _bound(issue: Issue, unit: db.Row) -> Issue:
    """The record with the unit it means."""
    if issue.unit is not None:
        return issue
    await db.execute(
        "UPDATE provisional_issue SET part = $2, unit = $3, pool = $4, quantity = 1 WHERE id = $1",
        issue.id,
        unit["part"],
        unit["id"],
        unit["pool"],
    )
    return structs.replace(issue, unit=unit["id"], part=unit["part"], pool=unit["pool"], quantity=1)


def _suggested(issue: Issue) -> UUID | None:
    named = issue.facts.get("reservation")
    return UUID(named) if named else None


async def _take_reserved(issue: Issue, reservation: UUID | None, by: Actor) -> None:
    """Let the reservation go that the piece took; whoever it was for waits again."""
    spot = await _spot(issue)
    if reservation is not None:
        holds = await db.fetch_value(
            """SELECT true FROM reservation JOIN level ON level.id = reservation.level
               WHERE reservation.id = $1 AND reservation.state = 'pending' AND (part, place, condition, owner, pool)
                     = ($2::int, $3::int, 'good', $4::int, $5::int)""",
            reservation,
            issue.part,
            spot.place,
            spot.owner,
            spot.pool,
        )
        if not holds:
            raise NotThatReservation
        await _let_go(reservation, by)
    await _move_out(issue, spot, by)


async def _let_go(reservation: UUID, by: Actor) -> None:
    transfer = await db.fetch_value(
        """SELECT number FROM transfer JOIN transfer_line ON transfer_line.transfer = transfer.id
           WHERE transfer_line.reservation = $1 AND transfer.state IN ('draft', 'proposed')""",
        reservation,
    )
    if transfer is not None:
        raise HeldByTransfer(number=transfer)
    line = await db.fetch_one(
        """UPDATE request_line SET firm = false, reservation = NULL, promised_at = NULL, picked_at = NULL,
                  state = CASE WHEN state = ANY($2) THEN state ELSE 'backordered' END
           WHERE reservation = $1 AND state = ANY(ARRAY['reserved', 'picked'] || $2::text[])
           RETURNING request, part, source_place, pool, quantity, state""",
        reservation,
        list(GATED),
    )
    await reservations.release(reservation, by=by)
    if line is not None and line["state"] == "backordered":
        await count_waiting(line["part"], line["source_place"], line["pool"], line["quantity"])
        await settle(line["request"])
        view = await request_view(line["request"])
        await events.emit(
            "part_request.backordered", "part_request", view.number, view, contract=view.contract, depot=view.site
        )


async def _spot(issue: Issue) -> Spot:
    owner, pool = await provisional.whose(issue)
    return Spot(issue.place, GOOD, owner, pool)


async def _move_out(issue: Issue, spot: Spot, by: Actor) -> None:
    if issue.part is None:
        raise PartUnnamed(code=issue.code)
    shelf = await db.fetch_value("SELECT bin FROM unit WHERE id = $1", issue.unit)
    at = min(issue.taken_at, clock.now())
    await provisional.move_out(issue.part, spot, issue.quantity, issue.number, at, by=by, unit=issue.unit, shelf=shelf)


async def _correct(issue: Issue, by: Actor) -> None:
    """The unit was taken here, whatever the ledger says: it leaves from where the ledger has it.

    One that the ledger had in no store is nobody's good stock until it is judged.
    """
    row = await db.fetch_one(
        """SELECT serial, place, condition, owner, pool, bin, place.kind, place.kind = ANY($2) AS in_store,
                  (SELECT document FROM movement WHERE movement.unit = unit.id ORDER BY recorded_at DESC, id DESC LIMIT 1)
                      AS last_document
           FROM unit JOIN place ON place.id = unit.place WHERE unit.id = $1 FOR NO KEY UPDATE OF unit""",
        issue.unit,
        list(STORE_KINDS),
    )
    other = issue.facts.get("record")
    if row is None or other:
        raise WrongState(
            what="Provisional issue",
            what_zh="先发后补记录",
            key=other or issue.number,
            state="open",
            needed="dismissed",
        )
    if row["kind"] == "transit":
        raise StillOnTheRoad(serial=row["serial"], document=row["last_document"])
    await db.execute(
        """UPDATE pick SET state = 'open', unit = NULL, bin = NULL, picked_at = NULL, picked_by = NULL
           WHERE unit = $1 AND state = 'picked'""",
        issue.unit,
    )
    spot = Spot(row["place"], row["condition"], row["owner"], row["pool"])
    if not row["in_store"]:
        await _surface(issue, spot, 1, issue.unit, by)
        return
    try:
        async with db.savepoint():
            await _move_out(issue, spot, by)
    except InsufficientStock:
        # all good ones there are promised: the least urgent promise is the one that cannot be kept
        taken = await db.fetch_value(
            """SELECT reservation.id FROM reservation JOIN level ON level.id = reservation.level
               WHERE reservation.state = 'pending' AND (part, place, condition, owner, pool)
                     = ($1::int, $2::int, $3::text, $4::int, $5::int)
               ORDER BY priority, reservation.id DESC LIMIT 1""",
            issue.part,
            spot.place,
            spot.condition,
            spot.owner,
            spot.pool,
        )
        if taken is None:
            raise
        await _let_go(taken, by)
        await _move_out(issue, spot, by)


async def _enter(issue: Issue, how: Resolution, by: Actor) -> None:
    """Pieces that the ledger does not know are entered, straight to where they wait for their paper, to be judged.

    What it does know leaves the shelf; only the surplus comes out of nothing, so a second person says so with a reason.
    """
    by.require("stock.adjust")
    if not how.reason.strip():
        raise ReasonMissing
    if by.name in (issue.taken_by, issue.recorded_by):
        raise provisional.SecondPersonNeeded(name=by.name)
    if how.part_number:
        part = await parts.find(how.part_number)
        part_id, serialised = part.id, part.serialised
    elif issue.part is not None:
        part_id = issue.part
        serialised = await db.fetch_value("SELECT serialised FROM part WHERE id = $1", part_id)
    else:
        raise PartUnnamed(code=issue.code)
    owner, pool = await provisional.whose(issue)
    quantity = 1 if serialised else issue.quantity
    shelf = Spot(issue.place, GOOD, owner, pool)
    there = 0 if serialised else min(quantity, await free_at(part_id, shelf))
    if there:
        await provisional.move_out(part_id, shelf, there, issue.number, min(issue.taken_at, clock.now()), by=by)
    account = await places.find(places.ADJUSTMENT)
    origin = Spot(account.id, UNKNOWN, owner, pool)
    unit = await units.enter_new(part_id, issue.code, origin, "unproven", issue.number) if serialised else None
    entered = structs.replace(issue, part=part_id, unit=unit)
    if quantity > there:
        await _surface(entered, origin, quantity - there, unit, by, reason=how.reason.strip())
    await db.execute(
        "UPDATE provisional_issue SET part = $2, unit = $3, pool = $4, quantity = $5 WHERE id = $1",
        issue.id,
        part_id,
        unit,
        pool,
        quantity,
    )
    await audit.record(
        "provisional_issue.entered",
        "provisional_issue",
        issue.number,
        by=by,
        change={"known": there, "entered": quantity - there},
        reason=how.reason.strip(),
    )


async def _surface(
    issue: Issue,
    origin: Spot,
    quantity: int,
    unit: UUID | None,
    by: Actor,
    *,
    reason: str = "in no store by the ledger",
) -> None:
    """Bring pieces that no store held by the ledger to where they wait for their paper, in condition unknown."""
    if issue.part is None:
        raise PartUnnamed(code=issue.code)
    waiting = await places.find(places.UNPAPERED)
    await post(
        [
            Move(
                kind="adjustment",
                part=issue.part,
                quantity=quantity,
                unit=unit,
                origin=origin,
                target=Spot(waiting.id, UNKNOWN, origin.owner, origin.pool),
                document_kind="provisional_issue",
                document=issue.number,
                reason=reason,
            )
        ],
        by=by,
    )


@db.atomic
async def paper(
    issue: UUID, *, by: Actor, request: str | None = None, device: str | None = None, ticket: str | None = None
) -> ProvisionalIssueView:
    """Bind what was taken to its paper: a part request, whose open line then counts as shipped, or a device.

    Where all stock was reserved and the request itself held it, that resolves the conflict too.

    Raises:
        Unknown, WrongState, NotYourDepot: as for `provisional.lock`.
        PaperMissing: neither a request nor a device is named.
        NoLineForIt: the request does not wait for such a piece.

    """
    by.require("parts.request")
    found = await provisional.lock(issue, by=by, states=("open", "conflict"))
    if request:
        await _bind_to_request(found, await id_of(request), by)
    elif device:
        await _bind_to_device(found, device, ticket, by)
    else:
        raise PaperMissing
    return await provisional.provisional_issue_view(issue)


async def _bind_to_request(issue: Issue, request: UUID, by: Actor) -> None:
    head = await lock_head(request, by=by)
    lines = await lock_lines(request)
    line = _line_for(issue, lines)
    if line is None or issue.part is None:
        number = await db.fetch_value("SELECT part_number FROM part WHERE id = $1", issue.part)
        raise NoLineForIt(request=head["number"], quantity=issue.quantity, part_number=number or issue.code)
    spot = await _spot(issue)
    if line.reservation is not None:
        await reservations.release(line.reservation, by=by)
    elif line.place is not None:
        await count_waiting(line.part, line.place, line.pool, -line.quantity)
    if issue.state == "conflict":
        _refuse_unless(issue, "all_reserved")
        await _move_out(issue, spot, by)
    document = {"document_kind": "part_request", "document": head["number"]}
    target = Spot(head["site_id"], GOOD, spot.owner, spot.pool)
    await provisional.carry_on(issue, "issue", target, by=by, **document)
    await db.execute(
        """UPDATE request_line SET state = 'shipped', shipped_at = $2, firm = false, reservation = NULL, expected = NULL,
                  supplied_part = $3,
                  source_place = $4, pool = $5, serial_in = (SELECT serial FROM unit WHERE id = $6) WHERE id = $1""",
        line.id,
        issue.taken_at,
        issue.part,
        issue.place,
        spot.pool,
        issue.unit,
    )
    await settle(request)
    await swaps.unit_left(request)
    await provisional.settle(issue, "papered", by=by, **document)
    view = await request_view(request)
    if all(line.state not in ("reserved", "picked", "backordered") for line in view.lines):
        await steps.finish("part_request", view.number, "ship_parts", by=by)
    await events.emit(
        "part_request.shipped", "part_request", view.number, view, contract=view.contract, depot=view.site
    )


def _line_for(issue: Issue, lines: Sequence[Line]) -> Line | None:
    """The open line that a piece fills: held stock first."""
    open_lines = [
        line
        for line in lines
        if line.state in ("reserved", "picked", "backordered")
        and line.quantity == issue.quantity
        and issue.part in (line.part, line.supplied_part)
    ]
    return next(iter(sorted(open_lines, key=lambda line: line.state == "backordered")), None)


def _refuse_unless(issue: Issue, conflict: str) -> None:
    if issue.conflict != conflict:
        raise WrongState(
            what="Provisional issue", what_zh="先发后补记录", key=issue.number, state=issue.state, needed="open"
        )


async def _bind_to_device(issue: Issue, device: str, ticket: str | None, by: Actor) -> None:
    if issue.state == "conflict":
        _refuse_unless(issue, "–")
    covered = await devices.find(device, seen_by=by)
    owner, pool = await provisional.whose(issue)
    document = {"document_kind": "ticket" if ticket else "device", "document": ticket or covered.serial}
    await provisional.carry_on(issue, "issue", Spot(covered.site, GOOD, owner, pool), by=by, **document)
    await provisional.settle(issue, "papered", by=by, remark=covered.serial, **document)
