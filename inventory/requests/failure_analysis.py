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
    whose it was. The rates of dead on arrival and no fault found are of the pieces issued, the bench's is of the pieces
    tested; each with its interval.
    """

    name: str
    name_zh: str
    name_en: str
    pieces: int
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


async def analysis(
    by: Dimension, *, limit: int, seen_by: Actor, days: int = 365, after: str = "", part_number: str | None = None
) -> list[Analysed]:
    """What was found of pieces in the last days, in the reader's scope, by name.

    Raises:
        NotGranted: vendors and their batches are told to who may see vendors.

    """
    if by in ("vendor", "batch"):
        seen_by.require("vendors.read")
    code, zh, en = _NAMED[by]
    rows = await db.fetch(
        f"""WITH told AS (
                -- a piece that was used says that it worked; the one that it replaced is what failed
                SELECT CASE WHEN of.what = 'failed' THEN line.part ELSE coalesce(line.supplied_part, line.part) END AS part,
                       device.model, CASE WHEN of.what = 'failed' THEN 'failed' ELSE debrief.outcome END AS outcome,
                       CASE WHEN of.what = 'failed' OR debrief.outcome <> 'used' THEN debrief.failure_code END AS code,
                       CASE WHEN piece.serial IS NULL THEN debrief.quantity ELSE 1 END AS pieces,
                       CASE WHEN of.what = 'failed' THEN debrief.serial_out ELSE piece.serial END AS serial,
                       NULL::uuid AS unit, NULL::uuid AS lot, part_request.number AS document
                FROM debrief
                JOIN request_line AS line ON line.id = debrief.line
                JOIN part_request ON part_request.id = line.request
                JOIN device ON device.id = part_request.device
                JOIN contract ON contract.id = device.contract
                LEFT JOIN LATERAL unnest(string_to_array(debrief.serial_in, ', ')) AS piece(serial) ON true
                JOIN (VALUES ('issued'), ('failed')) AS of(what) ON of.what = 'issued' OR debrief.outcome = 'used'
                WHERE debrief.told_at >= $4 AND {scope.seen("$1", "$2", "$3")}
                UNION ALL
                SELECT inspection.part, NULL, 'tested_' || inspection.result, NULL, inspection.quantity, NULL,
                       inspection.unit, inspection.lot, NULL
                FROM inspection JOIN place ON place.id = inspection.place
                WHERE inspection.kind = 'test' AND inspection.inspected_at >= $4
                  AND $1::text[] IS NULL AND ($2::text[] IS NULL OR place.code = ANY($2))
            )
            SELECT {code} AS name, {zh} AS name_zh, {en} AS name_en,
                   coalesce(sum(pieces) FILTER (WHERE outcome <> 'failed' AND outcome NOT LIKE 'tested%'), 0)::int AS pieces,
                   coalesce(sum(pieces) FILTER (WHERE outcome IN ('failed', 'returned_defective')), 0)::int AS failed,
                   coalesce(sum(pieces) FILTER (WHERE outcome = 'dead_on_arrival'), 0)::int AS dead_on_arrival,
                   coalesce(sum(pieces) FILTER (WHERE outcome = 'no_fault_found'), 0)::int AS no_fault_found,
                   coalesce(sum(pieces) FILTER (WHERE outcome LIKE 'tested%'), 0)::int AS tested,
                   coalesce(sum(pieces) FILTER (WHERE outcome = 'tested_passed'), 0)::int AS passed,
                   array_agg(told.code) FILTER (WHERE told.code IS NOT NULL) AS codes,
                   array_agg(told.pieces) FILTER (WHERE told.code IS NOT NULL) AS code_pieces
            FROM told
            JOIN part ON part.id = told.part
            LEFT JOIN device_model ON device_model.id = told.model
            LEFT JOIN unit ON unit.id = told.unit OR (told.unit IS NULL AND unit.part = told.part AND unit.serial = told.serial)
            LEFT JOIN LATERAL (
                SELECT lot.receipt FROM lot WHERE lot.id = coalesce(told.lot, (
                    SELECT movement.lot FROM movement
                    WHERE movement.document = told.document AND movement.part = told.part AND movement.lot IS NOT NULL
                      AND movement.kind = 'issue' ORDER BY movement.recorded_at, movement.id LIMIT 1))
            ) AS of_lot ON told.serial IS NULL AND told.unit IS NULL AND told.outcome <> 'failed'
            LEFT JOIN receipt ON receipt.id = coalesce(unit.receipt, of_lot.receipt)
            LEFT JOIN purchase_order ON purchase_order.number = receipt.document
            LEFT JOIN vendor ON vendor.id = purchase_order.vendor
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
        failed=row["failed"],
        dead_on_arrival=row["dead_on_arrival"],
        no_fault_found=row["no_fault_found"],
        tested=row["tested"],
        passed=row["passed"],
        dead_on_arrival_rate=rate(row["dead_on_arrival"], row["pieces"]),
        no_fault_found_rate=rate(row["no_fault_found"], row["pieces"]),
        passed_rate=rate(row["passed"], row["tested"]),
        codes=[
            CodeCount(code, pieces) for code, pieces in sorted(counted.items(), key=lambda each: (-each[1], each[0]))
        ],
    )
