"""Picking: a walk along the bins for whatever holds reservations, each piece confirmed by a scan.

A pick list proposes the oldest units and lots; another good piece of the same part and pool may be taken instead. What was
picked is what leaves when the reservation is handed out, and nobody else's until then.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from msgspec import Struct

from inventory.catalogue import parts
from inventory.catalogue.grades import Provenance
from inventory.ground import audit, clock, db, jobs
from inventory.ground.actor import Actor
from inventory.ground.errors import ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.places import bins, places
from inventory.stock import codes, issuable, units
from inventory.stock.counting import sheets
from inventory.stock.moves import GOOD, Piece, Spot
from inventory.stock.pick_lists import PickListView, pick_list_view
from inventory.stock.refusals import (
    LotNotHere,
    MoreThanReserved,
    PickedElsewhere,
    QuantityNotPositive,
    ReservationResolved,
    SerialsMissing,
)
from inventory.stock.shelves import free_lots, propose

RECOUNT_WITHIN = timedelta(hours=24)


class AlreadyBeingPicked(Refused):
    """{document} is already on the pick list {number}."""

    zh = "{document} 已在拣货单 {number} 上。"
    help_en = "Go on with that list, or cancel it first."
    help_zh = "请继续处理该拣货单，或先将其取消。"


class NotHeldHere(Refused):
    """{document} holds nothing at {depot} that could be picked."""

    zh = "{document} 在 {depot} 没有可拣的预留。"
    help_en = "Look at the document: its stock may lie in another store, be shipped, or still be waited for."
    help_zh = "请查看单据：其库存可能在其他备件库、已出库，或仍在待货。"


class WrongPart(Refused):
    """{code} is a {part_number}; this list asks for {wanted}."""

    zh = "{code} 是 {part_number}，本拣货单需要 {wanted}。"
    help_en = "Put it back, and take the part that the list names."
    help_zh = "请放回原处，按拣货单取件。"


class WrongStore(Refused):
    """By the ledger {serial} is at {place}, not at {depot}."""

    zh = "台账显示 {serial} 在 {place}，不在 {depot}。"
    help_en = "Take another unit, and have this one's place looked into."
    help_zh = "请改取其他单件，并核查该单件的实际位置。"


class NotGoodStock(Refused):
    """{serial} is {condition}; only good stock leaves."""

    zh = "{serial} 的状态为“{condition}”，只有好件可以出库。"
    help_en = "Take a good unit of this part."
    help_zh = "请改取同一备件的好件。"


class OtherPool(Refused):
    """{serial} belongs to {pool}; this list takes from {wanted}."""

    zh = "{serial} 归属 {pool}，本拣货单从 {wanted} 取货。"
    help_en = "Take a unit of the right pool; stock of a contract serves that contract."
    help_zh = "请取归属正确的单件；项目专用备件只用于该项目。"


class NothingLeftToPick(Refused):
    """Everything of {part_number} on {number} is picked already."""

    zh = "拣货单 {number} 上的 {part_number} 已全部拣齐。"
    help_en = "Put it back; unpick another one first if this one is to go instead."
    help_zh = "请放回原处；如需换用此件，请先撤销另一件的拣货。"


class PickNotComplete(Refused):
    """{number} is not picked to the end: {open} still to pick, {short} not found."""

    zh = "拣货单 {number} 尚未完成：待拣 {open}，未找到 {short}。"
    help_en = "Pick the rest; have what was not found recounted; or cancel the list and hand out by serial."
    help_zh = "请拣齐其余备件；未找到的请复盘；也可取消拣货单后按序列号出库。"


class PickedDifferently(Refused):
    """Picked on {number} were {picked}; other serials cannot leave in their place."""

    zh = "拣货单 {number} 已拣出 {picked}，不能改发其他序列号。"
    help_en = "Ship what was picked, or unpick it first."
    help_zh = "请按已拣出的单件出库，或先撤销拣货。"


class Wanted(Struct, frozen=True):
    """A reservation to be picked, and the document it is for."""

    reservation: UUID
    document_kind: str | None = None
    document: str | None = None


class _AtLevel(Struct, frozen=True, kw_only=True):
    """What lies at a level of good stock."""

    place: int
    owner: int
    pool: int

    @property
    def spot(self) -> Spot:
        """Where its stock lies."""
        return Spot(self.place, GOOD, self.owner, self.pool)


class _Held(_AtLevel, frozen=True, kw_only=True):
    """A reservation with its level."""

    id: UUID
    part: int
    serialised: bool
    quantity: int
    state: str
    least: Provenance | None


class _Line(_AtLevel, frozen=True, kw_only=True):
    """A line of a list, locked, with what a scan is judged by."""

    id: UUID
    reservation: UUID
    part: int
    part_number: str
    serialised: bool
    pool_code: str
    quantity: int
    state: str
    unit: UUID | None
    lot: UUID | None
    bin: int | None
    least: Provenance | None
    document_kind: str | None
    document_number: str | None


class _Scanned(Struct, frozen=True, kw_only=True):
    """A unit that was scanned."""

    id: UUID
    serial: str
    tag: str | None
    part: int
    part_number: str
    place: int
    place_code: str
    condition: str
    owner: int
    pool: int
    pool_code: str
    bin: int | None


@db.atomic
async def begin(depot: str, wanted: Sequence[Wanted], *, by: Actor) -> PickListView:
    """Begin a pick list for reservations of one store.

    Raises:
        Unknown: no such store or reservation.
        NotHeldHere: a reservation lies in another store.
        AlreadyBeingPicked: one is on another list.
        ReservationResolved: one was posted, voided or expired.

    """
    by.require("stock.issue")
    by.require_depot(depot)
    place = await places.find_store(depot)
    # in one order, whatever order the documents came in
    held = {
        each.reservation: await _lock_reservation(each, place.id, depot)
        for each in sorted(wanted, key=lambda each: each.reservation)
    }
    await _refuse_second_list([each.reservation for each in wanted])
    number = await next_number("PK")
    made = await db.fetch_value(
        "INSERT INTO pick_list (number, place, started_at, started_by) VALUES ($1, $2, $3, $4) RETURNING id",
        number,
        place.id,
        clock.now(),
        by.name,
    )
    for each in wanted:
        reservation = held[each.reservation]
        for piece in await propose(
            reservation.part,
            reservation.spot,
            reservation.quantity,
            serialised=reservation.serialised,
            least=reservation.least,
        ):
            await _add(made, each, piece)
    await audit.record("pick_list.begun", "pick_list", number, by=by)
    return await pick_list_view(made)


async def _lock_reservation(wanted: Wanted, place: int, depot: str) -> _Held:
    held = await db.read_one(
        _Held,
        """SELECT reservation.id, level.part, part.serialised, level.place, level.owner, level.pool,
                  reservation.quantity - reservation.posted_quantity AS quantity, reservation.state,
                  reservation.least_provenance AS least
           FROM reservation JOIN level ON level.id = reservation.level JOIN part ON part.id = level.part
           WHERE reservation.id = $1 FOR NO KEY UPDATE OF reservation""",
        wanted.reservation,
    )
    if held is None:
        raise Unknown(what="reservation", what_zh="预留", key=str(wanted.reservation))
    if held.place != place:
        raise NotHeldHere(document=wanted.document or str(held.id), depot=depot)
    if held.state != "pending":
        raise ReservationResolved(id=str(held.id), state=held.state)
    return held


async def _refuse_second_list(reservations: Sequence[UUID]) -> None:
    row = await db.fetch_one(
        """SELECT pick_list.number, coalesce(pick.document_number, pick.reservation::text) AS document
           FROM pick JOIN pick_list ON pick_list.id = pick.pick_list
           WHERE pick.reservation = ANY($1) AND pick.state IN ('open', 'picked', 'short') LIMIT 1""",
        list(reservations),
    )
    if row is not None:
        raise AlreadyBeingPicked(number=row["number"], document=row["document"])


async def _add(pick_list: UUID, wanted: Wanted, piece: Piece, state: str = "open") -> None:
    await db.execute(
        """INSERT INTO pick (pick_list, reservation, document_kind, document_number, quantity, state, unit, lot, bin)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        pick_list,
        wanted.reservation,
        wanted.document_kind,
        wanted.document,
        piece.quantity,
        state,
        piece.unit,
        piece.lot,
        piece.bin,
    )


@db.atomic
async def scan(
    pick_list: UUID,
    code: str,
    *,
    by: Actor,
    quantity: int | None = None,
    bin_code: str | None = None,
) -> PickListView:
    """Confirm what was taken: a unit by its serial or tag, pieces without serials by their part number, or any label.

    Another unit or bin than was proposed is taken too, and noted.

    Raises:
        Unknown: no such list, and no unit, part or bin of that code.
        WrongPart, WrongStore, NotGoodStock, OtherPool: it is not what the list asks for.
        PickedElsewhere: somebody else has picked it.
        NothingLeftToPick: the part is complete.
        LotNotHere: that bin has fewer pieces.
        SerialsMissing: the part is kept by serial, and its part number was scanned.
        SerialAmbiguous: it is the serial of several pieces that the list asks for.
        SourceTooLow: it is worth less than its document asks.

    """
    head = await _head(pick_list, by)
    lines = await _lines(pick_list)
    named = codes.names(code)
    scanned = await _unit_of(named, [line.part for line in lines], head["place"])
    if scanned is not None:
        line = _line_for(scanned, lines, code, head)
        await _take_unit(line, scanned, by)
    else:
        part = await parts.find_first(named)
        mine = [line for line in lines if line.part == part.id]
        if not mine:
            raise WrongPart(code=code, part_number=part.part_number, wanted=_asked_for(lines))
        if part.serialised:
            raise SerialsMissing(part_number=part.part_number, wanted=1, given=0)
        await _take_pieces(pick_list, mine, head, part.part_number, quantity, bin_code, by)
    await _tell_of_complete_documents(pick_list)
    return await pick_list_view(pick_list)


async def _head(pick_list: UUID, by: Actor) -> db.Row:
    """A list with its store, locked; only its keepers act on it."""
    by.require("stock.issue")
    row = await db.fetch_one(
        """SELECT pick_list.id, pick_list.number, pick_list.place, place.code AS depot
           FROM pick_list JOIN place ON place.id = pick_list.place
           WHERE pick_list.id = $1 FOR NO KEY UPDATE OF pick_list""",
        pick_list,
    )
    if row is None:
        raise Unknown(what="pick list", what_zh="拣货单", key=str(pick_list))
    by.require_depot(row["depot"])
    return row


async def _lines(pick_list: UUID) -> list[_Line]:
    """What of a list is still alive, locked; lines not found come last."""
    return await db.read(
        _Line,
        """SELECT pick.id, pick.reservation, level.part, part.part_number, part.serialised, level.place, level.owner,
                  level.pool, pool.code AS pool_code, pick.quantity, pick.state, pick.unit, pick.lot, pick.bin,
                  pick.document_kind, pick.document_number, reservation.least_provenance AS least
           FROM pick
           JOIN reservation ON reservation.id = pick.reservation
           JOIN level ON level.id = reservation.level
           JOIN part ON part.id = level.part
           JOIN pool ON pool.id = level.pool
           WHERE pick.pick_list = $1 AND pick.state IN ('open', 'picked', 'short')
           ORDER BY pick.state = 'short', pick.id FOR NO KEY UPDATE OF pick""",
        pick_list,
    )


async def _unit_of(named: Sequence[str], wanted: Sequence[int], place: int) -> _Scanned | None:
    """The unit that carries one of some names as its serial or tag; where makers share a serial, the one that fits.

    Raises:
        SerialAmbiguous: several of them fit.

    """
    found = await db.read(
        _Scanned,
        """SELECT unit.id, unit.serial, unit.tag, unit.part, part.part_number, unit.place, place.code AS place_code,
                  unit.condition, unit.owner, unit.pool, pool.code AS pool_code, unit.bin
           FROM unit
           JOIN part ON part.id = unit.part
           JOIN place ON place.id = unit.place
           JOIN pool ON pool.id = unit.pool
           WHERE unit.serial = ANY($1) OR unit.tag = ANY($1)
           ORDER BY unit.tag = ANY($1) DESC NULLS LAST, unit.part = ANY($2) DESC, unit.place = $3 DESC, unit.id
           LIMIT 20 FOR NO KEY UPDATE OF unit""",
        list(named),
        list(wanted),
        place,
    )
    if found and found[0].tag in named:
        return found[0]
    labelled = [unit for unit in found if unit.part_number in named] or found
    fitting = [unit for unit in labelled if unit.part in wanted and unit.place == place]
    if len(fitting) > 1:
        raise units.ambiguous(named[0], [(unit.part_number, unit.tag, unit.place_code) for unit in fitting])
    return (fitting or found or [None])[0]


def _asked_for(lines: Sequence[_Line]) -> str:
    return ", ".join(sorted({line.part_number for line in lines if line.state != "picked"})) or "–"


def _line_for(scanned: _Scanned, lines: Sequence[_Line], code: str, head: db.Row) -> _Line:
    """The line that a scanned unit fills: the one that proposed it, else the first of its part and pool."""
    of_part = [line for line in lines if line.part == scanned.part]
    if not of_part:
        raise WrongPart(code=code, part_number=scanned.part_number, wanted=_asked_for(lines))
    if scanned.place != head["place"]:
        raise WrongStore(serial=scanned.serial, place=scanned.place_code, depot=head["depot"])
    if scanned.condition != GOOD:
        raise NotGoodStock(serial=scanned.serial, condition=scanned.condition)
    fitting = [line for line in of_part if (line.owner, line.pool) == (scanned.owner, scanned.pool)]
    if not fitting:
        raise OtherPool(
            serial=scanned.serial,
            pool=scanned.pool_code,
            wanted=", ".join(sorted({line.pool_code for line in of_part})),
        )
    if any(line.unit == scanned.id and line.state == "picked" for line in fitting):
        raise PickedElsewhere(serial=scanned.serial, number=head["number"])
    waiting = [line for line in fitting if line.state != "picked"]
    if not waiting:
        raise NothingLeftToPick(part_number=scanned.part_number, number=head["number"])
    return next((line for line in waiting if line.unit == scanned.id), waiting[0])


async def _take_unit(line: _Line, scanned: _Scanned, by: Actor) -> None:
    elsewhere = await db.fetch_value(
        """SELECT pick_list.number FROM pick JOIN pick_list ON pick_list.id = pick.pick_list
           WHERE pick.unit = $1 AND pick.state = 'picked'""",
        scanned.id,
    )
    if elsewhere is not None:
        raise PickedElsewhere(serial=scanned.serial, number=elsewhere)
    await issuable.require([Piece(unit=scanned.id)], line.least, line.part, line.spot)
    await db.execute(
        """UPDATE pick SET state = 'picked', unit = $2, bin = $3, picked_at = $4, picked_by = $5,
                  suggested_unit = CASE WHEN unit <> $2 THEN unit END
           WHERE id = $1""",
        line.id,
        scanned.id,
        scanned.bin,
        clock.now(),
        by.name,
    )
    await _propose_anew(scanned.id)


async def _propose_anew(unit: UUID) -> None:
    """Other lines that proposed a unit which is gone propose another one."""
    rows = await db.fetch(
        """SELECT pick.id, level.part, level.place, level.owner, level.pool, reservation.least_provenance AS least
           FROM pick JOIN reservation ON reservation.id = pick.reservation JOIN level ON level.id = reservation.level
           WHERE pick.unit = $1 AND pick.state = 'open' ORDER BY pick.id FOR NO KEY UPDATE OF pick""",
        unit,
    )
    for row in rows:
        spot = Spot(row["place"], GOOD, row["owner"], row["pool"])
        (piece,) = await propose(row["part"], spot, 1, serialised=True, without=unit, least=row["least"])
        await db.execute("UPDATE pick SET unit = $2, bin = $3 WHERE id = $1", row["id"], piece.unit, piece.bin)


async def _take_pieces(
    pick_list: UUID,
    lines: Sequence[_Line],
    head: db.Row,
    part_number: str,
    quantity: int | None,
    bin_code: str | None,
    by: Actor,
) -> None:
    """Take pieces without serials: line by line, from the bin that was scanned or the proposed one."""
    waiting = [line for line in lines if line.state != "picked"]
    if not waiting:
        raise NothingLeftToPick(part_number=part_number, number=head["number"])
    if quantity is not None and quantity < 1:
        raise QuantityNotPositive(quantity=quantity)
    asked = sum(line.quantity for line in waiting)
    left = waiting[0].quantity if quantity is None else quantity
    if left > asked:
        raise MoreThanReserved(reserved=asked, wanted=left)
    shelf = None if bin_code is None else await bins.find(head["place"], bin_code)
    if shelf is not None:  # the line that proposes this bin is meant
        waiting.sort(key=lambda line: line.bin != shelf)
    for line in waiting:
        if left == 0:
            break
        count = min(left, line.quantity)
        await _take_from_shelf(pick_list, line, count, shelf, by)
        left -= count


async def _take_from_shelf(pick_list: UUID, line: _Line, count: int, shelf: int | None, by: Actor) -> None:
    there = await free_lots(line.part, line.spot, proposed=False, least=line.least)
    proposed = [p for p in there if (p.lot, p.bin) == (line.lot, line.bin) and (shelf is None or p.bin == shelf)]
    others = [p for p in there if p not in proposed and (shelf is None or p.bin == shelf)]
    piece = next((p for p in proposed + others if p.quantity >= count), None)
    if piece is None:
        if line.least is not None and await free_lots(line.part, line.spot, proposed=False):
            raise await issuable.too_low(line.part, line.spot, line.least)
        raise LotNotHere
    await db.execute(
        """UPDATE pick SET state = 'picked', quantity = $2, lot = $3, bin = $4, picked_at = $5, picked_by = $6
           WHERE id = $1""",
        line.id,
        count,
        piece.lot,
        piece.bin,
        clock.now(),
        by.name,
    )
    if count < line.quantity:
        wanted = Wanted(line.reservation, line.document_kind, line.document_number)
        rest = Piece(lot=line.lot, bin=line.bin, quantity=line.quantity - count)
        await _add(pick_list, wanted, rest, line.state)


async def _tell_of_complete_documents(pick_list: UUID) -> None:
    """Whoever asked for parts hears when the last piece of the document is picked."""
    rows = await db.fetch(
        """SELECT document_number FROM pick
           WHERE document_kind = 'part_request' AND state IN ('open', 'picked', 'short')
             AND document_number IN (SELECT document_number FROM pick WHERE pick_list = $1)
           GROUP BY document_number HAVING bool_and(state = 'picked')""",
        pick_list,
    )
    await jobs.enqueue(*(jobs.PartsPicked(row["document_number"]) for row in rows))


@db.atomic
async def not_found(pick: UUID, *, by: Actor, reason: str) -> PickListView:
    """Say that what was proposed does not lie there: its bin is to be recounted, and another piece is proposed.

    Raises:
        Unknown: no such line.
        WrongState: it was picked, or dropped.
        ReasonMissing: no reason was given.

    """
    if not reason.strip():
        raise ReasonMissing
    line, head = await _line(pick, by, ("open",))
    await db.execute("UPDATE pick SET state = 'short', reason = $2 WHERE id = $1", line.id, reason)
    shelf = await db.fetch_value("SELECT code FROM bin WHERE id = $1", line.bin)
    await sheets.recount(
        head["depot"],
        line.part_number,
        by=by,
        due_at=clock.now() + RECOUNT_WITHIN,
        bin_code=shelf,
        remark=f"{head['number']}: {reason}",
    )
    await audit.record(
        "pick.not_found",
        "pick_list",
        head["number"],
        by=by,
        reason=reason,
        change={"part": line.part_number, "bin": shelf},
    )
    wanted = Wanted(line.reservation, line.document_kind, line.document_number)
    pieces = [p for p in await _elsewhere(line) if p.unit or p.lot]
    if pieces:
        await db.execute("UPDATE pick SET state = 'dropped' WHERE id = $1", line.id)
    for piece in pieces:
        await _add(head["id"], wanted, piece)
    return await pick_list_view(head["id"])


async def _elsewhere(line: _Line) -> list[Piece]:
    """Pieces in place of those that were not found; all of them, or none."""
    if line.serialised:
        return await propose(line.part, line.spot, 1, serialised=True, without=line.unit, least=line.least)
    free = await free_lots(line.part, line.spot, least=line.least)
    there = [p for p in free if (p.lot, p.bin) != (line.lot, line.bin)]
    found: list[Piece] = []
    for piece in there:
        count = min(piece.quantity, line.quantity - sum(p.quantity for p in found))
        if count:
            found.append(Piece(lot=piece.lot, bin=piece.bin, quantity=count))
    return found if sum(p.quantity for p in found) == line.quantity else []


@db.atomic
async def unpick(pick: UUID, *, by: Actor) -> PickListView:
    """Put a picked piece back where it lay: it is to be picked again.

    Raises:
        Unknown: no such line.
        WrongState: it was not picked, or has left.

    """
    line, head = await _line(pick, by, ("picked",))
    await db.execute(
        "UPDATE pick SET state = 'open', picked_at = NULL, picked_by = NULL, suggested_unit = NULL WHERE id = $1",
        line.id,
    )
    await audit.record(
        "pick.undone", "pick_list", head["number"], by=by, change={"part": line.part_number, "quantity": line.quantity}
    )
    return await pick_list_view(head["id"])


@db.atomic
async def cancel(pick_list: UUID, *, by: Actor, reason: str) -> PickListView:
    """Give up a pick list: what was picked goes back to its bin; the reservations stay.

    Raises:
        Unknown: no such list.
        WrongState: nothing of it is left to cancel.
        ReasonMissing: no reason was given.

    """
    if not reason.strip():
        raise ReasonMissing
    head = await _head(pick_list, by)
    dropped = await db.execute(
        "UPDATE pick SET state = 'dropped' WHERE pick_list = $1 AND state IN ('open', 'picked', 'short')", pick_list
    )
    view = await pick_list_view(pick_list)
    if not dropped:
        raise WrongState(what="Pick list", what_zh="拣货单", key=view.number, state=view.state, needed="open / picked")
    await audit.record("pick_list.cancelled", "pick_list", head["number"], by=by, reason=reason)
    return view


async def _line(pick: UUID, by: Actor, states: tuple[str, ...]) -> tuple[_Line, db.Row]:
    """A line in one of some states, with its list, both locked."""
    found = await db.fetch_one("SELECT pick_list, state FROM pick WHERE id = $1", pick)
    if found is None:
        raise Unknown(what="pick", what_zh="拣货行", key=str(pick))
    head = await _head(found["pick_list"], by)
    line = next((line for line in await _lines(found["pick_list"]) if line.id == pick), None)
    if line is None or line.state not in states:
        state = await db.fetch_value("SELECT state FROM pick WHERE id = $1", pick)
        raise WrongState(what="Pick", what_zh="拣货行", key=head["number"], state=state, needed=" / ".join(states))
    return line, head


async def taken(reservation: UUID, serials: Sequence[str] = ()) -> list[Piece]:
    """What was picked for a reservation, to be handed out just so; empty where it is handed out without a list.

    Raises:
        PickNotComplete: it was picked in part.
        PickedDifferently: other serials are to leave than were picked.
        PickedElsewhere: a serial that is to leave was picked for another reservation.

    """
    rows = await db.fetch(
        """SELECT pick.state, pick.quantity, pick.unit, pick.lot, CASE WHEN pick.unit IS NULL THEN pick.bin ELSE unit.bin END
                  AS bin, unit.serial, pick_list.number, pick.reservation
           FROM pick
           JOIN pick_list ON pick_list.id = pick.pick_list
           LEFT JOIN unit ON unit.id = pick.unit
           WHERE (pick.reservation = $1 AND pick.state IN ('open', 'picked', 'short'))
              OR (pick.state = 'picked' AND unit.serial = ANY($2))
           ORDER BY pick.id""",
        reservation,
        list(serials),
    )
    mine = [row for row in rows if row["reservation"] == reservation]
    for row in rows:
        if row["reservation"] != reservation:
            raise PickedElsewhere(serial=row["serial"], number=row["number"])
    picked = [row for row in mine if row["state"] == "picked"]
    if not picked:
        return []
    waiting, missing = (sum(row["quantity"] for row in mine if row["state"] == s) for s in ("open", "short"))
    if waiting or missing:
        raise PickNotComplete(number=picked[0]["number"], open=waiting, short=missing)
    if serials and set(serials) != {row["serial"] for row in picked}:
        names = ", ".join(sorted(row["serial"] or "–" for row in picked))
        raise PickedDifferently(number=picked[0]["number"], picked=names)
    return [
        Piece(unit=row["unit"], lot=row["lot"], bin=row["bin"], quantity=row["quantity"], serial=row["serial"])
        for row in picked
    ]


async def settle(reservations: Sequence[UUID], *, shipped: bool) -> None:
    """Close the lines of reservations that are resolved: what was picked has left, the rest is not to be fetched."""
    await db.execute(
        """UPDATE pick SET state = CASE WHEN $2 AND state = 'picked' THEN 'shipped' ELSE 'dropped' END
           WHERE reservation = ANY($1) AND state IN ('open', 'picked', 'short')""",
        list(reservations),
        shipped,
    )
