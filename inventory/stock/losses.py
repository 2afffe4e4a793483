"""Losses on the road: somebody declares that what a transfer sent will not arrive; found again, it goes on."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Refused
from inventory.places import places
from inventory.stock import expected, shipments, transfers
from inventory.stock.ledger import post
from inventory.stock.moves import GOOD, Move, Spot
from inventory.stock.refusals import QuantityNotPositive, ReasonMissing
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
        NotOnTheRoad: more would be lost than is on the road.
        NotYourDepot: the actor serves neither end.

    """
    by.require("stock.adjust")
    if not reason.strip():
        raise ReasonMissing
    head = await transfers.claim(transfer, ON_THE_ROAD, "shipped")
    _require_an_end(head, by)
    owner, transit, adjustment = await _places()
    moves: list[Move] = []
    for line in await transfers.lines_of(transfer):
        wanted = line["rest"] if lost is None else lost.get(line["part_number"], 0)
        _positive(wanted, lost)
        if wanted > line["rest"]:
            raise NotOnTheRoad(
                part_number=line["part_number"], wanted=wanted, there=line["rest"], number=head["number"]
            )
        pieces = await transfers.travelling(line, head["number"], transit, wanted, serials)
        moves += [
            _move("loss", line, head["number"], piece, owner=owner, origin=transit, target=adjustment, reason=reason)
            for piece in pieces
        ]
        if wanted:
            await db.execute(
                "UPDATE transfer_line SET lost_quantity = lost_quantity + $2 WHERE id = $1", line["id"], wanted
            )
            await _expect_the_rest(line, head, line["rest"] - wanted)
    if moves:
        await post(moves, by=by)
    if await transfers.settle(transfer, by=by, reason=reason) == "closed":
        await shipments.end_lost(head["number"], by=by, reason=reason)
    view = await transfers.transfer_view(transfer)
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
        NothingLost: more would be found than was lost.
        NotYourDepot: the actor serves neither end.

    """
    by.require("stock.adjust")
    if not reason.strip():
        raise ReasonMissing
    head = await transfers.claim(transfer, (*ON_THE_ROAD, "closed"), "shipped")
    _require_an_end(head, by)
    owner, transit, adjustment = await _places()
    moves: list[Move] = []
    for line in await transfers.lines_of(transfer):
        wanted = line["lost_quantity"] if found is None else found.get(line["part_number"], 0)
        _positive(wanted, found)
        if wanted > line["lost_quantity"]:
            raise NothingLost(
                part_number=line["part_number"], wanted=wanted, there=line["lost_quantity"], number=head["number"]
            )
        pieces = await transfers.travelling(line, head["number"], adjustment, wanted, serials)
        moves += [
            _move("found", line, head["number"], piece, owner=owner, origin=adjustment, target=transit, reason=reason)
            for piece in pieces
        ]
        if wanted:
            await db.execute(
                "UPDATE transfer_line SET lost_quantity = lost_quantity - $2 WHERE id = $1", line["id"], wanted
            )
            await _expect_the_rest(line, head, line["rest"] + wanted)
    if moves:
        await post(moves, by=by)
        await shipments.go_on(head["number"], by=by, reason=reason)
    await transfers.settle(transfer, by=by)
    view = await transfers.transfer_view(transfer)
    await audit.record("transfer.found_again", "transfer", view.number, by=by, reason=reason)
    return view


async def _places() -> tuple[int, int, int]:
    """We, the road, and the adjustment account."""
    transit, adjustment = await places.find(places.TRANSIT), await places.find(places.ADJUSTMENT)
    return await places.ourselves(), transit.id, adjustment.id


def _require_an_end(head: db.Row, by: Actor) -> None:
    """Refuse who serves neither end of a transfer."""
    if not by.sees_depot(head["origin"]):
        by.require_depot(head["target"])


def _positive(wanted: int, given: dict[str, int] | None) -> None:
    if wanted < 0 or (given is not None and not sum(given.values())):
        raise QuantityNotPositive(quantity=wanted)


def _move(
    kind: str,
    line: db.Row,
    number: str,
    piece: tuple[UUID | None, UUID | None, int],
    *,
    owner: int,
    origin: int,
    target: int,
    reason: str,
) -> Move:
    unit, lot, quantity = piece
    return Move(
        kind=kind,
        part=line["part"],
        quantity=quantity,
        unit=unit,
        lot=lot,
        origin=Spot(origin, GOOD, owner, line["pool"]),
        target=Spot(target, GOOD, owner, line["pool"]),
        document_kind="transfer",
        document=number,
        reason=reason,
    )


async def _expect_the_rest(line: db.Row, head: db.Row, rest: int) -> None:
    """Expect of a line what is on the road now, no more and no less."""
    await expected.close(line["id"])
    if rest > 0:
        await expected.expect(
            line["part"],
            head["to_place"],
            line["pool"],
            rest,
            due_at=head["due_at"] or clock.now(),
            source_kind="transfer_line",
            source=line["id"],
            confirmed=True,
        )


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
