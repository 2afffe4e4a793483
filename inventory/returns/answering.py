"""Answering: what a vendor did with the pieces of an RMA; each answer moves stock by itself, in the same act.

repaired and rejected: the piece comes back, in test or defective. exchanged: the old piece is the vendor's, its replacement
comes. credited: the old piece leaves our books. scrapped: it leaves by scrap, once a second person agrees. A piece is
answered once; a line is closed when nothing is to come for it any more, and the RMA when all its lines are.
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from inventory.ground import clock, db, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden, Invalid, ReasonMissing, Refused, WrongState
from inventory.places import places
from inventory.returns import debts, repairs
from inventory.returns.rmas import (
    AnswerKind,
    Head,
    Line,
    RmaView,
    lines_of,
    lock,
    require_settling,
    the_line,
    turned,
)
from inventory.stock import expected
from inventory.stock.ledger import post
from inventory.stock.moves import Move, Spot

WITH_VENDOR = ("shipped", "at_vendor", "answered")


class CreditIncomplete(Invalid, constraint="rma_line_credit_is_whole"):
    """A credit has its note's number, an amount and a currency; other answers have none of them."""

    zh = "退款（贷项）须填写贷项凭证号、金额和币种；其他答复不填。"
    help_en = "Give `credit_number`, `credit_amount` and `credit_currency` with “credited” alone."
    help_zh = "仅在答复为“退款”时填写这三项。"


class SameSerial(Invalid):
    """{serial} is the piece that was sent: what comes for it has another serial."""

    zh = "{serial} 即为寄出的旧件；换回件的序列号应不同。"
    help_en = (
        "Give the serial of the piece that comes instead; a piece that comes back itself was repaired or rejected."
    )
    help_zh = "请填写换回件的序列号；原件返回请登记“已修复”或“拒修退回”。"


class ThereBeforeSent(Invalid):
    """{rma} was sent at {sent}: its vendor cannot have had it at {at}."""

    zh = "{rma} 于 {sent} 寄出，供应商签收时间（{at}）不能早于寄出时间。"
    help_en = "Give the time at which the vendor took the pieces in, with its time zone."
    help_zh = "请填写供应商实际签收时间，并注意时区。"


class AnsweredAlready(Refused):
    """Line {line} of {rma} was answered: {answer}."""

    zh = "{rma} 第 {line} 行已有答复：{answer}。"
    help_en = "An answer is given once; what differs is written down as a remark or an attachment."
    help_zh = "答复只登记一次；如有出入，请以备注或附件说明。"


class OnlyExchanged(Refused):
    """{rma} is an advance exchange: its old piece is exchanged, or charged."""

    zh = "{rma} 为先行换件：旧件只能登记为“已换”，或按条款收费。"
    help_en = "Answer “exchanged”, with no fault found where that is so; or record what the vendor charges."
    help_zh = "请登记“已换”（如有请注明无故障），或登记供应商的收费。"


class SecondPersonMissing(Forbidden):
    """That {piece} is scrapped at the vendor takes somebody other than {name}, who wrote it down."""

    zh = "{piece} 在供应商处报废须由登记人 {name} 以外的人确认。"
    help_en = "Ask a colleague who may judge stock at this depot."
    help_zh = "请由该库另一位有判定权限的同事确认。"


class NothingOwed(Refused):
    """Nothing is owed to the vendor for line {line} of {rma}."""

    zh = "{rma} 第 {line} 行目前不欠供应商旧件。"
    help_en = "Only an advance exchange whose old piece is not back yet is charged for."
    help_zh = "只有旧件尚未返还的先行换件才会收费。"


class Answer(Struct, frozen=True, kw_only=True):
    """What became of a piece at the vendor; money is CNY unless it has a currency."""

    answer: AnswerKind
    finding: str = ""
    no_fault_found: bool = False
    replacement_serial: str | None = None
    credit_number: str | None = None
    credit_amount: Decimal | None = None
    credit_currency: str | None = None
    cost_cny: Decimal | None = None


@db.atomic
async def arrive(rma: UUID, *, by: Actor, at: datetime | None = None) -> RmaView:
    """The vendor has the pieces. Of an advance exchange the debt is settled, and the titles cross: each has its own now.

    Raises:
        ThereBeforeSent: `at` is before they were sent.
        Unknown, NotYourDepot, WrongState: as `rmas.lock`; only what was shipped arrives.

    """
    require_settling(by)
    head = await lock(rma, ("shipped",), by=by)
    if at is not None and head.shipped_at is not None and at < head.shipped_at:
        raise ThereBeforeSent(rma=head.number, sent=head.shipped_at.isoformat(), at=at.isoformat())
    await db.execute(
        "UPDATE rma SET state = 'at_vendor', at_vendor_at = $2, at_vendor_by = $3 WHERE id = $1",
        rma,
        min(at, clock.now()) if at else clock.now(),
        by.name,
    )
    for line in await lines_of(rma):
        if head.advance and line.closed_at is None:
            await _settle_debt(line, by=by)
            await cross_titles(head, line, by=by)
    return await turned(head, "at_vendor", by=by)


async def _settle_debt(line: Line, *, by: Actor) -> None:
    if line.debt is not None and (await debts.debt_view(line.debt)).state == "open":
        await debts.settle(line.debt, "returned", by=by, returned_serial=line.serial)


async def cross_titles(head: Head, line: Line, *, by: Actor) -> None:
    """The old piece, at its vendor, is the vendor's; what came for it belongs to whom the old one belonged to."""
    await _give_over(head, line, "rma_exchanged", by=by)
    if line.replacement is not None and line.replacement_owner == head.vendor_party:
        await take_over(head, line, line.owner, by=by)


async def take_over(head: Head, line: Line, owner: int, *, by: Actor) -> None:
    """What the vendor sent first becomes somebody's, wherever it lies by now; what holds it goes on holding it."""
    row = await db.fetch_one(
        "SELECT part, place, condition, owner, pool, bin FROM unit WHERE id = $1 FOR NO KEY UPDATE", line.replacement
    )
    if row is None or row["owner"] == owner:
        return
    held = await db.fetch_one(
        """SELECT reservation.id, quantity - posted_quantity AS quantity FROM reservation
           JOIN level ON level.id = reservation.level
           WHERE reservation.state = 'pending' AND level.on_hand = level.reserved AND level.part = $1 AND level.place = $2
             AND level.condition = $3 AND level.owner = $4 AND level.pool = $5 AND quantity - posted_quantity = 1
           ORDER BY (reservation.id = $6) DESC, reservation.id LIMIT 1 FOR NO KEY UPDATE OF reservation""",
        row["part"],
        row["place"],
        row["condition"],
        row["owner"],
        row["pool"],
        line.reservation,
    )
    origin = Spot(row["place"], row["condition"], row["owner"], row["pool"])
    target = Spot(row["place"], row["condition"], owner, row["pool"])
    changes = await post(
        [
            Move(
                kind="title",
                part=row["part"],
                quantity=1,
                unit=line.replacement,
                from_bin=row["bin"],
                to_bin=row["bin"],
                origin=origin,
                target=target,
                released=held["quantity"] if held else 0,
                document_kind="rma",
                document=head.number,
            )
        ],
        by=by,
    )
    if held is not None:
        new = next(change.id for change in changes if change.freed > 0)
        await db.execute("UPDATE level SET reserved = reserved + $2 WHERE id = $1", new, held["quantity"])
        await db.execute("UPDATE reservation SET level = $2 WHERE id = $1", held["id"], new)
    await db.execute("UPDATE rma_line SET replacement_owner = $2 WHERE id = $1", line.id, owner)


async def _give_over(head: Head, line: Line, kind: str, *, by: Actor, scrap: bool = False) -> None:
    """The old pieces, which lie at the vendor, become its own, or (`scrap`) leave for scrap."""
    owner = line.owner if scrap else head.vendor_party
    place = (await places.find(places.SCRAP)).id if scrap else head.vendor_place
    await post(
        [
            Move(
                kind=kind,
                part=line.part,
                quantity=line.quantity,
                unit=line.unit,
                lot=line.lot,
                origin=Spot(head.vendor_place, line.condition, line.owner, head.pool),
                target=Spot(place, "scrapped" if scrap else line.condition, owner, head.pool),
                document_kind="rma",
                document=head.number,
                reason=kind,
            )
        ],
        by=by,
    )


@db.atomic
async def answer(rma: UUID, position: int, said: Answer, *, by: Actor) -> RmaView:
    """Keep what the vendor did with a piece, and move the stock by it.

    Raises:
        CreditIncomplete: a credit without its note, or a note with another answer.
        AnsweredAlready: the piece was answered before.
        OnlyExchanged: an advance exchange is not answered otherwise.
        SameSerial: a piece is not exchanged for itself.
        Unknown, NotYourDepot, WrongState: as `rmas.lock`; no such line; what the vendor does not have is not answered.

    """
    require_settling(by)
    _require_whole_credit(said)
    head = await lock(rma, WITH_VENDOR, by=by)
    line = the_line(await lines_of(rma), position)
    if line.answer is not None or line.closed_at is not None:
        raise AnsweredAlready(line=position, rma=head.number, answer=line.answer or "charged")
    if head.advance and said.answer != "exchanged":
        raise OnlyExchanged(rma=head.number)
    if said.answer == "exchanged" and said.replacement_serial is not None and said.replacement_serial == line.serial:
        raise SameSerial(serial=line.serial)
    now = clock.now()
    if head.state == "shipped":  # who answers for a piece has it
        await arrive(rma, by=by)
    await db.execute(
        """UPDATE rma_line SET answer = $2, finding = $3, no_fault_found = $4, answered_at = $5, answered_by = $6,
                  replacement_serial = coalesce($7, replacement_serial), credit_number = $8, credit_amount = $9,
                  credit_currency = $10, cost_cny = coalesce($11, cost_cny) WHERE id = $1""",
        line.id,
        said.answer,
        said.finding.strip(),
        said.no_fault_found,
        now,
        by.name,
        said.replacement_serial,
        said.credit_number,
        said.credit_amount,
        said.credit_currency,
        said.cost_cny,
    )
    match said.answer:
        case "exchanged" if not head.advance:
            await _give_over(head, line, "rma_exchanged", by=by)
            await _expect_exchange(head, line)
        case "credited":
            await _give_over(head, line, "rma_credited", by=by)
            await close_line(line.id)
        case "scrapped":
            await steps.begin(
                "agree_to_scrap",
                "rma",
                head.number,
                owner_role="quality_supervisor",
                depot=head.depot,
                due_at=now + repairs.TEST_WITHIN,
            )
        case _:
            pass
    if said.answer != "repaired" and line.asked == "repair":
        # what does not come back repaired is no repair; a rejected piece still comes back
        await repairs.came_from_vendor(
            line.id, by=by, repaired=False, finding=said.finding.strip() or said.answer, cost_cny=said.cost_cny
        )
    if said.answer in ("repaired", "credited", "scrapped", "rejected"):
        await expected.close(line.id)
    await settle(head, by=by)
    return await turned(head, "answered", by=by, reason=said.finding)


def _require_whole_credit(said: Answer) -> None:
    told = (said.credit_number, said.credit_amount, said.credit_currency)
    if any((each is None) is (said.answer == "credited") for each in told) or said.credit_number == "":
        raise CreditIncomplete


async def _expect_exchange(head: Head, line: Line) -> None:
    """A piece that was to be repaired, and is exchanged, brings another one; an asked exchange is expected already."""
    if line.asked != "exchange" and line.ours:
        await expected.expect(
            line.part,
            head.place,
            head.pool,
            line.quantity,
            due_at=clock.now() + repairs.TEST_WITHIN,
            source_kind="return",
            source=line.id,
            confirmed=False,
        )


@db.atomic
async def agree_to_scrap(rma: UUID, position: int, *, by: Actor) -> RmaView:
    """Agree, as the second person, that a piece was scrapped at the vendor: it leaves the books.

    Raises:
        NoPerson: a key that belongs to nobody is no second person.
        SecondPersonMissing: the actor wrote the answer down.
        Unknown, NotYourDepot, WrongState: as `rmas.lock`; the line was not answered as scrapped, or is agreed on.

    """
    by.require("stock.judge")
    by.require_eyes()
    head = await lock(rma, WITH_VENDOR, by=by)
    line = the_line(await lines_of(rma), position)
    if line.answer != "scrapped" or line.closed_at is not None:
        raise WrongState(
            what="RMA line",
            what_zh="返修单行",
            key=f"{head.number} / {position}",
            state="closed" if line.closed_at else line.answer or "–",
            needed="scrapped",
        )
    if line.answered_by == by.name:
        raise SecondPersonMissing(piece=line.serial or line.part_number, name=by.name)
    await _give_over(head, line, "scrap", by=by, scrap=True)
    await db.execute("UPDATE rma_line SET scrap_agreed_by = $2 WHERE id = $1", line.id, by.name)
    await close_line(line.id)
    await steps.finish("rma", head.number, "agree_to_scrap", by=by)
    await settle(head, by=by)
    return await turned(head, "scrapped", by=by)


@db.atomic
async def charge(rma: UUID, position: int, *, by: Actor, reason: str, cny: Decimal | None = None) -> RmaView:
    """Keep that the vendor charges for an old piece that does not come back; what it sent is ours from now on.

    Without an amount it is what the terms put at risk. A piece that was lost, or stayed with its customer, is given up
    before the vendor's bill comes: its debt is charged already, the bill is kept here.

    Raises:
        ReasonMissing: it was not said why.
        NothingOwed: the line owes nothing, its debt is settled, or its bill is kept already.
        NotGranted: the actor may not see costs.
        Unknown, NotYourDepot, WrongState: as `rmas.lock`; a closed RMA charges nothing.

    """
    by.require("rmas.settle")
    by.require("costs.read")
    if not reason.strip():
        raise ReasonMissing
    head = await lock(rma, ("requested", "authorised", "shipped"), by=by)
    line = the_line(await lines_of(rma), position)
    debt = None if line.debt is None else await debts.debt_view(line.debt)
    billed = line.charged_cny is not None or line.replacement is None
    if debt is None or debt.state not in ("open", "charged") or billed:
        raise NothingOwed(line=position, rma=head.number)
    if debt.state == "open":
        await debts.settle(debt.id, "charged", by=by, reason=reason.strip())
    await db.execute(
        "UPDATE rma_line SET charged_cny = coalesce($2::numeric, 0) WHERE id = $1",
        line.id,
        debt.money_cny if cny is None else cny,
    )
    await take_over(head, line, line.owner, by=by)
    if head.state != "shipped":  # what has left is still the vendor's to answer
        await close_line(line.id)
    await settle(head, by=by)
    return await turned(head, "charged", by=by, reason=reason)


async def close_line(line: UUID) -> None:
    """Nothing is to come for a line any more."""
    await db.execute("UPDATE rma_line SET closed_at = $2 WHERE id = $1 AND closed_at IS NULL", line, clock.now())


async def settle(head: Head, *, by: Actor) -> None:
    """Let an RMA's state follow its lines: answered when all are, closed when nothing is to come for any."""
    now = clock.now()
    await db.execute(
        """UPDATE rma_line AS line SET closed_at = $2
           WHERE line.rma = $1 AND closed_at IS NULL AND came_at IS NOT NULL
             AND answer IN ('repaired', 'exchanged', 'rejected')""",
        head.id,
        now,
    )
    row = await db.fetch_one(
        """SELECT bool_and(answer IS NOT NULL OR closed_at IS NOT NULL) AS answered,
                  bool_and(closed_at IS NOT NULL) AS closed
           FROM rma_line WHERE rma = $1""",
        head.id,
    )
    if row is None or not row["answered"]:
        return
    await db.execute(
        """UPDATE rma SET state = CASE WHEN $2 THEN 'closed' ELSE 'answered' END,
                  answered_at = coalesce(answered_at, $3), closed_at = CASE WHEN $2 THEN $3::timestamptz END,
                  closed_by = CASE WHEN $2 THEN $4 END
           WHERE id = $1""",
        head.id,
        row["closed"],
        now,
        by.name,
    )
    if row["closed"]:
        await steps.finish("rma", head.number, by=by)
