"""Arriving: a transfer taken in piece by piece, with whatever differs from what was sent."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from uuid import UUID

from msgspec import structs

from inventory.ground import clock, db, steps
from inventory.ground.actor import Actor
from inventory.places import places
from inventory.stock import receipts, transfers, units
from inventory.stock.differences import Announced, Came, Finding, match, takes_a_place
from inventory.stock.ledger import post
from inventory.stock.losses import TAKE_IN_WITHIN
from inventory.stock.moves import Move, Piece, Spot, moves_of
from inventory.stock.receipts import ReceiptView
from inventory.stock.transfers import ON_THE_ROAD, Brought


async def announced(transfer: UUID) -> list[Announced]:
    """What of a transfer is on the road, line by line, with the serials that travel."""
    return await db.read(
        Announced,
        """SELECT line.part, part.part_number, part.name_zh, part.name_en, part.serialised, line.pool, line.id AS source,
                  line.shipped_quantity AS quantity,
                  line.shipped_quantity - line.received_quantity - line.lost_quantity AS outstanding, line.owner,
                  (SELECT coalesce(jsonb_agg(DISTINCT unit.serial), '[]') FROM movement
                   JOIN unit ON unit.id = movement.unit AND unit.part = line.part AND unit.owner = line.owner
                        AND unit.pool = line.pool
                   JOIN place ON place.id = unit.place AND place.kind = 'transit'
                   WHERE movement.document = transfer.number) AS serials
           FROM transfer_line AS line
           JOIN transfer ON transfer.id = line.transfer
           JOIN part ON part.id = line.part
           WHERE line.transfer = $1 ORDER BY part.part_number, line.owner, line.pool""",
        transfer,
    )


async def findings_of(
    transfer: UUID, came: Sequence[Came], *, short: Sequence[str], reason: str, why_missing: Mapping[str, str]
) -> list[Finding]:
    """How what came of a transfer differs from what is on the road; nothing is booked."""
    lines = await announced(transfer)
    asked = [(each.part, serial) for each in came for serial in each.serials]
    carried = await units.carried(asked)
    at_home = {(part, serial) for part, serial in await _left_behind(transfer, asked)}
    travelling = {(line.part, serial) for line in lines for serial in line.serials}
    in_ledger = {
        part: frozenset(serial for serial in serials if (part, serial) not in at_home | travelling)
        for part, serials in carried.items()
    }
    return match(lines, came, in_ledger=in_ledger, short=short, reason=reason, why_missing=why_missing, by_serial=True)


@db.atomic
async def receive_transfer(
    transfer: UUID,
    came: Sequence[Came],
    *,
    by: Actor,
    notice: UUID | None = None,
    short: Sequence[str] = (),
    reason: str = "",
    why_missing: Mapping[str, str] = MappingProxyType({}),
    remark: str = "",
) -> ReceiptView:
    """Take in what came of a transfer; what did not come stays on the road until it comes or is declared lost.

    A piece that the origin still has on its shelf by the books is that very piece, sent by mistake: it is moved. What
    nobody can account for comes from the adjustment account. Either goes to quarantine.

    Raises:
        WrongState: nothing of the transfer is on the road.
        NotYourDepot: the actor does not serve the target.
        DifferenceUnexplained: something differs and no reason was given.

    """
    by.require("stock.receive")
    head = await transfers.claim(transfer, ON_THE_ROAD, "shipped")
    by.require_depot(head["target"])
    findings = await findings_of(transfer, came, short=short, reason=reason, why_missing=why_missing)
    receipts.explained(findings)
    owner = await places.ourselves()
    at_home = await _left_behind(transfer, [(each.part, serial) for each in findings for serial in each.serials])
    findings = [each for finding in findings for each in _whose(finding, at_home, owner)]
    receipt = await receipts.begin(
        head["to_place"], by=by, document_kind="transfer", document=head["number"], notice=notice, remark=remark
    )
    await transfers.bring_in(head, await _brought(transfer, head, findings), by=by)
    entered = await _take_in_strays(transfer, head, receipt, findings, at_home, owner=owner, by=by)
    await receipts.write_lines(receipt, findings, entered, owner=owner)
    if any(finding.difference == "short" for finding in findings):
        await steps.begin(
            "find_transfer",
            "transfer",
            head["number"],
            owner_role="warehouse_keeper",
            depot=head["target"],
            due_at=clock.now() + TAKE_IN_WITHIN,
        )
    return await receipts.receipt_view(receipt.number)


def _is_stray(finding: Finding) -> bool:
    """Whether these pieces came and were not sent."""
    return finding.quantity > 0 and not takes_a_place(finding.difference, by_serial=True)


def _whose(finding: Finding, at_home: Mapping[tuple[int, str], db.Row], ours: int) -> list[Finding]:
    """What was sent is whose the transfer says; strays are whose the origin's books say, else ours, each owner by itself."""
    if not _is_stray(finding):
        return [finding]
    of: dict[int, list[str]] = {}
    for serial in finding.serials:
        row = at_home.get((finding.part, serial))
        of.setdefault(row["owner"] if row else ours, []).append(serial)
    if not of:
        return [structs.replace(finding, owner=ours)]
    return [
        structs.replace(finding, owner=owner, serials=serials, quantity=len(serials)) for owner, serials in of.items()
    ]


async def _brought(transfer: UUID, head: db.Row, findings: Sequence[Finding]) -> list[Brought]:
    """The pieces that were on the road and are here now."""
    transit = await places.find(places.TRANSIT)
    lines = {line["id"]: line for line in await transfers.lines_of(transfer)}
    brought: list[Brought] = []
    taken: dict[tuple[UUID, UUID | None], int] = {}
    for finding in findings:
        if finding.source is None or not finding.quantity or _is_stray(finding):
            continue
        line = lines[finding.source]
        if line["serialised"]:
            pieces = await transfers.travelling(line, head["number"], transit.id, finding.quantity, finding.serials)
        else:
            pieces = await _rest_of_lots(line, head["number"], transit.id, finding.quantity, taken)
        brought.append(Brought(line, pieces, finding.condition, finding.reason))
    return brought


async def _rest_of_lots(
    line: db.Row, number: str, transit: int, count: int, taken: dict[tuple[UUID, UUID | None], int]
) -> list[Piece]:
    """Pieces of a line's lots, beyond those that other findings of this receipt take."""
    already = sum(pieces for (part, _), pieces in taken.items() if part == line["id"])
    pieces: list[Piece] = []
    for there in await transfers.travelling(line, number, transit, count + already):
        before = taken.get((line["id"], there.lot), 0)
        here = min(there.quantity - before, count - sum(piece.quantity for piece in pieces))
        if here > 0:
            pieces.append(Piece(lot=there.lot, quantity=here))
            taken[line["id"], there.lot] = before + here
    return pieces


async def _take_in_strays(
    transfer: UUID,
    head: db.Row,
    receipt: receipts.Begun,
    findings: Sequence[Finding],
    at_home: Mapping[tuple[int, str], db.Row],
    *,
    owner: int,
    by: Actor,
) -> receipts.Entered:
    """Move what came and was not sent: from the origin's shelf by the books, else as new to the ledger."""
    outside = await places.find(places.ADJUSTMENT)
    strays = [finding if _is_stray(finding) else None for finding in findings]
    new = [
        structs.replace(stray, serials=[serial for serial in stray.serials if (stray.part, serial) not in at_home])
        if stray
        else structs.replace(finding, quantity=0, serials=[])
        for stray, finding in zip(strays, findings, strict=True)
    ]
    pool = (await transfers.lines_of(transfer))[0]["pool"]
    entered = await receipts.enter_pieces(
        new, receipt, owner=owner, pool=pool, outside=outside.id, provenance={}, source=head["number"]
    )
    moves = [
        move
        for stray, pieces in zip(strays, entered.pieces, strict=True)
        if stray
        for move in moves_of(
            pieces,
            "receipt",
            stray.part,
            Spot(outside.id, stray.condition, owner, stray.pool or pool),
            Spot(head["to_place"], stray.condition, owner, stray.pool or pool),
            document_kind="transfer",
            document=head["number"],
            reason=stray.reason,
        )
    ]
    moves += [
        Move(
            kind="transfer_in",
            part=stray.part,
            quantity=1,
            unit=row["id"],
            from_bin=row["bin"],
            origin=Spot(head["from_place"], "good", row["owner"], row["pool"]),
            target=Spot(head["to_place"], stray.condition, row["owner"], row["pool"]),
            document_kind="transfer",
            document=head["number"],
            reason=stray.reason,
        )
        for stray in strays
        if stray
        for serial in stray.serials
        if (row := at_home.get((stray.part, serial))) is not None
    ]
    if moves:
        await post(moves, by=by)
    return entered


async def _left_behind(transfer: UUID, asked: Sequence[tuple[int, str]]) -> dict[tuple[int, str], db.Row]:
    """Which of these units the books still have on the origin's shelf, free to be moved."""
    rows = await db.fetch(
        """SELECT * FROM (
               SELECT unit.id, unit.part, unit.serial, unit.bin, unit.owner, unit.pool, level.free,
                      row_number() OVER (PARTITION BY level.id ORDER BY unit.id) AS place_in_line
               FROM unnest($2::int[], $3::text[]) AS asked(part, serial)
               JOIN transfer ON transfer.id = $1
               JOIN unit ON unit.part = asked.part AND unit.serial = asked.serial AND unit.condition = 'good'
                    AND unit.place = transfer.from_place
               JOIN level ON level.part = unit.part AND level.place = unit.place AND level.condition = 'good'
                    AND level.owner = unit.owner AND level.pool = unit.pool
           ) AS there WHERE place_in_line <= free""",
        transfer,
        [part for part, _ in asked],
        [serial for _, serial in asked],
    )
    return {(row["part"], row["serial"]): row for row in rows}
