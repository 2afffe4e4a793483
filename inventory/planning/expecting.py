"""How many failures a day stores are to expect of their parts today: by the devices in service, as rates are believed now.

A plan knows what was believed when it was made. Since then rates were learned, and devices grew older.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date

from msgspec import Struct

from inventory.ground import db
from inventory.planning.learning import AGES, Factors, by_kind, factors_of, newest
from inventory.stock.serving import serving_of
from optimizer.factors import AGE_BANDS, factor_of

Row = tuple[int, int, int]
"""A part in a store and pool, by their ids."""


class Expectation(Struct, frozen=True, kw_only=True):
    """Failures a day of the devices in service today: as they are believed `now`, and as they were `then`."""

    now: float
    then: float

    @property
    def times(self) -> float:
        """How many times what was believed then is believed now; once where nothing was."""
        return self.now / self.then if self.now > 0 and self.then > 0 else 1.0


async def expected(rows: Sequence[Row] | None, on: date) -> dict[Row, Expectation]:
    """What some rows (all of them) are to expect on a day, and what the plan in force could know; six statements.

    The failures of a part at a store are λ = Σ n·q·r·f / 365 a day over the devices that it serves: n of a model that has q
    pieces each, which fail r times a year in an average device, f times as often in one of their age, environment and
    firmware (`optimizer.factors`). Parts of no parts list are missing.
    """
    made = await db.fetch_one(
        "SELECT made_at, (made_at AT TIME ZONE 'UTC')::date AS day FROM plan WHERE state = 'approved'"
    )
    then = on if made is None else made["day"]
    held = await newest()
    factors = by_kind(await factors_of(held))
    was_held = held if made is None else await newest(made["made_at"])
    before = factors if was_held == held else by_kind(await factors_of(was_held))
    parts = None if rows is None else sorted({part for part, _, _ in rows})
    spots = None if rows is None else sorted({(place, pool) for _, place, pool in rows})
    bom: dict[int, list[db.Row]] = defaultdict(list)
    for line in await db.fetch(_BOM, parts, on, then):
        bom[line["model"]].append(line)
    places, pools = (None, None) if spots is None else ([place for place, _ in spots], [pool for _, pool in spots])
    sums: dict[Row, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for fleet in await db.fetch(_FLEET, on, then, AGES, places, pools, sorted(bom)):
        times: dict[str, tuple[float, float]] = {}
        for line in bom[fleet["model"]]:
            kind = line["kind"]
            if kind not in times:
                times[kind] = _times(factors, kind, fleet, "age"), _times(before, kind, fleet, "age_then")
            pieces = fleet["devices"] * line["per_device"] / 365
            sum_of = sums[line["part"], fleet["place"], fleet["pool"]]
            sum_of[0] += pieces * line["annual_rate"] * times[kind][0]
            sum_of[1] += pieces * line["annual_rate_then"] * times[kind][1]
    wanted = None if rows is None else set(rows)
    return {row: Expectation(now=now, then=was) for row, (now, was) in sums.items() if wanted is None or row in wanted}


def _times(factors: Factors, kind: str, fleet: db.Row, age: str) -> float:
    levels = {"age": AGE_BANDS[fleet[age]][0], "environment": fleet["environment"], "firmware": fleet["firmware"]}
    return factor_of(factors.get(kind, {}), levels)


_BOM = """
SELECT model_part.model, model_part.part, part.kind, per_device::float8 AS per_device,
       coalesce(rate.annual_rate, 0) AS annual_rate, coalesce(earlier.annual_rate, 0) AS annual_rate_then
FROM model_part
JOIN part ON part.id = model_part.part
LEFT JOIN LATERAL (
    SELECT annual_rate FROM failure_rate
    WHERE failure_rate.part = part.id AND valid_from <= $2 ORDER BY valid_from DESC, id DESC LIMIT 1
) AS rate ON true
LEFT JOIN LATERAL (
    SELECT annual_rate FROM failure_rate
    WHERE failure_rate.part = part.id AND valid_from <= $3 ORDER BY valid_from DESC, id DESC LIMIT 1
) AS earlier ON true
WHERE $1::int[] IS NULL OR model_part.part = ANY($1)
"""

_FLEET = f"""
WITH fleet AS MATERIALIZED (
    SELECT device.site, device.contract, device.model, coalesce(device.environment, site.environment) AS environment,
           device_model.code || ' ' || device.firmware AS firmware,
           width_bucket(($1::date - installed_on) / 365.0::float8, $3::float8[]) AS age,
           width_bucket(($2::date - installed_on) / 365.0::float8, $3::float8[]) AS age_then, count(*)::int AS devices
    FROM device
    JOIN device_model ON device_model.id = device.model
    JOIN place AS site ON site.id = device.site
    WHERE device.model = ANY($6) AND (retired_on IS NULL OR retired_on > $1)
      AND ($4::int[] IS NULL OR device.site IN (SELECT site FROM coverage WHERE store = ANY($4)))
    GROUP BY 1, 2, 3, 4, 5, 6, 7
)
SELECT serving.place, serving.pool, model, environment, firmware, age, age_then, devices
FROM ({serving_of("SELECT DISTINCT site, contract FROM fleet")}) AS serving
JOIN fleet ON fleet.site = serving.site AND fleet.contract = serving.contract
WHERE $4::int[] IS NULL OR (serving.place, serving.pool) IN (SELECT * FROM unnest($4::int[], $5::int[]))
"""
