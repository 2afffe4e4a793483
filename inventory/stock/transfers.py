"""Transfers: stock sent from one store to another, in transit until somebody takes it in."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.catalogue import parts
from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.places import places
from inventory.stock import expected, lines, lots, pools, reservations
from inventory.stock.ledger import post
from inventory.stock.moves import Move, Spot
from inventory.stock.pools import COMMON
from inventory.stock.refusals import ReasonMissing, SameStore


class NoLane(Refused):
    """There is no lane from {origin} to {target} that may carry this."""

    zh = "从 {origin} 到 {target} 没有可用线路。"
    help_en = "Add a lane, or send it by way of another store."
    help_zh = "请先维护线路，或经其他备件库中转。"


class ReceivedDiffers(Refused):
    """{part_number}: {received} arrived, {shipped} were sent; the difference needs a reason."""

    zh = "{part_number}：到货 {received}，发出 {shipped}，差异需要说明原因。"
    help_en = "Count again; give the reason for what is missing."
    help_zh = "请复点，并填写缺少的原因。"


class TransferItem(Struct, frozen=True, kw_only=True):
    """One part to be sent."""

    part_number: str
    quantity: int
    pool: str = COMMON


class TransferLineView(Struct, frozen=True, kw_only=True):
    """One part of a transfer."""

    part_number: str
    pool: str
    quantity: int
    shipped_quantity: int
    received_quantity: int


class TransferView(Struct, frozen=True, kw_only=True):
    """A transfer with its lines."""

    id: UUID
    number: str
    from_depot: str
    to_depot: str
    mode: str | None
    state: Literal["proposed", "draft", "shipped", "received", "cancelled"]
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
    origin: str, target: str, items: Sequence[TransferItem], *, by: Actor, case_number: str | None = None
) -> TransferView:
    """Promise stock of one store to another; it is held until it ships.

    Raises:
        SameStore: origin and target are one.
        NoLane: no lane leads there that may carry every part.
        InsufficientStock: the origin has fewer free.

    """
    by.require("stock.transfer")
    by.require_depot(origin)
    return await draft(origin, target, items, by=by, case_number=case_number)


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
        SameStore, NoLane, InsufficientStock: as for `draft_transfer`.

    """
    if origin == target:
        raise SameStore
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
    if len(items) > 1:  # levels are locked in one order whatever order the lines came in
        await lines.lock([((await parts.find(i.part_number)).id, start.id, await pools.find(i.pool)) for i in items])
    for item in items:
        held = await reservations.hold(
            item.part_number,
            origin,
            item.quantity,
            by=by,
            pool=item.pool,
            reference=number,
            priority_class="planned" if case_number is None else "emergency",
        )
        await db.execute(
            """INSERT INTO transfer_line (transfer, part, pool, quantity, reservation)
               SELECT $1, level.part, level.pool, $3, reservation.id
               FROM reservation JOIN level ON level.id = reservation.level WHERE reservation.id = $2""",
            transfer,
            held.id,
            item.quantity,
        )
    return await transfer_view(transfer)


@db.atomic
async def ship(transfer: UUID, *, by: Actor, waybill: str | None = None, serials: Sequence[str] = ()) -> TransferView:
    """Hand a transfer to the carrier: from here on it is in transit and expected at its target.

    Raises:
        WrongState: it is no draft any more.
        UnitNotHere: a serial is not in the origin.

    """
    by.require("stock.transfer")
    head = await _claim(transfer, ("draft",), "shipped")
    by.require_depot(head["origin"])
    now = clock.now()
    due = now + timedelta(hours=head["hours"] or 24)
    for line in await _lines(transfer):
        await reservations.hand_out(
            line["reservation"],
            by=by,
            to=places.TRANSIT,
            serials=await _serials_of(line["part"], serials),
            document_kind="transfer",
            document=head["number"],
        )
        await expected.expect(
            line["part"],
            head["to_place"],
            line["pool"],
            line["quantity"],
            due_at=due,
            source_kind="transfer_line",
            source=line["id"],
            confirmed=True,
        )
    await db.execute("UPDATE transfer_line SET shipped_quantity = quantity WHERE transfer = $1", transfer)
    await db.execute(
        "UPDATE transfer SET shipped_at = $2, due_at = $3, waybill = $4 WHERE id = $1", transfer, now, due, waybill
    )
    return await transfer_view(transfer)


@db.atomic
async def take_in(
    transfer: UUID, *, by: Actor, received: dict[str, int] | None = None, reason: str = ""
) -> TransferView:
    """Take a transfer in at its target; what is missing stays in transit with the reason.

    `received` gives the count per part number; without it, all that was sent has arrived.

    Raises:
        WrongState: it was not shipped, or was taken in before.
        ReceivedDiffers: the count differs from what was sent and no reason was given.

    """
    by.require("stock.transfer")
    head = await _claim(transfer, ("shipped",), "received")
    by.require_depot(head["target"])
    owner = await places.ourselves()
    transit = await places.find(places.TRANSIT)
    moves: list[Move] = []
    for line in await _lines(transfer):
        count = line["shipped_quantity"] if received is None else received.get(line["part_number"], 0)
        if count != line["shipped_quantity"] and not reason:
            raise ReceivedDiffers(part_number=line["part_number"], received=count, shipped=line["shipped_quantity"])
        if count > line["shipped_quantity"]:
            raise ReceivedDiffers(part_number=line["part_number"], received=count, shipped=line["shipped_quantity"])
        start = Spot(transit.id, "good", owner, line["pool"])
        travelling = await _travelling(line, head["number"], transit.id, count)
        moves += [
            Move(
                kind="transfer_in",
                part=line["part"],
                quantity=quantity,
                unit=unit,
                lot=lot,
                origin=start,
                target=Spot(head["to_place"], "good", owner, line["pool"]),
                document_kind="transfer",
                document=head["number"],
                reason=reason,
            )
            for unit, lot, quantity in travelling
        ]
        await db.execute("UPDATE transfer_line SET received_quantity = $2 WHERE id = $1", line["id"], count)
        await expected.count_in(line["id"], count)
        if count < line["shipped_quantity"]:
            await expected.close(line["id"])
    if moves:
        await post(moves, by=by)
    await db.execute("UPDATE transfer SET received_at = $2 WHERE id = $1", transfer, clock.now())
    return await transfer_view(transfer)


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
    await _claim(transfer, ("proposed", "draft"), "cancelled")
    for line in await _lines(transfer):
        await reservations.release(line["reservation"], by=by)
    return await transfer_view(transfer)


@db.atomic
async def release_proposed(case_number: str) -> int:
    """Let the transfers that a case proposed be shipped, once the case is approved; how many."""
    return await db.execute(
        "UPDATE transfer SET state = 'draft' WHERE case_number = $1 AND state = 'proposed'", case_number
    )


async def _claim(transfer: UUID, states: tuple[str, ...], becomes: str) -> db.Row:
    """Move a transfer's state; losing the race is the refusal."""
    row = await db.fetch_one(
        """UPDATE transfer SET state = $3
           FROM place AS origin, place AS target
           WHERE transfer.id = $1 AND transfer.state = ANY($2)
             AND origin.id = transfer.from_place AND target.id = transfer.to_place
           RETURNING transfer.number, transfer.hours, transfer.to_place, origin.code AS origin, target.code AS target""",
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


async def _lines(transfer: UUID) -> list[db.Row]:
    return await db.fetch(
        """SELECT transfer_line.id, transfer_line.part, transfer_line.pool, quantity, shipped_quantity, reservation,
                  part.part_number, part.serialised
           FROM transfer_line JOIN part ON part.id = transfer_line.part
           WHERE transfer = $1 ORDER BY transfer_line.part, transfer_line.pool""",
        transfer,
    )


async def _serials_of(part: int, serials: Sequence[str]) -> list[str]:
    """Those of the scanned serials that belong to a part."""
    rows = await db.fetch("SELECT serial FROM unit WHERE part = $1 AND serial = ANY($2)", part, list(serials))
    return [row["serial"] for row in rows]


async def _travelling(
    line: db.Row, number: str, transit: int, count: int
) -> list[tuple[UUID | None, UUID | None, int]]:
    """Units, or pieces of lots, that left under a transfer and are still on the road; `count` of them."""
    if not line["serialised"]:
        taken: list[tuple[UUID | None, UUID | None, int]] = []
        for lot, there in await lots.of_document(number, line["part"], transit):
            quantity = min(there, count - sum(pieces for _, _, pieces in taken))
            if quantity > 0:
                taken.append((None, lot, quantity))
        return taken
    rows = await db.fetch(
        """SELECT DISTINCT unit.id FROM movement JOIN unit ON unit.id = movement.unit AND unit.place = $4
           WHERE movement.document = $2 AND movement.part = $1 ORDER BY unit.id LIMIT $3""",
        line["part"],
        number,
        count,
        transit,
    )
    return [(row["id"], None, 1) for row in rows]


_VIEW = """SELECT transfer.id, transfer.number, origin.code AS from_depot, target.code AS to_depot, mode, state,
                  case_number, created_at, created_by, shipped_at, due_at, received_at, waybill,
                  (SELECT coalesce(jsonb_agg(jsonb_build_object(
                              'part_number', part.part_number, 'pool', pool.code, 'quantity', quantity,
                              'shipped_quantity', shipped_quantity, 'received_quantity', received_quantity)
                              ORDER BY part.part_number), '[]')
                   FROM transfer_line AS line JOIN part ON part.id = line.part JOIN pool ON pool.id = line.pool
                   WHERE line.transfer = transfer.id) AS lines
           FROM transfer
           JOIN place AS origin ON origin.id = transfer.from_place
           JOIN place AS target ON target.id = transfer.to_place"""


async def transfer_view(transfer: UUID, *, seen_by: Actor | None = None) -> TransferView:
    """One transfer.

    Raises:
        Unknown: no such transfer in the reader's scope.

    """
    view = await db.read_one(
        TransferView,
        f"""{_VIEW} WHERE transfer.id = $1
            AND ($2::text[] IS NULL OR origin.code = ANY($2) OR target.code = ANY($2))""",
        transfer,
        seen_by.depot_scope if seen_by else None,
    )
    if view is None:
        raise Unknown(what="transfer", what_zh="调拨单", key=str(transfer))
    return view


async def transfers(
    *, limit: int, seen_by: Actor, after: UUID | None = None, state: str | None = None, depot: str | None = None
) -> list[TransferView]:
    """Transfers from or to the reader's stores, newest first."""
    return await db.read(
        TransferView,
        f"""{_VIEW}
            WHERE ($1::uuid IS NULL OR transfer.id < $1) AND ($2::text IS NULL OR state = $2)
              AND ($3::text IS NULL OR origin.code = $3 OR target.code = $3)
              AND ($4::text[] IS NULL OR origin.code = ANY($4) OR target.code = ANY($4))
            ORDER BY transfer.id DESC LIMIT $5""",
        after,
        state,
        depot,
        seen_by.depot_scope,
        limit,
    )
