"""The demo company's people, their duty roster, and a key for every role and depot."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.installed_base.holidays import next_holidays
from inventory.people import contacts, duty, keys, persons, posts
from inventory.people.persons import hashed
from inventory.people.roles import DUTIES, rights_of

PASSWORD = "beijian-demo-2026"  # noqa: S105  printed for everybody to try; the company is fictional

SHANGHAI = ZoneInfo("Asia/Shanghai")

DEPOTS = ("GZ", "SH", "SY", "ZJ", "GY")
"""The stores that somebody is on duty for."""

BEGINS = time(8)
"""When a shift begins; it lasts a day."""

COMPANY_WIDE = ("dispatcher", "project_manager", "buyer", "engineer")

NOT_VERIFIED = ("warehouse-keeper-sy-2", "dispatcher-3", "engineer-5")
"""Whose phones nobody has called yet."""


@dataclass(frozen=True)
class Staff:
    """Somebody with one role, perhaps at one depot, for one contract or one vendor."""

    username: str
    zh: str
    en: str
    role: str
    depot: str | None = None
    contract: str | None = None
    vendor: str | None = None


_SURNAMES = (
    "陈",
    "李",
    "张",
    "黄",
    "何",
    "梁",
    "林",
    "吴",
    "罗",
    "郑",
    "周",
    "谢",
    "邓",
    "许",
    "冯",
    "曾",
    "蔡",
    "潘",
    "袁",
    "于",
    "董",
    "余",
    "苏",
    "叶",
    "吕",
    "魏",
    "蒋",
    "田",
    "杜",
    "丁",
    "沈",
    "姜",
    "范",
    "江",
    "傅",
    "钟",
    "卢",
    "汪",
    "戴",
    "崔",
    "任",
    "陆",
    "廖",
    "姚",
    "方",
    "金",
    "邱",
    "夏",
    "谭",
    "韦",
)
_GIVEN = (
    "伟",
    "芳",
    "娜",
    "敏",
    "静",
    "磊",
    "洋",
    "勇",
    "艳",
    "杰",
    "涛",
    "明",
    "超",
    "霞",
    "平",
    "刚",
    "桂英",
    "建华",
    "志强",
    "海燕",
)


def _name(number: int) -> str:
    return _SURNAMES[number % len(_SURNAMES)] + _GIVEN[(number * 7) % len(_GIVEN)]


def _staff() -> list[Staff]:
    depots_of_keepers = ("GZ", "GZ", "GZ", "SH", "SH", "SY", "SY", "ZJ", "GY")
    plain = [
        *(("engineer", None) for _ in range(28)),
        *(("warehouse_keeper", depot) for depot in depots_of_keepers),
        *(("dispatcher", None) for _ in range(4)),
        *(("project_manager", None) for _ in range(3)),
        *(("buyer", None) for _ in range(2)),
        ("planner", None),
        ("quality_supervisor", None),
        ("auditor", None),
        ("administrator", None),
    ]
    counts: dict[tuple[str, str | None], int] = {}
    staff: list[Staff] = []
    for number, (role, depot) in enumerate(plain):
        counts[role, depot] = counts.get((role, depot), 0) + 1
        username = "-".join(
            part for part in (role.replace("_", "-"), depot and depot.lower(), str(counts[role, depot])) if part
        )
        staff.append(Staff(username, _name(number), username.replace("-", " ").title(), role, depot))
    return [
        *staff,
        Staff("warehouse-keeper-fs-1", "刘敏", "Warehouse Keeper Fs 1", "warehouse_keeper", "FS"),
        Staff("inspector-liaobei", "辽北通信检查员", "Liaobei Telecom inspector", "inspector", "SY", "C-LIAOBEI"),
        Staff("vendor-nanhui", "南汇分销订单员", "Nanhui order desk", "vendor", vendor="NANHUI"),
    ]


STAFF = _staff()

SHOWN = {
    "warehouse_keeper": ("GZ", "SH", "SY", "ZJ", "GY", "FS"),
}
"""Roles that are shown once per depot; all others once."""


async def enter(*, by: Actor) -> None:
    """Enter everybody; the password is one for all, since it is printed anyway."""
    password_hash = await hashed(PASSWORD)
    for member in STAFF:
        await persons.add_person(
            persons.NewPerson(
                username=member.username,
                name_zh=member.zh,
                name_en=member.en,
                password=PASSWORD,
                phone=f"139{sum(map(ord, member.username)):08d}",
                email=f"{member.username}@yueshen.example",
            ),
            by=by,
            password_hash=password_hash,
        )
        await persons.grant_role(
            member.username, member.role, by=by, depot=member.depot, contract=member.contract, vendor=member.vendor
        )


async def crew() -> dict[str, Actor]:
    """Everybody as who they are when they act, by user name, and the ticket system."""
    found: dict[str, Actor] = {}
    for row in await db.fetch("SELECT id, username FROM person WHERE active"):
        actor = await persons.actor_of(row["id"])
        if actor is not None:
            found[row["username"]] = actor
    system = frozenset({"ticket_system"})
    found["ticket_system"] = Actor(name="demo ticket system", kind="api_key", roles=system, rights=rights_of(system))
    return found


async def enter_duty(now: datetime, *, by: Actor) -> None:
    """Enter what is staffed at every hour, who is on duty these two weeks and over the next two holidays, and the phones.

    The last depot's next shift nobody has: something is left to be noticed within a day.
    """
    today, empty = (
        now.astimezone(SHANGHAI).date(),
        (now.astimezone(SHANGHAI) + timedelta(hours=24 - BEGINS.hour)).date(),
    )
    coming = next_holidays(today, 2)
    days = {today + timedelta(days=n) for n in range(-1, 14)}
    for holiday in coming:
        length = (holiday.ends_on - holiday.starts_on).days
        days |= {holiday.starts_on + timedelta(days=n) for n in range(-1, length + 1)}
    shifts: list[duty.NewShift] = []
    for day in sorted(days):
        number = (day - today).days
        for depot in DEPOTS:
            keepers = [s for s in STAFF if s.role == "warehouse_keeper" and s.depot == depot]
            if (day, depot) != (empty, DEPOTS[-1]):
                shifts.append(_day(day, keepers[number % len(keepers)], depot))
        for role in COMPANY_WIDE:
            people = [s for s in STAFF if s.role == role]
            shifts.append(_day(day, people[number % len(people)], None))
    for role in COMPANY_WIDE:
        await posts.enter_post(role, None, by=by)
    for depot in DEPOTS:
        await posts.enter_post("warehouse_keeper", depot, by=by)
    await duty.enter_shifts(shifts, by=by)
    for member in STAFF:
        if member.username not in NOT_VERIFIED and member.role in DUTIES:
            await contacts.verify_phone(member.username, by=by)


def _day(day: date, member: Staff, depot: str | None) -> duty.NewShift:
    start = datetime.combine(day, BEGINS, SHANGHAI).astimezone(UTC)
    return duty.NewShift(
        username=member.username, role=member.role, depot=depot, starts_at=start, ends_at=start + timedelta(days=1)
    )


async def make_keys(*, by: Actor) -> list[dict[str, Any]]:
    """One account and one key per role and depot, to be printed."""
    shown: list[Staff] = []
    seen: set[tuple[str, str | None]] = set()
    for member in STAFF:
        per_depot = member.role in SHOWN
        which = (member.role, member.depot if per_depot else None)
        if which not in seen:
            seen.add(which)
            shown.append(member)
    rows: list[dict[str, Any]] = []
    for member in shown:
        made = await keys.make_key(
            keys.NewKey(
                name=f"demo {member.username}",
                role=member.role,
                person=member.username,
                depot=member.depot,
                contract=member.contract,
                vendor=member.vendor,
            ),
            by=by,
        )
        rows.append(
            {
                "role": member.role,
                "depot": member.depot if member.role in SHOWN else None,
                "username": member.username,
                "password": PASSWORD,
                "api_key": made.secret,
            }
        )
    ticket = await keys.make_key(keys.NewKey(name="demo ticket system", role="ticket_system"), by=by)
    return [
        *rows,
        {"role": "ticket_system", "depot": None, "username": None, "password": None, "api_key": ticket.secret},
    ]
