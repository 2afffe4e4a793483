"""Return debts (待返): who owes a piece back to whom, by when, and what being late costs (D20, D21).

Each piece that leaves a device starts the engineer's clock; a piece that a vendor waits for starts the vendor's clock
beside it. A debt is settled once, and while it is open a duty reminds of it before it is due. The verbs here move no
stock and ask for no right: they belong into the verbs that do.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType, structs

from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number

Outcome = Literal["returned", "kept_by_customer", "charged", "written_off"]
State = Literal["open", "returned", "kept_by_customer", "charged", "written_off"]
DebtorKind = Literal["engineer", "us"]
When = Literal["overdue", "today", "tomorrow", "this_week", "later"]

WHENS: tuple[When, ...] = ("overdue", "today", "tomorrow", "this_week", "later")
"""The columns of the board, the most urgent first."""

NOBODY = "nobody"
"""What no person owes stands on the board under this name: what we owe vendors ourselves."""

DUTY_OF: dict[DebtorKind, str] = {"engineer": "bring_back", "us": "send_back"}
"""The duty of an open debt, by who owes it."""


class OwedTwice(Refused, constraint=("return_debt_is_open_once_per_depot", "return_debt_is_open_once_per_vendor")):
    """This piece is owed to the same creditor already."""

    zh = "该件已有对同一债权方的未结待返记录。"
    help_en = "Settle the debt that is open, or move its date."
    help_zh = "请先了结已有的待返记录，或调整其期限。"


class DueBeforeNow(Invalid):
    """A debt cannot fall due in the past ({due_at})."""

    zh = "返还期限（{due_at}）不能早于当前时间。"
    help_en = "Give a time to come, with its time zone."
    help_zh = "请填写将来的时间，并注意时区。"


class Terms(Struct, frozen=True, kw_only=True):
    """What was agreed of a return: in words, in Chinese and English, and as data for whoever reckons with it."""

    zh: str
    en: str
    data: dict[str, Any] = {}


class NewDebt(Struct, frozen=True, kw_only=True):
    """A debt that begins: an engineer's (`debtor`) to a depot, or ours to a `vendor` from a depot. Ids of rows.

    It is one `unit`, or `quantity` pieces of a `lot` or of nothing that has a name yet; `held_at` is the place at which the
    books have what an engineer owes. `warn_before` is how long before `due_at` the duty is due (at most half of the term).
    """

    depot: int
    part: int
    pool: int
    document_kind: str
    document: str
    due_at: datetime
    terms: Terms
    debtor: str | None = None
    vendor: int | None = None
    unit: UUID | None = None
    lot: UUID | None = None
    quantity: int = 1
    held_at: int | None = None
    expected_serial: str | None = None
    device: int | None = None
    may_be_kept: bool = False
    warn_before: timedelta = timedelta(hours=24)
    money_cny: Decimal = Decimal(0)


class VendorsClock(Struct, frozen=True, kw_only=True):
    """The vendor's clock on a piece that an engineer owes."""

    number: str
    vendor: str
    vendor_zh: str
    vendor_en: str
    due_at: datetime
    document: str
    money_cny: Decimal | UnsetType = UNSET


class WrongReturnView(Struct, frozen=True, kw_only=True):
    """A piece that came in for a debt with another serial; open until somebody else answers it."""

    id: UUID
    expected_serial: str
    found_serial: str
    noted_at: datetime
    noted_by: str
    remark: str
    settled_at: datetime | None
    settled_by: str | None
    outcome: Literal["expected_came", "record_corrected", "record_stands"] | None
    reason: str


class DebtView(Struct, frozen=True, kw_only=True):
    """A debt as it stands; what is at risk is told to who may see costs.

    `serial` is the piece's own, `expected_serial` what was read from it or what the device's record says, and
    `returned_serial` what came in.
    """

    id: UUID
    number: str
    debtor_kind: DebtorKind
    debtor: str | None
    debtor_zh: str | None
    debtor_en: str | None
    depot: str
    vendor: str | None
    vendor_zh: str | None
    vendor_en: str | None
    part_number: str
    name_zh: str
    name_en: str
    serialised: bool
    unit: UUID | None
    serial: str | None
    lot: str | None
    quantity: int
    expected_serial: str | None
    device: str | None
    contract: str | None
    held_at: str | None
    may_be_kept: bool
    document_kind: str
    document: str
    opened_at: datetime
    opened_by: str
    due_at: datetime
    warn_at: datetime
    terms: Terms
    money_cny: Decimal | UnsetType
    state: State
    settled_at: datetime | None
    settled_by: str | None
    returned_serial: str | None
    reason: str
    signed_by: str | None
    loss_told_at: datetime | None
    loss_told_by: str | None
    vendors_clock: VendorsClock | None
    wrong: list[WrongReturnView]


@db.atomic
async def begin(new: NewDebt, *, by: Actor) -> DebtView:
    """Open a debt, for a verb that checked that its actor may: the clock runs, and a duty reminds of it in time.

    Raises:
        OwedTwice: the piece is owed to that depot or vendor already.
        DueBeforeNow: it would be late as it begins.

    """
    now = clock.now()
    if new.due_at < now:
        raise DueBeforeNow(due_at=new.due_at.isoformat())
    kind: DebtorKind = "us" if new.debtor is None else "engineer"
    debt = await db.fetch_value(
        """INSERT INTO return_debt (number, debtor_kind, debtor, depot, vendor, part, unit, lot, quantity, pool, held_at,
                                    expected_serial, device, may_be_kept, document_kind, document_number, opened_at,
                                    opened_by, due_at, warn_at, terms, money_cny, state)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
                   'open')
           ON CONFLICT DO NOTHING RETURNING id""",
        await next_number("RD"),
        kind,
        new.debtor,
        new.depot,
        new.vendor,
        new.part,
        new.unit,
        new.lot,
        new.quantity,
        new.pool,
        new.held_at,
        new.expected_serial,
        new.device,
        new.may_be_kept,
        new.document_kind,
        new.document,
        now,
        by.name,
        new.due_at,
        warned_at(now, new.due_at, new.warn_before),
        new.terms,
        new.money_cny,
    )
    if debt is None:
        raise OwedTwice
    view = await debt_view(debt)
    await _remind(view)
    await _tell("opened", view)
    return view


def warned_at(opened_at: datetime, due_at: datetime, before: timedelta) -> datetime:
    """When to remind of a debt: so long before it is due, but not before half of its term is over.

    >>> opened = datetime(2026, 11, 23, 8)
    >>> [f"{warned_at(opened, opened + timedelta(hours=term), timedelta(hours=24)):%d %H:%M}" for term in (120, 8)]
    ['27 08:00', '23 12:00']
    """
    return due_at - min(before, (due_at - opened_at) / 2)


@db.atomic
async def settle(
    debt: UUID,
    outcome: Outcome,
    *,
    by: Actor,
    reason: str = "",
    returned_serial: str | None = None,
    signed_by: str | None = None,
) -> DebtView:
    """Settle a debt, once, for a verb that checked that its actor may and moved the piece; its duties are done.

    Raises:
        WrongState: it was settled before.

    """
    settled = await db.fetch_value(
        """UPDATE return_debt SET state = $2, settled_at = $3, settled_by = $4, reason = $5, returned_serial = $6,
                                  signed_by = $7
           WHERE id = $1 AND state = 'open' RETURNING id""",
        debt,
        outcome,
        clock.now(),
        by.name,
        reason.strip(),
        returned_serial,
        signed_by,
    )
    view = await debt_view(debt)
    if settled is None:
        raise WrongState(what="Return debt", what_zh="待返记录", key=view.number, state=view.state, needed="open")
    await steps.finish("return_debt", view.number, by=by)
    await audit.record(f"return_debt.{outcome}", "return_debt", view.number, by=by, reason=reason.strip())
    await _tell("settled", view)
    return view


@db.atomic
async def part_of(debt: UUID, quantity: int, *, by: Actor) -> DebtView:
    """Make some pieces of an open debt a debt of their own, on the same terms, for a verb that settles just those."""
    number = await next_number("RD")
    made: UUID = await db.fetch_value(
        """WITH rest AS (
               UPDATE return_debt SET quantity = quantity - $2 WHERE id = $1 AND state = 'open' AND quantity > $2 RETURNING *
           )
           INSERT INTO return_debt (number, debtor_kind, debtor, depot, vendor, part, lot, quantity, pool, held_at, device,
                                    may_be_kept, document_kind, document_number, opened_at, opened_by, due_at, warn_at,
                                    warned_at, terms, money_cny, state)
           SELECT $3, debtor_kind, debtor, depot, vendor, part, lot, $2, pool, held_at, device, may_be_kept, document_kind,
                  document_number, opened_at, opened_by, due_at, warn_at, warned_at, terms, 0, 'open'
           FROM rest RETURNING id""",
        debt,
        quantity,
        number,
    )
    view = await debt_view(made)
    await _remind(view)
    await audit.record("return_debt.divided", "return_debt", number, by=by, change={"quantity": quantity})
    return view


@db.atomic
async def move_due(
    debt: UUID, due_at: datetime, *, by: Actor, reason: str, warn_before: timedelta = timedelta(hours=24)
) -> DebtView:
    """Let an open debt fall due at another time, with a reason; whoever owes it is reminded anew.

    Raises:
        ReasonMissing: no reason was given.
        DueBeforeNow: that time is over.
        WrongState: it was settled before.

    """
    if not reason.strip():
        raise ReasonMissing
    now = clock.now()
    if due_at < now:
        raise DueBeforeNow(due_at=due_at.isoformat())
    before = await debt_view(debt)
    moved = await db.fetch_value(
        """UPDATE return_debt SET due_at = $2, warn_at = $3, warned_at = NULL
           WHERE id = $1 AND state = 'open' RETURNING id""",
        debt,
        due_at,
        warned_at(now, due_at, warn_before),
    )
    if moved is None:
        raise WrongState(what="Return debt", what_zh="待返记录", key=before.number, state=before.state, needed="open")
    view = await debt_view(debt)
    await steps.finish("return_debt", view.number, DUTY_OF[view.debtor_kind], by=by)
    await _remind(view)
    await audit.record(
        "return_debt.due_moved",
        "return_debt",
        view.number,
        by=by,
        change={"from": before.due_at, "to": due_at},
        reason=reason.strip(),
    )
    return view


@db.atomic
async def warn_due(*, limit: int = 200) -> int:
    """Tell other systems of debts that fall due soon, each once; how many. The duty tells people."""
    rows = await db.fetch(
        """UPDATE return_debt SET warned_at = $1 WHERE id IN (
               SELECT id FROM return_debt WHERE state = 'open' AND warned_at IS NULL AND warn_at <= $1
               ORDER BY warn_at, id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED)
           RETURNING id""",
        clock.now(),
        limit,
    )
    due = await db.read(DebtView, f"{_VIEW} WHERE debt.id = ANY($1) ORDER BY debt.due_at", [row["id"] for row in rows])
    await events.emit_many([_event("due_soon", view) for view in due])
    return len(due)


async def _remind(view: DebtView) -> None:
    """Have somebody see to a debt while there is time: whoever owes it, or who sends for us."""
    await steps.begin(
        DUTY_OF[view.debtor_kind],
        "return_debt",
        view.number,
        owner_role="engineer" if view.debtor_kind == "engineer" else "warehouse_keeper",
        owner=view.debtor,
        depot=view.depot,
        due_at=view.warn_at,
    )


async def _tell(what: str, view: DebtView) -> None:
    await events.emit_many([_event(what, view)])


def _event(what: str, view: DebtView) -> events.NewEvent:
    """What other systems hear of a debt: no money, and who is bound to others' stores or contracts nothing."""
    return events.NewEvent(
        kind=f"return_debt.{what}",
        subject_kind="return_debt",
        subject=view.number,
        payload=without_money(view),
        depot=view.depot,
        contract=view.contract,
        closed=True,
    )


_PIECE = """(other.unit = debt.unit OR other.part = debt.part AND other.expected_serial = debt.expected_serial)"""
"""That two debts are about the same piece."""

_VIEW = f"""SELECT debt.id, debt.number, debt.debtor_kind, debt.debtor, person.name_zh AS debtor_zh,
                   person.name_en AS debtor_en, depot.code AS depot, party.code AS vendor, party.name_zh AS vendor_zh,
                   party.name_en AS vendor_en, part.part_number, part.name_zh, part.name_en, part.serialised, debt.unit,
                   unit.serial, lot.number AS lot, debt.quantity, debt.expected_serial, device.serial AS device,
                   contract.code AS contract, held.code AS held_at, debt.may_be_kept, debt.document_kind,
                   debt.document_number AS document, debt.opened_at, debt.opened_by, debt.due_at, debt.warn_at, debt.terms,
                   debt.money_cny, debt.state, debt.settled_at, debt.settled_by, debt.returned_serial, debt.reason,
                   debt.signed_by, debt.loss_told_at, debt.loss_told_by, vendors.clock AS vendors_clock,
                   (SELECT coalesce(jsonb_agg(to_jsonb(wrong) - 'debt' - 'unit' ORDER BY wrong.id), '[]')
                    FROM wrong_return AS wrong WHERE wrong.debt = debt.id) AS wrong
            FROM return_debt AS debt
            JOIN place AS depot ON depot.id = debt.depot
            JOIN part ON part.id = debt.part
            LEFT JOIN person ON person.username = debt.debtor
            LEFT JOIN vendor ON vendor.id = debt.vendor
            LEFT JOIN party ON party.id = vendor.party
            LEFT JOIN unit ON unit.id = debt.unit
            LEFT JOIN lot ON lot.id = debt.lot
            LEFT JOIN place AS held ON held.id = debt.held_at
            LEFT JOIN device ON device.id = debt.device
            LEFT JOIN contract ON contract.id = device.contract
            LEFT JOIN LATERAL (
                SELECT other.due_at, other.money_cny,
                       jsonb_build_object('number', other.number, 'vendor', owed.code, 'vendor_zh', owed.name_zh,
                                          'vendor_en', owed.name_en, 'due_at', other.due_at,
                                          'document', other.document_number, 'money_cny', other.money_cny::text) AS clock
                FROM return_debt AS other
                JOIN vendor AS waiting ON waiting.id = other.vendor
                JOIN party AS owed ON owed.id = waiting.party
                WHERE debt.state = 'open' AND debt.debtor_kind = 'engineer'
                  AND other.state = 'open' AND other.debtor_kind = 'us' AND {_PIECE}
                ORDER BY other.due_at LIMIT 1
            ) AS vendors ON true"""


def seen(depots: str, contracts: str, name: str) -> str:
    """The condition that a reader sees a `debt` (with `depot` and `contract`); each is a parameter's place.

    Their stores', their contracts', and always what they owe themselves.
    """
    return f"""(({depots}::text[] IS NULL OR depot.code = ANY({depots}) OR debt.debtor = {name}::text)
        AND ({contracts}::text[] IS NULL OR contract.code = ANY({contracts})))"""


def of(reader: Actor | None) -> tuple[list[str] | None, list[str] | None, str | None]:
    """The parameters of `seen`; nobody's scope is everything."""
    return (reader.depot_scope, reader.contract_scope, reader.name) if reader else (None, None, None)


def without_money(view: DebtView) -> DebtView:
    """A debt as who may not see costs sees it."""
    theirs = None if view.vendors_clock is None else structs.replace(view.vendors_clock, money_cny=UNSET)
    return structs.replace(view, money_cny=UNSET, vendors_clock=theirs)


def _shown(views: Sequence[DebtView], reader: Actor) -> list[DebtView]:
    return list(views) if reader.may("costs.read") else [without_money(view) for view in views]


async def debt_view(debt: UUID, *, seen_by: Actor | None = None) -> DebtView:
    """One debt.

    Raises:
        Unknown: no such debt in the reader's scope.

    """
    view = await db.read_one(DebtView, f"{_VIEW} WHERE debt.id = $4 AND {seen('$1', '$2', '$3')}", *of(seen_by), debt)
    if view is None:
        raise Unknown(what="return debt", what_zh="待返记录", key=str(debt))
    return view if seen_by is None else _shown([view], seen_by)[0]


async def id_of(number: str) -> UUID:
    """The id of the debt with a number.

    Raises:
        Unknown: no such debt.

    """
    debt = await db.fetch_value("SELECT id FROM return_debt WHERE number = $1", number)
    if debt is None:
        raise Unknown(what="return debt", what_zh="待返记录", key=number)
    return debt


async def debts(
    *,
    limit: int,
    seen_by: Actor,
    after: tuple[datetime, UUID] | None = None,
    state: State | None = "open",
    debtor: str | None = None,
    depot: str | None = None,
    vendor: str | None = None,
    document: str | None = None,
    device: str | None = None,
    units: Sequence[UUID] | None = None,
    when: When | None = None,
) -> list[DebtView]:
    """Debts in the reader's scope, those due first first; of a piece that is owed both ways, both.

    `when` keeps to one column of the board; `debtor` NOBODY to what we owe vendors.
    """
    due_at, debt = after or (None, None)
    starts, ends = span_of(when, clock.now()) if when else (None, None)
    found = await db.read(
        DebtView,
        f"""{_VIEW}
            WHERE {seen("$1", "$2", "$3")}
              AND ($4::timestamptz IS NULL OR (debt.due_at, debt.id) > ($4, $5::uuid))
              AND ($6::text IS NULL OR debt.state = $6) AND ($7::text IS NULL OR coalesce(debt.debtor, '{NOBODY}') = $7)
              AND ($8::text IS NULL OR depot.code = $8) AND ($9::text IS NULL OR party.code = $9)
              AND ($10::text IS NULL OR debt.document_number = $10) AND ($11::text IS NULL OR device.serial = $11)
              AND ($12::timestamptz IS NULL OR debt.due_at >= $12) AND ($13::timestamptz IS NULL OR debt.due_at < $13)
              AND ($14::uuid[] IS NULL OR debt.unit = ANY($14))
            ORDER BY debt.due_at, debt.id LIMIT $15""",
        *of(seen_by),
        due_at,
        debt,
        state,
        debtor,
        depot,
        vendor,
        document,
        device,
        starts,
        ends,
        None if units is None else list(units),
        limit,
    )
    return _shown(found, seen_by)


def span_of(when: When, now: datetime) -> tuple[datetime | None, datetime | None]:
    """From when until when a column of the board reaches, by the days of the house; None where it has no end.

    >>> from datetime import UTC
    >>> friday = datetime(2026, 11, 20, 2, tzinfo=UTC)
    >>> [f"{start:%d %H}" if (start := span_of(when, friday)[0]) else None for when in WHENS]
    [None, '20 02', '20 16', '21 16', '22 16']
    """
    today = now.astimezone(clock.ZONE).date()
    midnight = [datetime.combine(today + timedelta(days=n), time(), clock.ZONE) for n in (1, 2, 8 - today.isoweekday())]
    # on a Sunday tomorrow belongs to the next week already: this week then has no days beside today and tomorrow
    edges = [None, now, midnight[0], midnight[1], max(midnight[1], midnight[2]), None]
    place = WHENS.index(when)
    starts, ends = edges[place], edges[place + 1]
    return _utc(starts), _utc(ends)


def _utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.astimezone(UTC)


class Share(Struct, frozen=True, kw_only=True):
    """How many debts are open for a column of the board, an engineer, a depot or a vendor, and the money at risk."""

    what: Literal["when", "debtor", "depot", "vendor"]
    name: str
    name_zh: str | None
    name_en: str | None
    debts: int
    pieces: int
    money_cny: Decimal | UnsetType


async def shares(*, seen_by: Actor) -> list[Share]:
    """The board's sums over the open debts in the reader's scope: by day, engineer, depot and vendor."""
    now = clock.now()
    found = await db.read(
        Share,
        f"""WITH open AS MATERIALIZED (
                SELECT debt.debtor, person.name_zh AS debtor_zh, person.name_en AS debtor_en, depot.code AS depot,
                       depot.name_zh AS depot_zh, depot.name_en AS depot_en, party.code AS vendor,
                       party.name_zh AS vendor_zh, party.name_en AS vendor_en, debt.quantity, debt.money_cny,
                       ($4::text[])[width_bucket(debt.due_at, $5::timestamptz[]) + 1] AS "when"
                FROM return_debt AS debt
                JOIN place AS depot ON depot.id = debt.depot
                LEFT JOIN person ON person.username = debt.debtor
                LEFT JOIN vendor ON vendor.id = debt.vendor
                LEFT JOIN party ON party.id = vendor.party
                LEFT JOIN device ON device.id = debt.device
                LEFT JOIN contract ON contract.id = device.contract
                WHERE debt.state = 'open' AND {seen("$1", "$2", "$3")}
            )
            SELECT said.what, said.name, said.name_zh, said.name_en, count(*)::int AS debts, sum(quantity)::int AS pieces,
                   sum(money_cny) AS money_cny
            FROM open CROSS JOIN LATERAL (VALUES
                ('when', "when", NULL, NULL), ('debtor', coalesce(debtor, '{NOBODY}'), debtor_zh, debtor_en),
                ('depot', depot, depot_zh, depot_en), ('vendor', vendor, vendor_zh, vendor_en)
            ) AS said(what, name, name_zh, name_en)
            WHERE said.name IS NOT NULL
            GROUP BY 1, 2, 3, 4 ORDER BY 1, count(*) DESC, 2 LIMIT 1000""",
        *of(seen_by),
        list(WHENS),
        [span_of(when, now)[0] for when in WHENS[1:]],
    )
    return found if seen_by.may("costs.read") else [structs.replace(share, money_cny=UNSET) for share in found]


async def money_at_risk() -> Decimal:
    """What being late would cost us: the sum over the open debts to vendors, CNY."""
    return await db.fetch_value(
        "SELECT coalesce(sum(money_cny), 0) FROM return_debt WHERE state = 'open' AND debtor_kind = 'us'"
    )


async def open_beside(debt: UUID, debtor_kind: DebtorKind) -> list[DebtView]:
    """The open debts of one side about the same piece as another debt is; locked, those due first first."""
    rows = await db.fetch(
        f"""SELECT other.id FROM return_debt AS other JOIN return_debt AS debt ON debt.id = $1
            WHERE other.id <> debt.id AND other.state = 'open' AND other.debtor_kind = $2 AND {_PIECE}
            ORDER BY other.due_at, other.id FOR NO KEY UPDATE OF other""",
        debt,
        debtor_kind,
    )
    return [await debt_view(row["id"]) for row in rows]


async def open_of_document(document: str) -> list[DebtView]:
    """The engineers' open debts of a document; locked, those due first first."""
    rows = await db.fetch(
        """SELECT id FROM return_debt WHERE state = 'open' AND debtor_kind = 'engineer' AND document_number = $1
           ORDER BY due_at, id FOR NO KEY UPDATE""",
        document,
    )
    return [await debt_view(row["id"]) for row in rows]
