"""Answering proposals: order drafts of them, by a buyer or by the policy, or no with a reason."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from inventory.ground import audit, clock, db, events, jobs
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, Refused, Unknown
from inventory.procurement import orders, replenishment, replenishment_policy
from inventory.procurement.orders import NewLine, OrderView
from inventory.procurement.replenishment import REPLENISHMENT, hold_others, keep_duties, propose

MOST_AT_ONCE = 200
"""How many proposals are answered at once."""


class ProposalAnswered(Refused):
    """Proposal {number} is not open any more: it is {state}."""

    zh = "补货建议 {number} 已不再待处理（{state_zh}）。"
    help_en = "Load the list again; what was answered is not answered twice."
    help_zh = "请刷新列表；已处理的建议无需重复处理。"


class NobodyOffers(Refused):
    """No vendor that will do offers {part_number} for {depot}."""

    zh = "没有符合来源要求的供应商提供 {part_number}（{depot}）。"
    help_en = "Enter an offer or an authorisation letter, or decline the proposal with the reason."
    help_zh = "请录入报价或授权书，或注明理由后拒绝该建议。"


class NeverAnswered(Invalid):
    """A proposal is put off to a time that is past."""

    zh = "暂缓至的时间已过。"
    help_en = "Give a day to come, or leave it out."
    help_zh = "请填写未来的日期，或留空。"


class NoReason(Invalid):
    """A proposal is declined without a reason."""

    zh = "拒绝补货建议须注明理由。"
    help_en = "Say why: the reason is what keeps it from being proposed again."
    help_zh = "请填写理由；系统据此不再重复建议。"


class Accepted(Struct, frozen=True, kw_only=True):
    """The order drafts that proposals became, and the numbers of those that were needed no more when it came to it."""

    orders: list[OrderView]
    withdrawn: list[str]


class _Open(Struct, frozen=True, kw_only=True):
    id: UUID
    number: str
    state: str
    part: int
    place: int
    pool_id: int
    part_number: str
    depot: str
    pool: str
    vendor: str | None
    quantity: int
    contract: str | None

    @property
    def key(self) -> replenishment.Key:
        """The level it is about."""
        return self.part, self.place, self.pool_id


_STATES = {"drafted": "已起草订单", "declined": "已拒绝", "withdrawn": "已撤回"}

_FIND = """SELECT proposal.id, proposal.number, proposal.state, proposal.part, proposal.place, proposal.pool AS pool_id,
                  part.part_number, place.code AS depot, pool.code AS pool, party.code AS vendor, proposal.quantity,
                  contract.code AS contract
           FROM replenishment_proposal AS proposal
           JOIN part ON part.id = proposal.part
           JOIN place ON place.id = proposal.place
           JOIN pool ON pool.id = proposal.pool
           LEFT JOIN contract ON contract.id = pool.contract
           LEFT JOIN vendor ON vendor.id = proposal.vendor
           LEFT JOIN party ON party.id = vendor.party
           WHERE proposal.id = ANY($1) ORDER BY proposal.id"""


async def _open(proposals: Sequence[UUID], *, by: Actor) -> tuple[list[_Open], list[str]]:
    """Proposals sized by what is there now, and the numbers of those that are needed no more.

    Raises:
        Unknown: no such proposal in the actor's scope.
        NotYourDepot: one is of a store that the actor does not serve.
        ProposalAnswered: one was answered before.

    """
    wanted = list(dict.fromkeys(proposals))
    await hold_others()
    before = {each.id: each for each in await db.read(_Open, _FIND, wanted)}
    for proposal in wanted:
        if proposal not in before or (by.contracts is not None and not _serves(before[proposal], by)):
            raise Unknown(what="replenishment proposal", what_zh="补货建议", key=str(proposal))
        by.require_depot(before[proposal].depot)
    for each in before.values():
        if each.state != "open":
            raise ProposalAnswered(number=each.number, state=each.state, state_zh=_STATES[each.state])
    await propose([each.key for each in before.values()], by=by)
    now = await db.read(_Open, _FIND, wanted)
    return [each for each in now if each.state == "open"], [each.number for each in now if each.state != "open"]


def _serves(proposal: _Open, by: Actor) -> bool:
    return proposal.contract is None or proposal.contract in (by.contracts or ())


@db.atomic
async def accept(proposals: Sequence[UUID], *, by: Actor, quantities: Mapping[UUID, int] | None = None) -> Accepted:
    """Make order drafts of proposals, one for each vendor, store and pool; all or none.

    They are sized by what is there now first; one that is needed no more is withdrawn and told of, not ordered. A
    quantity in `quantities` (by proposal) goes before the proposed one.

    Raises:
        Unknown, NotYourDepot, ProposalAnswered: a proposal cannot be answered (any more) by the actor.
        NobodyOffers: no vendor will do for one of them.
        NoOffer, QuantityOutsideOffer, OrderTooSmall: as for `orders.draft_order`.

    """
    by.require("orders.draft")
    found, gone = await _open(proposals, by=by)
    drafted = await _draft(found, quantities or {}, by=by)
    return Accepted(orders=drafted, withdrawn=gone)


async def _draft(found: Sequence[_Open], quantities: Mapping[UUID, int], *, by: Actor) -> list[OrderView]:
    """One order draft for each vendor, store and pool, and the proposals written as answered."""
    groups: dict[tuple[str, str, str], list[_Open]] = defaultdict(list)
    for each in found:
        if each.vendor is None:
            raise NobodyOffers(part_number=each.part_number, depot=each.depot)
        groups[each.vendor, each.depot, each.pool].append(each)
    drafts: list[OrderView] = []
    for (vendor, depot, pool), of_order in sorted(groups.items()):
        ordered = {each.id: quantities.get(each.id, each.quantity) for each in of_order}
        draft = await orders.draft(
            vendor,
            depot,
            [NewLine(part_number=each.part_number, quantity=ordered[each.id]) for each in of_order],
            by=by,
            pool=pool,
        )
        drafts.append(draft)
        await db.execute(
            """UPDATE replenishment_proposal SET state = 'drafted', answered_at = $3, answered_by = $4,
                      purchase_order = $5, ordered_quantity = answer.quantity
               FROM unnest($1::uuid[], $2::int[]) AS answer(id, quantity)
               WHERE replenishment_proposal.id = answer.id AND state = 'open'""",
            list(ordered),
            list(ordered.values()),
            clock.now(),
            by.name,
            draft.id,
        )
        await audit.record(
            "replenishment.drafted",
            "purchase_order",
            draft.number,
            by=by,
            change={each.number: {"proposed": each.quantity, "ordered": ordered[each.id]} for each in of_order},
        )
        await events.emit_many(
            [
                _event("drafted", each, {"quantity": ordered[each.id], "vendor": vendor, "order": draft.number})
                for each in of_order
            ]
        )
    await _end_duties(by=by)
    return drafts


@db.atomic
async def decline(proposals: Sequence[UUID], *, by: Actor, reason: str, until: datetime | None = None) -> list[str]:
    """Say no to proposals, with the reason: none is made for these levels again while nothing changes.

    Until `until` (None: for good), unless the base stock changes, the position falls further, or there is no need meanwhile.

    Returns:
        The numbers of those that were declined; the others were needed no more, and are withdrawn.

    Raises:
        Unknown, NotYourDepot, ProposalAnswered: as for `accept`.
        NeverAnswered: `until` is past.
        NoReason: no reason is given.

    """
    by.require("orders.draft")
    if not reason.strip():
        raise NoReason
    if until is not None and until <= clock.now():
        raise NeverAnswered
    found, _ = await _open(proposals, by=by)
    await db.execute(
        """UPDATE replenishment_proposal SET state = 'declined', answered_at = $2, answered_by = $3, reason = $4,
                  declined_until = $5
           WHERE id = ANY($1) AND state = 'open'""",
        [each.id for each in found],
        clock.now(),
        by.name,
        reason,
        until,
    )
    numbers = [each.number for each in found]
    await audit.record_each("replenishment.declined", "replenishment_proposal", numbers, by=by, reason=reason)
    await events.emit_many([_event("declined", each, {"reason": reason, "until": until}) for each in found])
    await _end_duties(by=by)
    return numbers


def _event(what: str, of: _Open, more: Mapping[str, object]) -> events.NewEvent:
    return events.NewEvent(
        kind=f"replenishment.{what}",
        subject_kind="replenishment_proposal",
        subject=of.number,
        payload={"number": of.number, "part_number": of.part_number, "depot": of.depot, "pool": of.pool, **more},
        depot=of.depot,
        contract=of.contract,
        closed=True,
    )


async def _end_duties(*, by: Actor) -> None:
    await keep_duties((await replenishment_policy.in_force()).policy, by=by)


@db.atomic
async def draft_what_may(*, routine: bool, by: Actor = REPLENISHMENT) -> list[OrderView]:
    """Draft by itself what the policy allows: urgent proposals at any time, the others in the daily run (`routine`).

    What waits for company is left, and so is what no vendor sends, or would be too small an order.
    """
    policy = (await replenishment_policy.in_force()).policy
    if not (policy.draft_urgent or (routine and policy.draft_routine)):
        return []
    await hold_others()
    rows = await db.fetch(
        """SELECT id, place, pool, vendor FROM replenishment_proposal
           WHERE state = 'open' AND NOT waits AND bundled_at IS NOT NULL AND vendor IS NOT NULL
             AND CASE WHEN urgent THEN $1::bool ELSE $2::bool END
           ORDER BY id LIMIT $3""",
        policy.draft_urgent,
        routine and policy.draft_routine,
        MOST_AT_ONCE,
    )
    groups: dict[tuple[int, int, int], list[UUID]] = defaultdict(list)
    for row in rows:
        groups[row["place"], row["pool"], row["vendor"]].append(row["id"])
    drafts: list[OrderView] = []
    for proposals in groups.values():
        found, _ = await _open(proposals, by=by)
        try:
            async with db.savepoint():
                drafts += await _draft(found, {}, by=by)
        except (NobodyOffers, orders.NoOffer, orders.QuantityOutsideOffer, orders.OrderTooSmall):
            continue  # a buyer finds it in the list
    return drafts


@db.atomic
async def look_again() -> None:
    """Look at every level, as happens every few minutes; in the day's first run after the policy's hour also at all offers."""
    daily = await _begin_day()
    await propose(afresh=daily)
    await jobs.enqueue(jobs.BundleOrders(daily=daily))


async def _begin_day() -> bool:
    """Whether the daily run is due, and ours: from the policy's hour on, once a day, whoever comes first."""
    policy = (await replenishment_policy.in_force()).policy
    if clock.now().astimezone(clock.ZONE).hour < policy.daily_hour:
        return False
    begun = await db.fetch_value(
        """INSERT INTO replenishment_run (ran_on, ran_at) VALUES ($1, $2)
           ON CONFLICT ON CONSTRAINT replenishment_runs_once_a_day DO NOTHING RETURNING id""",
        clock.today(),
        clock.now(),
    )
    return begun is not None
