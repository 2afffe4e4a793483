"""Plan 1 (应急方案一, maker's support): a maker's technical service is called in for a part request (D69).

It opens only after our own expert tried, and the project manager was told; the maker's case reference and progress are
kept with it, and whoever asked for the parts hears of each step.
"""

from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct

from inventory.emergency.owners import owner_now
from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.people.contacts import VERIFIED_FOR
from inventory.requests import scope
from inventory.requests.requests import RequestView, request_view

State = Literal["open", "at_maker", "solved", "closed", "withdrawn"]
LIVE: tuple[State, ...] = ("open", "at_maker", "solved")

Progress = Literal[
    "called", "no_answer", "accepted", "promised_onsite", "arrived", "advice", "parts_sent", "solved", "reopened"
]
"""What can happen between the opening and the end."""

CALL_WITHIN = timedelta(minutes=30)
"""How soon the maker is to have taken the case."""

FOLLOW_EVERY = timedelta(hours=4)
"""How long nothing is heard of a maker before somebody asks again."""

LATE_AFTER = timedelta(minutes=30)
"""How long after the promised time an engineer of the maker's is missed."""

CLOSE_WITHIN = timedelta(days=1)

SKEW = timedelta(minutes=5)


class AttemptMissing(Refused):
    """{request}: no attempt of an expert of ours is recorded."""

    zh = "{request} 尚无本方专家处理记录，不能启动应急方案一。"
    help_en = "Record what was tried, by whom and when, and report it to the project manager; then call the maker in."
    help_zh = "请先登记专家的处理过程（人员、时间、措施）并上报项目经理，再提请原厂支援。"


class NotReported(Refused):
    """{request}: what {expert} tried was not reported to the project manager yet."""

    zh = "{request}：{expert} 的处理记录尚未上报项目经理，不能启动应急方案一。"
    help_en = "Report the attempt to the project manager first; the request's page has the action."
    help_zh = "请先在申请页面将处理记录上报项目经理。"


class NotItsMaker(Refused):
    """{maker} makes neither the {model} nor a part that {request} asks for."""

    zh = "{maker} 既不是 {model} 的原厂，也不是 {request} 所申请备件的原厂。"
    help_en = "Name one of these: {makers}."
    help_zh = "可选原厂：{makers}。"


class NotAuthorised(Refused):
    """{through} has no letter of {maker} that is valid today."""

    zh = "{through} 没有 {maker} 当前有效的授权书。"
    help_en = "Call the maker itself, or a vendor whose authorisation is valid."
    help_zh = "请直接联系原厂，或选择授权有效的供应商。"


class MakerCaseOpen(Refused, constraint="maker_case_is_open_once"):
    """Plan 1 is open for this request and maker already."""

    zh = "该申请已对该原厂启动应急方案一。"
    help_en = "Work on the one that is open."
    help_zh = "请在已启动的方案中处理。"


class NotAProjectManager(Refused):
    """{username} is no project manager."""

    zh = "{username} 不是项目经理。"
    help_en = "Report to a project manager; without a name, to the one on duty."
    help_zh = "请上报给项目经理；不填写时上报给当值项目经理。"


class NotYetHappened(Invalid):
    """{at} lies in the future."""

    zh = "{at} 晚于当前时间。"
    help_en = "Correct the time, with its time zone; what is promised for later is a promise."
    help_zh = "请更正时间并注意时区；约定的未来时间请填写为到场承诺。"


class ReferenceMissing(Invalid):
    """A maker that takes the case gives a reference for it."""

    zh = "原厂受理时须填写其案例编号。"
    help_en = "Write down the maker's case reference."
    help_zh = "请填写原厂案例编号。"


class PromiseMissing(Invalid):
    """A promise to come on site needs its time, after now."""

    zh = "原厂到场承诺须填写晚于当前的到场时间。"
    help_en = "Write down when the maker's engineer is to be on site."
    help_zh = "请填写原厂工程师的预计到场时间。"


class Attempt(Struct, frozen=True, kw_only=True):
    """What our own expert tried for a request, and whom it was reported to."""

    id: UUID
    expert: str
    attempted_at: datetime
    tried: str
    recorded_at: datetime
    recorded_by: str
    reported_at: datetime | None
    reported_to: str | None
    reported_by: str | None


class Summary(Struct, frozen=True, kw_only=True):
    """A plan 1 as lists show it; `contact_stale` where nobody made sure of the contact for long."""

    id: UUID
    number: str
    request: str
    request_id: UUID
    ticket: str | None
    device_serial: str
    model: str
    site: str
    contract: str
    maker: str
    maker_zh: str
    maker_en: str
    through: str | None
    contact: str
    contact_phone: str | None
    contact_verified_on: date
    contact_stale: bool
    reference: str | None
    state: State
    owner: str
    opened_at: datetime
    opened_by: str
    onsite_at: datetime | None
    ended_at: datetime | None


class Entry(Struct, frozen=True, kw_only=True):
    """One line of its progress."""

    at: datetime
    recorded_at: datetime
    kind: str
    actor: str
    remark: str
    facts: Any


class View(Struct, frozen=True, kw_only=True):
    """A whole plan 1."""

    summary: Summary
    attempt: Attempt
    closing_note: str
    lessons: str
    progress: list[Entry]


class Maker(Struct, frozen=True, kw_only=True):
    """A maker that can be called in for a request, with the vendors that hold its letter today."""

    code: str
    name_zh: str
    name_en: str
    phone: str | None
    vendors: list[str]


class Support(Struct, frozen=True, kw_only=True):
    """Plan 1 as a request's page shows it: what was tried, whom it may be asked of, and what was."""

    attempts: list[Attempt]
    makers: list[Maker]
    cases: list[Summary]


class NewMakerCase(Struct, frozen=True, kw_only=True):
    """A maker to call in, by whom and how it is reached, and when somebody last made sure of that."""

    maker: str
    contact: str
    contact_verified_on: date
    contact_phone: str | None = None
    through: str | None = None
    note: str = ""


@db.atomic
async def record_attempt(
    request: UUID, *, expert: str, tried: str, by: Actor, attempted_at: datetime | None = None
) -> Attempt:
    """Write down what our own expert tried.

    Raises:
        Unknown: no such request in the actor's scope.
        WrongState: the request is over.
        ReasonMissing: nothing was written.
        NotYetHappened: it lies in the future.

    """
    by.require("parts.request")
    view = await _under_way(request, by)
    if not tried.strip() or not expert.strip():
        raise ReasonMissing
    made = await db.fetch_value(
        """INSERT INTO expert_attempt (request, expert, attempted_at, tried, recorded_at, recorded_by)
           VALUES ($1, $2, $3, $4, $5, $6) RETURNING id""",
        request,
        expert.strip(),
        _happened(attempted_at),
        tried.strip(),
        clock.now(),
        by.name,
    )
    await audit.record("attempt.recorded", "part_request", view.number, by=by, change={"expert": expert.strip()})
    return await _attempt(made)


@db.atomic
async def report_attempt(attempt: UUID, *, by: Actor, to: str | None = None) -> Attempt:
    """Say that an attempt was reported to a project manager: the one named, else the one on duty.

    Raises:
        Unknown: no such attempt in the actor's scope.
        NotAProjectManager: it was reported to somebody else.
        WrongState: it was reported before, or the request is over.

    """
    by.require("parts.request")
    request = await db.fetch_value("SELECT request FROM expert_attempt WHERE id = $1", attempt)
    if request is None:
        raise Unknown(what="attempt", what_zh="处理记录", key=str(attempt))
    view = await _under_way(request, by)
    told = to or await owner_now()
    if to is not None and not await db.fetch_value(
        """SELECT EXISTS (SELECT FROM person JOIN role_grant ON role_grant.person = person.id
                          WHERE username = $1 AND person.active AND role_grant.role = 'project_manager')""",
        to,
    ):
        raise NotAProjectManager(username=to)
    reported = await db.execute(
        """UPDATE expert_attempt SET reported_at = $2, reported_to = $3, reported_by = $4
           WHERE id = $1 AND reported_at IS NULL""",
        attempt,
        clock.now(),
        told,
        by.name,
    )
    if not reported:
        raise WrongState(what="Attempt", what_zh="处理记录", key=view.number, state="reported", needed="not reported")
    await audit.record("attempt.reported", "part_request", view.number, by=by, change={"to": told})
    return await _attempt(attempt)


@db.atomic
async def open_case(request: UUID, new: NewMakerCase, *, by: Actor) -> Summary:
    """Call a maker in for a request, after our own attempt and the report of it.

    Raises:
        Unknown: no such request in the actor's scope, or no such maker or vendor.
        WrongState: the request is over.
        AttemptMissing, NotReported: what has to come before is missing.
        NotItsMaker, NotAuthorised: whoever is called has nothing to do with the device or its parts.
        NotYetHappened: the contact was verified in the future.
        ReasonMissing: no contact was named.
        MakerCaseOpen: one is open already.

    """
    by.require("emergency.declare")
    view = await _under_way(request, by)
    attempt = await _reported_attempt(view)
    maker = await _maker(view, new)
    if not new.contact.strip():
        raise ReasonMissing
    if new.contact_verified_on > clock.today():
        raise NotYetHappened(at=new.contact_verified_on.isoformat())
    number, now, owner = await next_number("MS"), clock.now(), await owner_now()
    case = await db.fetch_value(
        """INSERT INTO maker_case (number, request, attempt, maker, through, contact, contact_phone, contact_verified_on,
                                   state, owner, opened_at, opened_by)
           VALUES ($1, $2, $3, $4, (SELECT id FROM party WHERE code = $5), $6, $7, $8, 'open', $9, $10, $11)
           ON CONFLICT (request, maker) WHERE state NOT IN ('closed', 'withdrawn') DO NOTHING RETURNING id""",
        number,
        request,
        attempt,
        maker,
        new.through,
        new.contact.strip(),
        new.contact_phone,
        new.contact_verified_on,
        owner,
        now,
        by.name,
    )
    if case is None:
        raise MakerCaseOpen
    await _note(case, "opened", now, by, new.note)
    await _await("call_maker", number, owner, now + CALL_WITHIN)
    opened = await summary(case)
    await audit.record("maker_case.opened", "maker_case", number, by=by, change={"maker": new.maker})
    await _tell("emergency_activated", opened)
    return opened


@db.atomic
async def note_progress(
    case: UUID,
    kind: Progress,
    *,
    by: Actor,
    at: datetime | None = None,
    remark: str = "",
    reference: str | None = None,
    onsite_at: datetime | None = None,
) -> Summary:
    """Write down how a maker's support goes on; its state and the duty to follow it up go with it.

    Raises:
        Unknown: no such plan 1 in the actor's scope.
        WrongState: it is over, solved, or not solved.
        ReferenceMissing, PromiseMissing: the maker took the case, or promised to come, and it was not said how.
        NotYetHappened: it lies in the future.

    """
    by.require("parts.request")
    view = await _locked(case, by)
    allowed: tuple[State, ...] = ("solved",) if kind == "reopened" else ("open", "at_maker")
    if view.state not in allowed:
        raise _wrong(view, allowed)
    happened = _happened(at)
    known = (reference or "").strip() or view.reference
    if kind == "accepted" and not known:
        raise ReferenceMissing
    if kind == "promised_onsite" and (onsite_at is None or onsite_at <= clock.now()):
        raise PromiseMissing
    becomes: State = "solved" if kind == "solved" else "at_maker" if known else "open"
    await db.execute(
        "UPDATE maker_case SET state = $2, reference_number = $3, onsite_at = coalesce($4, onsite_at) WHERE id = $1",
        case,
        becomes,
        known,
        onsite_at if kind == "promised_onsite" else None,
    )
    facts: dict[str, Any] = {}
    if known != view.reference:
        facts["reference"] = known
    if kind == "promised_onsite" and onsite_at is not None:
        facts["onsite_at"] = onsite_at.isoformat()
    await _note(case, kind, happened, by, remark, facts)
    await _follow(view, kind, becomes, onsite_at, by)
    after = await summary(case)
    await _tell("emergency_progress", after)
    return after


async def _follow(view: Summary, kind: Progress, becomes: State, onsite_at: datetime | None, by: Actor) -> None:
    """Begin the duty that comes next; until the maker takes the case, calling it stays one, or is one again."""
    now = clock.now()
    if becomes == view.state == "open":
        return
    await steps.finish("maker_case", view.number, by=by)
    if becomes == "open":
        await _await("call_maker", view.number, view.owner, now + CALL_WITHIN)
        return
    if becomes == "solved":
        await _await("close_maker_case", view.number, view.owner, now + CLOSE_WITHIN)
        return
    promised = onsite_at if kind == "promised_onsite" else None if kind == "arrived" else view.onsite_at
    due = now + FOLLOW_EVERY if promised is None or promised < now else promised + LATE_AFTER
    await _await("follow_maker", view.number, view.owner, due)


@db.atomic
async def close(case: UUID, *, note: str, lessons: str = "", by: Actor) -> Summary:
    """Close a plan 1 that is solved, with a note and what was learned.

    Raises:
        Unknown: no such plan 1 in the actor's scope.
        ReasonMissing: the note is empty.
        WrongState: it is not solved.

    """
    by.require("emergency.close")
    return await _end(case, ("solved",), "closed", by, note=note, lessons=lessons)


@db.atomic
async def withdraw(case: UUID, *, reason: str, by: Actor) -> Summary:
    """Call a maker off.

    Raises:
        Unknown: no such plan 1 in the actor's scope.
        ReasonMissing: no reason was given.
        WrongState: it is solved or over.

    """
    by.require("emergency.declare")
    return await _end(case, ("open", "at_maker"), "withdrawn", by, note=reason)


async def _end(
    case: UUID,
    states: tuple[State, ...],
    becomes: Literal["closed", "withdrawn"],
    by: Actor,
    *,
    note: str,
    lessons: str = "",
) -> Summary:
    if not note.strip():
        raise ReasonMissing
    view = await _locked(case, by)
    if view.state not in states:
        raise _wrong(view, states)
    await db.execute(
        """UPDATE maker_case SET state = $2, ended_at = $3, ended_by = $4, closing_note = $5, lessons = $6
           WHERE id = $1""",
        case,
        becomes,
        clock.now(),
        by.name,
        note.strip(),
        lessons.strip(),
    )
    await _note(case, becomes, clock.now(), by, note.strip(), {"lessons": lessons.strip()} if lessons.strip() else {})
    await steps.finish("maker_case", view.number, by=by)
    await audit.record(f"maker_case.{becomes}", "maker_case", view.number, by=by, reason=note.strip())
    ended = await summary(case)
    await _tell("emergency_ended", ended)
    return ended


def _wrong(view: Summary, needed: tuple[State, ...]) -> WrongState:
    return WrongState(what="Plan 1", what_zh="应急方案一", key=view.number, state=view.state, needed=" / ".join(needed))


def _happened(at: datetime | None) -> datetime:
    if at is not None and at > clock.now() + SKEW:
        raise NotYetHappened(at=at.isoformat())
    return at or clock.now()


async def _under_way(request: UUID, by: Actor) -> RequestView:
    view = await request_view(request, seen_by=by)
    if view.state in ("reconciled", "cancelled"):
        raise WrongState(what="Part request", what_zh="备件申请", key=view.number, state=view.state, needed="under way")
    return view


async def _reported_attempt(view: RequestView) -> UUID:
    """The latest attempt that was reported."""
    row = await db.fetch_one(
        """SELECT id, expert, reported_at FROM expert_attempt WHERE request = $1
           ORDER BY reported_at DESC NULLS LAST, id DESC LIMIT 1""",
        view.id,
    )
    if row is None:
        raise AttemptMissing(request=view.number)
    if row["reported_at"] is None:
        raise NotReported(request=view.number, expert=row["expert"])
    return row["id"]


async def _maker(view: RequestView, new: NewMakerCase) -> int:
    makers = await _makers(view.id)
    if all(each.code != new.maker for each in makers):
        known = ", ".join(each.code for each in makers) or "–"
        raise NotItsMaker(maker=new.maker, model=view.model, request=view.number, makers=known)
    if new.through is not None and all(new.through not in each.vendors for each in makers if each.code == new.maker):
        raise NotAuthorised(through=new.through, maker=new.maker)
    return await db.fetch_value("SELECT id FROM party WHERE code = $1", new.maker)


async def _makers(request: UUID) -> list[Maker]:
    """Whoever makes the device, first, and whoever makes the parts that are asked for."""
    return await db.read(
        Maker,
        """SELECT party.code, party.name_zh, party.name_en, party.phone,
                  coalesce((SELECT array_agg(DISTINCT seller.code ORDER BY seller.code)
                            FROM authorisation
                            JOIN vendor ON vendor.id = authorisation.vendor AND vendor.active
                            JOIN party AS seller ON seller.id = vendor.party
                            WHERE authorisation.maker = party.id AND $2 BETWEEN valid_from AND valid_to), '{}') AS vendors
           FROM (
               SELECT device_model.maker, 0 AS turn FROM part_request
               JOIN device ON device.id = part_request.device JOIN device_model ON device_model.id = device.model
               WHERE part_request.id = $1
               UNION ALL
               SELECT part.maker, 1 FROM request_line
               JOIN part ON part.id IN (request_line.part, request_line.supplied_part) WHERE request_line.request = $1
           ) AS made
           JOIN party ON party.id = made.maker
           GROUP BY party.id ORDER BY min(turn), party.code LIMIT 50""",
        request,
        clock.today(),
    )


async def _locked(case: UUID, by: Actor) -> Summary:
    await summary(case, seen_by=by)
    await db.execute("SELECT id FROM maker_case WHERE id = $1 FOR NO KEY UPDATE", case)
    return await summary(case)


async def _note(
    case: UUID, kind: str, at: datetime, by: Actor, remark: str = "", facts: dict[str, Any] | None = None
) -> None:
    await db.execute(
        """INSERT INTO maker_case_entry (maker_case, at, recorded_at, kind, actor, remark, facts)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        case,
        at,
        clock.now(),
        kind,
        by.name,
        remark.strip(),
        facts or {},
    )


async def _await(kind: str, number: str, owner: str, due_at: datetime) -> None:
    await steps.begin(kind, "maker_case", number, owner_role="project_manager", owner=owner, due_at=due_at)


async def _tell(kind: str, view: Summary) -> None:
    """Tell whoever asked for the parts, on their request: the result code of its ticket (D62)."""
    await events.emit(
        f"part_request.{kind}", "part_request", view.request, view, depot=view.site, contract=view.contract
    )


async def _attempt(attempt: UUID) -> Attempt:
    return (await db.read(Attempt, f"{_ATTEMPT} WHERE id = $1", attempt))[0]


_ATTEMPT = """SELECT id, expert, attempted_at, tried, recorded_at, recorded_by, reported_at, reported_to, reported_by
              FROM expert_attempt"""

_SUMMARY = f"""SELECT maker_case.id, maker_case.number, part_request.number AS request, part_request.id AS request_id,
                      part_request.ticket, device.serial AS device_serial, device_model.code AS model, site.code AS site,
                      contract.code AS contract, party.code AS maker, party.name_zh AS maker_zh, party.name_en AS maker_en,
                      seller.code AS through, contact, contact_phone, contact_verified_on,
                      contact_verified_on < $4::date AS contact_stale, maker_case.reference_number AS reference,
                      maker_case.state, maker_case.owner, maker_case.opened_at, maker_case.opened_by, onsite_at, ended_at
               FROM maker_case
               JOIN part_request ON part_request.id = maker_case.request
               JOIN device ON device.id = part_request.device
               JOIN device_model ON device_model.id = device.model
               JOIN contract ON contract.id = device.contract
               JOIN place AS site ON site.id = device.site
               JOIN party ON party.id = maker_case.maker
               LEFT JOIN party AS seller ON seller.id = maker_case.through
               WHERE {scope.seen("$1", "$2", "$3")}"""


async def summary(case: UUID, *, seen_by: Actor | None = None) -> Summary:
    """One plan 1 in short.

    Raises:
        Unknown: no such plan 1 in the reader's scope.

    """
    found = await db.read_one(
        Summary, f"{_SUMMARY} AND maker_case.id = $5", *scope.of(seen_by), clock.today() - VERIFIED_FOR, case
    )
    if found is None:
        raise Unknown(what="plan 1", what_zh="应急方案一", key=str(case))
    return found


async def summaries(
    *, limit: int, seen_by: Actor, after: UUID | None = None, live_only: bool = False, request: UUID | None = None
) -> list[Summary]:
    """Plans 1 for requests in the reader's scope, newest first."""
    return await db.read(
        Summary,
        f"""{_SUMMARY} AND ($5::uuid IS NULL OR maker_case.id < $5)
            AND (NOT $6 OR maker_case.state NOT IN ('closed', 'withdrawn'))
            AND ($7::uuid IS NULL OR maker_case.request = $7)
            ORDER BY maker_case.id DESC LIMIT $8""",
        *scope.of(seen_by),
        clock.today() - VERIFIED_FOR,
        after,
        live_only,
        request,
        limit,
    )


async def view(case: UUID, *, seen_by: Actor) -> View:
    """One whole plan 1.

    Raises:
        Unknown: no such plan 1 in the reader's scope.

    """
    found = await summary(case, seen_by=seen_by)
    row = await db.fetch_one("SELECT attempt, closing_note, lessons FROM maker_case WHERE id = $1", case)
    if row is None:
        raise Unknown(what="plan 1", what_zh="应急方案一", key=str(case))
    return View(
        summary=found,
        attempt=await _attempt(row["attempt"]),
        closing_note=row["closing_note"],
        lessons=row["lessons"],
        progress=await db.read(
            Entry,
            """SELECT at, recorded_at, kind, actor, remark, facts FROM maker_case_entry
               WHERE maker_case = $1 ORDER BY id LIMIT 500""",
            case,
        ),
    )


async def support(request: UUID, *, seen_by: Actor) -> Support:
    """Plan 1 for one request: what was tried, who can be called in, and who was.

    Raises:
        Unknown: no such request in the reader's scope.

    """
    await request_view(request, seen_by=seen_by)
    return Support(
        attempts=await db.read(Attempt, f"{_ATTEMPT} WHERE request = $1 ORDER BY id LIMIT 50", request),
        makers=await _makers(request),
        cases=await summaries(limit=50, seen_by=seen_by, request=request),
    )
