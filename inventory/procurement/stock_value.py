"""Stock value (库存金额): what our stock is worth, booked step by step as the ledger grows, as of any day.

The ledger says what moved; what it was worth is booked after it, one step for each movement over the border of our stock or
of a pool, with both balances behind it. So a question of any day reads one step per part and pool and never adds the ledger
up, and posting to the ledger waits for no price. Stock is inside while it is ours and lies in a store, is on its way between
stores, or was taken before its paper; it is worth the same wherever inside it lies. What is defective
or not judged yet is worth nothing.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Forbidden
from inventory.places.tables import STORE_KINDS
from inventory.procurement.prices import FEN
from inventory.procurement.valuation import Balance, come, go, share
from inventory.stock import disclosure, time_travel
from inventory.stock.time_travel import StockKey
from inventory.stock.units import UnitView

Basis = Literal["order", "as_before", "catalogue", "carried", "moving_average"]
"""Where a value comes from: the order's price; what it was worth when it was last here; the catalogue's cost, where it never
was and there is no price; the pool it came from; or, of what leaves, the moving average."""

How = Literal["moving_average", "not_ours", "unfit", "not_booked_yet"]

INSIDE = (*STORE_KINDS, "transit", "unpapered")
"""Kinds of places where what is ours still counts as stock."""

UNFIT = ("defective", "unknown", "scrapped")
"""Conditions in which a piece is worth nothing: broken, or nobody has judged it yet."""

LATE = timedelta(minutes=10)
"""No transaction lasts longer: what is recorded before the latest step by more than this is booked or crosses no border."""

AT_ONCE = 2000


class BooksOfAllStores(Forbidden):
    """The books are of all stores together; {name} serves some of them."""

    zh = "账面金额按全部备件库合并核算；{name} 仅负责部分备件库。"
    help_en = "See what lies in your stores, valued line by line, or ask somebody who serves all of them."
    help_zh = "请逐行查看您所负责备件库的库存金额，或联系负责全部备件库的人员。"


class StockValue(Struct, frozen=True, kw_only=True):
    """What lies in a store, worth the moving average of its part and pool; what is not ours is worth nothing."""

    part_number: str
    name_zh: str
    name_en: str
    depot: str
    condition: str
    owner: str
    pool: str
    on_hand: int
    average_cny: Decimal | None
    value_cny: Decimal
    how: How


class BookValue(Struct, frozen=True, kw_only=True):
    """A pool's stock in the books, wherever inside it lies, by both methods; `booked_until` is the last step's time."""

    pool: str
    pieces: int
    value_cny: Decimal
    own_value_cny: Decimal
    booked_until: datetime


class UnitValue(Struct, frozen=True, kw_only=True):
    """A unit with what it came in with (specific identification); None where it counts for nothing."""

    unit: UUID
    part_number: str
    serial: str
    place: str
    condition: str
    owner: str
    pool: str
    received_at: datetime
    own_value_cny: Decimal | None
    basis: Basis | None


class ValueStepView(Struct, frozen=True, kw_only=True):
    """One step of the books: what came in or left, what it was worth by both methods and why, and what was there after it."""

    id: int
    movement: UUID
    booked_at: datetime
    part_number: str
    pool: str
    comes: bool
    kind: str
    document: str | None
    serial: str | None
    quantity: int
    basis: Basis
    value_cny: Decimal
    own_value_cny: Decimal
    quantity_after: int
    value_after_cny: Decimal
    own_value_after_cny: Decimal


class _Crossing(Struct, frozen=True, kw_only=True):
    """A movement over a border: out of a pool of ours, into one, or both."""

    id: UUID
    recorded_at: datetime
    part: int
    quantity: int
    unit: UUID | None
    from_pool: int | None
    to_pool: int | None
    reverses: UUID | None
    ordered_at_cny: Decimal | None
    catalogue_cny: Decimal


class _Booked(Struct, frozen=True):
    """What a movement did before: to the books, by both methods."""

    value_cny: Decimal
    own_value_cny: Decimal


class _Books:
    """The balances and units' own values that a run needs, and the steps that it adds."""

    def __init__(
        self,
        balances: dict[tuple[int, int], Balance],
        at: dict[tuple[int, int], datetime],
        own: dict[UUID | None, Decimal],
        went: dict[UUID, _Booked],
    ) -> None:
        self.balances, self.at, self.own, self.went = balances, at, own, went
        self.steps: list[tuple[object, ...]] = []

    def may_go(self, each: _Crossing) -> bool:
        """Whether what leaves came before, as far as the books have come."""
        return each.from_pool is None or self._balance(each.part, each.from_pool).quantity >= each.quantity

    def book(self, each: _Crossing) -> None:
        """Add the steps of a movement."""
        carried = None
        if each.from_pool is not None:
            own = None if each.unit is None else self.own.get(each.unit)
            left, average, own = go(self._balance(each.part, each.from_pool), each.quantity, own)
            carried = self.went[each.id] = _Booked(average, own)
            self._add(each, each.from_pool, left, carried, "moving_average", comes=False)
        if each.to_pool is not None:
            value, basis = self._entry(each, carried)
            there = come(self._balance(each.part, each.to_pool), each.quantity, value.value_cny, value.own_value_cny)
            if each.unit is not None:
                self.own[each.unit] = value.own_value_cny
            self._add(each, each.to_pool, there, value, basis, comes=True)

    def _entry(self, each: _Crossing, carried: _Booked | None) -> tuple[_Booked, Basis]:
        """What comes in is worth, and why."""
        if carried is not None:
            return carried, "carried"
        if each.reverses is not None and each.reverses in self.went:
            return self.went[each.reverses], "as_before"
        basis: Basis = "catalogue"
        price = each.catalogue_cny
        if each.ordered_at_cny is not None:
            basis, price = "order", each.ordered_at_cny
        elif each.unit in self.own:
            basis, price = "as_before", self.own[each.unit]
        worth = (price * each.quantity).quantize(FEN)
        return _Booked(worth, worth), basis

    def _balance(self, part: int, pool: int) -> Balance:
        return self.balances.get((part, pool), Balance())

    def _add(self, each: _Crossing, pool: int, after: Balance, worth: _Booked, basis: Basis, *, comes: bool) -> None:
        key = (each.part, pool)
        self.balances[key] = after
        self.at[key] = max(self.at.get(key, each.recorded_at), each.recorded_at)
        self.steps.append(
            (
                *(each.id, comes, each.part, pool, each.unit, each.recorded_at, self.at[key], each.quantity, basis),
                *(worth.value_cny, worth.own_value_cny, after.quantity, after.value_cny, after.own_value_cny),
            )
        )


_COLUMNS = (
    *("movement", "comes", "part", "pool", "unit", "recorded_at", "booked_at", "quantity", "basis"),
    *("value_cny", "own_value_cny", "quantity_after", "value_after_cny", "own_value_after_cny"),
)


async def book(*, most: int = 50 * AT_ONCE) -> int:
    """Book what the ledger recorded since; how many steps. Safe to repeat, and to run on many machines."""
    booked = 0
    while booked < most:
        found = await book_some()
        booked += found
        if not found:
            break
    return booked


@db.atomic
async def book_some(*, limit: int = AT_ONCE) -> int:
    """Book the next movements over a border, in the order in which they were recorded; how many steps."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtext('value_step'))")
    waiting = await _crossings(limit)
    if not waiting:
        return 0
    books = await _books(waiting)
    # two clocks may differ: what left before it came by theirs waits for what brought it
    while waiting:
        later = []
        for each in waiting:
            if books.may_go(each):
                books.book(each)
            else:
                later.append(each)
        if len(later) == len(waiting):
            break
        waiting = later
    await db.copy("value_step", _COLUMNS, books.steps)
    return len(books.steps)


async def _crossings(limit: int) -> list[_Crossing]:
    since = await db.fetch_value("SELECT max(recorded_at) FROM value_step")
    return await db.read(
        _Crossing,
        """WITH side AS (
               SELECT movement.*, origin.kind = ANY($3) AND movement.from_owner = us.id
                          AND from_condition <> ALL($4) AS leaves,
                      target.kind = ANY($3) AND movement.to_owner = us.id
                          AND to_condition <> ALL($4) AS comes
               FROM movement
               JOIN party AS us ON us.is_ourselves
               JOIN place AS origin ON origin.id = from_place
               JOIN place AS target ON target.id = to_place
               WHERE $1::timestamptz IS NULL OR recorded_at > $1
           )
           SELECT side.id, side.recorded_at, side.part, side.quantity, side.unit, reverses,
                  CASE WHEN leaves THEN from_pool END AS from_pool, CASE WHEN comes THEN to_pool END AS to_pool,
                  CASE WHEN side.kind <> 'reversal' THEN cost_cny(line.unit_price, invoice_kind, tax_percent, true, cny_per_100)
                  END AS ordered_at_cny,
                  part.unit_cost_cny AS catalogue_cny
           FROM side
           JOIN part ON part.id = side.part
           LEFT JOIN purchase_order ON document_kind = 'purchase_order' AND purchase_order.number = document AND NOT leaves
           LEFT JOIN purchase_order_line AS line ON line.purchase_order = purchase_order.id AND line.part = side.part
           WHERE (leaves <> comes OR (leaves AND from_pool <> to_pool))
             AND NOT EXISTS (SELECT FROM value_step WHERE value_step.movement = side.id)
           ORDER BY side.recorded_at, side.id LIMIT $2""",
        None if since is None else since - LATE,
        limit,
        list(INSIDE),
        list(UNFIT),
    )


async def _books(waiting: Sequence[_Crossing]) -> _Books:
    """The balances of the parts and pools, the own values of the units, and what reversed movements took with them."""
    keys = {(each.part, pool) for each in waiting for pool in (each.from_pool, each.to_pool) if pool is not None}
    rows = await db.fetch(
        """SELECT key.part, key.pool, booked_at, quantity_after, value_after_cny, own_value_after_cny
           FROM unnest($1::int[], $2::int[]) AS key(part, pool)
           CROSS JOIN LATERAL (SELECT * FROM value_step WHERE value_step.part = key.part AND value_step.pool = key.pool
                               ORDER BY id DESC LIMIT 1) AS last""",
        [part for part, _ in keys],
        [pool for _, pool in keys],
    )
    units = await own_values([each.unit for each in waiting if each.unit is not None])
    taken_back = await db.fetch(
        "SELECT movement, value_cny, own_value_cny FROM value_step WHERE movement = ANY($1) AND NOT comes",
        [each.reverses for each in waiting if each.reverses is not None],
    )
    return _Books(
        {
            (row["part"], row["pool"]): Balance(
                row["quantity_after"], row["value_after_cny"], row["own_value_after_cny"]
            )
            for row in rows
        },
        {(row["part"], row["pool"]): row["booked_at"] for row in rows},
        {unit: worth for unit, (worth, _) in units.items()},
        {row["movement"]: _Booked(row["value_cny"], row["own_value_cny"]) for row in taken_back},
    )


async def own_values(units: Sequence[UUID], *, until: datetime | None = None) -> Mapping[UUID, tuple[Decimal, Basis]]:
    """What units last came in with and why, by unit; one statement."""
    rows = await db.fetch(
        """SELECT wanted.unit, last.own_value_cny, last.basis FROM unnest($1::uuid[]) AS wanted(unit)
           CROSS JOIN LATERAL (
               SELECT own_value_cny, basis FROM value_step
               WHERE value_step.unit = wanted.unit AND comes AND ($2::timestamptz IS NULL OR booked_at <= $2)
               ORDER BY id DESC LIMIT 1) AS last""",
        list(units),
        until,
    )
    return {row["unit"]: (row["own_value_cny"], row["basis"]) for row in rows}


async def stock_values(
    *,
    limit: int,
    seen_by: Actor,
    as_of: datetime | None = None,
    part_number: str | None = None,
    depot: str | None = None,
    after: StockKey | None = None,
) -> list[StockValue]:
    """What the stores held at an instant (now where none is given) and what it was worth then.

    Raises:
        NotGranted: the reader may not see what stock is worth.
        InTheFuture: the instant has not come.

    """
    seen_by.require("costs.read")
    instant = as_of or clock.now()
    lines = await time_travel.stock_as_of(
        instant, limit=limit, seen_by=seen_by, known_at=instant, part_number=part_number, depot=depot, after=after
    )
    rows = await db.fetch(
        """SELECT part.part_number, name_zh, name_en, wanted.pool, quantity_after, value_after_cny
           FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS asked(part, pool)) AS wanted
           JOIN part ON part.part_number = wanted.part
           JOIN pool ON pool.code = wanted.pool
           LEFT JOIN LATERAL (SELECT * FROM value_step
                              WHERE value_step.part = part.id AND value_step.pool = pool.id AND booked_at <= $3
                              ORDER BY id DESC LIMIT 1) AS last ON true""",
        [line.part_number for line in lines],
        [line.pool for line in lines],
        instant,
    )
    ours = await db.fetch_value("SELECT code FROM party WHERE is_ourselves")
    found = {(row["part_number"], row["pool"]): row for row in rows}
    return [_valued(line, found[line.part_number, line.pool], ours) for line in lines]


def _valued(line: time_travel.StockAsOf, last: db.Row, ours: str) -> StockValue:
    pieces, worth = last["quantity_after"] or 0, last["value_after_cny"]
    how: How = "moving_average"
    if line.owner != ours:
        how = "not_ours"
    elif line.condition in UNFIT:
        how = "unfit"
    elif pieces < line.on_hand:
        how = "not_booked_yet"
    known = how == "moving_average"
    return StockValue(
        part_number=line.part_number,
        name_zh=last["name_zh"],
        name_en=last["name_en"],
        depot=line.depot,
        condition=line.condition,
        owner=line.owner,
        pool=line.pool,
        on_hand=line.on_hand,
        average_cny=(worth / pieces).quantize(Decimal("0.0001")) if known else None,
        value_cny=share(worth, line.on_hand, pieces) if known else Decimal(0),
        how=how,
    )


async def book_values(*, limit: int, seen_by: Actor, as_of: datetime | None = None) -> list[BookValue]:
    """What our stock was worth in the books at an instant, pool by pool, by both methods; for readers of all stores.

    Raises:
        NotGranted: the reader may not see what stock is worth.
        BooksOfAllStores: the reader's scope is some stores.

    """
    _require_all(seen_by)
    return await db.read(
        BookValue,
        f"""SELECT pool.code AS pool, sum(quantity_after)::int AS pieces, sum(value_after_cny) AS value_cny,
                   sum(own_value_after_cny) AS own_value_cny, max(booked_at) AS booked_until
            FROM (SELECT DISTINCT part, pool FROM level) AS held
            JOIN pool ON pool.id = held.pool AND {disclosure.serves("pool", "$2")}
            CROSS JOIN LATERAL (SELECT * FROM value_step
                                WHERE value_step.part = held.part AND value_step.pool = held.pool AND booked_at <= $1
                                ORDER BY id DESC LIMIT 1) AS last
            GROUP BY pool.code ORDER BY pool.code LIMIT $3""",
        as_of or clock.now(),
        seen_by.contract_scope,
        limit,
    )


def _require_all(seen_by: Actor) -> None:
    seen_by.require("costs.read")
    if seen_by.depots is not None:
        raise BooksOfAllStores(name=seen_by.name)


async def unit_values(
    *,
    limit: int,
    seen_by: Actor,
    as_of: datetime | None = None,
    part_number: str | None = None,
    depot: str | None = None,
    after: UUID | None = None,
) -> list[UnitValue]:
    """The units that lay in the reader's stores at an instant, the newest first, with what each came in with.

    Raises:
        NotGranted: the reader may not see what stock is worth.
        InTheFuture: the instant has not come.

    """
    seen_by.require("costs.read")
    instant = as_of or clock.now()
    units = await time_travel.units_as_of(
        instant, limit=limit, seen_by=seen_by, known_at=instant, part_number=part_number, depot=depot, after=after
    )
    worth = await own_values([unit.id for unit in units], until=instant)
    ours = await db.fetch_value("SELECT code FROM party WHERE is_ourselves")
    return [
        _unit_value(unit, worth.get(unit.id) if unit.owner == ours and unit.condition not in UNFIT else None)
        for unit in units
    ]


def _unit_value(unit: UnitView, worth: tuple[Decimal, Basis] | None) -> UnitValue:
    return UnitValue(
        unit=unit.id,
        part_number=unit.part_number,
        serial=unit.serial,
        place=unit.place,
        condition=unit.condition,
        owner=unit.owner,
        pool=unit.pool,
        received_at=unit.received_at,
        own_value_cny=worth[0] if worth else None,
        basis=worth[1] if worth else None,
    )


async def value_steps(
    *,
    limit: int,
    seen_by: Actor,
    part_number: str | None = None,
    pool: str | None = None,
    before: int | None = None,
) -> list[ValueStepView]:
    """The books, the latest step first; for readers of all stores.

    Raises:
        NotGranted: the reader may not see what stock is worth.
        BooksOfAllStores: the reader's scope is some stores.

    """
    _require_all(seen_by)
    return await db.read(
        ValueStepView,
        f"""SELECT step.id, step.movement, booked_at, part.part_number, pool.code AS pool, comes, movement.kind,
                   movement.document, unit.serial, step.quantity, basis, value_cny, own_value_cny, quantity_after,
                   value_after_cny, own_value_after_cny
            FROM value_step AS step
            JOIN part ON part.id = step.part
            JOIN pool ON pool.id = step.pool AND {disclosure.serves("pool", "$4")}
            JOIN movement ON movement.id = step.movement AND movement.recorded_at = step.recorded_at
            LEFT JOIN unit ON unit.id = step.unit
            WHERE ($1::text IS NULL OR part.part_number = $1) AND ($2::text IS NULL OR pool.code = $2)
              AND ($3::bigint IS NULL OR step.id < $3)
            ORDER BY step.id DESC LIMIT $5""",
        part_number,
        pool,
        before,
        seen_by.contract_scope,
        limit,
    )
