"""Which demand each row of the approved plan carries today: its own, and that of stores out of service.

While a store is out of service, its sites are served by the next store that is (`stock/serving.py`), so its rows'
demand falls there. Of a row with the daily rate λ, whose class c asks λ_c at the sites of that class,

    λ'_c(S) = λ_c · w_c(S) / w_c     and     λ'(S) = λ · Σ_c λ'_c(S) / Σ_c λ_c

move to the store S that now serves sites with the weight w_c(S) of all w_c: the pieces of the part in the devices there,
or the devices themselves where no parts list names it (consumables, whole units). It is served in time where the new
way is within the class's limit. What no store serves stays with the row as demand that nothing reaches.
"""

from inventory.ground import db
from inventory.stock.serving import ANSWERS, HOME, NEAREST


async def any_shut() -> bool:
    """Whether any store is out of service; nearly always none is, and every row carries its own demand alone."""
    return await db.fetch_value("SELECT EXISTS (SELECT FROM place WHERE out_of_service_at IS NOT NULL)")


def standing(parts: str, *, shut: bool) -> str:
    """Common table expressions, to stand behind WITH: `standing`, a row each, and `demand`, a row and class each.

    Both know their rows by part, place and pool. `parts` is the place of a parameter: only these, or all where it is null.
    `shut` tells whether any store is out of service: to plan for demand that moves takes longer than to read what does not.

    >>> "moving AS" in standing("$1", shut=True), "moving AS" in standing("$1", shut=False)
    (True, False)
    """
    return _moving(parts) if shut else _as_planned(parts)


def _as_planned(parts: str) -> str:
    return f"""
standing AS MATERIALIZED (
    SELECT plan_row.id, part, place, pool, rate_per_day, resupply_days, planned_share
    FROM plan_row JOIN plan ON plan.id = plan_row.plan AND plan.state = 'approved'
    WHERE {parts}::int[] IS NULL OR plan_row.part = ANY({parts})
),
demand AS (
    SELECT part, place, pool, asked.service_class, asked.total_rate_per_day AS total, asked.served_rate_per_day AS served
    FROM standing JOIN plan_row_class AS asked ON asked.plan_row = standing.id
)"""


def _moving(parts: str) -> str:
    return f"""
shut AS MATERIALIZED (SELECT id FROM place WHERE out_of_service_at IS NOT NULL),
planned AS MATERIALIZED (
    SELECT plan_row.*, plan_row.place IN (SELECT id FROM shut) AS shut
    FROM plan_row JOIN plan ON plan.id = plan_row.plan AND plan.state = 'approved'
    WHERE {parts}::int[] IS NULL OR plan_row.part = ANY({parts})
),
moving AS MATERIALIZED (
    SELECT served.site, served.contract, contract.service_class, home.store AS home, nearest.store AS place,
           nearest.travel_hours <= service_class.time_to_site_hours AS in_time
    FROM (SELECT DISTINCT device.site, device.contract
          FROM shut JOIN coverage ON coverage.store = shut.id
          JOIN device ON device.site = coverage.site AND device.retired_on IS NULL) AS served
    JOIN contract ON contract.id = served.contract
    JOIN service_class ON service_class.id = contract.service_class
    JOIN LATERAL {HOME} ON true
    JOIN shut ON shut.id = home.store
    LEFT JOIN LATERAL {NEAREST} ON true
),
weighed AS MATERIALIZED (
    SELECT planned.id, moving.service_class, moving.place, moving.in_time, sum(fleet.devices) AS devices,
           sum(fleet.pieces) AS pieces
    FROM planned
    JOIN moving ON moving.home = planned.place
    JOIN contract ON contract.id = moving.contract
    JOIN pool ON pool.id = planned.pool AND {ANSWERS}
    JOIN LATERAL (
        SELECT count(*)::float8 AS devices, coalesce(sum(model_part.per_device), 0)::float8 AS pieces
        FROM device LEFT JOIN model_part ON model_part.model = device.model AND model_part.part = planned.part
        WHERE device.site = moving.site AND device.contract = moving.contract AND device.retired_on IS NULL
    ) AS fleet ON true
    WHERE planned.shut
    GROUP BY 1, 2, 3, 4
),
share AS MATERIALIZED (
    SELECT id, service_class, place, in_time,
           CASE WHEN sum(pieces) OVER (PARTITION BY id) > 0
                THEN pieces / nullif(sum(pieces) OVER (PARTITION BY id, service_class), 0)
                ELSE devices / sum(devices) OVER (PARTITION BY id, service_class) END AS fraction
    FROM weighed
),
moved AS MATERIALIZED (
    SELECT planned.id, share.place, asked.service_class, share.in_time, asked.total_rate_per_day * share.fraction AS total
    FROM planned
    JOIN plan_row_class AS asked ON asked.plan_row = planned.id
    JOIN share ON share.id = planned.id AND share.service_class = asked.service_class
    WHERE share.place IS NOT NULL AND share.fraction > 0
),
demand AS MATERIALIZED (
    SELECT part, place, pool, service_class, sum(total) AS total, sum(served) AS served
    FROM (
        SELECT planned.part, planned.place, planned.pool, asked.service_class, asked.total_rate_per_day AS total,
               asked.served_rate_per_day AS served
        FROM planned JOIN plan_row_class AS asked ON asked.plan_row = planned.id WHERE NOT planned.shut
        UNION ALL
        SELECT planned.part, moved.place, planned.pool, moved.service_class, moved.total,
               CASE WHEN moved.in_time THEN moved.total ELSE 0 END
        FROM moved JOIN planned USING (id)
        UNION ALL
        SELECT planned.part, planned.place, planned.pool, asked.service_class,
               greatest(asked.total_rate_per_day - coalesce(gone.total, 0), 0), 0
        FROM planned
        JOIN plan_row_class AS asked ON asked.plan_row = planned.id
        LEFT JOIN (SELECT id, service_class, sum(total) AS total FROM moved GROUP BY 1, 2) AS gone
             ON gone.id = planned.id AND gone.service_class = asked.service_class
        WHERE planned.shut
    ) AS each
    GROUP BY 1, 2, 3, 4
),
standing AS MATERIALIZED (
    SELECT part, place, pool, sum(rate) AS rate_per_day,
           coalesce(max(resupply_days) FILTER (WHERE own), max(resupply_days)) AS resupply_days,
           coalesce(max(planned_share) FILTER (WHERE own), max(planned_share)) AS planned_share
    FROM (
        SELECT part, place, pool, CASE WHEN shut THEN 0 ELSE rate_per_day END AS rate, resupply_days, planned_share,
               true AS own
        FROM planned
        UNION ALL
        SELECT planned.part, moved.place, planned.pool,
               planned.rate_per_day * moved.total / nullif(asked.total, 0), planned.resupply_days, planned.planned_share,
               false
        FROM moved
        JOIN planned USING (id)
        JOIN (SELECT plan_row AS id, sum(total_rate_per_day) AS total FROM plan_row_class
              WHERE plan_row IN (SELECT id FROM moved) GROUP BY 1) AS asked USING (id)
    ) AS each
    GROUP BY 1, 2, 3
)"""
