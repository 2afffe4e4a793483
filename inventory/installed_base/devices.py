"""Devices: what they are, whose they are, and what was promised for them."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import Struct

from inventory.catalogue.grades import Provenance
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.installed_base.clocks import (
    Clock,
    Limits,
    PartTravels,
    Pause,
    SwapRunsFrom,
    WorkingHours,
    clock_of,
    needed_by,
    stood_still,
)
from inventory.installed_base.severities import SEVERITIES, SeverityView, pick
from inventory.places.reach import reached

PartsCharged = Literal["out_of_warranty", "always"]
"""When a contract has its customer pay for parts; most cover them."""

Charged = Literal["out_of_contract", "out_of_warranty", "parts_charged"]
"""Why a customer pays for the parts of a fault: nothing covers the device any more, or its contract covers no such parts."""

EXPIRES_SOON = timedelta(days=60)
"""A warranty or contract that ends within this time is told of with every request."""

LOOKED_UP_LONG_AGO = timedelta(days=180)
"""A warranty last looked up before this time wants another look."""


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
    successor: str | None


class CoveredDevice(Struct, frozen=True, kw_only=True):
    """A device with its contract, as a part request needs it; `covered` on a `day`."""

    id: int
    serial: str
    registration_number: str | None
    firmware: str | None
    model: int
    model_code: str
    site: int
    site_code: str
    contract: int
    contract_code: str
    customer: str
    dedicated_stock: bool
    minimum_provenance: Provenance
    customer_keeps_disks: bool
    part_travels: PartTravels
    fitting_hours: float
    warranty_until: date | None
    warranty_looked_up_at: datetime | None
    contract_ends_on: date | None
    day: date
    covered: bool
    retired: bool
    parts_charged: PartsCharged | None
    served_after_end: bool
    swap_runs_from: SwapRunsFrom | None
    lends_equal_function: bool
    margin_percent: Decimal | None
    labour_cny: Decimal | None
    severities: list[SeverityView]
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
    charged: Charged | None
    warranty_until: date | None
    warranty_looked_up_at: datetime | None
    minimum_provenance: str
    severity: str
    priority_class: str
    hours: str
    provisional: bool
    service_terms: Limits | None
    part_travels: PartTravels
    need_by: datetime | None
    answer_by: datetime | None
    arrive_by: datetime | None
    repair_by: datetime | None
    swap_complete_by: datetime | None
    warnings: list[str]


class HistoryEntry(Struct, frozen=True, kw_only=True):
    """A failure in a device's archive."""

    occurred_at: datetime
    part_number: str
    position: str | None
    code: str | None
    source: str | None
    withdrawn_reason: str | None


async def find(number: str, *, seen_by: Actor | None, at: datetime | None = None) -> CoveredDevice:
    """A device by its serial or registration number, with its contract as of an instant, or now; nobody's scope is everything.

    Raises:
        UnknownDevice: none in the reader's contracts at a site that the reader's stores serve; the facts name the nearest.

    """
    row = await db.fetch_one(
        f"""SELECT device.id, device.serial, device.model, device_model.code AS model_code, device.site,
                  place.code AS site_code, device.contract, contract.code AS contract_code, party.code AS customer,
                  contract.dedicated_stock, contract.minimum_provenance, contract.customer_keeps_disks,
                  contract.part_travels, contract.fitting_hours, contract.ends_on AS contract_ends_on,
                  contract.parts_charged, contract.served_after_end, contract.swap_runs_from,
                  contract.lends_equal_function, contract.margin_percent, contract.labour_cny,
                  device.retired_on IS NOT NULL AS retired,
                  device.warranty_until, device.registration_number, device.firmware,
                  (SELECT max(looked_up_at) FROM warranty_lookup WHERE warranty_lookup.device = device.id)
                      AS warranty_looked_up_at,
                  (SELECT jsonb_agg(to_jsonb(severity) ORDER BY rank DESC, code) FROM ({SEVERITIES}) AS severity)
                      AS severities,
                  $3::date AS day, device.retired_on IS NULL AND contract.starts_on <= $3::date
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
        seen_by.contract_scope if seen_by else None,
        clock.today() if at is None else at.astimezone(clock.ZONE).date(),
        seen_by.depot_scope if seen_by else None,
    )
    if row is None:
        raise await _unknown(number, seen_by)
    return msgspec.convert(dict(row), CoveredDevice, strict=False)


async def _unknown(number: str, seen_by: Actor | None) -> UnknownDevice:
    near = await db.fetch(
        f"""SELECT device.serial FROM device JOIN contract ON contract.id = device.contract
           WHERE similarity(device.serial, $1) > 0.3 AND ($2::text[] IS NULL OR contract.code = ANY($2))
             AND {reached("device.site", "$3")}
           ORDER BY similarity(device.serial, $1) DESC, device.serial LIMIT 5""",
        number,
        seen_by.contract_scope if seen_by else None,
        seen_by.depot_scope if seen_by else None,
    )
    return UnknownDevice(key=number, near=", ".join(row["serial"] for row in near) or "–")


def entitlement_of(
    device: CoveredDevice, severity: str, reported_at: datetime, *, pauses: Sequence[Pause] = ()
) -> Entitlement:
    """What the contract promises for a fault, and until when a part is of use.

    Raises:
        UnknownSeverity: the contract knows no such severity.

    """
    now = clock.now()
    known = pick(device.severities, severity, contract=device.contract_code)
    held = clock_of(reported_at, severity, device.calendar, device.limits, stood=stood_still(pauses, now))
    in_warranty = _in_warranty(device, reported_at)
    return Entitlement(
        device=device.serial,
        model=device.model_code,
        site=device.site_code,
        contract=device.contract_code,
        customer=device.customer,
        covered=device.covered,
        in_warranty=in_warranty,
        charged=charged_at(device, reported_at),
        warranty_until=device.warranty_until,
        warranty_looked_up_at=device.warranty_looked_up_at,
        minimum_provenance=device.minimum_provenance,
        severity=severity,
        priority_class=known.priority_class,
        hours=held.hours,
        provisional=held.provisional,
        service_terms=held.limits,
        part_travels=device.part_travels,
        need_by=needed_by(held, device.part_travels, device.fitting_hours),
        answer_by=held.answer_by,
        arrive_by=held.arrive_by,
        repair_by=held.repair_by,
        swap_complete_by=held.swap_complete_by,
        warnings=_warnings(device, held, now),
    )


def _in_warranty(device: CoveredDevice, at: datetime) -> bool:
    return device.warranty_until is not None and at.astimezone(clock.ZONE).date() <= device.warranty_until


def charged_at(device: CoveredDevice, at: datetime) -> Charged | None:
    """Why the customer of a device pays for the parts of a fault reported, or of work that begins, at an instant.

    None where the contract covers them, or nobody serves it at all.
    """
    if not device.covered:
        return "out_of_contract" if may_be_quoted(device) else None
    if device.parts_charged == "always":
        return "parts_charged"
    return "out_of_warranty" if device.parts_charged == "out_of_warranty" and not _in_warranty(device, at) else None


def may_be_quoted(device: CoveredDevice) -> bool:
    """Whether a device that no contract covers is served for money: its contract has ended and says so."""
    ended = device.contract_ends_on is not None and device.contract_ends_on < device.day
    return device.served_after_end and ended and not device.retired


def _warnings(device: CoveredDevice, held: Clock, now: datetime) -> list[str]:
    """What whoever asks should know: an end that is near, a look-up that is old, holidays not yet published."""
    soon = clock.today() + EXPIRES_SOON
    told = {
        "warranty_ends_soon": device.warranty_until is not None and clock.today() <= device.warranty_until <= soon,
        "warranty_look_up_is_old": device.warranty_looked_up_at is not None
        and device.warranty_looked_up_at < now - LOOKED_UP_LONG_AGO,
        "contract_ends_soon": device.covered
        and device.contract_ends_on is not None
        and device.contract_ends_on <= soon,
        "holidays_not_yet_published": held.provisional,
        "no_limit_promised": held.limits is None,
    }
    return [code for code, holds in told.items() if holds]


_VIEW = f"""SELECT device.serial, device.registration_number, device_model.code AS model, place.code AS site,
                  contract.code AS contract, party.code AS customer, device.firmware, device.environment,
                  device.installed_on, device.warranty_until, device.retired_on,
                  (SELECT serial FROM device AS next WHERE next.id = device.successor) AS successor
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
