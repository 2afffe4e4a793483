"""Posts: the duties that somebody must hold at every hour, and the shifts of them that nobody has (D09, D73)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from inventory.ground import audit, clock, db, steps
from inventory.ground.actor import Actor, service
from inventory.ground.errors import Refused, Unknown
from inventory.people.duty import RosterOfAllStores
from inventory.people.roles import ROLES

WATCHED = timedelta(hours=24)
"""How far ahead the roster is watched all the time; holidays are looked at much earlier."""

_WATCH = service("duty roster")


class PostThereAlready(Refused, constraint="duty_post_is_one_per_store"):
    """This post is staffed at every hour already."""

    zh = "该岗位已列入全天候值守。"
    help_en = "Nothing is left to do."
    help_zh = "无需再次添加。"


class Post(Struct, frozen=True, kw_only=True):
    """A role that somebody must have at every hour, at a store or for all of them."""

    role: str
    depot: str | None


class EmptyShift(Struct, frozen=True, kw_only=True):
    """A time at which nobody holds a post."""

    role: str
    depot: str | None
    starts_at: datetime
    ends_at: datetime

    @property
    def subject(self) -> str:
        """How steps name the post."""
        return f"{self.role}@{self.depot or '*'}"


def uncovered(
    since: datetime, until: datetime, covered: Sequence[tuple[datetime, datetime]]
) -> list[tuple[datetime, datetime]]:
    """The parts of a time that no interval covers.

    >>> day = datetime(2027, 2, 6)
    >>> h = lambda n: day + timedelta(hours=n)
    >>> [(a.hour, b.hour) for a, b in uncovered(h(0), h(20), [(h(8), h(16)), (h(-3), h(6)), (h(15), h(19))])]
    [(6, 8), (19, 20)]
    >>> uncovered(h(0), h(20), [(h(0), h(20))])
    []
    """
    found: list[tuple[datetime, datetime]] = []
    reached = since
    for begins, ends in sorted(covered):
        if begins >= until:
            break
        if begins > reached:
            found.append((reached, begins))
        reached = max(reached, ends)
    return [*found, (reached, until)] if reached < until else found


@db.atomic
async def enter_post(role: str, depot: str | None, *, by: Actor) -> Post:
    """Say that somebody must hold a role at every hour.

    Raises:
        Unknown: no such role or store.
        NotYourDepot, RosterOfAllStores: the actor does not serve that store, or all of them.
        PostThereAlready: it is said already.

    """
    _require(depot, by)
    entered = role in ROLES and await db.fetch_value(
        """INSERT INTO duty_post (role, place)
           SELECT $1, place.id FROM (SELECT 1) AS one LEFT JOIN place ON place.code = $2
           WHERE $2::text IS NULL OR place.kind IN ('depot', 'onsite_store', 'engineer_stock') RETURNING id""",
        role,
        depot,
    )
    if not entered:
        raise Unknown(what="role or store", what_zh="角色或备件库", key=f"{role} / {depot or '–'}")
    await audit.record("duty_post.entered", "duty_post", f"{role}@{depot or '*'}", by=by)
    return Post(role=role, depot=depot)


@db.atomic
async def withdraw_post(role: str, depot: str | None, *, by: Actor) -> Post:
    """Say that a role need not be held at every hour any more.

    Raises:
        Unknown: it was not said.
        NotYourDepot, RosterOfAllStores: the actor does not serve that store, or all of them.

    """
    _require(depot, by)
    gone = await db.execute(
        """DELETE FROM duty_post
           WHERE role = $1 AND place IS NOT DISTINCT FROM (SELECT id FROM place WHERE code = $2)
             AND ($2::text IS NULL OR place IS NOT NULL)""",
        role,
        depot,
    )
    if not gone:
        raise Unknown(what="post", what_zh="值守岗位", key=f"{role} / {depot or '–'}")
    await audit.record("duty_post.withdrawn", "duty_post", f"{role}@{depot or '*'}", by=by)
    return Post(role=role, depot=depot)


def _require(depot: str | None, by: Actor) -> None:
    by.require("roster.manage")
    if depot is not None:
        by.require_depot(depot)
    elif by.depots is not None:
        raise RosterOfAllStores


async def posts(*, limit: int, seen_by: Actor) -> list[Post]:
    """The posts in the reader's scope, those of all stores first."""
    return await db.read(
        Post,
        """SELECT role, place.code AS depot FROM duty_post LEFT JOIN place ON place.id = duty_post.place
           WHERE $1::text[] IS NULL OR place.code IS NULL OR place.code = ANY($1)
           ORDER BY place.code NULLS FIRST, role LIMIT $2""",
        seen_by.depot_scope,
        limit,
    )


async def empty_shifts(since: datetime, until: datetime, *, seen_by: Actor) -> list[EmptyShift]:
    """When nobody holds which post between two instants; one statement. A shift for all stores covers each of them."""
    rows = await db.fetch(
        """SELECT duty_post.role, place.code AS depot,
                  coalesce(array_agg(starts_at ORDER BY starts_at) FILTER (WHERE starts_at IS NOT NULL), '{}') AS starts,
                  coalesce(array_agg(ends_at ORDER BY starts_at) FILTER (WHERE starts_at IS NOT NULL), '{}') AS ends
           FROM duty_post
           LEFT JOIN place ON place.id = duty_post.place
           LEFT JOIN (duty_shift JOIN person ON person.id = duty_shift.person AND person.active)
                ON duty_shift.role = duty_post.role AND withdrawn_at IS NULL AND starts_at < $2 AND ends_at > $1
                   AND (duty_shift.place IS NULL OR duty_shift.place = duty_post.place)
           WHERE $3::text[] IS NULL OR place.code IS NULL OR place.code = ANY($3)
           GROUP BY duty_post.id, place.code ORDER BY place.code NULLS FIRST, duty_post.role""",
        since,
        until,
        seen_by.depot_scope,
    )
    return [
        EmptyShift(role=row["role"], depot=row["depot"], starts_at=begins, ends_at=ends)
        for row in rows
        for begins, ends in uncovered(since, until, list(zip(row["starts"], row["ends"], strict=True)))
    ]


@db.atomic
async def watch() -> int:
    """Open a step for every post that is empty within the next day; close those that are filled."""
    now = clock.now()
    empty = await empty_shifts(now, now + WATCHED, seen_by=_WATCH)
    return await ask_to_fill("fill_shift", {each.subject: each.depot for each in empty})


async def ask_to_fill(kind: str, empty: Mapping[str, str | None]) -> int:
    """Have steps of a kind for what is empty, by subject with its store, and for nothing else; due at once. How many."""
    now = clock.now()
    for subject, depot in empty.items():
        await steps.begin(kind, "duty_post", subject, owner_role="dispatcher", depot=depot, due_at=now)
    await db.execute(
        """UPDATE step SET done_at = $3, done_by = $4
           WHERE kind = $1 AND subject_kind = 'duty_post' AND done_at IS NULL AND NOT subject = ANY($2)""",
        kind,
        list(empty),
        now,
        _WATCH.name,
    )
    return len(empty)
