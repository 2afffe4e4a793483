"""Proposing over 100,000 levels, bundling what was proposed, and the cost of one level's look; against plain SQL."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

from bench.company import Running, beside, running
from bench.tables import Figures
from inventory.ground import db, jobs
from inventory.places import register as places
from inventory.procurement import bundling, replenishment
from optimizer.order_bundles import bundle
from tests import world
from tests.statements import counted

PARTS, STORES = 5_000, 20
SHORT_OF = 5
"""One level in so many lacks something."""

ROUNDS = 5

REFERENCE = """
SELECT count(*), sum(base_stock - position) FROM (
    SELECT level.base_stock, level.reorder_point, level.free - level.backordered + coalesce(coming.units, 0) AS position
    FROM level
    LEFT JOIN (
        SELECT part, place, pool, sum(units) AS units FROM (
            SELECT part, place, pool, quantity - received_quantity AS units FROM expected_delivery WHERE closed_at IS NULL
            UNION ALL
            SELECT line.part, ship_to, pool, quantity FROM purchase_order
            JOIN purchase_order_line AS line ON line.purchase_order = purchase_order.id
            WHERE state IN ('draft', 'approved')
        ) AS due GROUP BY part, place, pool
    ) AS coming USING (part, place, pool)
    WHERE condition = 'good' AND base_stock IS NOT NULL
) AS held WHERE position <= reorder_point AND position < base_stock
"""
"""The plain SQL of the same question: which levels lack what, without pieces, vendors, proposals or events."""


def run() -> Figures:
    """Measure."""
    figures = Figures(
        "Replenishment",
        f"{PARTS:,} parts in {STORES} stores, {PARTS * STORES:,} levels with a base stock; one in {SHORT_OF} lacks something, "
        f"one in ten has an order under way. Every part is offered by two authorised vendors, of which one has a least order "
        "value and freight. The reference is plain SQL that counts what lacks how much, and does nothing with it. Proposing "
        "writes a proposal for each with its pieces, offers and vendor, an event, and the stores' duties. Medians of "
        f"{ROUNDS} runs where nothing is said.",
        ("what", "proposals", "time", "statements", "target"),
    )
    with running(fill=_fill, worker=False) as service:
        for row in asyncio.run(_measured(service)):
            figures.rows.append(row)
    return figures


async def _measured(service: Running) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    async with beside(service):
        plain = await _median(lambda: db.fetch(REFERENCE))
        rows.append(("plain SQL: which levels lack what", "–", _ms(plain), "1", "–"))
        with jobs.collecting():
            first, statements, proposed = await _timed(replenishment.propose)
            rows.append(
                (
                    "propose, everything new (one run)",
                    f"{proposed.opened:,}",
                    f"{_ms(first)} ({first / plain:.1f} ×)",
                    str(statements),
                    "≤ 5 s",
                )
            )
            again = await _median(replenishment.propose)
            _, statements, _ = await _timed(replenishment.propose)
            rows.append(
                (
                    "propose again, nothing changed",
                    "0",
                    f"{_ms(again)} ({again / plain:.1f} ×)",
                    str(statements),
                    "≤ 5 s",
                )
            )
            [row] = await db.fetch("SELECT part, place, pool FROM level WHERE base_stock IS NOT NULL LIMIT 1")
            key: replenishment.Key = (row["part"], row["place"], row["pool"])
            one = await _median(lambda: replenishment.propose([key]))
            _, statements, _ = await _timed(lambda: replenishment.propose([key]))
            rows.append(("look at one level", "0", _ms(one), str(statements), "–"))
            gathered, statements, stores = await _timed(bundling.to_bundle)
            rows.append(("gather for bundling (one run)", f"{proposed.opened:,}", _ms(gathered), str(statements), "–"))
            began = time.perf_counter()
            solved = [(each, bundle(each.needs, each.terms)) for each in stores]
            took = time.perf_counter() - began
            proven = sum(answer.proven for _, answer in solved)
            rows.append(
                (
                    f"bundle, proven best in {proven} of {len(solved)} stores (one run)",
                    f"{proposed.opened:,}",
                    _ms(took),
                    "0",
                    "–",
                )
            )
            written, statements, _ = await _timed(lambda: bundling.record(solved))
            rows.append(("record the bundles (one run)", f"{proposed.opened:,}", _ms(written), str(statements), "–"))
    return rows


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"


async def _timed[T](act: Callable[[], Awaitable[T]]) -> tuple[float, int, T]:
    """How long an act takes, how many statements it sends, and what it answers."""
    began, answers, statements = time.perf_counter(), list[T](), 0
    async with db.engine.transaction(), counted() as sent:
        answers.append(await act())
        statements = len(sent)
    return time.perf_counter() - began, statements, answers[0]


async def _median(act: Callable[[], Awaitable[object]]) -> float:
    return statistics.median([(await _timed(act))[0] for _ in range(ROUNDS)])


async def _fill() -> None:
    await world.build()
    await places.enter_places(
        [
            places.NewPlace(code=f"D{n:02}", kind="depot", name_zh=f"备件库 {n}", name_en=f"Depot {n}")
            for n in range(1, STORES - 1)
        ],
        by=world.SETUP,
    )
    await _enter()


@db.atomic
async def _enter() -> None:
    await db.execute("SET LOCAL statement_timeout = 0")
    await db.execute(
        """INSERT INTO part (part_number, name_zh, name_en, kind, serialised, lithium, unit_cost_cny,
                             holding_rate_per_year, cost_source, active, maker)
           SELECT 'MANY-' || n, '批量备件', 'part of many', 'fan', false, false, 100, 0.2, '', true, maker.id
           FROM generate_series(1, $1::int) AS n, party AS maker WHERE maker.code = 'SEAGATE'""",
        PARTS,
    )
    await db.execute(
        """INSERT INTO authorisation (vendor, maker, letter_number, valid_from, valid_to)
           SELECT vendor.id, maker.id, 'SG-2', '2024-01-01', '2099-01-01'
           FROM vendor JOIN party ON party.id = vendor.party AND party.code = 'DELL', party AS maker
           WHERE maker.code = 'SEAGATE'"""
    )
    await db.execute("UPDATE authorisation SET valid_to = '2099-01-01'")
    await db.execute(
        """UPDATE vendor SET minimum_order_cny = 3000, freight_cny = 60
           FROM party WHERE party.id = vendor.party AND party.code = 'DELL'"""
    )
    await db.execute(
        """INSERT INTO offer (vendor, part, currency, invoice_kind, tax_percent, includes_tax, unit_price, minimum_quantity,
                              lot_size, maximum_quantity, order_fee, lead_time_days, valid_from)
           SELECT vendor.id, part.id, 'CNY', 'special', 13, true,
                  90 + (part.id * 7 + vendor.id * 13) % 40, 1, 1 + part.id % 3, 500, 0, 12, '2024-01-01'
           FROM part, vendor WHERE part_number LIKE 'MANY-%'"""
    )
    await db.execute(
        """INSERT INTO level (part, place, condition, owner, pool, on_hand, base_stock, reorder_point, critical_point,
                              average_failure_line, rate_per_day, resupply_days)
           SELECT part.id, place.id, 'good', party.id, pool.id, CASE WHEN (part.id + place.id) % $1 = 0 THEN 3 ELSE 6 END,
                  5, 4, 1, 1, 0.05, 12
           FROM part, place, party, pool
           WHERE part_number LIKE 'MANY-%' AND place.kind = 'depot' AND is_ourselves AND pool.code = 'common'""",
        SHORT_OF,
    )
    await db.execute(
        """INSERT INTO expected_delivery (part, place, pool, quantity, received_quantity, due_at, confirmed, source_kind,
                                          source)
           SELECT part, place, pool, 1, 0, now(), false, 'purchase_order_line', uuidv7() FROM level
           WHERE base_stock = 5 AND id % 10 = 0"""
    )
    await db.execute("ANALYZE")
