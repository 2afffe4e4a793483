"""What could rebuild a customer's site: whole units and parts that are free anywhere, by when they could be there."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.installed_base.contracts import forbids
from inventory.places.reach import reached
from inventory.requests.sourcing import PICK_HOURS
from inventory.stock.serving import ANSWERS, WAYS


class FreeThere(Struct, frozen=True, kw_only=True):
    """Free pieces in one store and pool; `arrives_at` is empty where no way leads from it to the site."""

    depot: str
    name_zh: str
    name_en: str
    pool: str
    free: int
    hours: float | None
    arrives_at: datetime | None


class ToRebuild(Struct, frozen=True, kw_only=True):
    """A part, or a whole unit, that devices of a model at the site need.

    `wanted` is for all its devices there; `missing` is what cannot be had: free nowhere that a way leads from.
    `complete_at` is when the last wanted piece could be there; empty while some are missing. Pieces that stand under
    several models are told with each.
    """

    part_number: str
    name_zh: str
    name_en: str
    swap_unit: bool
    critical: bool
    wanted: int
    free: int
    missing: int
    complete_at: datetime | None
    stock: list[FreeThere]


class Rebuilding(Struct, frozen=True, kw_only=True):
    """Devices of a model under a contract at the site, and what could rebuild them; whole units first."""

    model: str
    model_name: str
    contract: str
    devices: int
    parts: list[ToRebuild]


MOST_STOCKS = 10
"""How many stores are named for a part, the soonest first; its counts tell of all."""

MOST_LINES = 2000


class _Line(Struct, frozen=True, kw_only=True):
    model: str
    model_name: str
    contract: str
    devices: int
    part_number: str | None
    name_zh: str | None
    name_en: str | None
    swap_unit: bool
    critical: bool
    per_device: float
    stock: list[FreeThere]


_LINES = f"""
WITH fleet AS (
    SELECT device.site, device.model, device.contract, count(*)::int AS devices FROM device
    WHERE device.site = $1 AND device.retired_on IS NULL GROUP BY 1, 2, 3
),
needed AS (
    SELECT fleet.model, fleet.contract, swap_unit.part, true AS swap_unit, true AS critical, 1::float8 AS per_device
    FROM fleet JOIN swap_unit ON swap_unit.model = fleet.model AND swap_unit.in_force
    UNION ALL
    SELECT fleet.model, fleet.contract, model_part.part, false, model_part.critical, model_part.per_device::float8
    FROM fleet JOIN model_part ON model_part.model = fleet.model
),
way AS MATERIALIZED (
    SELECT place, min(hours) AS hours, min(hours) FILTER (WHERE lithium) AS lithium_hours
    FROM ({WAYS}) AS ways WHERE site = $1 GROUP BY place
)
SELECT device_model.code AS model, device_model.name AS model_name, contract.code AS contract, fleet.devices,
       part.part_number, part.name_zh, part.name_en, coalesce(needed.swap_unit, false) AS swap_unit,
       coalesce(needed.critical, false) AS critical, coalesce(needed.per_device, 0) AS per_device,
       coalesce(there.stock, '[]') AS stock
FROM fleet
JOIN device_model ON device_model.id = fleet.model
JOIN contract ON contract.id = fleet.contract
LEFT JOIN needed ON needed.model = fleet.model AND needed.contract = fleet.contract
LEFT JOIN part ON part.id = needed.part
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('depot', place.code, 'name_zh', place.name_zh, 'name_en', place.name_en,
                'pool', pool.code, 'free', level.free, 'hours', reach.hours,
                'arrives_at', $2::timestamptz + make_interval(secs => reach.hours * 3600))
                ORDER BY reach.hours NULLS LAST, place.code, pool.code) AS stock
    FROM level
    JOIN party ON party.id = level.owner AND party.is_ourselves
    JOIN place ON place.id = level.place AND place.kind <> 'engineer_stock' AND place.out_of_service_at IS NULL
    JOIN pool ON pool.id = level.pool AND {ANSWERS}
    LEFT JOIN way ON way.place = level.place
    CROSS JOIN LATERAL (
        SELECT $3::float8 + CASE WHEN part.lithium THEN way.lithium_hours ELSE way.hours END AS hours) AS reach
    WHERE level.part = part.id AND level.condition = 'good' AND level.free > 0
      AND NOT {forbids("contract.id", "part.id")}
) AS there ON true
ORDER BY contract.code, device_model.code, swap_unit DESC, critical DESC, part.part_number
LIMIT $4
"""


async def rebuilding(site: str, *, seen_by: Actor) -> list[Rebuilding]:
    """What could rebuild every device of a site, by contract and model; one statement, however many devices and parts.

    Stock counts down to the last piece: critical points are for people to weigh here. A contract's own stock, or the
    common one, by the rules under which its calls are answered; stores out of service give nothing.

    Raises:
        Unknown: no such site in the reader's scope.

    """
    where = await db.fetch_value(
        f"""SELECT id FROM place WHERE code = $1 AND kind = 'site' AND {reached("place.id", "$2")}""",
        site,
        seen_by.depot_scope,
    )
    if where is None:
        raise Unknown(what="site", what_zh="客户机房", key=site)
    lines = await db.read(_Line, _LINES, where, clock.now(), PICK_HOURS, MOST_LINES)
    scope = seen_by.contracts
    grouped: dict[tuple[str, str], list[_Line]] = {}
    for line in lines:
        if scope is None or line.contract in scope:
            grouped.setdefault((line.contract, line.model), []).append(line)
    return [
        Rebuilding(
            model=each[0].model,
            model_name=each[0].model_name,
            contract=each[0].contract,
            devices=each[0].devices,
            parts=[_to_rebuild(line, line.part_number) for line in each if line.part_number is not None],
        )
        for each in grouped.values()
    ]


def _to_rebuild(line: _Line, part_number: str) -> ToRebuild:
    wanted = max(round(line.per_device * line.devices), 1)
    reachable = [stock for stock in line.stock if stock.hours is not None]
    return ToRebuild(
        part_number=part_number,
        name_zh=line.name_zh or "",
        name_en=line.name_en or "",
        swap_unit=line.swap_unit,
        critical=line.critical,
        wanted=wanted,
        free=sum(stock.free for stock in reachable),
        missing=max(0, wanted - sum(stock.free for stock in reachable)),
        complete_at=_complete(reachable, wanted),
        stock=line.stock[:MOST_STOCKS],
    )


def _complete(stock: Sequence[FreeThere], wanted: int) -> datetime | None:
    """When the last of the wanted pieces could be there, the soonest first; None where there are too few.

    >>> from datetime import timedelta, UTC
    >>> at = datetime(2026, 1, 1, tzinfo=UTC)
    >>> def free(pieces, hours):
    ...     return FreeThere(depot="GZ", name_zh="", name_en="", pool="common", free=pieces, hours=hours,
    ...                      arrives_at=at + timedelta(hours=hours))
    >>> _complete([free(2, 1), free(3, 24)], 3) == at + timedelta(hours=24), _complete([free(2, 1)], 3)
    (True, None)
    """
    so_far = 0
    for each in stock:
        so_far += each.free
        if so_far >= wanted:
            return each.arrives_at
    return None
