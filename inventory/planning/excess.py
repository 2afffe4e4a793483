"""Stock beyond the plan, and the last purchase of a part that can be bought no more."""

import math
from datetime import date
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from inventory.catalogue import parts
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, Unknown
from inventory.planning import balancing, plans
from inventory.planning.learning import AGES, FOREVER, by_kind, factors_of, newest
from optimizer import surplus as optimizer_surplus
from optimizer.factors import AGE_BANDS, Cell, effective_years
from optimizer.surplus import LastTimeBuy, Position, Surplus

HORIZON_DAYS = 365
"""What is used within a year is no surplus."""


class EndNotAhead(Invalid):
    """The last day of service must be ahead, within {years} years."""

    zh = "最后服务日须在今后 {years} 年之内。"
    help_en = "Give the day until which the devices are to be served."
    help_zh = "请填写设备继续服务的截止日期。"


class LeftoverCostsNothing(Invalid):
    """A piece that is left over costs nothing with these amounts, so no quantity would be enough."""

    zh = "按所填金额，剩余备件不产生任何成本，无法确定购买量。"
    help_en = "Lower what a leftover piece is sold for, or enter the part's price."
    help_zh = "请降低剩余备件的处置收入，或补录备件单价。"


class SurplusView(Struct, frozen=True, kw_only=True):
    """A part that a store has more of than the plan needs, and what to do with each piece."""

    name_zh: str
    name_en: str
    surplus: Surplus


class LastPurchase(Struct, frozen=True, kw_only=True):
    """How many to buy of a part for the last time, and what that rests on.

    `pieces` are installed today, `piece_years` still to be served until `until` or the end of each contract, whichever is
    sooner, and worth `average_years` in average devices, theirs growing older, in their environment, with their firmware;
    `price_cny` is the part's, `answer` the newsvendor's.
    """

    part_number: str
    name_zh: str
    name_en: str
    until: date
    pieces: float
    piece_years: float
    average_years: float
    annual_rate: float
    rate_shape: float
    rate_source: str
    rate_evidence: str
    stock: int
    price_cny: Decimal
    shortage_cny: Decimal
    salvage_cny: Decimal
    holding_rate_per_year: float
    answer: LastTimeBuy


async def surplus(plan: UUID, *, limit: int, seen_by: Actor, horizon_days: int = HORIZON_DAYS) -> list[SurplusView]:
    """Where there is more than a plan uses within a horizon, the most idle value first; the reader's stores only.

    Raises:
        Unknown: no such plan.

    """
    await plans.plan_summary(plan)
    rows = await balancing.positions(plan, clock.today())
    found = optimizer_surplus.surplus(
        [
            Position(
                row["part"],
                row["depot"],
                row["base_stock"],
                row["position"],
                row["free"],
                row["rate_per_day"],
                row["unit_cost_cny"],
            )
            for row in rows
        ],
        horizon_days,
    )
    names = {row["part"]: row for row in rows}
    return [
        SurplusView(name_zh=names[one.part]["name_zh"], name_en=names[one.part]["name_en"], surplus=one)
        for one in found
        if seen_by.sees_depot(one.depot)
    ][:limit]


YEARS_AHEAD = 30


async def last_purchase(
    part_number: str, *, until: date, shortage_cny: Decimal, salvage_cny: Decimal = Decimal(0)
) -> LastPurchase:
    """How many of a part to buy while it can still be had.

    Demand is that of the devices served until a day, or until their contract ends, at the rate as it is believed now, as
    many times as devices of their age by then, their environment and their firmware fail. A
    missing piece costs `shortage_cny`, instead of its price today; one too many its price and its keeping over all that
    time, less `salvage_cny`.

    Raises:
        Unknown: no such part, or nobody knows how often it fails.
        EndNotAhead: the day is not ahead, or too far.
        LeftoverCostsNothing: what is left over sells for all that it cost.

    """
    today = clock.today()
    if not today < until <= date(today.year + YEARS_AHEAD, today.month, min(today.day, 28)):
        raise EndNotAhead(years=YEARS_AHEAD)
    part = await parts.find(part_number)
    row = await db.fetch_one(_LAST, part.id, today)
    if row is None:
        raise Unknown(what="failure rate of", what_zh="故障率：", key=part_number)
    cells = [
        Cell(
            part.part_number,
            {
                dimension: level
                for dimension, level in (
                    ("age", AGE_BANDS[each["age"]][0]),
                    ("environment", each["environment"]),
                    ("firmware", each["firmware"]),
                )
                if level is not None
            },
            each["piece_years"],
            0,
        )
        for each in await db.fetch(_SERVED, part.id, today, until, [0.0, *AGES], [*AGES, FOREVER])
    ]
    factors = by_kind(await factors_of(await newest(), kind=part.kind))
    average_years = effective_years(cells, factors.get(part.kind, {})).get(part.part_number, 0.0)
    mean = average_years * row["rate_shape"] / row["exposure"]
    kept = float(row["price_cny"]) * (1.0 + row["holding_rate_per_year"] * (until - today).days / 365.0)
    overage = max(kept - float(salvage_cny), 0.0)
    if overage == 0.0:
        raise LeftoverCostsNothing
    return LastPurchase(
        part_number=part.part_number,
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        until=until,
        pieces=row["pieces"],
        piece_years=math.fsum(cell.device_years for cell in cells),
        average_years=average_years,
        annual_rate=row["annual_rate"],
        rate_shape=row["rate_shape"],
        rate_source=row["rate_source"],
        rate_evidence=row["rate_evidence"],
        stock=row["stock"],
        price_cny=row["price_cny"],
        shortage_cny=shortage_cny,
        salvage_cny=salvage_cny,
        holding_rate_per_year=row["holding_rate_per_year"],
        answer=optimizer_surplus.last_time_buy(
            mean,
            row["rate_shape"],
            stock=row["stock"],
            underage_cny=max(float(shortage_cny - row["price_cny"]), 0.0),
            overage_cny=overage,
        ),
    )


_LAST = """
WITH served AS (
    SELECT coalesce(sum(per_device), 0)::float8 AS pieces
    FROM device
    JOIN model_part ON model_part.model = device.model AND model_part.part = $1
    WHERE retired_on IS NULL
), there AS (
    SELECT greatest(coalesce(sum(free - backordered), 0), 0)::int AS units FROM level
    JOIN party ON party.id = level.owner AND party.is_ourselves
    WHERE level.part = $1 AND condition = 'good'
), coming AS (
    SELECT coalesce(sum(quantity - received_quantity), 0)::int AS units FROM expected_delivery
    WHERE part = $1 AND closed_at IS NULL
)
SELECT part.name_zh, part.name_en, part.unit_cost_cny AS price_cny, part.holding_rate_per_year, served.pieces,
       there.units + coming.units AS stock, rate.annual_rate, rate.shape AS rate_shape,
       rate.exposure_device_years AS exposure, rate.source AS rate_source, rate.evidence AS rate_evidence
FROM part, served, there, coming, LATERAL (
    SELECT annual_rate, shape, exposure_device_years, source, evidence FROM failure_rate
    WHERE failure_rate.part = part.id AND valid_from <= $2 ORDER BY valid_from DESC, id DESC LIMIT 1
) AS rate
WHERE part.id = $1
"""

_SERVED = """
SELECT coalesce(device.environment, site.environment) AS environment, device_model.code || ' ' || device.firmware AS firmware,
       band.place::int - 1 AS age,
       sum(per_device * greatest(least(coalesce(contract.ends_on, $3::date), $3::date, installed_on + (band.below * 365)::int)
                                 - greatest(installed_on + (band.low * 365)::int, $2::date), 0))::float8 / 365
       AS piece_years
FROM device
JOIN contract ON contract.id = device.contract
JOIN place AS site ON site.id = device.site
JOIN device_model ON device_model.id = device.model
JOIN model_part ON model_part.model = device.model AND model_part.part = $1
CROSS JOIN unnest($4::float8[], $5::float8[]) WITH ORDINALITY AS band(low, below, place)
WHERE retired_on IS NULL
GROUP BY 1, 2, 3 ORDER BY 3, 1, 2
"""
