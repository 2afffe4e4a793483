"""Contracts, customers and sites: who was promised what, where."""

from datetime import date

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.installed_base.clocks import Limits, PartTravels, SwapRunsFrom
from inventory.installed_base.devices import PartsCharged
from inventory.places.reach import reached


class ContractView(Struct, frozen=True, kw_only=True):
    """A contract with its limits."""

    code: str
    customer: str
    name_zh: str
    name_en: str
    calendar: str
    service_class: str
    starts_on: date
    ends_on: date | None
    minimum_provenance: str
    dedicated_stock: bool
    customer_keeps_disks: bool
    part_travels: PartTravels
    fitting_hours: float
    parts_charged: PartsCharged | None
    served_after_end: bool
    swap_runs_from: SwapRunsFrom | None
    lends_equal_function: bool
    terms: str
    service_terms: list[Limits]
    devices: int


class CustomerView(Struct, frozen=True, kw_only=True):
    """A customer."""

    code: str
    name_zh: str
    name_en: str


class SiteView(Struct, frozen=True, kw_only=True):
    """A customer's site; `nearest_depot` is the store that reaches it soonest."""

    code: str
    name_zh: str
    name_en: str
    customer: str | None
    nearest_depot: str | None
    travel_hours: float | None
    devices: int


def forbids(contract: str, part: str) -> str:
    """Whether a `contract` lets a `part` into none of its devices today: a condition on two expressions of a query."""
    return f"EXISTS (SELECT FROM forbidden_part AS ban WHERE ban.contract = {contract} AND ban.part = {part} AND ban.in_force)"


async def contracts(*, limit: int, seen_by: Actor, after: str = "") -> list[ContractView]:
    """Contracts in the reader's scope, by code."""
    return await db.read(
        ContractView,
        """SELECT contract.code, party.code AS customer, contract.name_zh, contract.name_en, calendar.code AS calendar,
                  service_class.code AS service_class, starts_on, ends_on, minimum_provenance, dedicated_stock,
                  customer_keeps_disks, part_travels, fitting_hours, parts_charged, served_after_end,
                  swap_runs_from, lends_equal_function, terms,
                  (SELECT coalesce(jsonb_agg(to_jsonb(service_term) - 'id' - 'contract'
                                             ORDER BY severity, hours DESC), '[]')
                   FROM service_term WHERE service_term.contract = contract.id) AS service_terms,
                  (SELECT count(*) FROM device WHERE device.contract = contract.id AND retired_on IS NULL)::int AS devices
           FROM contract
           JOIN party ON party.id = contract.customer
           JOIN calendar ON calendar.id = contract.calendar
           JOIN service_class ON service_class.id = contract.service_class
           WHERE contract.code > $1 AND ($2::text[] IS NULL OR contract.code = ANY($2))
           ORDER BY contract.code LIMIT $3""",
        after,
        seen_by.contract_scope,
        limit,
    )


async def customers(*, limit: int, seen_by: Actor, after: str = "") -> list[CustomerView]:
    """Customers whose contracts the reader may see, by code."""
    return await db.read(
        CustomerView,
        """SELECT code, name_zh, name_en FROM party
           WHERE is_customer AND code > $1
             AND ($2::text[] IS NULL OR EXISTS (
                 SELECT FROM contract WHERE contract.customer = party.id AND contract.code = ANY($2)))
           ORDER BY code LIMIT $3""",
        after,
        seen_by.contract_scope,
        limit,
    )


async def sites(*, limit: int, seen_by: Actor, after: str = "") -> list[SiteView]:
    """Customers' sites with devices the reader may see, by code."""
    return await db.read(
        SiteView,
        f"""SELECT place.code, place.name_zh, place.name_en, party.code AS customer, nearest.code AS nearest_depot,
                  nearest.travel_hours,
                  (SELECT count(*) FROM device WHERE device.site = place.id AND retired_on IS NULL)::int AS devices
           FROM place
           LEFT JOIN party ON party.id = place.party
           LEFT JOIN LATERAL (
               SELECT store.code, travel_hours FROM coverage JOIN place AS store ON store.id = coverage.store
               WHERE coverage.site = place.id ORDER BY travel_hours, store.code LIMIT 1
           ) AS nearest ON true
           WHERE place.kind = 'site' AND place.party IS NOT NULL AND place.code > $1
             AND ($2::text[] IS NULL OR EXISTS (
                 SELECT FROM device JOIN contract ON contract.id = device.contract
                 WHERE device.site = place.id AND contract.code = ANY($2))) AND {reached("place.id", "$3")}
           ORDER BY place.code LIMIT $4""",
        after,
        seen_by.contract_scope,
        seen_by.depot_scope,
        limit,
    )
