"""Debriefing (用件反馈): accounting for every issued piece: in the machine, given back, or lost; and for what came out."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct

from inventory.catalogue import parts
from inventory.catalogue.parts import PartRef
from inventory.ground import audit, clock, db, events, jobs, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, Invalid, Refused, Unknown, WrongState
from inventory.installed_base import failures, fitted
from inventory.places import places
from inventory.requests import changing, fault_reports, scope, swapping
from inventory.requests.lines import Line, carried, lock_head, lock_lines, settle
from inventory.requests.requests import NewRequestLine, Outcome, Removed, RequestView, request_view
from inventory.returns import customer_data, removed, swaps, whole_units
from inventory.returns.policy import LOSS_CONFIRMED_WITHIN
from inventory.returns.removed import TakenOut
from inventory.stock import shipments
from inventory.stock.ledger import post
from inventory.stock.moves import Piece, Spot, moves_of

COMES_BACK_AS: dict[Outcome, str] = {
    "no_fault_found": "in_test",
    "returned_defective": "defective",
    "dead_on_arrival": "defective",
}
"""The condition in which pieces come back, else as they went; what was fitted and did not help is tested first (D68)."""


class MoreThanIssued(Refused):
    """{left} of {part_number} are still to be accounted for on {request}, not {quantity}."""

    zh = "{request} 的 {part_number} 尚有 {left} 件待核销，不是 {quantity} 件。"
    help_en = "Account for what was issued and not accounted for yet."
    help_zh = "请只核销已出库且尚未核销的数量。"


class WhichPiece(Invalid):
    """Say by serial which of {serials} it was."""

    zh = "请按序列号说明是哪一件：{serials}。"
    help_en = "Give `serial_in` for each piece where only some of a line are accounted for."
    help_zh = "只核销部分数量时，请逐件填写装入序列号。"


class LossUnexplained(Invalid):
    """A loss needs a remark that says what happened."""

    zh = "报失须填写情况说明。"
    help_en = "Say in `remark` what happened; a second person confirms it."
    help_zh = "请在备注中说明情况；须由第二人确认。"


class OwnLoss(Forbidden):
    """Somebody else than {told_by} confirms this loss."""

    zh = "该报失须由 {told_by} 以外的人确认。"
    help_en = "Ask a colleague who may adjust stock."
    help_zh = "请由有库存调整权限的其他人员确认。"


class Debrief(Struct, frozen=True, kw_only=True):
    """What became of pieces of a part: all that are left of the line, or `quantity`, or the one with `serial_in`."""

    part_number: str
    outcome: Outcome
    quantity: int | None = None
    serial_in: str | None = None
    serial_out: str | None = None
    failure_code: str | None = None
    remark: str = ""


@db.atomic
async def debrief(request: UUID, reports: Sequence[Debrief], *, by: Actor) -> RequestView:
    """Account for what was issued, whole or in part; all reports or none.

    A used part's defective predecessor is in the engineer's custody, who owes it to the store. What is dead on arrival
    is asked for again at once, by a linked request under the same clock. What did not cure the fault comes back to be
    tested, and its failure is taken back. A loss waits for a second person.

    Raises:
        Unknown: no such request in the actor's scope, or no such part.
        NotYourRequest: the actor neither asked for it, nor is its engineer, nor may decide for others.
        WrongState: no line of the part is on its way or at the site.
        MoreThanIssued, WhichPiece, LossUnexplained: the report does not fit what was issued.

    """
    by.require("parts.request")
    head = await lock_head(request, by=by)
    scope.require_concerned(head, by)
    swap = await swaps.of_request(request)
    dead: list[NewRequestLine] = []
    for report in reports:
        part = await parts.find(report.part_number)
        line, left = await _line_for(head, part, report, await lock_lines(request))
        quantity = 1 if report.serial_in else report.quantity or left
        if not 1 <= quantity <= left:
            raise MoreThanIssued(request=head["number"], part_number=part.part_number, left=left, quantity=quantity)
        serials = await _serials(line, report, quantity, left)
        await _account(request, head, line, part, report, quantity, serials, by, whole=swap is not None)
        await _reconcile(line)
        if report.outcome == "dead_on_arrival":
            # asked for as before, whatever was sent for it
            asked = part.part_number if part.id == line.part else await parts.number_of(line.part)
            dead.append(
                NewRequestLine(
                    part_number=asked,
                    quantity=-(-quantity // line.pieces_each),
                    position=line.device_position,
                )
            )
    await shipments.note_arrival(head["number"], by=by)
    await settle(request)
    view = await request_view(request)
    if view.state == "reconciled":
        await events.emit(
            "part_request.reconciled", "part_request", view.number, view, contract=view.contract, depot=view.site
        )
        await fault_reports.begin(view)
    again = None
    if dead:
        again = await changing.follow_up(view, dead, by=by, because="dead_on_arrival", reason="dead on arrival")
        view = await request_view(request)
    await swapping.follow(view, head["device"], swap, again, by=by)
    return view


async def _line_for(head: db.Row, part: PartRef, report: Debrief, lines: Sequence[Line]) -> tuple[Line, int]:
    """The line a report speaks of, and how many of its pieces are left to account for."""
    told = {
        row["line"]: row["quantity"]
        for row in await db.fetch(
            "SELECT line, sum(quantity)::int AS quantity FROM debrief WHERE line = ANY($1) GROUP BY line",
            [line.id for line in lines],
        )
    }
    mine = [line for line in lines if part.id in (line.part, line.supplied_part)]
    for line in mine:
        left = line.pieces - told.get(line.id, 0)
        named = report.serial_in is None or report.serial_in in line.serials_in
        if line.state in ("shipped", "arrived") and left and named:
            return line, left
    raise WrongState(
        what="Line",
        what_zh="申请行",
        key=f"{head['number']} / {part.part_number}" + (f" / {report.serial_in}" if report.serial_in else ""),
        state=next((line.state for line in mine), "–"),
        needed="shipped / arrived",
    )


async def _serials(line: Line, report: Debrief, quantity: int, left: int) -> list[str]:
    """The serials of the pieces a report speaks of; none where the part has none."""
    if not line.serials_in:
        return []
    rows = await db.fetch("SELECT serial_in FROM debrief WHERE line = $1 AND serial_in IS NOT NULL", line.id)
    there = [serial for serial in line.serials_in if serial not in {s for row in rows for s in row[0].split(", ")}]
    if report.serial_in is not None and report.serial_in in there:
        return [report.serial_in]
    if report.serial_in is not None or quantity != left:
        raise WhichPiece(serials=", ".join(there))
    return there


async def _account(
    request: UUID,
    head: db.Row,
    line: Line,
    part: PartRef,
    report: Debrief,
    quantity: int,
    serials: list[str],
    by: Actor,
    *,
    whole: bool,
) -> None:
    """Do what an outcome says, and write it down; a `whole` unit takes a device's place and is fitted into none."""
    code = failures.code_of(report.failure_code)
    what_came_out: Removed | None = None
    match report.outcome:
        case "used":
            what_came_out = await _take_out(head, line, part, report, quantity, by)
            if not whole:
                await fitted.fit(
                    head["device"],
                    line.supplied_part or line.part,
                    document=head["number"],
                    quantity=quantity,
                    serial=serials[0] if len(serials) == 1 else None,
                    position=line.device_position,
                    serial_out=report.serial_out,
                )
        case "lost":
            if not report.remark.strip():
                raise LossUnexplained
            await steps.begin(
                "confirm_loss",
                "part_request",
                head["number"],
                owner_role="quality_supervisor",
                depot=line.depot,
                due_at=clock.now() + LOSS_CONFIRMED_WITHIN,
            )
        case _:
            await _give_back(head, line, report.outcome, quantity, serials, by)
            if report.outcome == "dead_on_arrival":
                await jobs.enqueue(jobs.LookAtSeries(head["device"], line.supplied_part or line.part))
            if report.outcome == "no_fault_found":
                await failures.withdraw_for_request(request, line.part, quantity, reason="no fault found")
    if code:
        await failures.name_codes(request, line.part, code, quantity)
    await db.execute(
        """INSERT INTO debrief (line, quantity, outcome, serial_in, serial_out, removed, failure_code, remark, told_at,
                                told_by)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        line.id,
        quantity,
        report.outcome,
        ", ".join(serials) or None,
        report.serial_out,
        what_came_out,
        code,
        report.remark.strip(),
        clock.now(),
        by.name,
    )


async def _reconcile(line: Line) -> None:
    """A line is reconciled once every piece is accounted for, and every loss confirmed."""
    await db.execute(
        """UPDATE request_line SET state = 'reconciled', reconciled_at = $2, arrived_at = coalesce(arrived_at, $2),
                  outcome = told.outcome, serial_out = told.serial_out
           FROM (SELECT sum(quantity) AS quantity, string_agg(serial_out, ', ' ORDER BY id) AS serial_out,
                        CASE WHEN min(outcome) = max(outcome) THEN min(outcome) ELSE 'mixed' END AS outcome,
                        bool_and(outcome <> 'lost' OR confirmed_by IS NOT NULL) AS confirmed
                 FROM debrief WHERE line = $1) AS told
           WHERE request_line.id = $1 AND told.confirmed AND told.quantity = request_line.quantity * pieces_each""",
        line.id,
        clock.now(),
    )


@db.atomic
async def confirm_loss(request: UUID, told: UUID, *, by: Actor) -> RequestView:
    """Confirm that pieces are lost: they leave the books, and the line is accounted for.

    Raises:
        Unknown: no such request or report in the actor's scope.
        NoPerson: a key that belongs to nobody is no second person.
        OwnLoss: the actor reported it.
        WrongState: it is no loss, or is confirmed already.

    """
    by.require("stock.adjust")
    by.require_eyes()
    head = await lock_head(request, by=by)
    lines = {line.id: line for line in await lock_lines(request)}
    row = await db.fetch_one(
        "SELECT line, quantity, outcome, serial_in, told_by, confirmed_by FROM debrief WHERE id = $1 FOR NO KEY UPDATE",
        told,
    )
    if row is None or row["line"] not in lines:
        raise Unknown(what="report", what_zh="用件反馈", key=str(told))
    if row["outcome"] != "lost" or row["confirmed_by"] is not None:
        raise WrongState(
            what="Report",
            what_zh="用件反馈",
            key=head["number"],
            state="confirmed" if row["confirmed_by"] else row["outcome"],
            needed="lost",
        )
    if row["told_by"] == by.name:
        raise OwnLoss(told_by=row["told_by"])
    line = lines[row["line"]]
    part, serials = line.supplied_part or line.part, (row["serial_in"] or "").split(", ") if row["serial_in"] else []
    gone = await places.find(places.ADJUSTMENT)
    site = head["site_id"]
    pieces = await carried(part, row["quantity"], serials, head["number"], site=site, pool=line.pool)
    await post(
        [
            move
            for piece, (condition, owner) in zip(pieces, await _as_they_went(pieces, head["number"], site), strict=True)
            for move in moves_of(
                [piece],
                "loss",
                part,
                Spot(site, condition, owner, line.pool),
                Spot(gone.id, condition, owner, line.pool),
                document_kind="part_request",
                document=head["number"],
                reason="lost at the site",
            )
        ],
        by=by,
    )
    await db.execute("UPDATE debrief SET confirmed_by = $2 WHERE id = $1", told, by.name)
    await _reconcile(line)
    await settle(request)
    await steps.finish("part_request", head["number"], "confirm_loss", by=by)
    await audit.record("request.loss_confirmed", "part_request", head["number"], by=by)
    view = await request_view(request)
    if view.state == "reconciled":
        await events.emit(
            "part_request.reconciled", "part_request", view.number, view, contract=view.contract, depot=view.site
        )
        await fault_reports.begin(view)
    await swapping.follow(view, head["device"], await swaps.of_request(request), None, by=by)
    return view


async def _give_back(
    head: db.Row, line: Line, outcome: Outcome, quantity: int, serials: Sequence[str], by: Actor
) -> None:
    """Pieces return from the site to the store they came from, in the condition their outcome gives them.

    A whole unit that ran there has the customer's data erased.
    """
    if line.place is None:
        return
    part = line.supplied_part or line.part
    site = head["site_id"]
    pieces = await carried(part, quantity, serials, head["number"], site=site, pool=line.pool)
    went = await _as_they_went(pieces, head["number"], site)
    await post(
        [
            move
            for piece, (condition, owner) in zip(pieces, went, strict=True)
            for move in moves_of(
                [piece],
                "return_from_site",
                part,
                Spot(site, condition, owner, line.pool),
                Spot(line.place, COMES_BACK_AS.get(outcome, condition), owner, line.pool),
                document_kind="part_request",
                document=head["number"],
                reason=outcome,
            )
        ],
        by=by,
    )
    if outcome in COMES_BACK_AS and line.depot is not None and await whole_units.replaces_devices(part):
        for unit in [piece.unit for piece in pieces if piece.unit is not None]:
            await customer_data.came_back(unit, depot=line.depot)


async def _as_they_went(pieces: Sequence[Piece], document: str, site: int) -> list[tuple[str, int]]:
    """The condition in which pieces went to a site, and whose they are.

    What was taken without paper may never have been judged good; what a vendor sent in exchange is the vendor's at first.
    """
    rows = await db.fetch(
        """SELECT coalesce(unit.condition, (SELECT to_condition FROM movement
                                            WHERE document = $3 AND movement.lot = piece.lot AND to_place = $4
                                            ORDER BY recorded_at DESC LIMIT 1)) AS condition,
                  coalesce(unit.owner, us.id) AS owner
           FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS piece(unit, lot, row)
           JOIN party AS us ON us.is_ourselves
           LEFT JOIN unit ON unit.id = piece.unit ORDER BY row""",
        [piece.unit for piece in pieces],
        [piece.lot for piece in pieces],
        document,
        site,
    )
    return [(row["condition"], row["owner"]) for row in rows]


async def _take_out(head: db.Row, line: Line, part: PartRef, report: Debrief, quantity: int, by: Actor) -> Removed:
    """The part that came out is in its engineer's custody, who owes it to the store unless the customer may keep it."""
    may_be_kept = head["customer_keeps_disks"] and part.kind == "drive"
    await removed.take_out(
        TakenOut(
            part=line.part,
            quantity=quantity,
            serials=[report.serial_out] if report.serial_out else [],
            position=line.device_position,
            pool=line.pool,
            site=head["site_id"],
            device=head["device"],
            depot=line.place,
            document=head["number"],
            engineer=head["engineer"] or by.name,
            may_be_kept=may_be_kept,
        ),
        by=by,
    )
    return "kept_by_customer" if may_be_kept else "owed"
