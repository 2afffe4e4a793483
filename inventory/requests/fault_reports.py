"""Fault analysis reports (故障分析报告, D16): all that is known of the pieces of one request, as one thing for its customer.

What came out is followed through inspection, RMA and repair until it leaves for a site again: what is found of it after that
is another customer's. What was found belongs to the request, wherever it was found; there are no costs and no vendors in it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, WrongState
from inventory.requests import scope
from inventory.requests.lines import lock_head
from inventory.requests.requests import Outcome, RequestView, request_view

REPORT_WITHIN = timedelta(days=3)
"""How soon after the fault was resolved its customer has the report (D16: 在 3 天内, days of the calendar)."""

DUTY = "hand_over_fault_report"

MOST = 200
"""A report lists so many pieces, findings and photos."""

PICTURES, PICTURES_BYTES = 9, 24_000_000
"""So many photos are shown, the first ones, and no more than so much of them; the others are listed."""


class ReceiverMissing(Invalid):
    """Say who took the report."""

    zh = "请填写报告的接收人。"
    help_en = "Give the customer's contact by name in `received_by`."
    help_zh = "请在 received_by 中填写客户方接收人姓名。"


class NotAFault(Invalid):
    """{number} is planned work, or replaced nothing: there is no fault to report on."""

    zh = "{number} 为计划性任务，或未更换备件，没有可报告的故障。"
    help_en = "A report is handed over for a fault whose parts were used and accounted for."
    help_zh = "仅对已换件并核销的故障申请提交故障分析报告。"


class ReportHandover(Struct, frozen=True, kw_only=True):
    """A report as it was handed over: to whom, when, by whom."""

    handed_at: datetime
    handed_by: str
    received_by: str
    remark: str


class ReportState(Struct, frozen=True, kw_only=True):
    """Whether a request's report is due, until when, and the times it was handed over, the first one first."""

    number: str
    wanted: bool
    due_at: datetime | None
    handovers: list[ReportHandover]


class ReportedPiece(Struct, frozen=True, kw_only=True):
    """What the debrief says of some pieces: which went in, which came out, where each comes from."""

    part_number: str
    name_zh: str
    name_en: str
    quantity: int
    outcome: Outcome
    serial_in: str | None
    provenance_in: list[str]
    serial_out: str | None
    provenance_out: list[str]
    failure_code: str | None
    remark: str
    told_at: datetime


class Finding(Struct, frozen=True, kw_only=True):
    """What was found of a piece: on inspection, by a vendor, on the bench; no `result` while nobody has said anything."""

    at: datetime
    found_by: Literal["inspection", "rma", "repair"]
    number: str
    part_number: str
    serial: str | None
    result: str | None
    no_fault_found: bool
    failure_code: str | None
    diagnosis: str
    words: str


class Photo(Struct, frozen=True, kw_only=True):
    """A photo of the request, of what is owed for it, or of the piece itself."""

    id: UUID
    name: str
    media_type: str
    size_bytes: int
    remark: str
    attached_at: datetime


class Picked(Struct, frozen=True, kw_only=True):
    """A photo with its content."""

    id: UUID
    name: str
    media_type: str
    content: bytes


class FaultReport(Struct, frozen=True, kw_only=True):
    """Everything that is known, with the request it is about."""

    request: RequestView
    pieces: list[ReportedPiece]
    findings: list[Finding]
    photos: list[Photo]
    state: ReportState


async def begin(view: RequestView) -> None:
    """Have somebody hand the report over, for a verb that reconciled a fault in which a part was replaced."""
    if _replaced(view) and view.closed_at is not None:
        await steps.begin(
            DUTY, "part_request", view.number, owner_role="dispatcher", due_at=view.closed_at + REPORT_WITHIN
        )


def _replaced(view: RequestView) -> bool:
    """Whether a request is for a fault, and some part was replaced."""
    told = (told for line in view.lines for told in line.debriefs)
    return view.severity is not None and any(each.outcome == "used" for each in told)


@db.atomic
async def hand_over(request: UUID, received_by: str, *, by: Actor, remark: str = "") -> ReportState:
    """Write down that the customer has the report; it may be handed over again when more was found.

    Raises:
        Unknown: no such request in the actor's scope.
        NotYourRequest: the actor neither asked for it, nor is its engineer, nor may decide for others.
        WrongState: its parts are not all accounted for.
        NotAFault: it is planned work, or nothing was replaced.
        ReceiverMissing: nobody took it.

    """
    by.require("parts.request")
    scope.require_concerned(await lock_head(request, by=by), by)
    view = await request_view(request, seen_by=by)
    if view.state != "reconciled":
        raise WrongState(
            what="Part request", what_zh="备件申请", key=view.number, state=view.state, needed="reconciled"
        )
    if not _replaced(view):
        raise NotAFault(number=view.number)
    if not received_by.strip():
        raise ReceiverMissing
    await db.execute(
        """INSERT INTO fault_report_handover (request, handed_at, handed_by, received_by, remark)
           VALUES ($1, $2, $3, $4, $5)""",
        request,
        clock.now(),
        by.name,
        received_by.strip(),
        remark.strip(),
    )
    await steps.finish("part_request", view.number, DUTY, by=by)
    await audit.record(
        "request.report_handed_over",
        "part_request",
        view.number,
        by=by,
        change={"received_by": received_by.strip()},
        reason=remark.strip(),
    )
    state = await state_of(view)
    await events.emit(
        "part_request.report_handed_over",
        "part_request",
        view.number,
        state,
        contract=view.contract,
        depot=view.site,
    )
    return state


async def state_of(view: RequestView) -> ReportState:
    """Whether the report of a request that the reader sees is due, and to whom it was handed over."""
    return ReportState(
        number=view.number,
        wanted=view.state == "reconciled" and _replaced(view),
        due_at=view.closed_at + REPORT_WITHIN if view.closed_at and _replaced(view) else None,
        handovers=await db.read(
            ReportHandover,
            """SELECT handed_at, handed_by, received_by, remark FROM fault_report_handover
               WHERE request = $1 ORDER BY id LIMIT $2""",
            view.id,
            MOST,
        ),
    )


async def report(request: UUID, *, seen_by: Actor) -> FaultReport:
    """All that is known of a request's pieces; photos are shown to who may see attachments.

    Raises:
        Unknown: no such request in the reader's scope.

    """
    view = await request_view(request, seen_by=seen_by)
    return FaultReport(
        request=view,
        pieces=await db.read(ReportedPiece, _TOLD, view.id, MOST),
        findings=await db.read(Finding, _FINDINGS, view.id, view.number, MOST),
        photos=await db.read(Photo, _PHOTOS, view.id, view.number, MOST) if seen_by.may("attachments.read") else [],
        state=await state_of(view),
    )


async def pictures(photos: Sequence[Photo]) -> list[Picked]:
    """The first photos of a report that its reader may see, whole."""
    return await db.read(
        Picked,
        """SELECT attachment.id, attachment.name, media_type, content
           FROM attachment JOIN stored_file ON stored_file.id = attachment.stored_file
           WHERE attachment.id = ANY($1) ORDER BY array_position($1, attachment.id)""",
        [photo.id for photo in _shown(photos)],
    )


def _shown(photos: Sequence[Photo]) -> list[Photo]:
    """The photos that a report has room for."""
    sizes = accumulate(photo.size_bytes for photo in photos)
    return [photo for photo, so_far in zip(photos, sizes, strict=True) if so_far <= PICTURES_BYTES][:PICTURES]


_TOLD = """
SELECT part.part_number, part.name_zh, part.name_en, debrief.quantity, debrief.outcome, debrief.serial_in,
       debrief.serial_out, debrief.failure_code, debrief.remark, debrief.told_at,
       ARRAY(SELECT DISTINCT provenance FROM unit WHERE unit.part = coalesce(line.supplied_part, line.part)
             AND unit.serial = ANY(string_to_array(debrief.serial_in, ', ')) ORDER BY 1) AS provenance_in,
       ARRAY(SELECT DISTINCT provenance FROM unit WHERE unit.part = line.part AND unit.serial = debrief.serial_out
             ORDER BY 1) AS provenance_out
FROM debrief
JOIN request_line AS line ON line.id = debrief.line
JOIN part ON part.id = coalesce(line.supplied_part, line.part)
WHERE line.request = $1 ORDER BY debrief.id LIMIT $2
"""

_PIECES = """
WITH piece AS (
    SELECT debt.part, coalesce(debt.unit, unit.id) AS unit, debt.lot, debt.opened_at AS since
    FROM return_debt AS debt
    LEFT JOIN unit ON debt.unit IS NULL AND unit.part = debt.part AND unit.serial = debt.returned_serial
    WHERE debt.document_kind = 'part_request' AND debt.document_number = $2 AND debt.debtor_kind = 'engineer'
    UNION
    -- what was sent and did not do is looked at too
    SELECT unit.part, unit.id, NULL, debrief.told_at
    FROM debrief
    JOIN request_line AS line ON line.id = debrief.line
    JOIN unit ON unit.part = coalesce(line.supplied_part, line.part)
             AND unit.serial = ANY(string_to_array(debrief.serial_in, ', '))
    WHERE line.request = $1 AND debrief.outcome IN ('returned_defective', 'dead_on_arrival', 'no_fault_found')
), mine AS (
    SELECT piece.*, (SELECT min(movement.recorded_at) FROM movement JOIN place ON place.id = movement.to_place
                     WHERE movement.unit = piece.unit AND movement.kind IN ('issue', 'provisional_issue')
                       AND place.kind = 'site' AND movement.recorded_at > piece.since) AS until
    FROM piece
)
"""
"""The pieces of a request ($1 its id, $2 its number), and the time in which what is found of them is found for it."""

_FINDINGS = f"""{_PIECES}
SELECT * FROM (
    SELECT inspected_at AS at, 'inspection' AS found_by, inspection.number, part.part_number, unit.serial,
           inspection.result, false AS no_fault_found, NULL AS failure_code, '' AS diagnosis, inspection.finding AS words
    FROM mine
    JOIN inspection ON inspection.unit = mine.unit OR (mine.unit IS NULL AND inspection.lot = mine.lot)
    JOIN part ON part.id = inspection.part
    LEFT JOIN unit ON unit.id = inspection.unit
    WHERE inspection.result <> 'open' AND inspected_at >= since AND (until IS NULL OR inspected_at < until)
    UNION ALL
    SELECT coalesce(line.answered_at, rma.opened_at), 'rma', rma.number, part.part_number, unit.serial, line.answer,
           line.no_fault_found, line.failure_code, '', line.finding
    FROM mine
    JOIN rma_line AS line ON line.unit = mine.unit OR (mine.unit IS NULL AND line.lot = mine.lot)
    JOIN rma ON rma.id = line.rma AND rma.state <> 'cancelled'
    JOIN part ON part.id = line.part
    LEFT JOIN unit ON unit.id = line.unit
    WHERE (rma.opened_at >= since OR rma.request_number = $2) AND (until IS NULL OR rma.opened_at < until)
    UNION ALL
    SELECT coalesce(repair.finished_at, repair.opened_at), 'repair', repair.number, part.part_number, unit.serial,
           CASE WHEN repair.state = 'beyond_repair' THEN 'beyond_repair'
                WHEN repair.finished_at IS NOT NULL THEN repair.resolution_code END,
           repair.state <> 'beyond_repair' AND repair.finished_at IS NOT NULL
               AND repair.resolution_code IS NOT DISTINCT FROM 'no_fault_found',
           repair.failure_code, repair.diagnosis, repair.resolution
    FROM mine
    JOIN repair_order AS repair ON repair.unit = mine.unit AND repair.state <> 'cancelled'
    JOIN part ON part.id = repair.part
    JOIN unit ON unit.id = repair.unit
    WHERE repair.opened_at >= since AND (until IS NULL OR repair.opened_at < until)
) AS found ORDER BY at, number LIMIT $3
"""

_PHOTOS = f"""{_PIECES}
SELECT attachment.id, attachment.name, media_type, size_bytes, attachment.remark, attached_at
FROM attachment JOIN stored_file ON stored_file.id = attachment.stored_file
WHERE attachment.kind = 'photo' AND withdrawn_at IS NULL AND media_type LIKE 'image/%' AND (
    (subject_kind = 'part_request' AND subject = $1::text)
    OR (subject_kind = 'return_debt' AND subject IN (
            SELECT id::text FROM return_debt WHERE document_kind = 'part_request' AND document_number = $2))
    OR (subject_kind = 'unit' AND EXISTS (
            SELECT FROM mine WHERE mine.unit::text = subject AND attached_at >= since
              AND (until IS NULL OR attached_at < until))))
ORDER BY attachment.id LIMIT $3
"""
