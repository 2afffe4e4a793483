"""Release: quarantined or tested stock becomes good by a passed result, where its source is proven enough."""

from collections.abc import Sequence

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.procurement.provenance import LEAST_FOR_GOOD_STOCK, ProvenanceTooLow, is_at_least
from inventory.stock import conditions
from inventory.stock.conditions import Chosen, Condition, InspectionView
from inventory.stock.pools import COMMON
from inventory.stock.refusals import ReasonMissing


@db.atomic
async def release(
    depot: str,
    part_number: str,
    was: Condition,
    *,
    by: Actor,
    finding: str,
    quantity: int = 0,
    serials: Sequence[str] = (),
    lot: str | None = None,
    bin_code: str | None = None,
    pool: str = COMMON,
    owner: str | None = None,
) -> list[InspectionView]:
    """Pass the incoming inspection (from quarantine) or the test (from in test): the pieces are good, and free.

    Raises:
        NoSuchStep: what is in that condition does not become good by a result.
        ReasonMissing: it was not said what was found.
        ProvenanceTooLow: the pieces' source is not proven enough for this stock.
        UnitNotHere, LotNotHere: they are not there in that condition.

    """
    by.require("stock.inspect")
    by.require_depot(depot)
    if not finding.strip():
        raise ReasonMissing
    if conditions.needs(was, "good") not in ("passed_inspection", "passed_test"):
        raise conditions.NoSuchStep(was=was, becomes="good", may="–")
    chosen = await conditions.choose(
        depot,
        part_number,
        was,
        quantity=quantity,
        serials=serials,
        lot=lot,
        bin_code=bin_code,
        pool=pool,
        owner=owner,
    )
    await _require_proof(chosen, pool)
    kind = "incoming" if was == "quarantine" else "test"
    return await conditions.change(chosen, "good", by=by, kind=kind, result="passed", finding=finding)


async def _require_proof(chosen: Chosen, pool: str) -> None:
    """Refuse pieces whose source is worth less than their pool's contract, or common stock, asks."""
    needed = await db.fetch_value(
        """SELECT coalesce(minimum_provenance, $2) FROM pool LEFT JOIN contract ON contract.id = pool.contract
           WHERE pool.code = $1""",
        pool,
        LEAST_FOR_GOOD_STOCK,
    )
    for row in await db.fetch(
        """SELECT provenance, source FROM unit WHERE id = ANY($1)
           UNION SELECT provenance, source FROM lot WHERE id = ANY($2)""",
        [unit for unit, _, _, _ in chosen.pieces],
        [lot for _, lot, _, _ in chosen.pieces],
    ):
        if not is_at_least(row["provenance"], needed):
            raise ProvenanceTooLow(
                part_number=chosen.part.part_number,
                vendor=row["source"] or "–",
                grade=row["provenance"],
                needed=needed,
            )
