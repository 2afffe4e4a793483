"""Shared links: how a customer's inspector reads the contract's parts statement without an account.

The link is a random token; only its hash is kept. It ends by itself, can be revoked, and may be opened only so often.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from inventory.assurance.statements import Statement, for_customer
from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Busy, Invalid, Unknown

LONGEST = timedelta(days=92)
"""How long a link may live."""

OPENED_PER_MINUTE = 60
"""How often a link may be opened within a minute."""


class LinkLifeTooLong(Invalid):
    """A link lasts from one hour to {days} days."""

    zh = "链接的有效期应在 1 小时至 {days} 天之间。"
    help_en = "Choose an earlier end; a new link can be made at any time."
    help_zh = "请选择更早的截止时间；可随时新建链接。"


class OpenedTooOften(Busy):
    """This link was opened more than {limit} times in a minute."""

    zh = "该链接一分钟内打开超过 {limit} 次。"
    help_en = "Wait a minute and load it again."
    help_zh = "请稍候一分钟再刷新。"


class LinkOver(Unknown):
    """This link has expired or was withdrawn, or its address is not complete."""

    zh = "该链接已到期或已被撤回，或地址不完整。"
    help_en = "Ask whoever gave you the link for a new one."
    help_zh = "请联系提供链接的人员获取新链接。"


class LinkView(Struct, frozen=True, kw_only=True):
    """A link as those who share it see it; the token is shown once, at its making."""

    id: UUID
    contract: str
    remark: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    revoked_at: datetime | None
    last_opened_at: datetime | None
    opened: int
    token: str | None = None


def _hash(token: str) -> bytes:
    """The token is 256 random bits, so that a fast hash guards it as well as a slow one would."""
    return hashlib.sha256(token.encode()).digest()


@db.atomic
async def share(contract: str, *, by: Actor, expires_at: datetime, remark: str = "") -> LinkView:
    """Make a link to a contract's statement; the answer is the only time its token is shown.

    Raises:
        Unknown: no such contract in the actor's scope.
        LinkLifeTooLong: it would be over at once, or last too long.

    """
    by.require("statements.share")
    now = clock.now()
    if not now + timedelta(minutes=59) <= expires_at <= now + LONGEST:
        raise LinkLifeTooLong(days=LONGEST.days)
    token = secrets.token_urlsafe(32)
    link = await db.fetch_value(
        """INSERT INTO shared_link (contract, token_hash, remark, created_at, created_by, expires_at)
           SELECT id, $2, $3, $4, $5, $6 FROM contract
           WHERE code = $1 AND ($7::text[] IS NULL OR code = ANY($7)) RETURNING id""",
        contract,
        _hash(token),
        remark,
        now,
        by.name,
        expires_at,
        by.contract_scope,
    )
    if link is None:
        raise Unknown(what="contract", what_zh="合同", key=contract)
    await audit.record(
        "statement.shared", "contract", contract, by=by, reason=remark, change={"until": expires_at.isoformat()}
    )
    return LinkView(
        id=link,
        contract=contract,
        remark=remark,
        created_at=now,
        created_by=by.name,
        expires_at=expires_at,
        revoked_at=None,
        last_opened_at=None,
        opened=0,
        token=token,
    )


@db.atomic
async def revoke(link: UUID, *, by: Actor) -> None:
    """End a link at once; ending it again changes nothing.

    Raises:
        Unknown: no such link in the actor's scope.

    """
    by.require("statements.share")
    contract = await db.fetch_value(
        """UPDATE shared_link SET revoked_at = coalesce(revoked_at, $2), revoked_by = coalesce(revoked_by, $3)
           FROM contract WHERE shared_link.id = $1 AND contract.id = shared_link.contract
             AND ($4::text[] IS NULL OR contract.code = ANY($4))
           RETURNING contract.code""",
        link,
        clock.now(),
        by.name,
        by.contract_scope,
    )
    if contract is None:
        raise Unknown(what="link", what_zh="链接", key=str(link))
    await audit.record("statement.link_revoked", "contract", contract, by=by, change={"link": str(link)})


@db.atomic
async def open_link(token: str) -> Statement:
    """What a link shows; opening it is counted.

    Raises:
        LinkOver: it has ended, or there never was one: the answer is the same.
        OpenedTooOften: it was opened too often in this minute.

    """
    now = clock.now()
    row = await db.fetch_one(
        """UPDATE shared_link SET opened = opened + 1, last_opened_at = $2,
                  opened_in_minute = CASE WHEN minute_at > $2 - interval '1 minute' THEN opened_in_minute + 1 ELSE 1 END,
                  minute_at = CASE WHEN minute_at > $2 - interval '1 minute' THEN minute_at ELSE $2 END
           FROM contract
           WHERE token_hash = $1 AND contract.id = shared_link.contract AND revoked_at IS NULL AND expires_at > $2
           RETURNING contract.code, opened_in_minute""",
        _hash(token),
        now,
    )
    if row is None:
        raise LinkOver
    if row["opened_in_minute"] > OPENED_PER_MINUTE:
        raise OpenedTooOften(limit=OPENED_PER_MINUTE)
    return await for_customer(row["code"])


async def links(contract: str, *, limit: int, seen_by: Actor, after: UUID | None = None) -> list[LinkView]:
    """A contract's links, newest first."""
    seen_by.require("statements.share")
    return await db.read(
        LinkView,
        """SELECT shared_link.id, contract.code AS contract, remark, created_at, created_by, expires_at, revoked_at,
                  last_opened_at, opened
           FROM shared_link JOIN contract ON contract.id = shared_link.contract
           WHERE contract.code = $1 AND ($2::text[] IS NULL OR contract.code = ANY($2))
             AND ($3::uuid IS NULL OR shared_link.id < $3)
           ORDER BY shared_link.id DESC LIMIT $4""",
        contract,
        seen_by.contract_scope,
        after,
        limit,
    )
