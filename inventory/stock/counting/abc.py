"""ABC: which parts a store's counting should look at most often, and which are due."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.places import places
from inventory.stock.counting import policy as policies

Class = Literal["A", "B", "C"]

YEAR = timedelta(days=365)


class DuePart(Struct, frozen=True, kw_only=True):
    """A part of a store that is due to be counted; `due_at` is None where it never was."""

    part_number: str
    name_zh: str
    name_en: str
    abc_class: Class
    last_counted_at: datetime | None
    due_at: datetime | None
    consumption_cny: Decimal | UnsetType = UNSET


def classify(consumption: Mapping[str, Decimal], *, a_share: float, b_share: float) -> dict[str, Class]:
    """The class of each part by its yearly consumption value, in CNY.

    Parts are taken from the dearest consumption down. With V the total and c(p) the value of the parts before p,
    p is A while c(p) < a·V, B while c(p) < b·V, else C; what is not consumed is C. The part that takes the sum over a
    share still belongs to the better class, so A is never empty where anything is consumed (Dickie 1951, Factory
    Management and Maintenance 109: the shares 80/15/5 are the customary ones).

    >>> consumed = {"drive": Decimal(700), "psu": Decimal(200), "fan": Decimal(60), "cable": Decimal(40), "rail": Decimal(0)}
    >>> classify(consumed, a_share=0.8, b_share=0.95)
    {'drive': 'A', 'psu': 'A', 'fan': 'B', 'cable': 'C', 'rail': 'C'}
    """
    total = sum(consumption.values(), Decimal(0))
    before, classes = Decimal(0), dict[str, Class]()
    for part, value in sorted(consumption.items(), key=lambda item: (-item[1], item[0])):
        if value <= 0:
            classes[part] = "C"
        elif before < Decimal(str(a_share)) * total:
            classes[part] = "A"
        else:
            classes[part] = "B" if before < Decimal(str(b_share)) * total else "C"
        before += value
    return classes


async def consumption() -> dict[str, Decimal]:
    """What each part's issues of the last year were worth, network-wide; transfers consume nothing."""
    rows = await db.fetch(
        """SELECT part.part_number, coalesce(sum(used.quantity), 0) * part.unit_cost_cny AS value
           FROM part
           LEFT JOIN (SELECT part, sum(quantity) AS quantity FROM movement
                      WHERE kind = 'issue' AND document_kind IS DISTINCT FROM 'transfer' AND occurred_at >= $1
                        AND recorded_at >= $1::timestamptz - interval '5 minutes'
                        AND NOT EXISTS (SELECT FROM reversal WHERE reversal.movement = movement.id)
                      GROUP BY part) AS used ON used.part = part.id
           GROUP BY part.id""",
        clock.now() - YEAR,
    )
    return {row["part_number"]: row["value"] for row in rows}


async def due(depot: str, *, limit: int, seen_by: Actor) -> list[DuePart]:
    """Parts of a store that are due to be counted and on no open sheet: A before B before C, the longest ago first.

    Raises:
        Unknown: no such store in the reader's scope.

    """
    await places.store(depot, seen_by=seen_by)
    holds, consumed, now = (await policies.in_force()).policy, await consumption(), clock.now()
    classes = classify(consumed, a_share=holds.a_share, b_share=holds.b_share)
    rows = await db.fetch(
        """SELECT part.part_number, part.name_zh, part.name_en,
                  (SELECT max(count_scan.counted_at) FROM count_line
                   JOIN count_sheet ON count_sheet.id = count_line.sheet AND count_sheet.state = 'posted'
                        AND count_sheet.place = place.id
                   JOIN count_scan ON count_scan.line = count_line.id
                   WHERE count_line.part = part.id) AS last_counted_at
           FROM place
           JOIN LATERAL (SELECT DISTINCT part FROM level WHERE level.place = place.id AND on_hand > 0) AS held ON true
           JOIN part ON part.id = held.part
           WHERE place.code = $1 AND NOT EXISTS (
               SELECT FROM count_line
               JOIN count_sheet ON count_sheet.id = count_line.sheet AND count_sheet.place = place.id
                    AND count_sheet.state IN ('counting', 'counted')
               WHERE count_line.part = part.id)
           ORDER BY part.part_number""",
        depot,
    )
    found = [
        DuePart(
            part_number=row["part_number"],
            name_zh=row["name_zh"],
            name_en=row["name_en"],
            abc_class=classes[row["part_number"]],
            last_counted_at=row["last_counted_at"],
            due_at=_due_at(row["last_counted_at"], holds.days_of(classes[row["part_number"]])),
            consumption_cny=consumed[row["part_number"]] if seen_by.may("costs.read") else UNSET,
        )
        for row in rows
    ]
    overdue = [part for part in found if part.due_at is None or part.due_at <= now]
    overdue.sort(key=lambda part: (part.abc_class, part.due_at is not None, part.due_at or now, part.part_number))
    return overdue[:limit]


def _due_at(last: datetime | None, days: int) -> datetime | None:
    return None if last is None else last + timedelta(days=days)
