"""Reservations: a pending movement, resolved once by posting, voiding, expiring or being taken over."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from inventory.catalogue import parts
from inventory.catalogue.grades import Provenance, stricter, that_will_do
from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.places import places
from inventory.stock import disclosure, issuable, lots, picking, pools, priorities, taking, units
from inventory.stock.ledger import LEVEL_COLUMNS, LevelChange, announce, free_at, post, shortage
from inventory.stock.moves import GOOD, Move, Piece, Spot
from inventory.stock.pools import COMMON
from inventory.stock.refusals import (
    ExpiryInPast,
    HeldForTransfer,
    LotNotHere,
    MoreThanReserved,
    NotEnoughUnits,
    QuantityNotPositive,
    ReservationResolved,
)
from inventory.stock.when import happened

State = Literal["soft", "pending", "posted", "voided", "expired", "taken_over"]


class Reservation(Struct, frozen=True, kw_only=True):
    """Stock held for one purpose; a soft one is promised from `starts_at` on and holds nothing before."""

    id: UUID
    part_number: str
    depot: str
    pool: str
    quantity: int
    posted_quantity: int
    state: State
    priority: int
    priority_class: str | None
    reference: str | None
    reserved_at: datetime
    reserved_by: str
    starts_at: datetime | None
    short_since: datetime | None
    expires_at: datetime | None
    taken_over_by: UUID | None
    serials: list[str] = []


_RESERVE = f"""
WITH held AS (
    UPDATE level SET reserved = level.reserved + $4
    FROM part, place, pool, party
    WHERE part.part_number = $1 AND place.code = $2 AND pool.code = $3 AND %s
      AND level.part = part.id AND level.place = place.id AND level.pool = pool.id AND level.owner = party.id
      AND level.condition = 'good' AND level.on_hand - level.reserved >= $4
      AND place.frozen_at IS NULL AND ($11::text IS NULL OR issuable(level.id, $11) >= $4)
    RETURNING {LEVEL_COLUMNS}
),
noted AS (
    INSERT INTO reservation (level, quantity, state, priority, priority_class, reference_number,
                             least_provenance, reserved_at, held_at, reserved_by, expires_at)
    SELECT id, $4, 'pending', coalesce((SELECT rank FROM priority_class WHERE code = $10), $5), $10, $6, $11, $7, $7, $8,
           $9
    FROM held
    RETURNING id, priority
)
SELECT held.*, -$4::int AS freed, noted.id AS reservation, noted.priority FROM held, noted
"""

RESERVE_OURS, RESERVE_OF = _RESERVE % "party.is_ourselves", _RESERVE % "party.code = $12"


@db.atomic
async def reserve(
    part_number: str,
    depot: str,
    quantity: int,
    *,
    by: Actor,
    pool: str = COMMON,
    reference: str | None = None,
    priority: int = 0,
    priority_class: str | None = None,
    expires_at: datetime | None = None,
    least: Provenance | None = None,
) -> Reservation:
    """Hold good stock of ours in a store; one round trip where it succeeds and no class is named.

    Raises:
        InsufficientStock: fewer are free; the facts say how many, and where else some are.
        Unknown: no such part, store, pool or priority class.
        QuantityNotPositive: fewer than one was asked.
        ExpiryInPast: it would be over before it began.
        NotYourDepot: the actor does not serve the store.
        SourceTooLow: enough is free, but too little of it is worth the `least` that is asked.

    """
    by.require("reservations.make")
    by.require_depot(depot)
    if expires_at is not None and expires_at <= clock.now():
        raise ExpiryInPast(expires_at=expires_at.isoformat())
    if priority_class is not None:
        await priorities.rank_of(priority_class)
    return await hold(
        part_number,
        depot,
        quantity,
        by=by,
        pool=pool,
        reference=reference,
        priority=priority,
        priority_class=priority_class,
        expires_at=expires_at,
        least=least,
    )


@db.atomic
async def hold(
    part_number: str,
    depot: str,
    quantity: int,
    *,
    by: Actor,
    pool: str = COMMON,
    reference: str | None = None,
    priority: int = 0,
    priority_class: str | None = None,
    expires_at: datetime | None = None,
    owner: str | None = None,
    least: Provenance | None = None,
) -> Reservation:
    """Reserve on behalf of another verb that has checked the actor's rights; stock of ours, or of another `owner`.

    Raises:
        SourceTooLow: enough is free, but too little of it is worth the `least` that is asked.
        InsufficientStock, Unknown, QuantityNotPositive: as for `reserve`; also for an owner that is not known.

    """
    if quantity < 1:
        raise QuantityNotPositive(quantity=quantity)
    now = clock.now()
    row = await db.fetch_one(
        RESERVE_OURS if owner is None else RESERVE_OF,
        part_number,
        depot,
        pool,
        quantity,
        priority,
        reference,
        now,
        by.name,
        expires_at,
        priority_class,
        least,
        *([] if owner is None else [owner]),
    )
    if row is None:
        part = await parts.find(part_number)
        place = await places.find_store(depot)
        whose = await places.ourselves() if owner is None else await places.find_party(owner)
        spot = Spot(place.id, GOOD, whose, await pools.find(pool))
        if part.part_number == part_number:
            if least is not None and not place.frozen and await free_at(part.id, spot) >= quantity:
                raise await issuable.too_low(part.id, spot, least)
            raise await shortage(part.id, spot, quantity, frozen=place.frozen)
        # an alias was given: its part is meant
        return await hold(
            part.part_number,
            depot,
            quantity,
            by=by,
            pool=pool,
            reference=reference,
            priority=priority,
            priority_class=priority_class,
            expires_at=expires_at,
            owner=owner,
            least=least,
        )
    await announce([msgspec.convert(dict(row), LevelChange)])
    return Reservation(
        id=row["reservation"],
        part_number=part_number,
        depot=depot,
        pool=pool,
        quantity=quantity,
        posted_quantity=0,
        state="pending",
        priority=row["priority"],
        priority_class=priority_class,
        reference=reference,
        reserved_at=now,
        reserved_by=by.name,
        starts_at=None,
        short_since=None,
        expires_at=expires_at,
        taken_over_by=None,
    )


class Held(Struct, frozen=True, kw_only=True):
    """A reservation with the ids of its level, locked for its resolution; `quantity` is what it still holds."""

    id: UUID
    level: int
    part: int
    part_number: str
    serialised: bool
    place: int
    depot: str
    owner: int
    pool: int
    pool_code: str
    quantity: int
    posted: int
    priority: int
    state: str
    expired: bool
    least: Provenance | None


async def lock(reservation: UUID, states: tuple[str, ...] = ("pending",)) -> Held:
    """Lock a reservation that is still open.

    Raises:
        Unknown: no such reservation.
        ReservationResolved: it is in another state, or past its time.

    """
    held = await db.read_one(
        Held,
        """SELECT reservation.id, level.id AS level, level.part, part.part_number, part.serialised, level.place,
                  place.code AS depot, level.owner, level.pool, pool.code AS pool_code,
                  reservation.quantity - reservation.posted_quantity AS quantity,
                  reservation.posted_quantity AS posted, reservation.priority, reservation.state,
                  reservation.least_provenance AS least, coalesce(reservation.expires_at <= $2, false) AS expired
           FROM reservation
           JOIN level ON level.id = reservation.level
           JOIN part ON part.id = level.part
           JOIN place ON place.id = level.place
           JOIN pool ON pool.id = level.pool
           WHERE reservation.id = $1
           FOR NO KEY UPDATE OF reservation""",
        reservation,
        clock.now(),
    )
    if held is None:
        raise Unknown(what="reservation", what_zh="预留", key=str(reservation))
    if held.state not in states or held.expired:
        raise ReservationResolved(id=str(reservation), state="expired" if held.expired else held.state)
    return held


async def refuse_where_a_transfer_carries_it(reservation: UUID) -> None:
    """Refuse to resolve behind a transfer's back what it is to carry: it could neither ship nor be cancelled then."""
    transfer = await db.fetch_value(
        """SELECT transfer.number FROM transfer_line JOIN transfer ON transfer.id = transfer_line.transfer
           WHERE transfer_line.reservation = $1""",
        reservation,
    )
    if transfer is not None:
        raise HeldForTransfer(id=str(reservation), transfer=transfer)


@db.atomic
async def post_reservation(
    reservation: UUID,
    *,
    by: Actor,
    to: str,
    quantity: int | None = None,
    serials: Sequence[str] = (),
    document_kind: str | None = None,
    document: str | None = None,
    occurred_at: datetime | None = None,
    keep_rest: bool = False,
) -> Reservation:
    """Hand out what was reserved, to a customer's site or to nobody's in particular (ISSUED).

    Posting a part releases the rest, unless it is to be kept (`keep_rest`). Serialised parts leave by the serials
    given, or oldest first.

    Raises:
        Unknown: no such reservation or place.
        ReservationResolved: it was posted, voided or expired before.
        HeldForTransfer: it leaves by its transfer.
        NotHandedOutTo: that is no place to hand out to.
        MoreThanReserved: it holds fewer.
        UnitNotHere: a serial is not in that store.
        HappenedLater, HappenedTooLongAgo, HappenedBeforeItCame: it cannot have left then.
        SourceTooLow: it is worth less than the contracts served at that place ask.

    """
    by.require("stock.issue")
    held = await lock(reservation)
    by.require_depot(held.depot)
    await refuse_where_a_transfer_carries_it(reservation)
    return await hand_out(
        reservation,
        by=by,
        to=(await taking.taker(to)).code,
        quantity=quantity,
        serials=serials,
        document_kind=document_kind,
        document=document,
        occurred_at=happened(occurred_at),
        keep_rest=keep_rest,
        least=await issuable.asked_at(to, held.pool),
    )


@db.atomic
async def hand_out(
    reservation: UUID,
    *,
    by: Actor,
    to: str,
    quantity: int | None = None,
    serials: Sequence[str] = (),
    document_kind: str | None = None,
    document: str | None = None,
    occurred_at: datetime | None = None,
    keep_rest: bool = False,
    least: Provenance | None = None,
) -> Reservation:
    """Post a reservation on behalf of another verb that has checked the actor's rights, and knows what is asked at `least`.

    Raises:
        SourceTooLow: what would leave is worth less than that, or than what the reservation asks.
        Unknown, ReservationResolved, MoreThanReserved, UnitNotHere: as for `post_reservation`.
        PickNotComplete, PickedDifferently, PickedElsewhere: it does not agree with what was picked.

    """
    held = await lock(reservation)
    target = await places.find(to)
    picked = await picking.taken(reservation, serials)
    wanted = sum(piece.quantity for piece in picked) or (held.quantity if quantity is None else quantity)
    if wanted < 1:
        raise QuantityNotPositive(quantity=wanted)
    if wanted > held.quantity:
        raise MoreThanReserved(reserved=held.quantity, wanted=wanted)
    origin = Spot(held.place, "good", held.owner, held.pool)
    asked = stricter(held.least, least)
    pieces = picked or await _pieces(held, origin, wanted, serials, asked)
    await issuable.require(pieces, asked, held.part, origin)
    await post(
        [
            Move(
                kind="issue",
                part=held.part,
                quantity=piece.quantity,
                unit=piece.unit,
                lot=piece.lot,
                from_bin=piece.bin,
                origin=origin,
                target=Spot(target.id, "good", held.owner, held.pool),
                released=piece.quantity,
                reservation=reservation,
                document_kind=document_kind,
                document=document,
                occurred_at=occurred_at,
            )
            for piece in pieces
        ],
        by=by,
    )
    if keep_rest and wanted < held.quantity:
        await db.execute(
            "UPDATE reservation SET posted_quantity = posted_quantity + $2 WHERE id = $1", reservation, wanted
        )
    else:
        if wanted < held.quantity:
            await give_back(held, held.quantity - wanted)
        await resolve(reservation, "posted", by=by, posted=wanted)
    return await reservation_view(reservation, serials=[piece.serial for piece in pieces if piece.serial])


async def _pieces(
    held: Held, origin: Spot, wanted: int, serials: Sequence[str], least: Provenance | None
) -> list[Piece]:
    """What leaves where nothing was picked: the units named or the oldest; of other parts, whatever lots are oldest.

    Where something is asked of the source, the least trusted that will do, so that better ones stay for who needs them.
    """
    will_do = that_will_do(least)
    if not held.serialised:
        if will_do is None:
            return [Piece(quantity=wanted)]
        try:
            return await lots.take(held.part, origin, wanted, will_do=will_do)
        except LotNotHere:
            raise await issuable.too_low(held.part, origin, least or "unproven") from None
    try:
        chosen = await units.choose(held.part, origin, wanted, serials, will_do=None if serials else will_do)
    except NotEnoughUnits:
        if least is None:
            raise
        raise await issuable.too_low(held.part, origin, least) from None
    return [Piece(unit=unit.id, bin=unit.bin, serial=unit.serial) for unit in chosen]


@db.atomic
async def void_reservation(reservation: UUID, *, by: Actor) -> Reservation:
    """Let go of what was reserved, or of a promise that has not begun.

    Raises:
        Unknown: no such reservation.
        ReservationResolved: it was posted, voided or expired before.
        HeldForTransfer: it ends with its transfer.

    """
    by.require("reservations.make")
    held = await lock(reservation, ("soft", "pending"))
    by.require_depot(held.depot)
    await refuse_where_a_transfer_carries_it(reservation)
    return await release(reservation, by=by)


@db.atomic
async def release(reservation: UUID, *, by: Actor) -> Reservation:
    """Void a reservation on behalf of another verb that has checked the actor's rights.

    Raises:
        Unknown, ReservationResolved: as for `void_reservation`.

    """
    held = await lock(reservation, ("soft", "pending"))
    if held.state == "pending":
        await give_back(held, held.quantity)
    await resolve(reservation, "voided", by=by)
    return await reservation_view(reservation)


async def rank_as(held: Sequence[UUID], priority_class: str) -> None:
    """Give reservations another class, and its rank, because what they are for became more or less urgent."""
    await db.execute(
        """UPDATE reservation SET priority_class = priority_class.code, priority = priority_class.rank
           FROM priority_class WHERE priority_class.code = $2 AND reservation.id = ANY($1)""",
        list(held),
        priority_class,
    )


async def keep_until(held: Sequence[UUID], until: datetime | None) -> None:
    """Let reservations last until another time, on behalf of another verb that has checked the actor's rights."""
    await db.execute(
        "UPDATE reservation SET expires_at = $2 WHERE id = ANY($1) AND state IN ('soft', 'pending')", list(held), until
    )


@db.atomic
async def extend(reservation: UUID, expires_at: datetime | None, *, by: Actor) -> Reservation:
    """Let a reservation last until another time; None lets it last until somebody resolves it.

    Raises:
        Unknown: no such reservation.
        ReservationResolved: it was posted, voided or expired before.
        ExpiryInPast: that time has passed.
        HeldForTransfer: it lasts as long as its transfer waits.

    """
    by.require("reservations.make")
    held = await lock(reservation, ("soft", "pending"))
    by.require_depot(held.depot)
    await refuse_where_a_transfer_carries_it(reservation)
    if expires_at is not None and expires_at <= clock.now():
        raise ExpiryInPast(expires_at=expires_at.isoformat())
    await db.execute("UPDATE reservation SET expires_at = $2 WHERE id = $1", reservation, expires_at)
    until = None if expires_at is None else expires_at.isoformat()
    await audit.record("reservation.extended", "reservation", str(reservation), by=by, change={"expires_at": until})
    return await reservation_view(reservation)


@db.atomic
async def expire_due(*, by: Actor, limit: int = 500) -> int:
    """Expire reservations whose time has passed; how many."""
    due = await db.fetch(
        """SELECT reservation.id FROM reservation
           WHERE state IN ('soft', 'pending') AND expires_at <= $1
           ORDER BY level, id LIMIT $2 FOR NO KEY UPDATE""",
        clock.now(),
        limit,
    )
    await _end([row["id"] for row in due], "expired", by=by)
    return len(due)


@db.atomic
async def release_each(held: Sequence[UUID], *, by: Actor) -> None:
    """Void what is still open of some reservations, for a verb that has checked the actor's rights; a few statements."""
    due = await db.fetch(
        """SELECT id FROM reservation WHERE id = ANY($1) AND state IN ('soft', 'pending')
           ORDER BY level, id FOR NO KEY UPDATE""",
        list(held),
    )
    if due:
        await _end([row["id"] for row in due], "voided", by=by)


async def _end(held: Sequence[UUID], state: State, *, by: Actor) -> None:
    """Resolve locked reservations that are open, and free what they hold."""
    rows = await db.fetch(
        f"""WITH over AS (
                UPDATE reservation SET state = $4, resolved_at = $2, resolved_by = $3
                WHERE id = ANY($1::uuid[]) RETURNING level, quantity - posted_quantity AS quantity, held_at
            ), back AS (
                SELECT level, sum(quantity)::int AS quantity FROM over WHERE held_at IS NOT NULL GROUP BY level
            ), locked AS MATERIALIZED (
                SELECT level.id FROM level JOIN back ON back.level = level.id
                ORDER BY part, place, condition, owner, pool FOR NO KEY UPDATE OF level
            )
            UPDATE level SET reserved = level.reserved - back.quantity FROM back JOIN locked ON locked.id = back.level
            WHERE level.id = back.level
            RETURNING {LEVEL_COLUMNS}, back.quantity AS freed""",
        list(held),
        clock.now(),
        by.name,
        state,
    )
    await picking.settle(list(held), shipped=False)
    await announce(msgspec.convert([dict(row) for row in rows], list[LevelChange]))


async def give_back(held: Held, quantity: int) -> None:
    """Free what a pending reservation holds."""
    row = await db.fetch_one(
        f"UPDATE level SET reserved = reserved - $2 WHERE id = $1 RETURNING {LEVEL_COLUMNS}, $2::int AS freed",
        held.level,
        quantity,
    )
    if row is not None:
        await announce([msgspec.convert(dict(row), LevelChange)])


async def resolve(
    reservation: UUID, state: State, *, by: Actor, posted: int = 0, taken_over_by: UUID | None = None
) -> None:
    """Write how an open reservation ended."""
    await db.execute(
        """UPDATE reservation SET state = $2, posted_quantity = posted_quantity + $3, resolved_at = $4, resolved_by = $5,
                                  taken_over_by = $6
           WHERE id = $1 AND state IN ('soft', 'pending')""",
        reservation,
        state,
        posted,
        clock.now(),
        by.name,
        taken_over_by,
    )
    await picking.settle([reservation], shipped=state == "posted")


_VIEW = """SELECT reservation.id, part.part_number, place.code AS depot, pool.code AS pool, reservation.quantity,
                  reservation.posted_quantity, reservation.state, reservation.priority, reservation.priority_class,
                  reservation.reference_number AS reference, reservation.reserved_at, reservation.reserved_by,
                  reservation.starts_at, reservation.short_since, reservation.expires_at, reservation.taken_over_by
           FROM reservation
           JOIN level ON level.id = reservation.level
           JOIN part ON part.id = level.part
           JOIN place ON place.id = level.place
           JOIN pool ON pool.id = level.pool"""


async def reservation_view(
    reservation: UUID, *, seen_by: Actor | None = None, serials: Sequence[str] = ()
) -> Reservation:
    """One reservation.

    Raises:
        Unknown: no such reservation, or not in the reader's scope.

    """
    view = await db.read_one(
        Reservation,
        f"""{_VIEW} WHERE reservation.id = $1 AND ($2::text[] IS NULL OR place.code = ANY($2))
            AND {disclosure.serves("pool", "$3")}""",
        reservation,
        seen_by.depot_scope if seen_by else None,
        seen_by.contract_scope if seen_by else None,
    )
    if view is None:
        raise Unknown(what="reservation", what_zh="预留", key=str(reservation))
    return msgspec.structs.replace(view, serials=list(serials))


async def reservations(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    state: str | None = None,
    part_number: str | None = None,
    depot: str | None = None,
    holder: str | None = None,
    priority_class: str | None = None,
) -> list[Reservation]:
    """Reservations in the reader's scope, newest first; `holder` is a reference or who made it."""
    return await db.read(
        Reservation,
        f"""{_VIEW}
            WHERE ($1::uuid IS NULL OR reservation.id < $1) AND ($2::text IS NULL OR reservation.state = $2)
              AND ($3::text IS NULL OR part.part_number = $3) AND ($4::text IS NULL OR place.code = $4)
              AND ($5::text[] IS NULL OR place.code = ANY($5))
              AND ($6::text IS NULL OR reservation.reference_number = $6 OR reservation.reserved_by = $6)
              AND ($7::text IS NULL OR reservation.priority_class = $7) AND {disclosure.serves("pool", "$9")}
            ORDER BY reservation.id DESC LIMIT $8""",
        after,
        state,
        part_number,
        depot,
        seen_by.depot_scope,
        holder,
        priority_class,
        limit,
        seen_by.contract_scope,
    )
