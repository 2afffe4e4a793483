"""Sessions of signed-in browsers: a random token in a cookie, its hash in the database."""

import hashlib
import secrets
from datetime import timedelta

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.people.persons import actor_of

LIFETIME = timedelta(hours=14)
"""A long shift; afterwards the browser signs in again."""


def _hash(token: str) -> bytes:
    """The token is 256 random bits, so that a fast hash guards it as well as a slow one would."""
    return hashlib.sha256(token.encode()).digest()


async def begin(person_id: int) -> str:
    """Start a session; the token is shown to the browser only and always new (no fixation)."""
    token, now = secrets.token_urlsafe(32), clock.now()
    await db.execute(
        "INSERT INTO session (id_hash, person, created_at, expires_at) VALUES ($1, $2, $3, $4)",
        _hash(token),
        person_id,
        now,
        now + LIFETIME,
    )
    return token


async def actor_of_session(token: str) -> Actor | None:
    """Who is signed in with a token, with today's rights; None when the session is over."""
    person = await db.fetch_value(
        "SELECT person FROM session WHERE id_hash = $1 AND expires_at > $2", _hash(token), clock.now()
    )
    return None if person is None else await actor_of(person)


async def end(token: str) -> None:
    """End a session."""
    await db.execute("DELETE FROM session WHERE id_hash = $1", _hash(token))


async def end_all_of(username: str) -> int:
    """End every session of a person; how many."""
    return await db.execute(
        "DELETE FROM session USING person WHERE person.id = session.person AND username = $1", username
    )


async def forget_expired() -> int:
    """Drop sessions that are over; how many."""
    return await db.execute("DELETE FROM session WHERE expires_at <= $1", clock.now())
