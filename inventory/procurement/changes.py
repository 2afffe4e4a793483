"""Change orders: what we ask a vendor to change of an order; it holds from the vendor's word on, and each version is kept."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal
from uuid import UUID

from msgspec import Struct, UnsetType, field, structs, to_builtins

from inventory.ground import audit, clock, db, events, jobs, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, ReasonMissing, Refused, Unknown, WrongState
from inventory.people.delegations import acting
from inventory.places import places
from inventory.procurement import orders, policy
from inventory.procurement.orders import OrderView, PricedLine
from inventory.procurement.prices import CNY, FEN
from inventory.stock import expected

ChangeState = Literal["drafted", "asked", "confirmed", "declined", "withdrawn"]

Ended = Literal["confirmed", "declined", "withdrawn"]

MOST_PIECES = 1_000_000
MOST_CNY = Decimal(100_000_000)


class NotOnThisOrder(Invalid):
    """{part_number} is not on order {number}."""

    zh = "订单 {number} 不含 {part_number}。"
    help_en = "Change what stands on the order; to add a part, say how many."
    help_zh = "请变更订单已有的行；增加备件请填写数量。"


class NothingChanged(Invalid):
    """Nothing of order {number} would change."""

    zh = "订单 {number} 没有任何变更内容。"
    help_en = "Give another quantity, price or date."
    help_zh = "请填写不同的数量、单价或日期。"


class ChangedPartTwice(Invalid):
    """{part_number} is changed twice."""

    zh = "{part_number} 在变更中重复出现。"
    help_en = "Change each part once."
    help_zh = "同一备件只能变更一次。"


class ChangeOutOfBounds(Invalid):
    """{part_number}: {what} {value} is out of bounds."""

    zh = "{part_number}：{what_zh} {value} 超出允许范围。"
    help_en = "Give 0 or more pieces, and a price of 0 or more with at most two decimals."
    help_zh = "数量不得为负；单价不得为负且最多两位小数。"


class WantedInPast(Invalid):
    """Nothing can be wanted for {wanted_at}: that has passed."""

    zh = "期望到货时间 {wanted_at} 已过。"
    help_en = "Give a time to come, with its time zone."
    help_zh = "请填写将来的时间（含时区）。"


class LessThanCame(Refused):
    """{part_number}: {quantity} would be ordered, but {came} came already or are on their way."""

    zh = "{part_number}：变更后订购 {quantity} 件，但已入库或在途 {came} 件。"
    help_en = "Ask for {came} or more; what came too much goes back as a return."
    help_zh = "请改为不少于 {came} 件；多到的货请办理退货。"


class NothingToCancel(Refused):
    """Of order {number} something came already or is on its way: it cannot be cancelled as a whole."""

    zh = "订单 {number} 已有到货或在途货物，不能整单取消。"
    help_en = "Lower the quantities to what came, or close the order when the rest is not to come."
    help_zh = "请将数量减至已到数量，或在剩余货物不再到货时关闭订单。"


class ChangeIsOpen(Refused, constraint="order_change_is_open_once"):
    """A change of this order waits for its answer already."""

    zh = "该订单已有变更待答复。"
    help_en = "Wait for the vendor's answer, record it, or withdraw the change while the vendor has not been told."
    help_zh = "请等待或登记供应商答复；尚未告知供应商的变更可撤回。"


class VendorWasTold(Refused):
    """The vendor was told of version {version}: only its answer ends it."""

    zh = "已将第 {version} 版变更告知供应商，须待其答复。"
    help_en = "Ask the vendor, and record what it says."
    help_zh = "请联系供应商并登记其答复。"


class ChangedLine(Struct, frozen=True, kw_only=True):
    """What is to be different of a part; what is left out stays. A part that is not on the order is added to it.

    `unit_price` is payable with tax, in the currency of the line. Without a price of its own an added part costs what its
    vendor offers it for.
    """

    part_number: str
    quantity: int | None = None
    unit_price: Decimal | None = None


class Version(Struct, frozen=True, kw_only=True):
    """An order as a version has it; `small_order_fee_cny` is part of its total."""

    lines: list[PricedLine]
    total_cny: Decimal
    small_order_fee_cny: Decimal = field(default_factory=Decimal)
    wanted_at: datetime | None = None
    ship_to: str | None = None
    """The store it goes to, where a change is about that."""


class ChangeView(Struct, frozen=True, kw_only=True):
    """A change order: the order before and after it, and what came of it."""

    id: UUID
    version: int
    state: ChangeState
    cancels: bool
    before: Version
    after: Version
    reason: str
    drafted_at: datetime
    drafted_by: str
    approved_by: str | None
    approved_for: str | None
    told_at: datetime | None
    answered_at: datetime | None
    answered_by: str | None
    answer: str


@db.atomic
async def change_order(
    order: UUID,
    lines: Sequence[ChangedLine] = (),
    *,
    by: Actor,
    reason: str,
    wanted_at: datetime | None = None,
    cancel: bool = False,
) -> ChangeView:
    """Ask a vendor for other quantities, prices or another date, or to cancel all; a draft is changed there and then.

    What a draft then comes to is reckoned with the vendor's fee for small orders, as when it was drafted; of an order that the
    vendor has, fees stay as they are. What raises the order above what one person may decide waits for a second one.

    Raises:
        Unknown: no such order.
        NotYourDepot: it goes to a store that the actor does not serve.
        ReasonMissing: no reason was given.
        WrongState: it is being placed just now, or it is over.
        NotOnThisOrder, ChangedPartTwice, ChangeOutOfBounds, NothingChanged, WantedInPast: the change is not valid.
        NoOffer, QuantityOutsideOffer: the vendor does not offer an added part, or not so many.
        OrderTooSmall: the draft would be less than the vendor takes.
        LessThanCame, NothingToCancel: what came or is on its way cannot be undone by a change.
        ChangeIsOpen: another change waits for its answer.

    """
    by.require("orders.draft")
    return await ask_for_change(order, lines, by=by, reason=reason, wanted_at=wanted_at, cancel=cancel)


@db.atomic
async def ask_for_change(
    order: UUID,
    lines: Sequence[ChangedLine] = (),
    *,
    by: Actor,
    reason: str,
    wanted_at: datetime | None = None,
    cancel: bool = False,
    ship_to: str | None = None,
) -> ChangeView:
    """Ask for a change on behalf of another verb that has checked the actor's rights; also that it goes to another store.

    Raises:
        Unknown: no such store.
        As `change_order`.

    """
    await db.execute("SELECT FROM purchase_order WHERE id = $1 FOR NO KEY UPDATE", order)
    view = await orders.order_view(order)
    by.require_depot(view.ship_to)
    if not reason.strip():
        raise ReasonMissing
    before = _version(view)
    if not cancel:
        before = structs.replace(before, lines=[*before.lines, *await _added(view, lines)])
    if ship_to is not None:
        before = structs.replace(before, ship_to=view.ship_to)
        ship_to = (await places.find_store(ship_to)).code
    after = await _changed(view, before, lines, wanted_at, cancel=cancel, ship_to=ship_to)
    cancel = cancel or not any(line.quantity for line in after.lines)
    allowed = orders.OPEN_FOR_RECEIPT if cancel else ("draft", *orders.OPEN_FOR_RECEIPT)
    if view.state not in allowed:
        raise WrongState(
            what="Purchase order", what_zh="采购订单", key=view.number, state=view.state, needed=" / ".join(allowed)
        )
    raised = after.total_cny > before.total_cny
    limit = (await policy.in_force()).policy.four_eyes_above_cny
    alone = view.state == "draft" or not raised or after.total_cny <= limit
    version = view.version + 1 + await _unheeded(order)
    change = await db.fetch_value(
        """INSERT INTO order_change (purchase_order, version, state, cancels, before, after, reason, drafted_at, drafted_by,
                                     answered_at, answered_by)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id""",
        order,
        version,
        "confirmed" if view.state == "draft" else "asked" if alone else "drafted",
        cancel,
        to_builtins(before),
        to_builtins(after),
        reason.strip(),
        clock.now(),
        by.name,
        clock.now() if view.state == "draft" else None,
        by.name if view.state == "draft" else None,
    )
    await audit.record(
        "order.change_asked",
        "purchase_order",
        view.number,
        by=by,
        change={"version": version, "before": before, "after": after, "cancels": cancel},
        reason=reason.strip(),
    )
    if view.state == "draft":
        await _apply(view, await change_view(change), by=by)
    elif alone:
        await _ask(view, change)
    else:
        await steps.begin(
            "approve_change",
            "purchase_order",
            view.number,
            owner_role="buyer",
            depot=view.ship_to,
            due_at=clock.now() + timedelta(hours=24),
        )
    return await change_view(change)


async def _unheeded(order: UUID) -> int:
    """How many changes after the version in force came to nothing: their numbers are not used again."""
    return await db.fetch_value(
        """SELECT greatest(coalesce(max(order_change.version), 0) - purchase_order.version, 0)
           FROM purchase_order LEFT JOIN order_change ON order_change.purchase_order = purchase_order.id
           WHERE purchase_order.id = $1 GROUP BY purchase_order.id""",
        order,
    )


def _version(view: OrderView) -> Version:
    return Version(
        lines=[
            PricedLine(
                part_number=line.part_number,
                quantity=line.quantity,
                currency=_known(line.currency, CNY),
                unit_price=_known(line.unit_price, Decimal(0)),
                cny_per_100=_known(line.cny_per_100, Decimal(100)),
                unit_price_cny=_known(line.unit_price_cny, Decimal(0)),
                framework_number=line.framework_number,
            )
            for line in view.lines
        ],
        total_cny=_known(view.total_cny, Decimal(0)),
        small_order_fee_cny=_known(view.small_order_fee_cny, Decimal(0)),
        wanted_at=view.wanted_at,
    )


def _known[T](told: T | UnsetType, otherwise: T) -> T:
    return otherwise if isinstance(told, UnsetType) else told


async def _changed(
    view: OrderView,
    before: Version,
    lines: Sequence[ChangedLine],
    wanted_at: datetime | None,
    *,
    cancel: bool,
    ship_to: str | None,
) -> Version:
    """The order after a change that is valid."""
    if len({line.part_number for line in lines}) < len(lines):
        repeated = next(
            one.part_number for n, one in enumerate(lines) if one.part_number in [x.part_number for x in lines[:n]]
        )
        raise ChangedPartTwice(part_number=repeated)
    if wanted_at is not None and wanted_at <= clock.now():
        raise WantedInPast(wanted_at=wanted_at.isoformat())
    wanted = {line.part_number: line for line in lines}
    for part_number in wanted.keys() - {line.part_number for line in before.lines}:
        raise NotOnThisOrder(part_number=part_number, number=view.number)
    for line in lines:
        _require_bounds(line)
    if cancel:
        if any((await _came(view.id)).values()):
            raise NothingToCancel(number=view.number)
        return structs.replace(
            before,
            lines=[structs.replace(line, quantity=0) for line in before.lines],
            total_cny=Decimal(0),
            small_order_fee_cny=Decimal(0),
        )
    changed = [_line(line, wanted[line.part_number]) if line.part_number in wanted else line for line in before.lines]
    if changed == before.lines and wanted_at in (None, before.wanted_at) and ship_to == before.ship_to:
        raise NothingChanged(number=view.number)
    await _require_not_undercut(view.id, changed)
    goods, small = _sum(changed), before.small_order_fee_cny
    if view.state == "draft" and not view.expedited and goods:
        small = (await orders.order_terms(view.vendor)).small_order_fee(goods)
    fees = before.total_cny - _sum(before.lines) - before.small_order_fee_cny
    return Version(
        lines=changed,
        total_cny=goods + fees + small,
        small_order_fee_cny=small,
        wanted_at=wanted_at or before.wanted_at,
        ship_to=ship_to,
    )


async def _added(view: OrderView, lines: Sequence[ChangedLine]) -> list[PricedLine]:
    """The parts that a change adds: none of each is on the order before."""
    standing = {line.part_number for line in view.lines}
    added: list[PricedLine] = []
    for line in {line.part_number: line for line in lines}.values():
        if line.part_number not in standing and line.quantity is not None and 0 < line.quantity <= MOST_PIECES:
            offered = await orders.priced(view.vendor, line.part_number, line.quantity, expedited=view.expedited)
            added.append(structs.replace(offered, quantity=0))
    return added


def _line(line: PricedLine, wanted: ChangedLine) -> PricedLine:
    """A line with what is to be different of it; its exchange rate stays that of the order.

    Another price is none of the framework contract that the line's came from.
    """
    changed = line if wanted.quantity is None else structs.replace(line, quantity=wanted.quantity)
    if wanted.unit_price in (None, line.unit_price):
        return changed
    cny = (wanted.unit_price * line.cny_per_100 / 100).quantize(FEN, ROUND_HALF_UP)
    return structs.replace(changed, unit_price=wanted.unit_price, unit_price_cny=cny, framework_number=None)


def _sum(lines: Sequence[PricedLine]) -> Decimal:
    """What lines cost without fees.

    >>> _sum([PricedLine(part_number="FAN", quantity=3, currency="USD", unit_price=Decimal(2), cny_per_100=Decimal(700),
    ...                   unit_price_cny=Decimal("14.00"))])
    Decimal('42.00')
    """
    return sum((line.unit_price_cny * line.quantity for line in lines), Decimal(0))


def _require_bounds(line: ChangedLine) -> None:
    if line.quantity is not None and not 0 <= line.quantity <= MOST_PIECES:
        raise ChangeOutOfBounds(part_number=line.part_number, what="quantity", what_zh="数量", value=line.quantity)
    price = line.unit_price
    if price is not None and not (price.is_finite() and 0 <= price <= MOST_CNY and price == price.quantize(FEN)):
        raise ChangeOutOfBounds(part_number=line.part_number, what="price", what_zh="单价", value=price)


async def _came(order: UUID) -> dict[str, int]:
    """Of every part how many came, will not come, or are announced as on their way."""
    rows = await db.fetch(
        """SELECT part.part_number, line.received_quantity + line.short_quantity + coalesce(
                      (SELECT sum(greatest(announced.quantity - announced.received_quantity, 0))
                       FROM advance_notice_line AS announced JOIN advance_notice ON advance_notice.id = announced.notice
                       WHERE announced.source = line.id AND advance_notice.state IN ('expected', 'partly_received')),
                      0)::int AS came
           FROM purchase_order_line AS line JOIN part ON part.id = line.part WHERE line.purchase_order = $1""",
        order,
    )
    return {row["part_number"]: row["came"] for row in rows}


async def _require_not_undercut(order: UUID, lines: Sequence[PricedLine]) -> None:
    """Refuse less than came or is on its way; lines that came too much already may stay as they are.

    Raises:
        LessThanCame: a line would be less.

    """
    came = await _came(order)
    standing = {
        row["part_number"]: row["quantity"]
        for row in await db.fetch(
            """SELECT part.part_number, quantity FROM purchase_order_line AS line JOIN part ON part.id = line.part
               WHERE purchase_order = $1""",
            order,
        )
    }
    for line in lines:
        if line.quantity < min(came.get(line.part_number, 0), standing.get(line.part_number, 0)):
            raise LessThanCame(part_number=line.part_number, quantity=line.quantity, came=came[line.part_number])


async def _ask(view: OrderView, change: UUID) -> None:
    urgent = view.kind == "emergency" or view.request_number is not None
    await steps.begin(
        "answer_change",
        "purchase_order",
        view.number,
        owner_role="buyer",
        depot=view.ship_to,
        due_at=clock.now() + (await policy.in_force()).policy.silence(urgent=urgent),
    )
    await jobs.enqueue(jobs.TellChange(change))


@db.atomic
async def approve_change(order: UUID, *, by: Actor) -> ChangeView:
    """Approve a change that makes an order dearer than one person may decide; the vendor is then asked.

    Raises:
        Unknown: no such order, or no change of it waits for approval.
        NotYourDepot: it goes to a store that the actor does not serve.
        FourEyes, NoPerson, BeyondDelegation, OutsideDelegation, DraftedForOneself: as for orders.

    """
    by.require(orders.APPROVING)
    view, change = await _open_change(order, ("drafted",))
    by.require_depot(view.ship_to)
    by = acting(
        orders.APPROVING,
        by=by,
        amount_cny=change.after.total_cny,
        depot=view.ship_to,
        drafted_by=[view.created_by, change.drafted_by],
    )
    await orders.require_second(change.after.total_cny, change.drafted_by, by=by)
    await db.execute(
        "UPDATE order_change SET state = 'asked', approved_by = $2, approved_for = $3 WHERE id = $1",
        change.id,
        by.name,
        by.acts_for,
    )
    await steps.finish("purchase_order", view.number, "approve_change", by=by)
    await audit.record(
        "order.change_approved", "purchase_order", view.number, by=by, change={"version": change.version}
    )
    await _ask(view, change.id)
    return await change_view(change.id)


@db.atomic
async def withdraw_change(order: UUID, *, by: Actor, reason: str) -> ChangeView:
    """Take back a change that the vendor has not been told of.

    Raises:
        Unknown: no such order, or no change of it is open.
        NotYourDepot: it goes to a store that the actor does not serve.
        VendorWasTold: only its answer ends it.

    """
    by.require("orders.draft")
    view, change = await _open_change(order, ("drafted", "asked"))
    by.require_depot(view.ship_to)
    if change.told_at is not None:
        raise VendorWasTold(version=change.version)
    return await _end(view, change, "withdrawn", by=by, answer=reason.strip())


@db.atomic
async def answer_change(
    order: UUID,
    *,
    by: Actor,
    confirmed: bool,
    version: int | None = None,
    answer: str = "",
    promised_at: datetime | None = None,
) -> ChangeView:
    """The vendor's word on a change: from here on the order is as it says, or stays as it was and a buyer looks.

    The rights of whoever says so are checked by the caller: the vendor itself, or a buyer it told. The same answer again
    changes nothing.

    Raises:
        Unknown: no such change is asked.
        WrongState: it was answered otherwise before.
        LessThanCame, NothingToCancel: meanwhile more came, or is on its way, than would be ordered.

    """
    await db.execute("SELECT FROM purchase_order WHERE id = $1 FOR NO KEY UPDATE", order)
    becomes: Ended = "confirmed" if confirmed else "declined"
    if version is not None:
        known = next((each for each in await changes(order, limit=200) if each.version == version), None)
        if known is not None and known.answered_at is not None:
            if known.state == becomes:
                return known
            raise WrongState(
                what="Change order", what_zh="变更单", key=f"v{version}", state=known.state, needed="asked"
            )
    view, change = await _open_change(order, ("asked",), version)
    if not confirmed:
        await steps.begin(
            "change_declined",
            "purchase_order",
            view.number,
            owner_role="buyer",
            depot=view.ship_to,
            due_at=clock.now() + timedelta(hours=8),
        )
        return await _end(view, change, "declined", by=by, answer=answer)
    ended = await _end(view, change, "confirmed", by=by, answer=answer)
    await _apply(view, ended, by=by, promised_at=promised_at)
    return ended


async def _end(view: OrderView, change: ChangeView, state: Ended, *, by: Actor, answer: str) -> ChangeView:
    await db.execute(
        "UPDATE order_change SET state = $2, answered_at = $3, answered_by = $4, answer = $5 WHERE id = $1",
        change.id,
        state,
        clock.now(),
        by.name,
        answer[:1000],
    )
    for kind in ("answer_change", "approve_change"):
        await steps.finish("purchase_order", view.number, kind, by=by)
    await audit.record(
        f"order.change_{state}", "purchase_order", view.number, by=by, change={"version": change.version}, reason=answer
    )
    told = {"number": view.number, "version": change.version, "state": state, "cancels": change.cancels}
    await events.emit("purchase_order.change_answered", "purchase_order", view.number, told, depot=view.ship_to)
    return await change_view(change.id)


async def _apply(view: OrderView, change: ChangeView, *, by: Actor, promised_at: datetime | None = None) -> None:
    """Let the order be as the change says."""
    after = change.after
    if change.cancels:
        if any((await _came(view.id)).values()):
            raise NothingToCancel(number=view.number)
    else:
        await _require_not_undercut(view.id, after.lines)
        await _apply_lines(view, after)
    await db.execute(
        """UPDATE purchase_order
           SET version = $2, total_cny = $3, wanted_at = $4, small_order_fee_cny = coalesce($5, small_order_fee_cny)
           WHERE id = $1""",
        view.id,
        change.version,
        view.total_cny if change.cancels else after.total_cny,
        after.wanted_at,
        after.small_order_fee_cny if view.state == "draft" else None,
    )
    if change.cancels:
        await orders.record_cancelled(view.id, by=by, reason=change.reason)
        return
    if after.ship_to is not None:
        await orders.send_elsewhere(view.id, (await places.find_store(after.ship_to)).id)
    if view.state == "draft":
        return
    for line in view.lines:
        now = next(each for each in after.lines if each.part_number == line.part_number)
        if now.quantity != line.quantity:
            await expected.change(line.id, now.quantity - line.short_quantity)
    new_date = promised_at or (after.wanted_at if after.wanted_at != change.before.wanted_at else None)
    if new_date is not None:
        await orders.record_acknowledged(view.id, by=by, promised_at=new_date, lines=None)
    if view.state == "partly_received":
        await orders.record_received(view.id, {}, by=by)


async def _apply_lines(view: OrderView, after: Version) -> None:
    """Let the order's lines be as the change says; what it adds comes after them."""
    await db.execute(
        """UPDATE purchase_order_line AS line
           SET quantity = new.quantity, unit_price = new.price, unit_price_cny = new.price_cny,
               framework_number = new.framework_number
           FROM unnest($2::text[], $3::int[], $4::numeric[], $5::numeric[], $6::text[])
                AS new(part_number, quantity, price, price_cny, framework_number)
           JOIN part ON part.part_number = new.part_number
           WHERE line.purchase_order = $1 AND line.part = part.id""",
        view.id,
        [line.part_number for line in after.lines],
        [line.quantity for line in after.lines],
        [line.unit_price for line in after.lines],
        [line.unit_price_cny for line in after.lines],
        [line.framework_number for line in after.lines],
    )
    standing = {line.part_number for line in view.lines}
    added = [line for line in after.lines if line.part_number not in standing]
    if added:
        await orders.add_lines(view.id, added)


async def _open_change(
    order: UUID, states: Sequence[ChangeState], version: int | None = None
) -> tuple[OrderView, ChangeView]:
    await db.execute("SELECT FROM purchase_order WHERE id = $1 FOR NO KEY UPDATE", order)
    view = await orders.order_view(order)
    found = await db.fetch_value(
        """SELECT id FROM order_change
           WHERE purchase_order = $1 AND state = ANY($2) AND ($3::int IS NULL OR version = $3)""",
        order,
        list(states),
        version,
    )
    if found is None:
        raise Unknown(what="open change of the order", what_zh="待答复的订单变更", key=view.number)
    return view, await change_view(found)


@db.atomic
async def note_told(change: UUID) -> None:
    """The vendor was told of a change: now only its answer ends it; one that waits for approval nobody can have heard of."""
    await db.execute(
        "UPDATE order_change SET told_at = coalesce(told_at, $2) WHERE id = $1 AND state <> 'drafted'",
        change,
        clock.now(),
    )


class ChangeToTell(Struct, frozen=True, kw_only=True):
    """A change that its vendor is to be told of."""

    order: UUID
    change: ChangeView


async def change_to_tell(change: UUID) -> ChangeToTell | None:
    """A change that waits for its vendor's answer; None where there is nothing left to tell."""
    order = await db.fetch_value("SELECT purchase_order FROM order_change WHERE id = $1 AND state = 'asked'", change)
    return None if order is None else ChangeToTell(order=order, change=await change_view(change))


_VIEW = """SELECT id, version, state, cancels, before, after, reason, drafted_at, drafted_by, approved_by, approved_for,
                  told_at, answered_at, answered_by, answer
           FROM order_change"""


async def change_view(change: UUID) -> ChangeView:
    """One change.

    Raises:
        Unknown: no such change.

    """
    found = await db.read_one(ChangeView, f"{_VIEW} WHERE id = $1", change)
    if found is None:
        raise Unknown(what="change order", what_zh="变更单", key=str(change))
    return found


async def changes(order: UUID, *, limit: int) -> list[ChangeView]:
    """An order's changes, the latest first; whether the reader may see the order, and its prices, is the caller's business."""
    return await db.read(ChangeView, f"{_VIEW} WHERE purchase_order = $1 ORDER BY version DESC LIMIT $2", order, limit)
