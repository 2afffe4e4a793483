"""Messages: what people are told. One outbox and everybody's inbox, written in the transaction that has something to tell.

A message is kept as facts; words and sending are the edges' business. Each row is one person by one channel, and an
occasion is told to a person by a channel once, whatever runs twice.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import audit, clock, db, jobs
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown, WrongState

State = Literal["waiting", "sent", "failed", "off"]

CLAIMED_FOR = timedelta(minutes=2)
"""How long a worker that took a message may be sending it; longer than any channel waits for an answer."""

COUNTED = 100
"""Unread messages are counted no further."""


class MessageView(Struct, frozen=True, kw_only=True):
    """A message to its reader: a kind, and the facts it tells."""

    id: UUID
    kind: str
    facts: Any
    step: UUID | None
    created_at: datetime
    read_at: datetime | None


class Outgoing(Struct, frozen=True, kw_only=True):
    """A message on its way by mail or chat, as administrators see it."""

    id: UUID
    username: str
    channel: str
    kind: str
    facts: Any
    state: State
    created_at: datetime
    attempts: int
    sent_at: datetime | None
    failure: str


class ToSend(Struct, frozen=True, kw_only=True):
    """A message with what is needed to send it."""

    id: UUID
    channel: str
    kind: str
    facts: Any
    step: UUID | None
    created_at: datetime
    username: str
    name_zh: str
    name_en: str
    language: Literal["zh", "en"]
    email: str | None
    phone: str | None


async def tell(people: Iterable[str], kind: str, facts: Any, *, occasion: str, step: UUID | None = None) -> None:
    """Tell people something, on their page and by every channel of theirs, in the open transaction.

    The same occasion is told to nobody twice. Whoever is not a person, or no longer active, is left out.
    """
    rows = await db.fetch(
        """INSERT INTO message (occasion, person, channel, kind, facts, step, state, created_at, sent_at)
           SELECT $1, person.id, channel, $2, $3, $4, CASE channel WHEN 'page' THEN 'sent' ELSE 'waiting' END,
                  $5::timestamptz, CASE channel WHEN 'page' THEN $5::timestamptz END
           FROM person, unnest(ARRAY['page', CASE WHEN email IS NOT NULL THEN 'mail' END, chat]) AS channel
           WHERE username = ANY($6) AND active AND channel IS NOT NULL
           ORDER BY person.id, channel
           ON CONFLICT ON CONSTRAINT message_is_told_once DO NOTHING
           RETURNING id, channel""",
        occasion,
        kind,
        facts,
        step,
        clock.now(),
        sorted(people),
    )
    await jobs.enqueue(*[jobs.SendMessage(row["id"]) for row in rows if row["channel"] != "page"])


async def my_messages(
    *, limit: int, seen_by: Actor, after: UUID | None = None, unread_only: bool = False
) -> list[MessageView]:
    """The reader's own messages, newest first; a system has none."""
    return await db.read(
        MessageView,
        """SELECT id, kind, facts, step, created_at, read_at FROM message
           WHERE person = $1 AND channel = 'page' AND ($2::uuid IS NULL OR id < $2) AND (NOT $3 OR read_at IS NULL)
           ORDER BY id DESC LIMIT $4""",
        seen_by.person_id,
        after,
        unread_only,
        limit,
    )


async def unread(actor: Actor) -> int:
    """How many messages somebody has not read, up to a hundred."""
    if actor.person_id is None:
        return 0
    return await db.fetch_value(
        """SELECT count(*)::int FROM (SELECT FROM message WHERE person = $1 AND channel = 'page' AND read_at IS NULL
                                      LIMIT $2) AS counted""",
        actor.person_id,
        COUNTED,
    )


@db.atomic
async def mark_read(*, by: Actor, message: UUID | None = None) -> int:
    """Mark one of the actor's messages as read, or all of them; how many were not."""
    return await db.execute(
        """UPDATE message SET read_at = $2
           WHERE person = $1 AND channel = 'page' AND read_at IS NULL AND ($3::uuid IS NULL OR id = $3)""",
        by.person_id,
        clock.now(),
        message,
    )


async def outgoing(
    *, limit: int, seen_by: Actor, after: UUID | None = None, state: State | None = None
) -> list[Outgoing]:
    """Messages by mail and chat, newest first, with what went wrong."""
    seen_by.require("messages.manage")
    return await db.read(
        Outgoing,
        """SELECT message.id, username, channel, kind, facts, state, created_at, attempts, sent_at, failure
           FROM message JOIN person ON person.id = message.person
           WHERE channel <> 'page' AND ($1::uuid IS NULL OR message.id < $1) AND ($2::text IS NULL OR state = $2)
           ORDER BY message.id DESC LIMIT $3""",
        after,
        state,
        limit,
    )


class BeingSent(Struct, frozen=True):
    """Another worker has the message in hand: ask again after this time."""

    wait: timedelta


@db.atomic
async def take(message: UUID) -> ToSend | BeingSent | None:
    """Take a message to send it; None where it need not be sent any more."""
    now = clock.now()
    taken = await db.read_one(
        ToSend,
        """UPDATE message SET claimed_at = $2, attempts = attempts + 1
           FROM person
           WHERE message.id = $1 AND person.id = message.person AND state = 'waiting'
             AND (claimed_at IS NULL OR claimed_at <= $3)
           RETURNING message.id, channel, kind, facts, step, message.created_at, username, name_zh, name_en, language,
                     email, phone""",
        message,
        now,
        now - CLAIMED_FOR,
    )
    if taken is not None:
        return taken
    claimed = await db.fetch_value("SELECT claimed_at FROM message WHERE id = $1 AND state = 'waiting'", message)
    return None if claimed is None else BeingSent(max(claimed + CLAIMED_FOR - now, timedelta(seconds=1)))


@db.atomic
async def record_sent(message: UUID) -> None:
    """It is on its way."""
    await db.execute(
        "UPDATE message SET state = 'sent', sent_at = $2, claimed_at = NULL, failure = '' WHERE id = $1",
        message,
        clock.now(),
    )


@db.atomic
async def record_off(message: UUID) -> None:
    """Its channel is not set up: it stays on its reader's page alone."""
    await db.execute("UPDATE message SET state = 'off', claimed_at = NULL WHERE id = $1", message)


@db.atomic
async def record_failed(message: UUID, failure: str, *, last: bool) -> None:
    """It could not be sent; after the last try a person has to look.

    Where nobody else of the same rung can be reached from outside either, the duty it tells of climbs on at once.
    """
    await db.execute(
        "UPDATE message SET claimed_at = NULL, failure = $2, state = CASE WHEN $3 THEN 'failed' ELSE state END WHERE id = $1",
        message,
        failure[:1000],
        last,
    )
    if last:
        await db.execute(
            """UPDATE step SET escalates_at = $2
               FROM message AS lost
               WHERE lost.id = $1 AND step.id = lost.step AND step.done_at IS NULL AND step.escalates_at > $2
                 AND NOT EXISTS (SELECT FROM message AS other
                                 WHERE other.step = lost.step AND other.id <> lost.id
                                   AND (other.created_at > lost.created_at
                                        OR (other.occasion = lost.occasion AND other.channel <> 'page'
                                            AND other.state IN ('waiting', 'sent'))))""",
            message,
            clock.now(),
        )


@db.atomic
async def send_again(message: UUID, *, by: Actor) -> None:
    """Try a message again that failed, or that had no channel.

    Raises:
        Unknown: no such message by mail or chat.
        WrongState: it was sent, or is still being tried.

    """
    by.require("messages.manage")
    again = await db.execute(
        """UPDATE message SET state = 'waiting', attempts = 0, failure = ''
           WHERE id = $1 AND state IN ('failed', 'off') AND channel <> 'page'""",
        message,
    )
    if not again:
        state = await db.fetch_value("SELECT state FROM message WHERE id = $1 AND channel <> 'page'", message)
        if state is None:
            raise Unknown(what="message", what_zh="消息", key=str(message))
        raise WrongState(what="message", what_zh="消息", key=str(message), state=state, needed="failed / off")
    await audit.record("message.sent_again", "message", str(message), by=by)
    await jobs.enqueue(jobs.SendMessage(message))
