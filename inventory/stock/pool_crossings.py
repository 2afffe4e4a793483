"""Pool crossings: stock of one pool given to another, asked for by one person and decided by another."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct, structs

from inventory.catalogue import parts
from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, Invalid, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.people.delegations import acting
from inventory.places import places
from inventory.stock import lots, pools, units
from inventory.stock.ledger import free_at, post, shortage
from inventory.stock.moves import GOOD, Move, Spot
from inventory.stock.refusals import NoSerials, QuantityNotPositive, SerialsMissing

APPROVING = "pools.cross"

DECIDE_WITHIN = timedelta(hours=8)


class SamePool(Invalid, constraint="pool_crossing_leads_elsewhere"):
    """Stock crosses to another pool."""

    zh = "目标库存归属必须与原归属不同。"
    help_en = "Name another pool as the target."
    help_zh = "请选择另一库存归属。"


class AskedByYourself(Forbidden, constraint="pool_crossing_takes_two_people"):
    """{name} asked for this crossing and may not decide on it."""

    zh = "{name} 是该申请的提出人，不能自行审批。"
    help_en = "Another person with the right decides."
    help_zh = "请由另一位有权限的人员审批。"


class PoolWantsBetter(Refused):
    """Pool {pool} takes parts of grade {needed} or better; {what} is {grade}."""

    zh = "库存归属 {pool} 要求来源等级为 {needed} 或更高，{what} 为 {grade}。"
    help_en = "Choose other units or lots, or buy from a maker or an authorised channel."
    help_zh = "请改选其他单件或批次，或向原厂及授权渠道采购。"


State = Literal["asked", "crossed", "refused"]


class Crossing(Struct, frozen=True, kw_only=True):
    """A crossing and what became of it."""

    id: UUID
    number: str
    depot: str
    part_number: str
    quantity: int
    serials: list[str]
    from_pool: str
    to_pool: str
    reason: str
    state: State
    asked_at: datetime
    asked_by: str
    decided_at: datetime | None
    decided_by: str | None
    decided_for: str | None
    decision_reason: str


@db.atomic
async def ask_crossing(
    depot: str,
    part_number: str,
    quantity: int,
    *,
    by: Actor,
    from_pool: str,
    to_pool: str,
    reason: str,
    serials: Sequence[str] = (),
) -> Crossing:
    """Ask for good stock of another pool; nothing moves before somebody else agrees.

    Raises:
        ReasonMissing: no reason was given.
        QuantityNotPositive: fewer than one was asked.
        SerialsMissing: serials were given, but not as many.
        SamePool: it would stay where it is.
        Unknown: no such store, part or pool.
        NoSerials, UnitNotHere, InsufficientStock: the other pool does not have them free.

    """
    by.require("pools.ask")
    by.require_depot(depot)
    if not reason.strip():
        raise ReasonMissing
    if quantity < 1:
        raise QuantityNotPositive(quantity=quantity)
    if from_pool == to_pool:
        raise SamePool
    if serials and len(set(serials)) != quantity:
        raise SerialsMissing(part_number=part_number, wanted=quantity, given=len(set(serials)))
    place, part = await places.find_store(depot), await parts.find(part_number)
    if serials and not part.serialised:
        raise NoSerials(part_number=part.part_number)
    origin = Spot(place.id, GOOD, await places.ourselves(), await pools.find(from_pool))
    if serials:
        await units.choose(part.id, origin, quantity, serials)
    if await free_at(part.id, origin) < quantity:
        raise await shortage(part.id, origin, quantity, frozen=False)
    number = await next_number("PC")
    crossing = await db.fetch_value(
        """INSERT INTO pool_crossing (number, place, part, from_pool, to_pool, quantity, serials, reason, state,
                                      asked_at, asked_by)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'asked', $9, $10) RETURNING id""",
        number,
        place.id,
        part.id,
        origin.pool,
        await pools.find(to_pool),
        quantity,
        sorted(set(serials)),
        reason,
        clock.now(),
        by.name,
    )
    await steps.begin(
        "decide_crossing",
        "pool_crossing",
        number,
        owner_role="project_manager",
        depot=depot,
        due_at=clock.now() + DECIDE_WITHIN,
    )
    return await _told("asked", crossing)


@db.atomic
async def cross(crossing: UUID, *, by: Actor, reason: str = "") -> Crossing:
    """Agree: the pieces change their pool where they lie, in the bins they lie in.

    Raises:
        Unknown: no such crossing.
        WrongState: it was decided before.
        AskedByYourself: another person must decide.
        BeyondDelegation, OutsideDelegation, DraftedForOneself: the actor stands in for an approver, and may not decide this.
        InsufficientStock, UnitNotHere: the other pool has too few of them free.
        PoolWantsBetter: the contract that owns the target pool asks for better provenance.

    """
    by.require(APPROVING)
    row = await _decide(crossing, "crossed", reason, by)
    owner = await places.ourselves()
    origin = Spot(row["place"], GOOD, owner, row["from_pool"])
    target = Spot(row["place"], GOOD, owner, row["to_pool"])

    def move(quantity: int, unit: UUID | None = None, shelf: int | None = None) -> Move:
        return Move(
            kind="pool_crossing",
            part=row["part"],
            quantity=quantity,
            unit=unit,
            from_bin=shelf,
            to_bin=shelf,
            origin=origin,
            target=target,
            document_kind="pool_crossing",
            document=row["number"],
            reason=row["reason"],
        )

    if row["serialised"]:
        chosen = await units.choose(row["part"], origin, row["quantity"], row["serials"])
        moves = [move(1, unit.id, unit.bin) for unit in chosen]
    else:
        moves = [structs.replace(each, to_bin=each.from_bin) for each in await lots.settle([move(row["quantity"])])]
    await post(moves, by=by)
    await _check_provenance(moves, row["to_pool"])
    return await _told("crossed", crossing)


@db.atomic
async def refuse(crossing: UUID, *, by: Actor, reason: str) -> Crossing:
    """Do not agree; the question and the answer stay on the record.

    Raises:
        Unknown: no such crossing.
        WrongState: it was decided before.
        AskedByYourself: another person must decide.
        BeyondDelegation, OutsideDelegation, DraftedForOneself: as `cross`.
        ReasonMissing: no reason was given.

    """
    by.require(APPROVING)
    if not reason.strip():
        raise ReasonMissing
    await _decide(crossing, "refused", reason, by)
    return await _told("refused", crossing)


async def _decide(crossing: UUID, state: Literal["crossed", "refused"], reason: str, by: Actor) -> db.Row:
    view = await crossing_view(crossing)
    by.require_depot(view.depot)
    by.require_eyes()
    if view.asked_by == by.name:
        raise AskedByYourself(name=by.name)
    worth = await db.fetch_value(
        "SELECT $2 * unit_cost_cny FROM part WHERE part_number = $1", view.part_number, view.quantity
    )
    by = acting(APPROVING, by=by, amount_cny=worth, depot=view.depot, drafted_by=[view.asked_by])
    row = await db.fetch_one(
        """UPDATE pool_crossing SET state = $2, decided_at = $3, decided_by = $4, decision_reason = $5, decided_for = $6
           FROM part WHERE pool_crossing.id = $1 AND state = 'asked' AND part.id = pool_crossing.part
           RETURNING number, place, part, part.serialised, from_pool, to_pool, quantity, serials, reason""",
        crossing,
        state,
        clock.now(),
        by.name,
        reason,
        by.acts_for,
    )
    if row is None:
        now = await crossing_view(crossing)
        raise WrongState(what="Pool crossing", what_zh="库存归属调整", key=now.number, state=now.state, needed="asked")
    await steps.finish("pool_crossing", row["number"], by=by)
    await audit.record(f"pool_crossing.{state}", "pool_crossing", row["number"], by=by, reason=reason)
    return row


async def _check_provenance(moves: Sequence[Move], pool: int) -> None:
    """A contract's own stock takes only what the contract allows."""
    worse = await db.fetch_one(
        """WITH grade AS (
               SELECT name, row_number() OVER () AS rank FROM unnest(ARRAY['maker_direct', 'authorised_channel',
                      'vendor_exchange', 'recovered', 'pulled', 'broker', 'unproven']) AS name
           ), piece AS (
               SELECT serial AS what, provenance FROM unit WHERE id = ANY($1::uuid[])
               UNION ALL SELECT number, provenance FROM lot WHERE id = ANY($2::uuid[])
           )
           SELECT pool.code AS pool, contract.minimum_provenance AS needed, piece.what, piece.provenance AS grade
           FROM pool
           JOIN contract ON contract.id = pool.contract
           JOIN grade AS least ON least.name = contract.minimum_provenance
           CROSS JOIN piece
           JOIN grade AS own ON own.name = piece.provenance
           WHERE pool.id = $3 AND own.rank > least.rank LIMIT 1""",
        [move.unit for move in moves if move.unit],
        [move.lot for move in moves if move.lot],
        pool,
    )
    if worse is not None:
        raise PoolWantsBetter(**dict(worse))


async def _told(what: State, crossing: UUID) -> Crossing:
    view = await crossing_view(crossing)
    await events.emit(f"pool_crossing.{what}", "pool_crossing", view.number, view, depot=view.depot)
    return view


_VIEW = """SELECT pool_crossing.id, number, place.code AS depot, part.part_number, quantity, serials,
                  origin.code AS from_pool, target.code AS to_pool, reason, state, asked_at, asked_by, decided_at,
                  decided_by, decided_for, decision_reason
           FROM pool_crossing
           JOIN place ON place.id = pool_crossing.place
           JOIN part ON part.id = pool_crossing.part
           JOIN pool AS origin ON origin.id = pool_crossing.from_pool
           JOIN pool AS target ON target.id = pool_crossing.to_pool"""


async def crossing_view(crossing: UUID, *, seen_by: Actor | None = None) -> Crossing:
    """One crossing.

    Raises:
        Unknown: no such crossing in the reader's stores.

    """
    view = await db.read_one(
        Crossing,
        f"{_VIEW} WHERE pool_crossing.id = $1 AND ($2::text[] IS NULL OR place.code = ANY($2))",
        crossing,
        seen_by.depot_scope if seen_by else None,
    )
    if view is None:
        raise Unknown(what="pool crossing", what_zh="库存归属调整", key=str(crossing))
    return view


async def crossings(
    *, limit: int, seen_by: Actor, after: UUID | None = None, state: str | None = None, depot: str | None = None
) -> list[Crossing]:
    """Crossings in the reader's stores, newest first."""
    return await db.read(
        Crossing,
        f"""{_VIEW}
            WHERE ($1::text[] IS NULL OR place.code = ANY($1)) AND ($2::uuid IS NULL OR pool_crossing.id < $2)
              AND ($3::text IS NULL OR state = $3) AND ($4::text IS NULL OR place.code = $4)
            ORDER BY pool_crossing.id DESC LIMIT $5""",
        seen_by.depot_scope,
        after,
        state,
        depot,
        limit,
    )
