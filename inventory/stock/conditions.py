"""Conditions: from which to which a piece may go, who may say so, and what it takes; the change in the ledger."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.places import places
from inventory.stock import lots
from inventory.stock.ledger import post
from inventory.stock.moves import Piece, Spot, moves_of
from inventory.stock.pieces import Chosen, Pieces, choose

Condition = Literal["good", "defective", "quarantine", "frozen", "in_test", "scrapped", "unknown"]
Needs = Literal["reason", "passed_test", "passed_inspection", "second_person"]

STEPS: dict[tuple[str, str], Needs] = {
    ("quarantine", "good"): "passed_inspection",
    ("quarantine", "defective"): "reason",
    ("unknown", "in_test"): "reason",
    ("unknown", "defective"): "reason",
    ("unknown", "quarantine"): "reason",
    ("defective", "in_test"): "reason",
    ("defective", "scrapped"): "second_person",
    ("in_test", "good"): "passed_test",
    ("in_test", "defective"): "reason",
    ("good", "frozen"): "reason",
    ("frozen", "good"): "reason",
    ("good", "defective"): "reason",
    ("good", "quarantine"): "reason",
    ("good", "in_test"): "reason",
}
"""Every step a piece may take between conditions, and what it takes; there are no others."""


class NoSuchStep(Refused):
    """A piece that is {was} does not become {becomes}; it may become {may}."""

    zh = "状态为“{was}”的备件不能变为“{becomes}”；可变为：{may}。"
    help_en = "Take the steps in between; what was bad becomes free only by a test that it passed."
    help_zh = "请按中间步骤办理；坏件只有检验合格后才能恢复可用。"


class ResultMissing(Refused):
    """To become good, {part_number} needs a recorded result: what was tested or inspected, and that it passed."""

    zh = "{part_number} 恢复为好件须记录检验合格结果。"
    help_en = "Record the passed test or inspection with what was found."
    help_zh = "请登记检验合格及检验所见。"


class SecondPerson(Forbidden):
    """Scrapping {number} is decided by somebody other than {proposer}, who proposed it."""

    zh = "报废申请 {number} 须由提出人 {proposer} 以外的人决定。"
    help_en = "Ask a colleague who may judge stock at this depot."
    help_zh = "请由该库另一位有判定权限的同事确认。"


class DataNotErased(Refused, constraint="unit_with_data_is_not_good"):
    """{serial} holds a customer's data and does not become good stock."""

    zh = "{serial} 上仍有客户数据，不能转为好件。"
    help_en = "Erase its data and have a second person verify it; then it may pass its test."
    help_zh = "请先清除数据，并由第二人核验；之后方可检验放行。"


class InspectionView(Struct, frozen=True, kw_only=True):
    """What somebody found a piece to be."""

    id: UUID
    number: str
    kind: Literal["incoming", "test", "judgement"]
    result: Literal["passed", "failed", "open"]
    part_number: str
    serial: str | None
    lot: str | None
    depot: str
    quantity: int
    from_condition: str
    to_condition: str
    finding: str
    inspected_at: datetime
    inspected_by: str


class ScrappingView(Struct, frozen=True, kw_only=True):
    """A proposal to scrap."""

    id: UUID
    number: str
    depot: str
    part_number: str
    serial: str | None
    lot: str | None
    quantity: int
    state: Literal["proposed", "approved", "refused"]
    reason: str
    proposed_at: datetime
    proposed_by: str
    decided_at: datetime | None
    decided_by: str | None
    remark: str


def needs(was: str, becomes: str) -> Needs:
    """What a step from one condition to another takes.

    >>> needs("in_test", "good")
    'passed_test'

    Raises:
        NoSuchStep: a piece does not go that way.

    """
    found = STEPS.get((was, becomes))
    if found is None:
        raise NoSuchStep(was=was, becomes=becomes, may=", ".join(to for origin, to in STEPS if origin == was) or "–")
    return found


@db.atomic
async def judge(which: Pieces, was: Condition, becomes: Condition, *, by: Actor, reason: str) -> list[InspectionView]:
    """Change the condition of pieces where they lie, with a reason; nothing becomes free this way but what was frozen.

    Raises:
        NoSuchStep: pieces do not go that way.
        ResultMissing: the step makes stock free, and takes a recorded result (`procurement.release`).
        ReasonMissing: no reason was given.
        UnitNotHere, LotNotHere, InsufficientStock: the pieces are not there, or are promised to somebody.

    """
    by.require("stock.judge")
    by.require_depot(which.depot)
    if not reason.strip():
        raise ReasonMissing
    taken = needs(was, becomes)
    if taken == "second_person":
        raise NoSuchStep(was=was, becomes=becomes, may="scrap by proposal")
    if taken in ("passed_test", "passed_inspection"):
        raise ResultMissing(part_number=which.part_number)
    failed = becomes == "defective" and was in ("quarantine", "in_test")
    chosen = await choose(which, was)
    return await change(chosen, becomes, by=by, result="failed" if failed else "open", finding=reason)


async def change(
    chosen: Chosen,
    becomes: Condition,
    *,
    by: Actor,
    result: Literal["passed", "failed", "open"],
    finding: str,
) -> list[InspectionView]:
    """Move pieces into another condition on behalf of a verb that has checked it, and keep what was found.

    What was in quarantine was inspected as it came in, what was in test was tested; anything else is a judgement.

    Raises:
        InsufficientStock: good pieces that are promised to somebody do not change.
        DataNotErased: what is to be good holds a customer's data.

    """
    if becomes == "good":
        await _require_no_data(chosen)
    number = await next_number("QI")
    spot = chosen.spot
    target = Spot(spot.place, becomes, spot.owner, spot.pool)
    await post(
        moves_of(
            chosen.pieces,
            "condition",
            chosen.part.id,
            spot,
            target,
            staying=True,
            document_kind="inspection",
            document=number,
            reason=finding,
        ),
        by=by,
    )
    await db.execute(
        """INSERT INTO inspection (number, kind, result, part, unit, lot, place, quantity, from_condition, to_condition,
                                   finding, inspected_at, inspected_by)
           SELECT $1, $2, $3, $4, unit, lot, $5, quantity, $6, $7, $8, $9, $10
           FROM unnest($11::uuid[], $12::uuid[], $13::int[]) AS piece(unit, lot, quantity)""",
        number,
        {"quarantine": "incoming", "in_test": "test"}.get(spot.condition, "judgement"),
        result,
        chosen.part.id,
        spot.place,
        spot.condition,
        becomes,
        finding,
        clock.now(),
        by.name,
        [piece.unit for piece in chosen.pieces],
        [piece.lot for piece in chosen.pieces],
        [piece.quantity for piece in chosen.pieces],
    )
    if spot.condition == "quarantine":
        await _finish_inspected(spot.place, by=by)
    if spot.condition == "unknown":
        await _finish_judged(chosen, by=by)
    return await db.read(InspectionView, f"{_VIEW} WHERE inspection.number = $1 ORDER BY inspection.id", number)


async def _require_no_data(chosen: Chosen) -> None:
    serial = await db.fetch_value(
        "SELECT serial FROM unit WHERE id = ANY($1) AND holds_data ORDER BY serial LIMIT 1",
        [piece.unit for piece in chosen.pieces],
    )
    if serial is not None:
        raise DataNotErased(serial=serial)


async def _finish_inspected(place: int, *, by: Actor) -> None:
    """Close the duty to inspect of every receipt of which nothing is left in quarantine here."""
    await db.execute(
        """UPDATE step SET done_at = $2, done_by = $3
           FROM receipt
           WHERE receipt.place = $1 AND step.subject_kind = 'receipt' AND step.subject = receipt.number
             AND step.kind = 'inspect_receipt' AND step.done_at IS NULL
             AND NOT EXISTS (SELECT FROM receipt_line AS line
                             JOIN level ON level.part = line.part AND level.place = $1
                                  AND level.condition = 'quarantine' AND level.on_hand > 0
                             WHERE line.receipt = receipt.id AND line.condition = 'quarantine' AND line.quantity > 0)""",
        place,
        clock.now(),
        by.name,
    )


async def _finish_judged(chosen: Chosen, *, by: Actor) -> None:
    """Close the duty to judge what was handed in."""
    await db.execute(
        """UPDATE step SET done_at = $3, done_by = $4
           WHERE subject_kind = 'unit' AND kind = 'judge_part' AND done_at IS NULL
             AND subject IN (SELECT tag FROM unit WHERE id = ANY($1) UNION SELECT number FROM lot WHERE id = ANY($2))""",
        [piece.unit for piece in chosen.pieces],
        [piece.lot for piece in chosen.pieces],
        clock.now(),
        by.name,
    )


@db.atomic
async def propose_scrap(which: Pieces, *, by: Actor, reason: str) -> list[ScrappingView]:
    """Propose to scrap defective pieces, one proposal a piece or lot; they stay where they are until it is decided.

    Raises:
        ReasonMissing: no reason was given.
        ScrapProposedTwice: it is proposed already.
        UnitNotHere, LotNotHere: they are not there, or not defective.

    """
    by.require("stock.judge")
    by.require_depot(which.depot)
    if not reason.strip():
        raise ReasonMissing
    chosen = await choose(which, "defective")
    numbers: list[str] = []
    for piece in chosen.pieces:
        numbers.append(await next_number("SC"))
        await db.execute(
            """INSERT INTO scrapping (number, place, part, owner, pool, unit, lot, quantity, state, reason, proposed_at,
                                      proposed_by)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'proposed', $9, $10, $11)""",
            numbers[-1],
            chosen.spot.place,
            chosen.part.id,
            chosen.spot.owner,
            chosen.spot.pool,
            piece.unit,
            piece.lot,
            piece.quantity,
            reason,
            clock.now(),
            by.name,
        )
    return await db.read(ScrappingView, f"{_SCRAPPING} WHERE scrapping.number = ANY($1) ORDER BY number", numbers)


class ScrapProposedTwice(Refused, constraint="scrapping_is_proposed_once_per_unit"):
    """Scrapping this unit is proposed already."""

    zh = "该单件已有待决定的报废申请。"
    help_en = "Decide the proposal that is there."
    help_zh = "请先处理已有的报废申请。"


@db.atomic
async def decide_scrap(number: str, *, by: Actor, approve: bool, remark: str = "") -> ScrappingView:
    """Decide as the second person: approved, the pieces leave for scrap; refused, they stay defective.

    Raises:
        Unknown: no such proposal in the actor's scope.
        SecondPerson: the actor proposed it.
        WrongState: it was decided before.
        UnitNotHere, LotNotHere: the pieces are not there any more.

    """
    by.require("stock.judge")
    view = await scrapping(number, seen_by=by)
    by.require_depot(view.depot)
    by.require_eyes()
    if view.proposed_by == by.name:
        raise SecondPerson(number=number, proposer=view.proposed_by)
    row = await db.fetch_one(
        """UPDATE scrapping SET state = $2, decided_at = $3, decided_by = $4, remark = $5
           WHERE number = $1 AND state = 'proposed' RETURNING part, place, owner, pool, unit, lot, quantity""",
        number,
        "approved" if approve else "refused",
        clock.now(),
        by.name,
        remark,
    )
    if row is None:
        raise WrongState(what="Scrapping", what_zh="报废申请", key=number, state=view.state, needed="proposed")
    if approve:
        origin = Spot(row["place"], "defective", row["owner"], row["pool"])
        scrap = await places.find(places.SCRAP)
        target = Spot(scrap.id, "scrapped", row["owner"], row["pool"])
        pieces = (
            [Piece(unit=row["unit"], bin=await db.fetch_value("SELECT bin FROM unit WHERE id = $1", row["unit"]))]
            if row["unit"]
            else await lots.take(row["part"], origin, row["quantity"], lot=row["lot"])
        )
        await post(
            moves_of(
                pieces,
                "scrap",
                row["part"],
                origin,
                target,
                document_kind="scrapping",
                document=number,
                reason=view.reason,
            ),
            by=by,
        )
    return await scrapping(number, seen_by=by)


_VIEW = """SELECT inspection.id, inspection.number, inspection.kind, result, part.part_number, unit.serial, lot.number AS lot,
                  place.code AS depot, quantity, from_condition, to_condition, finding, inspected_at, inspected_by
           FROM inspection
           JOIN part ON part.id = inspection.part
           JOIN place ON place.id = inspection.place
           LEFT JOIN unit ON unit.id = inspection.unit
           LEFT JOIN lot ON lot.id = inspection.lot"""

_SCRAPPING = """SELECT scrapping.id, scrapping.number, place.code AS depot, part.part_number, unit.serial,
                       lot.number AS lot, quantity, state, reason, proposed_at, proposed_by, decided_at, decided_by, remark
                FROM scrapping
                JOIN part ON part.id = scrapping.part
                JOIN place ON place.id = scrapping.place
                LEFT JOIN unit ON unit.id = scrapping.unit
                LEFT JOIN lot ON lot.id = scrapping.lot"""


async def inspections(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    depot: str | None = None,
    part_number: str | None = None,
    serial: str | None = None,
) -> list[InspectionView]:
    """What was found at the reader's stores, newest first."""
    return await db.read(
        InspectionView,
        f"""{_VIEW}
            WHERE ($1::text[] IS NULL OR place.code = ANY($1)) AND ($2::uuid IS NULL OR inspection.id < $2)
              AND ($3::text IS NULL OR place.code = $3) AND ($4::text IS NULL OR part.part_number = $4)
              AND ($5::text IS NULL OR unit.serial = $5 OR unit.tag = $5)
            ORDER BY inspection.id DESC LIMIT $6""",
        seen_by.depot_scope,
        after,
        depot,
        part_number,
        serial,
        limit,
    )


async def scrapping(number: str, *, seen_by: Actor) -> ScrappingView:
    """One proposal to scrap.

    Raises:
        Unknown: no such proposal in the reader's scope.

    """
    view = await db.read_one(
        ScrappingView,
        f"{_SCRAPPING} WHERE scrapping.number = $1 AND ($2::text[] IS NULL OR place.code = ANY($2))",
        number,
        seen_by.depot_scope,
    )
    if view is None:
        raise Unknown(what="scrapping", what_zh="报废申请", key=number)
    return view


async def scrappings(
    *, limit: int, seen_by: Actor, after: UUID | None = None, state: str | None = None, depot: str | None = None
) -> list[ScrappingView]:
    """Proposals to scrap at the reader's stores, newest first."""
    return await db.read(
        ScrappingView,
        f"""{_SCRAPPING}
            WHERE ($1::text[] IS NULL OR place.code = ANY($1)) AND ($2::uuid IS NULL OR scrapping.id < $2)
              AND ($3::text IS NULL OR state = $3) AND ($4::text IS NULL OR place.code = $4)
            ORDER BY scrapping.id DESC LIMIT $5""",
        seen_by.depot_scope,
        after,
        state,
        depot,
        limit,
    )


class Awaiting(Struct, frozen=True, kw_only=True):
    """Stock that waits for a judgement, a test or an inspection: not free until somebody says so."""

    depot: str
    part_number: str
    name_zh: str
    name_en: str
    serialised: bool
    condition: str
    owner: str
    pool: str
    piece: str
    bin: str | None
    quantity: int
    claimed_serial: str | None
    note: str
    since: datetime


AwaitingKey = tuple[str, str, str, str, str, str, str]
"""What a piece in the list of what waits is found again by: a lot may lie in several bins, conditions and pools."""


def key_of(piece: Awaiting) -> AwaitingKey:
    """Where in the list a piece stands."""
    return piece.depot, piece.part_number, piece.piece, piece.condition, piece.owner, piece.pool, piece.bin or ""


async def awaiting(
    *,
    limit: int,
    seen_by: Actor,
    after: AwaitingKey | None = None,
    depot: str | None = None,
    condition: str | None = None,
) -> list[Awaiting]:
    """Pieces that are not good stock, whosever they are, by store, part and serial (or lot)."""
    return await db.read(
        Awaiting,
        """SELECT depot, part_number, name_zh, name_en, serialised, condition, owner, pool, piece, bin, quantity,
                  claimed_serial, note, since
           FROM (
               SELECT place.code AS depot, part.part_number, part.name_zh, part.name_en, part.serialised, unit.condition,
                      party.code AS owner, pool.code AS pool, unit.serial AS piece, bin.code AS bin, 1 AS quantity,
                      unit.claimed_serial, unit.source AS note, unit.received_at AS since
               FROM unit
               JOIN place ON place.id = unit.place AND place.kind IN ('depot', 'onsite_store', 'engineer_stock')
               JOIN party ON party.id = unit.owner
               JOIN part ON part.id = unit.part
               JOIN pool ON pool.id = unit.pool
               LEFT JOIN bin ON bin.id = unit.bin
               WHERE unit.condition <> 'good'
               UNION ALL
               SELECT place.code, part.part_number, part.name_zh, part.name_en, part.serialised, lot_stock.condition,
                      party.code, pool.code, lot.number, bin.code, lot_stock.quantity, NULL, lot.source, lot.received_at
               FROM lot_stock
               JOIN place ON place.id = lot_stock.place
               JOIN party ON party.id = lot_stock.owner
               JOIN part ON part.id = lot_stock.part
               JOIN lot ON lot.id = lot_stock.lot
               JOIN pool ON pool.id = lot_stock.pool
               LEFT JOIN bin ON bin.id = lot_stock.bin
               WHERE lot_stock.condition <> 'good' AND lot_stock.quantity > 0
           ) AS piece
           WHERE ($1::text[] IS NULL OR depot = ANY($1)) AND ($2::text IS NULL OR depot = $2)
             AND ($3::text IS NULL OR condition = $3)
             AND ($5::text IS NULL
                  OR (depot, part_number, piece, condition, owner, pool, coalesce(bin, ''))
                     > ($5, $6, $7, $8, $9, $10, $11))
           ORDER BY depot, part_number, piece, condition, owner, pool, coalesce(bin, '') LIMIT $4""",
        seen_by.depot_scope,
        depot,
        condition,
        limit,
        *(after or (None,) * 7),
    )
