"""Open steps: every duty has an owner and a due time (D92); late ones are handed up by `assurance/escalation.py`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown

Which = Literal["mine", "my_store", "late"]


class StepView(Struct, frozen=True, kw_only=True):
    """An open duty as the board shows it: `rung` tells how often it was handed up, `told` to whom."""

    id: UUID
    kind: str
    subject_kind: str
    subject: str
    owner_role: str
    owner: str | None
    depot: str | None
    opened_at: datetime
    due_at: datetime
    late: bool
    rung: int
    told: list[str]
    acknowledged_at: datetime | None
    acknowledged_by: str | None


async def begin(
    kind: str,
    subject_kind: str,
    subject: str,
    *,
    owner_role: str,
    due_at: datetime,
    owner: str | None = None,
    depot: str | None = None,
) -> None:
    """Open a duty; the same duty about the same thing stays one."""
    await db.execute(
        """INSERT INTO step (kind, subject_kind, subject, owner_role, owner, place_code, opened_at, due_at, escalates_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
           ON CONFLICT (kind, subject_kind, subject) WHERE done_at IS NULL DO NOTHING""",
        kind,
        subject_kind,
        subject,
        owner_role,
        owner,
        depot,
        clock.now(),
        due_at,
    )


async def keep(
    kind: str,
    subject_kind: str,
    subjects: Sequence[str],
    *,
    owner_role: str,
    within: timedelta,
    by: Actor,
    are_stores: bool = False,
) -> None:
    """Have one open duty of a kind for each of some things, and for nothing else of that kind; an open one stays as it is.

    Where the things are stores (`are_stores`, by their codes), each duty is one at its store.
    """
    now = clock.now()
    await db.execute(
        """WITH done AS (
               UPDATE step SET done_at = $4, done_by = $7
               WHERE kind = $1 AND subject_kind = $2 AND subject <> ALL($3) AND done_at IS NULL
           )
           INSERT INTO step (kind, subject_kind, subject, owner_role, place_code, opened_at, due_at, escalates_at)
           SELECT $1, $2, subject, $5, CASE WHEN $8 THEN subject END, $4, $6, $6 FROM unnest($3::text[]) AS subject
           ON CONFLICT (kind, subject_kind, subject) WHERE done_at IS NULL DO NOTHING""",
        kind,
        subject_kind,
        list(subjects),
        now,
        owner_role,
        now + within,
        by.name,
        are_stores,
    )


async def finish(subject_kind: str, subject: str, kind: str | None = None, *, by: Actor) -> None:
    """Close the open duties about a thing: of one kind, or all of them."""
    await finish_all(subject_kind, [subject], kind, by=by)


async def finish_all(subject_kind: str, subjects: Sequence[str], kind: str | None = None, *, by: Actor) -> None:
    """Close the open duties about some things of a kind."""
    await db.execute(
        """UPDATE step SET done_at = $4, done_by = $5
           WHERE subject_kind = $1 AND subject = ANY($2) AND ($3::text IS NULL OR kind = $3) AND done_at IS NULL""",
        subject_kind,
        list(subjects),
        kind,
        clock.now(),
        by.name,
    )


async def hasten(subject_kind: str, subject: str, kind: str) -> None:
    """Make an open duty that nobody has yet due now: there is nobody who could do it, so it is handed up at once."""
    await db.execute(
        """UPDATE step SET due_at = $4, escalates_at = $4
           WHERE subject_kind = $1 AND subject = $2 AND kind = $3 AND done_at IS NULL AND acknowledged_at IS NULL
             AND rung = 0 AND due_at > $4""",
        subject_kind,
        subject,
        kind,
        clock.now(),
    )


async def open_kinds(subject_kind: str, subject: str) -> list[str]:
    """The kinds of the open duties about a thing."""
    rows = await db.fetch(
        "SELECT kind FROM step WHERE subject_kind = $1 AND subject = $2 AND done_at IS NULL ORDER BY kind",
        subject_kind,
        subject,
    )
    return [row["kind"] for row in rows]


async def open_step(subject_kind: str, subject: str, kind: str) -> UUID | None:
    """The open duty of a kind about a thing, if there is one."""
    return await db.fetch_value(
        "SELECT id FROM step WHERE subject_kind = $1 AND subject = $2 AND kind = $3 AND done_at IS NULL",
        subject_kind,
        subject,
        kind,
    )


_VIEW = """SELECT id, kind, subject_kind, subject, owner_role, owner, place_code AS depot, opened_at, due_at,
                  due_at < $1 AS late, rung, acknowledged_at, acknowledged_by,
                  coalesce((SELECT array_agg(DISTINCT name ORDER BY name) FROM escalation, unnest(told) AS name
                            WHERE escalation.step = step.id), '{}') AS told
           FROM step"""


def seen(depots: str, contracts: str, name: str) -> str:
    """The condition that a reader sees a `step`: their own, what was handed up to them, and else what is in their scope.

    That is what is at one of their stores or at none, and about one of their contracts. Each is a parameter's place.
    """
    return f"""(owner = {name} OR EXISTS (SELECT FROM escalation WHERE escalation.step = step.id AND {name} = ANY(told))
        OR ({depots}::text[] IS NULL OR place_code IS NULL OR place_code = ANY({depots}))
           AND ({contracts}::text[] IS NULL OR step_concerns(subject_kind, subject, {contracts})))"""


async def open_steps(
    *,
    limit: int,
    seen_by: Actor,
    after: tuple[datetime, UUID] | None = None,
    which: Which | None = None,
    depot: str | None = None,
    stores: Sequence[str] = (),
) -> list[StepView]:
    """Open duties in the reader's scope, the most urgent first.

    `mine` are those that name the reader, those of a role of theirs or left to them that name nobody, and those handed up
    to them; `my_store` those of `stores`, the ones the reader keeps.
    """
    due_at, step = after or (None, None)
    return await db.read(
        StepView,
        f"""{_VIEW}
           WHERE done_at IS NULL AND {seen("$2", "$11", "$3")}
             AND ($4::timestamptz IS NULL OR (due_at, id) > ($4, $5::uuid))
             AND ($6::text IS NULL OR place_code = $6)
             AND CASE $7::text
                 WHEN 'mine' THEN owner = $3 OR (owner IS NULL AND (owner_role = ANY($8) OR kind = ANY($12)))
                      OR EXISTS (SELECT FROM escalation WHERE escalation.step = step.id AND $3 = ANY(told))
                 WHEN 'my_store' THEN place_code = ANY($9)
                 WHEN 'late' THEN due_at < $1
                 ELSE true END
           ORDER BY due_at, id LIMIT $10""",
        clock.now(),
        seen_by.depot_scope,
        seen_by.name,
        due_at,
        step,
        depot,
        which,
        sorted(seen_by.roles),
        list(stores),
        limit,
        seen_by.contract_scope,
        [kind for each in seen_by.delegated for kind in each.duties],
    )


async def step_view(step: UUID, *, seen_by: Actor) -> StepView:
    """One duty, open or done.

    Raises:
        Unknown: no such duty in the reader's scope.

    """
    found = await db.read_one(
        StepView,
        f"{_VIEW} WHERE {seen('$2', '$5', '$3')} AND id = $4",
        clock.now(),
        seen_by.depot_scope,
        seen_by.name,
        step,
        seen_by.contract_scope,
    )
    if found is None:
        raise Unknown(what="step", what_zh="待办", key=str(step))
    return found
