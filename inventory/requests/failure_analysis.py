"""Failure analysis (故障分析): what fails, came dead or was found faultless, by vendor, batch, model, part or code."""

from datetime import timedelta
from math import sqrt
from typing import Literal

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.requests import scope

Dimension = Literal["vendor", "batch", "model", "part", "code"]

LONGEST_DAYS = 3650

LOOKED_THROUGH = 2000
"""How many of the latest reports of a kind are looked through for the codes in use."""


class Rate(Struct, frozen=True):
    """A share of pieces with its 95 % interval; None of what nobody counted."""

    share: float
    low: float
    high: float


class CodeCount(Struct, frozen=True):
    """How often a failure code was given."""

    code: str
    pieces: int


class Analysed(Struct, frozen=True, kw_only=True):
    """What became of the pieces of one vendor, batch, model, part or code; `tested` and `passed` are of the bench.

    `pieces` were issued and accounted for; `failed` is what they replaced, or what came back defective, where it is known
    whose it was; `looked_at` are those of what came out that a vendor or the bench said something of. The rate of dead on
    arrival is of the pieces issued, that of no fault found of these and of what was looked at, the bench's of the pieces
    tested; each with its interval.
    """

    name: str
    name_zh: str
    name_en: str
    pieces: int
    looked_at: int
    failed: int
    dead_on_arrival: int
    no_fault_found: int
    tested: int
    passed: int
    dead_on_arrival_rate: Rate | None
    no_fault_found_rate: Rate | None
    passed_rate: Rate | None
    codes: list[CodeCount]


def rate(hits: int, of: int) -> Rate | None:
    r"""A share and where it most likely lies.

    Wilson's score interval, $\frac{p + z^2/2n \pm z\sqrt{p(1-p)/n + z^2/4n^2}}{1 + z^2/n}$ with z = 1.96 (95 %), which holds
    for few pieces and for none or all of them too. Source: E. B. Wilson, Probable inference, the law of succession, and
    statistical inference, JASA 22 (1927), 209–212.

    >>> rate(0, 0) is None
    True
    >>> found = rate(2, 20)
    >>> round(found.share, 3), round(found.low, 3), round(found.high, 3)
    (0.1, 0.028, 0.301)
    """
    if of == 0:
        return None
    z, share = 1.959964, hits / of
    middle, spread = share + z * z / (2 * of), z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    scale = 1 + z * z / of
    return Rate(share, max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale))


_NAMED: dict[Dimension, tuple[str, str, str]] = {
    "vendor": ("party.code", "party.name_zh", "party.name_en"),
    "batch": ("receipt.number", "receipt.number", "receipt.number"),
    "model": ("device_model.code", "device_model.name", "device_model.name"),
    "part": ("part.part_number", "part.name_zh", "part.name_en"),
    "code": ("told.code", "told.code", "told.code"),
}
"""What each dimension groups by, with its names in Chinese and English."""


_CAME_OUT_OF = """(SELECT device.model FROM return_debt AS debt JOIN device ON device.id = debt.device
                        WHERE debt.unit = {unit} AND debt.opened_at <= {at} ORDER BY debt.opened_at DESC LIMIT 1)"""
"""The model of the device that a unit came out of last, by some time."""


async def analysis(
    by: Dimension, *, limit: int, seen_by: Actor, days: int = 365, after: str = "", part_number: str | None = None
) -> list[Analysed]:
    """What was found of pieces in the last days, in the reader's scope, by name.

    A piece counts once, by the strongest that was found of it: a vendor's answer or a finished repair outweighs what the
    debrief said, and the latest of them counts, until the piece is built in again. A part that came out and was found
    without fault is no failure; one that was sent and did not help, but was found broken, is. A rejected return tells
    nothing unless it says that there was no fault. Pieces without serials are told by their debrief alone. A piece that came
    by an RMA is that RMA's vendor's.

    Raises:
        NotGranted: vendors and their batches are told to who may see vendors.

    """
    if by in ("vendor", "batch"):
        seen_by.require("vendors.read")
    code, zh, en = _NAMED[by]
    rows = await db.fetch(
        f"""WITH found AS (
                -- what a vendor or the bench found of a unit
                SELECT line.unit, line.part, line.answered_at AS at, line.no_fault_found, line.failure_code AS code, rma.place
                FROM rma_line AS line JOIN rma ON rma.id = line.rma
                WHERE line.unit IS NOT NULL AND line.answered_at >= $4 AND (line.answer <> 'rejected' OR line.no_fault_found)
                UNION ALL
                SELECT repair.unit, repair.part, coalesce(repair.finished_at, repair.closed_at),
                       repair.state <> 'beyond_repair' AND repair.resolution_code = 'no_fault_found', repair.failure_code,
                       repair.place
                FROM repair_order AS repair
                WHERE coalesce(repair.finished_at, repair.closed_at) >= $4
                  AND (repair.state = 'beyond_repair'
                       OR (repair.finished_at IS NOT NULL AND repair.resolution_code IS NOT NULL))
            ), told_of AS (
                SELECT debrief.*, part_request.number AS document, device.model, line.part AS asked,
                       coalesce(line.supplied_part, line.part) AS sent
                FROM debrief
                JOIN request_line AS line ON line.id = debrief.line
                JOIN part_request ON part_request.id = line.request
                JOIN device ON device.id = part_request.device
                JOIN contract ON contract.id = device.contract
                WHERE debrief.told_at >= $4 AND {scope.seen("$1", "$2", "$3")}
            ), known AS (
                SELECT row_number() OVER () AS row, debriefed.*,
                       -- from the next time on that it is built in somewhere, what is found of it is another story
                       (SELECT min(movement.recorded_at) FROM movement JOIN place ON place.id = movement.to_place
                        WHERE movement.unit = debriefed.unit AND movement.kind IN ('issue', 'provisional_issue')
                          AND place.kind = 'site' AND movement.recorded_at > debriefed.told_at) AS until
                FROM (
                    SELECT 'issued' AS what, sent AS part, model, outcome,
                           CASE WHEN outcome <> 'used' THEN failure_code END AS code,
                           CASE WHEN piece.serial IS NULL THEN quantity ELSE 1 END AS pieces, piece.serial, unit.id AS unit,
                           document, told_at
                    FROM told_of
                    LEFT JOIN LATERAL unnest(string_to_array(serial_in, ', ')) AS piece(serial) ON true
                    LEFT JOIN unit ON unit.part = sent AND unit.serial = piece.serial
                    UNION ALL
                    -- a piece that was used says that it worked; what it replaced is what failed: the debts know each piece
                    (SELECT DISTINCT ON (coalesce(debt.id, told_of.id)) 'failed', asked, model, 'failed', failure_code,
                            coalesce(debt.quantity, told_of.quantity), NULL, coalesce(debt.unit, unit.id), document, told_at
                     FROM told_of
                     LEFT JOIN return_debt AS debt
                       ON debt.document_kind = 'part_request' AND debt.document_number = document AND debt.part = asked
                      AND debt.debtor_kind = 'engineer'
                     LEFT JOIN unit ON unit.part = asked
                                   AND unit.serial = coalesce(debt.returned_serial, debt.expected_serial, serial_out)
                     WHERE outcome = 'used'
                     ORDER BY coalesce(debt.id, told_of.id), (debt.expected_serial IS NOT DISTINCT FROM serial_out) DESC,
                              told_of.id)
                ) AS debriefed
            ), latest AS (
                SELECT DISTINCT ON (known.row) known.row, found.no_fault_found, found.code
                FROM known JOIN found ON found.unit = known.unit AND found.at >= known.told_at
                     AND (known.until IS NULL OR found.at < known.until)
                WHERE known.outcome <> 'used' AND known.outcome <> 'returned_good'
                ORDER BY known.row, found.at DESC
            ), alone AS (
                -- what nobody debriefed as bad: found so on a shelf, say
                SELECT DISTINCT ON (found.unit) found.*
                FROM found JOIN place ON place.id = found.place
                WHERE $1::text[] IS NULL AND ($2::text[] IS NULL OR place.code = ANY($2))
                  AND coalesce((SELECT known.outcome IN ('used', 'returned_good') FROM known
                                WHERE known.unit = found.unit AND known.told_at <= found.at
                                ORDER BY known.told_at DESC LIMIT 1), true)
                ORDER BY found.unit, found.at DESC
            ), told AS (
                SELECT known.what, known.part, known.model,
                       CASE WHEN latest.no_fault_found THEN 'no_fault_found'
                            WHEN NOT latest.no_fault_found AND known.outcome = 'no_fault_found' THEN 'returned_defective'
                            ELSE known.outcome END AS outcome,
                       coalesce(latest.code, known.code) AS code, known.pieces, known.serial, known.unit, NULL::uuid AS lot,
                       known.document, latest.row IS NOT NULL AND known.what = 'failed' AS looked_at
                FROM known LEFT JOIN latest ON latest.row = known.row
                UNION ALL
                SELECT 'found', alone.part, {_CAME_OUT_OF.format(unit="alone.unit", at="alone.at")},
                       CASE WHEN alone.no_fault_found THEN 'no_fault_found' ELSE 'failed' END, alone.code, 1, NULL, alone.unit,
                       NULL, NULL, true
                FROM alone
                UNION ALL
                SELECT 'tested', inspection.part, {_CAME_OUT_OF.format(unit="inspection.unit", at="inspection.inspected_at")},
                       'tested_' || inspection.result, NULL, inspection.quantity, NULL, inspection.unit, inspection.lot, NULL,
                       false
                FROM inspection JOIN place ON place.id = inspection.place
                WHERE inspection.kind = 'test' AND inspection.inspected_at >= $4
                  AND $1::text[] IS NULL AND ($2::text[] IS NULL OR place.code = ANY($2))
            )
            SELECT {code} AS name, {zh} AS name_zh, {en} AS name_en,
                   coalesce(sum(pieces) FILTER (WHERE what = 'issued'), 0)::int AS pieces,
                   coalesce(sum(pieces) FILTER (WHERE looked_at), 0)::int AS looked_at,
                   coalesce(sum(pieces) FILTER (WHERE outcome IN ('failed', 'returned_defective')), 0)::int AS failed,
                   coalesce(sum(pieces) FILTER (WHERE outcome = 'dead_on_arrival'), 0)::int AS dead_on_arrival,
                   coalesce(sum(pieces) FILTER (WHERE outcome = 'no_fault_found'), 0)::int AS no_fault_found,
                   coalesce(sum(pieces) FILTER (WHERE what = 'tested'), 0)::int AS tested,
                   coalesce(sum(pieces) FILTER (WHERE outcome = 'tested_passed'), 0)::int AS passed,
                   array_agg(told.code) FILTER (WHERE told.code IS NOT NULL) AS codes,
                   array_agg(told.pieces) FILTER (WHERE told.code IS NOT NULL) AS code_pieces
            FROM told
            JOIN part ON part.id = told.part
            LEFT JOIN device_model ON device_model.id = told.model
            LEFT JOIN unit ON unit.id = told.unit
            LEFT JOIN LATERAL (
                SELECT lot.receipt FROM lot WHERE lot.id = coalesce(told.lot, (
                    SELECT movement.lot FROM movement
                    WHERE movement.document = told.document AND movement.part = told.part AND movement.lot IS NOT NULL
                      AND movement.kind = 'issue' ORDER BY movement.recorded_at, movement.id LIMIT 1))
            ) AS of_lot ON told.serial IS NULL AND told.unit IS NULL AND told.what <> 'failed'
            LEFT JOIN receipt ON receipt.id = coalesce(unit.receipt, of_lot.receipt)
            LEFT JOIN purchase_order ON purchase_order.number = receipt.document
            LEFT JOIN rma ON rma.number = receipt.document
            LEFT JOIN vendor ON vendor.id = coalesce(purchase_order.vendor, rma.vendor)
            LEFT JOIN party ON party.id = vendor.party
            WHERE {code} IS NOT NULL AND {code} > $5 AND ($6::text IS NULL OR part.part_number = $6)
            GROUP BY 1, 2, 3 ORDER BY 1 LIMIT $7""",
        *scope.of(seen_by),
        clock.now() - timedelta(days=days),
        after,
        part_number,
        limit,
    )
    return [_analysed(row) for row in rows]


def _analysed(row: db.Row) -> Analysed:
    counted: dict[str, int] = {}
    for code, pieces in zip(row["codes"] or [], row["code_pieces"] or [], strict=True):
        counted[code] = counted.get(code, 0) + pieces
    return Analysed(
        name=row["name"],
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        pieces=row["pieces"],
        looked_at=row["looked_at"],
        failed=row["failed"],
        dead_on_arrival=row["dead_on_arrival"],
        no_fault_found=row["no_fault_found"],
        tested=row["tested"],
        passed=row["passed"],
        dead_on_arrival_rate=rate(row["dead_on_arrival"], row["pieces"]),
        no_fault_found_rate=rate(row["no_fault_found"], row["pieces"] + row["looked_at"]),
        passed_rate=rate(row["passed"], row["tested"]),
        codes=[
            CodeCount(code, pieces) for code, pieces in sorted(counted.items(), key=lambda each: (-each[1], each[0]))
        ],
    )


async def codes_in_use(*, limit: int = 100) -> list[str]:
    """The failure codes that the latest debriefs, repairs and returns gave, the most frequent first; words that name nobody."""
    rows = await db.fetch(
        """SELECT code FROM (
               (SELECT failure_code AS code FROM debrief ORDER BY id DESC LIMIT $1)
               UNION ALL (SELECT failure_code FROM repair_order ORDER BY id DESC LIMIT $1)
               UNION ALL (SELECT failure_code FROM rma_line ORDER BY id DESC LIMIT $1)
           ) AS latest WHERE code IS NOT NULL GROUP BY code ORDER BY count(*) DESC, code LIMIT $2""",
        LOOKED_THROUGH,
        limit,
    )
    return [row["code"] for row in rows]
