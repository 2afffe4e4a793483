"""Contacts: how each of us is reached, and when somebody last made sure of it (D74)."""

import re
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from inventory.ground import audit, clock, db, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, NotGranted, Refused, Unknown

VERIFIED_FOR = timedelta(days=90)
"""How long a phone counts as verified."""

AHEAD = timedelta(days=14)
"""Whoever has a shift within this time is to have a verified phone."""

VERIFY_WITHIN = timedelta(days=2)

Chat = Literal["wecom", "dingtalk"]

_PHONE = re.compile(r"\+?[0-9][0-9 ()-]{2,28}[0-9]")
_EMAIL = re.compile(r"[^@\s<>,;:\"()\\]{1,64}@[A-Za-z0-9.-]{1,100}\.[A-Za-z0-9-]{2,20}")
_OUTSIDERS = ["vendor", "inspector", "ticket_system"]


class NotAPhone(Invalid):
    """“{value}” is not a phone number."""

    zh = "“{value}”不是有效的电话号码。"
    help_en = "Write digits, with + for the country; blanks and hyphens are fine."
    help_zh = "请填写数字，可用 + 表示国家代码，允许空格和连字符。"


class NotAnAddress(Invalid):
    """“{value}” is not a mail address."""

    zh = "“{value}”不是有效的邮箱地址。"
    help_en = "Write one address, as name@example.com."
    help_zh = "请填写一个邮箱地址，如 name@example.com。"


class NoPhone(Refused):
    """{username} has no phone number yet."""

    zh = "{username} 尚未登记电话。"
    help_en = "Enter the number together with the verification."
    help_zh = "请在核实时一并填写电话号码。"


class Contact(Struct, frozen=True, kw_only=True):
    """How somebody is reached; `stale` where the phone was not verified for long."""

    username: str
    name_zh: str
    name_en: str
    roles: list[str]
    phone: str | None
    phone_verified_at: datetime | None
    phone_verified_by: str | None
    stale: bool
    email: str | None
    chat: str | None


@db.atomic
async def verify_phone(username: str, *, by: Actor, phone: str | None = None) -> Contact:
    """Say that somebody was reached under their phone, or under the one given.

    Raises:
        Unknown: no such person in the actor's scope.
        NoPhone: there is none to verify.
        NotAPhone: it is no phone number.
        NotGranted: it is neither the actor's own nor theirs to manage.

    """
    was = await _mine_to_change(username, by)
    if phone is None and was.phone is None:
        raise NoPhone(username=username)
    await db.execute(
        "UPDATE person SET phone = $2, phone_verified_at = $3, phone_verified_by = $4 WHERE username = $1",
        username,
        checked_phone(phone) or was.phone,
        clock.now(),
        by.name,
    )
    now = await contact(username, seen_by=by)
    await audit.record("phone.verified", "person", username, by=by, change={"was": was.phone, "phone": now.phone})
    await steps.finish("person", username, "verify_phone", by=by)
    return now


@db.atomic
async def change_contact(
    username: str, *, by: Actor, phone: str | None, email: str | None, chat: Chat | None
) -> Contact:
    """Change how somebody is reached; another phone is not verified yet.

    Raises:
        Unknown: no such person in the actor's scope.
        NotAPhone, NotAnAddress: it is none.
        NotGranted: it is neither the actor's own nor theirs to manage.

    """
    was = await _mine_to_change(username, by)
    await db.execute(
        """UPDATE person SET email = $3, chat = $4, phone = $2::varchar,
                  phone_verified_at = CASE WHEN phone = $2::varchar THEN phone_verified_at END,
                  phone_verified_by = CASE WHEN phone = $2::varchar THEN phone_verified_by END
           WHERE username = $1""",
        username,
        checked_phone(phone),
        checked_email(email),
        chat,
    )
    now = await contact(username, seen_by=by)
    change = {name: [getattr(was, name), getattr(now, name)] for name in ("phone", "email", "chat")}
    await audit.record("contact.changed", "person", username, by=by, change=change)
    return now


def checked_phone(phone: str | None) -> str | None:
    """A phone number, or none.

    Raises:
        NotAPhone: it is none.

    """
    if phone is not None and not _PHONE.fullmatch(phone):
        raise NotAPhone(value=phone)
    return phone


def checked_email(email: str | None) -> str | None:
    """A mail address, or none.

    Raises:
        NotAnAddress: it is none.

    """
    if email is not None and not _EMAIL.fullmatch(email):
        raise NotAnAddress(value=email)
    return email


async def _mine_to_change(username: str, by: Actor) -> Contact:
    if not by.may("roster.manage") and not (by.kind == "person" and by.name == username):
        raise NotGranted(right="roster.manage", name=by.name)
    return await contact(username, seen_by=by)


_CONTACT = """SELECT username, name_zh, name_en, phone, phone_verified_at, phone_verified_by,
                  coalesce(phone_verified_at < $1, true) AS stale, email, chat,
                  (SELECT coalesce(array_agg(DISTINCT role ORDER BY role), '{}') FROM role_grant
                   WHERE role_grant.person = person.id) AS roles
           FROM person
           WHERE active AND (username = $3 OR EXISTS (
               SELECT FROM role_grant LEFT JOIN place ON place.id = role_grant.place
               WHERE role_grant.person = person.id AND role <> ALL($4)
                 AND ($2::text[] IS NULL OR place.code IS NULL OR place.code = ANY($2))))"""


async def contact(username: str, *, seen_by: Actor) -> Contact:
    """How one person is reached.

    Raises:
        Unknown: no such person in the reader's scope.

    """
    found = await db.read_one(
        Contact,
        f"{_CONTACT} AND username = $5",
        clock.now() - VERIFIED_FOR,
        seen_by.depot_scope,
        seen_by.name,
        _OUTSIDERS,
        username,
    )
    if found is None:
        raise Unknown(what="person", what_zh="人员", key=username)
    return found


async def contacts(*, limit: int, seen_by: Actor, after: str = "", stale_only: bool = False) -> list[Contact]:
    """Our own people in the reader's scope, by user name."""
    return await db.read(
        Contact,
        f"""{_CONTACT} AND username > $5 AND (NOT $6 OR coalesce(phone_verified_at < $1, true))
            ORDER BY username LIMIT $7""",
        clock.now() - VERIFIED_FOR,
        seen_by.depot_scope,
        seen_by.name,
        _OUTSIDERS,
        after,
        stale_only,
        limit,
    )


@db.atomic
async def watch() -> int:
    """Open a step for everybody soon on duty whose phone was not verified for long; how many there are."""
    now = clock.now()
    people = await db.fetch(
        """SELECT DISTINCT username FROM person JOIN duty_shift ON duty_shift.person = person.id
           WHERE active AND withdrawn_at IS NULL AND starts_at < $1 AND ends_at > $2
             AND coalesce(phone_verified_at < $3, true)""",
        now + AHEAD,
        now,
        now - VERIFIED_FOR,
    )
    for person in people:
        await steps.begin(
            "verify_phone",
            "person",
            person["username"],
            owner_role="dispatcher",
            due_at=now + VERIFY_WITHIN,
        )
    return len(people)
