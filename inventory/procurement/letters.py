"""Letters: which parts a maker's authorisation covers on which day, their documents, and that they are renewed in time."""

from collections.abc import Sequence
from datetime import date, timedelta

from msgspec import Struct

from inventory.catalogue import parts
from inventory.ground import audit, clock, db, files, steps
from inventory.ground.actor import Actor, service
from inventory.ground.errors import Unknown
from inventory.ground.files import Content

COVERS = """(authorisation.maker = part.maker AND {day} BETWEEN authorisation.valid_from AND authorisation.valid_to
    AND (authorisation.part_kinds = '[]' AND authorisation.part_numbers = '[]'
         OR authorisation.part_kinds ? part.kind OR authorisation.part_numbers ? part.part_number))"""
"""Whether an `authorisation` covers a `part` on a day: all parts of its maker, or the kinds and part numbers it names."""


def covers(day: str) -> str:
    """That condition, on a day of its query.

    >>> "$3 BETWEEN" in covers("$3")
    True
    """
    return COVERS.format(day=day)


ENDS_SOON = timedelta(days=60)
"""A letter that ends within this time is to be renewed."""

RENEW_WITHIN = timedelta(days=14)


class LetterView(Struct, frozen=True, kw_only=True):
    """A maker's letter: for all its parts, or the kinds and part numbers it names; `has_file` where it is kept here."""

    id: int
    vendor: str
    maker: str
    maker_zh: str
    maker_en: str
    letter_number: str
    valid_from: date
    valid_to: date
    part_kinds: list[str]
    part_numbers: list[str]
    has_file: bool
    in_force: bool
    ends_soon: bool


async def letters(
    *, limit: int, after: int = 0, vendor: str | None = None, ends_soon: bool = False
) -> list[LetterView]:
    """Letters, in the order they were entered; those alone that end soon and that no later one follows."""
    today = clock.today()
    return await db.read(
        LetterView,
        f"""SELECT authorisation.id, party.code AS vendor, maker.code AS maker, maker.name_zh AS maker_zh,
                  maker.name_en AS maker_en, letter_number, valid_from, valid_to, part_kinds, part_numbers,
                  file IS NOT NULL AS has_file, $1 BETWEEN valid_from AND valid_to AS in_force,
                  {_ENDS_SOON} AS ends_soon
           FROM authorisation
           JOIN vendor ON vendor.id = authorisation.vendor
           JOIN party ON party.id = vendor.party
           JOIN party AS maker ON maker.id = authorisation.maker
           WHERE authorisation.id > $3 AND ($4::text IS NULL OR party.code = $4) AND (NOT $5 OR {_ENDS_SOON})
           ORDER BY authorisation.id LIMIT $6""",
        today,
        today + ENDS_SOON,
        after,
        vendor,
        ends_soon,
        limit,
    )


_ENDS_SOON = """(authorisation.valid_to BETWEEN $1 AND $2 AND NOT EXISTS (
    SELECT FROM authorisation AS next
    WHERE next.vendor = authorisation.vendor AND next.maker = authorisation.maker AND next.valid_to > authorisation.valid_to
      AND next.valid_from <= authorisation.valid_to + 1
      AND (next.part_kinds = '[]' AND next.part_numbers = '[]'
           OR (next.part_kinds @> authorisation.part_kinds AND next.part_numbers @> authorisation.part_numbers
               AND (authorisation.part_kinds <> '[]' OR authorisation.part_numbers <> '[]')))))"""
"""Whether a letter ends before long, and no other that covers as much goes on from there."""


@db.atomic
async def set_cover(
    letter: int, *, by: Actor, part_kinds: Sequence[str] = (), part_numbers: Sequence[str] = ()
) -> LetterView:
    """Say which kinds and numbers of parts a letter covers; none of either is all parts of its maker.

    Raises:
        Unknown: no such letter, or no part of such a kind.
        UnknownPart: no such part.

    """
    by.require("vendors.manage")
    known = await db.fetch_value(
        "SELECT coalesce(array_agg(DISTINCT kind), '{}') FROM part WHERE kind = ANY($1)", part_kinds
    )
    for kind in part_kinds:
        if kind not in known:
            raise Unknown(what="part kind", what_zh="备件类别", key=kind)
    numbers = sorted({(await parts.find(number)).part_number for number in part_numbers})
    vendor = await db.fetch_value(
        """UPDATE authorisation SET part_kinds = $2, part_numbers = $3 FROM vendor JOIN party ON party.id = vendor.party
           WHERE authorisation.id = $1 AND vendor.id = authorisation.vendor RETURNING party.code""",
        letter,
        sorted(set(part_kinds)),
        numbers,
    )
    if vendor is None:
        raise Unknown(what="authorisation", what_zh="授权书", key=str(letter))
    (view,) = await letters(limit=1, after=letter - 1)
    change = {"kinds": view.part_kinds, "numbers": view.part_numbers}
    await audit.record("authorisation.changed", "authorisation", view.letter_number, by=by, change=change)
    return view


@db.atomic
async def keep_file(letter: int, name: str, content: bytes, *, by: Actor, most_bytes: int) -> LetterView:
    """Keep the letter's document.

    Raises:
        Unknown: no such letter.
        FileEmpty, FileTooLarge, FileFormRefused: the file is not taken.

    """
    by.require("vendors.manage")
    stored = await files.store(name, content, by=by, most_bytes=most_bytes)
    vendor = await db.fetch_value(
        """UPDATE authorisation SET file = $2 FROM vendor JOIN party ON party.id = vendor.party
           WHERE authorisation.id = $1 AND vendor.id = authorisation.vendor RETURNING party.code""",
        letter,
        stored.id,
    )
    if vendor is None:
        raise Unknown(what="authorisation", what_zh="授权书", key=str(letter))
    await audit.record("authorisation.file_kept", "vendor", vendor, by=by, change={"letter": letter, "name": name})
    (view,) = await letters(limit=1, after=letter - 1)
    return view


async def file_of(letter: int, *, seen_by: Actor) -> Content:
    """The letter's document.

    Raises:
        Unknown: no such letter, or its document is not kept here.

    """
    seen_by.require("vendors.read")
    file = await db.fetch_value("SELECT file FROM authorisation WHERE id = $1", letter)
    if file is None:
        raise Unknown(what="authorisation", what_zh="授权书", key=str(letter))
    return await files.content(file)


@db.atomic
async def watch() -> None:
    """Keep one duty per vendor with letters that end soon, and end those of letters that were renewed."""
    today = clock.today()
    rows = await db.fetch(
        f"""SELECT DISTINCT party.code FROM authorisation
            JOIN vendor ON vendor.id = authorisation.vendor AND vendor.active
            JOIN party ON party.id = vendor.party WHERE {_ENDS_SOON}""",
        today,
        today + ENDS_SOON,
    )
    vendors = [row["code"] for row in rows]
    await steps.keep("renew_letter", "vendor", vendors, owner_role="buyer", within=RENEW_WITHIN, by=service("watch"))
