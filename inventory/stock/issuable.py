"""Issuable: what of the good stock is proven enough to be issued for whom.

What is held for a contract is counted on as `issuable` says (a function of the database): of a level's good pieces, those
that are proven enough, less what was promised of them already. With $u_g$ pieces of grade g or better, $r_g$ pieces held
for purposes that ask for g or better, and m what is asked now,

$$ issuable(m) = min( free, min_{g >= m} (u_g - r_g) ),$$

g running from m to the least trusted grade: there is a piece for everybody exactly as long as none of these is negative
(Hall, P., On Representatives of Subsets, J. London Math. Soc. 10, 1935; the sets of pieces that will do lie in each other).
"""

from collections.abc import Sequence

from inventory.catalogue.grades import GRADES_ZH, Provenance, that_will_do
from inventory.ground import db
from inventory.ground.errors import Refused
from inventory.stock.moves import Piece, Spot
from inventory.stock.serving import ANSWERS

BELOW_CHANNEL = "provenance NOT IN ('maker_direct', 'authorised_channel')"
"""What lies in the partial indexes of units and lots: pieces that some contract may not be given."""


class SourceTooLow(Refused):
    """{what} is {grade}; contracts served here ask for {needed} or better. What would do: {would_do}."""

    zh = "{what} 的来源等级为 {grade_zh}，此处合同要求 {needed_zh} 或更高。可改用：{would_do}。"
    help_en = "Take one of those that would do, have one sent from the store that has it, or have its source proven."
    help_zh = "请改取可用单件，从有货备件库调拨，或补齐来源凭证后重新认定。"


async def asked_at(site: str, pool: int) -> Provenance | None:
    """What the contracts with devices at a place ask of the stock of a pool that answers them; None where none has any."""
    return await db.fetch_value(
        f"""SELECT contract.minimum_provenance FROM place
            JOIN device ON device.site = place.id AND retired_on IS NULL
            JOIN contract ON contract.id = device.contract
            JOIN pool ON pool.id = $2 AND {ANSWERS}
            WHERE place.code = $1
            ORDER BY grade_rank(contract.minimum_provenance) LIMIT 1""",
        site,
        pool,
    )


async def require(pieces: Sequence[Piece], least: Provenance | None, part: int, spot: Spot) -> None:
    """Refuse to issue pieces that are worth less than what is asked.

    Raises:
        SourceTooLow: one of them is; its facts say which units and stores would do.

    """
    if least is None:
        return
    row = await db.fetch_one(
        """SELECT what, provenance FROM (
               SELECT serial AS what, provenance FROM unit WHERE id = ANY($1::uuid[])
               UNION ALL SELECT number, provenance FROM lot WHERE id = ANY($2::uuid[])
           ) AS piece WHERE provenance <> ALL($3) ORDER BY what LIMIT 1""",
        [piece.unit for piece in pieces if piece.unit],
        [piece.lot for piece in pieces if piece.lot],
        that_will_do(least),
    )
    if row is not None:
        raise await too_low(part, spot, least, what=row["what"], grade=row["provenance"])


async def too_low(
    part: int, spot: Spot, least: Provenance, *, what: str | None = None, grade: Provenance | None = None
) -> SourceTooLow:
    """The refusal of what is worth too little, with the units here and the stores elsewhere that have better ones free."""
    here = await db.fetch(
        """SELECT serial AS what, provenance, 1 AS quantity FROM unit
           WHERE part = $1 AND place = $2 AND condition = $3 AND owner = $4 AND pool = $5 AND provenance = ANY($6)
             AND NOT EXISTS (SELECT FROM pick WHERE pick.unit = unit.id AND pick.state = 'picked')
           UNION ALL
           SELECT lot.number, lot.provenance, sum(lot_stock.quantity)::int FROM lot_stock JOIN lot ON lot.id = lot_stock.lot
           WHERE lot_stock.part = $1 AND place = $2 AND condition = $3 AND owner = $4 AND pool = $5
             AND lot.provenance = ANY($6) AND lot_stock.quantity > 0
           GROUP BY lot.number, lot.provenance
           ORDER BY what LIMIT 10""",
        part,
        spot.place,
        spot.condition,
        spot.owner,
        spot.pool,
        that_will_do(least),
    )
    elsewhere = await db.fetch(
        """SELECT place.code AS depot, issuable(level.id, $5) AS free
           FROM level JOIN place ON place.id = level.place AND place.out_of_service_at IS NULL
           WHERE level.part = $1 AND level.place <> $2 AND level.condition = 'good' AND level.owner = $3
             AND level.pool = $4 AND level.free > 0
           ORDER BY place.code LIMIT 50""",
        part,
        spot.place,
        spot.owner,
        spot.pool,
        least,
    )
    stores = [dict(row) for row in elsewhere if row["free"] > 0]
    known = await db.fetch_one(
        """SELECT (SELECT part_number FROM part WHERE id = $1) AS part_number,
                  (SELECT code FROM place WHERE id = $2) AS depot""",
        part,
        spot.place,
    )
    told = ", ".join([row["what"] for row in here] + [f"{row['depot']} × {row['free']}" for row in stores]) or "–"
    worth = grade or "unproven"
    return SourceTooLow(
        what=what or (known["part_number"] if known else "–"),
        part_number=known["part_number"] if known else None,
        depot=known["depot"] if known else None,
        grade=worth,
        grade_zh=GRADES_ZH[worth],
        needed=least,
        needed_zh=GRADES_ZH[least],
        would_do=told,
        here=[dict(row) for row in here],
        elsewhere=stores,
    )
