"""Duty sheets on paper: who is on duty for a contract during a holiday."""

from collections.abc import Mapping
from datetime import datetime

from api.pages.formats import ZONE, minute
from api.papers.assembling import both, place, words
from api.papers.forms import Fact, Line, Paper, Words
from inventory.assurance.duty_sheets import DutySheetView, hours_of
from inventory.ground import clock
from inventory.ground.actor import Actor
from inventory.places import names
from inventory.places.names import PlaceName


async def of_sheet(sheet: DutySheetView, *, by: Actor) -> Paper:
    """A contract's sheet as a paper; an hour nobody has stands on it too."""
    company = await names.our_name()
    called = await names.names_of(sheet.stores)
    holiday, (since, until) = sheet.holiday, hours_of(sheet.holiday)
    facts = [
        Fact(("合同", "Contract"), f"{both(sheet.name_zh, sheet.name_en)} ({sheet.contract})"),
        Fact(("客户", "Customer"), both(sheet.customer_zh, sheet.customer_en)),
        Fact(("节假日", "Holiday"), both(holiday.name_zh, holiday.name_en)),
        Fact(("时间", "From – to"), f"{minute(since)} – {minute(until)}"),
        Fact(("核对", "Checked"), f"{minute(sheet.checked_at)} {sheet.checked_by}" if sheet.checked_at else "–"),
    ]
    lines = [
        _line(
            words("role", line.role),
            line.depot,
            called,
            (line.name_zh, line.name_en),
            line.phone,
            line.phone_verified_at,
            line.starts_at,
            line.ends_at,
        )
        for line in sheet.lines
    ]
    lines += [
        _line(
            ("钥匙保管人", "Key-holder"),
            holder.depot,
            called,
            (holder.name_zh, holder.name_en),
            holder.phone,
            holder.phone_verified_at,
        )
        for holder in sheet.key_holders
    ]
    lines += [
        Line(
            cells={
                "post": _post(words("role", each.role), each.depot, called),
                "name": ["无人值班", "Nobody"],
                "phone": ["–"],
                "hours": _hours(each.starts_at, each.ends_at),
            }
        )
        for each in sheet.empty
    ]
    provisional = "放假安排尚未公布，日期为暂定。 The announcement for this year is not out: the days are provisional."
    return Paper(
        form="duty_sheet",
        company=(company.name_zh, company.name_en),
        number=f"{sheet.contract}-{holiday.starts_on.isoformat()}",
        facts=facts,
        lines=lines,
        remarks=provisional if holiday.provisional else "",
        mark=("有空班", "Not complete") if sheet.empty else None,
        printed_at=clock.now(),
        printed_by=by.name,
    )


def _line(
    duty: Words,
    depot: str | None,
    called: Mapping[str, PlaceName],
    name: Words,
    phone: str | None,
    verified_at: datetime | None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Line:
    verified = f"核实 verified {verified_at.astimezone(ZONE):%Y-%m-%d}" if verified_at else "未核实 unverified"
    return Line(
        cells={
            "post": _post(duty, depot, called),
            "name": list(name),
            "phone": [phone or "–", verified],
            "hours": _hours(starts_at, ends_at) if starts_at and ends_at else ["–"],
        }
    )


def _post(duty: Words, depot: str | None, called: Mapping[str, PlaceName]) -> list[str]:
    return [both(*duty), place(depot, called) if depot else "全部备件库 All stores"]


def _hours(starts_at: datetime, ends_at: datetime) -> list[str]:
    return [minute(starts_at), f"– {minute(ends_at)}"]
