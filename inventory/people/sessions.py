"""Sessions of signed-in browsers, kept in the database under a hash of their id."""

import hashlib
from datetime import timedelta

from inventory.ground import clock, db


def _hash(session_id: str) -> bytes:
    return hashlib.sha256(session_id.encode()).digest()


async def keep(session_id: str, data: bytes, lifetime: timedelta) -> None:
    """Write a session, and from when on it is forgotten."""
    now = clock.now()
    await db.execute(
        """INSERT INTO session (id_hash, data, created_at, expires_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (id_hash) DO UPDATE SET data = excluded.data, expires_at = excluded.expires_at""",
        _hash(session_id), data, now, now + lifetime,
    )


async def recall(session_id: str) -> bytes | None:
    """A session's data, unless it is over."""
    return await db.fetch_value(
        "SELECT data FROM session WHERE id_hash = $1 AND expires_at > $2", _hash(session_id), clock.now()
    )


async def expires_in(session_id: str) -> timedelta | None:
    """How much longer a session lives."""
    ends = await db.fetch_value("SELECT expires_at FROM session WHERE id_hash = $1", _hash(session_id))
    return None if ends is None else ends - clock.now()


async def forget(session_id: str) -> None:
    """End one session."""
    await db.execute("DELETE FROM session WHERE id_hash = $1", _hash(session_id))


async def forget_all() -> None:
    """End every session: everybody signs in again."""
    await db.execute("DELETE FROM session")


async def forget_expired() -> int:
    """Drop sessions that are over; how many."""
    return await db.execute("DELETE FROM session WHERE expires_at <= $1", clock.now())
