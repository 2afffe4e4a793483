"""Vendors' return terms (返还条款) as data: within how many days the old piece must be back, and what is charged else."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec import UNSET, Struct, UnsetType, structs

from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, Unknown
from inventory.installed_base.clocks import WorkingHours
from inventory.procurement.vendors import vendor_id
from inventory.returns.terms import Charge, Term

CountsDays = Literal["calendar_days", "business_days"]
RunsFrom = Literal["shipped", "received"]


class ChargeIncomplete(Invalid):
    """A share is charged in percent of the list price, a fixed charge in CNY; the other charges have neither."""

    zh = "按比例收取须填写占目录价的百分比，固定收取须填写金额（元）；其余方式两者都不填。"
    help_en = "Give `charge_percent` with “share” alone, `charge_cny` with “fixed” alone."
    help_zh = "“按比例”只填百分比，“固定金额”只填金额。"


class NewTerms(Struct, frozen=True, kw_only=True):
    """What a vendor agreed to; `maker` where it holds for one maker's parts only.

    `days`, counted as `counts` says by the calendar `calendar`; `grace` days more before anything is charged.
    """

    vendor: str
    days: int
    counts: CountsDays
    calendar: str
    runs_from: RunsFrom
    charge: Charge
    maker: str | None = None
    grace: int = 0
    off_day_moves: bool = False
    charge_percent: Decimal | None = None
    charge_cny: Decimal | None = None
    doa_days: int | None = None
    words: str = ""


class TermsView(Struct, frozen=True, kw_only=True):
    """Return terms as they are kept; what is charged is told to those who may see prices."""

    id: int
    vendor: str
    vendor_zh: str
    vendor_en: str
    maker: str | None
    days: int
    counts: CountsDays
    calendar: str
    time_zone: str
    runs_from: RunsFrom
    grace: int
    off_day_moves: bool
    charge: Charge
    charge_percent: Decimal | UnsetType | None
    charge_cny: Decimal | UnsetType | None
    doa_days: int | None
    words: str
    set_at: datetime
    set_by: str


class Agreed(Struct, frozen=True, kw_only=True):
    """The terms that hold for a piece, ready to be reckoned with."""

    days: int
    counts: CountsDays
    runs_from: RunsFrom
    grace: int
    off_day_moves: bool
    charge: Charge
    charge_percent: Decimal | None
    charge_cny: Decimal | None
    doa_days: int | None
    words: str
    calendar: WorkingHours

    @property
    def term(self) -> Term:
        """The time they give."""
        return Term(
            amount=self.days,
            counts=self.counts,
            calendar=self.calendar,
            grace=self.grace,
            off_day_moves=self.off_day_moves,
        )


_VIEW = """SELECT return_terms.id, party.code AS vendor, party.name_zh AS vendor_zh, party.name_en AS vendor_en,
                  maker.code AS maker, days, counts, calendar.code AS calendar, calendar.time_zone, runs_from, grace,
                  off_day_moves, charge, charge_percent, charge_cny, doa_days, words, set_at, set_by
           FROM return_terms
           JOIN vendor ON vendor.id = return_terms.vendor JOIN party ON party.id = vendor.party
           JOIN calendar ON calendar.id = return_terms.calendar
           LEFT JOIN party AS maker ON maker.id = return_terms.maker"""


@db.atomic
async def set_terms(new: NewTerms, *, by: Actor) -> TermsView:
    """Keep what a vendor agreed to, for all its parts or one maker's; what was owed before keeps the terms it began with.

    Raises:
        Unknown: no such vendor, maker or calendar.
        ChargeIncomplete: what is charged is not said, or said twice.

    """
    by.require("rmas.settle")
    if (new.charge == "share") != (new.charge_percent is not None) or (new.charge == "fixed") != (
        new.charge_cny is not None
    ):
        raise ChargeIncomplete
    vendor = await vendor_id(new.vendor)
    calendar = await db.fetch_value("SELECT id FROM calendar WHERE code = $1", new.calendar)
    if calendar is None:
        raise Unknown(what="calendar", what_zh="日历", key=new.calendar)
    maker = None
    if new.maker is not None:
        maker = await db.fetch_value("SELECT id FROM party WHERE code = $1 AND is_maker", new.maker)
        if maker is None:
            raise Unknown(what="maker", what_zh="厂商", key=new.maker)
    kept = await db.fetch_value(
        """INSERT INTO return_terms (vendor, maker, days, counts, calendar, runs_from, grace, off_day_moves, charge,
                                     charge_percent, charge_cny, doa_days, words, set_at, set_by)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
           ON CONFLICT ON CONSTRAINT return_terms_are_one_per_vendor_and_maker DO UPDATE
               SET days = excluded.days, counts = excluded.counts, calendar = excluded.calendar,
                   runs_from = excluded.runs_from, grace = excluded.grace, off_day_moves = excluded.off_day_moves,
                   charge = excluded.charge, charge_percent = excluded.charge_percent, charge_cny = excluded.charge_cny,
                   doa_days = excluded.doa_days, words = excluded.words, set_at = excluded.set_at, set_by = excluded.set_by
           RETURNING id""",
        vendor,
        maker,
        new.days,
        new.counts,
        calendar,
        new.runs_from,
        new.grace,
        new.off_day_moves,
        new.charge,
        new.charge_percent,
        new.charge_cny,
        new.doa_days,
        new.words.strip(),
        clock.now(),
        by.name,
    )
    await audit.record("return_terms.set", "vendor", new.vendor, by=by, change=new)
    view = await db.read_one(TermsView, f"{_VIEW} WHERE return_terms.id = $1", kept)
    if view is None:
        raise AssertionError("terms that were just kept are there")
    return _shown_to(view, by)


async def terms(*, limit: int, seen_by: Actor, after: int = 0, vendor: str | None = None) -> list[TermsView]:
    """Return terms, in the order in which they were first entered."""
    found = await db.read(
        TermsView,
        f"""{_VIEW} WHERE return_terms.id > $1 AND ($2::text IS NULL OR party.code = $2)
            ORDER BY return_terms.id LIMIT $3""",
        after,
        vendor,
        limit,
    )
    return [_shown_to(view, seen_by) for view in found]


def _shown_to(view: TermsView, reader: Actor) -> TermsView:
    if reader.may("costs.read") or reader.vendor == view.vendor:
        return view
    return structs.replace(view, charge_percent=UNSET, charge_cny=UNSET)


class CalendarName(Struct, frozen=True, kw_only=True):
    """A calendar that terms may be counted by."""

    code: str
    name_zh: str
    name_en: str


async def calendars(*, limit: int) -> list[CalendarName]:
    """The calendars that are known, by code."""
    return await db.read(CalendarName, "SELECT code, name_zh, name_en FROM calendar ORDER BY code LIMIT $1", limit)


async def agreed(vendor: int, part: int) -> Agreed | None:
    """The terms of a vendor that hold for a part: those for its maker, else those for all; None where nothing is agreed."""
    return await db.read_one(
        Agreed,
        """SELECT days, counts, runs_from, grace, off_day_moves, charge, charge_percent, charge_cny, doa_days, words,
                  jsonb_build_object('time_zone', time_zone, 'working_days', working_days, 'opens_at', opens_at,
                                     'closes_at', closes_at, 'holidays', holidays) AS calendar
           FROM return_terms JOIN calendar ON calendar.id = return_terms.calendar
           WHERE vendor = $1 AND (maker IS NULL OR maker = (SELECT maker FROM part WHERE part.id = $2))
           ORDER BY maker NULLS LAST LIMIT 1""",
        vendor,
        part,
    )
