"""Parts: finding them by any of their numbers, and describing them."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown


class UnknownPart(Unknown):
    """There is no part “{key}”."""

    zh = "没有备件“{key}”。"
    help_en = "Look it up in the catalogue; the nearest numbers are: {near}."
    help_zh = "请在备件目录中查询；相近的编号：{near}。"


class PartRef(Struct, frozen=True):
    """A part's id and what the ledger needs to know of it."""

    id: int
    part_number: str
    kind: str
    serialised: bool
    lithium: bool


class PartName(Struct, frozen=True, kw_only=True):
    """What a part is called; `serialised` says whether its pieces have serials."""

    part_number: str
    name_zh: str
    name_en: str
    serialised: bool


class PartView(Struct, frozen=True, kw_only=True):
    """A part as the catalogue shows it; costs only for those who may see them."""

    part_number: str
    name_zh: str
    name_en: str
    kind: str
    maker: str | None
    serialised: bool
    lithium: bool
    inspect_on_receipt: bool
    aliases: list[str]
    annual_failure_rate: float | None
    failure_rate_source: str | None
    unit_cost_cny: Decimal | UnsetType = UNSET


async def find(number: str) -> PartRef:
    """A part by its number or one of its aliases.

    Raises:
        UnknownPart: no such part; the facts name the nearest numbers.

    """
    part = await db.read_one(
        PartRef,
        """SELECT id, part_number, kind, serialised, lithium FROM part WHERE part_number = $1
           UNION ALL
           SELECT part.id, part_number, part.kind, serialised, lithium
           FROM part JOIN part_alias ON part_alias.part = part.id WHERE number = $1
           LIMIT 1""",
        number,
    )
    if part is None:
        near = await db.fetch(
            """SELECT part_number FROM part
               WHERE similarity(part_number, $1) > 0.2 ORDER BY similarity(part_number, $1) DESC, part_number LIMIT 5""",
            number,
        )
        raise UnknownPart(key=number, near=", ".join(row["part_number"] for row in near) or "–")
    return part


async def number_of(part: int) -> str:
    """The number of a part that is there."""
    return await db.fetch_value("SELECT part_number FROM part WHERE id = $1", part)


async def find_each(numbers: Sequence[str]) -> list[PartRef]:
    """Parts by their numbers or aliases, in the order asked; one statement, however many.

    Raises:
        UnknownPart: one of them is unknown.

    """
    rows = await db.fetch(
        """SELECT part_number AS asked, id, part_number, kind, serialised, lithium FROM part WHERE part_number = ANY($1)
           UNION ALL
           SELECT number, part.id, part_number, part.kind, serialised, lithium
           FROM part JOIN part_alias ON part_alias.part = part.id WHERE number = ANY($1)""",
        list(numbers),
    )
    known = {
        row["asked"]: msgspec.convert(dict(row), PartRef) for row in reversed(rows)
    }  # a part's own number goes first
    return [known.get(number) or await find(number) for number in numbers]


async def find_first(numbers: Sequence[str]) -> PartRef:
    """The part that the first known of some numbers stands for.

    Raises:
        UnknownPart: none of them is known.

    """
    known = await names(numbers)
    return await find(next((number for number in numbers if number in known), numbers[0]))


async def names(numbers: Sequence[str]) -> dict[str, PartName]:
    """What parts are called, by the number that was asked for: theirs, or an alias; the unknown ones are missing."""
    rows = await db.fetch(
        """SELECT part_number AS asked, part_number, name_zh, name_en, serialised FROM part
           WHERE part_number = ANY($1)
           UNION ALL
           SELECT number, part_number, name_zh, name_en, serialised
           FROM part_alias JOIN part ON part.id = part_alias.part WHERE number = ANY($1)""",
        list(numbers),
    )
    return {row["asked"]: msgspec.convert(dict(row), PartName) for row in reversed(rows)}


# $1 is today: a rate that holds from a day on is none before
_VIEW = """SELECT part_number, part.name_zh, part.name_en, part.kind, party.code AS maker, serialised, lithium,
                  inspect_on_receipt,
                  coalesce((SELECT array_agg(number ORDER BY number) FROM part_alias WHERE part_alias.part = part.id), '{}')
                      AS aliases,
                  rate.annual_rate AS annual_failure_rate, rate.source AS failure_rate_source, unit_cost_cny
           FROM part
           LEFT JOIN party ON party.id = part.maker
           LEFT JOIN LATERAL (
               SELECT annual_rate, source FROM failure_rate WHERE failure_rate.part = part.id AND valid_from <= $1
               ORDER BY valid_from DESC, id DESC LIMIT 1
           ) AS rate ON true"""


def _without_costs(parts: list[PartView], seen_by: Actor) -> list[PartView]:
    if seen_by.vendor is not None:  # how often their goods fail is nothing for vendors
        parts = [msgspec.structs.replace(part, annual_failure_rate=None, failure_rate_source=None) for part in parts]
    if seen_by.may("costs.read"):
        return parts
    return [_hide_cost(part) for part in parts]


def _hide_cost(part: PartView) -> PartView:
    return PartView(
        part_number=part.part_number,
        name_zh=part.name_zh,
        name_en=part.name_en,
        kind=part.kind,
        maker=part.maker,
        serialised=part.serialised,
        lithium=part.lithium,
        inspect_on_receipt=part.inspect_on_receipt,
        aliases=part.aliases,
        annual_failure_rate=part.annual_failure_rate,
        failure_rate_source=part.failure_rate_source,
    )


async def parts(
    *, limit: int, seen_by: Actor, after: str = "", search: str | None = None, kind: str | None = None
) -> list[PartView]:
    """Parts by number; `search` matches number, name (either language) or alias."""
    found = await db.read(
        PartView,
        f"""{_VIEW}
            WHERE part_number > $2 AND part.active AND ($3::text IS NULL OR part.kind = $3)
              AND ($4::text IS NULL
                   OR part_number || ' ' || part.name_zh || ' ' || part.name_en ILIKE '%' || $4 || '%'
                   OR EXISTS (SELECT FROM part_alias WHERE part_alias.part = part.id AND number ILIKE $4 || '%'))
            ORDER BY part_number LIMIT $5""",
        clock.today(),
        after,
        kind,
        _like(search),
        limit,
    )
    return _without_costs(found, seen_by)


def _like(text: str | None) -> str | None:
    """A search text with LIKE's own signs taken literally."""
    if not text:
        return None
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


async def part(number: str, *, seen_by: Actor) -> PartView:
    """One part, by number or alias.

    Raises:
        UnknownPart: no such part.

    """
    ref = await find(number)
    found = await db.read(PartView, f"{_VIEW} WHERE part.id = $2", clock.today(), ref.id)
    return _without_costs(found, seen_by)[0]


async def inspected_on_receipt(*, limit: int, seen_by: Actor) -> list[PartView]:
    """The parts of which every delivery is inspected, by number."""
    found = await db.read(
        PartView, f"{_VIEW} WHERE inspect_on_receipt ORDER BY part_number LIMIT $2", clock.today(), limit
    )
    return _without_costs(found, seen_by)


@db.atomic
async def inspect_on_receipt(number: str, *, by: Actor, inspect: bool) -> PartView:
    """Say whether every delivery of a part goes to quarantine until it is inspected.

    Raises:
        UnknownPart: no such part.

    """
    by.require("stock.inspect")
    ref = await find(number)
    await db.execute("UPDATE part SET inspect_on_receipt = $2 WHERE id = $1", ref.id, inspect)
    await audit.record("part.inspect_on_receipt", "part", ref.part_number, by=by, change={"inspect": inspect})
    return await part(ref.part_number, seen_by=by)
