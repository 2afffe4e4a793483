"""Substitutes: which part may stand in for which, in one direction, while it is valid, over chains of any length.

`links` asks once for every substitution that can matter to some parts; `chains` finds the best way along them. Whoever
sources a request, shows what is available or judges cover asks these two, so none of them says other than the rest.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from heapq import heappop, heappush

from msgspec import Struct

from inventory.catalogue import firmware
from inventory.ground import clock, db

MOST_REACHED = 500
"""How many parts are looked at for each wanted one, the nearest first; no catalogue that is meant has as many."""

MOST_PIECES = 10_000
"""A chain that takes more pieces than this for one is no help to anybody."""


class Link(Struct, frozen=True, kw_only=True):
    """A substitution: `pieces` of `substitute` may be used for one `part`, perhaps only in a model or from a firmware on."""

    part: int
    part_number: str
    substitute: int
    substitute_number: str
    pieces: int = 1
    model: int | None = None
    model_code: str | None = None
    min_firmware: str | None = None


class Fit(Struct, frozen=True):
    """What a device is, as far as substitutes ask: its model, and its firmware where that is known."""

    model: int
    firmware: str | None


class Chain(Struct, frozen=True, kw_only=True):
    """A part that may be used for another one, `pieces` of it for each.

    `path` has the part numbers from the one to the other, and none for the part itself; `unmet` says what the device would
    have to be for it, one link after the other.
    """

    part: int
    pieces: int = 1
    path: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()


def reached(parts: str, day: str, most: str) -> str:
    """The parts that may ever be used for some `parts` (a query of ids) on a day, themselves too, the nearest first.

    Common table expressions, to be put after WITH RECURSIVE, of which `near` (part) is the last; each part is looked at
    once, so that a ring of parts ends.
    """
    return f"""reached(part) AS (
        {parts}
        UNION
        SELECT substitute FROM reached JOIN substitution USING (part) WHERE {_valid(day)}
    ),
    near AS (SELECT part FROM reached LIMIT {most})"""


def linked(day: str) -> str:
    """The links between the parts of `near`, as a query."""
    return f"""SELECT substitution.part, part.part_number, substitute, other.part_number AS substitute_number, pieces,
                      substitution.model, device_model.code AS model_code, min_firmware
               FROM near
               JOIN substitution USING (part)
               JOIN part ON part.id = substitution.part
               JOIN part AS other ON other.id = substitute
               LEFT JOIN device_model ON device_model.id = substitution.model
               WHERE {_valid(day)} ORDER BY substitution.id"""


def _valid(day: str) -> str:
    return f"valid_from <= {day}::date AND (valid_to IS NULL OR valid_to >= {day}::date)"


async def links(parts: Sequence[int], *, day: date | None = None) -> list[Link]:
    """Every substitution that is valid on a day (today) and reached from some parts, however long the chain."""
    return await db.read(Link, _LINKS, list(parts), day or clock.today(), MOST_REACHED * len(parts))


_LINKS = f"WITH RECURSIVE {reached('SELECT unnest($1::int[])', '$2', '$3')} {linked('$2')}"


def chains(links: Iterable[Link], wanted: int, fit: Fit | None) -> dict[int, Chain]:
    """The parts that may be used for one, itself included, each by the chain that asks least.

    That is the one with the least unmet, then the fewest pieces, then the fewest links. For a device (`fit`) a link that
    holds only in another model does not exist, and a firmware it has not is unmet; without one, both are unmet.

    >>> def link(part, substitute, **more):
    ...     return Link(part=ord(part), part_number=part, substitute=ord(substitute), substitute_number=substitute, **more)
    >>> known = [link("A", "B", pieces=2), link("B", "C", pieces=3), link("C", "A"), link("A", "C", min_firmware="9"),
    ...          link("C", "D", model=7)]
    >>> def told(fit): return [("→".join(each.path), each.pieces, each.unmet) for each in chains(known, 65, fit).values()]
    >>> told(Fit(7, "8"))
    [('', 1, ()), ('A→B', 2, ()), ('A→B→C', 6, ()), ('A→B→C→D', 6, ())]
    >>> told(Fit(1, "10"))
    [('', 1, ()), ('A→C', 1, ()), ('A→B', 2, ())]
    """
    leaving: dict[int, list[Link]] = {}
    for link in links:
        leaving.setdefault(link.part, []).append(link)
    found: dict[int, Chain] = {}
    waiting: list[tuple[int, int, int, tuple[str, ...], int, tuple[str, ...]]] = [(0, 1, 0, (), wanted, ())]
    while waiting:  # every link can only make it worse, so what is taken first is best
        _, pieces, length, path, part, unmet = heappop(waiting)
        if part in found:
            continue
        found[part] = Chain(part=part, pieces=pieces, path=path, unmet=unmet)
        for link in leaving.get(part, []):
            asks = _asks(link, fit)
            if asks is None or link.substitute in found or pieces * link.pieces > MOST_PIECES:
                continue
            missing = (*unmet, *asks)
            heappush(
                waiting,
                (
                    len(missing),
                    pieces * link.pieces,
                    length + 1,
                    (*(path or (link.part_number,)), link.substitute_number),
                    link.substitute,
                    missing,
                ),
            )
    return found


def _asks(link: Link, fit: Fit | None) -> tuple[str, ...] | None:
    """What is in the way of a link for a device, or in general; None where the device can never take it."""
    if fit is not None:
        if link.model not in (None, fit.model):
            return None
        met = link.min_firmware is None or firmware.is_at_least(fit.firmware, link.min_firmware)
        return () if met else (f"needs_firmware_{link.min_firmware}",)
    told = [f"only_in_{link.model_code}"] if link.model is not None else []
    return (*told, *([f"needs_firmware_{link.min_firmware}"] if link.min_firmware is not None else []))


def stood_in_for(parts: str) -> str:
    """Some parts (an array of ids) and every part that they may ever be used for: a query of `part`, to be bracketed."""
    return f"""WITH RECURSIVE needing(part) AS (
    SELECT unnest({parts})
    UNION
    SELECT substitution.part FROM needing JOIN substitution ON substitution.substitute = needing.part
) SELECT part FROM needing"""


def in_several(part: str) -> str:
    """Whether several pieces of a part (its id) may stand in for one of another part, as a condition."""
    reached = stood_in_for(f"ARRAY[{part}]")
    return f"""(EXISTS (SELECT FROM substitution WHERE substitute = {part})  -- most parts stand in for nothing
        AND EXISTS (SELECT FROM substitution WHERE pieces > 1 AND substitute IN ({reached})))"""


class SubstituteView(Struct, frozen=True, kw_only=True):
    """A part that may stand in for another; `replaces` tells which way it goes."""

    part_number: str
    name_zh: str
    name_en: str
    replaces: bool
    valid_to: date | None
    remark: str


async def substitutes(part_number: str, *, limit: int = 50) -> list[SubstituteView]:
    """Parts that may be used for this one, then (`replaces`) parts this one may be used for; those valid today."""
    return await db.read(
        SubstituteView,
        """SELECT other.part_number, other.name_zh, other.name_en, substitution.substitute = part.id AS replaces,
                  valid_to, remark
           FROM part
           JOIN substitution ON part.id IN (substitution.part, substitution.substitute)
                AND valid_from <= $2 AND (valid_to IS NULL OR valid_to >= $2)
           JOIN part AS other ON other.id IN (substitution.part, substitution.substitute) AND other.id <> part.id
           WHERE part.part_number = $1 ORDER BY replaces, other.part_number LIMIT $3""",
        part_number,
        clock.today(),
        limit,
    )
