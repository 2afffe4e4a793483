"""Duty sheets (值班表): before each holiday, for each contract, who is on duty for it and under which phone (D10).

A sheet is read off the roster whenever it is looked at; what is kept is that it was asked for, and who checked it.
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from inventory.ground import audit, clock, db, steps
from inventory.ground.actor import Actor, service
from inventory.ground.errors import Unknown
from inventory.installed_base.holidays import Holiday, next_holidays
from inventory.people import contacts, duty, posts
from inventory.people.posts import EmptyShift
from inventory.procurement import letters, vendor_contacts

ASKED_BEFORE = timedelta(days=7)
"""How long before a holiday its sheets are to be checked, and its empty shifts filled."""

CHECKED_BEFORE = timedelta(days=1)
HOLIDAYS_SHOWN = 4
MOST_SHIFTS = 5000

ZONE = ZoneInfo("Asia/Shanghai")
"""Holidays are China's, and so are their days."""

EVERYWHERE = ("dispatcher", "project_manager", "buyer", "engineer")
"""Whoever is on a sheet beside the keepers of its stores."""

_WATCH = service("duty roster")


class SheetLine(Struct, frozen=True, kw_only=True):
    """Somebody on duty during the holiday; their shifts without a gap between them are one line."""

    role: str
    depot: str | None
    username: str
    name_zh: str
    name_en: str
    phone: str | None
    phone_verified_at: datetime | None
    starts_at: datetime
    ends_at: datetime


class KeyHolder(Struct, frozen=True, kw_only=True):
    """Who holds the key of a store that serves the contract."""

    depot: str
    name_zh: str
    name_en: str
    phone: str | None
    phone_verified_at: datetime | None


class DutySheetView(Struct, frozen=True, kw_only=True):
    """A contract's sheet for one holiday."""

    contract: str
    name_zh: str
    name_en: str
    customer_zh: str
    customer_en: str
    holiday: Holiday
    stores: list[str]
    lines: list[SheetLine]
    key_holders: list[KeyHolder]
    empty: list[EmptyShift]
    asked_at: datetime | None
    checked_at: datetime | None
    checked_by: str | None


class DutySheetSummary(Struct, frozen=True, kw_only=True):
    """A contract, and whether its sheet for a holiday was checked."""

    contract: str
    name_zh: str
    name_en: str
    customer_zh: str
    customer_en: str
    checked_at: datetime | None
    checked_by: str | None


def holidays() -> list[Holiday]:
    """The next holidays, the one under way first."""
    return next_holidays(clock.now().astimezone(ZONE).date(), HOLIDAYS_SHOWN)


def hours_of(holiday: Holiday) -> tuple[datetime, datetime]:
    """When a holiday begins and ends.

    >>> new_year = Holiday(name_zh="元旦", name_en="New Year's Day", starts_on=date(2027, 1, 1),
    ...                    ends_on=date(2027, 1, 3), provisional=False)
    >>> [at.isoformat() for at in hours_of(new_year)]
    ['2027-01-01T00:00:00+08:00', '2027-01-04T00:00:00+08:00']
    """
    begins = datetime.combine(holiday.starts_on, time(0), ZONE)
    return begins, datetime.combine(holiday.ends_on + timedelta(days=1), time(0), ZONE)


def _holiday(starts_on: date | None) -> Holiday:
    coming = holidays()
    found = coming[0] if starts_on is None else next((h for h in coming if h.starts_on == starts_on), None)
    if found is None:
        raise Unknown(what="holiday", what_zh="节假日", key=str(starts_on))
    return found


_CONTRACT = """SELECT contract.id, contract.code AS contract, contract.name_zh, contract.name_en,
                  party.name_zh AS customer_zh, party.name_en AS customer_en, checked_at, checked_by, asked_at
           FROM contract
           JOIN party ON party.id = contract.customer
           LEFT JOIN duty_sheet ON duty_sheet.contract = contract.id AND duty_sheet.starts_on = $1
           WHERE contract.starts_on <= $1 AND (contract.ends_on IS NULL OR contract.ends_on >= $1)
             AND ($2::text[] IS NULL OR contract.code = ANY($2))"""


async def duty_sheets(
    *, limit: int, seen_by: Actor, holiday: date | None = None, after: str = ""
) -> list[DutySheetSummary]:
    """The contracts that have a sheet for a holiday (default: the next one), by code.

    Raises:
        Unknown: none of the next holidays begins that day.

    """
    return await db.read(
        DutySheetSummary,
        f"{_CONTRACT} AND contract.code > $3 ORDER BY contract.code LIMIT $4",
        _holiday(holiday).starts_on,
        seen_by.contract_scope,
        after,
        limit,
    )


async def duty_sheet(contract: str, *, seen_by: Actor, holiday: date | None = None) -> DutySheetView:
    """A contract's sheet for a holiday (default: the next one), as far as the reader's stores go.

    Raises:
        Unknown: no such contract in the reader's scope, or no such holiday.

    """
    when = _holiday(holiday)
    head = await db.fetch_one(f"{_CONTRACT} AND contract.code = $3", when.starts_on, seen_by.contract_scope, contract)
    if head is None:
        raise Unknown(what="contract", what_zh="合同", key=contract)
    since, until = hours_of(when)
    stores = await _serving(head["id"], seen_by)
    on_duty = await duty.shifts(limit=MOST_SHIFTS, seen_by=seen_by, since=since, until=until)
    engineers = await _engineers_of(contract)
    mine = [
        shift
        for shift in on_duty
        if (shift.role == "warehouse_keeper" or shift.role in EVERYWHERE)
        and (shift.depot is None or shift.depot in stores)
        and (shift.role != "engineer" or shift.username in engineers)
    ]
    empty = await posts.empty_shifts(since, until, seen_by=seen_by)
    return DutySheetView(
        contract=head["contract"],
        name_zh=head["name_zh"],
        name_en=head["name_en"],
        customer_zh=head["customer_zh"],
        customer_en=head["customer_en"],
        holiday=when,
        stores=stores,
        lines=_lines(mine, since, until),
        key_holders=await _key_holders(stores),
        empty=[each for each in empty if each.depot is None or each.depot in stores],
        asked_at=head["asked_at"],
        checked_at=head["checked_at"],
        checked_by=head["checked_by"],
    )


def _lines(shifts: list[duty.ShiftView], since: datetime, until: datetime) -> list[SheetLine]:
    """Shifts as lines: by role, store and time, with those of one person that follow each other put together."""
    order = ("engineer", "warehouse_keeper", "buyer", "dispatcher", "project_manager")
    lines: list[SheetLine] = []
    for shift in sorted(shifts, key=lambda s: (order.index(s.role), s.depot or "", s.starts_at, s.username)):
        last = lines[-1] if lines else None
        begins = max(shift.starts_at, since)
        if last and (last.role, last.depot, last.username, last.ends_at) == (
            shift.role, shift.depot, shift.username, begins,
        ):  # fmt: skip
            begins = lines.pop().starts_at
        lines.append(
            SheetLine(
                role=shift.role,
                depot=shift.depot,
                username=shift.username,
                name_zh=shift.name_zh,
                name_en=shift.name_en,
                phone=shift.phone,
                phone_verified_at=shift.phone_verified_at,
                starts_at=begins,
                ends_at=min(shift.ends_at, until),
            )
        )
    return lines


async def _serving(contract: int, seen_by: Actor) -> list[str]:
    """The stores that serve a contract's sites within its class's time, and the nearest one of each site."""
    found = await db.fetch(
        """SELECT DISTINCT code FROM (
               SELECT store.code, coverage.travel_hours, service_class.time_to_site_hours,
                      min(coverage.travel_hours) OVER (PARTITION BY coverage.site) AS nearest
               FROM contract
               JOIN service_class ON service_class.id = contract.service_class
               JOIN (SELECT DISTINCT contract, site FROM device WHERE contract = $1 AND retired_on IS NULL) AS run
                    ON run.contract = contract.id
               JOIN coverage ON coverage.site = run.site
               JOIN place AS store ON store.id = coverage.store AND store.out_of_service_at IS NULL
               WHERE contract.id = $1) AS way
           WHERE (travel_hours <= time_to_site_hours OR travel_hours = nearest)
             AND ($2::text[] IS NULL OR code = ANY($2))
           ORDER BY code""",
        contract,
        seen_by.depot_scope,
    )
    return [row["code"] for row in found]


async def _engineers_of(contract: str) -> set[str]:
    """The engineers who work for a contract: those of it, and those of all contracts."""
    found = await db.fetch(
        """SELECT DISTINCT username FROM role_grant JOIN person ON person.id = role_grant.person
           WHERE role = 'engineer' AND active AND (contract_code IS NULL OR contract_code = $1)""",
        contract,
    )
    return {row["username"] for row in found}


async def _key_holders(stores: list[str]) -> list[KeyHolder]:
    return await db.read(
        KeyHolder,
        """SELECT place.code AS depot, person.name_zh, person.name_en, phone, phone_verified_at
           FROM store_keeping
           JOIN place ON place.id = store_keeping.place
           JOIN person ON person.id = store_keeping.key_holder AND person.active
           WHERE place.code = ANY($1) ORDER BY place.code""",
        stores,
    )


@db.atomic
async def check_sheet(contract: str, *, by: Actor, holiday: date | None = None) -> DutySheetView:
    """Say that a sheet was checked: everybody on it can be reached. Saying so again changes nothing.

    Raises:
        Unknown: no such contract in the actor's scope, or no such holiday.

    """
    by.require("roster.manage")
    sheet = await duty_sheet(contract, seen_by=by, holiday=holiday)
    now = clock.now()
    checked = await db.execute(
        """INSERT INTO duty_sheet (contract, starts_on, ends_on, asked_at, checked_at, checked_by)
           SELECT id, $2, $3, $4, $4, $5 FROM contract WHERE code = $1
           ON CONFLICT ON CONSTRAINT duty_sheet_is_one_per_holiday
           DO UPDATE SET checked_at = $4, checked_by = $5 WHERE duty_sheet.checked_at IS NULL""",
        contract,
        sheet.holiday.starts_on,
        sheet.holiday.ends_on,
        now,
        by.name,
    )
    if checked:
        subject = _subject(contract, sheet.holiday)
        await audit.record("duty_sheet.checked", "duty_sheet", subject, by=by)
        await steps.finish("duty_sheet", subject, "check_duty_sheet", by=by)
    return await duty_sheet(contract, seen_by=by, holiday=holiday)


def _subject(contract: str, holiday: Holiday) -> str:
    return f"{contract}/{holiday.starts_on.isoformat()}"


@db.atomic
async def watch() -> None:
    """Look at the roster: ask for the sheets of a near holiday once, and for shifts that nobody has, then and tomorrow."""
    now = clock.now()
    near = [holiday for holiday in holidays() if hours_of(holiday)[0] - ASKED_BEFORE <= now]
    empty: dict[str, str | None] = {}
    for holiday in near:
        await _ask_to_check(holiday)
        since, until = hours_of(holiday)
        for each in await posts.empty_shifts(max(since, now), until, seen_by=_WATCH):
            empty[f"{each.subject}/{holiday.starts_on.isoformat()}"] = each.depot
    await posts.ask_to_fill("fill_holiday_shift", empty)
    await posts.watch()
    await contacts.watch()
    await vendor_contacts.watch()
    await letters.watch()


async def _ask_to_check(holiday: Holiday) -> None:
    """Open a step for each contract's sheet, once per holiday."""
    asked = await db.fetch(
        """INSERT INTO duty_sheet (contract, starts_on, ends_on, asked_at)
           SELECT id, $1, $2, $3 FROM contract WHERE starts_on <= $1 AND (ends_on IS NULL OR ends_on >= $1)
           ON CONFLICT ON CONSTRAINT duty_sheet_is_one_per_holiday DO NOTHING
           RETURNING (SELECT code FROM contract WHERE contract.id = duty_sheet.contract) AS contract""",
        holiday.starts_on,
        holiday.ends_on,
        clock.now(),
    )
    for row in asked:
        await steps.begin(
            "check_duty_sheet",
            "duty_sheet",
            _subject(row["contract"], holiday),
            owner_role="project_manager",
            due_at=max(hours_of(holiday)[0] - CHECKED_BEFORE, clock.now()),
        )
