"""Facts for judging stock: levels, what is inbound, the plan's rows, recent failures, the classes as they stand."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct, structs

from inventory.catalogue.grades import Provenance, is_at_least
from inventory.emergency.carrying import any_shut, standing
from inventory.emergency.policy import Policy, policy_at
from inventory.emergency.stand_ins import SET_ASIDE
from inventory.ground import clock, db
from inventory.installed_base.failures import REMEMBERED
from inventory.planning.expecting import Expectation, expected
from inventory.procurement.provenance import grade_on
from inventory.stock.issuable import BELOW_CHANNEL
from inventory.stock.serving import reached_from, serving_of, serving_row
from optimizer.cover import ClassDemand


class Arriving(Struct, frozen=True, kw_only=True):
    """A confirmed delivery still to come; `measure` tells that an emergency case caused it.

    `grade` is that of its vendor today, or of our own repairs; what is on the road between stores has none of its own.
    """

    quantity: int
    due_at: datetime
    measure: bool
    grade: Provenance | None = None


class RowFacts(Struct, frozen=True, kw_only=True):
    """One part in one store and pool: stock, demand, plan and failures.

    `planned` is false where no approved plan has the row; its demand then comes from the installed base, and
    `planned_share` is the highest target among the classes it serves. `stored_share` is the share last recorded,
    `stored_raise` how many times its long-run rate the present rate was then. `case_drill_since` is when its case was opened
    by a drill, if it was. `rate_shape` tells how well the rate is
    known: that of its Gamma, infinite where nothing is said of it. `least` is the strictest source grade that a contract
    served here asks for, where some of the stock may be worth less (else None: nothing has to be left out); `unissuable`
    how many free pieces are, which count for nobody; `arriving` has none that are. `standing_in` is how many pieces of the
    part its substitutes stand in for (None where none was agreed on), `lent` how many of its own stand in for other parts.
    """

    part: int
    place: int
    pool: int
    part_number: str
    name_zh: str
    name_en: str
    depot: str
    pool_code: str
    on_hand: int
    reserved: int
    backordered: int
    base_stock: int | None
    critical_point: int | None
    average_failure_line: int | None
    rate_per_day: float
    rate_shape: float
    resupply_days: float
    planned_share: float
    planned: bool
    demands: list[ClassDemand]
    arriving: list[Arriving]
    failures: list[datetime]
    hand_set: int | None
    stored_share: float | None
    stored_raise: float
    stored_in_burst: bool
    case: UUID | None
    case_state: str | None
    case_drill_since: datetime | None = None
    standing_in: int | None
    lent: int
    least: Provenance | None = None
    unissuable: int = 0

    @property
    def on_shelf(self) -> int:
        """Good stock that is neither promised nor waited for; may be negative."""
        return self.on_hand - self.reserved - self.backordered

    @property
    def available(self) -> int:
        """What is on the shelf and may be issued, with the substitutes that stand in for it, without what it lends."""
        return self.on_shelf - self.unissuable + (self.standing_in or 0) - self.lent

    @property
    def name(self) -> str:
        """The row's name in explanations."""
        return f"{self.part_number}@{self.depot}" + ("" if self.pool_code == "common" else f"/{self.pool_code}")

    @property
    def key(self) -> tuple[int, int, int]:
        """Part, place and pool."""
        return self.part, self.place, self.pool


class ClassFacts(Struct, frozen=True, kw_only=True):
    """A service class as the rows' recorded shares make it; `floor` is the value it may not fall below."""

    code: str
    target: float
    floor: float
    planned_service: float
    on_time_rate: float
    total_rate: float


class Facts(Struct, frozen=True, kw_only=True):
    """Everything a judgement needs; `series` is how many series the radar watches, the rows among them."""

    at: datetime
    rows: list[RowFacts]
    classes: list[ClassFacts]
    policy: Policy
    series: int


Key = tuple[int, int, int]
"""A row's part, place and pool."""

ROWS_WATCHED = (
    """(SELECT count(*)::int FROM plan_row JOIN plan ON plan.id = plan_row.plan AND plan.state = 'approved')"""
)
"""How many rows are watched for bursts."""


async def gather(keys: Sequence[Key] | None = None) -> Facts:
    """Facts about some rows, or about every one that carries planned demand; a dozen statements, however many rows.

    What a row expects a day is what its plan says, times as much as is believed of it now; without a plan, what its
    devices make of it.
    """
    now = clock.now()
    parts, places, pools = (
        (None, None, None) if keys is None else tuple(list(column) for column in zip(*keys, strict=True))
    )
    shut = await any_shut()
    rows = await db.read(RowFacts, _PLANNED[shut], parts, places, pools, now, now - REMEMBERED, clock.today())
    if keys is not None and len(rows) < len(keys):
        known = {row.key for row in rows}
        unplanned = zip(*(key for key in keys if key not in known), strict=True)
        asked = [list(column) for column in unplanned]
        rows += await db.read(RowFacts, _UNPLANNED, *asked, now, now - REMEMBERED, clock.today())
    awaited = await expected(keys, clock.today())
    rows = [_as_believed(_as_issuable(row), awaited.get(row.key)) for row in rows]
    classes = await db.read(ClassFacts, _CLASSES[shut])
    series = await db.fetch_value(f"""SELECT greatest((SELECT series FROM radar_round), {ROWS_WATCHED})""")
    return Facts(at=now, rows=rows, classes=classes, policy=await policy_at(now), series=max(series, 1))


def _as_issuable(row: RowFacts) -> RowFacts:
    """A row without the deliveries that could not be issued to whom it serves."""
    if row.least is None:
        return row
    will_do = [each for each in row.arriving if each.grade is None or is_at_least(each.grade, row.least)]
    return structs.replace(row, arriving=will_do)


def _as_believed(row: RowFacts, awaited: Expectation | None) -> RowFacts:
    """A row with what its devices are believed to ask of it now; what no parts list names stays as its plan has it.

    How much the row weighs in its classes stays the plan's too.
    """
    if awaited is None:
        return row
    if not row.planned:
        return structs.replace(row, rate_per_day=awaited.now)
    return structs.replace(row, rate_per_day=row.rate_per_day * awaited.times)


async def classes_now() -> list[ClassFacts]:
    """The service classes as they stand, the most urgent first; empty while no plan is approved."""
    return await db.read(ClassFacts, _CLASSES[await any_shut()])


async def rows_of_class(code: str) -> list[RowFacts]:
    """Every row that serves a class."""
    keys = await db.fetch(
        f"""WITH {standing("NULL", shut=await any_shut())}
            SELECT part, place, pool FROM demand
            JOIN service_class ON service_class.id = demand.service_class AND service_class.code = $1""",
        code,
    )
    return (await gather([(row["part"], row["place"], row["pool"]) for row in keys])).rows if keys else []


async def serving_key(part: int, site: int, contract: int) -> Key | None:
    """The row that a part's failures at a site fall on; None where no store covers it."""
    row = await serving_row(site, contract)
    return None if row is None else (part, row.place, row.pool)


_RECENT = """
recent AS MATERIALIZED (
    SELECT failure.part, failure.occurred_at, device.site, device.contract
    FROM failure JOIN device ON device.id = failure.device
    WHERE failure.withdrawn_at IS NULL AND failure.occurred_at BETWEEN $5 AND $4
      AND ($1::int[] IS NULL OR failure.part = ANY($1))
      AND ($2::int[] IS NULL OR device.site IN (SELECT site FROM coverage WHERE store = ANY($2)))
)"""

# what may be worth less than a contract asks is looked at more closely; almost nothing is
_LOW = f"""
low AS MATERIALIZED (
    SELECT part, place FROM unit
    WHERE condition = 'good' AND {BELOW_CHANNEL} AND ($1::int[] IS NULL OR part = ANY($1))
    UNION
    SELECT lot.part, lot_stock.place FROM lot JOIN lot_stock ON lot_stock.lot = lot.id AND lot_stock.quantity > 0
    WHERE {BELOW_CHANNEL} AND ($1::int[] IS NULL OR lot.part = ANY($1))
)"""

_COMMON = f"""
SELECT wanted.part, wanted.place, wanted.pool, part.part_number, part.name_zh, part.name_en, place.code AS depot,
       pool.code AS pool_code, coalesce(level.on_hand, 0) AS on_hand, coalesce(level.reserved, 0) AS reserved,
       coalesce(level.backordered, 0) AS backordered, level.base_stock, level.critical_point,
       level.average_failure_line,
       wanted.rate_per_day, coalesce(believed.shape, 'infinity') AS rate_shape, wanted.resupply_days,
       wanted.planned_share, wanted.planned, wanted.demands,
       coalesce(inbound.arriving, '[]') AS arriving, coalesce(failed.failures, '{{}}') AS failures,
       hand_set_point.point AS hand_set, assessment.projected_share AS stored_share,
       coalesce(assessment.present_rate_per_day / nullif(assessment.rate_per_day, 0), 1) AS stored_raise,
       coalesce(assessment.in_burst, false) AS stored_in_burst,
       emergency_case.id AS case, emergency_case.state AS case_state,
       CASE WHEN emergency_case.drill THEN emergency_case.opened_at END AS case_drill_since, standing.units AS standing_in,
       coalesce(lent.pieces, 0) AS lent, asked.least,
       CASE WHEN asked.least IS NULL OR level.id IS NULL THEN 0
            ELSE greatest(level.on_hand - level.reserved - issuable(level.id, asked.least), 0) END AS unissuable
FROM wanted
JOIN part ON part.id = wanted.part
JOIN place ON place.id = wanted.place
JOIN pool ON pool.id = wanted.pool
JOIN party ON party.is_ourselves
LEFT JOIN level ON level.part = wanted.part AND level.place = wanted.place AND level.pool = wanted.pool
     AND level.condition = 'good' AND level.owner = party.id
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object(
               'quantity', expected_delivery.quantity - expected_delivery.received_quantity, 'due_at',
               expected_delivery.due_at, 'measure', meant.part IS NOT DISTINCT FROM wanted.part,
               'grade', coming.grade) ORDER BY expected_delivery.due_at) AS arriving,
           bool_or(grade_rank(coming.grade) > grade_rank('authorised_channel')) AS low
    FROM expected_delivery
    LEFT JOIN purchase_order_line ON purchase_order_line.id = expected_delivery.source
    LEFT JOIN purchase_order ON purchase_order.id = purchase_order_line.purchase_order
    LEFT JOIN vendor ON vendor.id = purchase_order.vendor
    CROSS JOIN LATERAL (
        SELECT CASE WHEN vendor.id IS NOT NULL THEN {grade_on("$6::date")}
                    WHEN source_kind = 'return' THEN 'recovered' END AS grade
    ) AS coming
    LEFT JOIN transfer_line ON transfer_line.id = expected_delivery.source
    LEFT JOIN transfer ON transfer.id = transfer_line.transfer
    LEFT JOIN emergency_case AS meant ON meant.number = coalesce(purchase_order.case_number, transfer.case_number)
    WHERE expected_delivery.part = wanted.part AND expected_delivery.place = wanted.place
      AND expected_delivery.pool = wanted.pool AND expected_delivery.closed_at IS NULL
      AND confirmed AND expected_delivery.quantity > expected_delivery.received_quantity
      AND NOT EXISTS (  -- what is to stand in for another part is not for this one
          SELECT FROM case_substitute WHERE case_substitute.emergency_case = meant.id AND substitute = wanted.part
            AND agreed_at IS NOT NULL AND ended_at IS NULL)
) AS inbound ON true
LEFT JOIN low ON low.part = wanted.part AND low.place = wanted.place
LEFT JOIN LATERAL (
    SELECT contract.minimum_provenance AS least
    FROM ({serving_of(reached_from("wanted.place"))}) AS serving
    JOIN contract ON contract.id = serving.contract
    WHERE serving.place = wanted.place AND serving.pool = wanted.pool
      AND (low.part IS NOT NULL OR inbound.low
           OR EXISTS (SELECT FROM contract AS strict WHERE strict.minimum_provenance = 'maker_direct'))
    ORDER BY grade_rank(contract.minimum_provenance) LIMIT 1
) AS asked ON true
LEFT JOIN (
    SELECT recent.part, serving.place, serving.pool, array_agg(recent.occurred_at ORDER BY recent.occurred_at) AS failures
    FROM recent
    JOIN ({serving_of("SELECT DISTINCT site, contract FROM recent")}) AS serving
         ON serving.site = recent.site AND serving.contract = recent.contract
    GROUP BY 1, 2, 3
) AS failed ON failed.part = wanted.part AND failed.place = wanted.place AND failed.pool = wanted.pool
LEFT JOIN LATERAL (
    SELECT shape FROM failure_rate
    WHERE failure_rate.part = wanted.part AND valid_from <= $6 ORDER BY valid_from DESC, id DESC LIMIT 1
) AS believed ON true
LEFT JOIN hand_set_point ON hand_set_point.part = wanted.part AND hand_set_point.place = wanted.place
     AND hand_set_point.pool = wanted.pool AND hand_set_point.expires_at > $4
LEFT JOIN assessment ON assessment.part = wanted.part AND assessment.place = wanted.place
     AND assessment.pool = wanted.pool
LEFT JOIN emergency_case ON emergency_case.part = wanted.part AND emergency_case.place = wanted.place
     AND emergency_case.pool = wanted.pool AND emergency_case.state NOT IN ('closed', 'stood_down')
LEFT JOIN (
    SELECT part, place, pool, sum(units)::int AS units FROM ({SET_ASIDE}) AS set_aside GROUP BY 1, 2, 3
) AS standing ON standing.part = wanted.part AND standing.place = wanted.place AND standing.pool = wanted.pool
LEFT JOIN (
    SELECT substitute, place, pool, sum(pieces)::int AS pieces FROM ({SET_ASIDE}) AS set_aside GROUP BY 1, 2, 3
) AS lent ON lent.substitute = wanted.part AND lent.place = wanted.place AND lent.pool = wanted.pool
ORDER BY part.part_number, place.code, pool.code
"""

_PLANNED = {
    shut: f"""
WITH {standing("$1", shut=shut)},
wanted AS (
    SELECT part, place, pool, rate_per_day, resupply_days, planned_share, true AS planned,
           coalesce(asked.demands, '[]') AS demands
    FROM standing
    LEFT JOIN (
        SELECT part, place, pool, jsonb_agg(jsonb_build_object(
                   'service_class', service_class.code, 'served_rate', served, 'total_rate', total)) AS demands
        FROM demand JOIN service_class ON service_class.id = demand.service_class GROUP BY 1, 2, 3
    ) AS asked USING (part, place, pool)
    WHERE $1::int[] IS NULL OR (part, place, pool) IN (SELECT * FROM unnest($1::int[], $2::int[], $3::int[]))
),
{_RECENT},{_LOW}
{_COMMON}
"""
    for shut in (False, True)
}

_UNPLANNED = f"""
WITH wanted AS (
    SELECT k.part, k.place, k.pool, 0::float8 AS rate_per_day,
           coalesce((SELECT min(lead_time_days) FROM offer
                     WHERE offer.part = k.part AND valid_from <= $6 AND (valid_to IS NULL OR valid_to >= $6)),
                    30)::float8 AS resupply_days,
           coalesce(max(service_class.target_fraction), 0)::float8 AS planned_share, false AS planned,
           '[]'::jsonb AS demands
    FROM unnest($1::int[], $2::int[], $3::int[]) AS k(part, place, pool)
    LEFT JOIN ({serving_of(reached_from("ANY($2)"))}) AS serving ON serving.place = k.place AND serving.pool = k.pool
    LEFT JOIN device ON device.site = serving.site AND device.contract = serving.contract AND retired_on IS NULL
    LEFT JOIN contract ON contract.id = device.contract
    LEFT JOIN service_class ON service_class.id = contract.service_class
    GROUP BY k.part, k.place, k.pool
),
{_RECENT},{_LOW}
{_COMMON}
"""

_CLASSES = {
    shut: f"""
WITH {standing("NULL", shut=shut)},
now AS (
    SELECT demand.service_class, demand.served, demand.total,
           coalesce(assessment.projected_share, standing.planned_share) AS share,
           coalesce(assessment.present_rate_per_day / nullif(assessment.rate_per_day, 0), 1) AS raise
    FROM standing
    JOIN demand USING (part, place, pool)
    LEFT JOIN assessment USING (part, place, pool)
)
SELECT service_class.code, plan_class.target_fraction AS target,
       least(plan_class.target_fraction, plan_class.normal_dip) AS floor, plan_class.planned_service,
       coalesce(sum(now.served * now.raise * now.share), 0) AS on_time_rate,
       coalesce(sum(now.total * now.raise), 0) AS total_rate
FROM plan
JOIN plan_class ON plan_class.plan = plan.id
JOIN service_class ON service_class.id = plan_class.service_class
LEFT JOIN now ON now.service_class = service_class.id
WHERE plan.state = 'approved'
GROUP BY service_class.code, plan_class.id, service_class.time_to_site_hours
ORDER BY service_class.time_to_site_hours, service_class.code
"""
    for shut in (False, True)
}
