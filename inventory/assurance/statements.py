"""The parts statement of a contract: which stores serve it, what lies there, where, and how far it is (D98, D99)."""

from datetime import datetime

import msgspec
from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.stock.counting import sheets
from inventory.stock.counting.sheets import CountView


class Travel(Struct, frozen=True, kw_only=True):
    """How long it takes from a store to one of the contract's sites."""

    site: str
    name_zh: str
    name_en: str
    hours: float


class StatementStore(Struct, frozen=True, kw_only=True):
    """A store that serves the contract."""

    code: str
    kind: str
    name_zh: str
    name_en: str
    city_zh: str | None
    city_en: str | None
    travel: list[Travel]


class BinQuantity(Struct, frozen=True):
    """How many lie in a bin; none where they are not put away yet."""

    bin: str | None
    quantity: int


class StatementLine(Struct, frozen=True, kw_only=True):
    """A part in a store: what is there in good condition, what of it is free, and where it lies."""

    part_number: str
    name_zh: str
    name_en: str
    depot: str
    pool: str
    on_hand: int
    free: int
    bins: list[BinQuantity]


class Statement(Struct, frozen=True, kw_only=True):
    """Everything that is kept for a contract, at an instant; no prices, no other customer's stock."""

    contract: str
    name_zh: str
    name_en: str
    customer_zh: str
    customer_en: str
    dedicated_stock: bool
    pool: str
    at: datetime
    devices: int
    stores: list[StatementStore]
    lines: list[StatementLine]


class StatementSummary(Struct, frozen=True, kw_only=True):
    """A contract whose statement may be read."""

    contract: str
    name_zh: str
    name_en: str
    customer_zh: str
    customer_en: str
    pool: str
    devices: int


_SERVING_STORES = """
SELECT DISTINCT store.id, store.code
FROM device
JOIN coverage ON coverage.site = device.site
JOIN place AS store ON store.id = coverage.store AND store.out_of_service_at IS NULL
WHERE device.contract = $1 AND device.retired_on IS NULL
  -- an on-site store belongs to its customer; nobody else's statement mentions it
  AND (store.kind = 'depot' OR (store.kind = 'onsite_store' AND $3 AND store.party = $4))
  AND ($2::text[] IS NULL OR store.code = ANY($2))
"""


async def statement(contract: str, *, seen_by: Actor, limit: int = 5000) -> Statement:
    """A contract's parts statement, as far as the reader's stores go.

    Raises:
        Unknown: no such contract in the reader's scope.

    """
    seen_by.require("stock.read")
    if seen_by.contract_scope is None:
        seen_by.require("contracts.read")
    if seen_by.contracts is not None and contract not in seen_by.contracts:
        raise Unknown(what="contract", what_zh="合同", key=contract)
    return await _statement(contract, seen_by.depot_scope, limit)


@db.atomic
async def ask_recount(contract: str, depot: str, part_number: str, *, by: Actor) -> CountView:
    """Have a line of a contract's statement counted again on the spot; the sheet that asks for it.

    Raises:
        Unknown: no such contract in the actor's scope, or no such line on its statement.
        NotGranted: the actor's roles do not include it.

    """
    told = await statement(contract, seen_by=by)
    if all((line.depot, line.part_number) != (depot, part_number) for line in told.lines):
        raise Unknown(what="line of the statement", what_zh="清单行", key=f"{depot} / {part_number}")
    return await sheets.ask_recount(depot, part_number, by=by, pool=told.pool)


async def for_customer(contract: str, *, limit: int = 5000) -> Statement:
    """A contract's whole statement, for its own customer who came by a link.

    Raises:
        Unknown: no such contract.

    """
    return await _statement(contract, None, limit)


async def _statement(code: str, scope: list[str] | None, limit: int) -> Statement:
    head = await db.fetch_one(
        """SELECT contract.id, contract.code AS contract, contract.name_zh, contract.name_en, dedicated_stock,
                  contract.customer, party.name_zh AS customer_zh, party.name_en AS customer_en,
                  pool.id AS pool_id, pool.code AS pool,
                  (SELECT count(*) FROM device WHERE device.contract = contract.id AND retired_on IS NULL)::int AS devices
           FROM contract
           JOIN party ON party.id = contract.customer
           JOIN pool ON CASE WHEN dedicated_stock THEN pool.contract = contract.id ELSE pool.contract IS NULL END
           WHERE contract.code = $1""",
        code,
    )
    if head is None:
        raise Unknown(what="contract", what_zh="合同", key=code)
    serving = (head["id"], scope, head["dedicated_stock"], head["customer"])
    return Statement(
        contract=head["contract"],
        name_zh=head["name_zh"],
        name_en=head["name_en"],
        customer_zh=head["customer_zh"],
        customer_en=head["customer_en"],
        dedicated_stock=head["dedicated_stock"],
        pool=head["pool"],
        at=clock.now(),
        devices=head["devices"],
        stores=await _stores(*serving),
        lines=await _lines(*serving, head["pool_id"], limit),
    )


async def _stores(*serving: object) -> list[StatementStore]:
    return await db.read(
        StatementStore,
        f"""SELECT place.code, place.kind, place.name_zh, place.name_en, city_zh, city_en,
                   (SELECT jsonb_agg(jsonb_build_object('site', site.code, 'name_zh', site.name_zh,
                                                        'name_en', site.name_en, 'hours', travel_hours)
                                     ORDER BY travel_hours, site.code)
                    FROM coverage JOIN place AS site ON site.id = coverage.site
                    WHERE coverage.store = place.id AND EXISTS (
                        SELECT FROM device WHERE device.site = site.id AND device.contract = $1
                               AND device.retired_on IS NULL)) AS travel
            FROM ({_SERVING_STORES}) AS serving JOIN place ON place.id = serving.id
            ORDER BY (SELECT min(travel_hours) FROM coverage WHERE coverage.store = place.id
                      AND coverage.site IN (SELECT site FROM device WHERE contract = $1)), place.code""",
        *serving,
    )


async def _lines(*arguments: object) -> list[StatementLine]:
    rows = await db.fetch(
        f"""WITH serving AS ({_SERVING_STORES}),
            -- the spare-parts list: every part that the contract's devices carry
            listed AS (
                SELECT DISTINCT model_part.part FROM device JOIN model_part ON model_part.model = device.model
                WHERE device.contract = $1 AND device.retired_on IS NULL
            ),
            lying AS (
                SELECT unit.part, unit.place, unit.bin, count(*) AS quantity
                FROM unit JOIN serving ON serving.id = unit.place JOIN party ON party.id = unit.owner
                WHERE unit.condition = 'good' AND unit.pool = $5 AND party.is_ourselves GROUP BY 1, 2, 3
                UNION ALL
                SELECT lot_stock.part, lot_stock.place, lot_stock.bin, sum(quantity)
                FROM lot_stock JOIN serving ON serving.id = lot_stock.place JOIN party ON party.id = lot_stock.owner
                WHERE lot_stock.condition = 'good' AND lot_stock.pool = $5 AND party.is_ourselves AND quantity > 0
                GROUP BY 1, 2, 3
            ),
            shelved AS (
                SELECT lying.part, lying.place,
                       jsonb_agg(jsonb_build_array(bin.code, quantity::int) ORDER BY bin.code NULLS LAST) AS bins
                FROM lying LEFT JOIN bin ON bin.id = lying.bin GROUP BY 1, 2
            )
            SELECT part.part_number, part.name_zh, part.name_en, serving.code AS depot, pool.code AS pool,
                   level.on_hand, level.free, coalesce(shelved.bins, '[]') AS bins
            FROM level
            JOIN serving ON serving.id = level.place
            JOIN party ON party.id = level.owner AND party.is_ourselves
            JOIN pool ON pool.id = level.pool
            JOIN part ON part.id = level.part
            LEFT JOIN shelved ON shelved.part = level.part AND shelved.place = level.place
            WHERE level.condition = 'good' AND level.pool = $5
              -- common stock serves by the list; what is dedicated to the contract is its own, listed or not
              AND (level.part IN (SELECT part FROM listed) OR ($3 AND level.on_hand > 0))
            ORDER BY part.part_number, serving.code LIMIT $6""",
        *arguments,
    )
    return [
        msgspec.convert(dict(row) | {"bins": [BinQuantity(*each) for each in row["bins"]]}, StatementLine)
        for row in rows
    ]


async def statements(*, limit: int, seen_by: Actor, after: str = "") -> list[StatementSummary]:
    """Contracts with devices whose statement the reader may see, by code."""
    seen_by.require("stock.read")
    if seen_by.contract_scope is None:
        seen_by.require("contracts.read")
    return await db.read(
        StatementSummary,
        """SELECT contract.code AS contract, contract.name_zh, contract.name_en, party.name_zh AS customer_zh,
                  party.name_en AS customer_en, pool.code AS pool,
                  (SELECT count(*) FROM device WHERE device.contract = contract.id AND retired_on IS NULL)::int AS devices
           FROM contract
           JOIN party ON party.id = contract.customer
           JOIN pool ON CASE WHEN dedicated_stock THEN pool.contract = contract.id ELSE pool.contract IS NULL END
           WHERE contract.code > $1 AND ($2::text[] IS NULL OR contract.code = ANY($2))
           ORDER BY contract.code LIMIT $3""",
        after,
        seen_by.contract_scope,
        limit,
    )
