"""Papers of provenance: what is attached to a piece, to the receipt that brought it, or to its order or notice.

A maker and an authorised channel are proven by the vendor's letter, our own repairs by their test. Pulled and brokered parts
have nothing but their papers: without one they are not good stock, and nothing is raised to a better grade without one.
"""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.catalogue import parts
from inventory.catalogue.grades import GRADES, GRADES_ZH, Provenance
from inventory.ground import audit, db, jobs
from inventory.ground.actor import Actor
from inventory.ground.errors import ReasonMissing, Refused
from inventory.stock.moves import Piece
from inventory.stock.pieces import Pieces, choose

NEED_PAPERS: tuple[Provenance, ...] = ("pulled", "broker")
"""What is good stock only with a paper of its own, where a contract allows it at all."""


class PapersMissing(Refused):
    """{part_number} is {grade}, and no paper of it is attached: no delivery note, no maker's certificate."""

    zh = "{part_number} 的来源等级为 {grade_zh}，但未附任何凭证（送货单、原厂证明等）。"
    help_en = "Attach its papers to the goods receipt, the order or the unit, then try again."
    help_zh = "请将凭证上传至入库单、采购订单或单件，然后重试。"


_ATTACHED = """SELECT attachment.id FROM attachment
    WHERE withdrawn_at IS NULL AND (
        (subject_kind = 'unit' AND subject = piece.id::text)
        OR (subject_kind = 'receipt' AND subject = piece.receipt::text)
        OR (subject_kind = 'purchase_order' AND subject IN (
            SELECT purchase_order.id::text FROM receipt
            LEFT JOIN advance_notice ON advance_notice.id = receipt.notice
            JOIN purchase_order ON purchase_order.number IN (receipt.document, advance_notice.document)
            WHERE receipt.id = piece.receipt)))"""


async def require(pieces: Sequence[Piece], part_number: str, grades: Sequence[Provenance] = NEED_PAPERS) -> None:
    """Refuse pieces of some grades that have no paper.

    Raises:
        PapersMissing: one has none.

    """
    row = await db.fetch_one(
        f"""SELECT provenance FROM (
                SELECT id, receipt, provenance FROM unit WHERE id = ANY($1::uuid[])
                UNION ALL SELECT id, receipt, provenance FROM lot WHERE id = ANY($2::uuid[])
            ) AS piece WHERE provenance = ANY($3) AND NOT EXISTS ({_ATTACHED}) LIMIT 1""",
        [piece.unit for piece in pieces if piece.unit],
        [piece.lot for piece in pieces if piece.lot],
        list(grades),
    )
    if row is not None:
        raise missing(part_number, row["provenance"])


def missing(part_number: str, grade: Provenance) -> PapersMissing:
    """The refusal of pieces that have no paper."""
    return PapersMissing(part_number=part_number, grade=grade, grade_zh=GRADES_ZH[grade])


async def of_document(kind: Literal["purchase_order"], document: UUID) -> bool:
    """Whether a paper is attached to an order."""
    return await db.fetch_value(
        "SELECT EXISTS (SELECT FROM attachment WHERE withdrawn_at IS NULL AND subject_kind = $1 AND subject = $2)",
        kind,
        str(document),
    )


class Proof(Struct, frozen=True, kw_only=True):
    """Pieces whose source is said anew: serials, or the numbers of lots."""

    part_number: str
    depot: str
    provenance: Provenance
    pieces: list[str]


@db.atomic
async def prove(which: Pieces, was: str, provenance: Provenance, *, by: Actor, reason: str) -> Proof:
    """Say where pieces come from, by the papers that are attached; of parts without serials, of their whole lots.

    Whoever waits for stock that may be given to them now gets it.

    Raises:
        ReasonMissing: it was not said which papers say so.
        PapersMissing: none is attached, and the grade would be a better one.
        UnitNotHere, LotNotHere: they are not there in that condition.

    """
    by.require("stock.inspect")
    by.require_depot(which.depot)
    if not reason.strip():
        raise ReasonMissing
    part = await parts.find(which.part_number)
    chosen = await choose(which, was)
    worse = list(GRADES[GRADES.index(provenance) + 1 :])
    await require(chosen.pieces, part.part_number, worse)
    units, lots = ([piece.unit for piece in chosen.pieces], [piece.lot for piece in chosen.pieces])
    changed = await db.fetch(
        """WITH was AS (
               SELECT id, serial AS what, provenance FROM unit WHERE id = ANY($1::uuid[])
               UNION ALL SELECT id, number, provenance FROM lot WHERE id = ANY($2::uuid[])
           ), units AS (UPDATE unit SET provenance = $3 WHERE id = ANY($1::uuid[])),
           lots AS (UPDATE lot SET provenance = $3 WHERE id = ANY($2::uuid[]))
           SELECT what, provenance FROM was ORDER BY what""",
        [unit for unit in units if unit],
        [lot for lot in lots if lot],
        provenance,
    )
    for row in changed:
        await audit.record(
            "provenance.proven",
            "unit" if part.serialised else "lot",
            row["what"],
            by=by,
            reason=reason.strip(),
            change={"part": part.part_number, "was": row["provenance"], "is": provenance},
        )
    stocks = await db.fetch(
        """SELECT $1::int AS place, $2::int AS pool
           UNION SELECT place, pool FROM lot_stock WHERE lot = ANY($3::uuid[]) AND quantity > 0""",
        chosen.spot.place,
        chosen.spot.pool,
        [lot for lot in lots if lot],
    )
    for stock in stocks:
        level = (part.id, stock["place"], stock["pool"])
        await jobs.enqueue(jobs.FillBackorders(*level), jobs.Assess(*level), jobs.JudgeCover(*level))
    return Proof(
        part_number=part.part_number, depot=which.depot, provenance=provenance, pieces=[row["what"] for row in changed]
    )
