"""Advance exchange (先行换件, D18, D20): the vendor's good piece comes first, the old one goes back by the vendor's terms.

The good piece is the vendor's until the vendor has the old one: it may go out for the request it came for, and counts nowhere
as ours. From the moment the terms name, we owe the old piece; late, the vendor charges for it.
"""

from datetime import datetime
from uuid import UUID

from inventory.catalogue import parts
from inventory.ground import audit, clock, db, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, ReasonMissing, Refused, Unknown
from inventory.installed_base import devices
from inventory.installed_base.failures import code_of
from inventory.places import places
from inventory.procurement.vendors import vendor_id
from inventory.returns import coming_in, debts, repairs, rmas, vendor_terms
from inventory.returns.rmas import Head, Line, OnAnotherRma, RmaView, lines_of, lock, the_line, turned
from inventory.stock import expected, pools
from inventory.stock.ledger import post
from inventory.stock.moves import Move, Spot
from inventory.stock.pools import COMMON


class NoExchange(Refused):
    """{vendor} sends no {part_number} in advance: it has no return terms, or offers no exchange."""

    zh = "{vendor} 不提供 {part_number} 的先行换件：未约定返还条款，或不提供换件。"
    help_en = "Agree return terms with the vendor and enter them, or buy the part."
    help_zh = "请先与供应商约定并录入返还条款，或改为采购。"


class OutOfWarranty(Refused):
    """{device} is not in {vendor}'s warranty, and {vendor} exchanges {part_number} under warranty alone."""

    zh = "{device} 不在 {vendor} 保修期内，而 {vendor} 仅在保内提供 {part_number} 换件。"
    help_en = "Look the warranty up again, or buy the part."
    help_zh = "请重新查询保修，或改为采购。"


class NotBySerial(Refused):
    """{part_number} is not kept by serial, so nobody could tell the vendor's piece from ours."""

    zh = "{part_number} 不按序列号管理，无法区分供应商所有的换件与我方备件。"
    help_en = "Ask for an exchange by an ordinary RMA, or buy the part."
    help_zh = "请通过普通返修单申请换货，或改为采购。"


class NotTheOldPiece(Refused):
    """{serial} does not stand for the old {part_number} of line {line}: {why}."""

    zh = "{serial} 不能作为第 {line} 行 {part_number} 的旧件：{why_zh}。"
    help_en = "Name a defective piece of the same part that lies in the RMA's store."
    help_zh = "请选择同料号、位于该返修单备件库的坏件。"


class SentAlready(Refused):
    """The good piece of {rma} is on its way or here already, since {at}."""

    zh = "{rma} 的换件已于 {at} 发出或到货。"
    help_en = (
        "Take in what comes; another serial than was told is taken in with a reason, whatever else differs is a remark."
    )
    help_zh = "请等待到货并办理入库；序列号与告知不符时填写原因入库，其他出入请以备注说明。"


class NotUnused(Refused):
    """{piece} of {rma} cannot go back unused: it is out, held for somebody, or not the vendor's."""

    zh = "{rma} 的 {piece} 不能作为未用件退回：已出库、已被预留，或不归供应商所有。"
    help_en = "Bring it back to the store and release what holds it, or send the old piece back."
    help_zh = "请先将其退库并解除预留，或返还旧件。"


class ShippedLater(Invalid):
    """The vendor cannot have shipped in the future ({at})."""

    zh = "供应商发货时间（{at}）不能晚于当前时间。"
    help_en = "Give the time the vendor shipped, with its time zone."
    help_zh = "请填写供应商实际发货时间，并注意时区。"


@db.atomic
async def open_exchange(
    vendor: str,
    depot: str,
    part_number: str,
    *,
    by: Actor,
    pool: str = COMMON,
    device: str | None = None,
    serial: str | None = None,
    request: str | None = None,
    complaint: str = "",
    failure_code: str | None = None,
) -> RmaView:
    """Ask a vendor for a good piece first: under the maker's warranty of a device, or for what the exchange costs.

    `serial` is the old piece's, which need not be here yet. What comes for a `request` is held for it.

    Raises:
        Unknown: no such vendor, store, part, pool or device.
        NotYourDepot: the actor does not serve the store.
        NotBySerial: the part has no serials.
        NoExchange: nothing is agreed with the vendor, or it exchanges no such part.
        OutOfWarranty: it exchanges it under warranty alone, and the device is in none.
        NotTheOldPiece: the old piece is here and belongs to another pool, or to a vendor.
        OnTheBench: the old piece is being repaired.
        OnAnotherRma: the old piece is on its way back already.
        NotYourContracts: the actor acts for some contracts alone, and it is for none of them.

    """
    by.require("rmas.ask")
    by.require_depot(depot)
    opened = await begin(
        vendor,
        depot,
        part_number,
        by=by,
        pool=pool,
        device=device,
        serial=serial,
        request=request,
        complaint=complaint,
        failure_code=failure_code,
    )
    rmas.require_contract(opened, by)
    return opened


@db.atomic
async def begin(
    vendor: str,
    depot: str,
    part_number: str,
    *,
    by: Actor,
    pool: str = COMMON,
    device: str | None = None,
    serial: str | None = None,
    request: str | None = None,
    complaint: str = "",
    failure_code: str | None = None,
) -> RmaView:
    """Ask for an advance exchange on behalf of another verb that has checked the actor's rights.

    Raises:
        As `open_exchange`, but for the rights.

    """
    seller, place, part = await vendor_id(vendor), await places.find_store(depot), await parts.find(part_number)
    if not part.serialised:
        raise NotBySerial(part_number=part.part_number)
    pool_id = await pools.find(pool)
    covered = None if device is None else await devices.find(device, seen_by=by)
    exchanges = await db.fetch_one(
        """SELECT exchange_hours, exchange_cost_cny, party.id = maker AS makes_it
           FROM vendor JOIN party ON party.id = vendor.party
           LEFT JOIN offers_on($3::date) AS offer ON offer.vendor = vendor.id AND offer.part = $2
           LEFT JOIN device_model ON device_model.id = $4
           WHERE vendor.id = $1""",
        seller,
        part.id,
        clock.today(),
        None if covered is None else covered.model,
    )
    in_warranty = (
        covered is not None
        and covered.warranty_until is not None
        and clock.today() <= covered.warranty_until
        and exchanges is not None
        and bool(exchanges["makes_it"])
    )
    agreed = await vendor_terms.agreed(seller, part.id)
    if exchanges is None or agreed is None or (exchanges["exchange_hours"] is None and not in_warranty):
        raise NoExchange(vendor=vendor, part_number=part.part_number)
    if not in_warranty and exchanges["exchange_cost_cny"] is None:
        raise OutOfWarranty(device=device or "–", vendor=vendor, part_number=part.part_number)
    rma = await rmas.insert(
        seller,
        place.id,
        pool_id,
        by=by,
        contract=None if covered is None else covered.contract,
        request=request,
        advance=True,
        remark=complaint,
    )
    old = None if serial is None else await _unit(part.id, serial)
    if old is not None and (old["place"] != place.id or old["condition"] not in rmas.RETURNED_AS):
        old = None  # it is put on its line once it is here and was judged
    if old is not None:
        _require_its_own(old, pool_id, part.part_number, 1)
        await repairs.require_off_bench([old["id"]])
    added = await db.fetch_value(
        """INSERT INTO rma_line (rma, position, part, unit, owner, expected_serial, condition, expected_condition,
                                 failure_code, complaint, asked, cost_cny)
           VALUES ($1, 1, $2, $3, $4, $5, $6, 'good', $7, $8, 'exchange', $9)
           ON CONFLICT (unit) WHERE closed_at IS NULL AND unit IS NOT NULL DO NOTHING RETURNING id""",
        rma,
        part.id,
        old["id"] if old else None,
        old["owner"] if old else await places.ourselves(),
        serial,
        old["condition"] if old else "defective",
        code_of(failure_code),
        complaint.strip(),
        None if in_warranty else exchanges["exchange_cost_cny"],
    )
    if added is None:
        raise OnAnotherRma
    drafted = await rmas.rma_view(rma)
    await audit.record("rma.drafted", "rma", drafted.number, by=by, reason=complaint)
    await rmas.tell("drafted", drafted)
    return await _put(drafted, by=by)


async def _unit(part: int, serial: str) -> db.Row | None:
    """An old piece by its serial or our tag, wherever it lies, locked."""
    return await db.fetch_one(
        """SELECT unit.id, place, condition, owner, pool, serial, owner.is_vendor AND NOT owner.is_ourselves AS vendors
           FROM unit JOIN party AS owner ON owner.id = unit.owner
           WHERE part = $1 AND (serial = $2 OR tag = $2) FOR NO KEY UPDATE OF unit""",
        part,
        serial,
    )


def _require_its_own(unit: db.Row, pool: int, part_number: str, position: int) -> None:
    """Refuse an old piece that is a vendor's, or of another pool than what comes for it.

    Raises:
        NotTheOldPiece: it is.

    """
    why = None
    if unit["vendors"]:
        why = ("it is a vendor's own", "归供应商所有")
    elif unit["pool"] != pool:
        why = ("it belongs to another pool", "库存归属不同")
    if why is not None:
        raise NotTheOldPiece(serial=unit["serial"], part_number=part_number, line=position, why=why[0], why_zh=why[1])


async def _put(drafted: RmaView, *, by: Actor) -> RmaView:
    """Put an exchange to its vendor at once, for who asked: nothing has to be packed first."""
    await db.execute(
        "UPDATE rma SET state = 'requested', requested_at = $2, requested_by = $3 WHERE id = $1",
        drafted.id,
        clock.now(),
        by.name,
    )
    await steps.begin(
        "follow_rma",
        "rma",
        drafted.number,
        owner_role="buyer",
        depot=drafted.depot,
        due_at=clock.now() + rmas.REQUEST_WITHIN,
    )
    return await turned(drafted, "requested", by=by)


@db.atomic
async def vendor_shipped(
    rma: UUID,
    *,
    by: Actor,
    serial: str | None = None,
    waybill: str | None = None,
    shipped_at: datetime | None = None,
    promised_at: datetime | None = None,
) -> RmaView:
    """The vendor sent the good piece: it is expected, by its serial where that was told; the terms' clock may begin.

    Raises:
        ShippedLater: it was sent in the future.
        SentAlready: that was told before, or it is here.
        Unknown, NotYourDepot, WrongState: as `rmas.lock`; only what was authorised is sent.
        NoExchange: it is no advance exchange.

    """
    rmas.require_settling(by)
    head = await lock(rma, ("authorised",), by=by)
    (line, *_) = await lines_of(rma)
    at = shipped_at or clock.now()
    if at > clock.now():
        raise ShippedLater(at=at.isoformat())
    if not head.advance:
        raise NoExchange(vendor=head.vendor_code, part_number=line.part_number)
    before = head.vendor_shipped_at or line.came_at
    if before is not None:
        raise SentAlready(rma=head.number, at=before.isoformat())
    await db.execute(
        """UPDATE rma SET vendor_shipped_at = $2, vendor_waybill = $3, promised_at = coalesce($4, promised_at) WHERE id = $1""",
        rma,
        at,
        waybill,
        promised_at,
    )
    await db.execute(
        "UPDATE rma_line SET replacement_serial = coalesce($2, replacement_serial) WHERE id = $1", line.id, serial
    )
    await _expect(head, line, promised_at or head.promised_at)
    await coming_in.owe(head, line, "shipped", at, by=by)
    return await turned(head, "vendor_shipped", by=by)


async def _expect(head: Head, line: Line, promised_at: datetime | None) -> None:
    """What comes is as good as ours at that store, until the old piece is back and it is."""
    if promised_at is not None and line.ours:
        await expected.expect(
            line.part,
            head.place,
            head.pool,
            line.quantity,
            due_at=promised_at,
            source_kind="return",
            source=line.id,
            confirmed=True,
        )


@db.atomic
async def attach(rma: UUID, position: int, serial: str, *, by: Actor) -> RmaView:
    """Put the old piece that came in on its line, so that it can be sent; the debt is about that piece from now on.

    Raises:
        Unknown: no such line or unit.
        NotTheOldPiece: it is elsewhere, good, a vendor's, or of another pool.
        OnTheBench: it is being repaired.
        OnAnotherRma: it is on its way back already.
        NotYourDepot, WrongState: as `rmas.lock`.

    """
    by.require("rmas.ask")
    head = await lock(rma, ("draft", "requested", "authorised"), by=by)
    line = the_line(await lines_of(rma), position)
    unit = await _unit(line.part, serial)
    if unit is None:
        raise Unknown(what="unit", what_zh="单件", key=serial)
    why = None
    if unit["place"] != head.place:
        why = ("it lies elsewhere", "不在该库")
    elif unit["condition"] not in rmas.RETURNED_AS:
        why = (f"it is {unit['condition']}", f"状态为“{unit['condition']}”")
    if why is not None:
        raise NotTheOldPiece(serial=serial, part_number=line.part_number, line=position, why=why[0], why_zh=why[1])
    _require_its_own(unit, head.pool, line.part_number, position)
    await repairs.require_off_bench([unit["id"]])
    taken = await db.fetch_value(
        "SELECT true FROM rma_line WHERE unit = $1 AND closed_at IS NULL AND id <> $2", unit["id"], line.id
    )
    if taken:
        raise OnAnotherRma
    await db.execute(
        "UPDATE rma_line SET unit = $2, owner = $3, condition = $4 WHERE id = $1",
        line.id,
        unit["id"],
        unit["owner"],
        unit["condition"],
    )
    if line.debt is not None:
        await db.execute(
            "UPDATE return_debt SET unit = $2, expected_serial = $3 WHERE id = $1 AND state = 'open'",
            line.debt,
            unit["id"],
            unit["serial"],
        )
    await steps.begin(
        "ship_rma",
        "rma",
        head.number,
        owner_role="warehouse_keeper",
        depot=head.depot,
        due_at=clock.now() + rmas.SHIP_WITHIN,
    )
    return await turned(head, "attached", by=by, reason=serial)


@db.atomic
async def send_unused_back(rma: UUID, *, by: Actor, reason: str, waybill: str | None = None) -> RmaView:
    """The good piece was not needed: it goes back to its vendor, whose it still is, and nothing is owed for it any more.

    Raises:
        ReasonMissing: it was not said why.
        NotUnused: it is not in the RMA's store as the vendor's, or is held for somebody.
        Unknown, NotYourDepot, WrongState: as `rmas.lock`; the old piece is on its way already.

    """
    by.require("rmas.ask")
    if not reason.strip():
        raise ReasonMissing
    head = await lock(rma, ("authorised",), by=by)
    (line, *_) = await lines_of(rma)
    row = await db.fetch_one(
        """SELECT unit.part, unit.place, unit.condition, unit.owner, unit.pool, unit.bin, unit.serial, level.free
           FROM unit LEFT JOIN level ON level.part = unit.part AND level.place = unit.place
                AND level.condition = unit.condition AND level.owner = unit.owner AND level.pool = unit.pool
           WHERE unit.id = $1 FOR NO KEY UPDATE OF unit""",
        line.replacement,
    )
    if row is None or (row["place"], row["owner"]) != (head.place, head.vendor_party) or not row["free"]:
        raise NotUnused(piece=row["serial"] if row else line.part_number, rma=head.number)
    await post(
        [
            Move(
                kind="rma_unused",
                part=row["part"],
                quantity=1,
                unit=line.replacement,
                from_bin=row["bin"],
                origin=Spot(row["place"], row["condition"], row["owner"], row["pool"]),
                target=Spot(head.vendor_place, row["condition"], row["owner"], row["pool"]),
                document_kind="rma",
                document=head.number,
                reason=reason.strip(),
            )
        ],
        by=by,
    )
    if line.debt is not None and (await debts.debt_view(line.debt)).state == "open":
        await debts.settle(line.debt, "returned", by=by, reason=reason.strip(), returned_serial=row["serial"])
    now = clock.now()
    await db.execute("UPDATE rma_line SET closed_at = $2 WHERE rma = $1 AND closed_at IS NULL", rma, now)
    await db.execute(
        """UPDATE rma SET state = 'cancelled', closed_at = $2, closed_by = $3, reason = $4, waybill = $5 WHERE id = $1""",
        rma,
        now,
        by.name,
        reason.strip(),
        waybill,
    )
    await steps.finish("rma", head.number, by=by)
    return await turned(head, "sent_unused_back", by=by, reason=reason)
