"""Deliveries: whatever is to arrive at a store, by order, transfer or notice; looked at, checked and taken in alike."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.catalogue import parts
from inventory.catalogue.grades import LEAST_FOR_GOOD_STOCK, Provenance, is_at_least
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, Unknown, WrongState
from inventory.places import places
from inventory.procurement import orders, papers, provenance
from inventory.stock import arriving, expected, notices, receipts, units
from inventory.stock.differences import Announced, Came, Difference, Finding, match, takes_a_place
from inventory.stock.receipts import ReceiptView
from inventory.stock.refusals import QuantityNotPositive, SerialsMissing

Kind = Literal["purchase_order", "transfer", "advance_notice"]


class DeliverySummary(Struct, frozen=True, kw_only=True):
    """A delivery in the list of what is to arrive."""

    kind: Kind
    number: str
    document: str | None
    depot: str
    origin: str
    due_at: datetime
    state: str
    pieces: int
    part_numbers: list[str]
    waybill: str | None


class DeliveryLine(Struct, frozen=True, kw_only=True):
    """One part of a delivery: how many are still to come, and which serials were named."""

    part_number: str
    name_zh: str
    name_en: str
    serialised: bool
    quantity: int
    outstanding: int
    serials: list[str]
    to_quarantine: bool


class Delivery(Struct, frozen=True, kw_only=True):
    """A delivery with what of it is still to come; what a transfer brings has its owner, of the rest one may be named."""

    kind: Kind
    number: str
    document: str | None
    depot: str
    origin: str
    due_at: datetime
    state: str
    waybill: str | None
    owner_is_known: bool
    lines: list[DeliveryLine]


class OwnerIsKnown(Invalid):
    """What transfer {number} brings has its owner already."""

    zh = "调拨单 {number} 的备件归属已定，不能另行指定。"
    help_en = "Leave the owner out."
    help_zh = "请不要填写所有者。"


class Scan(Struct, frozen=True, kw_only=True):
    """Pieces of one part as they lie on the dock."""

    part_number: str
    quantity: int = 0
    serials: Sequence[str] = ()
    condition: receipts.Condition = "good"
    damaged: bool = False
    lot: str | None = None
    reason: str = ""


class FindingView(Struct, frozen=True, kw_only=True):
    """What a receipt would book of one part, and how that differs from what was expected."""

    part_number: str
    quantity: int
    missing: int
    expected_quantity: int | None
    condition: str
    difference: Difference | None
    serials: list[str]
    reason: str


class _Head(Struct, frozen=True, kw_only=True):
    """What a delivery's document says of it, with the ids that booking needs."""

    kind: Kind
    number: str
    document: str | None
    source: UUID
    notice: UUID | None
    via: Literal["purchase_order", "transfer", "by_hand"]
    depot: str
    origin: str
    origin_id: int
    pool: int
    vendor: int | None
    needed: Provenance
    due_at: datetime
    state: str
    waybill: str | None


_OUTSTANDING = """
    SELECT 'purchase_order' AS kind, purchase_order.number, vendor_reference AS document, place.code AS depot,
           origin.code AS origin, purchase_order.state::text AS state, NULL::text AS waybill,
           coalesce((SELECT min(due_at) FROM expected_delivery JOIN purchase_order_line AS l ON l.id = source
                     WHERE l.purchase_order = purchase_order.id AND closed_at IS NULL),
                    promised_at, placed_at, created_at) AS due_at,
           sum(greatest(line.quantity - received_quantity - short_quantity - coalesce(announced.rest, 0), 0))::int AS pieces,
           array_agg(part.part_number ORDER BY part.part_number) AS part_numbers
    FROM purchase_order
    JOIN purchase_order_line AS line ON line.purchase_order = purchase_order.id
    JOIN part ON part.id = line.part
    JOIN place ON place.id = purchase_order.ship_to
    JOIN vendor ON vendor.id = purchase_order.vendor
    JOIN place AS origin ON origin.id = vendor.place
    LEFT JOIN (SELECT l.source, sum(greatest(quantity - received_quantity, 0))::int AS rest
               FROM advance_notice_line AS l JOIN advance_notice ON advance_notice.id = l.notice
               WHERE state IN ('expected', 'partly_received') GROUP BY l.source) AS announced ON announced.source = line.id
    WHERE purchase_order.state IN ('placed', 'acknowledged', 'shipped', 'partly_received')
    GROUP BY purchase_order.id, place.code, origin.code
    UNION ALL
    SELECT 'transfer', transfer.number, NULL, place.code, origin.code, transfer.state, waybill, due_at,
           sum(shipped_quantity - received_quantity - lost_quantity)::int,
           array_agg(part.part_number ORDER BY part.part_number)
    FROM transfer
    JOIN transfer_line AS line ON line.transfer = transfer.id
    JOIN part ON part.id = line.part
    JOIN place ON place.id = to_place
    JOIN place AS origin ON origin.id = from_place
    WHERE transfer.state IN ('shipped', 'partly_received')
    GROUP BY transfer.id, place.code, origin.code
    UNION ALL
    SELECT 'advance_notice', advance_notice.number, document, place.code, origin.code, state, waybill, due_at,
           sum(greatest(quantity - received_quantity, 0))::int, array_agg(part.part_number ORDER BY part.part_number)
    FROM advance_notice
    JOIN advance_notice_line AS line ON line.notice = advance_notice.id
    JOIN part ON part.id = line.part
    JOIN place ON place.id = advance_notice.place
    JOIN place AS origin ON origin.id = advance_notice.origin
    WHERE state IN ('expected', 'partly_received') AND advance_notice.kind <> 'transfer'
    GROUP BY advance_notice.id, place.code, origin.code"""


async def deliveries(
    *, limit: int, seen_by: Actor, after: tuple[datetime, str] | None = None, depot: str | None = None
) -> list[DeliverySummary]:
    """What is to arrive at the reader's stores, the soonest first; what a notice announces stands there under it."""
    after_due, after_number = after or (None, None)
    return await db.read(
        DeliverySummary,
        f"""SELECT kind, number, document, depot, origin, due_at, state, pieces, part_numbers, waybill
            FROM ({_OUTSTANDING}) AS delivery
            WHERE pieces > 0 AND ($1::text[] IS NULL OR depot = ANY($1)) AND ($2::text IS NULL OR depot = $2)
              AND ($3::timestamptz IS NULL OR (due_at, number) > ($3, $4))
            ORDER BY due_at, number LIMIT $5""",
        seen_by.depot_scope,
        depot,
        after_due,
        after_number,
        limit,
    )


async def delivery(number: str, *, seen_by: Actor) -> Delivery:
    """One delivery, by the number of its order, transfer or notice.

    Raises:
        Unknown: no such delivery in the reader's scope.

    """
    head = await _head(number, seen_by)
    return Delivery(
        kind=head.kind,
        number=head.number,
        document=head.document,
        depot=head.depot,
        origin=head.origin,
        due_at=head.due_at,
        state=head.state,
        waybill=head.waybill,
        owner_is_known=head.via == "transfer",
        lines=[
            DeliveryLine(
                part_number=line.part_number,
                name_zh=line.name_zh,
                name_en=line.name_en,
                serialised=line.serialised,
                quantity=line.quantity,
                outstanding=max(line.outstanding, 0),
                serials=sorted(line.serials),
                to_quarantine=line.to_quarantine,
            )
            for line in (await _announced(head))[0]
        ],
    )


async def check(
    number: str,
    scans: Sequence[Scan],
    *,
    seen_by: Actor,
    short: Sequence[str] = (),
    reason: str = "",
    why_missing: Mapping[str, str] = MappingProxyType({}),
) -> list[FindingView]:
    """What a list of scans would give, without booking it.

    Raises:
        Unknown: no such delivery in the reader's scope, or no such part.
        SerialsMissing, QuantityNotPositive: a scan does not say enough.

    """
    head = await _head(number, seen_by)
    came = [await _came(scan) for scan in scans]
    findings, _ = await _findings(head, came, short, reason, why_missing)
    return [
        FindingView(
            part_number=each.part_number,
            quantity=each.quantity,
            missing=each.missing,
            expected_quantity=each.expected,
            condition=each.condition,
            difference=each.difference,
            serials=each.serials,
            reason=each.reason,
        )
        for each in findings
    ]


@db.atomic
async def receive(
    number: str,
    scans: Sequence[Scan],
    *,
    by: Actor,
    short: Sequence[str] = (),
    reason: str = "",
    why_missing: Mapping[str, str] = MappingProxyType({}),
    remark: str = "",
    owner: str | None = None,
) -> ReceiptView:
    """Take in what came of a delivery; every difference is booked as what it is, and has its reason.

    What nobody asked for, a serial that another unit carries and what must be inspected go to quarantine. `short` names
    the parts of which the rest will not come, `why_missing` gives their reasons part by part. What a vendor or customer
    goes on owning (`owner`) is kept apart from our stock; by a transfer a piece arrives as whose it left.

    Raises:
        Unknown: no such delivery in the actor's scope, or no such part or owner.
        OwnerIsKnown: an owner was named for a transfer.
        NotYourDepot: the actor does not serve the store.
        WrongState: nothing of it is still to come.
        DifferenceUnexplained: something differs and no reason was given.
        SerialsMissing, QuantityNotPositive: a scan does not say enough.

    """
    by.require("stock.receive")
    head = await _head(number, by)
    by.require_depot(head.depot)
    came = [await _came(scan) for scan in scans]
    if head.via == "transfer":
        if owner is not None:
            raise OwnerIsKnown(number=number)
        return await arriving.receive_transfer(
            head.source,
            came,
            by=by,
            notice=head.notice,
            short=short,
            reason=reason,
            why_missing=why_missing,
            remark=remark,
        )
    await _lock(head)
    findings, grades = await _findings(await _head(number, by), came, short, reason, why_missing)
    receipts.explained(findings)
    receipt = await receipts.book(
        findings,
        place=await places.find_store(head.depot),
        outside=head.origin_id,
        owner=await places.ourselves() if owner is None else await places.find_party(owner),
        pool=head.pool,
        provenance=grades,
        by=by,
        document_kind=head.kind if head.via == "by_hand" else "purchase_order",
        document=head.number if head.via == "by_hand" else head.document or head.number,
        notice=head.notice,
        remark=remark,
    )
    await _count(head, findings, by=by)
    return receipt


async def _came(scan: Scan) -> Came:
    """A scan with its part found.

    Raises:
        UnknownPart: no such part.
        SerialsMissing, QuantityNotPositive: it does not say enough.

    """
    part = await parts.find(scan.part_number)
    if part.serialised and (not scan.serials or scan.quantity not in (0, len(set(scan.serials)))):
        raise SerialsMissing(part_number=part.part_number, wanted=max(scan.quantity, 1), given=len(set(scan.serials)))
    if not part.serialised and scan.quantity < 1:
        raise QuantityNotPositive(quantity=scan.quantity)
    return Came(
        part=part.id,
        part_number=part.part_number,
        serialised=part.serialised,
        quantity=len(set(scan.serials)) if part.serialised else scan.quantity,
        serials=tuple(scan.serials),
        condition=scan.condition,
        damaged=scan.damaged,
        lot=scan.lot,
        reason=scan.reason.strip(),
    )


async def _head(number: str, seen_by: Actor) -> _Head:
    head = await db.read_one(
        _Head,
        """SELECT kind, number, document, source, notice, via, depot, origin, origin_id, pool, vendor, needed, due_at, state,
                  waybill
           FROM (
               SELECT 'purchase_order' AS kind, purchase_order.number, NULL::text AS document, purchase_order.id AS source,
                      NULL::uuid AS notice, 'purchase_order' AS via, place.code AS depot, origin.code AS origin,
                      origin.id AS origin_id, purchase_order.pool, vendor.id AS vendor,
                      coalesce(minimum_provenance, $3) AS needed,
                      coalesce(promised_at, placed_at, created_at) AS due_at, purchase_order.state::text AS state,
                      NULL::text AS waybill
               FROM purchase_order
               JOIN place ON place.id = ship_to
               JOIN vendor ON vendor.id = purchase_order.vendor
               JOIN place AS origin ON origin.id = vendor.place
               JOIN pool ON pool.id = purchase_order.pool
               LEFT JOIN contract ON contract.id = pool.contract
               WHERE purchase_order.number = $1
               UNION ALL
               SELECT 'transfer', transfer.number, NULL, transfer.id, NULL, 'transfer', place.code, origin.code, origin.id,
                      (SELECT min(pool) FROM transfer_line WHERE transfer_line.transfer = transfer.id), NULL, $3,
                      coalesce(due_at, created_at), transfer.state, waybill
               FROM transfer JOIN place ON place.id = to_place JOIN place AS origin ON origin.id = from_place
               WHERE transfer.number = $1
               UNION ALL
               SELECT 'advance_notice', advance_notice.number, document, coalesce(source, advance_notice.id),
                      advance_notice.id, advance_notice.kind, place.code, origin.code, origin.id, advance_notice.pool,
                      vendor.id, coalesce(minimum_provenance, $3), due_at, advance_notice.state, waybill
               FROM advance_notice
               JOIN place ON place.id = advance_notice.place
               JOIN place AS origin ON origin.id = advance_notice.origin
               LEFT JOIN vendor ON vendor.place = origin.id
               JOIN pool ON pool.id = advance_notice.pool
               LEFT JOIN contract ON contract.id = pool.contract
               WHERE advance_notice.number = $1
           ) AS delivery
           WHERE $2::text[] IS NULL OR depot = ANY($2) OR origin = ANY($2)""",
        number,
        seen_by.depot_scope,
        LEAST_FOR_GOOD_STOCK,
    )
    if head is None:
        raise Unknown(what="delivery", what_zh="到货单据", key=number)
    return head


async def _lock(head: _Head) -> None:
    """Lock the document a delivery belongs to; one of which nothing is to come is refused."""
    if head.via == "purchase_order":
        state = await db.fetch_value("SELECT state FROM purchase_order WHERE id = $1 FOR NO KEY UPDATE", head.source)
        allowed = orders.OPEN_FOR_RECEIPT
    else:
        state = await db.fetch_value(
            "SELECT state FROM advance_notice WHERE number = $1 FOR NO KEY UPDATE", head.number
        )
        allowed = notices.OPEN
    if head.kind == "advance_notice" and head.state not in notices.OPEN:
        state, allowed = head.state, notices.OPEN
    if state not in allowed:
        raise WrongState(what="Delivery", what_zh="到货单据", key=head.number, state=state, needed=" / ".join(allowed))


async def _announced(head: _Head) -> tuple[list[Announced], dict[int, Provenance]]:
    """A delivery's lines, and how genuine its sender makes each part."""
    if head.via == "transfer":
        return await arriving.announced(head.source), {}
    notice = head.number if head.kind == "advance_notice" else None
    rows = await db.fetch(_ORDERED if head.via == "purchase_order" else _BY_HAND, head.source, notice, head.vendor)
    lines: list[Announced] = []
    has_papers = head.via == "purchase_order" and await papers.of_document("purchase_order", head.source)
    sold = set() if head.vendor is None else {(head.vendor, row["part"]) for row in rows}
    known = await provenance.grades(sold, clock.today())
    grades: dict[int, Provenance] = {}
    for row in rows:
        grade = known.get((head.vendor or 0, row["part"]), "unproven")
        grades[row["part"]] = grade
        lines.append(
            Announced(
                part=row["part"],
                part_number=row["part_number"],
                name_zh=row["name_zh"],
                name_en=row["name_en"],
                serialised=row["serialised"],
                pool=head.pool,
                source=row["source"],
                quantity=row["quantity"],
                outstanding=row["outstanding"],
                serials=row["serials"],
                to_quarantine=row["inspect"]
                or not is_at_least(grade, head.needed)
                or (grade in papers.NEED_PAPERS and not has_papers),
            )
        )
    return lines, grades


_NAMED = """coalesce((SELECT array_agg(serial ORDER BY serial) FROM advance_notice_serial AS s
                              JOIN advance_notice_line AS l ON l.id = s.line
                              JOIN advance_notice ON advance_notice.id = l.notice
                              WHERE (l.source = line.id OR l.id = line.id) AND s.received_at IS NULL
                                AND advance_notice.state IN ('expected', 'partly_received')
                                AND ($2::text IS NULL OR advance_notice.number = $2)), '{}') AS serials"""

_ORDERED = f"""SELECT line.id AS source, line.part, part.part_number, part.name_zh, part.name_en, part.serialised,
                      CASE WHEN $2::text IS NULL THEN line.quantity ELSE notice.quantity END AS quantity,
                      greatest(least(line.quantity - line.received_quantity - line.short_quantity,
                                     coalesce(notice.quantity - notice.received_quantity, line.quantity)), 0)
                          AS outstanding,
                      part.inspect_on_receipt OR coalesce(vendor.inspect_on_receipt, false) AS inspect, {_NAMED}
               FROM purchase_order_line AS line
               JOIN part ON part.id = line.part
               LEFT JOIN vendor ON vendor.id = $3
               LEFT JOIN (SELECT l.source, l.quantity, l.received_quantity FROM advance_notice_line AS l
                          JOIN advance_notice ON advance_notice.id = l.notice AND advance_notice.number = $2) AS notice
                    ON notice.source = line.id
               WHERE line.purchase_order = $1 AND ($2::text IS NULL OR notice.source IS NOT NULL)
               ORDER BY part.part_number"""

_BY_HAND = f"""SELECT line.id AS source, line.part, part.part_number, part.name_zh, part.name_en, part.serialised,
                      line.quantity, greatest(line.quantity - line.received_quantity, 0) AS outstanding,
                      part.inspect_on_receipt OR coalesce(vendor.inspect_on_receipt, false) AS inspect, {_NAMED}
               FROM advance_notice_line AS line
               JOIN part ON part.id = line.part
               LEFT JOIN vendor ON vendor.id = $3
               WHERE line.notice = $1 ORDER BY part.part_number"""


async def _findings(
    head: _Head, came: Sequence[Came], short: Sequence[str], reason: str, why_missing: Mapping[str, str]
) -> tuple[list[Finding], dict[int, Provenance]]:
    if head.via == "transfer":
        return await arriving.findings_of(head.source, came, short=short, reason=reason, why_missing=why_missing), {}
    lines, grades = await _announced(head)
    asked = [(each.part, serial) for each in came for serial in each.serials]
    in_ledger = await units.carried(asked, coming_from=head.origin_id)
    return match(lines, came, in_ledger=in_ledger, short=short, reason=reason, why_missing=why_missing), grades


async def _count(head: _Head, findings: Sequence[Finding], *, by: Actor) -> None:
    """Count what came against the order or notice it belongs to, and what will not come."""
    arrived: dict[UUID, tuple[int, list[str]]] = {}
    missing: dict[UUID, int] = {}
    for finding in findings:
        if finding.source is None:
            continue
        if finding.difference == "short":
            missing[finding.source] = finding.missing
        elif finding.quantity and takes_a_place(finding.difference, by_serial=False):
            count, serials = arrived.get(finding.source, (0, []))
            arrived[finding.source] = (count + finding.quantity, [*serials, *finding.serials])
    notice = head.number if head.kind == "advance_notice" else None
    for source, (count, _) in arrived.items():
        await expected.count_in(source, count)
    if arrived:
        await notices.count_in([(source, *more) for source, more in arrived.items()], notice=notice)
    why = next((finding.reason for finding in findings if finding.difference == "short"), "")
    if missing and notice is not None:
        await notices.end_short(notice, by=by, reason=why)
    elif missing:
        await orders.record_short(head.source, missing, by=by, reason=why)
    if head.via == "purchase_order" and (arrived or (missing and notice is None)):
        await orders.record_received(head.source, {source: count for source, (count, _) in arrived.items()}, by=by)
