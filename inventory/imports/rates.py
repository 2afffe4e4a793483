"""Importing exchange rates: what 100 units of a currency are in CNY, from a day on; what is there already is left as it is."""

from inventory.ground import clock, db
from inventory.imports.columns import Column
from inventory.imports.kinds import Check, Key, Kind, Piece
from inventory.imports.offers import CURRENCIES


async def _write(piece: Piece) -> None:
    """Write rates that are new or differ; the earlier ones are kept, as rates are append-only."""
    await db.execute(
        """INSERT INTO exchange_rate (currency, valid_from, cny_per_100, source, entered_at, entered_by)
           SELECT currency, valid_from, cny_per_100, coalesce(source, ''), $3, $4
           FROM ready_rates WHERE (existing IS NULL OR changed) AND line BETWEEN $1 AND $2""",
        piece.first,
        piece.last,
        clock.now(),
        piece.by.name,
    )


RATES = Kind(
    name="rates",
    right="rates.enter",
    en="Exchange rates",
    zh="汇率",
    columns=(
        Column(name="currency", en="Currency", zh="币种", shape="choice", required=True, example="USD",
               choices={code: words for code, words in CURRENCIES.items() if code != "CNY"}),
        Column(name="valid_from", en="Valid from", zh="生效日期", shape="day", required=True, example="2026-11-23"),
        Column(name="cny_per_100", en="CNY per 100", zh="每百外币折合人民币", shape="number", required=True,
               example="708.52", hint=("as banks' boards quote it", "与银行外汇牌价一致")),
        Column(name="source", en="Source", zh="来源", shape="note", example="中国银行外汇牌价"),
    ),
    found="known.id AS existing",
    joins="""LEFT JOIN LATERAL (
                 SELECT id, cny_per_100, source FROM exchange_rate
                 WHERE exchange_rate.currency = typed.currency AND exchange_rate.valid_from = typed.valid_from
                 ORDER BY id DESC LIMIT 1) AS known ON true""",
    checks=(Check(column="cny_per_100", code="not_positive", when="round(r.cny_per_100::numeric, 6) <= 0"),),
    keys=(Key(column="valid_from", parts=("r.currency", "r.valid_from")),),
    changes={"cny_per_100": "known.cny_per_100", "source": "known.source"},
    write=_write,
)  # fmt: skip
