"""Deciding whole-unit swaps: what is decided leaves by a part request of its own, and what becomes of requests tells swaps."""

from datetime import timedelta
from uuid import UUID

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.requests.changing import OWN_SOURCE
from inventory.requests.requests import NewRequest, NewRequestLine, RequestView, open_request, request_view
from inventory.returns import loaners, swaps
from inventory.returns.swaps import Outcome, SwapView


@db.atomic
async def swap(of: UUID, *, by: Actor, reason: str = "") -> SwapView:
    """Decide to replace the device whole: a part request takes the unit that was held, in time or late.

    Raises:
        Unknown: no such swap in the actor's scope.
        WrongState: it was decided, or is over.
        NoEquivalent: nothing of equal function is in the catalogue.
        NotCovered: no contract covers the device any more.

    """
    by.require("swaps.decide")
    decided = await swaps.decide_to_swap(of, by=by, reason=reason)
    before = await request_view(decided.request) if decided.request else None
    fitted_by = decided.complete_by and decided.complete_by - timedelta(hours=decided.fitting_hours)
    made = await open_request(
        NewRequest(
            source=OWN_SOURCE,
            reference=decided.number,
            device_serial=decided.device_serial,
            severity=decided.severity,
            lines=[NewRequestLine(part_number=decided.part_number)],
            ticket=before and before.ticket,
            fault_reported_at=decided.reported_at,
            need_by=fitted_by,
            engineer=before and before.engineer,
            note=reason.strip(),
        ),
        by=by,
        follows=before and before.id,
        because="swap",
    )
    return await swaps.leaves_by_request(of, made.id)


async def follow(view: RequestView, device: int, of: UUID | None, again: RequestView | None, *, by: Actor) -> None:
    """Tell the swap and the loan of a device what a debrief of a request told: `of` is the swap whose unit it sent.

    A request that is asked `again`, what was sent being dead on arrival, goes on in its place.
    """
    if of is not None and again is not None:
        await swaps.goes_on_by(of, again.id)
    if view.state != "reconciled" or again is not None:
        return
    used = [told for line in view.lines for told in line.debriefs if told.outcome == "used"]
    if of is None:
        if used:
            await swaps.repaired(view.id, by=by)
    elif not used:
        await swaps.not_used(of, by=by)
    else:
        await swaps.installed(of, Outcome(serial_in=used[0].serial_in, serial_out=used[0].serial_out))
    if used:
        await loaners.repaired(view.id, device, by=by)
