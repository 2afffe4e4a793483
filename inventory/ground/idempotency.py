"""Doing a thing once, however often it is asked: the first answer is kept and given again."""

from collections.abc import Awaitable, Callable

import asyncpg
from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.errors import Invalid, Refused


class IdempotencyKeyReused(Invalid):
    """The Idempotency-Key “{key}” was used before with another request."""

    zh = "Idempotency-Key“{key}”已用于另一个请求。"
    help_en = "Use a new key for a new request; repeat the old request unchanged to see its answer."
    help_zh = "新请求请使用新的键；如需查看原结果，请原样重发原请求。"


class IdempotencyInProgress(Refused):
    """The first request with the Idempotency-Key “{key}” is still running."""

    zh = "使用 Idempotency-Key“{key}”的首个请求仍在处理。"
    help_en = "Repeat it in a moment; it runs only once."
    help_zh = "请稍后重发；该请求只会执行一次。"


class Answer(Struct, frozen=True):
    """An answer as it went out."""

    status: int
    body: bytes
    media_type: str
    replayed: bool = False


async def kept_answer(caller: str, key: str, fingerprint: bytes) -> Answer | None:
    """The answer kept for a key, if there is one.

    Raises:
        IdempotencyKeyReused: the key belongs to another request.

    """
    row = await db.fetch_one(
        "SELECT fingerprint, status, body, media_type FROM idempotency_key WHERE caller = $1 AND key = $2", caller, key
    )
    if row is None or row["status"] is None:
        return None
    if row["fingerprint"] != fingerprint:
        raise IdempotencyKeyReused(key=key)
    return Answer(row["status"], row["body"], row["media_type"], replayed=True)


async def once(caller: str, key: str, fingerprint: bytes, act: Callable[[], Awaitable[Answer]]) -> Answer:
    """Act and keep the answer, in one transaction; or give the answer kept before.

    A rival with the same key waits on the row until the first one commits, then replays it.

    Raises:
        IdempotencyKeyReused: the key belongs to another request.
        IdempotencyInProgress: the first request did not finish within the lock timeout.

    """
    try:
        return await _act_and_keep(caller, key, fingerprint, act)
    except _StillRunning:
        raise IdempotencyInProgress(key=key) from None


class _StillRunning(Exception):
    """The row of the key is locked by the request that is using it."""


@db.atomic
async def _act_and_keep(caller: str, key: str, fingerprint: bytes, act: Callable[[], Awaitable[Answer]]) -> Answer:
    try:
        mine = await db.fetch_value(
            """INSERT INTO idempotency_key (caller, key, fingerprint, created_at) VALUES ($1, $2, $3, $4)
               ON CONFLICT (caller, key) DO NOTHING RETURNING true""",
            caller,
            key,
            fingerprint,
            clock.now(),
        )
    except asyncpg.LockNotAvailableError:
        raise _StillRunning from None
    if not mine:
        kept = await kept_answer(caller, key, fingerprint)
        if kept is None:
            raise _StillRunning
        return kept
    answer = await act()
    await db.execute(
        "UPDATE idempotency_key SET status = $3, body = $4, media_type = $5 WHERE caller = $1 AND key = $2",
        caller,
        key,
        answer.status,
        answer.body,
        answer.media_type,
    )
    return answer


async def keep_refusal(caller: str, key: str, fingerprint: bytes, answer: Answer) -> Answer:
    """Keep a refusal as the first answer to its key; a rival that was faster has the say."""
    await db.execute(
        """INSERT INTO idempotency_key (caller, key, fingerprint, status, body, media_type, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (caller, key) DO NOTHING""",
        caller,
        key,
        fingerprint,
        answer.status,
        answer.body,
        answer.media_type,
        clock.now(),
    )
    return await kept_answer(caller, key, fingerprint) or answer


async def forget_older_than(hours: int) -> int:
    """Drop keys kept longer than promised (at least 24 hours); how many."""
    return await db.execute(
        "DELETE FROM idempotency_key WHERE created_at < $1::timestamptz - make_interval(hours => $2)",
        clock.now(),
        max(hours, 24),
    )
