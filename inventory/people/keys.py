"""API keys: how systems sign their calls. Only a hash of the secret is kept."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Refused, Unknown
from inventory.ground.together import Together
from inventory.people.persons import UnknownRole
from inventory.people.roles import ROLES, rights_of

MARK = "bj"
"""What every key begins with, so that a leaked one can be recognised."""


class NotTheirRole(Refused):
    """{person} does not have the role “{role}” with this scope."""

    zh = "{person} 没有此范围的角色“{role}”。"
    help_en = "Grant the role first, or make a key within what the person may do."
    help_zh = "请先授予该角色，或在其现有权限范围内创建密钥。"


class NewKey(Struct, frozen=True, kw_only=True):
    """What is needed to make a key; one that belongs to a person acts under that person's name, and ends with them."""

    name: str
    role: str
    person: str | None = None
    depot: str | None = None
    contract: str | None = None
    vendor: str | None = None
    expires_at: datetime | None = None


class KeyView(Struct, frozen=True, kw_only=True):
    """A key as its managers see it; the secret is shown once, at its making."""

    id: UUID
    name: str
    prefix: str
    role: str
    person: str | None
    depot: str | None
    contract: str | None
    vendor: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    secret: str | None = None


def _hash(secret: str) -> bytes:
    """A key's secret is 256 random bits, so that a fast hash guards it as well as a slow one would."""
    return hashlib.sha256(secret.encode()).digest()


@db.atomic
async def make_key(new: NewKey, *, by: Actor) -> KeyView:
    """Make a key; the answer is the only time its secret is shown.

    Raises:
        UnknownRole: no such role.
        Unknown: no such person, depot or vendor.
        NotTheirRole: the person does not have that role with that scope.
        VendorMissing: a key is to answer as a vendor, but as which was not said.

    """
    by.require("keys.manage")
    if new.role not in ROLES:
        raise UnknownRole(role=new.role, roles=", ".join(ROLES))
    person = await _owner(new) if new.person is not None else None
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    made = await db.fetch_value(
        """INSERT INTO api_key
                  (name, prefix, secret_hash, role, place, contract_code, vendor, created_at, created_by, expires_at,
                   person)
           SELECT $1, $2, $3, $4, place.id, $6, party.id, $8, $9, $10, $11
           FROM (SELECT 1) AS one
           LEFT JOIN place ON place.code = $5
           LEFT JOIN party ON party.code = $7 AND party.is_vendor
           WHERE ($5::text IS NULL OR place.id IS NOT NULL) AND ($7::text IS NULL OR party.id IS NOT NULL)
           RETURNING id""",
        new.name,
        prefix,
        _hash(secret),
        new.role,
        new.depot,
        new.contract,
        new.vendor,
        clock.now(),
        by.name,
        new.expires_at,
        person,
    )
    if made is None:
        raise Unknown(what="depot or vendor", what_zh="备件库或供应商", key=str(new.depot or new.vendor))
    await audit.record(
        "key.made", "api_key", prefix, by=by, change={"name": new.name, "role": new.role, "person": new.person}
    )
    return KeyView(
        id=made,
        name=new.name,
        prefix=prefix,
        role=new.role,
        person=new.person,
        depot=new.depot,
        contract=new.contract,
        vendor=new.vendor,
        created_at=clock.now(),
        created_by=by.name,
        expires_at=new.expires_at,
        revoked_at=None,
        secret=f"{MARK}_{prefix}_{secret}",
    )


async def _owner(new: NewKey) -> int:
    """The id of the person a key is for, who must have its role, for what the key is for or for more."""
    row = await db.fetch_one(
        """SELECT person.id, EXISTS (
                  SELECT FROM role_grant
                  LEFT JOIN place ON place.id = role_grant.place
                  LEFT JOIN party ON party.id = role_grant.vendor
                  WHERE role_grant.person = person.id AND role = $2
                    AND (role_grant.place IS NULL OR place.code = $3)
                    AND (role_grant.contract_code IS NULL OR role_grant.contract_code = $4)
                    AND (role_grant.vendor IS NULL OR party.code = $5)) AS holds
           FROM person WHERE username = $1 AND active""",
        new.person,
        new.role,
        new.depot,
        new.contract,
        new.vendor,
    )
    if row is None:
        raise Unknown(what="person", what_zh="人员", key=str(new.person))
    if not row["holds"]:
        raise NotTheirRole(person=new.person, role=new.role)
    return row["id"]


@db.atomic
async def revoke_key(key_id: UUID, *, by: Actor) -> None:
    """End a key at once; ending it again changes nothing.

    Raises:
        Unknown: no such key.

    """
    by.require("keys.manage")
    prefix = await db.fetch_value(
        "UPDATE api_key SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1 RETURNING prefix", key_id, clock.now()
    )
    if prefix is None:
        raise Unknown(what="API key", what_zh="接口密钥", key=str(key_id))
    await audit.record("key.revoked", "api_key", prefix, by=by)


@db.atomic
async def revoke_uncovered(username: str, *, by: Actor) -> None:
    """End the keys of a person that no role of theirs covers any longer."""
    rows = await db.fetch(
        """UPDATE api_key SET revoked_at = $2 FROM person
           WHERE person.id = api_key.person AND username = $1 AND revoked_at IS NULL AND NOT EXISTS (
               SELECT FROM role_grant
               WHERE role_grant.person = person.id AND role_grant.role = api_key.role
                 AND (role_grant.place IS NULL OR role_grant.place = api_key.place)
                 AND (role_grant.contract_code IS NULL OR role_grant.contract_code = api_key.contract_code)
                 AND (role_grant.vendor IS NULL OR role_grant.vendor = api_key.vendor))
           RETURNING prefix""",
        username,
        clock.now(),
    )
    for row in rows:
        await audit.record("key.revoked", "api_key", row["prefix"], by=by)


async def actor_of_key(key: str) -> Actor | None:
    """The system behind a key; None when the key is unknown, revoked or expired.

    It is looked up anew for every request, together with the keys of whoever else calls at that moment.
    """
    mark, _, rest = key.partition("_")
    prefix, _, secret = rest.partition("_")
    if mark != MARK or not prefix.isalnum() or not secret:
        return None
    found = await _looked_up.ask(prefix)
    if found is None or not secrets.compare_digest(found.secret_hash, _hash(secret)):
        return None
    return None if found.expires_at is not None and found.expires_at <= clock.now() else found.actor


class _Found(Struct, frozen=True):
    """A key that was not revoked."""

    secret_hash: bytes
    expires_at: datetime | None
    actor: Actor


async def _look_up(prefixes: Sequence[str]) -> list[_Found | None]:
    rows = await db.fetch(
        """SELECT api_key.id, api_key.prefix, api_key.name, api_key.role, api_key.contract_code, api_key.secret_hash,
                  api_key.expires_at, place.code AS depot, party.code AS vendor, api_key.person,
                  person.username
           FROM api_key
           LEFT JOIN person ON person.id = api_key.person
           LEFT JOIN place ON place.id = api_key.place
           LEFT JOIN party ON party.id = api_key.vendor
           WHERE api_key.prefix = ANY($1) AND api_key.revoked_at IS NULL AND (person.id IS NULL OR person.active)""",
        list(set(prefixes)),
    )
    found = {row["prefix"]: _Found(row["secret_hash"], row["expires_at"], _actor(row)) for row in rows}
    return [found.get(prefix) for prefix in prefixes]


_looked_up = Together(_look_up)


def _actor(row: db.Row) -> Actor:
    roles = frozenset({row["role"]})
    return Actor(
        name=row["username"] or row["name"],
        kind="api_key",
        roles=roles,
        rights=rights_of(roles),
        depots=None if row["depot"] is None else frozenset({row["depot"]}),
        contracts=None if row["contract_code"] is None else frozenset({row["contract_code"]}),
        vendor=row["vendor"],
        person_id=row["person"],
        key_id=row["id"],
    )


async def keys(*, limit: int, after: UUID | None = None, seen_by: Actor) -> list[KeyView]:
    """All keys, newest first."""
    seen_by.require("keys.manage")
    return await db.read(
        KeyView,
        """SELECT api_key.id, api_key.name, prefix, role, person.username AS person, place.code AS depot,
                  contract_code AS contract, party.code AS vendor, created_at, created_by, expires_at, revoked_at
           FROM api_key
           LEFT JOIN person ON person.id = api_key.person
           LEFT JOIN place ON place.id = api_key.place
           LEFT JOIN party ON party.id = api_key.vendor
           WHERE $1::uuid IS NULL OR api_key.id < $1
           ORDER BY api_key.id DESC LIMIT $2""",
        after,
        limit,
    )
