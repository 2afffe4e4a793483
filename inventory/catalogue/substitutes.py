"""Substitutes: which part may stand in for which, in one direction, while it is valid."""

from datetime import date

from msgspec import Struct

from inventory.ground import clock, db

MOST_LINKS = 5
"""How many substitutions a chain may have."""


def usable(parts: str, *, day: str, model: str = "NULL") -> str:
    """The parts that may be used for some `parts` (a row source of ids) on a day: themselves, then over chains.

    Two common table expressions, to be put after WITH RECURSIVE. `usable` has one row per `wanted` and `part`, the way
    from one to the other that asks least: how many `pieces` of it each wanted piece takes, and which `firmwares` the
    device must have. Without a `model`, only what may be used in every model.
    """
    return f"""wanted AS (  -- a part never stands in for itself
    SELECT part AS wanted, part, 1 AS pieces, '{{}}'::text[] AS firmwares, ARRAY[part] AS path FROM {parts} AS asked(part)
    UNION ALL
    SELECT wanted, substitute, wanted.pieces * substitution.pieces,
           array_remove(firmwares || min_firmware::text, NULL), path || substitute
    FROM wanted JOIN substitution USING (part)
    WHERE valid_from <= {day}::date AND (valid_to IS NULL OR valid_to >= {day}::date) AND (model IS NULL OR model = {model})
      AND substitute <> ALL (path) AND cardinality(path) <= {MOST_LINKS}
),
usable AS (
    SELECT DISTINCT ON (wanted, part) * FROM wanted ORDER BY wanted, part, cardinality(firmwares), pieces
)"""


def stood_in_for(parts: str) -> str:
    """Some parts (an array of ids) and every part that they may ever be used for: a query of `part`, to be bracketed."""
    return f"""WITH RECURSIVE needing(part) AS (
    SELECT unnest({parts})
    UNION
    SELECT substitution.part FROM needing JOIN substitution ON substitution.substitute = needing.part
) SELECT part FROM needing"""


def in_several(part: str) -> str:
    """Whether several pieces of a part (its id) may stand in for one of another part, as a condition."""
    links = stood_in_for(f"ARRAY[{part}]")
    return f"""(EXISTS (SELECT FROM substitution WHERE substitute = {part})  -- most parts stand in for nothing
        AND EXISTS (SELECT FROM substitution WHERE pieces > 1 AND substitute IN ({links})))"""


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
