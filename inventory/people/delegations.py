"""Delegates (授权代理): an approver leaves kinds of approval to somebody else, from an instant to another, up to an amount.

Whoever approves something goes through `acting`: it says whether they do so in their own right or for whom, and refuses what
was not left to them. Nothing has to be taken back: what was left ends with its time, or with the approver's own right.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec import Struct, structs

from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, Invalid, NotGranted, ReasonMissing, Refused, Unknown
from inventory.people import messages
from inventory.people.persons import actor_of
from inventory.people.roles import APPROVALS, RIGHTS

LONGEST = timedelta(days=366)
"""How long approvals may be left to somebody at once."""

DELEGATES_AT_MOST = 500

State = Literal["coming", "in_force", "over", "withdrawn"]


class NoApproval(Invalid):
    """“{right}” is no approval that can be left to somebody; these are: {approvals}."""

    zh = "“{right}”不是可以委托的审批；可委托的有：{approvals}。"
    help_en = "Choose kinds of approval; other rights come with roles."
    help_zh = "请选择审批种类；其他权限随角色分配。"


class NotYoursToLeave(Refused):
    """{delegator} may not do “{right}” in their own right, and so cannot leave it to anybody."""

    zh = "{delegator} 本人没有“{right_zh}”的权限，不能委托他人。"
    help_en = "Only whose role allows an approval may leave it; what was left to somebody goes no further."
    help_zh = "只有本人角色具备该审批权限才能委托；受托的审批不能再转托。"


class OneselfForDelegate(Refused):
    """A delegate is somebody else: not the approver, nor whoever enters it for them."""

    zh = "代理人须为他人：既不能是审批人本人，也不能是代为登记的人。"
    help_en = "Name somebody else."
    help_zh = "请指定其他人员。"


class DelegateMayNotSee(Refused):
    """{delegate} could not see what is to be approved: that takes the right “{needs}”."""

    zh = "{delegate} 看不到待审批的内容：需要“{needs_zh}”权限。"
    help_en = "Name somebody who may see it, or have an administrator give them a role that includes it."
    help_zh = "请指定有权查看的人员，或先由系统管理员分配相应角色。"


class DelegationTimesWrong(Invalid, constraint="delegation_ends_after_it_starts"):
    """Approvals are left to somebody from now or later, until after that, for at most {days} days."""

    zh = "委托须从现在或之后开始，结束晚于开始，且不超过 {days} 天。"
    help_en = "Correct its times; what is past cannot be approved by somebody else any more."
    help_zh = "请更正时间；已过去的时间不能再委托。"


class DelegatedTwice(Refused, constraint="delegation_is_to_one_at_once"):
    """This approval is left to somebody during that time already."""

    zh = "该项审批在此时段已委托他人。"
    help_en = "Withdraw that first, or choose other times."
    help_zh = "请先撤销原委托，或更换时间。"


class DelegatedInCircle(Refused):
    """{delegate} leaves “{right}” to {delegator}, directly or over others, during that time: nobody would be there."""

    zh = "{delegate} 在此时段已把“{right_zh}”直接或间接委托给 {delegator}：届时将无人审批。"
    help_en = "Name somebody who is there, or choose other times."
    help_zh = "请指定届时在岗的人员，或更换时间。"


class DelegationOver(Refused):
    """This has ended; it is a record now."""

    zh = "该委托已结束，作为记录不能再改。"
    help_en = "Nothing is left to withdraw."
    help_zh = "无需撤销。"


class BeyondDelegation(Forbidden):
    """{delegator} left {name} approvals up to {up_to} CNY; this comes to {amount}."""

    zh = "{delegator} 委托 {name} 审批的上限为 {up_to} 元；此项为 {amount} 元。"
    help_en = "Ask somebody who approves in their own right."
    help_zh = "请由本人具备审批权限的人员审批。"


class OutsideDelegation(Forbidden):
    """{delegator}, for whom {name} stands in, does not approve this themselves: it is another store's or contract's."""

    zh = "{name} 代理的 {delegator} 本人无权审批此项：属于其他备件库或合同。"
    help_en = "Ask an approver of that store or contract."
    help_zh = "请由该备件库或合同的审批人审批。"


class DraftedForOneself(Forbidden):
    """{drafter} drafted this: {name}, who stands in for {delegator}, cannot approve it."""

    zh = "此项由 {drafter} 起草：{name} 作为 {delegator} 的代理人不能审批。"
    help_en = "Whoever drafted it, and their delegate, leave it to another approver."
    help_zh = "起草人及其代理人须回避，请由其他审批人审批。"


class DelegationView(Struct, frozen=True, kw_only=True):
    """An approval that somebody left to somebody else; the amount, CNY, is for those whom it concerns and for auditors."""

    id: UUID
    right: str
    delegator: str
    delegator_zh: str
    delegator_en: str
    delegate: str
    delegate_zh: str
    delegate_en: str
    starts_at: datetime
    ends_at: datetime
    up_to_cny: Decimal | None
    state: State
    reason: str
    entered_at: datetime
    entered_by: str
    withdrawn_at: datetime | None
    withdrawn_by: str | None


class Delegate(Struct, frozen=True, kw_only=True):
    """Who stands in for an approver now, and how they are reached; `depots` and `contracts` are theirs, None is all."""

    right: str
    delegator: str
    username: str
    name_zh: str
    name_en: str
    phone: str | None
    phone_verified_at: datetime | None
    depots: list[str] | None
    contracts: list[str] | None

    def serves(self, depot: str | None, contract: str | None = None) -> bool:
        """Whether they may act at a store and for a contract; what is of none is everybody's."""
        return (depot is None or self.depots is None or depot in self.depots) and (
            contract is None or self.contracts is None or contract in self.contracts
        )


def acting(
    right: str,
    *,
    by: Actor,
    amount_cny: Decimal | None,
    depot: str | None = None,
    contract: str | None = None,
    drafted_by: Collection[str],
) -> Actor:
    """Whoever approves something, as they may: in their own right, or for the approver who left it to them.

    `amount_cny` is what it comes to, None where nobody knows; `drafted_by` are those who asked for it. Whether somebody
    may approve in their own right what they drafted, each approval says for itself.

    >>> from inventory.ground.actor import Delegated
    >>> left = Delegated(delegator="li", right="plans.approve", up_to_cny=Decimal(50), duties=(), depots=None, contracts=None)
    >>> wu = Actor(name="wu", kind="person", roles=frozenset(), rights=frozenset(), delegated=(left,))
    >>> acting("plans.approve", by=wu, amount_cny=Decimal(50), drafted_by=["he"]).acts_for
    'li'
    >>> acting("plans.approve", by=wu, amount_cny=Decimal(51), drafted_by=["he"])
    Traceback (most recent call last):
        ...
    inventory.people.delegations.BeyondDelegation: li left wu approvals up to 50 CNY; this comes to 51.

    Raises:
        NotGranted: they may not approve such things, nor does anybody leave it to them.
        OutsideDelegation: the approver does not serve the store or contract.
        BeyondDelegation: it comes to more.
        DraftedForOneself: they or the approver drafted it.

    """
    if right in by.rights:
        return by
    refused: Forbidden = NotGranted(right=right, name=by.name)
    for each in by.delegated:
        if each.right != right:
            continue
        drafters = sorted({by.name, each.delegator} & set(drafted_by))
        if not (_within(depot, each.depots) and _within(contract, each.contracts)):
            refused = OutsideDelegation(delegator=each.delegator, name=by.name)
        elif each.up_to_cny is not None and (amount_cny is None or amount_cny > each.up_to_cny):
            refused = BeyondDelegation(
                delegator=each.delegator,
                name=by.name,
                up_to=each.up_to_cny,
                amount="–" if amount_cny is None else amount_cny,
            )
        elif drafters:
            refused = DraftedForOneself(drafter=drafters[0], name=by.name, delegator=each.delegator)
        else:
            return structs.replace(by, acts_for=each.delegator)
    raise refused


def _within(code: str | None, scope: Collection[str] | None) -> bool:
    return code is None or scope is None or code in scope


@db.atomic
async def delegate(
    rights: Sequence[str],
    to: str,
    *,
    by: Actor,
    ends_at: datetime,
    reason: str,
    starts_at: datetime | None = None,
    up_to_cny: Decimal | None = None,
    of: str | None = None,
) -> list[DelegationView]:
    """Leave kinds of approval to somebody, from now or `starts_at` on; all of them or none. They are told.

    An approver does so themselves; for one who cannot (`of`), an administrator does, and not for their own benefit.

    Raises:
        NoPerson: a system's key would do it.
        NotGranted: the actor would do it for somebody else and is no administrator.
        Unknown: no such person.
        ReasonMissing: no reason was given.
        NoApproval: something else would be left.
        OneselfForDelegate: the delegate is the approver, or whoever enters it.
        NotYoursToLeave: the approver's own roles do not include it.
        DelegateMayNotSee: the delegate could not see what they approve.
        DelegationTimesWrong: it would begin before now, end before it begins, or last too long.
        DelegatedTwice, DelegatedInCircle: it is left to somebody then already, or comes back to the approver.

    """
    by.require_eyes()
    now = clock.now()
    begins = starts_at or now
    if of is not None and of != by.name:
        by.require("people.manage")
    if not reason.strip():
        raise ReasonMissing
    if not now <= begins < ends_at <= begins + LONGEST:
        raise DelegationTimesWrong(days=LONGEST.days)
    wanted = list(dict.fromkeys(rights))
    for right in wanted:
        if right not in APPROVALS:
            raise NoApproval(right=right, approvals=", ".join(APPROVALS))
    delegator, stands_in = await _person(of or by.name), await _person(to)
    if stands_in.name in (delegator.name, by.name):
        raise OneselfForDelegate
    await db.execute("SELECT pg_advisory_xact_lock(hashtext('delegation'))")  # two halves of a circle see each other
    for right in wanted:
        _check(right, delegator, stands_in)
        await _check_circle(right, delegator, stands_in, begins, ends_at)
    entered = await db.fetch(
        """INSERT INTO delegation (delegator, delegate, "right", starts_at, ends_at, up_to_cny, reason, entered_at,
                                   entered_by)
           SELECT $1, $2, "right", $4, $5, $6, $7, $8, $9 FROM unnest($3::text[]) AS "right" RETURNING id""",
        delegator.person_id,
        stands_in.person_id,
        wanted,
        begins,
        ends_at,
        up_to_cny,
        reason.strip(),
        now,
        by.name,
    )
    views = [await delegation_view(row["id"]) for row in entered]
    for view in views:
        await _record("given", view, by=by, told={stands_in.name, delegator.name})
    return views


async def _person(username: str) -> Actor:
    found = await db.fetch_value("SELECT id FROM person WHERE username = $1 AND active", username)
    actor = None if found is None else await actor_of(found)
    if actor is None:
        raise Unknown(what="person", what_zh="人员", key=username)
    return actor


def _check(right: str, delegator: Actor, stands_in: Actor) -> None:
    if right not in delegator.rights:
        raise NotYoursToLeave(delegator=delegator.name, right=right, right_zh=RIGHTS[right][1])
    for needed in APPROVALS[right].takes:
        if not stands_in.may(needed):
            raise DelegateMayNotSee(delegate=stands_in.name, needs=needed, needs_zh=RIGHTS[needed][1])


async def _check_circle(right: str, delegator: Actor, stands_in: Actor, begins: datetime, ends: datetime) -> None:
    """Refuse what comes back to the approver over delegates of delegates at any instant of its time."""
    back = await db.fetch_value(
        """WITH RECURSIVE reached AS (
               SELECT $1::int AS person, tstzrange($4, $5) AS span
               UNION
               SELECT delegation.delegate, reached.span * tstzrange(starts_at, ends_at)
               FROM reached JOIN delegation ON delegation.delegator = reached.person
               WHERE "right" = $3 AND withdrawn_at IS NULL AND tstzrange(starts_at, ends_at) && reached.span
                 AND reached.person <> $2
           )
           SELECT EXISTS (SELECT FROM reached WHERE person = $2)""",
        stands_in.person_id,
        delegator.person_id,
        right,
        begins,
        ends,
    )
    if back:
        raise DelegatedInCircle(
            delegate=stands_in.name, delegator=delegator.name, right=right, right_zh=RIGHTS[right][1]
        )


@db.atomic
async def withdraw(delegation: UUID, *, by: Actor, reason: str) -> DelegationView:
    """End what was left to somebody before its time, or before it began; whom it concerns is told.

    Raises:
        Unknown: no such delegation.
        NotGranted: it is neither the actor's own, nor left to them, and they are no administrator.
        ReasonMissing: no reason was given.
        DelegationOver: it has ended.

    """
    view = await delegation_view(delegation)
    if by.name not in (view.delegator, view.delegate):
        by.require("people.manage")
    if not reason.strip():
        raise ReasonMissing
    ended = await db.execute(
        """UPDATE delegation SET withdrawn_at = $2, withdrawn_by = $3, withdrawal_reason = $4
           WHERE id = $1 AND withdrawn_at IS NULL AND ends_at > $2""",
        delegation,
        clock.now(),
        by.name,
        reason.strip(),
    )
    if not ended:
        raise DelegationOver
    view = await delegation_view(delegation)
    await _record("withdrawn", view, by=by, told={view.delegator, view.delegate}, reason=reason.strip())
    return view


async def _record(
    what: Literal["given", "withdrawn"], view: DelegationView, *, by: Actor, told: set[str], reason: str = ""
) -> None:
    facts = {
        "delegator": view.delegator,
        "delegate": view.delegate,
        "right": view.right,
        "starts_at": view.starts_at,
        "ends_at": view.ends_at,
        "up_to_cny": view.up_to_cny,
    }
    why = reason or view.reason
    await audit.record(f"delegation.{what}", "delegation", str(view.id), by=by, reason=why, change=facts)
    await messages.tell(
        told - {by.name},
        "delegation",
        {**facts, "change": what, "reason": why, "by": by.name},
        occasion=f"delegation:{view.id}:{what}",
    )


_VIEW = """SELECT delegation.id, "right", giver.username AS delegator, giver.name_zh AS delegator_zh,
                  giver.name_en AS delegator_en, taker.username AS delegate, taker.name_zh AS delegate_zh,
                  taker.name_en AS delegate_en, starts_at, ends_at,
                  CASE WHEN $2::text IS NULL OR $2 IN (giver.username, taker.username) THEN up_to_cny END AS up_to_cny,
                  CASE WHEN withdrawn_at IS NOT NULL THEN 'withdrawn' WHEN ends_at <= $1 THEN 'over'
                       WHEN starts_at > $1 THEN 'coming' ELSE 'in_force' END AS state,
                  reason, entered_at, entered_by, withdrawn_at, withdrawn_by
           FROM delegation
           JOIN person AS giver ON giver.id = delegation.delegator
           JOIN person AS taker ON taker.id = delegation.delegate"""


async def delegation_view(delegation: UUID) -> DelegationView:
    """One delegation, whole.

    Raises:
        Unknown: no such delegation.

    """
    found = await db.read_one(DelegationView, f"{_VIEW} WHERE delegation.id = $3::uuid", clock.now(), None, delegation)
    if found is None:
        raise Unknown(what="delegation", what_zh="委托", key=str(delegation))
    return found


async def delegations(
    *, limit: int, seen_by: Actor, after: UUID | None = None, current: bool = False, username: str | None = None
) -> list[DelegationView]:
    """What approvers left to whom, newest first: to know whom to ask; `current` leaves out what has ended."""
    seen_by.require("roster.read")
    whole = seen_by.may("audit.read") or seen_by.may("people.manage")
    return await db.read(
        DelegationView,
        f"""{_VIEW}
            WHERE ($3::uuid IS NULL OR delegation.id < $3) AND (NOT $4 OR (withdrawn_at IS NULL AND ends_at > $1))
              AND ($5::text IS NULL OR $5 IN (giver.username, taker.username))
            ORDER BY delegation.id DESC LIMIT $6""",
        clock.now(),
        None if whole else seen_by.name,
        after,
        current,
        username,
        limit,
    )


async def delegates(rights: Collection[str], of: Collection[str] | None = None) -> list[Delegate]:
    """Who stands in now for approvals: for all who left them, or for some; one statement."""
    return await db.read(
        Delegate,
        """SELECT "right", giver.username AS delegator, taker.username, taker.name_zh, taker.name_en, taker.phone,
                  taker.phone_verified_at,
                  CASE WHEN bool_and(role_grant.place IS NOT NULL) THEN array_agg(place.code) END AS depots,
                  CASE WHEN bool_and(contract_code IS NOT NULL) THEN array_agg(contract_code) END AS contracts
           FROM delegation
           JOIN person AS giver ON giver.id = delegation.delegator AND giver.active
           JOIN person AS taker ON taker.id = delegation.delegate AND taker.active
           JOIN role_grant ON role_grant.person = taker.id
           LEFT JOIN place ON place.id = role_grant.place
           WHERE "right" = ANY($1) AND ($2::text[] IS NULL OR giver.username = ANY($2))
             AND withdrawn_at IS NULL AND starts_at <= $3 AND ends_at > $3
           GROUP BY delegation.id, giver.id, taker.id ORDER BY "right", giver.username LIMIT $4""",
        list(rights),
        None if of is None else list(of),
        clock.now(),
        DELEGATES_AT_MOST,
    )
