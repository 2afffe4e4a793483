"""Advance shipping notices (预到货通知): what a sender says is on its way, before it stands at the dock."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct, structs

from inventory.catalogue import parts
from inventory.ground import audit, clock, db, events
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.places import places
from inventory.stock import expected, pools
from inventory.stock.pools import COMMON
from inventory.stock.refusals import QuantityNotPositive

State = Literal["expected", "partly_received", "received", "closed", "cancelled"]
Ended = Literal["closed", "cancelled"]
Kind = Literal["purchase_order", "transfer", "by_hand"]
OPEN = ("expected", "partly_received")

SENDERS = ("vendor", "site")
"""The kinds of place that something comes from by hand; what one of our stores sends another is a transfer."""


class SerialsTooMany(Invalid):
    """{part_number}: {given} serials are named for {quantity} pieces."""

    zh = "{part_number}：通知数量 {quantity}，却列出 {given} 个序列号。"
    help_en = "Name at most one serial for each piece, each once."
    help_zh = "每件最多一个序列号，且不得重复。"


class PartTwice(Invalid, constraint="advance_notice_line_is_one_per_source"):
    """{part_number} stands on this notice twice."""

    zh = "{part_number} 在该通知中重复出现。"
    help_en = "Put all pieces of a part on one line."
    help_zh = "同一备件请合并为一行。"


class NothingAnnounced(Invalid):
    """A notice announces at least one part."""

    zh = "预到货通知至少要有一行备件。"
    help_en = "Name the parts that are on their way, and how many of each."
    help_zh = "请填写在途的备件及数量。"


class NotFromOutside(Invalid):
    """Nothing is announced from {origin}: a notice by hand is for what a vendor or a customer sends."""

    zh = "不能从 {origin} 手工预报到货：手工预到货通知只用于供应商或客户发来的货物。"
    help_en = "From another store it comes by a transfer, which announces itself; name the vendor's place or the site."
    help_zh = "其他备件库的货物请办理调拨（会自动生成通知）；请填写供应商或客户机房。"


class DueInPast(Invalid):
    """What is announced arrives in the future; {due_at} has passed."""

    zh = "预计到货时间（{due_at}）必须晚于当前时间。"
    help_en = "Give the time it is due, with its time zone; what is here already is received, not announced."
    help_zh = "请填写将来的到货时间（含时区）；已到货的请直接入库。"


class NoticeFollowsItsTransfer(Refused):
    """Notice {number} was made by shipping a transfer, and ends with it."""

    zh = "通知 {number} 由调拨发出时自动生成，随调拨单结束。"
    help_en = "Take the transfer in, or declare what is missing lost."
    help_zh = "请办理调拨入库，或对缺少部分登记在途丢失。"


class NewNoticeLine(Struct, frozen=True, kw_only=True):
    """One part that is on its way, with the serials where they are known."""

    part_number: str
    quantity: int
    serials: Sequence[str] = ()


class NoticeLineView(Struct, frozen=True, kw_only=True):
    """One part of a notice, and how much of it came."""

    part_number: str
    name_zh: str
    name_en: str
    quantity: int
    received_quantity: int
    serials: list[str]
    received_serials: list[str]


class NoticeView(Struct, frozen=True, kw_only=True):
    """An advance shipping notice with its lines."""

    id: UUID
    number: str
    kind: Kind
    document: str | None
    depot: str
    origin: str
    pool: str
    state: State
    carrier: str | None
    waybill: str | None
    due_at: datetime
    created_at: datetime
    created_by: str
    closed_at: datetime | None
    remark: str
    reason: str
    lines: list[NoticeLineView]


class Line(Struct, frozen=True, kw_only=True):
    """A line as the table holds it; without a `source` the line is its own."""

    part: int
    quantity: int
    serials: list[str]
    source: UUID | None = None


@db.atomic
async def announce(
    depot: str,
    lines: Sequence[NewNoticeLine],
    *,
    by: Actor,
    origin: str,
    due_at: datetime,
    pool: str = COMMON,
    carrier: str | None = None,
    waybill: str | None = None,
    remark: str = "",
) -> NoticeView:
    """Announce by hand what is on its way from a place outside; it is expected, but counts as no cover.

    Raises:
        Unknown: no such store, place, pool or part.
        NotFromOutside: nothing comes from there on a notice.
        DueInPast: it should have been here already.
        NotYourDepot: the actor does not serve the store.
        NothingAnnounced, SerialsTooMany, PartTwice, QuantityNotPositive: the lines are not valid.

    """
    by.require("notices.announce")
    by.require_depot(depot)
    place, outside = await places.find_store(depot), await places.find(origin)
    if outside.kind not in SENDERS:
        raise NotFromOutside(origin=origin)
    require_to_come(due_at)
    pool_id = await pools.find(pool)
    checked = [await checked_line(line) for line in lines]
    number = await enter(
        "by_hand",
        None,
        None,
        checked,
        place=place.id,
        origin=outside.id,
        pool=pool_id,
        due_at=due_at,
        carrier=carrier,
        waybill=waybill,
        remark=remark,
        by=by,
    )
    for row in await db.fetch(
        """SELECT line.id, line.part, line.quantity FROM advance_notice_line AS line
           JOIN advance_notice ON advance_notice.id = line.notice WHERE number = $1 ORDER BY line.id""",
        number,
    ):
        await expected.expect(
            row["part"],
            place.id,
            pool_id,
            row["quantity"],
            due_at=due_at,
            source_kind="notice_line",
            source=row["id"],
            confirmed=False,
        )
    return await notice_view(number)


def require_to_come(due_at: datetime) -> None:
    """Refuse what should have arrived already.

    Raises:
        DueInPast: that time has passed.

    """
    if due_at < clock.now():
        raise DueInPast(due_at=due_at.isoformat())


async def checked_line(line: NewNoticeLine, source: UUID | None = None) -> Line:
    """A line whose part is known and whose serials fit its quantity.

    Raises:
        UnknownPart: no such part.
        QuantityNotPositive, SerialsTooMany: it does not fit.

    """
    part = await parts.find(line.part_number)
    if line.quantity < 1:
        raise QuantityNotPositive(quantity=line.quantity)
    if len(line.serials) > line.quantity or len(set(line.serials)) < len(line.serials):
        raise SerialsTooMany(part_number=part.part_number, given=len(line.serials), quantity=line.quantity)
    return Line(part=part.id, quantity=line.quantity, serials=list(line.serials), source=source)


async def enter(
    kind: Kind,
    document: str | None,
    source: UUID | None,
    lines: Sequence[Line],
    *,
    place: int,
    origin: int,
    pool: int,
    due_at: datetime,
    by: Actor,
    carrier: str | None = None,
    waybill: str | None = None,
    remark: str = "",
) -> str:
    """Write a notice on behalf of a verb that has checked it; its number.

    Raises:
        NothingAnnounced: it has no line.
        PartTwice: a part stands there twice.

    """
    if not lines:
        raise NothingAnnounced
    if len({(line.part, line.source) for line in lines}) < len(lines):
        raise PartTwice
    number = await next_number("ASN")
    notice = await db.fetch_value(
        """INSERT INTO advance_notice (number, kind, document, source, place, origin, pool, state, carrier, waybill, due_at,
                                       created_at, created_by, remark)
           VALUES ($1, $2, $3, $4, $5, $6, $7, 'expected', $8, $9, $10, $11, $12, $13) RETURNING id""",
        number,
        kind,
        document,
        source,
        place,
        origin,
        pool,
        carrier,
        waybill,
        due_at,
        clock.now(),
        by.name,
        remark,
    )
    await db.execute(
        """WITH line AS (
               INSERT INTO advance_notice_line (notice, part, quantity, source)
               SELECT $1, part, quantity, source FROM unnest($2::int[], $3::int[], $4::uuid[]) AS l(part, quantity, source)
               RETURNING id, part, source
           )
           INSERT INTO advance_notice_serial (line, serial)
           SELECT line.id, named.serial
           FROM unnest($5::int[], $6::uuid[], $7::text[]) AS named(part, source, serial)
           JOIN line ON line.part = named.part AND line.source IS NOT DISTINCT FROM named.source""",
        notice,
        [line.part for line in lines],
        [line.quantity for line in lines],
        [line.source for line in lines],
        [line.part for line in lines for _ in line.serials],
        [line.source for line in lines for _ in line.serials],
        [serial for line in lines for serial in line.serials],
    )
    view = await notice_view(number)
    await events.emit("advance_notice.announced", "advance_notice", number, view, depot=view.depot)
    return number


async def count_in(arrived: Sequence[tuple[UUID, int, Sequence[str]]], *, notice: str | None = None) -> None:
    """Tick what came on the open notices: (source or line, pieces, serials); those named first, then the soonest due."""
    for source, quantity, serials in arrived:
        rows = await db.fetch(
            """SELECT line.id, line.quantity - line.received_quantity AS rest,
                      (SELECT count(*) FROM advance_notice_serial
                       WHERE advance_notice_serial.line = line.id AND serial = ANY($2))::int AS named
               FROM advance_notice_line AS line
               JOIN advance_notice ON advance_notice.id = line.notice
               WHERE (line.source = $1 OR line.id = $1) AND advance_notice.state = ANY($3)
                 AND ($4::text IS NULL OR advance_notice.number = $4)
               ORDER BY named DESC, advance_notice.due_at, line.id FOR NO KEY UPDATE OF line""",
            source,
            list(serials),
            list(OPEN),
            notice,
        )
        left = quantity
        for row in rows:
            taken = min(left, max(row["rest"], 0))
            if taken:
                await db.execute(
                    "UPDATE advance_notice_line SET received_quantity = received_quantity + $2 WHERE id = $1",
                    row["id"],
                    taken,
                )
                left -= taken
        await db.execute(
            """UPDATE advance_notice_serial SET received_at = $3
               WHERE line = ANY($1) AND serial = ANY($2) AND received_at IS NULL""",
            [row["id"] for row in rows],
            list(serials),
            clock.now(),
        )
    await db.execute(
        """UPDATE advance_notice SET
                  state = CASE WHEN line.missing > 0 THEN 'partly_received' ELSE 'received' END,
                  closed_at = CASE WHEN line.missing > 0 THEN NULL ELSE $2::timestamptz END
           FROM (SELECT notice, sum(greatest(quantity - received_quantity, 0)) AS missing, sum(received_quantity) AS came
                 FROM advance_notice_line
                 WHERE notice IN (SELECT notice FROM advance_notice_line WHERE source = ANY($1) OR id = ANY($1))
                 GROUP BY notice) AS line
           WHERE advance_notice.id = line.notice AND line.came > 0 AND state = ANY($3)""",
        [source for source, _, _ in arrived],
        clock.now(),
        list(OPEN),
    )


async def line_of(number: str, part: int) -> UUID:
    """The line of a notice that announces a part.

    Raises:
        Unknown: it announces none.

    """
    line = await db.fetch_value(
        """SELECT line.id FROM advance_notice_line AS line JOIN advance_notice ON advance_notice.id = line.notice
           WHERE advance_notice.number = $1 AND line.part = $2 LIMIT 1""",
        number,
        part,
    )
    if line is None:
        raise Unknown(what="advance shipping notice", what_zh="预到货通知", key=number)
    return line


async def count_out(source: UUID, quantity: int, serial: str | None) -> None:
    """Wait again for what was ticked by mistake: on the notice that names the serial, else the last that was ticked."""
    row = await db.fetch_one(
        """SELECT line.id, line.notice FROM advance_notice_line AS line
           WHERE (line.source = $1 OR line.id = $1) AND line.received_quantity > 0
           ORDER BY EXISTS (SELECT FROM advance_notice_serial
                            WHERE advance_notice_serial.line = line.id AND serial = $2) DESC, line.id DESC
           LIMIT 1 FOR NO KEY UPDATE""",
        source,
        serial,
    )
    if row is None:
        return
    await db.execute(
        "UPDATE advance_notice_line SET received_quantity = greatest(received_quantity - $2, 0) WHERE id = $1",
        row["id"],
        quantity,
    )
    await db.execute(
        "UPDATE advance_notice_serial SET received_at = NULL WHERE line = $1 AND serial = $2", row["id"], serial
    )
    await db.execute(
        """UPDATE advance_notice SET closed_at = NULL,
                  state = CASE WHEN (SELECT sum(received_quantity) FROM advance_notice_line WHERE notice = $1) > 0
                               THEN 'partly_received' ELSE 'expected' END
           WHERE id = $1 AND state IN ('partly_received', 'received')""",
        row["notice"],
    )


@db.atomic
async def close_short(number: str, *, by: Actor, reason: str) -> NoticeView:
    """Expect no more of a notice: what came stays, the rest will not come.

    Raises:
        ReasonMissing: no reason was given.
        WrongState: it is not open.
        NoticeFollowsItsTransfer: it ends with its transfer.

    """
    return await _end(number, "closed", OPEN, by=by, reason=reason)


@db.atomic
async def cancel(number: str, *, by: Actor, reason: str) -> NoticeView:
    """Withdraw a notice of which nothing came.

    Raises:
        ReasonMissing, NoticeFollowsItsTransfer: as for `close_short`.
        WrongState: something of it came, or it was ended before.

    """
    return await _end(number, "cancelled", ("expected",), by=by, reason=reason)


async def _end(number: str, becomes: Ended, states: Sequence[str], *, by: Actor, reason: str) -> NoticeView:
    by.require("notices.announce")
    view = await notice_view(number, seen_by=by)
    by.require_depot(view.depot)
    if not reason.strip():
        raise ReasonMissing
    if view.kind == "transfer":
        raise NoticeFollowsItsTransfer(number=number)
    await _close(view, becomes, states, by=by, reason=reason)
    return await notice_view(number)


async def end_short(number: str, *, by: Actor, reason: str) -> None:
    """Close a notice short on behalf of another verb that has checked the actor's rights, unless all of it came."""
    view = await notice_view(number)
    if view.state in OPEN:
        await _close(view, "closed", OPEN, by=by, reason=reason)


async def _close(view: NoticeView, becomes: Ended, states: Sequence[str], *, by: Actor, reason: str) -> None:
    ended = await db.fetch_value(
        """UPDATE advance_notice SET state = $2, reason = $3, closed_at = $4
           WHERE id = $1 AND state = ANY($5) RETURNING id""",
        view.id,
        becomes,
        reason,
        clock.now(),
        list(states),
    )
    if ended is None:
        raise WrongState(
            what="Advance shipping notice",
            what_zh="预到货通知",
            key=view.number,
            state=view.state,
            needed=" / ".join(states),
        )
    for row in await db.fetch("SELECT id FROM advance_notice_line WHERE notice = $1", ended):
        await expected.close(row["id"])
    await audit.record(f"notice.{becomes}", "advance_notice", view.number, by=by, reason=reason)


async def follow(
    source: UUID, state: Literal["expected", "partly_received", "received", "closed", "cancelled"], reason: str
) -> None:
    """Let the notices of a document end, or go on, with it."""
    await db.execute(
        """UPDATE advance_notice SET state = $2::text,
                  reason = CASE WHEN $2::text IN ('closed', 'cancelled') THEN $3 ELSE reason END,
                  closed_at = CASE WHEN $2::text IN ('received', 'closed', 'cancelled') THEN $4::timestamptz END
           WHERE source = $1 AND state <> 'cancelled'""",
        source,
        state,
        reason,
        clock.now(),
    )


@db.atomic
async def move(source: UUID, place: int, *, later_by: timedelta = timedelta(0)) -> None:
    """What was announced of a document comes to another store, so much later."""
    await db.execute(
        """UPDATE advance_notice SET place = $2, due_at = due_at + $3
           WHERE source = $1 AND state IN ('expected', 'partly_received')""",
        source,
        place,
        later_by,
    )


_VIEW = """SELECT advance_notice.id, advance_notice.number, advance_notice.kind, document, place.code AS depot,
                  origin.code AS origin,
                  pool.code AS pool, state, carrier, waybill, due_at, created_at, created_by, closed_at, remark, reason,
                  (SELECT coalesce(jsonb_agg(jsonb_build_object(
                              'part_number', part.part_number, 'name_zh', part.name_zh, 'name_en', part.name_en,
                              'quantity', quantity, 'received_quantity', received_quantity,
                              'serials', (SELECT coalesce(jsonb_agg(serial ORDER BY serial), '[]')
                                          FROM advance_notice_serial WHERE line = l.id),
                              'received_serials', (SELECT coalesce(jsonb_agg(serial ORDER BY serial), '[]')
                                                   FROM advance_notice_serial WHERE line = l.id AND received_at IS NOT NULL))
                              ORDER BY part.part_number, l.id), '[]')
                   FROM advance_notice_line AS l JOIN part ON part.id = l.part WHERE l.notice = advance_notice.id) AS lines
           FROM advance_notice
           JOIN place ON place.id = advance_notice.place
           JOIN place AS origin ON origin.id = advance_notice.origin
           LEFT JOIN party ON party.id = origin.party
           JOIN pool ON pool.id = advance_notice.pool
           WHERE ($1::text[] IS NULL OR place.code = ANY($1)) AND ($2::text IS NULL OR party.code = $2)"""


async def notice_view(number: str, *, seen_by: Actor | None = None) -> NoticeView:
    """One notice, by its number; a vendor sees its own.

    Raises:
        Unknown: no such notice in the reader's scope.

    """
    view = await db.read_one(
        NoticeView,
        f"{_VIEW} AND advance_notice.number = $3",
        seen_by.depot_scope if seen_by else None,
        seen_by.vendor if seen_by else None,
        number,
    )
    if view is None:
        raise Unknown(what="advance shipping notice", what_zh="预到货通知", key=number)
    return _shown_to(view, seen_by)


def _shown_to(view: NoticeView, seen_by: Actor | None) -> NoticeView:
    """A notice as its reader may see it: for whose contract we buy is not its vendor's business."""
    return view if seen_by is None or seen_by.vendor is None else structs.replace(view, pool=COMMON)


async def notices(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    state: str | None = None,
    depot: str | None = None,
    kind: str | None = None,
    document: str | None = None,
    due_since: datetime | None = None,
    due_until: datetime | None = None,
) -> list[NoticeView]:
    """Notices for the reader's stores, or of the vendor who reads, newest first; due from `due_since`, before `due_until`."""
    found = await db.read(
        NoticeView,
        f"""{_VIEW} AND ($3::uuid IS NULL OR advance_notice.id < $3) AND ($4::text IS NULL OR state = $4)
            AND ($5::text IS NULL OR place.code = $5) AND ($6::text IS NULL OR advance_notice.kind = $6)
            AND ($7::text IS NULL OR document = $7)
            AND ($8::timestamptz IS NULL OR due_at >= $8) AND ($9::timestamptz IS NULL OR due_at < $9)
            ORDER BY advance_notice.id DESC LIMIT $10""",
        seen_by.depot_scope,
        seen_by.vendor,
        after,
        state,
        depot,
        kind,
        document,
        due_since,
        due_until,
        limit,
    )
    return [_shown_to(view, seen_by) for view in found]
