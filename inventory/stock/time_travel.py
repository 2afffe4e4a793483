"""Time travel: what the stores held, and where every unit was, at any past instant.

`as_of` follows when things occurred; `known_at` takes only what was recorded by then. Both are reckoned backwards from how
things stand: what lies there now, without what was moved or recorded since. Nothing is recorded before it occurs, so only
the ledger's months since the earlier of the two instants are read, and the more recent a question, the less it costs.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid
from inventory.places.tables import STORE_KINDS
from inventory.stock import disclosure
from inventory.stock.units import UnitView


class InTheFuture(Invalid):
    """{instant} has not come yet; the books can tell only what was."""

    zh = "{instant} 尚未到来；台账只能查询过去。"
    help_en = "Ask for an instant up to now."
    help_zh = "请选择不晚于当前的时间。"


class StockAsOf(Struct, frozen=True, kw_only=True):
    """What a store held at an instant; `bin` only where bins were asked for (null: not put away)."""

    part_number: str
    depot: str
    condition: str
    owner: str
    pool: str
    bin: str | UnsetType | None = UNSET
    on_hand: int
    value_cny: Decimal | UnsetType = UNSET


class StockChange(Struct, frozen=True, kw_only=True):
    """What a store held at two instants, where it differs."""

    part_number: str
    name_zh: str
    name_en: str
    depot: str
    condition: str
    owner: str
    pool: str
    earlier: int
    later: int
    earlier_value_cny: Decimal | UnsetType = UNSET
    later_value_cny: Decimal | UnsetType = UNSET


class StockTotal(Struct, frozen=True, kw_only=True):
    """Everything of a question together."""

    pieces: int
    value_cny: Decimal | UnsetType = UNSET


StockKey = tuple[str, str, str, str, str, str]
"""What a line of stock is found again by: part, store, condition, owner, pool and bin (empty: none)."""


_SIDE = """
SELECT part, {side}_place AS place, {side}_condition AS condition, {side}_owner AS owner, {side}_pool AS pool,
       {side}_bin AS bin, {sign}quantity AS quantity
FROM movement
WHERE recorded_at > least($1::timestamptz, $2::timestamptz) - interval '5 minutes'
  AND (occurred_at > $1 OR recorded_at > $2) {only}
"""

_NOW = """
SELECT part, place, condition, owner, pool, bin, 1 AS quantity FROM unit WHERE {where}
UNION ALL
SELECT part, place, condition, owner, pool, bin, quantity FROM lot_stock WHERE quantity > 0 AND {where}
"""

_NOW_WHOLE = """
SELECT part, place, condition, owner, pool, NULL::int AS bin, on_hand AS quantity
FROM level WHERE on_hand > 0 AND {where}
"""


def _there(part: int | None, stores: Sequence[int], *, bins: bool) -> str:
    """SQL for what lay where as of $1, known at $2: now, less what has come since, and what has gone.

    The ids are our own numbers, so they may stand in the text, where the planner sees them.
    """
    of_part = "" if part is None else f"AND part = {part:d}"
    places = ",".join(f"{store:d}" for store in stores) or "NULL"
    now = (_NOW if bins else _NOW_WHOLE).format(where=f"place IN ({places}) {of_part}")
    came = _SIDE.format(side="to", sign="-", only=f"AND to_place IN ({places}) {of_part}")
    gone = _SIDE.format(side="from", sign="", only=f"AND from_place IN ({places}) {of_part}")
    spot = "part, place, condition, owner, pool" + (", bin" if bins else "")
    return f"""SELECT {spot}{"" if bins else ", NULL::int AS bin"}, sum(quantity)::int AS quantity
               FROM ({now} UNION ALL {came} UNION ALL {gone}) AS side
               GROUP BY {spot} HAVING sum(quantity) <> 0"""


async def _asked(part_number: str | None, depot: str | None, seen_by: Actor) -> tuple[int | None, list[int]] | None:
    """The ids of the part and the stores that are asked for; None where there is nothing to see."""
    part = None
    if part_number is not None:
        part = await db.fetch_value("SELECT id FROM part WHERE part_number = $1", part_number)
        if part is None:
            return None
    rows = await db.fetch(
        """SELECT id FROM place WHERE kind = ANY($1) AND ($2::text[] IS NULL OR code = ANY($2))
             AND ($3::text IS NULL OR code = $3)""",
        list(STORE_KINDS),
        seen_by.depot_scope,
        depot,
    )
    return part, [row["id"] for row in rows]


def _require_past(*instants: datetime | None) -> None:
    now = clock.now()
    for instant in instants:
        if instant is not None and instant > now:
            raise InTheFuture(instant=instant.isoformat())


async def stock_as_of(
    instant: datetime,
    *,
    limit: int,
    seen_by: Actor,
    known_at: datetime | None = None,
    part_number: str | None = None,
    depot: str | None = None,
    bins: bool = False,
    after: StockKey | None = None,
) -> list[StockAsOf]:
    """What the stores held at an instant; bin by bin where that is asked.

    Raises:
        InTheFuture: one of the instants has not come.

    """
    _require_past(instant, known_at)
    asked = await _asked(part_number, depot, seen_by)
    if asked is None:
        return []
    rows = await db.fetch(
        f"""SELECT part.part_number, place.code AS depot, there.condition, owner.code AS owner, pool.code AS pool,
                   bin.code AS bin, there.quantity AS on_hand, there.quantity * part.unit_cost_cny AS value_cny
            FROM ({_there(*asked, bins=bins)}) AS there
            JOIN part ON part.id = there.part
            JOIN place ON place.id = there.place
            JOIN party AS owner ON owner.id = there.owner
            JOIN pool ON pool.id = there.pool
            LEFT JOIN bin ON bin.id = there.bin
            WHERE {disclosure.serves("pool", "$10")} AND ($3::text IS NULL OR
                  (part.part_number, place.code, there.condition, owner.code, pool.code, coalesce(bin.code, ''))
                  > ($3, $4, $5, $6, $7, $8))
            ORDER BY part.part_number, place.code, there.condition, owner.code, pool.code, coalesce(bin.code, '')
            LIMIT $9""",
        instant,
        known_at or clock.now(),
        *(after or (None,) * 6),
        limit,
        seen_by.contract_scope,
    )
    costs = seen_by.may("costs.read")
    return [
        StockAsOf(
            part_number=row["part_number"],
            depot=row["depot"],
            condition=row["condition"],
            owner=row["owner"],
            pool=row["pool"],
            bin=row["bin"] if bins else UNSET,
            on_hand=row["on_hand"],
            value_cny=row["value_cny"] if costs else UNSET,
        )
        for row in rows
    ]


async def total_as_of(
    instant: datetime,
    *,
    seen_by: Actor,
    known_at: datetime | None = None,
    part_number: str | None = None,
    depot: str | None = None,
) -> StockTotal:
    """How many pieces the stores held at an instant, and what they are worth at today's unit costs.

    Raises:
        InTheFuture: one of the instants has not come.

    """
    _require_past(instant, known_at)
    asked, costs = await _asked(part_number, depot, seen_by), seen_by.may("costs.read")
    if asked is None:
        return StockTotal(pieces=0, value_cny=Decimal(0) if costs else UNSET)
    row = await db.fetch_one(
        f"""SELECT coalesce(sum(quantity), 0)::int AS pieces, coalesce(sum(quantity * part.unit_cost_cny), 0) AS value
            FROM ({_there(*asked, bins=False)}) AS there
            JOIN part ON part.id = there.part
            JOIN pool ON pool.id = there.pool AND {disclosure.serves("pool", "$3")}""",
        instant,
        known_at or clock.now(),
        seen_by.contract_scope,
    )
    pieces, value = (row["pieces"], row["value"]) if row else (0, Decimal(0))
    return StockTotal(pieces=pieces, value_cny=value if costs else UNSET)


async def changes_between(
    earlier: datetime,
    later: datetime,
    *,
    limit: int,
    seen_by: Actor,
    part_number: str | None = None,
    depot: str | None = None,
    after: tuple[str, str, str, str, str] | None = None,
) -> list[StockChange]:
    """Where the stores held something else at a later instant than at an earlier one, by all that is known now.

    Raises:
        InTheFuture: one of the instants has not come.

    """
    _require_past(earlier, later)
    asked = await _asked(part_number, depot, seen_by)
    if asked is None:
        return []
    there = _there(*asked, bins=False)
    rows = await db.fetch(
        f"""WITH before AS ({there}), after AS ({there.replace("$1", "$3")}),
            both_times AS (
                SELECT part AS part_id, place AS place_id, condition, owner AS owner_id, pool AS pool_id,
                       coalesce(before.quantity, 0) AS earlier, coalesce(after.quantity, 0) AS later
                FROM before FULL JOIN after USING (part, place, condition, owner, pool)
                WHERE before.quantity IS DISTINCT FROM after.quantity
            )
            SELECT part.part_number, part.name_zh, part.name_en, place.code AS depot, condition, owner.code AS owner,
                   pool.code AS pool, earlier, later, part.unit_cost_cny
            FROM both_times
            JOIN part ON part.id = part_id
            JOIN place ON place.id = place_id
            JOIN party AS owner ON owner.id = owner_id
            JOIN pool ON pool.id = pool_id
            WHERE {disclosure.serves("pool", "$10")}
              AND ($4::text IS NULL OR (part.part_number, place.code, condition, owner.code, pool.code) > ($4, $5, $6, $7, $8))
            ORDER BY part.part_number, place.code, condition, owner.code, pool.code LIMIT $9""",
        earlier,
        clock.now(),
        later,
        *(after or (None,) * 5),
        limit,
        seen_by.contract_scope,
    )
    costs = seen_by.may("costs.read")
    return [
        StockChange(
            part_number=row["part_number"],
            name_zh=row["name_zh"],
            name_en=row["name_en"],
            depot=row["depot"],
            condition=row["condition"],
            owner=row["owner"],
            pool=row["pool"],
            earlier=row["earlier"],
            later=row["later"],
            earlier_value_cny=row["earlier"] * row["unit_cost_cny"] if costs else UNSET,
            later_value_cny=row["later"] * row["unit_cost_cny"] if costs else UNSET,
        )
        for row in rows
    ]


async def units_as_of(
    instant: datetime,
    *,
    limit: int,
    seen_by: Actor,
    known_at: datetime | None = None,
    part_number: str | None = None,
    depot: str | None = None,
    condition: str | None = None,
    after: UUID | None = None,
) -> list[UnitView]:
    """Where the units were at an instant, those in the reader's stores then, the newest unit first.

    Raises:
        InTheFuture: one of the instants has not come.

    """
    _require_past(instant, known_at)
    part, place = None, None
    if part_number is not None:
        part = await db.fetch_value("SELECT id FROM part WHERE part_number = $1", part_number)
        if part is None:
            return []
    if depot is not None:
        place = await db.fetch_value("SELECT id FROM place WHERE code = $1", depot)
        if place is None or not seen_by.sees_depot(depot):
            return []
    of_part = "" if part is None else f"AND part = {part:d}"
    return await db.read(
        UnitView,
        f"""WITH changed AS MATERIALIZED (
                SELECT DISTINCT unit FROM movement
                WHERE unit IS NOT NULL {of_part}
                  AND recorded_at > least($1::timestamptz, $2::timestamptz) - interval '5 minutes'
                  AND (occurred_at > $1 OR recorded_at > $2)
            ),
            standing AS (
                SELECT id, place, condition, owner, pool, bin FROM unit
                WHERE id NOT IN (SELECT unit FROM changed) {of_part} {"" if place is None else f"AND place = {place:d}"}
                UNION ALL
                SELECT changed.unit, last.to_place, last.to_condition, last.to_owner, last.to_pool, last.to_bin
                FROM changed
                JOIN LATERAL (
                    SELECT * FROM movement
                    WHERE movement.unit = changed.unit AND occurred_at <= $1 AND recorded_at <= $2
                    ORDER BY recorded_at DESC, id DESC LIMIT 1
                ) AS last ON true
            )
            SELECT unit.id, part.part_number, unit.serial, unit.claimed_serial, unit.tag, place.code AS place, bin.code AS bin,
                   standing.condition, owner.code AS owner, pool.code AS pool, unit.provenance, unit.firmware,
                   unit.received_at
            FROM standing
            JOIN unit ON unit.id = standing.id
            JOIN part ON part.id = unit.part
            JOIN place ON place.id = standing.place
            JOIN party AS owner ON owner.id = standing.owner
            JOIN pool ON pool.id = standing.pool
            LEFT JOIN bin ON bin.id = standing.bin
            WHERE ($3::text[] IS NULL OR place.code = ANY($3)) AND ($4::text IS NULL OR place.code = $4)
              AND ($5::text IS NULL OR standing.condition = $5) AND ($6::uuid IS NULL OR unit.id < $6)
              AND {disclosure.serves("pool", "$8")} AND {disclosure.site_is_told("place", "$8")}
            ORDER BY unit.id DESC LIMIT $7""",
        instant,
        known_at or clock.now(),
        seen_by.depot_scope,
        depot,
        condition,
        after,
        limit,
        seen_by.contract_scope,
    )
