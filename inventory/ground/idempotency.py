"""Doing a thing once, however often it is asked: the first answer is kept and given again."""

from collections.abc import Awaitable, Callable, Sequence

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


class Asked(Struct, frozen=True):
    """A request that is to be done once: whose it is, its key, and what makes a repetition the same."""

    caller: str
    key: str
    fingerprint: bytes


async def kept_answer(asked: Asked) -> Answer | None:
    """The answer kept for a key, if there is one.

    Raises:
        IdempotencyKeyReused: the key belongs to another request.

    """
    row = await db.fetch_one(
        "SELECT fingerprint, status, body, media_type FROM idempotency_key WHERE caller = $1 AND key = $2",
        asked.caller,
        asked.key,
    )
    if row is None or row["status"] is None:
        return None
    if row["fingerprint"] != asked.fingerprint:
        raise IdempotencyKeyReused(key=asked.key)
    return Answer(row["status"], row["body"], row["media_type"], replayed=True)


async def once(asked: Asked, act: Callable[[], Awaitable[Answer]]) -> Answer:
    """Act and keep the answer, in one transaction; or give the answer kept before.

    A rival with the same key waits on the row until the first one commits, then replays it.

    Raises:
        IdempotencyKeyReused: the key belongs to another request.
        IdempotencyInProgress: the first request did not finish within the lock timeout.

    """
    try:
        return await _act_and_keep(asked, act)
    except _StillRunning:
        raise IdempotencyInProgress(key=asked.key) from None


class _StillRunning(Exception):
    """The row of the key is locked by the request that is using it."""


@db.atomic
async def _act_and_keep(asked: Asked, act: Callable[[], Awaitable[Answer]]) -> Answer:
    try:
        mine = await _claim([asked])
    except asyncpg.LockNotAvailableError:
        raise _StillRunning from None
    if not mine:
        kept = await kept_answer(asked)
        if kept is None:
            raise _StillRunning
        return kept
    answer = await act()
    await _keep([(asked, answer)])
    return answer


@db.atomic
async def each_once[Ask, Left](
    asks: Sequence[tuple[Asked | None, Ask]],
    act: Callable[[Sequence[Ask]], Awaitable[Sequence[Answer | Left]]],
    *,
    used: Left,
) -> list[Answer | Left]:
    """Act for many at once and keep every answer, in one transaction.

    What `act` leaves undone keeps nothing, and tells why in place of an answer; `used` is told to whose key was used
    before. A request without a key is done as often as it is asked.
    """
    claimed = await _claim([asked for asked, _ in asks if asked is not None])
    answers: list[Answer | Left] = [used] * len(asks)
    fresh: list[int] = []
    for place, (asked, _) in enumerate(asks):
        if asked is None or (asked.caller, asked.key) in claimed:
            fresh.append(place)
        if asked is not None:  # of two with one key, only the first is done
            claimed.discard((asked.caller, asked.key))
    for place, answer in zip(fresh, await act([asks[place][1] for place in fresh]), strict=True):
        answers[place] = answer
    mine = [(asked, answers[place]) for place in fresh if (asked := asks[place][0]) is not None]
    await _keep([(asked, answer) for asked, answer in mine if isinstance(answer, Answer)])
    await _let_go([asked for asked, answer in mine if not isinstance(answer, Answer)])
    return answers


async def _claim(asked: Sequence[Asked]) -> set[tuple[str, str]]:
    """Keys that nobody used before, from now on ours; a rival's transaction is waited for, in one order."""
    if not asked:
        return set()
    asked = sorted(asked, key=lambda each: (each.caller, each.key))
    rows = await db.fetch(
        """INSERT INTO idempotency_key (caller, key, fingerprint, created_at)
           SELECT caller, key, fingerprint, $4 FROM unnest($1::text[], $2::text[], $3::bytea[]) AS a(caller, key, fingerprint)
           ON CONFLICT (caller, key) DO NOTHING RETURNING caller, key""",
        [each.caller for each in asked],
        [each.key for each in asked],
        [each.fingerprint for each in asked],
        clock.now(),
    )
    return {(row["caller"], row["key"]) for row in rows}


async def _keep(answered: Sequence[tuple[Asked, Answer]]) -> None:
    if not answered:
        return
    await db.execute(
        """UPDATE idempotency_key SET status = a.status, body = a.body, media_type = a.media_type
           FROM unnest($1::text[], $2::text[], $3::int[], $4::bytea[], $5::text[]) AS a(caller, key, status, body, media_type)
           WHERE idempotency_key.caller = a.caller AND idempotency_key.key = a.key""",
        [asked.caller for asked, _ in answered],
        [asked.key for asked, _ in answered],
        [answer.status for _, answer in answered],
        [answer.body for _, answer in answered],
        [answer.media_type for _, answer in answered],
    )


async def _let_go(asked: Sequence[Asked]) -> None:
    if not asked:
        return
    await db.execute(
        """DELETE FROM idempotency_key USING unnest($1::text[], $2::text[]) AS a(caller, key)
           WHERE idempotency_key.caller = a.caller AND idempotency_key.key = a.key""",
        [each.caller for each in asked],
        [each.key for each in asked],
    )


async def keep_refusal(asked: Asked, answer: Answer) -> Answer:
    """Keep a refusal as the first answer to its key; a rival that was faster has the say."""
    await db.execute(
        """INSERT INTO idempotency_key (caller, key, fingerprint, status, body, media_type, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (caller, key) DO NOTHING""",
        asked.caller,
        asked.key,
        asked.fingerprint,
        answer.status,
        answer.body,
        answer.media_type,
        clock.now(),
    )
    return await kept_answer(asked) or answer


async def forget_older_than(hours: int) -> int:
    """Drop keys kept longer than promised (at least 24 hours); how many."""
    return await db.execute(
        "DELETE FROM idempotency_key WHERE created_at < $1::timestamptz - make_interval(hours => $2)",
        clock.now(),
        max(hours, 24),
    )
