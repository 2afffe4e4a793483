"""Loaners (借出设备): equipment of equal function at a customer until a repair is done (D50); ours all the time.

What is lent is at the customer's site, so it is nobody's free stock; it comes back in test, with a customer's data on it,
and is good stock again only after that is erased, verified, and the test passed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec import Struct, structs, to_builtins

from inventory.catalogue.parts import PartRef
from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.installed_base import devices
from inventory.places import places
from inventory.places.reach import reached
from inventory.returns import customer_data, swap_policy, whole_units
from inventory.returns.policy import ANSWERED_WITHIN
from inventory.stock import handing_in, pools, reservations
from inventory.stock.ledger import post
from inventory.stock.moves import Move, Spot
from inventory.stock.shipments import RecipientMissing, signature_drawing

State = Literal["lent", "returned", "closed", "lost"]
Data = Literal["to_erase", "erased", "kept_by_customer"]

FETCH_WITHIN = timedelta(days=3)
"""How soon a loaner is fetched once the repair is done."""

LONGEST = timedelta(days=366)


class NotPromised(Refused):
    """The contract {contract} promises no equipment of equal function."""

    zh = "合同 {contract} 未约定提供同等功能设备。"
    help_en = "Give a reason to lend one all the same; it is kept with the loan."
    help_zh = "如仍需借出，请填写原因，原因将随借用单保存。"


class NotOfEqualFunction(Refused):
    """{part_number} is not of equal function to a {model}."""

    zh = "{part_number} 与 {model} 不具有同等功能。"
    help_en = "Of equal function are: {equivalents}."
    help_zh = "同等功能的整机：{equivalents}。"


class LoanOpen(Refused, constraint="loan_is_open_once"):
    """A loaner stands in for this device already."""

    zh = "该设备已有借出的同等功能设备。"
    help_en = "Take that one back first."
    help_zh = "请先归还已借出的设备。"


class LoanDueWrong(Invalid):
    """A loan is due after now and within a year, not at {due_at}."""

    zh = "归还期限应晚于当前且在一年之内，不能是 {due_at}。"
    help_en = "Correct `due_at`, with its time zone."
    help_zh = "请更正 due_at，并注意时区。"


class DamageUntold(Invalid):
    """What is not as it was lent needs words that say what is damaged or missing."""

    zh = "设备与借出时不一致，须说明损坏或缺失情况。"
    help_en = "Say in `damage` what was found; photos go to the loan's documents."
    help_zh = "请在损坏说明中写明；照片请上传到该借用单。"


class FoundSerialWrong(Invalid):
    """Where another device came than {serial}, its own serial is needed; where {serial} came, no other."""

    zh = "归还的不是 {serial} 时，须填写实收设备的序列号；归还的就是 {serial} 时，不应填写其他序列号。"
    help_en = "Read the label again. What came instead is told in `found_serial`, with `serial_matches` false."
    help_zh = "请重新核对标签。实收设备不符时，填写 found_serial，且 serial_matches 为否。"


class LentOut(Refused):
    """{serial} is lent by {loan}: it is taken back there, checked, and its data is erased."""

    zh = "{serial} 为借出设备（{loan}），请在借用单上办理归还，检查并清除数据。"
    help_en = "Open the loan and take it back. What was handed in of it unidentified is then booked out by a stock adjustment."
    help_zh = "请打开该借用单办理归还；如已按未识别件入库，归还后请以库存调整核减该件。"


class NewLoan(Struct, frozen=True, kw_only=True):
    """A loan to make: for which device, from which store, until when, and whom to reach at the customer."""

    device_serial: str
    depot: str
    contact: str
    part_number: str | None = None
    serial: str | None = None
    contact_phone: str | None = None
    due_at: datetime | None = None
    request: UUID | None = None
    condition_out: str = ""
    reason: str = ""


class Checks(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was looked at when it came back; all of it true is as it was lent."""

    powers_on: bool
    undamaged: bool
    complete: bool
    serial_matches: bool = True


class Return(Struct, frozen=True, kw_only=True):
    """How a loaner came back: to which store, what was checked, and whether the customer took its data out of it.

    `found_serial` is what came instead, where its serial does not match.
    """

    depot: str
    checks: Checks
    found_serial: str | None = None
    damage: str = ""
    charge_cny: Decimal | None = None
    data_kept_by_customer: bool = False


class Extension(Struct, frozen=True, kw_only=True):
    """A loan that was made to last longer."""

    was_due_at: datetime
    due_at: datetime
    reason: str
    extended_at: datetime
    extended_by: str


class LoanSummary(Struct, frozen=True, kw_only=True):
    """A loan as lists show it."""

    id: UUID
    number: str
    state: State
    device_serial: str
    model: str
    site: str
    contract: str
    customer_zh: str
    customer_en: str
    request: UUID | None
    request_number: str | None
    part_number: str
    name_zh: str
    name_en: str
    serial: str
    depot: str
    lent_at: datetime
    due_at: datetime
    signed_by: str | None
    returned_at: datetime | None
    data: Data | None


class LoanView(LoanSummary, frozen=True, kw_only=True):
    """A loan from the loan note to the erased data."""

    pool: str
    promised: bool
    reason: str
    condition_out: str
    contact: str
    contact_phone: str | None
    lent_by: str
    signed_at: datetime | None
    repaired_at: datetime | None
    returned_by: str | None
    returned_to: str | None
    came_instead: str | None
    checks: Checks | None
    condition_back: str | None
    damage: str
    charge_cny: Decimal | None
    loss_told_at: datetime | None
    loss_told_by: str | None
    loss_reason: str
    written_off_at: datetime | None
    written_off_by: str | None
    extensions: list[Extension]


@db.atomic
async def lend(new: NewLoan, *, by: Actor) -> LoanView:
    """Lend a unit of equal function for a device; it leaves the store for the device's site, and stays ours.

    Without a part the one of equal function that is free there is taken; without a serial the oldest.

    Raises:
        UnknownDevice, Unknown: no such device in the actor's scope, store, part or request.
        NotYourDepot: the actor does not serve the store.
        NotPromised: the contract promises none, and no reason was given.
        NotOfEqualFunction: the part does not stand in for the model; the facts name those that do.
        LoanOpen: one stands in for the device already.
        InsufficientStock, UnitNotHere, SourceTooLow: it is not there, promised to others, or not good enough.
        RecipientMissing: nobody at the customer is named.
        LoanDueWrong: it would be due before it is lent, or in more than a year.

    """
    by.require("loans.make")
    by.require_depot(new.depot)
    store = await places.find_store(new.depot)
    device = await devices.find(new.device_serial, seen_by=by)
    if not new.contact.strip():
        raise RecipientMissing
    if not device.lends_equal_function and not new.reason.strip():
        raise NotPromised(contract=device.contract_code)
    now = clock.now()
    policy = (await swap_policy.in_force()).policy
    due_at = new.due_at or now + timedelta(days=policy.loan_days)
    if not now < due_at <= now + LONGEST:
        raise LoanDueWrong(due_at=due_at.isoformat())
    await _require_request(device.id, new.request)
    part_number = await _equal_part(device, new, store.code, at=now)
    number = await next_number("LN")
    held = await reservations.hold(
        part_number,
        store.code,
        1,
        by=by,
        pool=await _pool_code(device.contract),
        reference=number,
        least=device.minimum_provenance,
    )
    left = await reservations.hand_out(
        held.id,
        by=by,
        to=device.site_code,
        serials=[new.serial] if new.serial else [],
        document_kind="loan",
        document=number,
        least=device.minimum_provenance,
    )
    loan = await db.fetch_value(
        """INSERT INTO loan (number, device, request, unit, part, from_place, pool, state, promised, reason,
                             condition_out, contact, contact_phone, lent_at, lent_by, due_at)
           SELECT $1, $2, $3, unit.id, unit.part, $4, unit.pool, 'lent', $5, $6, $7, $8, $9, $10, $11, $12
           FROM unit JOIN part ON part.id = unit.part AND part.part_number = $13
           WHERE unit.serial = $14 AND unit.place = $15
           ON CONFLICT (device) WHERE state = 'lent' DO NOTHING RETURNING id""",
        number,
        device.id,
        new.request,
        store.id,
        device.lends_equal_function,
        new.reason.strip(),
        new.condition_out.strip(),
        new.contact.strip(),
        new.contact_phone,
        now,
        by.name,
        due_at,
        left.part_number,
        left.serials[0],
        device.site,
    )
    if loan is None:
        raise LoanOpen
    await _remind(number, store.code, due_at, policy.remind_hours)
    await audit.record("loan.lent", "loan", number, by=by, reason=new.reason, change={"serial": left.serials[0]})
    return await _told("lent", loan)


async def _equal_part(device: devices.CoveredDevice, new: NewLoan, depot: str, *, at: datetime) -> str:
    known = await whole_units.equivalents(device.model)
    if new.part_number is not None and new.part_number in known:
        return new.part_number
    if new.part_number is not None or not known:
        raise NotOfEqualFunction(
            part_number=new.part_number or "–", model=device.model_code, equivalents=", ".join(known) or "–"
        )
    free = [each.part_number for each in await whole_units.free_for(device, at=at) if each.depot == depot]
    return (free or known)[0]


async def _pool_code(contract: int) -> str:
    pool = await pools.pool_of_contract(contract)
    return await db.fetch_value("SELECT code FROM pool WHERE id = $1", pool)


async def _require_request(device: int, request: UUID | None) -> None:
    """Refuse a part request that is not for the device."""
    if request is not None and not await db.fetch_value(
        "SELECT true FROM part_request WHERE id = $1 AND device = $2", request, device
    ):
        raise Unknown(what="part request", what_zh="备件申请", key=str(request))


async def _remind(number: str, depot: str, due_at: datetime, hours: int) -> None:
    """Have the loan asked back before it is due: the duty climbs from that moment on."""
    await steps.begin(
        "return_loan",
        "loan",
        number,
        owner_role="dispatcher",
        depot=depot,
        due_at=max(clock.now(), due_at - timedelta(hours=hours)),
    )


@db.atomic
async def sign(loan: UUID, name: str, *, by: Actor, strokes: Sequence[Sequence[tuple[float, float]]]) -> LoanView:
    """Keep the signature of whoever takes the loaner at the customer, drawn on the screen.

    Raises:
        Unknown: no such loan in the actor's scope.
        WrongState: it was signed for, or is back.
        RecipientMissing: nobody is named.
        SignatureUnreadable: the strokes cannot be drawn.

    """
    by.require("shipments.deliver")
    view = await loan_view(loan, seen_by=by)
    if not name.strip():
        raise RecipientMissing
    signed = await db.execute(
        """UPDATE loan SET signed_by = $2, signed_at = $3, signature = $4
           WHERE id = $1 AND state = 'lent' AND signed_by IS NULL""",
        loan,
        name.strip(),
        clock.now(),
        signature_drawing(strokes),
    )
    if not signed:
        state = view.state if view.signed_by is None else "signed"
        raise WrongState(what="Loan", what_zh="借用单", key=view.number, state=state, needed="lent")
    await audit.record("loan.signed", "loan", view.number, by=by, change={"name": name.strip()})
    return await _told("signed", loan)


@db.atomic
async def extend(loan: UUID, due_at: datetime, *, by: Actor, reason: str) -> LoanView:
    """Let a loan last longer, with a reason; what was told lost is there after all.

    Raises:
        Unknown: no such loan in the actor's scope.
        WrongState: it is back.
        LoanDueWrong: that is before now or more than a year away.
        ReasonMissing: no reason was given.

    """
    by.require("loans.make")
    view = await loan_view(loan, seen_by=by)
    now = clock.now()
    if not reason.strip():
        raise ReasonMissing
    if not now < due_at <= now + LONGEST:
        raise LoanDueWrong(due_at=due_at.isoformat())
    row = await db.fetch_one("SELECT due_at, state FROM loan WHERE id = $1 FOR NO KEY UPDATE", loan)
    if row is None or row["state"] != "lent":
        raise WrongState(what="Loan", what_zh="借用单", key=view.number, state=view.state, needed="lent")
    await db.execute(
        """UPDATE loan SET due_at = $2, called_at = NULL, loss_told_at = NULL, loss_told_by = NULL, loss_reason = '',
                  charge_cny = NULL
           WHERE id = $1""",
        loan,
        due_at,
    )
    await db.execute(
        """INSERT INTO loan_extension (loan, was_due_at, due_at, reason, extended_at, extended_by)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        loan,
        row["due_at"],
        due_at,
        reason.strip(),
        now,
        by.name,
    )
    for duty in ("return_loan", "call_customer", "confirm_loss"):
        await steps.finish("loan", view.number, duty, by=by)
    await _remind(view.number, view.depot, due_at, (await swap_policy.in_force()).policy.remind_hours)
    await audit.record("loan.extended", "loan", view.number, by=by, reason=reason)
    return await _told("extended", loan)


@db.atomic
async def take_back(loan: UUID, how: Return, *, by: Actor) -> LoanView:
    """Take a loaner in again: it is in test, or defective where it was found so, and its data is to be erased.

    Where another device came, that is put by to be judged, with whatever data is on it, and the loan stays open: somebody
    finds out where the lent one is.

    Raises:
        Unknown: no such loan in the actor's scope, or no such store.
        WrongState: it is back already.
        NotYourDepot: the actor does not serve the store.
        DamageUntold: something is not as it was lent, and nobody says what.
        FoundSerialWrong: another device came, and nobody says which; or what is told to have come is the lent one.
        LentOut: what came is another loaner, and taken back by its own loan.

    """
    by.require("loans.make")
    by.require_depot(how.depot)
    view = await loan_view(loan, seen_by=by)
    store = await places.find_store(how.depot)
    as_lent = all(to_builtins(how.checks).values())
    if not as_lent and not how.damage.strip():
        raise DamageUntold
    found = (how.found_serial or "").strip()
    if how.checks.serial_matches != (found in ("", view.serial)):
        raise FoundSerialWrong(serial=view.serial)
    if not how.checks.serial_matches:
        return await _other_came(view, found, how, by=by)
    works = how.checks.powers_on and how.checks.undamaged
    condition = "in_test" if works else "defective"
    row = await db.fetch_one(
        """UPDATE loan SET state = 'returned', returned_at = $2, returned_by = $3, to_place = $4, checks = $5,
                  condition_back = $6, damage = $7, charge_cny = $8, data = $9
           WHERE id = $1 AND state = 'lent' RETURNING unit""",
        loan,
        clock.now(),
        by.name,
        store.id,
        to_builtins(how.checks),
        condition,
        how.damage.strip(),
        how.charge_cny,
        "kept_by_customer" if how.data_kept_by_customer else "to_erase",
    )
    if row is None:
        raise WrongState(what="Loan", what_zh="借用单", key=view.number, state=view.state, needed="lent")
    await leave_site(
        row["unit"], view.number, "return_from_site", store.id, condition, by=by, reason=how.damage.strip()
    )
    await steps.finish("loan", view.number, by=by)
    if how.data_kept_by_customer:
        await _close(loan, "kept_by_customer")
    else:
        await customer_data.came_back(row["unit"], depot=store.code)
    await audit.record("loan.returned", "loan", view.number, by=by, reason=how.damage)
    await _told("returned", loan)
    return await loan_view(loan, seen_by=by)


async def leave_site(
    unit: UUID,
    number: str,
    kind: Literal["return_from_site", "loss"],
    place: int,
    condition: str,
    *,
    by: Actor,
    reason: str,
) -> None:
    """Move a lent unit from where it stands to a place, in a condition, for a verb that ends its loan."""
    lent = await db.fetch_one(
        "SELECT part, place, condition, owner, pool FROM unit WHERE id = $1 FOR NO KEY UPDATE", unit
    )
    if lent is None:
        raise AssertionError("a unit that was lent is there")
    await post(
        [
            Move(
                kind=kind,
                part=lent["part"],
                quantity=1,
                unit=unit,
                origin=Spot(lent["place"], lent["condition"], lent["owner"], lent["pool"]),
                target=Spot(place, condition, lent["owner"], lent["pool"]),
                document_kind="loan",
                document=number,
                reason=reason,
            )
        ],
        by=by,
    )


async def _other_came(view: LoanView, found: str, how: Return, *, by: Actor) -> LoanView:
    """Put by what came instead of a loaner, and have somebody find out where that is; the loan stays open."""
    await require_not_lent(found)
    came = await handing_in.bring_in(how.depot, f"{view.number} ≠ {view.serial}", by=by, serial=found, note=how.damage)
    noted = await db.execute("UPDATE loan SET came_instead = $2 WHERE id = $1 AND state = 'lent'", view.id, came.tag)
    if not noted:
        raise WrongState(what="Loan", what_zh="借用单", key=view.number, state=view.state, needed="lent")
    if not how.data_kept_by_customer:
        await customer_data.came_back(came.id, depot=how.depot)
    await steps.begin(
        "settle_wrong_return",
        "loan",
        view.number,
        owner_role="dispatcher",
        depot=view.depot,
        due_at=clock.now() + ANSWERED_WITHIN,
    )
    await audit.record("loan.other_came", "loan", view.number, by=by, reason=how.damage, change={"found": found})
    return await _told("other_came", view.id)


async def repaired(request: UUID, device: int, *, by: Actor) -> None:
    """The repair is done: the loaner that stood in for the device is to be fetched.

    It was lent for this request, for one that this one follows from, or for none that is still under way.
    """
    row = await db.fetch_one(
        """WITH RECURSIVE chain AS (
               SELECT $1::uuid AS request
               UNION SELECT part_request.follows FROM part_request JOIN chain ON part_request.id = chain.request
           )
           UPDATE loan SET repaired_at = $3, due_at = least(due_at, $4::timestamptz)
           WHERE device = $2 AND state = 'lent' AND repaired_at IS NULL AND lent_at < $3
             AND (request IN (SELECT request FROM chain)
                  OR NOT EXISTS (SELECT FROM part_request WHERE part_request.id = loan.request AND closed_at IS NULL))
           RETURNING id, number, (SELECT code FROM place WHERE place.id = from_place) AS depot""",
        request,
        device,
        clock.now(),
        clock.now() + FETCH_WITHIN,
    )
    if row is None:
        return
    for duty in ("return_loan", "call_customer"):
        await steps.finish("loan", row["number"], duty, by=by)
    await steps.begin(
        "fetch_loan",
        "loan",
        row["number"],
        owner_role="dispatcher",
        depot=row["depot"],
        due_at=clock.now() + timedelta(days=1),
    )
    await _told("repaired", row["id"])


@db.atomic
async def call_overdue(*, limit: int = 500) -> int:
    """Have the customer's contact called for what is due and not back, once each; how many are due now."""
    rows = await db.fetch(
        """UPDATE loan SET called_at = $1 FROM place
           WHERE loan.id IN (SELECT id FROM loan WHERE state = 'lent' AND due_at <= $1 AND called_at IS NULL
                             ORDER BY due_at, id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)
             AND place.id = loan.from_place
           RETURNING loan.id, loan.number, place.code AS depot""",
        clock.now(),
        limit,
    )
    for row in rows:
        await steps.begin(
            "call_customer", "loan", row["number"], owner_role="project_manager", depot=row["depot"], due_at=clock.now()
        )
        await _told("overdue", row["id"])
    return len(rows)


async def data_erased(unit: UUID) -> None:
    """The data on a loaner that came back was erased and verified: its loan is closed."""
    loan = await db.fetch_value(
        """SELECT id FROM loan WHERE unit = $1 AND state = 'returned' AND data = 'to_erase' ORDER BY id DESC LIMIT 1""",
        unit,
    )
    if loan is not None:
        await _close(loan, "erased")
        await _told("closed", loan)


async def _close(loan: UUID, data: Data) -> None:
    await db.execute("UPDATE loan SET state = 'closed', data = $2 WHERE id = $1", loan, data)


async def _told(
    what: Literal["lent", "signed", "extended", "repaired", "overdue", "other_came", "returned", "closed"], loan: UUID
) -> LoanView:
    view = await loan_view(loan)
    await events.emit(f"loan.{what}", "loan", view.number, view, contract=view.contract, depot=view.site)
    return view


_SUMMARY = """loan.id, loan.number, loan.state, device.serial AS device_serial, device_model.code AS model,
    site.code AS site, contract.code AS contract, customer.name_zh AS customer_zh, customer.name_en AS customer_en,
    loan.request, (SELECT number FROM part_request WHERE part_request.id = loan.request) AS request_number,
    part.part_number, part.name_zh, part.name_en, unit.serial, store.code AS depot,
    loan.lent_at, loan.due_at, loan.signed_by, loan.returned_at, loan.data"""

_FROM = """FROM loan
    JOIN device ON device.id = loan.device
    JOIN device_model ON device_model.id = device.model
    JOIN place AS site ON site.id = device.site
    JOIN contract ON contract.id = device.contract
    JOIN party AS customer ON customer.id = contract.customer
    JOIN part ON part.id = loan.part
    JOIN unit ON unit.id = loan.unit
    JOIN place AS store ON store.id = loan.from_place"""

_SEEN = f"""($1::text[] IS NULL OR contract.code = ANY($1))
    AND ({reached("device.site", "$2")} OR store.code = ANY($2))"""


async def loan_view(loan: UUID, *, seen_by: Actor | None = None) -> LoanView:
    """One loan; what is charged for it only for a reader who may see prices, and for who is to confirm that it is lost.

    Raises:
        Unknown: no such loan in the reader's scope.

    """
    view = await db.read_one(
        LoanView,
        f"""SELECT {_SUMMARY}, pool.code AS pool, loan.promised, loan.reason, loan.condition_out, loan.contact,
                   loan.contact_phone, loan.lent_by, loan.signed_at, loan.repaired_at, loan.returned_by,
                   (SELECT code FROM place WHERE place.id = loan.to_place) AS returned_to, loan.came_instead,
                   nullif(loan.checks, '{{}}') AS checks,
                   loan.condition_back, loan.damage, loan.charge_cny, loan.loss_told_at, loan.loss_told_by,
                   loan.loss_reason, loan.written_off_at, loan.written_off_by,
                   (SELECT coalesce(jsonb_agg(to_jsonb(longer) - 'id' - 'loan' ORDER BY longer.id), '[]')
                    FROM loan_extension AS longer WHERE longer.loan = loan.id) AS extensions
            {_FROM} JOIN pool ON pool.id = loan.pool WHERE {_SEEN} AND loan.id = $3""",
        seen_by.contract_scope if seen_by else None,
        seen_by.depot_scope if seen_by else None,
        loan,
    )
    if view is None:
        raise Unknown(what="loan", what_zh="借用单", key=str(loan))
    confirms = seen_by is not None and view.state == "lent" and view.loss_told_at and seen_by.may("stock.adjust")
    return view if confirms or (seen_by and seen_by.may("costs.read")) else structs.replace(view, charge_cny=None)


async def signature(loan: UUID, *, seen_by: Actor) -> bytes:
    """The drawing of whoever signed for a loan.

    Raises:
        Unknown: no such loan in the reader's scope, or nobody signed it.

    """
    view = await loan_view(loan, seen_by=seen_by)
    drawing = await db.fetch_value("SELECT signature FROM loan WHERE id = $1", loan)
    if drawing is None:
        raise Unknown(what="signature", what_zh="签名", key=view.number)
    return drawing


async def loans(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    state: str | None = None,
    depot: str | None = None,
    device: str | None = None,
    request: UUID | None = None,
) -> list[LoanSummary]:
    """Loans in the reader's scope, newest first."""
    return await db.read(
        LoanSummary,
        f"""SELECT {_SUMMARY} {_FROM}
            WHERE {_SEEN} AND ($3::uuid IS NULL OR loan.id < $3) AND ($4::text IS NULL OR loan.state = $4)
              AND ($5::text IS NULL OR store.code = $5) AND ($6::text IS NULL OR device.serial = $6)
              AND ($7::uuid IS NULL OR loan.request = $7)
            ORDER BY loan.id DESC LIMIT $8""",
        seen_by.contract_scope,
        seen_by.depot_scope,
        after,
        state,
        depot,
        device,
        request,
        limit,
    )


async def require_not_lent(code: str, part: PartRef | None = None) -> None:
    """Refuse a unit, by its serial (of a part, where that is known) or tag, that is out on loan.

    Raises:
        LentOut: it is.

    """
    loan = await db.fetch_value(
        """SELECT loan.number FROM loan JOIN unit ON unit.id = loan.unit
           WHERE loan.state = 'lent' AND $1 IN (unit.serial, unit.tag) AND ($2::int IS NULL OR unit.part = $2) LIMIT 1""",
        code,
        part and part.id,
    )
    if loan is not None:
        raise LentOut(serial=code, loan=loan)
