"""Suspected counterfeits (疑似假冒): a unit is blocked with all its sisters, by one act, until a second person has judged.

Sisters are what came of the part with the same receipt, or, in the wider scope, everything of the part that the same vendor
brought; of parts without serials, what it brought under the same lot number. What lies on a shelf goes into quarantine, also
what was promised: whoever was to have it is served anew. What is out, on the road or carried by a transfer is written down
and somebody has the duty to get it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.catalogue import parts
from inventory.ground import audit, clock, db, events, jobs, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.places.tables import STORE_KINDS
from inventory.procurement import release
from inventory.stock import batches, conditions, reservations, units
from inventory.stock.batches import OnShelf
from inventory.stock.pieces import Pieces

Scope = Literal["receipt", "vendor"]
State = Literal["blocked", "released", "confirmed"]
Judgement = Literal["released", "confirmed"]

JUDGE_WITHIN = timedelta(days=3)
GET_BACK_WITHIN = timedelta(hours=8)


class CameByNoReceipt(Refused):
    """No receipt says how {code} came in: its sisters are not known."""

    zh = "{code} 没有入库单记录，无法确定同批单件。"
    help_en = "Judge the piece itself into quarantine, and look for where it came from."
    help_zh = "请单独隔离该件，并追查其来源。"


class SuspectedAlready(Refused, constraint="suspicion_is_open_once"):
    """This part of this receipt is under suspicion already."""

    zh = "该入库单的此备件已有待处置的疑似假冒记录。"
    help_en = "Work on the record that is open."
    help_zh = "请在已有记录中处理。"


class JudgedByYourself(Forbidden):
    """{number} is judged by somebody other than {opener}, who raised it."""

    zh = "{number} 须由提出人 {opener} 以外的人处置。"
    help_en = "Ask a colleague who may pass inspections."
    help_zh = "请由另一位有检验放行权限的同事处置。"


class SuspectPiece(Struct, frozen=True, kw_only=True):
    """A piece under suspicion, where it was and whether it could be blocked there."""

    what: str
    place: str
    store: bool
    quantity: int
    blocked: bool
    condition: str


class SuspicionView(Struct, frozen=True, kw_only=True):
    """A record of suspected counterfeits; `blocked` and `out` count pieces."""

    id: UUID
    number: str
    part_number: str
    name_zh: str
    name_en: str
    receipt: str
    vendor: str | None
    vendor_zh: str | None
    vendor_en: str | None
    scope: Scope
    code: str
    state: State
    blocked: int
    out: int
    reason: str
    opened_at: datetime
    opened_by: str
    decided_at: datetime | None
    decided_by: str | None
    decision: str


class SuspicionDetail(Struct, frozen=True, kw_only=True):
    """The record with its pieces at the reader's stores."""

    suspicion: SuspicionView
    pieces: list[SuspectPiece]


@db.atomic
async def suspect(code: str, part_number: str, *, by: Actor, reason: str, scope: Scope = "receipt") -> SuspicionDetail:
    """Block a unit (its serial or tag), or a lot, with all its sisters.

    Raises:
        Unknown, UnknownPart: no such part, or no such unit or lot of it in the actor's stores.
        ReasonMissing: no reason was given.
        CameByNoReceipt: nothing says what came in with it.
        SuspectedAlready: they are under suspicion already.
        NotYourDepot: some of them lie on shelves of stores that the actor does not serve.

    """
    by.require("stock.judge")
    if not reason.strip():
        raise ReasonMissing
    part = await parts.find(part_number)
    receipt, lot = await _came_with(code, part.id, part.part_number, serialised=part.serialised, by=by)
    came = [receipt] if scope == "receipt" else await _of_the_vendor(receipt, part.id, lot)
    number = await next_number("CF")
    suspicion = await db.fetch_value(
        """INSERT INTO suspicion (number, part, receipt, scope, code, state, reason, opened_at, opened_by)
           VALUES ($1, $2, $3, $4, $5, 'blocked', $6, $7, $8)
           ON CONFLICT (receipt, part) WHERE state = 'blocked' DO NOTHING RETURNING id""",
        number,
        part.id,
        receipt,
        scope,
        code,
        reason.strip(),
        clock.now(),
        by.name,
    )
    if suspicion is None:
        raise SuspectedAlready
    shelves = await batches.on_shelves(part.id, came)
    for shelf in shelves:
        by.require_depot(shelf.depot)
    for shelf in shelves:
        await _block(shelf, part.id, part.part_number, number, reason.strip(), by)
    await db.execute(_PIECES, suspicion, part.id, came, list(STORE_KINDS))
    view = await _detail(suspicion, None)
    await steps.begin(
        "judge_counterfeit",
        "suspicion",
        number,
        owner_role="quality_supervisor",
        due_at=clock.now() + JUDGE_WITHIN,
    )
    if view.suspicion.out:
        await steps.begin(
            "find_counterfeit",
            "suspicion",
            number,
            owner_role="quality_supervisor",
            due_at=clock.now() + GET_BACK_WITHIN,
        )
    await audit.record("counterfeit.suspected", "suspicion", number, by=by, reason=reason.strip())
    return await _told(view, "suspected", by)


async def _came_with(code: str, part: int, part_number: str, *, serialised: bool, by: Actor) -> tuple[UUID, str | None]:
    """The receipt that brought a unit or lot of the actor's, and the lot's number."""
    if serialised:
        unit = await units.unit(code, seen_by=by, part_number=part_number)
        receipt, lot = await db.fetch_value("SELECT receipt FROM unit WHERE id = $1", unit.id), None
    else:
        row = await db.fetch_one(
            """SELECT receipt, number FROM lot WHERE part = $1 AND number = $2
               AND ($3::text[] IS NULL OR EXISTS (SELECT FROM lot_stock JOIN place ON place.id = lot_stock.place
                                                  WHERE lot_stock.lot = lot.id AND place.code = ANY($3)))""",
            part,
            code,
            by.depot_scope,
        )
        if row is None:
            raise Unknown(what="lot", what_zh="批次", key=code)
        receipt, lot = row["receipt"], row["number"]
    if receipt is None:
        raise CameByNoReceipt(code=code)
    return receipt, lot


async def _of_the_vendor(receipt: UUID, part: int, lot: str | None) -> list[UUID]:
    """The receipts by which the same sender brought the part, or the lot of that number."""
    rows = await db.fetch(
        """SELECT DISTINCT came.receipt
           FROM movement AS first
           JOIN movement AS came ON came.part = $2 AND came.kind = 'receipt' AND came.from_place = first.from_place
           LEFT JOIN lot ON lot.id = came.lot
           WHERE first.receipt = $1 AND first.part = $2 AND first.kind = 'receipt' AND came.receipt IS NOT NULL
             AND ($3::text IS NULL OR split_part(lot.number, '·', 1) = split_part($3, '·', 1))""",
        receipt,
        part,
        lot,
    )
    return sorted({receipt, *(row["receipt"] for row in rows)})


async def _block(shelf: OnShelf, part: int, part_number: str, number: str, reason: str, by: Actor) -> None:
    """Quarantine what lies on a shelf; what was promised of it is let go, as far as no transfer carries it."""
    if shelf.free < shelf.quantity:
        for row in await db.fetch(_PROMISES, shelf.level, shelf.unit_ids):
            await reservations.release(row["id"], by=by)
            await jobs.enqueue(jobs.ReservationTakenOver(row["id"]))
            (shelf,) = await batches.on_shelves(part, shelf.receipts, level=shelf.level, lot=shelf.lot)
            if shelf.free >= shelf.quantity:
                break
    count = max(min(shelf.free, shelf.quantity), 0)
    serials = shelf.unpicked[:count]
    if shelf.lot is not None and count:
        which = Pieces(shelf.depot, part_number, quantity=count, lot=shelf.lot, pool=shelf.pool, owner=shelf.owner)
    elif serials:
        which = Pieces(shelf.depot, part_number, serials=serials, pool=shelf.pool, owner=shelf.owner)
    else:
        return
    await conditions.judge(which, "good", "quarantine", by=by, reason=f"{number}: {reason}")


_PROMISES = """
SELECT reservation.id FROM reservation
WHERE reservation.level = $1 AND reservation.state = 'pending'
  AND NOT EXISTS (SELECT FROM transfer_line WHERE transfer_line.reservation = reservation.id)
ORDER BY EXISTS (SELECT FROM pick WHERE pick.reservation = reservation.id AND pick.unit = ANY($2)
                 AND pick.state IN ('open', 'picked')) DESC, priority, reservation.id DESC
"""
"""The promises that go first: those for which one of these units was proposed or picked, then the least urgent."""

_PIECES = """
INSERT INTO suspect_piece (suspicion, unit, lot, place, quantity, blocked)
SELECT $1::uuid, unit.id, NULL::uuid, unit.place, 1, unit.condition = 'quarantine' AND place.kind = ANY($4)
FROM unit JOIN place ON place.id = unit.place
WHERE unit.part = $2 AND unit.receipt = ANY($3) AND unit.condition <> 'scrapped' AND place.kind <> 'vendor'
UNION ALL
SELECT $1::uuid, NULL, lot.id, lot_stock.place, sum(lot_stock.quantity)::int, lot_stock.condition = 'quarantine'
FROM lot JOIN lot_stock ON lot_stock.lot = lot.id AND lot_stock.quantity > 0
WHERE lot.part = $2 AND lot.receipt = ANY($3) AND lot_stock.condition <> 'scrapped'
GROUP BY lot.id, lot_stock.place, lot_stock.condition = 'quarantine'
"""


@db.atomic
async def decide(suspicion: UUID, *, by: Actor, counterfeit: bool, remark: str) -> SuspicionDetail:
    """Judge, as the second person: released, what was blocked passes its inspection; confirmed, it is defective for good.

    Raises:
        Unknown: no such record in the actor's stores.
        ReasonMissing: it was not said what was found.
        JudgedByYourself: the actor raised it.
        WrongState: it was judged before.
        NotYourDepot: some of the pieces lie at stores that the actor does not serve.
        ProvenanceTooLow, PapersMissing: what would be released is not proven enough; confirm it, or prove it first.

    """
    by.require("stock.inspect")
    by.require_eyes()
    was = await _detail(suspicion, by)
    if not remark.strip():
        raise ReasonMissing
    if was.suspicion.opened_by == by.name:
        raise JudgedByYourself(number=was.suspicion.number, opener=was.suspicion.opened_by)
    moved = await db.execute(
        """UPDATE suspicion SET state = $2, decided_at = $3, decided_by = $4, decision = $5
           WHERE id = $1 AND state = 'blocked'""",
        suspicion,
        "confirmed" if counterfeit else "released",
        clock.now(),
        by.name,
        remark.strip(),
    )
    if not moved:
        raise WrongState(
            what="Suspicion",
            what_zh="疑似假冒记录",
            key=was.suspicion.number,
            state=was.suspicion.state,
            needed="blocked",
        )
    finding = f"{was.suspicion.number}: {remark.strip()}"
    for which in await _still_blocked(suspicion, was.suspicion.part_number):
        if counterfeit:
            await conditions.judge(which, "quarantine", "defective", by=by, reason=finding)
        else:
            await release.release(which, "quarantine", by=by, finding=finding)
    if counterfeit:
        await db.execute(
            """WITH pieces AS (SELECT unit, lot FROM suspect_piece WHERE suspicion = $1),
               lots AS (UPDATE lot SET provenance = 'unproven' WHERE id IN (SELECT lot FROM pieces))
               UPDATE unit SET provenance = 'unproven' WHERE id IN (SELECT unit FROM pieces)""",
            suspicion,
        )
    await steps.finish("suspicion", was.suspicion.number, "judge_counterfeit", by=by)
    if not counterfeit:
        await steps.finish("suspicion", was.suspicion.number, by=by)
    return await _judged(suspicion, "confirmed" if counterfeit else "released", remark.strip(), by)


async def _judged(suspicion: UUID, what: Judgement, remark: str, by: Actor) -> SuspicionDetail:
    view = await _detail(suspicion, None)
    await audit.record(f"counterfeit.{what}", "suspicion", view.suspicion.number, by=by, reason=remark)
    return await _told(view, what, by)


async def _still_blocked(suspicion: UUID, part_number: str) -> list[Pieces]:
    """What a record blocked and what is still in quarantine where it was, store by store."""
    rows = await db.fetch(
        """SELECT place.code AS depot, pool.code AS pool, party.code AS owner, NULL AS lot,
                  array_agg(unit.serial ORDER BY unit.serial) AS serials, count(*)::int AS quantity
           FROM suspect_piece AS piece
           JOIN unit ON unit.id = piece.unit AND unit.place = piece.place AND unit.condition = 'quarantine'
           JOIN place ON place.id = unit.place JOIN pool ON pool.id = unit.pool JOIN party ON party.id = unit.owner
           WHERE piece.suspicion = $1 AND piece.blocked GROUP BY 1, 2, 3
           UNION ALL
           SELECT place.code, pool.code, party.code, lot.number, '{}',
                  least(sum(lot_stock.quantity), max(piece.quantity))::int
           FROM suspect_piece AS piece
           JOIN lot ON lot.id = piece.lot
           JOIN lot_stock ON lot_stock.lot = lot.id AND lot_stock.place = piece.place
                AND lot_stock.condition = 'quarantine' AND lot_stock.quantity > 0
           JOIN place ON place.id = piece.place JOIN pool ON pool.id = lot_stock.pool
           JOIN party ON party.id = lot_stock.owner
           WHERE piece.suspicion = $1 AND piece.blocked GROUP BY 1, 2, 3, 4
           ORDER BY 1, 2, 3, 4""",
        suspicion,
    )
    return [
        Pieces(
            row["depot"],
            part_number,
            quantity=0 if row["serials"] else row["quantity"],
            serials=row["serials"],
            lot=row["lot"],
            pool=row["pool"],
            owner=row["owner"],
        )
        for row in rows
    ]


async def _told(view: SuspicionDetail, what: str, by: Actor) -> SuspicionDetail:
    told = view.suspicion
    payload = {name: getattr(told, name) for name in ("number", "part_number", "receipt", "state", "blocked", "out")}
    for depot in sorted({piece.place for piece in view.pieces if piece.store}):
        await events.emit(f"counterfeit.{what}", "suspicion", told.number, payload, depot=depot, closed=True)
    shown = [piece for piece in view.pieces if by.sees_depot(piece.place)]
    return SuspicionDetail(suspicion=told, pieces=shown)


def seen(depots: str, contracts: str) -> str:
    """SQL: a record is seen by whoever sees the store that took the batch in, or one where a piece of it was.

    `depots` and `contracts` name the parameters that hold the reader's scope.
    """
    return f"""({depots}::text[] IS NULL OR (store.code = ANY({depots}) OR EXISTS (
        SELECT FROM suspect_piece JOIN place ON place.id = suspect_piece.place
        WHERE suspect_piece.suspicion = suspicion.id AND place.code = ANY({depots})))) AND {contracts}::text[] IS NULL"""


_SEEN = seen("$1", "$2")

_VIEW = """SELECT suspicion.id, suspicion.number, part.part_number, part.name_zh, part.name_en, receipt.number AS receipt,
                  sender.code AS vendor, sender.name_zh AS vendor_zh, sender.name_en AS vendor_en, scope, suspicion.code,
                  suspicion.state, counted.blocked, counted.out, suspicion.reason, opened_at, opened_by, decided_at,
                  decided_by, decision
           FROM suspicion
           JOIN part ON part.id = suspicion.part
           JOIN receipt ON receipt.id = suspicion.receipt
           JOIN place AS store ON store.id = receipt.place
           LEFT JOIN LATERAL (
               SELECT party.code, party.name_zh, party.name_en
               FROM movement JOIN place ON place.id = from_place AND place.kind = 'vendor'
               JOIN party ON party.id = place.party
               WHERE movement.receipt = receipt.id AND movement.part = suspicion.part AND movement.kind = 'receipt' LIMIT 1
           ) AS sender ON true
           CROSS JOIN LATERAL (
               SELECT coalesce(sum(quantity) FILTER (WHERE blocked), 0)::int AS blocked,
                      coalesce(sum(quantity) FILTER (WHERE NOT blocked), 0)::int AS out
               FROM suspect_piece WHERE suspect_piece.suspicion = suspicion.id
           ) AS counted"""


async def suspicion(suspicion: UUID, *, seen_by: Actor) -> SuspicionDetail:
    """One record, with its pieces at the reader's stores.

    Raises:
        Unknown: no such record about pieces at the reader's stores.

    """
    return await _detail(suspicion, seen_by)


async def _detail(suspicion: UUID, seen_by: Actor | None) -> SuspicionDetail:
    scope = (seen_by.depot_scope, seen_by.contract_scope) if seen_by else (None, None)
    view = await db.read_one(SuspicionView, f"{_VIEW} WHERE {_SEEN} AND suspicion.id = $3", *scope, suspicion)
    if view is None:
        raise Unknown(what="suspicion", what_zh="疑似假冒记录", key=str(suspicion))
    pieces = await db.read(
        SuspectPiece,
        """SELECT coalesce(unit.serial, lot.number) AS what, place.code AS place, place.kind = ANY($2) AS store,
                  piece.quantity, piece.blocked, coalesce(unit.condition, CASE WHEN blocked THEN 'quarantine' ELSE 'good' END)
                      AS condition
           FROM suspect_piece AS piece
           JOIN place ON place.id = piece.place
           LEFT JOIN unit ON unit.id = piece.unit
           LEFT JOIN lot ON lot.id = piece.lot
           WHERE piece.suspicion = $1 AND ($3::text[] IS NULL OR place.code = ANY($3))
           ORDER BY piece.blocked, place.code, what LIMIT 2000""",
        suspicion,
        list(STORE_KINDS),
        scope[0],
    )
    return SuspicionDetail(suspicion=view, pieces=pieces)


async def suspicions(
    *, limit: int, seen_by: Actor, after: UUID | None = None, state: State | None = None
) -> Sequence[SuspicionView]:
    """Records about pieces at the reader's stores, newest first."""
    return await db.read(
        SuspicionView,
        f"""{_VIEW} WHERE {_SEEN} AND ($3::uuid IS NULL OR suspicion.id < $3)
            AND ($4::text IS NULL OR suspicion.state = $4) ORDER BY suspicion.id DESC LIMIT $5""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        after,
        state,
        limit,
    )
