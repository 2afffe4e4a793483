"""The counter (返还柜台): what somebody brings is scanned and settles what was owed; a wrong serial is caught there."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from msgspec import Struct

from inventory.catalogue import parts
from inventory.catalogue.parts import PartRef, UnknownPart
from inventory.ground import audit, clock, db, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, Invalid, ReasonMissing, Refused, Unknown, WrongState
from inventory.installed_base import fitted
from inventory.people import messages
from inventory.places import places
from inventory.places.places import PlaceRef
from inventory.returns import customer_data, debts, loaners, removed, swaps
from inventory.returns.debts import DebtView
from inventory.returns.policy import ANSWERED_WITHIN
from inventory.stock import codes, handing_in, units
from inventory.stock.handing_in import UNIDENTIFIED
from inventory.stock.ledger import post
from inventory.stock.moves import Move, Spot
from inventory.stock.pools import COMMON
from inventory.stock.units import UnitView


class OtherSerialExpected(Refused):
    """{found} is not what is owed here: {expected}."""

    zh = "{found} 与待返记录不符：应返还 {expected_zh}。"
    help_en = (
        "Look for the serial that is expected. If this is what there is, take it in as found (`as_found`, naming the debt): "
        "it is blocked, the debt stays open, and the engineer is told. If the device's record is wrong, a second person "
        "corrects it afterwards."
    )
    help_zh = (
        "请核对应返还的序列号。如确为此件，请选择“按实物入库”（as_found 并指明待返记录）："
        "该件先隔离，待返记录保持未结，并通知工程师；如设备档案有误，由第二人事后更正。"
    )


class MoreThanOwed(Refused):
    """{left} of {part_number} are owed here, not {quantity}."""

    zh = "{part_number} 在此待返 {left} 件，不是 {quantity} 件。"
    help_en = "Take in what is owed; hand in the others one by one, each gets its own tag."
    help_zh = "请按待返数量入库；其余请逐件办理，每件贴一个备件条码。"


class OwedElsewhere(Refused):
    """{number} is owed to {depot}, not to {here}."""

    zh = "{number} 应返还至 {depot}，不是 {here}。"
    help_en = "Take in what is owed to this store; a transfer brings the other to its depot."
    help_zh = "请办理应返还至本库的件；其他件请通过调拨送达。"


class SerialNeeded(Invalid):
    """{part_number} is kept by serial: scan the piece."""

    zh = "{part_number} 按序列号管理：请扫描该件序列号。"
    help_en = "Give `serial`, or scan the label of the piece."
    help_zh = "请填写序列号，或扫描标签。"


class OwnFinding(Forbidden):
    """Somebody else than {noted_by}, who took it in, corrects the record."""

    zh = "设备档案须由 {noted_by}（办理入库者）以外的人更正。"
    help_en = "Ask a dispatcher, the project manager or the quality supervisor."
    help_zh = "请由调度员、项目经理或质量监督更正。"


class TakenIn(Struct, frozen=True, kw_only=True):
    """What the counter did: which debts that settled, or what was put by as found, and what is wrong with it."""

    settled: list[DebtView]
    unit: UnitView | None
    wrong: DebtView | None


@db.atomic
async def take_in(
    depot: str,
    what: str,
    *,
    by: Actor,
    serial: str | None = None,
    quantity: int = 1,
    note: str = "",
    pool: str = COMMON,
    owner: str | None = None,
    debt: UUID | None = None,
    as_found: bool = False,
) -> TakenIn:
    """Take in what somebody brings: it settles the debt it matches, as what it is; anything else is put by to be judged.

    `what` is a scanned code, a part number, or words. Removed pieces come in defective, unused ones as they went. With
    `debt` it is meant for that one. `as_found` takes in what does not match: blocked, to be judged, and where it was meant
    for a debt, that stays open with what came instead written down, and its engineer is told.

    Raises:
        Unknown: no such store, pool, owner, or debt in the actor's scope.
        NotYourDepot: the actor does not serve the store.
        OtherSerialExpected: a piece of that part is owed here, but another one.
        MoreThanOwed, SerialNeeded, OwedElsewhere: it does not fit what is owed.
        WrongState: the debt it is meant for was settled before.
        LentOut: it is one of our loaners.
        ReasonMissing: nothing at all was said of it.

    """
    by.require("stock.receive")
    by.require_depot(depot)
    store = await places.find_store(depot)
    part, named = await _read(what, serial)
    await loaners.require_not_lent(named or what.strip(), part)
    meant = None if debt is None else await _meant(debt, store, by)
    if meant is None and owner is None:
        meant = await _matching(store, part, named, guess=not as_found)
    if meant is None and not as_found and owner is None and part is not None:
        await _refuse_other(store, part, named)
    if quantity > 1 and (meant is None or meant.serialised):
        left = 0 if meant is None else 1
        raise MoreThanOwed(part_number=part.part_number if part else what, left=left, quantity=quantity)
    if meant is None or (as_found and not _fits(meant, named)):
        unit = await handing_in.hand_in(
            depot, what, by=by, serial=named if part is not None else serial, note=note, pool=pool, owner=owner
        )
        if await customer_data.is_on(unit.id):  # a loaner that was written off, say
            await customer_data.came_back(unit.id, depot=depot)
        wrong = None if meant is None else await _note_wrong(meant, unit, named, by=by, remark=note)
        return TakenIn(settled=[], unit=unit, wrong=wrong)
    if not meant.serialised:
        settled = await _settle_pieces(meant, store, quantity, by=by, note=note)
    elif named is None:
        raise SerialNeeded(part_number=meant.part_number)
    elif not _fits(meant, named):
        raise _other([meant], named)
    else:
        settled = [await _settle(meant, store, named, by=by, note=note)]
    unit_id = settled[0].unit
    return TakenIn(settled=settled, unit=await units.unit_by_id(unit_id) if unit_id else None, wrong=None)


async def _read(what: str, serial: str | None) -> tuple[PartRef | None, str | None]:
    """The part and the serial that were scanned or typed; one of our tags is read as the serial it stands for."""
    scanned = codes.read(what.strip())
    tag = scanned.tag or (codes.read(serial.strip()).tag if serial else None)
    named = serial or scanned.serial
    if tag is not None:
        named = await units.serial_of(tag) or named
    part = None
    for number in [scanned.part_number] if scanned.part_number else codes.names(what):
        try:
            part = await parts.find(number)
            break
        except UnknownPart:
            continue
    if part is not None and part.part_number == UNIDENTIFIED:
        part = None
    if part is None and named is None and scanned.kind in ("text", "unit"):
        named = scanned.text or None
    return part, named


async def _meant(debt: UUID, store: PlaceRef, by: Actor) -> DebtView:
    """The debt that a piece is brought for, locked."""
    view = await debts.debt_view(debt, seen_by=by)
    if view.debtor_kind != "engineer":
        raise Unknown(what="return debt", what_zh="待返记录", key=view.number)
    if view.depot != store.code:
        raise OwedElsewhere(number=view.number, depot=view.depot, here=store.code)
    state = await db.fetch_value("SELECT state FROM return_debt WHERE id = $1 FOR NO KEY UPDATE", debt)
    if state != "open":
        raise WrongState(what="Return debt", what_zh="待返记录", key=view.number, state=state, needed="open")
    return view


_OWED = """SELECT debt.id FROM return_debt AS debt
           JOIN part ON part.id = debt.part
           LEFT JOIN unit ON unit.id = debt.unit
           WHERE debt.state = 'open' AND debt.debtor_kind = 'engineer' AND debt.depot = $1"""


async def _matching(store: PlaceRef, part: PartRef | None, serial: str | None, *, guess: bool) -> DebtView | None:
    """The debt that what was scanned settles: the piece's own, else (`guess`) one of the part where no piece is named."""
    found = None
    if serial is not None:
        found = await db.fetch_value(
            f"""{_OWED} AND ($2::int IS NULL OR debt.part = $2)
                AND (unit.serial = $3 OR unit.tag = $3 OR debt.expected_serial = $3)
                ORDER BY debt.due_at, debt.id LIMIT 1 FOR NO KEY UPDATE OF debt""",
            store.id,
            part.id if part else None,
            serial,
        )
    if found is None and part is not None and guess:
        found = await db.fetch_value(
            f"""{_OWED} AND debt.part = $2 AND debt.unit IS NULL AND debt.expected_serial IS NULL
                AND (NOT part.serialised OR $3::text IS NOT NULL)
                ORDER BY debt.due_at, debt.id LIMIT 1 FOR NO KEY UPDATE OF debt""",
            store.id,
            part.id,
            serial,
        )
    return None if found is None else await debts.debt_view(found)


def _fits(view: DebtView, serial: str | None) -> bool:
    """Whether a piece is the one that is owed; where nobody knows which one is, every piece of the part is."""
    known = [each for each in (view.serial, view.expected_serial) if each]
    return not view.serialised or not known or serial in known


async def _refuse_other(store: PlaceRef, part: PartRef, serial: str | None) -> None:
    """Refuse a piece of a part of which others are owed here: somebody took the wrong one along, or did not scan it."""
    rows = await db.fetch(
        f"""{_OWED} AND debt.part = $2 AND part.serialised
            AND coalesce(unit.serial, debt.expected_serial) IS NOT NULL ORDER BY debt.due_at, debt.id LIMIT 5""",
        store.id,
        part.id,
    )
    if rows and serial is None:
        raise SerialNeeded(part_number=part.part_number)
    if rows and serial is not None:
        raise _other([await debts.debt_view(row["id"]) for row in rows], serial)


def _other(owed: Sequence[DebtView], found: str) -> OtherSerialExpected:
    def told(view: DebtView) -> dict[str, Any]:
        return {
            "debt": view.id,
            "number": view.number,
            "serial": view.serial or view.expected_serial,
            "device": view.device,
            "document": view.document,
            "debtor": view.debtor,
        }

    def said(view: DebtView, device: str, under: str) -> str:
        return f"{view.serial or view.expected_serial}{under}{view.document}, {device} {view.device or '–'})"

    return OtherSerialExpected(
        found=found,
        expected="; ".join(said(view, "device", " (") for view in owed),
        expected_zh="；".join(
            f"{view.serial or view.expected_serial}（{view.document}，设备 {view.device or '–'}）" for view in owed
        ),
        owed=[told(view) for view in owed],
    )


async def _settle(view: DebtView, store: PlaceRef, serial: str, *, by: Actor, note: str) -> DebtView:
    """Take in the piece that is owed, and settle its debt; one that nobody had named yet is entered by its serial."""
    unnamed = view.unit is None
    if unnamed:
        view = await _name(view, serial)
    here = await removed.lying(view)
    if not (here.in_store and here.spot.place == store.id):
        # what came out of a device is bad until a test says otherwise; what was never fitted comes back as it went
        condition = removed.DEFECTIVE if unnamed or here.spot.condition == "unknown" else here.spot.condition
        target = Spot(store.id, condition, here.spot.owner, here.spot.pool)
        await removed.move(view, target, "defective_return", by=by, reason=note.strip(), at=here)
    await _close_wrong(view, by=by)
    if view.unit is not None:
        await swaps.old_came_back(view.unit, serial, document=view.document, depot=store.code)
    return await debts.settle(view.id, "returned", by=by, reason=note, returned_serial=serial)


async def _name(view: DebtView, serial: str) -> DebtView:
    """Say which unit a debt is about, now that it was read: ours that was at the site, or one that the books get to know."""
    row = await db.fetch_one("SELECT part, pool, held_at, device FROM return_debt WHERE id = $1", view.id)
    if row is None:
        raise AssertionError("a debt that was read is there")
    site = await db.fetch_value("SELECT site FROM device WHERE id = $1", row["device"])
    came_from = Spot(site or row["held_at"], "unknown", await places.ourselves(), row["pool"])
    unit, _ = await units.enter_removed(row["part"], serial, came_from, view.document)
    await db.execute("UPDATE return_debt SET unit = $2 WHERE id = $1", view.id, unit)
    return await debts.debt_view(view.id)


async def _settle_pieces(view: DebtView, store: PlaceRef, quantity: int, *, by: Actor, note: str) -> list[DebtView]:
    """Take in pieces without serials: all that a debt is about, or some, of which the rest stays owed."""
    if not 1 <= quantity <= view.quantity:
        raise MoreThanOwed(part_number=view.part_number, left=view.quantity, quantity=quantity)
    if quantity < view.quantity:
        view = await debts.part_of(view.id, quantity, by=by)
    here = await removed.lying(view)
    target = Spot(store.id, here.spot.condition, here.spot.owner, here.spot.pool)
    await removed.move(view, target, "defective_return", by=by, reason=note.strip(), at=here)
    return [await debts.settle(view.id, "returned", by=by, reason=note)]


async def _note_wrong(view: DebtView, unit: UnitView, serial: str | None, *, by: Actor, remark: str) -> DebtView:
    """Write down what came instead of what is owed; the debt stays open, its engineer is told, somebody finds out why."""
    await db.execute(
        """INSERT INTO wrong_return (debt, expected_serial, found_serial, unit, noted_at, noted_by, remark)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        view.id,
        view.serial or view.expected_serial,
        serial or unit.tag or unit.serial,
        unit.id,
        clock.now(),
        by.name,
        remark.strip(),
    )
    await steps.begin(
        "settle_wrong_return",
        "return_debt",
        view.number,
        owner_role="dispatcher",
        depot=view.depot,
        due_at=min(view.warn_at, clock.now() + ANSWERED_WITHIN) if view.warn_at > clock.now() else clock.now(),
    )
    told = await debts.debt_view(view.id, seen_by=by)
    await audit.record("wrong_return.noted", "return_debt", view.number, by=by, reason=remark.strip())
    if view.debtor is not None:
        facts = {
            "number": view.number,
            "depot": view.depot,
            "part_number": view.part_number,
            "expected": view.serial or view.expected_serial,
            "found": serial or unit.tag or unit.serial,
            "document": view.document,
            "device": view.device,
        }
        await messages.tell([view.debtor], "wrong_return", facts, occasion=f"wrong_return:{told.wrong[-1].id}")
    return told


async def _close_wrong(view: DebtView, *, by: Actor) -> None:
    """What came instead before is answered by the right one."""
    await db.execute(
        """UPDATE wrong_return SET settled_at = $2, settled_by = $3, outcome = 'expected_came'
           WHERE debt = $1 AND settled_at IS NULL""",
        view.id,
        clock.now(),
        by.name,
    )


@db.atomic
async def correct_record(wrong: UUID, *, by: Actor, reason: str) -> DebtView:
    """Say, as a second person, that the device's record was wrong: what came is what was in it, and settles the debt.

    The piece that the record named goes back to the site as of unknown condition: nobody knows where in it it is.

    Raises:
        Unknown: no such finding in the actor's scope.
        NoPerson: a key that belongs to nobody is no second person.
        OwnFinding: the actor took it in.
        ReasonMissing: no reason was given.
        WrongState: it was answered before, or the piece was judged since.

    """
    view, row = await _finding(wrong, by, reason)
    by.require_eyes()
    if row["noted_by"] == by.name:
        raise OwnFinding(noted_by=row["noted_by"])
    debt = await db.fetch_one("SELECT part, device, unit FROM return_debt WHERE id = $1", view.id)
    came = await db.fetch_one(
        """SELECT unit.part, unit.serial, unit.place, unit.condition, unit.owner, unit.pool, unit.bin, unit.claimed_serial
           FROM unit WHERE id = $1 FOR NO KEY UPDATE""",
        row["unit"],
    )
    if debt is None or came is None or came["part"] != debt["part"] or came["condition"] != "unknown":
        raise WrongState(
            what="Piece",
            what_zh="单件",
            key=row["found_serial"],
            state=came["condition"] if came else "–",
            needed=f"unknown, {view.part_number}",
        )
    if debt["unit"] is not None:
        here = await removed.lying(view)
        site = await db.fetch_value("SELECT site FROM device WHERE id = $1", debt["device"])
        if not here.in_store and site is not None:
            back = Spot(site, "unknown", here.spot.owner, here.spot.pool)
            await removed.move(view, back, "removal_corrected", by=by, reason=reason.strip(), at=here)
            await customer_data.is_gone(debt["unit"], by=by)  # it never came out, and brought nothing along
    spot = Spot(came["place"], came["condition"], came["owner"], came["pool"])
    await post(
        [
            Move(
                kind="judgement",
                part=came["part"],
                quantity=1,
                unit=row["unit"],
                from_bin=came["bin"],
                to_bin=came["bin"],
                origin=spot,
                target=Spot(spot.place, removed.DEFECTIVE, spot.owner, spot.pool),
                document_kind="return_debt",
                document=view.number,
                reason=reason.strip(),
            )
        ],
        by=by,
    )
    if debt["device"] is not None:
        await fitted.correct(debt["device"], row["expected_serial"], row["found_serial"])
    await db.execute(
        "UPDATE return_debt SET unit = $2, expected_serial = $3 WHERE id = $1",
        view.id,
        row["unit"],
        row["found_serial"],
    )
    tag = await db.fetch_value("SELECT tag FROM unit WHERE id = $1", row["unit"])
    await steps.finish("unit", tag, "judge_part", by=by)
    await _answer(wrong, "record_corrected", by=by, reason=reason)
    await swaps.old_came_back(row["unit"], row["found_serial"], document=view.document, depot=view.depot)
    await audit.record("wrong_return.settled", "return_debt", view.number, by=by, reason=reason.strip())
    return await debts.settle(view.id, "returned", by=by, reason=reason, returned_serial=row["found_serial"])


@db.atomic
async def uphold_record(wrong: UUID, *, by: Actor, reason: str) -> DebtView:
    """Say that the record is right and what came is something else: it stays to be judged, and the debt stays open.

    Raises:
        Unknown: no such finding in the actor's scope.
        ReasonMissing: no reason was given.
        WrongState: it was answered before.

    """
    view, _ = await _finding(wrong, by, reason)
    await _answer(wrong, "record_stands", by=by, reason=reason)
    await audit.record("wrong_return.settled", "return_debt", view.number, by=by, reason=reason.strip())
    await steps.finish("return_debt", view.number, "settle_wrong_return", by=by)
    return await debts.debt_view(view.id, seen_by=by)


async def _finding(wrong: UUID, by: Actor, reason: str) -> tuple[DebtView, db.Row]:
    """An open finding, locked, with the debt it is about."""
    by.require("returns.settle")
    row = await db.fetch_one("SELECT * FROM wrong_return WHERE id = $1 FOR NO KEY UPDATE", wrong)
    if row is None:
        raise Unknown(what="finding", what_zh="差异记录", key=str(wrong))
    view = await debts.debt_view(row["debt"], seen_by=by)
    by.require_depot(view.depot)
    if not reason.strip():
        raise ReasonMissing
    if row["settled_at"] is not None:
        raise WrongState(
            what="Finding", what_zh="差异记录", key=row["found_serial"], state=row["outcome"], needed="open"
        )
    return view, row


async def _answer(wrong: UUID, outcome: str, *, by: Actor, reason: str) -> None:
    await db.execute(
        "UPDATE wrong_return SET settled_at = $2, settled_by = $3, outcome = $4, reason = $5 WHERE id = $1",
        wrong,
        clock.now(),
        by.name,
        outcome,
        reason.strip(),
    )


@db.atomic
async def identify(tag: str, part_number: str, *, by: Actor, serial: str | None = None, reason: str = "") -> UnitView:
    """Say what an unidentified piece is, as `handing_in.identify`; a customer's data on it goes along.

    Raises:
        Unknown, AlreadyIdentified, NotYourDepot: as there.
        LentOut: it is one of our loaners.

    """
    by.require("stock.judge")
    view = await units.unit(tag, seen_by=by)
    named = serial or view.claimed_serial
    if named is not None:
        await loaners.require_not_lent(named, await parts.find(part_number))
    holds_data = await customer_data.is_on(view.id)
    if holds_data:
        await customer_data.is_gone(view.id, by=by)
    known = await handing_in.identify(tag, part_number, by=by, serial=serial, reason=reason)
    # of what is kept by lots, no piece is a unit any more
    if known.place == view.place and (holds_data or await customer_data.is_on(known.id)):
        await customer_data.came_back(known.id, depot=view.place)
    return known
