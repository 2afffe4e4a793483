"""API keys: how systems sign their calls. Only a hash of the secret is kept."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.ground.together import Together
from inventory.people.persons import UnknownRole
from inventory.people.roles import ROLES, rights_of

MARK = "bj"
"""What every key begins with, so that a leaked one can be recognised."""


class NewKey(Struct, frozen=True, kw_only=True):
    """What is needed to make a key."""

    name: str
    role: str
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
        Unknown: no such depot or vendor.

    """
    by.require("keys.manage")
    if new.role not in ROLES:
        raise UnknownRole(role=new.role, roles=", ".join(ROLES))
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    made = await db.fetch_value(
        """INSERT INTO api_key
                  (name, prefix, secret_hash, role, place, contract_code, vendor, created_at, created_by, expires_at)
           SELECT $1, $2, $3, $4, place.id, $6, party.id, $8, $9, $10
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
    )
    if made is None:
        raise Unknown(what="depot or vendor", what_zh="备件库或供应商", key=str(new.depot or new.vendor))
    await audit.record("key.made", "api_key", prefix, by=by, change={"name": new.name, "role": new.role})
    return KeyView(
        id=made,
        name=new.name,
        prefix=prefix,
        role=new.role,
        depot=new.depot,
        contract=new.contract,
        vendor=new.vendor,
        created_at=clock.now(),
        created_by=by.name,
        expires_at=new.expires_at,
        revoked_at=None,
        secret=f"{MARK}_{prefix}_{secret}",
    )


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
                  api_key.expires_at, place.code AS depot, party.code AS vendor
           FROM api_key
           LEFT JOIN place ON place.id = api_key.place
           LEFT JOIN party ON party.id = api_key.vendor
           WHERE api_key.prefix = ANY($1) AND api_key.revoked_at IS NULL""",
        list(set(prefixes)),
    )
    found = {row["prefix"]: _Found(row["secret_hash"], row["expires_at"], _actor(row)) for row in rows}
    return [found.get(prefix) for prefix in prefixes]


_looked_up = Together(_look_up)


def _actor(row: db.Row) -> Actor:
    roles = frozenset({row["role"]})
    return Actor(
        name=row["name"],
        kind="api_key",
        roles=roles,
        rights=rights_of(roles),
        depots=None if row["depot"] is None else frozenset({row["depot"]}),
        contracts=None if row["contract_code"] is None else frozenset({row["contract_code"]}),
        vendor=row["vendor"],
        key_id=row["id"],
    )


async def keys(*, limit: int, after: UUID | None = None, seen_by: Actor) -> list[KeyView]:
    """All keys, newest first."""
    seen_by.require("keys.manage")
    return await db.read(
        KeyView,
        """SELECT api_key.id, api_key.name, prefix, role, place.code AS depot, contract_code AS contract,
                  party.code AS vendor, created_at, created_by, expires_at, revoked_at
           FROM api_key
           LEFT JOIN place ON place.id = api_key.place
           LEFT JOIN party ON party.id = api_key.vendor
           WHERE $1::uuid IS NULL OR api_key.id < $1
           ORDER BY api_key.id DESC LIMIT $2""",
        after,
        limit,
    )
