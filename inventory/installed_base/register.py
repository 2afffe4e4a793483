"""Entering calendars, service classes, contracts, service terms and devices."""

from collections.abc import Sequence
from datetime import date, time
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from inventory.ground import db, jobs
from inventory.ground.actor import Actor
from inventory.ground.entering import enter
from inventory.ground.errors import Refused
from inventory.installed_base.clocks import PartTravels, SwapRunsFrom
from inventory.installed_base.devices import PartsCharged
from inventory.places.register import Environment


class ContractTaken(Refused, constraint="contract_code_key"):
    """A contract with this code is already there."""

    zh = "该合同编号已存在。"
    help_en = "Use another code, or change the contract that is there."
    help_zh = "请改用其他编号，或修改已有合同。"


class DeviceTaken(Refused, constraint="device_serial_key"):
    """A device with this serial is already there."""

    zh = "该设备序列号已存在。"
    help_en = "Look up the device that carries the serial; correct the serial if it was misread."
    help_zh = "请查询该序列号的设备；如录入有误请更正。"


class NewCalendar(Struct, frozen=True, kw_only=True):
    """Working hours to enter; days are ISO weekdays, 1 = Monday."""

    code: str
    name_zh: str
    name_en: str
    time_zone: str
    working_days: list[int]
    opens_at: time
    closes_at: time
    holidays: Literal["CN"] | None = None


class NewServiceClass(Struct, frozen=True, kw_only=True):
    """A class of promise to enter."""

    code: str
    time_to_site_hours: float
    target_fraction: float


class NewContract(Struct, frozen=True, kw_only=True):
    """A contract to enter."""

    code: str
    customer: str
    name_zh: str
    name_en: str
    calendar: str
    service_class: str
    starts_on: date
    ends_on: date | None = None
    minimum_provenance: str = "authorised_channel"
    dedicated_stock: bool = False
    customer_keeps_disks: bool = False
    part_travels: PartTravels = "with_engineer"
    fitting_hours: float = 0.5
    parts_charged: PartsCharged | None = None
    served_after_end: bool = False
    swap_runs_from: SwapRunsFrom | None = None
    lends_equal_function: bool = False
    margin_percent: Decimal | None = None
    labour_cny: Decimal | None = None
    terms: str = ""


class NewServiceTerm(Struct, frozen=True, kw_only=True):
    """The limits of a contract for a severity, in or outside working hours."""

    contract: str
    severity: str
    hours: Literal["working", "non_working"]
    answer_minutes: int | None = None
    arrive_hours: float | None = None
    repair_hours: float | None = None
    swap_complete_hours: float | None = None
    progress_minutes: int | None = None
    report_hours: int | None = None


class NewSeverity(Struct, frozen=True, kw_only=True):
    """A severity of a contract's own to enter; with the first one, the house's general and severe hold for it no longer."""

    contract: str
    code: str
    name_zh: str
    name_en: str
    rank: int
    priority_class: str
    definition_zh: str = ""
    definition_en: str = ""


class NewForbiddenPart(Struct, frozen=True, kw_only=True):
    """A part that a contract does not let into its devices."""

    contract: str
    part: str
    reason: str = ""


class NewDevice(Struct, frozen=True, kw_only=True):
    """A covered device to enter."""

    serial: str
    model: str
    site: str
    contract: str
    installed_on: date
    registration_number: str | None = None
    firmware: str | None = None
    environment: Environment | None = None
    warranty_until: date | None = None


@db.atomic
async def enter_calendars(calendars: Sequence[NewCalendar], *, by: Actor) -> None:
    """Enter working-hours calendars."""
    await enter(
        """INSERT INTO calendar (code, name_zh, name_en, time_zone, working_days, opens_at, closes_at, holidays)
           SELECT code, name_zh, name_en, time_zone, working_days, opens_at, closes_at, holidays
           FROM jsonb_to_recordset($1) AS new(code text, name_zh text, name_en text, time_zone text,
                working_days integer[], opens_at time, closes_at time, holidays text)
           RETURNING code""",
        calendars,
        lambda row: row.code,
        what="calendar",
        what_zh="日历",
        by=by,
        right="parts.manage",
    )


@db.atomic
async def enter_service_classes(classes: Sequence[NewServiceClass], *, by: Actor) -> None:
    """Enter service classes."""
    await enter(
        """INSERT INTO service_class (code, time_to_site_hours, target_fraction)
           SELECT code, time_to_site_hours, target_fraction
           FROM jsonb_to_recordset($1) AS new(code text, time_to_site_hours float8, target_fraction float8)
           RETURNING code""",
        classes,
        lambda row: row.code,
        what="service class",
        what_zh="服务级别",
        by=by,
        right="parts.manage",
    )


@db.atomic
async def enter_contracts(contracts: Sequence[NewContract], *, by: Actor) -> None:
    """Enter contracts.

    Raises:
        ContractTaken: a code is in use.
        UnknownReference: a contract names a customer, calendar or class that is not there.

    """
    await enter(
        """INSERT INTO contract (code, customer, name_zh, name_en, calendar, service_class, starts_on, ends_on,
                                 minimum_provenance, dedicated_stock, customer_keeps_disks, part_travels,
                                 fitting_hours, parts_charged, served_after_end, swap_runs_from,
                                 lends_equal_function, margin_percent, labour_cny, terms)
           SELECT new.code, party.id, new.name_zh, new.name_en, calendar.id, service_class.id, starts_on, ends_on,
                  minimum_provenance, dedicated_stock, customer_keeps_disks, part_travels, fitting_hours,
                  parts_charged, served_after_end, swap_runs_from, lends_equal_function, margin_percent, labour_cny,
                  terms
           FROM jsonb_to_recordset($1) AS new(code text, customer text, name_zh text, name_en text, calendar text,
                service_class text, starts_on date, ends_on date, minimum_provenance text, dedicated_stock boolean,
                customer_keeps_disks boolean, part_travels text, fitting_hours float8, parts_charged text,
                served_after_end boolean, swap_runs_from text, lends_equal_function boolean, margin_percent numeric,
                labour_cny numeric, terms text)
           JOIN party ON party.code = new.customer AND party.is_customer
           JOIN calendar ON calendar.code = new.calendar
           JOIN service_class ON service_class.code = new.service_class
           RETURNING code""",
        contracts,
        lambda row: row.code,
        what="contract",
        what_zh="合同",
        by=by,
        right="parts.manage",
    )


@db.atomic
async def enter_service_terms(terms: Sequence[NewServiceTerm], *, by: Actor) -> None:
    """Enter contracts' limits.

    Raises:
        UnknownReference: no such contract.

    """
    await enter(
        """INSERT INTO service_term (contract, severity, hours, answer_minutes, arrive_hours, repair_hours,
                                     swap_complete_hours, progress_minutes, report_hours)
           SELECT contract.id, severity, hours, answer_minutes, arrive_hours, repair_hours, swap_complete_hours,
                  progress_minutes, report_hours
           FROM jsonb_to_recordset($1) AS new(contract text, severity text, hours text, answer_minutes integer,
                arrive_hours float8, repair_hours float8, swap_complete_hours float8, progress_minutes integer,
                report_hours integer)
           JOIN contract ON contract.code = new.contract
           RETURNING (SELECT code FROM contract WHERE contract.id = service_term.contract)
                     || ' / ' || severity || ' / ' || hours""",
        terms,
        lambda row: f"{row.contract} / {row.severity} / {row.hours}",
        what="service term",
        what_zh="服务条款",
        by=by,
        right="parts.manage",
    )
    await _refresh({term.contract for term in terms})


@db.atomic
async def enter_severities(severities: Sequence[NewSeverity], *, by: Actor) -> None:
    """Enter severities of contracts' own, beside those they have.

    Raises:
        SeverityTwice: a contract has one of that code.
        UnknownReference: no such contract or priority class.

    """
    await enter(
        """INSERT INTO severity_definition (contract, code, name_zh, name_en, definition_zh, definition_en, rank,
                                            priority_class)
           SELECT contract.id, new.code, new.name_zh, new.name_en, new.definition_zh, new.definition_en, new.rank,
                  priority_class.code
           FROM jsonb_to_recordset($1) AS new(contract text, code text, name_zh text, name_en text, definition_zh text,
                definition_en text, rank integer, priority_class text)
           JOIN contract ON contract.code = new.contract
           JOIN priority_class ON priority_class.code = new.priority_class
           RETURNING (SELECT code FROM contract WHERE contract.id = severity_definition.contract) || ' / ' || code""",
        severities,
        lambda row: f"{row.contract} / {row.code}",
        what="severity",
        what_zh="故障级别",
        by=by,
        right="parts.manage",
    )
    await _refresh({severity.contract for severity in severities})


@db.atomic
async def forbid_parts(parts: Sequence[NewForbiddenPart], *, by: Actor) -> None:
    """Enter parts that contracts do not let into their devices.

    Raises:
        UnknownReference: no such contract or part.

    """
    await enter(
        """INSERT INTO forbidden_part (contract, part, reason)
           SELECT contract.id, part.id, new.reason
           FROM jsonb_to_recordset($1) AS new(contract text, part text, reason text)
           JOIN contract ON contract.code = new.contract
           JOIN part ON part.part_number = new.part
           RETURNING (SELECT code FROM contract WHERE contract.id = forbidden_part.contract) || ' / ' ||
                     (SELECT part_number FROM part WHERE part.id = forbidden_part.part)""",
        parts,
        lambda row: f"{row.contract} / {row.part}",
        what="forbidden part",
        what_zh="禁用备件",
        by=by,
        right="parts.manage",
    )
    await _refresh({part.contract for part in parts})


async def _refresh(contracts: set[str]) -> None:
    """Judge the cover of some contracts anew; nothing named would mean everything."""
    rows = await db.fetch("SELECT id FROM contract WHERE code = ANY($1) ORDER BY id", list(contracts))
    if rows:
        await jobs.enqueue(jobs.RefreshCover(contracts=[row["id"] for row in rows]))


@db.atomic
async def enter_devices(devices: Sequence[NewDevice], *, by: Actor) -> None:
    """Enter covered devices.

    Raises:
        DeviceTaken: a serial is in use.
        UnknownReference: a device names a model, site or contract that is not there.

    """
    await enter(
        """INSERT INTO device (serial, registration_number, model, site, contract, firmware, environment,
                               installed_on, warranty_until)
           SELECT serial, registration_number, device_model.id, place.id, contract.id, firmware, new.environment,
                  installed_on, warranty_until
           FROM jsonb_to_recordset($1) AS new(serial text, registration_number text, model text, site text,
                contract text, firmware text, environment text, installed_on date, warranty_until date)
           JOIN device_model ON device_model.code = new.model
           JOIN place ON place.code = new.site AND place.kind = 'site'
           JOIN contract ON contract.code = new.contract
           RETURNING serial""",
        devices,
        lambda device: device.serial,
        what="device",
        what_zh="设备",
        by=by,
        right="parts.manage",
    )
    rows = await db.fetch("SELECT id FROM place WHERE code = ANY($1) ORDER BY id", list({new.site for new in devices}))
    if rows:
        await jobs.enqueue(jobs.RefreshCover(sites=[row["id"] for row in rows]))
