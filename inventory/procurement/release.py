"""Release: quarantined or tested stock becomes good by a passed result, where its source is proven enough."""

from inventory.catalogue.grades import LEAST_FOR_GOOD_STOCK, is_at_least
from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.ground.errors import ReasonMissing
from inventory.procurement import papers
from inventory.procurement.provenance import ProvenanceTooLow
from inventory.stock import conditions
from inventory.stock.conditions import Condition, InspectionView
from inventory.stock.pieces import Chosen, Pieces, choose


@db.atomic
async def found_to_be(
    which: Pieces, was: Condition, becomes: Condition, *, by: Actor, finding: str
) -> list[InspectionView]:
    """Record what pieces were found to be: what is to be good has passed, and proves its source; all else is judged.

    Raises:
        As `release` and `stock.conditions.judge`.

    """
    if becomes == "good" and was != "frozen":
        return await release(which, was, by=by, finding=finding)
    return await conditions.judge(which, was, becomes, by=by, reason=finding)


@db.atomic
async def release(which: Pieces, was: Condition, *, by: Actor, finding: str) -> list[InspectionView]:
    """Pass the incoming inspection (from quarantine) or the test (from in test): the pieces are good, and free.

    Raises:
        NoSuchStep: what is in that condition does not become good by a result.
        ReasonMissing: it was not said what was found.
        ProvenanceTooLow: the pieces' source is not proven enough for this stock.
        PapersMissing: pulled or brokered pieces have no paper.
        UnitNotHere, LotNotHere: they are not there in that condition.

    """
    by.require("stock.inspect")
    by.require_depot(which.depot)
    if not finding.strip():
        raise ReasonMissing
    if conditions.needs(was, "good") not in ("passed_inspection", "passed_test"):
        raise conditions.NoSuchStep(was=was, becomes="good", may="–")
    chosen = await choose(which, was)
    await _require_proof(chosen)
    return await conditions.change(chosen, "good", by=by, result="passed", finding=finding)


async def _require_proof(chosen: Chosen) -> None:
    """Refuse pieces whose source is worth less than their pool's contract, or common stock, asks."""
    needed = await db.fetch_value(
        """SELECT coalesce(minimum_provenance, $2) FROM pool LEFT JOIN contract ON contract.id = pool.contract
           WHERE pool.id = $1""",
        chosen.spot.pool,
        LEAST_FOR_GOOD_STOCK,
    )
    for row in await db.fetch(
        """SELECT provenance, source FROM unit WHERE id = ANY($1)
           UNION SELECT provenance, source FROM lot WHERE id = ANY($2)""",
        [piece.unit for piece in chosen.pieces],
        [piece.lot for piece in chosen.pieces],
    ):
        if not is_at_least(row["provenance"], needed):
            raise ProvenanceTooLow(
                part_number=chosen.part.part_number,
                vendor=row["source"] or "–",
                grade=row["provenance"],
                needed=needed,
            )
    await papers.require(chosen.pieces, chosen.part.part_number)
