"""Which stock serves which site: the nearest store in service, in the contract's own pool or the common one.

And by which ways stock reaches a site at all.
"""

from msgspec import Struct

from inventory.ground import db

_NEAREST = """(
    SELECT coverage.store, coverage.travel_hours
    FROM coverage JOIN place ON place.id = coverage.store
    WHERE coverage.site = served.site AND %s
      -- an on-site store belongs to its customer; only that customer's own stock lies there
      AND (place.kind = 'depot' OR (place.kind = 'onsite_store' AND contract.dedicated_stock
                                    AND place.party = contract.customer))
    ORDER BY coverage.travel_hours, place.code LIMIT 1
) AS %s"""

NEAREST = _NEAREST % ("place.out_of_service_at IS NULL", "nearest")
"""The store that serves a site for a contract: to be joined laterally to `served` (site, contract) and its `contract`."""

HOME = _NEAREST % ("true", "home")
"""The store that would serve it if every store were in service: to be joined in the same way."""

ANSWERS = "CASE WHEN contract.dedicated_stock THEN pool.contract = contract.id ELSE pool.contract IS NULL END"
"""Whether a `pool` answers the calls of a `contract`."""


def serving_of(served: str) -> str:
    """Which store and pool the failures of some sites and contracts fall on, a row each; `served` is a question for them.

    To be asked about as few as a question is about: finding the nearest store takes a look at each.
    """
    return f"""
SELECT served.site, served.contract, nearest.store AS place, pool.id AS pool, nearest.travel_hours
FROM ({served}) AS served
JOIN contract ON contract.id = served.contract
JOIN LATERAL {NEAREST} ON true
JOIN pool ON {ANSWERS}
"""


SERVING = serving_of("SELECT DISTINCT site, contract FROM device WHERE retired_on IS NULL")
"""Every site and contract with devices, with the store and pool that its failures fall on."""


def reached_from(place: str) -> str:
    """The sites and contracts with devices that a store reaches: what it serves, and what a nearer one does."""
    return f"""
SELECT DISTINCT device.site, device.contract
FROM coverage JOIN device ON device.site = coverage.site AND retired_on IS NULL WHERE coverage.store = {place}
"""


def devices_of(place: str, pool: str) -> str:
    """The devices in service whose failures fall on the stock of a store in a pool."""
    return f"""
SELECT device.* FROM ({serving_of(reached_from(place))}) AS serving
JOIN device ON device.site = serving.site AND device.contract = serving.contract AND retired_on IS NULL
WHERE serving.place = {place} AND serving.pool = {pool}
"""


WAYS = """
SELECT site, store AS place, travel_hours AS hours, 0::float8 AS fixed_cost, 0::float8 AS unit_cost, true AS lithium
FROM coverage
UNION ALL
SELECT coverage.site, lane.from_place, lane.hours + coverage.travel_hours, lane.fixed_cost_cny, lane.unit_cost_cny,
       lane.carries_lithium
FROM lane JOIN coverage ON coverage.store = lane.to_place
WHERE coverage.travel_hours < coalesce(
    (SELECT travel_hours FROM coverage AS own WHERE own.store = lane.from_place AND own.site = coverage.site), 1e9)
"""
"""How a part travels from a store to a site: straight, or over a lane to a store that is nearer."""


class ServingRow(Struct, frozen=True):
    """A store and pool that answer a site's calls."""

    place: int
    pool: int
    travel_hours: float


async def serving_row(site: int, contract: int) -> ServingRow | None:
    """The store and pool that serve a contract's devices at a site; None where none covers it."""
    return await db.read_one(
        ServingRow,
        f"SELECT place, pool, travel_hours FROM ({serving_of('SELECT $1::int AS site, $2::int AS contract')}) AS serving",
        site,
        contract,
    )
