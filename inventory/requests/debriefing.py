"""Debriefing: accounting for the parts of a request once the engineer is back."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from inventory.catalogue import parts
from inventory.ground import clock, db, events
from inventory.ground.actor import Actor
from inventory.ground.errors import WrongState
from inventory.places import places
from inventory.requests.lines import Line, carried, lock_head, lock_lines, settle
from inventory.requests.requests import Outcome, RequestView, request_view
from inventory.stock import shipments, units
from inventory.stock.ledger import post
from inventory.stock.moves import GOOD, Move, Spot, moves_of


class Debrief(Struct, frozen=True, kw_only=True):
    """What became of a line: used, or given back; and the serial of the part that came out."""

    part_number: str
    outcome: Outcome
    serial_out: str | None = None


@db.atomic
async def debrief(request: UUID, reports: Sequence[Debrief], *, by: Actor) -> RequestView:
    """Account for what was shipped: the part is in the machine, or comes back to its store.

    A used part's defective predecessor comes back to the store as defective stock, unless the customer keeps disks.

    Raises:
        Unknown: no such request in the actor's contracts, or no such part.
        WrongState: the line was not shipped, or was accounted for before.

    """
    by.require("parts.request")
    head = await lock_head(request, by=by)
    lines = await lock_lines(request)
    for report in reports:
        part = await parts.find(report.part_number)
        line = next((line for line in lines if line.part == part.id and line.state in ("shipped", "arrived")), None)
        if line is None:
            raise WrongState(
                what="Line",
                what_zh="申请行",
                key=f"{head['number']} / {part.part_number}",
                state=next((line.state for line in lines if line.part == part.id), "–"),
                needed="shipped / arrived",
            )
        if report.outcome != "used":
            await _give_back(head, line, report.outcome, by)
        elif not (head["customer_keeps_disks"] and part.kind == "drive"):
            await _bring_in_defective(head, line, report.serial_out, by)
        await db.execute(
            """UPDATE request_line SET state = 'reconciled', reconciled_at = $4, outcome = $2, serial_out = $3,
                      arrived_at = coalesce(arrived_at, $4) WHERE id = $1""",
            line.id,
            report.outcome,
            report.serial_out,
            clock.now(),
        )
        lines = await lock_lines(request)
    await shipments.note_arrival(head["number"], by=by)
    await settle(request)
    view = await request_view(request)
    if view.state == "reconciled":
        await events.emit("part_request.reconciled", "part_request", view.number, view, contract=view.contract)
    return view


async def _give_back(head: db.Row, line: Line, outcome: Outcome, by: Actor) -> None:
    """An unused part returns from the site to the store it came from; dead on arrival, as defective."""
    if line.place is None:
        return
    owner = await places.ourselves()
    part = line.supplied_part or line.part
    await post(
        moves_of(
            await carried(part, line.quantity, line.serials_in, head["number"], site=head["site_id"], pool=line.pool),
            "return_from_site",
            part,
            Spot(head["site_id"], GOOD, owner, line.pool),
            Spot(line.place, "defective" if outcome == "dead_on_arrival" else GOOD, owner, line.pool),
            document_kind="part_request",
            document=head["number"],
            reason=outcome,
        ),
        by=by,
    )


async def _bring_in_defective(head: db.Row, line: Line, serial: str | None, by: Actor) -> None:
    """The part that came out goes to the store as defective; a serialised one once its serial is known."""
    if line.place is None or (line.serialised and not serial):
        return
    owner = await places.ourselves()
    origin = Spot(head["site_id"], "defective", owner, line.pool)
    unit = await units.enter_removed(line.part, serial, origin, head["number"]) if serial and line.serialised else None
    await post(
        [
            Move(
                kind="defective_return",
                part=line.part,
                quantity=1 if unit else line.quantity,
                unit=unit,
                origin=origin,
                target=Spot(line.place, "defective", owner, line.pool),
                document_kind="part_request",
                document=head["number"],
            )
        ],
        by=by,
    )
