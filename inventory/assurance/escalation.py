"""Escalation: a late duty goes to whoever is next responsible, until somebody says that they have it (D93, D108, D109).

A chain of rungs per kind of step is versioned policy. A rung is climbed once: the step's row is locked while it is, the
rung's own row is unique, and the messages are in the same transaction, so neither a second worker nor a restart repeats it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, Invalid, Unknown
from inventory.ground.steps import StepView
from inventory.people import delegations, duty, messages, persons
from inventory.people.delegations import Delegate
from inventory.people.persons import Holder, actor_of
from inventory.people.roles import APPROVALS, ROLES
from inventory.procurement import lateness
from inventory.procurement.orders import AtRisk
from inventory.stock import keeping

OWNER, KEY_HOLDER = "owner", "key_holder"
DEFAULT = "default"
"""The chain of every kind of step that has none of its own."""

DONE_WHEN_TAKEN = {"look_into_burst"}
"""Duties that ask for somebody to take something on, and no more."""

LINK_LIVES = timedelta(hours=24)
"""How long the link in a message takes on its duty."""

LONGEST_CHAIN = 10
LONGEST_SILENCE = timedelta(days=30)
PEOPLE_AT_MOST = 5000


class ChainWrong(Invalid):
    """The chain of “{kind}” is not one that can be climbed: {problem}."""

    zh = "“{kind}”的升级链无效：{problem_zh}。"
    help_en = (
        "A chain has 1 to {most} rungs: owner, key_holder or a role, each after 0 to {minutes} minutes of silence."
    )
    help_zh = "每条升级链应有 1 至 {most} 级，每级为 owner、key_holder 或角色名，等待时间为 0 至 {minutes} 分钟。"


class NotYourStep(Forbidden):
    """This duty is neither {name}'s own nor was it handed up to them."""

    zh = "该待办既不属于 {name}，也未升级给 {name}。"
    help_en = "Its owner, whoever it was handed up to, and those next in its chain may take it on."
    help_zh = "仅责任人、已被升级通知的人员及升级链上的角色可以响应。"


class Rung(Struct, frozen=True, kw_only=True):
    """Who hears of a late duty after how many minutes of silence.

    `who` is `owner` (whom the step names, and whoever is on duty with its role at its store), `key_holder` of the store,
    or a role: those of it on duty there; with `off_duty` everybody who has it, where none is on duty.
    """

    who: str
    after_minutes: int
    off_duty: bool = False


class Policy(Struct, frozen=True, kw_only=True):
    """One version of the policy; version 0 is what holds before anybody set one."""

    version: int
    chains: dict[str, list[Rung]]
    valid_from: datetime | None = None
    approved_by: str = ""
    remark: str = ""

    def chain(self, kind: str) -> list[Rung]:
        """The chain of a kind of step."""
        return self.chains.get(kind) or self.chains[DEFAULT]


def _rungs(*rungs: tuple[str, int] | tuple[str, int, bool]) -> list[Rung]:
    return [Rung(who=who, after_minutes=minutes, off_duty=bool(rest)) for who, minutes, *rest in rungs]


_URGENT = _rungs(
    (OWNER, 0), ("project_manager", 5, True), ("quality_supervisor", 10, True), ("administrator", 15, True)
)
_EMPTY_POST = _rungs(
    ("dispatcher", 0), ("project_manager", 15), ("quality_supervisor", 30, True), ("administrator", 30, True)
)
_COMING_BACK = _rungs(
    (OWNER, 0, True), ("dispatcher", 120), ("project_manager", 240, True), ("quality_supervisor", 240, True)
)
_PAPERWORK = _rungs((OWNER, 0), ("project_manager", 240, True), ("quality_supervisor", 1440, True))

BUILT_IN = Policy(
    version=0,
    chains={
        DEFAULT: _rungs(
            (OWNER, 0),
            (KEY_HOLDER, 15),
            ("dispatcher", 15),
            ("project_manager", 30),
            ("quality_supervisor", 60, True),
            ("administrator", 60, True),
        ),
        **dict.fromkeys(("take_measures", "call_maker", "decide_swap"), _URGENT),
        "decide_case": _rungs(
            (OWNER, 0),
            ("project_manager", 5, True),
            ("buyer", 5, True),
            ("quality_supervisor", 10, True),
            ("administrator", 15, True),
        ),
        **dict.fromkeys(
            ("request_rma", "follow_rma", "ship_rma", "settle_rma", "do_repair", "test_repair", "agree_to_scrap"),
            _PAPERWORK,
        ),
        **dict.fromkeys(("collect_unit", "bring_back_unit"), _COMING_BACK),
        **dict.fromkeys(("bring_back", "send_back", "settle_wrong_return"), _COMING_BACK),
        "look_into_burst": _rungs((OWNER, 0, True), ("project_manager", 60, True)),
        "approve_request": _rungs((OWNER, 0), ("project_manager", 5, True), ("quality_supervisor", 15, True)),
        "fill_shift": _EMPTY_POST,
        "fill_holiday_shift": _EMPTY_POST,
        **dict.fromkeys(
            ("bind_paper", "recount", "count_stock", "post_count", "approve_plan", "verify_phone"), _PAPERWORK
        ),
        **dict.fromkeys(("send_claim", "settle_claim", "verify_vendor_contact", "renew_letter"), _PAPERWORK),
    },
)
"""What holds until a company sets its own."""


class Reach(Struct, frozen=True, kw_only=True):
    """Who can be told at an instant: shifts under way, holders of roles, key-holders by store, who is active, and delegates.

    `delegates` stand in for approvers; a duty to approve reaches them beside whom they stand in for.
    """

    on_duty: Sequence[Holder]
    holders: Sequence[Holder]
    key_holders: Mapping[str, str]
    active: frozenset[str]
    delegates: Sequence[Delegate] = ()


class Climbing(Struct, frozen=True, kw_only=True):
    """A duty that is to climb."""

    id: UUID
    kind: str
    subject_kind: str
    subject: str
    owner_role: str
    owner: str | None
    depot: str | None
    due_at: datetime
    rung: int
    told: list[str]


class Climbed(Struct, frozen=True, kw_only=True):
    """A rung that was climbed, counted from 1; nobody is told where nobody was there."""

    rung: int
    who: str
    told: list[str]


class Escalated(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the event stream tells of a duty that was handed up; of a late order, what that puts at risk."""

    step: UUID
    kind: str
    subject_kind: str
    subject: str
    depot: str | None
    owner_role: str
    owner: str | None
    due_at: datetime
    rung: int
    who: str
    told: list[str]
    at_risk: list[AtRisk] = []


def people_of(rung: Rung, step: Climbing, reach: Reach) -> list[str]:
    """Who stands on a rung now.

    >>> night = Holder(username="chen", role="dispatcher", depot=None)
    >>> reach = Reach(on_duty=[night], holders=[], key_holders={"GZ": "li"}, active=frozenset({"chen", "li"}))
    >>> late = Climbing(id=UUID(int=1), kind="ship_parts", subject_kind="part_request", subject="1", depot="GZ",
    ...                 owner_role="warehouse_keeper", owner=None, due_at=datetime(2027, 2, 6), rung=0, told=[])
    >>> [people_of(Rung(who=who, after_minutes=0), late, reach) for who in ("owner", "key_holder", "dispatcher")]
    [[], ['li'], ['chen']]
    """
    if rung.who == KEY_HOLDER:
        holder = reach.key_holders.get(step.depot or "")
        return [] if holder is None else [holder]
    role = step.owner_role if rung.who == OWNER else rung.who
    found = _of_role(role, step.depot, reach.on_duty)
    if rung.who == OWNER and step.owner in reach.active:
        found.append(step.owner)
    if not found and rung.off_duty:
        found = _of_role(role, step.depot, reach.holders)
    standing_in = [
        each.username
        for each in reach.delegates
        if each.delegator in found and step.kind in APPROVALS[each.right].duties and each.serves(step.depot)
    ]
    return sorted({*found, *standing_in})


def _of_role(role: str, depot: str | None, among: Sequence[Holder]) -> list[str]:
    """Those of a role who serve a store; a duty of no store is everybody's."""
    return [
        each.username
        for each in among
        if each.role == role and (depot is None or each.depot is None or each.depot == depot)
    ]


def climb(chain: Sequence[Rung], step: Climbing, reach: Reach) -> list[Climbed]:
    """The rungs that a silent duty climbs now: the next one with somebody new on it, and the empty ones below that."""
    climbed: list[Climbed] = []
    for place, rung in enumerate(chain[step.rung :], start=step.rung + 1):
        told = [name for name in people_of(rung, step, reach) if name not in step.told]
        climbed.append(Climbed(rung=place, who=rung.who, told=told))
        if told:
            break
    return climbed


@db.atomic
async def escalate_late(*, limit: int = 200) -> int:
    """Hand late duties up that nobody acknowledged; how many. Safe to run anywhere, at any time, by several at once."""
    now, policy = clock.now(), await policy_now()
    late = await db.read(
        Climbing,
        """WITH due AS (
               SELECT id FROM step WHERE done_at IS NULL AND escalates_at <= $1
               ORDER BY escalates_at, id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
           )
           SELECT id, kind, subject_kind, subject, owner_role, owner, place_code AS depot, due_at, rung,
                  coalesce((SELECT array_agg(name) FROM escalation, unnest(told) AS name
                            WHERE escalation.step = step.id), '{}') AS told
           FROM step JOIN due USING (id) ORDER BY due_at, id""",
        now,
        limit,
    )
    if not late:
        return 0
    reach = await _reach(late, policy)
    risks = await lateness.risks([step.subject for step in late if step.kind == "late_order"])
    for step in late:
        await _hand_up(step, policy.chain(step.kind), reach, now, risks.get(step.subject, []))
    return len(late)


async def _reach(late: Sequence[Climbing], policy: Policy) -> Reach:
    """Who can be told now; as many statements for many duties as for one."""
    shifts = await duty.on_duty(limit=PEOPLE_AT_MOST)
    off_duty = {
        step.owner_role if rung.who == OWNER else rung.who
        for step in late
        for rung in policy.chain(step.kind)
        if rung.off_duty
    }
    owners = [step.owner for step in late if step.owner is not None]
    active = await db.fetch("SELECT username FROM person WHERE active AND username = ANY($1)", owners)
    return Reach(
        on_duty=[Holder(username=shift.username, role=shift.role, depot=shift.depot) for shift in shifts],
        holders=await persons.holders(sorted(off_duty), limit=PEOPLE_AT_MOST),
        key_holders=await keeping.key_holders(sorted({step.depot for step in late if step.depot})),
        active=frozenset(row["username"] for row in active),
        delegates=await delegations.delegates(APPROVALS),
    )


async def _hand_up(
    step: Climbing, chain: Sequence[Rung], reach: Reach, now: datetime, at_risk: Sequence[AtRisk]
) -> None:
    first = step.due_at + timedelta(minutes=chain[0].after_minutes)
    if step.rung == 0 and now < first:
        await db.execute("UPDATE step SET escalates_at = $2 WHERE id = $1", step.id, first)
        return
    climbed = climb(chain, step, reach)
    reached = step.rung + len(climbed)
    # after the top of the chain there is nobody left to ask
    again = now + timedelta(minutes=chain[reached].after_minutes) if reached < len(chain) else None
    await db.execute("UPDATE step SET rung = $2, escalates_at = $3 WHERE id = $1", step.id, reached, again)
    await db.execute_many(
        "INSERT INTO escalation (step, rung, who, told, escalated_at) VALUES ($1, $2, $3, $4, $5)",
        [(step.id, each.rung, each.who, each.told, now) for each in climbed],
    )
    if not climbed:
        return
    top = climbed[-1]
    told = Escalated(
        step=step.id,
        kind=step.kind,
        subject_kind=step.subject_kind,
        subject=step.subject,
        depot=step.depot,
        owner_role=step.owner_role,
        owner=step.owner,
        due_at=step.due_at,
        rung=top.rung,
        who=top.who,
        told=top.told,
        at_risk=list(at_risk),
    )
    await events.emit("step.escalated", step.subject_kind, step.subject, told, depot=step.depot, closed=True)
    await messages.tell(top.told, "step_escalated", told, occasion=f"step:{step.id}:{top.rung}", step=step.id)


@db.atomic
async def acknowledge(step: UUID, *, by: Actor, message: UUID | None = None) -> StepView:
    """Say that one has a duty in hand: it climbs no further. Saying so again, or too late, changes nothing.

    `message` is the one by whose link it was said.

    Raises:
        Unknown: no such duty in the actor's scope.
        NotYourStep: it is neither the actor's, nor were they told of it, nor is their role in its chain.

    """
    by.require("steps.acknowledge")
    await db.execute("SELECT FROM step WHERE id = $1 FOR NO KEY UPDATE", step)
    view = await steps.step_view(step, seen_by=by)
    chain = (await policy_now()).chain(view.kind)
    roles = {view.owner_role, *(rung.who for rung in chain)}
    if by.name not in (view.owner, *view.told) and not roles & by.roles:
        raise NotYourStep(name=by.name)
    taken = await db.execute(
        """UPDATE step SET acknowledged_at = $2, acknowledged_by = $3, escalates_at = NULL
           WHERE id = $1 AND acknowledged_at IS NULL AND done_at IS NULL""",
        step,
        clock.now(),
        by.name,
    )
    if not taken:
        return view
    await audit.record(
        "step.acknowledged", view.subject_kind, view.subject, by=by, change={"step": view.kind, "message": message}
    )
    if view.kind in DONE_WHEN_TAKEN:
        await steps.finish(view.subject_kind, view.subject, view.kind, by=by)
    acknowledged = await steps.step_view(step, seen_by=by)
    await events.emit("step.acknowledged", view.subject_kind, view.subject, acknowledged, depot=view.depot, closed=True)
    return acknowledged


class RungView(Struct, frozen=True, kw_only=True):
    """A rung that a duty climbed, and who was told."""

    rung: int
    who: str
    told: list[str]
    escalated_at: datetime


async def escalations(step: UUID, *, seen_by: Actor) -> list[RungView]:
    """The rungs a duty climbed, from below.

    Raises:
        Unknown: no such duty in the reader's scope.

    """
    await steps.step_view(step, seen_by=seen_by)
    return await db.read(
        RungView, "SELECT rung, who, told, escalated_at FROM escalation WHERE step = $1 ORDER BY rung LIMIT 100", step
    )


class Linked(Struct, frozen=True, kw_only=True):
    """What the link of a message is for: one person taking on one duty."""

    step: StepView
    username: str
    name_zh: str
    name_en: str


async def linked(message: UUID) -> Linked:
    """What a message's link is for; whose message it is, the edges made sure.

    Raises:
        Unknown: no such link, or it has ended.

    """
    return (await _linked(message))[0]


@db.atomic
async def acknowledge_by_link(message: UUID) -> Linked:
    """Take on the duty that a message told of, as the person it was sent to.

    Raises:
        Unknown: no such link, or it has ended.
        NotGranted: that person may take on duties no more.

    """
    found, actor = await _linked(message)
    await acknowledge(found.step.id, by=actor, message=message)
    return (await _linked(message))[0]


async def _linked(message: UUID) -> tuple[Linked, Actor]:
    row = await db.fetch_one(
        """SELECT message.step, person.id AS person, username, name_zh, name_en
           FROM message JOIN person ON person.id = message.person
           WHERE message.id = $1 AND message.step IS NOT NULL AND message.created_at > $2""",
        message,
        clock.now() - LINK_LIVES,
    )
    actor = None if row is None else await actor_of(row["person"])
    if row is None or actor is None:
        raise Unknown(what="link", what_zh="链接", key="…")
    step = await steps.step_view(row["step"], seen_by=actor)
    return Linked(step=step, username=row["username"], name_zh=row["name_zh"], name_en=row["name_en"]), actor


async def policy_now() -> Policy:
    """The policy in force; the built-in one before anybody set their own."""
    found = await db.read_one(
        Policy,
        """SELECT version, chains, valid_from, approved_by, remark FROM escalation_policy
           WHERE valid_from <= $1 ORDER BY version DESC LIMIT 1""",
        clock.now(),
    )
    return found or BUILT_IN


@db.atomic
async def put_in_force(chains: Mapping[str, Sequence[Rung]], *, by: Actor, remark: str = "") -> Policy:
    """Put a new version in force, from now on; kinds of steps without a chain follow `default`.

    Raises:
        ChainWrong: a chain is empty or too long, or has a rung of nobody or of no sensible time.

    """
    by.require("escalation.manage")
    if DEFAULT not in chains:
        raise _wrong(DEFAULT, "it is missing", "缺少该链")
    for kind, chain in chains.items():
        _check(kind, chain)
    version = await db.fetch_value(
        """INSERT INTO escalation_policy (version, chains, valid_from, approved_by, remark)
           SELECT coalesce(max(version), 0) + 1, $1, $2, $3, $4 FROM escalation_policy RETURNING version""",
        {kind: list(chain) for kind, chain in chains.items()},
        clock.now(),
        by.name,
        remark,
    )
    await audit.record("policy.in_force", "escalation_policy", str(version), by=by, reason=remark)
    return await policy_now()


def _check(kind: str, chain: Sequence[Rung]) -> None:
    if not 1 <= len(chain) <= LONGEST_CHAIN:
        raise _wrong(kind, f"{len(chain)} rungs", f"{len(chain)} 级")
    for rung in chain:
        if rung.who not in {OWNER, KEY_HOLDER, *ROLES}:
            raise _wrong(kind, f"nobody is called {rung.who}", f"没有“{rung.who}”")
        if not 0 <= rung.after_minutes <= LONGEST_SILENCE.total_seconds() // 60:
            raise _wrong(kind, f"{rung.after_minutes} minutes", f"{rung.after_minutes} 分钟")


def _wrong(kind: str, problem: str, problem_zh: str) -> ChainWrong:
    return ChainWrong(
        kind=kind,
        problem=problem,
        problem_zh=problem_zh,
        most=LONGEST_CHAIN,
        minutes=int(LONGEST_SILENCE.total_seconds() // 60),
    )
