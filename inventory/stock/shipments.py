"""Shipments: what left a store, in which packages and by which way, until somebody has signed for it."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from inventory.ground import audit, clock, db, jobs
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.places import places
from inventory.stock.when import happened

Mode = Literal["courier", "same_city_courier", "own_car", "hand_carried"]
ShipmentState = Literal["shipped", "failed", "handed_over", "returned", "lost"]

MODES: tuple[Mode, ...] = ("courier", "same_city_courier", "own_car", "hand_carried")

FLIES: frozenset[Mode] = frozenset({"courier"})
"""Where no lane says otherwise: a courier's parcel may fly, and lithium batteries must not."""

MODES_ZH: dict[Mode, str] = {
    "courier": "快递",
    "same_city_courier": "同城快递",
    "own_car": "自有车辆",
    "hand_carried": "人工携带",
}
MODES_EN: dict[Mode, str] = {
    "courier": "courier",
    "same_city_courier": "same-city courier",
    "own_car": "own car",
    "hand_carried": "hand-carried",
}

STROKES, POINTS = 300, 6000
"""The most a signature may have."""


class LithiumMayNotFly(Refused):
    """{part_number} holds a lithium battery, which may not go by {way} from {origin} to {target}."""

    zh = "{part_number} 含锂电池，从 {origin} 到 {target} 不可用“{way_zh}”运送。"
    help_en = "Send it by: {would_do}."
    help_zh = "可改用：{would_do_zh}。"


class PackagesDiffer(Invalid):
    """The packages hold {packed} of {part_number}; {shipped} leave."""

    zh = "包装清单中 {part_number} 为 {packed}，实际发出 {shipped}。"
    help_en = "Correct the contents of the packages, or leave them out: one package then holds everything."
    help_zh = "请更正各包内容；也可不填，系统按一个包装处理。"


class RecipientMissing(Invalid):
    """A hand-over needs the name of whoever takes the goods."""

    zh = "签收需要填写签收人姓名。"
    help_en = "Ask for the name, and have it signed for."
    help_zh = "请询问并填写签收人姓名。"


class HandedOverBeforeShipped(Invalid):
    """Nothing is handed over ({at}) before it left ({shipped_at})."""

    zh = "交接时间（{at}）不能早于发货时间（{shipped_at}）。"
    help_en = "Correct the time, or leave it empty for now."
    help_zh = "请更正交接时间，或留空表示当前。"


class SignatureUnreadable(Invalid):
    """The signature cannot be drawn: {why}."""

    zh = "签名无法识别：{why}。"
    help_en = "Let the person sign again; strokes are lists of points between 0 and 1000."
    help_zh = "请重新签名；笔画由 0 到 1000 之间的坐标点组成。"


class PackedPart(Struct, frozen=True, kw_only=True):
    """What of a part lies in a package."""

    part_number: str
    quantity: int
    serials: list[str] = []


class NewPackage(Struct, frozen=True, kw_only=True):
    """A package to be sent."""

    weight_kg: float | None = None
    contents: list[PackedPart] = []


class Dispatch(Struct, frozen=True, kw_only=True):
    """How something leaves; what is not known yet may be missing."""

    mode: Mode | None = None
    carrier: str | None = None
    courier_phone: str | None = None
    waybill: str | None = None
    packages: list[NewPackage] = []


class PackageView(Struct, frozen=True, kw_only=True):
    """A package of a shipment."""

    position: int
    weight_kg: float | None
    contents: list[PackedPart]


class ShipmentEntry(Struct, frozen=True, kw_only=True):
    """One thing that happened to a shipment."""

    at: datetime
    action: str
    actor: str
    reason: str
    change: Any


class ShipmentSummary(Struct, frozen=True, kw_only=True):
    """A shipment as lists show it."""

    id: UUID
    number: str
    document_kind: str
    document: str
    from_depot: str
    to_place: str
    mode: Mode | None
    carrier: str | None
    courier_phone: str | None
    waybill: str | None
    state: ShipmentState
    promised_at: datetime | None
    shipped_at: datetime
    shipped_by: str
    handed_over_at: datetime | None
    handed_to: str | None
    parts: str


class ShipmentView(ShipmentSummary, frozen=True, kw_only=True):
    """A shipment with its packages and everything that happened to it."""

    handed_over_where: str | None
    signature_sha256: str | None
    packages: list[PackageView]
    entries: list[ShipmentEntry]


def ways_for_lithium(lanes: dict[Mode, bool]) -> list[Mode]:
    """The modes that may carry lithium batteries: a lane has the say, else whatever stays on the ground.

    >>> ways_for_lithium({}), ways_for_lithium({"courier": True, "own_car": False})
    (['same_city_courier', 'own_car', 'hand_carried'], ['courier', 'same_city_courier', 'hand_carried'])
    """
    return [mode for mode in MODES if lanes.get(mode, mode not in FLIES)]


def signature_drawing(strokes: Sequence[Sequence[tuple[float, float]]]) -> bytes:
    """A signature's strokes, drawn in a field of 1000 × 400, as an SVG file that holds nothing but lines.

    >>> signature_drawing([[(0, 0), (10, 5.25)]]).decode().partition("<path ")[2]
    'd="M0 0L10 5.25" fill="none" stroke="#123" stroke-width="6" stroke-linecap="round" stroke-linejoin="round"/></svg>'

    Raises:
        SignatureUnreadable: there are no strokes, too many, or points outside the field.

    """
    drawn = [stroke for stroke in strokes if stroke]
    if not drawn:
        raise SignatureUnreadable(why="no strokes")
    if len(drawn) > STROKES or sum(len(stroke) for stroke in drawn) > POINTS:
        raise SignatureUnreadable(why="too long")
    if not all(0 <= at <= 1000 for stroke in drawn for point in stroke for at in point):
        raise SignatureUnreadable(why="outside the field")
    path = "".join(
        f"{'L' if place else 'M'}{x:.4g} {y:.4g}" for stroke in drawn for place, (x, y) in enumerate(_visible(stroke))
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 400">'
        f'<path d="{path}" fill="none" stroke="#123" stroke-width="6" stroke-linecap="round" stroke-linejoin="round"/></svg>'
    ).encode()


def _visible(stroke: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """A dot is a stroke too."""
    return [*stroke, stroke[0]] if len(stroke) == 1 else stroke


def packed(contents: Sequence[PackedPart], packages: Sequence[NewPackage]) -> list[NewPackage]:
    """The packages of what leaves; where they do not say what they hold, the first one holds everything.

    >>> fan = PackedPart(part_number="FAN", quantity=2)
    >>> [package.contents == [fan] for package in packed([fan], [NewPackage(weight_kg=1.5)])]
    [True]

    Raises:
        PackagesDiffer: they hold more or less than leaves.

    """
    if not any(package.contents for package in packages):
        first, *others = packages or [NewPackage()]
        return [msgspec.structs.replace(first, contents=list(contents)), *others]
    shipped, inside = _counted(contents), _counted([part for package in packages for part in package.contents])
    for number in shipped | inside:
        if shipped.get(number, 0) != inside.get(number, 0):
            raise PackagesDiffer(part_number=number, packed=inside.get(number, 0), shipped=shipped.get(number, 0))
    return list(packages)


def _counted(contents: Sequence[PackedPart]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for part in contents:
        counts[part.part_number] = counts.get(part.part_number, 0) + part.quantity
    return counts


@db.atomic
async def send(
    document_kind: str,
    document: str,
    origin: str,
    target: str,
    contents: Sequence[PackedPart],
    *,
    by: Actor,
    how: Dispatch | None = None,
    promised_at: datetime | None = None,
    contract: str | None = None,
) -> UUID:
    """Write down that goods left a store, on behalf of a verb that has moved them.

    Raises:
        LithiumMayNotFly: the mode may not carry what is inside.
        PackagesDiffer: the packages do not hold what leaves.

    """
    how = how or Dispatch()
    start, end = await places.find(origin), await places.find(target)
    if how.mode is not None:
        await _check_lithium(start, end, how.mode, contents)
    packages = packed(contents, how.packages)
    number = await next_number("SH")
    shipment = await db.fetch_value(
        """INSERT INTO shipment (number, document_kind, document_number, from_place, to_place, contract_code, mode, carrier,
                                 courier_phone, waybill, state, promised_at, shipped_at, shipped_by)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'shipped', $11, $12, $13) RETURNING id""",
        number,
        document_kind,
        document,
        start.id,
        end.id,
        contract,
        how.mode,
        how.carrier,
        how.courier_phone,
        how.waybill,
        promised_at,
        clock.now(),
        by.name,
    )
    await db.execute_many(
        "INSERT INTO package (shipment, position, weight_kg, contents) VALUES ($1, $2, $3, $4)",
        [
            (shipment, place, package.weight_kg, msgspec.to_builtins(package.contents))
            for place, package in enumerate(packages, start=1)
        ],
    )
    await audit.record("shipment.shipped", "shipment", number, by=by, change={"mode": how.mode, "waybill": how.waybill})
    return shipment


async def _check_lithium(
    start: places.PlaceRef, end: places.PlaceRef, mode: Mode, contents: Sequence[PackedPart]
) -> None:
    battery = await db.fetch_value(
        "SELECT part_number FROM part WHERE lithium AND part_number = ANY($1) ORDER BY part_number LIMIT 1",
        [part.part_number for part in contents],
    )
    if battery is None:
        return
    lanes = await db.fetch(
        "SELECT mode, carries_lithium FROM lane WHERE from_place = $1 AND to_place = $2", start.id, end.id
    )
    ways = ways_for_lithium({row["mode"]: row["carries_lithium"] for row in lanes})
    if mode not in ways:
        raise LithiumMayNotFly(
            part_number=battery,
            way=MODES_EN[mode],
            way_zh=MODES_ZH[mode],
            origin=start.code,
            target=end.code,
            would_do=", ".join(MODES_EN[way] for way in ways) or "–",
            would_do_zh="、".join(MODES_ZH[way] for way in ways) or "–",
        )


@db.atomic
async def hand_over(
    shipment: UUID,
    to: str,
    *,
    by: Actor,
    where: str | None = None,
    strokes: Sequence[Sequence[tuple[float, float]]] = (),
    occurred_at: datetime | None = None,
) -> ShipmentView:
    """Note that somebody took the goods over, with the signature drawn on the screen.

    Raises:
        Unknown: no such shipment.
        WrongState: it was handed over before, or brought back.
        RecipientMissing: nobody is named.
        SignatureUnreadable: the strokes cannot be drawn.
        HandedOverBeforeShipped, HappenedLater, HappenedTooLongAgo: it cannot have been then.

    """
    head = await lock(shipment, by=by, right="shipments.deliver", states=("shipped", "failed"))
    if not to.strip():
        raise RecipientMissing
    drawing = signature_drawing(strokes) if strokes else None
    at = happened(occurred_at) or clock.now()
    if at < head["shipped_at"]:
        raise HandedOverBeforeShipped(at=at.isoformat(), shipped_at=head["shipped_at"].isoformat())
    await db.execute(
        """UPDATE shipment SET state = 'handed_over', handed_over_at = $2, handed_to = $3, handed_over_where = $4,
                  signature = $5, signature_sha256 = $6 WHERE id = $1""",
        shipment,
        at,
        to.strip(),
        where,
        drawing,
        hashlib.sha256(drawing).digest() if drawing else None,
    )
    await audit.record("shipment.handed_over", "shipment", head["number"], by=by, change={"to": to.strip()})
    await jobs.enqueue(jobs.ShipmentArrived(shipment))
    return await shipment_view(shipment)


@db.atomic
async def note_arrival(document: str, *, by: Actor) -> None:
    """The goods of a document are evidently there: who acts on them took them over."""
    rows = await db.fetch(
        """UPDATE shipment SET state = 'handed_over', handed_over_at = $2, handed_to = $3
           WHERE document_number = $1 AND state IN ('shipped', 'failed') RETURNING id, number""",
        document,
        clock.now(),
        by.name,
    )
    for row in rows:
        await audit.record("shipment.handed_over", "shipment", row["number"], by=by, change={"to": by.name})
        await jobs.enqueue(jobs.ShipmentArrived(row["id"]))


@db.atomic
async def end_lost(document: str, *, by: Actor, reason: str) -> None:
    """Nothing of a document's goods is on the road any more, and none of it arrived: its shipment is lost."""
    rows = await db.fetch(
        """UPDATE shipment SET state = 'lost' WHERE document_number = $1 AND state IN ('shipped', 'failed')
           RETURNING number""",
        document,
    )
    for row in rows:
        await audit.record("shipment.lost", "shipment", row["number"], by=by, reason=reason)


@db.atomic
async def go_on(document: str, *, by: Actor, reason: str) -> None:
    """A document's goods that were lost are on the road again, and so is their shipment."""
    rows = await db.fetch(
        "UPDATE shipment SET state = 'shipped' WHERE document_number = $1 AND state = 'lost' RETURNING number", document
    )
    for row in rows:
        await audit.record("shipment.found_again", "shipment", row["number"], by=by, reason=reason)


@db.atomic
async def fail(shipment: UUID, *, by: Actor, reason: str) -> ShipmentView:
    """Note that a delivery failed: nobody there, refused, address wrong.

    Raises:
        Unknown, WrongState: as for `hand_over`.
        ReasonMissing: no reason was given.

    """
    if not reason.strip():
        raise ReasonMissing
    head = await lock(shipment, by=by, right="shipments.deliver", states=("shipped",))
    await db.execute("UPDATE shipment SET state = 'failed' WHERE id = $1", shipment)
    await audit.record("shipment.failed", "shipment", head["number"], by=by, reason=reason)
    return await shipment_view(shipment)


@db.atomic
async def send_again(shipment: UUID, *, by: Actor, how: Dispatch | None = None) -> ShipmentView:
    """Try a failed delivery once more, perhaps by another way.

    Raises:
        Unknown: no such shipment.
        WrongState: its delivery has not failed.
        LithiumMayNotFly: the new mode may not carry what is inside.

    """
    how = how or Dispatch()
    head = await lock(shipment, by=by, right="shipments.deliver", states=("failed",))
    if how.mode is not None:
        start, end = await places.find(head["origin"]), await places.find(head["target"])
        await _check_lithium(start, end, how.mode, await contents_of(shipment))
    await db.execute(
        """UPDATE shipment SET state = 'shipped', mode = coalesce($2, mode), carrier = coalesce($3, carrier),
                  courier_phone = coalesce($4, courier_phone), waybill = coalesce($5, waybill)
           WHERE id = $1""",
        shipment,
        how.mode,
        how.carrier,
        how.courier_phone,
        how.waybill,
    )
    await audit.record(
        "shipment.sent_again", "shipment", head["number"], by=by, change={"mode": how.mode, "waybill": how.waybill}
    )
    return await shipment_view(shipment)


@db.atomic
async def close_returned(shipment: UUID, *, by: Actor, reason: str) -> db.Row:
    """Mark a shipment as brought back, for a verb that takes the goods in again.

    Raises:
        Unknown: no such shipment.
        WrongState: it was handed over, or brought back before.
        ReasonMissing: no reason was given.
        NotYourDepot: the actor does not serve the store it came from.

    """
    if not reason.strip():
        raise ReasonMissing
    head = await lock(shipment, by=by, right="stock.issue", states=("shipped", "failed"))
    by.require_depot(head["origin"])
    await db.execute("UPDATE shipment SET state = 'returned' WHERE id = $1", shipment)
    await audit.record("shipment.returned", "shipment", head["number"], by=by, reason=reason)
    return head


async def lock(shipment: UUID, *, by: Actor, right: str, states: Sequence[str]) -> db.Row:
    """A shipment in one of some states, locked, for somebody who serves one of its ends."""
    by.require(right)
    row = await db.fetch_one(
        """SELECT shipment.id, shipment.number, shipment.state, document_kind, document_number, shipped_at,
                  origin.code AS origin, target.code AS target, contract_code
           FROM shipment
           JOIN place AS origin ON origin.id = shipment.from_place
           JOIN place AS target ON target.id = shipment.to_place
           WHERE shipment.id = $1 AND ($2::text[] IS NULL OR contract_code IS NULL OR contract_code = ANY($2))
           FOR NO KEY UPDATE OF shipment""",
        shipment,
        by.contract_scope,
    )
    if row is None:
        raise Unknown(what="shipment", what_zh="发运单", key=str(shipment))
    if not by.sees_depot(row["target"]):
        by.require_depot(row["origin"])
    if row["state"] not in states:
        raise WrongState(
            what="Shipment", what_zh="发运单", key=row["number"], state=row["state"], needed=" / ".join(states)
        )
    return row


async def contents_of(shipment: UUID) -> list[PackedPart]:
    """Everything in a shipment's packages."""
    rows = await db.fetch("SELECT contents FROM package WHERE shipment = $1 ORDER BY position", shipment)
    return [part for row in rows for part in msgspec.convert(row["contents"], list[PackedPart])]


async def signature(shipment: UUID, *, seen_by: Actor) -> bytes:
    """The drawing of whoever signed.

    Raises:
        Unknown: no such shipment in the reader's scope, or nobody drew a signature.

    """
    drawing = await db.fetch_value(
        f"SELECT shipment.signature {_FROM} WHERE shipment.id = $3 AND {_IN_SCOPE}",
        seen_by.depot_scope,
        seen_by.contract_scope,
        shipment,
    )
    if drawing is None:
        raise Unknown(what="signature", what_zh="签名", key=str(shipment))
    return drawing


_COLUMNS = """shipment.id, shipment.number, document_kind, document_number AS document, origin.code AS from_depot,
    target.code AS to_place, mode, carrier, courier_phone, waybill, shipment.state, promised_at, shipped_at, shipped_by,
    handed_over_at, handed_to,
    (SELECT coalesce(string_agg((part ->> 'quantity') || ' × ' || (part ->> 'part_number'), ', '), '')
     FROM package CROSS JOIN LATERAL jsonb_array_elements(package.contents) AS part
     WHERE package.shipment = shipment.id) AS parts"""

_FROM = """FROM shipment
    JOIN place AS origin ON origin.id = shipment.from_place
    JOIN place AS target ON target.id = shipment.to_place"""


@db.atomic
async def turn(document: str, place: int, *, later_by: timedelta) -> None:
    """What left for a document goes to another place than it left for, so much later."""
    await db.execute(
        """UPDATE shipment SET to_place = $2, promised_at = promised_at + $3
           WHERE document_number = $1 AND state = 'shipped'""",
        document,
        place,
        later_by,
    )


_IN_SCOPE = """($1::text[] IS NULL OR origin.code = ANY($1) OR target.code = ANY($1))
    AND ($2::text[] IS NULL OR contract_code IS NULL OR contract_code = ANY($2))"""


async def shipment_view(shipment: UUID, *, seen_by: Actor | None = None) -> ShipmentView:
    """One shipment.

    Raises:
        Unknown: no such shipment in the reader's scope.

    """
    row = await db.fetch_one(
        f"""SELECT {_COLUMNS}, handed_over_where, encode(signature_sha256, 'hex') AS signature_sha256,
                   (SELECT coalesce(jsonb_agg(jsonb_build_object('position', position, 'weight_kg', weight_kg,
                                              'contents', contents) ORDER BY position), '[]')
                    FROM package WHERE package.shipment = shipment.id) AS packages,
                   (SELECT coalesce(jsonb_agg(jsonb_build_object('at', recorded_at, 'action', action, 'actor', actor,
                                              'reason', reason, 'change', change) ORDER BY audit_entry.id), '[]')
                    FROM audit_entry WHERE subject_kind = 'shipment' AND subject = shipment.number) AS entries
            {_FROM} WHERE shipment.id = $3 AND {_IN_SCOPE}""",
        seen_by.depot_scope if seen_by else None,
        seen_by.contract_scope if seen_by else None,
        shipment,
    )
    if row is None:
        raise Unknown(what="shipment", what_zh="发运单", key=str(shipment))
    return msgspec.convert(dict(row), ShipmentView, strict=False)


async def shipments(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    state: ShipmentState | None = None,
    depot: str | None = None,
    document: str | None = None,
    waybill: str | None = None,
) -> list[ShipmentSummary]:
    """Shipments from or to the reader's stores, newest first."""
    return await db.read(
        ShipmentSummary,
        f"""SELECT {_COLUMNS} {_FROM}
            WHERE {_IN_SCOPE} AND ($3::uuid IS NULL OR shipment.id < $3) AND ($4::text IS NULL OR shipment.state = $4)
              AND ($5::text IS NULL OR origin.code = $5 OR target.code = $5)
              AND ($6::text IS NULL OR document_number = $6) AND ($7::text IS NULL OR waybill = $7)
            ORDER BY shipment.id DESC LIMIT $8""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        after,
        state,
        depot,
        document,
        waybill,
        limit,
    )
