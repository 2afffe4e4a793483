"""Receiving: what is to arrive, and taking it in scan by scan; the receipts that came of it."""

from collections import defaultdict
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Struct
from msgspec.structs import replace

from api.access import requires
from api.answers import Cursor, decode_cursor
from api.instants import Instant
from api.pages.attachments import attached
from api.pages.forms import Several, Short, quantity, rows, several
from api.pages.paging import LENGTH, cut
from api.pages.rendering import Page, PageRequest
from inventory.catalogue import parts
from inventory.places import places
from inventory.procurement import deliveries
from inventory.procurement.deliveries import Delivery, FindingView, Scan
from inventory.returns import counter, rmas
from inventory.stock import codes, receipts, units
from inventory.stock.codes import Scanned


class Dock(Struct, kw_only=True):
    """What lies on the dock so far, as the page's form carries it from scan to scan.

    `piece` is “part number|serial”, one a scanned piece; `counted` and `count` stand for the parts without serials.
    """

    scan: Annotated[str, "what the scanner sent"] = ""
    current: Short = ""
    piece: Several = []
    damaged: Several = []
    counted: Several = []
    count: Several = []
    broken: Several = []
    short: Several = []
    why_of: Several = []
    why: Several = []
    taken_off: str = ""
    owner: Short = ""

    def pieces(self) -> list[tuple[str, str]]:
        """Part number and serial of every scanned piece, each once."""
        found = dict.fromkeys(piece for piece in several(self.piece) if piece != self.taken_off)
        return [(part, serial) for part, _, serial in (piece.partition("|") for piece in found) if serial]

    def counts(self) -> dict[str, tuple[int, int]]:
        """How many of each part without serials there are, and how many of those are damaged."""
        lines = rows(self.counted, self.count, self.broken)
        return {
            part: (quantity(count or "0", least=0), quantity(broken or "0", least=0)) for part, count, broken in lines
        }

    def reasons(self) -> dict[str, str]:
        """The reason of each difference, by “part number|difference”."""
        return {of: why.strip() for of, why in rows(self.why_of, self.why) if why.strip()}


class HandedIn(Struct, kw_only=True):
    """A part that somebody brought."""

    depot: Short
    what: str = ""
    serial: Short = ""
    note: str = ""
    owner: Short = ""
    quantity: Short = "1"
    debt: UUID | None = None
    as_found: Short = ""


def scans_of(dock: Dock, differing: dict[tuple[str, str], str], reasons: dict[str, str]) -> list[Scan]:
    """The dock as the domain takes it, every piece with the reason of its difference.

    >>> dock = Dock(piece=["PSU|A-1", "PSU|A-2"], damaged="PSU|A-2", counted="FAN", count="3", broken="1")
    >>> [(s.part_number, list(s.serials), s.quantity, s.damaged) for s in scans_of(dock, {}, {})]
    [('PSU', ['A-1'], 0, False), ('PSU', ['A-2'], 0, True), ('FAN', [], 2, False), ('FAN', [], 1, True)]
    """
    damaged = set(several(dock.damaged))
    found = [
        Scan(
            part_number=part,
            serials=[serial],
            damaged=f"{part}|{serial}" in damaged,
            reason=reasons.get(f"{part}|{differing.get((part, serial), '')}", ""),
        )
        for part, serial in dock.pieces()
    ]
    for part, (count, broken) in dock.counts().items():
        other = next((reasons[f"{part}|{kind}"] for kind in ("over", "wrong_part") if f"{part}|{kind}" in reasons), "")
        if count > broken:
            found.append(Scan(part_number=part, quantity=count - broken, reason=other))
        if broken:
            found.append(
                Scan(part_number=part, quantity=broken, damaged=True, reason=reasons.get(f"{part}|damaged", other))
            )
    return found


def heard(scanned: Scanned, delivery: Delivery, current: str, part: str | None) -> tuple[str, str] | None:
    """What a scan means here: (part number, serial), a part alone (“”), or None where it fits several parts.

    A serial that was named says its part itself; any other is of the part on its label, else of the part scanned or chosen
    before, else of the only one that is kept by serial. `part` is what our books call the part that was scanned.
    """
    serial = scanned.serial or (scanned.text if part is None else "")
    naming = [line.part_number for line in delivery.lines if serial in line.serials]
    if naming:
        return (naming[0], serial) if len(naming) == 1 else (part, serial) if part in naming else None
    kept = [line.part_number for line in delivery.lines if line.serialised]
    of = part or current or (kept[0] if len(kept) == 1 else None)
    return (of, serial) if of else None


async def _read(text: str) -> tuple[Scanned, str | None]:
    """What was scanned, our tag read as the serial it stands for; and our number of the part it names."""
    scanned = codes.read(text)
    if scanned.tag:
        scanned = replace(scanned, serial=await units.serial_of(scanned.tag))
    number = scanned.part_number or (scanned.text if scanned.kind == "text" else None)
    named = (await parts.names([number])).get(number) if number else None
    return scanned, named.part_number if named else None


async def _heard(dock: Dock, delivery: Delivery) -> bool:
    """Add what was scanned to the dock; whether it was understood."""
    if not dock.scan.strip():
        return True
    scanned, named = await _read(dock.scan)
    found = heard(scanned, delivery, dock.current, named)
    if found is None:
        return False
    part, serial = found
    serialised = (await parts.find(part)).serialised
    if serial and serialised:
        dock.piece = [*several(dock.piece), f"{part}|{serial}"]
    elif serialised:
        dock.current = part
    else:
        counts = dock.counts()
        count, broken = counts.get(part, (0, 0))
        counts[part] = (count + 1, broken)
        dock.counted = list(counts)
        dock.count, dock.broken = [str(c) for c, _ in counts.values()], [str(b) for _, b in counts.values()]
    dock.scan = ""
    return True


async def _show(request: PageRequest, number: str, dock: Dock, *, understood: bool = True) -> Page:
    delivery = await deliveries.delivery(number, seen_by=request.user)
    shorts = several(dock.short)
    findings = await deliveries.check(number, scans_of(dock, {}, {}), seen_by=request.user, short=shorts)
    came: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
    for finding in findings:
        came[finding.part_number] += [(serial, finding.difference) for serial in finding.serials]
    return Page(
        "receiving/dock.html",
        delivery=delivery,
        owners=[] if delivery.owner_is_known else await places.owners(limit=500),
        dock=dock,
        findings=findings,
        came=dict(came),
        counts=dock.counts(),
        pieces=dock.pieces(),
        damaged=several(dock.damaged),
        shorts=shorts,
        reasons=dock.reasons(),
        understood=understood,
        strays=sorted(
            {part for part in (*came, *dock.counts()) if all(part != line.part_number for line in delivery.lines)}
        ),
    )


@get("/receiving", guards=[requires("documents.read")])
async def list_deliveries(request: PageRequest, depot: FromQuery[str | None] = None, cursor: Cursor = None) -> Page:
    """Show what is to arrive, the soonest first; on the first page also what vendors send back for RMAs."""
    returning: list[rmas.OnItsWay] = []
    if not cursor and request.user.may("rmas.read"):
        returning = await rmas.on_their_way(limit=LENGTH, seen_by=request.user, depot=depot or None)
    found = await deliveries.deliveries(
        limit=LENGTH + 1, seen_by=request.user, after=decode_cursor(cursor, tuple[Instant, str]), depot=depot or None
    )
    shown, following = cut(found, lambda delivery: (delivery.due_at, delivery.number))
    return Page(
        "receiving/list.html",
        deliveries=shown,
        returning=returning,
        cursor=following,
        stores=await places.stores(limit=200, seen_by=request.user),
        owners=await places.owners(limit=500),
        depot=depot,
        first=not cursor,
    )


@get("/receiving/{number:str}", guards=[requires("stock.receive")])
async def show_dock(request: PageRequest, number: FromPath[str]) -> Page:
    """Show the dock for one delivery: nothing scanned yet."""
    return await _show(request, number, Dock())


@post("/receiving/{number:str}/scan", guards=[requires("stock.receive")], status_code=200)
async def scan(request: PageRequest, number: FromPath[str], data: URLEncodedBody[Dock]) -> Page:
    """Add a scan, or change what was said of a piece; nothing is booked."""
    delivery = await deliveries.delivery(number, seen_by=request.user)
    understood = await _heard(data, delivery)
    return await _show(request, number, data, understood=understood)


@post("/receiving/{number:str}/book", guards=[requires("stock.receive")], status_code=303)
async def book(request: PageRequest, number: FromPath[str], data: URLEncodedBody[Dock]) -> Response[None]:
    """Book what lies on the dock, with its reasons; then it is to be put away.

    The dock renews itself at each scan; once it is booked, the browser leaves it for the receipt.
    """
    shorts = several(data.short)
    findings = await deliveries.check(number, scans_of(data, {}, {}), seen_by=request.user, short=shorts)
    receipt = await deliveries.receive(
        number,
        scans_of(data, _differing(findings), data.reasons()),
        by=request.user,
        short=shorts,
        why_missing=_why_missing(findings, data.reasons()),
        owner=data.owner.strip() or None,
    )
    address = f"/receipts/{receipt.number}"
    if request.headers.get("hx-request") == "true":
        return Response(None, status_code=204, headers={"HX-Redirect": address})
    return Redirect(address, status_code=303)


def _differing(findings: list[FindingView]) -> dict[tuple[str, str], str]:
    return {
        (finding.part_number, serial): finding.difference
        for finding in findings
        if finding.difference
        for serial in finding.serials
    }


def _why_missing(findings: list[FindingView], reasons: dict[str, str]) -> dict[str, str]:
    """What was said of each part that did not all come."""
    return {
        finding.part_number: reasons.get(f"{finding.part_number}|{finding.difference}", "")
        for finding in findings
        if finding.missing
    }


@post("/hand-ins", guards=[requires("stock.receive")], status_code=303)
async def hand_in(request: PageRequest, data: URLEncodedBody[HandedIn]) -> Redirect:
    """Take in what somebody brings: what it settles is shown, or the piece that waits to be judged."""
    done = await counter.take_in(
        data.depot,
        data.what,
        by=request.user,
        serial=data.serial.strip() or None,
        quantity=quantity(data.quantity),
        note=data.note.strip(),
        owner=data.owner.strip() or None,
        debt=data.debt,
        as_found=bool(data.as_found),
    )
    owed = done.wrong or next(iter(done.settled), None)
    if owed is not None or done.unit is None:
        return Redirect(f"/returns/{owed.id}" if owed else "/returns", status_code=303)
    return Redirect(f"/units/{quote(done.unit.tag or done.unit.serial, safe='')}", status_code=303)


@get("/receipts", guards=[requires("documents.read")])
async def list_receipts(
    request: PageRequest,
    depot: FromQuery[str | None] = None,
    differing: Annotated[str | None, QueryParameter(max_length=10)] = None,
    cursor: Cursor = None,
) -> Page:
    """List receipts, newest first."""
    found = await receipts.receipts(
        limit=LENGTH + 1,
        seen_by=request.user,
        after=decode_cursor(cursor, UUID),
        depot=depot or None,
        differing=bool(differing),
    )
    shown, following = cut(found, lambda receipt: receipt.id)
    stores = await places.stores(limit=200, seen_by=request.user)
    return Page(
        "receiving/receipts.html",
        receipts=shown,
        cursor=following,
        stores=stores,
        depot=depot,
        differing=differing,
        first=not cursor,
    )


@get("/receipts/{number:str}", guards=[requires("documents.read")])
async def show_receipt(request: PageRequest, number: FromPath[str]) -> Page:
    """Show one receipt: what came, how it differed, and why."""
    receipt = await receipts.receipt_view(number, seen_by=request.user)
    return Page("receiving/receipt.html", receipt=receipt, files=await attached(request, "receipt", receipt.id))


handlers = [list_deliveries, show_dock, scan, book, hand_in, list_receipts, show_receipt]
