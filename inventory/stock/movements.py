"""Movements: the ledger to be read, by part, store, document, person, kind and time."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.stock import disclosure


class MovementView(Struct, frozen=True, kw_only=True):
    """A line of the ledger."""

    id: UUID
    occurred_at: datetime
    recorded_at: datetime
    kind: str
    part_number: str
    quantity: int
    serial: str | None
    lot: str | None
    from_place: str
    from_bin: str | None
    from_condition: str
    to_place: str
    to_bin: str | None
    to_condition: str
    pool: str
    document_kind: str | None
    document: str | None
    reason: str
    actor: str
    reverses: UUID | None
    reversed_by_movement: UUID | None


class _Clauses:
    """Conditions that are asked for, each with its parameter: what is not asked for is not in the statement.

    So the planner sees which index a question needs, and a small question never reads the whole ledger.
    """

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.values: list[object] = []

    def take(self, condition: str, *values: object) -> None:
        """Add a condition whose `{0}`, `{1}` … stand for its values."""
        first = len(self.values) + 1
        self.conditions.append(condition.format(*(f"${first + place}" for place in range(len(values)))))
        self.values += values


_SELECT = """
SELECT movement.id, occurred_at, movement.recorded_at, movement.kind, part.part_number, movement.quantity, unit.serial,
       lot.number AS lot, {from_place} AS from_place, origin_bin.code AS from_bin, from_condition,
       {to_place} AS to_place, target_bin.code AS to_bin, to_condition, pool.code AS pool, document_kind,
       {document} AS document, {reason} AS reason, actor, reverses, reversal.reversed_by_movement
FROM ({lines}) AS movement
JOIN part ON part.id = movement.part
JOIN place AS origin ON origin.id = movement.from_place
JOIN place AS target ON target.id = movement.to_place
JOIN pool ON pool.id = movement.to_pool
LEFT JOIN bin AS origin_bin ON origin_bin.id = movement.from_bin
LEFT JOIN bin AS target_bin ON target_bin.id = movement.to_bin
LEFT JOIN unit ON unit.id = movement.unit
LEFT JOIN lot ON lot.id = movement.lot
LEFT JOIN reversal ON reversal.movement = movement.id
ORDER BY occurred_at DESC, movement.id DESC
"""


async def movements(
    *,
    limit: int,
    seen_by: Actor,
    before: tuple[datetime, UUID] | None = None,
    part_number: str | None = None,
    depot: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    document: str | None = None,
    kind: str | None = None,
    actor: str | None = None,
    serial: str | None = None,
    movement: UUID | None = None,
) -> list[MovementView]:
    """The ledger in the reader's stores, latest occurrence first; another customer's business is left out."""
    asked = _Clauses()
    for condition, value in (
        ("part = (SELECT id FROM part WHERE part_number = {0})", part_number),
        ("unit IN (SELECT id FROM unit WHERE serial = {0} OR tag = {0})", serial),
        ("id = {0}", movement),
        ("document = {0}", document),
        ("kind = {0}", kind),
        ("actor = {0}", actor),
        ("occurred_at >= {0}", since),
        ("occurred_at < {0}", until),
    ):
        if value is not None:
            asked.take(condition, value)
    if since is not None:
        # nothing is recorded before it occurs: only these months of the ledger can hold it
        asked.take("recorded_at >= {0}::timestamptz - interval '5 minutes'", since)
    if before is not None:
        asked.take("(occurred_at, id) < ({0}, {1})", *before)
    contracts = f"${len(asked.values) + 1}"
    asked.values.append(seen_by.contract_scope)
    if seen_by.contract_scope is not None:
        sides = (disclosure.of_serving_pool(f"{side}_pool", contracts) for side in ("from", "to"))
        asked.conditions.append(f"({' OR '.join(sides)})")
    places = _places(depot, seen_by)
    if places is None:
        lines = _latest(asked.conditions, len(asked.values) + 1)
    else:
        # two ordered readings, from and to, of which the latest are taken: an OR would read every line of the ledger
        store = f"SELECT id FROM place WHERE code = ANY(${len(asked.values) + 1})"
        asked.values.append(places)
        sides = (
            _latest([*asked.conditions, f"{side}_place IN ({store})"], len(asked.values) + 1) for side in ("from", "to")
        )
        both = " UNION ".join(f"({side})" for side in sides)
        lines = f"SELECT * FROM ({both}) AS either ORDER BY occurred_at DESC, id DESC LIMIT ${len(asked.values) + 1}"
    select = _SELECT.format(
        lines=lines,
        from_place=disclosure.place_told("origin", contracts),
        to_place=disclosure.place_told("target", contracts),
        document=disclosure.told("document", contracts, "NULL"),
        reason=disclosure.told("movement.reason", contracts, "''"),
    )
    found = await db.read(MovementView, select, *asked.values, limit)
    # asking for a document must not tell of one that the answer hides
    return found if document is None else [line for line in found if line.document == document]


async def movement(movement_id: UUID, *, seen_by: Actor) -> MovementView:
    """One line of the ledger.

    Raises:
        Unknown: no such movement in the reader's stores.

    """
    found = await movements(limit=1, seen_by=seen_by, movement=movement_id)
    if not found:
        raise Unknown(what="movement", what_zh="流水", key=str(movement_id))
    return found[0]


def _places(depot: str | None, seen_by: Actor) -> list[str] | None:
    """The stores whose movements are asked for and may be seen; None means all."""
    if depot is None:
        return seen_by.depot_scope
    return [depot] if seen_by.sees_depot(depot) else []


def _latest(conditions: list[str], limit: int) -> str:
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"SELECT * FROM movement {where} ORDER BY occurred_at DESC, id DESC LIMIT ${limit}"
