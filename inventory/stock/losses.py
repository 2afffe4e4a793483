"""Losses on the road: somebody declares that what a transfer sent will not arrive; found again, it goes on."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal
from uuid import UUID

from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import ReasonMissing, Refused
from inventory.places import places
from inventory.stock import expected, shipments, transfers, units
from inventory.stock.ledger import post
from inventory.stock.moves import GOOD, Move, Spot, moves_of
from inventory.stock.refusals import QuantityNotPositive, UnitNotHere
from inventory.stock.transfers import ON_THE_ROAD, TransferView

TAKE_IN_WITHIN = timedelta(hours=4)
"""How long the target's keeper has to say what became of an overdue transfer."""


class NotOnTheRoad(Refused):
    """{part_number}: {wanted} would be lost, {there} are on the road under {number}."""

    zh = "{number} 在途的 {part_number} 只有 {there} 件，无法登记丢失 {wanted} 件。"
    help_en = "See what of the transfer is still on the road."
    help_zh = "请查看该调拨单尚在途的数量。"


class NothingLost(Refused):
    """{part_number}: {wanted} would be found, {there} were lost under {number}."""

    zh = "{number} 登记丢失的 {part_number} 只有 {there} 件，无法找回 {wanted} 件。"
    help_en = "Only what was declared lost is found again; anything else is received."
    help_zh = "只有登记为丢失的才能找回；其他到货请办理入库。"


@db.atomic
async def declare_lost(
    transfer: UUID, *, by: Actor, reason: str, lost: dict[str, int] | None = None, serials: Sequence[str] = ()
) -> TransferView:
    """Declare that what is still on the road is lost: all of it, or so many of a part, or these serials.

    It leaves the road for the adjustment account, and is expected no more; where none of it arrived, its shipment is lost.

    Raises:
        ReasonMissing: no reason was given.
        WrongState: nothing of it is on the road.
        NotOnTransfer, NotOnTheRoad: more would be lost than is on the road.
        UnitNotHere: a serial is not on the road.
        SerialAmbiguous: it is the serial of several pieces.
        NotYourDepot: the actor serves neither end.

    """
    view = await _turn(transfer, "loss", lost, serials, by=by, reason=reason)
    if view.state == "closed":
        await shipments.end_lost(view.number, by=by, reason=reason)
    await audit.record("transfer.lost", "transfer", view.number, by=by, reason=reason)
    await events.emit("transfer.lost", "transfer", view.number, view, depot=view.to_depot)
    return view


@db.atomic
async def find_again(
    transfer: UUID, *, by: Actor, reason: str, found: dict[str, int] | None = None, serials: Sequence[str] = ()
) -> TransferView:
    """Take back a declared loss: what was found is on the road again, and is taken in like the rest.

    Raises:
        ReasonMissing: no reason was given.
        WrongState: the transfer was never shipped.
        NotOnTransfer, NothingLost: more would be found than was lost.
        UnitNotHere: a serial was not lost.
        SerialAmbiguous: it is the serial of several pieces.
        NotYourDepot: the actor serves neither end.

    """
    view = await _turn(transfer, "found", found, serials, by=by, reason=reason)
    if view.state in ON_THE_ROAD:
        await shipments.go_on(view.number, by=by, reason=reason)
    await audit.record("transfer.found_again", "transfer", view.number, by=by, reason=reason)
    return view


async def _turn(
    transfer: UUID,
    kind: Literal["loss", "found"],
    told: dict[str, int] | None,
    serials: Sequence[str],
    *,
    by: Actor,
    reason: str,
) -> TransferView:
    """Move pieces of a transfer from the road to the adjustment account (a loss), or back."""
    by.require("stock.adjust")
    if not reason.strip():
        raise ReasonMissing
    if told is not None and (not any(told.values()) or min(told.values()) < 0):
        raise QuantityNotPositive(quantity=min(told.values(), default=0))
    loss = kind == "loss"
    head = await transfers.claim(transfer, ON_THE_ROAD if loss else (*ON_THE_ROAD, "closed"), "shipped")
    if not by.sees_depot(head["origin"]):
        by.require_depot(head["target"])
    road = await places.find(places.TRANSIT)
    account = await places.find(places.ADJUSTMENT)
    start, end = (road.id, account.id) if loss else (account.id, road.id)
    lines = await transfers.lines_of(transfer)
    if told is None and serials:
        meant = await _named(lines, head["number"], start, serials)
        told, serials = Counter(part for part, _ in meant), [serial for _, serial in meant]
    moves: list[Move] = []
    for line, wanted in zip(
        lines, transfers.counts_of(lines, head["number"], told, "rest" if loss else "lost_quantity"), strict=True
    ):
        there = line["rest"] if loss else line["lost_quantity"]
        if wanted > there:
            refusal = NotOnTheRoad if loss else NothingLost
            raise refusal(part_number=line["part_number"], wanted=wanted, there=there, number=head["number"])
        if not wanted:
            continue
        moves += moves_of(
            await transfers.travelling(line, head["number"], start, wanted, serials),
            kind,
            line["part"],
            Spot(start, GOOD, line["owner"], line["pool"]),
            Spot(end, GOOD, line["owner"], line["pool"]),
            document_kind="transfer",
            document=head["number"],
            reason=reason,
        )
        change = wanted if loss else -wanted
        await db.execute(
            "UPDATE transfer_line SET lost_quantity = lost_quantity + $2 WHERE id = $1", line["id"], change
        )
        await _expect_the_rest(line, head, line["rest"] - change)
    if moves:
        await post(moves, by=by)
    await transfers.settle(transfer, by=by, reason=reason if loss else "")
    return await transfers.transfer_view(transfer)


async def _named(lines: Sequence[db.Row], number: str, there: int, codes: Sequence[str]) -> list[tuple[str, str]]:
    """Which units some serials or tags are, of what a transfer brought to the road or its losses to the account.

    Raises:
        UnitNotHere: none of them carries it.
        SerialAmbiguous: several do.

    """
    rows = await db.fetch(
        """SELECT DISTINCT unit.serial, unit.tag, part.part_number FROM movement
           JOIN unit ON unit.id = movement.unit AND unit.place = $2
           JOIN part ON part.id = unit.part
           WHERE movement.document = $1 AND unit.part = ANY($3) AND (unit.serial = ANY($4) OR unit.tag = ANY($4))
           ORDER BY part.part_number""",
        number,
        there,
        [line["part"] for line in lines],
        list(codes),
    )
    meant: list[tuple[str, str]] = []
    for code in dict.fromkeys(codes):
        carrying = [row for row in rows if code in (row["serial"], row["tag"])]
        if not carrying:
            raise UnitNotHere(serial=code, depot=number, condition=GOOD)
        if len(carrying) > 1:
            raise units.ambiguous(code, [(row["part_number"], row["tag"], number) for row in carrying])
        meant.append((carrying[0]["part_number"], carrying[0]["serial"]))
    return meant


async def _expect_the_rest(line: db.Row, head: db.Row, rest: int) -> None:
    """Expect of a line what is on the road now, no more and no less."""
    await expected.close(line["id"])
    if rest > 0:
        await transfers.expect(line, head["to_place"], rest, head["due_at"] or clock.now())


@db.atomic
async def note_overdue() -> int:
    """Tell the target's keepers of every transfer that should have arrived; how many were told of for the first time."""
    late = await db.fetch(
        """SELECT transfer.id, number, target.code AS target FROM transfer
           JOIN place AS target ON target.id = transfer.to_place
           WHERE state = ANY($1) AND due_at < $2
             AND NOT EXISTS (SELECT FROM step WHERE kind = 'find_transfer' AND subject_kind = 'transfer'
                             AND subject = transfer.number)
           ORDER BY transfer.id LIMIT 500""",
        list(ON_THE_ROAD),
        clock.now(),
    )
    for row in late:
        await steps.begin(
            "find_transfer",
            "transfer",
            row["number"],
            owner_role="warehouse_keeper",
            depot=row["target"],
            due_at=clock.now() + TAKE_IN_WITHIN,
        )
        view = await transfers.transfer_view(row["id"])
        await events.emit("transfer.overdue", "transfer", view.number, view, depot=view.to_depot)
    return len(late)
