"""The duty roster: who is on duty where and when, with a phone that was checked (D10, D74)."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.entering import enter


class NewShift(Struct, frozen=True, kw_only=True):
    """A shift to enter."""

    username: str
    role: str
    depot: str | None
    starts_at: datetime
    ends_at: datetime
    phone_verified_at: datetime | None = None


class ShiftView(Struct, frozen=True, kw_only=True):
    """Somebody on duty."""

    username: str
    name_zh: str
    name_en: str
    phone: str | None
    role: str
    depot: str | None
    starts_at: datetime
    ends_at: datetime
    phone_verified_at: datetime | None


@db.atomic
async def enter_shifts(shifts: Sequence[NewShift], *, by: Actor) -> None:
    """Enter shifts.

    Raises:
        UnknownReference: a shift names a person or depot that is not there.

    """
    await enter(
        """INSERT INTO duty_shift (person, role, place, starts_at, ends_at, phone_verified_at)
           SELECT person.id, role, place.id, starts_at, ends_at, phone_verified_at
           FROM jsonb_to_recordset($1) AS new(username text, role text, depot text, starts_at timestamptz,
                ends_at timestamptz, phone_verified_at timestamptz)
           JOIN person ON person.username = new.username
           LEFT JOIN place ON place.code = new.depot
           WHERE new.depot IS NULL OR place.id IS NOT NULL
           RETURNING (SELECT username FROM person WHERE person.id = duty_shift.person)""",
        shifts,
        lambda shift: shift.username,
        what="shift",
        what_zh="值班",
        by=by,
        right="people.manage",
    )


async def on_duty(*, limit: int, depot: str | None = None, at: datetime | None = None) -> list[ShiftView]:
    """Who is on duty at an instant (default: now)."""
    return await db.read(
        ShiftView,
        """SELECT person.username, person.name_zh, person.name_en, person.phone, duty_shift.role, place.code AS depot,
                  starts_at, ends_at, phone_verified_at
           FROM duty_shift
           JOIN person ON person.id = duty_shift.person AND person.active
           LEFT JOIN place ON place.id = duty_shift.place
           WHERE starts_at <= $1 AND ends_at > $1 AND ($2::text IS NULL OR place.code = $2)
           ORDER BY duty_shift.role, place.code NULLS FIRST, person.username LIMIT $3""",
        at or clock.now(),
        depot,
        limit,
    )
