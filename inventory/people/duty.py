"""The duty roster: who is on duty where and when (D10, D73). A shift is changed with a reason, never deleted."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct, structs

from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, Invalid, Refused, Unknown
from inventory.people import delegations, messages
from inventory.people.roles import ROLES

LONGEST = timedelta(days=31)
"""How long one shift may last; a longer duty is entered as several."""


class ShiftOverlaps(Refused, constraint="duty_shift_is_not_held_twice"):
    """This person has this duty at that time already."""

    zh = "该人员在此时段已有同一岗位的值班。"
    help_en = "Change or withdraw the other shift, or choose somebody else."
    help_zh = "请调整或撤销原有班次，或改由他人值班。"


class TwoStoresAtOnce(Refused, constraint="duty_shift_is_at_one_store"):
    """This person is on duty at another store at that time."""

    zh = "该人员在此时段已在其他备件库值班。"
    help_en = "Nobody keeps two stores at once: choose other times or another person."
    help_zh = "同一时段不能在两个备件库值班，请更换时间或人员。"


class ShiftTimesWrong(Invalid, constraint="duty_shift_ends_after_it_starts"):
    """A shift ends after it starts, and within {days} days."""

    zh = "班次的结束时间应晚于开始时间，且不超过 {days} 天。"
    help_en = "Correct its times; enter a longer duty as several shifts."
    help_zh = "请更正时间；更长的值班请分成多个班次。"


class ShiftOver(Refused):
    """This shift has ended; it is a record now."""

    zh = "该班次已结束，作为记录不能再改。"
    help_en = "Enter a new shift for a time to come."
    help_zh = "请为之后的时间另行排班。"


class RoleNotHeld(Refused):
    """{username} does not have the role {role} there."""

    zh = "{username} 在该处没有“{role}”角色。"
    help_en = "Put somebody on duty who may do the work, or have an administrator grant the role first."
    help_zh = "请安排有相应权限的人员，或先由系统管理员授予角色。"


class RosterOfAllStores(Forbidden):
    """A duty for all stores is entered by somebody who serves all of them."""

    zh = "面向全部备件库的值班，须由负责全部备件库的人员排定。"
    help_en = "Name one of your stores, or ask a dispatcher."
    help_zh = "请指定您负责的备件库，或联系调度员。"


class NewShift(Struct, frozen=True, kw_only=True):
    """A shift to enter; without a depot it is for all of them."""

    username: str
    role: str
    depot: str | None = None
    starts_at: datetime
    ends_at: datetime


class ShiftView(Struct, frozen=True, kw_only=True):
    """A shift, with the phone of whoever holds it and when that was last verified."""

    id: UUID
    username: str
    name_zh: str
    name_en: str
    phone: str | None
    phone_verified_at: datetime | None
    role: str
    depot: str | None
    starts_at: datetime
    ends_at: datetime
    withdrawn_at: datetime | None
    reason: str


@db.atomic
async def enter_shifts(shifts: Sequence[NewShift], *, by: Actor) -> list[UUID]:
    """Enter shifts, all of them or none; their ids.

    Raises:
        Unknown: a shift names a person or store that is not there.
        NotYourDepot, RosterOfAllStores: the actor does not serve that store, or all of them.
        RoleNotHeld: somebody lacks the role.
        ShiftTimesWrong: a shift ends before it starts, or lasts too long.
        ShiftOverlaps, TwoStoresAtOnce: somebody would be on duty twice.

    """
    by.require("roster.manage")
    for shift in shifts:
        _require_roster(shift.depot, by)
        _check_times(shift.starts_at, shift.ends_at)
    people = [await _holder(*who) for who in dict.fromkeys((s.username, s.role, s.depot) for s in shifts)]
    found = {(person["username"], person["role"], person["depot"]): person for person in people}
    of = [found[shift.username, shift.role, shift.depot] for shift in shifts]
    entered = await db.fetch(
        """INSERT INTO duty_shift (person, role, place, starts_at, ends_at, entered_at, entered_by)
           SELECT person, role, place, starts_at, ends_at, $6, $7
           FROM unnest($1::int[], $2::text[], $3::int[], $4::timestamptz[], $5::timestamptz[])
                AS new(person, role, place, starts_at, ends_at)
           RETURNING id""",
        [person["person"] for person in of],
        [shift.role for shift in shifts],
        [person["place"] for person in of],
        [shift.starts_at for shift in shifts],
        [shift.ends_at for shift in shifts],
        clock.now(),
        by.name,
    )
    subject = str(entered[0]["id"]) if len(entered) == 1 else f"{len(entered)} × shift"
    await audit.record("duty_shift.entered", "duty_shift", subject, by=by, change={"shifts": list(shifts[:100])})
    return [row["id"] for row in entered]


@db.atomic
async def change_shift(
    shift: UUID,
    *,
    by: Actor,
    reason: str,
    username: str | None = None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> ShiftView:
    """Give a shift to somebody else, or other times; whoever it concerns is told.

    Raises:
        Unknown: no such shift, or no such person.
        ShiftOver: it has ended or was withdrawn.
        RoleNotHeld, ShiftTimesWrong, ShiftOverlaps, TwoStoresAtOnce, NotYourDepot, RosterOfAllStores: as `enter_shifts`.

    """
    was = await _locked(shift, by)
    holder = await _holder(username or was.username, was.role, was.depot)
    _check_times(starts_at or was.starts_at, ends_at or was.ends_at)
    await db.execute(
        "UPDATE duty_shift SET person = $2, starts_at = $3, ends_at = $4, reason = $5 WHERE id = $1",
        shift,
        holder["person"],
        starts_at or was.starts_at,
        ends_at or was.ends_at,
        reason,
    )
    now = await shift_view(shift)
    await _record("changed", {was.username, now.username}, now, by=by, reason=reason, was=was)
    return now


@db.atomic
async def withdraw_shift(shift: UUID, *, by: Actor, reason: str) -> ShiftView:
    """Take a shift off the roster; it stays on record, and whoever held it is told.

    Raises:
        Unknown: no such shift.
        ShiftOver: it has ended or was withdrawn.
        NotYourDepot, RosterOfAllStores: as `enter_shifts`.

    """
    was = await _locked(shift, by)
    await db.execute(
        "UPDATE duty_shift SET withdrawn_at = $2, withdrawn_by = $3, reason = $4 WHERE id = $1",
        shift,
        clock.now(),
        by.name,
        reason,
    )
    await _record("withdrawn", {was.username}, was, by=by, reason=reason)
    return await shift_view(shift)


@db.atomic
async def swap_shifts(one: UUID, other: UUID, *, by: Actor, reason: str) -> list[ShiftView]:
    """Let two people take each other's shift; both are told.

    Raises:
        Unknown: no such shift.
        ShiftOver: one of them has ended or was withdrawn.
        RoleNotHeld, ShiftOverlaps, TwoStoresAtOnce, NotYourDepot, RosterOfAllStores: as `enter_shifts`.

    """
    before = {shift: await _locked(shift, by) for shift in sorted({one, other})}
    first, second = before[one], before[other]
    await _holder(second.username, first.role, first.depot)
    await _holder(first.username, second.role, second.depot)
    await db.execute(
        """UPDATE duty_shift SET person = there.person, reason = $3
           FROM duty_shift AS there
           WHERE (duty_shift.id, there.id) IN (($1::uuid, $2::uuid), ($2, $1))""",
        one,
        other,
        reason,
    )
    swapped = [await shift_view(one), await shift_view(other)]
    for now in swapped:
        await _record("swapped", {first.username, second.username}, now, by=by, reason=reason, was=before[now.id])
    return swapped


def _require_roster(depot: str | None, by: Actor) -> None:
    if depot is not None:
        by.require_depot(depot)
    elif by.depots is not None:
        raise RosterOfAllStores


def _check_times(starts_at: datetime, ends_at: datetime) -> None:
    if not starts_at < ends_at <= starts_at + LONGEST:
        raise ShiftTimesWrong(days=LONGEST.days)


async def _holder(username: str, role: str, depot: str | None) -> db.Row:
    """A person with the store, made sure that they have the role there."""
    found = await db.fetch_one(
        """SELECT person.id AS person, username, $2::text AS role, $3::text AS depot, place.id AS place,
                  EXISTS (SELECT FROM role_grant WHERE role_grant.person = person.id AND role_grant.role = $2
                          AND ($3::text IS NULL OR role_grant.place IS NULL OR role_grant.place = place.id)) AS holds
           FROM person LEFT JOIN place ON place.code = $3 AND place.kind IN ('depot', 'onsite_store', 'engineer_stock')
           WHERE username = $1 AND active AND ($3::text IS NULL OR place.id IS NOT NULL)""",
        username,
        role,
        depot,
    )
    if found is None:
        raise Unknown(what="person or store", what_zh="人员或备件库", key=f"{username} / {depot or '–'}")
    if role not in ROLES or not found["holds"]:
        raise RoleNotHeld(username=username, role=role)
    return found


async def _locked(shift: UUID, by: Actor) -> ShiftView:
    """A shift that may still be changed by the actor, locked."""
    by.require("roster.manage")
    await db.execute("SELECT FROM duty_shift WHERE id = $1 FOR NO KEY UPDATE", shift)
    found = await shift_view(shift)
    _require_roster(found.depot, by)
    if found.withdrawn_at is not None or found.ends_at <= clock.now():
        raise ShiftOver
    return found


async def _record(
    what: Literal["changed", "swapped", "withdrawn"],
    concerned: set[str],
    now: ShiftView,
    *,
    by: Actor,
    reason: str,
    was: ShiftView | None = None,
) -> None:
    """Put a change of the roster on record, and tell whom it concerns."""
    facts = {name: getattr(now, name) for name in ("username", "role", "depot", "starts_at", "ends_at")}
    before = {} if was is None else {"was": {name: getattr(was, name) for name in facts}}
    await audit.record(
        f"duty_shift.{what}", "duty_shift", str(now.id), by=by, reason=reason, change={**facts, **before}
    )
    await messages.tell(
        concerned - {by.name},
        "duty_changed",
        {"change": what, "reason": reason, "by": by.name, **facts},
        occasion=f"shift:{now.id}:{clock.now().isoformat()}",
    )


_VIEW = """SELECT duty_shift.id, person.username, person.name_zh, person.name_en, person.phone, person.phone_verified_at,
                  duty_shift.role, place.code AS depot, starts_at, ends_at, withdrawn_at, reason
           FROM duty_shift
           JOIN person ON person.id = duty_shift.person
           LEFT JOIN place ON place.id = duty_shift.place"""


async def shift_view(shift: UUID) -> ShiftView:
    """One shift.

    Raises:
        Unknown: no such shift.

    """
    found = await db.read_one(ShiftView, f"{_VIEW} WHERE duty_shift.id = $1", shift)
    if found is None:
        raise Unknown(what="shift", what_zh="班次", key=str(shift))
    return found


async def shifts(
    *,
    limit: int,
    seen_by: Actor,
    since: datetime | None = None,
    until: datetime | None = None,
    depot: str | None = None,
    role: str | None = None,
    username: str | None = None,
    withdrawn: bool = False,
    after: tuple[datetime, UUID] | None = None,
) -> list[ShiftView]:
    """Shifts between two instants in the reader's scope, those of all stores among them, by their start."""
    starts_at, shift = after or (None, None)
    return await db.read(
        ShiftView,
        f"""{_VIEW}
           WHERE ($1::timestamptz IS NULL OR ends_at > $1) AND ($2::timestamptz IS NULL OR starts_at < $2)
             AND ($3::text IS NULL OR place.code = $3) AND ($4::text IS NULL OR duty_shift.role = $4)
             AND ($5::text IS NULL OR username = $5) AND (withdrawn_at IS NULL OR $6)
             AND ($7::text[] IS NULL OR place.code IS NULL OR place.code = ANY($7))
             AND ($8::timestamptz IS NULL OR (starts_at, duty_shift.id) > ($8, $9::uuid))
           ORDER BY starts_at, duty_shift.id LIMIT $10""",
        since,
        until,
        depot,
        role,
        username,
        withdrawn,
        seen_by.depot_scope,
        starts_at,
        shift,
        limit,
    )


async def on_duty(
    *, limit: int, depot: str | None = None, role: str | None = None, at: datetime | None = None
) -> list[ShiftView]:
    """Who is on duty at an instant (default: now): those of a store, then those of all stores, who serve it too."""
    return await db.read(
        ShiftView,
        f"""{_VIEW}
           WHERE person.active AND withdrawn_at IS NULL AND starts_at <= $1 AND ends_at > $1
             AND ($2::text IS NULL OR place.code IS NULL OR place.code = $2)
             AND ($3::text IS NULL OR duty_shift.role = $3)
           ORDER BY duty_shift.role, $2::text IS NOT NULL AND place.code IS NULL, place.code NULLS FIRST, username
           LIMIT $4""",
        at or clock.now(),
        depot,
        role,
        limit,
    )


async def on_duty_with(right: str, *, depot: str, limit: int) -> list[ShiftView]:
    """Who is on duty now and may do something at a store, and their delegates: whom to call for an approval at night."""
    roles = {role for role, rights in ROLES.items() if right in rights}
    found = {shift.username: shift for shift in await on_duty(limit=limit, depot=depot) if shift.role in roles}
    standing_in = [
        structs.replace(
            found[each.delegator],
            username=each.username,
            name_zh=each.name_zh,
            name_en=each.name_en,
            phone=each.phone,
            phone_verified_at=each.phone_verified_at,
        )
        for each in await delegations.delegates([right], found)
        if each.serves(depot) and each.username not in found
    ]
    return [*found.values(), *standing_in]
