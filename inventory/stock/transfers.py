"""Transfers: stock sent from one store to another, in transit until somebody takes it in."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from msgspec import Struct, structs

from inventory.catalogue import parts
from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.places import places
from inventory.stock import expected, lines, lots, notices, pools, receipts, reservations, shipments, units
from inventory.stock.differences import Finding
from inventory.stock.disclosure import serves
from inventory.stock.ledger import post
from inventory.stock.moves import GOOD, Piece, Spot, moves_of
from inventory.stock.pools import COMMON
from inventory.stock.refusals import SameStore, UnitNotHere
from inventory.stock.shipments import Dispatch, Mode, PackedPart

State = Literal["proposed", "draft", "shipped", "partly_received", "received", "closed", "cancelled"]
"""`closed`: everything arrived or was declared lost."""

ON_THE_ROAD = ("shipped", "partly_received")


class NoLane(Refused):
    """There is no lane from {origin} to {target} that may carry this."""

    zh = "从 {origin} 到 {target} 没有可用线路。"
    help_en = "Add a lane, or send it by way of another store."
    help_zh = "请先维护线路，或经其他备件库中转。"


class NothingToSend(Invalid):
    """A transfer sends at least one part."""

    zh = "调拨单至少需要一种备件。"
    help_en = "Name a part and how many of it."
    help_zh = "请填写备件编号和数量。"


class OwnersMixed(Invalid):
    """{part_number} of several owners is not sent by one transfer."""

    zh = "同一调拨单不能含有不同所有者的 {part_number}。"
    help_en = "Send each owner's by a transfer of its own: pieces without serials cannot be told apart on arrival."
    help_zh = "请按所有者分别开调拨单：无序列号的备件到货后无法区分归属。"


class ReceivedDiffers(Refused):
    """{part_number}: {received} arrived, {shipped} were sent; the difference needs a reason."""

    zh = "{part_number}：到货 {received}，发出 {shipped}，差异需要说明原因。"
    help_en = "Count again; give the reason for what is missing."
    help_zh = "请复点，并填写缺少的原因。"


class NotOnTransfer(Invalid):
    """{part_number} is not on transfer {number}."""

    zh = "调拨单 {number} 不含 {part_number}。"
    help_en = "Check the delivery note; what was not sent under this number is received by its own."
    help_zh = "请核对送货单；不属于该调拨单的备件应按其所属单据办理。"


class NothingCame(Invalid):
    """A transfer of which nothing came is not taken in."""

    zh = "没有任何到货，无需办理入库。"
    help_en = "Leave it on the road until it comes, or declare it lost."
    help_zh = "请等待到货；确认不会到货时登记在途丢失。"


class PartOfItIsLost(Refused):
    """Part of transfer {number} was declared lost; it cannot come back as a whole."""

    zh = "调拨单 {number} 有部分已登记在途丢失，无法整单退回。"
    help_en = "Take back the declared loss first, or let the target take in what is left."
    help_zh = "请先撤回丢失登记，或由调入库办理剩余部分入库。"


class TransferItem(Struct, frozen=True, kw_only=True):
    """One part to be sent."""

    part_number: str
    quantity: int
    pool: str = COMMON
    owner: str | None = None
    """Whose it is, by code; ours where none is named. It stays theirs all the way."""


class TransferLineView(Struct, frozen=True, kw_only=True):
    """One part of a transfer; `ours` tells whether it is our stock, or an owner's whom we keep it for."""

    part_number: str
    owner: str
    ours: bool
    pool: str
    quantity: int
    shipped_quantity: int
    received_quantity: int
    lost_quantity: int


class TransferView(Struct, frozen=True, kw_only=True):
    """A transfer with its lines."""

    id: UUID
    number: str
    from_depot: str
    to_depot: str
    mode: str | None
    state: State
    case_number: str | None
    created_at: datetime
    created_by: str
    shipped_at: datetime | None
    due_at: datetime | None
    received_at: datetime | None
    waybill: str | None
    lines: list[TransferLineView]


@db.atomic
async def draft_transfer(
    origin: str,
    target: str,
    items: Sequence[TransferItem],
    *,
    by: Actor,
    case_number: str | None = None,
    mode: str | None = None,
) -> TransferView:
    """Promise stock of one store to another, by the fastest way or by `mode`; it is held until it ships.

    Raises:
        SameStore: origin and target are one.
        NothingToSend: no part is named.
        OwnersMixed: a part of several owners is named.
        Unknown: no such store, part, owner or pool.
        NoLane: no lane leads there that may carry every part.
        InsufficientStock: the origin has fewer free.

    """
    by.require("stock.transfer")
    by.require_depot(origin)
    return await draft(origin, target, items, by=by, case_number=case_number, mode=mode)


@db.atomic
async def draft(
    origin: str,
    target: str,
    items: Sequence[TransferItem],
    *,
    by: Actor,
    case_number: str | None = None,
    mode: str | None = None,
) -> TransferView:
    """Draft a transfer on behalf of another verb that has checked the actor's rights; the fastest way, or `mode`.

    One that a case asks for is only proposed: nobody ships it before the case is approved.

    Raises:
        SameStore, NothingToSend, OwnersMixed, Unknown, NoLane, InsufficientStock: as for `draft_transfer`.

    """
    if origin == target:
        raise SameStore
    if not items:
        raise NothingToSend
    start, end = await places.find_store(origin), await places.find_store(target)
    lane = await db.fetch_one(
        """SELECT mode, hours FROM lane
           WHERE from_place = $1 AND to_place = $2 AND ($4::text IS NULL OR mode = $4)
             AND (carries_lithium OR NOT EXISTS (SELECT FROM part WHERE lithium AND part_number = ANY($3)))
           ORDER BY hours LIMIT 1""",
        start.id,
        end.id,
        [item.part_number for item in items],
        mode,
    )
    if lane is None:
        raise NoLane(origin=origin, target=target)
    number = await next_number("TR")
    transfer = await db.fetch_value(
        """INSERT INTO transfer (number, from_place, to_place, mode, hours, state, case_number, created_at, created_by)
           VALUES ($1, $2, $3, $4, $5, CASE WHEN $6::text IS NULL THEN 'draft' ELSE 'proposed' END, $6, $7, $8)
           RETURNING id""",
        number,
        start.id,
        end.id,
        lane["mode"],
        lane["hours"],
        case_number,
        clock.now(),
        by.name,
    )
    wanted = await _by_level(items)
    # levels are locked in one order whatever order the lines came in
    await lines.lock([(part, start.id, owner, pool) for part, owner, pool in wanted])
    for item in wanted.values():
        held = await reservations.hold(
            item.part_number,
            origin,
            item.quantity,
            by=by,
            pool=item.pool,
            reference=number,
            priority_class="planned" if case_number is None else "emergency",
            owner=item.owner,
        )
        await db.execute(
            """INSERT INTO transfer_line (transfer, part, owner, pool, quantity, reservation)
               SELECT $1, level.part, level.owner, level.pool, $3, reservation.id
               FROM reservation JOIN level ON level.id = reservation.level WHERE reservation.id = $2""",
            transfer,
            held.id,
            item.quantity,
        )
    return await transfer_view(transfer)


async def _by_level(items: Sequence[TransferItem]) -> dict[tuple[int, int, int], TransferItem]:
    """What is to be sent, by the ids of part, owner and pool; what was asked for twice is one line."""
    wanted: dict[tuple[int, int, int], TransferItem] = {}
    owners: dict[int, int] = {}
    for item in items:
        part, pool = await parts.find(item.part_number), await pools.find(item.pool)
        owner = await places.ourselves() if item.owner is None else await places.find_party(item.owner)
        if owners.setdefault(part.id, owner) != owner:
            raise OwnersMixed(part_number=part.part_number)
        before = wanted.get((part.id, owner, pool))
        quantity = item.quantity + (before.quantity if before else 0)
        wanted[part.id, owner, pool] = structs.replace(item, part_number=part.part_number, quantity=quantity)
    return wanted


@db.atomic
async def ship(
    transfer: UUID,
    *,
    by: Actor,
    waybill: str | None = None,
    serials: Sequence[str] = (),
    how: Dispatch | None = None,
) -> TransferView:
    """Hand a transfer to the carrier: from here on it is in transit and expected at its target.

    It goes the way it was drafted for unless `how` names another one.

    Raises:
        WrongState: it is no draft any more.
        UnitNotHere: a serial is not in the origin.
        PickNotComplete: it is still being picked.
        LithiumMayNotFly, PackagesDiffer: it cannot leave like that.

    """
    by.require("stock.transfer")
    head = await claim(transfer, ("draft",), "shipped")
    by.require_depot(head["origin"])
    now = clock.now()
    way = _way(how or Dispatch(), head["mode"], waybill)
    due = now + timedelta(hours=await _hours(head, way.mode))
    contents: list[PackedPart] = []
    sent = await lines_of(transfer)
    scanned = await units.shared_out(serials, [line["reservation"] for line in sent])
    for line in sent:
        posted = await reservations.hand_out(
            line["reservation"],
            by=by,
            to=places.TRANSIT,
            serials=scanned[line["reservation"]],
            document_kind="transfer",
            document=head["number"],
        )
        contents.append(
            PackedPart(part_number=posted.part_number, quantity=posted.posted_quantity, serials=posted.serials)
        )
        await expect(line, head["to_place"], line["quantity"], due)
    await db.execute("UPDATE transfer_line SET shipped_quantity = quantity WHERE transfer = $1", transfer)
    await _announce(head, sent, due, way, by=by)
    await db.execute(
        "UPDATE transfer SET shipped_at = $2, due_at = $3, waybill = $4, mode = $5 WHERE id = $1",
        transfer,
        now,
        due,
        way.waybill,
        way.mode,
    )
    await shipments.send(
        "transfer", head["number"], head["origin"], head["target"], contents, by=by, how=way, promised_at=due
    )
    return await transfer_view(transfer)


async def expect(line: db.Row, place: int, quantity: int, due: datetime) -> None:
    """Count on so much of a line at its target, where it is ours: what others own is no cover of anything."""
    if line["ours"]:
        await expected.expect(
            line["part"],
            place,
            line["pool"],
            quantity,
            due_at=due,
            source_kind="transfer_line",
            source=line["id"],
            confirmed=True,
        )


def _way(how: Dispatch, mode: Mode | None, waybill: str | None) -> Dispatch:
    """How a transfer leaves: as told, else as drafted."""
    return structs.replace(how, mode=how.mode or mode, waybill=how.waybill or waybill)


async def _hours(head: db.Row, mode: Mode | None) -> float:
    """How long the way takes: as drafted, or as the lane of another mode says."""
    if mode != head["mode"]:
        hours = await db.fetch_value(
            "SELECT hours FROM lane WHERE from_place = $1 AND to_place = $2 AND mode = $3",
            head["from_place"],
            head["to_place"],
            mode,
        )
        if hours is not None:
            return hours
    return head["hours"] or 24


@db.atomic
async def turn(transfer: UUID, to: str, *, by: Actor, reason: str) -> TransferView:
    """Send a transfer that is on the road to another store than it left for: later by the way between the two.

    On behalf of another verb, which has checked the actor's rights.

    Raises:
        Unknown: no such transfer or store.
        WrongState: it is not on the road, or something of it arrived.
        SameStore: it goes there already, or came from there.
        NoLane: no lane leads there from where it was going.

    """
    head = await claim(transfer, ("shipped",), "shipped")
    target = await places.find_store(to)
    if target.id in (head["from_place"], head["to_place"]):
        raise SameStore
    hours = await db.fetch_value(
        "SELECT min(hours) FROM lane WHERE from_place = $1 AND to_place = $2", head["to_place"], target.id
    )
    if hours is None:
        raise NoLane(origin=head["target"], target=target.code)
    later = timedelta(hours=hours)
    await db.execute(
        "UPDATE transfer SET to_place = $2, due_at = due_at + $3 WHERE id = $1", transfer, target.id, later
    )
    for line in await lines_of(transfer):
        await expected.move(line["id"], target.id, later_by=later)
    await notices.move(transfer, target.id, later_by=later)
    await shipments.turn(head["number"], target.id, later_by=later)
    view = await transfer_view(transfer)
    await audit.record(
        "transfer.turned", "transfer", view.number, by=by, reason=reason, change={"from": head["target"], "to": to}
    )
    for depot in (head["target"], to):
        await events.emit("transfer.turned", "transfer", view.number, view, depot=depot, closed=True)
    return view


@db.atomic
async def bring_back(number: str, *, by: Actor, reason: str) -> TransferView:
    """Take a transfer that could not be delivered back in: a draft again, its stock held again.

    Raises:
        Unknown: no such transfer.
        WrongState: it is not on the road, or some of it arrived.
        PartOfItIsLost: some of it was declared lost.

    """
    transfer = await id_of(number)
    head = await claim(transfer, ("shipped",), "draft")
    transit = await places.find(places.TRANSIT)
    sent = await lines_of(transfer)
    if any(line["lost_quantity"] for line in sent):
        raise PartOfItIsLost(number=number)
    for line in sent:
        await post(
            moves_of(
                await travelling(line, number, transit.id, line["rest"]),
                "transfer_back",
                line["part"],
                Spot(transit.id, GOOD, line["owner"], line["pool"]),
                Spot(head["from_place"], GOOD, line["owner"], line["pool"]),
                document_kind="transfer",
                document=number,
            ),
            by=by,
        )
        await expected.close(line["id"])
        held = await reservations.hold(
            line["part_number"],
            head["origin"],
            line["quantity"],
            by=by,
            pool=line["pool_code"],
            reference=number,
            priority_class="planned" if head["case_number"] is None else "emergency",
            owner=line["owner_code"],
        )
        await db.execute(
            "UPDATE transfer_line SET shipped_quantity = 0, reservation = $2 WHERE id = $1", line["id"], held.id
        )
    await db.execute("UPDATE transfer SET shipped_at = NULL, due_at = NULL, waybill = NULL WHERE id = $1", transfer)
    await notices.follow(transfer, "cancelled", reason)
    await steps.finish("transfer", number, by=by)
    return await transfer_view(transfer)


async def _announce(head: db.Row, lines: Sequence[db.Row], due: datetime, way: Dispatch, *, by: Actor) -> None:
    """Tell the target what is on its way, piece by piece."""
    rows = await db.fetch(
        """SELECT DISTINCT unit.part, unit.owner, unit.pool, unit.serial FROM movement
           JOIN unit ON unit.id = movement.unit
           JOIN place ON place.id = unit.place AND place.code = $2
           WHERE movement.document = $1 ORDER BY unit.serial""",
        head["number"],
        places.TRANSIT,
    )
    await notices.enter(
        "transfer",
        head["number"],
        head["id"],
        [
            notices.Line(
                part=line["part"],
                quantity=line["quantity"],
                source=line["id"],
                serials=[
                    row["serial"]
                    for row in rows
                    if (row["part"], row["owner"], row["pool"]) == (line["part"], line["owner"], line["pool"])
                ],
            )
            for line in lines
        ],
        place=head["to_place"],
        origin=head["from_place"],
        pool=lines[0]["pool"],
        due_at=due,
        carrier=way.carrier,
        waybill=way.waybill,
        by=by,
    )


@db.atomic
async def take_in(
    transfer: UUID, *, by: Actor, received: dict[str, int] | None = None, reason: str = ""
) -> TransferView:
    """Take a transfer in at its target by count; what is missing stays in transit, expected, with the reason.

    `received` gives the count per part number; without it, all that is still on the road has arrived.

    Raises:
        WrongState: it was not shipped, or all of it arrived before.
        NotOnTransfer: a part was counted that is not on it.
        ReceivedDiffers: the count differs from what was sent and no reason was given.
        NothingCame: nothing at all was counted.

    """
    by.require("stock.transfer")
    if received is not None and not any(received.values()):
        raise NothingCame
    head = await claim(transfer, ON_THE_ROAD, "received")
    by.require_depot(head["target"])
    transit = await places.find(places.TRANSIT)
    brought: list[Brought] = []
    lines = await lines_of(transfer)
    for line, count in zip(lines, counts_of(lines, head["number"], received, "rest"), strict=True):
        if (count != line["rest"] and not reason.strip()) or count > line["rest"]:
            raise ReceivedDiffers(part_number=line["part_number"], received=count, shipped=line["rest"])
        pieces = await travelling(line, head["number"], transit.id, count)
        if pieces:
            brought.append(Brought(line, pieces, "good", reason))
    receipt = await receipts.begin(
        head["to_place"], by=by, document_kind="transfer", document=head["number"], remark=reason
    )
    await bring_in(head, brought, by=by)
    findings = [_finding(one) for one in brought] + await still_missing(transfer, reason)
    if findings:
        nothing = receipts.Entered([[] for _ in findings], [[] for _ in findings])
        await receipts.write_lines(receipt, findings, nothing, owner=await places.ourselves())
    return await transfer_view(transfer)


class Brought(NamedTuple):
    """Pieces of a transfer's line that arrived in one condition."""

    line: db.Row
    pieces: list[Piece]
    condition: str
    reason: str

    @property
    def serials(self) -> list[str]:
        """The serials of those that have one."""
        return sorted(piece.serial for piece in self.pieces if piece.serial)

    @property
    def pieces_in_all(self) -> int:
        """How many pieces."""
        return sum(piece.quantity for piece in self.pieces)


async def bring_in(head: db.Row, brought: Sequence[Brought], *, by: Actor) -> None:
    """Move what arrived from the road into the store, count it, and let the transfer's state follow.

    Raises:
        UnitNotHere, LotNotHere: a piece is not on the road any more.

    """
    transit = await places.find(places.TRANSIT)
    moves = [
        move
        for one in brought
        for move in moves_of(
            one.pieces,
            "transfer_in",
            one.line["part"],
            Spot(transit.id, GOOD, one.line["owner"], one.line["pool"]),
            Spot(head["to_place"], one.condition, one.line["owner"], one.line["pool"]),
            document_kind="transfer",
            document=head["number"],
            reason=one.reason,
        )
    ]
    if moves:
        await post(moves, by=by)
    for one in brought:
        await db.execute(
            "UPDATE transfer_line SET received_quantity = received_quantity + $2 WHERE id = $1",
            one.line["id"],
            one.pieces_in_all,
        )
        await expected.count_in(one.line["id"], one.pieces_in_all)
    if brought:
        await shipments.note_arrival(head["number"], by=by)
    await notices.count_in([(one.line["id"], one.pieces_in_all, one.serials) for one in brought])
    await settle(head["id"], by=by)


async def settle(transfer: UUID, *, by: Actor, reason: str = "") -> State:
    """Let a transfer's state follow what of it arrived, was lost, or is still on the road."""
    state = await db.fetch_value(
        """UPDATE transfer SET
                  state = CASE WHEN line.rest > 0 AND line.received > 0 THEN 'partly_received'
                               WHEN line.rest > 0 THEN 'shipped'
                               WHEN line.lost > 0 THEN 'closed' ELSE 'received' END,
                  received_at = CASE WHEN line.rest = 0 THEN $2::timestamptz END
           FROM (SELECT sum(shipped_quantity - received_quantity - lost_quantity) AS rest, sum(lost_quantity) AS lost,
                        sum(received_quantity) AS received
                 FROM transfer_line WHERE transfer = $1) AS line
           WHERE transfer.id = $1 RETURNING transfer.state""",
        transfer,
        clock.now(),
    )
    follows: Literal["expected", "partly_received", "received", "closed"] = "expected" if state == "shipped" else state
    await notices.follow(transfer, follows, reason or "–")
    if state in ("received", "closed"):
        number = await db.fetch_value("SELECT number FROM transfer WHERE id = $1", transfer)
        await steps.finish("transfer", number, by=by)
    return state


async def still_missing(transfer: UUID, reason: str, short: Sequence[str] = ()) -> list[Finding]:
    """What of a transfer is still on the road, as lines of a receipt."""
    return [
        Finding(
            part=line["part"],
            part_number=line["part_number"],
            serialised=line["serialised"],
            quantity=0,
            missing=line["rest"],
            expected=line["rest"],
            condition="good",
            difference="short" if line["part_number"] in short else "partial",
            serials=[],
            reason=reason,
            pool=line["pool"],
            source=line["id"],
            lot=None,
            to_inspect=False,
            owner=line["owner"],
        )
        for line in await lines_of(transfer)
        if line["rest"] > 0
    ]


def _finding(one: Brought) -> Finding:
    return Finding(
        part=one.line["part"],
        part_number=one.line["part_number"],
        serialised=one.line["serialised"],
        quantity=one.pieces_in_all,
        missing=0,
        expected=one.line["rest"],
        condition=one.condition,
        difference=None,
        serials=one.serials,
        reason=one.reason,
        pool=one.line["pool"],
        source=one.line["id"],
        lot=None,
        to_inspect=False,
        owner=one.line["owner"],
    )


@db.atomic
async def cancel(transfer: UUID, *, by: Actor, reason: str) -> TransferView:
    """Give up a transfer that has not shipped.

    Raises:
        WrongState: it has shipped, or was cancelled before.
        ReasonMissing: no reason was given.

    """
    by.require("stock.transfer")
    if not reason.strip():
        raise ReasonMissing
    by.require_depot((await transfer_view(transfer)).from_depot)
    view = await give_up(transfer, by=by)
    await audit.record("transfer.cancelled", "transfer", view.number, by=by, reason=reason)
    return view


@db.atomic
async def give_up(transfer: UUID, *, by: Actor) -> TransferView:
    """Cancel on behalf of another verb that has checked the actor's rights.

    Raises:
        Unknown, WrongState: as for `cancel`.

    """
    await claim(transfer, ("proposed", "draft"), "cancelled")
    for line in await lines_of(transfer):
        await reservations.release(line["reservation"], by=by)
    return await transfer_view(transfer)


@db.atomic
async def release_proposed(case_number: str) -> int:
    """Let the transfers that a case proposed be shipped, once the case is approved; how many."""
    return await db.execute(
        "UPDATE transfer SET state = 'draft' WHERE case_number = $1 AND state = 'proposed'", case_number
    )


async def claim(transfer: UUID, states: tuple[str, ...], becomes: str) -> db.Row:
    """Move a transfer's state on behalf of another verb; losing the race is the refusal.

    Raises:
        Unknown: no such transfer.
        WrongState: it is in none of those states.

    """
    row = await db.fetch_one(
        """UPDATE transfer SET state = $3
           FROM place AS origin, place AS target
           WHERE transfer.id = $1 AND transfer.state = ANY($2)
             AND origin.id = transfer.from_place AND target.id = transfer.to_place
           RETURNING transfer.id, transfer.number, transfer.hours, transfer.mode, transfer.from_place, transfer.to_place,
                     transfer.due_at, transfer.case_number, origin.code AS origin, target.code AS target""",
        transfer,
        list(states),
        becomes,
    )
    if row is not None:
        return row
    found = await db.fetch_one("SELECT number, state FROM transfer WHERE id = $1", transfer)
    if found is None:
        raise Unknown(what="transfer", what_zh="调拨单", key=str(transfer))
    raise WrongState(
        what="Transfer", what_zh="调拨单", key=found["number"], state=found["state"], needed=" / ".join(states)
    )


async def lines_of(transfer: UUID) -> list[db.Row]:
    """A transfer's lines, with what of each is still on the road."""
    return await db.fetch(
        """SELECT transfer_line.id, transfer_line.part, transfer_line.owner, transfer_line.pool, quantity, shipped_quantity,
                  reservation, shipped_quantity - received_quantity - lost_quantity AS rest, lost_quantity,
                  part.part_number, part.serialised, party.code AS owner_code, party.is_ourselves AS ours,
                  pool.code AS pool_code
           FROM transfer_line
           JOIN part ON part.id = transfer_line.part
           JOIN party ON party.id = transfer_line.owner
           JOIN pool ON pool.id = transfer_line.pool
           WHERE transfer = $1 ORDER BY transfer_line.part, transfer_line.owner, transfer_line.pool""",
        transfer,
    )


def counts_of(lines: Sequence[db.Row], number: str, told: Mapping[str, int] | None, whole: str) -> list[int]:
    """How many pieces of each line are meant: its `whole` column, or what was told of its part, line after line.

    Raises:
        NotOnTransfer: something was told of a part that no line names.

    """
    if told is None:
        return [line[whole] for line in lines]
    last = {line["part_number"]: place for place, line in enumerate(lines)}
    left = dict(told)
    counts: list[int] = []
    for place, line in enumerate(lines):
        wanted = left.get(line["part_number"], 0)
        counts.append(wanted if place == last[line["part_number"]] else min(wanted, line[whole]))
        left[line["part_number"]] = wanted - counts[-1]
    unknown = sorted(set(told) - set(last))
    if unknown:
        raise NotOnTransfer(part_number=unknown[0], number=number)
    return counts


async def travelling(line: db.Row, number: str, there: int, count: int, serials: Sequence[str] = ()) -> list[Piece]:
    """Units, or pieces of lots, that a transfer brought to the road and that are there still; `count` of them.

    Serials that are given are taken, whatever the count; `there` is the road, or the account of what was lost on it.

    Raises:
        UnitNotHere: a serial is not there, or fewer units are than the count.

    """
    if not count:
        return []
    if not line["serialised"]:
        of_lots = await lots.of_document(
            number, line["part"], there, owner=line["owner"], pool=line["pool"], most=count
        )
        return [Piece(lot=lot, quantity=quantity) for lot, quantity in of_lots]
    rows = await db.fetch(
        """SELECT DISTINCT unit.id, unit.serial FROM movement JOIN unit ON unit.id = movement.unit AND unit.place = $4
           WHERE movement.document = $2 AND movement.part = $1 AND unit.owner = $7 AND unit.pool = $5
             AND (cardinality($6::text[]) = 0 OR unit.serial = ANY($6))
           ORDER BY unit.id LIMIT $3""",
        line["part"],
        number,
        count,
        there,
        line["pool"],
        list(serials),
        line["owner"],
    )
    if len(rows) < count:
        raise UnitNotHere(serial=next(iter(serials), "–"), depot=number, condition="good")
    return [Piece(unit=row["id"], serial=row["serial"]) for row in rows]


def _view(contracts: str) -> str:
    """Transfers, each with the lines that a reader sees; `contracts` is a parameter's place, as in `disclosure`."""
    return f"""SELECT transfer.id, transfer.number, origin.code AS from_depot, target.code AS to_depot, mode, state,
                  case_number, created_at, created_by, shipped_at, due_at, received_at, waybill,
                  (SELECT coalesce(jsonb_agg(jsonb_build_object(
                              'part_number', part.part_number, 'owner', owner.code, 'ours', owner.is_ourselves,
                              'pool', pool.code, 'quantity', quantity,
                              'shipped_quantity', shipped_quantity, 'received_quantity', received_quantity,
                              'lost_quantity', lost_quantity)
                              ORDER BY part.part_number, owner.is_ourselves DESC, owner.code, pool.code), '[]')
                   FROM transfer_line AS line
                   JOIN part ON part.id = line.part
                   JOIN party AS owner ON owner.id = line.owner
                   JOIN pool ON pool.id = line.pool
                   WHERE line.transfer = transfer.id AND {serves("pool", contracts)}) AS lines
           FROM transfer
           JOIN place AS origin ON origin.id = transfer.from_place
           JOIN place AS target ON target.id = transfer.to_place
           WHERE ({contracts}::text[] IS NULL OR EXISTS (
                      SELECT FROM transfer_line AS line JOIN pool ON pool.id = line.pool
                      WHERE line.transfer = transfer.id AND {serves("pool", contracts)}))"""


async def transfer_view(transfer: UUID, *, seen_by: Actor | None = None) -> TransferView:
    """One transfer.

    Raises:
        Unknown: no such transfer in the reader's scope.

    """
    view = await db.read_one(
        TransferView,
        f"""{_view("$3")} AND transfer.id = $1
            AND ($2::text[] IS NULL OR origin.code = ANY($2) OR target.code = ANY($2))""",
        transfer,
        seen_by.depot_scope if seen_by else None,
        seen_by.contract_scope if seen_by else None,
    )
    if view is None:
        raise Unknown(what="transfer", what_zh="调拨单", key=str(transfer))
    return view


async def id_of(number: str) -> UUID:
    """The id of the transfer with a number.

    Raises:
        Unknown: no such transfer.

    """
    transfer = await db.fetch_value("SELECT id FROM transfer WHERE number = $1", number)
    if transfer is None:
        raise Unknown(what="transfer", what_zh="调拨单", key=number)
    return transfer


async def transfers(
    *, limit: int, seen_by: Actor, after: UUID | None = None, state: str | None = None, depot: str | None = None
) -> list[TransferView]:
    """Transfers from or to the reader's stores, of stock that serves the reader's contracts, newest first."""
    return await db.read(
        TransferView,
        f"""{_view("$6")}
              AND ($1::uuid IS NULL OR transfer.id < $1) AND ($2::text IS NULL OR state = $2)
              AND ($3::text IS NULL OR origin.code = $3 OR target.code = $3)
              AND ($4::text[] IS NULL OR origin.code = ANY($4) OR target.code = ANY($4))
            ORDER BY transfer.id DESC LIMIT $5""",
        after,
        state,
        depot,
        seen_by.depot_scope,
        limit,
        seen_by.contract_scope,
    )


async def of_case(number: str, *, seen_by: Actor) -> list[TransferView]:
    """The transfers of an emergency case that the reader may see, from and to whatever store, oldest first."""
    return await db.read(
        TransferView,
        f"{_view('$2')} AND case_number = $1 ORDER BY transfer.id LIMIT 50",
        number,
        seen_by.contract_scope,
    )
