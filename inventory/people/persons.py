"""People: adding them, giving them roles, signing them in."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from msgspec import Struct
from pwdlib import PasswordHash

from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor, Delegated
from inventory.ground.errors import Busy, Forbidden, Invalid, Refused, Unknown
from inventory.people.roles import APPROVALS, ROLES, rights_of

SIGN_IN_WINDOW = timedelta(minutes=15)
FAILURES_PER_NAME = 5
FAILURES_PER_ADDRESS = 30
SHORTEST_PASSWORD = 10


class UsernameTaken(Refused, constraint="person_username_key"):
    """The user name “{username}” is taken."""

    zh = "用户名“{username}”已被使用。"
    help_en = "Choose another user name."
    help_zh = "请换一个用户名。"


class RoleAlreadyGranted(Refused, constraint="role_grant_is_unique"):
    """This person already has this role with this scope."""

    zh = "该人员已拥有此范围的该角色。"
    help_en = "Nothing is left to do."
    help_zh = "无需再次授权。"


class UnknownRole(Invalid):
    """There is no role “{role}”."""

    zh = "没有名为“{role}”的角色。"
    help_en = "Roles: {roles}."
    help_zh = "可用角色：{roles}。"


class VendorMissing(Invalid, constraint=("role_grant_names_its_vendor", "api_key_names_its_vendor")):
    """The role vendor is given for one vendor; none was named."""

    zh = "授予供应商角色时须指定其代表的供应商。"
    help_en = "Name the vendor whose orders are to be seen and answered."
    help_zh = "请填写供应商代码；该角色只能查看和答复该供应商的订单。"


class PasswordTooShort(Invalid):
    """A password needs at least {shortest} characters."""

    zh = "密码至少需要 {shortest} 个字符。"
    help_en = "Choose a longer one; a few words are easy to remember."
    help_zh = "请使用更长的密码，例如几个词语的组合。"


class WrongCredentials(Forbidden):
    """User name or password is wrong."""

    zh = "用户名或密码错误。"
    help_en = "Try again; after {limit} failures the name waits {minutes} minutes."
    help_zh = "请重试；连续失败 {limit} 次后需等待 {minutes} 分钟。"


class TooManyAttempts(Busy):
    """Too many failed sign-ins."""

    zh = "登录失败次数过多。"
    help_en = "Wait {minutes} minutes, or ask an administrator."
    help_zh = "请等待 {minutes} 分钟，或联系系统管理员。"


class NewPerson(Struct, frozen=True, kw_only=True):
    """What is needed to add a person."""

    username: str
    name_zh: str
    name_en: str
    password: str
    language: str = "zh"
    phone: str | None = None
    email: str | None = None


class PersonView(Struct, frozen=True, kw_only=True):
    """A person as others may see them."""

    username: str
    name_zh: str
    name_en: str
    phone: str | None
    email: str | None
    active: bool
    roles: list[str]


@cache
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()


async def hashed(password: str) -> str:
    """A password's argon2 hash, computed off the event loop.

    Raises:
        PasswordTooShort: it has fewer than ten characters.

    """
    if len(password) < SHORTEST_PASSWORD:
        raise PasswordTooShort(shortest=SHORTEST_PASSWORD)
    return await asyncio.to_thread(_hasher().hash, password)


@db.atomic
async def add_person(new: NewPerson, *, by: Actor, password_hash: str | None = None) -> int:
    """Add a person who can sign in; returns the person's id.

    Raises:
        UsernameTaken: somebody has that user name.
        PasswordTooShort: the password has fewer than ten characters.

    """
    by.require("people.manage")
    secret = password_hash or await hashed(new.password)
    person = await db.fetch_value(
        """INSERT INTO person (username, name_zh, name_en, phone, email, language, password_hash, active)
           VALUES ($1, $2, $3, $4, $5, $6, $7, true) RETURNING id""",
        new.username,
        new.name_zh,
        new.name_en,
        new.phone,
        new.email,
        new.language,
        secret,
    )
    await audit.record("person.added", "person", new.username, by=by, change={"name": new.name_en})
    return person


@db.atomic
async def grant_role(
    username: str,
    role: str,
    *,
    by: Actor,
    depot: str | None = None,
    contract: str | None = None,
    vendor: str | None = None,
) -> None:
    """Give a person a role, for one depot, contract or vendor, or everywhere.

    Raises:
        Unknown: no such person, depot or vendor.
        UnknownRole: no such role.
        VendorMissing: somebody is to answer as a vendor, but as which was not said.

    """
    by.require("people.manage")
    if role not in ROLES:
        raise UnknownRole(role=role, roles=", ".join(ROLES))
    granted = await db.execute(
        """INSERT INTO role_grant (person, role, place, contract_code, vendor)
           SELECT person.id, $2, place.id, $4, party.id
           FROM person
           LEFT JOIN place ON place.code = $3
           LEFT JOIN party ON party.code = $5 AND party.is_vendor
           WHERE person.username = $1
             AND ($3::text IS NULL OR place.id IS NOT NULL) AND ($5::text IS NULL OR party.id IS NOT NULL)""",
        username,
        role,
        depot,
        contract,
        vendor,
    )
    if not granted:
        raise Unknown(what="person or place", what_zh="人员或地点", key=f"{username} / {depot or vendor or '–'}")
    await audit.record(
        "role.granted",
        "person",
        username,
        by=by,
        change={"role": role, "depot": depot, "contract": contract, "vendor": vendor},
    )


async def sign_in(username: str, password: str, *, address: str) -> Actor:
    """Check a user name and password.

    Raises:
        WrongCredentials: they do not fit, or the person is not active.
        TooManyAttempts: the name or the address failed too often lately.

    """
    since = clock.now() - SIGN_IN_WINDOW
    by_name, by_address = await db.fetch_one(
        """SELECT count(*) FILTER (WHERE username = $1), count(*) FILTER (WHERE address = $2)
           FROM sign_in_attempt WHERE at > $3 AND (username = $1 OR address = $2)""",
        username,
        address,
        since,
    ) or (0, 0)
    minutes = int(SIGN_IN_WINDOW.total_seconds() // 60)
    if by_name >= FAILURES_PER_NAME or by_address >= FAILURES_PER_ADDRESS:
        raise TooManyAttempts(minutes=minutes)
    row = await db.fetch_one("SELECT id, password_hash FROM person WHERE username = $1 AND active", username)
    # an unknown name costs the same time as a wrong password, so that names cannot be found out
    fits = await asyncio.to_thread(_fits, password, row["password_hash"] if row else None)
    if row is None or not fits:
        await db.execute(
            "INSERT INTO sign_in_attempt (username, address, at) VALUES ($1, $2, $3)", username, address, clock.now()
        )
        raise WrongCredentials(limit=FAILURES_PER_NAME, minutes=minutes)
    actor = await actor_of(row["id"])
    if actor is None:
        raise WrongCredentials(limit=FAILURES_PER_NAME, minutes=minutes)
    return actor


async def password_fits(username: str, password: str) -> bool:
    """Whether it is the password of somebody who may sign in; as slow for a wrong one as for the right one."""
    kept = await db.fetch_value("SELECT password_hash FROM person WHERE username = $1 AND active", username)
    return await asyncio.to_thread(_fits, password, kept)


@cache
def _nobodys_hash() -> str:
    return _hasher().hash("nobody has this password")


def _fits(password: str, password_hash: str | None) -> bool:
    return _hasher().verify(password, password_hash or _nobodys_hash()) and password_hash is not None


async def actor_of(person_id: int) -> Actor | None:
    """The person as an actor, with today's roles and scopes; None when not active."""
    rows = await db.fetch(
        """SELECT person.username, person.language, role_grant.role, place.code AS depot,
                  role_grant.contract_code, party.code AS vendor, left_to_them
           FROM person
           LEFT JOIN role_grant ON role_grant.person = person.id
           LEFT JOIN place ON place.id = role_grant.place
           LEFT JOIN party ON party.id = role_grant.vendor
           CROSS JOIN LATERAL (
               SELECT coalesce(jsonb_agg(jsonb_build_object(
                          'delegator', giver.username, 'right', "right", 'up_to_cny', up_to_cny::text, 'role', own.role,
                          'depot', at.code, 'contract', own.contract_code) ORDER BY delegation.id), '[]') AS left_to_them
               FROM delegation
               JOIN person AS giver ON giver.id = delegation.delegator AND giver.active
               JOIN role_grant AS own ON own.person = giver.id
               LEFT JOIN place AS at ON at.id = own.place
               WHERE delegation.delegate = person.id AND withdrawn_at IS NULL AND starts_at <= $2 AND ends_at > $2
           ) AS standing_in
           WHERE person.id = $1 AND person.active""",
        person_id,
        clock.now(),
    )
    if not rows:
        return None
    roles = frozenset(row["role"] for row in rows if row["role"])
    return Actor(
        name=rows[0]["username"],
        kind="person",
        roles=roles,
        rights=rights_of(roles),
        depots=scope_of([row["depot"] for row in rows if row["role"]]),
        contracts=scope_of([row["contract_code"] for row in rows if row["role"]]),
        vendor=next((row["vendor"] for row in rows if row["vendor"]), None),
        person_id=person_id,
        language=rows[0]["language"],
        delegated=_delegated(rows[0]["left_to_them"]),
    )


def _delegated(found: Sequence[Mapping[str, Any]]) -> tuple[Delegated, ...]:
    """What approvers left to somebody, as far as their own roles include it today."""
    by_approver: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for grant in found:
        if grant["right"] in ROLES.get(grant["role"], ()):
            by_approver.setdefault((grant["delegator"], grant["right"]), []).append(grant)
    return tuple(
        Delegated(
            delegator=delegator,
            right=right,
            up_to_cny=None if grants[0]["up_to_cny"] is None else Decimal(grants[0]["up_to_cny"]),
            duties=APPROVALS[right].duties,
            depots=scope_of([grant["depot"] for grant in grants]),
            contracts=scope_of([grant["contract"] for grant in grants]),
        )
        for (delegator, right), grants in by_approver.items()
    )


def scope_of(codes: list[str | None]) -> frozenset[str] | None:
    """The scope that a person's grants add up to: one grant without a code opens everything.

    >>> sorted(scope_of(["GZ", "SH"]))
    ['GZ', 'SH']
    >>> scope_of(["GZ", None]) is None
    True
    """
    if any(code is None for code in codes):
        return None
    return frozenset(code for code in codes if code is not None)


class Holder(Struct, frozen=True, kw_only=True):
    """Somebody who has a role, at a store or at all of them."""

    username: str
    role: str
    depot: str | None


async def holders(roles: Sequence[str], *, limit: int) -> list[Holder]:
    """Everybody active who has one of some roles, by name."""
    return await db.read(
        Holder,
        """SELECT username, role, place.code AS depot
           FROM role_grant
           JOIN person ON person.id = role_grant.person AND person.active
           LEFT JOIN place ON place.id = role_grant.place
           WHERE role = ANY($1) ORDER BY username, role, place.code NULLS FIRST LIMIT $2""",
        list(roles),
        limit,
    )


async def people(*, limit: int, after: str = "", seen_by: Actor) -> list[PersonView]:
    """Everybody, by user name."""
    seen_by.require("people.manage")
    return await db.read(
        PersonView,
        """SELECT person.username, person.name_zh, person.name_en, person.phone, person.email, person.active,
                  coalesce(array_agg(role_grant.role || coalesce('@' || place.code, '')
                           ORDER BY role_grant.role, place.code) FILTER (WHERE role_grant.role IS NOT NULL), '{}') AS roles
           FROM person
           LEFT JOIN role_grant ON role_grant.person = person.id
           LEFT JOIN place ON place.id = role_grant.place
           WHERE person.username > $1
           GROUP BY person.id ORDER BY person.username LIMIT $2""",
        after,
        limit,
    )
