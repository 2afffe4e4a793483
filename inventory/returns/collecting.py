"""Collecting (收取单, D46): a customer's own unit is fetched from its site, repaired by us or its maker, and brought back.

It stays the customer's from the first movement to the last, and counts nowhere as ours: not in levels of ours, not in what
stock is worth, not in the plan, not in the promise meter.
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
from inventory.ground.errors import Invalid, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.installed_base import devices
from inventory.places import places
from inventory.procurement.vendors import vendor_id
from inventory.returns import rmas
from inventory.stock import pools, shipments, units
from inventory.stock.ledger import post
from inventory.stock.moves import Move, Spot
from inventory.stock.pools import COMMON
from inventory.stock.refusals import SerialsMissing
from inventory.stock.shipments import RecipientMissing

State = Literal["planned", "collected", "returned", "cancelled"]

COLLECT_WITHIN = timedelta(days=1)
"""How soon a unit is fetched."""

BACK_WITHIN = timedelta(days=15)
"""How soon a unit should be back with its customer where no repair time was quoted."""


class CollectedAlready(Refused, constraint="collection_is_open_once_per_unit"):
    """{serial} of {part_number} is being collected or is with us already."""

    zh = "{part_number} 的 {serial} 已有未结的收取单。"
    help_en = "Go on with the collection that is open."
    help_zh = "请继续办理已有的收取单。"


class StillWorkedOn(Refused):
    """{serial} is not to be brought back yet: {why} is open."""

    zh = "{serial} 尚不能送还：{why} 未结。"
    help_en = "Finish, give up or cancel the repair, or take the unit in from its vendor first."
    help_zh = "请先完成、放弃或取消维修，或先从供应商处收回该件。"


class NotHere(Refused):
    """{serial} is not at {depot}; by the books it is at {place}."""

    zh = "{serial} 不在 {depot}，账面位于 {place}。"
    help_en = "Transfer it there, or bring it back from where it is."
    help_zh = "请先调拨到该库，或从其所在备件库送还。"


class NotTheCustomers(Refused):
    """{serial} at {site} is not {customer}'s by the books: {why}."""

    zh = "按账面，{site} 的 {serial} 不归客户 {customer} 所有：{why_zh}。"
    help_en = (
        "Take a loaner back by its loan; debrief what went there for a request (a part that was fitted is the customer's); "
        "bring anything else of ours to the counter. If the label was misread, give the right serial."
    )
    help_zh = (
        "借出设备请在借用单上归还；随申请送去的备件请先反馈用件（装机后归客户）；其他我方备件请到返还柜台办理。"
        "如误读标签，请填写正确序列号。"
    )


class NoCustomerThere(Invalid):
    """{site} is no customer's site."""

    zh = "{site} 不是客户机房。"
    help_en = "Name the device, or the site, that the unit comes from."
    help_zh = "请填写该单件来自的设备或机房。"


class NewCollection(Struct, frozen=True, kw_only=True):
    """A unit to fetch: of which device, what it is, what the customer says; `vendor` is who was quoted to repair it."""

    device: str
    depot: str
    part_number: str
    serial: str
    complaint: str = ""
    accessories: str = ""
    due_at: datetime | None = None
    request: str | None = None
    quotation: str | None = None
    price_cny: Decimal | None = None
    vendor: str | None = None


class CollectionView(Struct, frozen=True, kw_only=True):
    """A collection as it stands; the quoted price is told to those who may see prices."""

    id: UUID
    number: str
    device: str | None
    site: str
    site_zh: str
    site_en: str
    depot: str
    contract: str
    customer: str
    customer_zh: str
    customer_en: str
    part_number: str
    name_zh: str
    name_en: str
    serial: str
    unit: UUID | None
    condition: str | None
    place: str | None
    state: State
    request: str | None
    quotation: str | None
    complaint: str
    accessories: str
    planned_at: datetime
    planned_by: str
    due_at: datetime | None
    collected_at: datetime | None
    collected_by: str | None
    given_by: str | None
    returned_at: datetime | None
    returned_by: str | None
    returned_condition: str | None
    signed_by: str | None
    signed: bool
    closed_at: datetime | None
    reason: str
    repair: str | None
    rma: str | None
    price_cny: Decimal | UnsetType | None


@db.atomic
async def plan(new: NewCollection, *, by: Actor) -> CollectionView:
    """Have a customer's unit fetched; whoever serves the store it comes to hears of it by a duty.

    Raises:
        Unknown: no such device in the actor's scope, no such store or part.
        SerialsMissing: the part has no serials, or none was given.
        CollectedAlready: it is being collected, or is with us.

    """
    by.require("collections.make")
    device = await devices.find(new.device, seen_by=by)
    return await begin(device, new, by=by)


@db.atomic
async def begin(device: devices.CoveredDevice, new: NewCollection, *, by: Actor) -> CollectionView:
    """Plan a collection on behalf of a verb that has found the device and checked the actor's rights.

    Raises:
        As `plan`.

    """
    depot, part = await places.find_store(new.depot), await parts.find(new.part_number)
    if not part.serialised or not new.serial.strip():
        raise SerialsMissing(part_number=part.part_number, wanted=1, given=0)
    now = clock.now()
    number = await next_number("CL")
    collection = await db.fetch_value(
        """INSERT INTO collection (number, device, site, place, contract, customer, part, serial, state, request_number,
                                   quotation, price_cny, complaint, accessories, planned_at, planned_by, due_at, vendor)
           SELECT $1, $2, $3, $4, $5, contract.customer, $6, $7, 'planned', $8, $9, $10, $11, $12, $13, $14, $15, $16
           FROM contract WHERE contract.id = $5
           ON CONFLICT (part, serial) WHERE closed_at IS NULL DO NOTHING RETURNING id""",
        number,
        device.id,
        device.site,
        depot.id,
        device.contract,
        part.id,
        new.serial.strip(),
        new.request,
        new.quotation,
        new.price_cny,
        new.complaint.strip(),
        new.accessories.strip(),
        now,
        by.name,
        new.due_at or now + BACK_WITHIN,
        None if new.vendor is None else await vendor_id(new.vendor),
    )
    if collection is None:
        raise CollectedAlready(part_number=part.part_number, serial=new.serial)
    await steps.begin(
        "collect_unit", "collection", number, owner_role="engineer", depot=new.depot, due_at=now + COLLECT_WITHIN
    )
    return await _turned(collection, "planned", by=by)


@db.atomic
async def collect(
    collection: UUID, *, by: Actor, given_by: str, serial: str | None = None, accessories: str | None = None
) -> CollectionView:
    """The unit was fetched: it comes into the store as what its customer owns, defective until somebody finds otherwise.

    `given_by` is who handed it over at the site; `serial` corrects what was planned by what stands on the label.

    Raises:
        RecipientMissing: nobody is named who gave it.
        NotTheCustomers: what carries that serial there is a loaner or a part of ours, or somebody else's.
        SerialRepeated: a unit with that serial is somewhere else in the ledger.
        Unknown, NotYourDepot, WrongState: as `_lock`; only what is planned is collected.

    """
    by.require("collections.make")
    if not given_by.strip():
        raise RecipientMissing
    head = await _lock(collection, ("planned",), by=by)
    named = (serial or head["serial"]).strip()
    pool = await pools.find(COMMON)
    origin = Spot(head["site"], "defective", head["customer"], pool)
    known = await _at_the_site(head, named)
    if known is not None:
        unit = known["id"]
        origin = Spot(known["place"], known["condition"], known["owner"], known["pool"])
    else:
        (unit,) = await units.enter_all(
            [
                units.NewUnit(
                    part=head["part"],
                    serial=named,
                    condition="defective",
                    owner=head["customer"],
                    pool=pool,
                    place=head["site"],
                    provenance="recovered",
                )
            ],
            source=head["number"],
        )
    await post(
        [
            Move(
                kind="collected",
                part=head["part"],
                quantity=1,
                unit=unit,
                origin=origin,
                target=Spot(head["place"], "defective", head["customer"], pool),
                document_kind="collection",
                document=head["number"],
                reason=head["complaint"],
            )
        ],
        by=by,
    )
    await db.execute(
        """UPDATE collection SET state = 'collected', unit = $2, serial = $3, collected_at = $4, collected_by = $5,
                  given_by = $6, accessories = coalesce($7, accessories) WHERE id = $1""",
        collection,
        unit,
        named,
        clock.now(),
        by.name,
        given_by.strip(),
        accessories,
    )
    await steps.finish("collection", head["number"], by=by)
    await steps.begin(
        "bring_back_unit",
        "collection",
        head["number"],
        owner_role="warehouse_keeper",
        depot=head["depot"],
        due_at=head["due_at"],
    )
    if head["vendor"] is not None:  # its repair was quoted and accepted: it goes on to who was asked
        await rmas.begin(
            head["depot"],
            [
                rmas.NewLine(
                    vendor=head["vendor"],
                    part_number=head["part_number"],
                    serial=named,
                    asked="repair",
                    complaint=head["complaint"],
                )
            ],
            by=by,
            remark=head["quotation"] or "",
            contract=head["contract"],
        )
    return await _turned(collection, "collected", by=by)


async def _at_the_site(head: db.Row, serial: str) -> db.Row | None:
    """The unit with that serial that the books have at the site, locked: its customer's, or fitted by us and so the customer's.

    Raises:
        NotTheCustomers: it is lent, was sent there and fitted into nothing, or is somebody else's.

    """
    known = await db.fetch_one(
        """SELECT unit.id, unit.place, unit.condition, unit.owner, unit.pool, owner.code AS owner_code, owner.is_ourselves,
                  customer.code AS customer, site.code AS site,
                  (SELECT number FROM loan WHERE loan.unit = unit.id AND state = 'lent') AS loan,
                  EXISTS (SELECT FROM device
                          LEFT JOIN fitted_part AS fitted ON fitted.device = device.id AND fitted.part = unit.part
                               AND fitted.removed_at IS NULL
                          WHERE device.site = unit.place
                            AND (device.serial = unit.serial OR fitted.serial = unit.serial
                                 OR (fitted.id IS NOT NULL AND fitted.serial IS NULL
                                     AND fitted.document_number IN (SELECT document FROM movement
                                                                    WHERE movement.unit = unit.id AND to_place = unit.place))))
                      AS fitted
           FROM unit
           JOIN party AS owner ON owner.id = unit.owner JOIN party AS customer ON customer.id = $4
           JOIN place AS site ON site.id = unit.place
           WHERE unit.part = $1 AND unit.serial = $2 AND unit.place = $3 FOR NO KEY UPDATE OF unit""",
        head["part"],
        serial,
        head["site"],
        head["customer"],
    )
    if known is None or known["owner"] == head["customer"]:
        return known
    why = None
    if known["loan"] is not None:
        why = (f"it is our loaner, lent by {known['loan']}", f"为我方借出设备（{known['loan']}）")
    elif not known["is_ourselves"]:
        why = ("it belongs to somebody else", "归他方所有")
    elif not known["fitted"]:
        why = ("it is our part, and was fitted into no device there", "为我方备件，且未装入该机房任何设备")
    if why is not None:
        raise NotTheCustomers(serial=serial, site=known["site"], customer=known["customer"], why=why[0], why_zh=why[1])
    return known


@db.atomic
async def bring_back(
    collection: UUID,
    *,
    by: Actor,
    signed_by: str,
    strokes: Sequence[Sequence[tuple[float, float]]] = (),
) -> CollectionView:
    """The unit is back at its site, as repaired as it is, and its customer signed for it.

    Raises:
        RecipientMissing: nobody is named who signed.
        SignatureUnreadable: the strokes cannot be drawn.
        StillWorkedOn: its repair or RMA is open.
        NotHere: it is not in the store it was collected to.
        Unknown, NotYourDepot, WrongState: as `_lock`; only what was collected is brought back.

    """
    by.require("collections.make")
    if not signed_by.strip():
        raise RecipientMissing
    head = await _lock(collection, ("collected",), by=by)
    row = await db.fetch_one(
        """SELECT place.id AS place, place.code, condition, owner, pool, bin,
                  coalesce((SELECT number FROM repair_order WHERE repair_order.unit = unit.id AND closed_at IS NULL),
                           (SELECT rma.number FROM rma_line JOIN rma ON rma.id = rma_line.rma
                            WHERE rma_line.unit = unit.id AND rma_line.closed_at IS NULL)) AS open_work
           FROM unit JOIN place ON place.id = unit.place WHERE unit.id = $1 FOR NO KEY UPDATE OF unit""",
        head["unit"],
    )
    if row is None:
        raise AssertionError("a unit that was collected is there")
    if row["open_work"] is not None:
        raise StillWorkedOn(serial=head["serial"], why=row["open_work"])
    if row["place"] != head["place"]:
        raise NotHere(serial=head["serial"], depot=head["depot"], place=row["code"])
    drawing = shipments.signature_drawing(strokes) if strokes else None
    await post(
        [
            Move(
                kind="collection_back",
                part=head["part"],
                quantity=1,
                unit=head["unit"],
                from_bin=row["bin"],
                origin=Spot(row["place"], row["condition"], row["owner"], row["pool"]),
                target=Spot(head["site"], row["condition"], row["owner"], row["pool"]),
                document_kind="collection",
                document=head["number"],
            )
        ],
        by=by,
    )
    now = clock.now()
    await db.execute(
        """UPDATE collection SET state = 'returned', returned_at = $2, returned_by = $3, returned_condition = $4,
                  signed_by = $5, signature = $6, closed_at = $2 WHERE id = $1""",
        collection,
        now,
        by.name,
        row["condition"],
        signed_by.strip(),
        drawing,
    )
    await steps.finish("collection", head["number"], by=by)
    return await _turned(collection, "returned", by=by)


@db.atomic
async def cancel(collection: UUID, *, by: Actor, reason: str) -> CollectionView:
    """Give up a collection that was not made, or whose unit is its customer's no more: credited, or scrapped.

    Raises:
        ReasonMissing: it was not said why.
        Unknown, NotYourDepot, WrongState: as `_lock`; what was collected and is still there is brought back instead.

    """
    by.require("collections.make")
    if not reason.strip():
        raise ReasonMissing
    head = await _lock(collection, ("planned", "collected"), by=by)
    still_theirs = await db.fetch_value(
        """SELECT true FROM unit WHERE id = $1 AND owner = $2 AND condition <> 'scrapped'""",
        head["unit"],
        head["customer"],
    )
    if still_theirs:
        raise WrongState(what="Collection", what_zh="收取单", key=head["number"], state=head["state"], needed="planned")
    await db.execute(
        "UPDATE collection SET state = 'cancelled', closed_at = $2, reason = $3 WHERE id = $1",
        collection,
        clock.now(),
        reason.strip(),
    )
    await steps.finish("collection", head["number"], by=by)
    return await _turned(collection, "cancelled", by=by)


async def _lock(collection: UUID, states: Sequence[State], *, by: Actor) -> db.Row:
    head = await db.fetch_one(
        """SELECT collection.number, collection.state, collection.site, collection.place, place.code AS depot,
                  collection.customer, collection.part, collection.serial, collection.unit, collection.complaint,
                  collection.due_at, collection.quotation, collection.contract, part.part_number, seller.code AS vendor
           FROM collection
           JOIN part ON part.id = collection.part
           LEFT JOIN vendor ON vendor.id = collection.vendor LEFT JOIN party AS seller ON seller.id = vendor.party
           JOIN place ON place.id = collection.place JOIN contract ON contract.id = collection.contract
           WHERE collection.id = $1 AND ($2::text[] IS NULL OR place.code = ANY($2))
             AND ($3::text[] IS NULL OR contract.code = ANY($3)) FOR NO KEY UPDATE OF collection""",
        collection,
        by.depot_scope,
        by.contract_scope,
    )
    if head is None:
        raise Unknown(what="collection", what_zh="收取单", key=str(collection))
    by.require_depot(head["depot"])
    if head["state"] not in states:
        raise WrongState(
            what="Collection", what_zh="收取单", key=head["number"], state=head["state"], needed=" / ".join(states)
        )
    return head


async def _turned(collection: UUID, turn: str, *, by: Actor) -> CollectionView:
    """Write down and tell that a collection took a turn; the collection as it stands now."""
    view = await collection_view(collection)
    await audit.record("collection.turned", "collection", view.number, by=by, reason=view.reason, change={"turn": turn})
    await events.emit(
        f"collection.{turn}",
        "collection",
        view.number,
        structs.replace(view, price_cny=UNSET),
        depot=view.depot,
        contract=view.contract,
        closed=True,
    )
    return _shown_to(view, by)


def _shown_to(view: CollectionView, reader: Actor) -> CollectionView:
    return view if reader.may("costs.read") else structs.replace(view, price_cny=UNSET)


_VIEW = """
    SELECT collection.id, collection.number, device.serial AS device, site.code AS site, site.name_zh AS site_zh,
           site.name_en AS site_en, place.code AS depot, contract.code AS contract, customer.code AS customer,
           customer.name_zh AS customer_zh, customer.name_en AS customer_en, part.part_number, part.name_zh, part.name_en,
           collection.serial, collection.unit, unit.condition, lies.code AS place, collection.state,
           collection.request_number AS request, collection.quotation, collection.complaint, collection.accessories,
           planned_at, planned_by, collection.due_at, collected_at, collected_by, given_by, returned_at, returned_by,
           returned_condition, signed_by, signature IS NOT NULL AS signed, collection.closed_at, collection.reason,
           price_cny,
           (SELECT number FROM repair_order WHERE repair_order.unit = collection.unit
              AND repair_order.opened_at >= collection.planned_at
              AND repair_order.opened_at <= coalesce(collection.closed_at, 'infinity')
            ORDER BY repair_order.id DESC LIMIT 1) AS repair,
           (SELECT rma.number FROM rma_line JOIN rma ON rma.id = rma_line.rma
            WHERE rma_line.unit = collection.unit AND rma.opened_at >= collection.planned_at
              AND rma.opened_at <= coalesce(collection.closed_at, 'infinity')
            ORDER BY rma.id DESC LIMIT 1) AS rma
    FROM collection
    JOIN place AS site ON site.id = collection.site JOIN place ON place.id = collection.place
    JOIN contract ON contract.id = collection.contract JOIN party AS customer ON customer.id = collection.customer
    JOIN part ON part.id = collection.part
    LEFT JOIN device ON device.id = collection.device
    LEFT JOIN unit ON unit.id = collection.unit LEFT JOIN place AS lies ON lies.id = unit.place
    WHERE ($1::text[] IS NULL OR place.code = ANY($1)) AND ($2::text[] IS NULL OR contract.code = ANY($2))"""


async def collection_view(collection: UUID, *, seen_by: Actor | None = None) -> CollectionView:
    """One collection; without a reader, for the verb that just changed it.

    Raises:
        Unknown: no such collection in the reader's scope.

    """
    scope = (None, None) if seen_by is None else (seen_by.depot_scope, seen_by.contract_scope)
    view = await db.read_one(CollectionView, f"{_VIEW} AND collection.id = $3", *scope, collection)
    if view is None:
        raise Unknown(what="collection", what_zh="收取单", key=str(collection))
    return view if seen_by is None else _shown_to(view, seen_by)


async def collections(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    state: State | None = None,
    depot: str | None = None,
    device: str | None = None,
    serial: str | None = None,
) -> list[CollectionView]:
    """Customers' units that were or are to be fetched to the reader's stores, newest first."""
    found = await db.read(
        CollectionView,
        f"""{_VIEW} AND ($3::uuid IS NULL OR collection.id < $3) AND ($4::text IS NULL OR collection.state = $4)
            AND ($5::text IS NULL OR place.code = $5) AND ($6::text IS NULL OR device.serial = $6)
            AND ($7::text IS NULL OR collection.serial = $7)
            ORDER BY collection.id DESC LIMIT $8""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        after,
        state,
        depot,
        device,
        serial,
        limit,
    )
    return [_shown_to(view, seen_by) for view in found]


async def signature(collection: UUID, *, seen_by: Actor) -> bytes:
    """The signature for a unit that was brought back, as an SVG drawing.

    Raises:
        Unknown: no such collection in the reader's scope, or nobody drew one.

    """
    await collection_view(collection, seen_by=seen_by)
    drawn = await db.fetch_value("SELECT signature FROM collection WHERE id = $1", collection)
    if drawn is None:
        raise Unknown(what="signature", what_zh="签名", key=str(collection))
    return drawn
