"""Taking over: what a lower purpose holds goes to a higher one, on the record."""

from uuid import UUID

from inventory.catalogue.grades import Provenance
from inventory.ground import audit, db, events, jobs
from inventory.ground.actor import Actor
from inventory.ground.errors import ReasonMissing
from inventory.stock import priorities
from inventory.stock.refusals import (
    MoreThanReserved,
    NotLowerPriority,
    PurposeMissing,
    QuantityNotPositive,
)
from inventory.stock.reservations import (
    Reservation,
    give_back,
    hold,
    lock,
    refuse_where_a_transfer_carries_it,
    reservation_view,
    resolve,
)


@db.atomic
async def take_over(
    reservation: UUID,
    *,
    by: Actor,
    reference: str,
    priority_class: str,
    reason: str,
    quantity: int | None = None,
    least: Provenance | None = None,
) -> Reservation:
    """Void a reservation of lower rank and hold its stock for another purpose; the loser's document hears of it by a job.

    Raises:
        Unknown: no such reservation or priority class.
        ReservationResolved: it holds nothing any more.
        NotLowerPriority: its rank is as high.
        HeldForTransfer: a transfer is to carry it.
        MoreThanReserved: it holds fewer.
        ReasonMissing, PurposeMissing: no reason was given, or nothing for which.
        SourceTooLow: what it holds is worth less than the `least` that is asked.

    """
    by.require("reservations.take_over")
    if not reason.strip():
        raise ReasonMissing
    if not (reference and priority_class):
        raise PurposeMissing
    lost = await lock(reservation)
    by.require_depot(lost.depot)
    rank = await priorities.rank_of(priority_class)
    if rank <= lost.priority:
        raise NotLowerPriority(rank=lost.priority, wanted=rank)
    await refuse_where_a_transfer_carries_it(reservation)
    wanted = lost.quantity if quantity is None else quantity
    if wanted < 1:
        raise QuantityNotPositive(quantity=wanted)
    if wanted > lost.quantity:
        raise MoreThanReserved(reserved=lost.quantity, wanted=wanted)
    # its level is locked from here on, so nobody else can have the stock in between
    await give_back(lost, lost.quantity)
    held = await hold(
        lost.part_number,
        lost.depot,
        wanted,
        by=by,
        pool=lost.pool_code,
        reference=reference,
        priority_class=priority_class,
        least=least,
    )
    await resolve(reservation, "taken_over", by=by, taken_over_by=held.id)
    await jobs.enqueue(jobs.ReservationTakenOver(reservation))
    view = await reservation_view(reservation)
    await audit.record(
        "reservation.taken_over",
        "reservation",
        str(reservation),
        by=by,
        reason=reason,
        change={"from": view.reference, "to": reference, "by_reservation": str(held.id), "quantity": wanted},
    )
    await events.emit("reservation.taken_over", "reservation", str(reservation), view, depot=view.depot)
    return held
