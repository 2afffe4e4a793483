"""Cases of emergency plan 2: opened on evidence, proposed, approved, acted on, restored, closed; all of it kept."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct, structs

from inventory.emergency import disclosure, drills, near_misses, stand_ins
from inventory.emergency.evidence import evidence_of
from inventory.emergency.facts import Facts, RowFacts
from inventory.emergency.hindrances import (
    AboveStandingAuthority,
    Hindrance,
    OutsideStandingAuthority,
    needs_a_person,
)
from inventory.emergency.judging import Judgement, opens
from inventory.emergency.owners import owner_now
from inventory.emergency.policy import COLUMNS, Policy
from inventory.ground import audit, clock, db, events, jobs, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.people import duty, messages
from inventory.people.delegations import acting
from inventory.procurement import orders
from inventory.stock import transfers

APPROVING = "emergency.approve"

DECIDE_WITHIN = timedelta(minutes=15)
"""How soon somebody must decide about a case before it is handed up."""

APPROVERS_AT_MOST = 50

State = Literal["open", "proposed", "approved", "acting", "cover_restored", "closed", "stood_down"]
LIVE: tuple[State, ...] = ("open", "proposed", "approved", "acting", "cover_restored")


class CaseAlreadyOpen(Refused, constraint="emergency_case_is_open_once"):
    """A case for this part, store and pool is open already."""

    zh = "该备件、备件库与库存归属已有未关闭的应急方案。"
    help_en = "Work on the open case."
    help_zh = "请在已打开的应急方案中处理。"


class NothingProposed(Refused):
    """Case {number} has no proposal to approve: {why}."""

    zh = "应急方案 {number} 没有可审批的措施：{why_zh}。"
    help_en = "Enter an offer, add a lane, or have it proposed again."
    help_zh = "请录入报价或线路，或重新生成措施。"


class ProposedAnew(Refused):
    """Case {number} was proposed for anew since you looked at its measures."""

    zh = "应急方案 {number} 的措施在您查看之后已重新生成。"
    help_en = "Look at the measures as they are now, and decide again."
    help_zh = "请查看最新的措施后重新决定。"


class NoDrill(Refused):
    """Case {number} is no drill, or not any more."""

    zh = "应急方案 {number} 不是演练，或已转为实战。"
    help_en = "It buys and moves stock as it stands."
    help_zh = "该方案按实战采购与调拨。"


class NoteMissing(Invalid):
    """Closing a case needs a closing note."""

    zh = "关闭应急方案需要填写结案说明。"
    help_en = "Say what happened and how it ended."
    help_zh = "请说明经过与结果。"


class CaseEntry(Struct, frozen=True, kw_only=True):
    """One line of a case's log."""

    at: datetime
    kind: str
    actor: str
    facts: Any


class CaseSummary(Struct, frozen=True, kw_only=True):
    """A case as lists show it."""

    id: UUID
    number: str
    part_number: str
    name_zh: str
    name_en: str
    depot: str
    pool: str
    state: State
    cause: str
    owner: str
    drill: bool
    crossed_critical_point: bool
    in_burst: bool
    under_average_line: bool
    opened_at: datetime
    proposed_at: datetime | None
    approved_at: datetime | None
    cover_restored_at: datetime | None
    closed_at: datetime | None


class CaseView(Struct, frozen=True, kw_only=True):
    """A whole case."""

    case: CaseSummary
    policy_version: int
    evidence: Any
    proposal: Any
    approved_by: str | None
    approved_for: str | None
    approval_basis: str | None
    closing_note: str
    lessons: str
    orders: list[orders.OrderView]
    transfers: list[transfers.TransferView]
    log: list[CaseEntry]


async def open_or_near_miss(facts: Facts, subject: RowFacts, judgement: Judgement, *, by: Actor) -> None:
    """Open a case where the policy says so; otherwise keep what was close to one."""
    if opens(facts.policy, judgement):
        await open_case(facts, subject, judgement, by=by)
    elif judgement.burst is not None and judgement.burst.statistic >= judgement.burst.threshold / 2:
        await near_misses.note(facts, subject, judgement, "crossing_with_rising_burst")


@db.atomic
async def open_case(
    facts: Facts, subject: RowFacts, judgement: Judgement, *, by: Actor, declared: str | None = None
) -> UUID | None:
    """Open a case with its evidence frozen; None where one is open already.

    `declared` is the reason of a person who declares it; what a drill's failure opens is marked as a drill.
    """
    drill = declared is None and await drills.is_drilled(subject.key)
    evidence = await evidence_of(facts, subject, judgement)
    cause = "declared" if declared else "burst_and_level" if judgement.in_burst else "level"
    number = await next_number("EC")
    case = await db.fetch_value(
        """INSERT INTO emergency_case (number, part, place, pool, state, cause, owner, policy_version, opened_at,
                                       crossed_critical_point, in_burst, under_average_line, drill, evidence)
           VALUES ($1, $2, $3, $4, 'open', $5, $6, $7, $8, $9, $10, $11, $12, $13)
           ON CONFLICT (part, place, pool) WHERE state NOT IN ('closed', 'stood_down') DO NOTHING RETURNING id""",
        number,
        *subject.key,
        cause,
        await owner_now(),
        facts.policy.version,
        clock.now(),
        judgement.below or bool(judgement.broken),
        judgement.in_burst,
        judgement.under_average,
        drill,
        evidence,
    )
    if case is None:
        return None
    await log(case, "opened", by, {"cause": cause, "reason": declared, "drill": drill})
    await _begin_deciding(number, subject.depot)
    await jobs.enqueue(jobs.Propose(case))
    await events.emit(
        "emergency_case.opened",
        "emergency_case",
        number,
        {
            "number": number,
            "part_number": subject.part_number,
            "depot": subject.depot,
            "cause": cause,
            "drill": drill,
        },
        depot=subject.depot,
        closed=True,
    )
    return case


async def _begin_deciding(number: str, depot: str) -> None:
    await steps.begin(
        "decide_case",
        "emergency_case",
        number,
        owner_role="project_manager",
        depot=depot,
        due_at=clock.now() + DECIDE_WITHIN,
    )


async def _wake(case: UUID, view: CaseSummary, proposal: Mapping[str, Any]) -> None:
    """Tell everybody on duty who may approve that a case waits for them; where there is nobody, hand it up at once."""
    await _begin_deciding(view.number, view.depot)
    shifts = await duty.on_duty_with(APPROVING, depot=view.depot, limit=APPROVERS_AT_MOST)
    if not shifts:
        await steps.hasten("emergency_case", view.number, "decide_case")
        return
    facts = {
        "number": view.number,
        "part_number": view.part_number,
        "name_zh": view.name_zh,
        "name_en": view.name_en,
        "depot": view.depot,
        "drill": view.drill,
        "in_burst": view.in_burst,
        "measures": len(proposal.get("measures", [])),
        "still_missing": proposal.get("still_missing", 0),
        "due_at": clock.now() + DECIDE_WITHIN,
    }
    occasion = f"case:{case}:{view.proposed_at}"
    step = await steps.open_step("emergency_case", view.number, "decide_case")
    await messages.tell({shift.username for shift in shifts}, "case_waits", facts, occasion=occasion, step=step)


@db.atomic
async def note_cover(case: UUID, *, covered: bool, missing: int, by: Actor) -> None:
    """See a case's cover come back, or be lost again before somebody closed it.

    `missing` is the stock still to be found. Where that is more than the last measures left open, because failures
    went on, further measures are chosen without waiting for the first.
    """
    now = clock.now()
    if covered:
        changed = await db.fetch_value(
            """UPDATE emergency_case SET state = 'cover_restored', cover_restored_at = $2
               WHERE id = $1 AND state IN ('open', 'proposed', 'approved', 'acting') RETURNING number""",
            case,
            now,
        )
    elif (why := await _why_more_is_needed(case, missing)) is not None:
        await propose_again(case, why, by=by)
        return
    else:
        changed = await db.fetch_value(
            """UPDATE emergency_case SET cover_restored_at = NULL,
                      state = CASE WHEN acting_at IS NOT NULL THEN 'acting' WHEN approved_at IS NOT NULL THEN 'approved'
                                   WHEN proposed_at IS NOT NULL THEN 'proposed' ELSE 'open' END
               WHERE id = $1 AND state = 'cover_restored' RETURNING number""",
            case,
        )
    if changed is None:
        return
    await log(case, "cover_restored" if covered else "cover_lost", by, {})
    view = await case_summary(case)
    if not covered:
        await steps.finish("emergency_case", changed, "close_case", by=by)
        if view.state in ("open", "proposed"):
            await _begin_deciding(changed, view.depot)
        await events.emit("emergency_case.cover_lost", "emergency_case", changed, view, depot=view.depot, closed=True)
    else:
        await events.emit(
            "emergency_case.cover_restored", "emergency_case", changed, view, depot=view.depot, closed=True
        )
        await steps.finish("emergency_case", changed, "decide_case", by=by)
        await steps.begin(
            "close_case",
            "emergency_case",
            changed,
            owner_role="project_manager",
            owner=view.owner,
            depot=view.depot,
            due_at=now + timedelta(days=1),
        )
        await _judge_others(case)


async def _judge_others(case: UUID) -> None:
    """Have the other cases that go on judged anew: a class that one part gave back may be all that another waits for."""
    others = await db.fetch(
        """SELECT part, place, pool FROM emergency_case
           WHERE id <> $1 AND state IN ('proposed', 'acting') ORDER BY part, place, pool LIMIT 100""",
        case,
    )
    await jobs.enqueue(*(jobs.Assess(row["part"], row["place"], row["pool"]) for row in others))


async def _why_more_is_needed(case: UUID, missing: int) -> str | None:
    """Why a case that acts needs further measures; None where it does not."""
    left_open = await db.fetch_value(
        """SELECT coalesce((proposal->>'still_missing')::integer, 0) FROM emergency_case
           WHERE id = $1 AND state = 'acting'""",
        case,
    )
    if left_open is None or missing == 0:
        return None
    if await under_way(case) == 0:
        return "measures_not_enough"
    return "need_has_grown" if missing > left_open else None


async def under_way(case: UUID) -> int:
    """How many pieces the approved measures of a case have still to bring; so many that substitutes stand in for.

    Of a substitute, what already lies there short of a whole set counts with what is to come. A transfer that waits in a
    frozen store brings nothing.
    """
    return await db.fetch_value(
        f"""SELECT coalesce(sum(CASE WHEN coming.part = emergency_case.part THEN coming.pieces
                                     ELSE (coming.pieces + aside.left_over) / aside.pieces_each END), 0)::int
            FROM emergency_case
            JOIN LATERAL (
                SELECT part, sum(pieces)::int AS pieces
                FROM (
                    SELECT line.part, greatest(line.quantity - line.received_quantity - line.short_quantity, 0) AS pieces
                    FROM purchase_order JOIN purchase_order_line AS line ON line.purchase_order = purchase_order.id
                    WHERE case_number = emergency_case.number
                      AND purchase_order.state IN ('approved', 'placed', 'acknowledged', 'shipped', 'partly_received')
                    UNION ALL
                    SELECT line.part, line.quantity - line.received_quantity - line.lost_quantity
                    FROM transfer JOIN transfer_line AS line ON line.transfer = transfer.id
                    JOIN place AS origin ON origin.id = transfer.from_place
                    WHERE case_number = emergency_case.number
                      AND (transfer.state IN ('shipped', 'partly_received')
                           OR transfer.state = 'draft' AND origin.frozen_at IS NULL)
                ) AS line
                GROUP BY part
            ) AS coming ON true
            LEFT JOIN ({stand_ins.SET_ASIDE}) AS aside
                 ON aside.part = emergency_case.part AND aside.place = emergency_case.place
                AND aside.pool = emergency_case.pool AND aside.substitute = coming.part
            WHERE emergency_case.id = $1""",
        case,
    )


@db.atomic
async def note_conditions(case: UUID, judgement: Judgement, *, by: Actor) -> None:
    """Keep that a condition which did not hold when a case opened holds now: it may give authority to buy at once."""
    conditions = {
        "in_burst": judgement.in_burst,
        "crossed_critical_point": judgement.below or bool(judgement.broken),
        "under_average_line": judgement.under_average,
    }
    changed = await db.fetch_one(
        """UPDATE emergency_case AS now
           SET in_burst = now.in_burst OR $2, crossed_critical_point = now.crossed_critical_point OR $3,
               under_average_line = now.under_average_line OR $4
           FROM emergency_case AS before
           WHERE now.id = $1 AND before.id = $1 AND now.state NOT IN ('closed', 'stood_down')
             AND ($2 AND NOT now.in_burst OR $3 AND NOT now.crossed_critical_point OR $4 AND NOT now.under_average_line)
           RETURNING before.in_burst, before.crossed_critical_point, before.under_average_line""",
        case,
        *conditions.values(),
    )
    if changed is not None:
        new = {name: holds for name, holds in conditions.items() if holds and not changed[name]}
        windows = msgspec.to_builtins(judgement.burst.windows) if judgement.in_burst and judgement.burst else []
        await log(case, "conditions_hold", by, {**new, "windows": windows})


@db.atomic
async def propose_again(case: UUID, why: str, *, by: Actor) -> None:
    """Have further measures chosen for a case whose first ones fell through or did not suffice."""
    moved = await db.fetch_value(
        """UPDATE emergency_case SET state = 'open', cover_restored_at = NULL
           WHERE id = $1 AND state IN ('proposed', 'approved', 'acting', 'cover_restored') RETURNING number""",
        case,
    )
    if moved:
        await steps.finish("emergency_case", moved, "close_case", by=by)
        await log(case, "proposing_again", by, {"why": why})
        await jobs.enqueue(jobs.Propose(case))


@db.atomic
async def make_real(case: UUID, *, by: Actor, reason: str) -> CaseSummary:
    """Let a drill's case be a real one: measures are chosen anew, from every vendor and store.

    Raises:
        Unknown: no such case.
        NotYourDepot: it is about a store that the actor does not serve.
        NoDrill: it is none, or not any more.

    """
    by.require("emergency.declare")
    view = await _own(case, by)
    if not await end_drill(case, "by_a_person", by=by):
        raise NoDrill(number=view.number)
    await audit.record("case.made_real", "emergency_case", view.number, by=by, reason=reason)
    return await case_summary(case)


@db.atomic
async def end_drill(case: UUID, why: Literal["by_a_person", "real_failure"], *, by: Actor) -> bool:
    """Let a case that goes on be no drill any more; whether it was one. What it ordered for the drill brings nothing."""
    was = await db.execute(
        "UPDATE emergency_case SET drill = false WHERE id = $1 AND drill AND state NOT IN ('closed', 'stood_down')",
        case,
    )
    if was:
        await log(case, "made_real", by, {"why": why})
        for placed in await db.fetch(
            """SELECT purchase_order.id FROM purchase_order JOIN emergency_case ON emergency_case.number = case_number
               WHERE emergency_case.id = $1 AND purchase_order.state IN ('approved', 'placed', 'acknowledged', 'shipped')""",
            case,
        ):
            await orders.record_refused(placed["id"], by=by, reason="演练转为实战 / the drill became real")
        await propose_again(case, "made_real", by=by)
    return bool(was)


async def donor_frozen(place: int, *, by: Actor) -> None:
    """A store gives nothing away any more: what cases were to have from it, they find elsewhere; safe to repeat.

    Each case in a transaction of its own; what is on its way already is not touched.
    """
    waiting = await db.fetch(
        """SELECT DISTINCT emergency_case.id FROM transfer JOIN emergency_case ON emergency_case.number = case_number
           WHERE from_place = $1 AND transfer.state IN ('proposed', 'draft') ORDER BY emergency_case.id""",
        place,
    )
    for case in waiting:
        await _without_donor(case["id"], place, by=by)


@db.atomic
async def _without_donor(case: UUID, place: int, *, by: Actor) -> None:
    await db.execute("SELECT FROM emergency_case WHERE id = $1 FOR NO KEY UPDATE", case)
    given_up = await db.fetch(
        """SELECT transfer.id FROM transfer JOIN emergency_case ON emergency_case.number = case_number
           WHERE emergency_case.id = $1 AND from_place = $2 AND transfer.state IN ('proposed', 'draft')
           ORDER BY transfer.id FOR NO KEY UPDATE OF transfer""",
        case,
        place,
    )
    for transfer in given_up:
        await transfers.give_up(transfer["id"], by=by)
    if given_up:
        await propose_again(case, "donor_frozen", by=by)


@db.atomic
async def remind_of_unproposed(*, by: Actor) -> int:
    """Have measures chosen for open cases that nobody chose for yet, whatever became of the first attempt; how many."""
    waiting = await db.fetch(
        "SELECT id FROM emergency_case WHERE state = 'open' AND opened_at < $1 ORDER BY opened_at LIMIT 100",
        clock.now() - timedelta(minutes=2),
    )
    for case in waiting:
        await log(case["id"], "proposing_again", by, {"why": "no_proposal_yet"})
    await jobs.enqueue(*(jobs.Propose(case["id"]) for case in waiting))
    return len(waiting)


@db.atomic
async def order_fell_through(order: UUID, *, by: Actor) -> None:
    """A vendor refused an order of a case: other measures are chosen, without that vendor."""
    case = await db.fetch_value(
        """SELECT emergency_case.id FROM purchase_order
           JOIN emergency_case ON emergency_case.number = purchase_order.case_number
           WHERE purchase_order.id = $1 AND purchase_order.state = 'refused'""",
        order,
    )
    if case is not None:
        await propose_again(case, "vendor_refused", by=by)


@db.atomic
async def declare(facts: Facts, subject: RowFacts, judgement: Judgement, *, reason: str, by: Actor) -> CaseSummary:
    """Open a case by a person's word.

    Raises:
        CaseAlreadyOpen: one is open already.
        NotYourDepot: the store is not in the actor's scope.

    """
    by.require("emergency.declare")
    by.require_depot(subject.depot)
    case = await open_case(facts, subject, judgement, by=by, declared=reason)
    if case is None:
        raise CaseAlreadyOpen
    view = await case_summary(case)
    await audit.record("case.declared", "emergency_case", view.number, by=by, reason=reason)
    return view


@db.atomic
async def approve(
    case: UUID, *, by: Actor, basis: str = "approver", proposed_at: datetime | None = None
) -> CaseSummary:
    """Approve what a case proposes: its orders go to the vendors, its transfers wait to be shipped.

    `proposed_at` is when the measures were proposed that the actor looked at, where it is known.

    Raises:
        Unknown: no such case.
        NotYourDepot: it is about a store that the actor does not serve.
        WrongState: there is nothing to approve, or it was approved before.
        ProposedAnew: its measures are others by now.
        NothingProposed: the proposal holds no measure.
        BeyondDelegation, OutsideDelegation, DraftedForOneself: the actor stands in for an approver, and may not approve this.

    """
    view, by = await approving(case, by=by)
    if proposed_at is not None and view.proposed_at != proposed_at:
        raise ProposedAnew(number=view.number)
    drafts = await db.fetch(
        """SELECT purchase_order.id FROM purchase_order JOIN emergency_case ON emergency_case.number = case_number
           WHERE emergency_case.id = $1 AND purchase_order.state = 'draft' ORDER BY purchase_order.id""",
        case,
    )
    released = await transfers.release_proposed(view.number)
    agreed = await stand_ins.agree(case)
    if not drafts and not released and not agreed:
        why, why_zh = await _why_nothing(case)
        raise NothingProposed(number=view.number, why=why, why_zh=why_zh)
    now = clock.now()
    await db.execute(
        """UPDATE emergency_case SET state = 'acting', approved_at = $2, approved_by = $3, approval_basis = $4,
                  acting_at = $2, approved_for = $5
           WHERE id = $1""",
        case,
        now,
        by.name,
        basis,
        by.acts_for,
    )
    for draft in drafts:
        await orders.approve_on_authority(draft["id"], by=by)
    await log(case, "approved", by, {"basis": basis, "orders": len(drafts), "transfers": released})
    await log(case, "acting", by, {})
    await audit.record("case.approved", "emergency_case", view.number, by=by, change={"basis": basis})
    await steps.finish("emergency_case", view.number, "decide_case", by=by)
    after = await case_summary(case)
    for kind in ("approved", "acting"):
        await events.emit(f"emergency_case.{kind}", "emergency_case", view.number, after, depot=view.depot, closed=True)
    return after


async def _why_nothing(case: UUID) -> tuple[str, str]:
    """What stood in the way of measures, in both languages."""
    found = await db.fetch_value(
        "SELECT coalesce(proposal->'hindrances', '[]') FROM emergency_case WHERE id = $1", case
    )
    told = [msgspec.convert(each, Hindrance) for each in found]
    if not told:
        return "nothing is missing", "目前无缺件"
    return " ".join(each.en for each in told).rstrip("."), "".join(each.zh for each in told).rstrip("。")


@db.atomic
async def stand_down(case: UUID, *, by: Actor, reason: str) -> CaseSummary:
    """End a case that turned out not to be one; what it drafted is given up.

    Raises:
        Unknown, NotYourDepot: as for `approve`.
        WrongState: it is over.

    """
    by.require("emergency.close")
    ended = await _end(case, LIVE, "stood_down", by, note=reason)
    for draft in await db.fetch(
        "SELECT id FROM purchase_order WHERE case_number = $1 AND state = 'draft'", ended.number
    ):
        await orders.give_up(draft["id"], by=by, reason=reason)
    await _give_up_what_never_left(ended.number, by=by)
    await stand_ins.give_up(case, agreed=True)
    return ended


@db.atomic
async def close(case: UUID, *, by: Actor, note: str, lessons: str = "") -> CaseSummary:
    """Close a case whose cover is restored, with a note and what was learned.

    Cover was restored without the transfers that have not left by then: they are given up, so that the stock they hold
    is free again where it lies.

    Raises:
        Unknown, NotYourDepot: as for `approve`.
        NoteMissing: the note is empty.
        WrongState: cover is not restored.

    """
    by.require("emergency.close")
    if not note.strip():
        raise NoteMissing
    ended = await _end(case, ("cover_restored",), "closed", by, note=note, lessons=lessons)
    await _give_up_what_never_left(ended.number, by=by)
    return ended


async def _give_up_what_never_left(number: str, *, by: Actor) -> None:
    """Free what a case that is over holds in other stores."""
    for transfer in await db.fetch(
        "SELECT id FROM transfer WHERE case_number = $1 AND state IN ('proposed', 'draft') ORDER BY id", number
    ):
        await transfers.give_up(transfer["id"], by=by)


async def _end(
    case: UUID,
    states: Sequence[State],
    becomes: Literal["closed", "stood_down"],
    by: Actor,
    *,
    note: str,
    lessons: str = "",
) -> CaseSummary:
    """End a case that is in one of some states; losing the race is the refusal."""
    await _own(case, by)
    moved = await db.execute(
        """UPDATE emergency_case SET state = $3, closed_at = $4, closed_by = $5, closing_note = $6, lessons = $7
           WHERE id = $1 AND state = ANY($2)""",
        case,
        list(states),
        becomes,
        clock.now(),
        by.name,
        note,
        lessons,
    )
    view = await case_summary(case)
    if not moved:
        raise WrongState(what="Case", what_zh="应急方案", key=view.number, state=view.state, needed=" / ".join(states))
    await log(case, becomes, by, {"note": note, "lessons": lessons})
    await steps.finish("emergency_case", view.number, by=by)
    await audit.record(f"case.{becomes}", "emergency_case", view.number, by=by, reason=note)
    await events.emit(f"emergency_case.{becomes}", "emergency_case", view.number, view, depot=view.depot, closed=True)
    return view


async def _own(case: UUID, by: Actor) -> CaseSummary:
    """A case that an actor may act on: it concerns their contracts, and they serve its store."""
    view = await case_summary(case, seen_by=structs.replace(by, depots=None))
    by.require_depot(view.depot)
    return view


async def log(case: UUID, kind: str, by: Actor, facts: Mapping[str, Any]) -> None:
    """Write one line of a case's log."""
    await db.execute(
        "INSERT INTO case_entry (emergency_case, at, kind, actor, facts) VALUES ($1, $2, $3, $4, $5)",
        case,
        clock.now(),
        kind,
        by.name,
        facts,
    )


@db.atomic
async def record_proposal(
    case: UUID, proposal: dict[str, Any], *, total_cny: Decimal, by: Actor
) -> Literal["standing_authority", "approver", "nothing"]:
    """Keep what was proposed, its drafts made already; by whose word it may be acted on.

    Standing authority buys at once only where burst and level both held, or where the stock was at or under the
    average-failure line (D78), and only up to its limit.
    """
    row = await db.fetch_one(
        """UPDATE emergency_case SET state = 'proposed', proposal = $2, proposed_at = $3
           FROM activation_policy AS policy
           WHERE emergency_case.id = $1 AND state = 'open' AND policy.version = policy_version
           RETURNING emergency_case.number, in_burst, crossed_critical_point, under_average_line,
                     policy.standing_authority_cny""",
        case,
        proposal,
        clock.now(),
    )
    if row is None:
        return "nothing"
    holds = (row["in_burst"] and row["crossed_critical_point"]) or row["under_average_line"]
    authorised = holds and total_cny <= row["standing_authority_cny"]
    if proposal.get("measures") and not authorised:
        proposal["hindrances"] = [
            *proposal.get("hindrances", []),
            *msgspec.to_builtins(await _why_a_person(case, total_cny, row["standing_authority_cny"], holds=holds)),
        ]
        await db.execute("UPDATE emergency_case SET proposal = $2 WHERE id = $1", case, proposal)
    in_the_way = [each["code"] for each in proposal.get("hindrances", [])]
    await log(
        case,
        "proposed",
        by,
        {"total_cny": str(total_cny), "status": proposal.get("status"), "hindrances": list(dict.fromkeys(in_the_way))},
    )
    view = await case_summary(case)
    await events.emit("emergency_case.proposed", "emergency_case", view.number, view, depot=view.depot, closed=True)
    if not proposal.get("measures"):
        if not proposal.get("still_missing"):  # what came meanwhile is enough: earlier measures go on
            acts = await db.execute(
                "UPDATE emergency_case SET state = 'acting' WHERE id = $1 AND acting_at IS NOT NULL", case
            )
            if acts:
                return "nothing"
        await _wake(case, view, proposal)
        return "nothing"
    if authorised:
        return "standing_authority"
    await _wake(case, view, proposal)
    return "approver"


async def _why_a_person(case: UUID, total_cny: Decimal, limit_cny: Decimal, *, holds: bool) -> list[Hindrance]:
    """Why standing authority does not reach, and who may approve."""
    basis = AboveStandingAuthority if holds else OutsideStandingAuthority
    depot = (await case_summary(case)).depot
    return await needs_a_person(depot, basis, {"total_cny": str(total_cny), "limit_cny": str(limit_cny)})


@db.atomic
async def waiting(case: UUID, *, by: Actor) -> CaseSummary:
    """A case that waits for approval, locked; for what an approver may still change about it.

    Raises:
        Unknown, NotYourDepot: as for `approve`.
        WrongState: it waits for none.

    """
    await db.execute("SELECT FROM emergency_case WHERE id = $1 FOR NO KEY UPDATE", case)
    view = await _own(case, by)
    if view.state != "proposed":
        raise WrongState(what="Case", what_zh="应急方案", key=view.number, state=view.state, needed="proposed")
    return view


async def approving(case: UUID, *, by: Actor, amount_cny: Decimal | None = None) -> tuple[CaseSummary, Actor]:
    """A case that waits for approval, locked, with the actor as they may approve it: whoever declared it drafted it.

    `amount_cny` is what other measures come to than those that it proposes.

    Raises:
        Unknown, NotYourDepot, WrongState: as `waiting`.
        BeyondDelegation, OutsideDelegation, DraftedForOneself: the actor stands in for an approver, and may not approve this.

    """
    by.require(APPROVING)
    view = await waiting(case, by=by)
    if APPROVING in by.rights:
        return view, by
    drafted_by = await db.fetch_value(
        "SELECT actor FROM case_entry WHERE emergency_case = $1 AND kind = 'opened' ORDER BY id LIMIT 1", case
    )
    total = await db.fetch_value("SELECT proposal->>'total_cny' FROM emergency_case WHERE id = $1", case)
    amount = amount_cny if amount_cny is not None or total is None else Decimal(total)
    return view, acting(APPROVING, by=by, amount_cny=amount, depot=view.depot, drafted_by=[drafted_by])


@db.atomic
async def record_choice(case: UUID, proposal: Mapping[str, Any], *, by: Actor) -> None:
    """Keep the plan that was chosen instead of the recommended one; those who follow the case are told."""
    await db.execute(
        "UPDATE emergency_case SET proposal = $2, proposed_at = $3 WHERE id = $1", case, proposal, clock.now()
    )
    facts = {"plan": proposal["chosen"], "of": len(proposal["answer"]["front"]), "total_cny": proposal["total_cny"]}
    await log(case, "plan_chosen", by, facts)
    view = await case_summary(case)
    await audit.record("case.plan_chosen", "emergency_case", view.number, by=by, change=facts)
    await events.emit("emergency_case.plan_chosen", "emergency_case", view.number, view, depot=view.depot, closed=True)


async def policy_of(case: UUID) -> Policy:
    """The policy version a case is judged by.

    Raises:
        Unknown: no such case.

    """
    found = await db.read_one(
        Policy,
        f"""SELECT {COLUMNS} FROM activation_policy
            JOIN emergency_case ON policy_version = version WHERE emergency_case.id = $1""",
        case,
    )
    if found is None:
        raise Unknown(what="emergency case", what_zh="应急方案", key=str(case))
    return found


_SUMMARY = """SELECT emergency_case.id, emergency_case.number, part.part_number, part.name_zh, part.name_en,
                     place.code AS depot, pool.code AS pool, emergency_case.state, cause, owner, drill,
                     crossed_critical_point, in_burst, under_average_line, opened_at, proposed_at, approved_at,
                     cover_restored_at, closed_at
              FROM emergency_case
              JOIN part ON part.id = emergency_case.part
              JOIN place ON place.id = emergency_case.place
              JOIN pool ON pool.id = emergency_case.pool
              WHERE ($1::text[] IS NULL OR place.code = ANY($1)) AND """ + disclosure.told("emergency_case", "$2")


async def case_summary(case: UUID, *, seen_by: Actor | None = None) -> CaseSummary:
    """One case in short.

    Raises:
        Unknown: no such case in the reader's stores.

    """
    found = await db.read_one(
        CaseSummary,
        f"{_SUMMARY} AND emergency_case.id = $3",
        seen_by.depot_scope if seen_by else None,
        seen_by.contract_scope if seen_by else None,
        case,
    )
    if found is None:
        raise Unknown(what="emergency case", what_zh="应急方案", key=str(case))
    return found


async def cases(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    state: str | None = None,
    live_only: bool = False,
    part_number: str | None = None,
) -> list[CaseSummary]:
    """Cases in the reader's stores, newest first."""
    return await db.read(
        CaseSummary,
        f"""{_SUMMARY} AND ($3::uuid IS NULL OR emergency_case.id < $3) AND ($4::text IS NULL OR emergency_case.state = $4)
            AND (NOT $5 OR emergency_case.state NOT IN ('closed', 'stood_down'))
            AND ($6::text IS NULL OR part.part_number = $6)
            ORDER BY emergency_case.id DESC LIMIT $7""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        after,
        state,
        live_only,
        part_number,
        limit,
    )


async def case_view(case: UUID, *, seen_by: Actor) -> CaseView:
    """One whole case.

    Raises:
        Unknown: no such case in the reader's stores.

    """
    summary = await case_summary(case, seen_by=seen_by)
    row = await db.fetch_one(
        """SELECT policy_version, evidence, proposal, approved_by, approved_for, approval_basis, closing_note, lessons
           FROM emergency_case WHERE id = $1""",
        case,
    )
    if row is None:
        raise Unknown(what="emergency case", what_zh="应急方案", key=str(case))
    entries = await db.read(
        CaseEntry, "SELECT at, kind, actor, facts FROM case_entry WHERE emergency_case = $1 ORDER BY id LIMIT 500", case
    )
    return CaseView(
        case=summary,
        policy_version=row["policy_version"],
        evidence=disclosure.evidence_for(row["evidence"], seen_by),
        proposal=disclosure.proposal_for(row["proposal"], seen_by),
        approved_by=row["approved_by"],
        approved_for=row["approved_for"],
        approval_basis=row["approval_basis"],
        closing_note=row["closing_note"],
        lessons=row["lessons"],
        orders=await orders.orders(limit=50, seen_by=seen_by, case_number=summary.number)
        if seen_by.may("orders.read")
        else [],
        transfers=await transfers.of_case(summary.number, seen_by=seen_by),
        log=[
            structs.replace(entry, facts=disclosure.entry_for(entry.facts, row["evidence"], seen_by))
            for entry in entries
        ],
    )
