"""Issue first, record after (先发后补): a piece taken without paper, until its paper is there, it is back, or it is lost.

Whatever somebody took at night is recorded, never refused: the piece is gone, whatever the ledger says. Where the ledger
cannot follow at once, the record is a conflict that a keeper resolves.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import Struct

from inventory.catalogue import parts
from inventory.catalogue.parts import UnknownPart
from inventory.ground import audit, clock, db, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.places import places
from inventory.places.tables import STORE_KINDS
from inventory.stock import codes, paper_policy
from inventory.stock.ledger import post
from inventory.stock.moves import GOOD, Move, Spot
from inventory.stock.refusals import (
    CodeMissing,
    HappenedBeforeItCame,
    InsufficientStock,
    LotNotHere,
    QuantityNotPositive,
    UnitNotHere,
)
from inventory.stock.when import happened

State = Literal["conflict", "open", "loss_reported", "papered", "brought_back", "lost", "dismissed"]
Settled = Literal["papered", "brought_back", "lost", "dismissed"]
Conflict = Literal["all_reserved", "unit_unknown", "unit_elsewhere", "not_good", "too_few", "picked"]


class ClientIdReused(Refused, constraint="provisional_issue_is_recorded_once"):
    """The client id {client_id} was used before for another piece."""

    zh = "客户端编号 {client_id} 已用于另一件。"
    help_en = "Use a new id for every piece taken; repeat an old one unchanged to see its record."
    help_zh = "每次取件请使用新的编号；如需查看原记录，请原样重发。"


class SecondPersonNeeded(Forbidden):
    """{name} took it, recorded it or reported it lost; somebody else has to decide on it."""

    zh = "{name} 是取件人、登记人或报失人，需由他人确认。"
    help_en = "Ask a colleague who may correct stock."
    help_zh = "请由另一位有库存调整权限的同事确认。"


class StillOnTheRoad(Refused):
    """{serial} is on the road under {document}; that is taken in first."""

    zh = "{serial} 在单据 {document} 下处于在途，须先办理该单据的入库。"
    help_en = "Take the document in, then record the piece again; dismiss this record."
    help_zh = "请先办理该单据入库，再重新登记取件，并驳回本记录。"


class NewProvisionalIssue(Struct, frozen=True, kw_only=True):
    """What was taken; `client_id` is the phone's own name for it, so that sending twice records once."""

    client_id: str
    depot: str
    code: str
    quantity: int = 1
    taken_at: datetime | None = None
    taken_by: str | None = None
    reason: str = ""
    purpose: str = ""


class ProvisionalIssueView(Struct, frozen=True, kw_only=True):
    """A piece taken without paper, and what became of it."""

    id: UUID
    number: str
    client_id: str
    depot: str
    code: str
    part_number: str | None
    name_zh: str | None
    name_en: str | None
    serial: str | None
    pool: str | None
    quantity: int
    taken_at: datetime
    taken_by: str
    recorded_at: datetime
    recorded_by: str
    reason: str
    purpose: str
    state: State
    conflict: Conflict | None
    facts: dict[str, Any]
    due_at: datetime
    overdue: bool
    document_kind: str | None
    document: str | None
    loss_reported_by: str | None
    settled_at: datetime | None
    settled_by: str | None
    remark: str


class Issue(Struct, frozen=True, kw_only=True):
    """A record with the ids that its verbs need, locked."""

    id: UUID
    number: str
    place: int
    depot: str
    code: str
    part: int | None
    unit: UUID | None
    pool: int | None
    quantity: int
    taken_at: datetime
    taken_by: str
    recorded_by: str
    state: str
    conflict: str | None
    facts: dict[str, Any]
    loss_reported_by: str | None


class _Found(Struct, frozen=True, kw_only=True):
    """What a scanned code means, and where the ledger has it; a conflict where the ledger cannot follow."""

    part: int | None = None
    unit: UUID | None = None
    quantity: int = 1
    spot: Spot | None = None
    bin: int | None = None
    conflict: Conflict | None = None
    facts: dict[str, Any] = {}
    in_store: bool = True


@db.atomic
async def take(new: NewProvisionalIssue, *, by: Actor) -> ProvisionalIssueView:
    """Record a piece that was taken: it leaves the store at once, for the place where pieces wait for their paper.

    The same client id of the same person is the same record.

    Raises:
        Unknown: no such store.
        NotYourDepot: the actor does not serve it.
        HappenedLater, HappenedTooLongAgo, QuantityNotPositive, CodeMissing: that cannot be.
        ClientIdReused: the id belongs to another piece.

    """
    by.require("stock.take")
    by.require_depot(new.depot)
    place = await places.find_store(new.depot)
    if new.quantity < 1:
        raise QuantityNotPositive(quantity=new.quantity)
    if not new.code.strip():
        raise CodeMissing
    # the same record sent twice at once: the second waits for the first, and finds it
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{by.name} {new.client_id}")
    earlier = await _earlier(new, by)
    if earlier is not None:
        return earlier
    taken_at = happened(new.taken_at) or clock.now()
    found = await _find(new.code.strip(), place.id, new.quantity)
    number = await next_number("PI")
    if found.spot is not None and found.conflict is None and found.part is not None:
        found = await _leave(found, found.part, found.spot, number, taken_at, by)
    due_at = await paper_policy.due_now()
    issue = await _insert(new, number, place.id, found, taken_at, due_at, by)
    # whoever serves the store that the ledger has the piece in decides whether it has left there
    keeps = found.facts["place"] if found.conflict == "unit_elsewhere" and found.in_store else new.depot
    await steps.begin(
        "bind_paper" if found.conflict is None else "resolve_conflict",
        "provisional_issue",
        number,
        owner_role="warehouse_keeper",
        owner=(new.taken_by or by.name) if found.conflict is None else None,
        depot=keeps,
        due_at=due_at,
    )
    view = await provisional_issue_view(issue)
    await audit.record("provisional_issue.recorded", "provisional_issue", number, by=by, reason=new.reason)
    return view


async def _earlier(new: NewProvisionalIssue, by: Actor) -> ProvisionalIssueView | None:
    row = await db.fetch_one(
        """SELECT provisional_issue.id, provisional_issue.code, quantity, place.code AS depot
           FROM provisional_issue JOIN place ON place.id = provisional_issue.place
           WHERE recorded_by = $1 AND client_id = $2""",
        by.name,
        new.client_id,
    )
    if row is None:
        return None
    if (row["code"], row["quantity"], row["depot"]) != (new.code.strip(), new.quantity, new.depot):
        raise ClientIdReused(client_id=new.client_id)
    return await provisional_issue_view(row["id"])


async def _insert(
    new: NewProvisionalIssue,
    number: str,
    place: int,
    found: _Found,
    taken_at: datetime,
    due_at: datetime,
    by: Actor,
) -> UUID:
    return await db.fetch_value(
        """INSERT INTO provisional_issue (number, client_id, place, code, part, unit, pool, quantity, taken_at, taken_by,
                                          recorded_at, recorded_by, reason, purpose, state, conflict, facts, due_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) RETURNING id""",
        number,
        new.client_id,
        place,
        new.code.strip(),
        found.part,
        found.unit,
        found.spot.pool if found.spot else None,
        new.quantity,
        taken_at,
        new.taken_by or by.name,
        clock.now(),
        by.name,
        new.reason,
        new.purpose,
        "conflict" if found.conflict else "open",
        found.conflict,
        found.facts,
        due_at,
    )


async def _find(code: str, place: int, quantity: int) -> _Found:
    named = codes.names(code)
    carrying = await db.fetch(
        """SELECT unit.id, unit.part, part.part_number, unit.tag, unit.place, place.code AS place_code,
                  place.kind = ANY($3) AS in_store, unit.condition, unit.owner, unit.pool, unit.bin,
                  (SELECT pick_list.number FROM pick JOIN pick_list ON pick_list.id = pick.pick_list
                   WHERE pick.unit = unit.id AND pick.state = 'picked') AS picked_for,
                  (SELECT number FROM provisional_issue WHERE provisional_issue.unit = unit.id AND settled_at IS NULL
                   ORDER BY id DESC LIMIT 1) AS taken_before
           FROM unit JOIN place ON place.id = unit.place JOIN part ON part.id = unit.part
           WHERE unit.serial = ANY($1) OR unit.tag = ANY($1)
           ORDER BY unit.tag = ANY($1) DESC NULLS LAST, unit.place = $2 DESC, unit.id LIMIT 20 FOR NO KEY UPDATE OF unit""",
        named,
        place,
        list(STORE_KINDS),
    )
    here = [unit for unit in carrying if unit["place"] == place]
    if carrying and (carrying[0]["tag"] in named or len(here) == 1 or len(carrying) == 1):
        return _judged(carrying[0], place)
    if carrying:  # two makers gave the same serial: whoever resolves it names the part
        pieces = [
            {"part_number": each["part_number"], "tag": each["tag"], "place": each["place_code"]} for each in carrying
        ]
        return _Found(conflict="unit_unknown", facts={"code": code, "pieces": pieces}, quantity=quantity)
    try:
        part = await parts.find_first(named)
    except UnknownPart:
        return _Found(conflict="unit_unknown", facts={"code": code}, quantity=quantity)
    if part.serialised:
        return _Found(part=part.id, conflict="unit_unknown", facts={"code": code}, quantity=quantity)
    return await _find_pieces(part.id, place, quantity)


def _judged(unit: db.Row, place: int) -> _Found:
    """What the ledger says against a unit having been taken here."""
    spot = Spot(unit["place"], unit["condition"], unit["owner"], unit["pool"])
    conflict: Conflict | None = None
    facts: dict[str, Any] = {}
    if unit["place"] != place or unit["taken_before"]:
        conflict, facts = "unit_elsewhere", {"place": unit["place_code"], "record": unit["taken_before"]}
    elif unit["condition"] != GOOD:
        conflict, facts = "not_good", {"condition": unit["condition"]}
    elif unit["picked_for"]:
        conflict, facts = "picked", {"pick_list": unit["picked_for"]}
    return _Found(
        part=unit["part"],
        unit=unit["id"],
        spot=spot,
        bin=unit["bin"],
        conflict=conflict,
        facts=facts,
        in_store=unit["in_store"],
    )


async def _find_pieces(part: int, place: int, quantity: int) -> _Found:
    """The level that pieces without serials were taken from: a common one with enough free, else whichever has them."""
    rows = await db.fetch(
        """SELECT level.owner, level.pool, level.on_hand, level.free
           FROM level JOIN party ON party.id = level.owner AND party.is_ourselves JOIN pool ON pool.id = level.pool
           WHERE level.part = $1 AND level.place = $2 AND level.condition = 'good'
           ORDER BY level.free >= $3 DESC, level.on_hand >= $3 DESC, pool.contract IS NOT NULL, pool.id
           FOR NO KEY UPDATE OF level""",
        part,
        place,
        quantity,
    )
    if not rows or rows[0]["on_hand"] < quantity:
        there = rows[0]["on_hand"] if rows else 0
        spot = Spot(place, GOOD, rows[0]["owner"], rows[0]["pool"]) if rows else None
        return _Found(part=part, quantity=quantity, spot=spot, conflict="too_few", facts={"on_hand": there})
    return _Found(part=part, quantity=quantity, spot=Spot(place, GOOD, rows[0]["owner"], rows[0]["pool"]))


async def _leave(found: _Found, part: int, spot: Spot, number: str, at: datetime, by: Actor) -> _Found:
    """Move the piece out of its store; where all of them are reserved, say which reservation it probably took."""
    try:
        async with db.savepoint():
            await move_out(part, spot, found.quantity, number, at, by=by, unit=found.unit, shelf=found.bin)
    except (InsufficientStock, LotNotHere, UnitNotHere):
        facts = await _reservation_taken(part, spot)
        return msgspec.structs.replace(found, conflict="all_reserved", facts=facts)
    return found


async def move_out(
    part: int,
    spot: Spot,
    quantity: int,
    number: str,
    at: datetime,
    *,
    by: Actor,
    unit: UUID | None = None,
    shelf: int | None = None,
) -> None:
    """Move pieces from a spot to where they wait for their paper, in the condition they have.

    Where the books have them come later than they were taken, they leave as of now: the record says when it was.
    """
    unpapered = await places.find(places.UNPAPERED)
    move = Move(
        kind="provisional_issue",
        part=part,
        quantity=quantity,
        unit=unit,
        from_bin=shelf,
        origin=spot,
        target=msgspec.structs.replace(spot, place=unpapered.id),
        document_kind="provisional_issue",
        document=number,
        occurred_at=at,
    )
    try:
        async with db.savepoint():
            await post([move], by=by)
    except HappenedBeforeItCame:
        await post([msgspec.structs.replace(move, occurred_at=None)], by=by)


async def _reservation_taken(part: int, spot: Spot) -> dict[str, Any]:
    """The least urgent reservation of a level that nobody has picked: the one that the piece most likely took."""
    row = await db.fetch_one(
        """SELECT reservation.id, reservation.reference_number, reservation.quantity - reservation.posted_quantity AS quantity
           FROM reservation JOIN level ON level.id = reservation.level
           WHERE reservation.state = 'pending' AND level.part = $1 AND level.place = $2 AND level.condition = $3
             AND level.owner = $4 AND level.pool = $5
             AND NOT EXISTS (SELECT FROM pick WHERE pick.reservation = reservation.id AND pick.state = 'picked')
           ORDER BY reservation.priority, reservation.id DESC LIMIT 1""",
        part,
        spot.place,
        spot.condition,
        spot.owner,
        spot.pool,
    )
    if row is None:
        return {}
    return {"reservation": str(row["id"]), "reference": row["reference_number"], "quantity": row["quantity"]}


async def lock(issue: UUID, *, by: Actor, states: tuple[str, ...], at: str | None = None) -> Issue:
    """A record in one of some states, locked, for somebody who serves its store, or another one (`at`).

    Raises:
        Unknown: no such record.
        WrongState: it is settled, or has not come so far.
        NotYourDepot: the actor does not serve its store.

    """
    found = await db.read_one(
        Issue,
        """SELECT provisional_issue.id, number, place, place.code AS depot, provisional_issue.code, part, unit, pool, quantity,
                  taken_at, taken_by, recorded_by, state, conflict, facts, loss_reported_by
           FROM provisional_issue JOIN place ON place.id = provisional_issue.place
           WHERE provisional_issue.id = $1 FOR NO KEY UPDATE OF provisional_issue""",
        issue,
    )
    if found is None:
        raise Unknown(what="provisional issue", what_zh="先发后补记录", key=str(issue))
    by.require_depot(at or found.depot)
    if found.state not in states:
        raise WrongState(
            what="Provisional issue",
            what_zh="先发后补记录",
            key=found.number,
            state=found.state,
            needed=" / ".join(states),
        )
    return found


async def carry_on(issue: Issue, kind: str, to: Spot, *, by: Actor, reason: str = "", **document: str | None) -> None:
    """Move what waits for its paper on to where it belongs, in the condition it waits in."""
    if issue.part is None:
        raise Unknown(what="part", what_zh="备件", key=issue.code)
    waiting = await places.find(places.UNPAPERED)
    await post(
        [
            Move(
                kind=kind,
                part=issue.part,
                quantity=piece["quantity"],
                unit=piece["unit"],
                lot=piece["lot"],
                origin=Spot(waiting.id, piece["condition"], to.owner, to.pool),
                target=msgspec.structs.replace(to, condition=piece["condition"]),
                document_kind=document.get("document_kind") or "provisional_issue",
                document=document.get("document") or issue.number,
                reason=reason,
            )
            for piece in await _waiting(issue, waiting.id)
        ],
        by=by,
    )


async def _waiting(issue: Issue, there: int) -> list[db.Row]:
    """What of a record waits for its paper: a unit, or pieces of lots, with their conditions."""
    return await db.fetch(
        """SELECT unit, lot, to_condition AS condition, sum(quantity)::int AS quantity
           FROM movement WHERE document = $1 AND document_kind = 'provisional_issue' AND to_place = $2
           GROUP BY 1, 2, 3 ORDER BY 1, 2, 3""",
        issue.number,
        there,
    )


async def whose(issue: Issue) -> tuple[int, int]:
    """The owner and the pool of what was taken."""
    if issue.unit is not None:
        row = await db.fetch_one("SELECT owner, pool FROM unit WHERE id = $1", issue.unit)
        if row is not None:
            return row["owner"], row["pool"]
    pool = issue.pool or await db.fetch_value("SELECT id FROM pool WHERE contract IS NULL ORDER BY id LIMIT 1")
    return await places.ourselves(), pool


async def settle(issue: Issue, state: Settled, *, by: Actor, remark: str = "", **document: str | None) -> None:
    """Close a record: papered, brought back, lost or dismissed."""
    await db.execute(
        """UPDATE provisional_issue SET state = $2, settled_at = $3, settled_by = $4, remark = $5, document_kind = $6,
                  document_number = $7 WHERE id = $1""",
        issue.id,
        state,
        clock.now(),
        by.name,
        remark,
        document.get("document_kind"),
        document.get("document"),
    )
    await steps.finish("provisional_issue", issue.number, by=by)
    await audit.record(f"provisional_issue.{state}", "provisional_issue", issue.number, by=by, reason=remark)


@db.atomic
async def bring_back(issue: UUID, *, by: Actor, remark: str = "") -> ProvisionalIssueView:
    """Return a piece that was not needed to its store, in the condition it was taken in.

    What the ledger did not know when it was taken comes back to be judged (condition unknown).

    Raises:
        Unknown, WrongState, NotYourDepot: as for `lock`.

    """
    by.require("stock.take")
    found = await lock(issue, by=by, states=("open", "loss_reported"))
    owner, pool = await whose(found)
    await carry_on(found, "brought_back", Spot(found.place, GOOD, owner, pool), by=by, reason=remark)
    await settle(found, "brought_back", by=by, remark=remark)
    return await provisional_issue_view(issue)


@db.atomic
async def report_lost(issue: UUID, *, by: Actor, reason: str) -> ProvisionalIssueView:
    """Say that a piece is lost; a second person confirms it.

    Raises:
        Unknown, WrongState, NotYourDepot: as for `lock`.
        ReasonMissing: no reason was given.

    """
    by.require("stock.take")
    if not reason.strip():
        raise ReasonMissing
    found = await lock(issue, by=by, states=("open",))
    await db.execute(
        "UPDATE provisional_issue SET state = 'loss_reported', loss_reported_by = $2, remark = $3 WHERE id = $1",
        issue,
        by.name,
        reason,
    )
    await audit.record("provisional_issue.loss_reported", "provisional_issue", found.number, by=by, reason=reason)
    return await provisional_issue_view(issue)


@db.atomic
async def confirm_lost(issue: UUID, *, by: Actor, remark: str = "") -> ProvisionalIssueView:
    """Write a lost piece off, as a second person.

    Raises:
        Unknown, WrongState, NotYourDepot: as for `lock`.
        SecondPersonNeeded: the actor took it, recorded it or reported it lost.

    """
    by.require("stock.adjust")
    found = await lock(issue, by=by, states=("loss_reported",))
    by.require_eyes()
    if by.name in (found.loss_reported_by, found.taken_by, found.recorded_by):
        raise SecondPersonNeeded(name=by.name)
    owner, pool = await whose(found)
    adjustment = await places.find(places.ADJUSTMENT)
    await carry_on(found, "adjustment", Spot(adjustment.id, GOOD, owner, pool), by=by, reason=remark or "lost")
    await settle(found, "lost", by=by, remark=remark)
    return await provisional_issue_view(issue)


_VIEW = """SELECT provisional_issue.id, number, client_id, place.code AS depot, provisional_issue.code, part.part_number,
                  part.name_zh, part.name_en, unit.serial, pool.code AS pool, quantity, taken_at, taken_by, recorded_at,
                  recorded_by, reason, purpose, state, conflict, facts, due_at,
                  settled_at IS NULL AND due_at < $1 AS overdue, document_kind, document_number AS document,
                  loss_reported_by, settled_at, settled_by, remark
           FROM provisional_issue
           JOIN place ON place.id = provisional_issue.place
           LEFT JOIN part ON part.id = provisional_issue.part
           LEFT JOIN unit ON unit.id = provisional_issue.unit
           LEFT JOIN pool ON pool.id = provisional_issue.pool"""

_SEEN = """({scope}::text[] IS NULL OR place.code = ANY({scope})
            OR (conflict = 'unit_elsewhere' AND facts ->> 'place' = ANY({scope})))"""
"""Who sees a record: those of its store, and of the store that the ledger has the piece in."""


async def provisional_issue_view(issue: UUID, *, seen_by: Actor | None = None) -> ProvisionalIssueView:
    """One record.

    Raises:
        Unknown: no such record in the reader's stores.

    """
    view = await db.read_one(
        ProvisionalIssueView,
        f"{_VIEW} WHERE provisional_issue.id = $2 AND {_SEEN.format(scope='$3')}",
        clock.now(),
        issue,
        seen_by.depot_scope if seen_by else None,
    )
    if view is None:
        raise Unknown(what="provisional issue", what_zh="先发后补记录", key=str(issue))
    return view


async def provisional_issues(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    state: State | None = None,
    depot: str | None = None,
) -> list[ProvisionalIssueView]:
    """Records of the reader's stores, newest first."""
    return await db.read(
        ProvisionalIssueView,
        f"""{_VIEW}
            WHERE {_SEEN.format(scope="$2")} AND ($3::uuid IS NULL OR provisional_issue.id < $3)
              AND ($4::text IS NULL OR state = $4) AND ($5::text IS NULL OR place.code = $5)
            ORDER BY provisional_issue.id DESC LIMIT $6""",
        clock.now(),
        seen_by.depot_scope,
        after,
        state,
        depot,
        limit,
    )


async def overdue(*, limit: int, seen_by: Actor) -> list[ProvisionalIssueView]:
    """Records whose paper is overdue, the latest first of all."""
    return await db.read(
        ProvisionalIssueView,
        f"""{_VIEW}
            WHERE settled_at IS NULL AND due_at < $1 AND ($2::text[] IS NULL OR place.code = ANY($2))
            ORDER BY due_at, provisional_issue.id LIMIT $3""",
        clock.now(),
        seen_by.depot_scope,
        limit,
    )
