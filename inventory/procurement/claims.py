"""Quality claims (质量索赔): a bad batch put to its vendor, with the evidence as it stood, until it is settled."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct, structs

from inventory.catalogue import parts
from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.installed_base.bursts import told_to, worded
from inventory.stock import batches

State = Literal["open", "sent", "answered", "closed"]
Turn = Literal["sent", "answered", "closed"]

SENT_WITHIN = timedelta(days=1)
"""How soon procurement puts a claim to the vendor."""

ANSWERED_WITHIN = timedelta(days=10)
"""How soon a vendor should have answered; then procurement asks again."""


class NoVendorToClaim(Refused):
    """Receipt {receipt} came with no order and no RMA of ours, or brought no {part_number}: no vendor to claim from."""

    zh = "入库单 {receipt} 没有对应的采购订单或返修单，或未含 {part_number}，无法向供应商索赔。"
    help_en = "See where the pieces came from; a claim is for what a vendor delivered on an order or an RMA."
    help_zh = "请核对来源；只有供应商按订单或返修单交付的备件可以索赔。"


class ClaimAlreadyOpen(Refused, constraint="quality_claim_is_open_once"):
    """This part of this receipt is claimed already."""

    zh = "该入库单的此备件已有未结的质量索赔。"
    help_en = "Work on the claim that is open."
    help_zh = "请在已有的索赔中处理。"


class ClaimNeedsWords(Invalid):
    """Say what the vendor answered, or how the claim ended."""

    zh = "请填写供应商的答复或索赔的处理结果。"
    help_en = "A few words are enough."
    help_zh = "简要填写即可。"


class ClaimView(Struct, frozen=True, kw_only=True):
    """A claim as lists show it; `evidence` stays as it was when it was opened, `vendor_number` is the vendor's own.

    Who is bound to stores is shown what of it is in reach.
    """

    id: UUID
    number: str
    vendor: str
    vendor_zh: str
    vendor_en: str
    part_number: str
    name_zh: str
    name_en: str
    receipt: str
    order: str
    state: State
    pieces: int
    depot: str
    reason: str
    alarm: str | None
    evidence: Any
    opened_at: datetime
    opened_by: str
    sent_at: datetime | None
    sent_by: str | None
    vendor_number: str | None
    answered_at: datetime | None
    answered_by: str | None
    answer: str
    closed_at: datetime | None
    closed_by: str | None
    outcome: str


@db.atomic
async def open_claim(
    receipt: str, part_number: str, *, by: Actor, reason: str, evidence: object, alarm: str | None = None
) -> ClaimView:
    """Open a claim about a part of a receipt at the vendor that delivered it; procurement hears of it by a duty.

    `evidence` is kept as it stands, `alarm` the number of the radar's alarm that led to it.

    Raises:
        Unknown, UnknownPart: no such receipt in the actor's stores, or no such part.
        ReasonMissing: no reason was given.
        NoVendorToClaim: no order and no RMA of ours brought that part with that receipt.
        ClaimAlreadyOpen: it is claimed already.

    """
    by.require("claims.open")
    if not reason.strip():
        raise ReasonMissing
    part, came_with = await parts.find(part_number), await batches.find(receipt)
    row = await db.fetch_one(
        """SELECT coalesce(purchase_order.vendor, rma.vendor) AS vendor, place.code AS depot,
                  (SELECT coalesce(sum(quantity), 0)::int FROM receipt_line
                   WHERE receipt_line.receipt = receipt.id AND receipt_line.part = $2) AS pieces
           FROM receipt
           JOIN place ON place.id = receipt.place
           LEFT JOIN purchase_order ON purchase_order.number = receipt.document
           LEFT JOIN rma ON rma.number = receipt.document
           WHERE receipt.id = $1""",
        came_with,
        part.id,
    )
    if row is None or not by.sees_depot(row["depot"]) or by.contracts is not None:
        raise Unknown(what="receipt", what_zh="入库单", key=receipt)
    if row["vendor"] is None or row["pieces"] == 0:
        raise NoVendorToClaim(receipt=receipt, part_number=part.part_number)
    number = await next_number("QC")
    claim = await db.fetch_value(
        """INSERT INTO quality_claim (number, vendor, part, receipt, state, pieces, reason, evidence, alarm_number,
                                      opened_at, opened_by)
           VALUES ($1, $2, $3, $4, 'open', $5, $6, $7, $8, $9, $10)
           ON CONFLICT (receipt, part) WHERE state <> 'closed' DO NOTHING RETURNING id""",
        number,
        row["vendor"],
        part.id,
        came_with,
        row["pieces"],
        reason.strip(),
        evidence,
        alarm,
        clock.now(),
        by.name,
    )
    if claim is None:
        raise ClaimAlreadyOpen
    await steps.begin(
        "send_claim", "quality_claim", number, owner_role="buyer", due_at=clock.now() + SENT_WITHIN, depot=row["depot"]
    )
    await audit.record("claim.opened", "quality_claim", number, by=by, reason=reason.strip())
    return await _told(claim, "opened", by)


@db.atomic
async def send(claim: UUID, *, by: Actor, vendor_number: str = "") -> ClaimView:
    """Note that the claim was put to its vendor, which may have given it a number; an answer is waited for.

    Raises:
        Unknown: no such claim in the actor's stores.
        WrongState: it was sent before.

    """
    view = await _move(claim, ("open",), "sent", "", by=by)
    await _numbered(claim, vendor_number)
    await steps.finish("quality_claim", view.number, "send_claim", by=by)
    await steps.begin(
        "settle_claim",
        "quality_claim",
        view.number,
        owner_role="buyer",
        due_at=clock.now() + ANSWERED_WITHIN,
        depot=view.depot,
    )
    return await _told(claim, "sent", by)


@db.atomic
async def answer(claim: UUID, said: str, *, by: Actor, vendor_number: str = "") -> ClaimView:
    """Write down what the vendor answered.

    Raises:
        Unknown: no such claim in the actor's stores.
        ClaimNeedsWords: it was not said what.
        WrongState: it was not sent, or is settled already.

    """
    await _move(claim, ("sent",), "answered", said, by=by)
    await _numbered(claim, vendor_number)
    return await _told(claim, "answered", by)


@db.atomic
async def close(claim: UUID, outcome: str, *, by: Actor) -> ClaimView:
    """Close a claim, answered or given up, saying how it ended; the batch may then be claimed again.

    Raises:
        Unknown: no such claim in the actor's stores.
        ClaimNeedsWords: it was not said how.
        WrongState: it is closed already.

    """
    view = await _move(claim, ("open", "sent", "answered"), "closed", outcome, by=by)
    await steps.finish("quality_claim", view.number, by=by)
    return await _told(claim, "closed", by)


async def _numbered(claim: UUID, vendor_number: str) -> None:
    """Keep the vendor's own number of a claim, where it gave one."""
    if vendor_number.strip():
        await db.execute("UPDATE quality_claim SET vendor_number = $2 WHERE id = $1", claim, vendor_number.strip())


_WRITTEN: dict[Turn, str] = {
    "sent": "sent_at = $3, sent_by = $4, answer = $5",
    "answered": "answered_at = $3, answered_by = $4, answer = $5",
    "closed": "closed_at = $3, closed_by = $4, outcome = $5",
}
"""What each turn of a claim writes."""


async def _move(claim: UUID, needed: tuple[State, ...], to: Turn, words: str, *, by: Actor) -> ClaimView:
    by.require("claims.settle")
    view = await claim_view(claim, seen_by=by)
    if to != "sent" and not words.strip():
        raise ClaimNeedsWords
    moved = await db.execute(
        f"UPDATE quality_claim SET state = $2, {_WRITTEN[to]} WHERE id = $1 AND state = ANY($6)",
        claim,
        to,
        clock.now(),
        by.name,
        words.strip(),
        list(needed),
    )
    if not moved:
        raise WrongState(
            what="Quality claim", what_zh="质量索赔", key=view.number, state=view.state, needed=" / ".join(needed)
        )
    await audit.record(f"claim.{to}", "quality_claim", view.number, by=by, reason=words.strip())
    return view


async def _told(claim: UUID, what: str, by: Actor) -> ClaimView:
    view = await claim_view(claim, seen_by=by)
    payload = {name: getattr(view, name) for name in ("number", "vendor", "part_number", "receipt", "state", "pieces")}
    await events.emit(f"quality_claim.{what}", "quality_claim", view.number, payload, depot=view.depot, closed=True)
    return view


async def evidence_of(claim: UUID) -> dict[str, Any]:
    """The whole evidence of a claim, for a paper that tells of it without saying where."""
    return await db.fetch_value("SELECT evidence FROM quality_claim WHERE id = $1", claim)


async def _in_reach(views: Sequence[ClaimView], reader: Actor) -> list[ClaimView]:
    """Leave out of the evidence what lies elsewhere, or names others, for who is bound to stores."""
    if reader.depots is None:
        return list(views)
    shown = await told_to(reader, [(view.evidence["radar"] or {}).get("concentrations", []) for view in views])
    found = list[ClaimView]()
    for view, told in zip(views, shown, strict=True):
        evidence = dict(view.evidence)
        evidence["whereabouts"] = [each for each in evidence["whereabouts"] if reader.sees_depot(each["place"])]
        if evidence["radar"]:
            said = worded(evidence["radar"]["windows"], told)
            evidence["radar"] = {**evidence["radar"], "concentrations": said.pop("concentrations")}
            evidence |= said
        found.append(structs.replace(view, evidence=evidence))
    return found


_VIEW = """SELECT quality_claim.id, quality_claim.number, party.code AS vendor, party.name_zh AS vendor_zh,
                  party.name_en AS vendor_en, part.part_number, part.name_zh, part.name_en, receipt.number AS receipt,
                  receipt.document AS order, quality_claim.state, pieces, place.code AS depot,
                  quality_claim.reason,
                  alarm_number AS alarm, quality_claim.evidence, opened_at, opened_by, sent_at, sent_by,
                  vendor_number, answered_at,
                  answered_by, answer, quality_claim.closed_at, closed_by, outcome
           FROM quality_claim
           JOIN vendor ON vendor.id = quality_claim.vendor
           JOIN party ON party.id = vendor.party
           JOIN part ON part.id = quality_claim.part
           JOIN receipt ON receipt.id = quality_claim.receipt
           JOIN place ON place.id = receipt.place"""

# by the store that took the batch in; a batch is no single contract's, so nobody bound to contracts reads of it
_SEEN = "($1::text[] IS NULL OR place.code = ANY($1)) AND $2::text[] IS NULL"


async def claim_view(claim: UUID, *, seen_by: Actor) -> ClaimView:
    """One claim.

    Raises:
        Unknown: no such claim about a receipt at the reader's stores.

    """
    view = await db.read_one(
        ClaimView,
        f"{_VIEW} WHERE {_SEEN} AND quality_claim.id = $3",
        seen_by.depot_scope,
        seen_by.contract_scope,
        claim,
    )
    if view is None:
        raise Unknown(what="quality claim", what_zh="质量索赔", key=str(claim))
    return (await _in_reach([view], seen_by))[0]


async def claims(
    *, limit: int, seen_by: Actor, after: UUID | None = None, state: State | None = None, vendor: str | None = None
) -> list[ClaimView]:
    """Claims about receipts at the reader's stores, newest first."""
    found = await db.read(
        ClaimView,
        f"""{_VIEW}
            WHERE {_SEEN} AND ($3::uuid IS NULL OR quality_claim.id < $3)
              AND ($4::text IS NULL OR quality_claim.state = $4) AND ($5::text IS NULL OR party.code = $5)
            ORDER BY quality_claim.id DESC LIMIT $6""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        after,
        state,
        vendor,
        limit,
    )
    return await _in_reach(found, seen_by)
