"""Quoting: how a quotation is answered (D25): accepted, rejected, made anew, or no longer valid.

Its customer answers by a signed link, or says it to somebody who writes down who said so; a ticket system by its key.
"""

from datetime import timedelta
from uuid import UUID

from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor, service
from inventory.ground.errors import Invalid, ReasonMissing, Refused, Unknown, WrongState
from inventory.installed_base import devices
from inventory.people import messages
from inventory.requests import approvals, changing, promising, quotations, releasing, requests, scope
from inventory.requests.gates import Gate
from inventory.requests.lines import lock_head, settle
from inventory.requests.quotations import QuotationView
from inventory.requests.requests import RequestView, request_view
from inventory.returns import collecting, repairs
from inventory.returns.collecting import CollectionView
from inventory.stock import reservations

BY_LINK = service("quotation-link")
"""Who acts when somebody answers by the link of a quotation."""


LINK_LIVES_ON = timedelta(days=30)
"""How long the link of a quotation still shows it after it was valid."""


class QuotationOver(Refused):
    """Quotation {number} cannot be answered any more: it is {state}."""

    zh = "报价单 {number} 已不能答复，当前状态：{state_zh}。"
    help_en = "Look at the request for the version that holds, or have it quoted anew."
    help_zh = "请在备件申请中查看当前版本，或重新报价。"


class NoRepairQuoted(Refused):
    """Quotation {number} offers no repair of {part_number}."""

    zh = "报价单 {number} 未包含 {part_number} 的返修报价。"
    help_en = "Accept the replacement, or have it quoted anew once a vendor offers the repair."
    help_zh = "请接受更换报价，或在供应商提供返修报价后重新报价。"


class NobodySaidSo(Invalid):
    """An answer to a quotation names who gave it."""

    zh = "答复报价须写明答复人。"
    help_en = "Give the name of the customer's contact who accepted or rejected it."
    help_zh = "请填写客户方答复人的姓名。"


_OVER = {
    "accepted": ("accepted", "已接受"),
    "rejected": ("rejected", "已拒绝"),
    "expired": ("expired", "已过期"),
    "replaced": ("replaced by a later version", "已被新版本取代"),
    "withdrawn": ("withdrawn", "已撤回"),
}


@db.atomic
async def accept(quotation: UUID, *, by: Actor, said_by: str, reason: str) -> RequestView:
    """The customer accepts: what is held becomes firm and the clock runs on, or a rule has somebody approve it first.

    Raises:
        Unknown: no such quotation in the actor's scope.
        NotYourRequest: the actor neither asked for the parts, nor is their engineer, nor may decide for others.
        QuotationOver: it was answered, expired, or replaced by a later version.
        NobodySaidSo, ReasonMissing: nobody is named who said so, or not how.

    """
    by.require("parts.request")
    request, found, number = await _open(quotation, by)
    _require_answer(said_by, reason)
    await _close(found, "accepted", number, by=by, said_by=said_by, reason=reason)
    await db.execute(
        """UPDATE request_pause SET resumed_at = $2, resumed_by = $3
           WHERE request = $1 AND resumed_at IS NULL AND reason = $4""",
        request,
        clock.now(),
        by.name,
        found.number,
    )
    asked = await db.fetch("SELECT part, quantity FROM request_line WHERE request = $1 ORDER BY position", request)
    charged = (await request_view(request)).charged
    rules = await approvals.rules(charged, [(line["part"], line["quantity"]) for line in asked])
    if not rules:
        view = await releasing.let_through(request, by=by)
    else:
        await _hold_for_approval(request)
        await approvals.ask(request, rules, by=by)
        view = await changing.reclock(request, await request_view(request), by=by)
        await events.emit(
            "part_request.awaiting_approval", "part_request", number, view, contract=view.contract, depot=view.site
        )
    await _tell(view, found, "accepted", said_by, by)
    return view


@db.atomic
async def accept_repair(
    quotation: UUID, part_number: str, serial: str, *, by: Actor, said_by: str, reason: str
) -> CollectionView:
    """The customer has its own unit repaired instead of replaced: it is fetched, and goes to who quoted the repair.

    What the request held becomes free and the request is closed. The unit stays the customer's; once it was fetched, its RMA
    is drafted.

    Raises:
        Unknown, NotYourRequest, QuotationOver, NobodySaidSo, ReasonMissing: as `accept`.
        NoRepairQuoted: no repair of that part was quoted, or nobody offers one any more.
        SerialsMissing, CollectedAlready: as `collecting.plan`.

    """
    by.require("parts.request")
    request, found, number = await _open(quotation, by)
    _require_answer(said_by, reason)
    line = next((each for each in found.lines if each.part_number == part_number), None)
    row = await db.fetch_one(
        """SELECT party.code AS vendor, place.code AS depot, device.serial AS device FROM part_request
           JOIN request_line ON request_line.request = part_request.id
           JOIN part ON part.id = request_line.part AND part.part_number = $2
           JOIN device ON device.id = part_request.device
           JOIN coverage ON coverage.site = device.site
           JOIN place ON place.id = coverage.store AND place.kind = 'depot'
           JOIN offers_on($3::date) AS offer ON offer.part = part.id AND repair_cost_cny IS NOT NULL
           JOIN vendor ON vendor.id = offer.vendor AND vendor.active JOIN party ON party.id = vendor.party
           WHERE part_request.id = $1 ORDER BY repair_cost_cny, coverage.travel_hours, place.code LIMIT 1""",
        request,
        part_number,
        clock.today(),
    )
    if line is None or line.repair_price_cny is None or row is None:
        raise NoRepairQuoted(number=found.title, part_number=part_number)
    device = await devices.find(row["device"], seen_by=None)  # the request was found in the actor's scope
    await _close(found, "accepted", number, by=by, said_by=said_by, reason=reason)
    view = await requests.withdraw(request, number, by=by, reason=f"{found.title}: {reason}")
    planned = await collecting.begin(
        device,
        collecting.NewCollection(
            device=device.serial,
            depot=row["depot"],
            part_number=part_number,
            serial=serial,
            complaint=reason.strip(),
            due_at=clock.now()
            + collecting.COLLECT_WITHIN * 2
            + timedelta(days=line.repair_days or repairs.VENDOR_DAYS),
            request=number,
            quotation=found.title,
            price_cny=line.repair_price_cny,
            vendor=row["vendor"],
        ),
        by=by,
    )
    await _tell(view, found, "accepted", said_by, by)
    return planned


@db.atomic
async def reject(quotation: UUID, *, by: Actor, said_by: str, reason: str) -> RequestView:
    """The customer does not want it: what is held becomes free and the request is closed (D25).

    Raises:
        Unknown, NotYourRequest, QuotationOver, NobodySaidSo, ReasonMissing: as `accept`.

    """
    by.require("parts.request")
    request, found, number = await _open(quotation, by)
    _require_answer(said_by, reason)
    await _close(found, "rejected", number, by=by, said_by=said_by, reason=reason)
    view = await requests.withdraw(request, number, by=by, reason=f"{found.title}: {reason}")
    await _tell(view, found, "rejected", said_by, by)
    return view


@db.atomic
async def quote_again(request: UUID, *, by: Actor, reason: str) -> RequestView:
    """Send the next version, at today's prices and with what is there now; the one before is an offer no more.

    Raises:
        Unknown: no such request in the actor's scope.
        NotYourRequest: the actor neither asked for the parts, nor is their engineer, nor may decide for others.
        WrongState: its customer has answered, or nothing was quoted.
        ReasonMissing: no reason was given.

    """
    by.require("parts.request")
    head = await lock_head(request, by=by)
    scope.require_concerned(head, by)
    if not reason.strip():
        raise ReasonMissing
    if head["state"] != "quoted":
        raise WrongState(
            what="Part request", what_zh="备件申请", key=head["number"], state=head["state"], needed="quoted"
        )
    before = await request_view(request)
    await quotations.close(before.quotations[0].id, "replaced", by=by)
    device = await devices.find(before.device_serial, seen_by=None)  # the request was found in the actor's scope
    gate = Gate(state="quoted", until=await quotations.valid_until())
    lines = await db.fetch("SELECT id FROM request_line WHERE request = $1 ORDER BY part, id", request)
    await changing.promise_anew(request, [line["id"] for line in lines], by=by, gate=gate)
    await quotations.make(request, device, valid_until=gate.until or clock.now(), by=by, remark=reason.strip())
    view = await request_view(request)
    await events.emit("part_request.quoted", "part_request", view.number, view, contract=view.contract, depot=view.site)
    return view


async def expire_due(*, by: Actor, limit: int = 200) -> int:
    """Let go of the stock of quotations that nobody answered in time; how many. Their requests wait for a new version.

    Each is a transaction of its own, so that one that somebody is just answering holds up nobody.
    """
    due = await db.fetch(
        "SELECT id FROM quotation WHERE state = 'open' AND valid_until <= $1 ORDER BY valid_until, id LIMIT $2",
        clock.now(),
        limit,
    )
    return sum([await _expire(row["id"], by=by) for row in due])


@db.atomic
async def _expire(quotation: UUID, *, by: Actor) -> bool:
    request = await db.fetch_value("SELECT request FROM quotation WHERE id = $1", quotation)
    head = await lock_head(request, by=by)
    if not await quotations.close(quotation, "expired", by=by):
        return False
    lines = await db.fetch("SELECT id FROM request_line WHERE request = $1 ORDER BY part, id", request)
    await promising.let_go([line["id"] for line in lines], by=by)
    view = await request_view(request)
    await audit.record("quotation.expired", "part_request", head["number"], by=by)
    await events.emit(
        "part_request.quotation_expired", "part_request", view.number, view, contract=view.contract, depot=view.site
    )
    await _tell(view, view.quotations[0], "expired", None, by)
    return True


async def linked(quotation: UUID) -> tuple[RequestView, QuotationView]:
    """What the link of a quotation shows, in whatever state it is; whose link it is, the edges made sure.

    Raises:
        Unknown: there is no such quotation, or it was over long ago.

    """
    request = await db.fetch_value(
        "SELECT request FROM quotation WHERE id = $1 AND valid_until > $2", quotation, clock.now() - LINK_LIVES_ON
    )
    if request is None:
        raise Unknown(what="link", what_zh="链接", key="…")
    return await request_view(request), await quotations.quotation_view(quotation)


async def quotation_of(quotation: UUID, *, seen_by: Actor) -> tuple[RequestView, QuotationView]:
    """A quotation with its request.

    Raises:
        Unknown: no such quotation in the reader's scope.

    """
    request = await db.fetch_value("SELECT request FROM quotation WHERE id = $1", quotation)
    if request is None:
        raise Unknown(what="quotation", what_zh="报价单", key=str(quotation))
    return await request_view(request, seen_by=seen_by), await quotations.quotation_view(quotation)


async def to_pass_on(quotation: UUID, *, by: Actor) -> QuotationView:
    """A quotation for somebody who may hand its link to the customer: whoever may answer it.

    Raises:
        Unknown: no such quotation in the actor's scope.
        NotYourRequest: the actor neither asked for it, nor is its engineer, nor may decide for others.

    """
    view, found = await quotation_of(quotation, seen_by=by)
    if not scope.concerns(view.opened_by, view.engineer, by):
        raise scope.NotYourRequest(name=by.name, number=view.number)
    return found


async def _open(quotation: UUID, by: Actor) -> tuple[UUID, QuotationView, str]:
    """A quotation that can still be answered, its request locked."""
    request = await db.fetch_value("SELECT request FROM quotation WHERE id = $1", quotation)
    if request is None:
        raise Unknown(what="quotation", what_zh="报价单", key=str(quotation))
    head = await lock_head(request, by=by)
    scope.require_concerned(head, by)
    found = await quotations.quotation_view(quotation)
    state = "expired" if found.state == "open" and found.valid_until <= clock.now() else found.state
    if state != "open":
        raise QuotationOver(number=found.title, state=_OVER[state][0], state_zh=_OVER[state][1])
    return request, found, head["number"]


def _require_answer(said_by: str, reason: str) -> None:
    if not said_by.strip():
        raise NobodySaidSo
    if not reason.strip():
        raise ReasonMissing


async def _close(
    found: QuotationView, state: quotations.QuotationState, number: str, *, by: Actor, said_by: str, reason: str
) -> None:
    await quotations.close(found.id, state, by=by, said_by=said_by.strip(), reason=reason.strip())
    await steps.finish("part_request", number, "answer_quotation", by=by)
    await audit.record(
        f"quotation.{state}",
        "part_request",
        number,
        by=by,
        reason=reason.strip(),
        change={"quotation": found.title, "said_by": said_by.strip()},
    )


async def _hold_for_approval(request: UUID) -> None:
    """What was quoted waits for an approval now, and what it holds lasts as long as that takes."""
    held = await db.fetch(
        "SELECT reservation FROM request_line WHERE request = $1 AND reservation IS NOT NULL", request
    )
    await reservations.keep_until([line["reservation"] for line in held], None)
    await db.execute(
        "UPDATE request_line SET state = 'awaiting_approval' WHERE request = $1 AND state = 'quoted'", request
    )
    await settle(request)


async def _tell(view: RequestView, found: QuotationView, answer: str, said_by: str | None, by: Actor) -> None:
    """Those who asked for the parts hear how it ended, unless they wrote it down themselves."""
    told = {view.opened_by, view.engineer or view.opened_by} - {by.name}
    facts = {"request": view.id, "number": view.number, "quotation": found.title, "answer": answer, "said_by": said_by}
    await messages.tell(told, "quotation_answered", facts, occasion=f"quotation:{found.id}:{answer}")
