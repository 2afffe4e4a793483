"""Coming in: what a vendor sends for an RMA, taken in by scan against the serials that are expected.

A repaired piece comes back in test, a rejected one defective. A replacement is new to the ledger: its source is a vendor's
exchange, and it is free only where that is proof enough for its pool; else it waits in quarantine.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from inventory.catalogue import parts
from inventory.catalogue.grades import LEAST_FOR_GOOD_STOCK, is_at_least
from inventory.catalogue.parts import PartRef
from inventory.ground import clock, db, jobs, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Refused
from inventory.places import places
from inventory.returns import answering, debts, repairs, vendor_terms
from inventory.returns.rmas import Head, Line, RmaView, lines_of, lock, turned
from inventory.returns.terms import at_risk, due
from inventory.stock import expected, lots, receipts, reservations, units
from inventory.stock.differences import Difference, Finding
from inventory.stock.ledger import post
from inventory.stock.moves import Move, Piece, Spot
from inventory.stock.receipts import Entered


class NotExpected(Refused):
    """{serial} is not what is awaited on {rma}: {awaited}."""

    zh = "{serial} 不是 {rma} 预期的件，预期：{awaited}。"
    help_en = "Check the label. Where the vendor sent another unit than it said, name the line and say why."
    help_zh = "请核对标签。若供应商发来的并非其告知的单件，请指定行号并说明原因。"


class NothingAwaited(Refused):
    """Nothing is to come in for {rma} at the moment."""

    zh = "{rma} 目前没有待收的备件。"
    help_en = "The vendor answers first: repaired, exchanged or rejected; of an advance exchange it authorises first."
    help_zh = "须先登记供应商答复（已修、已换或拒修）；先行换件须先获授权。"


class NoReplacement(Refused):
    """{part_number} cannot stand for line {line} of {rma}, which awaits {expected}: {why}."""

    zh = "{part_number} 不能作为 {rma} 第 {line} 行（预期 {expected}）的来件：{why_zh}。"
    help_en = "Check the label. If this is what came, put it by at the counter as found, and tell the vendor."
    help_zh = "请核对标签。若确为此件，请在返还柜台按实物入库，并告知供应商。"


class Arrived(Struct, frozen=True, kw_only=True):
    """A piece as it lies on the dock: its serial (or how many of a part without), in which line's place where that differs.

    `part_number` where the vendor sent another part than was asked: it waits in quarantine, with the `reason` why it was
    taken in. `damaged` keeps it from good stock.
    """

    serial: str | None = None
    position: int | None = None
    part_number: str | None = None
    damaged: bool = False
    reason: str = ""


@db.atomic
async def receive(rma: UUID, arrived: list[Arrived], *, by: Actor) -> RmaView:
    """Take in what came for an RMA, all of it or nothing; a receipt is written, and each piece has its condition and owner.

    Raises:
        NothingAwaited: nothing is to come.
        NotExpected: a serial is not what is awaited, and no reason was given.
        DifferenceUnexplained: another part came, or a damaged one, and nobody said why.
        NoReplacement: another part came in place of the very piece that was sent, or it cannot be kept as that one is.
        SerialRepeated: a replacement's serial is in the ledger already.
        Unknown, NotYourDepot, WrongState: as `rmas.lock`; no such part.

    """
    by.require("stock.receive")
    head = await lock(rma, ("authorised", "shipped", "at_vendor", "answered"), by=by)
    receipt = await receipts.begin(head.place, by=by, document_kind="rma", document=head.number)
    findings: list[Finding] = []
    pieces: list[list[Piece]] = []
    for each in arrived:
        awaited = [line for line in await lines_of(rma) if _awaited(head, line)]
        if not awaited:
            raise NothingAwaited(rma=head.number)
        part = None if each.part_number is None else await parts.find(each.part_number)
        line = _line_for(head, each, awaited, part)
        if part is not None and part.id != line.part:
            _require_replaces(head, line, part)
        if line.answer in ("repaired", "rejected"):
            finding, piece = await _come_back(head, line, each, receipt, by=by)
        else:
            finding, piece = await _replace(head, line, each, part, receipt, by=by)
        findings.append(finding)
        pieces.append([piece])
    receipts.explained(findings)
    await receipts.write_lines(receipt, findings, Entered(pieces, [[] for _ in pieces]), owner=await places.ourselves())
    await answering.settle(head, by=by)
    return await turned(head, "received", by=by)


SOONEST = timedelta(minutes=1)
"""A debt whose term is over as it is heard of falls due at once, which is a moment ahead of its beginning."""


def _awaited(head: Head, line: Line) -> bool:
    """Whether something is to come in for a line: what was answered so, or the good piece of an advance exchange."""
    if line.came_at is not None or line.closed_at is not None:
        return False
    return line.answer in ("repaired", "exchanged", "rejected") or (head.advance and line.answer is None)


def _serial(line: Line) -> str | None:
    return line.serial if line.answer in ("repaired", "rejected") else line.replacement_serial


def _line_for(head: Head, came: Arrived, awaited: list[Line], part: PartRef | None) -> Line:
    """The line that a piece came for: by its serial, by its part, or as whoever took it in says."""
    exact = next((line for line in awaited if came.serial is not None and _serial(line) == came.serial), None)
    if exact is not None:
        return exact
    named = [line for line in awaited if came.position in (None, line.position)]
    if part is not None:
        named = [line for line in named if line.part == part.id] or named
    # a replacement whose serial nobody told is what its line waits for; another unit than was told needs a reason
    fits = [line for line in named if _serial(line) is None or not line.serialised]
    if not fits and came.position is not None and came.reason.strip():
        fits = [line for line in named if line.answer not in ("repaired", "rejected")]
    if len(fits) != 1 or (fits[0].serialised and not came.serial):
        told = ", ".join(f"{line.position}: {line.part_number} {_serial(line) or '?'}" for line in awaited)
        raise NotExpected(serial=came.serial or "–", rma=head.number, awaited=told)
    return fits[0]


def _require_replaces(head: Head, line: Line, part: PartRef) -> None:
    """Refuse another part where it cannot stand for what is awaited.

    Raises:
        NoReplacement: the very piece that was sent is to come back, or the parts are not kept alike.

    """
    why = None
    if line.answer in ("repaired", "rejected"):
        why = ("the piece that was sent comes back itself", "应返回寄出的原件")
    elif part.serialised != line.serialised:
        why = ("one of them is kept by serial, the other is not", "两者的序列号管理方式不同")
    if why is not None:
        raise NoReplacement(
            part_number=part.part_number,
            line=line.position,
            rma=head.number,
            expected=line.part_number,
            why=why[0],
            why_zh=why[1],
        )


async def _come_back(
    head: Head, line: Line, came: Arrived, receipt: receipts.Begun, *, by: Actor
) -> tuple[Finding, Piece]:
    """The piece itself comes back from the vendor: repaired into test, rejected as it went."""
    repaired = line.answer == "repaired" and not came.damaged
    condition = "in_test" if repaired else "defective"
    await post(
        [
            Move(
                kind="rma_in",
                part=line.part,
                quantity=line.quantity,
                unit=line.unit,
                lot=line.lot,
                origin=Spot(head.vendor_place, line.condition, line.owner, head.pool),
                target=Spot(head.place, condition, line.owner, head.pool),
                document_kind="rma",
                document=head.number,
                reason=came.reason,
                receipt=receipt.id,
            )
        ],
        by=by,
    )
    await _note(line, came, condition, receipt)
    if line.unit is not None:
        row = await db.fetch_one("SELECT finding, cost_cny FROM rma_line WHERE id = $1", line.id)
        cost: Decimal | None = row["cost_cny"] if row else None
        told = (row["finding"] if row else "") or came.reason
        if line.asked == "repair":
            await repairs.came_from_vendor(line.id, by=by, repaired=repaired, finding=told, cost_cny=cost)
    return _finding(line, line.part, line.part_number, condition, came), Piece(unit=line.unit, lot=line.lot)


async def _replace(
    head: Head, line: Line, came: Arrived, named: PartRef | None, receipt: receipts.Begun, *, by: Actor
) -> tuple[Finding, Piece]:
    """Another piece comes for the old one: the vendor's own while it waits for the old one, else whose the old one was."""
    part = named or await parts.find(line.part_number)
    titles_crossed = not head.advance or head.state in ("at_vendor", "answered")
    owner = line.owner if titles_crossed else head.vendor_party
    wrong = came.serial is not None and line.replacement_serial not in (None, came.serial)
    other = part.id != line.part
    condition = await _fit(head, unfit=came.damaged or wrong or other)
    origin = Spot(head.vendor_place, condition, owner, head.pool)
    unit = lot = None
    if part.serialised:
        unit = await _unit(part.id, came.serial or "", origin, receipt, head)
        origin = await _spot_of(unit)
        if condition == "good" and origin.condition != "good":
            condition = (
                "in_test"  # one that this vendor had of us before was bad: only a test says that it is not any more
            )
    else:
        lot = await lots.enter(
            part.id, receipt.number, provenance="vendor_exchange", source=head.number, receipt=receipt.id
        )
    await post(
        [
            Move(
                kind="receipt",
                part=part.id,
                quantity=line.quantity,
                unit=unit,
                lot=lot,
                origin=origin,
                target=Spot(head.place, condition, owner, head.pool),
                document_kind="rma",
                document=head.number,
                reason=came.reason,
                receipt=receipt.id,
            )
        ],
        by=by,
    )
    await _note(line, came, condition, receipt)
    await db.execute("UPDATE rma_line SET replacement = $2, replacement_owner = $3 WHERE id = $1", line.id, unit, owner)
    await expected.count_in(line.id, line.quantity)
    if line.unit is not None and not line.ours:  # what came stands for the customer's unit that was collected
        await db.execute(
            "UPDATE collection SET unit = $2, serial = $3, part = $4 WHERE unit = $1 AND closed_at IS NULL",
            line.unit,
            unit,
            came.serial,
            part.id,
        )
    if not titles_crossed:
        await _owe(head, line, by=by)
        if head.request_number is not None and condition == "good":
            held = await reservations.hold(
                part.part_number,
                head.depot,
                line.quantity,
                by=by,
                pool=head.pool_code,
                reference=head.request_number,
                owner=head.vendor_code,
            )
            await db.execute("UPDATE rma_line SET reservation = $2 WHERE id = $1", line.id, held.id)
            await jobs.enqueue(jobs.ExchangeArrived(line.id))
        await steps.finish("rma", head.number, "follow_rma", by=by)
    difference = "wrong_part" if other else "wrong_serial" if wrong else "damaged" if came.damaged else None
    finding = _finding(line, part.id, part.part_number, condition, came, difference=difference, owner=owner)
    return finding, Piece(unit=unit, lot=lot, quantity=line.quantity)


async def _fit(head: Head, *, unfit: bool) -> str:
    """What a replacement is when it comes: good where a vendor's exchange is proof enough for its pool, else quarantined."""
    row = await db.fetch_one(
        """SELECT coalesce(contract.minimum_provenance, $2) AS needed, vendor.inspect_on_receipt AS inspect
           FROM pool LEFT JOIN contract ON contract.id = pool.contract JOIN vendor ON vendor.id = $3 WHERE pool.id = $1""",
        head.pool,
        LEAST_FOR_GOOD_STOCK,
        head.vendor,
    )
    proven = row is not None and is_at_least("vendor_exchange", row["needed"]) and not row["inspect"]
    return "good" if proven and not unfit else "quarantine"


async def _unit(part: int, serial: str, origin: Spot, receipt: receipts.Begun, head: Head) -> UUID:
    """The unit that came: one that this vendor had of us before, or a new one."""
    known = await db.fetch_value(
        """SELECT id FROM unit WHERE part = $1 AND serial = $2 AND place = $3 AND owner = $4 FOR NO KEY UPDATE""",
        part,
        serial,
        head.vendor_place,
        head.vendor_party,
    )
    if known is not None:
        await db.execute(
            "UPDATE unit SET provenance = 'vendor_exchange', source = $2, receipt = $3 WHERE id = $1",
            known,
            head.number,
            receipt.id,
        )
        return known
    (unit,) = await units.enter_all(
        [
            units.NewUnit(
                part=part,
                serial=serial,
                condition=origin.condition,
                owner=origin.owner,
                pool=origin.pool,
                place=origin.place,
                provenance="vendor_exchange",
            )
        ],
        receipt=receipt.id,
        source=head.number,
    )
    return unit


async def _spot_of(unit: UUID) -> Spot:
    row = await db.fetch_one("SELECT place, condition, owner, pool FROM unit WHERE id = $1", unit)
    if row is None:
        raise AssertionError("a unit that was just found is there")
    return Spot(row["place"], row["condition"], row["owner"], row["pool"])


async def _note(line: Line, came: Arrived, condition: str, receipt: receipts.Begun) -> None:
    await db.execute(
        "UPDATE rma_line SET came_at = $2, came_serial = $3, came_condition = $4, receipt = $5 WHERE id = $1",
        line.id,
        clock.now(),
        came.serial or line.serial,
        condition,
        receipt.id,
    )


def _finding(
    line: Line,
    part: int,
    part_number: str,
    condition: str,
    came: Arrived,
    *,
    difference: Difference | None = None,
    owner: int | None = None,
) -> Finding:
    return Finding(
        part=part,
        part_number=part_number,
        serialised=line.serialised,
        quantity=line.quantity,
        missing=0,
        expected=line.quantity,
        condition=condition,
        difference=difference,
        serials=[] if not line.serialised else [came.serial or line.serial or ""],
        reason=came.reason,
        pool=None,
        source=line.id,
        lot=None,
        to_inspect=condition == "quarantine",
        owner=owner or line.owner,
    )


async def _owe(head: Head, line: Line, *, by: Actor) -> None:
    """From now on, or from when the vendor shipped, we owe the old piece by the vendor's terms."""
    if line.debt is None:
        await owe(head, line, None, clock.now(), by=by)


async def owe(head: Head, line: Line, event: vendor_terms.RunsFrom | None, at: datetime, *, by: Actor) -> None:
    """Begin our debt of an old piece, where the vendor's terms begin with this event; without terms nothing is owed by a day.

    None is for what came before anybody said that it was sent: then the terms begin at the latest.

    What is at risk is what the terms charge when it is late, by today's list price: what the vendor asks for the part.
    """
    agreed = await vendor_terms.agreed(head.vendor, line.part)
    if agreed is None or event not in (None, agreed.runs_from) or line.debt is not None:
        return
    reckoned = due(at, agreed.term)
    listed = await list_price(head.vendor, line.part)
    money = at_risk(agreed.charge, listed, percent=agreed.charge_percent, fixed=agreed.charge_cny) * line.quantity
    debt = await debts.begin(
        debts.NewDebt(
            depot=head.place,
            part=line.part,
            pool=head.pool,
            document_kind="rma",
            document=head.number,
            due_at=max(reckoned.due_at, clock.now() + SOONEST),
            terms=debts.Terms(
                zh=agreed.words,
                en=agreed.words,
                data={
                    "days": agreed.days,
                    "counts": agreed.counts,
                    "runs_from": agreed.runs_from,
                    "grace": agreed.grace,
                    "charge": agreed.charge,
                    "began_at": at.isoformat(),
                    "charged_from": reckoned.charged_from.isoformat(),
                    "provisional": reckoned.provisional,
                },
            ),
            vendor=head.vendor,
            unit=line.unit,
            lot=line.lot,
            quantity=line.quantity,
            expected_serial=line.serial or line.expected_serial,
            warn_before=timedelta(days=2),
            money_cny=money,
        ),
        by=by,
    )
    await db.execute("UPDATE rma_line SET debt = $2 WHERE id = $1", line.id, debt.id)


async def list_price(vendor: int, part: int) -> Decimal | None:
    """What a vendor asks for a part today, payable with tax, CNY; where it offers none, what the catalogue says."""
    return await db.fetch_value(
        """SELECT coalesce((SELECT unit_price_cny FROM offers_on($3::date) AS offer
                            WHERE offer.vendor = $1 AND offer.part = $2 LIMIT 1),
                           (SELECT unit_cost_cny FROM part WHERE id = $2))""",
        vendor,
        part,
        clock.today(),
    )
