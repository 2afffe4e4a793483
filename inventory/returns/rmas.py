"""RMAs (返修单): pieces that go back to a vendor, from the draft until each has found its end.

States move forward only: draft → requested → authorised → shipped → at_vendor → answered → closed. What the vendor answers
stands in `answering.py`, what comes back in `coming_in.py`, the good piece first in `exchanges.py`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType, structs

from inventory.catalogue import parts
from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, Invalid, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.installed_base.failures import code_of
from inventory.places import places
from inventory.procurement import claims
from inventory.procurement.vendors import vendor_id
from inventory.returns import debts, repairs, vendor_terms
from inventory.stock import expected, lots
from inventory.stock.ledger import post
from inventory.stock.moves import Move, Piece, Spot, moves_of
from inventory.stock.refusals import QuantityNotPositive, UnitNotHere

State = Literal["draft", "requested", "authorised", "shipped", "at_vendor", "answered", "closed", "cancelled"]
Asked = Literal["repair", "exchange", "credit"]
AnswerKind = Literal["repaired", "exchanged", "credited", "rejected", "scrapped"]
Condition = Literal["defective", "quarantine", "frozen", "unknown"]

RETURNED_AS: tuple[Condition, ...] = ("defective", "quarantine", "frozen", "unknown")
"""The conditions in which a piece goes back; what is good or just being tested does not."""

REQUEST_WITHIN = timedelta(days=1)
AUTHORISED_WITHIN = timedelta(days=3)
SHIP_WITHIN = timedelta(days=1)
ANSWERED_WITHIN = timedelta(days=15)
"""How soon each step is to be done: put to the vendor, its number had, sent, answered."""

EXCHANGE_DAYS = 10
"""How long an exchange is taken to last where nobody said."""


class NothingToReturn(Invalid):
    """An RMA takes back at least one piece."""

    zh = "返修单至少要有一件备件。"
    help_en = "Name the pieces by part and serial (or lot), and the vendor of each."
    help_zh = "请逐件填写料号、序列号（或批次）以及供应商。"


class NotReturnable(Refused):
    """{piece} at {depot} is {condition}; only what is defective, held back or unknown goes back to a vendor."""

    zh = "{depot} 的 {piece} 状态为“{condition}”；只有坏件、隔离、冻结或待判定的备件可以返厂。"
    help_en = "Judge the piece first: mark it defective, or block the batch."
    help_zh = "请先判定该件：标记为坏件，或先隔离该批次。"


class OnAnotherRma(Refused, constraint="rma_line_unit_is_returned_once"):
    """This piece stands on an RMA that is open."""

    zh = "该件已在未结的返修单上。"
    help_en = "Go on with that RMA, or cancel it while it has not left."
    help_zh = "请继续办理该返修单，或在寄出前撤销。"


class ChangedSince(Refused):
    """{piece} is of pool {pool} and belongs to {owner} by now; on {rma} it stands as another's."""

    zh = "{piece} 现属库存归属 {pool}、所有者 {owner}，与返修单 {rma} 所载不符。"
    help_en = "Bring it back to what the RMA says, or call the RMA off and draft it anew."
    help_zh = "请先恢复其归属，或撤销该返修单后重新登记。"


class VendorsOwn(Refused):
    """{piece} belongs to {owner}, a vendor: it is not ours to send in."""

    zh = "{piece} 归供应商 {owner} 所有，不能作为我方备件返修。"
    help_en = "It becomes ours when its vendor has the old piece; ship that one."
    help_zh = "旧件返还后该件才归我方；请寄出旧件。"


class NotYourContracts(Forbidden):
    """{name} acts for the contracts {contracts} alone, and this return is for none of them."""

    zh = "{name} 仅负责合同 {contracts}，该返修不属于这些合同。"
    help_en = "Ask a colleague whose scope is not bound to contracts, or return pieces of the contract's own stock."
    help_zh = "请由不受合同范围限制的同事办理，或返修该合同专属库存中的备件。"


class NotDeadOnArrival(Refused):
    """{piece} came {days} days ago; {vendor} takes a piece as dead on arrival within {allowed}."""

    zh = "{piece} 到货已 {days} 天；{vendor} 的到货即损期限为 {allowed} 天。"
    help_en = "Ask for a repair or an exchange under warranty instead."
    help_zh = "请改按保修申请维修或换货。"


class VendorNumberMissing(Invalid):
    """An RMA is authorised by the vendor's own number for it."""

    zh = "厂家授权须填写厂家的返修编号（RMA 号）。"
    help_en = "Give `vendor_number` as the vendor told it."
    help_zh = "请填写厂家告知的返修编号。"


class OldPieceMissing(Refused):
    """Line {line} of {rma} names no piece yet: the old {part_number} has not come in."""

    zh = "{rma} 第 {line} 行尚无实物：旧件 {part_number} 还未交回。"
    help_en = "Take the old piece in, judge it defective, and put it on the line."
    help_zh = "请先收回旧件并判为坏件，再关联到该行。"


class NewLine(Struct, frozen=True, kw_only=True):
    """A piece to send to a vendor: a unit by its serial or our tag, or some pieces of a lot."""

    vendor: str
    part_number: str
    asked: Asked
    serial: str | None = None
    lot: str | None = None
    quantity: int = 1
    complaint: str = ""
    failure_code: str | None = None
    dead_on_arrival: bool = False


class LineView(Struct, frozen=True, kw_only=True):
    """A line of an RMA; money is told to those who may see prices, amounts of credit in `credit_currency`.

    `came_part` is what came where that is another part than went back.
    """

    id: UUID
    position: int
    part_number: str
    name_zh: str
    name_en: str
    serialised: bool
    quantity: int
    unit: UUID | None
    serial: str | None
    lot: str | None
    owner: str
    ours: bool
    expected_serial: str | None
    condition: Condition
    expected_condition: str
    failure_code: str | None
    complaint: str
    dead_on_arrival: bool
    asked: Asked
    answer: AnswerKind | None
    no_fault_found: bool
    finding: str
    answered_at: datetime | None
    answered_by: str | None
    replacement_serial: str | None
    replacement: UUID | None
    credit_number: str | None
    came_at: datetime | None
    came_serial: str | None
    came_part: str | None
    came_condition: str | None
    receipt: str | None
    debt: UUID | None
    reservation: UUID | None
    scrap_agreed_by: str | None
    closed_at: datetime | None
    repair: str | None
    credit_amount: Decimal | UnsetType | None
    credit_currency: str | None
    cost_cny: Decimal | UnsetType | None
    charged_cny: Decimal | UnsetType | None

    @property
    def awaited(self) -> bool:
        """Whether something is still to come in for it."""
        return self.came_at is None and self.closed_at is None and self.answer in ("repaired", "exchanged", "rejected")

    @property
    def awaited_serial(self) -> str | None:
        """The serial that is to come in for it, where it is known."""
        return self.replacement_serial if self.answer in (None, "exchanged") else self.serial


class RmaView(Struct, frozen=True, kw_only=True):
    """An RMA with its lines; those that were asked for together share a `bundle`."""

    id: UUID
    number: str
    bundle: str
    vendor: str
    vendor_zh: str
    vendor_en: str
    depot: str
    pool: str
    contract: str | None
    state: State
    advance: bool
    request: str | None
    claim: str | None
    vendor_number: str | None
    carrier: str | None
    waybill: str | None
    remark: str
    opened_at: datetime
    opened_by: str
    requested_at: datetime | None
    requested_by: str | None
    authorised_at: datetime | None
    authorised_by: str | None
    vendor_shipped_at: datetime | None
    vendor_waybill: str | None
    promised_at: datetime | None
    shipped_at: datetime | None
    shipped_by: str | None
    at_vendor_at: datetime | None
    answered_at: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    reason: str
    lines: list[LineView]


class Head(Struct, frozen=True, kw_only=True):
    """An RMA while a verb acts on it, locked, with the ids that moves need."""

    id: UUID
    number: str
    vendor: int
    vendor_party: int
    vendor_code: str
    vendor_place: int
    place: int
    depot: str
    pool: int
    pool_code: str
    contract: int | None
    contract_code: str | None
    state: State
    advance: bool
    request_number: str | None
    promised_at: datetime | None
    vendor_shipped_at: datetime | None
    shipped_at: datetime | None
    carrier: str | None
    waybill: str | None


class Line(Struct, frozen=True, kw_only=True):
    """A line while a verb acts on it."""

    id: UUID
    position: int
    part: int
    part_number: str
    serialised: bool
    quantity: int
    unit: UUID | None
    serial: str | None
    lot: UUID | None
    owner: int
    ours: bool
    expected_serial: str | None
    condition: str
    expected_condition: str
    asked: Asked
    answer: AnswerKind | None
    answered_by: str | None
    replacement: UUID | None
    replacement_serial: str | None
    replacement_owner: int | None
    came_at: datetime | None
    debt: UUID | None
    reservation: UUID | None
    charged_cny: Decimal | None
    closed_at: datetime | None


async def lock(rma: UUID, states: Sequence[State], *, by: Actor) -> Head:
    """An RMA in the actor's reach, locked, in one of some states.

    Raises:
        Unknown: no such RMA in the actor's scope.
        NotYourDepot: the actor does not serve its store.
        WrongState: it is in none of those states.

    """
    head = await db.read_one(
        Head,
        f"""SELECT rma.id, rma.number, rma.vendor, vendor.party AS vendor_party, party.code AS vendor_code,
                   vendor.place AS vendor_place, rma.place, place.code AS depot, rma.pool, pool.code AS pool_code,
                   rma.contract, contract.code AS contract_code, rma.state, rma.advance, rma.request_number,
                   rma.promised_at, rma.vendor_shipped_at, rma.shipped_at, rma.carrier, rma.waybill
            FROM rma
            JOIN vendor ON vendor.id = rma.vendor JOIN party ON party.id = vendor.party
            JOIN place ON place.id = rma.place JOIN pool ON pool.id = rma.pool
            LEFT JOIN contract ON contract.id = rma.contract
            WHERE rma.id = $1 AND {_SEEN.format(depots="$2", contracts="$3", vendor="$4")} FOR NO KEY UPDATE OF rma""",
        rma,
        by.depot_scope,
        by.contract_scope,
        by.vendor,
    )
    if head is None:
        raise Unknown(what="RMA", what_zh="返修单", key=str(rma))
    if by.vendor is None:
        by.require_depot(head.depot)
    if head.state not in states:
        raise WrongState(what="RMA", what_zh="返修单", key=head.number, state=head.state, needed=" / ".join(states))
    return head


async def lines_of(rma: UUID) -> list[Line]:
    """The lines of an RMA that its verb has locked."""
    return await db.read(
        Line,
        """SELECT line.id, position, line.part, part.part_number, part.serialised, line.quantity, line.unit, unit.serial,
                  line.lot, line.owner, owner.is_ourselves AS ours, expected_serial, line.condition,
                  expected_condition, asked, answer, answered_by, replacement, replacement_serial, replacement_owner,
                  came_at, debt, reservation, charged_cny, closed_at
           FROM rma_line AS line
           JOIN part ON part.id = line.part JOIN party AS owner ON owner.id = line.owner
           LEFT JOIN unit ON unit.id = line.unit
           WHERE line.rma = $1 ORDER BY position""",
        rma,
    )


def the_line(lines: Sequence[Line], position: int) -> Line:
    """The line at a position.

    Raises:
        Unknown: there is none.

    """
    found = next((line for line in lines if line.position == position), None)
    if found is None:
        raise Unknown(what="RMA line", what_zh="返修单行", key=str(position))
    return found


@db.atomic
async def draft(
    depot: str,
    lines: Sequence[NewLine],
    *,
    by: Actor,
    remark: str = "",
    claim: UUID | None = None,
    request: str | None = None,
) -> list[RmaView]:
    """Draft the return of pieces that lie in a store: an RMA for each vendor and pool, told together by their bundle.

    `claim` is the quality claim whose batch they are, `request` the number of the part request they came out for; unsaid,
    that of their debts.

    Raises:
        NothingToReturn: no piece is named.
        Unknown: no such store, vendor, part, unit, lot or claim.
        UnitNotHere: a piece is not in that store.
        NotReturnable, VendorsOwn: a piece is good, or a vendor's.
        OnTheBench: it is being repaired.
        OnAnotherRma: it is on its way back already.
        NotDeadOnArrival: it came too long ago for that.
        NotYourContracts: the actor acts for some contracts alone, and a piece is none of theirs.

    """
    by.require("rmas.ask")
    by.require_depot(depot)
    drafted = await begin(depot, lines, by=by, remark=remark, claim=claim, request=request)
    for view in drafted:
        require_contract(view, by)
    return drafted


def require_contract(view: RmaView, by: Actor) -> None:
    """Refuse a return that whoever asks for it would not even see: of common stock, or of another contract.

    Raises:
        NotYourContracts: it is.

    """
    if by.contracts is not None and view.contract not in by.contracts:
        raise NotYourContracts(name=by.name, contracts=", ".join(sorted(by.contracts)))


@db.atomic
async def begin(
    depot: str,
    lines: Sequence[NewLine],
    *,
    by: Actor,
    remark: str = "",
    claim: UUID | None = None,
    contract: int | None = None,
    request: str | None = None,
) -> list[RmaView]:
    """Draft a return on behalf of another verb that has checked the actor's rights; `contract` is whose business it is.

    Raises:
        As `draft`, but for the rights.

    """
    if not lines:
        raise NothingToReturn
    place = await places.find_store(depot)
    claimed = None if claim is None else (await claims.claim_view(claim, seen_by=by)).number
    bundle = await next_number("RB")
    vendors = {code: await vendor_id(code) for code in dict.fromkeys(new.vendor for new in lines)}
    pieces = await _pieces(place, lines)
    made: dict[tuple[int, int], UUID] = {}
    for new, piece in zip(lines, pieces, strict=True):
        vendor = vendors[new.vendor]
        if new.dead_on_arrival:
            await _require_just_come(new, piece["part"], vendor, piece["received_at"])
        if (vendor, piece["pool"]) not in made:
            made[vendor, piece["pool"]] = await insert(
                vendor, place.id, piece["pool"], by=by, bundle=bundle, remark=remark, claim=claimed, contract=contract
            )
    await _add(
        [made[vendors[new.vendor], piece["pool"]] for new, piece in zip(lines, pieces, strict=True)], lines, pieces
    )
    await _name_request(list(made.values()), request)
    views = [await rma_view(rma) for rma in made.values()]
    for view in views:
        await steps.begin(
            "request_rma",
            "rma",
            view.number,
            owner_role="buyer",
            depot=depot,
            due_at=clock.now() + REQUEST_WITHIN,
        )
        await audit.record("rma.drafted", "rma", view.number, by=by, reason=remark)
        await tell("drafted", view)
    return [shown_to(view, by) for view in views]


async def _name_request(made: Sequence[UUID], request: str | None) -> None:
    """Write on new RMAs which part request they are for: the one that is told, else the one all their pieces came out for.

    What came out for a request is its contract's business, so that its ticket system is told of it.
    """
    await db.execute(
        """UPDATE rma SET request_number = part_request.number,
                  contract = coalesce(rma.contract, CASE WHEN part_request.number = own.number THEN device.contract END)
           FROM unnest($1::uuid[]) AS new(rma)
           CROSS JOIN LATERAL (
               SELECT CASE WHEN count(DISTINCT debt.document_number) = 1 AND count(*) = count(debt.document_number)
                           THEN min(debt.document_number) END AS number
               FROM rma_line AS line
               LEFT JOIN LATERAL (SELECT document_number FROM return_debt
                                  WHERE (unit = line.unit OR lot = line.lot) AND debtor_kind = 'engineer'
                                    AND document_kind = 'part_request' ORDER BY opened_at DESC LIMIT 1) AS debt ON true
               WHERE line.rma = new.rma
           ) AS own
           JOIN part_request ON part_request.number = coalesce($2, own.number)
           JOIN device ON device.id = part_request.device
           WHERE rma.id = new.rma""",
        list(made),
        request,
    )


async def _pieces(place: places.PlaceRef, lines: Sequence[NewLine]) -> list[db.Row]:
    """The pieces that new lines speak of, as they lie in the store, units locked."""
    named = await parts.find_each([new.part_number for new in lines])
    few = next((new for new, part in zip(lines, named, strict=True) if not part.serialised and new.quantity < 1), None)
    if few is not None:
        raise QuantityNotPositive(quantity=few.quantity)
    found = {row["line"]: row for row in [*await _units(lines, named), *await _of_lots(place, lines, named)]}
    for line, (new, part) in enumerate(zip(lines, named, strict=True)):
        piece, row = new.serial or new.lot or part.part_number, found.get(line)
        if row is None and part.serialised:
            raise Unknown(what="unit", what_zh="单件", key=piece)
        if row is None:
            raise NotReturnable(piece=piece, depot=place.code, condition="–")
        if row["place"] != place.id:
            raise UnitNotHere(serial=piece, depot=place.code, condition="defective")
        if row["condition"] not in RETURNED_AS:
            raise NotReturnable(piece=piece, depot=place.code, condition=row["condition"])
        if row["vendors"]:
            raise VendorsOwn(piece=piece, owner=row["owner_code"])
    await repairs.require_off_bench([row["unit"] for row in found.values() if row["unit"] is not None])
    return [found[line] for line in range(len(lines))]


async def _units(lines: Sequence[NewLine], named: Sequence[parts.PartRef]) -> list[db.Row]:
    asked = [
        (n, part.id, new.serial) for n, (new, part) in enumerate(zip(lines, named, strict=True)) if part.serialised
    ]
    return await db.fetch(
        """SELECT asked.line, unit.part, unit.id AS unit, NULL::uuid AS lot, unit.owner, unit.pool, unit.condition,
                  unit.received_at, 1 AS quantity, unit.place, owner.code AS owner_code,
                  owner.is_vendor AND NOT owner.is_ourselves AS vendors
           FROM unnest($1::int[], $2::int[], $3::text[]) AS asked(line, part, serial)
           JOIN unit ON unit.part = asked.part AND asked.serial IN (unit.serial, unit.tag)
           JOIN party AS owner ON owner.id = unit.owner
           ORDER BY unit.id FOR NO KEY UPDATE OF unit""",
        *([list(column) for column in zip(*asked, strict=True)] or [[], [], []]),
    )


async def _of_lots(place: places.PlaceRef, lines: Sequence[NewLine], named: Sequence[parts.PartRef]) -> list[db.Row]:
    asked = [
        (n, part.id, new.quantity, new.lot)
        for n, (new, part) in enumerate(zip(lines, named, strict=True))
        if not part.serialised
    ]
    return await db.fetch(
        """SELECT asked.line, asked.part, NULL::uuid AS unit, there.lot, there.owner, there.pool, there.condition,
                  there.received_at, asked.quantity, there.place, owner.code AS owner_code,
                  owner.is_vendor AND NOT owner.is_ourselves AS vendors
           FROM unnest($1::int[], $2::int[], $3::int[], $4::text[]) AS asked(line, part, quantity, lot)
           CROSS JOIN LATERAL (
               SELECT lot.id AS lot, owner, pool, condition, place, lot.received_at
               FROM lot_stock JOIN lot ON lot.id = lot_stock.lot
               WHERE lot_stock.part = asked.part AND lot_stock.place = $5 AND condition = ANY($6)
                 AND lot_stock.quantity >= asked.quantity AND (asked.lot IS NULL OR lot.number = asked.lot)
               ORDER BY lot.received_at, lot.id LIMIT 1) AS there
           JOIN party AS owner ON owner.id = there.owner""",
        *([list(column) for column in zip(*asked, strict=True)] or [[], [], [], []]),
        place.id,
        list(RETURNED_AS),
    )


async def _require_just_come(new: NewLine, part: int, vendor: int, received_at: datetime) -> None:
    """Refuse to call dead on arrival what came longer ago than the vendor's terms allow."""
    agreed = await vendor_terms.agreed(vendor, part)
    allowed = agreed.doa_days if agreed is not None else None
    days = (clock.now() - received_at).days
    if allowed is None or days > allowed:
        raise NotDeadOnArrival(piece=new.serial or new.part_number, days=days, vendor=new.vendor, allowed=allowed or 0)


async def insert(
    vendor: int,
    place: int,
    pool: int,
    *,
    by: Actor,
    bundle: str | None = None,
    remark: str = "",
    claim: str | None = None,
    contract: int | None = None,
    request: str | None = None,
    advance: bool = False,
) -> UUID:
    """Write the head of an RMA on behalf of a verb that has checked it; of a dedicated pool it is its contract's."""
    number = await next_number("RMA")
    return await db.fetch_value(
        """INSERT INTO rma (number, bundle, vendor, place, pool, contract, state, advance, request_number, claim_number,
                            remark, opened_at, opened_by)
           VALUES ($1, $2, $3, $4, $5, coalesce($6, (SELECT contract FROM pool WHERE id = $5)), 'draft', $7, $8, $9, $10,
                   $11, $12) RETURNING id""",
        number,
        bundle or number,
        vendor,
        place,
        pool,
        contract,
        advance,
        request,
        claim,
        remark.strip(),
        clock.now(),
        by.name,
    )


async def _add(of: Sequence[UUID], lines: Sequence[NewLine], pieces: Sequence[db.Row]) -> None:
    """Write the lines, each of one of some RMAs, numbered as they were asked for."""
    added = await db.fetch(
        """INSERT INTO rma_line (rma, position, part, quantity, unit, lot, owner, condition, expected_condition,
                                 failure_code, complaint, dead_on_arrival, asked)
           SELECT rma, position, part, quantity, unit, lot, owner, condition,
                  CASE asked WHEN 'repair' THEN 'in_test' ELSE 'good' END, failure_code, complaint, dead_on_arrival, asked
           FROM unnest($1::uuid[], $2::int[], $3::int[], $4::uuid[], $5::uuid[], $6::int[], $7::text[], $8::text[],
                       $9::text[], $10::bool[], $11::text[])
                WITH ORDINALITY AS line(rma, part, quantity, unit, lot, owner, condition, failure_code, complaint,
                                        dead_on_arrival, asked, position)
           ON CONFLICT (unit) WHERE closed_at IS NULL AND unit IS NOT NULL DO NOTHING RETURNING id""",
        list(of),
        *([piece[column] for piece in pieces] for column in ("part", "quantity", "unit", "lot", "owner", "condition")),
        [code_of(new.failure_code) for new in lines],
        [new.complaint.strip() for new in lines],
        [new.dead_on_arrival for new in lines],
        [new.asked for new in lines],
    )
    if len(added) < len(lines):
        raise OnAnotherRma


@db.atomic
async def request(rma: UUID, *, by: Actor) -> RmaView:
    """Note that the return was asked for at the vendor, which sees it on its page; its number is waited for.

    Raises:
        Unknown, NotYourDepot, WrongState: as `lock`; only a draft is asked for.

    """
    by.require("rmas.ask")
    head = await lock(rma, ("draft",), by=by)
    await db.execute(
        "UPDATE rma SET state = 'requested', requested_at = $2, requested_by = $3 WHERE id = $1",
        rma,
        clock.now(),
        by.name,
    )
    await steps.finish("rma", head.number, by=by)
    await _wait("follow_rma", "buyer", head, AUTHORISED_WITHIN)
    return await turned(head, "requested", by=by)


@db.atomic
async def authorise(
    rma: UUID, vendor_number: str, *, by: Actor, promised_at: datetime | None = None, remark: str = ""
) -> RmaView:
    """Keep the vendor's number: the pieces may be sent; `promised_at` is when what comes for them should be here.

    Raises:
        VendorNumberMissing: no number was given.
        Unknown, NotYourDepot, WrongState: as `lock`; only what was asked for is authorised.

    """
    _require_settling(by)
    if not vendor_number.strip():
        raise VendorNumberMissing
    head = await lock(rma, ("requested",), by=by)
    await db.execute(
        """UPDATE rma SET state = 'authorised', authorised_at = $2, authorised_by = $3, vendor_number = $4,
                          promised_at = coalesce($5, promised_at)
           WHERE id = $1""",
        rma,
        clock.now(),
        by.name,
        vendor_number.strip(),
        promised_at,
    )
    await steps.finish("rma", head.number, by=by)
    if all(line.unit is not None or line.lot is not None for line in await lines_of(rma)):
        await _wait("ship_rma", "warehouse_keeper", head, SHIP_WITHIN)
    return await turned(head, "authorised", by=by, reason=remark)


@db.atomic
async def ship(rma: UUID, *, by: Actor, carrier: str | None = None, waybill: str | None = None) -> RmaView:
    """Send the pieces off: in the same act the ledger has them at the vendor, whose they are stays as it was.

    What is to be repaired is in repair from now on, and expected back by what such repairs took before.

    Raises:
        OldPieceMissing: a line has no piece yet.
        UnitNotHere, LotNotHere: a piece is not in the store any more.
        NotReturnable: it is good by now.
        ChangedSince: it is of another pool by now, or somebody else's.
        Unknown, NotYourDepot, WrongState: as `lock`; only what the vendor authorised is sent.

    """
    by.require("rmas.ask")
    head = await lock(rma, ("authorised",), by=by)
    lines = await lines_of(rma)
    await post([move for line in lines for move in await _leaving(head, line)], by=by)
    now = clock.now()
    await db.execute(
        """UPDATE rma SET state = 'shipped', shipped_at = $2, shipped_by = $3, carrier = $4, waybill = $5 WHERE id = $1""",
        rma,
        now,
        by.name,
        carrier,
        waybill,
    )
    for line in lines:
        if line.asked == "repair" and line.unit is not None:
            await repairs.begin_at_vendor(
                line.id, line.unit, head.place, vendor=head.vendor, by=by, promised_at=head.promised_at
            )
        elif line.asked == "exchange" and line.ours and not head.advance:
            await expected.expect(
                line.part,
                head.place,
                head.pool,
                line.quantity,
                due_at=head.promised_at or now + timedelta(days=EXCHANGE_DAYS),
                source_kind="return",
                source=line.id,
                confirmed=head.promised_at is not None,
            )
    await steps.finish("rma", head.number, by=by)
    await _wait("settle_rma", "buyer", head, ANSWERED_WITHIN)
    return await turned(head, "shipped", by=by, reason=waybill or "")


async def _leaving(head: Head, line: Line) -> list[Move]:
    """The moves of a line's pieces to the vendor, from where they lie now."""
    if line.unit is not None:
        row = await db.fetch_one(
            """SELECT place, condition, owner, pool, bin, party.code AS owner_code, pool.code AS pool_code
               FROM unit JOIN party ON party.id = unit.owner JOIN pool ON pool.id = unit.pool
               WHERE unit.id = $1 FOR NO KEY UPDATE OF unit""",
            line.unit,
        )
        if row is None or row["place"] != head.place:
            raise UnitNotHere(serial=line.serial, depot=head.depot, condition=line.condition)
        if row["condition"] not in RETURNED_AS:
            raise NotReturnable(piece=line.serial, depot=head.depot, condition=row["condition"])
        if (row["owner"], row["pool"]) != (line.owner, head.pool):
            raise ChangedSince(piece=line.serial, rma=head.number, owner=row["owner_code"], pool=row["pool_code"])
        origin = Spot(row["place"], row["condition"], row["owner"], row["pool"])
        pieces = [Piece(unit=line.unit, bin=row["bin"])]
        await db.execute("UPDATE rma_line SET condition = $2 WHERE id = $1", line.id, row["condition"])
    elif line.lot is not None:
        origin = Spot(head.place, line.condition, line.owner, head.pool)
        pieces = await lots.take(line.part, origin, line.quantity, lot=line.lot)
    else:
        raise OldPieceMissing(line=line.position, rma=head.number, part_number=line.part_number)
    there = Spot(head.vendor_place, origin.condition, origin.owner, origin.pool)
    return moves_of(pieces, "rma_out", line.part, origin, there, document_kind="rma", document=head.number)


@db.atomic
async def cancel(rma: UUID, *, by: Actor, reason: str) -> RmaView:
    """Give up a return that has not left: its pieces stay where they are.

    Raises:
        ReasonMissing: it was not said why.
        Unknown, NotYourDepot, WrongState: as `lock`; what has left is answered instead.

    """
    by.require("rmas.ask")
    if not reason.strip():
        raise ReasonMissing
    head = await lock(rma, ("draft", "requested", "authorised"), by=by)
    lines = await lines_of(rma)
    came = next((line for line in lines if line.replacement is not None), None)
    if came is not None or head.vendor_shipped_at is not None:
        raise WrongState(
            what="RMA", what_zh="返修单", key=head.number, state="replacement sent", needed="no replacement sent"
        )
    now = clock.now()
    for line in lines:
        await expected.close(line.id)
    await db.execute("UPDATE rma_line SET closed_at = $2 WHERE rma = $1 AND closed_at IS NULL", rma, now)
    await db.execute(
        "UPDATE rma SET state = 'cancelled', closed_at = $2, closed_by = $3, reason = $4 WHERE id = $1",
        rma,
        now,
        by.name,
        reason.strip(),
    )
    await steps.finish("rma", head.number, by=by)
    return await turned(head, "cancelled", by=by, reason=reason)


def _require_settling(by: Actor) -> None:
    """A vendor answers its own; of ours, who settles RMAs."""
    by.require("rmas.answer" if by.vendor is not None else "rmas.settle")


require_settling = _require_settling


async def _wait(kind: str, role: str, head: Head, within: timedelta) -> None:
    await steps.begin(kind, "rma", head.number, owner_role=role, depot=head.depot, due_at=clock.now() + within)


async def turned(head: Head | RmaView, turn: str, *, by: Actor, reason: str = "") -> RmaView:
    """Write down and tell that an RMA took a turn; the RMA as it stands now."""
    view = await rma_view(head.id)
    await audit.record("rma.turned", "rma", head.number, by=by, reason=reason.strip(), change={"turn": turn})
    await tell(turn, view)
    return shown_to(view, by)


async def tell(turn: str, view: RmaView) -> None:
    """Tell other systems of a turn of an RMA, without its money."""
    await events.emit(
        f"rma.{turn}", "rma", view.number, _unpriced(view), depot=view.depot, contract=view.contract, closed=True
    )


def shown_to(view: RmaView, reader: Actor) -> RmaView:
    """The RMA without its money, for those who may not see it; its vendor may."""
    return view if reader.may("costs.read") or reader.vendor == view.vendor else _unpriced(view)


def _unpriced(view: RmaView) -> RmaView:
    return structs.replace(
        view,
        lines=[structs.replace(line, credit_amount=UNSET, cost_cny=UNSET, charged_cny=UNSET) for line in view.lines],
    )


_SEEN = """({vendor}::text IS NULL OR party.code = {vendor})
    AND ({depots}::text[] IS NULL OR place.code = ANY({depots}))
    AND ({contracts}::text[] IS NULL OR contract.code = ANY({contracts}))"""

_VIEW = """
    SELECT rma.id, rma.number, bundle, party.code AS vendor, party.name_zh AS vendor_zh, party.name_en AS vendor_en,
           place.code AS depot, pool.code AS pool, contract.code AS contract, rma.state, rma.advance,
           rma.request_number AS request, rma.claim_number AS claim, rma.vendor_number, rma.carrier, rma.waybill,
           rma.remark, rma.opened_at, rma.opened_by, rma.requested_at, rma.requested_by, rma.authorised_at,
           rma.authorised_by, rma.vendor_shipped_at, rma.vendor_waybill, rma.promised_at, rma.shipped_at, rma.shipped_by,
           rma.at_vendor_at, rma.answered_at, rma.closed_at, rma.closed_by, rma.reason,
           (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'id', line.id, 'position', line.position, 'part_number', part.part_number, 'name_zh', part.name_zh,
                'name_en', part.name_en, 'serialised', part.serialised, 'quantity', line.quantity, 'unit', line.unit,
                'serial', unit.serial, 'lot', lot.number, 'owner', owner.code, 'ours', owner.is_ourselves,
                'expected_serial', expected_serial, 'condition', line.condition,
                'expected_condition', expected_condition, 'failure_code', line.failure_code, 'complaint', line.complaint,
                'dead_on_arrival', dead_on_arrival, 'asked', asked, 'answer', answer, 'no_fault_found', no_fault_found,
                'finding', finding, 'answered_at', line.answered_at, 'answered_by', answered_by,
                'replacement_serial', replacement_serial, 'replacement', replacement, 'credit_number', credit_number,
                'came_at', came_at, 'came_serial', came_serial, 'came_condition', came_condition,
                'came_part', other.part_number,
                'receipt', receipt.number, 'debt', debt, 'reservation', line.reservation,
                'scrap_agreed_by', scrap_agreed_by, 'closed_at', line.closed_at, 'repair', repair_order.number,
                'credit_amount', credit_amount::text, 'credit_currency', credit_currency, 'cost_cny', cost_cny::text,
                'charged_cny', charged_cny::text) ORDER BY line.position), '[]')
            FROM rma_line AS line
            JOIN part ON part.id = line.part JOIN party AS owner ON owner.id = line.owner
            LEFT JOIN unit ON unit.id = line.unit LEFT JOIN lot ON lot.id = line.lot
            LEFT JOIN receipt ON receipt.id = line.receipt
            LEFT JOIN receipt_line AS came ON came.receipt = line.receipt AND came.source = line.id AND came.part <> line.part
            LEFT JOIN part AS other ON other.id = came.part
            LEFT JOIN repair_order ON repair_order.rma_line = line.id
            WHERE line.rma = rma.id) AS lines
    FROM rma
    JOIN vendor ON vendor.id = rma.vendor JOIN party ON party.id = vendor.party
    JOIN place ON place.id = rma.place JOIN pool ON pool.id = rma.pool
    LEFT JOIN contract ON contract.id = rma.contract"""


async def rma_view(rma: UUID, *, seen_by: Actor | None = None) -> RmaView:
    """One RMA; without a reader, for the verb that just changed it.

    Raises:
        Unknown: no such RMA in the reader's scope.

    """
    scope = (None, None, None) if seen_by is None else (seen_by.depot_scope, seen_by.contract_scope, seen_by.vendor)
    view = await db.read_one(
        RmaView,
        f"{_VIEW} WHERE rma.id = $1 AND {_SEEN.format(depots='$2', contracts='$3', vendor='$4')}",
        rma,
        *scope,
    )
    if view is None:
        raise Unknown(what="RMA", what_zh="返修单", key=str(rma))
    return view if seen_by is None else shown_to(view, seen_by)


async def rmas(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    state: State | None = None,
    vendor: str | None = None,
    depot: str | None = None,
    number: str | None = None,
    under_way: bool = False,
    request: str | None = None,
) -> list[RmaView]:
    """RMAs of the reader's stores and contracts (a vendor's own), newest first.

    `number` is ours, a bundle's or a vendor's; `request` the number of the part request they are for.
    """
    found = await db.read(
        RmaView,
        f"""{_VIEW}
            WHERE {_SEEN.format(depots="$1", contracts="$2", vendor="$3")} AND ($4::uuid IS NULL OR rma.id < $4)
              AND ($5::text IS NULL OR rma.state = $5) AND ($6::text IS NULL OR party.code = $6)
              AND ($7::text IS NULL OR place.code = $7)
              AND ($8::text IS NULL OR $8 IN (rma.number, rma.bundle, rma.vendor_number))
              AND (NOT $9 OR rma.closed_at IS NULL) AND ($3::text IS NULL OR rma.requested_at IS NOT NULL)
              AND ($11::text IS NULL OR rma.request_number = $11)
            ORDER BY rma.id DESC LIMIT $10""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        seen_by.vendor,
        after,
        state,
        vendor,
        depot,
        number,
        under_way,
        limit,
        request,
    )
    return [shown_to(view, seen_by) for view in found]


class OnItsWay(Struct, frozen=True, kw_only=True):
    """An RMA of which something is to arrive at its store: so many pieces, sent first, exchanged, repaired or rejected."""

    id: UUID
    number: str
    vendor_number: str | None
    vendor: str
    vendor_zh: str
    vendor_en: str
    depot: str
    waybill: str | None
    due_at: datetime | None
    pieces: int
    part_numbers: list[str]


async def on_their_way(*, limit: int, seen_by: Actor, depot: str | None = None) -> list[OnItsWay]:
    """What vendors send to the reader's stores, the soonest first: good pieces that they sent first, and what they answered.

    When it comes is known where the vendor said it.
    """
    return await db.read(
        OnItsWay,
        f"""SELECT rma.id, rma.number, vendor_number, party.code AS vendor, party.name_zh AS vendor_zh,
                   party.name_en AS vendor_en, place.code AS depot, vendor_waybill AS waybill, promised_at AS due_at,
                   sum(line.quantity)::int AS pieces, array_agg(DISTINCT part.part_number) AS part_numbers
            FROM rma
            JOIN rma_line AS line ON line.rma = rma.id AND came_at IS NULL AND line.closed_at IS NULL
                 AND (answer IN ('repaired', 'exchanged', 'rejected')
                      OR advance AND answer IS NULL AND vendor_shipped_at IS NOT NULL)
            JOIN part ON part.id = line.part
            JOIN vendor ON vendor.id = rma.vendor JOIN party ON party.id = vendor.party
            JOIN place ON place.id = rma.place LEFT JOIN contract ON contract.id = rma.contract
            WHERE rma.closed_at IS NULL AND {_SEEN.format(depots="$1", contracts="$2", vendor="$3")}
              AND ($4::text IS NULL OR place.code = $4)
            GROUP BY rma.id, party.id, place.id ORDER BY promised_at NULLS LAST, rma.id LIMIT $5""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        seen_by.vendor,
        depot,
        limit,
    )


async def debts_of(view: RmaView, *, seen_by: Actor) -> list[debts.DebtView]:
    """What is or was owed to the vendor for an RMA that its reader was found to see; nothing to who may not see debts."""
    if not seen_by.may("returns.read"):
        return []
    return await debts.debts(limit=50, seen_by=seen_by, state=None, document=view.number)


class Sister(Struct, frozen=True, kw_only=True):
    """A unit of a batch that could go back, with the store it lies in."""

    depot: str
    serial: str


async def sisters(claim: claims.ClaimView, *, seen_by: Actor, limit: int = 200) -> list[Sister]:
    """The units that came with a claim's batch, lie held back in the reader's stores, and stand on no open RMA."""
    return await db.read(
        Sister,
        """SELECT place.code AS depot, unit.serial FROM unit
           JOIN receipt ON receipt.id = unit.receipt JOIN part ON part.id = unit.part
           JOIN place ON place.id = unit.place AND place.kind IN ('depot', 'onsite_store', 'engineer_stock')
           WHERE receipt.number = $1 AND part.part_number = $2 AND unit.condition = ANY($3)
             AND ($4::text[] IS NULL OR place.code = ANY($4))
             AND NOT EXISTS (SELECT FROM rma_line WHERE rma_line.unit = unit.id AND rma_line.closed_at IS NULL)
             AND NOT EXISTS (SELECT FROM repair_order WHERE repair_order.unit = unit.id AND repair_order.closed_at IS NULL)
           ORDER BY place.code, unit.serial LIMIT $5""",
        claim.receipt,
        claim.part_number,
        list(RETURNED_AS),
        seen_by.depot_scope,
        limit,
    )
