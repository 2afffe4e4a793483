"""Devices: what they are, whose they are, and what was promised for them."""

from datetime import date, datetime

import msgspec
from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.installed_base.clocks import Clock, Limits, WorkingHours, clock_of
from inventory.places.reach import reached


class UnknownDevice(Unknown):
    """There is no device “{key}”."""

    zh = "没有设备“{key}”。"
    help_en = "Nearest serials: {near}."
    help_zh = "相近的序列号：{near}。"


class DeviceView(Struct, frozen=True, kw_only=True):
    """A device as lists show it."""

    serial: str
    registration_number: str | None
    model: str
    site: str
    contract: str
    customer: str
    firmware: str | None
    environment: str | None
    installed_on: date
    warranty_until: date | None
    retired_on: date | None


class CoveredDevice(Struct, frozen=True, kw_only=True):
    """A device with its contract, as a part request needs it."""

    id: int
    serial: str
    model: int
    model_code: str
    site: int
    site_code: str
    contract: int
    contract_code: str
    customer: str
    dedicated_stock: bool
    minimum_provenance: str
    customer_keeps_disks: bool
    warranty_until: date | None
    covered: bool
    calendar: WorkingHours
    limits: list[Limits]


class Entitlement(Struct, frozen=True, kw_only=True):
    """What a device's contract promises for a fault reported at an instant."""

    device: str
    model: str
    site: str
    contract: str
    customer: str
    covered: bool
    in_warranty: bool
    minimum_provenance: str
    severity: str
    hours: str
    provisional: bool
    service_terms: Limits | None
    need_by: datetime | None
    arrive_by: datetime | None
    repair_by: datetime | None


class HistoryEntry(Struct, frozen=True, kw_only=True):
    """A failure in a device's archive."""

    occurred_at: datetime
    part_number: str
    position: str | None
    code: str | None
    source: str | None
    withdrawn_reason: str | None


async def find(number: str, *, seen_by: Actor) -> CoveredDevice:
    """A device by its serial or registration number, with its contract.

    Raises:
        UnknownDevice: none in the reader's contracts at a site that the reader's stores serve; the facts name the nearest.

    """
    row = await db.fetch_one(
        f"""SELECT device.id, device.serial, device.model, device_model.code AS model_code, device.site,
                  place.code AS site_code, device.contract, contract.code AS contract_code, party.code AS customer,
                  contract.dedicated_stock, contract.minimum_provenance, contract.customer_keeps_disks,
                  device.warranty_until,
                  device.retired_on IS NULL AND contract.starts_on <= $3::date
                      AND (contract.ends_on IS NULL OR contract.ends_on >= $3::date) AS covered,
                  jsonb_build_object('time_zone', calendar.time_zone, 'working_days', calendar.working_days,
                      'opens_at', calendar.opens_at, 'closes_at', calendar.closes_at,
                      'holidays', calendar.holidays) AS calendar,
                  (SELECT coalesce(jsonb_agg(to_jsonb(service_term) - 'id' - 'contract'), '[]')
                   FROM service_term WHERE service_term.contract = contract.id) AS limits
           FROM device
           JOIN device_model ON device_model.id = device.model
           JOIN place ON place.id = device.site
           JOIN contract ON contract.id = device.contract
           JOIN party ON party.id = contract.customer
           JOIN calendar ON calendar.id = contract.calendar
           WHERE (device.serial = $1 OR device.registration_number = $1)
             AND ($2::text[] IS NULL OR contract.code = ANY($2)) AND {reached("device.site", "$4")}""",
        number,
        seen_by.contract_scope,
        clock.today(),
        seen_by.depot_scope,
    )
    if row is None:
        raise await _unknown(number, seen_by)
    return msgspec.convert(dict(row), CoveredDevice, strict=False)


async def _unknown(number: str, seen_by: Actor) -> UnknownDevice:
    near = await db.fetch(
        f"""SELECT device.serial FROM device JOIN contract ON contract.id = device.contract
           WHERE similarity(device.serial, $1) > 0.3 AND ($2::text[] IS NULL OR contract.code = ANY($2))
             AND {reached("device.site", "$3")}
           ORDER BY similarity(device.serial, $1) DESC, device.serial LIMIT 5""",
        number,
        seen_by.contract_scope,
        seen_by.depot_scope,
    )
    return UnknownDevice(key=number, near=", ".join(row["serial"] for row in near) or "–")


def clock_for(device: CoveredDevice, severity: str, reported_at: datetime) -> Clock:
    """The clock of a fault of a device."""
    return clock_of(reported_at, severity, device.calendar, device.limits)


def entitlement_of(device: CoveredDevice, severity: str, reported_at: datetime) -> Entitlement:
    """What the contract promises; the part is needed by the arrival limit, where the engineer carries it."""
    held = clock_for(device, severity, reported_at)
    return Entitlement(
        device=device.serial,
        model=device.model_code,
        site=device.site_code,
        contract=device.contract_code,
        customer=device.customer,
        covered=device.covered,
        in_warranty=device.warranty_until is not None
        and reported_at.astimezone(clock.ZONE).date() <= device.warranty_until,
        minimum_provenance=device.minimum_provenance,
        severity=severity,
        hours=held.hours,
        provisional=held.provisional,
        service_terms=held.limits,
        need_by=held.arrive_by or held.repair_by,
        arrive_by=held.arrive_by,
        repair_by=held.repair_by,
    )


_VIEW = f"""SELECT device.serial, device.registration_number, device_model.code AS model, place.code AS site,
                  contract.code AS contract, party.code AS customer, device.firmware, device.environment,
                  device.installed_on, device.warranty_until, device.retired_on
           FROM device
           JOIN device_model ON device_model.id = device.model
           JOIN place ON place.id = device.site
           JOIN contract ON contract.id = device.contract
           JOIN party ON party.id = contract.customer
           WHERE ($1::text[] IS NULL OR contract.code = ANY($1)) AND {reached("device.site", "$2")}"""


async def devices(
    *,
    limit: int,
    seen_by: Actor,
    after: str = "",
    model: str | None = None,
    site: str | None = None,
    contract: str | None = None,
) -> list[DeviceView]:
    """Devices of the reader's contracts at sites that the reader's stores serve, by serial."""
    return await db.read(
        DeviceView,
        f"""{_VIEW} AND device.serial > $3 AND ($4::text IS NULL OR device_model.code = $4)
            AND ($5::text IS NULL OR place.code = $5) AND ($6::text IS NULL OR contract.code = $6)
            ORDER BY device.serial LIMIT $7""",
        seen_by.contract_scope,
        seen_by.depot_scope,
        after,
        model,
        site,
        contract,
        limit,
    )


async def device(number: str, *, seen_by: Actor) -> DeviceView:
    """One device by its serial or registration number.

    Raises:
        UnknownDevice: none in the reader's contracts at a site that the reader's stores serve.

    """
    view = await db.read_one(
        DeviceView,
        f"{_VIEW} AND (device.serial = $3 OR device.registration_number = $3)",
        seen_by.contract_scope,
        seen_by.depot_scope,
        number,
    )
    if view is None:
        raise await _unknown(number, seen_by)
    return view


async def history(number: str, *, seen_by: Actor, limit: int = 200) -> list[HistoryEntry]:
    """A device's failures, latest first.

    Raises:
        UnknownDevice: none in the reader's contracts at a site that the reader's stores serve.

    """
    found = await find(number, seen_by=seen_by)
    return await db.read(
        HistoryEntry,
        """SELECT occurred_at, part.part_number, position, code, source, nullif(withdrawn_reason, '') AS withdrawn_reason
           FROM failure JOIN part ON part.id = failure.part
           WHERE device = $1 ORDER BY occurred_at DESC, failure.id DESC LIMIT $2""",
        found.id,
        limit,
    )
