"""Removed parts (换下的旧件): from the device into the engineer's custody, and from there to the depot, or to their end.

The books follow the piece: it lies in the engineer's own stock where he has one, else at the site it came out of, until
the counter takes it in, the customer keeps it, or a second person confirms that it is lost.
"""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from inventory.ground import audit, clock, db, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, Invalid, ReasonMissing, Refused, Unknown, WrongState
from inventory.installed_base import fitted
from inventory.places import places
from inventory.places.tables import STORE_KINDS
from inventory.returns import debts, policy
from inventory.returns.debts import DebtView, NewDebt, Terms
from inventory.stock import keeping, lots, units
from inventory.stock.ledger import post
from inventory.stock.moves import Move, Spot

DEFECTIVE = "defective"


class NotLeftThere(Refused):
    """The contract does not let the customer keep {part_number}: {number} is brought back."""

    zh = "合同未约定客户保留 {part_number}：{number} 须返还。"
    help_en = "Bring the part back; where the customer insists, have the contract's term changed first."
    help_zh = "请返还旧件；客户坚持保留的，请先变更合同约定。"


class SignatureMissing(Invalid):
    """What the customer keeps is signed for, by somebody who is named."""

    zh = "客户保留介质须有签收人。"
    help_en = "Print the confirmation, have the customer sign it, and give the name in `signed_by`."
    help_zh = "请打印介质保留确认单，由客户签字后填写签收人。"


class NotYourDebt(Forbidden):
    """{name} does not owe {number}."""

    zh = "{number} 不由 {name} 负责返还。"
    help_en = "Ask the engineer who owes it, a dispatcher or the project manager."
    help_zh = "请由负责返还的工程师、调度员或项目经理办理。"


class OwnLossOfReturn(Forbidden):
    """Somebody else than {told_by} confirms that {number} is lost."""

    zh = "{number} 报失须由 {told_by} 以外的人确认。"
    help_en = "Ask a colleague who may adjust stock."
    help_zh = "请由有库存调整权限的其他人员确认。"


class TakenOut(Struct, frozen=True, kw_only=True):
    """Pieces of a part that came out of a device: who has them, and where they are to go; ids of rows.

    `serials` were read from them; the device's record tells the others, where it does.
    """

    part: int
    quantity: int
    serials: list[str]
    position: str | None
    pool: int
    site: int
    device: int
    depot: int | None
    document: str
    engineer: str
    may_be_kept: bool


@db.atomic
async def take_out(out: TakenOut, *, by: Actor) -> list[DebtView]:
    """Give what came out of a device into its engineer's custody; he owes it to the depot from now on.

    For a verb that checked that its actor may. One debt a piece where the part is kept by serial, else one for all.

    Raises:
        SerialRepeated: a piece with the serial that was read is somewhere else.

    """
    recorded = await fitted.expected(out.device, out.part, out.position, pieces=out.quantity, document=out.document)
    named = list(dict.fromkeys([*out.serials, *recorded]))[: out.quantity]
    owner, depot = await places.ourselves(), await _owed_to(out)
    custody = await _custody(out.engineer) or out.site
    came_from = Spot(out.site, "unknown", owner, out.pool)
    target = Spot(custody, DEFECTIVE, owner, out.pool)
    opened: list[DebtView] = []
    if not await db.fetch_value("SELECT serialised FROM part WHERE id = $1", out.part):
        lot = await lots.enter(out.part, out.document, provenance="recovered", source=out.document)
        if custody != out.site:
            await _remove(out, came_from, target, lot=lot, by=by)
        return [await _owe(out, depot, custody, lot=lot, by=by)]
    for place in range(out.quantity):
        serial = named[place] if place < len(named) else None
        found = None
        if serial in out.serials:
            found = await units.enter_removed(out.part, serial, came_from, out.document)
        elif serial is not None:
            found = await _ours_at(out.site, out.part, serial)
        if found is not None:
            await _remove(out, found[1], target, unit=found[0], by=by)
        opened.append(await _owe(out, depot, custody, unit=found and found[0], serial=serial, by=by))
    return opened


async def _ours_at(site: int, part: int, serial: str) -> tuple[UUID, Spot] | None:
    """The unit that a device's record names, and how it is, if the books have it at the site: it came out there."""
    row = await db.fetch_one(
        """SELECT id, place, condition, owner, pool FROM unit
           WHERE part = $1 AND serial = $2 AND place = $3 FOR NO KEY UPDATE""",
        part,
        serial,
        site,
    )
    return None if row is None else (row["id"], Spot(row["place"], row["condition"], row["owner"], row["pool"]))


async def _owed_to(out: TakenOut) -> int:
    """The depot a removed part is owed to: where its replacement came from, else the nearest one that serves the site."""
    return await db.fetch_value(
        """SELECT place.id FROM place LEFT JOIN coverage ON coverage.store = place.id AND coverage.site = $2
           WHERE place.kind IN ('depot', 'onsite_store')
           ORDER BY place.id = $1 DESC NULLS LAST, coverage.travel_hours NULLS LAST, place.kind, place.id LIMIT 1""",
        out.depot,
        out.site,
    )


async def _custody(engineer: str) -> int | None:
    """The engineer's own stock."""
    person = await db.fetch_value("SELECT id FROM person WHERE username = $1", engineer)
    own = await keeping.stock_of(person)
    return own.id if own else None


async def _remove(
    out: TakenOut, origin: Spot, target: Spot, *, by: Actor, unit: UUID | None = None, lot: UUID | None = None
) -> None:
    """Write down that a piece came out, and into whose hands."""
    if origin == target:
        return
    await post(
        [
            Move(
                kind="removal",
                part=out.part,
                quantity=1 if unit else out.quantity,
                unit=unit,
                lot=lot,
                origin=origin,
                target=target,
                document_kind="part_request",
                document=out.document,
                reason=out.position or "",
            )
        ],
        by=by,
    )
    if unit is not None:
        await db.execute(
            "UPDATE unit SET custodian = (SELECT id FROM person WHERE username = $2) WHERE id = $1", unit, out.engineer
        )


async def _owe(
    out: TakenOut,
    depot: int,
    custody: int,
    *,
    by: Actor,
    unit: UUID | None = None,
    lot: UUID | None = None,
    serial: str | None = None,
) -> DebtView:
    rules = (await policy.in_force()).policy
    code = await db.fetch_value("SELECT code FROM place WHERE id = $1", depot)
    term, due = rules.term(code), rules.due(code, clock.now())
    return await debts.begin(
        NewDebt(
            debtor=out.engineer,
            depot=depot,
            part=out.part,
            unit=unit,
            lot=lot,
            quantity=1 if lot is None else out.quantity,
            pool=out.pool,
            held_at=custody,
            expected_serial=serial,
            device=out.device,
            may_be_kept=out.may_be_kept,
            document_kind="part_request",
            document=out.document,
            due_at=due.due_at,
            terms=Terms(**_words(term), data={"amount": term.amount, "counts": term.counts}),
            warn_before=rules.warn_before,
        ),
        by=by,
    )


_COUNTED = {"hours": ("小时", "hours"), "calendar_days": ("天", "days"), "business_days": ("个工作日", "business days")}


def _words(term: policy.BroughtBack) -> dict[str, str]:
    """A term in words.

    >>> _words(policy.BroughtBack(amount=5, counts="business_days"))
    {'zh': '换件后 5 个工作日内返还', 'en': 'brought back within 5 business days of the replacement'}
    """
    zh, en = _COUNTED[term.counts]
    return {
        "zh": f"换件后 {term.amount} {zh}内返还",
        "en": f"brought back within {term.amount} {en} of the replacement",
    }


class Lying(Struct, frozen=True, kw_only=True):
    """Where the books have what is owed: its spot and bin, and whether that is a depot it was brought to already."""

    spot: Spot
    bin: int | None
    in_store: bool


async def lying(view: DebtView) -> Lying:
    """Where what an engineer owes lies by the books, locked; pieces without serials that are gone from there are at large."""
    row = await db.fetch_one(
        """SELECT unit.place, unit.condition, unit.owner, unit.pool, unit.bin, place.kind
           FROM unit JOIN place ON place.id = unit.place WHERE unit.id = $1 FOR NO KEY UPDATE OF unit""",
        view.unit,
    )
    if row is not None:
        spot = Spot(row["place"], row["condition"], row["owner"], row["pool"])
        return Lying(spot=spot, bin=row["bin"], in_store=row["kind"] in ("depot", "onsite_store"))
    debt = await db.fetch_one("SELECT part, lot, pool, held_at, quantity FROM return_debt WHERE id = $1", view.id)
    if debt is None:
        raise AssertionError("a debt that was read is there")
    owner = await places.ourselves()
    spot = Spot(debt["held_at"], DEFECTIVE, owner, debt["pool"])
    held = await db.fetch_one(
        """SELECT place.kind = ANY($6) AS store, coalesce((
                      SELECT sum(quantity) FROM lot_stock WHERE lot = $2 AND place = $1 AND condition = $3 AND owner = $4
                         AND pool = $5 AND bin IS NULL), 0) AS there
           FROM place WHERE place.id = $1""",
        spot.place,
        debt["lot"],
        spot.condition,
        spot.owner,
        spot.pool,
        list(STORE_KINDS),
    )
    if held is not None and held["store"] and held["there"] < debt["quantity"]:
        # a count found them missing there, or somebody booked them away: they come back from the books' own account
        spot = Spot((await places.find(places.ADJUSTMENT)).id, DEFECTIVE, owner, debt["pool"])
    return Lying(spot=spot, bin=None, in_store=False)


async def move(
    view: DebtView, target: Spot, kind: str, *, by: Actor, reason: str = "", at: Lying | None = None
) -> None:
    """Move what is owed to where it ends; a piece that nobody named yet has no place in the books to leave."""
    part, lot = await _ids(view)
    if view.unit is None and lot is None:
        return
    here = at or await lying(view)
    await post(
        [
            Move(
                kind=kind,
                part=part,
                quantity=view.quantity,
                unit=view.unit,
                lot=lot,
                from_bin=here.bin,
                origin=here.spot,
                target=target,
                document_kind="return_debt",
                document=view.number,
                reason=reason,
            )
        ],
        by=by,
    )


async def _ids(view: DebtView) -> tuple[int, UUID | None]:
    row = await db.fetch_one("SELECT part, lot FROM return_debt WHERE id = $1", view.id)
    if row is None:
        raise AssertionError("a debt that was read is there")
    return row["part"], row["lot"]


@db.atomic
async def keep(debt: UUID, signed_by: str, *, by: Actor, remark: str = "") -> DebtView:
    """Leave a medium with the customer, as the contract lets it, on a signed confirmation: it becomes the customer's.

    A vendor that waits for it is told: what the vendor's own terms let the customer keep is settled so, the rest is charged.

    Raises:
        Unknown: no such debt in the actor's scope.
        NotYourDebt: the actor neither owes it nor may settle those of others.
        NotLeftThere: the contract does not say so.
        SignatureMissing: nobody signed.
        WrongState: it was settled before.

    """
    view = await _mine(debt, by)
    if not view.may_be_kept:
        raise NotLeftThere(part_number=view.part_number, number=view.number)
    if not signed_by.strip():
        raise SignatureMissing
    await _open(view)
    return await leave(view, by=by, reason=signed_by.strip(), remark=remark, signed_by=signed_by.strip())


async def leave(view: DebtView, *, by: Actor, reason: str, remark: str = "", signed_by: str | None = None) -> DebtView:
    """Leave an owed piece with its customer, for a verb that checked that it may stay: it becomes the customer's."""
    whose = await db.fetch_one(
        """SELECT device.site, contract.customer FROM return_debt AS debt
           JOIN device ON device.id = debt.device JOIN contract ON contract.id = device.contract WHERE debt.id = $1""",
        view.id,
    )
    if whose is None:
        raise AssertionError("what may be kept came out of a device")
    here = await lying(view)
    target = Spot(whose["site"], here.spot.condition, whose["customer"], here.spot.pool)
    await move(view, target, "media_retained", by=by, reason=reason, at=here)
    await _tell_vendors(view, by=by, kept=True)
    return await debts.settle(view.id, "kept_by_customer", by=by, reason=remark, signed_by=signed_by)


@db.atomic
async def tell_lost(debt: UUID, *, by: Actor, reason: str) -> DebtView:
    """Say that what is owed is lost, and how; a second person confirms it, and it stays owed until then.

    Raises:
        Unknown: no such debt in the actor's scope.
        NotYourDebt: the actor neither owes it nor may settle those of others.
        ReasonMissing: it was not said how.
        WrongState: it was settled or told lost before.

    """
    view = await _mine(debt, by)
    if not reason.strip():
        raise ReasonMissing
    told = await db.fetch_value(
        """UPDATE return_debt SET loss_told_at = $2, loss_told_by = $3, reason = $4
           WHERE id = $1 AND state = 'open' AND loss_told_at IS NULL RETURNING id""",
        debt,
        clock.now(),
        by.name,
        reason.strip(),
    )
    if told is None:
        state = "lost" if view.state == "open" else view.state
        raise WrongState(what="Return debt", what_zh="待返记录", key=view.number, state=state, needed="open")
    await steps.begin(
        "confirm_loss",
        "return_debt",
        view.number,
        owner_role="quality_supervisor",
        depot=view.depot,
        due_at=min(view.warn_at, clock.now() + policy.LOSS_CONFIRMED_WITHIN),
    )
    await audit.record("return_debt.loss_told", "return_debt", view.number, by=by, reason=reason.strip())
    return await debts.debt_view(debt, seen_by=by)


@db.atomic
async def confirm_lost(debt: UUID, *, by: Actor) -> DebtView:
    """Write off what was told lost, as a second person: it leaves the books, and a vendor that waits for it charges us.

    Raises:
        Unknown: no such debt in the actor's scope.
        NoPerson: a key that belongs to nobody is no second person.
        OwnLossOfReturn: the actor told it lost.
        WrongState: it was not told lost, or is settled already.

    """
    by.require("stock.adjust")
    by.require_eyes()
    view = await _engineers(debt, by)
    by.require_depot(view.depot)
    if view.loss_told_by == by.name:
        raise OwnLossOfReturn(number=view.number, told_by=view.loss_told_by)
    if view.loss_told_by is None:
        raise WrongState(what="Return debt", what_zh="待返记录", key=view.number, state=view.state, needed="told lost")
    await _open(view)
    here = await lying(view)
    gone = await places.find(places.ADJUSTMENT)
    target = Spot(gone.id, here.spot.condition, here.spot.owner, here.spot.pool)
    await move(view, target, "loss", by=by, reason=view.reason, at=here)
    await _tell_vendors(view, by=by, kept=False)
    return await debts.settle(debt, "written_off", by=by, reason=view.reason)


async def _tell_vendors(view: DebtView, *, by: Actor, kept: bool) -> None:
    """Settle what we owe a vendor of a piece that will not come: kept, where the vendor's terms let it, else charged."""
    for owed in await debts.open_beside(view.id, "us"):
        if kept and owed.may_be_kept:
            await debts.settle(owed.id, "kept_by_customer", by=by, reason="the customer keeps it")
        else:
            await debts.settle(owed.id, "charged", by=by, reason="the customer keeps it" if kept else "lost")
            await steps.begin(
                "settle_rma",
                owed.document_kind,
                owed.document,
                owner_role="buyer",
                depot=owed.depot,
                due_at=clock.now() + policy.BILLED_WITHIN,
            )


async def _mine(debt: UUID, by: Actor) -> DebtView:
    """An engineer's debt that the actor owes, or may settle for others."""
    by.require("parts.request")
    view = await _engineers(debt, by)
    if view.debtor != by.name and not (by.may("returns.settle") and by.sees_depot(view.depot)):
        raise NotYourDebt(name=by.name, number=view.number)
    return view


async def _engineers(debt: UUID, by: Actor) -> DebtView:
    """A debt of an engineer; what we owe a vendor ends by its RMA."""
    view = await debts.debt_view(debt, seen_by=by)
    if view.debtor_kind != "engineer":
        raise Unknown(what="return debt", what_zh="待返记录", key=view.number)
    return view


async def _open(view: DebtView) -> None:
    """Make sure that a debt is open and stays so until we settle it."""
    state = await db.fetch_value("SELECT state FROM return_debt WHERE id = $1 FOR NO KEY UPDATE", view.id)
    if state != "open":
        raise WrongState(what="Return debt", what_zh="待返记录", key=view.number, state=state, needed="open")


@db.atomic
async def give_until(debt: UUID, due_at: datetime, *, by: Actor, reason: str) -> DebtView:
    """Give an engineer another time to bring a part back.

    Raises:
        Unknown: no such debt of an engineer in the actor's scope.
        NotYourDepot: the actor does not serve the depot it is owed to.
        ReasonMissing, DueBeforeNow, WrongState: as `debts.move_due`.

    """
    by.require("returns.settle")
    view = await _engineers(debt, by)
    by.require_depot(view.depot)
    rules = (await policy.in_force()).policy
    moved = await debts.move_due(debt, due_at, by=by, reason=reason, warn_before=rules.warn_before)
    return moved if by.may("costs.read") else debts.without_money(moved)
