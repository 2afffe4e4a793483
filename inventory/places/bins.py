"""Bins: the places inside a store that a label names."""

from collections.abc import Sequence

from msgspec import Struct

from inventory.ground import audit, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, Unknown
from inventory.places import places

LONGEST_CODE = 40
"""Longest code of a bin, in characters: it has to stand on a small label."""


class BinView(Struct, frozen=True, order=True):
    """A bin of a store."""

    depot: str
    code: str


class BinNotPrintable(Invalid):
    """“{code}” cannot be the code of a bin."""

    zh = "“{code}”不能用作库位编号。"
    help_en = "Use 1 to 40 characters without blanks, such as A-01-02."
    help_zh = "请使用 1 至 40 个字符，不含空格，例如 A-01-02。"


@db.atomic
async def enter_bins(depot: str, codes: Sequence[str], *, by: Actor) -> list[BinView]:
    """Enter bins of a store; those that are there stay as they are.

    Raises:
        Unknown: no such store.
        NotYourDepot: the actor does not serve the store.
        BinNotPrintable: a code is empty, too long, or has blanks.

    """
    by.require("stock.receive")
    by.require_depot(depot)
    for code in codes:
        if not (0 < len(code) <= LONGEST_CODE and code.isprintable() and " " not in code):
            raise BinNotPrintable(code=code)
    place = await places.find_store(depot)
    rows = await db.fetch(
        """INSERT INTO bin (place, code) SELECT $1, code FROM unnest($2::text[]) AS code
           ON CONFLICT ON CONSTRAINT bin_code_is_unique_in_its_store DO NOTHING RETURNING code""",
        place.id,
        sorted(set(codes)),
    )
    if rows:
        await audit.record("bins.entered", "place", depot, by=by, change={"bins": [row["code"] for row in rows]})
    return [BinView(depot, code) for code in sorted(set(codes))]


async def bins(
    *,
    limit: int,
    seen_by: Actor,
    depot: str | None = None,
    after: tuple[str, str] | None = None,
    codes: Sequence[str] | None = None,
) -> list[BinView]:
    """Bins in the reader's stores, by store and code; with `codes`, only those."""
    after_depot, after_code = after or (None, None)
    return await db.read(
        BinView,
        """SELECT place.code AS depot, bin.code FROM bin JOIN place ON place.id = bin.place
           WHERE ($1::text[] IS NULL OR place.code = ANY($1)) AND ($2::text IS NULL OR place.code = $2)
             AND ($3::text[] IS NULL OR bin.code = ANY($3))
             AND ($4::text IS NULL OR (place.code, bin.code) > ($4, $5))
           ORDER BY place.code, bin.code LIMIT $6""",
        seen_by.depot_scope,
        depot,
        None if codes is None else list(codes),
        after_depot,
        after_code,
        limit,
    )


async def bin_view(depot: str, code: str, *, seen_by: Actor) -> BinView:
    """One bin.

    Raises:
        Unknown: no such bin in the reader's scope.

    """
    found = await bins(limit=1, seen_by=seen_by, depot=depot, codes=[code])
    if not found:
        raise Unknown(what="bin", what_zh="库位", key=f"{depot} / {code}")
    return found[0]
